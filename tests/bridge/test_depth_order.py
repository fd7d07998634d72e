"""The study depth-order: its experiments notice what is wrong, and its words follow from what its sections hold."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from residua_bridge.claims import Evidence
from residua_bridge.experiments.depth_order import degrees as depth_order_degrees
from residua_bridge.experiments.depth_order import matrix as depth_order_matrix
from residua_bridge.experiments.depth_order import teeth as depth_order_teeth
from residua_bridge.experiments.depth_order.blocks import PolynomialBlocks
from residua_bridge.experiments.depth_order.degrees import counted_degree, counted_rank
from residua_bridge.experiments.depth_order.floors import Case, Floors, fitted, judged, quadrature
from residua_bridge.experiments.depth_order.matrix import (
    ANEW,
    BUILT,
    EXPONENTIAL,
    OWN,
    SINE,
    TAYLOR,
    Constructed,
    Contributions,
    Target,
    Trained,
    matrices,
    measured_contributions,
    tanh_network,
)
from residua_bridge.experiments.depth_order.tanh import TanhWidths, built, certified_error, matched, seen_error
from residua_bridge.experiments.depth_order.teeth import errors, model_of
from residua_bridge.findings import Section, Table
from residua_bridge.studies.depth_order import (
    CLAIMS,
    DIAGONAL,
    MATRIX,
    NAME,
    PARTIAL,
    REACH,
    TANH,
    TERMS,
    TRAINED,
    can_be_built,
    closing,
    conclusion,
    near_chance,
)
from residua_bridge.study import By, Outcome, Settings, carry_out, study_named
from residua_network import ResiduaError
from residua_numeric import build, measure, weights_of
from residua_numeric.least_squares import Fits
from residua_symbolic.series.constructions.degrees import power_network
from residua_symbolic.series.networks.contributions import contribution_series

ONE = By(1, 1)


# degrees and ranks


@pytest.mark.parametrize(("activation", "depth", "degree"), [("square", 1, 2), ("square", 3, 8), ("cube", 2, 9)])
def test_degrees_are_counted(activation: str, depth: int, degree: int) -> None:
    assert counted_degree(power_network(activation, depth, 2), 3) == degree


def test_a_model_with_another_activation_has_another_degree(monkeypatch: pytest.MonkeyPatch) -> None:
    """The count is of the torch model, not of the description: planted, a square where the description has a cube."""

    def wrong(net: Any, *a: Any, **k: Any) -> Any:
        return build(power_network("square", 2, 2), *a, **k)

    monkeypatch.setattr(depth_order_degrees, "build", wrong)
    assert counted_degree(power_network("cube", 2, 2), 0) == 4


def test_degrees_beyond_whole_numbers_are_refused() -> None:
    with pytest.raises(ResiduaError, match="expected whole numbers below 2"):
        counted_degree(power_network("cube", 3, 3), 0)


def test_ranks_are_counted() -> None:
    assert [counted_rank(power_network("square", 2, width), 0)[0] for width in (1, 2)] == [4, 5]
    assert counted_rank(power_network("cube", 2, 1), 0)[0] == 6
    assert counted_rank(power_network("cube", 2, 1), 0)[1] > 1e3


# floors

SMALL = Case("square", 1, 1, By((2,), (2,)), By(3, 3), By(60, 60))


def test_a_fit_at_the_floor_agrees() -> None:
    found = fitted(SMALL, 2, "quick")
    assert str(found.discrepancy.verdict) == "agree"
    assert found.discrepancy.explained
    assert found.reached
    assert found.floor == pytest.approx(0.5 - 3 / np.pi**2, rel=1e-14)
    assert found.rank == 3


def test_a_fit_that_was_stopped_differs_by_what_optimisation_left() -> None:
    found = fitted(SMALL._replace(steps=By(2, 2)), 2, "quick")
    assert str(found.discrepancy.verdict) == "differ"
    assert found.discrepancy.explained
    assert found.discrepancy.causes["optimisation"] == pytest.approx(found.discrepancy.difference, rel=1e-6)
    assert not found.reached


def test_a_loss_that_is_not_that_of_the_weights_is_unexplained() -> None:
    """Planted: a loss that is off by a billionth of itself."""
    fit = fitted(SMALL, 2, "quick").fits
    lie = Fits(fit.models, fit.losses * (1 + 1e-9), fit.slopes, fit.steps, fit.settled)
    found = judged(SMALL, 2, power_network("square", 1, 2), lie)
    assert str(found.discrepancy.verdict) == "differ"
    assert not found.discrepancy.explained


def test_weights_that_are_not_the_trained_ones_are_seen() -> None:
    fit = fitted(SMALL, 2, "quick").fits
    with torch.no_grad():
        next(iter(fit.models[fit.best].parameters())).add_(1e-6)
    found = judged(SMALL, 2, power_network("square", 1, 2), fit)
    assert not found.discrepancy.explained


def test_the_quadrature_is_the_integral() -> None:
    x, y, weights = quadrature()
    assert float(weights.sum()) == pytest.approx(1.0, abs=1e-14)
    assert float(weights @ y**2) == pytest.approx(0.5, abs=1e-14)
    assert float(weights @ (x * y)) == pytest.approx(1.0, abs=1e-13)


def test_two_squares_of_width_one_have_a_floor_of_their_own() -> None:
    case = Case("square", 2, 2, By((1,), (1,)), By(3, 3), By(100, 100))
    finding = Floors("f", "t", (), (case,)).run(Settings("quick"))
    (verdict,) = finding.section.verdicts
    assert (verdict.verdict, verdict.expected) == ("agree", "agree")
    (row,) = finding.section.tables[1].rows
    assert abs(float(row[3])) < 1e-12
    assert float(row[0]) > 3 * float(row[4])


# teeth


def test_a_wrong_weight_spoils_the_squares(monkeypatch: pytest.MonkeyPatch) -> None:
    assert float(np.max(np.abs(errors(3, 6)[1]))) == 2.0**-8
    spoilt = model_of(3, "square")
    with torch.no_grad():
        list(spoilt.parameters())[2].add_(1e-9)
    monkeypatch.setattr(depth_order_teeth, "model_of", lambda depth, output: spoilt)
    assert float(np.max(np.abs(errors(3, 6)[1]))) != 2.0**-8


# tanh layers


def test_certified_errors_contain_the_seen_ones() -> None:
    for width in (1, 3, 5):
        one = built(width)
        assert seen_error(one.model, 1.0) <= certified_error(one.layer, 1.0) <= 5 * seen_error(one.model, 1.0) + 1e-14
        assert str(matched(one).verdict) == "agree"


def test_a_factor_that_is_off_is_noticed() -> None:
    one = built(3)
    worse = one._replace(measured=one.measured * (1 + 1e-12))
    assert str(matched(worse).verdict) == "differ"


# blocks


def test_contributions_sum_to_the_network_and_are_those_of_torch() -> None:
    net = tanh_network(3, 4)
    model = build(net, 2)
    values, bars = measured_contributions(model, 6)
    known = contribution_series(net, weights_of(model), 6)
    assert np.all(np.abs(values - known.middle) <= bars + known.radius)
    whole = measure(model, "taylor coefficients", np.zeros((1, 1)), along=np.ones((1, 1)), order=6)
    assert values.sum(axis=0) == pytest.approx(whole.values[:, 0, 0], abs=1e-12)


def test_blocks_that_are_exchanged_are_noticed() -> None:
    net = tanh_network(3, 4)
    m = matrices(net, build(net, 2), 6)
    wrong = m._replace(measured=m.measured[[0, 2, 1, 3]])
    assert str(depth_order_matrix._compared(m, net, "untrained", 2).verdict) == "agree"
    assert str(depth_order_matrix._compared(wrong, net, "untrained", 2).verdict) == "differ"


def test_targets_know_their_terms() -> None:
    for target in (SINE, EXPONENTIAL):
        x = np.array([0.1])
        series = sum(target.coefficients(power) * x**power for power in range(12))
        assert series == pytest.approx(target.function(x), abs=1e-14)
        assert all(target.coefficients(power) for power in target.powers)
        assert np.count_nonzero(target.ideal()) == len(target.powers)


def test_networks_that_were_stopped_early_are_not_taken_for_one_function() -> None:
    blocks = PolynomialBlocks("b", "t", (), "square", 2, 2, By(3, 3), By(2, 2))
    section = blocks.run(Settings("quick")).section
    assert section.verdicts == ()
    assert section.tables[0].caption.startswith("0 of 3 seeds")
    assert section.tables[1].rows[0][0] == 0
    assert [panel.title for panel in section.matrices[0].panels] == ["no seed reached the floor"]


# the study


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """The study, made small."""
    study = study_named("depth-order")
    cases = (
        SMALL,
        Case("square", 2, 2, By((2,), (2,)), By(3, 3), By(60, 60)),
        Case("square", 3, 0, By((1,), (1,)), By(2, 2), By(30, 30)),
    )
    smaller: dict[type, Callable[[Any], Any]] = {
        depth_order_degrees.Reach: lambda e: replace(e, depths=By((1, 2, 3), ()), widths=By((1, 2), ())),
        Floors: lambda e: replace(e, cases=cases),
        Contributions: lambda e: replace(e, seeds=By(2, 2), steps=By(150, 150)),
        PolynomialBlocks: lambda e: replace(e, depth=2, seeds=By(3, 3)),
        depth_order_teeth.Teeth: lambda e: replace(e, depths=By(3, 3)),
        TanhWidths: lambda e: replace(e, widths=By(3, 3)),
    }
    experiments = tuple(smaller.get(type(e), lambda e: e)(e) for e in study.experiments)
    small = replace(study, experiments=experiments, conclusion=lambda sections: ())
    return carry_out(small, Settings("quick"))


def test_coefficients_in_reach_are_counted_for_every_fit(outcome: Outcome) -> None:
    section = next(s for s in outcome.findings.sections if s.title == TRAINED)
    assert [(row[1], row[3], row[4]) for row in section.tables[0].rows] == [
        (1, 2, "3 of 3"),
        (2, 2, "5 of 5"),
        (3, 1, "5 of 9"),
    ]


def test_verdicts_are_as_expected(outcome: Outcome) -> None:
    assert [
        v.statement for v in outcome.findings.verdicts if v.expected not in ("", v.verdict) or not v.explained
    ] == []
    assert len(outcome.findings.verdicts) > 10


def changed(outcome: Outcome, table: str, change: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> tuple[Section, ...]:
    """The sections with the rows of one table changed."""

    def one(t: Table) -> Table:
        return replace(t, rows=tuple(map(change, t.rows))) if t.title.startswith(table) else t

    return tuple(replace(s, tables=tuple(map(one, s.tables))) for s in outcome.findings.sections)


def spoilt(outcome: Outcome, title: str) -> tuple[Section, ...]:
    """The sections with the verdicts of one of them turned around."""
    return tuple(
        replace(s, verdicts=tuple(replace(v, verdict="inconclusive") for v in s.verdicts)) if s.title == title else s
        for s in outcome.findings.sections
    )


def test_what_the_answer_rests_on_can_be_missing(outcome: Outcome) -> None:
    def built(sections: tuple[Section, ...]) -> bool:
        return can_be_built(Evidence({NAME: sections}))

    assert built(outcome.findings.sections)
    assert not built(changed(outcome, DIAGONAL, lambda row: (*row[:3], 0.9 if row[1] == BUILT else row[3], *row[4:])))
    assert not built(changed(outcome, TERMS, lambda row: (*row[:2], 1.001, *row[3:])))
    assert not built(spoilt(outcome, MATRIX))
    unsure = changed(outcome, DIAGONAL, lambda row: (*row[:4], 0.3 if row[1] == "trained" else row[4], *row[5:]))
    assert near_chance(Evidence({NAME: outcome.findings.sections}))
    assert not near_chance(Evidence({NAME: unsure}))


def test_the_claims_that_need_no_other_report_are_judged(outcome: Outcome) -> None:
    def words(sections: tuple[Section, ...]) -> dict[str, str]:
        (section,) = closing(sections)
        return {str(row[0]): str(row[2]) for row in section.tables[0].rows}

    found = words(outcome.findings.sections)
    assert tuple(found) == CLAIMS
    assert found == dict.fromkeys(CLAIMS, "see the ledger") | dict.fromkeys(("000-002", "000-003", "000-018"), "false")
    assert words(spoilt(outcome, REACH))["000-003"] == "not confirmed"


def test_the_answer_says_nothing_without_evidence(outcome: Outcome) -> None:
    said = " ".join(conclusion(outcome.findings.sections))
    assert "Not confirmed" not in said
    assert "Layers do not correspond to terms. L blocks" in said
    changes = {
        "layers do not correspond to terms": spoilt(outcome, REACH),
        "floors move with depth": spoilt(outcome, TRAINED),
        "the sum after each block is read": changed(
            outcome, PARTIAL, lambda row: (*row[:-1], "0 of 1") if row[1] == TAYLOR else row
        ),
        "one term a layer can be built": spoilt(outcome, TANH),
        "trained blocks are not terms": changed(
            outcome, DIAGONAL, lambda row: (*row[:3], 1.0 if row[1] == "trained" else row[3], *row[4:])
        ),
        "the function does not fix its blocks": changed(outcome, "One function", lambda row: (*row[:4], row[3])),
    }
    for head, sections in changes.items():
        assert f"Not confirmed in this run: {head}." in " ".join(conclusion(sections)), head


def test_the_measure_of_refinement_is_one_that_taylor_sums_meet() -> None:
    for target in (SINE, EXPONENTIAL):
        one = Trained(target, tanh_network(5, 2), (), ())
        assert one.refines(one.taylor) == [True]
        assert one.refines(one.taylor[:, ::-1]) == [False]
        rising = one.taylor.copy()
        rising[0, 4] = 2 * rising[0, 3]
        assert one.refines(rising) == [False]


def test_a_layer_fitted_anew_is_no_worse_than_the_last(outcome: Outcome) -> None:
    section = next(s for s in outcome.findings.sections if s.title == MATRIX)
    table = next(t for t in section.tables if t.title.startswith(PARTIAL))
    own, anew = ([row for row in table.rows if row[1] == reader] for reader in (OWN, ANEW))
    for a, b in zip(own, anew, strict=True):
        assert all(float(x) >= float(y) for x, y in zip(a[2:-2], b[2:-2], strict=True))


@pytest.mark.parametrize("target", [SINE, EXPONENTIAL], ids=["sin", "exp"])
def test_networks_that_are_000s_are_built(target: Target) -> None:
    one = Constructed.of(target)
    powers = range(1, max(target.powers) + 1)
    assert [[k for k in range(p.degree() + 1) if p[k] != 0] for p in one.parts] == [
        [k] if k in target.powers else [] for k in powers
    ]
    assert one.matrix(max(powers)).sum(axis=0) == pytest.approx(
        [target.coefficients(k) for k in (0, *powers)], abs=0, rel=1e-14
    )
    assert str(one.discrepancy(target.end).verdict) == "agree"
    name = "3.branch.2.weight"
    planted = one._replace(weights=one.weights | {name: one.weights[name] * (1 + 1e-9)})
    assert str(planted.discrepancy(target.end).verdict) == "differ"


def test_the_matrices_are_in_the_report(outcome: Outcome) -> None:
    section = next(s for s in outcome.findings.sections if s.title == MATRIX)
    assert [m.name for m in section.matrices] == ["depth-order-matrix-sin", "depth-order-matrix-exp"]
    ideal = section.matrices[0].panels[0]
    assert {(i, j) for i, row in enumerate(ideal.values) for j, value in enumerate(row) if value} == set(ideal.marked)

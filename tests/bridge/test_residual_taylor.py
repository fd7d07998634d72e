"""The study residual-taylor at its smallest, and that each of its judgements could have come out otherwise."""

from dataclasses import replace
from typing import Any

import flint
import numpy as np
import pytest

from residua_bridge.experiments import residual_taylor_targets as targets
from residua_bridge.experiments.claim_places import Evidence
from residua_bridge.experiments.residual_taylor_blocks import EarlyAndLate, falls
from residua_bridge.experiments.residual_taylor_carried import CarriedState, Case
from residua_bridge.experiments.residual_taylor_claims import CLAIMS, claims
from residua_bridge.experiments.residual_taylor_depth import CARRIED, ErrorsOverDepth
from residua_bridge.experiments.residual_taylor_folds import Fold, Folds, at_the_floor, best_values
from residua_bridge.experiments.residual_taylor_literal import LiteralConstruction
from residua_bridge.experiments.residual_taylor_scalar import ScalarStream
from residua_bridge.experiments.residual_taylor_targets import Target, against, mean_square, met, near_zero, sup
from residua_bridge.experiments.residual_taylor_training import TrainedStreams
from residua_bridge.findings import Cell
from residua_bridge.studies.residual_taylor import EXP, SIN, SIN_FOLD, STUDY, TANH
from residua_bridge.study import By, Finding, Settings
from residua_symbolic.series.obstruction import value_at
from residua_symbolic.series.stream_networks import ExactNetwork, stream_network, taylor_network
from residua_symbolic.series.streams import first_corrected, literal, matched, taylor

SETTINGS = Settings()
SMALL = By(1, 1)


def number(cell: Cell) -> float:
    assert isinstance(cell, float)
    return cell


def as_expected(finding: Finding) -> bool:
    verdicts = finding.section.verdicts
    return bool(verdicts) and all(v.verdict == v.expected and v.explained for v in verdicts)


@pytest.fixture(scope="module")
def literal_section() -> Finding:
    return LiteralConstruction("literal", "Read literally", (), ((SIN, 5), (EXP, 3)), 5, (SIN,)).run(SETTINGS)


@pytest.fixture(scope="module")
def carried_section() -> Finding:
    return CarriedState("Carried state", (), (Case(SIN, 4), Case(TANH, 2)), By(5, 5)).run(SETTINGS)


def test_targets_are_what_they_are_called() -> None:
    assert np.max(abs(SIN.values[0] - np.sin(SIN.x[:, 0]))) < 1e-15
    assert np.max(abs(EXP.values[0] - np.exp(EXP.x[:, 0]))) < 1e-13
    assert TANH.x[-1, 0] == pytest.approx(1.2)
    assert SIN.x[-1, 0] <= np.pi
    assert [str(c) for c in TANH.coefficients(5)] == ["0", "1", "0", "-1/3", "0", "2/15"]
    assert SIN.mean_square(0) == pytest.approx(0.5)
    assert SIN.truncation(15) >= sup(SIN.values - np.array([np.polyval(SIN.state(15).coefficients, SIN.x[:, 0])]))


def test_the_literal_construction(literal_section: Finding) -> None:
    assert as_expected(literal_section)
    series = {(row[0], row[1]): row for row in literal_section.section.tables[0].rows}
    assert series["sin", "read literally"][3] == "$2$"
    assert series["sin", "first block put right"][-1] == 7
    growth = {(row[0], row[1]): row for row in literal_section.section.tables[1].rows}
    assert growth[SIN.label, 5][2] == 15
    assert growth[SIN.label, 1][3] == pytest.approx(2 * np.pi)  # |2 π − sin π|


@pytest.mark.parametrize("make", [literal, matched, first_corrected])
def test_a_torch_model_with_a_fault_is_not_the_construction(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = make(SIN.coefficients(5))
    net, build = stream_network(stream), targets.model_of
    good = met(net, stream.value, SIN.x)
    assert (str(good.verdict), good.explained) == ("agree", True)

    def faulty(exact: ExactNetwork) -> Any:
        model = build(exact)
        *_, tensor = model.parameters()
        tensor.data *= 1 + 1e-6
        return model

    monkeypatch.setattr(targets, "model_of", faulty)
    bad = met(net, stream.value, SIN.x)
    assert (str(bad.verdict), bad.explained) == ("differ", False)
    other = against(SIN, net, stream.value, "construction", SIN.x)
    assert (str(other.verdict), other.explained) == ("differ", False)


def test_a_network_that_is_f_refutes_us() -> None:
    """Where the construction were f, the second verdict would be agree, which is not the expected one."""
    c = SIN.coefficients(31)
    polynomial = taylor(c, 31)
    d = against(SIN, taylor_network(c, flint.fmpq(4)), lambda x: value_at(polynomial, x), "truncation", SIN.x)
    assert str(d.verdict) == "agree"


def test_the_carried_state(carried_section: Finding) -> None:
    assert as_expected(carried_section)
    for _, _, measured, bound, *_ in carried_section.section.tables[0].rows:
        assert number(measured) <= number(bound) * (1 + 1e-9)


def test_the_floor_is_for_streams_of_one_number_only() -> None:
    """A carried state goes below it and tells the two points apart; the checks say so."""
    for depth in (5, 7):
        c = SIN.coefficients(depth)
        net = stream_network(matched(c))
        assert [str(d.verdict) for d in at_the_floor(SIN_FOLD, net.network, net.rounded())] == ["agree", "agree"]
    wide = taylor_network(SIN.coefficients(9), flint.fmpq(4))
    below, apart = at_the_floor(SIN_FOLD, wide.network, wide.rounded())
    assert (str(below.verdict), below.explained) == ("differ", False)
    assert (str(apart.verdict), apart.explained) == ("differ", False)


def test_best_values_lie_at_the_floors() -> None:
    x = np.linspace(*SIN_FOLD.state().ends, 801)
    middle, mean = best_values(SIN_FOLD, x)
    floor = SIN_FOLD.floor()
    assert np.max(abs(middle - np.sin(x))) <= floor.upper
    assert np.max(abs(middle - np.sin(x))) > floor.lower * (1 - 1e-4)
    state = np.polyval(SIN_FOLD.state().coefficients, x)
    alone = abs(state) > 2 * np.sqrt(2) / 3 + 1e-6  # beyond the folds a state is that of one point
    assert np.allclose(middle[alone], np.sin(x)[alone])
    assert np.mean((mean - np.sin(x)) ** 2) < np.mean((middle - np.sin(x)) ** 2)


def test_folds_and_depth_run() -> None:
    folds = Folds("f", "Obstruction", (), (), (SIN_FOLD, Fold(SIN, 1, 3)), (SIN_FOLD,), ((SIN_FOLD, (5,)),)).run(
        SETTINGS
    )
    assert as_expected(folds)
    floors = folds.section.tables[0].rows
    assert number(floors[0][2]) > 0.65
    assert floors[1][2] == 0
    depth = ErrorsOverDepth("d", "Errors over depth", (), ((SIN_FOLD, 4, 7, 9),)).run(SETTINGS)
    crosses = {row[1]: row[-1] for row in depth.section.tables[0].rows}
    assert crosses[CARRIED] == 5
    assert {crosses[name] for name in crosses if name != CARRIED} == {"never"}


def test_scalar_streams() -> None:
    finding = ScalarStream("Scalar stream", (), ((SIN, 5), (TANH, 5))).run(SETTINGS)
    assert as_expected(finding)
    errors = [row for row in finding.section.tables[2].rows if row[0] == "sin"]
    inside = [number(row[3]) for row in errors[1:]]
    assert falls(inside)  # the reversion converges inside
    assert number(errors[-1][5]) > 1e3  # and explodes outside


def test_barely_trained_streams_do_not_pass_the_floor() -> None:
    finding = TrainedStreams("t", "Training", (), (SIN_FOLD,), SIN, 1, SMALL, By(30, 30)).run(SETTINGS)
    assert as_expected(finding)
    held, free = finding.section.tables[0].rows
    assert number(held[2]) >= number(held[3]) > 0.65
    best = best_values(SIN_FOLD, SIN.x[:, 0])[1]
    assert held[4] == pytest.approx(held[6] + np.mean((best - SIN.values[0]) ** 2), rel=0.1)
    assert free[3] == 0


def test_reading_after_every_block() -> None:
    finding = EarlyAndLate("e", "Early and late blocks", (), SIN, 4, 2, SMALL, By(50, 50)).run(SETTINGS)
    own, anew = finding.section.tables[0].rows
    assert len(own) == len(anew) == 2 + 3 + 2
    assert all(number(b) <= number(a) for a, b in zip(own[2:5], anew[2:5], strict=True))  # least squares is never worse
    assert anew[2] == pytest.approx(0.5 - 3 / np.pi**2, rel=1e-2)  # the best line


def test_words_need_their_evidence(literal_section: Finding, carried_section: Finding) -> None:
    """Every claim of the study, judged from sections in which one verdict came out otherwise."""
    section = carried_section.section
    spoiled = replace(section, verdicts=tuple(replace(v, verdict="inconclusive") for v in section.verdicts))
    names = {claim.name for claim in CLAIMS}
    assert {f"000-{k:03}" for k in (1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 17)} == names
    for sections, word in (
        ((literal_section.section, section), "true"),
        ((literal_section.section, spoiled), "not confirmed here"),
    ):
        (judged,) = [claim for claim in CLAIMS if claim.name == "000-009"]
        assert [part.said for part in judged.judge(Evidence(sections))] == [word]


def test_the_study_names_its_sections() -> None:
    titles = [experiment.title for experiment in STUDY.experiments]  # type: ignore[attr-defined]
    for claim in CLAIMS:
        for place in claim.where.split("; "):
            assert place == "–" or place in titles
    assert STUDY.closing is claims


def test_small_things() -> None:
    assert falls([3.0, 2.0, 1.0])
    assert not falls([3.0, 3.0])
    x = np.linspace(-2, 2, 5)[:, None]
    assert near_zero(x, [9.0, 1.0, 0.0, 1.0, float("nan")], 3.0) == ((-1.0, 0.0, 1.0), (1.0, 0.0, 1.0))
    assert near_zero(x, [9.0] * 5, 3.0) == ((), ())
    assert near_zero(x, [1.0] * 5, 3.0)[0] == (-2.0, -1.0, 0.0, 1.0, 2.0)
    assert mean_square(np.array([[1.0, 1.0, 1.0]])) == 1
    assert mean_square(np.array([[2.0, 0.0, 0.0]])) == 1  # the ends count half
    assert Target("x", "x", "1", "").label == "x on "

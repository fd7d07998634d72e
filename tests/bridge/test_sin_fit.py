"""The study sin-fit: what it compares can come out otherwise, and its words follow the tables."""

from collections.abc import Sequence
from dataclasses import replace
from math import factorial
from typing import Any

import numpy as np
import pytest

from residua_bridge.experiments.sin import errors as sin_errors
from residua_bridge.experiments.sin import lines as sin_lines
from residua_bridge.experiments.sin import trained as sin_trained
from residua_bridge.experiments.sin.errors import ERRORS, PolynomialErrors
from residua_bridge.experiments.sin.lines import FITS, FOUND, LEAST, ExplicitNetworks, PieceErrors, explicit
from residua_bridge.experiments.sin.nets import DEGREES, Nets, Setting, task
from residua_bridge.experiments.sin.plateau import PlateauRule, degree_of
from residua_bridge.experiments.sin.points import FewPoints
from residua_bridge.experiments.sin.structure import STACKS, Structure
from residua_bridge.experiments.sin.trained import (
    ABOVE_PRINTED,
    ABOVE_STOP,
    CLOSEST,
    SEEDS,
    STOPS,
    SUMMARY,
    WIDTHS,
    AsDescribed,
    OtherSettings,
    PiecesByWidth,
    WhereItStops,
    WithDropout,
    _flat,
    _from_floor,
    _pairs,
    _sums,
)
from residua_bridge.findings import Table
from residua_bridge.studies.sin_fit import STUDY, conclusion
from residua_bridge.study import By, Experiment, Outcome, Settings, carry_out
from residua_bridge.verdict import Verdict
from residua_network import Linear
from residua_symbolic.series.approximation.piecewise_linear import PiecewiseLinear

SMALL = Setting(hidden=2, width=16, batch=64, rate=1e-2, steps=400, stop=2e-3)


def taylor(degree: int, x: Any) -> Any:
    """T_n of sin."""
    return sum((-1) ** (k // 2) * x**k / factorial(k) for k in range(1, degree + 1, 2))


def smaller(experiment: Experiment) -> Experiment:
    """Few seeds, small networks, short ladders."""
    two = By(2, 2)
    if isinstance(experiment, AsDescribed):
        return replace(experiment, setting=SMALL, seeds=By(3, 3), pieces=(1, 2, 4, 8))
    if isinstance(experiment, WhereItStops):
        return replace(experiment, settings=(replace(SMALL, batch=8), SMALL), seeds=two)
    if isinstance(experiment, FewPoints):
        return replace(experiment, setting=replace(SMALL, stop=None, steps=20), points=(4,), seeds=two)
    if isinstance(experiment, WithDropout):
        return replace(experiment, settings=(replace(SMALL, dropout=0.1, steps=20),), seeds=two)
    if isinstance(experiment, OtherSettings):
        short = [
            replace(v, setting=replace(v.setting, width=8, steps=100 if v.floor else 20)) for v in experiment.variants
        ]
        return replace(experiment, variants=tuple(short), seeds=two)
    if isinstance(experiment, PiecesByWidth):
        return replace(experiment, settings=(replace(SMALL, width=4, steps=10), replace(SMALL, steps=10)), seeds=two)
    if isinstance(experiment, PolynomialErrors):
        return replace(experiment, suprema=By((1, 3), ()))
    if isinstance(experiment, PieceErrors):
        return replace(experiment, counts=By((1, 2, 3, 6, 7), ()))
    return experiment


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """The study, small."""
    return carry_out(replace(STUDY, experiments=tuple(map(smaller, STUDY.experiments))), Settings())


@pytest.fixture(scope="module")
def nets() -> Nets:
    """Three small networks."""
    return SMALL.trained(3)


def test_every_verdict_is_as_expected_and_explained(outcome: Outcome) -> None:
    assert outcome.as_expected
    assert len(outcome.findings.verdicts) == 12
    assert {v.verdict for v in outcome.findings.verdicts} == {"agree", "differ"}


def test_every_line_of_the_document_is_dealt_with(outcome: Outcome) -> None:
    rows = outcome.findings.sections[-1].tables[0].rows
    assert [row[0] for row in rows] == [f"002-0{n}" for n in range(21, 35)]
    words = {str(row[0]): row[2] for row in rows}
    for name, word in (("023", "false"), ("025", "false"), ("026", "true"), ("027", "conditional")):
        assert words[f"002-{name}"] == word
    assert conclusion(outcome.findings.sections)


def test_the_answer_follows_the_tables(outcome: Outcome) -> None:
    marks = {ABOVE_STOP: 5555, ABOVE_PRINTED: 6666}

    def marked(table: Table) -> Table:
        return replace(
            table,
            rows=tuple(
                tuple(marks.get(c, cell) for c, cell in zip(table.columns, row, strict=True)) for row in table.rows
            ),
        )

    sections = tuple(replace(s, tables=tuple(map(marked, s.tables))) for s in outcome.findings.sections)
    assert "5555 of 2 lie above 0.0005 and 6666 above" in " ".join(conclusion(sections))


def test_deeper_networks_are_set_beside_shallower_ones_by_their_ranks() -> None:
    spread = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    ((_, _, quotient, less, more),) = _pairs((("a", "b"),), {"a": spread, "b": spread / 100}).rows
    assert quotient == pytest.approx(0.01)
    assert less == pytest.approx(1 / 924)
    assert more == pytest.approx(1.0)


def test_few_points_hide_an_error_that_others_show() -> None:
    setting = replace(SMALL, stop=None, steps=200)
    rows = FewPoints("points", (), setting, (4, 1000), By(2, 2)).run(Settings()).section.tables[0].rows
    assert [row[0] for row in rows] == [4, 1000]
    assert all(float(row[5]) <= float(row[6]) for row in rows)
    assert float(rows[0][5]) > 2
    assert float(rows[1][6]) < 1.2


def test_a_stack_is_the_product_and_no_power() -> None:
    table = next(t for t in Structure("s", ()).run(Settings()).section.tables if t.title == STACKS)
    for layers, largest, product, power in table.rows:
        assert layers in range(2, 7)
        assert float(product) < 1e-15 < float(largest)
        assert float(power) > 0.1 * float(largest)


def test_a_wrong_closed_form_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    true = sin_errors.closed_forms

    def off(kind: str, degrees: Sequence[int]) -> list[float]:
        return [value * (1 + 1e-6) for value in true(kind, degrees)]

    experiment = PolynomialErrors("errors", (), DEGREES, By((1,), ()))
    assert all(d.verdict is Verdict.AGREE for d in experiment.run(Settings()).discrepancies)
    monkeypatch.setattr(sin_errors, "closed_forms", off)
    assert all(d.verdict is Verdict.DIFFER for d in experiment.run(Settings()).discrepancies)


def test_a_wrong_constant_of_the_law_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = PieceErrors("pieces", (), By((1, 2, 3, 6, 7), ()), (21, 41, 81, 161), (5e-4,))
    found = experiment.run(Settings())
    assert found.discrepancies[0].verdict is Verdict.AGREE
    fits, needed = found.section.tables
    floor, best = (fits.columns.index(name) for name in (LEAST, FOUND))
    assert all(float(row[floor]) <= float(row[best]) for row in fits.rows)
    assert needed.rows[0][2:] == (7, 7)
    first, second = sin_lines.constants()
    monkeypatch.setattr(sin_lines, "constants", lambda: (first * 720 / 719, second))
    assert experiment.run(Settings()).discrepancies[0].verdict is Verdict.DIFFER


def test_explicit_networks_with_a_wrong_weight_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = ExplicitNetworks("explicit", (), (3, 6))
    assert all(d.verdict is Verdict.AGREE for d in experiment.run(Settings()).discrepancies)

    def off(function: PiecewiseLinear) -> Any:
        values = function.values.copy()
        values[1] += 1e-6
        return explicit(PiecewiseLinear(function.knots, values))

    monkeypatch.setattr(sin_lines, "explicit", off)
    assert experiment.run(Settings()).discrepancies[0].verdict is Verdict.DIFFER


def test_errors_of_networks_are_those_of_their_outputs(nets: Nets) -> None:
    x = np.linspace(-np.pi, np.pi, 20_001)
    outputs = nets.ensemble.outputs(x[:, None])[:, :, 0]
    inner = (x[:-1] + x[1:]) / 2  # midpoint rule
    for n in (1, 4, 9, 15):
        found = np.mean((nets.ensemble.outputs(inner[:, None])[:, :, 0] - taylor(n, inner)) ** 2, axis=1)
        np.testing.assert_allclose(nets.distances[:, DEGREES.index(n)], found, rtol=1e-3)
    direct = np.mean((outputs - np.sin(x)) ** 2, axis=1)
    np.testing.assert_allclose(nets.errors, direct, rtol=1e-2)
    np.testing.assert_allclose(nets.on(task()), nets.errors, rtol=0.2)


def test_a_distance_that_breaks_the_rule_is_noticed(nets: Nets) -> None:
    for made, word in ((_sums, Verdict.AGREE), (_flat, Verdict.DIFFER), (_from_floor, Verdict.DIFFER)):
        d = made(nets)
        assert (d.verdict, d.explained) == (word, True)
    broken = Nets(nets.setting, nets.ensemble)
    broken.__dict__["distances"] = nets.distances + 0.02 * nets.errors[:, None]
    assert _sums(broken).verdict is Verdict.DIFFER
    assert not _flat(broken).explained
    below = Nets(nets.setting, nets.ensemble)
    below.__dict__["errors"] = nets.errors * 1e-9
    assert not _from_floor(below).explained


def test_dropout_in_another_order_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from residua_bridge.experiments.sin import structure as sin_structure

    assert all(d.verdict is Verdict.AGREE for d in Structure("s", ()).run(Settings()).discrepancies)
    monkeypatch.setattr(sin_structure, "Dropout", lambda rate: Linear(16, 16))
    assert Structure("s", ()).run(Settings()).discrepancies[-2].verdict is Verdict.DIFFER


def test_readings_of_a_term() -> None:
    assert [degree_of(name, 11) for name in ("degree", "non-zero term", "coefficient, zeros counted")] == [11, 21, 10]
    table = PlateauRule("p", (), (9, 11), (5.92e-4,), 11).run(Settings()).section.tables[1]
    assert table.rows[0][0] == 5.92e-4
    assert table.rows[0][6] == 11


def test_titles_are_those_that_claims_look_for(outcome: Outcome) -> None:
    titles = {t.title for s in outcome.findings.sections for t in s.tables}
    assert {ERRORS, FITS, SUMMARY, CLOSEST, SEEDS, STOPS, WIDTHS, sin_trained.DROPOUTS, sin_trained.VARIANTS} <= titles

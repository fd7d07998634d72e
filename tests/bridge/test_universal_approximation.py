"""The study universal-approximation: its experiments notice what is wrong on torch."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from residua_bridge.experiments.universal import exact as universal_exact
from residua_bridge.experiments.universal import models as universal_models
from residua_bridge.experiments.universal.activations import Activations
from residua_bridge.experiments.universal.constructed import Goal, constructed, met
from residua_bridge.experiments.universal.depth import deep_parameters
from residua_bridge.experiments.universal.exact import ExactLines
from residua_bridge.experiments.universal.models import as_computed, below, not_below, seen
from residua_bridge.experiments.universal.overfit import Noise, deep, matching_depth, parameters, shallow
from residua_bridge.experiments.universal.trained import Contest, built, error_of, quadrature
from residua_bridge.study import By, Settings
from residua_symbolic.universal import through
from residua_symbolic.universal.units import Units

SINE = Goal("sin(x)", "-pi", "pi", np.sin)
QUICK = Settings("quick")


def test_a_construction_agrees_and_a_wrong_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    row, computed, bounded = met(SINE, "sigmoid", 0.2)
    assert [str(d.verdict) for d in (computed, bounded)] == ["agree", "agree"]
    asked, most, largest = (float(row[k]) for k in (2, 6, 7))
    assert largest <= most <= asked

    def shifted(units: Units, x: np.ndarray) -> np.ndarray:
        return seen(units, x) + 0.2

    monkeypatch.setattr("residua_bridge.experiments.universal.constructed.seen", shifted)
    monkeypatch.setattr(universal_models, "seen", shifted)
    _, computed, bounded = met(SINE, "sigmoid", 0.2)
    assert [str(d.verdict) for d in (computed, bounded)] == ["differ", "differ"]


def test_one_wrong_weight_on_torch_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    units = constructed(SINE, "relu", 0.2).units
    factors = units.factors.copy()
    factors[0] *= 1 + 1e-9
    wrong = universal_models.model_of(replace(units, factors=factors))
    assert str(as_computed(units, np.linspace(-3, 3, 31)).verdict) == "agree"
    monkeypatch.setattr(universal_models, "model_of", lambda _: wrong)
    assert str(as_computed(units, np.linspace(-3, 3, 31)).verdict) == "differ"


def test_bounds_and_floors_have_two_sides() -> None:
    assert str(below(0.1, 0.2, 1e-12).verdict) == "agree"
    assert str(below(0.2 + 1e-9, 0.2, 1e-12).verdict) == "differ"
    assert str(below(float("nan"), 0.2, 1e-12).verdict) != "agree"
    assert str(not_below(0.1, 0.2, 1e-12).verdict) == "agree"
    assert str(not_below(0.2, 0.2 - 1e-9, 1e-12).verdict) == "differ"


def test_broken_lines_notice_a_wrong_slope(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ExactLines("lines", "Lines", (), (1, 4), (1.0, 10.0))
    finding = lines.run(QUICK)
    assert [v.verdict for v in finding.section.verdicts] == ["agree", "agree"]
    assert [row[1:3] for row in finding.section.tables[1].rows] == [(0.0, 0.0), (9.0, 7.0)]

    def wrong(points: Iterable[tuple[float, float]], by: str) -> Units:
        units = through(points, by)
        return replace(units, factors=units.factors * (1 + 1e-6)) if by == "hard sigmoid" else units

    monkeypatch.setattr(universal_exact, "through", wrong)
    assert [v.verdict for v in lines.run(QUICK).section.verdicts] == ["agree", "differ"]


def test_the_construction_has_the_error_that_is_measured() -> None:
    x, weights = quadrature()
    assert weights.sum() == pytest.approx(1)
    assert error_of(np.zeros_like(x)) == pytest.approx(0.5)
    for activation in ("relu", "sigmoid", "tanh"):
        errors = [float(error_of(seen(built(activation, width), x))) for width in (4, 8, 16)]
        assert errors == sorted(errors, reverse=True)
    assert np.allclose(seen(built("sigmoid", 8), x), seen(built("tanh", 8), x), atol=1e-13)


def test_the_contest_is_told_by_counts() -> None:
    contest = Contest("contest", "Contest", (), ("relu",), By((4,), ()), By(2, 0), By(20, 0), By(5, 0))
    finding = contest.run(QUICK)
    (row,) = finding.section.tables[0].rows
    floor, best, equal, adam, second = (float(row[k]) for k in (2, 3, 4, 5, 9))
    assert floor <= best <= equal
    assert second <= adam
    assert float(row[11]) <= float(row[12]) == 2
    assert finding.section.verdicts[0].verdict == "agree"


def test_equal_numbers_of_parameters() -> None:
    for width in (32, 128, 512):
        count = parameters(shallow(width))
        assert count == 3 * width + 1
        assert abs(parameters(deep(matching_depth(count))) - count) <= 0.07 * count
    assert deep_parameters(1) == 19


def test_noise_is_told_draw_by_draw() -> None:
    noise = Noise("noise", "Noise", (), By((2, 8), ()), 6, 0.3, By(3, 0), 1, By(20, 0), 1e-2)
    tables = noise.run(QUICK).section.tables
    assert [row[0] for row in tables[0].rows] == ["one hidden layer"] * 2 + ["three hidden layers"]
    narrow, wide, three = tables[0].rows
    assert tables[2].rows[0][1] == pytest.approx(float(wide[7]) - float(narrow[7]))
    assert tables[2].rows[1][1] == pytest.approx(float(wide[7]) - float(three[7]))


def test_activations_have_floors_or_layers() -> None:
    few = Activations("few", "Few", (), SINE, (0.3,), (2,), By((1,), ()), By(1, 0), By(3, 0))
    each = few.run(QUICK).section.tables[0]
    stuck = {row[0] for row in each.rows if float(row[2]) > 0}
    assert stuck == {row[0] for row in each.rows if row[4] == "none"} == {"identity", "square", "cube"}
    assert len(each.rows) == 10

"""The study of difference quotients: both sides meet, and planted faults in either do not pass."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from residua_bridge.experiments.difference import cases as difference_cases
from residua_bridge.experiments.difference import curves as difference_curves
from residua_bridge.experiments.difference import table as difference_table
from residua_bridge.experiments.difference.cases import Case, errors, errors_of_rounded_steps, torch_noise
from residua_bridge.experiments.difference.checks import GradientChecks, _Check
from residua_bridge.experiments.difference.curves import best_of, least_of, predicted_best, ratio_of, rounding_of
from residua_bridge.experiments.difference.network import Trained, _Along, directions
from residua_bridge.experiments.difference.rounded_steps import FLAT, LARGE, _discrepancy
from residua_bridge.experiments.difference.table import PrintedTable
from residua_bridge.study import Settings, study_named
from residua_numeric.differencing import measured_differences
from residua_numeric.lines import program_line
from residua_symbolic import difference_noise
from residua_symbolic.difference_formulas import FORMULAS

STEPS = 2.0 ** -np.arange(1.0, 46.0, 2.0)
SINE = Case("sin(x)", 1.0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", [SINE, Case("1/x", 1.25), Case("exp(-x^2)*sin(3*x)", 0.7)], ids=lambda c: c.text)
def test_measured_errors_are_the_predicted_ones(case: Case, dtype: str) -> None:
    e = errors(case, dtype, STEPS, 150, seed=3)
    assert str(ratio_of(e).verdict) == "agree"
    assert str(best_of(e).verdict) == "agree"


def test_vectorised_quotients_are_those_of_the_numeric_side() -> None:
    for dtype in ("float64", "float32"):
        e = errors(SINE, dtype, STEPS, 4)
        for row, at in enumerate(e.points.tolist()):
            found = measured_differences(program_line(SINE.program, {"x": at}, "x", dtype), STEPS)
            for name in ("forward", "backward", "central"):
                assert np.array_equal(getattr(found, name) - found.reference, e.measured[name][row])


@pytest.mark.parametrize("name", list(FORMULAS))
def test_a_wrong_weight_in_a_formula_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    formula = FORMULAS[name]
    (s, c), *others = formula.weights.items()
    wrong = replace(formula, weights={s: c * Fraction(1001, 1000), **dict(others)})
    monkeypatch.setattr(difference_cases, "FORMULAS", {**FORMULAS, name: wrong})
    assert str(ratio_of(errors(SINE, "float64", STEPS, 60)).verdict) == "differ"


def test_noise_that_is_half_or_twice_as_large_is_noticed() -> None:
    e = errors(SINE, "float64", STEPS, 150)
    for factor in (0.5, 2.0):
        faulty = replace(e, noise={name: factor * noise for name, noise in e.noise.items()})
        assert str(ratio_of(faulty).verdict) == "differ"


def test_a_best_step_that_is_wrong_by_a_factor_of_sixteen_is_noticed() -> None:
    e = errors(SINE, "float64", 2.0 ** -np.arange(1.0, 46.0), 100)
    assert str(best_of(replace(e, steps=e.steps * 16)).verdict) == "differ"


def test_the_rounding_of_the_step_is_needed_and_enough() -> None:
    octaves = 2.0 ** -np.array([20.0, 40.0])
    e = errors_of_rounded_steps(SINE, "float64", octaves, 400)
    assert str(_discrepancy(e, octaves, without=False).verdict) == "agree"
    lacking = _discrepancy(e, octaves, without=True)
    assert (str(lacking.verdict), lacking.explained) == ("differ", True)


def test_the_table_of_004_agrees_and_a_changed_last_digit_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = PrintedTable("t", ())
    assert experiment.run(Settings()).section.verdicts[0].verdict == "agree"
    first, *others = difference_table.PRINTED
    changed = ((np.nextafter(first[0], 2), *first[1:]), *others)
    monkeypatch.setattr(difference_table, "PRINTED", changed)
    assert experiment.run(Settings()).section.verdicts[0].verdict == "differ"


@pytest.fixture(scope="module")
def trained() -> Trained:
    return Trained.make()


def test_exact_derivatives_along_a_direction_are_those_of_autograd(trained: Trained) -> None:
    (direction,) = directions(1)
    along = _Along.of(trained, [direction], "float64")
    errors_of_quotients = along.measured["central"][0]
    assert abs(errors_of_quotients[0] - along.truncation("central")[0, 0]) <= 1e-9 * abs(along.series[0, 1])
    assert np.min(abs(errors_of_quotients)) <= 1e-6 * abs(along.series[0, 1])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_loss_of_a_network_has_the_predicted_errors(trained: Trained, dtype: str) -> None:
    along = _Along.of(trained, directions(40), dtype)
    assert str(along.discrepancy().verdict) == "agree"
    assert str(replace(along, noise=2.5 * along.noise).discrepancy().verdict) == "differ"


def test_the_computed_tolerance_tells_right_from_wrong_where_usual_ones_do_not(trained: Trained) -> None:
    narrow = _Check.of(trained, "float32")
    assert str(narrow.separation().verdict) == "agree"
    assert narrow.distance("best") <= narrow.tolerance < narrow.distance("best", 0.1)
    assert narrow.distance("usual") > 1e-3, "the usual step and tolerance refuse a right gradient"
    wide = _Check.of(trained, "float64")
    assert wide.distance("best", 1e-3) <= 1e-3, "the usual tolerance lets a wrong gradient pass"
    assert wide.distance("best", 1e-3) > wide.tolerance
    assert str(replace(narrow, noise=narrow.noise / 10).separation().verdict) == "differ"
    for factor in (0.3, 3.0):
        assert str(replace(narrow, noise=factor * narrow.noise).discrepancy("usual").verdict) == "differ"


def test_the_study_is_found_and_names_its_parts() -> None:
    study = study_named("finite-differences")
    assert len(study.experiments) == 8
    assert any(isinstance(experiment, GradientChecks) for experiment in study.experiments)


def test_a_least_error_that_is_wrong_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    e = errors(SINE, "float64", 2.0 ** -np.arange(1.0, 46.0), 160)
    assert str(least_of(e).verdict) == "agree"
    best = predicted_best(e)
    for factor in (3.0, 0.1):
        wrong = {name: replace(b, error=factor * b.error) for name, b in best.items()}
        monkeypatch.setattr(difference_curves, "predicted_best", lambda _, wrong=wrong: wrong)
        assert str(least_of(e).verdict) == "differ"


def test_a_noise_off_by_a_fifth_is_noticed_where_rounding_is_alone() -> None:
    e = errors(SINE, "float32", difference_curves.STEPS, 160)
    assert str(rounding_of(e).verdict) == "agree"
    for factor in (0.8, 1.2):
        faulty = replace(e, noise={name: factor * noise for name, noise in e.noise.items()})
        assert str(rounding_of(faulty).verdict) == "differ"


def test_a_slope_at_the_wrong_place_is_noticed_at_large_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    def discrepancy() -> str:
        return str(rounding_of(errors_of_rounded_steps(FLAT, "float32", LARGE, 200)).verdict)

    assert discrepancy() == "agree"
    true = difference_noise._of_moves

    def at_the_point(formula: Any, places: Any, x: Any, *others: Any) -> Any:
        same = {s: replace(place, slope=np.cos(x)) for s, place in places.items()}
        return true(formula, same, x, *others)

    monkeypatch.setattr(difference_noise, "_of_moves", at_the_point)
    assert discrepancy() == "differ"


def test_a_best_step_of_a_gradient_check_that_is_wrong_is_noticed(trained: Trained) -> None:
    check = _Check.of(trained, "float64")
    assert str(check.cost().verdict) == "agree"
    for octaves in (2, 4):
        numerical = {**check.numerical, "best": check.numerical[f"+{octaves}"], "+2": check.numerical["best"]}
        assert str(replace(check, numerical=numerical).cost().verdict) == "differ"


def test_sigmoid_has_more_noise_than_one_rounding() -> None:
    measured, model = torch_noise(Case("sigmoid(x)", 0.4), "float64")
    once, expected = torch_noise(SINE, "float64")
    assert measured > 1.2 * model
    assert once == pytest.approx(expected, rel=0.1)

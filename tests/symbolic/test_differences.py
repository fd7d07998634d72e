"""Difference quotients: 004's table to the last bit, exact splits, refusals."""

import json
import math
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.difference_formulas import FORMULAS, best_step
from residua_symbolic.difference_line import FunctionLine
from residua_symbolic.difference_noise import Noise
from residua_symbolic.differences import computed, differences
from residua_symbolic.expressions.evaluation import PointError

x, y = sp.symbols("x y", real=True)
FEW_GRIDS = 0.3  # of a mean square: sums on grids that are nearly as fine are rounded together in ways not modelled
DOCUMENT = {  # 004, L117–121, as printed there
    "forward": ("1.0517091807564771", "1.005016708416795", "1.0005001667083846"),
    "backward": ("0.9516258196404048", "0.9950166250831893", "0.9995001666249781"),
    "central": ("1.001667500198441", "1.0000166667499921", "1.0000001666666813"),
}
EXPRESSIONS = (
    (sp.exp(x), 0.0, mpmath.exp),
    (sp.sin(x), 1.0, mpmath.sin),
    (1 / x, 0.7, lambda z: 1 / z),
    (sp.log(1 + x**2) * sp.tanh(x), 0.3, lambda z: mpmath.log(1 + z**2) * mpmath.tanh(z)),
)


def test_the_table_of_004_comes_out_to_the_last_bit() -> None:
    found = differences("exp(x)", at=0, steps=(0.1, 0.01, 0.001))
    for name, printed in DOCUMENT.items():
        assert tuple(repr(float(getattr(row, name))) for row in found) == printed


def test_quotients_are_formed_as_they_are_written() -> None:
    f = math.sin
    for row in differences("sin(x)", at=0.7, steps=(0.1, 0.013, 1e-5, 3e-7)):
        a, h = 0.7, row.step
        assert float(row.forward) == (f(a + h) - f(a)) / h
        assert float(row.backward) == (f(a) - f(a - h)) / h
        wide, half = (f(a + h) - f(a - h)) / (2 * h), (f(a + h / 2) - f(a - h / 2)) / (2 * (h / 2))
        assert (float(row.central), float(row.richardson)) == (wide, (4 * half - wide) / 3)


def test_that_table_needs_an_exp_that_is_correctly_rounded_and_this_one_is() -> None:
    line = FunctionLine(differences(sp.exp(x)).program, "x", {"x": 0.0})
    for h in (0.1, 0.01, 0.001):
        for point in (h, -h):
            assert abs(line.error_in_spacings(point)) <= 0.5
    wrong = FunctionLine(differences(sp.exp(x)).program, "x", {"x": 0.0})
    object.__setattr__(wrong, "value", lambda at: math.nextafter(math.exp(at), 2))
    assert all(abs(wrong.error_in_spacings(point)) > 0.5 for point in (0.1, 0.01, 0.001))


def _central(oracle: Any, a: Any, h: Any) -> Any:
    return (oracle(a + h) - oracle(a - h)) / (2 * h)


@pytest.mark.parametrize(("expression", "at", "oracle"), EXPRESSIONS)
def test_derivative_and_truncation_and_rounding_make_up_the_quotient(
    expression: sp.Expr, at: float, oracle: Any
) -> None:
    """mpmath at 60 digits, by formulas typed here."""
    with mpmath.workdps(60):
        slope = mpmath.diff(oracle, mpmath.mpf(at))
        for row in differences(expression, at=at, steps=(0.25, 0.01, 1e-7)):
            a, h = mpmath.mpf(at), mpmath.mpf(row.step)
            exact = {
                "forward": (oracle(a + h) - oracle(a)) / h,
                "backward": (oracle(a) - oracle(a - h)) / h,
                "central": _central(oracle, a, h),
                "richardson": (4 * _central(oracle, a, h / 2) - _central(oracle, a, h)) / 3,
            }
            for name, quotient in exact.items():
                got = getattr(row, name)
                assert abs(got.truncation - (quotient - slope)) <= 1e-15 * abs(quotient - slope) + mpmath.mpf(10) ** -25
                assert abs(got.rounding - (mpmath.mpf(float(got)) - quotient)) <= 1e-15 * abs(got.rounding)


@pytest.mark.parametrize("expression", [sp.exp(x), sp.sin(x), 1 / x, sp.log(x), sp.exp(-(x**2)) * sp.sin(3 * x)])
def test_the_remainder_is_enclosed_and_small(expression: sp.Expr) -> None:
    for row in differences(expression, at=0.75, steps=(0.1, 0.01, 0.001)):
        for name, formula in FORMULAS.items():
            q = getattr(row, name)
            assert q.remainder is not None
            rest = q.truncation - q.leading
            slack = 4 * math.ulp(q.truncation)  # two numbers rounded to floats
            assert float(q.remainder.lower) - slack <= rest <= float(q.remainder.upper) + slack
            assert abs(rest) <= 20 * row.step * abs(q.leading), formula


def test_a_rational_function_has_exact_parts() -> None:
    (row,) = differences(x**3, at=0.5, steps=(0.25,))
    assert Fraction(float(row.central.truncation)) == Fraction(1, 16)
    assert row.richardson.truncation == 0.0
    assert differences(x**3, at=0.5).derivative == sp.Rational(3, 4)


def test_two_variables_and_the_one_that_moves() -> None:
    found = differences(x * sp.sin(y), at={"x": 2.0, "y": 0.5}, variable="y")
    assert found.derivative.equals(2 * sp.cos(sp.Rational(1, 2)))
    assert found.rows[2].central == pytest.approx(2 * math.cos(0.5), abs=1e-6)
    assert differences(x * sp.sin(y), at={"x": 2.0, "y": 0.5}, variable="x").derivative.equals(
        sp.sin(sp.Rational(1, 2))
    )


@pytest.mark.parametrize(
    "steps", [(0.0,), (-0.1,), (float("nan"),), (float("inf"),), (), (5e-324,), (True,), ("0.1",), None]
)
def test_steps_that_are_none_are_refused(steps: object) -> None:
    with pytest.raises(ResiduaError, match="step"):
        differences(sp.exp(x), steps=steps)


@pytest.mark.parametrize(
    ("expression", "at", "function", "steps"),
    [
        (1 / x, 0.0, "div", (0.1,)),
        (sp.log(x), -1.0, "log", (0.1,)),
        (sp.log(x), 0.05, "log", (0.1,)),
        (sp.Abs(x), 0.0, "abs", (0.1,)),
        (sp.sign(x) * x, 0.0, "sign", (0.1,)),
        (sp.exp(x), 1e4, "exp", (0.1,)),
        (sp.exp(x) * sp.exp(-x + 1) + sp.Abs(sp.sin(x)), 0.0, "abs", (0.1,)),
    ],
)
def test_a_point_without_value_or_derivative_is_named_with_its_node(
    expression: sp.Expr, at: float, function: str, steps: tuple[float, ...]
) -> None:
    with pytest.raises(PointError) as caught:
        differences(expression, at=at, steps=steps)
    assert caught.value.node is not None
    assert caught.value.node.function == function or function in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_corner_that_weighs_nothing_is_none() -> None:
    found = differences(x * sp.Abs(x), at=0.0, steps=(0.5,))
    assert found.derivative == 0
    assert found.rows[0].forward.truncation == 0.5


@pytest.mark.parametrize(
    ("at", "variable", "words"),
    [
        ({"x": 1.0}, "x", "missing: y"),
        ({"x": 1.0, "y": 1.0, "z": 1.0}, "x", "surplus: z"),
        (1.0, "x", "a value for each"),
        ({"x": 1.0, "y": 1.0}, None, r"which one moves.*`variable` \(--variable\)"),
        ({"x": 1.0, "y": 1.0}, "q", "unknown variable"),
        ({"x": 1.0, "y": float("nan")}, "x", "finite"),
        ({"x": "1", "y": 1.0}, "x", "finite"),
    ],
)
def test_missing_surplus_and_odd_values_are_refused(at: object, variable: str | None, words: str) -> None:
    with pytest.raises(ResiduaError, match=words):
        differences(x * y, at=at, variable=variable)


def test_results_print_as_tables_and_plain_data() -> None:
    found = differences("exp(x)")
    assert "1.0517091807564771" in found.markdown()
    assert r"\toprule" in found.latex()
    assert "forward" in found.text()
    data = json.loads(json.dumps(found.to_dict()))
    assert data["rows"][0]["forward"]["value"] == 1.0517091807564771
    assert set(data["rows"][0]) == {"step", *FORMULAS}
    assert data["derivative_bounds"][0] <= 1.0 <= data["derivative_bounds"][1]


def test_a_step_that_vanishes_beside_the_point_is_all_rounding() -> None:
    (row,) = differences(sp.exp(x), at=1.0, steps=(1e-20,))
    assert float(row.forward) == 0.0
    assert row.forward.rounding == pytest.approx(-math.e)
    assert row.forward.truncation == pytest.approx(math.e * 1e-20 / 2)


@pytest.mark.parametrize(("name", "at"), [("log", 1.0), ("sin", 0.0), ("tanh", 0.0), ("cos", 0.0), ("exp", 0.0)])
def test_the_best_step_is_one_where_numpy_errs_little(name: str, at: float) -> None:
    """Where f(a) = 0 its own noise vanishes, that beside it does not: never a step that x does not see."""
    slope = {"cos": 0.0}.get(name, 1.0)
    function = getattr(np, name)
    errors = {}
    for step in 2.0 ** -np.arange(1.0, 24.0):
        h, a = np.float32(step), np.float32(at)
        errors[float(step)] = abs(float((function(a + h) - function(a)) / h) - slope)
    best = differences(f"{name}(x)", at=at).best_of("forward", "float32")
    assert best.step >= float(np.spacing(np.float32(at)))
    nearest = 2.0 ** round(math.log2(best.step))
    assert errors[max(nearest, min(errors))] <= 4 * max(best.error, min(errors.values()))
    assert best.error <= 4 * max(min(errors.values()), 2.0**-24) or name in ("cos", "exp")
    wide = differences(f"{name}(x)", at=at).best_of("forward", "float64")
    assert wide.step >= math.ulp(at)
    assert wide.error > 0


def test_the_best_step_is_the_closed_one_where_the_noise_is_constant() -> None:
    for name, formula in FORMULAS.items():
        for dtype in ("float64", "float32"):
            found = differences("sin(x)", at=1.0).best_of(name, dtype)
            step, error = best_step(formula, found.size, found.noise, found.order)
            assert found.step == pytest.approx(step, rel=0.01)
            assert found.error == pytest.approx(error, rel=0.01)


@pytest.mark.parametrize("text", ["exp(-700)*exp(-20*x)", "sin(10^50*x)"])
def test_best_steps_are_had_at_the_ends_of_the_range(text: str) -> None:
    found = differences(text, at=1.0, steps=(1e-6,))
    assert all(math.isfinite(b.step) and math.isfinite(b.error) for b in found.best)
    assert found.best_of("forward").error > 0
    steps = {b.step for b in found.best if b.dtype == "float64"}
    assert min(steps) > 1e-8 if text.startswith("exp") else min(steps) >= math.ulp(1.0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("expression", "at"), [("x^2", 1e30), ("sigmoid(x)*x*1e-64", 0.1), (sp.exp(x) ** 500, 0.5)])
def test_no_prediction_for_a_dtype_that_f_leaves(expression: object, at: float) -> None:
    found = differences(expression, at=at, steps=(at / 8,))
    assert {b.dtype for b in found.best} == {"float64"}
    assert sum(row[2] == "–" for row in found.least.rows) == len(FORMULAS)
    with pytest.raises(ResiduaError, match="float32"):
        found.best_of("central", "float32")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("text", ["log(x)", "x^2-x", "x", "3"])
def test_ordinary_inputs_bring_no_warnings(text: str) -> None:
    found = differences(text, at=1.0, steps=(0.5, 1e-3, math.exp(-740)))
    assert all(math.isfinite(getattr(row, name).expected_rounding) for row in found for name in FORMULAS)


@pytest.mark.parametrize("step", [1e-30, 1e-17])
def test_where_the_step_is_lost_the_expected_rounding_is_known(step: float) -> None:
    (row,) = differences("exp(x)", at=1.0, steps=(step,))
    for name in FORMULAS:
        quotient = getattr(row, name)
        assert quotient.expected_rounding == pytest.approx(abs(quotient.rounding), rel=1e-9)
        assert quotient.expected_rounding == pytest.approx(math.e, rel=1e-9)


@pytest.mark.parametrize(("text", "at"), [("(x-1)^2", 1.0), ("x^2", 0.015), ("exp(x)", -0.2), ("sin(x)", 1.55)])
def test_expected_roundings_are_those_found_at_large_steps(text: str, at: float) -> None:
    """f'(x + s h) carries the rounding of x + s h; 300 random points and steps in [0.1, 0.2)."""
    rng = np.random.default_rng(1)
    squares: dict[str, list[tuple[float, float]]] = {"forward": [], "central": []}
    program = differences(text, at=at).program
    line = FunctionLine(program, "x", {"x": at})
    noise = Noise(line.node, "x")
    for _ in range(300):
        line.at = at + float(rng.uniform(-1, 1)) / 500
        line.point["x"] = line.at
        h = float(0.1 * 2 ** rng.uniform(0, 1))
        for name, found in squares.items():
            expected = noise.of_quotient(FORMULAS[name], {"x": np.array(line.at)}, h, "float64")
            rounding = line.rounding(FORMULAS[name], h, computed(line, name, h))
            found.append((rounding**2, float(expected) ** 2))
    for found in squares.values():
        measured, expected = np.mean(found, axis=0)
        bar = 4 * np.std([m / expected for m, _ in found]) / math.sqrt(len(found))
        assert abs(measured / expected - 1) <= bar + FEW_GRIDS
        assert bar <= 0.75


@pytest.mark.parametrize(
    "text", ["abs(x^3)", "abs(x^2)", "relu(x^3)", "sign(x)*x^2", "x^3*sign(x)", "abs(x*abs(x))", "exp(sign(x)*x^2)"]
)
def test_corners_and_jumps_that_are_smoothed_away_are_none(text: str) -> None:
    found = differences(text, at=0.0, steps=(0.5,))
    assert float(found.derivative) == 0.0


@pytest.mark.parametrize(
    ("text", "function"),
    [("abs(abs(x))", "abs"), ("sign(x)*x", "sign"), ("cos(pi*sign(x))", "sign"), ("relu(abs(x))", "abs"),
     ("abs(sign(x))", "sign"), ("abs(sin(x)-sin(x))", "abs")],
)  # fmt: skip
def test_corners_and_jumps_are_named(text: str, function: str) -> None:
    with pytest.raises(PointError, match=function) as caught:
        differences(text, at=1.0 if "sin(x)" in text else 0.0, steps=(0.5,))
    assert caught.value.node is not None
    assert "+/-" not in str(caught.value)

"""Difference quotients: 004's table to the last bit, exact splits, refusals."""

import json
import math
from fractions import Fraction
from typing import Any

import mpmath
import pytest
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.difference_formulas import FORMULAS
from residua_symbolic.difference_line import FunctionLine
from residua_symbolic.differences import differences
from residua_symbolic.expressions.evaluation import PointError

x, y = sp.symbols("x y", real=True)
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
        ({"x": 1.0, "y": 1.0}, None, "which one moves"),
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

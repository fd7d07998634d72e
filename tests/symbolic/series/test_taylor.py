"""The verb `taylor` for expressions: what it takes, what it gives, and what it refuses."""

import math
import warnings

import mpmath
import numpy as np
import pytest
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic import Enclosure, taylor
from residua_symbolic.expressions.evaluation import PointError
from residua_symbolic.series.expression import ConvergenceWarning

x, y = sp.symbols("x y", real=True)


def test_the_example_of_the_contract() -> None:
    s = taylor("sin(x)", order=7, at=0)
    assert s.coefficients == (0, 1, 0, sp.Rational(-1, 6), 0, sp.Rational(1, 120), 0, sp.Rational(-1, 5040))
    assert sp.expand(s.polynomial - (x - x**3 / 6 + x**5 / 120 - x**7 / 5040)) == 0
    assert s.radius is sp.oo
    bound = s.remainder(-1, 1)
    worst = math.sin(1) - float(s.polynomial.subs(x, 1))
    assert float(bound.lower) <= -worst < worst <= float(bound.upper) < 1.01 * worst
    assert repr(s) == "<Taylor series of sin(x) at x = 0, order 7>"


def test_text_and_sympy_give_the_same() -> None:
    assert taylor("exp(x)*sin(x)", 9).coefficients == taylor(sp.exp(x) * sp.sin(x), 9).coefficients


@pytest.mark.parametrize("at", ["pi/2", sp.pi / 2])
def test_the_point_may_be_a_constant(at: object) -> None:
    assert taylor("sin(x)", 4, at=at).coefficients == (1, 0, sp.Rational(-1, 2), 0, sp.Rational(1, 24))


def test_points_are_taken_exactly() -> None:
    assert taylor("x^2", 2, at="0.1").coefficients == (sp.Rational(1, 100), sp.Rational(1, 5), 1)
    assert taylor("x^2", 1, at=0.1).coefficients[0] == sp.Rational(0.1) ** 2


def test_several_variables_have_total_degree() -> None:
    s = taylor("x*sin(y)", order=4, at={"x": 0, "y": 1})
    assert set(map(sum, s.coefficients)) <= {0, 1, 2, 3, 4}
    direct = sp.series(sp.sin(1 + sp.Symbol("t")), sp.Symbol("t"), 0, 4).removeO().subs(sp.Symbol("t"), y - 1)
    assert sp.expand(s.polynomial - x * direct) == 0
    assert s({"x": 0.5, "y": 1.25}) == pytest.approx(float(s.polynomial.subs({x: 0.5, y: 1.25})), rel=1e-14)
    bound = s.remainder({"x": -0.1, "y": 0.9}, {"x": 0.1, "y": 1.1})
    corner = 0.1 * math.sin(1.1) - float(s.polynomial.subs({x: 0.1, y: 1.1}))
    assert float(bound.lower) <= corner <= float(bound.upper) < 30 * abs(corner)


def test_a_constant_and_order_zero() -> None:
    assert taylor("2^3", 2).coefficients == (8, 0, 0)
    s = taylor("exp(x)", 0)
    assert s.coefficients == (1,)
    bound = s.remainder(0, 1)
    assert float(bound.lower) <= 0.0
    assert math.e - 1 <= float(bound.upper) < 1.01 * (math.e - 1)


def test_values_and_errors_seen() -> None:
    s = taylor("exp(sin(x))", 12)
    points = np.linspace(-0.5, 0.5, 11)
    np.testing.assert_allclose(s.values(points), np.exp(np.sin(points)), rtol=1e-15)
    seen, where = s.largest_error_seen(-0.5, 0.5)
    bound = s.remainder(-0.5, 0.5)
    with mpmath.workdps(50):
        polynomial = sum(mpmath.mpf(c.p) / c.q * mpmath.mpf(where) ** k for k, c in enumerate(s.coefficients))
        assert seen == pytest.approx(float(abs(mpmath.exp(mpmath.sin(where)) - polynomial)), rel=1e-6)
    assert max(-float(bound.lower), float(bound.upper)) >= seen


def test_beyond_the_radius_the_bound_holds_and_a_warning_says_so() -> None:
    s = taylor("1/(1+x^2)", 10)
    with pytest.warns(ConvergenceWarning, match="beyond the radius of convergence, about 1 as"):
        s.remainder(-2, 2)
    assert s.radius == 1
    with pytest.warns(ConvergenceWarning, match="beyond the radius of convergence 1: the bound holds"):
        bound = s.remainder(-2, 2)
    worst = 1 / 5 - float(s.polynomial.subs(x, 2))
    assert float(bound.lower) <= worst <= float(bound.upper)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        s.remainder(-0.5, 0.5)


def test_the_mean_square_error_is_exact_where_the_integral_is_known() -> None:
    s = taylor("sin(x)", 3)
    found = s.mean_square_error(-sp.pi, sp.pi)
    assert isinstance(found, sp.Expr)
    with mpmath.workdps(30):
        integral = mpmath.quad(lambda v: (mpmath.sin(v) - v + v**3 / 6) ** 2, [-mpmath.pi, mpmath.pi])
        assert float(found) == pytest.approx(float(integral / (2 * mpmath.pi)), rel=1e-14)
    other = taylor("exp(sin(x))", 3).mean_square_error(-1, 1)
    assert isinstance(other, Enclosure)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: taylor("sin(x)", -1), "order"),
        (lambda: taylor("sin(x)", 10**9), "at most 2000"),
        (lambda: taylor("sin(x)", 2.5), "order"),
        (lambda: taylor("x*y", 2), "a value for each of x, y"),
        (lambda: taylor("x*y", 2, at={"x": 0}), "missing: y"),
        (lambda: taylor("x", 2, at={"x": 0, "z": 1}), "surplus: z"),
        (lambda: taylor("x", 2, at="x"), "at: x"),
        (lambda: taylor("x", 2, at=math.inf), "finite"),
        (lambda: taylor("x", 2, weights={}), "weights goes with a network"),
        (lambda: taylor("sin(x)", 3).remainder(1, -1), "lower < upper"),
        (lambda: taylor("sin(x)", 3).remainder(1, 1), "lower < upper"),
        (lambda: taylor("sin(x)", 3).remainder(1, 2), "contains x = 0"),
        (lambda: taylor("sin(x)", 3).remainder("a", 2), "lower"),
        (lambda: taylor("x*y", 3, at={"x": 0, "y": 0}).remainder(-1, 1), "a value for each"),
        (lambda: taylor("x*y", 3, at={"x": 0, "y": 0}).radius, "one variable only"),
        (lambda: taylor("exp(a+b+c+d+g+h+k+l)", 40, at=dict.fromkeys("abcdghkl", 0)), "at most 100000"),
    ],
)
def test_bad_input_is_refused_in_one_line(call: object, words: str) -> None:
    with pytest.raises(ResiduaError, match=words) as caught:
        call()  # type: ignore[operator]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["relu(x)", "abs(x)", "log(x)", "sqrt(x)", "1/x", "sign(x)", "x^(1/3)", "sqrt(x^2)"])
def test_points_without_a_series_are_refused(text: str) -> None:
    with pytest.raises(PointError):
        taylor(text, 3)


def test_formats_say_the_same() -> None:
    s = taylor("1/(1-x)", 4)
    for words in (s.text("-1/2", "1/2"), s.markdown("-1/2", "1/2")):
        assert "radius of convergence: 1" in words
        assert "certified" in words
        assert "mean square error" in words
    assert r"\toprule" in s.latex()
    found = s.to_dict("-1/2", "1/2")
    assert found["coefficients"] == ["1"] * 5
    assert found["values"] == [1.0] * 5
    assert found["radius"] == {"exact": "1", "value": 1.0}
    assert found["remainder"]["upper"] >= found["largest_error_seen"] >= 0.9 * found["remainder"]["upper"]

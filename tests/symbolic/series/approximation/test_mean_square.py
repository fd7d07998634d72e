"""Mean square errors: exact where a rule reaches, else enclosed; mpmath is the referee."""

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.expressions.given import given
from residua_symbolic.series.approximation import exponential_sums as sums
from residua_symbolic.series.approximation.mean_square import mean_square_error

DIGITS = 30
x = sp.Symbol("x", real=True)
MINUS, ZERO, ONE = sp.Integer(-1), sp.Integer(0), sp.Integer(1)
EXACT = {
    "sin(x)": lambda t: mp.sin(t),
    "x^2*exp(-x/2)*sin(3*x+1)": lambda t: t**2 * mp.exp(-t / 2) * mp.sin(3 * t + 1),
    "cosh(x-2)*cos(x)^2 + (x-1)^3": lambda t: mp.cosh(t - 2) * mp.cos(t) ** 2 + (t - 1) ** 3,
    "sinh(2*x+1)*exp(x)": lambda t: mp.sinh(2 * t + 1) * mp.exp(t),
    "sin(pi*x)*cos(2*x)": lambda t: mp.sin(mp.pi * t) * mp.cos(2 * t),
    "7": lambda t: mp.mpf(7),
}
ENCLOSED = {
    "tanh(x)": (lambda t: mp.tanh(t), -1, 1),
    "1/(1+x^2)": (lambda t: 1 / (1 + t * t), -3, 2),
    "abs(x-1/3)": (lambda t: abs(t - mp.mpf(1) / 3), -1, 1),
    "relu(x)*exp(x)": (lambda t: max(t, 0) * mp.exp(t), -1, 1),
    "sqrt(x)": (lambda t: mp.sqrt(t), 0, 2),
    "atan(3*x)+softplus(x)": (lambda t: mp.atan(3 * t) + mp.log(1 + mp.exp(t)), -2, 2),
    "erf(x)*sigmoid(x)": (lambda t: mp.erf(t) / (1 + mp.exp(-t)), -1, 4),
    "x^0.5+log(1+x)": (lambda t: mp.sqrt(t) + mp.log(1 + t), 0, 1),
}
COEFFICIENTS = (sp.Rational(1, 3), ONE, sp.Rational(-2, 7))


def referee(function: object, at: sp.Expr, lower: object, upper: object) -> mp.mpf:
    """By tanh-sinh quadrature at thirty digits, kinks at the ends of pieces."""
    low, high, middle = (mp.mpf(str(sp.N(end, DIGITS))) for end in (lower, upper, at))
    c = [mp.mpf(int(q.p)) / int(q.q) for q in COEFFICIENTS]
    places = sorted({low, high, *(p for p in (mp.mpf(0), mp.mpf(1) / 3) if low < p < high)})
    return mp.quad(
        lambda t: (function(t) - sum(q * (t - middle) ** k for k, q in enumerate(c))) ** 2,  # type: ignore[operator]
        places,
    ) / (high - low)


@pytest.mark.parametrize("text", EXACT)
def test_exact_values_are_those_of_quadrature(text: str) -> None:
    lower, upper, at = MINUS, sp.sqrt(2), sp.Rational(1, 5)
    found = mean_square_error(given(text), "x", at, COEFFICIENTS, lower, upper)
    assert isinstance(found, sp.Expr)
    with mp.workdps(DIGITS):
        true = referee(EXACT[text], at, lower, upper)
        assert abs(mp.mpf(str(sp.N(found, DIGITS))) - true) <= mp.mpf(10) ** (8 - DIGITS) * (1 + true)


@pytest.mark.parametrize("text", ENCLOSED)
def test_enclosures_contain_the_values_of_quadrature(text: str) -> None:
    function, lower, upper = ENCLOSED[text]
    found = mean_square_error(given(text), "x", ZERO, COEFFICIENTS, sp.Integer(lower), sp.Integer(upper))
    assert isinstance(found, Enclosure)
    with mp.workdps(DIGITS):
        true = referee(function, ZERO, lower, upper)
        slack = mp.mpf(10) ** -14 * true  # the referee's own error beside an end like that of a root
        assert mp.mpf(float(found.lower)) - slack <= true <= mp.mpf(float(found.upper)) + slack
    assert float(found.radius) <= 1e-14 * float(found.middle)


@pytest.mark.parametrize(("text", "lower", "upper"), [("1/x", -1, 1), ("sqrt(x)", -1, 1), ("log(x)", -2, -1)])
def test_where_there_is_no_integral_there_is_no_bound(text: str, lower: int, upper: int) -> None:
    found = mean_square_error(given(text), "x", ZERO, (ONE,), sp.Integer(lower), sp.Integer(upper))
    assert isinstance(found, Enclosure)
    assert float(found.upper) == np.inf


def test_a_polynomial_is_its_own_best() -> None:
    assert mean_square_error(given("(x-1)^3"), "x", ONE, (ZERO, ZERO, ZERO, ONE), ZERO, ONE) == 0


def test_degree_one_hundred_takes_no_search() -> None:
    from residua_symbolic.series.approximation.sine_errors import sine_coefficients

    found = mean_square_error(given("sin(x)"), "x", ZERO, sine_coefficients(60), -sp.pi, sp.pi)
    assert isinstance(found, sp.Expr)
    assert 0 < sp.N(found, 10, maxn=2000) < sp.Rational(1, 10) ** 100


@pytest.mark.parametrize(
    ("text", "lower", "upper"),
    [("sin(x)", ONE, ONE), ("sin(x)", ONE, ZERO), ("sin(x)", ZERO, sp.oo), ("x*y", ZERO, ONE), ("sin(x)", sp.nan, ONE)],
)
def test_bad_intervals_and_variables_are_refused(text: str, lower: sp.Expr, upper: sp.Expr) -> None:
    with pytest.raises(ResiduaError, match="expected"):
        mean_square_error(given(text), "x", ZERO, (ONE,), lower, upper)


def test_many_kinks_leave_a_useful_bound() -> None:
    found = mean_square_error(given("relu(sin(20*x))"), "x", ZERO, (ONE,), -ONE, sp.Integer(3))
    assert isinstance(found, Enclosure)
    kinks = [-1, *(k * mp.pi / 20 for k in range(-6, 20)), 3]
    true = mp.quad(lambda x: (max(mp.sin(20 * x), mp.mpf(0)) - 1) ** 2, kinks) / 4
    ball = np.ravel(found.balls)[0]
    assert float(ball.lower()) <= true <= float(ball.upper())
    assert float(ball.rad()) < 1e-3 * float(true)


@pytest.mark.parametrize("bad", [sp.I, sp.nan, sp.oo, sp.zoo, sp.Symbol("a"), sp.log(-1), 1 + sp.I])
@pytest.mark.parametrize("text", ["sin(x)", "tanh(x)"])
def test_points_and_coefficients_that_are_no_real_numbers_are_refused(text: str, bad: sp.Expr) -> None:
    for at, coefficients in ((ZERO, (ONE, bad)), (bad, (ONE,))):
        with pytest.raises(ResiduaError, match="real finite constants"):
            mean_square_error(given(text), "x", at, coefficients, ZERO, ONE)


def test_what_is_no_such_sum_says_so() -> None:
    for e in (
        sp.tanh(x),
        sp.sin(x**2),
        sp.exp(sp.sin(x)),
        1 / x,
        x**700,
        sp.sin(x) ** 500 * x**500,
        (sp.sin(x) * sp.exp(x)) ** 30 * (x + 1) ** 90,
    ):
        with pytest.raises(sums.OutOfClassError):
            sums.read(e, x)


def test_a_rate_that_is_zero_in_disguise_divides_nothing() -> None:
    hidden = sp.sqrt(5 + 2 * sp.sqrt(6)) - sp.sqrt(2) - sp.sqrt(3)  # 0, which SymPy does not see
    assert hidden != 0
    with pytest.raises(sums.OutOfClassError):
        sums.integrated(sums.read(sp.exp(hidden * x), x), ZERO, ONE)

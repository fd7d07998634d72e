import math
from collections.abc import Mapping
from itertools import product
from typing import Any

import mpmath
import pytest
import sympy as sp

from oracles.expressions import KINKED, SMOOTH, X, Y, Z, expression
from residua_network import ResiduaError
from residua_symbolic.expressions.conversion import FUNCTIONS
from residua_symbolic.expressions.evaluation import PointError
from residua_symbolic.expressions.given import given
from residua_symbolic.functions import Elementary, relu, sigmoid, softplus, step
from residua_symbolic.series.coefficients.exact import coefficients, polynomial

ORDER = 6
DIGITS = 50
KEPT = 20  # digits: mpmath.taylor differences numerically, and loses some of its own at each order
POINTS = (sp.Integer(0), sp.Rational(2, 3), sp.Rational(-5, 4), sp.pi / 3, sp.sqrt(2), sp.Integer(1))
TEXTS = (
    ("sin(x)/x", "1 - x**2/6 + x**4/120 - x**6/5040"),
    ("(exp(x)-1)/x", "1 + x/2 + x**2/6 + x**3/24 + x**4/120 + x**5/720 + x**6/5040"),
    ("x/sin(x)", "1 + x**2/6 + 7*x**4/360 + 31*x**6/15120"),
    ("(1-cos(x))*x^(-2)", "1/2 - x**2/24 + x**4/720 - x**6/40320"),
    ("1/x-1/sin(x)", "-x/6 - 7*x**3/360 - 31*x**5/15120"),
    ("x/(exp(x)-1)", "1 - x/2 + x**2/12 - x**4/720 + x**6/30240"),
    ("sqrt(x^4+x^6)", "x**2 + x**4/2 - x**6/8"),
    ("abs(x^2)+relu(-x^4)", "x**2"),
    ("x^60/x^57", "x**3"),
)
REFUSED = (
    ("relu(x)", 0, "relu has a kink at x = 0: no Taylor series there"),
    ("relu(x^2-2)", sp.sqrt(2), "relu has a kink at x = sqrt(2): no Taylor series there"),
    ("abs(x^3)", 0, "abs has a kink at x = 0"),
    ("sign(x-1)", 1, "sign jumps at x = 1"),
    ("step(x^2)", 0, "step jumps at x = 0"),
    ("sqrt(x^2)", 0, "a kink of sqrt at x = 0"),
    ("(x^2)^(3/2)", 0, "a kink of a power that is not whole at x = 0"),
    ("sqrt(x)", 0, "a branch point of sqrt at x = 0"),
    ("x^(1/3)", 0, "a branch point of a power that is not whole at x = 0"),
    ("x^pi", 0, "a branch point of a power that is not whole at x = 0"),
    ("log(sin(x))", 0, "a branch point of log at x = 0"),
    ("log(x)", -1, "log of a negative number at x = -1"),
    ("sqrt(x)", -4, "sqrt of a negative number at x = -4"),
    ("x^(1/3)", -8, "a power that is not whole of a negative number at x = -8"),
    ("1/x", 0, "a pole of order 1 at x = 0"),
    ("sin(x)/x^4", 0, "a pole of order 3 at x = 0"),
    ("tan(x)", sp.pi / 2, "a pole of order 1 at x = pi/2"),
    ("exp(-1/x^2)", 0, "exp of a pole of order 2 at x = 0"),
    ("tanh(1/x)", 0, "tanh of a pole of order 1 at x = 0"),
    ("x/(sin(x)^2+cos(x)^2-1)", 0, "may vanish altogether at x = 0"),
    ("1/(sin(x)^2+cos(x)^2-1)", 1, "may vanish altogether at x = 1"),
)


def definition(e: sp.Expr) -> sp.Expr:
    """The expression in SymPy's own functions."""
    return e.replace(lambda a: isinstance(a, Elementary), lambda a: a.definition(a.args[0]))


def as_mpmath(c: sp.Expr) -> Any:
    return definition(c).evalf(2 * DIGITS)


def by_mpmath(e: sp.Expr, at: sp.Expr, order: int) -> list[Any]:
    """Of the SymPy expression, by numerical differentiation at 50 digits and more."""
    f = sp.lambdify(X, definition(e), "mpmath")
    with mpmath.workdps(DIGITS):
        a = mpmath.mpf(str(at.evalf(2 * DIGITS)))
        return [mpmath.re(c) for c in mpmath.taylor(f, a, order)]


def agrees(found: tuple[sp.Expr, ...], expected: list[Any]) -> bool:
    """To KEPT digits of the largest."""
    with mpmath.workdps(DIGITS):
        values = [mpmath.mpf(str(as_mpmath(c))) for c in found]
        largest = max(abs(c) for c in [*expected, mpmath.mpf(1)])
        errors = [abs(a - b) for a, b in zip(values, expected, strict=True)]
        return bool(max(errors) <= largest * mpmath.mpf(10) ** -KEPT)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("at", POINTS, ids=str)
def test_every_smooth_function_has_mpmaths_coefficients(name: str, at: sp.Expr) -> None:
    e = FUNCTIONS[name](sp.Rational(5, 2) + X + X**2 / 3 if name == "log" else X - X**2 / 2)
    assert agrees(coefficients(given(e), "x", at, ORDER), by_mpmath(e, at, ORDER))


@pytest.mark.parametrize("at", POINTS, ids=str)
@pytest.mark.parametrize("exponent", [sp.Rational(1, 2), sp.Rational(-2, 3), sp.sqrt(2), X, -3, 7], ids=str)
def test_powers_have_mpmaths_coefficients(exponent: Any, at: sp.Expr) -> None:
    e = (2 + X**2) ** exponent
    assert agrees(coefficients(given(e), "x", at, ORDER), by_mpmath(e, at, ORDER))


@pytest.mark.parametrize("name", KINKED)
@pytest.mark.parametrize("at", POINTS, ids=str)
def test_functions_with_kinks_are_those_of_their_branch(name: str, at: sp.Expr) -> None:
    inside = sp.cos(X) - sp.Rational(1, 3)
    positive = int(bool(inside.subs(X, at).evalf() > 0))
    branch = {"abs": inside * (2 * positive - 1), "relu": inside * positive, "sign": 2 * positive - 1}
    expected = sp.sympify(branch.get(name, positive))
    found = coefficients(given(FUNCTIONS[name](inside) + X), "x", at, ORDER)
    assert found == coefficients(given(expected + X), "x", at, ORDER)


def attempt(e: sp.Expr, at: sp.Expr) -> tuple[tuple[sp.Expr, ...], str]:
    """The coefficients, or why there are none."""
    try:
        return coefficients(given(e), "x", at, 4), ""
    except PointError as error:
        return (), str(error)


@pytest.mark.parametrize("seed", range(60))
def test_random_expressions_have_mpmaths_coefficients(seed: int) -> None:
    e = sp.sympify(expression(seed, depth=3, names=SMOOTH)).subs(dict.fromkeys((Y, Z), X))
    at = POINTS[seed % len(POINTS)]
    found, refusal = attempt(e, at)
    assert agrees(found, by_mpmath(e, at, 4)) if found else "a pole of" in refusal


def test_the_comparison_with_mpmath_refuses_what_is_wrong() -> None:
    right = coefficients(given(sp.tan(X)), "x", sp.Integer(1), ORDER)
    wrong = (*right[:-1], right[-1] * (1 + sp.Rational(1, 10**15)))
    expected = by_mpmath(sp.tan(X), sp.Integer(1), ORDER)
    assert agrees(right, expected)
    assert not agrees(wrong, expected)


@pytest.mark.parametrize("e", [sp.exp(sp.sin(X)), sp.log(1 + sp.tan(X)), sp.erf(X) / (1 + X), sp.exp(X) ** sp.cos(X)])
def test_sympys_own_series_is_the_same(e: sp.Expr) -> None:
    expected = sp.series(e, X, 0, ORDER + 1).removeO()
    found = coefficients(given(e), "x", sp.Integer(0), ORDER)
    assert all(sp.simplify(expected.coeff(X, k) - c) == 0 for k, c in enumerate(found))


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_removable_singularities(text: str, expected: str) -> None:
    known = sp.Poly(sp.sympify(expected), sp.Symbol("x"))
    for order in (0, 1, 3, ORDER):
        found = coefficients(given(text), "x", sp.Integer(0), order)
        assert found == tuple(known.coeff_monomial(sp.Symbol("x") ** k) for k in range(order + 1))


def test_removable_singularities_at_irrational_points() -> None:
    assert coefficients(given("tan(x)*(x-pi/2)"), "x", sp.pi / 2, 2) == (-1, 0, sp.Rational(1, 3))
    found = coefficients(given("(x^4-4)/(x^2-2)"), "x", sp.sqrt(2), 3)
    assert found == (4, 2 * sp.sqrt(2), 1, 0)
    assert coefficients(given("(exp(x)-E)/(x-1)"), "x", sp.Integer(1), 1) == (sp.E, sp.E / 2)


@pytest.mark.parametrize(("text", "at", "reason"), REFUSED)
def test_no_series_is_refused_with_the_reason(text: str, at: Any, reason: str) -> None:
    for order in (0, 1, ORDER):
        with pytest.raises(PointError) as error:
            coefficients(given(text), "x", sp.sympify(at), order)
        assert reason in str(error.value)
        assert "\n" not in str(error.value)


def test_a_constant_that_may_be_zero_is_refused() -> None:
    nested = sp.sqrt(5 + 2 * sp.sqrt(6)) - sp.sqrt(2) - sp.sqrt(3)  # zero; no relation that is looked for says so
    angle = sp.sin(sp.atan(sp.Rational(1, 5), evaluate=False) * 4 - sp.atan(sp.Rational(1, 239)) - sp.pi / 4)
    for zero in (nested, angle, sp.sin(1) ** 2 + sp.cos(1) ** 2 - 1, sp.tan(1) - sp.sin(1) / sp.cos(1)):
        for e in (1 / (zero + X), sp.log(1 + X) / zero if zero != 0 else 1 / X, FUNCTIONS["relu"](X + zero)):
            with pytest.raises(PointError, match=r"it cannot be told whether .* is zero|pole|division|kink"):
                coefficients(given(e), "x", sp.Integer(0), 2)


def test_coefficients_of_thousands_of_terms_are_refused_in_time() -> None:
    e = sp.tanh(X / (8 * (X**2 + 2) * ((X**3 + sp.exp(X) + sp.sinh(X)) ** 2 + 2)))
    assert len(coefficients(given(e), "x", sp.sqrt(2), 1)) == 2
    with pytest.raises(PointError, match=r"more than 5000 terms at x = sqrt.2.: take a lower order"):
        coefficients(given(e), "x", sp.sqrt(2), 12)


def test_points_and_names_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ResiduaError, match="expected a function of x alone"):
        coefficients(given("x*y"), "x", sp.Integer(0), 2)
    with pytest.raises(ResiduaError, match="expected a point for 'y'"):
        polynomial(given("x*y"), {"x": sp.Integer(0)}, 2)
    for odd in (sp.I, sp.oo, sp.nan, X):
        with pytest.raises(ResiduaError, match="expected a real number"):
            coefficients(given("x"), "x", odd, 2)


def test_exact_constants_where_the_point_demands_them() -> None:
    s, c = sp.sin(1), sp.cos(1)
    assert coefficients(given("sin(x)"), "x", sp.Integer(1), 3) == (s, c, -s / 2, -c / 6)
    assert coefficients(given("exp(x)"), "x", sp.Integer(1), 3) == (sp.E, sp.E, sp.E / 2, sp.E / 6)
    assert coefficients(given("sin(x)"), "x", sp.pi / 2, 3) == (1, 0, sp.Rational(-1, 2), 0)
    assert coefficients(given("sin(x)^2+cos(x)^2"), "x", sp.Integer(1), 3) == (1, 0, 0, 0)
    assert coefficients(given("exp(x)*exp(-x/2)^2"), "x", sp.sqrt(2), 3) == (1, 0, 0, 0)
    assert coefficients(given("1/(1+x)"), "x", sp.sqrt(2), 1) == (sp.sqrt(2) - 1, 2 * sp.sqrt(2) - 3)
    assert coefficients(given("x"), "x", sp.Float(0.1), 1) == (sp.Rational(0.1), 1)
    assert coefficients(given("3"), "x", sp.Integer(0), 2) == (3, 0, 0)


def test_rational_series_to_order_1000() -> None:
    found = coefficients(given("exp(sin(x))"), "x", sp.Integer(0), 1000)
    assert all(c.is_Rational for c in found)
    c, sine = list(found), [0 if k % 2 == 0 else sp.Rational((-1) ** (k // 2), math.factorial(k)) for k in range(1001)]
    for n in (2, 17, 100, 1000):  # n e_n = Σ k s_k e_{n−k}
        assert n * c[n] == sum(k * sine[k] * c[n - k] for k in range(1, n + 1))


def partials(e: sp.Expr, at: Mapping[sp.Symbol, sp.Expr], order: int) -> dict[tuple[int, ...], sp.Expr]:
    """By SymPy's derivatives."""
    found = {}
    for exponents in product(range(order + 1), repeat=len(at)):
        if sum(exponents) <= order:
            d = e
            for symbol, k in zip(at, exponents, strict=True):
                d = sp.diff(d, symbol, k) if k else d
            value = (definition(d).subs(at) / math.prod(map(math.factorial, exponents))).evalf(2 * DIGITS)
            if abs(value) > sp.Float(10) ** -DIGITS:
                found[exponents] = value
    return found


@pytest.mark.parametrize(
    "e",
    [
        X * sp.sin(Y),
        sp.exp(X + 2 * Y) * sp.tanh(X * Y) / (2 + sp.cos(Y)),
        sigmoid(X - Y) + softplus(X * Y) * sp.atan(Y),
        sp.sqrt(3 + X * Y) + relu(2 + X - Y) - step(2 + X) * sp.log(3 + Y),
        (2 + X) ** (Y / 2) + sp.erf(X + Y) ** 2,
    ],
)
@pytest.mark.parametrize("at", [(0, 0), (sp.Rational(1, 2), 0), (0, 1), (sp.sqrt(2) / 2, sp.pi / 6)], ids=str)
def test_polynomials_are_sympys_derivatives(e: sp.Expr, at: tuple[Any, Any]) -> None:
    point = dict(zip((X, Y), map(sp.sympify, at), strict=True))
    function = given(e)
    assert set(function.variables) == {"x", "y"}
    found = polynomial(function, {"x": point[X], "y": point[Y]}, 3)
    order = [function.variables.index(name) for name in ("x", "y")]
    expected = partials(e, point, 3)
    renamed = {tuple(exponents[i] for i in order): c for exponents, c in found.items()}
    assert set(renamed) == set(expected)
    for exponents, c in expected.items():
        assert abs(as_mpmath(renamed[exponents]) - as_mpmath(c)) <= 10**-KEPT * (1 + abs(as_mpmath(c)))


def test_removable_singularities_in_two_variables() -> None:
    assert polynomial(given("sin(x*y)/(x*y)"), {"x": 0, "y": 0}, 4) == {(0, 0): 1, (2, 2): sp.Rational(-1, 6)}
    found = polynomial(given("(exp(x+y)-1)/(x+y)"), {"x": 0, "y": 0}, 2)
    sixth = sp.Rational(1, 6)
    half = sp.Rational(1, 2)
    assert found == {(0, 0): 1, (1, 0): half, (0, 1): half, (2, 0): sixth, (1, 1): 2 * sixth, (0, 2): sixth}


@pytest.mark.parametrize("text", ["x*y/(x^2+y^2)", "relu(x*y)", "sqrt(x^2+y^2)", "log(x*y)", "1/(x+y)", "sign(x-y)"])
def test_no_series_in_two_variables(text: str) -> None:
    with pytest.raises(PointError, match="at x = 0, y = 0: no Taylor series there"):
        polynomial(given(text), {"x": sp.Integer(0), "y": sp.Integer(0)}, 3)


def test_one_variable_and_none() -> None:
    assert polynomial(given("sin(x)"), {"x": sp.Integer(0)}, 3) == {(1,): 1, (3,): sp.Rational(-1, 6)}
    assert polynomial(given("2*3"), {}, 3) == {(): 6}


def test_eight_variables_at_degree_6() -> None:
    names = "abcdfghk"
    total = sum((n + 1) * sp.Symbol(name, real=True) for n, name in enumerate(names))
    found = polynomial(given(sp.exp(total)), dict.fromkeys(names, sp.Integer(0)), 6)
    assert len(found) == math.comb(14, 6)
    exponents = (1, 0, 2, 0, 0, 1, 0, 2)
    function = given(sp.exp(total))
    weights = {name: n + 1 for n, name in enumerate(names)}
    expected = math.prod(
        sp.Rational(weights[name] ** k, math.factorial(k))
        for name, k in zip(function.variables, exponents, strict=True)
    )
    assert found[exponents] == expected

"""Mean square errors of polynomials on an interval: exact where the integral is one of a sum that is closed under
integration, else certified."""

from collections.abc import Sequence

import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.domains import balls
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.expressions.evaluation import PointError
from residua_symbolic.expressions.given import Given
from residua_symbolic.series.approximation import exponential_sums as sums
from residua_symbolic.series.approximation.quadrature import constant, mean_square


def mean_square_error(
    function: Given, variable: str, at: sp.Expr, coefficients: Sequence[sp.Expr], lower: sp.Expr, upper: sp.Expr
) -> sp.Expr | Enclosure:
    """(1/(u − l)) ∫ (f(x) − Σ c_k (x − at)^k)² dx over lower ≤ x ≤ upper; the bounds are constants, as `at` is.

    Exact for sums of products of polynomials, exp, sin, cos, sinh and cosh of linear arguments, else an Enclosure:
    infinite where the integral has no bound, or f is not real. Raises ResiduaError for another variable in f, for an
    interval that is empty or not finite, and for coefficients or a point that are no real constants.
    """
    low, high = interval(function, variable, lower, upper)
    at, *terms = (_real_constant(c) for c in (at, *coefficients))
    try:
        difference = sums.added(
            sums.read(function.sympy, symbol_of(function, variable), at),
            sums.scaled(sums.polynomial(terms), sp.Integer(-1)),
        )
        square = sums.multiplied(difference, difference)
        return sp.expand(sums.integrated(square, low - at, high - at) / (high - low))
    except sums.OutOfClassError:
        ball, bits = mean_square(function.program, variable, at, terms, low, high)
        return Enclosure(ball, bits)


def _real_constant(value: sp.Expr) -> sp.Expr:
    """The value, if it is a finite real constant. Raises ResiduaError."""
    given = sp.sympify(value)
    if given.is_Rational:
        return given
    with balls.precision():
        try:
            is_finite = bool(constant(given).is_finite())
        except (PointError, ResiduaError):
            is_finite = False
    if not is_finite:
        raise ResiduaError(f"mean_square_error: expected real finite constants for point and coefficients, got {given}")
    return given


def symbol_of(function: Given, variable: str) -> sp.Symbol:
    """The symbol of that name in the function's SymPy form."""
    return next((s for s in function.sympy.free_symbols if s.name == variable), sp.Symbol(variable, real=True))


def interval(function: Given, variable: str, lower: sp.Expr, upper: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """The bounds, if they are one above the other and f depends on `variable` alone. Raises ResiduaError."""
    others = [name for name in function.variables if name != variable]
    if others:
        raise ResiduaError(f"on an interval of {variable}: expected a function of it alone, got {others[0]!r} in it")
    low, high = sp.sympify(lower), sp.sympify(upper)
    with balls.precision():
        try:
            is_above = bool(constant(high) > constant(low)) and bool(constant(high - low).is_finite())
        except PointError:
            is_above = False
    if not is_above:
        raise ResiduaError(f"expected an interval with finite lower < upper, got [{low}, {high}]")
    return low, high

"""`taylor`: the one verb for Taylor series, of expressions and of networks."""

import math
from collections.abc import Mapping
from typing import Any, overload

import sympy as sp

from residua_network import Network, Program, ResiduaError
from residua_network.checks import whole
from residua_symbolic.domains import balls
from residua_symbolic.expressions.given import Given, exactly, given
from residua_symbolic.series.coefficients.exact import coefficients, polynomial
from residua_symbolic.series.expression import WHERE, ExpressionSeries
from residua_symbolic.series.networks.network import NetworkSeries, network_series
from residua_symbolic.weights import Weights

HIGHEST_ORDER = 2000
MOST_TERMS = 100_000  # of a polynomial in several variables


@overload
def taylor(
    function: Network,
    order: int,
    at: Any = 0,
    *,
    variable: None = None,
    weights: Weights | None = None,
    along: Any = None,
    certified: bool = False,
    exact: bool = False,
    bits: int = balls.BITS,
) -> NetworkSeries: ...


@overload
def taylor(
    function: str | sp.Expr | Program,
    order: int,
    at: Any = 0,
    *,
    variable: str | None = None,
    weights: None = None,
    along: None = None,
    certified: bool = False,
    exact: bool = False,
    bits: int = balls.BITS,
) -> ExpressionSeries: ...


def taylor(
    function: object,
    order: int,
    at: Any = 0,
    *,
    variable: str | None = None,
    weights: Weights | None = None,
    along: Any = None,
    certified: bool = False,
    exact: bool = False,
    bits: int = balls.BITS,
) -> ExpressionSeries | NetworkSeries:
    """Taylor series up to (x − at)^order of an expression (text or SymPy) or of a network at given weights.

    Expressions: exact coefficients. at: a number, text such as "pi/2", or {name: value} for several variables, whose
    polynomial has total degree `order`; `variable`: the only one that moves, the others are constants with the values
    in `at`. Raises PointError where the function has no Taylor series at the point, saying
    why. Networks: `weights` {name: float64 array}, at (inputs,) or (batch, inputs); along: a direction of the same
    shape, or {parameter name: array} for a series in the weights; without it a polynomial in all inputs. `certified`:
    Arb balls of `bits` bits; `exact`: fractions, for polynomial networks. Raises ResiduaError for orders below 0 or
    beyond 2000, and for what is of no use to the kind of function.
    """
    if whole(order, "order", WHERE, least=0) > HIGHEST_ORDER:
        raise ResiduaError(f"{WHERE}: order must be at most {HIGHEST_ORDER}, got {order!r}")
    if isinstance(function, Network):
        if variable is not None:
            raise ResiduaError(f"{WHERE}: variable goes with an expression; a network moves along a direction, along")
        if weights is None:
            raise ResiduaError(f"{WHERE}: a network is expanded at given weights; give weights={{name: array}}")
        return network_series(function, int(order), weights, at, along, certified=certified, exact=exact, bits=bits)
    for name, odd in (("weights", weights is not None), ("along", along is not None)):
        if odd:
            raise ResiduaError(f"{WHERE}: {name} goes with a network, got an expression")
    return _of_expression(function, int(order), at, variable)


def _of_expression(function: object, order: int, at: Any, variable: str | None) -> ExpressionSeries:
    read = given(function)
    point = _point(read.variables, at)
    if variable is not None:
        read, point = _along_one(read, point, str(variable))
    variables = tuple(point)
    if len(variables) == 1:
        ((name, place),) = point.items()
        found = coefficients(read, name, place, order)
        terms: dict[tuple[int, ...], sp.Expr] = {(k,): c for k, c in enumerate(found) if c != 0}
    else:
        if math.comb(order + len(variables), order) > MOST_TERMS:
            raise ResiduaError(
                f"{WHERE}: order {order} in {len(variables)} variables has "
                f"{math.comb(order + len(variables), order)} terms; at most {MOST_TERMS} are computed"
            )
        terms = polynomial(read, point, order)
    return ExpressionSeries(read, variables, point, order, terms)


def _along_one(read: Given, point: dict[str, sp.Expr], variable: str) -> tuple[Given, dict[str, sp.Expr]]:
    """The function of one variable that it is with the others at their values."""
    if variable not in point:
        raise ResiduaError(f"{WHERE}: variable: expected one of {', '.join(point)}, got {variable!r:.40}")
    others = {symbol: point[symbol.name] for symbol in read.sympy.free_symbols if symbol.name != variable}
    return given(read.sympy.xreplace(others)) if others else read, {variable: point[variable]}


def _point(names: tuple[str, ...], at: Any) -> dict[str, sp.Expr]:
    """The exact value of every variable, in their order; a constant counts as a function of x."""
    names = names or (("x",) if not isinstance(at, Mapping) or len(at) != 1 else tuple(at))
    if not isinstance(at, Mapping):
        if len(names) > 1:
            raise ResiduaError(
                f"{WHERE}: at: expected a value for each of {', '.join(names)} by name, such as "
                f"{', '.join(f'{name}=0' for name in names)}, got {at!r:.40}"
            )
        at = {names[0]: at}
    at = {str(name): value for name, value in at.items()}
    for problem, odd in (
        ("missing", [name for name in names if name not in at]),
        ("surplus", [name for name in at if name not in names]),
    ):
        if odd:
            raise ResiduaError(f"{WHERE}: at: expected values for {', '.join(names)}; {problem}: {', '.join(odd)[:60]}")
    return {name: exactly(at[name], f"{WHERE}: at: {name}") for name in names}

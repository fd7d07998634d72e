"""Exact Taylor coefficients of expressions: the program of the expression, run over truncated power series.

Rational wherever the expression and the point allow it, else polynomials in constants such as sin(1) and √2. A quotient
in which numerator and denominator vanish alike (sin(x)/x at 0) is carried out exactly, with as many terms more as it
loses. Everything that has no Taylor series is refused in one line that says why.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import flint
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.domains import balls
from residua_symbolic.expressions.conversion import from_program
from residua_symbolic.expressions.evaluation import PointError, evaluate
from residua_symbolic.expressions.given import Given
from residua_symbolic.expressions.graph import NUMBER, Graph, Node, rebuilt
from residua_symbolic.series.coefficients.exact_constants import (
    Constants,
    RefusedError,
    TooLongError,
    UndecidedError,
    exact,
    number,
)
from residua_symbolic.series.coefficients.exact_functions import ExactDomain
from residua_symbolic.series.coefficients.exact_series import Constant, Series, TermsError

LOST = 64  # the most orders that quotients may lose
ROOM = 256  # beyond the terms kept: what a series may be shifted by poles and quotients on its way


def coefficients(function: Given, variable: str, at: sp.Expr, order: int) -> tuple[sp.Expr, ...]:
    """c_0, …, c_order with f(x) = Σ_k c_k (x − at)^k: rational numbers, or exact constants of SymPy.

    Raises PointError with the reason where there is no Taylor series: kinks, poles, branch points, values that are not
    real, constants of which it cannot be told whether they are zero, exact coefficients of thousands of terms.
    """
    others = [name for name in function.variables if name != variable]
    if others:
        raise ResiduaError(f"expected a function of {variable} alone, got one of {', '.join(others)} as well")
    constants = Constants()
    found = _series(function, {variable: exact(at)}, constants, order)
    return tuple(map(number if found.is_rational else constants.sympy, _parts(found, order)))


def polynomial(function: Given, at: Mapping[str, sp.Expr], order: int) -> dict[tuple[int, ...], sp.Expr]:
    """The coefficient of Π (x_i − at_i)^k_i for every (k_i) of sum ≤ `order`, if it is not zero.

    Exponents are in the order of `function.variables`. Found by homogeneous parts: along x = at + t d with free d, the
    coefficient of t^k is the part of degree k. Raises PointError as `coefficients`.
    """
    missing = [name for name in function.variables if name not in at]
    if missing:
        raise ResiduaError(f"expected a point for {missing[0]!r}, got one for: {', '.join(at) or 'none'}")
    if len(function.variables) < 2:
        return _of_one(function, at, order)
    constants = Constants(function.variables)
    found = _series(function, {name: exact(at[name]) for name in function.variables}, constants, order)
    result: dict[tuple[int, ...], sp.Expr] = {}
    for part in _parts(found, order):
        for exponents, constant in constants.by_displacement(part).items():
            value = constants.sympy(constant)
            if value != 0:
                result[exponents] = value
    return result


def _of_one(function: Given, at: Mapping[str, sp.Expr], order: int) -> dict[tuple[int, ...], sp.Expr]:
    if not function.variables:
        (value, *_) = coefficients(function, "", sp.Integer(0), 0)
        return {(): value} if value != 0 else {}
    (name,) = function.variables
    found = coefficients(function, name, at[name], order)
    return {(k,): c for k, c in enumerate(found) if c != 0}


def _parts(found: Series, order: int) -> list[Any]:
    """The coefficients of t^0 … t^order."""
    if found.is_rational:
        return [found.parts[k] for k in range(order + 1)]
    return found.listed()[: order + 1]


def _series(function: Given, at: Mapping[str, sp.Expr], constants: Constants, order: int) -> Series:
    """The expression along at + t d, to `order`; run again with more terms where quotients lose some."""
    (node,) = _with_quotients(from_program(Graph(), function.program))
    terms = order + 1
    with balls.precision(flint.ctx.prec, order + LOST + ROOM):
        while True:
            try:
                found = _run(node, at, constants, terms)
            except TermsError:
                missing = max(1, terms)
            else:
                missing = order + 1 - found.end
                if missing <= 0:
                    return found
            if terms == order + LOST:
                raise _refused("a divisor, or what a root or sign is taken of, may vanish altogether", at)
            terms = min(order + LOST, terms + missing)


def _run(node: Node, at: Mapping[str, sp.Expr], constants: Constants, terms: int) -> Series:
    try:
        values = {name: _variable(constants, place, a, terms) for place, (name, a) in enumerate(at.items())}
        (found,) = evaluate([node], values, ExactDomain(constants))
        if isinstance(found, Constant):
            return Series.constant(found, terms)
        regular: Series = found.regular()
        return regular
    except UndecidedError as error:
        raise PointError(f"{error}: nothing is said about a Taylor series at {_where(at)}") from error
    except TooLongError as error:
        raise PointError(
            f"{error} at {_where(at)}: take a lower order, or a point with fewer irrational constants"
        ) from error
    except RefusedError as error:
        raise _refused(str(error), at) from error


def _variable(constants: Constants, place: int, a: sp.Expr, terms: int) -> Series:
    """a + t, or a + t d in several variables."""
    if a.is_Rational and not constants.displacements:
        return Series(constants, flint.fmpq_series([flint.fmpq(int(a.p), int(a.q)), 1][:terms], prec=terms))
    slope = constants.displacements[place] if constants.displacements else constants.rational(1)
    zeros = (constants.rational(0) for _ in range(terms - 2))
    return Series(constants, [constants.value(a), slope, *zeros][:terms])


def _with_quotients(outputs: tuple[Node, ...]) -> tuple[Node, ...]:
    """Reciprocals and negative powers taken into the products that they occur in, as denominators."""

    def rule(node: Node, a: tuple[Node, ...]) -> Node:
        graph = node.graph
        if node.function == "pow" and a[1].function == NUMBER and a[1].value.denominator == 1 and a[1].value < 0:
            return graph.apply("div", graph.one, graph.pow(a[0], graph.number(-a[1].value)))
        if node.function == "mul":
            reciprocals = [b for b in a if b.function == "div" and b.arguments[0] is graph.one]
            others = [b for b in a if b not in reciprocals]
            if reciprocals and others:
                return graph.apply(
                    "div", _product(graph, others), _product(graph, [b.arguments[1] for b in reciprocals])
                )
        return graph.apply(node.function, *a) if a else node

    return rebuilt(outputs, rule)


def _product(graph: Graph, factors: Sequence[Node]) -> Node:
    return graph.apply("mul", *factors) if len(factors) > 1 else factors[0]


def _refused(reason: str, at: Mapping[str, sp.Expr]) -> PointError:
    return PointError(f"{reason} at {_where(at)}: no Taylor series there")


def _where(at: Mapping[str, sp.Expr]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in at.items())

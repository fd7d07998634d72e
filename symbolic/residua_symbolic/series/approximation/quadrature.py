"""Certified integrals by Arb's adaptive Gauss–Legendre quadrature (Johansson 2018, arXiv:1802.07942): kinks are halved
away, poles and points outside the domain leave the integral without bounds."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flint
import sympy as sp

from residua_network import Program
from residua_symbolic.domains import balls
from residua_symbolic.expressions.conversion import from_program, from_sympy
from residua_symbolic.expressions.evaluation import PointError, evaluate
from residua_symbolic.expressions.graph import Graph, Node

PRECISIONS = (128, 256, 512)
ENOUGH = 50  # bits of the result
GOAL = 64  # bits asked for
GUARD = 16  # bits that an integrand may lose
SMALL = 2.0**-100  # a moment may be 0, and no number of bits then enough beside it
EVALUATIONS = 5_000  # of the integrand at one precision: a second or two
UNKNOWN = "nan"


def constant(value: sp.Expr) -> Any:
    """The ball of a constant expression, at the precision that is set."""
    (ball,) = evaluate([from_sympy(Graph(), sp.sympify(value))], {}, balls.BallDomain())
    return ball


def mean_square(
    program: Program, variable: str, at: sp.Expr, coefficients: Sequence[sp.Expr], lower: sp.Expr, upper: sp.Expr
) -> tuple[Any, int]:
    """A ball with the mean of (f − Σ c_k (x − at)^k)² over [lower, upper], and its precision; infinite where no bound
    can be had."""

    def squared(value: Any, polynomial: Any) -> Any:
        return (value - polynomial) ** 2

    return _mean(squared, program, variable, at, coefficients, lower, upper)


def mean_product(
    program: Program, variable: str, at: sp.Expr, coefficients: Sequence[sp.Expr], lower: sp.Expr, upper: sp.Expr
) -> tuple[Any, int]:
    """As `mean_square`, of f · Σ c_k (x − at)^k."""

    def product(value: Any, polynomial: Any) -> Any:
        return value * polynomial

    return _mean(product, program, variable, at, coefficients, lower, upper, SMALL)


def _mean(
    combined: Callable[[Any, Any], Any],
    program: Program,
    variable: str,
    at: sp.Expr,
    coefficients: Sequence[sp.Expr],
    lower: sp.Expr,
    upper: sp.Expr,
    smallest: float = 0.0,
) -> tuple[Any, int]:
    """`smallest`: a radius that is enough whatever the value."""
    (output,) = from_program(Graph(), program)
    for bits in PRECISIONS:
        with balls.precision(bits):
            centre, low, high = map(constant, (at, lower, upper))
            polynomial = [flint.acb(constant(c)) for c in coefficients]
            integrand = _integrand(combined, output, variable, centre, polynomial)
            goals = {"rel_tol": flint.arb(2) ** -GOAL, "abs_tol": flint.arb(2) ** -(bits - GUARD)}
            # the heap halves where the error is largest: many kinks then share what evaluations there are
            total = flint.acb.integral(integrand, low, high, **goals, eval_limit=EVALUATIONS, use_heap=True).real
            mean = total / (high - low)
            if not mean.is_finite():
                break
            if mean.rel_accuracy_bits() >= ENOUGH or mean.rad() <= smallest or bits == PRECISIONS[-1]:
                return mean, bits
    return flint.arb(0, float("inf")), bits


def _integrand(
    combined: Callable[[Any, Any], Any], output: Node, variable: str, centre: Any, polynomial: Sequence[Any]
) -> Callable[[Any, bool], Any]:
    def integrand(x: Any, analytic: bool) -> Any:
        try:
            (value,) = evaluate([output], {variable: x}, AnalyticDomain(analytic))
        except PointError:
            return flint.acb(UNKNOWN)
        return combined(value, _horner(polynomial, x - centre))

    return integrand


def _horner(coefficients: Sequence[Any], s: Any) -> Any:
    total = flint.acb(0)
    for c in reversed(coefficients):
        total = total * s + c
    return total


class AnalyticDomain:
    """Complex balls. With `analytic`, what is not analytic on the whole ball is not finite; nor is, of a real ball that
    lies outside the real domain of a function, what is then complex."""

    def __init__(self, analytic: bool) -> None:
        self._analytic = analytic

    def number(self, value: Any) -> Any:
        """A rational at its value."""
        p, q = value.as_integer_ratio()
        return flint.acb(p) / q

    def power(self, x: Any, exponent: Any) -> Any:
        """x to a power that is not whole; real for x ≥ 0 only."""
        return x.pow(exponent, analytic=self._analytic) if self._is_in_domain(x) else flint.acb(UNKNOWN)

    def function(self, name: str, x: Any) -> Any:
        """An elementary function by name."""
        return FUNCTIONS[name](x, self._analytic, self._is_in_domain(x))

    @staticmethod
    def _is_in_domain(x: Any) -> bool:
        """Whether a real ball is not of negative numbers alone; on the plane the branch cuts tell."""
        return not (x.imag.is_zero() and x.real < 0)


def _guarded(function: Callable[[Any, bool], Any]) -> Callable[[Any, bool, bool], Any]:
    return lambda x, analytic, inside: function(x, analytic) if inside else flint.acb(UNKNOWN)


def _meromorphic(function: Callable[[Any], Any]) -> Callable[[Any, bool, bool], Any]:
    return lambda x, analytic, inside: function(x)


def _piecewise(function: Callable[[Any, bool], Any]) -> Callable[[Any, bool, bool], Any]:
    return lambda x, analytic, inside: function(x, analytic)


def _atan(x: Any, analytic: bool) -> Any:
    """By its logarithms: Arb's own does not say whether a ball crosses the cuts."""
    if x.imag.is_zero():
        return x.atan()
    i = flint.acb(0, 1)
    return ((1 - i * x).log(analytic=analytic) - (1 + i * x).log(analytic=analytic)) * i / 2


FUNCTIONS: Mapping[str, Callable[[Any, bool, bool], Any]] = {
    "identity": _meromorphic(lambda x: x),
    "square": _meromorphic(lambda x: x * x),
    "cube": _meromorphic(lambda x: x * x * x),
    "exp": _meromorphic(lambda x: x.exp()),
    "sin": _meromorphic(lambda x: x.sin()),
    "cos": _meromorphic(lambda x: x.cos()),
    "tan": _meromorphic(lambda x: x.tan()),
    "sinh": _meromorphic(lambda x: x.sinh()),
    "cosh": _meromorphic(lambda x: x.cosh()),
    "tanh": _meromorphic(lambda x: x.tanh()),
    "erf": _meromorphic(lambda x: x.erf()),
    "sigmoid": _meromorphic(lambda x: 1 / (1 + (-x).exp())),
    "gelu": _meromorphic(lambda x: x * (1 + (x / flint.acb(2).sqrt()).erf()) / 2),
    "silu": _meromorphic(lambda x: x / (1 + (-x).exp())),
    "softplus": _piecewise(lambda x, analytic: (1 + x.exp()).log(analytic=analytic)),
    "atan": _piecewise(_atan),
    "log": _guarded(lambda x, analytic: x.log(analytic=analytic)),
    "sqrt": _guarded(lambda x, analytic: x.sqrt(analytic=analytic)),
    "relu": _piecewise(lambda x, analytic: x.real_max(flint.acb(0), analytic=analytic)),
    "abs": _piecewise(lambda x, analytic: x.real_abs(analytic=analytic)),
    "sign": _piecewise(lambda x, analytic: x.real_sgn(analytic=analytic)),
    "step": _piecewise(lambda x, analytic: x.real_heaviside(analytic=analytic)),
    "pi": _meromorphic(lambda _: flint.acb.pi()),
    "e": _meromorphic(lambda _: flint.acb(1).exp()),
}

"""Expectations over Gaussian inputs without a closed form, each with a bound on its error.

One variable: Arb's adaptive quadrature over |u| ≤ CUT of z = m + √q u, and a bound on what lies beyond.
Two variables: the trapezoidal rule in floats. With a = √|c|, b = √(q − |c|) and u, u', w independent standard normal,

    E φ(z) φ(z') = E F(w) F(±w),    F(w) = E φ(m + a w + b u),

the lower sign for c < 0. A rule of step h errs by at most 2 M / (exp(2π α/h) − 1) where the integrand is analytic for
|Im| < α and M bounds the integral of its modulus on every line there (Trefethen, Weideman 2014, SIAM Review 56,
theorem 5.1). M is known by hand for the few functions that need it, and for F by moving the Gaussian density instead.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import flint
import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from residua_symbolic.domains import balls
from residua_symbolic.expressions.conversion import from_sympy
from residua_symbolic.expressions.evaluation import PointError, evaluate
from residua_symbolic.expressions.graph import Graph, Node
from residua_symbolic.functions import ACTIVATIONS
from residua_symbolic.series.approximation.quadrature import AnalyticDomain

BITS = 96
GOAL = 2.0**-62  # beside the value, and alone
EVALUATIONS = 20_000
CUT = 14  # standard deviations: exp(−98) lies below every goal
REACH = 10.5  # the same for floats: the density there is 1e−24 of its height
DIGITS = 40.0  # the rule's error is to be exp(−40) = 4e−18 of the integrand's size
SLACK = 64.0  # roundings of one term: of the density's exponent, up to 55 in size, and of the function's value
FEWEST = 64  # nodes that a rule has at least, about
LARGEST = 2**27  # values of φ on the grid; beyond, the step is wider and the error, as always, what comes out
CHUNK = 2**20
Z = sp.Symbol("z", real=True)
EPS = float(np.finfo(np.float64).eps)
Floats = NDArray[np.float64]


def expectation(f: Callable[[Any, bool], Any], q: float, m: float, growth: int, factor: float = 1.0) -> Any:
    """A ball with E f(m + √q u), given |f(z)| ≤ factor · (1 + |z|)^growth for real z. f(z, analytic) is as
    `flint.acb.integral` wants it: not finite where `analytic` is asked for and f is not analytic on the whole ball."""
    with balls.precision(BITS):
        middle, scale = flint.acb(m), flint.acb(q).sqrt()
        height = 1 / (2 * flint.acb.pi()).sqrt()

        def integrand(u: Any, analytic: bool) -> Any:
            try:
                return f(middle + scale * u, analytic) * (-u * u / 2).exp() * height
            except PointError:
                return flint.acb("nan")

        goals = {"rel_tol": flint.arb(GOAL), "abs_tol": flint.arb(GOAL) ** 2, "eval_limit": EVALUATIONS}
        inside = flint.acb.integral(integrand, -CUT, CUT, use_heap=True, **goals).real
        size = flint.arb(factor) * (1 + abs(flint.arb(m)) + flint.arb(q).sqrt()) ** growth
        # 1 + |m| + √q |u| ≤ (1 + |m| + √q) |u| for |u| ≥ 1, and E[|u|^p; |u| > T] is an incomplete gamma function
        half = flint.arb(growth + 1) / 2
        beyond = size * (flint.arb(2) ** growth / flint.arb.pi()).sqrt() * flint.arb(CUT * CUT / 2).gamma_upper(half)
        return inside + flint.arb(0, beyond.upper())


def activation_expectation(name: str, slope: bool, power: int, q: float, m: float) -> Any:
    """A ball with E φ^power, or of the slope, of an activation by name."""
    node, domains = _node(name, slope), (_FarOut(False), _FarOut(True))

    def f(z: Any, analytic: bool) -> Any:
        (value,) = evaluate([node], {Z.name: z}, domains[analytic])
        return value**power

    growth, factor = GROWTH[name][slope]
    return expectation(f, q, m, growth * power, factor**power)


# (p, C) with |φ(z)| ≤ C (1 + |z|)^p for real z, then the same of φ'; gelu' and silu' are at most 1.13 and 1.10
_BOUNDED, _LINEAR = ((0, 1.0), (0, 1.0)), ((1, 1.0), (0, 1.2))
GROWTH = {
    **dict.fromkeys(("tanh", "sigmoid", "sin"), _BOUNDED),
    **dict.fromkeys(("identity", "relu", "gelu", "silu", "softplus"), _LINEAR),
    "square": ((2, 1.0), (1, 2.0)),
    "cube": ((3, 1.0), (2, 3.0)),
}


class _FarOut(AnalyticDomain):
    """As its base; sigmoid and softplus of wide balls far to either side keep bounds, exp growing on neither."""

    def function(self, name: str, x: Any) -> Any:
        """An elementary function by name."""
        if name == "sigmoid" and x.real < 0:
            e = x.exp()
            return e / (1 + e)
        if name == "softplus" and x.real > 0:
            return x + super().function(name, -x)
        return super().function(name, x)


def value_at(name: str, slope: bool, z: float) -> Any:
    """A ball with φ(z) or φ'(z) itself; relu'(0) = 0."""
    with balls.precision(BITS):
        (value,) = evaluate([_node(name, slope)], {Z.name: flint.arb(z)}, balls.BallDomain())
        return value


@cache
def _node(name: str, slope: bool) -> Node:
    value = ACTIVATIONS[name](Z)
    return from_sympy(Graph(), sp.diff(value, Z) if slope else value)


@dataclass(frozen=True)
class OnStrip:
    """|f(x + iy)| ≤ offset + rate · |x| for |y| ≤ width; at width 0 the bound is for real z alone."""

    function: Callable[[Floats], Floats]
    width: float
    offset: float
    rate: float
    smoothed: Callable[[Floats, float], Floats] | None = None  # E f(μ + b u) in closed form, of μ and b > 0


def _slope_of_tanh(z: Floats) -> Floats:
    """1/cosh²; at 350 it is 4e−304, and beyond cosh² overflows."""
    result: Floats = 1 / np.cosh(np.clip(z, -350.0, 350.0)) ** 2
    return result


def _relu(z: Floats) -> Floats:
    result: Floats = np.maximum(z, 0.0)
    return result


def _step(z: Floats) -> Floats:
    result: Floats = np.heaviside(z, 0.0)
    return result


def _density(t: Floats) -> Floats:
    result: Floats = np.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    return result


# |tanh(x + iy)|² = (cosh 2x − cos 2y) / (cosh 2x + cos 2y) ≤ 1 for |y| ≤ π/4; σ(z) = (1 + tanh(z/2)) / 2.
# |1 + exp z| lies between 1 and 1 + exp x for |y| ≤ π/2, and its angle in [−π/2, π/2].
# |Φ(x + iy)| ≤ 1 + |y| exp(y²/2) / √(2π), and the density at x + iy is at most exp(y²/2) / √(2π).
_QUARTER, _HALF = math.pi / 4, math.pi / 2
_ERROR = math.exp(0.5) / math.sqrt(2 * math.pi)
STRIPS: dict[tuple[str, bool], OnStrip] = {
    ("tanh", False): OnStrip(np.tanh, _QUARTER, 1.0, 0.0),
    ("tanh", True): OnStrip(_slope_of_tanh, _QUARTER, 2.0, 0.0),
    ("sigmoid", False): OnStrip(expit, _HALF, 1.0, 0.0),
    ("sigmoid", True): OnStrip(lambda z: expit(z) * expit(-z), _HALF, 1.0, 0.0),
    ("silu", False): OnStrip(lambda z: z * expit(z), _HALF, _HALF, 1.0),
    ("silu", True): OnStrip(lambda z: expit(z) * (1 + z * expit(-z)), _HALF, 1 + _HALF, 1.0),
    ("softplus", False): OnStrip(lambda z: np.logaddexp(0.0, z), _HALF, math.log(2) + _HALF, 1.0),
    ("softplus", True): OnStrip(expit, _HALF, 1.0, 0.0),
    ("gelu", False): OnStrip(lambda z: z * ndtr(z), 1.0, 1 + _ERROR, 1 + _ERROR),
    ("gelu", True): OnStrip(lambda z: ndtr(z) + z * _density(z), 1.0, 1 + 2 * _ERROR, _ERROR),
    ("sin", False): OnStrip(np.sin, 1.0, math.cosh(1), 0.0),
    ("sin", True): OnStrip(np.cos, 1.0, math.cosh(1), 0.0),
    ("relu", False): OnStrip(_relu, 0.0, 0.0, 1.0, lambda z, b: z * ndtr(z / b) + b * _density(z / b)),
    ("relu", True): OnStrip(_step, 0.0, 1.0, 0.0, lambda z, b: ndtr(z / b)),
}


@dataclass(frozen=True)
class _Rule:
    """Nodes and weights for a standard normal variable, and the bound on the rule's error where the integrand without
    the density is at most 1 in modulus on the lines used."""

    nodes: Floats
    weights: Floats
    error: float

    @classmethod
    def of(cls, width: float, penalty: float, most: float) -> "_Rule":
        """For an integrand at most exp(penalty y²) on the line of height |y| < width; the density adds y²/2 to it."""
        curve = penalty + 0.5
        alpha = min(width, math.sqrt(DIGITS / curve))
        step = max(2 * math.pi * alpha / (DIGITS + curve * alpha**2), 2 * REACH / most)
        count = math.ceil(REACH / step) + 1
        nodes: Floats = step * np.arange(-count, count + 1, dtype=np.float64)
        # the exponents apart, lest they overflow
        error = 2 * math.exp(curve * alpha**2 - 2 * math.pi * alpha / step) / -math.expm1(-2 * math.pi * alpha / step)
        return cls(nodes, step * _density(nodes), error)


def product_by_rule(name: str, slope: bool, q: float, c: float, m: float) -> tuple[float, float]:
    """E φ(z) φ(z') of an activation or its slope, |c| < q, and a bound on its error: that of the rule, of what lies
    beyond its nodes, and of rounding, elementary functions being right to a few units in the last place."""
    strip = STRIPS[name, slope]
    a, b = math.sqrt(abs(c)), math.sqrt(q - abs(c))
    outer = _outer(strip.width / a, (a / b) ** 2)
    inner = None if strip.smoothed else _Rule.of(strip.width / b, 0.0, LARGEST / len(outer.nodes))
    smooth = _smoothed(strip, inner, m + a * outer.nodes, b)
    value = float(np.sum(outer.weights * smooth * (smooth if c >= 0 else smooth[::-1])))
    return value, _error_bound(strip, inner, outer, (a, b, m))


def _outer(width: float, penalty: float) -> _Rule:
    """The one with fewer nodes: φ is analytic on a strip, or F is wherever its density may be moved, both factors then
    growing by exp(a² y² / (2 b²))."""
    rules = [_Rule.of(math.inf, penalty, LARGEST / FEWEST)]
    rules += [_Rule.of(width, 0.0, LARGEST / FEWEST)] if width > 0 else []
    return min(rules, key=lambda rule: (rule.error > math.exp(2 - DIGITS), len(rule.nodes)))


def _smoothed(strip: OnStrip, inner: _Rule | None, at: Floats, b: float) -> Floats:
    if inner is None:
        assert strip.smoothed is not None
        return strip.smoothed(at, b)
    rows = max(1, CHUNK // len(inner.nodes))
    parts = [
        strip.function(at[first : first + rows, None] + b * inner.nodes) @ inner.weights
        for first in range(0, len(at), rows)
    ]
    return np.concatenate(parts)


def _error_bound(strip: OnStrip, inner: _Rule | None, outer: _Rule, scales: tuple[float, float, float]) -> float:
    """From |F(w)| ≤ S(w) = offset + rate (|m| + a |w| + b) on all lines used: E|u| < 1."""
    a, b, m = scales
    size = strip.offset + strip.rate * (abs(m) + a * abs(outer.nodes) + b)
    fixed, moving = strip.offset + strip.rate * (abs(m) + b), strip.rate * a
    mean_square = fixed**2 + 2 * fixed * moving * math.sqrt(2 / math.pi) + moving**2
    squared = max(float(np.sum(outer.weights * size**2)), mean_square)  # of the rule's own nodes, and of S
    largest = strip.offset + strip.rate * (abs(m) + a + b)
    end = REACH * _tail(REACH)
    inside = 0.0 if inner is None else inner.error + end  # beside S
    rule = squared * (outer.error + 2 * inside + inside**2) + largest**2 * end * REACH
    terms = len(outer.nodes) + (0 if inner is None else 2 * len(inner.nodes))
    return rule + squared * (terms + 2 * SLACK) * EPS


def _tail(reach: float) -> float:
    """2 φ(T), which bounds E[|u|; |u| > T]."""
    return 2 * math.exp(-reach * reach / 2) / math.sqrt(2 * math.pi)


def product_reflected(name: str, slope: bool, q: float, m: float) -> Any:
    """A ball with E φ(z) φ(2m − z): c = −q."""
    node, domains = _node(name, slope), (_FarOut(False), _FarOut(True))

    def f(z: Any, analytic: bool) -> Any:
        (one,) = evaluate([node], {Z.name: z}, domains[analytic])
        (other,) = evaluate([node], {Z.name: 2 * flint.acb(m) - z}, domains[analytic])
        return one * other

    growth, factor = GROWTH[name][slope]  # 1 + |2m − z| ≤ (1 + 2|m|) (1 + |z|)
    return expectation(f, q, m, 2 * growth, factor**2 * (1 + 2 * abs(m)) ** growth)

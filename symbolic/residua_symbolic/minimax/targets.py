"""Functions to be fitted by linear pieces, each written once and evaluated in float64 and in balls."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_symbolic.domains import balls
from residua_symbolic.domains.balls import BallDomain
from residua_symbolic.domains.floats import FloatDomain, Floats
from residua_symbolic.expressions.conversion import from_sympy
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.graph import Graph

x = sp.Symbol("x", positive=True)
Map = Callable[[Any, Any], Any]  # (domain, argument)
ROOT = 20  # x = u^20 makes x^(αp) smooth for the α of all targets and p = 2/5, 1/2


@dataclass(frozen=True, eq=False)
class Target:
    """f on [0, end], or on [−end, end] if it is odd there; its second derivative has one sign for x > 0.

    `value` and `parallel` (where f has a given slope) are maps over a domain, `formula` is the same f for SymPy (of an
    odd one for x > 0). `bend` is |f''|, which is x^`power` times what is smooth: `smooth`, over the domain of complex
    balls. |f''| has no least value inside an interval of x > 0: it is largest somewhere and falls from there.
    """

    name: str
    formula: sp.Expr
    end: float
    value: Map
    parallel: Map
    bend: sp.Expr
    power: sp.Rational
    smooth: Callable[[Any], Any]
    odd: bool = False

    @property
    def side(self) -> int:
        """1 where f is convex for x > 0, −1 where it is concave. Raises ValueError where SymPy decides neither."""
        second = sp.diff(self.formula, x, 2)
        if not sp.simplify((second**2 - self.bend**2).rewrite(sp.exp)) == 0 or not self.bend.is_positive:
            raise ValueError(f"{self.name}: {self.bend} is not proved to be the size of the second derivative")
        with balls.precision():
            at = flint.arb(self.end) / 2
            return 1 if _at(second, at) > 0 else -1

    @property
    def length(self) -> float:
        """Of the whole interval."""
        return self.end * (2 if self.odd else 1)

    @property
    def interval(self) -> str:
        """As it is printed."""
        return f"[{'−' + format(self.end, 'g') if self.odd else 0}, {self.end:g}]"

    def bend_at(self, point: float) -> Any:
        """|f''| at x > 0, a ball; at 0 its limit."""
        if point == 0:
            limit = sp.limit(self.bend, x, 0, "+")
            return flint.arb("inf") if limit == sp.oo else flint.arb(int(limit.p)) / int(limit.q)
        return _at(self.bend, flint.arb(point))

    def bend_ball(self, cell: Any) -> Any:
        """A ball around |f''| over a ball of x > 0, or around 0 where that makes sense."""
        return _at(self.bend, cell)

    def value_at(self, points: Floats) -> Floats:
        """f over an array of x > 0."""
        return np.asarray(self.value(FLOATS, points))

    def parallel_at(self, slopes: Floats) -> Floats:
        """Where f has these slopes, x > 0."""
        return np.asarray(self.parallel(FLOATS, slopes))

    def at(self, point: Any) -> Any:
        """f in balls, or in float64, by what it is given; also at negative x if f is odd."""
        if isinstance(point, flint.arb_series):
            return self.value(BALLS, point)  # of points where no sign matters
        if self.odd and point < 0:
            return -self.at(-point)
        return self.value(BALLS if isinstance(point, flint.arb) else FLOATS, point)

    def integral(self, power: sp.Rational) -> Any:
        """∫ |f''|^p over the whole interval, certified: Arb's quadrature after x = u^20."""
        outer = ROOT - 1 + ROOT * self.power * power
        exponent, weight = int(outer), flint.acb(int(power.p)) / int(power.q)
        assert outer == exponent

        def integrand(u: Any, analytic: bool) -> Any:
            return ROOT * u**exponent * self.smooth(u**ROOT).pow(weight, analytic=analytic)

        half = flint.acb.integral(integrand, 0, flint.arb(self.end) ** (flint.arb(1) / ROOT)).real
        return half * (2 if self.odd else 1)

    @cached_property
    def constants(self) -> tuple[Any, Any]:
        """Of the laws in the mean square, (∫ |f''|^(2/5))⁵/(720 L), and in the supremum, (∫ |f''|^(1/2))²/16; balls."""
        with balls.precision():
            square = self.integral(sp.Rational(2, 5)) ** 5 / (720 * flint.arb(self.length))
            return square, self.integral(sp.Rational(1, 2)) ** 2 / 16


BALLS, FLOATS = BallDomain(), FloatDomain()


def _at(e: sp.Expr, point: Any) -> Any:
    (found,) = evaluate([from_sympy(Graph(), e)], {"x": point}, BALLS)
    return found


def _root(o: Any, z: Any) -> Any:
    return o.function("sqrt", z)


def _sigmoid_parallel(o: Any, slope: Any) -> Any:
    root = _root(o, 1 - 4 * slope)
    return o.function("log", (1 + root) / (1 - root))


def _tanh_parallel(o: Any, slope: Any) -> Any:
    root = _root(o, 1 - slope)
    return o.function("log", (1 + root) / (1 - root)) / 2


def _sinhc(z: Any) -> Any:
    """sinh z/z of a complex ball."""
    return (z * flint.acb(0, 1)).sinc()


TARGETS = {
    target.name: target
    for target in (
        Target(
            "exp(x)", sp.exp(x), 1.0, lambda o, z: o.function("exp", z), lambda o, s: o.function("log", s),
            sp.exp(x), sp.Rational(0), lambda z: z.exp(),
        ),
        Target(
            "x^2", x**2, 1.0, lambda o, z: z * z, lambda o, s: s / 2,
            sp.Integer(2), sp.Rational(0), lambda z: z * 0 + 2,
        ),
        Target(
            "sqrt(x)", sp.sqrt(x), 1.0, _root, lambda o, s: 1 / (4 * s * s),
            x ** sp.Rational(-3, 2) / 4, sp.Rational(-3, 2), lambda z: z * 0 + flint.acb(1) / 4,
        ),
        Target(
            "x^(3/2)", x ** sp.Rational(3, 2), 1.0, lambda o, z: z * _root(o, z), lambda o, s: 4 * s * s / 9,
            3 / (4 * sp.sqrt(x)), sp.Rational(-1, 2), lambda z: z * 0 + flint.acb(3) / 4,
        ),
        Target(
            "tanh(x)", sp.tanh(x), 3.0, lambda o, z: o.function("tanh", z), _tanh_parallel,
            2 * sp.sinh(x) / sp.cosh(x) ** 3, sp.Rational(1), lambda z: 2 * _sinhc(z) / z.cosh() ** 3, odd=True,
        ),
        Target(
            "sigmoid(x) - 1/2", 1 / (1 + sp.exp(-x)) - sp.Rational(1, 2), 8.0,
            lambda o, z: o.function("tanh", z / 2) / 2, _sigmoid_parallel,
            sp.sinh(x / 2) / (4 * sp.cosh(x / 2) ** 3), sp.Rational(1),
            lambda z: _sinhc(z / 2) / (8 * (z / 2).cosh() ** 3), odd=True,
        ),
    )
}  # fmt: skip

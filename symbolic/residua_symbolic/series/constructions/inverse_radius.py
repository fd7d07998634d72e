"""Where the inverse of a Taylor polynomial, as a series, converges: up to the nearest critical value that it meets."""

from dataclasses import dataclass
from typing import Any

import flint
import numpy as np

from residua_network import ResiduaError
from residua_symbolic.domains import balls
from residua_symbolic.series.constructions.obstruction import value_at
from residua_symbolic.series.constructions.streams import Rationals, inverse, taylor

TERMS = 160  # of the series, whose root test tells which of the critical values limits it
LAST = 24  # of these terms, the largest by root: complex values make the terms oscillate
ALGEBRAIC = 1.5  # near a square root, |g_k| falls like k^(−3/2) ρ^(−k)


@dataclass(frozen=True)
class InverseRadius:
    """Of the series g with T(g(w)) = c_0 + w: it converges at least for |w| < `least` (certified), and by its root
    test, `estimate`, for |w| < `radius`, the critical value nearest to that; infinite where T is linear."""

    least: float
    radius: float
    estimate: float


def inverse_radius(c: Rationals, last: int, terms: int = TERMS) -> InverseRadius:
    """The radius of T_last⁻¹ around c_0. Raises ResiduaError where c_1 = 0."""
    if c[1] == 0:
        raise ResiduaError("inverse_radius: the derivative at 0 is 0, so there is no inverse series")
    polynomial = taylor(c, last)
    if polynomial.degree() < 2:
        return InverseRadius(float("inf"), float("inf"), float("inf"))
    with balls.precision():
        values = [abs(_at(polynomial, root) - c[0]) for root, _ in polynomial.derivative().complex_roots()]
    g = inverse(c, last, terms)
    roots = [_root(g[k], k) for k in range(terms - LAST, terms + 1) if g[k] != 0]
    estimate = min(roots)
    radius = min((float(value.mid()) for value in values), key=lambda r: abs(np.log(r / estimate)))
    least = min(float(value.lower()) for value in values)
    return InverseRadius(float(np.nextafter(least, 0.0)), radius, estimate)


def _at(polynomial: Any, x: Any) -> Any:
    value = flint.acb(0)
    for coefficient in reversed(polynomial.coeffs()):
        value = value * x + flint.arb(coefficient)
    return value


def _root(coefficient: Any, k: int) -> float:
    size = abs(flint.arb(coefficient)) * flint.arb(k) ** flint.arb(ALGEBRAIC)
    return float((-size.log() / k).exp().mid())


def reach(c: Rationals, last: int, radius: float, end: float, points: int = 2001) -> float:
    """How far from 0, up to `end`, x stays on the branch: T_last is monotone and |T_last(x) − c_0| below the radius.

    On a grid of that many points on either side, in float64.
    """
    polynomial = taylor(c, last)
    grid = np.linspace(0.0, end, points)
    slope = polynomial.derivative()
    furthest = end
    for sign in (1.0, -1.0):
        for x in grid.tolist():
            away = abs(value_at(polynomial, flint.arb(sign * x)) - flint.arb(c[0])) < radius
            if not (away and value_at(slope, flint.arb(sign * x)) * float(flint.arb(c[1]).mid()) > 0):
                furthest = min(furthest, x)
                break
    return furthest

"""What no piecewise-linear function with N pieces can beat for sin on [−π, π], continuous or not: proved floors.

Mean square: on a piece of middle m and half length δ the best line leaves sin² m A(δ) + cos² m B(δ) of the integral,
A = δ + sin δ cos δ − 2 sin² δ/δ, B = δ − sin δ cos δ − 6 (sin δ − δ cos δ)²/δ³, and a shorter piece within leaves no
more. So each piece is cut down to whole cells of a grid, and the least sum over all ways to place such pieces is found
by dynamic programming: it is below what any knots can reach.

Supremum: N − 1 interior knots leave one of N intervals uncut, whatever the intervals; over one on which every line is
off by ε somewhere, the error is at least ε. Three points at which sin leaves a line on alternating sides bound it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import acos, pi, sin
from typing import Any

import flint
import numpy as np

from residua_network import ResiduaError
from residua_network.checks import whole
from residua_symbolic.domains import balls
from residua_symbolic.domains.floats import Floats
from residua_symbolic.series.approximation.piecewise_linear import PiecewiseLinear

CELLS = 3000  # of the grid; the floor is lower than the least error by a share of about 5 N / CELLS
MOST = 64  # pieces
# sin² m is off by 4e-16 · 2 |sin m|, which beside B may count √(A/B) < 4e3 times; sums of 64 terms are off by far less
ROUNDING = 1.0 - 1e-11
BITS = 256  # A(δ) and B(δ) are of order δ^5 and δ^7, differences of terms of order δ: 256 bits leave 150 at δ = 1e-3
HALVINGS = 200  # of bisections; a float has 53 bits and 11 of exponent


@cache
def mean_square_floors(pieces: int = 40, cells: int = CELLS) -> tuple[float, ...]:
    """Certified lower bounds of the mean square error with 1, 2, …, `pieces` pieces."""
    if whole(pieces, "pieces", "mean_square_floors") > MOST:
        raise ResiduaError(f"mean_square_floors: at most {MOST} pieces, got {pieces}")
    costs = _costs(cells)
    reached = costs[0, :].copy()  # with one piece from the left end over the first j cells
    floors = [reached[cells]]
    for _ in range(1, pieces):
        # a knot lies in cell i (0-based): the piece before covers cells before i, the piece after those from i + 1 on
        before = np.concatenate([[0.0], reached[:cells]])  # by i + 1, so that a knot in no cell at all costs nothing
        reached = np.minimum(reached, (before[:, None] + costs).min(axis=0))
        floors.append(reached[cells])
    return tuple(float(total / (2 * pi) * ROUNDING) for total in floors)


def _costs(cells: int) -> Floats:
    """Lower bounds of the integral that a piece over cells i, …, j − 1 leaves; shape (cells + 1, cells + 1), infinite
    where j < i."""
    width = 2 * pi / cells
    even, odd = _leftovers(cells)
    i, j = np.ogrid[: cells + 1, : cells + 1]
    count = np.maximum(j - i, 0)
    middle = np.sin((i + j) * (width / 2) - pi)
    share = middle**2
    costs = (share * even[count] + (1 - share) * odd[count]) * ROUNDING
    return np.asarray(np.where(j < i, np.inf, costs))


def _leftovers(cells: int) -> tuple[Floats, Floats]:
    """A(δ) and B(δ) for δ of 0, 1/2, 1, … cells, certified and rounded down."""
    even, odd = np.zeros(cells + 1), np.zeros(cells + 1)
    with balls.precision(BITS):
        unit = flint.arb.pi() / cells
        for count in range(1, cells + 1):
            a, b = leftovers(unit * count)
            even[count], odd[count] = (max(0.0, np.nextafter(float(v.lower()), -np.inf)) for v in (a, b))
    return even, odd


def leftovers(half: Any) -> tuple[Any, Any]:
    """A(δ) and B(δ), as balls."""
    s, c = half.sin(), half.cos()
    return half + s * c - 2 * s * s / half, half - s * c - 6 * (s - half * c) ** 2 / half**3


@dataclass(frozen=True, eq=False)
class SupremumFit:
    """Equal errors on all pieces: `error` as a float; `lower` and `upper`, balls, bound the least possible from below
    and the fit's own supremum from above."""

    fit: PiecewiseLinear
    error: float
    lower: Any
    upper: Any


@cache
def best_supremum(pieces: int) -> SupremumFit:
    """The best continuous piecewise-linear function for sin on [−π, π] in the supremum, for an odd number of pieces.

    The middle piece passes through 0; the others are chords, moved out by the error, over arches without inflection:
    both neighbours of a knot are off by the same amount there. Raises ResiduaError for an even number: the middle knot
    at 0 would have to be off to both sides.
    """
    if whole(pieces, "pieces", "best_supremum") > MOST or pieces % 2 == 0:
        raise ResiduaError(f"best_supremum: expected an odd number of pieces up to {MOST}, got {pieces}")
    low, high = 0.0, 2.0
    for _ in range(HALVINGS):
        error = (low + high) / 2
        if error in (low, high):
            break
        low, high = (error, high) if _right_knots(error, pieces)[-1] < pi else (low, error)
    knots = _right_knots(high, pieces)
    knots[-1] = pi
    values = [sin(t) + high for t in knots]
    fit = PiecewiseLinear(
        np.array([-t for t in reversed(knots)] + knots), np.array([-v for v in reversed(values)] + values)
    )
    with balls.precision():
        lower, upper = _lower(fit), _upper(fit)
    return SupremumFit(fit, high, lower, upper)


def _right_knots(error: float, pieces: int) -> list[float]:
    """The positive knots at which pieces of this error end, going right from the middle; at most π."""
    knots = [_middle_end(error)]
    for _ in range(pieces // 2):
        knots.append(_next_end(knots[-1], error))
    return knots


def _middle_end(error: float) -> float:
    """a with sup over [0, a] of sin x − s x equal to the error, where s a = sin a + error."""

    low, high = 0.0, pi
    if _deviation(error / pi, 0.0, 0.0) < error:
        return pi
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        slope = (sin(middle) + error) / middle if middle else np.inf
        short = slope >= 1 or _deviation(slope, 0.0, 0.0) < error
        low, high = (middle, high) if short else (low, middle)
    return high


def _next_end(start: float, error: float) -> float:
    """b ≤ π such that the chord over [start, b] is off by twice the error."""

    def off(end: float) -> float:
        slope = (sin(end) - sin(start)) / (end - start)
        return _deviation(slope, start, sin(start))

    if start >= pi or off(pi) <= 2 * error:
        return pi
    low, high = start, pi
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if off(middle) < 2 * error else (low, middle)
    return high


def _deviation(slope: float, x: float, y: float) -> float:
    """sin minus the line through (x, y) where they are parallel, at the place in [0, π]."""
    place = acos(max(-1.0, min(1.0, slope)))
    return sin(place) - y - slope * (place - x)


def _lower(fit: PiecewiseLinear) -> Any:
    """The least, over the pieces' intervals, of what three points prove; a ball."""
    found = []
    for a, b, slope in zip(fit.knots[:-1], fit.knots[1:], fit.slopes, strict=True):
        place = acos(max(-1.0, min(1.0, slope)))
        inside = sorted(p for p in (-place, place) if a < p < b)
        triple = (a, *inside, b)[:3]
        found.append(three_points(triple))
    return min(found, key=lambda ball: float(ball.mid()))


def three_points(points: Sequence[float]) -> Any:
    """A bound from below of sup |sin − line| for every line: half the mean distance to alternating sides, as a ball."""
    p, q, r = map(flint.arb, points)
    left, right = (r - q) / (r - p), (q - p) / (r - p)
    return abs(left * p.sin() + right * r.sin() - q.sin()) / 2


def _upper(fit: PiecewiseLinear) -> Any:
    """sup |sin − fit|, a ball: it is taken at knots and where a piece is parallel to sin.

    The last knot is the float π; beyond it nothing changes by more than twice the distance to π.
    """
    found, beyond = [], 2 * (flint.arb.pi() - flint.arb(pi))
    pairs = zip(fit.knots[:-1], fit.knots[1:], fit.values[:-1], fit.values[1:], strict=True)
    for a, b, at_a, at_b in pairs:
        left, right, low, high = map(flint.arb, (a, b, at_a, at_b))
        slope = (high - low) / (right - left)
        places = [left, right]
        if abs(slope) <= 1:
            places += [sign * slope.acos() for sign in (-1, 1)]
        inside = [p for p in places if not (p < left or p > right)]
        found += [abs(p.sin() - low - slope * (p - left)) for p in inside]
    return max(found, key=lambda ball: float(ball.upper())) + beyond

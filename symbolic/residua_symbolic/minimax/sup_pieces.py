"""The best N linear pieces in the supremum, certified from both sides, for functions that bend one way and odd ones.

All pieces are off by one number e: where f is convex they are its chords, moved down by e; chords whose f lies 2e below
them somewhere. N − 1 knots leave one of these N intervals uncut; over it every line is off by e somewhere, so nothing
with N pieces is nearer, continuous or not. For an odd f the middle piece passes through 0, and N is odd.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import flint
import numpy as np
from scipy.optimize import brentq

from residua_network import ResiduaError
from residua_network.checks import whole
from residua_symbolic.domains import balls
from residua_symbolic.minimax.roots import slope_of
from residua_symbolic.minimax.targets import FLOATS, TARGETS, Target
from residua_symbolic.series.approximation.piecewise_linear import PiecewiseLinear

MOST = 256  # pieces
LEAST = 1e-9  # of the error of one piece; what no number of pieces up to MOST comes near
TINY = 1e-13  # of the interval: where two knots count as one


@dataclass(frozen=True, eq=False)
class BestPieces:
    """The fit in float64; `lower`, a ball below the error of everything with N pieces, `upper`, one above the fit's."""

    fit: PiecewiseLinear
    error: float
    lower: Any
    upper: Any


@cache
def best_pieces(name: str, pieces: int) -> BestPieces:
    """Of the target of this name. Raises ResiduaError for an even number of pieces of an odd function."""
    target = TARGETS[name]
    if whole(pieces, "pieces", "best_pieces") > MOST or (target.odd and pieces % 2 == 0):
        kind = "an odd number" if target.odd else "a number"
        raise ResiduaError(f"best_pieces: expected {kind} of pieces up to {MOST} for {name}, got {pieces}")
    error = _balanced(target, pieces)
    knots = _knots(target, error, pieces)
    with balls.precision():
        lower = _smallest([_three_points(target, triple) for triple in _triples(target, knots, error)])
        values = _values(target, knots, error)
        upper = _largest(target, knots, values)
    if target.odd:
        knots = [-t for t in reversed(knots)] + knots
        values = [-v for v in reversed(values)] + values
    return BestPieces(PiecewiseLinear(np.array(knots), np.array(values)), error, lower, upper)


def _balanced(target: Target, pieces: int) -> float:
    """The e with which the last piece is off by as much as the others."""
    if pieces == 1:
        return _middle_error(target) if target.odd else _gap(target, 0.0, target.end) / 2

    def surplus(error: float) -> float:
        start = _knots(target, error, pieces)[-2]
        return 2 * error - (_gap(target, start, target.end) if start < target.end else 0.0)

    most = _middle_error(target) if target.odd else _gap(target, 0.0, target.end) / 2
    return float(brentq(surplus, most * LEAST, most, xtol=most * LEAST**2))


def _knots(target: Target, error: float, pieces: int) -> list[float]:
    """t_0, …, of x > 0: 0 and N more, or the (N + 1)/2 positive ones of an odd f; each piece but the last as long as e
    admits."""
    knots = [_middle_end(target, error)] if target.odd else [0.0]
    for _ in range(((pieces - 1) // 2 if target.odd else pieces) - 1):
        knots.append(_next(target, knots[-1], error))
    return [*knots, target.end] if pieces > 1 or not target.odd else [target.end]


def _middle_error(target: Target) -> float:
    """The error of one line for an odd f: the least."""
    end, value = target.end, float(target.at(target.end))

    def apart(slope: float) -> float:
        return _bulge(target, slope) - (slope * end - value)

    return _bulge(target, float(brentq(apart, value / end, _steepest(target))))


@cache
def _steepest(target: Target) -> float:
    """f'(0)."""
    with balls.precision():
        return float(slope_of(target.at)(flint.arb(0)).mid())


def _bulge(target: Target, slope: float) -> float:
    """f − slope x where they are parallel."""
    if slope >= _steepest(target):
        return 0.0
    place = float(target.parallel(FLOATS, slope))
    return float(target.at(place)) - slope * place


def _middle_slope(target: Target, error: float) -> float:
    """The slope of the middle piece: off by e where parallel."""
    steep = _steepest(target)
    flat = steep
    while _bulge(target, flat) < error:
        flat *= 0.9
    if flat == steep:
        return steep
    return float(brentq(lambda slope: _bulge(target, slope) - error, flat, steep, xtol=1e-16))


def _middle_end(target: Target, error: float) -> float:
    """k > 0 at which f is e below the middle piece; the end, if it is not reached."""
    slope = _middle_slope(target, error)
    end = target.end

    def below(t: float) -> float:
        return float(target.at(t)) - slope * t + error

    if below(end) >= 0:
        return end
    return float(brentq(below, float(target.parallel(FLOATS, slope)) if error else 0.0, end, xtol=1e-15))


def _gap(target: Target, a: float, b: float) -> float:
    """How far f lies from its chord over [a, b], where it is furthest."""
    if b - a <= TINY * target.end:
        return 0.0
    fa, fb = float(target.at(a)), float(target.at(b))
    slope = (fb - fa) / (b - a)
    place = min(max(float(target.parallel(FLOATS, slope)), a), b)
    return abs(float(target.at(place)) - fa - slope * (place - a))


def _next(target: Target, start: float, error: float) -> float:
    """The knot up to which a chord from `start` is off by 2e; the end, if it is not reached."""
    if start >= target.end or _gap(target, start, target.end) <= 2 * error:
        return target.end
    return float(brentq(lambda b: _gap(target, start, b) - 2 * error, start, target.end, xtol=1e-15))


def _triples(target: Target, knots: Sequence[float], error: float) -> list[tuple[float, float, float]]:
    """Three points a piece at which its error alternates."""
    found = []
    for a, b in pairwise(knots):
        slope = (float(target.at(b)) - float(target.at(a))) / (b - a)
        found.append((a, min(max(float(target.parallel(FLOATS, slope)), a), b), b))
    if target.odd:
        place = float(target.parallel(FLOATS, _middle_slope(target, error)))
        found.append((-place, place, knots[0]))
    return found


def _values(target: Target, knots: Sequence[float], error: float) -> list[float]:
    """At the knots: moved towards the chords' other side."""
    return [float(target.at(t)) - target.side * error for t in knots]


def _three_points(target: Target, points: Sequence[float]) -> Any:
    """Half the mean distance to alternating sides: every line is off by as much at one of them; a ball."""
    p, q, r = map(flint.arb, points)
    left, right = (r - q) / (r - p), (q - p) / (r - p)
    return abs(left * target.at(p) + right * target.at(r) - target.at(q)) / 2


def _smallest(found: Sequence[Any]) -> Any:
    least = found[0]
    for one in found[1:]:
        least = least.min(one)
    return least


def _largest(target: Target, knots: Sequence[float], values: Sequence[float]) -> Any:
    """sup |f − fit| for x ≥ 0; a ball above it."""
    pieces = list(zip(pairwise(knots), pairwise(values), strict=True))
    if target.odd:
        pieces.append(((0.0, knots[0]), (0.0, values[0])))
    found = flint.arb(0)
    for ends, heights in pieces:
        found = found.max(_largest_on(target, ends, heights))
    return found


def _largest_on(target: Target, ends: tuple[float, float], heights: tuple[float, float]) -> Any:
    """At both ends of a piece, and where it is parallel to f, found in float64.

    On a piece f − fit bends one way, so it lies on one side of its tangent at any place: beyond the value at that place
    by no more than its slope there times the length.
    """
    left, right, low, high = map(flint.arb, (*ends, *heights))
    slope = (high - low) / (right - left)
    place = flint.arb(min(max(float(target.parallel(FLOATS, float(slope.mid()))), ends[0]), ends[1]))
    off = [target.at(t) - low - slope * (t - left) for t in (left, right, place)]
    tilt = abs(slope_of(target.at)(place) - slope) * (right - left)
    return abs(off[0]).max(abs(off[1])).max(abs(off[2]) + tilt)

"""Where the knots of a broken line go, so that it is certainly within an error of the function."""

from dataclasses import dataclass
from typing import Any

import flint
import numpy as np

from residua_network import ResiduaError
from residua_symbolic.domains.floats import Floats
from residua_symbolic.series.approximation.piecewise_linear import PiecewiseLinear
from residua_symbolic.universal.target import Target

Ball = Any
MOST = 20_000  # pieces
HALVINGS = 10  # of the length of a piece: it is then within 0.1 % of the longest that will do
LONGER = 1.5  # than the piece before is tried first


@dataclass(frozen=True, eq=False)
class Placed:
    """A broken line through values of f, and a bound of its distance from f: that of its worst chord."""

    line: PiecewiseLinear
    chord: float


def chord_bound(target: Target, low: float, high: float) -> float:
    """Above |f − chord| on [low, high]: r² max(|p|, |q|, q − p) where f(c + t) = f(c) + f'(c) t + ρ t² with p ≤ ρ ≤ q,
    or the oscillation of f where that is less. The laws are derived in `chord_laws`."""
    a, b = flint.arb(low), flint.arb(high)
    centre = ((a + b) / 2).mid()
    half = (b - centre).upper().max((centre - a).upper())
    f = target.local(centre, half)
    found = f.span.upper() - f.span.lower() if f.span.is_finite() else flint.arb("inf")
    if f.bend.is_finite():
        p, q = f.bend.lower(), f.bend.upper()
        found = found.min(half**2 * abs(p).max(abs(q)).max(q - p))
    return float(np.nextafter(float(found.upper()), np.inf)) if found.is_finite() else np.inf


def longest_pieces(target: Target, error: float) -> Placed:
    """From the left, each piece as long as the bound of its chord allows. Raises ResiduaError for too many pieces."""
    first, last = target.float_ends
    knots, worst, length = [first], 0.0, last - first
    while knots[-1] < last:
        start = knots[-1]
        end, bound = _longest(target, start, min(last, start + LONGER * length), last, error)
        if len(knots) > MOST or not start < end:
            raise ResiduaError(
                f"construct: {target.function.sympy!s:.60} near {target.variable} = {start:.6g} needs more than "
                f"{MOST} pieces for an error of {error:.3g}, or has no bound there"
            )
        knots.append(end)
        worst, length = max(worst, bound), end - start
    return _placed(target, np.array(knots), worst)


def _longest(target: Target, start: float, end: float, last: float, error: float) -> tuple[float, float]:
    """The end of the longest piece found, and the bound there."""
    while (bound := chord_bound(target, start, end)) <= error and end < last:
        longer = min(last, start + 2 * (end - start))
        if not (next_bound := chord_bound(target, start, longer)) <= error:
            return _between(target, start, end, longer, bound, error)
        end, bound = longer, next_bound
    if bound <= error:
        return end, bound
    shorter = end
    while not bound <= error:
        longer, shorter = shorter, start + (shorter - start) / 2
        if not start < shorter:
            return start, np.inf
        bound = chord_bound(target, start, shorter)
    return _between(target, start, shorter, longer, bound, error)


def _between(target: Target, start: float, good: float, bad: float, known: float, error: float) -> tuple[float, float]:
    for _ in range(HALVINGS):
        middle = good + (bad - good) / 2
        bound = chord_bound(target, start, middle)
        if bound <= error:
            good, known = middle, bound
        else:
            bad = middle
    return good, known


def equal_pieces(target: Target, count: int) -> Placed:
    """`count` pieces of one length."""
    knots = np.linspace(*target.float_ends, count + 1)
    knots[0], knots[-1] = target.float_ends
    bounds = [chord_bound(target, a, b) for a, b in zip(knots[:-1].tolist(), knots[1:].tolist(), strict=True)]
    return _placed(target, knots, max(bounds))


def _placed(target: Target, knots: Floats, chord: float) -> Placed:
    return Placed(PiecewiseLinear(knots, target.values(knots)), chord)

"""sup |f − network| on the interval, enclosed: branch and bound over cells on which both are lines and remainders.

On a cell around c the difference is e_0 + e_1 t + ρ t², |t| ≤ r, in balls; what is largest anywhere lies above |e_0| of
every cell, and below the largest bound of a cell. The cell with the largest bound is halved until both are close.
"""

import heapq
from bisect import bisect_left, bisect_right
from itertools import accumulate, count, pairwise
from typing import Any

import flint
import numpy as np

from residua_symbolic.domains import balls
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.series.enclosures.bounds import whole_power
from residua_symbolic.universal.shapes import SHAPES
from residua_symbolic.universal.target import Local, Target
from residua_symbolic.universal.units import Units

Ball = Any
CLOSE = flint.arb("1.02")  # the upper end over the lower one
SMALL = flint.arb("0.01")  # of the error asked for: no need to know better
CELLS = 20_000
VALUES = 4_000_000  # of units on cells, where all count on each: some twenty seconds
FAR = 50  # beyond it an activation is its limit, or its asymptote, but for FAR e^(−FAR): z e^(−z) falls from 1 on


def supremum(target: Target, units: Units, error: float) -> Enclosure:
    """Certified bounds of sup |f − network| over the interval, the network being what its float64 weights say exactly.

    The upper end is infinite where f has no bounds. `error` says below what no closer bounds are needed.
    """
    with balls.precision():
        ball = _searched(target, Layer(units), flint.arb(error) * SMALL)
    found = np.empty((), dtype=object)
    found[()] = ball
    return Enclosure(found, balls.BITS)


def _searched(target: Target, layer: "Layer", small: Ball) -> Ball:
    cuts = [target.ends[0], *(p for p in layer.cuts if target.ends[0] < p < target.ends[1]), target.ends[1]]
    number = count()
    least, cells = flint.arb(0), list[tuple[float, int, Ball, Ball, Ball]]()

    def add(low: Ball, high: Ball) -> None:
        nonlocal least
        at, most = bounds(target, layer, low, high)
        least = least.max(at)
        heapq.heappush(cells, (-float(most) if most.is_finite() else -np.inf, next(number), most, low, high))

    for low, high in pairwise(cuts):
        add(low, high)
    most_cells = CELLS if layer.is_local else min(CELLS, VALUES // layer.units.width)
    while len(cells) < most_cells:
        _, _, most, low, high = cells[0]
        middle = ((low + high) / 2).mid()
        if most <= least * CLOSE or most <= small or not low < middle < high:
            break
        heapq.heappop(cells)
        add(low, middle)
        add(middle, high)
    most = max((cell[2] for cell in cells), key=lambda ball: float(ball) if ball.is_finite() else np.inf)
    for cell in cells:  # the float that orders them is rounded
        most = most.max(cell[2])
    return least.lower().union(most.upper())


def bounds(target: Target, layer: "Layer", low: Ball, high: Ball) -> tuple[Ball, Ball]:
    """|f − network| in the middle of a cell, from below, and everywhere on it, from above."""
    centre = ((low + high) / 2).mid()
    half = (high - centre).upper().max((centre - low).upper())
    f, net = target.local(centre, half), layer.local(low, high, centre, half)
    at = f.at - net.at
    reached = abs(at).lower().max(flint.arb(0)) if at.is_finite() else flint.arb(0)
    by_range = (abs(f.span - net.span)).upper()
    rise, bend = abs(f.slope - net.slope) * half, (f.bend - net.bend) * half**2
    if not (rise.is_finite() and bend.is_finite()):
        return reached, by_range
    zero = flint.arb(0)
    above, below = at + rise + bend.upper().max(zero), rise - at + (-bend).upper().max(zero)
    by_series = above.upper().max(below.upper())
    return reached, by_series.min(by_range) if by_range.is_finite() else by_series


class Layer:
    """The network in balls; units whose place is far from a cell are summed beforehand."""

    def __init__(self, units: Units) -> None:
        self.units = units
        self.shape = SHAPES[units.activation]
        self.parts = [
            tuple(map(flint.arb, part))
            for part in zip(units.slopes.tolist(), units.biases.tolist(), units.factors.tolist(), strict=True)
        ]
        self.is_local = self.shape.left is not None
        self.places = [-b / w for w, b, _ in self.parts] if self.is_local else []
        self.floats = [float(p) for p in self.places]
        if self.is_local and (self.floats != sorted(self.floats) or not (units.slopes > 0).all()):
            raise ValueError("the units are expected in the order of their places, with positive slopes")
        self.steep = min(units.slopes.tolist()) if self.is_local else 1.0
        self.lefts, self.rights = self._summed(self.shape.left), self._summed(self.shape.right)
        self.sizes = list(accumulate((abs(v) for _, _, v in self.parts), initial=flint.arb(0)))

    @property
    def cuts(self) -> list[Ball]:
        """Where a cell may not reach across, or should not."""
        return [p.mid() for p in self.places]

    def _summed(self, side: tuple[int, int] | None) -> list[tuple[Ball, Ball]]:
        """Σ over the first k units of v (α + β (w x + b)), as (constant, slope)."""
        if side is None:
            return []
        limit, grows = side
        terms = [(v * (limit + grows * b), v * grows * w) for w, b, v in self.parts]
        zero = (flint.arb(0), flint.arb(0))
        return list(accumulate(terms, lambda total, term: (total[0] + term[0], total[1] + term[1]), initial=zero))

    def local(self, low: Ball, high: Ball, centre: Ball, half: Ball) -> Local:
        """The network around a point, as `Target.local` has f."""
        first, last = self._near(low, high)
        at, slope = flint.arb(self.units.constant), flint.arb(0)
        if self.is_local:  # those at the left of the cell are at the right of their place
            (a, s), (b, t), (whole, steep) = self.rights[first], self.lefts[last], self.lefts[-1]
            at, slope = at + a + (whole - b), s + (steep - t)
            at = at + slope * centre
            if self.units.activation != "relu":
                far = self.sizes[first] + self.sizes[-1] - self.sizes[last]
                at = at + far * flint.arb(0, FAR * flint.arb(-FAR).exp().upper())
        bend, wide = flint.arb(0), flint.arb(centre, half)
        for w, b, v in self.parts[first:last]:
            value, rate = self.shape.at(w * centre + b)
            at, slope = at + v * value, slope + v * w * rate
            bend = bend + v * w**2 * self.shape.bend(w * wide + b)
        t = flint.arb(0, half)
        return Local(at, slope, bend, at + slope * t + bend * whole_power(t, 2))

    def _near(self, low: Ball, high: Ball) -> tuple[int, int]:
        """The range of units that are not at their limits on the whole cell."""
        if not self.is_local:
            return 0, len(self.parts)
        if self.units.activation == "relu":  # cells do not reach across places
            middle = ((low + high) / 2).mid()
            on = bisect_left(self.floats, float(middle))
            while on < len(self.places) and self.places[on] <= low:
                on += 1
            while on > 0 and not self.places[on - 1] <= low:
                on -= 1
            return on, on
        reach = (FAR + 1) / self.steep  # 1: for the rounding of places
        return bisect_left(self.floats, float(low) - reach), bisect_right(self.floats, float(high) + reach)

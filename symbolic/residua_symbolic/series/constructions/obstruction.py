"""What a stream that has folded can no longer say: certified floors of the error behind a state that is not injective.

If S(x1) = S(x2) then whatever is computed from the state S(x) has the same value at both, and misses one of g(x1),
g(x2) by at least |g(x1) − g(x2)| / 2. The best function of the state takes the middle of the largest and the least g
over {x: S(x) = t}; in the mean square, the conditional mean.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from residua_symbolic.domains import balls

Floats = NDArray[np.float64]
Function = Callable[[Any], Any]  # of a ball
GRID = 401  # points of each round of the search for the best pair; it finds, it proves nothing
ROUNDS = 4  # each a grid between the neighbours of the best point of the one before
CLOSE = 2.0**-40  # half-width of the interval in which the partner of a point is isolated
TOLERANCE = 1e-3  # relative: how far the upper bound of a floor may lie above the lower one
LARGEST = 400_000  # boxes; beyond, the upper bound is what they give
SAME = 1e-9  # roots closer than this to the point itself are the point


@dataclass(frozen=True, eq=False)
class State:
    """A state S(x) of the stream, a polynomial over the rationals, on lower ≤ x ≤ upper (balls)."""

    polynomial: Any
    lower: Any
    upper: Any

    @cached_property
    def coefficients(self) -> Floats:
        """In float64, highest power first."""
        return np.array([float(flint.arb(c).mid()) for c in reversed(self.polynomial.coeffs())])

    @cached_property
    def ends(self) -> tuple[float, float]:
        """float64 numbers that certainly lie inside the interval."""
        low, high = float(self.lower.upper()), float(self.upper.lower())
        return float(np.nextafter(low, np.inf)), float(np.nextafter(high, -np.inf))

    def others(self, x: Floats) -> Floats:
        """The other points of the interval with the states of x (points,), in float64: (points, degree − 1), NaN where
        there are fewer. Eigenvalues of the companion matrices of (S(t) − S(x))/(t − x)."""
        quotient = [np.full_like(x, self.coefficients[0])]
        for coefficient in self.coefficients[1:-1]:
            quotient.append(quotient[-1] * x + coefficient)
        if len(quotient) < 2:
            return np.empty((len(x), 0))
        companion = np.zeros((len(x), len(quotient) - 1, len(quotient) - 1))
        companion[:, 0, :] = -np.stack(quotient[1:], axis=1) / quotient[0][:, None]
        companion[:, 1:, :-1] = np.eye(len(quotient) - 2)
        roots = np.linalg.eigvals(companion)
        inside = (roots.real >= self.ends[0]) & (roots.real <= self.ends[1])
        others = (abs(roots.imag) < SAME) & inside & (abs(roots.real - x[:, None]) > SAME)
        return np.where(others, roots.real, np.nan)

    def partner(self, x: float, near: float) -> Any:
        """A ball with a point of the state of x, by a change of sign; None where the signs do not show one."""
        low, high = (flint.arb(max(self.ends[0], near - CLOSE)), flint.arb(min(self.ends[1], near + CLOSE)))
        value = value_at(self.polynomial, flint.arb(x))
        signs = value_at(self.polynomial, low) - value, value_at(self.polynomial, high) - value
        opposite = (signs[0] < 0 and signs[1] > 0) or (signs[0] > 0 and signs[1] < 0)
        return low.union(high) if opposite else None

    @cached_property
    def fold(self) -> Any:
        """(S(x1) − S(x2)) / (x1 − x2) as rows of coefficients of x1^i x2^j: zero exactly at pairs of equal states."""
        degree = self.polynomial.degree()
        rows = [[flint.arb(0)] * degree for _ in range(degree)]
        for power in range(1, degree + 1):
            for i in range(power):  # x1^p − x2^p = (x1 − x2) Σ x1^i x2^(p−1−i)
                rows[i][power - 1 - i] = flint.arb(self.polynomial[power])
        return rows

    @property
    def is_injective(self) -> bool:
        """Whether no two points of the interval have the same state, certified: S' has no root inside it.

        False where a root lies inside, or cannot be told from lying there.
        """
        roots = self.polynomial.derivative().complex_roots() if self.polynomial.degree() > 1 else []
        for root, _ in roots:
            if root.imag.contains(0) and not (root.real < self.lower or root.real > self.upper):
                return False
        return bool(self.polynomial.degree() > 0)


@dataclass(frozen=True, eq=False)
class Floor:
    """The least sup error that a function of the state can have against g: certified bounds, and the pair of points.

    `lower` ≤ floor ≤ `upper` (floats, rounded outward). `pair`: two balls with equal states, whose values of g lie
    2 · `lower` apart; None where the state is injective and the floor 0.
    """

    lower: float
    upper: float
    pair: tuple[Any, Any] | None


def value_at(polynomial: Any, x: Any) -> Any:
    """The value at a ball, by Horner's rule."""
    value = flint.arb(0)
    for coefficient in reversed(polynomial.coeffs()):
        value = value * x + flint.arb(coefficient)
    return value


def floor_of(state: State, target: Function, bits: int = balls.BITS) -> Floor:
    """Certified bounds of sup-norm floor of g behind the state."""
    with balls.precision(bits):
        if state.is_injective:
            return Floor(0.0, 0.0, None)
        found = [pair for pair in _best_pairs(state, target) if pair is not None]
        if not found:
            return Floor(0.0, _upper(state, target, 0.0), None)
        half, pair = max(found, key=lambda one: float(one[0].lower()))
        lower = float(np.nextafter(float(half.lower()), -np.inf))
        return Floor(lower, _upper(state, target, lower), pair)


def _best_pairs(state: State, target: Function) -> "list[tuple[Any, tuple[Any, Any]] | None]":
    """The pair of a fine grid that lies furthest apart, then of finer ones around it; each certified."""
    low, high = state.ends
    found: list[tuple[Any, tuple[Any, Any]] | None] = []
    for _ in range(ROUNDS):
        points = np.linspace(low, high, GRID)
        others = state.others(points)
        apart = abs(_floats(target, others) - _floats(target, points)[:, None])
        if np.isnan(apart).all():
            return found
        i, j = np.unravel_index(np.nanargmax(apart), apart.shape)
        found.append(_certified(state, target, float(points[i]), float(others[i, j])))
        step = float(points[1] - points[0])
        low, high = max(state.ends[0], points[i] - step), min(state.ends[1], points[i] + step)
    return found


def _floats(target: Function, x: Floats) -> Floats:
    """The function at points, NaN where there is none."""
    values = [float("nan") if np.isnan(at) else float(target(flint.arb(at)).mid()) for at in x.ravel().tolist()]
    return np.array(values).reshape(x.shape)


def _certified(state: State, target: Function, x: float, other: float) -> tuple[Any, tuple[Any, Any]] | None:
    second = state.partner(x, other)
    if second is None:
        return None
    first = flint.arb(x)
    return abs(target(first) - target(second)) / 2, (first, second)


def _upper(state: State, target: Function, lower: float) -> float:
    """No pair of equal states lies further apart: boxes of pairs are halved until each is ruled out or near `lower`."""
    goal = lower * (1 + TOLERANCE) if lower else TOLERANCE
    edges = [state.lower.lower() + (state.upper.upper() - state.lower.lower()) * k / 32 for k in range(33)]
    cells = [a.union(b) for a, b in pairwise(edges)]
    values = [target(cell) for cell in cells]
    boxes = [(a, b, values[i], values[j]) for i, a in enumerate(cells) for j, b in enumerate(cells) if j <= i]
    highest, seen = goal, len(boxes)
    while boxes:
        left = []
        for first, second, g1, g2 in boxes:
            bound = (abs(g1 - g2) / 2).upper()
            if bound <= goal or not _may_meet(state.fold, first, second):
                continue
            if seen > LARGEST:
                highest = max(highest, float(bound))
                continue
            for a, b in _quarters(first, second):
                left.append((a, b, target(a), target(b)))
        seen += len(left)
        boxes = left
    return float(np.nextafter(highest, np.inf))


def _quarters(first: Any, second: Any) -> list[tuple[Any, Any]]:
    halves = [[x.lower().union(x.mid()), x.mid().union(x.upper())] for x in (first, second)]
    return [(a, b) for a in halves[0] for b in halves[1]]


def _may_meet(fold: Sequence[Sequence[Any]], first: Any, second: Any) -> bool:
    """Whether the box may hold a pair of equal states: its centre, and the slopes over the box."""
    centre = first.mid(), second.mid()
    value = _double(fold, *centre)
    slopes = _double(_by_first(fold), first, second), _double(_by_second(fold), first, second)
    spread = slopes[0] * (first - centre[0]) + slopes[1] * (second - centre[1])
    return bool((value + spread).contains(0))


def _double(rows: Sequence[Sequence[Any]], x: Any, y: Any) -> Any:
    value = flint.arb(0)
    for row in reversed(rows):
        inner = flint.arb(0)
        for coefficient in reversed(row):
            inner = inner * y + coefficient
        value = value * x + inner
    return value


def _by_first(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [[c * i for c in row] for i, row in enumerate(rows)][1:]


def _by_second(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [[c * j for j, c in enumerate(row)][1:] for row in rows]

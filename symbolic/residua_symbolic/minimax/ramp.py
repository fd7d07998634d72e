"""The ramp nearest to the sigmoid on the whole line in the largest difference, certified from both sides.

A ramp is what two ReLU units make of the line if they are bounded: constant, a line between two knots, constant again.
Measured from 1/2 both are odd, so x ≥ 0 is enough: φ(x) = σ(x) − 1/2 against min(x, k) s.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise, takewhile
from math import inf
from typing import Any, Literal

import flint

from residua_network import ResiduaError
from residua_symbolic.domains import balls
from residua_symbolic.minimax.roots import BITS, root_near, slope_of

Ends = Literal["held", "free"]  # the values far out: held at 0 and 1, or free as well
NEAR = {
    "held": 2.82,
    "free": 0.0415,
}  # starts of Newton's steps: the knot, the level; whatever they are, a zero is proved
FEWEST = {"held": 3, "free": 5}  # points of alternating error that prove that no ramp is nearer: `ramp_laws`


@dataclass(frozen=True, eq=False)
class Ramp:
    """From `level` to 1 − `level` between the knots −k and k; balls."""

    knot: Any
    level: Any

    @property
    def slope(self) -> Any:
        """Between the knots."""
        return (flint.arb(1) / 2 - self.level) / self.knot

    @property
    def place(self) -> Any:
        """x > 0 at which the sigmoid is parallel to the ramp; the slope is below 1/4."""
        return parallel(self.slope)

    def off(self, x: Any) -> Any:
        """Sigmoid minus ramp at x ≥ 0; x lies certainly on one side of the knot, or is the knot."""
        line = self.slope * x if x <= self.knot else flint.arb(1) / 2 - self.level
        return centred(x) - line

    def supremum(self, tail: Any = 0) -> Any:
        """max |sigmoid − ramp| up to where 1 − σ is `tail`: at the knot, at the end, and where they are parallel."""
        found = abs(self.off(self.knot)).max(abs(self.level - tail))
        if self.slope < flint.arb(1) / 4 and self.place < self.knot:
            found = found.max(abs(self.off(self.place)))
        return found


@dataclass(frozen=True, eq=False)
class BestRamp:
    """The proved zero of the equations as balls (`ramp`, `error`), and what a ramp of exact numbers near it certifies:
    `errors` at `points` alternate, so that no ramp has less than `lower`; the ramp itself has at most `upper`.

    `reach`: the interval is [−reach, reach], the line if infinite."""

    ramp: Ramp
    error: Any
    points: tuple[Any, ...]
    errors: tuple[Any, ...]
    lower: Any
    upper: Any
    reach: float


def centred(x: Any) -> Any:
    """φ(x) = σ(x) − 1/2, of balls or series."""
    return 1 / (1 + (-x).exp()) - flint.arb(1) / 2


def parallel(slope: Any) -> Any:
    """x > 0 with φ'(x) = slope: log((1 + r)/(1 − r)), r = √(1 − 4 slope)."""
    root = (1 - 4 * slope).sqrt()
    return ((1 + root) / (1 - root)).log()


def bulge(slope: Any) -> Any:
    """φ − slope x there: r/2 − slope x."""
    return (1 - 4 * slope).sqrt() / 2 - slope * parallel(slope)


def held_equation(knot: Any) -> Any:
    """The bulge of the ramp from 0 to 1 minus what it is off at its knot; increasing in the knot."""
    return bulge(1 / (2 * knot)) - 1 / (1 + knot.exp())


def free_knot(error: Any, tail: Any) -> Any:
    """Where the sigmoid is as far below the upper level of the ramp as it is above it at the end: σ(k) = 1 − t − 2E."""
    return ((1 - tail - 2 * error) / (2 * error + tail)).log()


def free_equation(error: Any, tail: Any) -> Any:
    """The bulge of the ramp from E + t to 1 − E − t whose knot and ends are off by E, minus E; t = σ(−reach)."""
    return bulge((flint.arb(1) / 2 - error - tail) / free_knot(error, tail)) - error


@cache
def best_ramp(ends: Ends, reach: float = inf) -> BestRamp:
    """The nearest ramp with its ends held at 0 and 1 (on the line), or free; of two units that rise to one side, on
    [−reach, reach]."""
    with balls.precision(BITS):
        tail = 1 / (1 + flint.arb(reach).exp()) if reach < inf else flint.arb(0)
        if ends == "held":
            ramp = Ramp(root_near(held_equation, slope_of(held_equation), NEAR[ends]), flint.arb(0))
        else:
            equation = partial(free_equation, tail=tail)
            zero = root_near(equation, slope_of(equation), NEAR[ends])
            ramp = Ramp(free_knot(zero, tail), zero + tail)
        exact = Ramp(ramp.knot.mid(), ramp.level.mid())
        points, errors = _alternation(exact, ends, reach, tail)
        lower = alternating(errors, FEWEST[ends])
        return BestRamp(ramp, bulge(ramp.slope), points, errors, lower, exact.supremum(tail), reach)


def _alternation(ramp: Ramp, ends: Ends, reach: float, tail: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Points without radius, and the errors there: −k, −x, x, k, and both ends where they are free."""
    place = ramp.place.mid()
    right = [(place, ramp.off(place)), (ramp.knot, ramp.off(ramp.knot))]
    if ends == "free":
        right.append((flint.arb(reach), ramp.level - tail))
    both = [(-x, -e) for x, e in reversed(right)] + right
    return tuple(x for x, _ in both), tuple(e for _, e in both)


def alternating(errors: Sequence[Any], fewest: int) -> Any:
    """The least |error|, a bound from below for every rival. Raises ResiduaError where fewer than so many alternate."""
    signs = [1 if e > 0 else -1 if e < 0 else 0 for e in errors]
    if len(errors) < fewest or any(a * b != -1 for a, b in pairwise(signs)):
        raise ResiduaError(f"alternating: expected {fewest} errors with signs in turn, got {signs}")
    least = abs(errors[0])
    for e in errors[1:]:
        least = least.min(abs(e))
    return least


def digits(lower: Any, upper: Any, most: int = 40, scale: int = 1) -> str:
    """The decimals that two bounds of one number share, times `scale`: what follows is not known to be 0."""
    with balls.precision(BITS):
        both = [(scale * ball).str(most, radius=False) for ball in (lower.lower(), upper.upper())]
    shared = [a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(*both, strict=False))]
    return "".join(shared[:-1])  # the last one may be rounded


# Ramps from 0 to 1 that libraries call a hard sigmoid, by the slope.
LIBRARY = {"torch: relu6(x + 3)/6": "1/6", "Keras and Theano: 0.2 x + 0.5": "1/5", "tangent at 0": "1/4"}


def library_ramp(slope: str) -> Ramp:
    """The ramp from 0 to 1 of that slope, a fraction p/q."""
    p, q = map(int, slope.split("/"))
    return Ramp(flint.arb(q) / (2 * p), flint.arb(0))

"""Certified statements about discs: that a function is analytic in one, that it is singular in another.

Both from its values on curves alone, with every function inside it continued from the expansion point.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import flint
import numpy as np

from residua_symbolic.domains.balls import BITS, precision
from residua_symbolic.domains.named import Array
from residua_symbolic.expressions.evaluation import PointError
from residua_symbolic.series.convergence.complex_balls import Curved, CurveDomain, TooWideError

Run = Callable[[Any, Array], Array]
Place = Callable[[Any, Any], tuple[Any, Any]]  # of the parameter's middle and half: value in the middle, all slopes

MOST_PIECES = 2000
MOST_WORK = 1e6  # about two seconds
SHORTEST = 2.0**-50  # of a piece, as a share of its curve
LONGEST_OF_LOOP = 2.0**-5  # so that the integral over a small circle is known to about a tenth
ASIDE = 0.25  # how far around, beside the distance: less than √3/2, so that the way stays in the disc
MOMENTS = 3  # Laurent coefficients tried, those of orders −1, −2 and −3


class NotCertifiedError(Exception):
    """A curve on which a condition cannot be told from 0 within the number of pieces allowed."""


class Work:
    """How much may still be computed, in entries of arrays, over all curves of one question."""

    def __init__(self, left: float = MOST_WORK) -> None:
        self.left = left

    def spend(self, amount: int) -> None:
        """Raises NotCertifiedError when nothing is left."""
        self.left -= amount
        if self.left < 0:
            raise NotCertifiedError("too much work to tell: something")


@dataclass(frozen=True)
class Exclusion:
    """Whether nothing is singular in a disc, or else what cannot be excluded, in words."""

    holds: bool
    what: str
    zero: bool = False  # whether one was proved to lie inside


class _Walk:
    """A function followed along curves that begin at the real point a; with `kinks`, no further than to a kink."""

    def __init__(self, run: Run, a: Any, kinks: bool = False, work: Work | None = None) -> None:
        self.run, self.domain, self.pieces, self.kinks, self.work = run, CurveDomain(), 0, kinks, work or Work()
        self.reached = 0.0  # parameter of the latest curve
        self.a = flint.acb(a)
        self.value: Array = None
        self._at(self.a)

    def jump(self, z: Any) -> None:
        """To another point, with nothing continued on the way."""
        self.domain.leave()
        self._at(z)

    def to(self, way: Sequence[Any]) -> None:
        """Along straight lines from point to point; where no function has several values, at once to the last."""
        if not self.domain.many_valued:
            self.jump(way[-1])
            return
        for start, end in pairwise(way):
            self.along(_segment(start, end))

    def _at(self, z: Any) -> None:
        self.value = self._piece(z, flint.acb(0), flint.arb(0)).middle

    def square(self, half: Any) -> None:
        """All of the square around the first point at once."""
        self.domain.leave()
        self._piece(self.a, flint.acb(1), flint.acb(flint.arb(0, half), flint.arb(0, half)))

    def _piece(self, middle: Any, slope: Any, span: Any) -> Curved:
        spent = self.domain.cost
        self.domain.begin(span)
        z = Curved(self.domain, _one(middle), _one(slope))
        try:
            found = self.run(self.domain, z)
        finally:
            self.work.spend(self.domain.cost - spent)
        if not isinstance(found, Curved):
            found = self.domain.constant(found, np.shape(found) or (1,))
        if not all(value.is_finite() for value in found.whole.flat):
            raise TooWideError("a value without bounds")
        if self.kinks and any(value.real.contains(0) for u in self.domain.kinks for value in u.whole.flat):
            raise TooWideError("a kink")
        self.domain.accept()
        return found

    def along(self, place: Place, stop: float = 1.0, longest: float = 0.125) -> list[tuple[float, float, Array]]:
        """The values on the pieces of a curve of parameters 0 to `stop`: (from, to, balls)."""
        found = []
        self.reached, self.pieces = 0.0, 0
        begin, step = 0.0, min(longest, stop)
        while begin < stop:
            end = min(begin + step, stop)
            middle, half = (flint.arb(begin) + end) / 2, (flint.arb(end) - begin) / 2
            self.pieces += 1
            if self.pieces > MOST_PIECES:
                raise NotCertifiedError("too many pieces: something")
            try:
                value = self._piece(*place(middle, half), flint.arb(0, half))
            except TooWideError as error:
                step = (end - begin) / 2
                if step < SHORTEST:
                    raise NotCertifiedError(str(error)) from None
                continue
            found.append((begin, end, value.whole))
            self.reached = end
            begin, step = end, min(1.5 * (end - begin), longest)
        self._at(place(flint.arb(stop), flint.arb(0))[0])
        return found


def _one(z: Any) -> Array:
    array = np.empty(1, dtype=object)
    array[0] = z
    return array


def _segment(start: Any, end: Any) -> Place:
    return lambda middle, half: (start + (end - start) * middle, end - start)


def _arc(centre: Any, radius: Any) -> Place:
    """centre + radius · exp(iπs)."""

    def place(middle: Any, half: Any) -> tuple[Any, Any]:
        around = flint.arb(middle.mid(), half + middle.rad())
        turn = flint.acb(0, flint.arb.pi()) * radius
        return centre + radius * flint.acb(middle).exp_pi_i(), turn * flint.acb(around).exp_pi_i()

    return place


def singular_functions(run: Run, a: Any, bits: int = BITS) -> tuple[int, int]:
    """How many conditions the function at the real point a has, and how many kinks; raises PointError on a kink.

    Conditions do not count where all are of constants, which they are everywhere if in a square.
    """
    with precision(bits):
        walk = _Walk(run, a)
        marks, kinks = walk.domain.marks, walk.domain.kinks
        walk.domain.moving = 0
        try:
            walk.square(1)
            constant = walk.domain.moving == 0
        except (NotCertifiedError, TooWideError):
            constant = False
    return 0 if constant else sum(mark.at.size for mark in marks), sum(u.middle.size for u in kinks)


def exclusion(run: Run, a: Any, radius: float, work: Work | None = None, bits: int = BITS) -> Exclusion:
    """Whether the function, real on the real axis, is certainly analytic for |z − a| <= radius.

    The arguments of all conditions around the circle, in the order of computation: each is analytic in the disc because
    those before it have no zeros there. A function real on the real axis turns by the same on both half circles.
    """
    with precision(bits):
        try:
            walk = _Walk(run, a, work=work)
            r = flint.arb(radius)
            walk.to((walk.a, walk.a + r))
            walk.domain.restart()
            walk.along(_arc(walk.a, r), 1.0 if walk.domain.symmetric else 2.0)
        except (NotCertifiedError, TooWideError) as error:
            return Exclusion(False, f"{error} may lie in the disc")
        for mark in walk.domain.marks:
            if not all(bool(abs(turned) < 1) for turned in mark.turned.flat):  # a zero makes it π or more
                return Exclusion(False, f"{mark.what} lies in the disc", zero=True)
    return Exclusion(True, "")


def nothing_near(run: Run, a: Any, radius: float, bits: int = BITS) -> bool:
    """Whether the function is certainly analytic in a square around |z − a| <= radius; from one evaluation there.

    Cheap, where `exclusion` takes hundreds; with depth only squares that are small can be told so.
    """
    with precision(bits):
        try:
            _Walk(run, a).square(flint.arb(radius))
        except (NotCertifiedError, TooWideError):
            return False
    return True


def is_singular(
    run: Run,
    a: Any,
    near: complex,
    radius: float,
    longest: float = LONGEST_OF_LOOP,
    work: Work | None = None,
    bits: int = BITS,
) -> bool:
    """Whether the function, continued from a, is certainly singular in |z − near| <= radius.

    Continued along the straight line, or, where something stands in its way, around it. If the function
    were analytic in a disc around a that holds this one, then a loop around it would bring it back to its value
    (it does not, for branch points), and ∮ f(z) (z − near)^m dz would be 0 for every m (it is not, for poles).
    `longest`: of the pieces of the loop, in half turns.
    """
    with precision(bits):
        start, centre, r = flint.acb(a), flint.acb(near.real, near.imag), flint.arb(radius)
        towards = centre - start
        begin = centre - r * towards / flint.acb(abs(towards).mid())
        corner = start + towards * flint.acb(0.5, ASIDE)
        for way in ((start, begin), (start, corner, begin)):
            try:
                walk = _Walk(run, flint.arb(a), work=work)
                walk.to(way)
            except (NotCertifiedError, TooWideError):
                continue
            return _loop_is_singular(walk, begin, centre, longest)
    return False


def _loop_is_singular(walk: _Walk, begin: Any, centre: Any, longest: float) -> bool:
    """As `is_singular`, from where the walk has come to."""
    before = walk.value
    try:
        loop = walk.along(_arc(centre, begin - centre), 2.0, longest)
    except (NotCertifiedError, TooWideError):
        return False
    if any(not p.overlaps(q) for p, q in zip(before.flat, walk.value.flat, strict=True)):
        return True
    return any(_moment_is_not_zero(loop, order) for order in range(MOMENTS))


def kink(run: Run, a: Any, reach: float, bits: int = BITS) -> tuple[float, float]:
    """Bounds of the distance along the real axis, up to `reach`, to the nearest kink: (lower, upper), both proved.

    `reach` below and infinity above where there is none so near; infinity above where it is not certain that the
    function leaves, beyond the kink, the analytic function that it is before.
    """
    with precision(bits):
        ways = [_kink(run, flint.arb(a), flint.arb(sign) * flint.arb(reach)) for sign in (1, -1)]
    near = min(ways)
    return (near[0] * reach, min(upper for _, upper in ways) * reach)


def _kink(run: Run, a: Any, span: Any) -> tuple[float, float]:
    """As `kink`, on the segment from a to a + span, in shares of it."""
    walk = _Walk(run, a, kinks=True)
    try:
        walk.along(_segment(walk.a, walk.a + span))
        return 1.0, float("inf")
    except NotCertifiedError:
        lower = walk.reached
    for beyond in (2.0**-40, 2.0**-20, 2.0**-10):
        upper = lower * (1 + beyond) + SHORTEST
        try:
            walk = _Walk(run, a)
            walk.along(_segment(walk.a, walk.a + span * upper))
            there = _Walk(run, a + span * upper)
        except (NotCertifiedError, TooWideError, PointError):
            continue
        if any(not p.overlaps(q) for p, q in zip(walk.value.flat, there.value.flat, strict=True)):
            return lower, upper
    return lower, float("inf")


def _moment_is_not_zero(loop: list[tuple[float, float, Array]], order: int) -> bool:
    """∮ f(z) ((z − centre)/(begin − centre))^order dz / (iπ (begin − centre)), of some output."""
    total: Any = 0
    for begin, end, value in loop:
        middle, half = (flint.arb(begin) + end) / 2, (flint.arb(end) - begin) / 2
        weight = flint.acb(flint.arb(middle, half) * (order + 1)).exp_pi_i()
        total = total + value * (weight * (2 * half))
    return any(not z.contains(0) for z in np.ravel(total))

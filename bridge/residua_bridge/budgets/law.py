"""What is claimed (`Law`), what it is measured on (`Source`), and at which sizes (`Ladder`)."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

import numpy as np

from residua_bridge.budgets.estimate import Floats
from residua_bridge.verdict import Uncertain
from residua_network import ResiduaError
from residua_network.checks import number, whole

Sizes = Mapping[str, float]
Value = Callable[[Sizes], float]
Cause = Callable[[Sizes], float | Uncertain]

ROUNDING = 64 * float(np.finfo(np.float64).eps)  # relative: what summing and a few dozen operations may do
PRECISION = "precision"  # the one size whose ladder is measured in pairs: the same draws, rounded otherwise
UNKNOWN = 1e5  # nanoseconds that a repetition counts for where the source has no cost
NAMES = {"rate": "discretisation", "step": "discretisation", PRECISION: "rounding", "edge layers": "edge layers"}


class Source(Protocol):
    """Where repetitions of a quantity come from; different blocks are independent, the same block is repeatable.

    A source may also have `cost(sizes)`, about how many nanoseconds one repetition takes on one core: by that work is
    allotted and shared out, and not by the clock, so that the same draws are made on every machine.
    """

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """Shape (repetitions,), or (repetitions, 2) with numerator and denominator for the ratio of means."""


@dataclass(frozen=True)
class Law:
    """A formula for a statistic of a quantity, and the sizes it speaks of.

    `limits` names the sizes in which it is claimed only as they grow (those in `vanishing`: as they go to 0), each with
    the order p of the correction size^−p (size^p), None where p is to be fitted; without any it is exact at the sizes
    run. `causes` are known terms, each a number or an `Uncertain` at given sizes, that are added to `value`; those in
    `approximations` (truncation, approximation, optimisation, and whatever the law does not allow for) may explain a
    difference and never yield agreement. `scale` is what a difference is measured by; without one, |value|.
    """

    statement: str
    quantity: str
    value: Value
    limits: Mapping[str, float | None] = field(default_factory=dict)
    causes: Mapping[str, Cause] = field(default_factory=dict)
    approximations: tuple[str, ...] = ()
    scale: Value | None = None
    vanishing: tuple[str, ...] = ("rate", "step")

    def __post_init__(self) -> None:
        where = f"law {self.quantity!r}"
        for name, order in self.limits.items():
            if order is not None and not number(order, f"the order of the correction in {name}", where) > 0:
                raise ResiduaError(f"{where}: the order of the correction in {name} must be positive, got {order!r}")
        for name in self.approximations:
            if name not in self.causes:
                known = ", ".join(self.causes) or "none"
                raise ResiduaError(f"{where}: expected approximations among its causes ({known}), got {name!r}")

    def term(self, cause: str, sizes: Sizes) -> Uncertain:
        """A known cause at given sizes."""
        found = self.causes[cause](sizes)
        return found if isinstance(found, Uncertain) else Uncertain(float(found), 0.0)

    def predicted(self, sizes: Sizes) -> Uncertain:
        """The value with the causes that the law allows for."""
        terms = [self.term(cause, sizes) for cause in self.causes if cause not in self.approximations]
        bar = math.sqrt(sum(term.bar**2 for term in terms))
        return Uncertain(float(self.value(sizes)) + sum(term.value for term in terms), bar)

    def approximated(self, sizes: Sizes) -> Uncertain:
        """The sum of the causes that never yield agreement."""
        terms = [self.term(cause, sizes) for cause in self.approximations]
        return Uncertain(sum(term.value for term in terms), math.sqrt(sum(term.bar**2 for term in terms)))

    def unit(self, sizes: Sizes) -> float:
        """What a difference at these sizes is measured by; 1 where the value vanishes."""
        scale = abs(float(self.value(sizes) if self.scale is None else self.scale(sizes)))
        return scale or 1.0


@dataclass(frozen=True)
class Ladder:
    """At which sizes a law is met, and how much work that may take.

    `along` names sizes with the increasing values that are run beside `point`; `further` holds larger ones, taken one
    by one where the extrapolation needs them. `repetitions` a size are drawn at first, up to four times as many at each
    further look, until the verdict is clear, `looks` or `seconds` are used up. `seconds` are those that the source's
    `cost` states, so that nothing depends on the machine; where somebody waits, `clock` bounds those of this process
    too, and what is drawn then depends on it. `resolution` is the relative difference that has to be seen before
    anything agrees; `rounding` a bound of relative rounding.
    """

    point: Sizes
    along: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    repetitions: int = 64
    resolution: float = 0.01
    seconds: float = 20.0
    looks: int = 8
    further: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    rounding: float = ROUNDING
    clock: float | None = None

    def __post_init__(self) -> None:
        whole(self.repetitions, "repetitions", "ladder")
        whole(self.looks, "looks", "ladder")
        for name in ("resolution", "seconds"):
            if not number(getattr(self, name), name, "ladder") > 0:
                raise ResiduaError(f"ladder: {name} must be positive, got {getattr(self, name)!r}")
        if self.clock is not None and not number(self.clock, "clock", "ladder") > 0:
            raise ResiduaError(f"ladder: clock must be positive, got {self.clock!r}")
        number(self.rounding, "rounding", "ladder", least=0.0)
        if not self.point:
            raise ResiduaError("ladder: expected the sizes of a point, such as {'width': 64}, got none")
        for name, size in self.point.items():
            _positive(name, size)
        for name, sizes in self.along.items():
            self._check(name, sizes)
        for name, sizes in self.further.items():
            if name not in self.along:
                raise ResiduaError(f"ladder: further sizes of {name} continue a ladder in {name}, got none")
            self._check(name, (*self.along[name], *sizes))

    def _check(self, name: str, sizes: tuple[float, ...]) -> None:
        if name not in self.point:
            raise ResiduaError(f"ladder: expected sizes of the point ({', '.join(self.point)}), got {name!r}")
        for size in sizes:
            _positive(name, size)
        if len(sizes) < 2:
            raise ResiduaError(f"ladder in {name}: expected at least two sizes, got {_listed(sizes)}")
        if not all(a < b for a, b in pairwise(sizes)):
            raise ResiduaError(f"ladder in {name}: expected increasing sizes, got {_listed(sizes)}")


def cost(source: Source, sizes: Sizes) -> float:
    """Nominal nanoseconds of one repetition. Raises ResiduaError where the source states what cannot be."""
    stated = getattr(source, "cost", None)
    if stated is None:
        return UNKNOWN
    found = number(stated(dict(sizes)), "the cost of a repetition", "source")
    if not found > 0:
        raise ResiduaError(f"source: the cost of a repetition must be positive, got {found!r}")
    return float(found)


def finite(name: str) -> str:
    """How the effect of a finite size is called."""
    return NAMES.get(name, f"finite {name}")


def _positive(name: str, size: object) -> None:
    if not number(size, name, "ladder") > 0:
        raise ResiduaError(f"ladder: {name} must be positive, got {size!r}")


def _listed(sizes: tuple[float, ...]) -> str:
    return ", ".join(f"{size:g}" for size in sizes) or "none"

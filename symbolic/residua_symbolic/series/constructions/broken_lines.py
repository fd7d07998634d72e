"""Continuous piecewise linear functions on an interval, over the rationals: what ReLU networks are, exactly."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import flint
import numpy as np

from residua_network import Network, ResiduaError
from residua_symbolic.domains.named import Array, Named
from residua_symbolic.series.constructions.degrees import rational
from residua_symbolic.series.networks.walk import output


@dataclass(frozen=True)
class BrokenLine:
    """The function through the points (x, y), linear between neighbours; x rises, and all are fmpq."""

    x: tuple[Any, ...]
    y: tuple[Any, ...]

    def __add__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else self._with(other, lambda a, b: a + b)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else self._with(other, lambda a, b: a - b)

    def __mul__(self, factor: Any) -> Any:
        """By a rational number: the product of two is no broken line."""
        if isinstance(factor, np.ndarray):
            return NotImplemented
        return BrokenLine(self.x, tuple(y * factor for y in self.y))

    __rmul__ = __mul__

    def _with(self, other: Any, operation: Callable[[Any, Any], Any]) -> "BrokenLine":
        if not isinstance(other, BrokenLine):
            return BrokenLine(self.x, tuple(operation(y, other) for y in self.y))
        x = tuple(sorted({*self.x, *other.x}))
        pairs = zip(self.at(x), other.at(x), strict=True)
        return BrokenLine(x, tuple(operation(a, b) for a, b in pairs)).shortest()

    def at(self, places: Sequence[Any]) -> list[Any]:
        """The values at rising places inside the interval."""
        found, k = [], 0
        for place in places:
            while k + 2 < len(self.x) and place > self.x[k + 1]:
                k += 1
            share = (place - self.x[k]) / (self.x[k + 1] - self.x[k])
            found.append(self.y[k] + share * (self.y[k + 1] - self.y[k]))
        return found

    def positive_part(self) -> "BrokenLine":
        """max(f, 0): new points where the function crosses zero."""
        x, y = [self.x[0]], [max(self.y[0], flint.fmpq(0))]
        for (x0, y0), (x1, y1) in pairwise(zip(self.x, self.y, strict=True)):
            if y0 * y1 < 0:
                x.append(x0 - y0 * (x1 - x0) / (y1 - y0))
                y.append(flint.fmpq(0))
            x.append(x1)
            y.append(max(y1, flint.fmpq(0)))
        return BrokenLine(tuple(x), tuple(y)).shortest()

    def shortest(self) -> "BrokenLine":
        """Without the points at which the slope stays the same."""
        kept = [0]
        for k in range(1, len(self.x) - 1):
            if self._slope(kept[-1], k) != self._slope(k, k + 1):
                kept.append(k)
        kept.append(len(self.x) - 1)
        return BrokenLine(tuple(self.x[k] for k in kept), tuple(self.y[k] for k in kept))

    def _slope(self, a: int, b: int) -> Any:
        return (self.y[b] - self.y[a]) / (self.x[b] - self.x[a])

    @property
    def pieces(self) -> int:
        """Number of pieces of different slope."""
        return len(self.shortest().x) - 1

    def distance_to_square(self) -> Any:
        """sup |f(x) − x²| over the interval, exactly: on a piece the difference is a parabola with its top inside or at
        an end."""
        worst = flint.fmpq(0)
        for k in range(len(self.x) - 1):
            slope = self._slope(k, k + 1)
            top = min(max(slope / 2, self.x[k]), self.x[k + 1])
            for place in (self.x[k], top, self.x[k + 1]):
                worst = max(worst, abs(self.y[k] + slope * (place - self.x[k]) - place * place))
        return worst


class BrokenLineDomain(Named):
    """Forward maps over arrays of broken lines."""

    def number(self, value: Any) -> Any:
        """A rational number; a float at its exact value."""
        return rational(value)

    def function(self, name: str, x: Array) -> Array:
        """relu, or what does nothing."""
        if name not in ("relu", "identity"):
            raise ArithmeticError(f"{name} of a broken line is none")
        return np.frompyfunc(lambda f: f.positive_part() if name == "relu" else f, 1, 1)(x)


def broken_line(net: Network, weights: Mapping[str, Any], lower: Any, upper: Any) -> BrokenLine:
    """A ReLU network from one number to one number on lower <= x <= upper, exactly, at float64 or fmpq weights.

    Raises ResiduaError for other networks and for an empty interval.
    """
    ends = rational(lower), rational(upper)
    if net.inputs != 1 or net.outputs != 1 or not ends[0] < ends[1]:
        got = f"{net.inputs} → {net.outputs} on [{lower}, {upper}]"
        raise ResiduaError(f"broken_line: expected a network 1 → 1 and lower < upper, got {got}")
    exact = {name: np.frompyfunc(rational, 1, 1)(np.asarray(value)) for name, value in weights.items()}
    x = np.empty((1, 1), dtype=object)
    x[0, 0] = BrokenLine(ends, ends)
    found: BrokenLine = output(net, BrokenLineDomain, x, exact)[0, 0]
    return found.shortest()

"""Certified values: ball arithmetic at a chosen precision, and float64 bounds of what it encloses."""

import math
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np

from residua_network import ShapeError
from residua_symbolic.domains import balls
from residua_symbolic.weights import Floats


@dataclass(frozen=True, eq=False)
class Enclosure:
    """Arb balls that contain the exact values; Johansson 2017 (arXiv:1611.02831).

    `lower`, `upper`, `middle` and `radius`: float64 arrays of the shape of what is enclosed (for a Jacobian that of
    `J.evaluate`), the bounds rounded outward. `bits`: the precision that the balls were computed with.
    """

    balls: Any
    bits: int

    @property
    def lower(self) -> Floats:
        """Certified lower bounds."""
        return _each(self.balls, lambda b: _outward(b.lower(), -1))

    @property
    def upper(self) -> Floats:
        """Certified upper bounds."""
        return _each(self.balls, lambda b: _outward(b.upper(), 1))

    @property
    def middle(self) -> Floats:
        """The float64 numbers nearest to the middles of the balls."""
        return _each(self.balls, lambda b: float(b.mid()))

    def distance(self, values: Floats) -> Floats:
        """Certified upper bounds of |values − exact|, entry by entry: the rounding error of a float64 computation.

        `values` of the shape of the balls. Raises ShapeError.
        """
        if not isinstance(values, np.ndarray) or values.dtype != np.float64 or values.shape != np.shape(self.balls):
            got = f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
            raise ShapeError(f"distance expects a float64 array of shape {np.shape(self.balls)}, got {got}")
        with balls.precision(self.bits):
            found: Any = np.frompyfunc(lambda b, v: _above(abs(b - flint.arb(float(v)))), 2, 1)(self.balls, values)
        return np.asarray(found, dtype=np.float64)

    @property
    def radius(self) -> Floats:
        """Certified upper bounds of the radii: how far the exact values are known."""
        return _each(self.balls, lambda b: _above(flint.arb(b.rad())))

    def __repr__(self) -> str:
        if np.ndim(self.balls) == 0:
            return f"<Enclosure [{self.lower!s}, {self.upper!s}] at {self.bits} bits>"
        radius = np.max(self.radius, initial=0.0)
        return f"<Enclosure of shape {np.shape(self.balls)} at {self.bits} bits, largest radius {radius:.1e}>"


def _above(b: Any) -> float:
    return _outward(b.upper(), 1) if b.is_finite() else float("inf")


def _outward(end: Any, way: int) -> float:
    """The float nearest to an end of a ball that is not inside it; `way`: 1 for an upper end, −1 for a lower one."""
    value = float(end)
    return value if way * flint.arb(value) >= way * end else math.nextafter(value, way * math.inf)


def _each(array: Any, one: Any) -> Floats:
    return np.asarray(np.frompyfunc(one, 1, 1)(array), dtype=np.float64)

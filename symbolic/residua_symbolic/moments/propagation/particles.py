"""Moments by simulation of features, where there is no formula: at infinite width features are independent draws.

The same forward maps over arrays (features, rows) of draws. A contraction with a fresh weight gives fresh Gaussians of
the kernel that the draws have; the gradient comes back through Wᵀ as fresh Gaussians, too. What is left is sampling
error (independent repetitions) and a bias of order 1/draws.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from residua_network import Layer
from residua_symbolic.domains.floats import Floats
from residua_symbolic.moments.propagation.values import function, slope
from residua_symbolic.moments.propagation.walk import Walk, Weight

Pull = Callable[[Floats], Floats]


@dataclass(eq=False, repr=False)
class Draws:
    """An array (features, rows), or (features, 1) where rows share it, on the tape."""

    domain: "ParticleDomain"
    values: Floats
    width: int
    pulls: Sequence[tuple["Draws", Pull]] = ()

    def __post_init__(self) -> None:
        self.domain.tape.append(self)

    def __add__(self, other: Any) -> "Draws":
        if not isinstance(other, Draws):
            return self._made(self.values + other, [(self, lambda g: g)])
        return self._made(self.values + other.values, [(self, lambda g: g), (other, lambda g: g)])

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Draws":
        return self.__add__(other * -1.0)

    def __rsub__(self, other: Any) -> "Draws":
        return (-self).__add__(other)

    def __neg__(self) -> "Draws":
        return self._made(-self.values, [(self, lambda g: -g)])

    def __mul__(self, other: Any) -> "Draws":
        if not isinstance(other, Draws):
            return self._made(self.values * other, [(self, lambda g: g * other)])
        return self._made(
            self.values * other.values, [(self, lambda g: g * other.values), (other, lambda g: g * self.values)]
        )

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Draws":
        return self * (self.domain.function("reciprocal", other) if isinstance(other, Draws) else 1.0 / other)

    def __rtruediv__(self, other: Any) -> "Draws":
        return self.domain.function("reciprocal", self) * float(other)

    def _made(self, values: Floats, pulls: Sequence[tuple["Draws", Pull]]) -> "Draws":
        return Draws(self.domain, values, self.width, pulls)


@dataclass(repr=False)
class ParticleDomain(Walk):
    """Forward maps over draws of `features` features in `batch` rows."""

    features: int
    batch: int
    rng: np.random.Generator
    variance_of: Callable[[Layer], tuple[float, float]]
    tape: list[Draws] = field(default_factory=list)

    def input(self, width: int) -> Draws:
        """Isotropic rows of mean square 1: standard normal entries."""
        return Draws(self, self._fresh(1.0, 0.0), width)

    def _fresh(self, q: float, c: float) -> Floats:
        """Gaussians with E z_a² = q and E z_a z_b = c: deviations from a batch mean, and that mean."""
        draws = self.rng.standard_normal((self.features, self.batch))
        middle = draws.mean(axis=1, keepdims=True)
        shared = math.sqrt(max(q + (self.batch - 1) * c, 0.0))
        result: Floats = math.sqrt(max(q - c, 0.0)) * (draws - middle) + shared * middle
        return result

    def kernel(self, values: Floats) -> tuple[float, float]:
        """Mean of x_a² and of x_a x_b over features and rows."""
        full = np.broadcast_to(values, (self.features, self.batch))
        square = float(np.mean(full * full))
        if self.batch == 1:
            return square, 0.0
        middle = full.mean(axis=1)
        return square, float((np.mean(middle * middle) * self.batch - square) / (self.batch - 1))

    def number(self, value: float) -> float:
        """A constant."""
        return float(value)

    def let(self, name: str, value: Any) -> Any:
        """Names say nothing here."""
        return value

    def sqrt(self, x: Any) -> Any:
        """Square root."""
        return self.function("sqrt", x) if isinstance(x, Draws) else math.sqrt(x)

    def function(self, name: str, x: Draws) -> Draws:
        """φ, entry by entry."""
        values = function(name)(x.values)
        if name == "sqrt":
            steep = 0.5 / values
        elif name == "reciprocal":
            steep = -values * values
        else:
            steep = function(slope(name))(x.values)
        return Draws(self, values, x.width, [(x, lambda g: g * steep)])

    def sum(self, x: Draws, axis: str = "feature") -> Any:
        """Σ over an axis."""
        return float(x.width if axis == "feature" else self.batch) * self.mean(x, axis)

    def mean(self, x: Draws, axis: str = "feature") -> Any:
        """Over features a number, through which no gradient comes back; over rows the mean of each feature."""
        if axis == "feature":
            return float(np.mean(x.values))
        full = np.broadcast_to(x.values, (self.features, self.batch))
        return Draws(self, full.mean(axis=1, keepdims=True), x.width, [(x, lambda g: g / self.batch)])

    def contract(self, weight: Weight, x: Draws) -> Draws:
        """Fresh Gaussians; the gradient comes back as fresh ones."""
        q, c = self.kernel(x.values)
        gain, back = weight.variance * weight.inputs, weight.variance * weight.outputs

        def pull(gradient: Floats) -> Floats:
            p, r = self.kernel(gradient)
            return self._fresh(back * p, back * r)

        return Draws(self, self._fresh(gain * q, gain * c), weight.outputs, [(x, pull)])

    def copy(self, x: Draws) -> Draws:
        """x by another name."""
        return Draws(self, x.values, x.width, [(x, lambda g: g)])

    def bias(self, variance: float, size: int) -> Draws:
        """The same for all rows."""
        return Draws(self, math.sqrt(variance) * self.rng.standard_normal((self.features, 1)), size)

    def backward(self, output: Draws) -> Mapping[Draws, Floats]:
        """The gradient at every array, from an isotropic one at the output."""
        found: dict[Draws, Floats] = {output: self.rng.standard_normal((self.features, self.batch))}
        for node in reversed(self.tape):
            for parent, pull in node.pulls if node in found else ():
                part = _as(pull(found[node]), parent.values.shape)
                found[parent] = found[parent] + part if parent in found else part
        return found


def _as(gradient: Floats, shape: tuple[int, ...]) -> Floats:
    """Summed over the rows where these share what it is the gradient of."""
    full = gradient.sum(axis=1, keepdims=True) if shape[1] == 1 and gradient.shape[1] > 1 else gradient
    return np.asarray(np.broadcast_to(full, shape))

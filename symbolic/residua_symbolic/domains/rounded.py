"""Floating-point arithmetic that keeps account of its own rounding: running error bounds, and Monte Carlo arithmetic.

Every operation knows a bound of its own rounding error, to first order in the unit roundoff u and for any order of
summation (Higham 2002, Accuracy and Stability, 3.1 and 4.2). `Rounded` carries it along with what its operands bring,
which is tight for one layer and grows needlessly through many. With a random generator the bound is used up at once,
as a random perturbation of the result: Monte Carlo arithmetic (Parker 1997), whose spread over repetitions shows what
rounding does to a whole network.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from residua_symbolic.domains.floats import FUNCTIONS
from residua_symbolic.domains.named import Named

UNIT = {"float64": 2.0**-53, "float32": 2.0**-24}
LIBRARY_ULPS = 8.0  # of an elementary function: vectorised ones are documented at up to 4 ulp = 8 u
FOLDED = 4.0  # roundings of (x − μ) γ/s where it is computed as x α + (β − μ α), which constants allow
EXACT = ("identity", "relu", "step")  # functions that round nothing
SMALLEST = 1e-300  # underflow to zero costs no more than this


class Rounded:
    """An array with a bound of the absolute error of each entry."""

    __array_ufunc__ = None  # numpy arrays leave mixed arithmetic to this class

    def __init__(self, value: Any, error: Any, unit: float, random: np.random.Generator | None = None) -> None:
        self.value, self.error, self.unit, self.random = value, error, unit, random

    def _result(self, value: Any, carried: Any, own: Any) -> "Rounded":
        if self.random is None:
            return Rounded(value, carried + own + SMALLEST, self.unit)
        return Rounded(value + self.random.uniform(-1.0, 1.0, np.shape(value)) * own, 0.0, self.unit, self.random)

    def _parts(self, other: Any) -> tuple[Any, Any]:
        return (other.value, other.error) if isinstance(other, Rounded) else (other, 0.0)

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.value)

    @property
    def ndim(self) -> int:
        return np.ndim(self.value)

    def _moved(self, move: Callable[[Any], Any]) -> "Rounded":
        """The same numbers in another shape."""
        error = np.broadcast_to(self.error, self.shape)
        return Rounded(move(self.value), move(error), self.unit, self.random)

    def reshape(self, *shape: Any) -> "Rounded":
        return self._moved(lambda a: a.reshape(*shape))

    def transpose(self, *axes: int) -> "Rounded":
        return self._moved(lambda a: a.transpose(*axes))

    def swapaxes(self, a: int, b: int) -> "Rounded":
        return self._moved(lambda array: array.swapaxes(a, b))

    def __getitem__(self, index: Any) -> "Rounded":
        return self._moved(lambda a: a[index])

    def __add__(self, other: Any) -> "Rounded":
        value, error = self._parts(other)
        total = self.value + value
        if isinstance(other, Rounded):
            return self._result(total, self.error + error, self.unit * abs(total))
        return self._result(total, self.error, FOLDED * self.unit * (abs(self.value) + abs(value)))

    __radd__ = __add__

    def __neg__(self) -> "Rounded":
        return Rounded(-self.value, self.error, self.unit, self.random)

    def __sub__(self, other: Any) -> "Rounded":
        result: Rounded = self + (-other)
        return result

    def __rsub__(self, other: Any) -> "Rounded":
        result: Rounded = -self + other
        return result

    def __mul__(self, other: Any) -> "Rounded":
        value, error = self._parts(other)
        product = self.value * value
        carried = abs(value) * self.error + abs(self.value) * error + self.error * error
        return self._result(product, carried, self.unit * abs(product))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Rounded":
        value, error = self._parts(other)
        quotient = self.value / value
        return self._result(quotient, (self.error + abs(quotient) * error) / abs(value), self.unit * abs(quotient))

    def __rtruediv__(self, other: Any) -> "Rounded":
        quotient = other / self.value
        return self._result(quotient, abs(quotient) * self.error / abs(self.value), self.unit * abs(quotient))

    def __matmul__(self, other: Any) -> "Rounded":
        value, error = self._parts(other)
        magnitudes = abs(self.value) @ abs(value)
        own = self.shape[-1] * self.unit * magnitudes
        carried = np.broadcast_to(self.error, self.shape) @ abs(value)
        if np.ndim(error):
            carried = carried + abs(self.value) @ error
        return self._result(self.value @ value, carried, own)

    def sum(self, axis: int, keepdims: bool = False) -> "Rounded":
        total = self.value.sum(axis=axis, keepdims=keepdims)
        carried = np.broadcast_to(self.error, self.shape).sum(axis=axis, keepdims=keepdims)
        own = self.shape[axis] * self.unit * abs(self.value).sum(axis=axis, keepdims=keepdims)
        return self._result(total, carried, own)

    def sqrt(self) -> "Rounded":
        root = np.sqrt(self.value)
        return self._result(root, self.error / (2 * root), self.unit * root)

    def function(self, name: str) -> "Rounded":
        value = FUNCTIONS[name](self.value)
        ulps = 0.0 if name in EXACT else LIBRARY_ULPS
        own = ulps * self.unit * (abs(value) + np.minimum(abs(self.value), 1.0))
        return self._result(value, STEEPEST[name](self.value) * self.error, own)


def _at_most(bound: float) -> Callable[[Any], Any]:
    return lambda z: bound


# Bounds of the derivative, for the error that an argument brings along.
STEEPEST: dict[str, Callable[[Any], Any]] = {
    "identity": _at_most(1.0),
    "relu": _at_most(1.0),
    "step": _at_most(0.0),  # off the kink
    "tanh": _at_most(1.0),
    "sigmoid": _at_most(0.25),
    "gelu": _at_most(1.13),  # 1.1290 at sqrt(2)
    "silu": _at_most(1.1),  # 1.0998 at 2.3994
    "softplus": _at_most(1.0),
    "sin": _at_most(1.0),
    "cos": _at_most(1.0),
    "square": lambda z: 2 * abs(z),
    "cube": lambda z: 3 * z * z,
    "exp": lambda z: np.exp(z),
    "erf": _at_most(1.13),  # 2 / sqrt(pi)
}


class RoundedDomain(Named):
    """Forward maps over `Rounded` arrays; with a random generator, in Monte Carlo arithmetic."""

    def __init__(self, unit: float, random: np.random.Generator | None = None) -> None:
        super().__init__()
        self._unit, self._random = unit, random

    def array(self, value: Any) -> Rounded:
        """An array that is exact."""
        return Rounded(value, 0.0, self._unit, self._random)

    def sqrt(self, x: Any) -> Rounded:
        """Square root; of a plain array (parameters and a constant), taken for the result of one operation."""
        return (x if isinstance(x, Rounded) else self.array(x) + 0.0).sqrt()

    def function(self, name: str, x: Any) -> Any:
        """An elementary function by name."""
        return x.function(name) if isinstance(x, Rounded) else FUNCTIONS[name](np.asarray(x))

"""Truncated power series in float64: Taylor coefficients of forward maps, all rows and features at once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from residua_symbolic.domains import recurrences
from residua_symbolic.domains.floats import FUNCTIONS as AT_THE_POINT
from residua_symbolic.domains.floats import OTHERS, Floats
from residua_symbolic.domains.named import AXES, Named

Operand = Any  # a series, a float, or float64 constants that broadcast against its entries


class SingularError(ArithmeticError):
    """The function has no Taylor series there; `entry` is where in the array, as (row, feature)."""

    def __init__(self, reason: str, entry: tuple[int, ...]) -> None:
        super().__init__(reason)
        self.entry = entry


@dataclass(frozen=True, eq=False, slots=True)
class FloatSeries:
    """An array of series in t, all cut off after `length` coefficients.

    `terms`: float64, the shape of the array and then the coefficients; those above the last one held are zero.
    """

    terms: Floats
    length: int
    __array_ufunc__ = None  # numpy leaves weight * series to the series

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array, without the coefficients."""
        return self.terms.shape[:-1]

    @property
    def full(self) -> Floats:
        """Every coefficient, zeros included."""
        missing = self.length - self.terms.shape[-1]
        return self.terms if not missing else np.pad(self.terms, [(0, 0)] * len(self.shape) + [(0, missing)])

    def __add__(self, other: Operand) -> "FloatSeries":
        if not isinstance(other, FloatSeries):
            other = np.asarray(other, dtype=np.float64)
            terms = np.array(np.broadcast_to(self.terms, (*self._beside(other), self.terms.shape[-1])))
            terms[..., 0] += other
            return self._with(terms)
        long, short = sorted((self.terms, other.terms), key=lambda t: -t.shape[-1])
        terms = np.array(np.broadcast_to(long, (*self._beside(other), long.shape[-1])))
        terms[..., : short.shape[-1]] += short
        return self._with(terms)

    __radd__ = __add__

    def __neg__(self) -> "FloatSeries":
        return self._with(-self.terms)

    def __sub__(self, other: Operand) -> "FloatSeries":
        return self.__add__(-other)

    def __rsub__(self, other: Operand) -> "FloatSeries":
        return (-self).__add__(other)

    def __mul__(self, other: Operand) -> "FloatSeries":
        if isinstance(other, FloatSeries):
            return self._with(recurrences.multiplied(self.terms, other.terms, self.length))
        return self._with(self.terms * np.asarray(other, dtype=np.float64)[..., None])

    __rmul__ = __mul__

    def __truediv__(self, other: Operand) -> "FloatSeries":
        if not isinstance(other, FloatSeries):
            return self._with(self.terms / np.asarray(other, dtype=np.float64)[..., None])
        return self.__mul__(other.inverse())

    def __rtruediv__(self, other: Operand) -> "FloatSeries":
        return self.inverse().__mul__(other)

    def inverse(self) -> "FloatSeries":
        """1/z. Raises SingularError where z begins with 0."""
        _refuse(self.terms[..., 0] == 0, "it divides by a value that is 0")
        return self._with(recurrences.reciprocal(self.full))

    def sum(self, axis: int, keepdims: bool) -> "FloatSeries":
        """Over an axis of the array, counted from its end."""
        return self._with(self.terms.sum(axis=axis - 1, keepdims=keepdims))

    def _beside(self, other: Any) -> tuple[int, ...]:
        return np.broadcast_shapes(self.shape, other.shape)

    def _with(self, terms: Floats) -> "FloatSeries":
        return FloatSeries(terms, self.length)


class FloatSeriesDomain(Named):
    """Forward maps over `FloatSeries`, of float64 weights or of series where these move."""

    def mean(self, x: FloatSeries, axis: str = "feature") -> Any:
        """As `Named.mean`."""
        return self._reduced(x.sum(axis=AXES[axis], keepdims=True) / float(x.shape[AXES[axis]]))

    def contract(self, weight: Any, x: FloatSeries) -> Any:
        """Σ_k weight[i, k] x[..., k], one matrix product for every coefficient that the weight has."""
        if not isinstance(weight, FloatSeries):
            return self._reduced(FloatSeries(weight @ x.terms, x.length))
        held = min(x.length, weight.terms.shape[-1] + x.terms.shape[-1] - 1)
        terms = np.zeros((*x.shape[:-1], weight.shape[0], held))
        for p in range(min(held, weight.terms.shape[-1])):
            stop = min(held, p + x.terms.shape[-1])
            terms[..., p:stop] += weight.terms[..., p] @ x.terms[..., : stop - p]
        return self._reduced(FloatSeries(terms, x.length))

    def power(self, x: Any, exponent: Any) -> Any:
        """x ** exponent of a series; by products where the exponent is a whole number of at least 0."""
        if not isinstance(x, FloatSeries):
            return np.power(x, float(exponent))
        if exponent == int(exponent) and exponent >= 0:
            return _product(x, int(exponent))
        if exponent == int(exponent):
            return _product(x.inverse(), -int(exponent))
        _refuse(~(x.terms[..., 0] > 0), "the base of a power is not above 0")
        return FloatSeries(recurrences.power(x.full, float(exponent)), x.length)

    def sqrt(self, x: Any) -> Any:
        """Square root. Raises SingularError where it is taken at 0 or below."""
        first = x.terms[..., 0] if isinstance(x, FloatSeries) else np.asarray(x)
        _refuse(~(first > 0), "a square root is taken of a value that is not above 0")
        if not isinstance(x, FloatSeries):
            return np.sqrt(x)
        return FloatSeries(recurrences.power(x.full, 0.5), x.length)

    def function(self, name: str, x: Any) -> Any:
        """An elementary function by name. Raises SingularError where it has no Taylor series."""
        if not isinstance(x, FloatSeries):
            return (AT_THE_POINT.get(name) or OTHERS[name])(x)
        if name == "sqrt":
            return self.sqrt(x)
        if name in PRODUCTS:
            return PRODUCTS[name](x)
        if name in KINKED:
            return _pieces(name, x)
        return FloatSeries(SMOOTH[name](x.full), x.length)


def _product(x: FloatSeries, exponent: int) -> FloatSeries:
    """x multiplied by itself, by repeated squaring."""
    if exponent == 0:
        return x * 0.0 + 1.0
    half = _product(x, exponent // 2) if exponent > 1 else None
    if half is None:
        return x
    return half * half * x if exponent % 2 else half * half


def _refuse(where: Any, reason: str) -> None:
    if np.any(where):
        raise SingularError(reason, tuple(int(p) for p in np.argwhere(where)[0]))


def _pieces(name: str, x: FloatSeries) -> FloatSeries:
    """Functions of one form on either side of 0. An argument that is 0 as far as it is kept stays 0 as far."""
    first = x.terms[..., 0]
    _refuse(np.isnan(first) | ((first == 0) & (x.terms != 0).any(axis=-1)), f"the argument of {name} is 0, at its kink")
    slope, constant = KINKED[name]
    found = x * slope(first)
    if constant is not None:
        found = found + constant(first)
    return found


def _sigmoid(z: Floats) -> Floats:
    found = np.asarray(recurrences.tanh(z / 2) / 2)
    found[..., 0] = AT_THE_POINT["sigmoid"](z[..., 0])
    return found


def _erf(z: Floats) -> Floats:
    bell = recurrences.exponential(-recurrences.multiplied(z, z, z.shape[-1]))
    return np.asarray(recurrences.along(2 / np.sqrt(np.pi) * bell, z, AT_THE_POINT["erf"](z[..., 0])))


def _gelu(z: Floats) -> Floats:
    cdf = _erf(z / np.sqrt(2.0)) / 2
    cdf[..., 0] = special.ndtr(z[..., 0])
    return np.asarray(recurrences.multiplied(z, cdf, z.shape[-1]))


def _log(z: Floats) -> Floats:
    _refuse(~(z[..., 0] > 0), "a logarithm is taken of a value that is not above 0")
    return np.asarray(recurrences.along(recurrences.reciprocal(z), z, np.log(z[..., 0])))


def _atan(z: Floats) -> Floats:
    squared = recurrences.multiplied(z, z, z.shape[-1])
    squared[..., 0] += 1
    return np.asarray(recurrences.along(recurrences.reciprocal(squared), z, np.arctan(z[..., 0])))


def _tan(z: Floats) -> Floats:
    sine, cosine = recurrences.circular(z)
    return np.asarray(recurrences.multiplied(sine, recurrences.reciprocal(cosine), z.shape[-1]))


PRODUCTS: dict[str, Callable[[FloatSeries], FloatSeries]] = {
    "identity": lambda x: x,
    "square": lambda x: x * x,
    "cube": lambda x: x * x * x,
}
# (slope, constant) on either side of the kink at 0
KINKED: dict[str, tuple[Callable[[Floats], Floats], Callable[[Floats], Floats] | None]] = {
    "relu": (lambda z: np.where(z > 0, 1.0, 0.0), None),
    "abs": (np.sign, None),
    "step": (np.zeros_like, lambda z: np.where(z > 0, 1.0, 0.0)),
    "sign": (np.zeros_like, np.sign),
}
SMOOTH: dict[str, Callable[[Floats], Floats]] = {
    "tanh": recurrences.tanh,
    "sigmoid": _sigmoid,
    "gelu": _gelu,
    "silu": lambda z: np.asarray(recurrences.multiplied(z, _sigmoid(z), z.shape[-1])),
    "softplus": lambda z: np.asarray(recurrences.along(_sigmoid(z), z, AT_THE_POINT["softplus"](z[..., 0]))),
    "sin": lambda z: recurrences.circular(z)[0],
    "cos": lambda z: recurrences.circular(z)[1],
    "exp": recurrences.exponential,
    "erf": _erf,
    "log": _log,
    "tan": _tan,
    "sinh": lambda z: recurrences.hyperbolic(z)[0],
    "cosh": lambda z: recurrences.hyperbolic(z)[1],
    "atan": _atan,
}

"""Truncated power series in t with exact coefficients, and their elementary functions from differential equations.

Coefficients are polynomials in constants (`Constants`); in several variables that of t^k is, besides, homogeneous of
degree k in the displacements. As long as every coefficient is a rational number, flint's own series do the work.
"""

from collections.abc import Callable, Sequence
from typing import Any

import flint

from residua_symbolic.series.coefficients.exact_constants import Constants, Polynomial, RefusedError


class TermsError(Exception):
    """A coefficient that is needed and is beyond the terms kept."""


class Constant:
    """A number: exact, and known to all orders."""

    __slots__ = ("constants", "p")

    def __init__(self, constants: Constants, p: Polynomial) -> None:
        self.constants, self.p = constants, p

    def __neg__(self) -> "Constant":
        return Constant(self.constants, -self.p)

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, Constant):
            return NotImplemented
        lifted = self.constants.lifted
        return Constant(self.constants, lifted(self.p) + lifted(other.p))

    def __sub__(self, other: Any) -> Any:
        return self + (-other)

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, Constant):
            return NotImplemented
        return Constant(self.constants, self.constants.product(self.p, other.p))

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, Constant):
            return self * other.reciprocal()
        return Series.constant(self, other.end - other.low) / other

    def __pow__(self, exponent: int) -> "Constant":
        base = self.reciprocal() if exponent < 0 else self
        return Constant(self.constants, self.constants.power(base.p, abs(exponent)))

    def sign(self) -> int:
        """1, 0 or −1. Raises UndecidedError."""
        return self.constants.sign(self.p)

    def reciprocal(self) -> "Constant":
        """1 / self. Raises RefusedError."""
        if not self.sign():
            raise RefusedError("a division by zero")
        return Constant(self.constants, self.constants.reciprocal(self.p))


class Series:
    """Σ_k parts[k] t^(low + k) + O(t^end); `parts` a list of polynomials, or an fmpq_series where all are rational."""

    __slots__ = ("constants", "low", "parts")

    def __init__(self, constants: Constants, parts: Any, low: int = 0) -> None:
        self.constants, self.low, self.parts = constants, low, parts
        rational = isinstance(parts, list) and not constants.displacements
        if rational and parts and all(p.is_constant() for p in parts):
            self.parts = _rational([rational_value(p) for p in parts])

    @classmethod
    def constant(cls, c: Constant, terms: int) -> "Series":
        """The series of a constant."""
        return cls(c.constants, [c.p, *(c.constants.rational(0) for _ in range(terms - 1))])

    @property
    def is_rational(self) -> bool:
        """Whether flint's series hold it."""
        return isinstance(self.parts, flint.fmpq_series)

    @property
    def end(self) -> int:
        """The order from which on nothing is known."""
        return self.low + (self.parts.prec if self.is_rational else len(self.parts))

    def listed(self) -> list[Polynomial]:
        """The coefficients as polynomials of the newest context."""
        if self.is_rational:
            return [self.constants.rational(q) for q in _list(self.parts)]
        return [self.constants.lifted(p) for p in self.parts]

    def _like(self, parts: Any, low: int) -> "Series":
        return Series(self.constants, parts, low)

    def within(self, low: int, end: int) -> "Series":
        """The coefficients of t^low … t^(end − 1), zeros before the first."""
        zeros, kept = max(0, self.low - low), max(0, low - self.low)
        if self.is_rational:
            parts = [0] * zeros + _list(self.parts)[kept:]
            return self._like(_rational(parts[: end - low]), low)
        return self._like(([self.constants.rational(0)] * zeros + self.listed()[kept:])[: end - low], low)

    def __neg__(self) -> "Series":
        return self._like(-self.parts if self.is_rational else [-p for p in self.parts], self.low)

    def __add__(self, other: Any) -> "Series":
        if isinstance(other, Constant):
            other = Series.constant(other, max(1, self.end))
        low, end = min(self.low, other.low), min(self.end, other.end)
        a, b = self.within(low, end), other.within(low, end)
        if a.is_rational and b.is_rational:
            return self._like(a.parts + b.parts, low)
        return self._like([p + q for p, q in zip(a.listed(), b.listed(), strict=True)], low)

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Series":
        return self.__add__(-other)

    def __rsub__(self, other: Any) -> "Series":
        return (-self).__add__(other)

    def __mul__(self, other: Any) -> "Series":
        if isinstance(other, Constant):
            return self._scaled(other)
        low = self.low + other.low
        if self.is_rational and other.is_rational:
            return self._like(self.parts * other.parts, low)
        a, b = self.listed(), other.listed()
        return self._like([self._convolved(a, b, k) for k in range(min(len(a), len(b)))], low)

    __rmul__ = __mul__

    def _scaled(self, c: Constant) -> "Series":
        if c.p.is_one():
            return self
        if self.is_rational and c.p.is_constant():
            return self._like(self.parts * rational_value(c.p), self.low)
        return self._like([self.constants.product(c.p, p) for p in self.listed()], self.low)

    def _convolved(self, a: Sequence[Polynomial], b: Sequence[Polynomial], k: int, first: int = 0) -> Polynomial:
        """Σ a_j b_{k−j} over j ≥ first."""
        total = self.constants.rational(0)
        for j in range(first, min(k + 1, len(a))):
            total += a[j] * b[k - j]
        return self.constants.reduced(total)

    def leading(self) -> tuple[int, Polynomial]:
        """The order of the first coefficient that is not zero, and that coefficient.

        Raises TermsError where there is none among those known, UndecidedError.
        """
        for k, p in enumerate(self.listed()):
            kept = self.constants.pruned(p)
            if not kept.is_zero():
                return self.low + k, kept
        raise TermsError("no coefficient that is not zero is known")

    def __truediv__(self, other: Any) -> "Series":
        if isinstance(other, Constant):
            return self._scaled(other.reciprocal())
        order, lead = other.leading()
        low = next((k for k, p in enumerate(self.listed(), self.low) if not p.is_zero()), self.end - 1)
        top, divisor = self.within(low, self.end), other.within(order, other.end)
        if top.is_rational and divisor.is_rational:
            return self._like(top.parts / divisor.parts, low - order)
        by = _division(self.constants, lead)
        a, found = top.listed(), list[Polynomial]()
        b = [lead, *divisor.listed()[1:]]
        for k in range(min(len(a), len(b))):
            lifted = self.constants.lifted
            b, found = [lifted(p) for p in b], [lifted(p) for p in found]  # dividing may have made generators
            found.append(by(lifted(a[k]) - self._convolved(b, found, k, first=1)))
        return self._like(found, low - order)

    def __rtruediv__(self, other: Any) -> "Series":
        return Series.constant(other, self.end - self.low) / self

    def __pow__(self, exponent: int) -> Any:
        if exponent < 0:
            return Constant(self.constants, self.constants.rational(1)) / self**-exponent
        result: Any = Constant(self.constants, self.constants.rational(1))
        for bit in bin(exponent)[2:] if exponent else "":
            result = result * result
            result = result * self if bit == "1" else result
        return result

    def regular(self) -> "Series":
        """The same from t^0 on. Raises RefusedError at a pole."""
        if self.low < 0:
            for k, p in enumerate(self.listed()[: -self.low]):
                if not self.constants.pruned(p).is_zero():
                    raise RefusedError(f"a pole of order {-self.low - k}")
            if self.end < 1:
                raise TermsError("the constant coefficient is not known")
        return self.within(0, self.end) if self.low else self

    def split(self) -> tuple[Constant, "Series"]:
        """The constant coefficient, and the rest; a constant that is known to be zero is given as such."""
        u = self.regular()
        if u.is_rational:
            c = self.constants.rational(u.parts[0])
            return Constant(self.constants, c), self._like(u.parts - u.parts[0], 0)
        first, *rest = u.listed()
        return Constant(self.constants, first), self._like([self.constants.rational(0), *rest], 0)

    def derivative(self) -> "Series":
        """d/dt, of a series without negative powers."""
        u = self.regular()
        if u.end < 2:
            raise TermsError("no coefficient of the derivative is known")
        if u.is_rational:
            return self._like(u.parts.derivative(), 0)
        return self._like([p * k for k, p in enumerate(u.listed())][1:], 0)

    def integral(self, constant: Constant) -> "Series":
        """The antiderivative with this value at 0."""
        u = self.regular()
        if u.is_rational:
            return self._like(u.parts.integral(), 0) + constant
        parts = [p * flint.fmpq(1, k + 1) for k, p in enumerate(u.listed())]
        return self._like([self.constants.lifted(constant.p), *parts], 0)


def rational_value(p: Polynomial) -> Any:
    """The fmpq that a polynomial without generators is."""
    return flint.fmpq(0) if p.is_zero() else p.leading_coefficient()


def _rational(values: Sequence[Any]) -> Any:
    """An fmpq_series of as many terms as there are values."""
    return flint.fmpq_series(list(values), prec=len(values))


def _list(parts: Any) -> list[Any]:
    return [parts[k] for k in range(parts.prec)]


def _division(constants: Constants, lead: Polynomial) -> Callable[[Polynomial], Polynomial]:
    """Division by the leading coefficient: a constant, or a polynomial in the displacements that has to divide."""
    if list(constants.by_displacement(lead)) == [(0,) * len(constants.displacements)]:
        inverse = constants.reciprocal(lead)
        return lambda p: constants.product(p, inverse)

    def exactly(p: Polynomial) -> Polynomial:
        quotient, rest = divmod(constants.lifted(p), constants.lifted(lead))
        if not constants.pruned(constants.reduced(rest)).is_zero():
            raise RefusedError("a quotient that is no polynomial in the lowest order")
        return constants.reduced(quotient)

    return exactly


def riccati(start: Constant, rates: tuple[int, int, int], h: Series) -> Series:
    """y with y' = (α + β y + γ y²) h' and y(0) = `start`, h(0) = 0: exp, tan, tanh, the sigmoid."""
    constants = h.constants
    alpha, beta, gamma = rates
    slopes = [constants.lifted(p) * k for k, p in enumerate(h.listed())]
    y = [constants.lifted(start.p)]
    right: list[Polynomial] = []
    for n in range(1, len(slopes)):
        square = h._convolved(y, y, n - 1) if gamma else constants.rational(0)
        right.append(alpha * int(n == 1) + beta * y[n - 1] + gamma * square)
        y.append(h._convolved(slopes, right, n, first=1) * flint.fmpq(1, n))
    return Series(constants, y)


def turning(sign: int, h: Series) -> tuple[Series, Series]:
    """s, c with s' = c h', c' = sign s h', s(0) = 0, c(0) = 1: sin and cos, sinh and cosh."""
    if h.is_rational:
        return tuple(Series(h.constants, part) for part in _turning(sign, h.parts))  # type: ignore[return-value]
    slopes = [p * k for k, p in enumerate(h.listed())]
    s, c = [h.constants.rational(0)], [h.constants.rational(1)]
    for n in range(1, len(slopes)):
        next_s = h._convolved(slopes, c, n, first=1) * flint.fmpq(1, n)
        next_c = h._convolved(slopes, s, n, first=1) * flint.fmpq(sign, n)
        s.append(next_s)
        c.append(next_c)
    return Series(h.constants, s), Series(h.constants, c)


def _turning(sign: int, h: Any) -> tuple[Any, Any]:
    return (h.sin(), h.cos()) if sign < 0 else (h.sinh(), h.cosh())


def power(u: Series, exponent: Polynomial, start: Constant) -> Series:
    """u^exponent with the value `start` at 0, where u does not vanish.

    n u_0 y_n = Σ_k (exponent k − (n − k)) u_k y_{n−k}: from u y' = exponent u' y (Miller; Knuth, TAOCP 2, 4.7).
    """
    constants = u.constants
    if u.is_rational and exponent.is_constant():
        first = u.parts[0]
        logarithm = (u.parts * (1 / first)).log() if first != 1 else u.parts.log()
        return Series(constants, (logarithm * rational_value(exponent)).exp()) * start
    parts = u.listed()
    inverse = constants.reciprocal(parts[0])
    y = [constants.lifted(start.p)]
    a = constants.lifted(exponent)
    parts = [constants.lifted(p) for p in parts]
    for n in range(1, len(parts)):
        total = constants.rational(0)
        for k in range(1, n + 1):
            total += (a * k - (n - k)) * constants.product(parts[k], y[n - k])
        y.append(constants.product(total, inverse) * flint.fmpq(1, n))
    return Series(constants, y)

"""Truncated power series over the rationals: exact Taylor coefficients of polynomial, rational and ReLU networks."""

from fractions import Fraction
from typing import Any

import flint
import numpy as np

from residua_symbolic.domains.exact import POLYNOMIALS
from residua_symbolic.domains.float_series import KINKED, SingularError
from residua_symbolic.domains.named import Array, Named
from residua_symbolic.domains.rationals import FUNCTIONS, RationalDomain


class IrrationalError(ArithmeticError):
    """A value that is not a rational number, or need not be one."""


class RationalSeriesDomain(Named):
    """Forward maps over object arrays of `fmpq_series`; floats are taken at their exact values."""

    def number(self, value: Any) -> Any:
        """A float, an int or a fraction as it is."""
        return rational(value)

    def sqrt(self, x: Array) -> Array:
        """Square root, where it is rational. Raises IrrationalError, and SingularError at 0."""
        return np.frompyfunc(_root, 1, 1)(x)

    def function(self, name: str, x: Array) -> Array:
        """A polynomial, or a function made of pieces of them. Raises IrrationalError for others."""
        if name in POLYNOMIALS:
            return np.frompyfunc(POLYNOMIALS[name], 1, 1)(x)
        if name not in KINKED:
            raise IrrationalError(f"{name} has no exact rational values")
        found = np.empty(x.shape, dtype=object)
        for at in np.ndindex(x.shape):
            found[at] = _piece(name, x[at], at)
        return found


def rational(value: Any) -> Any:
    """A number at its exact value."""
    return flint.fmpq(*(value if isinstance(value, Fraction) else float(value)).as_integer_ratio())


def constants(values: Any) -> Array:
    """float64 numbers, or fractions, as rationals."""
    return np.frompyfunc(rational, 1, 1)(np.asarray(values))


def lines(values: Any, directions: Any) -> Array:
    """The array values + t · directions."""
    made = np.frompyfunc(lambda v, d: flint.fmpq_series([v, d]), 2, 1)
    return made(constants(values), constants(directions))


def at_most(x: Any, powers: int) -> Array:
    """Coefficients below t^powers, in a last axis, as Python's fractions."""
    found = np.empty((*np.shape(x), powers), dtype=object)
    for at in np.ndindex(np.shape(x)):
        for k in range(powers):
            value = _coefficient(x[at], k)
            found[(*at, k)] = Fraction(int(value.p), int(value.q))
    return found


def two_terms(value: Any) -> tuple[Any, Any]:
    """Value and slope at t = 0, as rationals."""
    return _coefficient(value, 0), _coefficient(value, 1)


def _coefficient(value: Any, power: int) -> Any:
    if isinstance(value, flint.fmpq_series):
        return value[power]
    return flint.fmpq(value) if power == 0 else flint.fmpq(0)


def _piece(name: str, z: Any, at: tuple[int, ...]) -> Any:
    first = _coefficient(z, 0)
    if first == 0 and any(_coefficient(z, k) != 0 for k in range(1, flint.ctx.cap)):
        raise SingularError(f"the argument of {name} is 0, at its kink", at)
    if name in ("step", "sign"):
        return z * 0 + FUNCTIONS[name](first)
    return z if first > 0 else z * (-1 if name == "abs" else 0)


def _root(z: Any) -> Any:
    first = _coefficient(z, 0)
    if first <= 0:
        raise IrrationalError(f"a square root is taken of {first}")
    try:
        root = RationalDomain().power(first, flint.fmpq(1, 2))
    except ValueError:
        raise IrrationalError("a square root is taken whose value is not rational") from None
    if not isinstance(z, flint.fmpq_series):
        return root
    found, half = flint.fmpq_series([root]), flint.fmpq(1, 2)
    for _ in range(flint.ctx.cap.bit_length()):  # Newton: every step doubles the number of right coefficients
        found = (found + z / found) * half
    return found

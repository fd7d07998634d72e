"""Exact rational numbers: expressions without transcendental functions."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "abs": abs,
    "sign": lambda z: flint.fmpq((z > 0) - (z < 0)),
    "relu": lambda z: z if z > 0 else z * 0,
    "step": lambda z: flint.fmpq(int(z > 0)),
}


class RationalDomain:
    """fmpq; a function with values that are not rational is refused."""

    def number(self, value: Any) -> Any:
        """The number itself."""
        return flint.fmpq(*value.as_integer_ratio())

    def function(self, name: str, x: Any) -> Any:
        """A function that maps rationals to rationals; the square root of a square."""
        if name == "sqrt":
            return self.power(x, flint.fmpq(1, 2))
        if name not in FUNCTIONS:
            raise ValueError(f"{name} has no exact rational values")
        return FUNCTIONS[name](x)

    def power(self, x: Any, exponent: Any) -> Any:
        """An exact root and its powers; raises ValueError where the result is not rational."""
        root = int(exponent.denominator)
        p, q = (_root(int(part), root) for part in (x.numerator, x.denominator))
        return flint.fmpq(p, q) ** int(exponent.numerator)


def _root(value: int, degree: int) -> int:
    """The whole number whose power is `value`."""
    if value < 0:
        raise ValueError(f"{Fraction(value)} has no real root")
    found = int(flint.fmpz(value).root(degree))
    if found**degree != value:
        raise ValueError(f"the root of {value} is not rational")
    return found

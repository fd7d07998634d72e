"""Exact fractions with unknown functions and their second derivatives: an activation φ, and a scalar of many values."""

from typing import Any

import numpy as np

from residua_symbolic.domains.exact import ExactDomain, Fraction
from residua_symbolic.domains.named import Array


class UnknownDomain(ExactDomain):
    """As `ExactDomain`, with φ'' and a function C of several values, of which nothing is known but its derivatives.

    With `constant_slopes` every φ'(z) is a generator of its own, on which nothing depends. `units`: how often φ is
    applied; `values`: how many values C has.
    """

    def __init__(self, generators: list[str], units: int, values: int, constant_slopes: bool = False) -> None:
        # two generators each for kind and room: a value and two derivatives a unit, and those of C
        super().__init__(generators, room=2 * units + 1 + values + values * values)
        self._constant_slopes = constant_slopes
        self._second: list[tuple[Fraction, Fraction]] = []

    def function(self, name: str, x: Array) -> Array:
        """As `ExactDomain.function`; "phi_second" is the second derivative of "phi"."""
        if name == "phi_second":
            return np.frompyfunc(self._phi_second, 1, 1)(x)
        return super().function(name, x)

    def _phi(self, argument: Fraction) -> Fraction:
        slope_name = self._unused["value"][1]
        value = super()._phi(argument)
        if not self._constant_slopes:
            second = self.generator(self._unused["value"].pop(0))
            self._differential[slope_name] = lambda variable: second * self.derivative(argument, variable)
            self._second.append((argument, second))
        return value

    def _phi_second(self, argument: Fraction) -> Fraction:
        return next(second for known, second in self._second if self.is_zero(known - argument))

    def scalar(self, arguments: Array) -> tuple[Fraction, Array, Array]:
        """C of these values, its first derivatives and the symmetric matrix of the second ones."""
        size = len(arguments)
        names = [self._unused["value"].pop(0) for _ in range(1 + size)]
        second = np.empty((size, size), dtype=object)
        for row in range(size):
            for column in range(row + 1):
                second[row, column] = second[column, row] = self.generator(self._unused["value"].pop(0))
        first = self.array(names[1:])
        self._depends(names[0], first, arguments)
        for name, slopes in zip(names[1:], list(second), strict=True):
            self._depends(name, slopes, arguments)
        return self.generator(names[0]), first, second

    def _depends(self, name: str, slopes: Array, arguments: Array) -> None:
        def differential(variable: str) -> Fraction:
            total = self.number(0)
            for slope, argument in zip(slopes, arguments, strict=True):
                total = total + slope * self.derivative(argument, variable)
            return total

        self._differential[name] = differential

    def derivatives(self, y: Fraction, variables: Any) -> Array:
        """∂y/∂(every variable), in the shape of their names."""
        return np.vectorize(lambda name: self.derivative(y, name), otypes=[object])(np.array(variables))

    def agree(self, left: Array, right: Array) -> bool:
        """Whether two arrays are equal, axes of length 1 broadcast."""
        return all(self.is_zero(e) for e in np.ravel(left - right))

"""Exact fractions of polynomials over the rationals: the referee that shares no tangent rule with the derivation.

A square root becomes a generator s with the relation s² = radicand, an unknown function two generators (its value and
its derivative). `derivative` is flint's partial derivative and the theorem on implicit functions; `is_zero` divides
by the relations. Equality is therefore decided, not sampled.
"""

from collections.abc import Callable
from typing import Any

import flint
import numpy as np

from residua_symbolic.domains.named import Array, Named

POLYNOMIALS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda z: z,
    "square": lambda z: z * z,
    "cube": lambda z: z * z * z,
}


class Fraction:
    """A quotient of polynomials; not reduced, so that comparing needs `is_zero` of a difference."""

    __slots__ = ("denominator", "numerator")

    def __init__(self, numerator: Any, denominator: Any) -> None:
        self.numerator, self.denominator = numerator, denominator

    def reduced(self) -> "Fraction":
        """The same fraction in lowest terms."""
        divisor = self.numerator.gcd(self.denominator)
        return Fraction(self.numerator / divisor, self.denominator / divisor)

    def _lift(self, other: Any) -> "Fraction":
        one = self.denominator * 0 + 1
        return other if isinstance(other, Fraction) else Fraction(one * other, one)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        o = self._lift(other)
        if self.denominator == o.denominator:
            return Fraction(self.numerator + o.numerator, self.denominator)
        return Fraction(
            self.numerator * o.denominator + o.numerator * self.denominator, self.denominator * o.denominator
        )

    __radd__ = __add__

    def __neg__(self) -> "Fraction":
        return Fraction(-self.numerator, self.denominator)

    def __sub__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else self + (-self._lift(other))

    def __rsub__(self, other: Any) -> Any:
        return self._lift(other) - self

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        o = self._lift(other)
        return Fraction(self.numerator * o.numerator, self.denominator * o.denominator)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        o = self._lift(other)
        return Fraction(self.numerator * o.denominator, self.denominator * o.numerator)

    def __rtruediv__(self, other: Any) -> Any:
        return self._lift(other) / self


class ExactDomain(Named):
    """Forward maps over fractions in the given generators.

    With `constant_statistics` every mean is a generator of its own, on which nothing depends.
    """

    def __init__(self, generators: list[str], room: int, constant_statistics: bool = False) -> None:
        super().__init__()
        self._unused = {kind: [f"_{kind}{p}" for p in range(2 * room)] for kind in ("root", "value", "mean")}
        every = [*(name for names in self._unused.values() for name in names), *generators]
        self._position = {name: p for p, name in enumerate(every)}
        self._context = flint.fmpq_mpoly_ctx.get(every, "lex")
        self._generator = dict(zip(every, self._context.gens(), strict=True))
        self._one = self._generator[every[0]] * 0 + 1
        self._differential: dict[str, Callable[[str], Fraction]] = {}  # of the generators that depend on others
        self._roots: list[tuple[str, Fraction]] = []
        self._function_values: list[tuple[Fraction, Fraction]] = []
        self._constant_statistics = constant_statistics

    def number(self, value: Any) -> Fraction:
        """A rational number; a float is taken at its exact value."""
        p, q = value.as_integer_ratio()
        return Fraction(self._one * p, self._one * q)

    def generator(self, name: str) -> Fraction:
        """The generator of this name."""
        return Fraction(self._generator[name], self._one)

    def array(self, names: Any) -> Array:
        """An array of generators, in the shape of `names`."""
        return np.vectorize(self.generator, otypes=[object])(np.array(names))

    def mean(self, x: Array, axis: str = "feature") -> Array:
        """As `Named.mean`; with constant statistics a free generator for every entry."""
        value = super().mean(x, axis)
        if self._constant_statistics:
            free = [self.generator(self._unused["mean"].pop(0)) for _ in range(value.size)]
            value = self.names[f"m{self.reductions}"] = np.array(free, dtype=object).reshape(value.shape)
        return value

    def sqrt(self, x: Array) -> Array:
        """A generator s with s² = x, for every entry."""

        def root(radicand: Fraction) -> Fraction:
            name = self._unused["root"].pop(0)
            s = self.generator(name)
            self._roots.append((name, radicand))
            self._differential[name] = lambda variable: self.derivative(radicand, variable) / (2 * s)
            return s

        return np.frompyfunc(root, 1, 1)(x)

    def function(self, name: str, x: Array) -> Array:
        """A polynomial activation, or the unknown function "phi" and its derivative "phi_prime"."""
        if name in POLYNOMIALS:
            return POLYNOMIALS[name](x)
        return np.frompyfunc({"phi": self._phi, "phi_prime": self._phi_prime}[name], 1, 1)(x)

    def _phi(self, argument: Fraction) -> Fraction:
        name, slope = self._unused["value"].pop(0), self.generator(self._unused["value"].pop(0))
        self._differential[name] = lambda variable: slope * self.derivative(argument, variable)
        self._function_values.append((argument, slope))
        return self.generator(name)

    def _phi_prime(self, argument: Fraction) -> Fraction:
        return next(slope for known, slope in self._function_values if self.is_zero(known - argument))

    def abstract_map(self, values: Array, jacobian: Array, variables: list[str]) -> Callable[[Array], Array]:
        """A map F of which only the Jacobian is known: generators for both, given by name."""
        column = {variable: p for p, variable in enumerate(variables)}
        slopes = self.array(jacobian)

        def differential(row: int) -> Callable[[str], Fraction]:
            return lambda variable: slopes[row, column[variable]]

        for row, name in enumerate(values):
            self._differential[name] = differential(row)
        return lambda x: self.array(values)

    def derivative(self, y: Fraction, variable: str) -> Fraction:
        """dy/d(variable), through everything that depends on it."""
        top, bottom = self._polynomial(y.numerator, variable), self._polynomial(y.denominator, variable)
        n, d = Fraction(y.numerator, self._one), Fraction(y.denominator, self._one)
        result: Fraction = (top * d - n * bottom) / (d * d)
        return result

    def _polynomial(self, p: Any, variable: str) -> Fraction:
        result = Fraction(p.derivative(self._position[variable]), self._one)
        degrees = p.degrees()
        for name, differential in self._differential.items():
            if degrees[self._position[name]]:
                result = result + Fraction(p.derivative(self._position[name]), self._one) * differential(variable)
        return result

    def is_zero(self, q: Fraction) -> bool:
        """Whether q vanishes, given the relations s² = radicand. Raises ZeroDivisionError for a quotient by zero."""
        if self._remainder(q.denominator) == 0:
            raise ZeroDivisionError("the denominator vanishes by the relations")
        return bool(self._remainder(q.numerator) == 0)

    def _remainder(self, p: Any) -> Any:
        """`p` modulo the relations, newest root first, up to a factor that does not vanish."""
        for name, radicand in reversed(self._roots):
            p = self._modulo(p, name, radicand)
        return p

    def _modulo(self, p: Any, name: str, radicand: Fraction) -> Any:
        place = self._position[name]
        highest = p.degrees()[place] // 2
        if not highest:
            return p
        by_degree: dict[int, dict[Any, Any]] = {}
        for monomial, coefficient in p.terms():
            degree, rest = int(monomial[place]), [*monomial]
            rest[place] = 0
            by_degree.setdefault(degree, {})[tuple(rest)] = coefficient
        result = self._one * 0
        for degree, terms in by_degree.items():
            lowered = radicand.numerator ** (degree // 2) * radicand.denominator ** (highest - degree // 2)
            result += self._context.from_dict(terms) * lowered * self._generator[name] ** (degree % 2)
        return result

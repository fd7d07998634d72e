"""Residues modulo a prime: what is zero for every value of its variables is zero here, and little else is."""

import random
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import flint

from residua_network import ResiduaError

if TYPE_CHECKING:
    from residua_symbolic.expressions.graph import Node

PRIME = 2**61 - 1  # p ≡ 3 (mod 4): a root of a square v is v^((p+1)/4)
PRIMES = 16  # of that kind: a constant that is no square modulo one of them is a square modulo another
TRIES = 200  # a random point makes all of k radicands squares with probability about 2^-k


class NotASquareError(ArithmeticError):
    """A radicand without a root in the field: another point has to be tried."""


class UndecidedError(ResiduaError, ArithmeticError):
    """No point at which every root and quotient exists was found."""


@cache
def primes() -> tuple[int, ...]:
    """The largest primes p ≡ 3 (mod 4) up to 2^61 − 1."""
    candidates = (p for p in range(PRIME, 0, -4) if flint.fmpz(p).is_probable_prime())
    return tuple(next(candidates) for _ in range(PRIMES))


class ResidueDomain:
    """Numbers modulo p. Any function but the root has a value drawn once for each argument.

    The root of v is that root which is a square itself: so √(u v) = √u √v, but √(u²) is u at half of all points only.
    `roots`: whether one was taken.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._values: dict[tuple[str, int], Any] = {}
        self.prime = PRIME
        self.roots = False

    def number(self, value: Any) -> Any:
        """A rational number as a residue."""
        p, q = value.as_integer_ratio()
        return flint.nmod(p, self.prime) / flint.nmod(q, self.prime)

    def function(self, name: str, x: Any) -> Any:
        """A residue for f(x), the same for the same x; raises NotASquareError for a root that is not there."""
        if name == "sqrt":
            self.roots = True
            root = x ** ((self.prime + 1) // 4)
            if root * root != x:
                raise NotASquareError(f"{x} is no square modulo {self.prime}")
            return root
        return self._values.setdefault((name, int(x)), self._drawn())

    def power(self, x: Any, exponent: Any) -> Any:
        """A half-integer power through the root; any other is a function of its own."""
        double = exponent + exponent
        half = next((k for k in range(-129, 130, 2) if flint.nmod(k % self.prime, self.prime) == double), None)
        if half is not None:
            return self.function("sqrt", x) ** half
        return self._values.setdefault((f"pow {int(exponent)}", int(x)), self._drawn())

    def at_random_point(self, outputs: "Sequence[Node]", names: Sequence[str]) -> list[Any]:
        """The outputs at a random point at which they exist. Raises UndecidedError where none is found."""
        from residua_symbolic.expressions.evaluation import PointError, evaluate

        for attempt in range(TRIES):
            self._values.clear()
            self.prime = self._random.choice(primes()) if attempt else PRIME
            try:
                return evaluate(outputs, {name: self._drawn() for name in names}, self)
            except PointError:
                continue  # a quotient by zero or a root that is not there
        raise UndecidedError(f"expected a point at which every root and quotient exists, found none in {TRIES} tries")

    def _drawn(self) -> Any:
        return flint.nmod(self._random.randrange(self.prime), self.prime)

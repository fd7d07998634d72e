"""Truncated power series over Arb balls: certified Taylor coefficients of forward maps."""

from typing import Any

import flint
import numpy as np

from residua_symbolic.domains.balls import BallDomain, exact
from residua_symbolic.domains.float_series import KINKED, SingularError
from residua_symbolic.domains.named import Array


class UndecidedError(ArithmeticError):
    """More bits may decide it; `entry` is where in the array, as (row, feature)."""

    def __init__(self, reason: str, entry: tuple[int, ...]) -> None:
        super().__init__(reason)
        self.entry = entry


class BallSeriesDomain(BallDomain):
    """Forward maps over object arrays of `arb_series`; what has no Taylor series is refused, not continued."""

    def contract(self, weight: Array, x: Array) -> Array:
        """Σ_k weight[i, k] x[..., k], as one product of matrices of balls where the weight does not move."""
        if _moves(weight) or not _moves(x):
            return super().contract(weight, x)
        rows, width, terms = len(x), x.shape[-1], flint.ctx.cap
        stacked = [[c for row in x for c in _coefficients(row[k], terms)] for k in range(width)]
        product = flint.arb_mat(*weight.shape, weight.ravel().tolist()) * flint.arb_mat(stacked)
        found = np.empty((rows, len(weight)), dtype=object)
        for i, line in enumerate(product.tolist()):
            for row in range(rows):
                found[row, i] = flint.arb_series(line[row * terms : (row + 1) * terms])
        return self._reduced(found)

    def sqrt(self, x: Array) -> Array:
        """Square root. Raises SingularError at 0 and below."""
        return self.function("sqrt", x)

    def function(self, name: str, x: Array) -> Array:
        """An elementary function by name, entry by entry. Raises SingularError, or UndecidedError."""
        found = np.empty(x.shape, dtype=object)
        for at in np.ndindex(x.shape):
            if name in KINKED:
                _off_the_kink(x[at], name, at)
            elif name in ("sqrt", "log"):
                _above_zero(x[at], name, at)
            found[at] = _tanh(x[at]) if name == "tanh" else super().function(name, x[at])
        return found


def at_most(x: Any, powers: int) -> Array:
    """Coefficients below t^powers, in a last axis, as balls."""
    found = np.empty((*np.shape(x), powers), dtype=object)
    for at in np.ndindex(np.shape(x)):
        found[at] = _coefficients(x[at], powers)
    return found


def lines(values: Any, directions: Any) -> Array:
    """The array values + t · directions."""
    middles, slopes = exact(values), exact(directions)
    return np.frompyfunc(lambda v, d: flint.arb_series([v, d]), 2, 1)(middles, slopes)


def _tanh(z: Any) -> Any:
    """With one exponential and one reciprocal, which take half the time of the quotient in `balls`."""
    return 1 - 2 / (1 + (2 * z).exp())


def _moves(values: Array) -> bool:
    return any(isinstance(value, flint.arb_series) for value in values.flat)


def _coefficients(value: Any, powers: int) -> list[Any]:
    if not isinstance(value, flint.arb_series):
        return [value] + [flint.arb(0)] * (powers - 1)
    found: list[Any] = value.coeffs()[:powers]
    return found + [flint.arb(0)] * (powers - len(found))


def _off_the_kink(z: Any, name: str, at: tuple[int, ...]) -> None:
    first, *others = _coefficients(z, flint.ctx.cap)
    if first > 0 or first < 0 or not first.is_finite():
        return
    if first != 0:
        raise UndecidedError(f"the sign of the argument of {name} is not certain: {first.str(5)}", at)
    if any(c != 0 for c in others):
        raise SingularError(f"the argument of {name} is 0, at its kink", at)


def _above_zero(z: Any, name: str, at: tuple[int, ...]) -> None:
    first = _coefficients(z, 1)[0]
    if first > 0 or not first.is_finite():
        return
    if first <= 0:
        raise SingularError(f"{name} is taken of a value that is not above 0", at)
    raise UndecidedError(f"{name} is taken of a value that may be 0: {first.str(5)}", at)

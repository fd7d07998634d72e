"""The best polynomial of a degree in the mean square: the part of a function along Legendre's polynomials."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_network import ResiduaError
from residua_network.checks import whole
from residua_symbolic.domains import balls
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.expressions.given import Given
from residua_symbolic.series.approximation import exponential_sums as sums
from residua_symbolic.series.approximation.mean_square import interval, symbol_of
from residua_symbolic.series.approximation.quadrature import constant, mean_product, mean_square

LARGEST = 60  # degree; in monomials the coefficients are then of size 1e22
ZERO = sp.Integer(0)
t = sp.Symbol("t", real=True)


@dataclass(frozen=True, eq=False)
class BestPolynomial:
    """The polynomial Σ c_k (x − middle)^k of a degree with the least mean square error on [lower, upper].

    `moments`: b_k = mean of f P_k(τ), τ = (x − middle)/half length, so that the polynomial is Σ (2k + 1) b_k P_k(τ).
    Exact, where the integrals are; else `moments` and `coefficients` are Enclosures of shape (degree + 1,), and
    `mean_square_error` is one.
    """

    lower: sp.Expr
    upper: sp.Expr
    moments: tuple[sp.Expr, ...] | Enclosure
    coefficients: tuple[sp.Expr, ...] | Enclosure
    mean_square_error: sp.Expr | Enclosure

    @property
    def middle(self) -> sp.Expr:
        """What the powers are of."""
        return (self.lower + self.upper) / 2


def best_polynomial(function: Given, variable: str, degree: int, lower: sp.Expr, upper: sp.Expr) -> BestPolynomial:
    """The best polynomial in the mean square on an interval. Raises ResiduaError as `mean_square_error`."""
    if whole(degree, "degree", "best_polynomial", least=0) > LARGEST:
        raise ResiduaError(f"best_polynomial: the degree may be at most {LARGEST}, got {degree}")
    low, high = interval(function, variable, lower, upper)
    middle, half = (low + high) / 2, (high - low) / 2
    basis = [[c / half**power for power, c in enumerate(legendre(k))] for k in range(degree + 1)]
    try:
        f = sums.read(function.sympy, symbol_of(function, variable), middle)
        moments = tuple(_exact_mean(sums.multiplied(f, sums.polynomial(p)), half) for p in basis)
        square = _exact_mean(sums.multiplied(f, f), half)
    except sums.OutOfClassError:
        return _enclosed(function, variable, basis, low, high)
    coefficients = tuple(
        sp.expand(sum(((2 * k + 1) * moments[k] * p[power] for k, p in enumerate(basis) if power < len(p)), ZERO))
        for power in range(degree + 1)
    )
    error = sp.expand(square - sum(((2 * k + 1) * b**2 for k, b in enumerate(moments)), ZERO))
    return BestPolynomial(low, high, moments, coefficients, error)


def _exact_mean(one: sums.ExponentialSum, half: sp.Expr) -> sp.Expr:
    return sp.expand(sums.integrated(one, -half, half) / (2 * half))


def _enclosed(
    function: Given, variable: str, basis: Sequence[Sequence[sp.Expr]], low: sp.Expr, high: sp.Expr
) -> BestPolynomial:
    """By certified quadrature."""
    middle = (low + high) / 2
    found = [mean_product(function.program, variable, middle, p, low, high) for p in basis]
    square, bits = mean_square(function.program, variable, middle, (ZERO,), low, high)
    bits = max(bits, *(own for _, own in found))
    with balls.precision(bits):
        moments = [_known(ball) for ball, _ in found]
        coefficients = [
            _known(
                sum(
                    ((2 * k + 1) * moments[k] * constant(p[power]) for k, p in enumerate(basis) if power < len(p)),
                    flint.arb(0),
                )
            )
            for power in range(len(basis))
        ]
        error = _known(square - sum(((2 * k + 1) * b**2 for k, b in enumerate(moments)), flint.arb(0)))
    return BestPolynomial(
        low, high, Enclosure(_array(moments), bits), Enclosure(_array(coefficients), bits), Enclosure(error, bits)
    )


def _known(ball: Any) -> Any:
    """The ball, or all numbers where it holds none: bounds that are not there leave ∞ − ∞."""
    return ball if ball.is_finite() else flint.arb(0, float("inf"))


@cache
def legendre(degree: int) -> tuple[sp.Rational, ...]:
    """Coefficients of P_k, lowest first, by (k + 1) P_(k+1) = (2k + 1) t P_k − k P_(k−1)."""
    if degree < 2:
        return ((sp.Integer(1),), (ZERO, sp.Integer(1)))[degree]
    k = degree - 1
    up = [ZERO, *((2 * k + 1) * c for c in legendre(k))]
    down = [*(k * c for c in legendre(k - 1)), ZERO, ZERO]
    return tuple((a - b) / (k + 1) for a, b in zip(up, down, strict=True))


def _array(values: Sequence[object]) -> "np.ndarray[tuple[int], np.dtype[np.object_]]":
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array

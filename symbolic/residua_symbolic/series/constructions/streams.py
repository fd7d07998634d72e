"""Residual nets whose stream is one number wide, with polynomial blocks: y_l = y_(l−1) + F_l(y_(l−1)), y_0 = x.

Document 000, L82–100, takes F_l for the l-th Taylor term. Read literally F_l acts on y_(l−1), not on x; the other
constructors are what can be made of the idea. Everything is exact over the rationals, or enclosed by balls.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flint

Rationals = Sequence[Any]  # flint.fmpq: c_0, c_1, ..., c_n
X = flint.fmpq_poly([0, 1])


@dataclass(frozen=True, eq=False)
class Stream:
    """The blocks by their number l, in order: polynomials over the rationals. A number that is missing adds nothing.

    `centre`: the value of y around which the blocks are made, f(0) or 0.
    """

    blocks: tuple[tuple[int, Any], ...]
    centre: Any = 0

    def upto(self, last: int) -> "Stream":
        """The blocks with l ≤ last."""
        return Stream(tuple((number, block) for number, block in self.blocks if number <= last), self.centre)

    def polynomial(self) -> Any:
        """y_L as a polynomial in x, of the degree that it has."""
        y = X
        for _, block in self.blocks:
            y = y + block(y)
        return y

    def series(self, order: int) -> Any:
        """y_L to order x^order: composed by Horner's rule, cut off after every product."""
        y = X.truncate(order + 1)
        for _, block in self.blocks:
            y = y + composed(block, y, order)
        return y

    @property
    def degree(self) -> int:
        """That of y_L, without composing it: block and stream multiply theirs, and no two leading terms meet.

        A block of degree 1 may cancel the stream; its sum with y is composed.
        """
        found = 1
        for _, block in self.blocks:
            whole = X + block
            found *= whole.degree() if whole.degree() > 0 else 0
        return found

    def states(self, x: Any) -> list[Any]:
        """y_0, y_1, ... at x, a ball or a rational."""
        found = [x]
        for _, block in self.blocks:
            found.append(found[-1] + at(block, found[-1]))
        return found

    def value(self, x: Any) -> Any:
        """y_L at x, a ball or a rational."""
        return self.states(x)[-1]


def at(polynomial: Any, x: Any) -> Any:
    """The value at a rational or a ball, by Horner's rule; of a monomial by one power, which no ball is widened by."""
    coefficients = polynomial.coeffs()
    if sum(c != 0 for c in coefficients) == 1:
        return x ** polynomial.degree() * coefficients[-1]
    value = x * 0
    for coefficient in reversed(coefficients):
        value = value * x + coefficient
    return value


def composed(outer: Any, inner: Any, order: int) -> Any:
    """outer(inner) to that order."""
    value = flint.fmpq_poly([0])
    for coefficient in reversed(outer.coeffs()):
        value = value.mul_low(inner, order + 1) + coefficient
    return value


def monomial(coefficient: Any, power: int, centre: Any = 0) -> Any:
    """coefficient · (y − centre)^power."""
    return flint.fmpq_poly([-centre, 1]) ** power * coefficient


def taylor(c: Rationals, order: int) -> Any:
    """T_order as a polynomial in x."""
    return flint.fmpq_poly(list(c[: order + 1]))


def literal(c: Rationals) -> Stream:
    """000, L87–100, as it stands: F_l(y) = c_l y^l and y_0 = x. f(0) has no block."""
    return Stream(tuple((power, monomial(c[power], power)) for power in range(1, len(c)) if c[power] != 0))


def first_corrected(c: Rationals) -> Stream:
    """The same with a first block that makes y_1 = T_1 = c_0 + c_1 x, by F_1(y) = c_0 + (c_1 − 1) y, and with powers
    of y − c_0: with those of y itself, f(0) ≠ 0 would enter every order anew with every block."""
    others = ((power, monomial(c[power], power, c[0])) for power in range(2, len(c)) if c[power] != 0)
    return Stream((first_block(c), *others), c[0])


def first_block(c: Rationals) -> tuple[int, Any]:
    """F_1(y) = c_0 + (c_1 − 1) y."""
    return 1, flint.fmpq_poly([c[0], c[1] - 1])


def matched(c: Rationals) -> Stream:
    """One monomial a block, its factor such that order l comes out right: F_l(y) = a_l (y − c_0)^l with
    a_l = (c_l − [x^l] y_(l−1)) / c_1^l. Then y_L = T_L + O(x^(L+1)). Needs c_1 ≠ 0; raises ZeroDivisionError."""
    blocks, y, order = [first_block(c)], taylor(c, 1), len(c) - 1
    for power in range(2, order + 1):
        factor = (c[power] - y[power]) / c[1] ** power
        if factor != 0:
            block = monomial(factor, power, c[0])
            blocks.append((power, block))
            y = y + composed(block, y, order)
    return Stream(tuple(blocks), c[0])


def inverse(c: Rationals, last: int, order: int) -> Any:
    """The series g in w = y − c_0 with T_last(g(w)) = y, to that order; flint's reversion. Needs c_1 ≠ 0."""
    before, flint.ctx.cap = flint.ctx.cap, order + 1
    try:
        return flint.fmpq_poly(flint.fmpq_series([0, *c[1 : last + 1]], prec=order + 1).reversion().coeffs())
    finally:
        flint.ctx.cap = before


def reverted(c: Rationals, order: int) -> Stream:
    """F_l(y) = c_l (T_(l−1)⁻¹(y))^l, the only series with y_l = T_l, cut off after order `order` in y − c_0.

    The inverse is a formal series; see `inverse_radius` for where it converges.
    """
    blocks = [first_block(c)]
    for power in range(2, len(c)):
        if c[power] != 0:
            g = inverse(c, power - 1, order)
            block = flint.fmpq_poly([1]) * c[power]
            for _ in range(power):
                block = block.mul_low(g, order + 1)
            blocks.append((power, block(flint.fmpq_poly([-c[0], 1]))))
    return Stream(tuple(blocks), c[0])

"""The signs in which traces are written: rates such as dv4/dw and ∂v4/∂v3, and sums of products in a given order.

SymPy would sort and carry out what is to be read step by step, so that these are expressions of their own.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import sympy as sp

DIGITS = 6  # of a factor in a product that is shown; results are printed in full
LARGEST_WHOLE = 10**6  # below it whole numbers are shown without a decimal point


class Rate(sp.Expr):
    """d top/d bottom along the whole trace; `Partial` is of one operation alone."""

    sign, tex = "d", r"\mathrm{d}"

    def __new__(cls, top: sp.Symbol, bottom: sp.Symbol) -> "Rate":
        made: Rate = sp.Expr.__new__(cls, top, bottom)
        return made

    def _sympystr(self, printer: Any) -> str:
        top, bottom = map(printer._print, self.args)
        return f"{self.sign}{top}/{self.sign}{bottom}"

    def _latex(self, printer: Any) -> str:
        top, bottom = map(printer._print, self.args)
        return rf"{self.tex} {top} / {self.tex} {bottom}"  # a fraction would make rows of a table touch


class Partial(Rate):
    """∂ top/∂ bottom: of one operation by one of its arguments, the others held."""

    sign, tex = "∂", r"\partial"


class Products(sp.Expr):
    """a · b + c · d + ..., factors and terms in the order given and nothing carried out."""

    dot, tex_dot = " · ", r" \cdot "

    def __new__(cls, terms: Iterable[Sequence[sp.Expr]]) -> "Products":
        made: Products = sp.Expr.__new__(cls, *(sp.Tuple(*term) for term in terms))
        return made

    def carried_out(self) -> sp.Expr:
        """The same as an ordinary SymPy expression."""
        return sp.Add(*(sp.Mul(*term) for term in self.args))

    def _sympystr(self, printer: Any) -> str:
        return self._written(printer, self.dot, "({})")

    def _latex(self, printer: Any) -> str:
        return self._written(printer, self.tex_dot, r"\left({}\right)")

    def _written(self, printer: Any, dot: str, brackets: str) -> str:
        def factor(e: sp.Expr, opens: bool, alone: bool) -> str:
            printed = str(printer._print(e))
            bare = alone if e.is_Add else opens or not printed.startswith("-")
            return printed if bare else brackets.replace("{}", printed)

        terms = (
            dot.join(factor(e, opens=(n, k) == (0, 0), alone=len(term) == 1 and n == 0) for k, e in enumerate(term))
            for n, term in enumerate(self.args)
        )
        return " + ".join(terms)


class NumericProducts(Products):
    """The same of numbers, with the sign that is usual between them: −0.25 × (−1)."""

    dot, tex_dot = " × ", r" \times "


class Equations(sp.Expr):
    """a = b, c = d, ...: statements in a cell."""

    def __new__(cls, pairs: Iterable[tuple[sp.Expr, sp.Expr]]) -> "Equations":
        made: Equations = sp.Expr.__new__(cls, *(sp.Tuple(*pair) for pair in pairs))
        return made

    def _sympystr(self, printer: Any) -> str:
        return ", ".join(f"{printer._print(a)} = {printer._print(b)}" for a, b in self.args)

    def _latex(self, printer: Any) -> str:
        return r",\; ".join(f"{printer._print(a)} = {printer._print(b)}" for a, b in self.args)


def shown(value: float) -> sp.Expr:
    """A number as a factor in such a product: whole, or rounded to six digits."""
    return sp.Integer(int(value)) if value.is_integer() and abs(value) < LARGEST_WHOLE else sp.Float(value, DIGITS)

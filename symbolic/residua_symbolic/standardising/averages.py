"""Averages of polynomials in x: all that a linear functional with E(1) = 1 knows of them are the moments E(x^k).

Whatever is proved in this way holds for the mean over n numbers, over a batch, and for every distribution that has the
moments that occur, since all of these are such functionals.
"""

from collections.abc import Sequence
from fractions import Fraction

import sympy as sp

from residua_symbolic.derivation import Proof
from residua_symbolic.identities import same

E = sp.Function("E")
SD = sp.Function(r"\mathrm{sd}")
LINEAR = "E is linear: the moments of x put in for its powers"


def averaged(e: sp.Expr, x: sp.Symbol, moments: Sequence[sp.Expr]) -> sp.Expr:
    """E(e) of a polynomial in x; `moments`: E(x), E(x²), … as far as they are needed."""
    known = (sp.Integer(1), *moments)
    terms = sp.Poly(sp.expand(e), x).terms()
    return sp.expand(sum(coefficient * known[power] for (power,), coefficient in terms))


def is_average(e: sp.Expr, x: sp.Symbol, moments: Sequence[sp.Expr]) -> Proof:
    """That the printed right-hand side is E(e)."""
    return Proof(LINEAR, lambda right: same(averaged(e, x, moments), right))


def mean(values: Sequence[Fraction]) -> Fraction:
    """Of numbers, exactly."""
    return sum(values, Fraction(0)) / len(values)


def variance(values: Sequence[Fraction]) -> Fraction:
    """The mean square deviation of numbers, with 1/n, exactly."""
    middle = mean(values)
    return mean([(value - middle) ** 2 for value in values])


def fractions(*values: int | Fraction) -> tuple[Fraction, ...]:
    """Exact numbers."""
    return tuple(map(Fraction, values))


def rational(value: Fraction) -> sp.Rational:
    """The same for SymPy."""
    return sp.Rational(value.numerator, value.denominator)

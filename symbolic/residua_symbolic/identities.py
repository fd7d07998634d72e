"""Identities between SymPy expressions, decided in fractions of polynomials over the rationals.

What is no rational number, sum, product or whole power is a generator: a symbol, f(x), its derivative, a Σ or Π that
stays closed, a power with a symbol in the exponent. Nothing is assumed of a generator, so an identity here holds
whatever it stands for, wherever no denominator vanishes.
"""

from collections.abc import Iterable
from typing import Any

import flint
import sympy as sp

from residua_symbolic.domains.exact import Fraction


def generators(e: sp.Expr) -> set[sp.Expr]:
    """What `e` is a rational function of."""
    if e.is_Rational:
        return set()
    if e.is_Add or e.is_Mul:
        return set().union(*map(generators, e.args))
    if e.is_Pow:
        whole, symbolic = e.exp.as_coeff_Add()
        if whole.is_Integer:
            return generators(e.base) | ({e.base**symbolic} if symbolic != 0 else set())
    return {e}


class Field:
    """Fractions in the generators of the given expressions."""

    def __init__(self, *expressions: sp.Expr) -> None:
        found = sorted(set().union(*map(generators, expressions)), key=sp.default_sort_key)
        self._place = {e: p for p, e in enumerate(found)}
        # an empty context has no one: the last generator is never used
        self._context = flint.fmpq_mpoly_ctx.get([f"g{p}" for p in range(len(found) + 1)], "lex")
        self._generators = self._context.gens()
        self._one = self._generators[-1] * 0 + 1

    def fraction(self, e: sp.Expr) -> Fraction:
        """`e` in lowest terms. Raises ZeroDivisionError where it divides by zero."""
        return self._of(e).reduced()

    def _of(self, e: sp.Expr) -> Fraction:
        if e.is_Rational:
            return Fraction(self._one * flint.fmpq(int(e.p), int(e.q)), self._one)
        if e.is_Add or e.is_Mul:
            first, *others = map(self._of, e.args)
            for other in others:
                first = first + other if e.is_Add else first * other
            return first.reduced()
        if e.is_Pow:
            whole, symbolic = e.exp.as_coeff_Add()
            if whole.is_Integer:
                return self._power(e.base, int(whole), symbolic)
        return Fraction(self._generators[self._place[e]], self._one)

    def _power(self, base: sp.Expr, whole: int, symbolic: sp.Expr) -> Fraction:
        b, rest = self._of(base), Fraction(self._one, self._one)
        if symbolic != 0:
            rest = Fraction(self._generators[self._place[base**symbolic]], self._one)
        top, bottom = (b.numerator, b.denominator) if whole >= 0 else (b.denominator, b.numerator)
        if bottom == 0:
            raise ZeroDivisionError(f"{base} to the power {whole} divides by zero")
        result: Fraction = Fraction(top ** abs(whole), bottom ** abs(whole)) * rest
        return result

    def at_zero(self, polynomial: Any, zeros: Iterable[sp.Expr]) -> Any:
        """The polynomial where these generators are zero."""
        places = [self._place[e] for e in zeros if e in self._place]
        kept = {m: c for m, c in polynomial.to_dict().items() if not any(m[p] for p in places)}
        return self._context.from_dict(kept)

    def is_monomial(self, polynomial: Any, allowed: Iterable[sp.Expr]) -> bool:
        """Whether the polynomial is a number, not 0, times powers of the allowed generators."""
        places = {self._place[e] for e in allowed if e in self._place}
        monomials = list(polynomial.to_dict())
        return len(monomials) == 1 and all(p in places for p, degree in enumerate(monomials[0]) if degree)


def same(left: sp.Expr, right: sp.Expr) -> bool:
    """Whether two expressions are the same rational function of their generators."""
    left, right = sp.sympify(left), sp.sympify(right)
    field = Field(left, right)
    a, b = field.fraction(left), field.fraction(right)
    return bool(a.numerator * b.denominator == b.numerator * a.denominator)


def tends_to_zero(e: sp.Expr, small: Iterable[sp.Expr], nonzero: Iterable[sp.Expr] = ()) -> bool:
    """Whether `e` tends to 0 as the generators `small` do: it is 0 where they are, and is continuous there, since what
    it is divided by is then a number times powers of generators that are `nonzero`."""
    e, small = sp.sympify(e), list(small)
    field = Field(e)
    q = field.fraction(e)
    bottom = field.at_zero(q.denominator, small)
    return bool(field.at_zero(q.numerator, small) == 0) and field.is_monomial(bottom, nonzero)


def is_free_of(e: sp.Expr, small: Iterable[sp.Expr]) -> bool:
    """Whether none of the generators `small`, nor a symbol in them that is one of them, occurs in `e`."""
    return not any(sp.sympify(e).has(s) for s in small)


def first_apart(e: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """The first term of a Σ or Π over a range that is not empty, and the Σ or Π of the others."""
    ((label, first, last),) = e.limits
    return e.function.xreplace({label: first}), e.func(e.function, (label, first + 1, last))


def last_apart(e: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """The last term of a Σ or Π over a range that is not empty, and the Σ or Π of the others."""
    ((label, first, last),) = e.limits
    return e.function.xreplace({label: last}), e.func(e.function, (label, first, last - 1))

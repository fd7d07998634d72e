"""Functions to first order: the definition of the derivative as algebra, and what a rule's derivation is made of.

f is differentiable at x with the derivative f'(x) if f(x + h) = f(x) + (f'(x) + r(h)) h with r(h) → 0 = r(0) as h → 0
(Carathéodory's form). To derive a rule, put such forms into a composite, take its own value away and divide by h: the
derivative is the D for which every term of quotient − D has a factor that is a step or a remainder. There is but one:
two of them would differ by something that tends to 0.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from residua_symbolic.derivation import Proof, Step
from residua_symbolic.identities import is_free_of, same, tends_to_zero

x, h = sp.symbols("x h", real=True)
F = sp.Function("F")
DIFFERENTIABLE = "definition of the derivative: r tends to 0 with its step, and is 0 at step 0"
BY_IDENTITY = "an identity of polynomials in free generators"
BY_POLYNOMIALS = "polynomials with free coefficients put in, with their own remainders and SymPy's derivatives"
DEGREE = 3  # of those polynomials: first and second order terms, and one that mixes them


class Slope(sp.Derivative):
    """A first derivative that is not carried out, printed so that products of them can be read: f'(x), ∂f(x, y)/∂x."""

    def __new__(cls, e: sp.Expr, variable: Any) -> "Slope":
        made: Slope = super().__new__(cls, e, variable, evaluate=False)
        return made

    def doit(self, **hints: Any) -> sp.Expr:
        """The derivative carried out, where the function is known."""
        return sp.Derivative(*self.args).doit(**hints)

    def _latex(self, printer: Any) -> str:
        e, (variable, _) = self.args
        if e.is_Function and e.args == (variable,):
            return rf"{printer._print(sp.Symbol(e.func.__name__))}'\left({printer._print(variable)}\right)"
        return rf"\frac{{\partial {printer._print(e)}}}{{\partial {printer._print(variable)}}}"


@dataclass(frozen=True)
class Local:
    """A function at a point to first order: value, derivative, and the remainder at a step."""

    name: str
    at: sp.Symbol = x
    step: sp.Expr = h

    @property
    def value(self) -> sp.Expr:
        """f(x)."""
        return sp.Function(self.name)(self.at)

    @property
    def slope(self) -> sp.Expr:
        """f'(x)."""
        return Slope(self.value, self.at)

    @property
    def remainder(self) -> sp.Expr:
        """r(h)."""
        return sp.Function(f"r_{self.name}")(self.step)

    def moved(self, by: sp.Expr | None = None) -> sp.Expr:
        """f(x + h) = f(x) + (f'(x) + r(h)) h, h written as `by`."""
        return self.value + (self.slope + self.remainder) * (self.step if by is None else by)

    def assumed(self) -> Step:
        """The function is differentiable there: an assumption, not proved."""
        left = sp.Function(self.name)(self.at + self.step)
        return Step(f"{self.name} to first order", left, self.moved(), DIFFERENTIABLE)

    def polynomial(self) -> dict[sp.Expr, sp.Expr]:
        """Value, derivative and remainder of a polynomial with free coefficients."""
        p = sp.Add(*(c * self.at**e for e, c in enumerate(sp.symbols(f"{self.name}_0:{DEGREE + 1}"))))
        slope = sp.diff(p, self.at)
        remainder = (p.xreplace({self.at: self.at + self.step}) - p) / self.step - slope
        return {self.value: p, self.slope: slope, self.remainder: remainder}


@dataclass(frozen=True)
class Concrete:
    """Formulas made concrete by replacements, one after the other."""

    replacements: tuple[Mapping[sp.Expr, sp.Expr], ...]

    def put_in(self, e: sp.Expr) -> sp.Expr:
        """`e` for these functions."""
        for replacement in self.replacements:
            e = e.xreplace(dict(replacement))
        return e

    def moves_to(self, whole: sp.Expr, variable: sp.Symbol = x) -> Proof:
        """What is printed is `whole` at x + h."""
        true = self.put_in(whole).xreplace({variable: variable + h})
        return Proof(BY_POLYNOMIALS, lambda right: same(true, self.put_in(right)))

    def has_derivative(self, whole: sp.Expr, variable: sp.Symbol = x) -> Proof:
        """What is printed is the derivative of `whole`."""
        true = sp.diff(self.put_in(whole), variable)
        return Proof(BY_POLYNOMIALS, lambda right: same(true, self.put_in(right)))


def polynomials(*parts: Local) -> Concrete:
    """Every part a polynomial with free coefficients."""
    return Concrete(({e: p for part in parts for e, p in part.polynomial().items()},))


def limit(quotient: sp.Expr, small: Iterable[sp.Expr], nonzero: Iterable[sp.Expr] = ()) -> Proof:
    """What is printed is the limit of `quotient` as the generators `small` tend to 0."""
    small = tuple(small)
    return Proof(
        "identically, every term of quotient minus this has a step or a remainder in it",
        lambda right: is_free_of(right, small) and tends_to_zero(quotient - right, small, nonzero),
    )


def remainder_step(
    quotient: sp.Expr, rule: sp.Expr, rest: sp.Expr, small: Iterable[sp.Expr], nonzero: Iterable[sp.Expr] = ()
) -> Step:
    """What is left of the difference quotient beside the derivative: r_F(h), which tends to 0."""
    small = tuple(small)
    identity = Proof(BY_IDENTITY, lambda right: same(quotient - rule, right))
    to_zero = Proof("every term has a step or a remainder in it", lambda right: tends_to_zero(right, small, nonzero))
    return Step("remainder", sp.Function("r_F")(h), rest, "difference quotient minus the rule", (identity, to_zero))

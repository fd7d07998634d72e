"""Layer normalisation of few features: what is left of n numbers are n − 2."""

from collections.abc import Sequence
from fractions import Fraction

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.standardising.averages import averaged, fractions, rational
from residua_symbolic.standardising.linearity import standardised_pair

SPHERE = "Where layer normalisation puts n features"
TWO = "Layer normalisation of two features"
PEOPLE = "Sex and age of two people"
x, m, phi = sp.symbols("x mu varphi", real=True)
v, n, d = sp.symbols("v n d", positive=True)
eps = sp.Symbol("epsilon", nonnegative=True)
x1, x2 = sp.symbols("x_1 x_2", real=True)
E, f = sp.Function("E"), sp.Function("f")
YOUNG, OLD = fractions(0, 20), fractions(1, 70)


def sphere() -> Derivation:
    """Mean 0 and mean square 1: two equations between n numbers. For n = 3 one angle is left."""
    xhat, moments = (x - m) / sp.sqrt(v), (m, m**2 + v)
    angles = [sp.sqrt(2) * sp.cos(phi + 2 * sp.pi * k / 3) for k in range(3)]
    steps = (
        Step("mean of x̂", E(xhat), sp.Integer(0), "first equation", (_average(xhat, moments),)),
        Step(
            "mean square of x̂",
            E(xhat**2),
            sp.Integer(1),
            "second equation, ε = 0: a sphere of radius √n",
            (_average(xhat**2, moments),),
        ),
        Step("n = 3: sum", sum(angles), sp.Integer(0), "x̂ = √2 cos(φ + 2πk/3), k = 0, 1, 2", (_angle(sum(angles)),)),
        Step(
            "n = 3: squares",
            sum(e**2 for e in angles),
            sp.Integer(3),
            "every angle φ is such a point",
            (_angle(sum(e**2 for e in angles)),),
        ),
    )
    return Derivation(SPHERE, E(xhat**2), sp.Integer(1), ("variance v > 0, ε = 0",), steps)


def _average(e: sp.Expr, moments: tuple[sp.Expr, ...]) -> Proof:
    return Proof("E is linear", lambda right: same(averaged(e, x, moments), right))


def _angle(e: sp.Expr) -> Proof:
    return Proof("addition theorems", lambda right: sp.simplify(sp.expand(sp.expand_trig(e)) - right) == 0)


def two_features() -> Derivation:
    """x̂ = (±1, ∓1): of two features only which is larger is left; with ε what d² has beyond 4ε."""
    middle = (x1 + x2) / 2
    spread = ((x1 - middle) ** 2 + (x2 - middle) ** 2) / 2
    first = x1 - middle
    steps = (
        Step("centred", first, (x1 - x2) / 2, "and the other the opposite", (_identity(first),)),
        Step("variance", v, (x1 - x2) ** 2 / 4, "of two numbers", (_identity(spread),)),
        Step(
            "larger by d > 0",
            d / 2 / sp.sqrt(d**2 / 4 + eps),
            d / sp.sqrt(d**2 + 4 * eps),
            "x_1 = x_2 + d; for x_1 < x_2 the opposite sign",
            (
                Proof(
                    "both positive, and their squares equal", lambda right: same(right**2, d**2 / 4 / (d**2 / 4 + eps))
                ),
            ),
        ),
        Step("ε = 0", (d / sp.sqrt(d**2 + 4 * eps)).subs(eps, 0), sp.Integer(1), "whatever d is", (_at_zero(),)),
    )
    return Derivation(TWO, f(x1, x2), sp.Tuple(sp.sign(x1 - x2), sp.sign(x2 - x1)), ("x_1 ≠ x_2",), steps)


def _identity(left: sp.Expr) -> Proof:
    return Proof("an identity of fractions", lambda right: same(left, right))


def _at_zero() -> Proof:
    return Proof("ε = 0 put in, d > 0", lambda right: same(sp.sqrt(d**2), right * d))


def people() -> Derivation:
    """(0, 20) and (1, 70): both become (−1, 1), as does everybody whose age is above the number for the sex."""

    def counted(values: Sequence[Fraction]) -> Proof:
        found = sp.Tuple(*map(rational, standardised_pair(values)))
        return Proof("counted in fractions", lambda right: right == found)

    steps = (
        Step("sex 0, age 20", f(0, 20), sp.Tuple(-1, 1), "mean 10, deviation 10", (counted(YOUNG),)),
        Step("sex 1, age 70", f(1, 70), sp.Tuple(-1, 1), "mean 71/2, deviation 69/2", (counted(OLD),)),
    )
    return Derivation(PEOPLE, f(0, 20), f(1, 70), ("layer normalisation, ε = 0",), steps)

"""Standardising as a map: affine for constant μ and σ, neither linear nor affine where they come from x itself."""

from collections.abc import Sequence
from fractions import Fraction

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.standardising.averages import averaged, fractions, mean, rational, variance

CONSTANTS = "Standardising with constant μ and σ"
OF_THE_DATA = "Standardising with the data's own μ and σ"
MIDPOINT = "Half-way between two inputs"
x, y, m, c, b = sp.symbols("x y mu c b", real=True)
s, a, v = sp.symbols("sigma a v", positive=True)
T, f = sp.Function("T"), sp.Function("f")
FIRST, SECOND = fractions(0, 1), fractions(3, 0)


def with_constants() -> Derivation:
    """T(x) = x/σ − μ/σ is affine; linear, T(x + y) = T(x) + T(y), for μ = 0 alone."""

    def standardised(e: sp.Expr) -> sp.Expr:
        return (e - m) / s

    additive = standardised(x + y) - standardised(x) - standardised(y)
    scaled = standardised(c * x) - c * standardised(x)
    steps = (
        Step("affine", T(x), x / s - m / s, "w x + b with w = 1/σ, b = −μ/σ", (_identity(standardised(x)),)),
        Step("sums", T(x + y) - T(x) - T(y), m / s, "0 for a linear map", (_identity(additive),)),
        Step("multiples", T(c * x) - c * T(x), (c - 1) * m / s, "0 for a linear map", (_identity(scaled),)),
    )
    return Derivation(CONSTANTS, T(x), x / s - m / s, ("μ and σ do not depend on x",), steps)


def of_the_data() -> Derivation:
    """f(a x + b 1) = f(x) for a > 0, whatever the size of x: a linear map would have f(2x) = 2 f(x)."""
    image, moments = a * x + b, (m, m**2 + v)
    centre = averaged(image, x, moments)
    spread = averaged((image - centre) ** 2, x, moments)
    steps = (
        Step(
            "mean",
            sp.Symbol("mu_a"),
            a * m + b,
            "of a x + b",
            (Proof("E is linear", lambda right: same(centre, right)),),
        ),
        Step(
            "variance",
            sp.Symbol("v_a"),
            a**2 * v,
            "of a x + b",
            (Proof("E is linear", lambda right: same(spread, right)),),
        ),
        Step(
            "the same output",
            (a * x + b - (a * m + b)) / sp.sqrt(a**2 * v),
            (x - m) / sp.sqrt(v),
            "entry by entry, a > 0, ε = 0",
            (_identity((a * x + b - (a * m + b)) / (a * sp.sqrt(v))),),
        ),
        Step("doubled", f(2 * x) - 2 * f(x), -f(x), "a = 2, b = 0: not 0 unless f(x) is", (_doubled(),)),
    )
    return Derivation(OF_THE_DATA, f(a * x + b), f(x), ("μ, σ of x itself, 1/n; variance > 0, ε = 0",), steps)


def _identity(left: sp.Expr) -> Proof:
    return Proof("an identity of fractions", lambda right: same(left, right))


def _doubled() -> Proof:
    doubled = f(2 * x) - 2 * f(x)
    return Proof("f(2x) = f(x) put in", lambda right: same(doubled.subs(f(2 * x), f(x)), right))


def standardised_pair(values: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """Two different numbers, standardised exactly: the root of their variance is rational."""
    first, second = values
    spread = abs(first - second) / 2
    assert spread**2 == variance(values)
    return tuple((value - mean(values)) / spread for value in values)


def midpoint() -> Derivation:
    """Not even affine: an affine map takes half-way points to half-way points; (0, 1) and (3, 0) tell."""
    middle = tuple((p + q) / 2 for p, q in zip(FIRST, SECOND, strict=True))
    halves = [(p + q) / 2 for p, q in zip(standardised_pair(FIRST), standardised_pair(SECOND), strict=True)]

    def counted(values: Sequence[Fraction]) -> Proof:
        return Proof("counted in fractions", lambda right: right == sp.Tuple(*map(rational, values)))

    steps = (
        Step("at (0, 1)", f(0, 1), sp.Tuple(-1, 1), "mean 1/2, deviation 1/2", (counted(standardised_pair(FIRST)),)),
        Step("at (3, 0)", f(3, 0), sp.Tuple(1, -1), "mean 3/2, deviation 3/2", (counted(standardised_pair(SECOND)),)),
        Step(
            "half-way",
            f(*map(rational, middle)),
            sp.Tuple(1, -1),
            "mean 1, deviation 1/2",
            (counted(standardised_pair(middle)),),
        ),
        Step(
            "an affine map has", (f(0, 1) + f(3, 0)) / 2, sp.Tuple(0, 0), "the mean of both outputs", (counted(halves),)
        ),
    )
    return Derivation(MIDPOINT, f(*map(rational, middle)), sp.Tuple(1, -1), ("two numbers, ε = 0",), steps)

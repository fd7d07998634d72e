"""When one hidden layer needs very many units, and when it does not: exact statements about linear pieces."""

from fractions import Fraction
from itertools import pairwise
from math import isqrt

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.series.enclosures.bound_proofs import Bound, BoundDerivation

L, m, n, k = sp.symbols("L m n k", integer=True, positive=True)
h, epsilon, s = sp.symbols("h epsilon s", positive=True)
T, N, E = sp.Function("T"), sp.Function("N"), sp.Symbol("E")
CROSSINGS = "One hidden layer against a sawtooth"
PARABOLA = "One hidden layer against a parabola"
CHECKED = 10


def crossing_law() -> Derivation:
    """Fewer than 2^L pieces are off by 1/2 or more from the sawtooth of 2^L pieces; m units have m + 1 "
    "pieces at most."""
    steps = (
        Step(
            "values",
            T(k / 2**L),
            (1 - (-1) ** k) / 2,
            "k = 0, …, 2^L: the L-th iterate of the tooth",
            (Proof(f"iterated exactly, L ≤ {CHECKED}, every k", _values),),
        ),
        Bound(
            "levels crossed",
            2**L,
            N(L),
            "a function within less than 1/2 of the tooth is below 1/2 at even k and above at odd k: "
            "it passes 1/2 between any two neighbours, and a linear piece that is not constant does so once",
            (Proof(f"sign changes of T − 1/2 counted, L ≤ {CHECKED}", _changes),),
        ),
        Bound("pieces of m units", N(L), m + 1, "each ReLU adds one kink"),
        Bound(
            "units that are needed",
            2**L - 1,
            m,
            "for any error below 1/2",
            (Proof("solved", lambda right: same(2**L, (right + 1).subs(m, 2**L - 1))),),
        ),
    )
    assumptions = ("one hidden ReLU layer, x in [0, 1]", "sup |T − g| < 1/2")
    return BoundDerivation(CROSSINGS, 2**L - 1, m, assumptions, steps)


def tooth(x: Fraction, times: int) -> Fraction:
    """The tooth iterated: 2x up to 1/2, 2 − 2x from there."""
    for _ in range(times):
        x = 2 * x if 2 * x <= 1 else 2 - 2 * x
    return x


def _values(right: sp.Expr) -> bool:
    for depth in range(1, CHECKED + 1):
        for place in range(2**depth + 1):
            value = tooth(Fraction(place, 2**depth), depth)
            if right.subs(k, place) != sp.Rational(value.numerator, value.denominator):
                return False
    return True


def _changes(right: sp.Expr) -> bool:
    counted = []
    for depth in range(1, CHECKED + 1):
        signs = [tooth(Fraction(place, 2**depth), depth) > Fraction(1, 2) for place in range(2**depth + 1)]
        counted.append(sum(one != other for one, other in pairwise(signs)))
    return right == N(L) and counted == [2**depth for depth in range(1, CHECKED + 1)]


def parabola_law() -> Derivation:
    """x² on [0, 1] to sup error ε takes 1/√(8ε) pieces, and so many do: one hidden layer of about 0.354/√ε units."""
    steps = (
        Step(
            "the best line on a piece",
            sp.Symbol("e"),
            h**2 / 8,
            "s² − h²/8 alternates at −h/2, 0, h/2: no line is nearer (Chebyshev)",
            (Proof("s² less the line: equal sizes, alternating signs, at three points", _alternates),),
        ),
        Bound("some piece", 1 / N(1), h, "N pieces cover the length 1"),
        Bound(
            "so",
            1 / (8 * N(1) ** 2),
            E,
            "put in; equal pieces, whose best lines meet, reach it",
            (Proof("h = 1/N; the lines of neighbours meet at the knots", _meet),),
        ),
        Bound(
            "units that are needed",
            1 / sp.sqrt(8 * epsilon) - 1,
            m,
            "m units have m + 1 pieces at most",
            (Proof("1/(8(m + 1)²) = ε solved", _solved),),
        ),
    )
    return BoundDerivation(
        PARABOLA, 1 / sp.sqrt(8 * epsilon) - 1, m, ("one hidden ReLU layer, x in [0, 1]", "sup error ε"), steps
    )


def _alternates(right: sp.Expr) -> bool:
    size = [(s**2 - right).subs(s, at) for at in (-h / 2, 0, h / 2)]
    return same(size[0], right) and same(size[1], -right) and same(size[2], right)


def _meet(right: sp.Expr) -> bool:
    """On [c − h/2, c + h/2] the best line is c² + 2c s + h²/8, at its ends (c ± h/2)² − h²/8: f less "
    "h²/8, on both sides."""
    c = sp.Symbol("c", real=True)
    ends = all(same(c**2 + 2 * c * at + h**2 / 8, (c + at) ** 2 - h**2 / 8) for at in (h / 2, -h / 2))
    return ends and right == E and same((h**2 / 8).subs(h, 1 / N(1)), 1 / (8 * N(1) ** 2))


def _solved(right: sp.Expr) -> bool:
    found = 1 / (8 * (1 / sp.sqrt(8 * epsilon)) ** 2)
    return bool(right == m and sp.simplify(found - epsilon) == 0)


def sawtooth_units(depth: int) -> int:
    """Of one hidden layer that is the sawtooth of 2^depth pieces, or nearer to it than 1/2."""
    return int(2**depth) - 1


def parabola_units(error: Fraction) -> int:
    """The least m with 1/(8(m + 1)²) ≤ error, exactly."""
    needed = 1 / (8 * error)  # (m + 1)² at least
    root = isqrt(int(needed))
    while root * root < needed:
        root += 1
    return max(root - 1, 1)


def parabola_depth(error: Fraction) -> int:
    """The least L with 2^(−2L−2) ≤ error: residual blocks of two units."""
    depth = 1
    while Fraction(1, 2 ** (2 * depth + 2)) > error:
        depth += 1
    return depth

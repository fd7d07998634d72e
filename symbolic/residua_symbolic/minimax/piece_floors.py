"""What no function with N linear pieces can beat, continuous or not: closed floors from the least |f''| over cells.

They hold for every N, and with more and more cells their limit is the constant of the law of `piece_laws`: there it is
derived for pieces so short that f'' does not vary on them; here no such thing is assumed.
"""

from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.domains.floats import Floats
from residua_symbolic.identities import same
from residua_symbolic.minimax.targets import TARGETS, Target

s, x = sp.symbols("s x", real=True)
h, q, S = sp.symbols("h q S", positive=True)
N, K, i = sp.symbols("N K i", integer=True, positive=True)
L = sp.Symbol("L", positive=True)
g, rest, E, sup = (sp.Function(name) for name in ("g", "c", "E", "S"))
A, M = sp.IndexedBase("A"), sp.IndexedBase("M")  # positive; that would let SymPy cancel what is to be shown
FLOORS = "Floors for every number of pieces"
MOST_CELLS = 4096
# sums of at most 4096 positive terms, each of a few roundings and a certified |f''| rounded down: below 1e-12 together
ROUNDING = 1.0 - 1e-11


class Floors(NamedTuple):
    """Of the mean square error and of the supremum, both certified."""

    square: float
    supremum: float


def floors(name: str, pieces: int) -> Floors:
    """The best over numbers of cells, each about √2 times the one before."""
    found = [_with_cells(name, cells, pieces) for cells in _counts(TARGETS[name])]
    return Floors(max(f.square for f in found), max(f.supremum for f in found))


def _counts(target: Target) -> list[int]:
    least = 2 if target.odd else 1  # the middle of an odd function is a border, for its |f''| has its least value there
    sizes = {2 * round(2 ** (power / 2) / 2) for power in range(2, 25)} | {1}
    return [size for size in sorted(sizes) if least <= size <= MOST_CELLS]


def _with_cells(name: str, cells: int, pieces: int) -> Floors:
    """(Σ q^(2/5) h)⁵/(720 L (N + K − 1)⁴) and (Σ q^(1/2) h)²/(16 (N + K − 1)²), q the least |f''| of a cell."""
    square, root = _sums(name, cells)
    total = pieces + cells - 1
    length = TARGETS[name].length
    return Floors(square**5 / (720 * length * total**4) * ROUNDING, root**2 / (16 * total**2) * ROUNDING)


@cache
def _sums(name: str, cells: int) -> tuple[float, float]:
    """Σ q^(2/5) h and Σ q^(1/2) h over the cells of the whole interval."""
    target = TARGETS[name]
    sides = 2 if target.odd else 1
    borders = np.linspace(0.0, target.end, cells // sides + 1)
    least = _least_bends(target, borders)
    lengths = np.diff(borders)
    return sides * float(np.sum(least**0.4 * lengths)), sides * float(np.sum(np.sqrt(least) * lengths))


def _least_bends(target: Target, borders: Floats) -> Floats:
    """The least |f''| of every cell: at one of its ends; rounded down."""
    with balls.precision():
        at = [target.bend_at(float(border)) for border in borders]
        return np.array([max(0.0, np.nextafter(float(a.min(b).lower()), -np.inf)) for a, b in pairwise(at)])


def floors_law() -> Derivation:
    """E(N) ≥ (Σ q_i^(2/5) h_i)⁵/(720 L (N + K − 1)⁴) for every partition into K cells; and its twin in the supremum."""
    kernel = (s**2 - h**2 / 4) ** 2 / 12
    cells = sp.Sum(A[i], (i, 1, K))
    powers = sp.Sum(A[i] ** sp.Rational(1, 5), (i, 1, K))
    square = sp.Sum(sp.IndexedBase("q")[i] ** sp.Rational(2, 5) * sp.IndexedBase("h")[i], (i, 1, K))
    root = sp.Sum(sp.sqrt(sp.IndexedBase("q")[i]) * sp.IndexedBase("h")[i], (i, 1, K))
    steps = (
        Step(
            "a parabola's remainder",
            s**2 - h**2 / 12,
            sp.Derivative(kernel, (s, 2)),
            "orthogonal to lines on |s| ≤ h/2; the kernel is positive, it and its slope vanish at both ends",
            (_kernel(),),
        ),
        Step(
            "against what is convex",
            sp.Integral((s**2 - h**2 / 12) * g(s), (s, -h / 2, h / 2)),
            sp.Integral(kernel * sp.Derivative(g(s), (s, 2)), (s, -h / 2, h / 2)),
            "by parts, twice: not negative if g is convex. So a convex function added to a parabola leaves no less: "
            "|f''| ≥ q on a piece leaves at least q² h⁵/720",
            (_by_parts(kernel),),
        ),
        Step(
            "what the parabola leaves",
            sp.Integral((q / 2 * (s**2 - h**2 / 12)) ** 2, (s, -h / 2, h / 2)),
            q**2 * h**5 / 720,
            "integrated",
            (_carried_out(),),
        ),
        Step(
            "cells",
            rest(N),
            sp.Sum(A[i] / M[i] ** 4, (i, 1, K)),
            "K − 1 borders of cells more as knots only lower the error; cell i then has M_i pieces, Σ M_i ≤ N + K − "
            "1, and leaves at least A_i/M_i⁴, A_i = q_i² h_i⁵/720, q_i the least |f''| there: h⁵ is convex",
        ),
        Step(
            "Hölder",
            (A[i] / M[i] ** 4) ** sp.Rational(1, 5) * M[i] ** sp.Rational(4, 5),
            A[i] ** sp.Rational(1, 5),
            "so that (Σ A_i^(1/5))⁵ ≤ Σ A_i M_i⁻⁴ (Σ M_i)⁴",
            (_powers(),),
        ),
        Step(
            "floor of the mean square",
            E(N),
            square**5 / (720 * L * (N + K - 1) ** 4),
            "at least; A_i^(1/5) = q_i^(2/5) h_i/720^(1/5), divided by the length",
            (_floor(square, cells, powers),),
        ),
        Step(
            "three points of a piece",
            (g(-h / 2) + g(h / 2) - 2 * g(0)) / 4,
            q * h**2 / 16,
            "what every line is off by, for g = q s²/2; more if g'' ≥ q",
            (_three(),),
        ),
        Step(
            "floor of the supremum",
            sup(N),
            root**2 / (16 * (N + K - 1) ** 2),
            "at least: M_i pieces of error S need M_i ≥ h_i √q_i/(4 √S)",
            (_sup_floor(root),),
        ),
    )
    assumptions = (
        "f'' has one sign on every cell; any function with N linear pieces, continuous or not",
        "K is free: with K of the order of √N the floors times N⁴ and N² tend to the constants of the laws, for their "
        "sums are lower sums of the integrals of |f''|^(2/5) and |f''|^(1/2)",
    )
    return Derivation(FLOORS, E(N), steps[5].right, assumptions, steps)


def _kernel() -> Proof:
    def holds(right: sp.Expr) -> bool:
        stated = right.expr
        ends = all(e.subs(s, h / 2) == 0 for e in (stated, stated.diff(s)))
        return same(sp.expand(right.doit()), s**2 - h**2 / 12) and ends and same(12 * stated, (s**2 - h**2 / 4) ** 2)

    return Proof("differentiated twice; a square, zero with its slope at the ends", holds)


def _by_parts(kernel: sp.Expr) -> Proof:
    """(κ g'' − κ'' g) is the derivative of κ g' − κ' g, which vanishes at the ends."""

    def holds(right: sp.Expr) -> bool:
        boundary = kernel * g(s).diff(s) - kernel.diff(s) * g(s)
        integrand = right.function - (s**2 - h**2 / 12) * g(s)
        vanish = all(e.subs(s, end) == 0 for e in (kernel, kernel.diff(s)) for end in (h / 2, -h / 2))
        return bool(sp.expand(boundary.diff(s) - integrand) == 0) and vanish and right.limits == ((s, -h / 2, h / 2),)

    return Proof("the difference of the integrands is a derivative, of what vanishes at the ends", holds)


def _carried_out() -> Proof:
    return Proof(
        "the integral carried out",
        lambda right: same(sp.integrate(sp.expand((q / 2 * (s**2 - h**2 / 12)) ** 2), (s, -h / 2, h / 2)), right),
    )


def _powers() -> Proof:
    a, m = sp.symbols("a m", positive=True)
    return Proof(
        "the powers, all positive; 1/5 and 4/5 add up to 1",
        lambda right: (a / m**4) ** sp.Rational(1, 5) * m ** sp.Rational(4, 5) == right.subs({A[i]: a, M[i]: m}),
    )


def _floor(square: sp.Expr, cells: sp.Expr, powers: sp.Expr) -> Proof:
    """One term of the sum to the fifth power is A_i/L; the pieces are N + K − 1."""

    def holds(right: sp.Expr) -> bool:
        width, bend = sp.symbols("h_p q_p", positive=True)
        one = right.subs(square, bend ** sp.Rational(2, 5) * width).subs(K, 1)
        return same(one * N**4 * L, bend**2 * width**5 / 720) and same(
            right.subs(square, S), S**5 / (720 * L * (N + K - 1) ** 4)
        )

    return Proof("for one cell it is q² h⁵/(720 L N⁴)", holds)


def _three() -> Proof:
    def holds(right: sp.Expr) -> bool:
        parabola = q * s**2 / 2
        ends = parabola.subs(s, -h / 2) + parabola.subs(s, h / 2)
        return same((ends - 2 * parabola.subs(s, 0)) / 4, right)

    return Proof("put in", holds)


def _sup_floor(root: sp.Expr) -> Proof:
    def holds(right: sp.Expr) -> bool:
        total = sp.Symbol("I", positive=True)
        return same(total**2 / (16 * right.subs(root, total)), (N + K - 1) ** 2)

    return Proof("(Σ M_i)² with it is (N + K − 1)²", holds)

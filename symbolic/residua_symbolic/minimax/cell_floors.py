"""Floors of the mean square error for few pieces: what f'' leaves on pieces of whole cells, the least sum over all ways
to place them.

Over a piece of length h the best line leaves Σ (2n + 1)/h · (∫ f P_n)² over n ≥ 2, P_n Legendre's polynomials on it.
Of these n = 2 and 3 are kept, and ∫ f P_n = ∫ κ_n f'' with κ_n'' = P_n, κ_n = 0 with its slope at both ends. A piece is
cut down to whole cells, which only lowers what it leaves, and on each cell f'' is bounded by balls.
"""

from functools import cache
from itertools import pairwise

import flint
import numpy as np
import sympy as sp

from residua_network import ResiduaError
from residua_network.checks import whole
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.domains.floats import Floats
from residua_symbolic.identities import same
from residua_symbolic.minimax.targets import TARGETS, Target

t, s = sp.symbols("t s", real=True)
h = sp.Symbol("h", positive=True)
n = sp.Symbol("n", integer=True, nonnegative=True)
K = sp.Function("K")
LEGENDRE = "What the best line leaves, by Legendre's polynomials"
CELLS = 800  # even, so that 0 is a border for an odd function; a floor is lower than the least error by about 5 N/CELLS
MOST = 64  # pieces
NODES, WEIGHTS = np.polynomial.legendre.leggauss(3)  # exact up to degree 5, that of κ_3
# of sums of at most 800 products of a few roundings each, beside the sum of their sizes
SLACK = 1e-12
ROUNDING = 1.0 - 1e-11  # of squares and sums of what is positive


@cache
def cell_floors(name: str, pieces: int = MOST) -> tuple[float, ...]:
    """Certified lower bounds of the mean square error with 1, 2, …, `pieces` pieces, continuous or not."""
    if whole(pieces, "pieces", "cell_floors") > MOST:
        raise ResiduaError(f"cell_floors: at most {MOST} pieces, got {pieces}")
    costs = _costs(TARGETS[name])
    reached = costs[0, :].copy()  # with one piece from the left end over the first j cells
    floors = [reached[CELLS]]
    for _ in range(1, pieces):
        # a knot lies in cell i (0-based): the piece before covers cells before i, the piece after those from i + 1 on
        before = np.concatenate([[0.0], reached[:CELLS]])
        reached = np.minimum(reached, (before[:, None] + costs).min(axis=0))
        floors.append(reached[CELLS])
    return tuple(float(total / TARGETS[name].length * ROUNDING) for total in floors)


def _costs(target: Target) -> Floats:
    """Lower bounds of the integral that a piece over cells i, …, j − 1 leaves; (CELLS + 1, CELLS + 1), infinite for
    j < i."""
    low, high = _second_derivatives(target)
    width = target.length / CELLS
    costs = np.where(np.tri(CELLS + 1, k=-1, dtype=bool), np.inf, 0.0)
    for count in range(1, CELLS + 1):
        h = count * width
        second, third, against = _kernels(count, h)
        even = _least_size(second, np.zeros(count), low, high)
        odd = _least_size(third, against, low, high) if np.isfinite(high).all() else 0.0
        start = np.arange(CELLS - count + 1)
        costs[start, start + count] = (5 * even**2 + 7 * odd**2) / h * ROUNDING
    return costs


def _second_derivatives(target: Target) -> tuple[Floats, Floats]:
    """Bounds of f'' on every cell, up to a common sign: |f''| is least at an end of a cell, its largest is by balls."""
    half = CELLS // 2 if target.odd else CELLS
    borders = np.linspace(0.0, target.end, half + 1)
    with balls.precision():
        at = [target.bend_at(float(border)) for border in borders]
        low = np.array([_down(a.min(b)) for a, b in pairwise(at)])
        high = np.array([_up(target, a, b) for a, b in pairwise(borders.tolist())])
    if target.odd:
        return np.concatenate([-high[::-1], low]), np.concatenate([-low[::-1], high])
    return low, high


def _down(ball: flint.arb) -> float:
    return max(0.0, float(np.nextafter(float(ball.lower()), -np.inf)))


def _up(target: Target, a: float, b: float) -> float:
    """The largest |f''| on a cell; infinite where no ball holds it."""
    if a == 0 and target.power < 0:
        return float(np.inf)
    cell = flint.arb(a).union(flint.arb(b))
    return float(np.nextafter(float(target.bend_ball(cell).upper()), np.inf))


def _kernels(count: int, h: float) -> tuple[Floats, Floats, Floats]:
    """The integrals over each of `count` cells of κ_2, of the positive part of κ_3, and of its negative part."""
    cells = np.linspace(-1, 1, 2 * count + 1)  # half cells, so that κ_3 has one sign on each
    half = np.diff(cells)[:, None] / 2
    t = (cells[:-1, None] + cells[1:, None]) / 2 + half * NODES
    arch = ((1 - t) * (1 + t)) ** 2
    weights = half * WEIGHTS * h / 2
    second = (weights * arch * h**2 / 32).sum(axis=1)
    third = (weights * arch * t * h**2 / 32).sum(axis=1)
    pairs = (second, np.maximum(third, 0.0), np.maximum(-third, 0.0))
    return tuple(part.reshape(count, 2).sum(axis=1) for part in pairs)


def _least_size(plus: Floats, minus: Floats, low: Floats, high: Floats) -> Floats:
    """The least |∫ κ f''| over every run of cells: κ has the integrals plus − minus, f'' lies between its bounds."""
    least = _over_runs(low, plus) - _over_runs(high, minus)
    most = _over_runs(high, plus) - _over_runs(low, minus)
    size = np.maximum(abs(low), np.where(np.isfinite(high), abs(high), abs(low)))
    slack = SLACK * _over_runs(size, plus + minus)
    return np.maximum(np.maximum(least - slack, -most - slack), 0.0)


def _over_runs(values: Floats, weights: Floats) -> Floats:
    """Σ weights · values over every run of len(weights) cells; infinite values only where no weight is 0."""
    if not np.isfinite(values).all():
        return np.full(len(values) - len(weights) + 1, np.inf if weights.any() else 0.0)
    return np.asarray(np.correlate(values, weights, mode="valid"))


def legendre_law() -> Derivation:
    """The share of P_2 and P_3 in what the best line leaves, through f'': on |s| <= h/2, t = 2s/h."""
    steps = (
        Step(
            "their size",
            sp.Integral(sp.Function("P")(n, 2 * s / h) ** 2, (s, -h / 2, h / 2)),
            h / (2 * n + 1),
            "so f leaves Σ (2n + 1)/h (∫ f P_n)², n ≥ 2: lines take n = 0 and 1. Terms left out only lower it",
            (_sizes(),),
        ),
        *(
            Step(
                f"kernel of P_{degree}",
                K(degree, t),
                t ** (degree - 2) * (1 - t**2) ** 2 / 8,
                f"K'' = P_{degree}, and K and K' vanish at both ends: by parts, twice, ∫ f P is h²/4 ∫ K f''",
                (_is_kernel(degree),),
            )
            for degree in (2, 3)
        ),
    )
    return Derivation(LEGENDRE, K(2, t), steps[1].right, ("f has a second derivative",), steps)


def _sizes() -> Proof:
    def holds(right: sp.Expr) -> bool:
        squares = [(k, sp.integrate(sp.legendre(k, t) ** 2, (t, -1, 1)) * h / 2) for k in (2, 3)]
        return all(same(size, right.subs(n, k)) for k, size in squares)

    return Proof("integrated, n = 2 and 3", holds)


def _is_kernel(degree: int) -> Proof:
    def holds(right: sp.Expr) -> bool:
        ends = all(e.subs(t, end) == 0 for e in (right, right.diff(t)) for end in (-1, 1))
        return ends and same(sp.expand(right.diff(t, 2)), sp.legendre(degree, t))

    return Proof("differentiated twice; the ends put in", holds)

"""The least mean square error that a function of a folded state can have, certified from below.

For x uniform on an interval the best value for a state t is the mean of g over {x: S(x) = t}, with weights 1/|S'|. What
is left is integrated over one of the branches, cell by cell in ball arithmetic; a cell that is not decided counts as 0,
since nothing that is integrated is negative.
"""

from collections.abc import Callable
from itertools import combinations, pairwise
from typing import Any

import flint
import numpy as np

from residua_network import ResiduaError
from residua_symbolic.domains import balls
from residua_symbolic.series.constructions.obstruction import Function, State

CELLS = 16_000  # what is lost to undecided cells and to their width falls with their number
Fibre = Callable[[Any], list[tuple[Any, Any]]]  # of a cell of x: (point, share of dx) for every point with its state


def mean_square_floor(state: State, target: Function, cells: int = CELLS) -> float:
    """A certified lower bound; of a state of degree 2, or odd and of degree 3. Raises ResiduaError for others."""
    with balls.precision():
        begin, end, fibre = _fibres(state)
        total = flint.arb(0)
        middle, half = (begin + end) / 2, (end - begin) / 2
        edges = [middle - half * (flint.arb.pi() * k / cells).cos() for k in range(cells + 1)]  # narrow near the folds
        for low, high in pairwise(edges):
            spread = _spread(state, target, fibre(low.union(high)))
            if spread.is_finite() and spread > 0:
                total += spread.lower() * (high - low)
        return float(np.nextafter(float((total / (state.upper - state.lower)).lower()), -np.inf))


def _fibres(state: State) -> tuple[Any, Any, Fibre]:
    """Where x runs, and the points with its state."""
    p = state.polynomial
    if p.degree() == 2:
        vertex = flint.arb(-p[1] / (2 * p[2]))
        ends = state.upper - vertex, vertex - state.lower
        end = ends[0] if ends[0] < ends[1] else ends[1]
        return flint.arb(0), end, lambda cell: [(vertex + cell, flint.arb(1)), (vertex - cell, flint.arb(1))]
    if p.degree() == 3 and p[0] == 0 and p[2] == 0 and -p[1] / p[3] > 0:
        square = flint.arb(-p[1] / (3 * p[3]))  # of the place of the fold

        def fibre(cell: Any) -> list[tuple[Any, Any]]:
            """x between the folds, and the two others, which add up to −x: the shares are quotients of slopes."""
            root = (12 * square - 3 * cell * cell).sqrt()
            others = [(-cell + root) / 2, (-cell - root) / 2]
            return [(cell, flint.arb(1)), *((x, (square - cell * cell) / (x * x - square)) for x in others)]

        inside = square.sqrt()
        return -inside, inside, fibre
    raise ResiduaError("mean_square_floor expects a state of degree 2, or x times a quadratic in x² with two folds")


def _spread(state: State, target: Function, points: list[tuple[Any, Any]]) -> Any:
    """Σ share · (g − mean)², over those points that lie in the interval; not finite where that is not certain.

    Written over pairs, Σ share · share' · (g − g')² / Σ share: no ball enters through the mean a second time.
    """
    inside = []
    for x, share in points:
        if x > state.upper or x < state.lower:
            continue
        if not (x >= state.lower and x <= state.upper):
            return flint.arb("nan")
        inside.append((target(x), share))
    total = sum((share for _, share in inside), flint.arb(0))
    pairs = combinations(inside, 2)
    return sum((one * other * (g - h) ** 2 for (g, one), (h, other) in pairs), flint.arb(0)) / total

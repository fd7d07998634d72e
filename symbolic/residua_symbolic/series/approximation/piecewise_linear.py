"""Continuous piecewise-linear functions with free knots: the best in the mean square, found numerically.

What no such function can beat is proved, for sin, in `sine_pieces`; what many pieces come to, in `piece_laws`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import solveh_banded
from scipy.optimize import minimize

from residua_network import ResiduaError
from residua_network.checks import whole
from residua_symbolic.domains.floats import FloatDomain, Floats
from residua_symbolic.expressions.calculus import derivative
from residua_symbolic.expressions.conversion import from_program
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.given import Given
from residua_symbolic.expressions.graph import Graph, Node

NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)  # exact for polynomials of degree 39 on each piece
FINE = 4001  # points at which f'' is taken for the first knots
LEAST_BEND = 1e-2  # of the largest: where f'' vanishes, pieces are long but not endless
MOST = 400  # pieces; the knots are found together
STEPS = 400
SHORTEST = 1e-8  # of the longest piece: a step of the search too far must not end it
SLOPE = 1e-9  # of the logarithm of the error, in the logarithms of the lengths


@dataclass(frozen=True, eq=False)
class PiecewiseLinear:
    """Knots t_0 < … < t_N and the values there."""

    knots: Floats
    values: Floats

    @property
    def pieces(self) -> int:
        """N."""
        return len(self.knots) - 1

    @cached_property
    def slopes(self) -> Floats:
        """One a piece."""
        return np.asarray(np.diff(self.values) / np.diff(self.knots))

    def __call__(self, x: Floats) -> Floats:
        """At points within the knots."""
        return np.asarray(np.interp(x, self.knots, self.values))

    def mean_square_distance(self, function: Callable[[Floats], Floats]) -> float:
        """To a function, over the whole interval: Gauss–Legendre quadrature, 20 nodes a piece."""
        x, weights = quadrature(self.knots)
        return float(np.sum(weights * (self(x) - function(x)) ** 2) / (self.knots[-1] - self.knots[0]))


def quadrature(knots: Floats) -> tuple[Floats, Floats]:
    """Nodes and weights on every piece; shape (pieces, 20)."""
    half = np.diff(knots)[:, None] / 2
    return (knots[:-1, None] + knots[1:, None]) / 2 + half * NODES, half * WEIGHTS


def best_fit(function: Given, variable: str, lower: float, upper: float, pieces: int) -> PiecewiseLinear:
    """The continuous piecewise-linear function with N pieces that is nearest in the mean square, as far as descent
    from several placings of the knots finds it: an upper bound of the least error. Raises ResiduaError.
    """
    if whole(pieces, "pieces", "best_fit") > MOST:
        raise ResiduaError(f"best_fit: at most {MOST} pieces, got {pieces}")
    if not lower < upper:
        raise ResiduaError(f"best_fit: expected lower < upper, got [{lower}, {upper}]")
    values = vectorised(function, variable)
    bend = vectorised(function, variable, order=2)
    starts = _starts(bend, lower, upper, pieces)
    found = [_descended(values, start) for start in starts]
    return min(found, key=lambda fit: fit.mean_square_distance(values))


def vectorised(function: Given, variable: str, order: int = 0) -> Callable[[Floats], Floats]:
    """f, or a derivative, over float64 arrays."""
    graph = Graph()
    (node,) = from_program(graph, function.program)
    wanted: Node = derivative(node, graph.variable(variable), order)

    def at(x: Floats) -> Floats:
        (value,) = evaluate([wanted], {variable: x}, FloatDomain())
        return np.broadcast_to(np.asarray(value, dtype=np.float64), x.shape)

    return at


def _starts(bend: Callable[[Floats], Floats], lower: float, upper: float, pieces: int) -> list[Floats]:
    """Knots as dense as |f''|^(2/5), which is best for many pieces; the same half a piece on; and evenly spread."""
    fine = np.linspace(lower, upper, FINE)
    size = np.abs(bend(fine))
    even = np.linspace(lower, upper, pieces + 1)
    if not size.max() > 0:
        return [even]
    density = np.maximum(size, LEAST_BEND * size.max()) ** 0.4
    share = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    share /= share[-1]
    placed = np.interp(np.linspace(0, 1, pieces + 1), share, fine)
    moved = np.interp(np.clip((np.arange(pieces + 1) + 0.3) / (pieces + 0.3), 0, 1), share, fine)
    moved[0] = lower
    return [placed, moved, even]


def _descended(function: Callable[[Floats], Floats], start: Floats) -> PiecewiseLinear:
    """Descent over the logarithms of the lengths of the pieces; the values at the knots are always the best ones."""
    length = start[-1] - start[0]

    def knots_of(logs: Floats) -> Floats:
        lengths = np.maximum(np.exp(logs - logs.max()), SHORTEST)
        return np.asarray(np.concatenate([[0.0], np.cumsum(lengths)]) / lengths.sum() * length + start[0])

    def objective(logs: Floats) -> tuple[float, Floats]:
        knots = knots_of(logs)
        error, by_knot = _error_and_slope(function, knots)
        lengths = np.diff(knots)
        # knot k is start + length · (sum of the first k lengths): its derivative by log l_i is l_i (1[i < k] − share)
        tails = np.cumsum(by_knot[::-1])[::-1]  # Σ_(k > i) over interior knots, from i = 0
        shares = (knots[1:-1] - knots[0]) / length
        slope = lengths * (np.concatenate([tails, [0.0]]) - np.sum(by_knot * shares))
        return float(np.log(error)), slope / error

    if len(start) > 2:
        found = minimize(
            objective, np.log(np.diff(start)), jac=True, method="BFGS", options={"maxiter": STEPS, "gtol": SLOPE}
        )
        start = knots_of(found.x)
    return PiecewiseLinear(start, _projected(function, start)[0])


def _projected(function: Callable[[Floats], Floats], knots: Floats) -> tuple[Floats, Floats, Floats]:
    """The best values at given knots; the residuals f − fit and the weights at the nodes, (pieces, 20)."""
    x, weights = quadrature(knots)
    f = function(x)
    lengths = np.diff(knots)
    right = (1 + NODES) / 2
    load = np.zeros(len(knots))
    load[:-1] += (weights * f) @ (1 - right)
    load[1:] += (weights * f) @ right
    matrix = np.zeros((2, len(knots)))  # the integrals of products of hats: diagonal, and above it
    matrix[1, :-1] += lengths / 3
    matrix[1, 1:] += lengths / 3
    matrix[0, 1:] = lengths / 6
    values: Floats = np.asarray(solveh_banded(matrix, load), dtype=np.float64)
    fit = values[:-1, None] * (1 - right) + values[1:, None] * right
    return values, f - fit, weights


def _error_and_slope(function: Callable[[Floats], Floats], knots: Floats) -> tuple[float, Floats]:
    """The integral of the squared residual, and its derivative by each interior knot, the values being the best ones.

    d/dt_k = 2 (s_k − s_(k+1)) ∫ (f − fit) φ_k over the piece before the knot, φ_k the hat there and s the slopes.
    """
    values, residual, weights = _projected(function, knots)
    slopes = np.diff(values) / np.diff(knots)
    before = (weights * residual) @ ((1 + NODES) / 2)
    return float(np.sum(weights * residual**2)), 2 * (slopes[:-1] - slopes[1:]) * before[:-1]

"""The best N linear pieces in the mean square that need not meet, found numerically; every piece is its own best line.

At a knot of the best ones both neighbours are off by the same amount: the derivative of the whole by the knot.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from residua_network import ResiduaError
from residua_network.checks import whole
from residua_symbolic.domains.floats import Floats
from residua_symbolic.minimax.targets import FLOATS, TARGETS, Target
from residua_symbolic.series.approximation.piecewise_linear import NODES, quadrature

MOST = 128  # pieces
FINE = 20_001  # points at which |f''| is summed for the first knots
LEAST_BEND = 1e-3  # of the largest, so that no first piece is endless
SHIFTS = (0.0, 0.25, 0.5, 0.75)  # of first knots, in pieces
STEPS = 500
SLOPE = 1e-10  # of the logarithm of the error


class Lines(NamedTuple):
    """Knots, the lines' values at both ends of each piece, and the mean square error."""

    knots: Floats
    left: Floats
    right: Floats
    error: float


@cache
def best_lines(name: str, pieces: int) -> Lines:
    """The best found for the target of this name. Raises ResiduaError beyond what is found together."""
    if whole(pieces, "pieces", "best_lines") > MOST:
        raise ResiduaError(f"best_lines: at most {MOST} pieces, got {pieces}")
    target = TARGETS[name]
    return min((_descended(target, _first_knots(target, pieces, shift)) for shift in SHIFTS), key=lambda f: f.error)


def _descended(target: Target, start: Floats) -> Lines:
    logs = np.log(np.diff(start))
    if len(logs) > 1:
        options = {"maxiter": STEPS, "gtol": SLOPE}
        logs = minimize(lambda at: _logarithm(target, at), logs, jac=True, method="BFGS", options=options).x
    knots = _knots(target, logs)
    left, right, residual, weights = _lines(target, knots)
    return Lines(knots, left, right, float(np.sum(weights * residual**2) / target.length))


def function_values(target: Target, x: Floats) -> Floats:
    """f over an array of any sign."""
    return np.asarray(np.sign(x) * target.value(FLOATS, abs(x)) if target.odd else target.value(FLOATS, x))


def _first_knots(target: Target, pieces: int, shift: float) -> Floats:
    """As dense as |f''|^(2/5), moved by a share of a piece."""
    low = -target.end if target.odd else 0.0
    fine = np.linspace(low, target.end, FINE)
    second = abs(np.gradient(np.gradient(function_values(target, fine), fine), fine))
    density = np.maximum(second, LEAST_BEND * second.max()) ** 0.4
    share = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    places = np.clip((np.arange(pieces + 1) + shift) / pieces, 0, 1) * share[-1]
    places[0], places[-1] = 0.0, share[-1]
    places[-2:-1] = (places[-3:-2] + share[-1]) / 2 if shift and pieces > 1 else places[-2:-1]
    return np.asarray(np.interp(places, share, fine))


def _knots(target: Target, logs: Floats) -> Floats:
    lengths = np.exp(logs - logs.max())
    low = -target.end if target.odd else 0.0
    return np.asarray(np.concatenate([[0.0], np.cumsum(lengths)]) / lengths.sum() * target.length + low)


def _lines(target: Target, knots: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Values of the best lines at the ends of their pieces; residuals and weights at the nodes, (pieces, 20)."""
    x, weights = quadrature(knots)
    f = function_values(target, x)
    total = weights.sum(axis=1)
    mean = (weights * f).sum(axis=1) / total
    tilt = (weights * f * NODES).sum(axis=1) / (weights * NODES**2).sum(axis=1)
    return mean - tilt, mean + tilt, f - mean[:, None] - tilt[:, None] * NODES, weights


def _logarithm(target: Target, logs: Floats) -> tuple[float, Floats]:
    """The logarithm of the integral of the squared residual and its derivative by the logarithms of the lengths."""
    knots = _knots(target, logs)
    left, right, residual, weights = _lines(target, knots)
    total = float(np.sum(weights * residual**2))
    f = function_values(target, knots[1:-1])
    by_knot = (f - right[:-1]) ** 2 - (f - left[1:]) ** 2
    tails = np.concatenate([np.cumsum(by_knot[::-1])[::-1], [0.0]])
    shares = (knots[1:-1] - knots[0]) / target.length
    return float(np.log(total)), np.diff(knots) * (tails - np.sum(by_knot * shares)) / total

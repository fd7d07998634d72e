"""The radius of convergence of a Taylor series, from the singularities of the function in the complex plane."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_network import Network, ShapeError
from residua_symbolic.domains.balls import BITS, precision
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.expressions.evaluation import PointError
from residua_symbolic.series.analytic import OfNetwork
from residua_symbolic.series.circles import Run, kink, singular_functions
from residua_symbolic.series.complex_balls import TooWideError
from residua_symbolic.series.discs import disc, estimate, shown
from residua_symbolic.weights import Weights, checked_weights

ENTIRE = "entire: nothing in it has a singularity"
FARTHEST = 1e12  # how far kinks of functions without singularities are looked for


@dataclass(frozen=True)
class Radius:
    """A radius of convergence.

    `value`: exact (a SymPy expression, oo included) or an `Enclosure`, both proved where `certified`; otherwise an
    estimate, an Enclosure of no width. `words`: what limits it, or why it is an estimate. `singularities`: the nearest
    ones in floats, of a conjugate pair the one above the real axis.
    """

    value: sp.Expr | Enclosure
    certified: bool
    words: str
    singularities: tuple[complex, ...]


def network_radius(net: Network, weights: Weights, at: Any, along: Any = None) -> Radius:
    """Of the series in t of net(at + t · along).

    `at`: (inputs,), or (rows, inputs) where batch statistics couple rows; `along`: an array like it (ones where None),
    or {parameter: array}. Raises ShapeError, WeightsError; PointError on a kink.
    """
    x = np.atleast_1d(np.asarray(at, dtype=np.float64))
    x = x.reshape(-1, x.shape[-1])
    if x.shape[1] != net.inputs:
        raise ShapeError(f"radius: at expects the shape ({net.inputs},) or (rows, {net.inputs}), got {np.shape(at)}")
    known = checked_weights(net, weights)
    run = OfNetwork(net, known, x, _direction(along, x, known))
    return _of(run, flint.arb(0), (1, 1))


def _direction(along: Any, x: Any, weights: Weights) -> Any:
    """Checked and as float64."""
    if isinstance(along, Mapping):
        for name, value in along.items():
            if name not in weights or np.shape(value) != weights[name].shape:
                expected = weights[name].shape if name in weights else f"one of {', '.join(weights)}"
                raise ShapeError(f"radius: along[{name!r:.40}] expects {expected}, got {np.shape(value)}")
        return {name: np.asarray(value, dtype=np.float64) for name, value in along.items()}
    direction = np.ones_like(x) if along is None else np.asarray(along, dtype=np.float64)
    if direction.size != x.size:
        raise ShapeError(f"radius: along expects the shape {x.shape} of the point, got {direction.shape}")
    return direction.reshape(x.shape)


def _of(run: Run, a: Any, shape: tuple[int, ...], analytic: Radius | None = None) -> Radius:
    """The radius of the analytic function that it is near a (searched for unless given), then what kinks make of it."""
    conditions, kinks = _counted(run, a)
    found = analytic or (_analytic(run, a, shape) if conditions else Radius(sp.oo, True, ENTIRE, ()))
    return _before_kinks(run, a, found) if kinks else found


def _counted(run: Run, a: Any) -> tuple[int, int]:
    try:
        return singular_functions(run, a)
    except TooWideError as error:
        raise PointError(f"the function does not exist at the expansion point: {error}") from None


def _analytic(run: Run, a: Any, shape: tuple[int, ...]) -> Radius:
    found = disc(run, a, shape)
    if found.upper < np.inf:
        return Radius(found.enclosure, True, f"{found.what} at {shown(found.nearest)}", found.candidates)
    guess = found.lower or abs(found.nearest - float(a.mid()))
    decay = estimate(run, float(a.mid()), guess, shape)
    value = max(decay, found.lower) if np.isfinite(decay) else guess
    at_least = f"at least {found.lower:.6g}, proved; " if found.lower else ""
    words = f"an estimate from the decay of the coefficients: {at_least}not decided: {found.what}"
    return Radius(Enclosure(flint.arb(value), BITS), False, words, found.candidates)


def _before_kinks(run: Run, a: Any, found: Radius) -> Radius:
    """As far as the series equals the function, at most."""
    bounded = found.value != sp.oo
    reach = _lower(found.value) if bounded else FARTHEST
    lower, upper = kink(run, a, reach)
    if lower >= reach:
        words = f"{found.words}; no kink before that" if bounded else f"no kink within {FARTHEST:g}"
        return Radius(found.value, found.certified and bounded, words, found.singularities)
    on = f"up to {_lower(found.value):.6g}" if bounded else "everywhere"
    words = (
        f"none across the kink at a distance of {lower:.6g}; the series itself converges {on}, to the function before"
    )
    with precision():
        value = Enclosure(flint.arb(lower).union(flint.arb(upper)) if upper < np.inf else flint.arb(lower), BITS)
    return Radius(value, upper < np.inf, words, found.singularities)


def _lower(value: sp.Expr | Enclosure) -> float:
    return float(value.lower) if isinstance(value, Enclosure) else float(np.nextafter(float(value), 0))

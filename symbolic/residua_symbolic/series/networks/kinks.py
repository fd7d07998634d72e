"""The nearest kinks of relu along a direction, on both sides of the point: the Taylor series ends there.

Where all that comes before is piecewise linear in t, every argument of relu is a + b t up to the first kink, with a and
b rational: the kink is the nearest of all −a/b. Otherwise intervals are joined on each of which a Taylor enclosure of
every argument excludes 0, until they shrink: there is certainly no kink before, and the signs tell whether one follows.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np

from residua_network import Activation, Layer, Network, ResiduaError
from residua_symbolic.domains import balls
from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.series.enclosures import models
from residua_symbolic.series.networks import rational_series
from residua_symbolic.series.networks.place import Place, checked_place
from residua_symbolic.series.networks.walk import PlacedError, output
from residua_symbolic.weights import Floats, Weights, checked_weights

FARTHEST = 1024.0  # in t: where nothing is found up to here, the search ends
FIRST_STEP = 1 / 64
RESOLUTION = 2.0**-30  # of a kink, relative
MOST_INTERVALS = 400
ORDER = 2  # of the enclosures: wide enough intervals, and few operations


@dataclass(frozen=True)
class Kinks:
    """`below` < 0 < `above`, in t; −inf and inf where there is none. No kink lies between them if `certified`.

    `exact`: they are the floats nearest to the exact places; else the kinks follow within a relative 2^−30, but for a
    side on which `words` say otherwise.
    """

    below: float
    above: float
    certified: bool
    exact: bool
    words: str


class _PossibleError(ArithmeticError):
    """Some relu may have its kink on the interval."""


def nearest_kinks(net: Network, weights: Weights, at: Any, along: Any) -> Kinks:
    """The kinks of f(at + t along). Raises ResiduaError where relu is at its kink at t = 0 itself."""
    place, weights = checked_place(net, at, along), checked_weights(net, weights)
    if place.along is None:
        raise ResiduaError("kinks: expected a direction, got none")
    if not any(_is_relu(layer) for _, layer in net.walk()):
        return Kinks(-math.inf, math.inf, True, True, "no relu")
    if _is_piecewise_linear(net, place):
        try:
            return _closed(net, weights, place)
        except PlacedError as error:
            if not isinstance(error.reason, rational_series.IrrationalError):
                raise
    signs = _signs(net, weights, place, 0.0)
    if not all(signs):
        raise ResiduaError("kinks: a relu is at its kink at t = 0")
    below, above = (_Search(net, weights, place, side, signs).run() for side in (-1.0, 1.0))
    words = "; ".join(f"{name}: {one.words}" for name, one in (("below", below), ("above", above)))
    return Kinks(-below.reached, above.reached, below.certified and above.certified, False, words)


def _is_relu(layer: Layer) -> bool:
    return isinstance(layer, Activation) and layer.name == "relu"


def _is_piecewise_linear(net: Network, place: Place) -> bool:
    """Whether every argument of relu is linear in t as long as no relu passes its kink."""
    moved = {name.rpartition(".")[0] for name in place.along} if isinstance(place.along, dict) else set()
    if len(moved) > 1 or (moved and any("running" in name for name in place.along)):
        return False
    every = [layer for _, layer in net.walk()]
    last = max(k for k, layer in enumerate(every) if _is_relu(layer))
    return all(_is_linear(layer) for layer in every[:last])


def _is_linear(layer: Layer) -> bool:
    if isinstance(layer, Activation):
        return layer.name in ("relu", "identity")
    stored = layer.kind == "batchnorm" and not layer.couples_rows
    return stored or layer.kind in ("linear", "dropout", "residual")


def _closed(net: Network, weights: Weights, place: Place) -> Kinks:
    """By exact fractions."""
    nearest: dict[int, tuple[Any, str]] = {}

    def seen(name: str, layer: Layer, x: Any) -> None:
        for row, neuron, a, b in _lines(x) if _is_relu(layer) else ():
            if a == 0 or b == 0:
                continue
            t = -a / b
            side = 1 if t > 0 else -1
            if side not in nearest or abs(t) < abs(nearest[side][0]):
                nearest[side] = t, f'relu at "{name}", row {row}, neuron {neuron}'

    moving = place.along if isinstance(place.along, dict) else {}
    with balls.precision(terms=2):
        parameters = {
            name: rational_series.lines(value, moving[name]) if name in moving else rational_series.constants(value)
            for name, value in weights.items()
        }
        x = rational_series.lines(place.at, np.zeros_like(place.at) if moving else place.along)
        output(net, rational_series.RationalSeriesDomain, x, parameters, seen)
    ends = [_float(nearest[side][0]) if side in nearest else side * math.inf for side in (-1, 1)]
    found = [
        f"{name}: {nearest[side][1] if side in nearest else 'none'}" for name, side in (("below", -1), ("above", 1))
    ]
    return Kinks(ends[0], ends[1], True, True, "closed form; " + "; ".join(found))


def _lines(x: Any) -> Iterator[tuple[int, int, Any, Any]]:
    for row, neuron in np.ndindex(x.shape):
        a, b = rational_series.two_terms(x[row, neuron])
        yield row, neuron, a, b


def _float(value: Any) -> float:
    return int(value.p) / int(value.q)


@dataclass
class _Search:
    """Outward from t = 0 on one side."""

    net: Network
    weights: Weights
    place: Place
    side: float
    signs: list[float]
    reached: float = 0.0
    certified: bool = True
    words: str = ""

    def run(self) -> "_Search":
        """Join intervals until they shrink, or nothing is left to look at."""
        step = FIRST_STEP
        for _ in range(MOST_INTERVALS):
            if self.reached >= FARTHEST:
                self.words = f"none up to {FARTHEST:g}, and not looked for beyond"
                self.reached, self.certified = math.inf, False
                return self
            if self._excluded(self.reached, self.reached + step):
                self.reached += step
                step *= 2
            elif step > RESOLUTION * max(self.reached, RESOLUTION):
                step /= 2
            else:
                break
        behind = self.side * (self.reached + 4 * max(step, RESOLUTION * self.reached))
        if _signs(self.net, self.weights, self.place, behind) != self.signs:
            self.words = "a relu changes its sign there"
        else:
            self.words = "no kink before; further on nothing is certain"
        return self

    def _excluded(self, start: float, stop: float) -> bool:
        """Whether no relu has its kink for start <= |t| <= stop on this side."""
        with balls.precision():
            middle = flint.arb(self.side) * (flint.arb(start) + flint.arb(stop)) / 2
            half = (flint.arb(stop) - flint.arb(start)) / 2
            over = flint.arb(0, half.upper())

            def lines(values: Floats, slopes: Floats) -> Any:
                made = np.frompyfunc(lambda v, s: models.line(v + middle * s, s, ORDER, over), 2, 1)
                return made(balls.exact(values), balls.exact(slopes))

            try:
                output(self.net, models.ModelDomain, *_moved(self.weights, self.place, lines, balls.exact), _certain)
            except (_PossibleError, PlacedError):
                return False
            return True


def _moved(
    weights: Weights, place: Place, lines: Callable[[Any, Any], Any], constants: Callable[[Any], Any]
) -> tuple[Any, Mapping[str, Any]]:
    """Inputs and parameters, of which the one or the other move."""
    moving = place.along if isinstance(place.along, dict) else {}
    parameters = {
        name: lines(value, moving[name]) if name in moving else constants(value) for name, value in weights.items()
    }
    return constants(place.at) if moving else lines(place.at, place.along), parameters


def _certain(name: str, layer: Layer, x: Any) -> None:
    """Raises _PossibleError where the argument of a relu may be 0."""
    if not _is_relu(layer):
        return
    for g in x.flat:
        span = g.span if isinstance(g, models.Model) else g
        if not (span > 0 or span < 0):
            raise _PossibleError


def _signs(net: Network, weights: Weights, place: Place, t: float) -> list[float]:
    """Of all arguments of relu at t, in float64."""
    found: list[float] = []

    def seen(name: str, layer: Layer, x: Any) -> None:
        if _is_relu(layer):
            found.extend(np.sign(x).ravel().tolist())

    x, parameters = _moved(weights, place, lambda values, slopes: values + t * slopes, lambda values: values)
    output(net, FloatDomain, x, parameters, seen)
    return found

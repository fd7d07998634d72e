"""The linear pieces of a ReLU network of one input: how many, and where."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from residua_network import Activation, DescriptionError, Dropout, Layer, Linear, ResiduaError, Residual
from residua_network.checks import number
from residua_numeric.describe import describe
from residua_numeric.modules import torch_model
from residua_numeric.weights import weights_of

Floats = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)
LARGEST = 2**26  # numbers at a layer: 512 MiB


@dataclass(frozen=True, eq=False, repr=False)
class Pieces:
    """A continuous function from [knots[0], knots[-1]] that is linear between its knots.

    `knots`: (n + 1,), both ends among them; `values`: (n + 1, outputs) there; `slopes`: (n, outputs), that of at least
    one output changing at every inner knot. `by_layer[name]`: the inner knots of the function from the input to all
    outputs of that layer, branches included, names as in the description.
    """

    knots: Floats
    values: Floats
    slopes: Floats
    by_layer: Mapping[str, Floats]

    @property
    def count(self) -> int:
        """The number of pieces."""
        return len(self.slopes)

    @property
    def breakpoints(self) -> Floats:
        """The inner knots, (n − 1,), ascending."""
        return self.knots[1:-1]

    def __repr__(self) -> str:
        return f"<Pieces: {self.count} on [{self.knots[0]:g}, {self.knots[-1]:g}]>"


def pieces(model: nn.Module, lower: float, upper: float) -> Pieces:
    """All pieces of `model` on [lower, upper], in float64 at the model's own weights, dropout being the identity.

    Layer by layer: a function that is linear between its knots goes through a Linear layer with its knots, and a ReLU
    adds one wherever an entry crosses zero between two. What is carried is exact up to rounding, for which each number
    has its own bound: a value within its bound of zero counts as zero, a slope that changes by no more than its bound
    as one that does not change, and crossings that rounding cannot tell apart as one, so that kinks which cancel or
    fall together are counted as they should. Linear, relu, identity, Dropout and
    Residual; raises ResiduaError for other layers, by name, and where the input is not one number.
    """
    net = describe(torch_model(model, "pieces"), 1)
    low, high = number(lower, "lower", "pieces"), number(upper, "upper", "pieces")
    if not low < high:
        raise DescriptionError(f"pieces: lower must lie below upper, got {lower!r} and {upper!r}")
    ends = np.array([[low], [high]])
    line = _Line(ends[:, 0], ends, np.ones((1, 1)), abs(ends), np.ones((1, 1)), 0)
    by_layer: dict[str, Floats] = {}
    line = _through(net.layers, "", line, weights_of(model), by_layer)
    return Pieces(line.knots, line.values, line.slopes, by_layer)


@dataclass(frozen=True)
class _Line:
    """knots (n + 1,), values (n + 1, width), slopes (n, width); `sizes` and `steeps` are what these would be without
    any cancellation, and `roundings` times EPS times those bounds their errors."""

    knots: Floats
    values: Floats
    slopes: Floats
    sizes: Floats
    steeps: Floats
    roundings: int

    def at(self, knots: Floats) -> "_Line":
        """The same function with more knots: these, its own among them."""
        piece = np.clip(np.searchsorted(self.knots, knots, "right") - 1, 0, len(self.slopes) - 1)
        step = (knots - self.knots[piece])[:, None]
        values, sizes = self.values[piece] + step * self.slopes[piece], self.sizes[piece] + step * self.steeps[piece]
        own = np.searchsorted(knots, self.knots)
        values[own], sizes[own] = self.values, self.sizes
        left = piece[:-1]
        return _Line(knots, values, self.slopes[left], sizes, self.steeps[left], self.roundings + 2)

    def merged(self) -> "_Line":
        """Without the knots at which no slope changes."""
        change = abs(np.diff(self.slopes, axis=0))
        bound = self.roundings * EPS * (self.steeps[1:] + self.steeps[:-1])
        bends = (change > bound).any(axis=1)
        knots, left = np.concatenate([[True], bends, [True]]), np.concatenate([[True], bends])
        at = self.knots[knots], self.values[knots], self.slopes[left], self.sizes[knots], self.steeps[left]
        return _Line(*at, self.roundings)


def _through(
    layers: tuple[Layer, ...], prefix: str, line: _Line, weights: Mapping[str, Floats], by_layer: dict[str, Floats]
) -> _Line:
    for k, layer in enumerate(layers):
        name = f"{prefix}{k}"
        if isinstance(layer, Linear):
            line = _linear(line, weights[f"{name}.weight"], weights.get(f"{name}.bias"))
        elif isinstance(layer, Activation) and layer.name == "relu":
            line = _relu(line, name)
        elif isinstance(layer, Residual):
            inside = _through(layer.branch, f"{name}.branch.", line, weights, by_layer)
            line = _sum(line, inside, layer.scale)
        elif not isinstance(layer, Dropout) and layer != Activation("identity"):
            raise DescriptionError(
                f'pieces: expected Linear, relu, identity, Dropout or Residual at "{name}", got {layer!r}'
            )
        line = line.merged()
        by_layer[name] = line.knots[1:-1]
    return line


def _linear(line: _Line, weight: Floats, bias: Floats | None) -> _Line:
    b = np.zeros(len(weight)) if bias is None else bias
    size = abs(weight.T)
    return _Line(
        line.knots,
        line.values @ weight.T + b,
        line.slopes @ weight.T,
        line.sizes @ size + abs(b),
        line.steeps @ size,
        line.roundings + weight.shape[1] + 1,  # of a sum of products, in any order
    )


def _relu(line: _Line, name: str) -> _Line:
    slack = line.roundings * EPS
    line = replace(line, values=np.where(abs(line.values) <= slack * line.sizes, 0.0, line.values))
    place, entry = _crossings(line, slack)
    knots = np.union1d(line.knots, place)
    if knots.size * line.values.shape[1] > LARGEST:
        raise ResiduaError(f'pieces: {knots.size} knots at "{name}" are too many for {line.values.shape[1]} entries')
    line = line.at(knots)
    values = line.values.copy()
    values[np.searchsorted(knots, place), entry] = 0.0
    active = values[:-1] + values[1:] > 0
    slopes, steeps = np.where(active, line.slopes, 0.0), np.where(active, line.steeps, 0.0)
    return _Line(knots, np.maximum(values, 0.0), slopes, line.sizes, steeps, line.roundings + 2)


def _crossings(line: _Line, slack: float) -> tuple[Floats, NDArray[np.intp]]:
    """Where which entry crosses zero between two knots; places that rounding cannot tell apart become the first."""
    before, after = line.values[:-1], line.values[1:]
    piece, entry = np.nonzero(np.sign(before) * np.sign(after) < 0)
    one, other = before[piece, entry], after[piece, entry]
    length = line.knots[piece + 1] - line.knots[piece]
    place = line.knots[piece] + one / (one - other) * length
    blur = slack * np.maximum(line.sizes[piece, entry], line.sizes[piece + 1, entry]) / abs(one - other) * length
    blur += 2 * EPS * abs(place)
    order = np.argsort(place)
    place, entry, blur = place[order], entry[order], blur[order]
    apart = np.concatenate([[True], np.diff(place) > blur[1:] + blur[:-1]])[: len(place)]
    first = np.maximum.accumulate(np.where(apart, np.arange(len(place)), 0))
    return place[first], entry


def _sum(line: _Line, inside: _Line, scale: float) -> _Line:
    knots = np.union1d(line.knots, inside.knots)
    x, f = line.at(knots), inside.at(knots)
    return _Line(
        knots,
        x.values + scale * f.values,
        x.slopes + scale * f.slopes,
        x.sizes + abs(scale) * f.sizes,
        x.steeps + abs(scale) * f.steeps,
        max(x.roundings, f.roundings) + 2,
    )

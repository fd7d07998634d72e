"""Networks of finite width at random, by hand in numpy: forward, backward, and what an ensemble of them does.

Every formula is written from the papers for one layer, its transposed Jacobian beside it; nothing is taken from the
project but the names of its fields.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
Back = Callable[[Floats], Floats]

SLOPES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "identity": (lambda z: z, lambda z: np.ones_like(z)),
    "relu": (lambda z: z * (z > 0), lambda z: 1.0 * (z > 0)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (special.expit, lambda z: special.expit(z) * special.expit(-z)),
    "gelu": (
        lambda z: z * special.ndtr(z),
        lambda z: special.ndtr(z) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi),
    ),
    "silu": (lambda z: z * special.expit(z), lambda z: special.expit(z) * (1 + z * special.expit(-z))),
    "softplus": (lambda z: np.logaddexp(0, z), special.expit),
    "sin": (np.sin, np.cos),
    "square": (lambda z: z**2, lambda z: 2 * z),
    "cube": (lambda z: z**3, lambda z: 3 * z**2),
}


class Drawn:
    """One network: forward on x (rows, features), keeping by name what comes out and how gradients go back."""

    def __init__(self, init: str | float, rng: np.random.Generator) -> None:
        self.init, self.rng = init, rng
        self.outputs: dict[str, Floats] = {}
        self.gradients: dict[str, tuple[float, float]] = {}  # squared norm at the input, at the output

    def layers(self, layers: Any, x: Floats, prefix: str = "") -> tuple[Floats, Back]:
        backs: list[Back] = []
        for k, layer in enumerate(layers):
            x, back = self.layer(layer, x, f"{prefix}{k}")
            backs.append(back)

        def pull(g: Floats) -> Floats:
            for back in reversed(backs):
                g = back(g)
            return g

        return x, pull

    def layer(self, layer: Any, x: Floats, name: str) -> tuple[Floats, Back]:
        y, back = getattr(self, f"_{layer.kind}")(layer, x, name)
        self.outputs[name] = y

        def remembered(g: Floats) -> Floats:
            below: Floats = back(g)
            self.gradients[name] = (float(np.sum(below**2)), float(np.sum(g**2)))
            return below

        return y, remembered

    def _linear(self, layer: Any, x: Floats, name: str) -> tuple[Floats, Back]:
        shape, bound = (layer.outputs, layer.inputs), 1 / math.sqrt(layer.inputs)
        if self.init == "torch":
            W = self.rng.uniform(-bound, bound, shape)
            b = self.rng.uniform(-bound, bound, layer.outputs) if layer.bias else 0.0
            return x @ W.T + b, lambda g: g @ W
        gain = {"he": 2 / layer.inputs, "xavier": 2 / (layer.inputs + layer.outputs)}
        variance = gain[self.init] if isinstance(self.init, str) else self.init / layer.inputs
        W = self.rng.normal(0, math.sqrt(variance), shape)
        return x @ W.T, lambda g: g @ W

    def _activation(self, layer: Any, x: Floats, name: str) -> tuple[Floats, Back]:
        value, slope = SLOPES[layer.name]
        return value(x), lambda g: g * slope(x)

    def _layernorm(self, layer: Any, x: Floats, name: str) -> tuple[Floats, Back]:
        return _normalised(x, 1, layer.eps, True)

    def _rmsnorm(self, layer: Any, x: Floats, name: str) -> tuple[Floats, Back]:
        return _normalised(x, 1, layer.eps, False)

    def _batchnorm(self, layer: Any, x: Floats, name: str) -> tuple[Floats, Back]:
        if layer.statistics == "running":
            return x / math.sqrt(1 + layer.eps), lambda g: g / math.sqrt(1 + layer.eps)
        return _normalised(x, 0, layer.eps, True)

    def _dropout(self, layer: Any, x: Floats, name: str) -> tuple[Floats, Back]:
        return x, lambda g: g

    def _residual(self, layer: Any, x: Floats, name: str) -> tuple[Floats, Back]:
        y, back = self.layers(layer.layers, x, f"{name}.branch.")
        return x + layer.scale * y, lambda g: g + back(layer.scale * g)


def _normalised(x: Floats, axis: int, eps: float, centred: bool) -> tuple[Floats, Back]:
    c = x - x.mean(axis=axis, keepdims=True) if centred else x
    s = np.sqrt((c * c).mean(axis=axis, keepdims=True) + eps)
    xhat = c / s

    def back(g: Floats) -> Floats:
        middle = g.mean(axis=axis, keepdims=True) if centred else 0.0
        below: Floats = (g - middle - xhat * (g * xhat).mean(axis=axis, keepdims=True)) / s
        return below

    return xhat, back


@dataclass(frozen=True)
class Seen:
    """A number measured over an ensemble, with its standard error."""

    value: float
    error: float


def measured(
    net: Any, networks: int, batch: int, init: str | float = "he", seed: int = 0
) -> dict[str, tuple[Seen, Seen]]:
    """{layer: (mean square of its output, ratio of the mean squared gradients at input and output)} over networks.

    Inputs are independent isotropic rows of mean square exactly 1; the output gradient is standard normal.
    """
    squares: dict[str, list[float]] = {}
    gradients: dict[str, list[tuple[float, float]]] = {}
    for k in range(networks):
        rng = np.random.default_rng([seed, k])
        x = rng.normal(size=(batch, net.sizes[0]))
        x /= np.sqrt((x * x).mean(axis=1, keepdims=True))
        drawn = Drawn(init, rng)
        y, back = drawn.layers(net.layers, x)
        back(rng.normal(size=y.shape))
        for name, output in drawn.outputs.items():
            squares.setdefault(name, []).append(float(np.mean(output**2)))
            gradients.setdefault(name, []).append(drawn.gradients[name])
    return {name: (_mean(squares[name]), _ratio(np.array(gradients[name]))) for name in squares}


def _mean(values: list[float]) -> Seen:
    return Seen(float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(len(values)))


def _ratio(pairs: Floats) -> Seen:
    """Ratio of means, with the error of its linearisation."""
    top, bottom = pairs.mean(axis=0)
    value = top / bottom
    spread = np.std(pairs[:, 0] - value * pairs[:, 1], ddof=1) / bottom
    return Seen(float(value), float(spread) / math.sqrt(len(pairs)))

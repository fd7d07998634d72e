"""Networks at 50 digits, written out row by row in mpmath, and Taylor coefficients by mpmath's differences."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mpmath
import numpy as np

from residua_network import Layer, Network

DIGITS = 50
Number = Any
Matrix = list[list[Number]]

ACTIVATIONS: dict[str, Callable[[Number], Number]] = {
    "identity": lambda z: z,
    "relu": lambda z: max(z, mpmath.mpf(0)),
    "tanh": mpmath.tanh,
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "gelu": lambda z: z * mpmath.ncdf(z),
    "silu": lambda z: z / (1 + mpmath.exp(-z)),
    "softplus": lambda z: mpmath.log(1 + mpmath.exp(z)),
    "sin": mpmath.sin,
    "square": lambda z: z**2,
    "cube": lambda z: z**3,
}


def output(net: Network, weights: Mapping[str, Any], x: Sequence[Sequence[Number]]) -> Matrix:
    """Rows of numbers in, rows of numbers out."""
    return _chain(net.layers, "", weights, [[mpmath.mpf(v) for v in row] for row in x])


def _chain(layers: Sequence[Layer], prefix: str, weights: Mapping[str, Any], x: Matrix) -> Matrix:
    for k, layer in enumerate(layers):
        x = _layer(layer, f"{prefix}{k}", weights, x)
    return x


def _layer(layer: Any, place: str, weights: Mapping[str, Any], x: Matrix) -> Matrix:
    own = {name: _listed(weights[f"{place}.{name}"]) for name in layer.shapes}
    if layer.kind == "residual":
        inner = _chain(layer.layers, f"{place}.branch.", weights, x)
        return [
            [a + mpmath.mpf(layer.scale) * b for a, b in zip(*rows, strict=True)] for rows in zip(x, inner, strict=True)
        ]
    if layer.kind == "linear":
        bias = own.get("bias", [0] * layer.outputs)
        return [[mpmath.fdot(w, row) + b for w, b in zip(own["weight"], bias, strict=True)] for row in x]
    if layer.kind == "activation":
        return [[ACTIVATIONS[layer.name](v) for v in row] for row in x]
    if layer.kind == "dropout":
        return x
    if layer.kind == "batchnorm":
        columns = [list(column) for column in zip(*x, strict=True)]
        moments = [_moments(column) for column in columns]
        if layer.statistics == "running":
            moments = list(zip(own["running_mean"], own["running_var"], strict=True))
        found = [[(v - m) / mpmath.sqrt(s + layer.eps) for v in c] for c, (m, s) in zip(columns, moments, strict=True)]
        return _affine([list(row) for row in zip(*found, strict=True)], own)
    return _affine([_normalised(layer, row) for row in x], own)


def _normalised(layer: Any, row: list[Number]) -> list[Number]:
    mean, variance = _moments(row)
    if layer.kind == "rmsnorm":
        mean, variance = mpmath.mpf(0), mpmath.fsum(v**2 for v in row) / len(row)
    return [(v - mean) / mpmath.sqrt(variance + layer.eps) for v in row]


def _moments(values: list[Number]) -> tuple[Number, Number]:
    mean = mpmath.fsum(values) / len(values)
    return mean, mpmath.fsum((v - mean) ** 2 for v in values) / len(values)


def _affine(x: Matrix, own: Mapping[str, Any]) -> Matrix:
    width = len(x[0])
    gamma, beta = own.get("weight", [1] * width), own.get("bias", [0] * width)
    return [[g * v + b for g, v, b in zip(gamma, row, beta, strict=True)] for row in x]


def _listed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_listed(v) for v in value]
    return mpmath.mpf(float(value)) if isinstance(value, np.floating) else value


def coefficients(net: Network, weights: Mapping[str, Any], at: Any, along: Any, order: int) -> list[list[list[Number]]]:
    """[k][row][output] of f(at + t along), by `mpmath.taylor`; `along` an array (rows, inputs), or by parameter."""
    width, rows = net.outputs, len(at)
    found = [[[mpmath.mpf(0)] * width for _ in range(rows)] for _ in range(order + 1)]
    with mpmath.workdps(DIGITS):
        for row in range(rows):
            for i in range(width):

                def entry(t: Number, row: int = row, i: int = i) -> Number:
                    return output(net, *_moved(weights, at, along, t))[row][i]

                for k, c in enumerate(mpmath.taylor(entry, 0, order)):
                    found[k][row][i] = c
    return found


def _moved(weights: Mapping[str, Any], at: Any, along: Any, t: Number) -> tuple[Mapping[str, Any], Matrix]:
    if not isinstance(along, dict):
        return weights, [
            [mpmath.mpf(a) + t * mpmath.mpf(d) for a, d in zip(*p, strict=True)] for p in zip(at, along, strict=True)
        ]
    moved = {name: _line(_listed(weights[name]), _listed(d), t) for name, d in along.items()}
    return {**weights, **moved}, at


def _line(value: Any, slope: Any, t: Number) -> Any:
    if isinstance(value, list):
        return [_line(v, s, t) for v, s in zip(value, slope, strict=True)]
    return value + t * slope

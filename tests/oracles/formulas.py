"""Layers and their Jacobians written by hand at 50 digits, from the papers: one row in, lists of mpmath numbers out.

Nothing here is taken from the project but the names of its fields.
"""

from collections.abc import Callable, Mapping
from typing import Any

import mpmath as mp

from residua_network import Layer

DIGITS = 50
Vector = list[Any]
Matrix = list[list[Any]]
Answer = tuple[Vector, Matrix]
Parameters = Mapping[str, Any]


def _normal_density(z: Any) -> Any:
    return mp.exp(-z * z / 2) / mp.sqrt(2 * mp.pi)


def _normal_cdf(z: Any) -> Any:
    return mp.erfc(-z / mp.sqrt(2)) / 2


def _logistic(z: Any) -> Any:
    return 1 / (1 + mp.exp(-z))


# name: (φ, φ')
ACTIVATIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "identity": (lambda z: z, lambda z: mp.mpf(1)),
    "relu": (lambda z: max(z, mp.mpf(0)), lambda z: mp.mpf(1 if z > 0 else 0)),
    "tanh": (mp.tanh, lambda z: mp.sech(z) ** 2),
    "sigmoid": (_logistic, lambda z: _logistic(z) * _logistic(-z)),
    "gelu": (lambda z: z * _normal_cdf(z), lambda z: _normal_cdf(z) + z * _normal_density(z)),
    "silu": (lambda z: z * _logistic(z), lambda z: _logistic(z) * (1 + z * _logistic(-z))),
    "softplus": (lambda z: mp.log1p(mp.exp(z)), _logistic),
    "sin": (mp.sin, mp.cos),
    "square": (lambda z: z**2, lambda z: 2 * z),
    "cube": (lambda z: z**3, lambda z: 3 * z**2),
}


def _linear(layer: Any, x: Vector, p: Parameters) -> Answer:
    W = p["weight"]
    bias = p.get("bias", [mp.mpf(0)] * len(W))
    return [mp.fdot(row, x) + b for row, b in zip(W, bias, strict=True)], [list(row) for row in W]


def _activation(layer: Any, x: Vector, p: Parameters) -> Answer:
    value, slope = ACTIVATIONS[layer.name]
    return [value(z) for z in x], _diagonal([slope(z) for z in x])


def _dropout(layer: Any, x: Vector, p: Parameters) -> Answer:
    return list(x), _diagonal([mp.mpf(1)] * len(x))


def _layernorm(layer: Any, x: Vector, p: Parameters) -> Answer:
    """∂y_i/∂x_j = γ_i (n σ² (n δ_ij − 1) − n c_i c_j) / (n² σ³): quotient rule, σ² with ε."""
    n = len(x)
    centred = [z - mp.fsum(x) / n for z in x]
    deviation = mp.sqrt(mp.fsum(c * c for c in centred) / n + mp.mpf(layer.eps))
    gain, shift = p.get("weight", [mp.mpf(1)] * n), p.get("bias", [mp.mpf(0)] * n)
    y = [g * c / deviation + b for g, c, b in zip(gain, centred, shift, strict=True)]
    slopes = [
        [
            gain[a] * (n * deviation**2 * (n * (a == b) - 1) - n * centred[a] * centred[b]) / (n**2 * deviation**3)
            for b in range(n)
        ]
        for a in range(n)
    ]
    return y, slopes


def _rmsnorm(layer: Any, x: Vector, p: Parameters) -> Answer:
    """∂y_i/∂x_j = γ_i (δ_ij r² − x_i x_j / n) / r³."""
    n = len(x)
    root = mp.sqrt(mp.fsum(z * z for z in x) / n + mp.mpf(layer.eps))
    gain = p.get("weight", [mp.mpf(1)] * n)
    y = [g * z / root for g, z in zip(gain, x, strict=True)]
    slopes = [[gain[a] * ((a == b) * root**2 - x[a] * x[b] / n) / root**3 for b in range(n)] for a in range(n)]
    return y, slopes


def _residual(layer: Any, x: Vector, p: Parameters) -> Answer:
    inner, jacobian = answer(layer.layers, x, p, "branch.")
    n, scale = len(x), mp.mpf(layer.scale)
    y = [z + scale * f for z, f in zip(x, inner, strict=True)]
    return y, [[(a == b) + scale * jacobian[a][b] for b in range(n)] for a in range(n)]


FORMULAS: dict[str, Callable[[Any, Vector, Parameters], Answer]] = {
    "activation": _activation,
    "dropout": _dropout,
    "layernorm": _layernorm,
    "linear": _linear,
    "residual": _residual,
    "rmsnorm": _rmsnorm,
}


def answer(layers: tuple[Layer, ...], x: Vector, parameters: Parameters, prefix: str = "") -> Answer:
    """Output and Jacobian of layers one after another; `parameters` by full name."""
    product: Matrix = _diagonal([mp.mpf(1)] * len(x))
    for position, layer in enumerate(layers):
        assert layer.kind in FORMULAS, f"write the formula of {layer.kind!r} by hand in tests/oracles/formulas.py"
        place = f"{prefix}{position}."
        own = {name.removeprefix(place): value for name, value in parameters.items() if name.startswith(place)}
        x, jacobian = FORMULAS[layer.kind](layer, x, own)
        product = _times(jacobian, product)
    return x, product


def exactly(array: Any) -> Any:
    """Floats as mpmath numbers of the same value, in lists of the same shape."""
    return [exactly(a) for a in array] if array.ndim else mp.mpf(float(array))


def _diagonal(entries: Vector) -> Matrix:
    return [[e if a == b else mp.mpf(0) for b in range(len(entries))] for a, e in enumerate(entries)]


def _times(a: Matrix, b: Matrix) -> Matrix:
    return [[mp.fdot(row, column) for column in zip(*b, strict=True)] for row in a]

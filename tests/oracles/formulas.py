"""Layers and their Jacobians written by hand at 50 digits, from the papers: lists of mpmath numbers in and out.

A formula is one of a single row; only that of batch normalisation is one of the whole batch. Nothing here is taken from
the project but the names of its fields.
"""

from collections.abc import Callable, Mapping
from typing import Any

import mpmath as mp
import numpy as np

from residua_network import Layer

from .batches import apart

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


def _stored(layer: Any, x: Vector, p: Parameters) -> Answer:
    """Batch normalisation with stored statistics: y_i = γ_i (x_i − μ_i) / σ_i + β_i, an affine map of every feature."""
    deviation = [mp.sqrt(v + mp.mpf(layer.eps)) for v in p["running_var"]]
    gain, shift = _affine(p, len(x))
    centred = [z - mean for z, mean in zip(x, p["running_mean"], strict=True)]
    y = [g * c / d + b for g, c, d, b in zip(gain, centred, deviation, shift, strict=True)]
    return y, _diagonal([g / d for g, d in zip(gain, deviation, strict=True)])


def _of_the_batch(layer: Any, batch: Matrix, p: Parameters) -> tuple[Matrix, Matrix]:
    """Ioffe, Szegedy 2015: algorithm 1, and the gradients of section 3 for ℓ = y[b, i]."""
    rows, features = len(batch), len(batch[0])
    gain, shift = _affine(p, features)
    y = [[mp.mpf(0)] * features for _ in batch]
    slopes = [[mp.mpf(0)] * (rows * features) for _ in range(rows * features)]
    for q in range(features):
        x = [row[q] for row in batch]
        mean = mp.fsum(x) / rows
        variance = mp.fsum((z - mean) ** 2 for z in x) / rows + mp.mpf(layer.eps)
        for b in range(rows):
            y[b][q] = gain[q] * (x[b] - mean) / mp.sqrt(variance) + shift[q]
            by_xhat = [gain[q] if a == b else mp.mpf(0) for a in range(rows)]
            by_variance = -gain[q] * (x[b] - mean) * mp.power(variance, mp.mpf(-3) / 2) / 2
            by_mean = -gain[q] / mp.sqrt(variance) - 2 * by_variance * mp.fsum(z - mean for z in x) / rows
            for c in range(rows):
                by_x = by_xhat[c] / mp.sqrt(variance) + by_variance * 2 * (x[c] - mean) / rows + by_mean / rows
                slopes[b * features + q][c * features + q] = by_x
    return y, slopes


def _affine(p: Parameters, size: int) -> tuple[Vector, Vector]:
    return p.get("weight", [mp.mpf(1)] * size), p.get("bias", [mp.mpf(0)] * size)


FORMULAS: dict[str, Callable[[Any, Vector, Parameters], Answer]] = {
    "activation": _activation,
    "batchnorm": _stored,
    "dropout": _dropout,
    "layernorm": _layernorm,
    "linear": _linear,
    "rmsnorm": _rmsnorm,
}


def answers(layers: tuple[Layer, ...], weights: Mapping[str, Any], x: Any) -> tuple[Any, Any]:
    """Outputs (batch, m) and Jacobian, (batch, m, n) or, where rows are coupled, (batch, m, batch, n), at 50 digits."""
    with mp.workdps(DIGITS):
        y, matrix = _whole(layers, exactly(x), {name: exactly(array) for name, array in weights.items()})
    jacobian = np.array(matrix, dtype=object).reshape(len(x), len(y[0]), *x.shape)
    return np.array(y, dtype=object), jacobian if _couples(layers) else apart(jacobian)


def _couples(layers: tuple[Any, ...]) -> bool:
    return any(
        _couples(layer.layers) if layer.kind == "residual" else getattr(layer, "statistics", "") == "batch"
        for layer in layers
    )


def _whole(layers: tuple[Layer, ...], batch: Matrix, parameters: Parameters, prefix: str = "") -> tuple[Matrix, Matrix]:
    """Outputs and Jacobian of layers one after another on the stacked batch, x[b, i] at place b · n + i."""
    product: Matrix = _diagonal([mp.mpf(1)] * (len(batch) * len(batch[0])))
    for position, layer in enumerate(layers):
        place = f"{prefix}{position}."
        own = {name.removeprefix(place): value for name, value in parameters.items() if name.startswith(place)}
        batch, jacobian = _layer(layer, batch, own)
        product = _times(jacobian, product)
    return batch, product


def _layer(layer: Any, batch: Matrix, own: Parameters) -> tuple[Matrix, Matrix]:
    if layer.kind == "residual":
        return _residual(layer, batch, own)
    if layer.kind == "batchnorm" and layer.statistics == "batch":
        return _of_the_batch(layer, batch, own)
    assert layer.kind in FORMULAS, f"write the formula of {layer.kind!r} by hand in tests/oracles/formulas.py"
    found = [FORMULAS[layer.kind](layer, row, own) for row in batch]
    return [y for y, _ in found], _block_diagonal([jacobian for _, jacobian in found])


def _residual(layer: Any, batch: Matrix, own: Parameters) -> tuple[Matrix, Matrix]:
    inner, jacobian = _whole(layer.layers, batch, own, "branch.")
    size, scale = len(jacobian), mp.mpf(layer.scale)
    y = [[z + scale * f for z, f in zip(x, inside, strict=True)] for x, inside in zip(batch, inner, strict=True)]
    return y, [[(a == b) + scale * jacobian[a][b] for b in range(size)] for a in range(size)]


def exactly(array: Any) -> Any:
    """Floats as mpmath numbers of the same value, in lists of the same shape."""
    return [exactly(a) for a in array] if array.ndim else mp.mpf(float(array))


def _diagonal(entries: Vector) -> Matrix:
    return [[e if a == b else mp.mpf(0) for b in range(len(entries))] for a, e in enumerate(entries)]


def _times(a: Matrix, b: Matrix) -> Matrix:
    return [[mp.fdot(row, column) for column in zip(*b, strict=True)] for row in a]


def _block_diagonal(blocks: list[Matrix]) -> Matrix:
    width = len(blocks[0][0])
    return [
        [*[mp.mpf(0)] * (b * width), *row, *[mp.mpf(0)] * ((len(blocks) - 1 - b) * width)]
        for b, block in enumerate(blocks)
        for row in block
    ]

"""What a layer is, by its forward map at initial parameters and a generic input; its name is not asked."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from residua_network import Layer
from residua_symbolic.domains.floats import FloatDomain, Floats
from residua_symbolic.layers import apply

ROWS, WIDTH = 7, 5
ROUNDING = 1e-12  # some twenty operations on numbers of size 1


def constant_eps(layer: Any) -> float:
    """The ε of a layer; 0 where it has none."""
    return float(getattr(layer, "eps", 0.0))


@cache
def is_batch_normaliser(layer: Layer) -> bool:
    """(x − mean)/sqrt(variance + ε) over the rows."""
    return _is(layer, lambda x: _normalised(x, 0, True, constant_eps(layer)))


@cache
def lost_directions(layer: Layer) -> int | None:
    """2 for (x − mean)/sqrt(variance + ε) over the features, 1 for x/sqrt(mean square + ε), None for anything else."""
    if _is(layer, lambda x: _normalised(x, 1, True, constant_eps(layer))):
        return 2
    return 1 if _is(layer, lambda x: _normalised(x, 1, False, constant_eps(layer))) else None


@cache
def is_identity(layer: Layer) -> bool:
    """x."""
    return _is(layer, lambda x: x)


@cache
def is_relu(layer: Layer) -> bool:
    """max(x, 0)."""
    return _is(layer, lambda x: np.maximum(x, 0.0))


@cache
def is_linear(layer: Layer) -> bool:
    """x Wᵀ for the one matrix W of the layer, where its vectors begin at 0."""
    matrices = [name for name, shape in layer.shapes.items() if len(shape) == 2]
    if len(matrices) != 1 or layer.branch:
        return False
    rng = np.random.default_rng(1)
    W = rng.normal(size=layer.shapes[matrices[0]])
    x = rng.normal(size=(ROWS, W.shape[1]))
    found = apply(FloatDomain(), layer, x, {matrices[0]: W})
    return bool(found.shape == (ROWS, W.shape[0]) and np.max(np.abs(found - x @ W.T)) <= ROUNDING * W.shape[1])


def _is(layer: Layer, expected: Callable[[Floats], Floats]) -> bool:
    if layer.branch or any(len(shape) == 2 for shape in layer.shapes.values()):
        return False
    x = np.random.default_rng(0).normal(size=(ROWS, WIDTH))
    return bool(np.max(np.abs(apply(FloatDomain(), layer, x, {}) - expected(x))) <= ROUNDING)


def _normalised(x: Floats, axis: int, centred: bool, eps: float) -> Floats:
    c = x - x.mean(axis=axis, keepdims=True) if centred else x
    result: Floats = c / np.sqrt((c * c).mean(axis=axis, keepdims=True) + eps)
    return result

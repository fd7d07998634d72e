"""Is a layer, by its forward map, the normalisation of each feature over the batch?"""

from functools import cache
from typing import Any

import numpy as np

from residua_network import Layer
from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.layers import apply

ROWS, WIDTH = 7, 3
ROUNDING = 1e-13  # some ten operations on numbers of size 1


@cache
def is_batch_normaliser(layer: Layer) -> bool:
    """Whether the forward map, at initial parameters, is (x − mean)/sqrt(variance + ε) over the rows, at a generic x."""
    x = np.random.default_rng(0).normal(size=(ROWS, WIDTH))
    found = apply(FloatDomain(), layer, x, {})
    expected = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + constant_eps(layer))
    return bool(np.max(np.abs(found - expected)) <= ROUNDING)


def constant_eps(layer: Any) -> float:
    """The ε of a layer; 0 where it has none."""
    return float(getattr(layer, "eps", 0.0))

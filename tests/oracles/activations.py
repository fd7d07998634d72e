"""The activations in float64, each in a form of its own."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0.0),
    "tanh": lambda z: np.sinh(z) / np.cosh(z),
    "sigmoid": lambda z: (1 + np.tanh(z / 2)) / 2,
    "gelu": lambda z: z * stats.norm.cdf(z),
    "silu": lambda z: z * (1 + np.tanh(z / 2)) / 2,
    "softplus": lambda z: np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0.0),
    "sin": np.sin,
    "square": np.square,
    "cube": lambda z: z * np.square(z),
}

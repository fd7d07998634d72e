"""Layers of every kind that the folder of kinds holds, networks, and weights away from where they begin."""

import itertools
from collections.abc import Iterable
from dataclasses import MISSING, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residua_network import (
    ACTIVATIONS,
    STATISTICS,
    Activation,
    BatchNorm,
    Dropout,
    Layer,
    LayerNorm,
    Linear,
    Network,
    Residual,
    RMSNorm,
    kinds,
)

Floats = NDArray[np.float64]
ROUNDINGS = 2.0**14 * 2.0**-53  # relative, about 2e-12: at most some thousand operations stand in a row in these nets

BRANCH = (LayerNorm(4, eps=1e-2), Activation("tanh"), Linear(4, 4))
OF_THE_BATCH = (BatchNorm(4, eps=1e-2), Activation("tanh"), Linear(4, 4), BatchNorm(4, eps=0.0, affine=False))
STORED = (BatchNorm(4, statistics="running"), Activation("silu"))
INNER = Residual((RMSNorm(4, eps=1e-3), Activation("sin")), scale=0.5)
# What the fields of a kind are tried with, by their names; a field that is not here keeps its default.
VALUES: dict[str, tuple[Any, ...]] = {
    "size": (4,),
    "inputs": (4,),
    "outputs": (3, 6),
    "bias": (True, False),
    "affine": (True, False),
    "eps": (0.0, 1e-2),
    "rate": (0.4,),
    "scale": (1.0, -0.7),
    "name": ACTIVATIONS,
    "statistics": STATISTICS,
    "layers": (BRANCH, (INNER, Activation("gelu")), OF_THE_BATCH, STORED),
}


def samples_of(kind: type[Layer]) -> list[Layer]:
    """Layers of a kind, 4 features wide, with every combination of the values above."""
    choices: dict[str, tuple[Any, ...]] = {}
    for field in fields(kind):
        if field.name in VALUES:
            choices[field.name] = VALUES[field.name]
        elif field.default is MISSING:
            raise AssertionError(f"{kind.kind} has a field {field.name!r}: give it values in tests/oracles/samples.py")
    return [kind(**dict(zip(choices, values, strict=True))) for values in itertools.product(*choices.values())]


def every_layer() -> list[Layer]:
    """Layers of every kind, 4 features wide."""
    return [layer for kind in kinds().values() for layer in samples_of(kind)]


def name_of(layer: object) -> str:
    """An id for pytest."""
    return repr(layer).replace(" ", "")


def alone(layer: Layer) -> Network:
    """The network of this one layer."""
    return Network((layer,), inputs=4)


def weights_of(net: Network, seed: int = 0) -> dict[str, Floats]:
    """Weights that hide nothing: no entry is near 0, 1 or another one; matrices of about unit gain."""
    rng = np.random.default_rng(seed)
    weights: dict[str, Floats] = {}
    for name, shape in net.parameter_shapes().items():
        entries = rng.uniform(0.4, 1.6, size=shape)
        if not name.endswith("running_var"):
            entries *= rng.choice([-1.0, 1.0], size=shape)
        weights[name] = entries / shape[-1] ** 0.5 if len(shape) == 2 else entries
    return weights


def rows(count: int, width: int, seed: int = 1) -> Floats:
    """Points; shape (count, width)."""
    return np.random.default_rng(seed).normal(size=(count, width)) * 1.3


NETWORKS: dict[str, Network] = {
    "plain": Network((Linear(3, 5), Activation("tanh"), LayerNorm(5, eps=1e-2), Linear(5, 2))),
    "rows wider than columns": Network((Linear(2, 4), RMSNorm(4, eps=0.0), Activation("gelu"), Linear(4, 6))),
    "nested": Network(
        (
            Linear(3, 4, bias=False),
            Residual((*BRANCH, INNER, Dropout(0.3)), scale=-0.7),
            LayerNorm(4, affine=False),
            INNER,
            Activation("softplus"),
            RMSNorm(4, affine=False, eps=1e-2),
            Linear(4, 2),
        )
    ),
    "repeated": Network((Linear(3, 4), *[Residual(BRANCH)] * 5, *[Linear(4, 4), LayerNorm(4), Activation("silu")] * 3)),
    "batch statistics": Network((Linear(3, 5), BatchNorm(5, eps=1e-2), Activation("relu"), Linear(5, 2))),
    "batch statistics in branches": Network(
        (
            Linear(3, 4, bias=False),
            Residual((*OF_THE_BATCH, Residual((BatchNorm(4, eps=1e-3), Activation("sin")), scale=0.5)), scale=-0.7),
            LayerNorm(4, eps=1e-2),
            Residual((BatchNorm(4, affine=False), Activation("gelu"))),
            Linear(4, 6),
        )
    ),
    "batch statistics repeated": Network(
        (*[Linear(4, 4), BatchNorm(4), Activation("silu")] * 3, *[Residual(OF_THE_BATCH[:3])] * 2, Linear(4, 2))
    ),
    "running statistics": Network(
        (Linear(3, 4), *STORED, Residual((BatchNorm(4, eps=0.0, statistics="running"), Linear(4, 4))), Linear(4, 2))
    ),
    "both statistics": Network(
        (
            Linear(3, 4),
            *STORED,
            BatchNorm(4, eps=0.0),
            Activation("relu"),
            BatchNorm(4, statistics="running"),
            RMSNorm(4, eps=1e-2),
        )
    ),
}


def assert_close(found: Any, expected: Any, scale: float = 1.0) -> None:
    """Equal shapes, dtypes and, up to rounding at the given scale (or theirs, if larger), values; NaN fails."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"{found.shape} is not {expected.shape}"
    assert found.dtype == expected.dtype == np.float64, f"{found.dtype}, {expected.dtype}"
    bound = ROUNDINGS * max([scale, *_magnitudes((found, expected))])
    worst = float(np.max(np.abs(found - expected), initial=0.0))
    assert worst <= bound, f"differs by {worst:.3g}, rounding allows {bound:.3g}"


def _magnitudes(arrays: Iterable[Any]) -> list[float]:
    return [float(np.max(np.abs(a), initial=0.0)) for a in arrays]

"""Networks with every kind in them, and models whose weights are moved away from where they begin."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from residua_network import Activation, BatchNorm, Dropout, LayerNorm, Linear, Network, Residual, RMSNorm
from residua_numeric import build
from residua_numeric.weights import tensors_of

INNER = Residual((RMSNorm(4, eps=1e-3), BatchNorm(4, eps=1e-2, statistics="running"), Activation("sin")), scale=0.5)
EVERY = Network(
    (
        Linear(3, 4),
        Residual((LayerNorm(4), Activation("tanh"), Linear(4, 4), INNER, Dropout(0.4))),
        LayerNorm(4, eps=1e-2, affine=False),
        Dropout(0.3),
        Activation("softplus"),
        RMSNorm(4, affine=False),
        Linear(4, 2, bias=False),
    )
)
COUPLED = Network(
    (
        Linear(3, 4),
        BatchNorm(4, eps=1e-2),
        Residual((BatchNorm(4, eps=0.0), Activation("tanh"), Linear(4, 4)), scale=0.5),
        LayerNorm(4, eps=1e-2),
        Residual((Residual((Activation("sin"), BatchNorm(4, affine=False)), scale=-0.7),)),
        BatchNorm(4, statistics="running"),
        Linear(4, 2),
    )
)


@pytest.fixture
def every() -> Network:
    """Every kind, nested residuals, with and without parameters."""
    return EVERY


@pytest.fixture
def coupled() -> Network:
    """Batch norms in branches and out of them, on batch and on running statistics."""
    return COUPLED


@pytest.fixture
def moved() -> Callable[..., nn.Sequential]:
    """moved(net, dtype="float64"): a model with weights and buffers away from 0 and 1, which hide mistakes."""

    def make(net: Network, dtype: str = "float64") -> nn.Sequential:
        model = build(net, seed=5, dtype=dtype)
        generator = torch.Generator().manual_seed(6)
        with torch.no_grad():
            for name, tensor in tensors_of(model).items():
                noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64).to(tensor.dtype) * 0.3
                tensor.copy_(tensor * noise.exp() if name.endswith("running_var") else tensor + noise)
        return model

    return make


@pytest.fixture
def x() -> NDArray[np.float64]:
    """Five points with three features."""
    return np.random.default_rng(7).normal(size=(5, 3))

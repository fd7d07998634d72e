"""Random correct networks: on none of them may a comparison report a fault."""

import numpy as np
import torch

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
)
from residua_numeric import build

DEEPEST = 30
WIDEST = 12
NORMALISERS = (LayerNorm, RMSNorm, BatchNorm)
GROWING = ("square", "cube")  # only behind a normaliser, so that values stay finite


def random_network(seed: int) -> Network:
    """A network of 1 to 30 layers of mixed kinds, nested and scaled blocks among them; the same for the same seed."""
    rng = np.random.default_rng(seed)
    width = int(rng.integers(2, WIDEST + 1))
    layers: list[Layer] = [Linear(width, width)]
    for _ in range(int(rng.integers(0, DEEPEST))):
        layers.append(_layer(rng, _width(layers, width), layers[-1], nested=2))
    return Network(tuple(layers))


def perturbed(net: Network, seed: int, dtype: str = "float64") -> torch.nn.Sequential:
    """A model of the network whose γ, β, biases and stored statistics are away from their initial values, which would
    hide mistakes."""
    model = build(net, seed=seed, dtype=dtype)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            noise = 0.2 * torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
            tensor.add_(noise.clamp(min=-0.9).to(tensor.dtype))  # a variance stays above zero
    return model


def _width(layers: list[Layer], width: int) -> int:
    return next((layer.gives for layer in reversed(layers) if layer.gives is not None), width)


def _layer(rng: np.random.Generator, width: int, before: Layer, nested: int) -> Layer:
    choice = rng.choice(["linear", "activation", "layernorm", "rmsnorm", "batchnorm", "dropout", "residual"])
    if choice == "linear":
        return Linear(width, int(rng.integers(2, WIDEST + 1)), bias=bool(rng.random() < 0.8))
    if choice == "layernorm":
        return LayerNorm(width, eps=float(rng.choice([1e-5, 1e-3])), affine=bool(rng.random() < 0.8))
    if choice == "rmsnorm":
        return RMSNorm(width, eps=float(rng.choice([1e-5, 1e-3])), affine=bool(rng.random() < 0.8))
    if choice == "batchnorm":
        statistics = str(rng.choice(STATISTICS))
        return BatchNorm(width, float(rng.choice([1e-5, 1e-3])), bool(rng.random() < 0.8), statistics)
    if choice == "dropout":
        return Dropout(0.1)
    if choice == "residual" and nested:
        return _block(rng, width, nested)
    tame = [name for name in ACTIVATIONS if name not in GROWING]
    return Activation(str(rng.choice(ACTIVATIONS if isinstance(before, NORMALISERS) else tame)))


def _block(rng: np.random.Generator, width: int, nested: int) -> Residual:
    inner: list[Layer] = []
    for _ in range(int(rng.integers(1, 4))):
        layer = _layer(rng, width, inner[-1] if inner else Dropout(0.0), nested - 1)
        inner.append(Linear(width, width) if isinstance(layer, Linear) else layer)
    return Residual(tuple(inner), scale=float(rng.choice([1.0, 0.5, -0.3])))

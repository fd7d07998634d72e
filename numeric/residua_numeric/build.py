"""A torch model from a description."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from residua_network import DescriptionError, Layer, Network
from residua_network.checks import number, one_of, whole
from residua_numeric.layers import sequence
from residua_numeric.modules import DTYPES
from residua_numeric.weights import put

INITS = ("torch", "he", "xavier")


def build(net: Network, seed: int = 0, dtype: str = "float64", init: str | float = "torch") -> nn.Sequential:
    """The torch model of `net`; the names in its state dict are those of `net.parameter_shapes()`.

    dtype: "float64" or "float32"; both have the same weights up to one rounding. init: "torch" (uniform within
    ±1/sqrt(n_in), weight and bias alike), "he" (normal, variance 2/n_in), "xavier" (normal, variance
    2/(n_in + n_out)), or a number c > 0 (normal, variance c/n_in); biases are zero in all but "torch", norm layers
    begin at weight 1, bias 0, stored mean 0 and variance 1. All randomness comes from `seed`; the global random state
    stays as it was. Raises DescriptionError.
    """
    if not isinstance(net, Network):
        raise DescriptionError(f"build: expected a Network, got {net!r}")
    one_of(dtype, DTYPES, "dtype", "build")
    weights = initial_weights(net, seed, init)
    model = sequence(net.layers).to(DTYPES[dtype])
    put(model, weights)
    return model


def seed_of(seed: object, where: str) -> int:
    """`seed` if a random generator takes it: a whole number with 0 <= seed < 2**63."""
    if whole(seed, "seed", where, least=0) >= 2**63:
        raise DescriptionError(f"{where}: seed must be below 2**63, got {seed!r}")
    return whole(seed, "seed", where, least=0)


def initial_weights(net: Network, seed: int, init: str | float) -> Mapping[str, Tensor]:
    """{name: float64 tensor}, drawn in the order of the layers."""
    if isinstance(init, str):
        one_of(init, INITS, "init", "build")
    elif not number(init, "init", "build") > 0:
        raise DescriptionError(f"build: init must be one of {', '.join(INITS)} or a number above 0, got {init!r}")
    generator = torch.Generator().manual_seed(seed_of(seed, "build"))
    return {
        f"{place}.{name}": tensor
        for place, layer in net.walk()
        for name, tensor in _draw(layer, init, generator).items()
    }


def _draw(layer: Layer, init: str | float, generator: torch.Generator) -> dict[str, Tensor]:
    """Matrices are drawn; vectors begin at the value that changes nothing, except beside a matrix under "torch"."""
    matrix = next((shape for shape in layer.shapes.values() if len(shape) == 2), None)
    drawn = {}
    for name, shape in layer.shapes.items():
        tensor = torch.empty(shape, dtype=torch.float64)
        if matrix is not None and init == "torch":
            bound = 1 / math.sqrt(matrix[1])
            drawn[name] = tensor.uniform_(-bound, bound, generator=generator)
        elif shape == matrix:
            drawn[name] = tensor.normal_(0.0, math.sqrt(_variance(init, *shape)), generator=generator)
        else:
            drawn[name] = tensor.fill_(layer.parameters[name].absent)
    return drawn


def _variance(init: str | float, n_out: int, n_in: int) -> float:
    if isinstance(init, str):
        return 2 / n_in if init == "he" else 2 / (n_in + n_out)
    return init / n_in

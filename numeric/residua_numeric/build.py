"""A torch model from a description."""

import math
from collections.abc import Mapping
from typing import NamedTuple

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
    check_init(init, "build")
    generator = torch.Generator().manual_seed(seed_of(seed, "build"))
    return {
        f"{place}.{name}": _drawn(law, layer.shapes[name], generator)
        for place, layer in net.walk()
        for name, law in initial_laws(layer, init).items()
    }


def check_init(init: object, where: str) -> None:
    """Raises DescriptionError for what is no initialisation."""
    if isinstance(init, str):
        one_of(init, INITS, "init", where)
    elif not number(init, "init", where) > 0:
        raise DescriptionError(f"{where}: init must be one of {', '.join(INITS)} or a number above 0, got {init!r}")


class Law(NamedTuple):
    """How the entries of an array begin."""

    word: str  # "normal", "uniform" or "constant"
    size: float  # the standard deviation; the bound on both sides; the value


def initial_laws(layer: Layer, init: str | float) -> dict[str, Law]:
    """Of each array. Matrices are drawn; vectors begin at the value that changes nothing, except beside a matrix under
    "torch"."""
    matrix = next((shape for shape in layer.shapes.values() if len(shape) == 2), None)
    laws = {}
    for name, shape in layer.shapes.items():
        if matrix is not None and init == "torch":
            laws[name] = Law("uniform", 1 / math.sqrt(matrix[1]))
        elif shape == matrix:
            laws[name] = Law("normal", math.sqrt(_variance(init, *shape)))
        else:
            laws[name] = Law("constant", layer.parameters[name].absent)
    return laws


def _drawn(law: Law, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    tensor = torch.empty(shape, dtype=torch.float64)
    if law.word == "uniform":
        return tensor.uniform_(-law.size, law.size, generator=generator)
    return tensor.normal_(0.0, law.size, generator=generator) if law.word == "normal" else tensor.fill_(law.size)


def _variance(init: str | float, n_out: int, n_in: int) -> float:
    if isinstance(init, str):
        return 2 / n_in if init == "he" else 2 / (n_in + n_out)
    return init / n_in

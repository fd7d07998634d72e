import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from residua_network import ACTIVATIONS, Activation, DescriptionError, Layer, Linear, Residual, kinds
from residua_numeric.layers import describers, files, module_of
from residua_numeric.layers.activation import FUNCTIONS

ORACLE: dict[str, Callable[[float], float]] = {
    "identity": lambda x: x,
    "relu": lambda x: max(x, 0.0),
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + math.exp(-x)),
    "softplus": lambda x: math.log1p(math.exp(x)) if x < 0 else x + math.log1p(math.exp(-x)),
    "sin": math.sin,
    "square": lambda x: x * x,
    "cube": lambda x: x * x * x,
}
POINTS = (-30.0, -3.2, -0.7, 0.0, 0.4, 1.9, 19.0, 20.5, 25.0)
ULPS = 16  # the functions are short; sigmoid-like ones lose a few bits by cancellation at negative x


@dataclass(frozen=True, repr=False)
class Stranger(Layer):
    """A kind without files."""


def test_every_kind_has_a_file() -> None:
    assert list(files()) == list(kinds())


def test_a_kind_without_a_file_is_refused_with_the_path() -> None:
    with pytest.raises(DescriptionError, match=r"numeric/residua_numeric/layers/test_layers\.py"):
        module_of(Stranger())


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_agrees_with_math(name: str) -> None:
    y = module_of(Activation(name))(torch.tensor(POINTS, dtype=torch.float64))
    for point, got in zip(POINTS, y.tolist(), strict=True):
        wanted = ORACLE[name](point)
        scale = max(abs(wanted), abs(point) * 2**-53 if name == "gelu" else 0.0)
        assert abs(got - wanted) <= ULPS * 2**-53 * scale, point


def test_the_table_has_every_name() -> None:
    assert set(FUNCTIONS) == set(ACTIVATIONS)


def test_softplus_is_not_torchs() -> None:
    """torch's own is off by 1e-10 above 20: the check above would see it."""
    x = torch.tensor(20.5, dtype=torch.float64)
    assert abs(nn.functional.softplus(x) - ORACLE["softplus"](20.5)) > 1e-10


def test_residual() -> None:
    module = module_of(Residual((Activation("square"),), scale=0.25))
    assert module(torch.tensor([[3.0, -2.0]])).tolist() == [[5.25, -1.0]]


def test_the_global_random_state_stays() -> None:
    before = torch.get_rng_state()
    module_of(Linear(3, 2))
    assert torch.equal(before, torch.get_rng_state())


def test_no_class_is_described_by_two_files() -> None:
    assert len(describers()) == sum(len(file.TYPES) for file in files().values())

import math
from typing import Any

import numpy as np
import pytest
import torch

from residua_network import DescriptionError, LayerNorm, Linear, Network
from residua_numeric import build, weights_of
from residua_numeric.weights import tensors_of

WIDE = Network((Linear(300, 200), LayerNorm(200)))
STANDARD_ERRORS = 6  # a sample of 60,000: once in 5e8 by chance, and the seed is fixed


def test_names_and_shapes_are_those_of_the_description(every: Network) -> None:
    state = build(every).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == every.parameter_shapes()
    assert list(state) == list(every.parameter_shapes())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("init", ["torch", "he", "xavier", 1.7])
def test_equal_seeds_give_equal_bits_and_others_do_not(every: Network, dtype: str, init: str | float) -> None:
    first, again, other = (weights_of(build(every, seed, dtype, init)) for seed in (3, 3, 4))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["0.weight"], other["0.weight"])


def test_float32_is_float64_rounded(every: Network) -> None:
    single, double = build(every, 1, "float32"), build(every, 1, "float64")
    for name, tensor in tensors_of(double).items():
        assert torch.equal(tensor.float(), tensors_of(single)[name]), name


@pytest.mark.parametrize(("init", "variance"), [("he", 2 / 300), ("xavier", 2 / 500), (1.7, 1.7 / 300), (3, 3 / 300)])
def test_variance_of_normal_inits(init: str | float, variance: float) -> None:
    weights = weights_of(build(WIDE, 2, init=init))
    drawn = weights["0.weight"]
    assert abs(drawn.mean()) <= STANDARD_ERRORS * math.sqrt(variance / drawn.size)
    assert abs(drawn.var() / variance - 1) <= STANDARD_ERRORS * math.sqrt(2 / drawn.size)
    assert not weights["0.bias"].any()
    assert (weights["1.weight"] == 1).all()
    assert not weights["1.bias"].any()


def test_torch_init_is_uniform_within_its_bound() -> None:
    weights = weights_of(build(WIDE, 2))
    bound = 1 / math.sqrt(300)
    for name in ("0.weight", "0.bias"):
        drawn = weights[name] / bound
        assert 0.95 < np.abs(drawn).max() <= 1
        assert abs((drawn**2).mean() - 1 / 3) <= STANDARD_ERRORS * math.sqrt(4 / 45 / drawn.size)
    assert (weights["1.weight"] == 1).all()


def test_the_global_random_state_stays(every: Network) -> None:
    before = torch.get_rng_state()
    build(every)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"dtype": "float23"}, "did you mean 'float32'"),
        ({"init": "xavir"}, "did you mean 'xavier'"),
        ({"init": 0.0}, "above 0"),
        ({"init": math.nan}, "finite"),
        ({"init": True}, "finite number"),
        ({"seed": -1}, "at least 0"),
        ({"seed": 2**63}, "below 2"),
        ({"seed": 0.5}, "whole number"),
        ({"net": [Linear(1, 1)]}, "expected a Network"),
    ],
)
def test_refusals(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(DescriptionError, match=words):
        build(**{"net": WIDE, **arguments})

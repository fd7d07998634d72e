"""Path gradients of many networks at once against torch models one by one, and against their sum."""

import numpy as np
import pytest
import torch

from residua_network import Activation, BatchNorm, DescriptionError, LayerNorm, Linear, Network, Residual
from residua_numeric import build, measure
from residua_numeric.initial import initial_statistics
from residua_numeric.initial_paths import initial_path_squares, path_squares
from residua_numeric.weights import tensors_of

BLOCK = Residual((LayerNorm(5), Activation("tanh"), Linear(5, 5)), scale=0.7)
NET = Network(
    (Linear(4, 5), BLOCK, Activation("relu"), BLOCK, Residual((Linear(5, 5), Activation("relu"))), Linear(5, 3))
)


def test_the_same_as_model_by_model() -> None:
    models = [build(NET, seed=seed, init="torch") for seed in range(3)]
    weights = {
        name: torch.stack([tensors_of(model)[name].detach() for model in models]) for name in tensors_of(models[0])
    }
    random = np.random.default_rng(0)
    x, g = random.normal(size=(3, 1, 4)), random.normal(size=(3, 1, 3))
    found = path_squares(NET, weights, torch.from_numpy(x), torch.from_numpy(g)).numpy()
    for k, model in enumerate(models):
        parts = measure(model, "path gradients", x[k], cotangent=g[k]).values
        expected = (parts**2).sum(axis=(0, 2))
        assert found[k].shape == expected.shape == (4,)
        np.testing.assert_allclose(found[k], expected, rtol=1e-12, atol=0)


def test_without_a_block_it_is_the_whole_gradient_of_the_same_networks() -> None:
    net = Network((Linear(4, 5, bias=False), Activation("relu"), Linear(5, 3, bias=False)))
    found = initial_path_squares(net, 7, seed=3, first=2)
    whole = initial_statistics(net, 7, seed=3, first=2).gradients[:, 0]
    np.testing.assert_allclose(found[:, 0], whole, rtol=1e-12, atol=0)


def test_parts_do_not_depend_on_the_chunks() -> None:
    whole = initial_path_squares(NET, 6, seed=1)
    parts = [initial_path_squares(NET, 2, seed=1, first=first) for first in (0, 2, 4)]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-10, atol=0)


def test_bad_input() -> None:
    with pytest.raises(DescriptionError, match="not coupled"):
        initial_path_squares(Network((Residual((BatchNorm(4),)),)), 3)
    with pytest.raises(DescriptionError, match="expected a Network"):
        initial_path_squares(BLOCK, 3)  # type: ignore[arg-type]
    with pytest.raises(DescriptionError, match="networks"):
        initial_path_squares(NET, 0)

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from residua_network import DescriptionError, Network
from residua_numeric import modules_of, weights_of
from residua_numeric.faulty import Faulty
from residua_numeric.snapshot import snapshot_of
from residua_numeric.weights import put, tensors_of


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_exact_copies_by_name(every: Network, moved: Callable[..., nn.Sequential], dtype: str) -> None:
    model = moved(every, dtype)
    weights = weights_of(model)
    assert list(weights) == list(every.parameter_shapes())
    for name, array in weights.items():
        assert array.dtype == np.float64
        assert np.array_equal(array, model.state_dict()[name].numpy())


def test_later_changes_do_not_reach_them(every: Network, moved: Callable[..., nn.Sequential]) -> None:
    model = moved(every)
    weights = weights_of(model)
    kept = {name: array.copy() for name, array in weights.items()}
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.zero_()
    assert all(np.array_equal(weights[name], kept[name]) for name in kept)
    weights["0.weight"][:] = 9
    assert not tensors_of(model)["0.weight"].any()


def test_of_a_snapshot(every: Network, moved: Callable[..., nn.Sequential]) -> None:
    model = moved(every, "float32")
    snapshot = snapshot_of(model)
    weights = weights_of(snapshot)
    assert all(np.array_equal(array, weights_of(model)[name]) for name, array in weights.items())
    weights["0.weight"][:] = 9
    assert not (snapshot.weights["0.weight"] == 9).any()


def test_layer_norm_without_bias_has_zeros() -> None:
    weights = weights_of(nn.Sequential(nn.LayerNorm(3, bias=False)))
    assert np.array_equal(weights["0.bias"], np.zeros(3))
    assert weights_of(nn.Sequential(nn.LayerNorm(3, elementwise_affine=False))) == {}


def test_batch_norm_has_its_buffers_and_no_count() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2))
    model(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    weights = weights_of(model)
    assert list(weights) == ["0.weight", "0.bias", "0.running_mean", "0.running_var"]
    assert np.allclose(weights["0.running_mean"], [0.2, 0.4])
    assert np.allclose(weights["0.running_var"], [0.9 + 0.1 * 2, 0.9 + 0.1 * 8])


@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_that_stores_nothing_has_mean_zero_and_variance_one(affine: bool) -> None:
    model = nn.Sequential(nn.Linear(1, 2), nn.BatchNorm1d(2, affine=affine, track_running_stats=False)).double()
    weights = weights_of(model)
    assert {name: array.tolist() for name, array in weights.items() if "running" in name} == {
        "1.running_mean": [0, 0],
        "1.running_var": [1, 1],
    }
    assert np.array_equal(snapshot_of(model).weights["1.running_var"], np.ones(2))


def test_a_module_with_a_fault_in_its_place_has_them_too() -> None:
    for module in (nn.LayerNorm(2, bias=False), nn.BatchNorm1d(2, track_running_stats=False)):
        plain, faulty = nn.Sequential(module), nn.Sequential(Faulty(module, lambda module, x: x))
        assert list(weights_of(faulty)) == list(weights_of(plain))


def test_nested_sequentials_take_the_names_of_the_description() -> None:
    assert list(weights_of(nn.Sequential(nn.Sequential(nn.Tanh(), nn.Linear(1, 1))))) == ["1.weight", "1.bias"]


def test_put(every: Network, moved: Callable[..., nn.Sequential]) -> None:
    model = moved(every)
    wanted = {name: torch.full(shape, 0.5, dtype=torch.float64) for name, shape in every.parameter_shapes().items()}
    put(model, wanted)
    assert all((array == 0.5).all() for array in weights_of(model).values())
    assert len(modules_of(model)) == len(list(every.walk()))


def test_only_sequentials() -> None:
    with pytest.raises(DescriptionError, match="Linear"):
        weights_of(nn.Linear(1, 1))

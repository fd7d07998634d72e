from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from residua_network import Linear, Network, WeightsError
from residua_numeric import Snapshot, describe
from residua_numeric.snapshot import snapshot_of


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_building_it_gives_the_same_bits(
    every: Network, moved: Callable[..., nn.Sequential], x: NDArray[np.float64], dtype: str
) -> None:
    model = moved(every, dtype).eval()
    again = snapshot_of(model, seed=3, step=2).build().eval()
    point = torch.tensor(x, dtype=getattr(torch, dtype))
    assert torch.equal(model(point), again(point))
    assert {name: t.dtype for name, t in again.state_dict().items()} == {
        name: t.dtype for name, t in model.state_dict().items()
    }
    assert describe(again) == every


def test_it_is_independent_of_the_model_and_read_only() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    snapshot = snapshot_of(model)
    kept = snapshot.weights["0.weight"].copy()
    with torch.no_grad():
        for tensor in model.parameters():
            tensor.zero_()
    assert np.array_equal(snapshot.weights["0.weight"], kept)
    with pytest.raises(ValueError, match="read-only"):
        snapshot.weights["0.weight"][:] = 0


def test_versions_say_what_computed_it() -> None:
    assert set(snapshot_of(nn.Sequential(nn.Linear(1, 1))).versions) == {"python", "torch", "numpy", "residua"}


def made(weights: dict[str, NDArray[np.float64]]) -> Snapshot:
    return Snapshot(Network((Linear(2, 1),)), weights, 0, "float64", 0, {})


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({"0.weight": np.ones((1, 2))}, '"0.bias" is missing'),
        ({"0.weight": np.ones((1, 2)), "0.bias": np.ones(1), "1.bias": np.ones(1)}, '"1.bias" is not a parameter'),
        ({"0.weight": np.ones((2, 1)), "0.bias": np.ones(1)}, r"shape \(1, 2\), got float64 of shape \(2, 1\)"),
        ({"0.weight": np.ones((1, 2)), "0.bias": np.ones(1, np.float32)}, "must be float64 .* got float32"),
    ],
)
def test_weights_must_fit(weights: dict[str, NDArray[np.float64]], words: str) -> None:
    with pytest.raises(WeightsError, match=words):
        made(weights)


def test_weights_that_fit() -> None:
    snapshot = made({"0.weight": np.ones((1, 2)), "0.bias": np.ones(1)})
    with pytest.raises(WeightsError):
        replace(snapshot, dtype="float32")

import numpy as np
import pytest
import torch
from torch import nn

from residua_numeric.optimisers import KEPT, kept_tensors, optimiser_of, put_kept


def stepped(name: str) -> tuple[nn.Sequential, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3, bias=False), nn.Linear(3, 1))
    model[2].weight.requires_grad_(False)
    optimiser = optimiser_of(model, name, 0.1)
    for _ in range(2):
        step(model, optimiser)
    return model, optimiser


def step(model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    optimiser.zero_grad()
    model(torch.eye(2)).square().sum().backward()
    optimiser.step()


@pytest.mark.parametrize("name", KEPT)
def test_what_is_kept_goes_by_the_names_of_the_description(name: str) -> None:
    model, optimiser = stepped(name)
    found = kept_tensors(model, optimiser)
    trained = ("0.weight", "0.bias", "1.weight", "2.bias")
    assert set(found) == {f"{parameter}.{key}" for parameter in trained for key in KEPT[name]}
    assert kept_tensors(model, optimiser_of(model, name, 0.1)) == {}


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("given", [True, False])
def test_a_new_optimiser_goes_on_with_what_it_is_given(name: str, given: bool) -> None:
    model, optimiser = stepped(name)
    kept = {key: tensor.numpy().copy() for key, tensor in kept_tensors(model, optimiser).items()}
    weights = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    step(model, optimiser)
    wanted = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    model.load_state_dict(weights)
    again = optimiser_of(model, name, 0.1)
    if given:
        put_kept(model, again, kept)
    step(model, again)
    same = all(torch.equal(tensor, wanted[key]) for key, tensor in model.state_dict().items())
    assert same == (given or name == "sgd")


def test_what_is_frozen_now_needs_nothing() -> None:
    model, _ = stepped("momentum")
    optimiser = optimiser_of(model, "momentum", 0.1)
    put_kept(model, optimiser, {"2.weight.momentum_buffer": np.ones((1, 3), np.float32)})
    assert kept_tensors(model, optimiser) == {}

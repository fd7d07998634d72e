from contextlib import AbstractContextManager

import pytest
import torch
from torch import nn

from residua_numeric.state import global_seed, mode, on_threads, undisturbed


def interrupt(context: AbstractContextManager[None]) -> None:
    with context:
        raise KeyboardInterrupt


def test_every_module_gets_its_own_mode_back() -> None:
    model = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout()))
    model[0].eval()
    before = [module.training for module in model.modules()]
    with mode(model, training=False):
        assert not any(module.training for module in model.modules())
    with pytest.raises(KeyboardInterrupt):
        interrupt(mode(model, training=True))
    assert [module.training for module in model.modules()] == before


def test_buffers_are_given_back() -> None:
    model = nn.Sequential(nn.BatchNorm1d(2))
    with undisturbed(model):
        assert not model.training
        model.train()(torch.randn(4, 2, generator=torch.Generator().manual_seed(0)))
        assert model.state_dict()["0.num_batches_tracked"] == 1
        assert model.state_dict()["0.running_mean"].any()
    assert not model.state_dict()["0.running_mean"].any()
    assert model.state_dict()["0.num_batches_tracked"] == 0
    assert model.training
    with pytest.raises(KeyboardInterrupt):
        interrupt(undisturbed(model))
    assert model.training


def test_threads() -> None:
    before = torch.get_num_threads()
    with on_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    with pytest.raises(KeyboardInterrupt):
        interrupt(on_threads(before + 1))
    assert torch.get_num_threads() == before


def test_global_seed() -> None:
    before = torch.get_rng_state()
    drawn = []
    for seed in (1, 1, 2):
        with global_seed(seed):
            drawn.append(torch.rand(()).item())
    assert torch.equal(before, torch.get_rng_state())
    assert drawn[0] == drawn[1] != drawn[2]

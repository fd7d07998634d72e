from contextlib import AbstractContextManager

import pytest
import torch
from torch import nn

from residua_network import BatchNorm, Network, ResiduaError
from residua_numeric import build
from residua_numeric.faults import FAULTS, plant
from residua_numeric.state import global_seed, mode, on_threads, undisturbed

X = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))


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
    norm = nn.BatchNorm1d(2)
    model = nn.Sequential(norm)
    with undisturbed(model):
        assert not model.training
        norm.track_running_stats = True
        model.train()(X)
        assert model.state_dict()["0.num_batches_tracked"] == 1
        assert model.state_dict()["0.running_mean"].any()
    assert not model.state_dict()["0.running_mean"].any()
    assert model.state_dict()["0.num_batches_tracked"] == 0
    assert model.training
    with pytest.raises(KeyboardInterrupt):
        interrupt(undisturbed(model))
    assert model.training


def norm(what: str) -> tuple[nn.Sequential, nn.Module]:
    """A model that is one batch norm, and the batch norm; "faulty": with a fault in its place."""
    if what == "torch":
        model = nn.Sequential(nn.BatchNorm1d(2))
        return model, model[0]
    model = build(Network((BatchNorm(2),)), dtype="float32")
    true = model[0]
    if what == "faulty":
        plant(model, "0", next(fault for fault in FAULTS if (fault.kind, fault.name) == ("batchnorm", "β left out")))
    return model, true


def settings(model: nn.Sequential, true: nn.Module) -> list[object]:
    switches = [vars(true).get(name) for name in ("statistics", "training", "track_running_stats")]
    return [
        *switches,
        *[(k, v.tolist()) for k, v in model.state_dict().items()],
        *[m.training for m in model.modules()],
    ]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("what", ["own", "faulty", "torch"])
def test_a_batch_norm_uses_what_is_stated_and_nothing_is_stored(what: str, training: bool) -> None:
    model, true = norm(what)
    with torch.no_grad():
        true.running_mean.add_(3.0)  # type: ignore[operator]
    model.train(training)
    before = settings(model, true)
    batch = (X - X.mean(0)) / (X.var(0, unbiased=False) + 1e-5).sqrt()
    running = (X - 3) / (1 + 1e-5) ** 0.5
    as_it_stands = running if what == "torch" and not training else batch
    for words, wanted in (
        ({"0": "batch"}, batch),
        ({"0": "running"}, running),
        ({}, as_it_stands),
        (None, as_it_stands),
    ):
        with undisturbed(model, words):
            assert torch.allclose(model(X), wanted, rtol=0, atol=1e-5)
            assert not model.training
        assert settings(model, true) == before
        with pytest.raises(KeyboardInterrupt):
            interrupt(undisturbed(model, words))
        assert settings(model, true) == before
    assert not torch.allclose(batch, running, rtol=0, atol=1e-2)


@pytest.mark.parametrize("what", ["own", "faulty", "torch"])
def test_running_statistics_that_were_never_computed(what: str) -> None:
    model, true = norm(what)
    before = settings(model, true)
    with pytest.raises(
        ResiduaError, match=r'"0" has running statistics that were never computed; .*collect_statistics'
    ):
        interrupt(undisturbed(model, {"0": "running"}))
    assert settings(model, true) == before


def test_modes_reach_the_module_under_a_fault() -> None:
    model, true = norm("faulty")
    with mode(model, training=False):
        assert not true.training
    assert true.training
    model.eval()
    assert not true.training


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

import pytest
import torch
from torch import nn

from residua_numeric.memory import Memory
from residua_numeric.optimisers import KEPT, kept_tensors, optimiser_of


def everything(model: nn.Module, optimiser: torch.optim.Optimizer) -> list[object]:
    tensors = {**model.state_dict(), **kept_tensors(model, optimiser)}
    return [*((name, tensor.tolist()) for name, tensor in tensors.items()), torch.get_rng_state().tolist()]


@pytest.mark.parametrize("name", KEPT)
def test_it_goes_back_to_before_the_forward_pass_of_the_step_kept_last(name: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 1))
        optimiser = optimiser_of(model, name, 0.1)
        x, memory = torch.randn(4, 2), Memory(model, optimiser)
        seen = [everything(model, optimiser)]
        memory.restore()
        assert everything(model, optimiser) == seen[0]
        for _ in range(3):
            memory.note()
            loss = model(x).square().sum()
            memory.keep()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            seen.append(everything(model, optimiser))
        memory.note()
        model(x)  # a loss that is not finite: nothing is kept
        assert seen[2] not in (seen[1], seen[3], everything(model, optimiser))
        memory.restore()
        assert everything(model, optimiser) == seen[2]


def test_finite() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    memory = Memory(model, optimiser_of(model, "sgd", 0.1))
    assert memory.finite()
    for tensor in (model[0].weight, model[1].running_var):
        with torch.no_grad():
            kept = tensor.clone()  # type: ignore[operator]
            tensor.fill_(float("nan"))  # type: ignore[operator]
            assert not memory.finite()
            tensor.copy_(kept)  # type: ignore[operator]
    assert memory.finite()

"""Recurrent nets, all at once: against torch's own modules, one at a time."""

import numpy as np
import pytest
import torch

from residua_network import ResiduaError
from residua_numeric.lstm_gradients import KINDS, TASKS, fresh, run, seen, sequences, step_jacobian, trained

UNITS, LENGTH, BATCH, SEEDS = 4, 6, 3, range(2)


def torch_twin(kind: str, weights: dict[str, torch.Tensor], net: int) -> torch.nn.LSTM | torch.nn.RNN:
    """torch's module with the weights of one net; its second bias is 0."""
    made = (torch.nn.LSTM if kind == "lstm" else torch.nn.RNN)(2, UNITS).double()
    values = (weights["input"], weights["hidden"], weights["bias"], torch.zeros_like(weights["bias"]))
    with torch.no_grad():
        for parameter, value in zip(made.parameters(), values, strict=True):
            parameter.copy_(value[net])
    return made


def drawn(task: str = "first") -> tuple[torch.Tensor, torch.Tensor]:
    return sequences(task, len(SEEDS), BATCH, LENGTH, torch.Generator().manual_seed(5))


@pytest.mark.parametrize("kind", KINDS)
def test_every_net_is_torchs(kind: str) -> None:
    weights, (x, _) = fresh(kind, UNITS, SEEDS, 0.7, "float64"), drawn()
    found = run(weights, x.double())
    for net in range(len(SEEDS)):
        outputs, _ = torch_twin(kind, weights, net)(x[net].double())
        logits = outputs[-1] @ weights["head"][net].T
        assert torch.allclose(found.logits[net], logits, rtol=1e-12, atol=1e-14)
    assert len(found.states) == LENGTH + 1
    assert found.forget.shape == ((LENGTH, len(SEEDS), BATCH, UNITS) if kind == "lstm" else (LENGTH, 0))


def test_a_seed_draws_the_same_whatever_is_beside_it() -> None:
    alone, beside = fresh("lstm", UNITS, range(1, 2)), fresh("lstm", UNITS, range(3))
    assert all(torch.equal(alone[name][0], beside[name][1]) for name in alone)


@pytest.mark.parametrize("task", TASKS)
def test_the_sign_stands_where_it_is_asked_for(task: str) -> None:
    x, y = drawn(task)
    place = 0 if task == "first" else LENGTH - 1
    assert torch.equal(x[:, place, :, 0], 2.0 * y - 1)
    x[:, place, :, 0] = 0
    assert not x[..., 0].any()
    assert x[..., 1].all()


def test_paths_and_gradients_are_those_of_one_sequence_after_another() -> None:
    """The product of forget gates by a loop, and the gradient by differences of the cell's state."""
    weights = fresh("lstm", UNITS, SEEDS, 1.0)
    found = seen(weights, "first", LENGTH, BATCH, 5)
    x, y = drawn()
    exact = {name: tensor.double() for name, tensor in weights.items()}
    gates = run(exact, x.double()).forget.numpy()
    products = np.exp(np.log(gates[::-1]).cumsum(axis=0).mean(axis=2))  # (length, nets, units)
    best = products[-1].argmax(axis=-1)
    for net in range(len(SEEDS)):
        assert found.direct[net] == pytest.approx(products[:, net, best[net]], rel=1e-10)
        assert found.middle[net][-1] <= found.direct[net][-1]
    assert found.gradient[:, 0] == pytest.approx(1.0)
    assert found.mean_gate == pytest.approx(gates.mean(axis=(0, 2, 3)), rel=1e-10)
    states = run(exact, x.double().requires_grad_())
    loss = torch.nn.functional.cross_entropy(states.logits.flatten(0, 1), y.flatten())
    first, last = torch.autograd.grad(loss, [states.states[1], states.states[-1]])
    ratio = first.square().sum((1, 2)).sqrt() / last.square().sum((1, 2)).sqrt()
    assert found.gradient[:, -1] == pytest.approx(ratio.numpy(), rel=1e-10)


def test_training_learns_and_is_repeatable() -> None:
    weights = fresh("lstm", 8, range(2), 2.0)
    twice = [trained(weights, "last", 4, 60, 16, 2e-2, 3) for _ in range(2)]
    assert all(torch.equal(twice[0][name], twice[1][name]) for name in weights)
    before, after = (seen(w, "last", 4, 64, 9).right for w in (weights, twice[0]))
    assert after.min() > 0.9 > before.mean()


def test_a_jacobian_of_one_step() -> None:
    at = torch.tensor([0.3, -1.0], dtype=torch.float64)
    found = step_jacobian(lambda v: torch.stack([v[0] * v[1], v.sum()]), at)
    assert found == pytest.approx(np.array([[-1.0, 0.3], [1.0, 1.0]]))


def test_unknown_words_are_named() -> None:
    with pytest.raises(ResiduaError, match="gru"):
        fresh("gru", 4, SEEDS)
    with pytest.raises(ResiduaError, match="middle"):
        sequences("middle", 1, 1, 2, torch.Generator())


def test_the_bias_given_is_that_of_the_forget_gates() -> None:
    weights, (x, _) = fresh("lstm", UNITS, SEEDS, 9.0, "float64"), drawn()
    assert run(weights, x.double()).forget.min() > 0.99
    assert run(fresh("lstm", UNITS, SEEDS, -9.0, "float64"), x.double()).forget.max() < 0.01

"""A step on one batch, seen by it and by another: against a step taken by hand."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from residua_network import Activation, BatchNorm, LayerNorm, Linear, Network
from residua_numeric import Task, build
from residua_numeric.carry_over import effect, gradients_of_examples

ROWS = np.arange(8), np.arange(8, 16)


def task() -> Task:
    drawn = np.random.default_rng(0)
    return Task.data("classes", drawn.normal(size=(16, 5)), drawn.integers(0, 3, 16), "cross entropy")


def network(*norm: BatchNorm | LayerNorm) -> Network:
    return Network((Linear(5, 4), *norm, Activation("tanh"), Linear(4, 3)))


@pytest.mark.parametrize("norm", [(), (BatchNorm(4),), (LayerNorm(4),)])
def test_a_step_by_hand_does_the_same(norm: tuple[BatchNorm | LayerNorm, ...]) -> None:
    data, model, rate = task(), build(network(*norm), seed=1), 0.05
    kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = effect(model, data, *ROWS, rate)
    assert all(torch.allclose(tensor, kept[name], rtol=0, atol=1e-15) for name, tensor in model.state_dict().items())
    x, y = torch.tensor(data.x), torch.tensor(data.y)

    def loss(rows: np.ndarray) -> torch.Tensor:
        return cross_entropy(model(x[rows]), y[rows])

    before = [loss(rows) for rows in ROWS]
    mine, its = (torch.autograd.grad(value, list(model.parameters())) for value in before)
    with torch.no_grad():
        for parameter, gradient in zip(model.parameters(), mine, strict=True):
            parameter.sub_(rate * gradient)
        gains = [float(value - loss(rows)) for value, rows in zip(before, ROWS, strict=True)]
    assert found[:2] == pytest.approx(gains, rel=1e-9)
    flat, other = (torch.cat([g.flatten() for g in gradients]) for gradients in (mine, its))
    assert found[2:] == pytest.approx([float(flat @ flat), float(flat @ other), _cosine(flat, other)], rel=1e-12)


def _cosine(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()))


def test_the_gradient_of_a_batch_is_the_mean_of_those_of_its_examples() -> None:
    data, model = task(), build(network(LayerNorm(4)), seed=2)
    each = gradients_of_examples(model, data, ROWS[0])
    loss = cross_entropy(model(torch.tensor(data.x[ROWS[0]])), torch.tensor(data.y[ROWS[0]]))
    whole = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))]).numpy()
    assert each.shape == (8, whole.size)
    assert each.mean(axis=0) == pytest.approx(whole, rel=1e-10, abs=1e-14)

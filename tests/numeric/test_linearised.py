import numpy as np
import pytest
import torch
from torch import nn

from residua_network import Activation, BatchNorm, DescriptionError, Linear, Network
from residua_numeric import Task, build
from residua_numeric.linearised import directional_remainder, linearised_training

NET = Network((Linear(2, 5), Activation("tanh"), Linear(5, 2)))
RANDOM = np.random.default_rng(4)
X, Y, AT = RANDOM.normal(size=(6, 2)), RANDOM.normal(size=(6, 2)), RANDOM.normal(size=(3, 2))
TASK = Task.data("noise", X, Y)


def by_hand(model: nn.Module, steps: int, rate: float) -> np.ndarray:
    """The linearised model as a function of its parameters, its loss differentiated by torch, step by step."""
    moves = {name: torch.zeros_like(p) for name, p in model.named_parameters()}

    def outputs(moves: dict[str, torch.Tensor], x: np.ndarray) -> torch.Tensor:
        own = dict(model.named_parameters())
        y = model(torch.tensor(x))
        found = []
        for one in y.flatten():
            slopes = torch.autograd.grad(one, list(own.values()), retain_graph=True)
            found.append(one.detach() + sum((g * moves[n]).sum() for n, g in zip(own, slopes, strict=True)))
        return torch.stack(found).reshape(y.shape)

    for _ in range(steps):
        wanted = {name: move.requires_grad_() for name, move in moves.items()}
        loss = nn.functional.mse_loss(outputs(wanted, X), torch.tensor(Y))
        gradient = dict(zip(wanted, torch.autograd.grad(loss, list(wanted.values())), strict=True))
        moves = {name: (move - rate * gradient[name]).detach() for name, move in moves.items()}
    return outputs(moves, AT).detach().numpy()


def test_it_is_the_linearised_network_trained_step_by_step() -> None:
    found = linearised_training(NET, TASK, (0, 3), AT, 30, 0.4, init=1.5)
    assert found.trained.shape == found.initial.shape == (2, 3, 2)
    for s, seed in enumerate((0, 3)):
        model = build(NET, seed, init=1.5)
        with torch.no_grad():
            assert np.allclose(found.initial[s], model(torch.tensor(AT)).numpy(), rtol=1e-13, atol=1e-14)
        assert np.allclose(found.trained[s], by_hand(model, 30, 0.4), rtol=1e-11, atol=1e-12)
        assert not np.allclose(found.trained[s], found.initial[s], atol=1e-2)


def test_a_network_that_is_linear_in_its_parameters_is_its_linearisation() -> None:
    from residua_numeric import train_many

    net = Network((Linear(2, 2),))
    found = linearised_training(net, TASK, (1,), AT, 50, 0.3)
    many = train_many(net, TASK, (1,), 50, "sgd", 0.3, 6, dtype="float64")
    assert np.allclose(found.trained, many.outputs(AT), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("order", [2, 3])
def test_remainders_are_of_their_order(order: int) -> None:
    """Of a net whose output is a polynomial of degree 3 in the step: its coefficients by interpolation."""
    net = Network((Linear(2, 3), Activation("square"), Linear(3, 1)))
    model = build(net, 1)
    along = {name: RANDOM.normal(size=tuple(p.shape)) for name, p in model.named_parameters()}

    def value(step: float) -> float:
        moved = build(net, 1)
        with torch.no_grad():
            for name, p in moved.named_parameters():
                p.add_(step * torch.tensor(along[name]))
            return float(moved(torch.tensor(AT[:1]))[0, 0])

    steps = np.array([-1.0, -0.5, 0.5, 1.0])
    coefficients = np.linalg.solve(np.vander(steps, increasing=True), [value(step) for step in steps])
    left = directional_remainder(model, AT[:1], along, 0.5, order)
    assert left.shape == (1, 1)
    assert left[0, 0] == pytest.approx(sum(coefficients[k] * 0.5**k for k in range(order, 4)), rel=1e-10)


def test_refusals() -> None:
    coupled = Network((Linear(2, 2), BatchNorm(2), Linear(2, 2)))
    with pytest.raises(DescriptionError, match="rows of their own"):
        linearised_training(coupled, TASK, (0,), AT, 1, 0.1)
    with pytest.raises(DescriptionError, match="at least one seed"):
        linearised_training(NET, TASK, (), AT, 1, 0.1)
    model = build(NET)
    with pytest.raises(DescriptionError, match="order must be 2 or 3"):
        directional_remainder(model, AT, {}, 0.1, 4)
    with pytest.raises(DescriptionError, match="expected a direction for"):
        directional_remainder(model, AT, {"0.weight": np.ones((5, 2))}, 0.1)

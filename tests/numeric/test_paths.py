"""The gradient by path length against all paths walked one by one."""

import time
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from residua_network import Activation, BatchNorm, Dropout, LayerNorm, Linear, Network, Residual, ShapeError
from residua_numeric import build, measure, modules_of
from residua_numeric.faults import FAULTS, plant
from residua_numeric.layers.residual import Residual as ResidualModule
from residua_numeric.state import on_threads

Array = NDArray[np.float64]
Moved = Callable[..., nn.Sequential]
ROUNDING = 1e-13  # a thousand float64 operations on numbers of size one
SECONDS = 5.0  # it takes a tenth of one; the machine may be busy
COTANGENT = np.random.default_rng(4).normal(size=(5, 2))


def by_walking(model: nn.Sequential, x: Array, cotangent: Array) -> Array:
    """Every path is the network with each block cut to its skip or to its branch, at the inputs of the whole one."""
    model.eval()
    inputs, point = [], torch.tensor(x)
    for module in model:
        inputs.append(point.detach())
        point = module(point)
    blocks = [k for k, module in enumerate(model) if isinstance(module, ResidualModule)]
    found = np.zeros((len(blocks) + 1, *x.shape))
    for choice in product((0, 1), repeat=len(blocks)):
        gradient = torch.tensor(cotangent)
        for k in reversed(range(len(inputs))):
            taken = choice[blocks.index(k)] if k in blocks else None
            gradient = gradient if taken == 0 else pulled(model[k], inputs[k], gradient, taken == 1)
        found[sum(choice)] += gradient.numpy()
    return found.swapaxes(0, 1)


def pulled(module: nn.Module, x: Tensor, gradient: Tensor, branch: bool) -> Tensor:
    point = x.clone().requires_grad_()
    y = module.scale * module.branch(point) if branch else module(point)  # type: ignore[operator]
    return torch.autograd.grad(y, point, gradient)[0]


def gradient_at_input(model: nn.Sequential, x: Array, cotangent: Array) -> Array:
    point = torch.tensor(x, requires_grad=True)
    return torch.autograd.grad(model.eval()(point), point, torch.tensor(cotangent))[0].numpy()


BLOCK = Residual((LayerNorm(4, eps=1e-2), Activation("tanh"), Linear(4, 4)), scale=0.5)
COUPLED = Residual((Linear(4, 4), BatchNorm(4, eps=1e-2), Activation("sin")), scale=-0.7)
DEEP = Network((Linear(3, 4), BLOCK, Activation("gelu"), COUPLED, Dropout(0.3), BatchNorm(4), BLOCK, Linear(4, 2)))


@pytest.mark.parametrize("net", [DEEP, DEEP.with_statistics("running")])
def test_every_length_is_the_sum_over_its_paths(net: Network, moved: Moved, x: Array) -> None:
    model = moved(net)
    found = measure(model, "path gradients", x, cotangent=COTANGENT).values
    wanted = by_walking(model, x, COTANGENT)
    assert found.shape == wanted.shape == (5, 4, 3)
    assert (abs(found - wanted) <= ROUNDING).all()
    assert not (abs(found[:, ::-1] - wanted) <= ROUNDING).all()
    assert (abs(wanted).max(axis=(0, 2)) > 1e-3).all()
    assert (abs(found.sum(axis=1) - gradient_at_input(model, x, COTANGENT)) <= ROUNDING).all()


def test_nested_blocks_belong_to_their_branch(every: Network, coupled: Network, moved: Moved, x: Array) -> None:
    for net, blocks in ((every, 1), (coupled, 2)):
        model = moved(net)
        found = measure(model, "path gradients", x, cotangent=COTANGENT).values
        assert found.shape == (5, blocks + 1, 3)
        assert (abs(found - by_walking(model, x, COTANGENT)) <= ROUNDING).all()


def test_without_blocks_there_is_one_length(moved: Moved, x: Array) -> None:
    model = moved(Network((Linear(3, 4), Activation("tanh"), Linear(4, 2))))
    found = measure(model, "path gradients", x).values
    assert found.shape == (5, 1, 3)
    assert (abs(found[:, 0] - gradient_at_input(model, x, np.ones((5, 2)))) <= ROUNDING).all()


@pytest.mark.parametrize("name", [fault.name for fault in FAULTS if fault.kind == "residual"])
def test_the_sum_over_lengths_is_the_gradient_of_a_faulty_model_too(name: str, moved: Moved, x: Array) -> None:
    block = Residual((LayerNorm(4, eps=1e-2), Linear(4, 4), LayerNorm(4)), scale=0.5)
    model = moved(Network((Linear(3, 4), block, block, Linear(4, 2))))
    right = measure(model, "path gradients", x, cotangent=COTANGENT).values
    plant(model, "1", next(fault for fault in FAULTS if (fault.kind, fault.name) == ("residual", name)))
    found = measure(model, "path gradients", x, cotangent=COTANGENT).values
    assert (abs(found.sum(axis=1) - gradient_at_input(model, x, COTANGENT)) <= ROUNDING).all()
    assert not (abs(found - right) <= ROUNDING).all()


def test_deep_networks_take_no_time(moved: Moved) -> None:
    block = Residual((BatchNorm(64), Activation("relu"), Linear(64, 64)), scale=0.1)
    model = moved(Network((*[block] * 64, Linear(64, 3))))
    x = np.random.default_rng(0).normal(size=(8, 64))
    begin = time.perf_counter()
    with on_threads(1):
        found = measure(model, "path gradients", x).values
    assert time.perf_counter() - begin < SECONDS
    wanted = gradient_at_input(model, x, np.ones((8, 3)))
    assert found.shape == (8, 65, 64)
    assert (abs(found.sum(axis=1) - wanted) <= ROUNDING * abs(found).sum(axis=1)).all()


class Doubling(nn.Sequential):
    """Feeds its second module twice what the first gives."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self[1](2 * self[0](x))
        return y


def test_layers_must_feed_the_next() -> None:
    with pytest.raises(ShapeError, match='layers that feed the next, but "0" does not'):
        measure(Doubling(nn.Linear(2, 2), nn.Tanh()), "path gradients", np.ones((2, 2)))


def test_what_is_not_finite_is_handed_back() -> None:
    model = build(Network((Linear(1, 1), Activation("cube"), Activation("identity"))))
    with torch.no_grad():
        modules_of(model)["0"].weight.fill_(1e200)  # type: ignore[operator]
    assert not np.isfinite(measure(model, "path gradients", [[1.0]]).values).any()

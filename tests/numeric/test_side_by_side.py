from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from residua_network import Activation, Layer, LayerNorm, Linear, Network, Residual
from residua_numeric import build
from residua_numeric.layers import files
from residua_numeric.side_by_side import last_output, outputs, widest
from residua_numeric.stacked import Stack
from residua_numeric.weights import tensors_of

ROUNDINGS = 1024 * 2.0**-53  # a dozen layers of short sums of entries of order 1
ROWS = 4


def moved(net: Network, networks: int = 3) -> list[nn.Sequential]:
    """Models that differ, their weights and buffers away from 0 and 1."""
    generator = torch.Generator().manual_seed(1)
    models = [build(net, seed).eval() for seed in range(networks)]
    with torch.no_grad():
        for model in models:
            for tensor in tensors_of(model).values():
                tensor.mul_(1 + 0.3 * torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype))
                tensor.add_(0.1 * torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype))
    return models


def stacked(net: Network, models: Sequence[nn.Module]) -> dict[str, Tensor]:
    stack = Stack(net, "float64")
    return {**stack.arrays(models), **stack.buffers(models)}


def points(net: Network, networks: int = 3) -> Tensor:
    return torch.tensor(np.random.default_rng(2).normal(size=(networks, ROWS, net.inputs)))


@pytest.mark.parametrize("without", ["", "activation", "batchnorm", "layernorm", "linear", "residual", "rmsnorm"])
def test_every_layer_gives_what_the_models_give_alone(
    every: Network, coupled: Network, without: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the kind's own stacked form, and without it: by vmap."""
    if without:
        monkeypatch.delattr(files()[without], "stacked")
    for net in (every, coupled):
        models, x = moved(net), points(net)
        found = list(outputs(net.layers, stacked(net, models), x))
        assert len(found) == len(net.layers)
        for s, model in enumerate(models):
            h = x[s]
            for one, module in zip(found, model, strict=True):
                h = module(h)
                assert one.shape == (3, *h.shape)
                assert not torch.allclose(one[s], one[(s + 1) % 3], rtol=1e-3)
                assert abs(one[s] - h).max() <= ROUNDINGS * abs(h).max()


@pytest.mark.parametrize("without", ["", "batchnorm", "residual"])
def test_stored_statistics_move_in_training_as_torchs(
    coupled: Network, without: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if without:
        monkeypatch.delattr(files()[without], "stacked")
    models, x = moved(coupled), points(coupled)
    stack = Stack(coupled, "float64")
    buffers, parameters = stack.buffers(models), stack.arrays(models)
    before = {name: tensor.clone() for name, tensor in buffers.items()}
    stack.outputs({**parameters, **buffers}, x)
    assert all(torch.equal(before[name], tensor) for name, tensor in buffers.items())
    stack.outputs({**parameters, **buffers}, x, training=True)
    assert not torch.equal(before["1.running_mean"], buffers["1.running_mean"])
    for s, model in enumerate(models):
        model.train()(x[s])
        for name, own in model.named_buffers():
            assert abs(buffers[name][s] - own).max() <= ROUNDINGS * abs(own).max()


def test_gradients_are_those_of_the_models_alone(every: Network) -> None:
    models, x = moved(every), points(every)
    tensors = {name: t.requires_grad_() for name, t in stacked(every, models).items() if t.is_floating_point()}
    trained = [name for name, parameter in models[0].named_parameters()]
    y = last_output(every.layers, tensors, x)
    found = torch.autograd.grad(y.square().sum(), [tensors[name] for name in trained])
    for s, model in enumerate(models):
        own = torch.autograd.grad(model(x[s]).square().sum(), list(model.parameters()))
        for gradient, expected in zip(found, own, strict=True):
            assert gradient.shape[1:] == expected.shape
            assert abs(gradient[s] - expected).max() <= ROUNDINGS * abs(expected).max() + ROUNDINGS


def test_a_frozen_array_has_no_gradient() -> None:
    net = Network((Linear(3, 3), Activation("tanh"), Linear(3, 2, bias=False)))
    tensors = stacked(net, moved(net))
    x = points(net).requires_grad_()
    y = last_output(net.layers, tensors, x)
    assert torch.autograd.grad(y.sum(), x)[0].shape == x.shape
    tensors["0.bias"].requires_grad_()
    assert torch.autograd.grad(last_output(net.layers, tensors, points(net)).sum(), tensors["0.bias"])[0].any()


@pytest.mark.parametrize(
    ("layers", "width"),
    [
        ((Linear(2, 3), Linear(3, 1)), 3),
        ((Linear(7, 3), Linear(3, 1)), 7),
        ((Residual((LayerNorm(3), Linear(3, 9), Linear(9, 3))),), 9),
    ],
)
def test_widest(layers: tuple[Layer, ...], width: int) -> None:
    assert widest(Network(layers)) == width
    assert widest(Network((Activation("tanh"),), inputs=5)) == 5

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from residua_network import (
    Activation,
    DescriptionError,
    Dropout,
    LayerNorm,
    Linear,
    Network,
    ResiduaError,
    Residual,
)
from residua_numeric import build, measure, measure_layers
from residua_numeric.contributions import contribution_coefficients, contributions
from residua_numeric.weights import put

RNG = np.random.default_rng(0)
X, V = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2))
TANH = Residual((LayerNorm(4), Activation("tanh"), Dropout(0.3), Linear(4, 4)), scale=0.5)
CUBE = Residual((Linear(4, 4), Activation("cube"), Linear(4, 4)), scale=-0.7)
NET = Network((Linear(2, 4), Activation("sin"), TANH, CUBE, TANH, Linear(4, 3), Dropout(0.1), Linear(3, 2)))
EPS = float(np.finfo(np.float64).eps)


def test_they_sum_to_the_output_and_to_the_stream() -> None:
    model = build(NET, 1)
    found, stream = contributions(model, X), contributions(model, X, to="stream")
    assert found.names == stream.names == ("start", "2", "3", "4")
    assert found.values.shape == (4, 3, 2)
    assert stream.values.shape == (4, 3, 4)
    y = measure(model, "output", X).values
    assert abs(found.values.sum(0) - y).max() <= 64 * EPS * abs(found.values).max()
    outputs = {name: one.output for name, one in measure_layers(model, X).items()}
    assert abs(stream.values[0] - outputs["1"]).max() <= 64 * EPS
    for l, name in enumerate(("2", "3", "4")):
        assert abs(stream.values[: l + 2].sum(0) - outputs[name]).max() <= 64 * EPS


def made(net: Network, weights: Mapping[str, Any]) -> nn.Sequential:
    model = build(net)
    put(model, {name: torch.tensor(value, dtype=torch.float64) for name, value in weights.items()})
    return model


def test_by_hand() -> None:
    """y₁ = x + 2 x², y₂ = y₁ − y₁³, output 3 y₂ + 1."""
    net = Network(
        (
            Residual((Activation("square"),), scale=2.0),
            Residual((Activation("cube"),), scale=-1.0),
            Linear(1, 1),
        )
    )
    model = made(net, {"2.weight": [[3.0]], "2.bias": [1.0]})
    found = contributions(model, [[0.5]])
    y = 0.5 + 2 * 0.25
    assert abs(found.values[:, 0, 0] - [3 * 0.5 + 1, 3 * 0.5, -3 * y**3]).max() <= 32 * EPS
    matrix = contribution_coefficients(model, [[0.0]], [[1.0]], 8)
    #                 1   x   x²  x³   x⁴   x⁵   x⁶  x⁷ x⁸
    exact = np.array([[1, 3, 0, 0, 0, 0, 0, 0, 0], [0, 0, 6, 0, 0, 0, 0, 0, 0], [0, 0, 0, -3, -18, -36, -24, 0, 0]]).T
    assert matrix.values.shape == (9, 3, 1, 1)
    assert (abs(matrix.values[:, :, 0, 0] - exact) <= matrix.errors[:, :, 0, 0]).all()
    assert matrix.errors.max() < 1e-9


@pytest.mark.parametrize("to", ["output", "stream"])
def test_coefficients_sum_to_those_of_the_whole(to: str) -> None:
    model = build(NET, 1)
    found = contribution_coefficients(model, X, V, 9, to=to)
    values = contributions(model, X, to=to)
    assert found.names == values.names
    assert (abs(found.values[0] - values.values) <= found.errors[0] + 8 * EPS * abs(values.values)).all()
    if to == "output":
        whole = measure(model, "taylor coefficients", X, along=V, order=9)
        assert whole.error is not None
        assert (abs(found.values.sum(1) - whole.values) <= found.errors.sum(1) + whole.error).all()
    t = 0.002
    moved = contributions(model, X + t * V, to=to).values
    powers = t ** np.arange(10.0)[:, None, None, None]
    bound = (powers * found.errors).sum(0) + 64 * EPS * abs(moved).max()
    assert (abs((powers * found.values).sum(0) - moved) <= bound).all()


def test_in_the_parameters() -> None:
    model = build(NET, 1)
    along = {"3.branch.0.weight": RNG.normal(size=(4, 4))}
    found = contribution_coefficients(model, X, along, 4)
    assert (abs(found.values[1:, :2]) <= found.errors[1:, :2]).all()  # before the block that moves
    assert abs(found.values[3, 2]).min() > 1e-6


def test_the_model_is_left_alone() -> None:
    model = build(NET, 1)
    model[2].eval()
    modes = [module.training for module in model.modules()]
    contributions(model, X)
    contribution_coefficients(model, X, V, 2)
    assert [module.training for module in model.modules()] == modes


BLOCK = Residual((Linear(2, 2),))


@pytest.mark.parametrize(
    ("message", "net", "arguments"),
    [
        ("at top level, got none", Network((Linear(2, 2),)), {}),
        ('one after another, got .* at "1"', Network((BLOCK, Activation("tanh"), BLOCK)), {}),
        ('linear layers behind the blocks, got .* at "1"; to="stream"', Network((BLOCK, Activation("tanh"))), {}),
        ("unknown place", Network((BLOCK,)), {"to": "outputs"}),
    ],
)
def test_refusals(message: str, net: Network, arguments: dict[str, Any]) -> None:
    with pytest.raises(DescriptionError, match=message):
        contributions(build(net), X, **arguments)


def test_other_refusals() -> None:
    with pytest.raises(ResiduaError, match="Sequential"):
        contributions(nn.Linear(2, 2), X)
    with pytest.raises(ResiduaError, match="order must be"):
        contribution_coefficients(build(NET), X, V, -1)
    stream = contributions(build(Network((BLOCK, Activation("tanh")))), X, to="stream")
    assert stream.values.shape == (2, 3, 2)

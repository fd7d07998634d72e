from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from residua_network import Activation, DescriptionError, Dropout, LayerNorm, Linear, Network, ResiduaError, Residual
from residua_numeric import Task, build, measure, train
from residua_numeric.pieces import pieces
from residua_numeric.weights import put

RELU = Activation("relu")
PLAIN = Network((Linear(1, 12), RELU, Linear(12, 12), Dropout(0.3), RELU, Linear(12, 2)))
BLOCK = Residual((Linear(6, 8), RELU, Linear(8, 6)), scale=-0.7)
STREAM = Network((Linear(1, 6), BLOCK, RELU, Residual((Linear(6, 6), RELU)), Activation("identity"), Linear(6, 1)))
EPS = float(np.finfo(np.float64).eps)


def made(net: Network, weights: Mapping[str, Any]) -> nn.Sequential:
    model = build(net)
    put(model, {name: torch.tensor(value, dtype=torch.float64) for name, value in weights.items()})
    return model


def values(model: nn.Sequential, x: Any) -> Any:
    return measure(model.double(), "output", x).values


@pytest.mark.parametrize("net", [PLAIN, STREAM])
@pytest.mark.parametrize("seed", range(4))
def test_second_differences_on_a_fine_grid_are_the_referee(net: Network, seed: int) -> None:
    """They vanish, up to rounding, exactly in the cells that hold no breakpoint; torch computes them."""
    model = build(net, seed)
    found = pieces(model, -3.0, 3.0)
    grid = np.linspace(-3, 3, 60001)
    y = values(model, grid[:, None])
    second = y[2:] - 2 * y[1:-1] + y[:-2]
    bends = (abs(second) > 1e3 * EPS * abs(y).max()).any(axis=1)
    held = np.zeros(len(grid) - 2, dtype=bool)
    cell = np.searchsorted(grid, found.breakpoints) - 1  # between grid[cell] and grid[cell + 1]
    for k in cell:
        held[max(k - 1, 0) : k + 1] = True
    assert found.count > 8
    assert not (bends & ~held).any()
    strong = abs(np.diff(found.slopes, axis=0)).max(axis=1) > 1e-6
    assert strong.sum() > 8
    for k in cell[strong]:
        assert bends[max(k - 1, 0) : k + 1].any()


@pytest.mark.parametrize("net", [PLAIN, STREAM])
def test_values_and_slopes_are_the_models(net: Network) -> None:
    """Values by torch everywhere; slopes by autograd inside each piece."""
    model = build(net, 5)
    found = pieces(model, -2.0, 4.0)
    x = np.linspace(-2, 4, 777)
    for k in range(net.outputs):
        between = np.interp(x, found.knots, found.values[:, k])
        assert abs(between - values(model, x[:, None])[:, k]).max() <= 1e3 * EPS
    middle = (found.knots[1:] + found.knots[:-1]) / 2
    slopes = measure(model, "jacobian", middle[:, None]).values[:, :, 0]
    assert abs(slopes - found.slopes).max() <= 1e3 * EPS
    assert (np.diff(found.knots) > 0).all()
    assert (found.knots[0], found.knots[-1]) == (-2.0, 4.0)


def sawtooth(depth: int) -> nn.Sequential:
    """The hat 2 relu(x) − 4 relu(x − ½) `depth` times (Telgarsky 1509.08101)."""
    hat = (Linear(1, 2), RELU, Linear(2, 1))
    weights: dict[str, Any] = {}
    for k in range(depth):
        weights |= {f"{3 * k}.weight": [[1.0], [1.0]], f"{3 * k}.bias": [0.0, -0.5]}
        weights |= {f"{3 * k + 2}.weight": [[2.0, -4.0]], f"{3 * k + 2}.bias": [0.0]}
    return made(Network(hat * depth), weights)


@pytest.mark.parametrize("depth", [1, 2, 5, 10])
def test_a_sawtooth_doubles_with_every_layer(depth: int) -> None:
    found = pieces(sawtooth(depth), 0.0, 1.0)
    assert found.count == 2**depth
    assert np.array_equal(found.knots, np.arange(2**depth + 1) / 2**depth)
    assert np.array_equal(abs(found.slopes), np.full((2**depth, 1), 2.0**depth))
    assert [len(found.by_layer[f"{3 * k + 2}"]) + 1 for k in range(depth)] == [2 ** (k + 1) for k in range(depth)]


def test_where_thirds_are_not_floats_no_kink_is_counted_twice() -> None:
    """A second layer that bends exactly where the first does: |x − 1/3| by two routes, and its sum with itself."""
    third, net = 1 / 3, Network((Linear(1, 2), RELU, Linear(2, 3), RELU, Linear(3, 1)))
    weights = {
        "0.weight": [[3.0], [-3.0]],
        "0.bias": [-3 * third, 3 * third],
        "2.weight": [[0.1, -0.1], [0.3, -0.3], [0.7, -0.7]],
        "2.bias": [0.0, 0.0, 0.0],
        "4.weight": [[1.0, 1.0, 1.0]],
        "4.bias": [0.0],
    }
    found = pieces(made(net, weights), -1.0, 1.0)
    assert found.count == 2
    assert abs(found.breakpoints[0] - third) <= 4 * EPS


@pytest.mark.parametrize("seed", range(12))
def test_a_crossing_on_a_kink_that_is_there_adds_none(seed: int) -> None:
    """relu(c x − d), and relu(e x − e d/c) one layer later: rounding puts its zero beside the kink, or not."""
    c, d, e = np.random.default_rng(seed).uniform(1.0, 2.0, 3)
    net = Network((Linear(1, 2), RELU, Linear(2, 2), RELU, Linear(2, 1)))
    weights = {
        "0.weight": [[c], [1.0]],
        "0.bias": [-d, 0.0],
        "2.weight": [[0.5, 0.0], [0.3, e]],
        "2.bias": [0.0, -e * d / c],
        "4.weight": [[1.0, 1.0]],
        "4.bias": [0.0],
    }
    found = pieces(made(net, weights), 0.1, 3.0)
    assert found.count == 2
    assert abs(found.breakpoints[0] - d / c) <= 16 * EPS


@pytest.mark.parametrize("seed", range(12))
def test_a_relu_is_zero_at_its_kink(seed: int) -> None:
    c, d = np.random.default_rng(seed).uniform(1.0, 2.0, 2)
    found = pieces(made(Network((Linear(1, 1), RELU)), {"0.weight": [[c]], "0.bias": [-d]}), -1.0, 3.0)
    assert np.array_equal(found.values[:2, 0], [0.0, 0.0])


def test_kinks_that_cancel_are_not_counted() -> None:
    """relu(x − 0.1) − relu(x − 0.1) through other numbers; a unit that is always off; one without a successor."""
    net = Network((Linear(1, 5), RELU, Linear(5, 1)))
    weights = {
        "0.weight": [[1.0], [3.0], [1.0], [1.0], [0.0]],
        "0.bias": [-0.1, -0.3, -9.0, 0.2, 0.0],
        "2.weight": [[0.3, -0.1, 5.0, 0.0, 7.0]],
        "2.bias": [0.5],
    }
    found = pieces(made(net, weights), -1.0, 1.0)
    assert found.count == 1
    assert len(found.by_layer["1"]) in (2, 3)  # 0.1 and 0.3/3 need not be one float
    assert np.array_equal(found.knots, [-1.0, 1.0])


def test_a_residual_block_of_one() -> None:
    """x − 2 relu(x) is −|x|."""
    net = Network((Residual((Linear(1, 1), RELU), scale=-2.0),))
    found = pieces(made(net, {"0.branch.0.weight": [[1.0]], "0.branch.0.bias": [0.0]}), -1.0, 2.0)
    assert np.array_equal(found.knots, [-1.0, 0.0, 2.0])
    assert np.array_equal(found.slopes, [[1.0], [-1.0]])
    assert np.array_equal(found.values, [[-1.0], [0.0], [-2.0]])
    assert set(found.by_layer) == {"0", "0.branch.0", "0.branch.1"}


def test_a_kink_at_an_end_is_none() -> None:
    net = Network((Linear(1, 1), RELU))
    model = made(net, {"0.weight": [[2.0]], "0.bias": [0.0]})
    assert pieces(model, 0.0, 1.0).count == 1
    assert pieces(model, -1.0, 0.0).count == 1
    assert pieces(model, -1.0, 1e-300).count == 2


def test_float32_models_are_taken_at_their_own_weights() -> None:
    model = build(PLAIN, 2, "float32")
    train(model, Task.regression(lambda x: np.hstack([np.sin(x), x]), -3, 3), 20)
    assert model[0].weight.dtype is torch.float32
    x = np.linspace(-3, 3, 101)
    found = pieces(model, -3, 3)
    assert abs(np.interp(x, found.knots, found.values[:, 1]) - values(model, x[:, None])[:, 1]).max() <= 1e3 * EPS


@pytest.mark.parametrize(
    ("message", "net", "ends"),
    [
        ('"1", got LayerNorm', Network((Linear(1, 4), LayerNorm(4))), (0.0, 1.0)),
        ('"1.branch.0", got Activation', Network((Linear(1, 4), Residual((Activation("tanh"),)))), (0.0, 1.0)),
        ("expects 2 inputs, but the input gives 1", Network((Linear(2, 1),)), (0.0, 1.0)),
        ("lower must lie below upper", PLAIN, (1.0, 1.0)),
        ("lower must lie below upper", PLAIN, (2.0, 1.0)),
        ("upper must be a finite number", PLAIN, (0.0, np.inf)),
    ],
)
def test_refusals(message: str, net: Network, ends: tuple[float, float]) -> None:
    with pytest.raises(DescriptionError, match=message):
        pieces(build(net), *ends)


def test_too_many_knots_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("residua_numeric.pieces"), "LARGEST", 100)  # the package has the function
    with pytest.raises(ResiduaError, match="too many"):
        pieces(sawtooth(9), 0.0, 1.0)

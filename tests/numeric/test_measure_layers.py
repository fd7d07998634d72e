from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from residua_network import Network, Residual, ShapeError
from residua_numeric import build, measure, measure_layers, modules_of, statistics_of
from residua_numeric.faults import FAULTS, plant
from residua_numeric.layers.residual import Residual as ResidualModule

Array = NDArray[np.float64]
Moved = Callable[..., nn.Sequential]
ROUNDING = 1e-13  # a thousand float64 operations on numbers of size one


class Faulty(nn.Tanh):
    """tanh with a wrong slope at the origin."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 1.01


def test_every_layer_in_the_order_of_the_walk(every: Network, moved: Moved, x: Array) -> None:
    found = measure_layers(moved(every), x)
    assert list(found) == [name for name, _ in every.walk()]
    for name, layer in every.walk():
        at = found[name]
        batch, outputs, inputs = at.jacobian.shape
        assert (at.name, at.dtype, batch) == (name, "float64", 5)
        assert at.input.shape == (5, inputs)
        assert at.output.shape == (5, outputs)
        assert (at.branch_output is None) == (at.branch_jacobian is None) == (not isinstance(layer, Residual))


def test_their_product_is_the_jacobian_of_the_model(every: Network, moved: Moved, x: Array) -> None:
    model = moved(every)
    found = measure_layers(model, x)
    product = np.broadcast_to(np.eye(3), (5, 3, 3))
    for k in range(len(every.layers)):
        product = found[str(k)].jacobian @ product
    wanted = measure(model, "jacobian", x).values
    assert (abs(product - wanted) <= ROUNDING).all()
    assert not (abs(product[::-1] - wanted) <= ROUNDING).all()


def test_coupled_layers_have_coupled_jacobians_and_others_not(coupled: Network, moved: Moved, x: Array) -> None:
    model = moved(coupled)
    found = measure_layers(model, x)
    whole = ("1", "2", "2.branch.0", "4", "4.branch.0", "4.branch.0.branch.1")
    for name, at in found.items():
        n, m = at.input.shape[1], at.output.shape[1]
        assert at.jacobian.shape == ((5, m, 5, n) if name in whole else (5, m, n)), name
        assert at.branch_jacobian is None or at.branch_jacobian.shape == at.jacobian.shape
    product = np.eye(15)
    for k in range(len(coupled.layers)):
        J = found[str(k)].jacobian
        product = (stacked(J) if J.ndim == 3 else J.reshape(J.shape[0] * J.shape[1], -1)) @ product
    wanted = measure(model, "jacobian", x).values
    assert (abs(product.reshape(wanted.shape) - wanted) <= ROUNDING).all()


def stacked(blocks: Array) -> Array:
    """The block-diagonal matrix of Jacobians (batch, m, n)."""
    batch, m, n = blocks.shape
    found = np.zeros((batch, m, batch, n))
    for b in range(batch):
        found[b, :, b] = blocks[b]
    return found.reshape(batch * m, batch * n)


def test_the_stated_statistics_are_used_and_give_the_shapes(coupled: Network, moved: Moved, x: Array) -> None:
    net = coupled.with_statistics("running")
    found, wanted = measure_layers(moved(coupled), x, statistics_of(net)), measure_layers(moved(net), x)
    for name, at in found.items():
        assert np.array_equal(at.output, wanted[name].output)
        assert np.array_equal(at.jacobian, wanted[name].jacobian)
    assert measure_layers(moved(net), x, {"0": "batch"})["0"].jacobian.shape == (5, 4, 5, 3)
    unstated, stated = measure_layers(moved(coupled), x, {})["1"], measure_layers(moved(coupled), x)["1"]
    assert unstated.jacobian.shape == (5, 4, 4)
    assert all(np.allclose(unstated.jacobian[b], stated.jacobian[b, :, b], rtol=0, atol=ROUNDING) for b in range(5))


def test_a_faulty_layer_is_measured_as_the_one_in_whose_place_it_stands(coupled: Network, x: Array) -> None:
    for name, kind, fault in (("1", "batchnorm", "β left out"), ("4", "residual", "skip left out")):
        model = build(coupled)
        plant(model, name, next(one for one in FAULTS if (one.kind, one.name) == (kind, fault)))
        for statistics in (None, statistics_of(coupled)):
            assert measure_layers(model, x, statistics)[name].jacobian.shape == (5, 4, 5, 4)
    model = build(coupled)
    plant(model, "5", next(one for one in FAULTS if one.name == "statistics of the batch, not the running ones"))
    assert measure_layers(model, x)["5"].jacobian.shape == (5, 4, 4)


def test_a_composite_and_its_branch(every: Network, moved: Moved, x: Array) -> None:
    found = measure_layers(moved(every), x)
    for name, scale in (("1", 1.0), ("1.branch.3", 0.5)):
        at = found[name]
        assert at.branch_output is not None
        assert at.branch_jacobian is not None
        assert (abs(at.output - at.input - scale * at.branch_output) <= ROUNDING).all()
        assert (abs(at.jacobian - np.eye(4) - scale * at.branch_jacobian) <= ROUNDING).all()
        inside = np.eye(4)
        for inner in [n for n in found if n.startswith(f"{name}.branch.") and n.count(".") == name.count(".") + 2]:
            inside = found[inner].jacobian @ inside
        assert (abs(at.branch_jacobian - inside) <= ROUNDING).all()


def test_each_is_measured_at_the_input_the_model_feeds_it() -> None:
    """A fault early on moves the inputs of what follows, not the maps measured there."""
    right = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2)).double()
    wrong = nn.Sequential(right[0], Faulty(), right[2])
    a, b = measure_layers(right, [[0.3, -0.4]]), measure_layers(wrong, [[0.3, -0.4]])
    assert np.array_equal(a["0"].jacobian, b["0"].jacobian)
    assert np.array_equal(a["1"].input, b["1"].input)
    assert not np.allclose(a["1"].jacobian, b["1"].jacobian, rtol=1e-3)
    assert not np.array_equal(a["2"].input, b["2"].input)
    assert np.array_equal(a["2"].jacobian, b["2"].jacobian)


def test_the_model_is_left_alone(every: Network, moved: Moved, x: Array) -> None:
    model = moved(every)
    modules_of(model)["1"].eval()
    modes = [module.training for module in model.modules()]
    with torch.inference_mode():
        found = measure_layers(model, x)
    assert [module.training for module in model.modules()] == modes
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    found["0"].input[:] = 9
    assert not (measure_layers(model, x)["0"].input == 9).any()


def test_refusals(every: Network) -> None:
    with pytest.raises(ShapeError, match=r"measure_layers: x: expected shape \(batch, 3\)"):
        measure_layers(build(every), np.ones((2, 2)))
    with pytest.raises(ShapeError, match=r"measure_layers: x: expected at least 2 rows"):
        measure_layers(nn.Sequential(nn.BatchNorm1d(2)), np.ones((1, 2)))
    block = nn.Sequential(nn.Unflatten(1, (2, 2)), nn.Flatten())
    with pytest.raises(ShapeError, match=r'"0": expected an output of shape \(batch, size\), got \(1, 2, 2\)'):
        measure_layers(block, np.ones((1, 4)))


def test_a_faulty_subclass_is_reached() -> None:
    model = nn.Sequential(ResidualModule(nn.Sequential(Faulty())))
    assert list(measure_layers(model, np.ones((1, 2)))) == ["0", "0.branch.0"]

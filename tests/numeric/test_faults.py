"""The faults are what they say: each changes every layer that it fits, and nothing but that layer."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from residua_network import (
    Activation,
    BatchNorm,
    Dropout,
    Layer,
    LayerNorm,
    Linear,
    Network,
    ResiduaError,
    Residual,
    RMSNorm,
    kinds,
)
from residua_numeric import build, measure_layers, modules_of, statistics_of, weights_of
from residua_numeric.faults import FAULTS, Fault, plant
from residua_numeric.faulty import Faulty
from residua_numeric.layers.residual import Residual as ResidualModule

Moved = Callable[..., nn.Sequential]
Floats = NDArray[np.float64]
LAYERS: tuple[Layer, ...] = (
    Linear(4, 4),
    Linear(4, 3, bias=False),
    Linear(4, 2),
    LayerNorm(4, eps=1e-2),
    LayerNorm(4, eps=1e-3, affine=False),
    LayerNorm(4, eps=0.0),
    LayerNorm(1, eps=1e-2),
    RMSNorm(4, eps=1e-2),
    RMSNorm(4, affine=False),
    RMSNorm(1, eps=1e-2),
    BatchNorm(4, eps=1e-2),
    BatchNorm(4, eps=1e-3, affine=False),
    BatchNorm(4, eps=0.0),
    BatchNorm(1, eps=1e-2),
    BatchNorm(4, eps=1e-2, statistics="running"),
    BatchNorm(4, eps=1e-3, affine=False, statistics="running"),
    Activation("gelu"),
    Activation("relu"),
    Activation("identity"),
    Residual((Linear(4, 4), Activation("tanh")), scale=0.5),
    Residual((LayerNorm(4), Linear(4, 4)), scale=0.5),
    Residual((Activation("sin"), RMSNorm(4)), scale=-0.3),
    Residual((BatchNorm(4),)),
    Residual((Linear(4, 4), BatchNorm(4)), scale=0.0),
    Dropout(0.3),
    Dropout(0.0),
)
PLANTINGS = [(fault, layer) for fault in FAULTS for layer in LAYERS if fault.fits(layer)]
ROUNDING = 1e-14  # float64 products of four numbers of size one
X = np.random.default_rng(1).normal(size=(3, 4))
planted = pytest.mark.parametrize(
    ("fault", "layer"), PLANTINGS, ids=[f"{fault.kind}: {fault.name}, {layer!r}" for fault, layer in PLANTINGS]
)


def around(layer: Layer) -> Network:
    size = layer.takes or 4
    return Network((Linear(4, size), layer, Linear(layer.gives or size, 4)))


def fault_named(kind: str, name: str) -> Fault:
    return next(fault for fault in FAULTS if (fault.kind, fault.name) == (kind, name))


def test_every_kind_has_faults_and_no_two_share_a_name() -> None:
    assert {fault.kind for fault in FAULTS} == set(kinds())
    names = [(fault.kind, fault.name) for fault in FAULTS]
    assert len(set(names)) == len(names)
    assert {fault.name for fault, _ in PLANTINGS} == {fault.name for fault in FAULTS}


@planted
def test_a_fault_changes_the_layer_and_no_other(fault: Fault, layer: Layer, moved: Moved) -> None:
    net = around(layer)
    model = moved(net)
    before = measure_layers(model, X, statistics_of(net))
    plant(model, "1", fault)
    after = measure_layers(model, X, statistics_of(net))
    assert list(after) == list(before)
    assert np.array_equal(after["0"].output, before["0"].output)
    assert np.array_equal(after["1"].input, before["1"].input)
    assert after["1"].jacobian.shape == before["1"].jacobian.shape
    seen = ("output", "jacobian", "pulled_back")
    shifts = [abs(getattr(after["1"], what) - getattr(before["1"], what)).max() for what in seen]
    assert max(shifts) > 1e-8  # the smallest of them moves a weight by 1e-6
    for name in set(before) - {"1"}:
        if np.array_equal(after[name].input, before[name].input):
            assert np.array_equal(after[name].output, before[name].output)
    for name in ("0", "2"):
        assert np.allclose(after[name].jacobian, before[name].jacobian, rtol=0, atol=ROUNDING)


@planted
def test_a_faulty_layer_keeps_names_and_values_of_its_tensors(fault: Fault, layer: Layer, moved: Moved) -> None:
    model = moved(around(layer))
    before, names = weights_of(model), list(model.state_dict())
    plant(model, "1", fault)
    after = weights_of(model)
    assert list(model.state_dict()) == names
    assert list(after) == list(before)
    assert all(np.array_equal(after[name], before[name]) for name in before)
    assert isinstance(modules_of(model)["1"], Faulty)


@pytest.mark.parametrize(
    ("kind", "name", "layer"),
    [
        ("linear", "weight transposed", Linear(4, 3)),
        ("linear", "weight transposed", Linear(1, 1)),
        ("linear", "bias left out", Linear(4, 4, bias=False)),
        ("linear", "one row used twice", Linear(4, 1)),
        ("linear", "one weight moved by 1e-6", LayerNorm(4)),
        ("layernorm", "ε 1e-3 where 1e-2 was described", LayerNorm(4, eps=1e-3)),
        ("layernorm", "ε outside the root", LayerNorm(4, eps=0.0)),
        ("layernorm", "γ left out", LayerNorm(4, affine=False)),
        ("layernorm", "mean without 1/n (003, 1.4)", LayerNorm(1)),
        ("rmsnorm", "mean square without 1/n", RMSNorm(1)),
        ("batchnorm", "running statistics, not those of the batch", BatchNorm(4, statistics="running")),
        ("batchnorm", "statistics of the batch, not the running ones", BatchNorm(4)),
        ("batchnorm", "mean detached from the gradient", BatchNorm(4, statistics="running")),
        ("batchnorm", "ε 1e-3 where 1e-2 was described", BatchNorm(4, eps=1e-3)),
        ("batchnorm", "β left out", BatchNorm(4, affine=False)),
        ("activation", "activation left out", Activation("identity")),
        ("activation", "relu where gelu was described", Activation("relu")),
        ("residual", "scale left out", Residual((Linear(4, 4),))),
        ("residual", "branch subtracted", Residual((Linear(4, 4),), scale=0.0)),
        ("residual", "skip taken after the normaliser", Residual((Linear(4, 4), LayerNorm(4)))),
        ("residual", "normaliser after the sum, not in the branch", Residual((LayerNorm(4), Linear(4, 4)))),
        ("dropout", "dropout that scales in evaluation", Dropout(0.0)),
    ],
)
def test_where_a_fault_would_change_nothing_it_does_not_fit(kind: str, name: str, layer: Layer) -> None:
    assert not fault_named(kind, name).fits(layer)


def by_hand(x: Floats, divisor: int, eps: float) -> Floats:
    centred = x - x.mean(axis=0)
    return np.asarray(centred / np.sqrt((centred**2).sum(axis=0) / divisor + eps))


@pytest.mark.parametrize("own", [True, False])
def test_batch_norm_faults_are_what_they_say(own: bool) -> None:
    def found(name: str, statistics: str = "batch") -> Floats:
        model = build(Network((BatchNorm(4, eps=1e-2),)))
        if not own:
            model = nn.Sequential(nn.BatchNorm1d(4, eps=1e-2)).double()
        with torch.no_grad():
            for tensor, value in zip(model[0].parameters(), (2.0, 3.0), strict=True):
                tensor.fill_(value)
            model[0].running_mean.fill_(0.5)  # type: ignore[operator]
            model[0].running_var.fill_(4.0)  # type: ignore[operator]
        plant(model, "0", fault_named("batchnorm", name))
        return measure_layers(model, X, {"0": statistics})["0"].output

    stored = (X - 0.5) / np.sqrt(4 + 1e-2)
    wanted = {
        "running statistics, not those of the batch": 2 * stored + 3,
        "sample variance, 1/(B − 1)": 2 * by_hand(X, 2, 1e-2) + 3,
        "ε 1e-3 where 1e-2 was described": 2 * by_hand(X, 3, 1e-3) + 3,
        "γ left out": by_hand(X, 3, 1e-2) + 3,
        "β left out": 2 * by_hand(X, 3, 1e-2),
        "statistics over features, not rows": 2 * by_hand(X.T, 4, 1e-2).T + 3,
    }
    for name, values in wanted.items():
        assert np.allclose(found(name), values, rtol=0, atol=ROUNDING), name
    assert np.allclose(found("β left out", "running"), 2 * stored, rtol=0, atol=ROUNDING)
    batch = found("statistics of the batch, not the running ones", "running")
    assert np.allclose(batch, 2 * by_hand(X, 3, 1e-2) + 3, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize(
    ("name", "own", "others"),  # ∂y/∂x without γ, times s: on the row itself δ - …, on another row
    [
        ("mean detached from the gradient", 1.0, 0.0),
        ("variance detached from the gradient", 1 - 1 / 3, -1 / 3),
        ("statistics detached from the gradient", 1.0, 0.0),
    ],
)
def test_batch_norm_gradients_without_a_statistic(name: str, own: float, others: float) -> None:
    model = build(Network((BatchNorm(1, eps=1e-2, affine=False),)))
    plant(model, "0", fault_named("batchnorm", name))
    x = X[:, :1]
    J = measure_layers(model, x, {"0": "batch"})["0"].jacobian[:, 0, :, 0]
    xhat, s = by_hand(x, 3, 1e-2), np.sqrt(x.var() + 1e-2)
    through_variance = 0.0 if "variance" in name or "statistics" in name else xhat @ xhat.T / 3
    wanted = (np.where(np.eye(3) == 1, own, others) - through_variance) / s
    assert np.allclose(J, wanted, rtol=0, atol=ROUNDING)


def test_faults_of_blocks_put_the_skip_or_the_normaliser_elsewhere() -> None:
    branch = nn.Sequential(nn.Sequential(nn.LayerNorm(4), nn.Tanh()), nn.LayerNorm(4)).double()
    x = torch.tensor(X)
    first, rest, last = branch[0][0], branch[0][1], branch[1]  # type: ignore[index]
    n = first(x)
    cases = {
        "skip taken after the normaliser": n + 0.5 * last(rest(n)),
        "normaliser after the sum, not in the branch": last(x + 0.5 * rest(n)),
    }
    for name, wanted in cases.items():
        model = nn.Sequential(ResidualModule(branch, 0.5))
        plant(model, "0", fault_named("residual", name))
        assert torch.equal(model(x), wanted)


def test_planting_inside_a_branch(moved: Moved) -> None:
    model = moved(Network((Linear(4, 4), Residual((Linear(4, 4), Residual((Activation("sin"),)))))))
    plant(model, "1.branch.1.branch.0", fault_named("activation", "activation left out"))
    assert [name for name, module in modules_of(model).items() if isinstance(module, Faulty)] == ["1.branch.1.branch.0"]
    at = measure_layers(model, X)["1.branch.1.branch.0"]
    assert np.array_equal(at.output, at.input)


def test_a_faulty_model_still_trains_its_parameters(moved: Moved) -> None:
    model = moved(Network((Linear(4, 4), LayerNorm(4))))
    plant(model, "0", fault_named("linear", "bias subtracted"))
    model(torch.tensor(X)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert len(list(model.parameters())) == 4


def test_buffers_stay_shared_when_the_model_is_converted() -> None:
    model = build(Network((BatchNorm(4),)))
    plant(model, "0", fault_named("batchnorm", "β left out"))
    model.float()
    faulty = modules_of(model)["0"]
    assert isinstance(faulty, Faulty)
    assert faulty.running_mean is faulty.true.running_mean
    assert weights_of(model)["0.running_mean"].shape == (4,)


@pytest.mark.parametrize("name", ["7", "0.branch.0", "", "weight"])
def test_a_place_that_is_not_there_is_refused(name: str) -> None:
    model = build(Network((Linear(2, 2), Residual((Linear(2, 2),)))))
    with pytest.raises(ResiduaError, match=rf'no layer "{name}"; it has 0, 1, 1\.branch\.0'):
        plant(model, name, FAULTS[0])

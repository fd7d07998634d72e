"""The faults are what they say: each changes a layer of its kind, and nothing but that layer."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from residua_network import Activation, Dropout, LayerNorm, Linear, Network, ResiduaError, Residual, RMSNorm
from residua_numeric import build, measure_layers, modules_of, weights_of
from residua_numeric.faults import FAULTS, Fault, Faulty, plant

Moved = Callable[..., nn.Sequential]
Floats = NDArray[np.float64]
LAYERS = {
    "linear": Linear(4, 4),
    "layernorm": LayerNorm(4, eps=1e-2),
    "rmsnorm": RMSNorm(4, eps=1e-2),
    "activation": Activation("gelu"),
    "residual": Residual((Linear(4, 4), Activation("tanh")), scale=0.5),
    "dropout": Dropout(0.3),
}
ROUNDING = 1e-14  # float64 products of four numbers of size one
X = np.random.default_rng(1).normal(size=(3, 4))
named = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}: {fault.name}")


def net_of(fault: Fault) -> Network:
    return Network((Linear(4, 4), LAYERS[fault.kind], Linear(4, 4)))


def test_every_kind_has_faults_and_no_two_share_a_name() -> None:
    assert {fault.kind for fault in FAULTS} == set(LAYERS)
    names = [(fault.kind, fault.name) for fault in FAULTS]
    assert len(set(names)) == len(names)


@named
def test_a_fault_changes_the_layer_and_no_other(fault: Fault, moved: Moved) -> None:
    model = moved(net_of(fault))
    before = measure_layers(model, X)
    plant(model, "1", fault)
    after = measure_layers(model, X)
    assert list(after) == list(before)
    assert np.array_equal(after["0"].output, before["0"].output)
    assert np.array_equal(after["1"].input, before["1"].input)
    shifts = [abs(getattr(after["1"], what) - getattr(before["1"], what)).max() for what in ("output", "jacobian")]
    assert max(shifts) > 1e-8  # the smallest of them moves a weight by 1e-6
    for name in set(before) - {"1"}:
        assert np.allclose(after[name].jacobian, before[name].jacobian, rtol=0, atol=ROUNDING)


@named
def test_a_faulty_layer_keeps_names_and_values_of_its_parameters(fault: Fault, moved: Moved) -> None:
    model = moved(net_of(fault))
    before, names = weights_of(model), list(model.state_dict())
    plant(model, "1", fault)
    after = weights_of(model)
    assert list(model.state_dict()) == names
    assert list(after) == list(before)
    assert all(np.array_equal(after[name], before[name]) for name in before)
    assert isinstance(modules_of(model)["1"], Faulty)


def test_planting_inside_a_branch(moved: Moved) -> None:
    model = moved(Network((Linear(4, 4), Residual((Linear(4, 4), Residual((Activation("sin"),)))))))
    fault = next(fault for fault in FAULTS if fault.name == "activation left out")
    plant(model, "1.branch.1.branch.0", fault)
    assert [name for name, module in modules_of(model).items() if isinstance(module, Faulty)] == ["1.branch.1.branch.0"]
    at = measure_layers(model, X)["1.branch.1.branch.0"]
    assert np.array_equal(at.output, at.input)


def test_a_faulty_model_still_trains_its_parameters(moved: Moved) -> None:
    model = moved(Network((Linear(4, 4), LayerNorm(4))))
    plant(model, "0", next(fault for fault in FAULTS if fault.name == "bias subtracted"))
    model(torch.tensor(X)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert len(list(model.parameters())) == 4


@pytest.mark.parametrize("name", ["7", "0.branch.0", "", "weight"])
def test_a_place_that_is_not_there_is_refused(name: str) -> None:
    model = build(Network((Linear(2, 2), Residual((Linear(2, 2),)))))
    with pytest.raises(ResiduaError, match=rf'no layer "{name}"; it has 0, 1, 1\.branch\.0'):
        plant(model, name, FAULTS[0])

"""A network's Taylor series against a torch model: coefficients certified on one side, measured on the other."""

import numpy as np
import pytest
import torch

from residua_bridge.compare import compare
from residua_bridge.random_networks import perturbed
from residua_network import Activation, BatchNorm, LayerNorm, Linear, Network, ResiduaError, Residual
from residua_numeric import weights_of
from residua_symbolic import taylor

NET = Network((Linear(2, 6), Residual((LayerNorm(6), Activation("gelu"), Linear(6, 6))), Linear(6, 2)))
AT, ALONG = np.array([0.3, -0.2]), np.array([1.0, 0.5])


def test_a_model_has_the_coefficients_of_its_description() -> None:
    model = perturbed(NET, 0)
    d = compare(taylor(NET, 10, weights=weights_of(model), at=AT, along=ALONG), model)
    assert str(d.verdict) == "agree"
    assert d.explained
    assert set(d.causes) == {"rounding", "discretisation"}
    assert d.scope["order"] == 10


def test_along_parameters_and_for_coupled_rows() -> None:
    model = perturbed(NET, 1)
    steps = {"1.branch.2.weight": np.random.default_rng(0).normal(size=(6, 6))}
    assert str(compare(taylor(NET, 6, weights=weights_of(model), at=AT, along=steps), model).verdict) == "agree"
    coupled = Network((Linear(2, 4), BatchNorm(4), Activation("tanh"), Linear(4, 1)))
    rows = np.random.default_rng(1).normal(size=(5, 2))
    other = perturbed(coupled, 2)
    series = taylor(coupled, 4, weights=weights_of(other), at=rows, along=np.roll(rows, 1, axis=0))
    assert str(compare(series, other).verdict) == "agree"


@pytest.mark.parametrize("size", [1e-3, 1e-7])
def test_a_weight_that_is_off_is_seen(size: float) -> None:
    model = perturbed(NET, 3)
    series = taylor(NET, 6, weights=weights_of(model), at=AT, along=ALONG)
    with torch.no_grad():
        next(model.parameters())[0, 0] += size
    d = compare(series, model)
    assert str(d.verdict) == "differ"
    assert not d.explained


def test_a_series_without_direction_is_refused() -> None:
    model = perturbed(NET, 4)
    with pytest.raises(ResiduaError, match="along"):
        compare(taylor(NET, 2, weights=weights_of(model), at=AT), model)
    with pytest.raises(ResiduaError, match="without `x`"):
        compare(taylor(NET, 2, weights=weights_of(model), at=AT, along=ALONG), model, AT[None])

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from residua_network import BatchNorm, Dropout, Linear, Network, ResiduaError, ShapeError
from residua_numeric import build, collect_statistics, measure, measure_layers, modules_of, statistics_of, weights_of
from residua_numeric.faults import FAULTS, plant
from residua_numeric.layers.residual import Residual

Array = NDArray[np.float64]
Moved = Callable[..., nn.Sequential]
ROUNDING = 1e-13  # a thousand float64 operations on numbers of size one


@pytest.mark.parametrize("training", [True, False])
def test_mean_and_sample_variance_of_what_is_fed(coupled: Network, moved: Moved, x: Array, training: bool) -> None:
    model = moved(coupled).train(training)
    before, modes = weights_of(model), [module.training for module in model.modules()]
    collect_statistics(model, x)
    after = weights_of(model)
    fed = measure_layers(model, x, "batch")
    for name in statistics_of(coupled):
        rows = fed[name].input
        assert np.allclose(after[f"{name}.running_mean"], rows.mean(axis=0), rtol=0, atol=ROUNDING)
        assert np.allclose(after[f"{name}.running_var"], rows.var(axis=0, ddof=1), rtol=0, atol=ROUNDING)
        assert not np.allclose(after[f"{name}.running_var"], rows.var(axis=0), rtol=0, atol=1e-6)
    assert all(np.array_equal(after[name], before[name]) for name in before if "running" not in name)
    assert [module.training for module in model.modules()] == modes
    assert {name: m.statistics for name, m in modules_of(model).items() if hasattr(m, "statistics")} == statistics_of(
        coupled
    )


def test_it_is_what_torch_with_momentum_one_stores() -> None:
    norms = [nn.BatchNorm1d(3, momentum=1.0) for _ in range(2)]
    model = nn.Sequential(nn.Linear(2, 3), norms[0], nn.Tanh(), norms[1]).double()
    x = torch.tensor(np.random.default_rng(2).normal(size=(7, 2)))
    model(x)
    wanted = weights_of(model)
    for norm in norms:
        norm.reset_running_stats()
    collect_statistics(model, x)
    assert all(np.allclose(array, wanted[name], rtol=0, atol=ROUNDING) for name, array in weights_of(model).items())
    assert [norm.num_batches_tracked for norm in norms] == [1, 1]


def test_then_running_statistics_can_be_asked_for(coupled: Network, x: Array) -> None:
    model = build(coupled)
    with pytest.raises(ResiduaError, match="never computed"):
        measure(model, "output", x, statistics="running")
    collect_statistics(model, x)
    assert measure(model, "jacobian", x, statistics="running").values.shape == (5, 2, 3)


def test_dropout_is_off() -> None:
    model = build(Network((Linear(2, 3), Dropout(0.5), BatchNorm(3))))
    x = np.random.default_rng(3).normal(size=(6, 2))
    collect_statistics(model, x)
    first = weights_of(model)
    collect_statistics(model, x)
    assert all(np.array_equal(array, first[name]) for name, array in weights_of(model).items())


def test_a_faulty_batch_norm_stores_too() -> None:
    model = build(Network((BatchNorm(2),)))
    plant(model, "0", next(fault for fault in FAULTS if (fault.kind, fault.name) == ("batchnorm", "β left out")))
    collect_statistics(model, [[0.0, 1.0], [2.0, 5.0]])
    assert weights_of(model)["0.running_mean"].tolist() == [1, 3]
    assert weights_of(model)["0.running_var"].tolist() == [2, 8]


class Idle(Residual):
    """Never calls its branch."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Hidden(nn.Module):
    """Its batch norm has no name of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.norm(2 * x)
        return y


SHARED = nn.BatchNorm1d(2)


@pytest.mark.parametrize(
    ("model", "x", "error", "words"),
    [
        (nn.Sequential(nn.BatchNorm1d(2)), np.ones((1, 2)), ShapeError, "collect_statistics: x: expected at least 2"),
        (nn.Sequential(nn.BatchNorm1d(2)), np.ones((3, 1)), ShapeError, r"collect_statistics: x: expected shape"),
        (nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False)), np.eye(2), ResiduaError, "stores statistics"),
        (nn.Sequential(SHARED, SHARED), np.eye(2), ResiduaError, '"0" and "1" are one module'),
        (nn.Sequential(Idle(nn.Sequential(nn.BatchNorm1d(2)))), np.eye(2), ResiduaError, r'"0\.branch\.0": .*calls'),
        (nn.Sequential(Hidden()), np.eye(2), ResiduaError, '"0": expected a batch norm that the model calls by itself'),
        (nn.Sequential(nn.BatchNorm1d(1)), [[1e30], [-1e30]], ShapeError, r'"0": expected finite statistics, got'),
    ],
)
def test_refusals_leave_the_model_alone(model: nn.Sequential, x: Any, error: type[Exception], words: str) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(error, match=words):
        collect_statistics(model, x)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert all(module.training for module in model.modules())

import pytest
import torch
from torch import nn

from residua_network import BatchNorm, DescriptionError, Network, ShapeError
from residua_numeric import build, modules_of
from residua_numeric.faulty import Faulty
from residua_numeric.layers.residual import Residual
from residua_numeric.modules import dtype_name, everything, input_width, true_of


class Odd(nn.Module):
    """Not a kind of ours, but with a branch."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Sequential(nn.Linear(2, 2)), nn.Conv1d(1, 1, 1))


def test_names_are_those_of_the_walk(every: Network) -> None:
    assert list(modules_of(build(every))) == [name for name, _ in every.walk()]


def test_structure_only() -> None:
    model = nn.Sequential(nn.Sequential(nn.Conv1d(1, 1, 1)), Odd())
    found = modules_of(model)
    assert list(found) == ["0", "1", "1.branch.0", "1.branch.1"]
    assert isinstance(found["1.branch.0"], nn.Linear)
    assert isinstance(found["0"], nn.Conv1d)


def test_a_module_used_twice_stands_at_both_places() -> None:
    block = Residual(nn.Sequential(nn.Linear(2, 2)))
    found = modules_of(nn.Sequential(block, block))
    assert list(found) == ["0", "0.branch.0", "1", "1.branch.0"]
    assert found["0"] is found["1"]


def test_only_sequentials() -> None:
    with pytest.raises(DescriptionError, match="Linear"):
        modules_of(nn.Linear(1, 1))


def test_dtype() -> None:
    linear = nn.Sequential(nn.Linear(1, 1))
    assert dtype_name(linear) == "float32"
    assert dtype_name(linear.double()) == "float64"
    assert dtype_name(nn.Sequential(nn.Tanh())) == "float64"
    assert dtype_name(nn.Sequential(nn.BatchNorm1d(2, affine=False))) == "float32"
    assert dtype_name(nn.Sequential(nn.BatchNorm1d(2)).double()) == "float64"
    with pytest.raises(ShapeError, match="float32, torch"):
        dtype_name(nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1).double()))
    with pytest.raises(ShapeError, match="meta"):
        dtype_name(nn.Sequential(nn.Linear(1, 1, device=torch.device("meta"))))


def test_input_width() -> None:
    assert input_width(nn.Sequential(nn.Tanh(), nn.Linear(3, 2))) == 3
    assert input_width(nn.Sequential(Residual(nn.Sequential(nn.RMSNorm(4))))) == 4
    assert input_width(nn.Sequential(nn.Tanh(), nn.BatchNorm1d(5, affine=False), nn.Linear(5, 2))) == 5
    assert input_width(build(Network((BatchNorm(6),)))) == 6
    assert input_width(nn.Sequential(nn.Tanh())) is None


def test_the_module_in_whose_place_a_fault_stands() -> None:
    linear = nn.Linear(2, 2)
    faulty = Faulty(linear, lambda module, x: x)
    assert true_of(faulty) is linear
    assert true_of(linear) is linear
    model = nn.Sequential(nn.Tanh(), faulty)
    assert list(everything(model)) == [model, model[0], faulty, linear]

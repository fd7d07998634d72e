import numpy as np
import pytest
import torch

from residua_network import Activation, DescriptionError, Linear, Network, ShapeError
from residua_network.program import Operation, Program
from residua_numeric import Task, build, loss_of
from residua_numeric.autodiff import parameter_gradient
from residua_numeric.lines import loss_line, program_line

EXP = Program(("x", "y"), (Operation("e", "exp", ("x",)), Operation("f", "mul", ("e", "y"))), ("f", "e"))
NET = Network((Linear(2, 3), Activation("tanh"), Linear(3, 1)))
X = np.random.default_rng(0).normal(size=(6, 2))
TASK = Task.data("t", X, np.sin(X[:, :1]))
V = {"0.weight": np.random.default_rng(1).normal(size=(3, 2)), "2.bias": np.array([0.5])}


def test_a_program() -> None:
    line = program_line(EXP, {"x": 0.1, "y": 2.0}, "x", "float32")
    at = float(np.float32(0.1))
    assert (line.dtype, line.at, line.wide.dtype, line.wide.at) == ("float32", at, "float64", at)
    values = line.values(np.array([at, 0.5], dtype="float32"))
    assert values.dtype == np.float32
    assert np.allclose(values, 2 * np.exp([at, 0.5]), rtol=4 * float(np.finfo("float32").eps), atol=0)
    assert abs(line.wide.slope() - 2 * np.exp(at)) <= 4 * float(np.finfo("float64").eps) * line.wide.slope()
    assert program_line(EXP, {"x": 0.1, "y": 2.0}, "y").slope() == np.exp(0.1)
    assert program_line(EXP, {"x": 0.1, "y": 2.0}, "y", output=1).slope() == 0.0
    with pytest.raises(DescriptionError, match="unknown input 'z'"):
        program_line(EXP, {"x": 0.1, "y": 2.0}, "z")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_entry_is_the_parameter_itself(dtype: str) -> None:
    model = build(NET, dtype=dtype)
    line = loss_line(model, TASK, entry=("0.weight", (1, 0)), dtype=dtype)
    weight = model.get_parameter("0.weight")
    assert line.at == float(weight[1, 0].detach())
    (here, there) = line.values(np.array([line.at, 0.75], dtype=dtype))
    assert float(here) == loss_of(model, TASK)
    assert line.slope() == float(parameter_gradient(model, TASK)["0.weight"][1, 0])
    with torch.no_grad():
        weight[1, 0] = 0.75
    assert float(there) == loss_of(model, TASK)


def test_a_direction_moves_what_it_names() -> None:
    model = build(NET)
    line = loss_line(model, TASK, direction=V)
    gradient = parameter_gradient(model, TASK)
    wanted = sum(float((gradient[name] * v).sum()) for name, v in V.items())
    assert line.at == 0.0
    terms = sum(float(np.abs(gradient[name] * v).sum()) for name, v in V.items())
    assert abs(line.slope() - wanted) <= 16 * 2.0**-53 * terms
    (moved,) = line.values(np.array([0.25]))
    with torch.no_grad():
        for name, v in V.items():
            model.get_parameter(name).add_(0.25 * torch.tensor(v))
    assert float(moved) == loss_of(model, TASK)


def test_the_reference_has_the_rounded_weights() -> None:
    model = build(NET)
    line = loss_line(model, TASK, direction=V, dtype="float32")
    own = loss_line(model, TASK, direction=V)
    assert line.reference is not None
    assert own.reference is None
    assert own.wide is own
    t = np.zeros(1)
    spread = abs(float(line.values(t.astype("float32"))[0]) - float(line.wide.values(t)[0]))
    assert 0 < spread < abs(float(line.wide.values(t)[0]) - float(own.values(t)[0])) * 100
    assert line.wide.slope() not in (line.slope(), own.slope())
    assert line.values(np.empty(0, dtype="float32")).shape == (0,)


def test_bad_input() -> None:
    model = build(NET)
    with pytest.raises(DescriptionError, match="either an entry or a direction"):
        loss_line(model, TASK)
    with pytest.raises(DescriptionError, match="either an entry or a direction"):
        loss_line(model, TASK, entry=("0.bias", (0,)), direction=V)
    with pytest.raises(DescriptionError, match=r"unknown parameter '1.bias'; did you mean"):
        loss_line(model, TASK, entry=("1.bias", (0,)))
    for index in ((3, 0), (0,), (-1, 0)):
        with pytest.raises(ShapeError, match=r'index into "0.weight" of shape \(3, 2\)'):
            loss_line(model, TASK, entry=("0.weight", index))
    for array in ([[1.0, 2.0]], np.full((3, 2), np.nan), np.full((3, 2), "a")):
        with pytest.raises(ShapeError, match=r'finite numbers of shape \(3, 2\) for "0.weight"'):
            loss_line(model, TASK, direction={"0.weight": array})

import math

import numpy as np
import pytest
import torch

from residua_network import Activation, BatchNorm, Dropout, Linear, Network, ShapeError
from residua_numeric import Task, TaskError, build, loss_of
from residua_numeric.objective import gradient, objective
from residua_numeric.programs import PointError

NET = Network((Linear(2, 3), Activation("tanh"), Dropout(0.5), Linear(3, 2)))
X = np.random.default_rng(0).normal(size=(6, 2))
TASK = Task.data("t", X, np.sin(X))
CLASSES = Task.data("c", X, [0, 1, 1, 0, 1, 0], "cross entropy")


@pytest.mark.parametrize("task", [TASK, CLASSES])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_it_is_the_loss_of_the_model(task: Task, dtype: str) -> None:
    model = build(NET, dtype=dtype)
    of = objective(model, task)
    assert of.dtype == dtype
    assert float(of({})) == loss_of(model, task)
    kept = {name: p.clone() for name, p in model.named_parameters()}
    other = {"0.bias": of.parameters["0.bias"] + 1}
    assert float(of(other)) != loss_of(model, task)
    assert all((kept[name] == p).all() for name, p in model.named_parameters())
    with torch.no_grad():
        model.get_parameter("0.bias").add_(1)
    assert float(of(other)) == loss_of(model, task)  # its own copy of the parameters
    assert float(of({})) != loss_of(model, task)


def test_it_leaves_the_mode_the_gradients_and_the_buffers_alone() -> None:
    model = build(Network((Linear(2, 3), BatchNorm(3), Linear(3, 2))))
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    gradient(objective(model, TASK))
    assert all(module.training for module in model.modules())
    assert all((before[name] == tensor).all() for name, tensor in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_the_same_numbers_in_float64() -> None:
    of = objective(build(NET), TASK, "float32")
    wide = of.in_float64()
    assert (of.dtype, wide.dtype) == ("float32", "float64")
    for name, tensor in of.parameters.items():
        assert wide.parameters[name].dtype == torch.float64
        assert (wide.parameters[name] == tensor).all()
    difference = abs(float(wide({})) - float(of({})))
    assert 0 < difference <= 64 * float(np.finfo("float32").eps) * float(wide({}))
    assert float(wide({})) != float(objective(build(NET), TASK)({}))  # whose weights are not rounded to float32


def test_the_gradient_by_hand() -> None:
    model = build(Network((Linear(2, 1),)))
    with torch.no_grad():
        model.get_parameter("0.weight").copy_(torch.tensor([[2.0, -1.0]]))
        model.get_parameter("0.bias").copy_(torch.tensor([0.5]))
    found = gradient(objective(model, Task.data("t", [[1.0, 3.0], [-2.0, 1.0]], [[0.0], [0.0]])))
    # outputs −0.5 and −4.5; the gradient of their mean square is the mean of 2 y x
    assert found["0.weight"].tolist() == [[-0.5 + 9.0, -1.5 - 4.5]]
    assert found["0.bias"].tolist() == [-5.0]


def test_bad_input() -> None:
    with pytest.raises(TaskError, match="objective: expected a Task"):
        objective(build(NET), X)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="outputs"):
        objective(build(NET), Task.data("t", X, X[:, :1]))
    with pytest.raises(ShapeError, match=r"finite in torch\.float32"):
        objective(build(NET), Task.data("t", X * 1e39, X), "float32")
    model = build(NET)
    with torch.no_grad():
        model.get_parameter("3.bias").fill_(math.inf)
    with pytest.raises(PointError, match="expected a mean square error that is finite in float64, got inf"):
        gradient(objective(model, TASK))

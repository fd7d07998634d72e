"""The loss of a task, and how a model does on it."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from residua_network import Network, ShapeError
from residua_network.checks import one_of
from residua_numeric.arrays import Array
from residua_numeric.describe import describe
from residua_numeric.errors import TaskError
from residua_numeric.modules import DTYPES, dtype_name, input_width, torch_model
from residua_numeric.state import undisturbed
from residua_numeric.statistics import check_rows
from residua_numeric.tasks import Task

FUNCTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean square error": functional.mse_loss,
    "cross entropy": functional.cross_entropy,
}


def losses_of_each(name: str, outputs: Tensor, y: Tensor) -> Tensor:
    """The loss of every network, (networks,), from outputs (networks, rows, outputs)."""
    if name == "mean square error":
        return functional.mse_loss(outputs, y, reduction="none").mean((1, 2))
    return functional.cross_entropy(outputs.transpose(1, 2), y, reduction="none").mean(1)


def loss_of(model: nn.Module, task: Task, part: str = "train") -> float:
    """The task's loss over a whole part, "train" or "test", in eval mode. Raises TaskError where there is none.

    Batch statistics, where a batch norm uses them, are those of the part.
    """
    torch_model(model, "loss_of")
    if not isinstance(task, Task):
        raise TaskError(f"loss_of: expected a Task, got {task!r}")
    x, y = tensors(model, *_part(task, part, "loss_of"))
    fitting(model, task, "loss_of")
    with undisturbed(model), torch.no_grad():
        check_rows(model, len(x), f'loss_of: task "{task.name}"')
        return float(FUNCTIONS[task.loss](model(x), y))


def accuracy(model: nn.Module, task: Task, part: str = "test") -> float:
    """Share of the part's points whose class has the largest output. Raises TaskError unless the task has classes."""
    torch_model(model, "accuracy")
    if not isinstance(task, Task):
        raise TaskError(f"accuracy: expected a Task, got {task!r}")
    if task.loss != "cross entropy":
        raise TaskError(f'accuracy: task "{task.name}" has the loss {task.loss}; only classes can be right or wrong')
    x, y = tensors(model, *_part(task, part, "accuracy"))
    fitting(model, task, "accuracy")
    with undisturbed(model), torch.no_grad():
        check_rows(model, len(x), f'accuracy: task "{task.name}"')
        return float((model(x).argmax(dim=1) == y).double().mean())


def fitting(model: nn.Module, task: Task, where: str) -> Network:
    """The description of `model`. Raises ShapeError where the task's sizes are not those of the model."""
    net = describe(model, input_width(model) or task.inputs)
    if net.inputs != task.inputs:
        raise ShapeError(f'{where}: task "{task.name}" gives {task.inputs} inputs, but the model takes {net.inputs}')
    enough = net.outputs >= task.outputs if task.loss == "cross entropy" else net.outputs == task.outputs
    if not enough:
        wants = f"{task.outputs} {'classes' if task.loss == 'cross entropy' else 'outputs'}"
        raise ShapeError(f'{where}: task "{task.name}" has {wants}, but the model gives {net.outputs} outputs')
    return net


def tensors(model: nn.Module, x: Array, y: Array) -> tuple[Tensor, Tensor]:
    """x, and y unless it holds classes, in the model's dtype."""
    dtype = DTYPES[dtype_name(model)]
    target = torch.tensor(y) if np.issubdtype(y.dtype, np.integer) else torch.tensor(y, dtype=dtype)
    return torch.tensor(x, dtype=dtype), target


def _part(task: Task, part: str, where: str) -> tuple[Array, Array]:
    if one_of(part, ("train", "test"), "part", where) == "train":
        return task.x, task.y
    if task.test_x is None or task.test_y is None:
        raise TaskError(f'{where}: task "{task.name}" has no test part')
    return task.test_x, task.test_y

"""The loss of a model on a task as a function of its parameters, in either precision; the model is only looked at."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from residua_network.checks import one_of
from residua_numeric.arrays import rows
from residua_numeric.errors import TaskError
from residua_numeric.losses import FUNCTIONS, fitting
from residua_numeric.modules import DTYPES, dtype_name, torch_model
from residua_numeric.programs import PointError
from residua_numeric.state import on_threads, undisturbed
from residua_numeric.statistics import check_rows
from residua_numeric.tasks import Task


@dataclass(frozen=True, eq=False)
class Objective:
    """parameters: {name as in `model.named_parameters()`: tensor of `dtype`}; buffers likewise; x, y: the data."""

    dtype: str
    model: nn.Module
    loss: str
    parameters: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor]
    x: Tensor
    y: Tensor

    def __call__(self, parameters: Mapping[str, Tensor]) -> Tensor:
        """The loss, a scalar in the graph of `parameters`; those not given are the model's."""
        with undisturbed(self.model):
            output = functional_call(self.model, {**self.buffers, **self.parameters, **parameters}, (self.x,))
        return FUNCTIONS[self.loss](output, self.y)

    def in_float64(self) -> "Objective":
        """The same at the same numbers, carried out in float64."""
        parameters = {name: _wide(tensor) for name, tensor in self.parameters.items()}
        buffers = {name: _wide(tensor) for name, tensor in self.buffers.items()}
        return Objective("float64", self.model, self.loss, parameters, buffers, _wide(self.x), _wide(self.y))


def objective(model: nn.Module, task: Task, dtype: str | None = None) -> Objective:
    """The mean loss over the training part, in eval mode, parameters and data rounded to `dtype` (None: the model's).

    Batch statistics, where a batch norm uses them, are those of the part. Raises ShapeError or TaskError where the
    task does not fit the model.
    """
    torch_model(model, "objective")
    if not isinstance(task, Task):
        raise TaskError(f"objective: expected a Task, got {task!r}")
    fitting(model, task, "objective")
    check_rows(model, len(task.x), f'objective: task "{task.name}"')
    own = dtype_name(model)
    name = own if dtype is None else one_of(dtype, DTYPES, "dtype", "objective")
    kind = DTYPES[name]
    x = rows(task.x, "objective: x", None, None, kind)
    classes = np.issubdtype(task.y.dtype, np.integer)
    y = torch.tensor(task.y) if classes else rows(task.y, "objective: y", None, None, kind)
    parameters = {at: parameter.detach().to(kind, copy=True) for at, parameter in model.named_parameters()}
    buffers = {at: b.detach().to(kind) if b.is_floating_point() else b for at, b in model.named_buffers()}
    return Objective(name, model, task.loss, parameters, buffers, x, y)


def gradient(of: Objective, at: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
    """{name: d loss / d parameter} by one reverse pass on one thread, at the model's parameters if no others are given.

    Raises PointError where the loss is not finite.
    """
    with torch.inference_mode(False), torch.enable_grad(), on_threads(1):
        leaves = {name: p.detach().clone().requires_grad_() for name, p in {**of.parameters, **(at or {})}.items()}
        loss = of(leaves)
        check_loss(loss, of)
        found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(leaves, found, strict=True))


def check_loss(loss: Tensor, of: Objective) -> None:
    """Raises PointError where it is not finite."""
    if not bool(loss.isfinite()):
        raise PointError(f"objective: expected a {of.loss} that is finite in {of.dtype}, got {float(loss.detach())}")


def _wide(tensor: Tensor) -> Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor

"""What a step of gradient descent on one minibatch does to its own loss and to that of another."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from residua_numeric.arrays import Array
from residua_numeric.losses import FUNCTIONS, tensors
from residua_numeric.tasks import Task


class Effect(NamedTuple):
    """Of one step: what both losses lost by it, the squared gradient of the own batch, and the gradients' product."""

    own: float
    other: float
    squared: float
    product: float
    cosine: float


def effect(model: nn.Module, task: Task, own: Array, other: Array, rate: float) -> Effect:
    """One step at this rate on the rows `own` of the task, looked at on `own` and on `other`; the model stays as it is.

    Batch norms that use the statistics of the batch use those of the batch they are given, stored ones do not move.
    """
    model.eval()
    x, y = tensors(model, task.x, task.y)
    loss, weights = FUNCTIONS[task.loss], list[Tensor](model.parameters())
    before = [_loss_and_gradient(model, loss, x[rows], y[rows], weights) for rows in (own, other)]
    with torch.no_grad():
        torch._foreach_add_(weights, before[0][1], alpha=-rate)
        after = [float(loss(model(x[rows]), y[rows])) for rows in (own, other)]
        torch._foreach_add_(weights, before[0][1], alpha=rate)
    mine, its = (torch.cat([g.flatten() for g in gradient]) for _, gradient in before)
    gains = [there - then for (there, _), then in zip(before, after, strict=True)]
    product, squared = float(mine @ its), float(mine @ mine)
    return Effect(gains[0], gains[1], squared, product, product / float(mine.norm() * its.norm()))


def gradients_of_examples(model: nn.Module, task: Task, rows: Array) -> NDArray[np.float64]:
    """The gradient of the loss of every single example: (examples, parameters); the rows must not be coupled."""
    model.eval()
    x, y = tensors(model, task.x[rows], task.y[rows])
    loss, weights = FUNCTIONS[task.loss], dict(model.named_parameters())

    def of_one(weights: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return loss(functional_call(model, weights, (x[None],)), y[None])

    held = {name: tensor.detach() for name, tensor in weights.items()}
    found = vmap(grad(of_one), in_dims=(None, 0, 0))(held, x, y)
    return torch.cat([g.flatten(1) for g in found.values()], dim=1).double().numpy()


def _loss_and_gradient(
    model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor, weights: list[Tensor]
) -> tuple[float, list[Tensor]]:
    with torch.enable_grad():
        value = loss(model(x), y)
        return float(value.detach()), list(torch.autograd.grad(value, weights))

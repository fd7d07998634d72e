"""Networks linearised in their parameters at the initial weights, and trained; Taylor remainders in the parameters."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from residua_network import DescriptionError, Network
from residua_network.checks import number, whole
from residua_numeric.arrays import rows
from residua_numeric.build import build
from residua_numeric.derivatives import to_float64
from residua_numeric.forward_mode import pushforward
from residua_numeric.losses import fitting, tensors
from residua_numeric.modules import DTYPES, dtype_name, torch_model
from residua_numeric.stacked import Stack
from residua_numeric.state import undisturbed
from residua_numeric.tasks import Task

Array = NDArray[np.float64]


class Linearised(NamedTuple):
    """Outputs (networks, points, outputs) at the initial weights, and of the linearised networks after training."""

    initial: Array
    trained: Array


def linearised_training(
    net: Network, task: Task, seeds: Sequence[int], x: object, steps: int, rate: float, init: str | float = "torch"
) -> Linearised:
    """f(θ_0) + ⟨∇f(θ_0), θ − θ_0⟩ at x of shape (points, inputs) for the networks that `train_many` begins with, θ
    trained by `steps` of gradient descent on the mean square error over all of the task, float64.

    In the space of functions: residuals r obey r ← r − η (2/N) K r with the kernel K = J Jᵀ, J = ∇f(θ_0) over the task.
    Raises ResiduaError.
    """
    where = "linearised_training"
    models = [build(net, seed, init=init) for seed in seeds]
    if not models:
        raise DescriptionError(f"{where}: expected at least one seed, got none")
    fitting(models[0], task, where)
    if task.loss != "mean square error" or net.couples_rows:
        raise DescriptionError(f"{where}: expected a mean square error and rows of their own, got {task.loss}, {net}")
    whole(steps, "steps", where, least=0)
    number(rate, "rate", where)
    points, (seen, target) = rows(x, f"{where}: x", net.inputs, None, torch.float64), tensors(models[0], task.x, task.y)
    before, slopes = _linear_part(net, models, torch.cat([points, seen]))
    at = len(points) * net.outputs
    others, own = slopes[:, :at], slopes[:, at:]
    left = before[:, len(points) :].flatten(1) - target.flatten()
    kernel, moves, total = own @ own.mT, others @ own.mT, torch.zeros_like(left)
    for _ in range(steps):
        total = total + (left - rate * torch.linalg.vecdot(kernel, total.unsqueeze(1))) * (2 / left.shape[1])
    initial = before[:, : len(points)]
    moved = torch.linalg.vecdot(moves, total.unsqueeze(1)).reshape(initial.shape)
    return Linearised(to_float64(initial), to_float64(initial - rate * moved))


def directional_remainder(model: nn.Module, x: object, along: dict[str, Array], step: float, order: int = 2) -> Array:
    """f(θ + εΔ) less the terms of its Taylor series below `order`, 2 or 3, at x: (points, outputs).

    The terms come from torch's forward mode: once, and over itself. Raises ResiduaError.
    """
    where = "directional_remainder"
    if order not in (2, 3):
        raise DescriptionError(f"{where}: order must be 2 or 3, got {order!r}")
    dtype = DTYPES[dtype_name(torch_model(model, where))]
    points = torch.as_tensor(np.asarray(x), dtype=dtype)
    own = {name: parameter.detach() for name, parameter in model.named_parameters()}
    if set(along) != set(own):
        raise DescriptionError(f"{where}: expected a direction for {', '.join(own)}, got {', '.join(along)}")
    moves = {name: torch.as_tensor(array, dtype=dtype) for name, array in along.items()}

    def at(t: Tensor) -> Tensor:
        found: Tensor = torch.func.functional_call(model, {n: own[n] + t * moves[n] for n in own}, (points,))
        return found

    def slope(t: Tensor) -> Tensor:
        found: Tensor = pushforward(at, t, torch.ones_like(t))
        return found

    with undisturbed(model), torch.no_grad():
        zero, one = torch.zeros((), dtype=dtype), torch.ones((), dtype=dtype)
        left = at(zero + step) - at(zero) - step * slope(zero)
        if order == 3:
            left = left - step**2 / 2 * pushforward(slope, zero, one)
    return to_float64(left)


def _linear_part(net: Network, models: Sequence[nn.Module], x: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs (networks, points, outputs) and their gradients by all parameters, (networks, points · outputs, all)."""
    stack = Stack(net, "float64")
    arrays = {name: tensor.requires_grad_() for name, tensor in stack.arrays(models).items()}
    with torch.enable_grad():
        y = stack.outputs({**arrays, **stack.buffers(models)}, x.expand(len(models), *x.shape))
        each = [torch.autograd.grad(one, list(arrays.values()), retain_graph=True) for one in y.flatten(1).sum(0)]
    return y.detach(), torch.stack([torch.cat([g.flatten(1) for g in one], dim=1) for one in each], dim=1)

"""Derivatives of a model by each mode of automatic differentiation, with the passes that they take counted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from residua_network import ShapeError
from residua_numeric.derivatives import forward, to_float64
from residua_numeric.forward_mode import pushforward
from residua_numeric.measure import inputs_of
from residua_numeric.modules import torch_model
from residua_numeric.objective import check_loss, gradient, objective
from residua_numeric.state import undisturbed
from residua_numeric.statistics import couplings
from residua_numeric.tasks import Task

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Derivative:
    """A float64 copy of what came out at the model's dtype, and the number of passes through the graph that it took.

    A pass is one evaluation of the model with tangents (forward mode) or one way back through its graph (reverse).
    """

    values: Array
    passes: int


def reverse_jacobian(model: nn.Module, x: object) -> Derivative:
    """J[b, i, j] = ∂y[b, i] / ∂x[b, j], (batch, outputs, inputs), by one reverse pass for every output.

    In eval mode; the rows of the batch go together. Raises ShapeError where x does not fit or batch statistics couple
    the rows.
    """
    return _at(model, x, "reverse_jacobian", _reverse)


def forward_jacobian(model: nn.Module, x: object) -> Derivative:
    """The same by one forward-mode pass for every input."""
    return _at(model, x, "forward_jacobian", _forward)


def input_hessian(model: nn.Module, x: object) -> Derivative:
    """H[b, i, j, k] = ∂²y[b, i] / ∂x[b, j] ∂x[b, k] by double backward, (batch, outputs, inputs, inputs).

    One reverse pass an output, then one for every entry of its gradient. Raises as `reverse_jacobian` does.
    """
    return _at(model, x, "input_hessian", _double_backward)


def parameter_gradient(model: nn.Module, task: Task, dtype: str | None = None) -> dict[str, Array]:
    """{parameter name: d loss / d parameter} on the task's training part, by one reverse pass for them all.

    dtype: of the arithmetic, the model's where None. In eval mode. Raises as `objective` does.
    """
    return {name: to_float64(tensor) for name, tensor in gradient(objective(model, task, dtype)).items()}


def hessian_product(
    model: nn.Module, task: Task, vector: Mapping[str, ArrayLike], dtype: str | None = None
) -> dict[str, Array]:
    """{parameter name: (H v) there}, H the Hessian of the task's loss by all parameters, by two reverse passes.

    vector: {parameter name: array of its shape}; a parameter that is left out counts as 0. Raises ShapeError where it
    does not fit.
    """
    of = objective(model, task, dtype)
    surplus = sorted(set(vector) - set(of.parameters))
    if surplus:
        raise ShapeError(f'hessian_product: vector: "{surplus[0]}" is no parameter; known: {", ".join(of.parameters)}')
    v = {name: torch.tensor(np.asarray(array), dtype=of.x.dtype) for name, array in vector.items()}
    for name, tensor in v.items():
        shape = of.parameters[name].shape
        if tensor.shape != shape:
            got = f"got {tuple(tensor.shape)}"
            raise ShapeError(f'hessian_product: vector: expected shape {tuple(shape)} for "{name}", {got}')
    with torch.inference_mode(False), torch.enable_grad():
        leaves = {name: parameter.clone().requires_grad_() for name, parameter in of.parameters.items()}
        loss = of(leaves)
        check_loss(loss, of)
        found = _gradients(loss, list(leaves.values()), create_graph=True)
        slope = sum(((g * v[name]).sum() for name, g in zip(leaves, found, strict=True) if name in v), loss * 0)
        products = _gradients(slope, list(leaves.values()))
    return {name: to_float64(product) for name, product in zip(leaves, products, strict=True)}


def _at(model: nn.Module, x: object, where: str, mode: Callable[[nn.Module, Tensor], Derivative]) -> Derivative:
    torch_model(model, where)
    with torch.inference_mode(False), undisturbed(model):
        point = inputs_of(model, x, where)
        if couplings(model, None)[""].actual:
            raise ShapeError(
                f'{where}: expected rows that do not meet, but batch statistics couple them; use "running"'
            )
        return mode(model, point)


def _reverse(model: nn.Module, x: Tensor) -> Derivative:
    with torch.enable_grad():
        point = x.requires_grad_()
        y = forward(model, point)
        rows = [_gradients(output.sum(), [point])[0] for output in y.unbind(1)]
    return Derivative(to_float64(torch.stack(rows, dim=1)), len(rows))


def _forward(model: nn.Module, x: Tensor) -> Derivative:
    units = torch.eye(x.shape[1], dtype=x.dtype)
    columns = [pushforward(lambda point: forward(model, point), x, unit.expand_as(x)) for unit in units]
    return Derivative(to_float64(torch.stack(columns, dim=2)), len(columns))


def _double_backward(model: nn.Module, x: Tensor) -> Derivative:
    blocks, passes = [], 0
    with torch.enable_grad():
        point = x.requires_grad_()
        for output in forward(model, point).unbind(1):
            (first,) = _gradients(output.sum(), [point], create_graph=True)
            rows = [_gradients(entry.sum(), [point])[0] for entry in first.unbind(1)]
            blocks.append(torch.stack(rows, dim=1))
            passes += 1 + len(rows)
    return Derivative(to_float64(torch.stack(blocks, dim=1)), passes)


def _gradients(scalar: Tensor, points: list[Tensor], create_graph: bool = False) -> tuple[Tensor, ...]:
    """Gradients of `scalar`, its graph kept; zeros where it does not depend on a point."""
    if not scalar.requires_grad:  # a constant
        return tuple(torch.zeros_like(point) for point in points)
    return torch.autograd.grad(
        scalar, points, retain_graph=True, create_graph=create_graph, allow_unused=True, materialize_grads=True
    )

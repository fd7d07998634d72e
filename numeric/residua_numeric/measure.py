"""Quantities measured on a torch model, without disturbing it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from residua_network import DescriptionError
from residua_network.checks import one_of
from residua_numeric.arrays import rows
from residua_numeric.capture import capture
from residua_numeric.derivatives import forward, jacobian_rows, norms, singular_values, to_float64
from residua_numeric.modules import DTYPES, dtype_name, input_width, torch_model
from residua_numeric.state import undisturbed


@dataclass(frozen=True, eq=False)
class Measurement:
    """`values`: float64 copies of what came out at `dtype`; `spread`: their standard error over seeds, where known.

    `scope` says where it was measured: batch, inputs, outputs, torch, threads.
    """

    quantity: str
    values: NDArray[np.float64]
    dtype: str
    spread: NDArray[np.float64] | None
    scope: Mapping[str, str | int]


def measure(model: nn.Module, quantity: str, x: object, *, cotangent: object = None) -> Measurement:
    """`quantity` of `model` (an nn.Sequential) at x: (batch, inputs), cast to the model's dtype.

    "output": (batch, outputs).  "jacobian": J[b, i, j] = ∂y[b, i] / ∂x[b, j], (batch, outputs, inputs).
    "singular values" of it: (batch, min(outputs, inputs)), descending.
    "gradient norms": (batch, layers), Euclidean norm of the gradient of <cotangent, y> at the input of every top-level
    layer; cotangent (batch, outputs), ones if not given. Measured in eval mode; modes, buffers and gradients stay as
    they are. Results that are not finite are handed back. Raises ShapeError for x or a cotangent that does not fit.
    """
    torch_model(model, "measure")
    one_of(quantity, QUANTITIES, "quantity", "measure")
    if cotangent is not None and quantity != "gradient norms":
        raise DescriptionError(f'measure: a cotangent goes with "gradient norms" only, not with "{quantity}"')
    with torch.inference_mode(False), undisturbed(model):
        point = inputs_of(model, x, "measure")
        with torch.no_grad():
            y = forward(model, point)
        direction = _cotangent(cotangent, y)
        values = QUANTITIES[quantity](model, point, direction)
    return Measurement(quantity, values, dtype_name(model), None, _scope(point, y))


def inputs_of(model: nn.Module, x: object, where: str) -> Tensor:
    """x as a new tensor (batch, inputs) in the model's dtype. Raises ShapeError where it does not fit."""
    return rows(x, f"{where}: x", input_width(model), None, DTYPES[dtype_name(model)])


def _cotangent(cotangent: object, y: Tensor) -> Tensor:
    if cotangent is None:
        return torch.ones_like(y)
    return rows(cotangent, "measure: cotangent", y.shape[1], y.shape[0], y.dtype)


def _scope(x: Tensor, y: Tensor) -> dict[str, str | int]:
    sizes = {"batch": x.shape[0], "inputs": x.shape[1], "outputs": y.shape[1]}
    return {**sizes, "torch": str(torch.__version__), "threads": torch.get_num_threads()}


def _output(model: nn.Module, x: Tensor, cotangent: Tensor) -> NDArray[np.float64]:
    with torch.no_grad():
        return to_float64(forward(model, x))


def _jacobian(model: nn.Module, x: Tensor, cotangent: Tensor) -> NDArray[np.float64]:
    return to_float64(jacobian_rows(model, x))


def _singular_values(model: nn.Module, x: Tensor, cotangent: Tensor) -> NDArray[np.float64]:
    return singular_values(jacobian_rows(model, x))


def _gradient_norms(model: nn.Module, x: Tensor, cotangent: Tensor) -> NDArray[np.float64]:
    """One reverse pass with respect to all layer inputs: one pass a layer is some 30 times slower."""
    with torch.enable_grad():
        y, passed = capture(model, x.detach().requires_grad_())
        points = [at.input for name, at in passed.items() if "." not in name]
        if not y.requires_grad:  # a constant
            return np.zeros((len(x), len(points)))
        found = torch.autograd.grad(y, points, cotangent, allow_unused=True, materialize_grads=True)
    return np.stack([norms(gradient) for gradient in found], axis=1)


QUANTITIES: dict[str, Callable[[nn.Module, Tensor, Tensor], NDArray[np.float64]]] = {
    "output": _output,
    "jacobian": _jacobian,
    "gradient norms": _gradient_norms,
    "singular values": _singular_values,
}

"""Quantities measured on a torch model, without disturbing it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from residua_network import DescriptionError, ShapeError
from residua_network.checks import one_of
from residua_numeric.arrays import rows
from residua_numeric.capture import capture
from residua_numeric.derivatives import forward, jacobian, norms, singular_values, to_float64
from residua_numeric.line_coefficients import line_coefficients
from residua_numeric.modules import DTYPES, dtype_name, input_width, modules_of, torch_model
from residua_numeric.paths import path_gradients
from residua_numeric.state import undisturbed
from residua_numeric.statistics import Coupling, asked, check_rows, couplings


@dataclass(frozen=True, eq=False)
class Measurement:
    """`values`: float64 copies of what came out at `dtype`; `spread`: their standard error over seeds, where known.

    `scope` says where it was measured: batch, inputs, outputs, torch, threads. `error`: what the way of measuring may
    have put into each value, where it is more than the rounding of the model's own arithmetic.
    """

    quantity: str
    values: NDArray[np.float64]
    dtype: str
    spread: NDArray[np.float64] | None
    scope: Mapping[str, str | int]
    error: NDArray[np.float64] | None = None


class At(NamedTuple):
    """Where a quantity is measured: x (batch, inputs), cotangent (batch, outputs), whether the rows are coupled."""

    model: nn.Module
    x: Tensor
    cotangent: Tensor
    coupling: Coupling


def measure(
    model: nn.Module,
    quantity: str,
    x: object,
    *,
    cotangent: object = None,
    statistics: str | Mapping[str, str] | None = None,
    along: object = None,
    order: object = None,
) -> Measurement:
    """`quantity` of `model` (an nn.Sequential) at x: (batch, inputs), cast to the model's dtype.

    "output": (batch, outputs).  "jacobian": J[b, i, j] = ∂y[b, i] / ∂x[b, j], (batch, outputs, inputs); where batch
    statistics couple the rows J[b, i, c, j] = ∂y[b, i] / ∂x[c, j], (batch, outputs, batch, inputs).
    "singular values" of it: (batch, min(outputs, inputs)), descending; of coupled rows those of the stacked matrix,
    (1, batch · min(outputs, inputs)).
    "gradient norms": (batch, layers), Euclidean norm of the gradient of <cotangent, y> at the input of every top-level
    layer; cotangent (batch, outputs), ones if not given.
    "path gradients": (batch, L + 1, inputs), the gradient of <cotangent, y> at x by length of path: entry k is the sum
    over all paths through exactly k branches of the L top-level residual blocks; their sum over k is the gradient.
    "moments": (layers, 2), mean and mean square of the entries of every top-level layer's output, over batch and
    features.

    "taylor coefficients": (order + 1, batch, outputs), those of t^k in model(x + t·along), `along` an array like x or
    {parameter name: array}, then in the parameters. By Cauchy's integral, in float64 whatever the model's dtype; the
    result's `error` says what each may be off by.

    statistics: those that batch norms use, "batch", "running" or {layer name: one of them}; one that is not named uses
    what it would, for torch's own the batch in training mode. Layers named as "batch" count as coupled, others not.
    Else measured in eval mode; modes, buffers and gradients stay as they are. Results that are not finite are handed
    back. Raises ShapeError for x or a cotangent that does not fit, ResiduaError for statistics never computed.
    """
    torch_model(model, "measure")
    one_of(quantity, (*QUANTITIES, TAYLOR), "quantity", "measure")
    if cotangent is not None and quantity not in PULLED_BACK:
        known = " and ".join(f'"{name}"' for name in PULLED_BACK)
        raise DescriptionError(f'measure: a cotangent goes with {known} only, not with "{quantity}"')
    if {along is not None, order is not None} != {quantity == TAYLOR}:
        raise DescriptionError(f'measure: `along` and `order` go with "{TAYLOR}", both of them, and with nothing else')
    words = asked(model, statistics, "measure")
    with torch.inference_mode(False), undisturbed(model, words):
        point = inputs_of(model, x, "measure")
        check_rows(model, len(point), "measure: x")
        y = _first_pass(model, point)
        if quantity == TAYLOR:
            found = line_coefficients(model, point, along, order, "measure")
            return Measurement(quantity, found.values, "float64", None, _scope(point, y), found.errors)
        at = At(model, point, _cotangent(cotangent, y), couplings(model, words)[""])
        values = QUANTITIES[quantity](at)
    return Measurement(quantity, values, dtype_name(model), None, _scope(point, y))


def _first_pass(model: nn.Module, point: Tensor) -> Tensor:
    """The output; what torch says of modules that do not fit each other or the input becomes a ShapeError."""
    try:
        with torch.no_grad():
            return forward(model, point)
    except RuntimeError as error:
        words = " ".join(str(error).split())[:200]
        raise ShapeError(f"measure: the model does not take an input of shape {tuple(point.shape)}: {words}") from None


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


def _output(at: At) -> NDArray[np.float64]:
    with torch.no_grad():
        return to_float64(forward(at.model, at.x))


def _jacobian(at: At) -> NDArray[np.float64]:
    return to_float64(jacobian(at.model, at.x, *at.coupling))


def _singular_values(at: At) -> NDArray[np.float64]:
    return singular_values(jacobian(at.model, at.x, *at.coupling))


def _gradient_norms(at: At) -> NDArray[np.float64]:
    """One reverse pass with respect to all layer inputs: one pass a layer is some 30 times slower."""
    with torch.enable_grad():
        y, passed = capture(at.model, at.x.detach().requires_grad_())
        points = [one.input for name, one in passed.items() if "." not in name]
        if not y.requires_grad:  # a constant
            return np.zeros((len(at.x), len(points)))
        found = torch.autograd.grad(y, points, at.cotangent, allow_unused=True, materialize_grads=True)
    return np.stack([norms(gradient) for gradient in found], axis=1)


def _path_gradients(at: At) -> NDArray[np.float64]:
    with torch.no_grad():
        y, passed = capture(at.model, at.x)
    return to_float64(path_gradients(modules_of(at.model), passed, y, at.cotangent).transpose(0, 1))


def _moments(at: At) -> NDArray[np.float64]:
    with torch.no_grad():
        _, passed = capture(at.model, at.x)
    outputs = [to_float64(one.output) for name, one in passed.items() if "." not in name]
    with np.errstate(over="ignore", invalid="ignore"):  # handed back as they are
        return np.array([[y.mean(), (y * y).mean()] for y in outputs])


QUANTITIES: dict[str, Callable[[At], NDArray[np.float64]]] = {
    "output": _output,
    "jacobian": _jacobian,
    "gradient norms": _gradient_norms,
    "path gradients": _path_gradients,
    "moments": _moments,
    "singular values": _singular_values,
}
TAYLOR = "taylor coefficients"  # of a direction and an order
PULLED_BACK = ("gradient norms", "path gradients")  # the quantities that a cotangent goes with

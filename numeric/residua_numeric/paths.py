"""The gradient of a residual network split by the number of branches that its paths go through."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from residua_network import ShapeError
from residua_numeric.capture import Passed
from residua_numeric.derivatives import pullback, to_float64
from residua_numeric.layers.residual import Residual
from residua_numeric.modules import branch_of, true_of


def path_gradients(
    modules: Mapping[str, nn.Module], passed: Mapping[str, Passed], y: Tensor, cotangent: Tensor
) -> Tensor:
    """Entry k, of (blocks + 1, batch, inputs): the part of the gradient of <cotangent, y> through exactly k branches.

    Only blocks at top level count; `passed` is what went through each layer. Raises ShapeError where the model is not
    its top-level layers one after another.
    """
    top = [name for name in passed if "." not in name]
    gradients = cotangent[None]
    for k, name in reversed(list(enumerate(top))):
        after = y if k + 1 == len(top) else passed[top[k + 1]].input
        if not np.array_equal(to_float64(passed[name].output), to_float64(after), equal_nan=True):
            raise ShapeError(f'measure: path gradients: expected layers that feed the next, but "{name}" does not')
        gradients = _through(modules[name], passed[name].input, gradients, f'"{name}"')
    return gradients


def _through(module: nn.Module, x: Tensor, gradients: Tensor, name: str) -> Tensor:
    """From the output of a layer (paths, batch, m) to its input; a block adds one path length."""
    branch = branch_of(module)
    if branch is None:
        return pullback(module, x, gradients, name)
    inside = getattr(true_of(module), "scale", 1.0) * pullback(branch, x, gradients, name)
    exact = type(module) is Residual
    beside = gradients if exact else pullback(module, x, gradients, name) - inside  # what else it does is not known
    none = torch.zeros_like(inside[:1])
    return torch.cat([beside, none]) + torch.cat([none, inside])

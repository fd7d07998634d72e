"""Jacobians of a torch model, row by row. What couples the rows of a batch changes the shapes here, and only here."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from residua_network import ShapeError

Map = Callable[[Tensor], Tensor]


def forward(model: Map, x: Tensor, name: str = "model") -> Tensor:
    """The output (batch, outputs). Raises ShapeError when it is not that."""
    y = model(x.clone())  # a copy: the first module may work in place
    if not isinstance(y, Tensor) or y.ndim != 2 or y.shape[0] != x.shape[0]:
        got = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
        raise ShapeError(f"{name}: expected an output of shape ({x.shape[0]}, outputs), got {got}")
    return y


def jacobian_rows(model: Map, x: Tensor, name: str = "model") -> Tensor:
    """J[b, i, j] = ∂y[b, i] / ∂x[b, j]; shape (batch, outputs, inputs). Every row is a batch of one."""

    def one(row: Tensor) -> Tensor:
        return forward(model, row.unsqueeze(0), name).squeeze(0)

    try:
        with torch.no_grad():  # of the parameters; jacrev differentiates by the row all the same
            jacobian: Tensor = torch.func.vmap(torch.func.jacrev(one))(x)
    except RuntimeError:  # what torch.func cannot enter: a hand-written autograd.Function, a branch on values
        jacobian = torch.stack([_loop(one, row) for row in x])
    return jacobian.detach()


def _loop(one: Map, row: Tensor) -> Tensor:
    """The Jacobian (outputs, inputs) at one row by one reverse pass an output."""
    with torch.enable_grad():
        point = row.detach().clone().requires_grad_()
        y = one(point)
        if not y.requires_grad:  # a constant
            return torch.zeros(len(y), len(row), dtype=y.dtype)
        gradients = [torch.autograd.grad(entry, point, retain_graph=True, allow_unused=True)[0] for entry in y]
    return torch.stack([torch.zeros_like(row) if g is None else g for g in gradients])


def norms(gradient: Tensor) -> NDArray[np.float64]:
    """Euclidean norm of every row, (batch,), in float64 and scaled, so that squaring overflows nothing."""
    g = to_float64(gradient)
    largest = np.abs(g).max(axis=1)
    scale = np.where(np.isfinite(largest) & (largest > 0), largest, 1.0)
    with np.errstate(over="ignore"):  # in a row that holds an infinity anyway
        return np.asarray(scale * np.sqrt(((g / scale[:, None]) ** 2).sum(axis=1)))


def singular_values(jacobian: Tensor) -> NDArray[np.float64]:
    """(batch, min(outputs, inputs)), descending; NaN for a row whose Jacobian is not finite."""
    J = to_float64(jacobian)
    values = np.full((J.shape[0], min(J.shape[1:])), np.nan)
    finite = np.isfinite(J).all(axis=(1, 2))
    values[finite] = np.linalg.svd(J[finite], compute_uv=False)
    return values


def to_float64(tensor: Tensor) -> NDArray[np.float64]:
    """An exact copy as a float64 array."""
    return np.array(tensor.detach().numpy(), dtype=np.float64)

"""Jacobians of a torch model. What couples the rows of a batch changes the shapes here, and only here."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from residua_network import ShapeError

Map = Callable[[Tensor], Tensor]
LARGEST = 2**28  # entries of a Jacobian with coupled rows: 2 GiB in float64
CHUNK = 2**18  # entries of the cotangents pulled back at a time; more leave the cache and take 4 times as long


def forward(model: Map, x: Tensor, name: str = "model") -> Tensor:
    """The output (batch, outputs). Raises ShapeError when it is not that."""
    y = model(x.clone())  # a copy: the first module may work in place
    if not isinstance(y, Tensor) or y.ndim != 2 or y.shape[0] != x.shape[0]:
        got = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
        raise ShapeError(f"{name}: expected an output of shape ({x.shape[0]}, outputs), got {got}")
    return y


def jacobian(model: Map, x: Tensor, stated: bool, actual: bool, name: str = "model") -> Tensor:
    """J[b, i, c, j] = ∂y[b, i] / ∂x[c, j] where the rows are `stated` to be coupled, else its blocks with b = c.

    `actual`: whether they are; where not, every row may be taken alone. Raises ShapeError.
    """
    if not stated and not actual:
        try:
            return jacobian_rows(model, x, name)
        except ShapeError:
            raise
        except (RuntimeError, ValueError):  # a module that takes no batch of one, and couples rows unasked
            pass
    found = jacobian_batch(model, x, name)
    return found if stated else found.diagonal(dim1=0, dim2=2).permute(2, 0, 1)


def jacobian_rows(model: Map, x: Tensor, name: str = "model") -> Tensor:
    """J[b, i, j] = ∂y[b, i] / ∂x[b, j]; shape (batch, outputs, inputs). Every row is a batch of one."""

    def one(row: Tensor) -> Tensor:
        return forward(model, row.unsqueeze(0), name).squeeze(0)

    try:
        with torch.no_grad():  # of the parameters; jacrev differentiates by the row all the same
            found: Tensor = torch.func.vmap(torch.func.jacrev(one))(x)
    except RuntimeError:  # what torch.func cannot enter: a hand-written autograd.Function, a branch on values
        found = torch.cat([jacobian_batch(model, row[None], name)[:, :, 0] for row in x])
    return found.detach()


def jacobian_batch(model: Map, x: Tensor, name: str = "model") -> Tensor:
    """J[b, i, c, j] = ∂y[b, i] / ∂x[c, j]; shape (batch, outputs, batch, inputs).

    Raises ShapeError where it has more entries than fit into memory.
    """
    with torch.no_grad():
        y = forward(model, x, name)
    shape = (*y.shape, *x.shape)
    if y.numel() * x.numel() > LARGEST:
        raise ShapeError(
            f"{name}: expected a Jacobian with coupled rows of at most {LARGEST} entries, got shape {shape}; "
            "give fewer rows"
        )
    count = max(1, CHUNK // y.numel())
    rows = torch.split(torch.arange(y.numel()), count)
    units = (functional.one_hot(part, y.numel()).to(y.dtype).reshape(-1, *y.shape) for part in rows)
    return torch.cat([pullback(model, x, unit, name) for unit in units]).reshape(shape)


def pullback(model: Map, x: Tensor, cotangents: Tensor, name: str = "model") -> Tensor:
    """The gradient of <cotangent, y> at x, for cotangents (count, batch, outputs): (count, batch, inputs)."""
    try:
        with torch.no_grad():
            back = torch.func.vjp(lambda point: forward(model, point, name), x)[1]
            found: Tensor = torch.func.vmap(lambda cotangent: back(cotangent)[0])(cotangents)
    except RuntimeError:
        found = _loop(model, x, cotangents, name)
    return found.detach()


def _loop(model: Map, x: Tensor, cotangents: Tensor, name: str) -> Tensor:
    """The same by one reverse pass a cotangent."""
    with torch.enable_grad():
        point = x.detach().clone().requires_grad_()
        y = forward(model, point, name)
        if not y.requires_grad:  # a constant
            return torch.zeros(len(cotangents), *x.shape, dtype=y.dtype)
        found = [torch.autograd.grad(y, point, c, retain_graph=True, allow_unused=True)[0] for c in cotangents]
    return torch.stack([torch.zeros_like(x) if gradient is None else gradient for gradient in found])


def norms(gradient: Tensor) -> NDArray[np.float64]:
    """Euclidean norm of every row, (batch,), in float64 and scaled, so that squaring overflows nothing."""
    g = to_float64(gradient)
    largest = np.abs(g).max(axis=1)
    scale = np.where(np.isfinite(largest) & (largest > 0), largest, 1.0)
    with np.errstate(over="ignore"):  # in a row that holds an infinity anyway
        return np.asarray(scale * np.sqrt(((g / scale[:, None]) ** 2).sum(axis=1)))


def singular_values(jacobian: Tensor) -> NDArray[np.float64]:
    """(batch, min(outputs, inputs)), descending; NaN for a row whose Jacobian is not finite.

    Of coupled rows (batch, outputs, batch, inputs) those of the stacked matrix: (1, batch · min(outputs, inputs)).
    """
    J = to_float64(jacobian)
    if J.ndim == 4:
        J = J.reshape(1, J.shape[0] * J.shape[1], -1)
    values = np.full((J.shape[0], min(J.shape[1:])), np.nan)
    finite = np.isfinite(J).all(axis=(1, 2))
    values[finite] = np.linalg.svd(J[finite], compute_uv=False)
    return values


def to_float64(tensor: Tensor) -> NDArray[np.float64]:
    """An exact copy as a float64 array."""
    return np.array(tensor.detach().numpy(), dtype=np.float64)

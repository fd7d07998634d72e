"""Checks of whole arrays, before they meet a model."""

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from residua_network import ShapeError
from residua_numeric.errors import TaskError

Array = NDArray[Any]


def features(values: ArrayLike, where: str) -> Array:
    """`values` as a read-only float64 copy. Raises TaskError unless non-empty, 2-D, real and finite."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiu" or array.ndim != 2 or 0 in array.shape:
        raise TaskError(f"{where} must be a non-empty 2-D array of real numbers, got {array.dtype} {array.shape}")
    if not np.isfinite(array).all():
        raise TaskError(f"{where} must be finite; {np.count_nonzero(~np.isfinite(array))} entries are not")
    return frozen(array.astype(np.float64))


def frozen(array: Array) -> Array:
    """`array` itself, made read-only: for copies."""
    array.flags.writeable = False
    return array


def rows(values: object, name: str, width: int | None, count: int | None, dtype: torch.dtype) -> Tensor:
    """`values`, an array or tensor (count, width), as a new tensor of `dtype`; None: any size from 1.

    Raises ShapeError for another shape, for what is not real, and for what is not finite in `dtype`.
    """
    array = _array(values, name)
    expected = f"({'batch' if count is None else count}, {'inputs' if width is None else width})"
    if array.dtype.kind not in "fiu":
        raise ShapeError(f"{name}: expected real numbers of shape {expected}, got {array.dtype}")
    good = array.ndim == 2 and 0 not in array.shape
    if not good or width not in (None, array.shape[1]) or count not in (None, array.shape[0]):
        raise ShapeError(f"{name}: expected shape {expected}, got {array.shape}")
    with np.errstate(over="ignore"):  # found just below
        tensor = torch.tensor(array.astype(np.float64)).to(dtype)
    if not bool(tensor.isfinite().all()):
        row = int((~tensor.isfinite()).any(dim=1).nonzero()[0])
        raise ShapeError(f"{name}: expected numbers that are finite in {dtype}, got {array[row]} in row {row}")
    return tensor


def _array(values: object, name: str) -> Array:
    if isinstance(values, Tensor):
        plain = values.detach().cpu()
        return np.asarray((plain.double() if plain.is_floating_point() else plain).numpy())
    try:
        return np.asarray(values)
    except ValueError:
        raise ShapeError(f"{name}: expected an array, got rows of unequal lengths") from None

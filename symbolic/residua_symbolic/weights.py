"""Weights and inputs as the symbolic side takes them: float64 arrays whose names, shapes and values are checked."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residua_network import Network, ShapeError, WeightsError

Floats = NDArray[np.float64]
Weights = Mapping[str, Floats]


def checked_weights(network: Network, weights: Weights) -> dict[str, Floats]:
    """The weights in the order of the description. Raises WeightsError: missing, surplus, misshapen, dtype, NaN."""
    shapes = network.parameters
    if not isinstance(weights, Mapping):
        raise WeightsError(f"weights: expected a mapping from names to arrays, got {type(weights).__name__}")
    missing = [name for name in shapes if name not in weights]
    if missing:
        raise WeightsError(f'weights: "{missing[0]}" of shape {shapes[missing[0]][0]} is missing{_more(missing)}')
    surplus = [name for name in weights if name not in shapes]
    if surplus:
        raise WeightsError(f'weights: the network has no "{surplus[0]}"{_more(surplus)}; it has {", ".join(shapes)}')
    found = {}
    for name, (shape, parameter) in network.parameters.items():
        found[name] = array = _checked(weights[name], f'weights["{name}"]', shape)
        if parameter.least > -math.inf and not (array >= parameter.least).all():
            least = f"{parameter.least:g}, got {array.min()}"
            raise WeightsError(f'weights["{name}"] expects values of at least {least}')
    return found


def checked_rows(x: Any, name: str, width: int) -> Floats:
    """`x` as float64 of shape (batch, width). Raises ShapeError."""
    try:
        array = x if isinstance(x, np.ndarray) else np.asarray(x)
    except ValueError:
        raise ShapeError(f"{name} expects the shape (batch, {width}), got rows of unequal lengths") from None
    except (RuntimeError, TypeError):  # a tensor that torch wants detached
        raise ShapeError(f"{name} expects a numpy array of shape (batch, {width}), got {type(x).__name__}") from None
    if array.ndim != 2 or array.shape[1] != width or not len(array):
        raise ShapeError(f"{name} expects the shape (batch, {width}) with at least one row, got {array.shape}")
    try:
        return _checked(array, name, array.shape)
    except WeightsError as error:
        raise ShapeError(str(error)) from None


def checked_cotangent(u: Any, rows: int, outputs: int) -> Floats:
    """A cotangent of shape (rows, outputs). Raises ShapeError."""
    cotangent = checked_rows(u, "cotangent", outputs)
    if len(cotangent) != rows:
        raise ShapeError(f"cotangent expects {rows} rows, one for each row of x, got {len(cotangent)}")
    return cotangent


def _checked(value: Any, where: str, shape: tuple[int, ...]) -> Floats:
    if not isinstance(value, np.ndarray):
        raise WeightsError(f"{where} expects a numpy array, got {type(value).__name__}")
    if value.dtype != np.float64:
        raise WeightsError(f"{where} expects dtype float64, got {value.dtype}")
    if value.shape != shape:
        raise WeightsError(f"{where} expects the shape {shape}, got {value.shape}")
    if not _finite(value):
        at = tuple(int(p) for p in np.argwhere(~np.isfinite(value))[0])
        raise WeightsError(f"{where} expects finite values, got {value[at]} at {at}")
    return value


def _finite(value: Floats) -> bool:
    """Whether every entry is finite. One product, which is fast, tells unless it overflows."""
    return math.isfinite(np.vdot(value, value)) or bool(np.isfinite(value).all())


def _more(names: list[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""

"""Difference quotients as they come out in floating point."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from residua_network import DescriptionError
from residua_numeric.lines import Line, Points

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Differences:
    """Quotients (steps,) formed in `dtype` from f(at), f(at + h) and f(at − h), as exact float64 copies.

    steps: h rounded to `dtype`. forward (f(x + h) − f(x))/h, backward (f(x) − f(x − h))/h, central
    (f(x + h) − f(x − h))/(2h). exact: whether x + h and x − h were both formed without rounding. derivative:
    autograd's in `dtype`. reference: autograd's in float64 at the same point.
    """

    dtype: str
    at: float
    value: float
    steps: Array
    forward: Array
    backward: Array
    central: Array
    exact: NDArray[np.bool_]
    derivative: float
    reference: float


def measured_differences(line: Line, steps: ArrayLike) -> Differences:
    """The quotients of `line` for every step. A step that vanishes beside x gives 0, as it does in any program.

    Raises DescriptionError for steps that are not finite and above 0 in the line's dtype, PointError where f is not
    finite.
    """
    h = _steps(steps, line.dtype)
    x = np.asarray(line.at, dtype=line.dtype)
    above, below = x + h, x - h
    values = line.values(np.concatenate([x[None], above, below]))
    f, f_above, f_below = values[0], values[1 : 1 + len(h)], values[1 + len(h) :]
    return Differences(
        line.dtype,
        line.at,
        float(f),
        _copy(h),
        _copy((f_above - f) / h),
        _copy((f - f_below) / h),
        _copy((f_above - f_below) / (2 * h)),
        _exact(x, h) & _exact(x, -h),
        line.slope(),
        line.wide.slope(),
    )


def _steps(steps: ArrayLike, dtype: str) -> Points:
    try:
        array = np.atleast_1d(np.asarray(steps, dtype=np.float64))
    except (TypeError, ValueError):
        raise DescriptionError(f"measured_differences: steps must be numbers, got {steps!r}") from None
    with np.errstate(over="ignore", under="ignore"):  # found just below
        h = array.astype(dtype)
    wrong = ~(np.isfinite(h) & (h > 0))
    if array.ndim != 1 or wrong.any():
        got = array[wrong][0] if wrong.any() else f"shape {array.shape}"
        raise DescriptionError(f"measured_differences: steps must be finite and above 0 in {dtype}, got {got}")
    return h


def _exact(x: Points, h: Points) -> NDArray[np.bool_]:
    """Whether x + h is exact: the error of the sum by Knuth's TwoSum (TAOCP 2, 4.2.2, theorem B)."""
    total = x + h
    part = total - x
    return np.asarray((x - (total - part)) + (h - part) == 0)


def _copy(array: Points) -> Array:
    return np.array(array, dtype=np.float64)

"""Numbers of both sides set beside each other; means over seeds."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.verdict import Discrepancy, Floats
from residua_numeric import Measurement
from residua_symbolic import Prediction

UNIT = 2.0**-53
SAMPLED = 0.3  # a bar of four standard errors within 30 % tells what these comparisons are to tell


class Mean(NamedTuple):
    """Over seeds, with its standard error."""

    value: float
    error: float

    @classmethod
    def of(cls, values: Sequence[float] | Floats) -> "Mean":
        """Two values or more."""
        found = np.asarray(values, dtype=np.float64)
        return cls(float(found.mean()), float(found.std(ddof=1) / np.sqrt(len(found))))


def set_beside(
    quantity: str,
    predicted: Floats,
    measured: Floats,
    bars: Floats,
    exact: Floats | None = None,
    spread: Floats | None = None,
    scale: float = 1.0,
    resolution: float = 0.01,
    **scope: str | int,
) -> Discrepancy:
    """(cases, values) each; `exact`: what the prediction would be without its mistake, which the difference is then
    expected to be accounted for by."""
    values, seen = (np.atleast_2d(np.asarray(side, dtype=np.float64)) for side in (predicted, measured))
    error = np.broadcast_to(np.atleast_2d(bars), values.shape).copy()
    right = None if exact is None else Prediction(quantity, np.atleast_2d(exact), np.zeros_like(values), scope)
    wide = None if spread is None else np.atleast_2d(spread)
    return compare(
        Prediction(quantity, values, error, scope, scale, resolution),
        Measurement(quantity, seen, "float64", wide, {}),
        exact=right,
    )

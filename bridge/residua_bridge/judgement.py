"""From prediction, measurement and error bars to a word: row by row of the batch, so that no row hides another."""

from typing import Any

import numpy as np

from residua_bridge.verdict import Floats, Verdict


def judge(
    within: bool, predicted: Floats, measured: Floats, error: Floats, scale: Any, dtype: str, resolution: float
) -> tuple[Verdict, str]:
    """The word, and the reason for it; the first axis counts the rows.

    A bar of more than `resolution` times the values decides nothing. `scale`, a number or one a row, is what a bar is
    measured by where both sides are zero within it. Values on the predicted side that are not finite in `dtype` leave
    the question open; on the measured side alone they differ.
    """
    if not fits(predicted, dtype).all():
        return Verdict.INCONCLUSIVE, f"the prediction overflows {dtype}; smaller weights or fewer layers would tell"
    if not np.isfinite(error).all():
        return Verdict.INCONCLUSIVE, f"values overflow {dtype} on the way; smaller weights or inputs would tell"
    if not np.isfinite(measured).all():
        return Verdict.DIFFER, "the measurement is not finite where the prediction is"
    if not within:
        return Verdict.DIFFER, "the difference exceeds its error bar"
    bars = row_norms(error)
    sizes = np.maximum(row_norms(predicted), row_norms(measured))
    vanishing = sizes <= bars
    sizes = np.where(vanishing, np.broadcast_to(scale, sizes.shape), sizes)
    wide = ~(bars <= resolution * sizes)
    if wide.any():
        row = int(np.argmax(wide))
        words = f"in row {row} the error bar is {bars[row]:.1e} beside {sizes[row]:.1e}"
        remedy = "fewer layers or better conditioned inputs" if dtype == "float64" else "float64 or fewer layers"
        return Verdict.INCONCLUSIVE, f"{words}; {remedy}, or more samples of a mean, would tell"
    if vanishing.any():
        return Verdict.AGREE, "both are zero within rounding" + ("" if vanishing.all() else ", in some rows")
    return Verdict.AGREE, "the difference lies within rounding"


def entries_within(difference: Floats, bound: Floats) -> bool:
    """Whether every entry lies within its bound; NaN does not."""
    return bool(np.all(abs(difference) <= bound))


def rows_within(difference: Floats, error: Floats) -> bool:
    """Whether the norm of every row lies within that of its error; NaN does not."""
    return entries_within(row_norms(difference), row_norms(error))


def row_norms(values: Floats) -> Floats:
    """Norm of each item along the first axis; shape (rows,)."""
    norms: Floats = np.linalg.norm(values.reshape(len(values), -1), axis=1)
    return norms


def fits(values: Floats, dtype: str) -> Any:
    """Which values are finite in the dtype of the measurement; NaN is not."""
    return abs(values) <= np.finfo(dtype).max

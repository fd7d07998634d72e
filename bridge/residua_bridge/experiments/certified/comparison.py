"""A Taylor polynomial in the place of a network: what is left, beside certified bounds of it."""

from collections.abc import Mapping

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.certified.networks import Floats
from residua_bridge.judgement import entries_within, judge
from residua_bridge.verdict import Discrepancy, Uncertain
from residua_numeric import Measurement
from residua_symbolic import Prediction

ENCLOSURE = "f − T_n, as an enclosure"
ANY_WIDTH = float("inf")  # rounding may be large beside an error that is small: at high order it is


def contained(
    measured: Floats, bounds: tuple[Floats, Floats], rounding: Floats, scope: Mapping[str, str | int]
) -> Discrepancy:
    """Whether measured errors (cases, points) lie between certified bounds, but for the measurement's rounding.

    Predicted is the nearest value within the bounds: the difference is the distance to the enclosure. An enclosure
    without finite bounds predicts nothing.
    """
    lower, upper = (np.broadcast_to(side, measured.shape) for side in bounds)
    nearest = np.where(np.isnan(measured), lower, np.clip(measured, lower, upper))
    nearest = np.where(np.isfinite(lower) & np.isfinite(upper), nearest, np.nan)
    prediction = Prediction(ENCLOSURE, nearest, np.array(rounding), scope, scale=1.0, resolution=ANY_WIDTH)
    return compare(prediction, Measurement(ENCLOSURE, measured, "float64", None, {}))


def truncated(
    values: Floats,
    polynomial: Floats,
    bounds: tuple[Floats, Floats],
    rounding: Floats,
    scope: Mapping[str, str | int],
) -> Discrepancy:
    """T_n taken for the network: the difference (cases, points), and whether the certified truncation explains it."""
    lower, upper = (np.broadcast_to(side, values.shape) for side in bounds)
    difference = values - polynomial
    within = entries_within(difference, rounding)
    left = difference - np.clip(difference, lower, upper)
    verdict, reason = judge(within, polynomial, values, rounding, 1.0, "float64", ANY_WIDTH)
    explained = entries_within(left, rounding)
    return Discrepancy(
        quantity="Taylor polynomial in place of the network",
        predicted=polynomial,
        measured=values,
        difference=_norm(difference),
        causes={"rounding": _norm(rounding), "truncation, certified": _norm(np.maximum(abs(lower), abs(upper)))},
        unexplained=Uncertain(_norm(left), _norm(rounding)),
        verdict=verdict,
        explained=explained,
        reason="the certified truncation accounts for it" if explained and not within else reason,
        scope=dict(scope),
    )


def _norm(values: Floats) -> float:
    return float(np.linalg.norm(values))

"""Errors of difference quotients over the step, as a picture: what was computed, and what the model expects."""

import math

from residua_bridge.findings import Curve, Figure
from residua_symbolic.difference_formulas import FORMULAS
from residua_symbolic.differences import Differences, Row, differences
from residua_symbolic.expressions.evaluation import PointError

STEPS = tuple(10.0 ** (-k / 4) for k in range(1, 61))  # powers of two would make many a rounding vanish
SHOWN = ("forward", "central", "richardson")  # backward runs along forward


def error_curves(found: Differences) -> Figure:
    """|quotient − derivative| over h from 0.56 down to 1e-15 in float64, as computed and as the model expects (rms).

    Steps so large that a quotient does not exist are left out.
    """
    rows = _rows(found)
    curves = []
    for name in (name for name in FORMULAS if name in SHOWN):
        quotients = [(row.step, getattr(row, name)) for row in rows]
        steps = tuple(h for h, _ in quotients)
        expected = tuple(math.hypot(q.truncation, q.expected_rounding) for _, q in quotients)
        computed = tuple(abs(q.truncation + q.rounding) for _, q in quotients)
        curves.append(Curve(f"{name}: predicted", "predicted", steps, expected))
        curves.append(Curve(f"{name}: measured", "measured", steps, computed))
    title = f"Errors of difference quotients of {found.expression!s:.60}"
    return Figure("errors", title, "step h", "absolute error", tuple(curves), "log", "log")


def _rows(found: Differences) -> tuple[Row, ...]:
    """Of all steps, or of those that do not lead out of the domain: the largest are left out first."""
    for first in range(len(STEPS)):
        try:
            return differences(found.program, dict(found.point), STEPS[first:], found.variable).rows
        except PointError:
            continue
    return ()

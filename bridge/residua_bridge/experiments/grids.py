"""Tables of the symbolic side as tables of a report, and counts that must be equal as comparisons."""

from collections.abc import Sequence

import numpy as np
import sympy as sp

from residua_bridge.compare import compare
from residua_bridge.findings import Cell, Table
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement
from residua_symbolic import Prediction
from residua_symbolic.printing import latex
from residua_symbolic.tables import Grid


def table_of(title: str, grid: Grid, caption: str = "") -> Table:
    """The same rows, formulas between dollars."""
    return Table(title, tuple(map(str, grid.columns)), tuple(tuple(map(_cell, row)) for row in grid.rows), caption)


def _cell(value: object) -> Cell:
    if isinstance(value, sp.Basic):
        return f"${latex(value)}$"
    return value if isinstance(value, str | int | float | bool) else str(value)


def exactly(quantity: str, predicted: Sequence[int], measured: Sequence[int], **scope: str | int) -> Discrepancy:
    """Whole numbers that were predicted beside those that were counted; no bar, for counting does not round."""
    sides = [np.array([[float(value)] for value in values]) for values in (predicted, measured)]
    prediction = Prediction(quantity, sides[0], np.zeros_like(sides[0]), {"cases": len(predicted), **scope}, 1.0)
    return compare(prediction, Measurement(quantity, sides[1], "float64", None, {}))

"""A Taylor polynomial beside its function, with the band in which the function is certified to lie."""

import warnings

import numpy as np
import sympy as sp

from residua_bridge.findings import Curve, Figure
from residua_bridge.verdict import Floats
from residua_network import ResiduaError
from residua_symbolic.series.expression import ConvergenceWarning, ExpressionSeries

POINTS = 241
FARTHEST = 1.5  # heights of the picture beyond it in which f is still drawn
CELLS = 24  # on each side of the point: the band is constant on a cell


def series_with_band(found: ExpressionSeries, lower: object, upper: object) -> Figure:
    """f, T_n, and T_n ± a bound of |f − T_n| that holds from the point of expansion as far as there.

    Where no bound can be had there is no band.
    """
    if len(found.variables) > 1:
        raise ResiduaError(f"plot: expected a function of one variable, got one of {', '.join(found.variables)}")
    (name,) = found.variables
    low, high = (float(ends[name]) for ends in found.corners(lower, upper))
    x = np.linspace(low, high, POINTS)
    polynomial, bounds = found(x), _bounds(found, name, x)
    values = _near(found.values(x), polynomial)
    curves = (
        Curve(f"f = {found.expression!s:.40}", "other", tuple(x.tolist()), tuple(values.tolist())),
        Curve(
            rf"predicted: $T_{{{found.order}}}$, and the band in which f lies",
            "predicted",
            tuple(x.tolist()),
            tuple(polynomial.tolist()),
            tuple(np.where(np.isfinite(bounds), bounds, np.nan).tolist()),
        ),
    )
    title = f"Taylor polynomial of order {found.order} of {found.expression!s:.60}"
    return Figure("taylor", title, name, "value", curves)


def _near(values: Floats, polynomial: Floats) -> Floats:
    """Without what is far beyond the polynomial and the middle half of the values, as f is beside a pole."""
    middle = np.nanquantile(np.append(values[np.isfinite(values)], polynomial[0]), [0.25, 0.75])
    low, high = min(middle[0], polynomial.min()), max(middle[1], polynomial.max())
    room = FARTHEST * (high - low) + abs(high) * np.finfo(np.float64).eps
    return np.where((values >= low - room) & (values <= high + room), values, np.nan)


def _bounds(found: ExpressionSeries, name: str, x: Floats) -> Floats:
    """At every x a certified bound of |f − T_n|, from the enclosure of the interval that reaches from the point to the
    end of x's cell."""
    at = float(found.at[name])
    bounds = np.zeros_like(x)
    for end in (x[0], x[-1]):
        if end == at:
            continue
        edges = at + (end - at) * np.arange(1, CELLS + 1) / CELLS
        edges[-1] = end
        sizes = [_largest(found, found.at[name], float(edge), edge > at) for edge in edges]
        cells = np.minimum((abs(x - at) / abs(end - at) * CELLS).astype(int), CELLS - 1)
        side = (x - at) * np.sign(end - at) > 0
        bounds[side] = np.array(sizes)[cells[side]]
    return bounds


def _largest(found: ExpressionSeries, at: sp.Expr, edge: float, above: bool) -> float:
    """A bound of |f − T_n| between the point and the edge."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # said for the whole interval
        bound = found.remainder(at, edge) if above else found.remainder(edge, at)
    return max(abs(float(bound.lower)), abs(float(bound.upper)))

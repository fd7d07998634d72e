"""Matrices as coloured cells, as SVG and PDF: the same bytes for the same data.

The scale of colours (viridis, pale for small) grows darker evenly, so that it is read without seeing colours, and in
print. Signs, zeros and what is not finite are told apart by marks in the cells.
"""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residua_bridge.figures import dollars, save_as, save_both
from residua_bridge.findings import Matrix, Panel
from residua_network.errors import ResiduaError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

MOST_CELLS = 4000  # more of them are smaller than a mark in them
WIDTH = 6.0  # inches
CELL = (0.13, 0.24)  # inches of a cell at least and at most
LABEL, BAR, HEAD = 0.6, 0.75, 0.6  # inches beside a panel, of the scale of colours, above and below a panel
SHADES = 64  # of the scale of colours
DARK = 0.55  # of the way along the scale of colours, black is seen less well than white
LAST = 300  # power of ten on the scale of colours
Ends = tuple[float, float]
MARK = "#D55E00"


def draw_matrix(matrix: Matrix, path: Path) -> Path:
    """Write the picture in the format that the ending of `path` names, .svg or .pdf.

    Raises ResiduaError for another ending, and where the picture cannot be drawn or the file not be written.
    """
    return save_as(path, lambda: _canvas(matrix), f"matrix {matrix.name!r}", matrix.title)


def draw_matrix_files(matrix: Matrix, folder: Path) -> list[Path]:
    """`<name>.svg` and `<name>.pdf` in `folder`; raises ResiduaError when the picture cannot be drawn."""
    return save_both(folder, matrix.name, lambda: _canvas(matrix), f"matrix {matrix.name!r}", matrix.title)


def _canvas(matrix: Matrix) -> "Canvas":
    from matplotlib.figure import Figure as Canvas

    panels = tuple(_checked(panel, matrix) for panel in matrix.panels)
    if not panels:
        raise ResiduaError(f"matrix {matrix.name!r}: expected at least one panel, got none")
    columns = max(len(panel.columns) for panel in panels)
    across = min(len(panels), max(1, int((WIDTH - BAR) / (columns * CELL[0] + LABEL))))
    lines = -(-len(panels) // across)
    cell = min(CELL[1], ((WIDTH - BAR) / across - LABEL) / columns)
    height = lines * (HEAD + cell * max(len(panel.rows) for panel in panels)) + 0.2
    canvas = Canvas(figsize=(BAR + across * (LABEL + cell * columns), height), layout="constrained")
    grid = canvas.subplots(lines, across, squeeze=False)
    ends = _ends(panels, matrix.decades)
    for k, (axes, panel) in enumerate(zip(grid.flat, panels, strict=False)):
        _panel(axes, panel, ends)
        if k + across >= len(panels):
            axes.set_xlabel(dollars(matrix.xlabel))
        if k % across == 0:
            axes.set_ylabel(dollars(matrix.ylabel))
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    _bar(canvas, grid, panels, ends, matrix.unit)
    return canvas


def _checked(panel: Panel, matrix: Matrix) -> Panel:
    where = f"matrix {matrix.name!r}, panel {panel.title!r}"
    sizes = {len(panel.columns), *map(len, panel.values)}
    if len(panel.values) != len(panel.rows) or len(sizes) > 1 or not panel.rows or not panel.columns:
        got = f"{len(panel.values)} rows of {sorted(set(map(len, panel.values)))}"
        raise ResiduaError(f"{where}: expected {len(panel.rows)} rows of {len(panel.columns)} values, got {got}")
    if len(panel.rows) * len(panel.columns) > MOST_CELLS:
        count = len(panel.rows) * len(panel.columns)
        raise ResiduaError(f"{where}: expected at most {MOST_CELLS} cells, got {count}")
    for i, j in panel.marked:
        if not (0 <= i < len(panel.rows) and 0 <= j < len(panel.columns)):
            raise ResiduaError(f"{where}: expected marked cells inside the matrix, got ({i}, {j})")
    return panel


def _ends(panels: Sequence[Panel], decades: float) -> Ends:
    """Of the scale of colours: from the smallest magnitude, but `decades` below the largest at most, to the largest."""
    sizes = [size for panel in panels for size in _magnitudes(panel)]
    if not sizes:
        return 0.1, 1.0
    # rounded outward to whole powers of ten, and kept off the ends of float64, where quotients overflow
    high = min(max(math.ceil(math.log10(max(sizes))), -LAST + 1), LAST)
    low = max(math.floor(math.log10(min(sizes))), high - max(1, math.ceil(decades)), -LAST)
    return 10.0 ** min(low, high - 1), 10.0**high


def _magnitudes(panel: Panel) -> Iterator[float]:
    return (abs(value) for row in panel.values for value in row if math.isfinite(value) and value)


def _panel(axes: "Axes", panel: Panel, ends: Ends) -> None:
    import numpy as np

    values = np.array(panel.values, dtype=float)
    shown = np.ma.masked_where(~np.isfinite(values) | (values == 0), abs(values))
    shown = np.ma.clip(shown, *ends)
    axes.pcolormesh(shown, cmap=_shades(), norm=_scale(ends), edgecolors="white", linewidth=0.4)
    axes.set(xlim=(0, len(panel.columns)), ylim=(len(panel.rows), 0), aspect="equal")
    axes.set_title(dollars(panel.title), fontsize=8)
    axes.grid(False)
    axes.tick_params(length=0, labelsize=6.5)
    axes.set_xticks(_middles(panel.columns), list(map(dollars, panel.columns)))
    axes.set_yticks(_middles(panel.rows), list(map(dollars, panel.rows)))
    for (i, j), value in np.ndenumerate(values):
        _mark(axes, i, j, float(value), ends)
    for i, j in panel.marked:
        _frame(axes, i, j)
    for side in ("left", "right", "top", "bottom"):
        axes.spines[side].set(visible=True, color="#808080", linewidth=0.5)


def _middles(labels: Sequence[str]) -> list[float]:
    return [k + 0.5 for k in range(len(labels))]


def _mark(axes: "Axes", i: int, j: int, value: float, ends: Ends) -> None:
    """A minus sign in a negative cell, a cross where nothing can be drawn."""
    if math.isfinite(value) and value >= 0:
        return
    dark = math.isfinite(value) and -value > ends[0] ** (1 - DARK) * ends[1] ** DARK
    style: dict[str, Any] = {"color": "white" if dark else "black", "linewidth": 0.7, "solid_capstyle": "butt"}
    if math.isfinite(value):
        axes.plot((j + 0.35, j + 0.65), (i + 0.5, i + 0.5), **style)
        return
    for start, end in ((0.25, 0.75), (0.75, 0.25)):
        axes.plot((j + 0.25, j + 0.75), (i + start, i + end), **style)


def _frame(axes: "Axes", i: int, j: int) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((j + 0.06, i + 0.06), 0.88, 0.88, fill=False, edgecolor=MARK, linewidth=1.1, zorder=4))


def _bar(canvas: "Canvas", grid: Any, panels: Sequence[Panel], ends: Ends, unit: str) -> None:
    """The scale of colours; pointed below where something is smaller than it shows."""
    from matplotlib.cm import ScalarMappable

    below = any(size < ends[0] for panel in panels for size in _magnitudes(panel))
    drawn = ScalarMappable(_scale(ends), _shades())
    bar = canvas.colorbar(
        drawn, ax=list(grid.flat), extend="min" if below else "neither", fraction=0.05, pad=0.02, shrink=0.9
    )
    bar.set_label(dollars(unit))
    bar.ax.tick_params(labelsize=6.5)
    bar.minorticks_off()


def _scale(ends: Ends) -> Any:
    from matplotlib.colors import LogNorm

    return LogNorm(*ends)


def _shades() -> Any:
    import matplotlib

    return matplotlib.colormaps["viridis_r"].resampled(SHADES)

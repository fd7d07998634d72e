"""Budgets as waterfalls, as SVG and PDF: from predicted through each cause to measured; same bytes for same data.

Each bar begins where the one above it ends. Causes that add are plain and blue, those that take away hatched and
orange, what none explains is grey and cross-hatched: told apart without seeing colours, and by the signs beside them.
"""

import math
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residua_bridge.figures import dollars, save_as, save_both
from residua_bridge.findings import BudgetText, Steps, Waterfall
from residua_network.errors import ResiduaError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

MOST = 8  # panels of a picture; more do not fit a page
MOST_TICKS, LETTERS = 5, 26  # below a panel: ticks, and letters of all labels, which its width has room for
WIDTH = 6.2  # inches
ROW, HEAD, FOOT = 0.19, 0.34, 0.42  # inches of a row, above and below a panel
ADDS: dict[str, Any] = {"facecolor": "#0072B2", "edgecolor": "#0072B2"}
TAKES: dict[str, Any] = {"facecolor": "#F6D5BF", "edgecolor": "#D55E00", "hatch": "/////"}
REST: dict[str, Any] = {"facecolor": "#e4e4e4", "edgecolor": "#505050", "hatch": "xxxxx"}
BAR: dict[str, Any] = {"color": "black", "linewidth": 0.9, "capsize": 2.0, "zorder": 5}


def draw_waterfall(waterfall: Waterfall, path: Path) -> Path:
    """Write the picture in the format that the ending of `path` names, .svg or .pdf.

    Raises ResiduaError for another ending, and where the picture cannot be drawn or the file not be written.
    """
    return save_as(path, lambda: _canvas(waterfall), f"waterfall {waterfall.name!r}", waterfall.title)


def draw_waterfall_files(waterfall: Waterfall, folder: Path) -> list[Path]:
    """`<name>.svg` and `<name>.pdf` in `folder`; raises ResiduaError when the picture cannot be drawn."""
    where = f"waterfall {waterfall.name!r}"
    return save_both(folder, waterfall.name, lambda: _canvas(waterfall), where, waterfall.title)


def _canvas(waterfall: Waterfall) -> "Canvas":
    from matplotlib.figure import Figure as Canvas

    panels = waterfall.panels
    if not 1 <= len(panels) <= MOST:
        raise ResiduaError(f"waterfall {waterfall.name!r}: expected 1 to {MOST} panels, got {len(panels)}")
    across = 1 if len(panels) == 1 else 2
    lines = -(-len(panels) // across)
    rows = [max(len(_rows(p.budget)) for p in panels[k : k + across]) for k in range(0, len(panels), across)]
    heights = [ROW * (count + 2) + HEAD + FOOT for count in rows]
    canvas = Canvas(figsize=(WIDTH if across > 1 else 0.75 * WIDTH, sum(heights)), layout="constrained")
    grid = canvas.subplots(lines, across, squeeze=False, gridspec_kw={"height_ratios": heights})
    for k, (axes, panel) in enumerate(zip(grid.flat, panels, strict=False)):
        _panel(axes, panel)
        if k + across >= len(panels):
            axes.set_xlabel(dollars(waterfall.xlabel))
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    return canvas


def _rows(budget: BudgetText) -> list[tuple[str, float, float]]:
    """Each cause with its size and bar, the unexplained rest last."""
    causes = [(term.cause, term.value, term.bar) for term in budget.terms]
    return [*causes, ("unexplained", budget.unexplained, budget.unexplained_bar)]


def _panel(axes: "Axes", panel: Steps) -> None:
    budget = panel.budget
    steps = _rows(budget)
    digits = _digits(budget)
    labels, said = ["predicted"], [f"{budget.predicted:.{digits}g}"]
    _mark(axes, budget.predicted, 0, marker="D")
    reached = budget.predicted
    for row, (cause, value, bar) in enumerate(steps, start=1):
        style = REST if cause == "unexplained" else ADDS if value >= 0 else TAKES
        _step(axes, row, reached, value, bar, style)
        reached += value
        labels.append(cause)
        said.append(f"{value:+.2g} ± {bar:.1g}")
    last = len(steps) + 1
    _mark(axes, budget.measured, last, marker="o", bar=budget.bar)
    labels.append("measured")
    said.append(f"{budget.measured:.{digits}g} ± {budget.bar:.1g}")
    axes.set_title(dollars(panel.title), fontsize=8, loc="left")
    axes.set(ylim=(last + 0.6, -0.6))
    axes.set_yticks(range(last + 1), list(map(dollars, labels)))
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    axes.ticklabel_format(axis="x", useOffset=False)
    axes.set_xlim(*_ends(budget))
    _few_ticks(axes)
    for row, words in enumerate(said):
        _say(axes, words, 1.02, row)


def _few_ticks(axes: "Axes") -> None:
    """As many as have room for their labels: those of a span far below the value are long."""
    axes.locator_params(axis="x", nbins=MOST_TICKS)
    low, high = axes.get_xlim()
    ticks = [float(x) for x in axes.get_xticks() if low <= x <= high]
    longest = max(map(len, axes.xaxis.get_major_formatter().format_ticks(ticks)), default=0)
    axes.set_xticks(ticks[:: math.ceil(len(ticks) / max(1, LETTERS // (2 + longest))) or 1])


def _digits(budget: BudgetText) -> int:
    """As many as show the bar of what was measured, 5 at least, 10 at most."""
    size = max(abs(budget.predicted), abs(budget.measured))
    if not 0 < budget.bar <= size < math.inf:
        return 5
    return min(10, max(5, 2 + math.floor(math.log10(size / budget.bar))))


def _ends(budget: BudgetText) -> tuple[float, float]:
    """Of the axis: everything that is drawn, with its error bars and a margin."""
    reached = list(accumulate((value for _, value, _ in _rows(budget)), initial=budget.predicted))
    bars = [0.0, *(bar for _, _, bar in _rows(budget))]
    points = [*zip(reached, bars, strict=True), (budget.measured, budget.bar)]
    ends = [x + sign * bar for x, bar in points for sign in (-1, 1) if math.isfinite(x) and math.isfinite(bar)]
    if not ends:
        return -1.0, 1.0
    margin = 0.06 * (max(ends) - min(ends)) or 0.06 * abs(ends[0]) or 1.0
    return min(ends) - margin, max(ends) + margin


def _say(axes: "Axes", words: str, x: float, row: int) -> None:
    """Words in a row, x from 0 to 1 being the width of the axes."""
    place: Any = ("axes fraction", "data")
    axes.annotate(words, (x, row), xycoords=place, va="center", fontsize=6.5, annotation_clip=False)


def _step(axes: "Axes", row: int, start: float, value: float, bar: float, style: dict[str, Any]) -> None:
    """A bar from `start` to `start + value`, its error bar at the end, and a line down to the next."""
    end = start + value
    if not math.isfinite(end):
        axes.annotate(
            "not finite", (0.5, row), xycoords=("axes fraction", "data"), ha="center", va="center", fontsize=6.5
        )
        return
    axes.barh(row, value, left=start, height=0.62, linewidth=0.8, zorder=3, **style)
    axes.plot((start, start), (row - 1 + 0.31, row - 0.31), color="#808080", linewidth=0.6, zorder=2)
    axes.plot((end, end), (row + 0.31, row + 1 - 0.31), color="#808080", linewidth=0.6, zorder=2)
    if math.isfinite(bar):
        axes.errorbar(end, row, xerr=bar, **BAR)


def _mark(axes: "Axes", value: float, row: int, marker: str, bar: float = 0.0) -> None:
    if math.isfinite(value):
        axes.errorbar(value, row, xerr=bar if math.isfinite(bar) else 0.0, marker=marker, markersize=5, **BAR)

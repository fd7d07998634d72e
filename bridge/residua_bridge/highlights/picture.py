"""The picture at the top of the README: one popular number, predicted and measured, and the causes of the difference.

The three panels share the axis of the growth, and the dashed line of the popular number runs through all of them: each
waterfall begins at that line and ends at the height of a measured point of the first panel.
"""

from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residua_bridge.claims import Evidence
from residua_bridge.figures import save_as
from residua_bridge.findings import BudgetText, Cell, Curve
from residua_bridge.highlights.row import require, shown
from residua_bridge.highlights.rows import BATCH, BATCHNORM, CONFIRMED, PASSES_FOR, inner_growth
from residua_bridge.waterfall_drawing import ADDS, REST, TAKES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

NAME = "at-a-glance.svg"
TITLE = "One popular number, predicted and measured, with the causes of the difference"
_PICTURE, _STORY, _BUDGETS = "the picture", "story", "story-budget"
_QUESTION = "Does batch norm multiply squared gradients by $\\mathbf{\\pi/(\\pi-1)}$ a layer?"
_WIDTH, _HEIGHT = 8.6, 4.1  # inches; 96 pixels each on a page
# fixed: what a solver lays out may differ in the last bit from one drawing to the next
_PLACES: dict[str, Any] = {
    "left": 0.05, "right": 0.995, "bottom": 0.19, "top": 0.87, "wspace": 0.18, "width_ratios": (0.9, 1, 1)
}  # fmt: skip
_GREY, _DARK, _LAW = "#707070", "#303030", "#007A59"
_POINTS: dict[str, Any] = {
    "color": "black", "marker": "o", "markersize": 6, "markeredgecolor": "white", "markeredgewidth": 0.8, "capsize": 3,
    "zorder": 6,
}  # fmt: skip
_TOO_SMALL = 1e-3  # of the error bar of what was measured: a cause or a bar that no picture shows
_BELOW, _ABOVE = 0.22, 0.1  # of the range of the axis: room for words


@dataclass(frozen=True)
class Step:
    """A depth of the net with its waterfall, and what the popular number would pass for by itself."""

    depth: int
    passes_for: str
    budget: BudgetText


@dataclass(frozen=True)
class Glance:
    """All that the picture shows. `law` is the prediction along the layers averaged, `points` what was measured."""

    law: Curve
    points: Curve
    depths: tuple[int, ...]
    popular: float
    inner: float
    steps: tuple[Step, ...]


def glance(e: Evidence) -> Glance:
    """What the picture shows, from the findings; raises ResiduaError where it is not there."""
    rows = e.table(BATCHNORM, "One number at every depth").rows()
    depths = {float(row["layers averaged"]): int(row["depth"]) for row in rows}
    confirmed = [row for row in rows if row[PASSES_FOR] == CONFIRMED]
    require(len(confirmed) == 1 and confirmed[0] != rows[0], _PICTURE, "one depth seems to confirm π/(π−1)")
    curves = [c for s in e.sections(BATCHNORM) for f in s.figures if f.name == _STORY for c in f.curves]
    by_source = {curve.source: curve for curve in curves if curve.source != "other"}
    require(len(by_source) == 2, _PICTURE, f"figure {_STORY!r} has a prediction and a measurement")
    points = by_source["measured"]
    require(set(points.x) <= set(depths), _PICTURE, "every point of it has a depth")
    steps = tuple(
        Step(int(row["depth"]), str(row[PASSES_FOR]), _budget(e, row["depth"])) for row in (rows[0], confirmed[0])
    )
    popular = steps[0].budget.predicted
    return Glance(by_source["predicted"], points, tuple(depths[x] for x in points.x), popular, inner_growth(e), steps)


def _budget(e: Evidence, depth: Cell) -> BudgetText:
    panels = [p for s in e.sections(BATCHNORM) for w in s.waterfalls if w.name == _BUDGETS for p in w.panels]
    found = [panel.budget for panel in panels if panel.title == f"depth {depth}"]
    require(len(found) == 1, _PICTURE, f"there is a waterfall of depth {depth}")
    return found[0]


def caption(story: Glance) -> str:
    """What is to be seen, in words."""
    low, high = story.steps
    causes = {term.cause: term.value for term in high.budget.terms}
    require({"edge layer", "finite batch"} <= set(causes), _PICTURE, "an edge layer and a finite batch are causes")
    edge, batch = shown(causes["edge layer"], 2), shown(causes["finite batch"], 2)
    return (
        f"Left: what residua derives for nets of Linear → BatchNorm → ReLU at batch {BATCH} (line), and what it "
        "measures on torch models (points, larger than their error bars). Right: from the popular number "
        "to the measured one, each cause computed by its own means, none fitted to close the gap. At depth "
        f"{low.depth} the number seems {low.passes_for}. At depth {high.depth} it seems {high.passes_for}, because "
        f"{edge} (the first layer, whose input is not rectified) and +{batch} (the batch is finite) cancel."
    )


def draw(story: Glance, path: Path) -> Path:
    """The picture, as SVG: same bytes for the same data."""
    return save_as(path, lambda: _canvas(story), "at a glance", TITLE)


def _canvas(story: Glance) -> "Canvas":
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(_WIDTH, _HEIGHT))
    grid: Any = canvas.subplots(1, 3, sharey=True, gridspec_kw=_PLACES)
    along, *falls = grid
    canvas.text(0.008, 0.99, _QUESTION, fontsize=11, fontweight="bold", va="top")
    _along_depth(along, story)
    low, high = _range(story)
    for axes, step in zip(falls, story.steps, strict=True):
        _waterfall(axes, step, low)
    for axes in grid:
        axes.axhline(story.popular, color=_DARK, linewidth=1.1, linestyle=(0, (5, 3)), zorder=2)
        axes.tick_params(labelsize=8.5)
        axes.grid(False)
    along.set_ylim(low, high)
    return canvas


def _range(story: Glance) -> tuple[float, float]:
    """Of the axis: everything that is drawn, with room for words."""
    seen = [story.popular, story.inner, *story.points.y, *story.law.y]
    for step in story.steps:
        seen += accumulate((term.value for term in step.budget.terms), initial=step.budget.predicted)
    size = max(seen) - min(seen)
    return min(seen) - _BELOW * size, max(seen) + _ABOVE * size


def _along_depth(axes: "Axes", story: Glance) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    x, y = story.points.x, story.points.y
    axes.set_xscale("log")
    axes.plot(story.law.x, story.law.y, color=_LAW, linewidth=2.4, zorder=3)
    axes.plot((x[0], x[-1]), (story.inner, story.inner), color=_LAW, linewidth=1.1, linestyle=":", zorder=2)
    axes.errorbar(x, y, yerr=story.points.spread, linestyle="none", **_POINTS)
    arrow: Any = {"arrowstyle": "<->", "color": _DARK, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 4}
    axes.annotate("", (x[0], y[0]), (x[0], story.popular), arrowprops=arrow)
    axes.set_title("Squared gradient: growth per layer", fontsize=9, loc="left")
    axes.set_xlabel("depth of the net", fontsize=9)
    axes.set_xlim(0.8 * x[0], 1.25 * x[-1])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator(x))
    axes.set_xticks(x, [str(depth) for depth in story.depths])
    _say(axes, x[0], story.inner, f"derived, an inner layer: {shown(story.inner, 4)}", "bottom", _LAW)
    _say(axes, x[0], story.popular, "popular: $\\pi/(\\pi-1)$", "bottom", _DARK)
    _say(axes, 1.14 * x[1], y[1] - 0.006, "derived,\nfirst layer included", "top", _LAW)
    _say(axes, 1.14 * x[0], y[0], "measured", "center", _DARK)


def _waterfall(axes: "Axes", step: Step, low: float) -> None:
    """A bar a cause, its size and error bar written below."""
    budget = step.budget
    small = _TOO_SMALL * budget.bar
    terms = [(t.cause, t.value, t.bar) for t in budget.terms if abs(t.value) + t.bar > small]
    terms.append(("unexplained", budget.unexplained, budget.unexplained_bar))
    reached = budget.predicted
    for k, (cause, value, bar) in enumerate(terms):
        style = REST if cause == "unexplained" else ADDS if value >= 0 else TAKES
        axes.bar(k, value, bottom=reached, width=0.66, linewidth=0.9, zorder=3, **style)
        reached += value
        axes.plot((k - 0.33, k + 1.33), (reached, reached), color=_GREY, linewidth=0.7, zorder=2)
        if bar > small:
            axes.errorbar(k, reached, yerr=bar, color="black", linewidth=0.9, capsize=2.5, zorder=5)
        _size(axes, k, low, f"{value:+.3f}".replace("-", "−"), f"±{bar:.3f}" if bar > small else "exact")
    if step.passes_for == CONFIRMED:
        lowest = budget.predicted + min(accumulate(value for _, value, _ in terms))
        axes.annotate(
            "two errors\ncancel", (0.5, lowest), xytext=(0, -5), textcoords="offset points", fontsize=8.5, ha="center",
            va="top", color=_DARK,
        )  # fmt: skip
    last = len(terms)
    axes.errorbar(last, budget.measured, yerr=budget.bar, **_POINTS)
    _size(axes, last, low, f"{budget.measured:.3f}", f"±{budget.bar:.3f}")
    axes.set_title(rf"Depth {step.depth}: $\pi/(\pi-1)$ seems {step.passes_for}", fontsize=9, loc="left")
    axes.set_xlim(-0.55, last + 0.55)
    axes.set_xticks(range(last + 1), [*(cause for cause, *_ in terms), "measured"], rotation=40, ha="right")
    axes.tick_params(axis="both", length=0, pad=1)


def _size(axes: "Axes", k: int, low: float, value: str, bar: str) -> None:
    """The two numbers of a column, one above the other at the foot of the axes."""
    axes.annotate(value, (k, low), xytext=(0, 14), textcoords="offset points", fontsize=7.2, ha="center")
    axes.annotate(bar, (k, low), xytext=(0, 4), textcoords="offset points", fontsize=7, ha="center", color=_GREY)


def _say(axes: "Axes", x: float, y: float, words: str, va: str, colour: str) -> None:
    axes.text(x, y, words, fontsize=8.5, color=colour, va=va, ha="left", zorder=6)

"""Figures as SVG and PDF: the same bytes for the same data, told apart by shape as well as by colour.

Predicted curves are lines, measured ones markers with error bars, others thin grey lines.
"""

import logging
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residua_bridge.findings import Curve, Figure
from residua_bridge.formats._text import pieces
from residua_network.errors import ResiduaError

if TYPE_CHECKING:  # matplotlib takes a third of a second to load; the command line must not wait for it
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

# Okabe and Ito's palette, without the yellow that is hard to see on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREYS = ("#707070", "#9a9a9a", "#4d4d4d")
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
MANY = 60  # more points than this are drawn as a line with a band: markers would run together

_STYLE = {
    "font.size": 10,
    "axes.labelsize": 10,
    "legend.fontsize": 9,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
    "errorbar.capsize": 2.5,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "residua",
}
_METADATA: Mapping[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": "residua"},
    "pdf": {"CreationDate": None, "Creator": "residua", "Producer": None},
}


@dataclass(frozen=True)
class _Points:
    """What of a curve can be drawn: gaps are NaN; `label` says what is missing."""

    x: list[float]
    y: list[float]
    spread: list[float]
    label: str
    kept: list[bool]


def file_stem(name: str) -> str:
    """`name` if it is safe as a file name in any folder and document; raises ResiduaError otherwise."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", name):
        raise ResiduaError(f"file name: expected letters, digits, - and _ (at most 80), got {name!r}")
    return name


def draw(figure: Figure, folder: Path) -> list[Path]:
    """`<name>.svg` and `<name>.pdf` in `folder`; raises ResiduaError when the figure cannot be drawn."""
    import matplotlib.style

    paths = [folder / f"{file_stem(figure.name)}.{ending}" for ending in _METADATA]
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it remarks on the dates in matplotlib's own fonts
    with matplotlib.style.context(["default", _STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph .* missing")
        try:
            canvas = _canvas(figure)
            for path, metadata in zip(paths, _METADATA.values(), strict=True):
                canvas.savefig(path, metadata={**metadata, "Title": figure.title})
        except ResiduaError:
            raise
        except (ValueError, UserWarning) as error:  # mathematics that matplotlib cannot set, a glyph it does not have
            raise ResiduaError(f"figure {figure.name!r}: {str(error).strip().splitlines()[0]}") from error
    return paths


def _canvas(figure: Figure) -> "Canvas":
    from matplotlib.figure import Figure as Canvas

    columns = 1 if any(len(curve.label) > 34 for curve in figure.curves) else 2
    rows = -(-len(figure.curves) // columns)
    canvas = Canvas(figsize=(6, 4 + 0.2 * max(0, rows - 3)), layout="constrained")
    axes = canvas.add_subplot(xscale=figure.xscale, yscale=figure.yscale)
    axes.set(xlabel=_dollars(figure.xlabel), ylabel=_dollars(figure.ylabel))
    for curve, style in zip(figure.curves, _styles(figure.curves), strict=True):
        _curve(axes, curve.source, _points(curve, figure), style)
    if axes.get_legend_handles_labels()[1]:
        canvas.legend(loc="outside lower center", ncols=columns, frameon=False)
    return canvas


def _styles(curves: tuple[Curve, ...]) -> Iterator[dict[str, Any]]:
    """One style a curve; a prediction and a measurement that belong together share their colour."""
    ranks = _ranks(curves)
    for curve, k in zip(curves, ranks, strict=True):
        if curve.source == "measured":
            yield {"color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)]}
        elif curve.source == "predicted":
            yield {"color": COLOURS[k % len(COLOURS)], "linestyle": DASHES[k % len(DASHES)]}
        else:
            yield {"color": GREYS[k % len(GREYS)], "linestyle": DASHES[k % len(DASHES)], "linewidth": 0.9}


def _ranks(curves: tuple[Curve, ...]) -> list[int]:
    """By label where predictions and measurements share labels, else by order among those of the same source."""
    labels = {source: [c.label for c in curves if c.source == source] for source in ("predicted", "measured", "other")}
    joint = list(dict.fromkeys(labels["predicted"] + labels["measured"]))
    shared = set(labels["predicted"]) & set(labels["measured"])
    seen = dict.fromkeys(labels, -1)
    ranks = []
    for curve in curves:
        seen[curve.source] += 1
        by_label = shared and curve.source != "other"
        ranks.append(joint.index(curve.label) if by_label else seen[curve.source])
    return ranks


def _points(curve: Curve, figure: Figure) -> _Points:
    """The curve with gaps where it cannot be drawn; what is left out is counted in the label."""
    if len(curve.x) != len(curve.y) or len(curve.spread) not in (0, len(curve.y)):
        sizes = f"{len(curve.x)}, {len(curve.y)} and {len(curve.spread)}"
        raise ResiduaError(f"figure {figure.name!r}, curve {curve.label!r}: x, y and spread have lengths {sizes}")
    points = list(zip(curve.x, curve.y, strict=True))
    finite = [math.isfinite(x) and math.isfinite(y) for x, y in points]
    kept = [
        ok and (figure.xscale == "linear" or x > 0) and (figure.yscale == "linear" or y > 0)
        for ok, (x, y) in zip(finite, points, strict=True)
    ]
    label = _label(curve, len(finite) - sum(finite), sum(finite) - sum(kept))
    spread = [abs(s) if math.isfinite(s) else 0.0 for s in curve.spread]
    x, y = (
        [value if ok else math.nan for value, ok in zip(values, kept, strict=True)] for values in (curve.x, curve.y)
    )
    return _Points(x, y, spread, label, kept)


def _label(curve: Curve, endless: int, nonpositive: int) -> str:
    """The legend entry: the label, the source unless the label names it, and what is not drawn."""
    said = curve.source == "other" or curve.source in curve.label.lower()
    label = _dollars(curve.label) if said else f"{_dollars(curve.label)}, {curve.source}"
    counts = ((nonpositive, "not positive"), (endless, "not finite"))
    missing = [f"{count} of {len(curve.y)} {why}" for count, why in counts if count]
    label = f" {label}" if label.startswith("_") else label  # matplotlib keeps such labels out of legends
    return f"{label} (not drawn: {', '.join(missing)})" if missing else label


def _curve(axes: "Axes", source: str, points: _Points, style: dict[str, Any]) -> None:
    if source != "measured":
        _line(axes, points, {**style, **_dashes_at(_alone(points.kept)), "zorder": 4})
        return
    if len(points.x) > MANY:
        _line(axes, points, {**style, "linewidth": 0.8, "alpha": 0.6, "markevery": len(points.x) // 12, "zorder": 3})
        return
    bars = points.spread or None
    axes.errorbar(points.x, points.y, yerr=bars, linestyle="none", label=points.label, zorder=3, **style)


def _line(axes: "Axes", points: _Points, style: dict[str, Any]) -> None:
    """A line with its band."""
    axes.plot(points.x, points.y, label=points.label, **style)
    if points.spread:
        low, high = ([y + sign * s for y, s in zip(points.y, points.spread, strict=True)] for sign in (-1, 1))
        axes.fill_between(points.x, low, high, color=style["color"], alpha=0.2, linewidth=0)


def _dashes_at(alone: list[int]) -> dict[str, Any]:
    """A point between two gaps, which no line would show, becomes a dash."""
    return {"marker": "_", "markersize": 10, "markevery": alone} if alone else {}


def _alone(kept: list[bool]) -> list[int]:
    padded = [False, *kept, False]
    return [k for k, here in enumerate(kept) if here and not padded[k] and not padded[k + 2]]


def _dollars(text: str) -> str:
    """`text` for matplotlib: only the dollars that mark mathematics are left unescaped."""
    return "".join(f"${piece}$" if maths else piece.replace("$", r"\$") for piece, maths in pieces(text))

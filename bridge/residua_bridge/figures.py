"""Figures as SVG and PDF: the same bytes for the same data, told apart by shape as well as by colour.

Predicted curves are lines, measured ones markers with error bars, both in the colour of their series and, where they
belong together, in one legend entry; others are thin dark lines on top of them.
"""

import logging
import math
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from residua_bridge.findings import Curve, Figure
from residua_bridge.formats._text import pieces
from residua_network.errors import ResiduaError

if TYPE_CHECKING:  # matplotlib takes a third of a second to load; the command line must not wait for it
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

# Okabe and Ito's palette, without the yellow that is hard to see on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DARKS = ("#000000", "#404040", "#606060")
DASHES = ("-", "--", "-.", ":")
FINE_DASHES = ((0, (5, 2)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1)), (0, (9, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
FEW = 12  # so many values on a logarithmic axis each get a tick
MANY = 60  # more points than this are drawn as a line with a band: markers would run together

_STYLE = {
    "font.size": 8.5,
    "axes.labelsize": 8.5,
    "legend.fontsize": 7.5,
    "legend.title_fontsize": 7.5,
    "legend.handlelength": 3,
    "legend.columnspacing": 1.5,
    "legend.labelspacing": 0.3,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.5,
    "errorbar.capsize": 2.5,
    "pdf.fonttype": 3,  # a third of the time; 42 cuts every font down to its glyphs, tables and all
    "svg.fonttype": "path",
    "svg.hashsalt": "residua",
}
_METADATA: Mapping[str, dict[str, str | None]] = {
    "svg": {"Date": None, "Creator": "residua"},
    "pdf": {"CreationDate": None, "Creator": "residua", "Producer": None},
}


@dataclass(frozen=True)
class _Points:
    """What of a curve can be drawn: gaps are NaN; `missing` says what is left out."""

    x: list[float]
    y: list[float]
    spread: list[float]
    missing: str
    kept: list[bool]


def file_stem(name: str) -> str:
    """`name` if it is safe as a file name in any folder and document; raises ResiduaError otherwise."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}", name):
        raise ResiduaError(f"file name: expected letters, digits, - and _ (at most 80), got {name!r}")
    return name


def draw(figure: Figure, folder: Path) -> list[Path]:
    """`<name>.svg` and `<name>.pdf` in `folder`; raises ResiduaError when the figure cannot be drawn."""
    return save_both(folder, figure.name, lambda: _canvas(figure), f"figure {figure.name!r}", figure.title)


def draw_into(figure: Figure, path: Path) -> Path:
    """Write the figure in the format that the ending of `path` names, .svg or .pdf.

    Raises ResiduaError for another ending, and where the figure cannot be drawn or the file not be written.
    """
    return save_as(path, lambda: _canvas(figure), f"figure {figure.name!r}", figure.title)


def save_both(folder: Path, name: str, make: "Callable[[], Canvas]", where: str, title: str) -> list[Path]:
    """What `make` draws in our style, as `<name>.svg` and `<name>.pdf` in `folder`."""
    paths = {ending: folder / f"{file_stem(name)}.{ending}" for ending in _METADATA}
    _save(make, paths, where, title)
    return list(paths.values())


def save_as(path: Path, make: "Callable[[], Canvas]", where: str, title: str) -> Path:
    """What `make` draws in our style, in a file whose ending names the format; what cannot be drawn leaves no file."""
    ending = path.suffix.lower().removeprefix(".")
    if ending not in _METADATA:
        raise ResiduaError(f"{path}: expected a file name that ends in .svg or .pdf, got {path.suffix or 'no ending'}")
    content = BytesIO()
    _save(make, {ending: content}, where, title)
    try:
        path.write_bytes(content.getvalue())
    except OSError as error:
        raise ResiduaError(f"{path}: expected to write a picture there, got: {error.strerror or error}") from error
    return path


def _save(make: "Callable[[], Canvas]", places: Mapping[str, Path | IO[bytes]], where: str, title: str) -> None:
    import matplotlib.style

    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it remarks on the dates in matplotlib's own fonts
    with matplotlib.style.context(["default", _STYLE]), warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph .* missing")
        try:
            canvas = make()
            for ending, place in places.items():
                canvas.savefig(place, format=ending, metadata={**_METADATA[ending], "Title": title})
        except ResiduaError:
            raise
        except (ValueError, UserWarning) as error:  # mathematics that matplotlib cannot set, a glyph it does not have
            raise ResiduaError(f"{where}: {str(error).strip().splitlines()[0]}") from error


def _canvas(figure: Figure) -> "Canvas":
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(_WIDTH, _HEIGHT), layout="constrained")
    axes = canvas.add_subplot(xscale=figure.xscale, yscale=figure.yscale)
    axes.set(xlabel=dollars(figure.xlabel), ylabel=dollars(figure.ylabel))
    drawn = [_points(curve, figure) for curve in figure.curves]
    styles = _styles(figure.curves)
    handles = [
        _curve(axes, curve.source, points, style)
        for curve, points, style in zip(figure.curves, drawn, styles, strict=True)
    ]
    _ticks(axes, figure, drawn)
    if handles:
        _legend(canvas, figure.curves, drawn, handles)
    return canvas


_WIDTH, _HEIGHT = 4.8, 2.15  # inches; the legend comes on top of the height
_ENTRY = 0.55  # inches of a legend entry that are not its words
_LETTER = 0.055  # inches of a letter


def _legend(canvas: "Canvas", curves: tuple[Curve, ...], drawn: list[_Points], handles: list[Any]) -> None:
    """Below the axes, in as many columns as fit; a prediction and its measurement share an entry."""
    entries: list[tuple[str, Any]] = []
    partners = _partners(curves)
    for k in sorted(range(len(curves)), key=lambda k: curves[k].source == "other"):
        curve, points = curves[k], drawn[k]
        if k not in partners:
            entries.append((_label(curve.source, curve.label, points), handles[k]))
        elif curve.source == "predicted":
            both = (handles[k], handles[partners[k]])
            entries.append((_joint_label(curve, points, drawn[partners[k]]), both))
    labels, shown = zip(*entries, strict=True)
    columns = next((n for n in (4, 3, 2) if n <= len(labels) and _legend_width(labels, n) <= _WIDTH), 1)
    rows = -(-len(entries) // columns)
    canvas.set_figheight(_HEIGHT + 0.16 * (rows + bool(partners)))
    title = "line: predicted; points: measured" if partners else None
    canvas.legend(shown, labels, loc="outside lower center", ncols=columns, frameon=False, title=title)


def _legend_width(labels: tuple[str, ...], columns: int) -> float:
    """About how many inches the legend takes; matplotlib fills it column by column, the first ones longer."""
    few, longer = divmod(len(labels), columns)
    width, start = 0.0, 0
    for column in range(columns):
        end = start + few + (column < longer)
        width += _ENTRY + _LETTER * max(map(len, labels[start:end]))
        start = end
    return width


def _ticks(axes: "Axes", figure: Figure, drawn: list[_Points]) -> None:
    """Plain numbers on logarithmic axes of small range, at the values themselves where these are few, or asked for."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    if figure.xscale == "log":
        seen = {x for points in drawn for x, kept in zip(points.x, points.kept, strict=True) if kept}
        values = sorted(figure.ticks or seen)
        if 0 < len(values) <= FEW and (figure.ticks or _plain(values[0], values[-1])):
            axes.xaxis.set_major_locator(FixedLocator(_apart(values)))
            axes.xaxis.set_minor_locator(FixedLocator(values))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
    if figure.yscale == "log":
        low, high = axes.get_ylim()
        if _plain(low, high) and high < 100 * low:
            axes.yaxis.set_major_locator(FixedLocator(_round_values(low, high)))
            axes.yaxis.set_minor_locator(NullLocator())
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.set_ylim(low, high)
        else:
            axes.yaxis.set_minor_formatter(NullFormatter())


def _plain(low: float, high: float) -> bool:
    """Whether numbers of that range are read more easily without powers of ten."""
    return low >= 1e-3 and high <= 1e4


def _apart(values: list[float]) -> list[float]:
    """Those of the values whose labels do not touch on a logarithmic axis."""
    span = math.log(values[-1] / values[0])
    chosen = values[:1]
    for value in values[1:]:
        room = 0.03 + 0.01 * (len(f"{value:g}") + len(f"{chosen[-1]:g}"))
        if math.log(value / chosen[-1]) >= room * span:
            chosen.append(value)
    return chosen


def _round_values(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, ... between the two; more of them where that leaves fewer than three."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for digits in ((10, 20, 50), (10, 15, 20, 30, 40, 50, 60, 80), range(10, 100, 2), range(100, 1000, 5)):
        scale = 100 if max(digits) > 100 else 10
        values = [float(f"{digit / scale:g}e{power}") for power in powers for digit in digits]
        inside = [value for value in values if low <= value <= high]
        if len(inside) >= 3:
            break
    return inside


def _styles(curves: tuple[Curve, ...]) -> Iterator[dict[str, Any]]:
    """One style a curve; a prediction and a measurement that belong together share their colour."""
    for curve, k in zip(curves, _ranks(curves), strict=True):
        if curve.source == "measured":
            yield {"color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)]}
        elif curve.source == "predicted":
            yield {"color": COLOURS[k % len(COLOURS)], "linestyle": DASHES[k % len(DASHES)]}
        elif len(curve.x) > MANY:  # dashes of a ragged line are not seen
            yield {"color": _pale(curve, curves, k), "linestyle": "-", "linewidth": 0.7}
        else:
            dashes = FINE_DASHES[k % len(FINE_DASHES)]
            yield {"color": DARKS[k % len(DARKS)], "linestyle": dashes, "linewidth": 1.0}


def _pale(curve: Curve, curves: tuple[Curve, ...], k: int) -> str:
    """The colour of the series that a ragged line belongs to: `X: loss of each batch` to `X: test loss`."""
    series = curve.label.rpartition(": ")[0]
    for other, rank in zip(curves, _ranks(curves), strict=True):
        if series and other.source != "other" and other.label.rpartition(": ")[0] == series:
            return COLOURS[rank % len(COLOURS)]
    return DARKS[k % len(DARKS)]


def _ranks(curves: tuple[Curve, ...]) -> list[int]:
    """By series where predictions and measurements share series, else by order among those of the same source."""
    paired = [_series(c) for c in curves if c.source != "other"]
    joint = list(dict.fromkeys(paired))
    by_series = bool(_partners(curves))
    seen = dict.fromkeys(("predicted", "measured", "other"), -1)
    ranks = []
    for curve in curves:
        seen[curve.source] += 1
        ranks.append(joint.index(_series(curve)) if by_series and curve.source != "other" else seen[curve.source])
    return ranks


def _series(curve: Curve) -> str:
    """The label without the word that names the source: `X: measured` and `measured, X` are both `X`."""
    return re.sub(rf"[\s,:;]*\b{curve.source}\b[\s,:;]*", " ", curve.label, flags=re.IGNORECASE).strip()


def _partners(curves: tuple[Curve, ...]) -> dict[int, int]:
    """For each predicted curve the measured one of the same series, and back; none where a series is not unique."""
    places: dict[str, dict[str, int]] = {"predicted": {}, "measured": {}, "other": {}}
    for k, curve in enumerate(curves):
        if curve.source != "other" and _series(curve) in places[curve.source]:
            return {}
        places[curve.source][_series(curve)] = k
    both = [
        (k, places["measured"][series]) for series, k in places["predicted"].items() if series in places["measured"]
    ]
    return dict(both) | {measured: predicted for predicted, measured in both}


def _points(curve: Curve, figure: Figure) -> _Points:
    """The curve with gaps where it cannot be drawn; what is left out is counted."""
    if len(curve.x) != len(curve.y) or len(curve.spread) not in (0, len(curve.y)):
        sizes = f"{len(curve.x)}, {len(curve.y)} and {len(curve.spread)}"
        raise ResiduaError(f"figure {figure.name!r}, curve {curve.label!r}: x, y and spread have lengths {sizes}")
    points = list(zip(curve.x, curve.y, strict=True))
    finite = [math.isfinite(x) and math.isfinite(y) for x, y in points]
    kept = [
        ok and (figure.xscale == "linear" or x > 0) and (figure.yscale == "linear" or y > 0)
        for ok, (x, y) in zip(finite, points, strict=True)
    ]
    counts = ((sum(finite) - sum(kept), "not positive"), (len(finite) - sum(finite), "not finite"))
    missing = ", ".join(f"{count} of {len(curve.y)} {why}" for count, why in counts if count)
    spread = [abs(s) if math.isfinite(s) else 0.0 for s in curve.spread]
    x, y = (
        [value if ok else math.nan for value, ok in zip(values, kept, strict=True)] for values in (curve.x, curve.y)
    )
    return _Points(x, y, spread, missing, kept)


def _label(source: str, words: str, points: _Points) -> str:
    """The legend entry: the label, the source unless the label names it, and what is not drawn."""
    said = source == "other" or source in words.lower()
    return _entry(words if said else f"{words}, {source}", points.missing)


def _joint_label(curve: Curve, predicted: _Points, measured: _Points) -> str:
    """The legend entry of a prediction and its measurement."""
    missing = [
        f"{one.missing} {source}" for one, source in ((predicted, "predicted"), (measured, "measured")) if one.missing
    ]
    return _entry(_series(curve) or "both", ", ".join(missing))


def _entry(words: str, missing: str) -> str:
    label = dollars(words)
    label = f" {label}" if label.startswith("_") else label  # matplotlib keeps such labels out of legends
    return f"{label} (not drawn: {missing})" if missing else label


def _curve(axes: "Axes", source: str, points: _Points, style: dict[str, Any]) -> Any:
    """Draws the curve; returns what a legend shows of it."""
    if source != "measured":
        width = {} if "linewidth" in style else {"alpha": 0.75, "linewidth": 1.8}
        height = 2 if len(points.x) > MANY else 4 if source == "other" else 3
        return _line(axes, points, {**style, **width, **_dashes_at(_alone(points.kept)), "zorder": height})
    if len(points.x) > MANY:
        sparse = {"linewidth": 0.8, "alpha": 0.6, "markevery": len(points.x) // 12, "zorder": 3}
        return _line(axes, points, {**style, **sparse})
    bars = points.spread or None
    return axes.errorbar(points.x, points.y, yerr=bars, linestyle="none", zorder=5, **style)


def _line(axes: "Axes", points: _Points, style: dict[str, Any]) -> Any:
    """A line with its band."""
    (line,) = axes.plot(points.x, points.y, **style)
    if points.spread:
        low, high = ([y + sign * s for y, s in zip(points.y, points.spread, strict=True)] for sign in (-1, 1))
        axes.fill_between(points.x, low, high, color=style["color"], alpha=0.2, linewidth=0)
    return line


def _dashes_at(alone: list[int]) -> dict[str, Any]:
    """A point between two gaps, which no line would show, becomes a dash."""
    return {"marker": "_", "markersize": 10, "markevery": alone} if alone else {}


def _alone(kept: list[bool]) -> list[int]:
    padded = [False, *kept, False]
    return [k for k, here in enumerate(kept) if here and not padded[k] and not padded[k + 2]]


def dollars(text: str) -> str:
    """`text` for matplotlib: only the dollars that mark mathematics are left unescaped."""
    return "".join(f"${piece}$" if maths else piece.replace("$", r"\$") for piece, maths in pieces(text))

"""Drawings of computation graphs, left to right, as SVG and PDF: the same bytes for the same data.

A node is a box with its label and, below it, what is to be said of it (a value, a derivative). Kinds differ in shape
as well as in colour. Lengths are in points; heights grow downwards.
"""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residua_bridge.figures import dollars, save_as, save_both
from residua_bridge.findings import Drawing
from residua_bridge.graph_layout import Layout, Place, is_node, laid_out, way
from residua_network.errors import ResiduaError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

MOST_NODES = 300  # more cannot be read, and take long to lay out
LABEL, BELOW, EDGE = 9.0, 7.5, 6.5  # font sizes
MARGIN, INSIDE, LEADING = 3.0, 4.0, 2.5  # around the drawing, inside a box, between its lines
GAP, WAY = 8.0, 2.0  # between two places of a layer; height of a line's own place
NARROW, WIDE, STEEP = 24.0, 90.0, 0.25  # between layers: at least, at most, and for each point that a line rises
PORTS = 9.0  # between two arrows that meet a box, at most
ARROW = (5.0, 2.0)  # long and half as wide
ALONG = (0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82)  # where on its line a label may stand, the best first
LINE = "#555555"

_BOXES: dict[str, dict[str, Any]] = {
    "input": {"facecolor": "#D9ECF7", "edgecolor": "#0072B2"},
    "constant": {"facecolor": "#F0F0F0", "edgecolor": "#606060", "linestyle": (0, (3, 1.5))},
    "operation": {"facecolor": "#FFFFFF", "edgecolor": "#303030"},
    "output": {"facecolor": "#FBE6D8", "edgecolor": "#D55E00", "linewidth": 2.0},
}


def draw_graph(drawing: Drawing, path: Path) -> Path:
    """Write the drawing in the format that the ending of `path` names, .svg or .pdf.

    Raises ResiduaError for another ending, and where the graph cannot be drawn or the file not be written.
    """
    return save_as(path, lambda: _canvas(drawing), f"drawing {drawing.name!r}", drawing.title)


def draw_graph_files(drawing: Drawing, folder: Path) -> list[Path]:
    """`<name>.svg` and `<name>.pdf` in `folder`; raises ResiduaError when the graph cannot be drawn."""
    return save_both(folder, drawing.name, lambda: _canvas(drawing), f"drawing {drawing.name!r}", drawing.title)


@dataclass(frozen=True)
class _Words:
    """A line of text as it is set: how wide, how far above and below its baseline."""

    text: str
    size: float
    width: float
    above: float
    below: float

    @property
    def height(self) -> float:
        return self.above + self.below


@dataclass(frozen=True)
class _Box:
    """A node as it is set."""

    kind: str
    lines: tuple[_Words, ...]

    @property
    def width(self) -> float:
        return max(self.height, 2 * INSIDE + max((line.width for line in self.lines), default=0.0))

    @property
    def height(self) -> float:
        return 2 * INSIDE + sum(line.height for line in self.lines) + LEADING * max(0, len(self.lines) - 1)


@dataclass(frozen=True)
class _Line:
    """A line from (left, start) to (right, end) that is level outside the gap between two layers, `begin` to `stop`."""

    left: float
    begin: float
    stop: float
    right: float
    start: float
    end: float

    def at(self, t: float) -> tuple[float, float]:
        """The point at t in [0, 1] of its way through the gap: a cubic Bézier curve, level at both ends."""
        middle, s = (self.begin + self.stop) / 2, 1 - t
        x = s**3 * self.begin + 3 * s * t * middle + t**3 * self.stop
        return x, self.start + (3 * t**2 - 2 * t**3) * (self.end - self.start)


def _words(text: str, size: float) -> _Words:
    """`text` in that size; a line without tall letters is as high as one with them."""
    from matplotlib.textpath import TextPath

    shown = dollars(text).strip()
    if not shown:
        return _Words("", size, 0.0, 0.0, 0.0)
    points = TextPath((0, 0), shown, size=size).vertices
    if not len(points):  # blanks only
        return _Words("", size, 0.0, 0.0, 0.0)
    (_, low), (right, high) = points.min(axis=0), points.max(axis=0)
    return _Words(shown, size, float(right), max(float(high), 0.76 * size), max(-float(low), 0.1 * size))


def _canvas(drawing: Drawing) -> "Canvas":
    from matplotlib.figure import Figure as Canvas

    picture = _Picture(_checked(drawing))
    canvas = Canvas(figsize=(picture.width / 72, picture.height / 72))
    axes = canvas.add_axes((0, 0, 1, 1), xlim=(0, picture.width), ylim=(picture.height, 0))
    axes.set_axis_off()
    picture.draw(axes)
    return canvas


def _checked(drawing: Drawing) -> Drawing:
    where, names = f"drawing {drawing.name!r}", [node.name for node in drawing.nodes]
    if not 0 < len(names) <= MOST_NODES:
        raise ResiduaError(f"{where}: expected between 1 and {MOST_NODES} nodes, as can be read, got {len(names)}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ResiduaError(f"{where}: expected nodes of different names, got twice: {', '.join(twice)}")
    strange = sorted({end for edge in drawing.edges for end in edge[:2]} - set(names))
    if strange:
        raise ResiduaError(f"{where}: expected edges between its nodes, got the ends {', '.join(strange)}")
    return drawing


class _Picture:
    """Where everything of a drawing is."""

    def __init__(self, drawing: Drawing) -> None:
        self.boxes = {
            node.name: _Box(
                node.kind,
                tuple(_words(text, size) for text, size in ((node.label, LABEL), (node.below, BELOW)) if text.strip()),
            )
            for node in drawing.nodes
        }
        self.edges = [(start, end) for start, end, _ in drawing.edges]
        self.labels = [_words(label, EDGE) for _, _, label in drawing.edges]
        sizes = {name: box.height for name, box in self.boxes.items()}
        last = frozenset(name for name, box in self.boxes.items() if box.kind == "output")
        try:
            self.layout: Layout = laid_out(sizes, self.edges, last, WAY, GAP)
        except ResiduaError as error:
            raise ResiduaError(f"drawing {drawing.name!r}: {error}") from error
        self.level = self.layout.level
        self.columns = self._columns()
        self.width = self.columns[-1][1] + MARGIN
        reach = (y + sizes[name] / 2 for (name, k), y in self.layout.heights.items() if k == self.level[name])
        self.height = max(reach) + 2 * MARGIN

    def _y(self, place: Place) -> float:
        return MARGIN + self.layout.heights[place]

    def _columns(self) -> list[tuple[float, float]]:
        """Left and right of each layer: as wide as its widest box, as far from the next as labels and lines need."""
        apart: dict[int, float] = defaultdict(lambda: NARROW)
        for (start, end), label in zip(self.edges, self.labels, strict=True):
            for one, other in pairwise(way(start, end, self.level)):
                rise = STEEP * abs(self._y(one) - self._y(other))
                apart[one[1]] = max(apart[one[1]], min(WIDE, rise))
            before = self.level[end] - 1
            apart[before] = max(apart[before], 1.6 * label.width + 2 * ARROW[0])
        columns: list[tuple[float, float]] = []
        left = MARGIN
        for k, layer in enumerate(self.layout.layers):
            widths = [self.boxes[place[0]].width for place in layer if is_node(place, self.level)]
            right = left + max(widths, default=0.0)
            columns.append((left, right))
            left = right + apart[k]
        return columns

    def _side(self, place: Place, sign: int) -> float:
        """Where a line leaves a place to the right (1) or meets it from the left (-1)."""
        left, right = self.columns[place[1]]
        if not is_node(place, self.level):
            return right
        return (left + right + sign * self.boxes[place[0]].width) / 2

    def _line(self, start: Place, end: Place, height: float) -> _Line:
        """From a place to one in the next layer, which it meets at that height."""
        begin, stop = self.columns[start[1]][1], self.columns[end[1]][0]
        return _Line(self._side(start, 1), begin, stop, self._side(end, -1), self._y(start), height)

    def _ports(self) -> list[float]:
        """Heights at which the edges meet their nodes: apart, in the order in which they come."""
        into: dict[str, list[int]] = defaultdict(list)
        for k, (_, end) in enumerate(self.edges):
            into[end].append(k)
        ports = [0.0] * len(self.edges)
        for end, edges in into.items():
            edges.sort(key=lambda k: self._y((self.edges[k][0], self.level[end] - 1)))
            step = min(PORTS, (self.boxes[end].height - 2 * INSIDE) / max(1, len(edges) - 1))
            for rank, k in enumerate(edges):
                ports[k] = self._y((end, self.level[end])) + step * (rank - (len(edges) - 1) / 2)
        return ports

    def draw(self, axes: "Axes") -> None:
        """Lines first, labels on them, boxes last."""
        arrows: list[_Line] = []
        shared: dict[tuple[Place, Place], _Line] = {}
        for (start, end), port in zip(self.edges, self._ports(), strict=True):
            *segments, final = pairwise(way(start, end, self.level))
            shared.update({segment: self._line(*segment, self._y(segment[1])) for segment in segments})
            arrows.append(self._line(*final, port))
        lines = [*shared.values(), *arrows]
        for line in lines:
            _draw_line(axes, line)
        for line in arrows:
            _draw_arrow(axes, line)
        placed: list[tuple[float, float, float, float]] = []
        for line, label in zip(arrows, self.labels, strict=True):
            if label.text:
                x, y = min((line.at(t) for t in ALONG), key=lambda at: _cost(_around(at, label), placed, lines, line))
                placed.append(_around((x, y), label))
                _draw_label(axes, x, y, label)
        for name, box in self.boxes.items():
            place = (name, self.level[name])
            _draw_box(axes, self._side(place, -1), self._y(place), box)


def _around(at: tuple[float, float], label: _Words) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of a label whose middle is there."""
    (x, y), w, h = at, label.width / 2 + 1, label.height / 2 + 0.5
    return x - w, y - h, x + w, y + h


def _cost(
    area: tuple[float, float, float, float],
    placed: list[tuple[float, float, float, float]],
    lines: list[_Line],
    own: _Line,
) -> float:
    """How much a label there hides: other labels above all, then other lines."""
    left, top, right, bottom = area
    labels = sum(
        max(0.0, min(right, r) - max(left, l)) * max(0.0, min(bottom, b) - max(top, t)) for l, t, r, b in placed
    )
    near = [line for line in lines if line is not own and line.begin < right and line.stop > left]
    points = sum(
        left < x < right and top < y < bottom for line in near for x, y in (line.at(t / 20) for t in range(21))
    )
    return 10 * labels + points


def _draw_line(axes: "Axes", line: _Line) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Course

    middle = (line.begin + line.stop) / 2
    points = [
        (line.left, line.start),
        (line.begin, line.start),
        (middle, line.start),
        (middle, line.end),
        (line.stop, line.end),
        (line.right, line.end),
    ]
    codes = [Course.MOVETO, Course.LINETO, Course.CURVE4, Course.CURVE4, Course.CURVE4, Course.LINETO]
    axes.add_patch(PathPatch(Course(points, codes), fill=False, edgecolor=LINE, linewidth=0.8, zorder=1))


def _draw_arrow(axes: "Axes", line: _Line) -> None:
    from matplotlib.patches import Polygon

    long, half = ARROW
    corners = [(line.right, line.end), (line.right - long, line.end - half), (line.right - long, line.end + half)]
    axes.add_patch(Polygon(corners, closed=True, facecolor=LINE, linewidth=0, zorder=2))


def _draw_label(axes: "Axes", x: float, y: float, label: _Words) -> None:
    from matplotlib.patches import Rectangle

    left, top, right, bottom = _around((x, y), label)
    axes.add_patch(Rectangle((left, top), right - left, bottom - top, facecolor="white", linewidth=0, zorder=3))
    baseline = y + (label.above - label.below) / 2
    axes.text(x, baseline, label.text, fontsize=label.size, ha="center", va="baseline", color=LINE, zorder=4)


def _draw_box(axes: "Axes", left: float, middle: float, box: _Box) -> None:
    from matplotlib.patches import FancyBboxPatch

    corner = {"input": box.height / 2, "constant": 0.0}.get(box.kind, 3.0)
    shape = f"round,pad=0,rounding_size={corner}" if corner else "square,pad=0"
    top = middle - box.height / 2
    style = {"linewidth": 1.0, **_BOXES[box.kind]}
    axes.add_patch(FancyBboxPatch((left, top), box.width, box.height, boxstyle=shape, zorder=5, **style))
    baseline = top + INSIDE
    for line in box.lines:
        baseline += line.above
        x = left + box.width / 2
        axes.text(x, baseline, line.text, fontsize=line.size, ha="center", va="baseline", zorder=6)
        baseline += line.below + LEADING

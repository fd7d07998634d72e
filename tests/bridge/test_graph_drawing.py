"""Drawn graphs: the same bytes, no line through a box, few crossings, nothing hidden, bad input refused."""

import dataclasses
import os
import random
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from residua_bridge import graph_drawing, graph_layout
from residua_bridge.figures import dollars, draw_into
from residua_bridge.findings import Drawing, Findings, GraphNode, Section
from residua_bridge.formats import formats
from residua_bridge.graph_drawing import MOST_NODES, draw_graph, draw_graph_files
from residua_bridge.graph_layout import is_node, laid_out, way
from residua_bridge.writer import write
from residua_network.errors import ResiduaError

from .sample_findings import computation_graph, errors_figure

FREE = 4.0  # height of a line's place in the layouts here
CLOSE = 1e-6  # a line touches the boxes that it joins, up to the rounding of its ends


def tree(depth: int) -> list[tuple[str, str]]:
    """A binary tree, its leaves first in a shuffled order."""
    edges = [(f"{k}", f"{k // 2}") for k in range(2, 2**depth)]
    random.Random(0).shuffle(edges)
    return edges


def rungs(count: int) -> list[tuple[str, str]]:
    """Two chains joined by rungs, and an edge along the whole of one."""
    sides = [(f"{side}{k}", f"{side}{k + 1}") for side in "ab" for k in range(count)]
    return [*sides, *((f"a{k}", f"b{k + 1}") for k in range(count)), ("b0", f"b{count}")]


def arbitrary(seed: int, count: int = 40) -> list[tuple[str, str]]:
    """Each node after the first takes two of the ten before it."""
    chosen = random.Random(seed)
    return [(str(chosen.randrange(max(0, k - 10), k)), str(k)) for k in range(1, count) for _ in range(2)]


GRAPHS = {"tree": tree(5), "rungs": rungs(6), "one": [("a", "b")], **{f"seed {s}": arbitrary(s) for s in range(3)}}
each_graph = pytest.mark.parametrize("edges", GRAPHS.values(), ids=GRAPHS)


def names(edges: list[tuple[str, str]]) -> list[str]:
    return list(dict.fromkeys(end for edge in edges for end in edge))


def layout(edges: list[tuple[str, str]], *last: str) -> graph_layout.Layout:
    return laid_out(dict.fromkeys(names(edges), 20.0), edges, frozenset(last), FREE, 6.0)


def crossings(found: graph_layout.Layout, edges: list[tuple[str, str]]) -> int:
    """Pairs of lines between neighbouring layers whose ends are in opposite order, by their heights."""
    lines = list({pair for edge in edges for pair in pairwise(way(*edge, found.level))})
    y = found.heights
    return sum(
        (y[a] - y[c]) * (y[b] - y[d]) < 0
        for k, (a, b) in enumerate(lines)
        for c, d in lines[:k]
        if a[1] == c[1] and a != c and b != d
    )


@each_graph
def test_every_edge_goes_to_the_right_through_places_of_its_own(edges: list[tuple[str, str]]) -> None:
    found = layout(edges)
    for start, end in edges:
        assert found.level[start] < found.level[end]
        assert all(place in found.layers[place[1]] for place in way(start, end, found.level))
    assert sorted(node for layer in found.layers for node, k in layer if found.level[node] == k) == sorted(names(edges))


@each_graph
def test_places_of_a_layer_keep_apart(edges: list[tuple[str, str]]) -> None:
    found = layout(edges)
    for layer in found.layers:
        for upper, lower in pairwise(layer):
            room = sum(20.0 if is_node(place, found.level) else FREE for place in (upper, lower)) / 2 + 6.0
            assert found.heights[lower] - found.heights[upper] >= room - 0.011  # heights have two decimals
    assert min(y - (20.0 if is_node(place, found.level) else FREE) / 2 for place, y in found.heights.items()) == 0.0


def test_what_can_be_drawn_without_crossings_is() -> None:
    assert crossings(layout(tree(5)), tree(5)) == 0
    assert crossings(layout(rungs(6)), rungs(6)) == 0
    knot = [(a, b) for a in "xy" for b in "12"]
    assert crossings(layout(knot), knot) == 1


def test_sweeps_save_crossings(monkeypatch: pytest.MonkeyPatch) -> None:
    edges = arbitrary(5)
    swept = crossings(layout(edges), edges)
    monkeypatch.setattr(graph_layout, "SWEEPS", 0)
    monkeypatch.setattr(graph_layout, "_exchanged", lambda layers, *_: layers)
    assert swept < crossings(layout(edges), edges)


def test_long_edges_rise_less_than_short_ones_would(monkeypatch: pytest.MonkeyPatch) -> None:
    def rises(edges: list[tuple[str, str]]) -> float:
        found = layout(edges)
        inside = {pair for edge in edges for pair in pairwise(way(*edge, found.level)[1:-1])}
        return sum((found.heights[a] - found.heights[b]) ** 2 for a, b in inside)

    straight = rises(arbitrary(1))
    monkeypatch.setattr(graph_layout, "PULLS", (1.0, 1.0, 1.0))
    assert 2 * straight < rises(arbitrary(1))


def test_a_long_edge_is_straight() -> None:
    edges = [*((f"{k}", f"{k + 1}") for k in range(8)), ("0", "8")]
    found = layout(edges)
    heights = [found.heights[place] for place in way("0", "8", found.level)[1:-1]]
    assert max(heights) - min(heights) < 0.5


def test_what_has_no_predecessor_stands_before_its_first_use_and_results_stand_last() -> None:
    edges = [("a", "b"), ("b", "c"), ("c", "d"), ("w", "d"), ("a", "y")]
    assert layout(edges).level == {"a": 0, "b": 1, "c": 2, "d": 3, "w": 2, "y": 1}
    assert layout(edges, "y", "d").level["y"] == 3


def test_a_cycle_is_named(tmp_path: Path) -> None:
    ring = drawing([("a", "b"), ("b", "c"), ("c", "b")])
    with pytest.raises(ResiduaError, match=r"^drawing 'd': expected a graph without cycles, got the cycle b -> c$"):
        draw_graph(ring, tmp_path / "d.svg")


def drawing(edges: list[tuple[str, str]], label: str = "0.5") -> Drawing:
    nodes = tuple(GraphNode(name, f"$v_{{{name}}}$", "1.000") for name in names(edges))
    return Drawing("d", "title", nodes, tuple((start, end, label) for start, end in edges))


@each_graph
def test_no_line_runs_through_a_box(edges: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes and lines as they are given to matplotlib, looked at point by point."""
    boxes: list[tuple[float, float, float, float]] = []
    lines: list[graph_drawing._Line] = []

    def note_box(axes: Any, left: float, middle: float, box: graph_drawing._Box) -> None:
        boxes.append((left, middle - box.height / 2, left + box.width, middle + box.height / 2))

    monkeypatch.setattr(graph_drawing, "_draw_box", note_box)
    monkeypatch.setattr(graph_drawing, "_draw_line", lambda axes, line: lines.append(line))
    graph_drawing._canvas(drawing(edges))
    assert len(boxes) == len(names(edges))
    for line in lines:
        level = [(line.left, line.start), (line.begin, line.start), (line.stop, line.end), (line.right, line.end)]
        for x, y in [*level, *(line.at(k / 50) for k in range(51))]:
            assert not any(l + CLOSE < x < r - CLOSE and t < y < b for l, t, r, b in boxes)
        for (x0, y), (x1, _) in (level[:2], level[2:]):
            assert not any(max(x0, l) + CLOSE < min(x1, r) and t < y < b for l, t, r, b in boxes)


def test_the_same_bytes_on_two_draws_and_in_another_process(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    svg, pdf = draw_graph_files(computation_graph(), tmp_path / "1")
    code = (
        "import sys; from pathlib import Path; from residua_bridge.findings import Findings; "
        "from residua_bridge.graph_drawing import draw_graph; "
        "found = Findings.from_json(Path(sys.argv[1]).read_text()); "
        "[draw_graph(found.sections[0].drawings[0], Path(one)) for one in sys.argv[2:]]"
    )
    data = tmp_path / "findings.json"
    data.write_text(report(computation_graph()).to_json(), encoding="utf-8")
    again = [tmp_path / "again.svg", tmp_path / "again.PDF"]
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", code, str(data), *map(str, again)]
    subprocess.run(command, check=True, env=environment, timeout=120)
    assert [path.read_bytes() for path in again] == [svg.read_bytes(), pdf.read_bytes()]
    for path in (svg, pdf):
        assert not re.search(rb"CreationDate|<dc:date>|Matplotlib v|/home/|/tmp/", path.read_bytes())


def test_every_word_of_a_drawing_is_in_it() -> None:
    axes = graph_drawing._canvas(computation_graph()).axes[0]
    shown = sorted(text.get_text() for text in axes.texts)
    nodes, edges = computation_graph().nodes, computation_graph().edges
    words = [text for node in nodes for text in (node.label, node.below) if text] + [e[2] for e in edges if e[2]]
    assert shown == sorted(dollars(word) for word in words)
    assert len([p for p in axes.patches if type(p).__name__ == "FancyBboxPatch"]) == len(nodes)
    assert len([p for p in axes.patches if type(p).__name__ == "Polygon"]) == len(edges)


def test_words_stay_inside_their_box_and_the_box_inside_the_picture() -> None:
    canvas = graph_drawing._canvas(computation_graph())
    canvas.draw_without_rendering()
    whole = canvas.bbox
    boxes = [p.get_window_extent() for p in canvas.axes[0].patches if type(p).__name__ == "FancyBboxPatch"]
    texts = [t.get_window_extent() for t in canvas.axes[0].texts if t.get_fontsize() != graph_drawing.EDGE]
    assert texts
    for text in texts:
        assert any(b.x0 <= text.x0 and text.x1 <= b.x1 and b.y0 <= text.y0 and text.y1 <= b.y1 for b in boxes)
    assert all(whole.x0 < b.x0 and b.x1 < whole.x1 and whole.y0 < b.y0 and b.y1 < whole.y1 for b in boxes)


def test_kinds_differ_in_shape() -> None:
    kinds = ("input", "constant", "operation", "output")
    nodes = tuple(GraphNode(kind, "$x$", kind=kind) for kind in kinds)  # type: ignore[arg-type]
    patches = graph_drawing._canvas(Drawing("d", "t", nodes, ())).axes[0].patches
    shapes = [
        (type(p.get_boxstyle()).__name__, getattr(p.get_boxstyle(), "rounding_size", 0), p.get_linewidth())  # type: ignore[attr-defined]
        for p in patches
    ]
    assert len(set(shapes)) == len(kinds)


def test_two_edges_between_the_same_nodes_are_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels: list[tuple[float, float, graph_drawing._Words]] = []
    monkeypatch.setattr(graph_drawing, "_draw_label", lambda axes, *label: labels.append(label))
    square = drawing([("x", "y"), ("x", "y")], "$2.5$")
    axes = graph_drawing._canvas(square).axes[0]
    heads = [p.get_xy()[0][1] for p in axes.patches if type(p).__name__ == "Polygon"]  # type: ignore[attr-defined]
    assert len(set(heads)) == 2
    (x0, y0, one), (x1, y1, _) = labels
    assert abs(x0 - x1) >= one.width or abs(y0 - y1) >= 0.76 * one.size  # no digit covers another
    assert draw_graph(square, tmp_path / "x.svg").exists()


def test_hostile_words_are_only_text(tmp_path: Path) -> None:
    words = r"%#&_{}~^\ <script> $5 or $6 "
    node = GraphNode("a", words, words)
    svg = draw_graph(Drawing("d", "<b> & $", (node,), ()), tmp_path / "d.svg").read_text()
    assert "<script>" not in svg
    assert "<b>" not in svg


@pytest.mark.parametrize("label", [r"$\nosuchcommand$", "🙂字"])
def test_what_matplotlib_cannot_set_is_refused(tmp_path: Path, label: str) -> None:
    with pytest.raises(ResiduaError, match=r"^drawing 'd': "):
        draw_graph(Drawing("d", "t", (GraphNode("a", label),), ()), tmp_path / "d.pdf")
    assert not (tmp_path / "d.pdf").exists()


@pytest.mark.parametrize("name", ["graph.png", "graph", "graph.svg.gz", ".svg"])
def test_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ResiduaError, match=r"expected a file name that ends in .svg or .pdf, got"):
        draw_graph(computation_graph(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_figures_are_written_by_ending_too(tmp_path: Path) -> None:
    draw_into(errors_figure(), tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<?xml")
    with pytest.raises(ResiduaError, match=r"ends in .svg or .pdf, got .png"):
        draw_into(errors_figure(), tmp_path / "a.png")


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResiduaError, match="expected to write a picture there, got: No such file or directory"):
        draw_graph(computation_graph(), tmp_path / "none" / "graph.svg")


@pytest.mark.parametrize(
    ("nodes", "edges", "words"),
    [
        ("", (), "expected between 1 and 300 nodes, as can be read, got 0"),
        ("ab" * MOST_NODES, (), "got 600"),
        ("aab", (), "expected nodes of different names, got twice: a"),
        ("ab", (("a", "c", ""),), "expected edges between its nodes, got the ends c"),
        ("ab", (("a", "a", ""),), "got the cycle a"),
    ],
)
def test_what_is_no_graph_is_refused(nodes: str, edges: tuple[tuple[str, str, str], ...], words: str) -> None:
    with pytest.raises(ResiduaError, match=f"^drawing 'd': .*{words}"):
        graph_drawing._canvas(Drawing("d", "t", tuple(GraphNode(name, name) for name in nodes), edges))


# in reports


def report(*drawings: Drawing) -> Findings:
    section = Section("s", figures=(errors_figure(),), drawings=drawings)
    return Findings("study", "t", "q", "c", "r", (section,))


def test_findings_keep_drawings_and_say_nothing_where_there_are_none() -> None:
    found = report(computation_graph())
    assert Findings.from_json(found.to_json()) == found
    assert "drawings" not in report().to_json()
    assert Findings.from_json(report().to_json()) == report()


def test_reports_show_drawings_as_figures(tmp_path: Path) -> None:
    paths = write(report(computation_graph()), tmp_path, list(formats()))
    folder = tmp_path / "study"
    assert {folder / "figures" / f"sigmoid.{ending}" for ending in ("svg", "pdf")} <= set(paths)
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    assert "](figures/errors.svg)\n\n**Figure 2: " in markdown
    assert "](figures/sigmoid.svg)\n\n**Figure 1: The graph of $`\\sigma(wx + b)`$.** Values" in markdown
    latex = (folder / "report.tex").read_text(encoding="utf-8")
    assert r"\includegraphics{figures/sigmoid.pdf}" in latex
    assert latex.count(r"\begin{figure}") == 2


def test_a_drawing_and_a_figure_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ResiduaError, match="got twice: errors"):
        write(report(dataclasses.replace(computation_graph(), name="errors")), tmp_path, ["markdown"])
    assert not list(tmp_path.iterdir())

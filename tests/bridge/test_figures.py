"""Figures: the same bytes every time, nothing dropped in silence, nothing told apart by colour alone."""

import dataclasses
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest

from residua_bridge import figures
from residua_bridge.figures import MANY, draw
from residua_bridge.findings import Curve, Figure
from residua_network.errors import ResiduaError

from .sample_findings import errors_figure, training_figure

SOURCES: tuple[Literal["predicted", "measured", "other"], ...] = ("predicted", "measured", "other")


def figure(*curves: Curve, **changes: str) -> Figure:
    plain = Figure("one", "title", "x", "y", curves)
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def labels(drawn: Figure) -> list[str]:
    return [text.get_text() for text in figures._canvas(drawn).legends[0].get_texts()]


@pytest.mark.parametrize("drawn", [errors_figure(), training_figure()], ids=lambda f: f.name)
def test_same_bytes_on_two_draws(tmp_path: Path, drawn: Figure) -> None:
    (tmp_path / "again").mkdir()
    first, second = draw(drawn, tmp_path), draw(drawn, tmp_path / "again")
    assert [path.name for path in first] == [f"{drawn.name}.svg", f"{drawn.name}.pdf"]
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()


def test_same_bytes_in_another_process(tmp_path: Path) -> None:
    code = "import sys, json; from pathlib import Path; from residua_bridge.figures import draw; "
    code += "from residua_bridge.findings import Curve, Figure; "
    code += "draw(Figure('f', 't', r'$x$', 'y', (Curve('a', 'measured', (1.0, 2.0), (3.0, 4.0)),)), Path(sys.argv[1]))"
    contents = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, str(folder)], check=True, env=environment, timeout=120)
        contents.append([(folder / name).read_bytes() for name in ("f.svg", "f.pdf")])
    assert contents[0] == contents[1]


def test_nothing_of_the_machine_or_the_day_is_in_the_files(tmp_path: Path) -> None:
    for path in draw(errors_figure(), tmp_path):
        content = path.read_bytes()
        assert not re.search(rb"CreationDate|<dc:date>|Matplotlib v|/home/|/tmp/", content)


def test_importing_figures_loads_no_matplotlib() -> None:
    code = "import sys, residua_bridge.writer, residua_bridge.index; sys.exit('matplotlib' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_what_cannot_be_drawn_is_said() -> None:
    curve = Curve("a", "measured", (1.0, 2.0, 0.0, 4.0), (1.0, -1.0, 1.0, math.nan))
    assert labels(figure(curve)) == ["a, measured (not drawn: 1 of 4 not finite)"]
    assert labels(figure(curve, yscale="log")) == ["a, measured (not drawn: 1 of 4 not positive, 1 of 4 not finite)"]
    assert labels(figure(curve, xscale="log", yscale="log")) == [
        "a, measured (not drawn: 2 of 4 not positive, 1 of 4 not finite)"
    ]


def test_a_figure_of_which_nothing_can_be_drawn_is_drawn_empty(tmp_path: Path) -> None:
    curve = Curve("a", "predicted", (1.0,), (math.inf,), (math.nan,))
    assert len(draw(figure(curve, xscale="log", yscale="log"), tmp_path)) == 2
    assert len(draw(figure(), tmp_path)) == 2


def test_sources_differ_in_shape() -> None:
    x = (1.0, 2.0, 3.0)
    shapes = [
        next(figures._styles((Curve("a", source, x, x),))).keys() - {"color"}
        for source in ("predicted", "measured", "other")
    ]
    assert shapes == [{"linestyle"}, {"marker"}, {"linestyle", "linewidth"}]


def test_a_prediction_and_its_measurement_share_a_colour() -> None:
    x = (1.0,)
    curves = [Curve(label, "predicted", x, x) for label in "abc"] + [Curve(label, "measured", x, x) for label in "bc"]
    colours = [style["color"] for style in figures._styles(tuple(curves))]
    assert colours[:3] == list(figures.COLOURS[:3])
    assert colours[3:] == colours[1:3]


def test_a_prediction_and_its_measurement_share_a_legend_entry() -> None:
    x = (1.0, 2.0)
    curves = [Curve(f"{name}: {source}", source, x, x) for name in "ab" for source in SOURCES]
    assert labels(figure(*curves)) == ["a", "b", "a: other", "b: other"]
    colours = [style["color"] for style in figures._styles(tuple(curves))]
    assert (colours[0], colours[3]) == (colours[1], colours[4])
    gaps = Curve("a: measured", "measured", x, (1.0, math.nan))
    assert labels(figure(curves[0], gaps)) == ["a (not drawn: 1 of 2 not finite measured)"]


def test_few_values_on_a_logarithmic_axis_get_plain_ticks() -> None:
    x = (3.0, 4.0, 8.0, 16.0, 32.0, 64.0)
    curve = Curve("a", "measured", x, tuple(1 / value for value in x))
    canvas = figures._canvas(figure(curve, xscale="log", yscale="log"))
    canvas.draw_without_rendering()
    axes = canvas.axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["3", "4", "8", "16", "32", "64"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["0.02", "0.05", "0.1", "0.2"]


def test_tick_labels_that_would_touch_are_left_out() -> None:
    assert figures._apart([1.0, 100.0, 101.0, 10000.0]) == [1.0, 100.0, 10000.0]
    assert figures._round_values(1.1, 1.9) == [1.2, 1.4, 1.6, 1.8]
    assert len(figures._round_values(1.001, 1.002)) == 0


def test_many_curves_stay_distinguishable() -> None:
    x = (1.0,)
    for source in ("predicted", "measured"):
        styles = figures._styles(tuple(Curve(str(k), source, x, x) for k in range(28)))
        assert len({tuple(style.items()) for style in styles}) == 28


def test_a_lone_point_of_a_line_is_visible() -> None:
    assert figures._alone([True, False, True, True, False, True]) == [0, 5]
    assert figures._alone([True, True]) == []


def test_many_measured_points_become_a_line_with_a_band() -> None:
    x = tuple(float(k) for k in range(MANY + 1))
    few = figures._canvas(figure(Curve("a", "measured", x[:3], x[:3], x[:3])))
    many = figures._canvas(figure(Curve("a", "measured", x, x, x)))
    assert len(few.axes[0].containers) == 1
    assert len(many.axes[0].containers) == 0
    assert len(many.axes[0].collections) == 1


def test_hostile_labels_are_only_text(tmp_path: Path) -> None:
    curve = Curve(r"%#&_{}~^\ <script> $5 or $6 _hidden", "measured", (1.0,), (2.0,))
    svg = draw(figure(curve, xlabel="$", ylabel="a $x^2$ $", title="<b> & $"), tmp_path)[0].read_text()
    assert "<script>" not in svg
    assert "<b>" not in svg
    assert "_hidden" in labels(figure(Curve("_hidden", "measured", (1.0,), (2.0,))))[0]


@pytest.mark.parametrize("label", [r"$\nosuchcommand$", "🙂字"])
def test_what_matplotlib_cannot_set_is_refused(tmp_path: Path, label: str) -> None:
    with pytest.raises(ResiduaError, match="figure 'one'"):
        draw(figure(Curve("a", "measured", (1.0,), (2.0,)), xlabel=label), tmp_path)


def test_lengths_that_do_not_match_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ResiduaError, match=r"^figure 'one', curve 'a': x, y and spread have lengths 2, 1 and 0$"):
        draw(figure(Curve("a", "measured", (1.0, 2.0), (2.0,))), tmp_path)


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", ".hidden", "é", "x" * 81])
def test_unsafe_file_names_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ResiduaError, match="file name"):
        draw(figure(name=name), tmp_path)

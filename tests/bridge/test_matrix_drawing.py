"""Matrices as pictures: the same bytes every time, nothing dropped in silence, told apart without seeing colours."""

import dataclasses
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure as Canvas

from residua_bridge import matrix_drawing
from residua_bridge.findings import Findings, Matrix, Panel, Section
from residua_bridge.formats import formats, named
from residua_bridge.matrix_drawing import draw_matrix, draw_matrix_files
from residua_bridge.writer import write
from residua_network.errors import ResiduaError

from .sample_findings import contributions, errors_figure


def matrix(*rows: tuple[float, ...], marked: tuple[tuple[int, int], ...] = (), decades: float = 8.0) -> Matrix:
    names, heads = tuple(map(str, range(len(rows)))), tuple(map(str, range(len(rows[0]))))
    return Matrix("m", "title", "x", "y", "size", (Panel("p", names, heads, rows, marked),), decades)


def canvas_of(drawn: Matrix) -> Canvas:
    return matrix_drawing._canvas(drawn)


def shown(drawn: Matrix) -> Any:
    """What the cells of the first panel show; masked where they are empty."""
    array = canvas_of(drawn).axes[0].collections[0].get_array()
    assert isinstance(array, np.ma.MaskedArray)
    return array


def marks(drawn: Matrix) -> list[tuple[int, int, int]]:
    """The cell of each stroke, and how many strokes are in it."""
    cells = [
        (int(np.mean(np.asarray(line.get_ydata()))), int(np.mean(np.asarray(line.get_xdata()))))
        for line in canvas_of(drawn).axes[0].lines
    ]
    return sorted((i, j, cells.count((i, j))) for i, j in set(cells))


def test_same_bytes_on_two_draws_and_in_another_process(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from residua_bridge.matrix_drawing import draw_matrix_files\n"
    code += "from residua_bridge.findings import Findings\n"
    code += "found = Findings.from_json(Path(sys.argv[1]).read_text(encoding='utf-8'))\n"
    code += "draw_matrix_files(found.sections[0].matrices[0], Path(sys.argv[2]))"
    (tmp_path / "findings.json").write_text(report(contributions()).to_json(), encoding="utf-8")
    contents = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        call = [sys.executable, "-c", code, str(tmp_path / "findings.json"), str(folder)]
        subprocess.run(call, check=True, env={**os.environ, "PYTHONHASHSEED": seed}, timeout=120)
        contents.append([(folder / f"contributions.{ending}").read_bytes() for ending in ("svg", "pdf")])
    assert contents[0] == contents[1] == [path.read_bytes() for path in draw_matrix_files(contributions(), tmp_path)]


def test_cells_stand_where_their_row_and_column_are() -> None:
    drawn = canvas_of(matrix((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))).axes[0]
    assert np.array_equal(drawn.collections[0].get_array().reshape(2, 3), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])  # type: ignore[union-attr]
    assert drawn.get_ylim() == (2, 0)  # the first row on top
    assert [label.get_text() for label in drawn.get_yticklabels()] == ["0", "1"]
    assert [label.get_text() for label in drawn.get_xticklabels()] == ["0", "1", "2"]


def test_zero_sign_and_what_is_not_finite_are_seen_without_colours() -> None:
    drawn = matrix((0.0, -0.5, 0.5), (math.nan, -math.inf, -0.0))
    assert shown(drawn).mask.reshape(2, 3).tolist() == [[True, False, False], [True, True, True]]
    assert marks(drawn) == [(0, 1, 1), (1, 0, 2), (1, 1, 2)]
    assert shown(drawn).compressed().tolist() == [0.5, 0.5]


def test_minus_signs_are_seen_on_dark_and_on_pale_cells() -> None:
    lines = canvas_of(matrix((-1.0, -1e-8))).axes[0].lines
    assert [line.get_color() for line in lines] == ["white", "black"]


def test_colours_span_the_decades_and_say_what_lies_below() -> None:
    wide, narrow = matrix((1.0, 1e-30)), matrix((0.5, 0.02))
    assert shown(wide).tolist() == [1.0, 1e-8] or shown(wide).reshape(-1).tolist() == [1.0, 1e-8]
    assert scale(wide) == (1e-8, 1.0, True)
    assert scale(narrow) == (0.01, 1.0, False)
    assert scale(matrix((1.0, 1e-30), decades=3.0)) == (1e-3, 1.0, True)


def scale(drawn: Matrix) -> tuple[float, float, bool]:
    """Lower and upper end of the scale of colours, and whether it is pointed below."""
    bar = canvas_of(drawn).axes[-1]
    norm = bar._colorbar.norm  # type: ignore[attr-defined]
    assert isinstance(norm, LogNorm)
    return float(norm.vmin), float(norm.vmax), bar._colorbar.extend == "min"  # type: ignore[attr-defined, arg-type]


def test_panels_share_one_scale() -> None:
    one, two = matrix((1.0, 0.1)).panels[0], matrix((1e-3, 1e-3)).panels[0]
    axes = canvas_of(dataclasses.replace(matrix((1.0,)), panels=(one, two))).axes
    first, second = (axes[k].collections[0] for k in range(2))
    assert (first.norm.vmin, first.norm.vmax) == (second.norm.vmin, second.norm.vmax) == (1e-3, 1.0)


def test_shades_grow_darker_evenly() -> None:
    """Relative luminance (WCAG) falls from shade to shade: seen by the colour-blind, and in print."""
    colours = matrix_drawing._shades()(np.linspace(0, 1, matrix_drawing.SHADES))[:, :3]
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    assert np.all(np.diff(linear @ np.array([0.2126, 0.7152, 0.0722])) < 0)


def test_marked_cells_have_a_frame() -> None:
    frames = canvas_of(matrix((1.0, 2.0), (3.0, 4.0), marked=((1, 0),))).axes[0].patches
    assert [(int(frame.get_x()), int(frame.get_y())) for frame in frames] == [(0, 1)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("values", [(0.0, 0.0), (math.nan, math.inf), (5e-324, 1.7e308)], ids=str)
def test_extreme_values_are_drawn(tmp_path: Path, values: tuple[float, ...]) -> None:
    assert len(draw_matrix_files(matrix(values), tmp_path)) == 2


def test_many_panels_stand_in_lines() -> None:
    wide = matrix(tuple(float(k + 1) for k in range(20)))
    seven = canvas_of(dataclasses.replace(wide, panels=wide.panels * 7))
    assert len({round(axes.get_subplotspec().rowspan.start) for axes in seven.axes[:7]}) > 1  # type: ignore[union-attr]
    assert seven.get_figwidth() <= matrix_drawing.WIDTH


def panel(rows: int, columns: int, values: tuple[tuple[float, ...], ...], *marked: tuple[int, int]) -> Matrix:
    made = Panel("p", ("r",) * rows, ("c",) * columns, values, marked)
    return dataclasses.replace(contributions(), panels=(made,))


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        (panel(2, 1, ((1.0,),)), r"panel 'p': expected 2 rows of 1 values, got 1 rows of \[1\]"),
        (panel(2, 2, ((1.0, 2.0), (1.0,))), r"expected 2 rows of 2 values, got 2 rows of \[1, 2\]"),
        (panel(0, 0, ()), "expected 0 rows of 0 values"),
        (panel(1, 1, ((1.0,),), (0, 1)), r"expected marked cells inside the matrix, got \(0, 1\)"),
        (panel(1, 4001, ((1.0,) * 4001,)), "expected at most 4000 cells, got 4001"),
        (dataclasses.replace(contributions(), panels=()), "expected at least one panel, got none"),
        (dataclasses.replace(contributions(), unit=r"$\nosuchcommand$"), "nosuchcommand"),
    ],
)
def test_what_cannot_be_drawn_is_refused(tmp_path: Path, drawn: Matrix, words: str) -> None:
    with pytest.raises(ResiduaError, match=f"^matrix 'contributions'.*{words}"):
        draw_matrix_files(drawn, tmp_path)


def test_hostile_labels_are_only_text(tmp_path: Path) -> None:
    svg = draw_matrix(contributions(), tmp_path / "m.svg").read_text(encoding="utf-8")
    assert "<b>" not in svg


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResiduaError, match=r"ends in \.svg or \.pdf"):
        draw_matrix(contributions(), tmp_path / "m.png")


# in reports


def report(*matrices: Matrix) -> Findings:
    return Findings("study", "t", "q", "c", "r", (Section("s", figures=(errors_figure(),), matrices=matrices),))


def test_findings_keep_matrices_and_say_nothing_where_there_are_none() -> None:
    finite = matrix((1.0, -2.0), marked=((0, 1),))
    assert Findings.from_json(report(finite).to_json()) == report(finite)
    odd = Findings.from_json(report(contributions()).to_json()).sections[0].matrices[0].panels[1].values[0]
    assert math.isnan(odd[0])
    assert math.isinf(odd[1])
    assert "matrices" not in report().to_json()
    assert Findings.from_json(report().to_json()) == report()


def test_reports_show_matrices_as_figures(tmp_path: Path) -> None:
    paths = write(report(contributions()), tmp_path, list(formats()))
    folder = tmp_path / "study"
    assert {folder / "figures" / f"contributions.{ending}" for ending in ("svg", "pdf")} <= set(paths)
    markdown = (folder / "report.md").read_text(encoding="utf-8")
    assert "](figures/contributions.svg)\n\n**Figure 2: Coefficients by block of $`f`$.** Marked: 000." in markdown
    latex = (folder / "report.tex").read_text(encoding="utf-8")
    assert r"\includegraphics{figures/contributions.pdf}" in latex
    assert latex.count(r"\begin{figure}") == 2


def test_two_pictures_of_one_name_are_refused(tmp_path: Path) -> None:
    twice = dataclasses.replace(contributions(), name="errors")
    with pytest.raises(ResiduaError, match="got twice: errors"):
        write(report(twice), tmp_path, ["markdown"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["markdown", "latex"])
def test_unsafe_file_names_are_refused(name: str) -> None:
    with pytest.raises(ResiduaError, match="file name"):
        named(name).render(report(dataclasses.replace(contributions(), name="../x")))

"""Tables that can be pasted: nothing in a cell breaks out of it."""

import sympy as sp

from residua_symbolic.tables import Grid, escaped, for_notebook

x = sp.Symbol("x", real=True)
GRID = Grid(("name", x**2), (("a|b_c & 50%", 1.5e-7), (sp.Abs(x), -3.0)))


def test_markdown_keeps_bars_in_their_cells() -> None:
    lines = GRID.markdown().splitlines()
    assert lines[:2] == ["| name | $`x^{2}`$ |", "| --- | ---: |"]
    assert lines[2] == r"| a\|b\_c & 50% | 1.5e-07 |"
    assert all(line.replace(r"\|", "").count("|") == 3 for line in lines)


def test_latex_escapes_words_and_sets_numbers() -> None:
    latex = GRID.latex()
    assert r"a\textbar{}b\_c \& 50\% & $1.5 \times 10^{-7}$ \\" in latex
    assert r"\begin{tabular}{@{}lr@{}}" in latex
    assert latex.count(r"\\") == 3


def test_text_is_aligned_and_numbers_are_in_full() -> None:
    assert GRID.text().splitlines() == ["name            x**2", "a|b_c & 50%  1.5e-07", "Abs(x)          -3.0"]


def test_notebooks_take_plain_dollars() -> None:
    assert "| $x^{2}$ |" in for_notebook(GRID.markdown())
    assert "`" not in for_notebook(GRID.markdown())


def test_a_wide_table_is_made_to_fit() -> None:
    assert GRID.fitted(escaped("f_1 & f")).startswith("\\noindent\\textbf{f\\_1 \\& f}")
    assert "linewidth" in GRID.fitted("")


def test_a_grid_without_rows() -> None:
    assert Grid(("a", "b"), ()).markdown().count("|") == 6
    assert r"\toprule" in Grid(("a", "b"), ()).latex()


def test_a_hostile_cell_is_words_only() -> None:
    hostile = r"\input{/etc/passwd}$x$^~<>"
    assert "\\input" not in Grid(("a",), ((hostile,),)).latex()
    assert "$x$" not in Grid(("a",), ((hostile,),)).markdown()

"""Tables as text, Markdown and LaTeX, to be pasted where somebody needs one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from residua_symbolic.printing import latex

Cell = Any  # str | int | float | sp.Basic, of which mypy knows nothing

_NAMED = {"\\": "textbackslash", "~": "textasciitilde", "^": "textasciicircum", "<": "textless", ">": "textgreater"}
_SPECIAL = {
    **{ord(letter): f"\\{letter}" for letter in "&%$#_{}"},
    **{ord(letter): f"\\{name}{{}}" for letter, name in (_NAMED | {"|": "textbar"}).items()},
}
_MARKS = {ord(letter): f"\\{letter}" for letter in "\\|*_`<$"}
# \linewidth where the table is wider, else its own width
FITTED = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}"


@dataclass(frozen=True)
class Grid:
    """Rows under column heads. A cell is a formula (a SymPy object), a number, printed in full, or words."""

    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def text(self) -> str:
        """Columns aligned for a terminal, numbers to the right."""
        lines = [[_plain(cell) for cell in line] for line in (self.columns, *self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shape = list(zip(widths, self._numeric(), strict=True))
        return "\n".join(_aligned(line, shape) for line in lines)

    def markdown(self) -> str:
        """A table as GitHub renders it: formulas between dollars and backticks, in which no backslash is lost."""
        head, *rows = [[_for_markdown(cell) for cell in line] for line in (self.columns, *self.rows)]
        lines = [head, ["---:" if numeric else "---" for numeric in self._numeric()], *rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"

    def latex(self) -> str:
        """A tabular with booktabs' rules; needs the packages booktabs and amsmath."""
        head, *rows = [" & ".join(map(_for_latex, line)) + r" \\" for line in (self.columns, *self.rows)]
        shape = "".join("r" if numeric else "l" for numeric in self._numeric())
        opening = rf"\begin{{tabular}}{{@{{}}{shape}@{{}}}}"
        return "\n".join([opening, r"\toprule", head, r"\midrule", *rows, r"\bottomrule", r"\end{tabular}"]) + "\n"

    def fitted(self, title: str) -> str:
        """The tabular below a title, which is LaTeX, no wider than a line; needs the package graphicx as well."""
        return f"\\noindent\\textbf{{{title}}}\n\n\\medskip\\noindent\n{FITTED}{{%\n{self.latex()}}}\n"

    def _numeric(self) -> list[bool]:
        """Which columns hold numbers only."""
        columns = zip(*self.rows, strict=True) if self.rows else ((),) * len(self.columns)
        return [all(isinstance(cell, int | float) or cell == "" for cell in column) for column in columns]


def for_notebook(markdown: str) -> str:
    """Markdown of a grid as notebooks render it: formulas between dollars alone."""
    return markdown.replace("$`", "$").replace("`$", "$")


def escaped(words: str) -> str:
    """Words as LaTeX sets them."""
    return words.translate(_SPECIAL)


def _aligned(line: Sequence[str], shape: Sequence[tuple[int, bool]]) -> str:
    cells = (
        cell.rjust(width) if numeric else cell.ljust(width) for cell, (width, numeric) in zip(line, shape, strict=True)
    )
    return "  ".join(cells).rstrip()


def _plain(cell: Cell) -> str:
    return repr(cell) if isinstance(cell, float) else str(cell)


def _for_markdown(cell: Cell) -> str:
    if isinstance(cell, sp.Basic):
        return f"$`{latex(cell)}`$".replace("|", r"\vert ")
    return _plain(cell).translate(_MARKS)


def _for_latex(cell: Cell) -> str:
    if isinstance(cell, sp.Basic):
        return f"${latex(cell)}$"
    if isinstance(cell, float):
        digits, _, exponent = repr(cell).partition("e")
        return rf"${digits} \times 10^{{{int(exponent)}}}$" if exponent else f"${digits}$"
    return escaped(str(cell))

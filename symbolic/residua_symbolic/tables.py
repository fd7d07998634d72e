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


@dataclass(frozen=True)
class Grid:
    """Rows under column heads. A cell is a formula (a SymPy object), a number, printed in full, or words."""

    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def text(self) -> str:
        """Columns aligned for a terminal."""
        lines = [[_plain(cell) for cell in line] for line in (self.columns, *self.rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]

        return "\n".join(_aligned(line, widths) for line in lines)

    def markdown(self) -> str:
        """A table as GitHub renders it, formulas between dollars."""
        head, *rows = [[_for_markdown(cell) for cell in line] for line in (self.columns, *self.rows)]
        lines = [head, ["---"] * len(head), *rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"

    def latex(self) -> str:
        """A tabular with booktabs' rules; needs the packages booktabs and amsmath."""
        head, *rows = [" & ".join(map(_for_latex, line)) + r" \\" for line in (self.columns, *self.rows)]
        shape = "".join("r" if _is_numeric(column) else "l" for column in zip(*self.rows, strict=True)) or "l"
        opening = rf"\begin{{tabular}}{{@{{}}{shape}@{{}}}}"
        return "\n".join([opening, r"\toprule", head, r"\midrule", *rows, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _is_numeric(column: Sequence[Cell]) -> bool:
    return all(isinstance(cell, int | float) or cell == "" for cell in column)


def _plain(cell: Cell) -> str:
    return repr(cell) if isinstance(cell, float) else str(cell)


def _for_markdown(cell: Cell) -> str:
    if isinstance(cell, sp.Basic):
        return f"${latex(cell)}$".replace("|", r"\vert ")
    return _plain(cell).translate(_MARKS)


def _for_latex(cell: Cell) -> str:
    if isinstance(cell, sp.Basic):
        return f"${latex(cell)}$"
    if isinstance(cell, float):
        digits, _, exponent = repr(cell).partition("e")
        return rf"${digits} \times 10^{{{int(exponent)}}}$" if exponent else f"${digits}$"
    return str(cell).translate(_SPECIAL)

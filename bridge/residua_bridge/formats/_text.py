"""Plain text with `$...$` in it, and numbers in words: what every format needs before it escapes anything."""

import re

from residua_bridge.findings import Cell, Table
from residua_network.errors import ResiduaError

# As in pandoc: the opening dollar touches what follows, the closing one what precedes it and no digit follows,
# so that "$5 and $6" is money. A dollar without a partner is a dollar.
_MATHEMATICS = re.compile(r"\$(?=\S)([^$]+?)(?<=\S)\$(?!\d)")


class Strong(str):
    """A cell set in bold."""


class Maths(str):
    """A cell that is one formula: LaTeX without dollars."""


def pieces(text: str) -> list[tuple[str, bool]]:
    """`text` cut into (piece, is it mathematics), whitespace collapsed, no piece empty."""
    parts = _MATHEMATICS.split(re.sub(r"\s+", " ", text))
    return [(part, k % 2 == 1) for k, part in enumerate(parts) if part]


def plain(text: str) -> str:
    """`text` for a terminal: the mathematics as it is typed, without its dollars."""
    return "".join(piece for piece, _ in pieces(text))


def number(value: Cell) -> str:
    """Floats with 4 significant digits (1.235e-16), ints in full, booleans as yes or no, strings as they are."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return str(value)
    digits, _, exponent = f"{value or 0.0:.4g}".partition("e")  # -0.0 is 0 to a reader
    return f"{digits}e{int(exponent)}" if exponent else digits


def spoken(value: float) -> str:
    """A number inside a sentence: 0.25, or $1.2\\times 10^{-16}$."""
    digits, _, exponent = number(float(value)).partition("e")
    return f"${digits}\\times 10^{{{exponent}}}$" if exponent else digits


def is_numeric(table: Table, column: int) -> bool:
    """Whether every cell of that column is a number (then it is set flush right)."""
    cells = [row[column] for row in table.rows if row[column] != ""]
    return bool(cells) and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in cells)


def check_rows(table: Table) -> Table:
    """`table`; raises ResiduaError when a row has not one cell for each column."""
    for k, row in enumerate(table.rows, start=1):
        if len(row) != len(table.columns):
            where = f"table {table.title!r}, row {k}"
            raise ResiduaError(f"{where}: expected {len(table.columns)} cells, one a column, got {len(row)}")
    return table


def sentence(text: str) -> str:
    """`text` with a full stop, unless it ends in one or in a question."""
    return text if text.rstrip().endswith((".", "?", "!", ":")) else f"{text.rstrip()}."

"""Tables for LaTeX: which columns wrap, how wide they are, and what happens to a table longer than a page."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from residua_bridge.findings import Cell, Table
from residua_bridge.formats._characters import mathematics, text
from residua_bridge.formats._mathematics import checked
from residua_bridge.formats._text import check_rows, is_numeric, number, pieces, width

_LINES = {"small": 84, "footnotesize": 92, "scriptsize": 106}  # how many characters fit a line of 16 cm
_TALL = 3  # more lines a row than this, on average, and smaller type reads better
_GAP = 2.5  # what the space between two columns takes of them
_LEAST = 12  # narrower columns of prose are not pleasant to read
_PAGE = 48  # lines of a table that fit a page with room for a caption


@dataclass(frozen=True)
class Column:
    """A column's width in characters, whether it holds numbers, and whether its cells (or its head) wrap."""

    characters: float
    numeric: bool
    wraps: bool

    def specification(self) -> str:
        """What `tabular` is told of it."""
        return f"p{{{self.characters * 0.5:.1f}em}}" if self.wraps else "r" if self.numeric else "l"

    def cell(self, cell: Cell) -> str:
        """A cell's content, set flush to the column's side."""
        side = (r"\raggedleft " if self.numeric else r"\raggedright ") if self.wraps else ""
        return f"{side}{_written(cell)}"

    def lines(self, cell: Cell) -> int:
        """About how many lines a cell takes."""
        return math.ceil(_width(cell) / self.characters) if self.wraps else 1


def prose(outside: str) -> str:
    """Outside text escaped, with its `$...$` as inline mathematics."""
    return "".join(rf"${mathematics(checked(p))}$" if maths else text(p) for p, maths in pieces(outside))


@dataclass(frozen=True)
class Setting:
    """The type size and the columns that a table is set in; `fits` says whether it is no wider than the line."""

    size: str
    columns: list[Column]
    fits: bool


def setting(table: Table) -> Setting:
    """The largest type in which the table fits the line and no row is tall on average, else the smallest."""
    check_rows(table)
    for one in (_setting(table, size, line) for size, line in _LINES.items()):
        if one.fits and sum(_height(row, one.columns) for row in table.rows) <= _TALL * len(table.rows):
            break
    return one


def _setting(table: Table, size: str, line: int) -> Setting:
    shape = _columns(table, line)
    return Setting(size, shape, sum(one.characters + _GAP for one in shape) - _GAP <= line)


def is_long(table: Table) -> bool:
    """Whether the table should break across pages: it is long, and no wider than the line."""
    one = setting(table)
    return one.fits and sum(_height(row, one.columns) for row in table.rows) > _PAGE // 2


def tabulars(table: Table) -> Iterator[str]:
    """The table as one `tabular`, or as several where it is longer than a page."""
    shape = setting(table).columns
    for rows in _pages(table, shape):
        body = (r"\toprule", _row(table.columns, shape), r"\midrule", _rows(rows, shape), r"\bottomrule")
        yield "\n".join((rf"\begin{{tabular}}{_shape(shape)}", *body, r"\end{tabular}"))


def longtable(table: Table, caption: str) -> str:
    """The table as a `longtable`, its head repeated on every page; `caption` may be empty."""
    shape = setting(table).columns
    head = "\n".join((r"\toprule", _row(table.columns, shape), r"\midrule"))
    first = rf"{caption} \tabularnewline" if caption else ""
    start = (rf"\begin{{longtable}}{_shape(shape)}", first, head, r"\endfirsthead", head, r"\endhead")
    end = (r"\bottomrule", r"\endfoot", _rows(table.rows, shape), r"\end{longtable}")
    return "\n".join(filter(None, (*start, *end)))


def _columns(table: Table, line: int) -> list[Column]:
    """As wide as they need to be where the line has room; else heads over numbers wrap, and then prose."""
    names = range(len(table.columns))
    natural = [_natural(table, k) for k in names]
    room = line - _GAP * (len(natural) - 1)
    if sum(one.characters for one in natural) <= room:
        return natural
    natural = [_with_wrapped_head(table, k, natural[k]) for k in names]
    room -= sum(one.characters for one in natural if not _can_wrap(one))
    wanted = sum(one.characters for one in natural if _can_wrap(one))
    if wanted <= room:
        return natural
    needs = sum(math.sqrt(one.characters) for one in natural if _can_wrap(one))  # a root: none starves the others
    return [_narrowed(one, room / needs) if _can_wrap(one) else one for one in natural]


def _natural(table: Table, k: int) -> Column:
    return Column(max(width(table.columns[k]), *_cell_widths(table, k)), is_numeric(table, k), False)


def _with_wrapped_head(table: Table, k: int, natural: Column) -> Column:
    """A column of numbers as narrow as its cells and the longest word over them."""
    head = table.columns[k]
    if not natural.numeric or "$" in head:
        return natural
    least = max(*map(width, head.split()), *_cell_widths(table, k)) + 1
    return Column(least, True, True) if least < natural.characters else natural


def _cell_widths(table: Table, k: int) -> list[float]:
    return [0.0, 0.0, *(_width(row[k]) for row in table.rows)]


def _can_wrap(column: Column) -> bool:
    return not column.numeric and column.characters > _LEAST


def _narrowed(column: Column, scale: float) -> Column:
    share = max(_LEAST, scale * math.sqrt(column.characters))
    return Column(min(share, column.characters), column.numeric, column.characters > share)


def _width(cell: Cell) -> float:
    # × 10 with a small exponent is wider than the letter e
    return width(number(cell)) + (2.5 if isinstance(cell, float) and "e" in number(cell) else 0)


def _written(cell: Cell) -> str:
    if isinstance(cell, str):
        return prose(cell)
    digits, _, exponent = number(cell).partition("e")
    if exponent.lstrip("-").isdigit():
        return rf"${digits}\times 10^{{{exponent}}}$"
    return f"${digits}$" if digits.startswith("-") else number(cell)


def _shape(shape: list[Column]) -> str:
    return f"{{@{{}}{''.join(one.specification() for one in shape)}@{{}}}}"


def _rows(rows: tuple[tuple[Cell, ...], ...], shape: list[Column]) -> str:
    gap = "\\addlinespace[3pt]\n" if any(_height(row, shape) > 1 for row in rows) else ""
    return f"\n{gap}".join(_row(row, shape) for row in rows)


def _row(row: tuple[Cell, ...], shape: list[Column]) -> str:
    # the empty group keeps a cell that begins with [ or * from being read as an argument of the row end before it
    cells = (column.cell(cell) for cell, column in zip(row, shape, strict=True))
    return f"{{}}{' & '.join(cells)} \\tabularnewline"


def _pages(table: Table, shape: list[Column]) -> Iterator[tuple[tuple[Cell, ...], ...]]:
    """The rows, cut where a page is full."""
    page: tuple[tuple[Cell, ...], ...] = ()
    for row in table.rows:
        if page and sum(_height(one, shape) for one in (*page, row)) > _PAGE:
            yield page
            page = ()
        page = (*page, row)
    yield page


def _height(row: tuple[Cell, ...], shape: list[Column]) -> int:
    return max((column.lines(cell) for cell, column in zip(row, shape, strict=True)), default=1)

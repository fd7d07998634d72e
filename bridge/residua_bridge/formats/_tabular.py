"""Tables for LaTeX: which columns wrap, how wide they are, and what happens to a table longer than a page."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from residua_bridge.findings import Cell, Table
from residua_bridge.formats._characters import mathematics, text
from residua_bridge.formats._extent import broken, extent
from residua_bridge.formats._mathematics import checked
from residua_bridge.formats._text import Maths, Strong, check_rows, is_numeric, number, pieces

_LINES = {"small": 94, "footnotesize": 102, "scriptsize": 109}  # how many characters fit a line of 16 cm
_POINTS = {"small": 9, "footnotesize": 8, "scriptsize": 7}
_WORTH = 1.3  # smaller type has to save this much height
_GAP = 1.8  # what the space between two columns takes of them
_LEAST = 12  # narrower columns of prose are not pleasant to read
_PAGE = 54  # lines of a table that fit a page with room for a caption
_SHORT = 8  # a table of so few lines is kept on one page
_FORMULAS = 0.58  # of the line may go to a column of formulas; wider ones are broken, then scaled down
_HIGH = re.compile(r"\\(?:dfrac|cfrac|begin)\b|\\frac.*\\(?:frac|sum|prod)\b")


@dataclass(frozen=True)
class Column:
    """A column's width in characters, whether it holds numbers, and whether its cells (or its head) wrap."""

    characters: float
    numeric: bool
    wraps: bool
    formulas: bool = False

    def specification(self) -> str:
        """What `tabular` is told of it."""
        return f"p{{{self.characters * 0.5:.1f}em}}" if self.wraps else "r" if self.numeric else "l"

    def cell(self, cell: Cell) -> str:
        """A cell's content, set flush to the column's side."""
        if isinstance(cell, Maths):
            return _formula(cell, self.characters)
        side = (r"\raggedleft " if self.numeric else r"\raggedright ") if self.wraps else ""
        return f"{side}{_written(cell)}"

    def lines(self, cell: Cell) -> int:
        """About how many lines a cell takes."""
        if isinstance(cell, Maths):
            return sum(2 if _HIGH.search(line) else 1 for line in broken(cell, self.characters))
        rows = str(cell).count(r"\\\\") + 1  # of a matrix
        return max(rows, math.ceil(_width(cell) / self.characters) if self.wraps else 1)


def prose(outside: str) -> str:
    """Outside text escaped, with its `$...$` as inline mathematics."""
    return "".join(rf"${mathematics(checked(p))}$" if maths else text(p) for p, maths in pieces(outside))


def _formula(cell: str, room: float) -> str:
    """A formula in lines as wide as its column, scaled down where it has a wider one."""
    lines = broken(mathematics(checked(cell)), room)
    written = r" \\ &\quad {}".join(lines)
    if len(lines) > 1:
        written = rf"\begin{{aligned}}[t]&{written}\end{{aligned}}"
    return rf"\fit{{${written}$}}"


@dataclass(frozen=True)
class Setting:
    """The type size and the columns that a table is set in; `fits` says whether it is no wider than the line."""

    size: str
    columns: list[Column]
    fits: bool


def setting(table: Table) -> Setting:
    """The largest type that fits the line, unless a smaller one saves much height; the smallest if none fits."""
    check_rows(table)
    every = [_setting(table, size, line) for size, line in _LINES.items()]
    fitting = [one for one in every if one.fits]
    least = min((_points(table, one) for one in fitting), default=0)
    return next((one for one in fitting if _points(table, one) <= _WORTH * least), every[-1])


def _points(table: Table, one: Setting) -> int:
    return _POINTS[one.size] * sum(_height(row, one.columns) for row in table.rows)


def _setting(table: Table, size: str, line: int) -> Setting:
    shape = _columns(table, line)
    return Setting(size, shape, sum(one.characters + _GAP for one in shape) - _GAP <= line + 1e-9)


def is_long(table: Table) -> bool:
    """Whether the table should break across pages: it is long, and no wider than the line."""
    one = setting(table)
    return one.fits and sum(_height(row, one.columns) for row in table.rows) > _SHORT


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
    natural = [_natural(table, k, line) for k in names]
    room = line - _GAP * (len(natural) - 1)
    if sum(one.characters for one in natural) <= room:
        return natural
    natural = [_with_wrapped_head(table, k, natural[k]) for k in names]
    room -= sum(one.characters for one in natural if not _can_wrap(one))
    wanted = sum(one.characters for one in natural if _can_wrap(one))
    if wanted <= room:
        return natural
    least = [replace(one, characters=_LEAST, wraps=True) if _can_wrap(one) else one for one in natural]
    spare = room - sum(map(_can_wrap, natural)) * _LEAST
    return _widened(table, least, natural, spare)


def _widened(table: Table, columns: list[Column], natural: list[Column], spare: float) -> list[Column]:
    """The spare room goes, bit by bit, to the column of prose where it saves most lines; the rest to all alike."""
    cells = [[_width(row[k]) for row in (table.columns, *table.rows)] for k in range(len(columns))]
    best: tuple[float, int, float] | None = (0.0, 0, 0.0)
    while best:
        best = max(_offers(cells, columns, spare), default=None)
        if best:
            _, place, more = best
            columns = [replace(one, characters=one.characters + more * (i == -place)) for i, one in enumerate(columns)]
            spare -= more
    wrapping = [k for k, one in enumerate(columns) if one.wraps and _can_wrap(natural[k])]
    lacking = sum(natural[k].characters - columns[k].characters for k in wrapping)
    share = max(0.0, min(1.0, spare / lacking)) if lacking > 0 else 0.0
    return [
        replace(one, characters=one.characters + share * (natural[k].characters - one.characters))
        if k in wrapping
        else one
        for k, one in enumerate(columns)
    ]


def _offers(cells: list[list[float]], columns: list[Column], spare: float) -> Iterator[tuple[float, int, float]]:
    """What more room would do for each column: lines saved by a character, which column, how many characters."""
    for k, column in enumerate(columns):
        if not column.wraps or column.numeric or column.formulas:
            continue
        now = sum(math.ceil(cell / column.characters) for cell in cells[k])
        wider = {cell / lines + 0.8 for cell in cells[k] for lines in (1, 2, 3)}
        for width in sorted(wider):
            more = width - column.characters
            if 0 < more <= spare:
                saved = now - sum(math.ceil(cell / width) for cell in cells[k])
                if saved > 0:
                    yield saved / more, -k, more


def _natural(table: Table, k: int, line: int) -> Column:
    formulas = [extent(cell) for cell in (row[k] for row in table.rows) if isinstance(cell, Maths)]
    if formulas:
        return Column(min(max(_LEAST, *formulas) + 1, _FORMULAS * line), False, True, True)
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
    return not column.numeric and not column.formulas and column.characters > _LEAST


def _width(cell: Cell) -> float:
    if isinstance(cell, str):
        return width(cell) * (1.15 if isinstance(cell, Strong) else 1)
    # × 10 with a small exponent is wider than the letter e
    return width(number(cell)) + (2.2 if isinstance(cell, float) and "e" in number(cell) else 0)


def _written(cell: Cell) -> str:
    if isinstance(cell, str):
        return rf"\textbf{{{prose(cell)}}}" if isinstance(cell, Strong) else prose(cell)
    digits, _, exponent = number(cell).partition("e")
    if exponent.lstrip("-").isdigit():
        return rf"${digits}{{\times}}10^{{{exponent}}}$"
    return f"${digits}$" if digits.startswith("-") else number(cell)


def width(text: str) -> float:
    """About how many characters wide `text` is once set."""
    return sum(extent(piece) if maths else sum(map(_letter, piece)) for piece, maths in pieces(text))


def _letter(letter: str) -> float:
    """The width of a letter in digits, about: as in Computer Modern."""
    if letter in " ijlft.,:;'|()[]!I-":
        return 0.7
    if letter in "mwMW—":
        return 1.7
    return 1.4 if letter.isupper() or not letter.isascii() else 1.0


def _shape(shape: list[Column]) -> str:
    return f"{{@{{}}{''.join(one.specification() for one in shape)}@{{}}}}"


def _rows(rows: tuple[tuple[Cell, ...], ...], shape: list[Column]) -> str:
    high = any(isinstance(cell, Maths) or r"\begin{" in str(cell) for row in rows for cell in row)
    tall = any(_height(row, shape) > 1 for row in rows)
    gap = f"\\addlinespace[{'2.5pt' if high else '1.5pt'}]\n" if high or tall else ""
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

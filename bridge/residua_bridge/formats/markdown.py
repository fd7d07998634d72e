"""Markdown as GitHub renders it: fenced `math` blocks, inline mathematics as $`...`$, everything else escaped."""

import re
from collections.abc import Sequence

from residua_bridge.figures import file_stem
from residua_bridge.findings import Cell, Drawing, Figure, Findings, Matrix, Table, VerdictText, Waterfall
from residua_bridge.formats._mathematics import checked
from residua_bridge.formats._paper import (
    Block,
    Formula,
    Heading,
    Paragraph,
    Picture,
    Source,
    Sources,
    budgets,
    numbers,
    paper,
    with_causes,
)
from residua_bridge.formats._text import Maths, Strong, check_rows, is_numeric, number, pieces, sentence

FILE = "report.md"

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~]|&(?=#?\w+;))")
_LIST_MARK = re.compile(r"^(\d{0,9})([-+.)])(?=[\s-]|$)")
_UNNAMED = re.compile(r"[^\w\- ]")  # what GitHub leaves out of anchors
_BAR = re.compile(r"\\\||\|")


def render(findings: Findings) -> str:
    """The whole report."""
    blocks = list(paper(findings))
    written = map(_block, blocks, numbers(blocks))
    return "\n\n".join([f"# {text(findings.title)}", *filter(None, written)]) + "\n"


def render_verdicts(verdicts: Sequence[VerdictText]) -> str:
    """One table: a row a verdict, with its scope and causes; below it the budgets, where there are any."""
    blocks = (with_causes(verdicts), *budgets(verdicts))
    return "\n\n".join(_block(block, "") for block in blocks) + "\n"


def text(outside: str) -> str:
    """`outside` so that GitHub shows it as it is, with its `$...$` set as mathematics."""
    joined = "".join(_inline(piece) if maths else escape(piece) for piece, maths in pieces(outside))
    return _LIST_MARK.sub(r"\1\\\2", joined.strip())


def escape(plain: str) -> str:
    """`plain` with nothing left that Markdown, HTML or GitHub's mathematics would interpret."""
    return _SPECIAL.sub(r"\\\1", plain).replace("$", "<span>$</span>")  # GitHub knows no other way to write a dollar


def _inline(formula: str) -> str:
    return f"$`{checked(formula)}`$"


def _cell(cell: Cell) -> str:
    """A table cell: GitHub splits rows at every bar, also inside mathematics."""
    if not isinstance(cell, str):
        return number(cell)
    if isinstance(cell, Maths):
        return _inline(_bars(cell))
    barless = (f"${_bars(piece)}$" if maths else piece for piece, maths in pieces(cell))
    shown = text("".join(barless))
    return f"**{shown}**" if isinstance(cell, Strong) and shown else shown


def _bars(formula: str) -> str:
    return _BAR.sub(lambda m: r"\Vert " if m[0] == r"\|" else r"\vert ", formula).strip()


def _block(block: Block, label: str) -> str:
    match block:
        case Heading():
            return f"{'#' * (block.level + 1)} {text(block.text)}"
        case Paragraph():
            return " ".join(filter(None, (f"**{text(block.lead)}**" if block.lead else "", text(block.text))))
        case Formula():
            return f"```math\n{checked(block.latex)}\n```"
        case Table():
            return "\n\n".join(filter(None, (_caption(block, label), _table(block))))
        case Figure() | Drawing() | Matrix() | Waterfall():
            return f"![{_alternative(block.title)}](figures/{file_stem(block.name)}.svg)\n\n{_caption(block, label)}"
        case Sources():
            return "\n".join(["Evidence:\n", *map(_source, block.lines)])


def _source(line: Source) -> str:
    """A list item with a link to the section of the report beside this one."""
    words = ": ".join(filter(None, (line.report, line.section)))
    return f"- [{text(words)}](../{link(line.report, line.section)}): {text(line.shows)}"


def link(study: str, section: str) -> str:
    """Where the section of a study's report is, from the folder of the reports."""
    return f"{file_stem(study)}/{FILE}{_anchor(section)}"


def _anchor(heading: str) -> str:
    """GitHub's anchor of a heading; of one with mathematics in it, which GitHub names in its own way, none."""
    if not heading or any(maths for _, maths in pieces(heading)):
        return ""
    return "#" + _UNNAMED.sub("", heading.lower()).replace(" ", "-")


def _caption(block: Table | Picture, label: str) -> str:
    title = f"**{text(sentence(f'{label}: {block.title}'))}**" if label else ""
    return " ".join(filter(None, (title, text(block.caption))))


def _alternative(title: str) -> str:
    """A picture's alternative text, which cannot hold mathematics."""
    return escape("".join(re.sub(r"[\\{}]", "", piece) if maths else piece for piece, maths in pieces(title)))


def _table(table: Table) -> str:
    check_rows(table)
    marks = ["---:" if is_numeric(table, k) else "---" for k in range(len(table.columns))]
    rows = [table.columns, *table.rows]
    head, *body = (f"| {' | '.join(map(_cell, row))} |" for row in rows)
    return "\n".join([head, f"| {' | '.join(marks)} |", *body])

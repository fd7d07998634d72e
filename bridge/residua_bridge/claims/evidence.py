"""The findings of the studies, asked for what a claim rests on; every look is kept, and is the evidence listed."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from residua_bridge.findings import Cell, Drawing, Figure, Matrix, Reference, Section, Table, VerdictText, Waterfall
from residua_network import ResiduaError

Kind = Literal["proof", "number", "numbers", "verdict", "picture"]
Where = Mapping[str, Cell]
Picture = Figure | Drawing | Matrix | Waterfall


class MissingEvidenceError(ResiduaError):
    """What a judge looks for is not in the findings."""


class MissingReportError(MissingEvidenceError):
    """The findings hold no such report."""


class Evidence:
    """The sections of reports, by the name of the study."""

    def __init__(self, reports: Mapping[str, Sequence[Section]]) -> None:
        self._reports = {name: tuple(sections) for name, sections in reports.items()}
        self._seen: list[Reference] = []

    @property
    def seen(self) -> tuple[Reference, ...]:
        """What was looked at so far, each once."""
        return tuple(dict.fromkeys(self._seen))

    def sections(self, report: str) -> tuple[Section, ...]:
        """All sections of a report; nothing is noted. Raises MissingReportError."""
        if report not in self._reports:
            raise MissingReportError(
                f"evidence: expected a report {report!r}, got {', '.join(self._reports) or 'none'}"
            )
        return self._reports[report]

    def proved(self, report: str, derivation: str, *steps: str) -> bool:
        """Whether these steps of this derivation stand in the report with proofs; a proof that fails ends a run."""
        found = [(s, d) for s in self.sections(report) for d in s.derivations if d.title == derivation]
        proofs = {step.name: step.proofs for _, d in found for step in d.steps}
        place = found[0][0].title if found else ""
        for step in steps:
            by = proofs.get(step, ())
            self._note("proof", report, place, f"{derivation}: {step}", bool(by), "; ".join(by) or "no proof there")
        return bool(steps) and all(proofs.get(step) for step in steps)

    def verdict(self, report: str, begins: str, word: str = "agree", section: str | None = None) -> bool:
        """Whether there are verdicts whose statement begins so (in that section), all of this word and explained."""
        found = self.verdicts(report, begins, section)
        return bool(found) and all(one.verdict == word and one.explained for one in found)

    def verdicts(self, report: str, begins: str = "", section: str | None = None) -> tuple[VerdictText, ...]:
        """The verdicts whose statement begins so (in the section of that title)."""
        pairs = [
            (place, verdict)
            for place in self.sections(report)
            for verdict in place.verdicts
            if verdict.statement.startswith(begins) and section in (None, place.title)
        ]
        words = dict.fromkeys(_worded(verdict) for _, verdict in pairs)
        if not pairs:
            self._note("verdict", report, section or "", begins, "none", "")
            return ()
        place, shown = max(pairs, key=lambda pair: _in_bars(pair[1]))
        count = f" ({len(pairs)} verdicts; the numbers are of the one that fits worst)" if len(pairs) > 1 else ""
        bound = f"difference {shown.difference:.3g}, unexplained {shown.unexplained:.2g} ± {shown.bar:.2g}"
        self._note("verdict", report, place.title, f"{shown.statement}{count}", ", ".join(words), bound)
        return tuple(verdict for _, verdict in pairs)

    def table(self, report: str, begins: str, section: str | None = None) -> "Look":
        """The table whose title begins so. Raises MissingEvidenceError."""
        for place in self.sections(report):
            for table in place.tables:
                if table.title.startswith(begins) and section in (None, place.title):
                    return Look(report, place.title, table, self._note)
        raise MissingEvidenceError(f"evidence: expected a table {begins!r} in {report}, got none")

    def figure(self, report: str, name: str) -> bool:
        """Whether the report has this picture."""
        for place in self.sections(report):
            pictures: tuple[Picture, ...] = (*place.figures, *place.drawings, *place.matrices, *place.waterfalls)
            for picture in pictures:
                if picture.name == name:
                    self._note("picture", report, place.title, picture.title, None, "")
                    return True
        return False

    def _note(self, kind: Kind, report: str, section: str, what: str, value: Cell | None, bound: str) -> None:
        self._seen.append(Reference(kind, report, section, what, value, bound))


Note = Callable[[Kind, str, str, str, Cell | None, str], None]


@dataclass(frozen=True)
class Look:
    """One table, looked into. `bound` says how sure a number is: the column of its error bar, or words."""

    report: str
    section: str
    table: Table
    note: Note

    def number(self, column: str, bound: str, where: Where | None = None, **match: Cell) -> float:
        """The number in that column of the only row with these cells. Raises MissingEvidenceError."""
        return float(self.cell(column, bound, where, **match))

    def cell(self, column: str, bound: str = "", where: Where | None = None, **match: Cell) -> Cell:
        """The same for any cell; columns are named as keywords with `_` for what no name may hold."""
        found = self._matching(where, match)
        if len(found) != 1:
            raise MissingEvidenceError(f"{self._place}: expected one row with {_told(where, match)}, got {len(found)}")
        value = found[0][self._index(column)]
        row = _told(where, match)
        self._note("number", f"{column}{f', {row}' if row else ''}", value, self._bound(bound, found[0]))
        return value

    def column(self, column: str, bound: str, where: Where | None = None, **match: Cell) -> list[float]:
        """The numbers of that column in the rows with these cells. Raises MissingEvidenceError where none is."""
        return [float(cell) for cell in self.cells(column, bound, where, **match)]

    def cells(self, column: str, bound: str = "", where: Where | None = None, **match: Cell) -> list[Cell]:
        """The same for any cells."""
        found = self._matching(where, match)
        if not found:
            raise MissingEvidenceError(f"{self._place}: expected rows with {_told(where, match)}, got none")
        index = self._index(column)
        values = [row[index] for row in found]
        row = _told(where, match)
        shown = _range(values)
        bars = f"{bound} beside each" if bound in self.table.columns else bound
        self._note("numbers", f"{column}{f', {row}' if row else ''}, {_rows(values)}", shown, bars)
        return values

    def rows(self, where: Where | None = None, **match: Cell) -> list[dict[str, Cell]]:
        """The rows with these cells, by column."""
        found = self._matching(where, match)
        row = _told(where, match)
        self._note("numbers", f"{_rows(found)}{f' with {row}' if row else ''}", None, "")
        return [dict(zip(self.table.columns, row, strict=True)) for row in found]

    @property
    def _place(self) -> str:
        return f"{self.report}, table {self.table.title!r}"

    def _note(self, kind: Kind, what: str, value: Cell | None, bound: str) -> None:
        self.note(kind, self.report, self.section, f"{self.table.title}: {what}", value, bound)

    def _index(self, column: str) -> int:
        """Where the column stands, its name as it is or written as a keyword."""
        names = [name for name in self.table.columns if name == column] or [
            name for name in self.table.columns if _keyword(name) == _keyword(column)
        ]
        if len(names) != 1:
            raise MissingEvidenceError(
                f"{self._place}: expected a column {column!r}, got {', '.join(map(repr, self.table.columns))}"
            )
        return self.table.columns.index(names[0])

    def _matching(self, where: Where | None, match: Mapping[str, Cell]) -> list[tuple[Cell, ...]]:
        wanted = [(self._index(name), value) for name, value in {**(where or {}), **match}.items()]
        return [row for row in self.table.rows if all(row[k] == value for k, value in wanted)]

    def _bound(self, bound: str, row: tuple[Cell, ...]) -> str:
        if bound not in self.table.columns:
            return bound
        bar = row[self.table.columns.index(bound)]
        return f"± {float(bar):.2g} ({bound})" if isinstance(bar, int | float) else f"{bound}: {bar}"


def _worded(verdict: VerdictText) -> str:
    return verdict.verdict if verdict.explained else f"{verdict.verdict}, unexplained"


def _in_bars(verdict: VerdictText) -> float:
    return abs(verdict.unexplained) / verdict.bar if verdict.bar else 0.0


def _keyword(name: str) -> str:
    return re.sub(r"[\W_]+", "_", name).strip("_")


def _told(where: Where | None, match: Mapping[str, Cell]) -> str:
    """The match in words: B = 32, kind = relu."""
    return ", ".join(f"{name.replace('_', ' ')} = {value}" for name, value in {**(where or {}), **match}.items())


def _rows(found: Sequence[object]) -> str:
    return f"{len(found)} row{'s' if len(found) != 1 else ''}"


def _range(values: Sequence[Cell]) -> Cell:
    """One value, or the least and the largest; of words the different ones."""
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == len(values):
        low, high = min(numbers), max(numbers)
        return low if low == high else f"{low:.4g} … {high:.4g}"
    different = list(dict.fromkeys(map(str, values)))
    return ", ".join(different[:4]) + (", …" if len(different) > 4 else "")

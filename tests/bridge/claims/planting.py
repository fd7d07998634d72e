"""Contrary evidence, planted in the findings of the committed reports: what a judge must notice."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from residua_bridge.claims import Record, claims_named, ledger
from residua_bridge.findings import Cell, DerivationText, Findings, Section, Table, VerdictText

Reports = Mapping[str, tuple[Section, ...]]
Plant = Callable[[Reports], Reports]
Case = tuple[str, Plant, str]  # a claim, what is planted against it, and the word that this makes
FOLDER = Path(__file__).parents[3] / "reports"


@cache
def committed() -> Reports:
    """The sections of every committed report but the ledger's own, by study."""
    files = sorted(path for path in FOLDER.glob("*/findings.json") if path.parent.name != "claims")
    return {file.parent.name: Findings.from_json(file.read_text(encoding="utf-8")).sections for file in files}


def record(claim: str, reports: Reports | None = None) -> Record:
    """The record of one claim."""
    return ledger(committed() if reports is None else reports, claims_named((claim,)))[0]


def turned(plants: Mapping[str, tuple[Plant, str]]) -> list[Case]:
    """A case a claim."""
    return [(claim, plant, word) for claim, (plant, word) in plants.items()]


def bare(plants: Mapping[str, Plant]) -> list[Case]:
    """A case a claim: evidence without which nothing is confirmed."""
    return [(claim, plant, "not confirmed") for claim, plant in plants.items()]


def cell(report: str, table: str, column: str, value: Cell | Callable[[Cell], Cell], **match: Cell) -> Plant:
    """Cells of a column replaced, or altered by a function, in the rows of a table that match; `_` as in `Look`."""

    def altered(found: Table) -> Table:
        if not found.title.startswith(table):
            return found
        index = _index(found, column)
        wanted = [(_index(found, name), wish) for name, wish in match.items()]
        rows = tuple(
            tuple((value(old) if callable(value) else value) if k == index else old for k, old in enumerate(row))
            if all(row[k] == wish for k, wish in wanted)
            else row
            for row in found.rows
        )
        return replace(found, rows=rows)

    return _changed(report, lambda section: replace(section, tables=tuple(map(altered, section.tables))))


def unproved(report: str, derivation: str, *steps: str) -> Plant:
    """Steps of a derivation (all of them by default) without their proofs, as a wrong formula would stand there."""

    def altered(found: DerivationText) -> DerivationText:
        if found.title != derivation:
            return found
        bare = (replace(s, proofs=()) if not steps or s.name in steps else s for s in found.steps)
        return replace(found, steps=tuple(bare))

    return _changed(report, lambda section: replace(section, derivations=tuple(map(altered, section.derivations))))


def verdict(report: str, begins: str, word: str, explained: bool = True) -> Plant:
    """Verdicts whose statement begins so, turned into this word."""

    def altered(found: VerdictText) -> VerdictText:
        return replace(found, verdict=word, explained=explained) if found.statement.startswith(begins) else found

    return _changed(report, lambda section: replace(section, verdicts=tuple(map(altered, section.verdicts))))


def both(*plants: Plant) -> Plant:
    """Several of them, one after the other."""

    def planted(reports: Reports) -> Reports:
        for plant in plants:
            reports = plant(reports)
        return reports

    return planted


def _changed(report: str, change: Callable[[Section], Section]) -> Plant:
    def planted(reports: Reports) -> Reports:
        changed = {**reports, report: tuple(map(change, reports[report]))}
        assert changed != reports, f"nothing was planted in {report}"
        return changed

    return planted


def _index(table: Table, column: str) -> int:
    names = [name for name in table.columns if name == column or "_".join(_words(name)) == "_".join(_words(column))]
    assert len(names) == 1, f"{column!r} among {table.columns}"
    return table.columns.index(names[0])


def _words(name: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in name).split()

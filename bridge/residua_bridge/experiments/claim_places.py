"""Words for claims, each computed from what the sections of a report hold, and the table of them."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from residua_bridge.findings import Cell, Section, Table, VerdictText

Word = Literal["true", "conditional", "false", "undecidable"]
NOT_CONFIRMED = "not confirmed here"


class Evidence:
    """The sections of a report, asked for what a claim rests on."""

    def __init__(self, sections: Sequence[Section]) -> None:
        self.sections = tuple(sections)

    def section(self, title: str) -> Section:
        """The section of this title."""
        return next(section for section in self.sections if section.title == title)

    def rows(self, table: str) -> tuple[tuple[Cell, ...], ...]:
        """The rows of the table whose title begins so."""
        return next(t.rows for section in self.sections for t in section.tables if t.title.startswith(table))

    def column(self, table: str, name: str) -> list[Cell]:
        """One column of that table."""
        found = next(t for section in self.sections for t in section.tables if t.title.startswith(table))
        place = found.columns.index(name)
        return [row[place] for row in found.rows]

    def proved(self, derivation: str, step: str) -> bool:
        """Whether this step of this derivation is in the report with proofs; a proof that fails ends the run."""
        steps = [s for section in self.sections for d in section.derivations if d.title == derivation for s in d.steps]
        return any(s.name == step and s.proofs for s in steps)

    def agree(self, title: str) -> bool:
        """Whether the section has verdicts, and every one of them came out as expected."""
        return bool(self.section(title).verdicts) and all(map(as_expected, self.section(title).verdicts))


def as_expected(verdict: VerdictText) -> bool:
    """Whether a verdict is the expected one, and explained."""
    return verdict.verdict == verdict.expected and verdict.explained


class Judged(NamedTuple):
    """Whether the evidence for `word` is there, and what has to be said with it: condition, correction, remark."""

    held: bool
    word: Word
    words: str

    @property
    def said(self) -> str:
        """The word, if its evidence is there."""
        return self.word if self.held else NOT_CONFIRMED


class Claim(NamedTuple):
    """A claim, how it is judged, and the sections (separated by "; ") in which its evidence stands."""

    name: str
    statement: str
    judge: Callable[[Evidence], tuple[Judged, ...]]
    where: str


def claims_section(title: str, prose: Sequence[str], claims: Sequence[Claim], sections: Sequence[Section]) -> Section:
    """A row a claim, or one for each part of it."""
    evidence = Evidence(sections)
    rows = tuple(
        (claim.name, claim.statement, part.said, part.words, claim.where)
        for claim in claims
        for part in claim.judge(evidence)
    )
    columns = ("claim", "statement", "word", "condition, correction or remark", "section")
    return Section(title, tuple(prose), tables=(Table("Claims", columns, rows),))

"""What a report says, in which order: a short paper as a flat sequence of blocks, which every format then writes.

Tables and figures stand for themselves; a table without a title is neither numbered nor captioned.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from residua_bridge.findings import Cell, DerivationText, Figure, Findings, Section, StepText, Table, VerdictText
from residua_bridge.formats._text import sentence, spoken


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is a section of the paper."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """Prose, after some words in bold."""

    text: str
    lead: str = ""


@dataclass(frozen=True)
class Formula:
    """A displayed formula: LaTeX."""

    latex: str


@dataclass(frozen=True)
class Items:
    """A list of short texts."""

    items: tuple[str, ...]


Block = Heading | Paragraph | Formula | Items | Table | Figure

_EXPLAINED = {
    ("agree", True): "The difference lies within its bounds.",
    ("differ", True): "The causes below explain the difference.",
    ("differ", False): "The causes below do not explain the difference.",
}
_SIZES = (
    "Sizes are norms in the quantity's own space. The causes add there, as vectors or matrices, "
    "so their sizes need not add up to the size of the difference."
)


def paper(findings: Findings) -> Iterator[Block]:
    """The blocks of the whole report, after its title."""
    yield Paragraph(findings.question, "Question.")
    yield Paragraph(findings.claim, "Claim.")
    yield Paragraph(findings.refuted_by, "What would refute it.")
    if findings.verdicts:
        yield Heading("Verdicts in short")
        yield summary(findings.verdicts)
    for section in findings.sections:
        yield from _section(section)
    if findings.conclusion:
        yield Heading("Conclusion")
        yield from map(Paragraph, findings.conclusion)
    if findings.provenance:
        yield Heading("Where the numbers come from")
        yield Table("", ("What", "Value"), tuple(findings.provenance.items()))


def numbers(blocks: Sequence[Block]) -> Iterator[str]:
    """What each block is called: Table 1, Figure 2, or nothing."""
    tables, figures = count(1), count(1)
    for block in blocks:
        if isinstance(block, Figure):
            yield f"Figure {next(figures)}"
        else:
            yield f"Table {next(tables)}" if isinstance(block, Table) and block.title else ""


def summary(verdicts: Sequence[VerdictText]) -> Table:
    """One row a verdict: the words, and whether they are the expected ones."""
    rows = tuple((v.statement, v.verdict, v.explained, expectation(v)) for v in verdicts)
    return Table("", ("Statement", "Verdict", "Explained?", "As expected?"), rows)


def with_causes(verdicts: Sequence[VerdictText]) -> Table:
    """One row a verdict, with its scope and its causes."""
    columns = ("Statement", "Verdict", "Explained?", "Scope", "Difference", "Causes", "Unexplained", "Bar")
    return Table("", columns, tuple(map(_verdict_row, verdicts)))


def expectation(verdict: VerdictText) -> str:
    """Whether the verdict is the word that the study expects."""
    if not verdict.expected:
        return "none stated"
    return "yes" if verdict.verdict == verdict.expected else f"no: expected {verdict.expected}"


def _verdict_row(v: VerdictText) -> tuple[Cell, ...]:
    causes = "; ".join(f"{name} {spoken(size)}" for name, size in v.causes.items())
    return (v.statement, v.verdict, v.explained, v.scope, v.difference, causes or "none", v.unexplained, v.bar)


def _section(section: Section) -> Iterator[Block]:
    yield Heading(section.title)
    yield from map(Paragraph, section.prose)
    for derivation in section.derivations:
        yield from _derivation(derivation)
    yield from section.tables
    yield from section.figures
    for verdict in section.verdicts:
        yield from _verdict(verdict)
    if section.verdicts:
        yield Paragraph(_SIZES)


def _derivation(derivation: DerivationText) -> Iterator[Block]:
    yield Heading(derivation.title, 2)
    yield Formula(derivation.formula)
    if derivation.assumptions:
        yield Paragraph("", "Assumptions.")
        yield Items(derivation.assumptions)
    for k, step in enumerate(derivation.steps, start=1):
        yield from _step(k, step)


def _step(k: int, step: StepText) -> Iterator[Block]:
    yield Paragraph(step.reason, f"Step {k}: {step.name}.")
    yield Formula(step.statement)
    proofs = ", ".join(step.proofs)
    yield Paragraph(f"Proofs passed in this run: {proofs}." if proofs else "No proof was run for this step.")


def _verdict(v: VerdictText) -> Iterator[Block]:
    words = filter(None, (sentence(v.statement), _EXPLAINED.get((v.verdict, v.explained), ""), _as_expected(v)))
    yield Paragraph(" ".join(words), f"Verdict: {v.verdict}.")
    yield Paragraph(sentence(v.scope), "Scope.")
    yield _causes(v)
    if v.note:
        yield Paragraph(v.note)


def _as_expected(v: VerdictText) -> str:
    if not v.expected:
        return ""
    return "The study expects this." if v.verdict == v.expected else f"The study expects another word: {v.expected}."


def _causes(v: VerdictText) -> Table:
    rows: list[tuple[Cell, ...]] = [("measured minus predicted", v.difference, "")]
    rows += [(name, size, "") for name, size in v.causes.items()]
    rows.append(("unexplained", v.unexplained, v.bar))
    return Table("", ("Part of the difference", "Size", "Error bar"), tuple(rows))

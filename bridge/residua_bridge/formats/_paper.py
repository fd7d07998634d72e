"""What a report says, in which order: a short paper as a flat sequence of blocks, which every format then writes.

Tables, figures, drawings and matrices stand for themselves; a table without a title is neither numbered nor captioned.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

from residua_bridge.findings import (
    BudgetText,
    Cell,
    DerivationText,
    Drawing,
    Entry,
    Figure,
    Findings,
    Matrix,
    Reference,
    Section,
    StepText,
    Table,
    VerdictText,
    Waterfall,
)
from residua_bridge.formats._text import Maths, Strong, number, sentence, spoken


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is a section of the paper."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """Prose, after some words in bold; small where it explains the marks of a table."""

    text: str
    lead: str = ""
    small: bool = False


@dataclass(frozen=True)
class Formula:
    """A displayed formula: LaTeX."""

    latex: str


@dataclass(frozen=True)
class Source:
    """What one section of another report shows; without a section, that report as a whole."""

    report: str
    section: str
    shows: str


@dataclass(frozen=True)
class Sources:
    """What a claim rests on, one line a section of a report."""

    lines: tuple[Source, ...]


Picture = Figure | Drawing | Matrix | Waterfall
Block = Heading | Paragraph | Formula | Table | Picture | Sources

_LEGEND = (
    "A verdict without a flag is explained by the causes beside it, and is the expected one where the study expects "
    "one. Differences are measured minus predicted. All sizes are norms in the quantity's own space; the causes add "
    "there, as vectors or matrices, so their sizes need not add up to the size of the difference."
)
_FEW = 12  # more verdicts than this are counted by section instead of listed one by one


def paper(findings: Findings) -> Iterator[Block]:
    """The blocks of the whole report, after its title."""
    yield Paragraph(findings.question, "Question.")
    yield Paragraph(findings.claim, "Claim.")
    yield Paragraph(findings.refuted_by, "What would refute it.")
    if findings.conclusion:
        yield Heading("The answer")
        yield from map(Paragraph, findings.conclusion)
    if findings.verdicts:
        yield Heading("Verdicts in short")
        yield summary(findings)
        yield Paragraph(_LEGEND, "How to read verdicts.", small=True)
    for section in findings.sections:
        yield from _section(section)
    if findings.provenance:
        yield Heading("Where the numbers come from")
        yield Paragraph(sentence("; ".join(f"{what}: {value}" for what, value in findings.provenance.items())))


def numbers(blocks: Sequence[Block]) -> Iterator[str]:
    """What each block is called: Table 1, Figure 2, or nothing."""
    tables, figures = count(1), count(1)
    for block in blocks:
        if isinstance(block, Picture):
            yield f"Figure {next(figures)}"
        else:
            yield f"Table {next(tables)}" if isinstance(block, Table) and block.title else ""


def summary(findings: Findings) -> Table:
    """One row a verdict; of many, one row a section with their counts, and one for each that needs attention."""
    if len(findings.verdicts) <= _FEW:
        return Table("", ("Statement", "Verdict"), tuple((v.statement, _marked(v)) for v in findings.verdicts))
    judged = [section for section in findings.sections if section.verdicts]
    rows = tuple(row for section in judged for row in _counted(section))
    return Table("", ("Section", "Verdicts"), rows)


def with_causes(verdicts: Sequence[VerdictText]) -> Table:
    """One row a verdict, with its scope and its causes."""
    columns = ("Statement", "Verdict", "Explained?", "Scope", "Difference", "Causes", "Unexplained", "Bar")
    return Table("", columns, tuple(map(_verdict_row, verdicts)))


def _verdict_row(v: VerdictText) -> tuple[Cell, ...]:
    causes = "; ".join(f"{name} {spoken(size)}" for name, size in v.causes.items())
    return (v.statement, v.verdict, v.explained, v.scope, v.difference, causes or "none", v.unexplained, v.bar)


def words(verdict: VerdictText) -> str:
    """The verdict with what is to be said of it in short: agree, as expected."""
    expected = ", as expected" if verdict.expected and not _surprising(verdict) else ""
    return f"{_flagged(verdict)}{expected}"


def counted(verdicts: Sequence[VerdictText]) -> str:
    """How often each verdict was given: 12 × agree, as expected."""
    counts = Counter(map(words, verdicts))
    return "; ".join(f"{n} × {word}" if n > 1 else word for word, n in counts.items())


def _counted(section: Section) -> Iterator[tuple[Cell, ...]]:
    """A row for the section, and one for each of its verdicts that is unexpected or unexplained."""
    yield (section.title, counted([v for v in section.verdicts if not _odd(v)]) or "–")
    yield from ((f"– {v.statement}", Strong(_flagged(v))) for v in section.verdicts if _odd(v))


def _surprising(v: VerdictText) -> bool:
    return v.expected not in ("", v.verdict)


def _odd(v: VerdictText) -> bool:
    return _surprising(v) or not v.explained


def _flagged(v: VerdictText) -> str:
    """The verdict, and what a reader must not overlook."""
    surprise = f"NOT as expected ({v.expected})" if _surprising(v) else ""
    return ", ".join(filter(None, (v.verdict, "" if v.explained else "unexplained", surprise)))


def _marked(v: VerdictText) -> str:
    return Strong(_flagged(v)) if _odd(v) else words(v)


def _section(section: Section) -> Iterator[Block]:
    yield Heading(section.title)
    yield from map(Paragraph, section.prose)
    for derivation in section.derivations:
        yield from _derivation(derivation)
    yield from section.drawings
    yield from section.tables
    yield from section.figures
    yield from section.matrices
    yield from section.waterfalls
    if section.verdicts:
        yield from _verdicts(section.verdicts)
    for entry in section.entries:
        yield from _entry(entry)


def _entry(entry: Entry) -> Iterator[Block]:
    """A claim: its sentence, the word, what goes with it, what it rests on, and how it was computed."""
    yield Heading(f"{entry.name}: {entry.word}", 2)
    yield Paragraph(sentence(entry.statement), f"{entry.where}:")
    for lead, text in entry.said:
        yield Paragraph(sentence(text), f"{lead}:")
    if entry.evidence:
        yield Sources(tuple(_sources(entry.evidence)))
    if entry.computed:
        yield Paragraph(sentence(entry.computed), "How it was computed:", small=True)


def _sources(evidence: Sequence[Reference]) -> Iterator[Source]:
    for report, section in dict.fromkeys((one.report, one.section) for one in evidence):
        here = [told(one) for one in evidence if (one.report, one.section) == (report, section)]
        yield Source(report, section, "; ".join(_under_their_titles(here)))


def _under_their_titles(texts: Sequence[str]) -> Iterator[str]:
    """Texts such as "Table: column = 3"; the title is not said again where the one before has it, too."""
    before = ""
    for text in texts:
        title, colon, rest = text.partition(": ")
        yield rest if colon and title == before else text
        before = title


def told(reference: Reference) -> str:
    """A piece of evidence in words: what was looked at, what it showed, and how sure that is."""
    value = "" if reference.value is None else number(reference.value)
    match reference.kind:
        case "proof":
            shown = f"proved ({reference.bound})" if reference.value else "not proved"
        case "picture":
            return f"picture: {reference.what}"
        case _:
            bound = _bar(reference.bound)
            shown = " ".join(filter(None, (value, bound if reference.bound else "")))
    return f"{reference.what}: {shown}" if shown else reference.what


def _bar(bound: str) -> str:
    """How sure a number is, behind it: ± 0.014 without the sign once more (a column called ±), else in brackets."""
    if bound.endswith("beside each") or not bound.startswith("±"):
        return f"({bound})"
    bar, _, kind = bound.removesuffix(")").partition(" (±")
    return bound if bar == bound.removesuffix(")") else f"{bar} {kind.strip()}".rstrip()


def _derivation(derivation: DerivationText) -> Iterator[Block]:
    yield Heading(derivation.title, 2)
    yield Formula(derivation.formula)
    if derivation.assumptions:
        assumptions = "; ".join(one.strip().removesuffix(".") for one in derivation.assumptions)
        yield Paragraph(sentence(assumptions), "Assumptions:")
    if derivation.steps:
        proofs = _Letters(proof for step in derivation.steps for proof in step.proofs)
        rows = tuple(_step(k, step, proofs) for k, step in enumerate(derivation.steps, start=1))
        yield Table("", ("No.", "Statement", "Why", "Proved by"), rows)
        if proofs.letters:
            yield Paragraph(sentence(f"Proofs passed in this run: {proofs.key()}"), small=True)


def _step(k: int, step: StepText, proofs: "_Letters") -> tuple[Cell, ...]:
    why = f"{step.name}: {step.reason}" if _says_more(step.name) else step.reason
    marks = ", ".join(dict.fromkeys(map(proofs.mark, step.proofs)))
    return (k, Maths(step.statement), why, marks or "–")


def _says_more(name: str) -> bool:
    """Whether a step's name is more than the name of what the statement defines or differentiates: xhat, d xhat."""
    return not re.fullmatch(r"(d )?\w*", name)


class _Letters:
    """Letters (a), (b), ... for texts that would otherwise be repeated, in the order of their first appearance."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.letters = {text: f"({_letter(k)})" for k, text in enumerate(dict.fromkeys(texts))}

    def mark(self, text: str) -> str:
        """The letter of `text`, or `text` itself if it has none."""
        return self.letters.get(text, text)

    def key(self) -> str:
        """What the letters stand for."""
        return "; ".join(f"{letter} {text.strip().removesuffix('.')}" for text, letter in self.letters.items())


def _letter(k: int) -> str:
    return (_letter(k // 26 - 1) if k >= 26 else "") + "abcdefghijklmnopqrstuvwxyz"[k % 26]


def _verdicts(verdicts: Sequence[VerdictText]) -> Iterator[Block]:
    """One row a verdict; what all scopes share, and notes that come more than once, are told below the table.

    The causes of those that have a budget stand in the table of budgets.
    """
    causes = tuple(dict.fromkeys(cause for v in verdicts if v.budget is None for cause in v.causes))
    shared = _shared([_parts(v.scope) for v in verdicts])
    often = Counter(v.note for v in verdicts if v.note)
    everywhere = next((note for note, times in often.items() if times == len(verdicts) > 1), "")
    notes = _Letters(note for note, times in often.items() if times > 1 and note != everywhere)
    columns: tuple[str, ...] = ("Statement", "Verdict", "difference", *causes, "unexplained", "± bar", "Scope; note")
    rows = tuple(_row(replace(v, note="") if everywhere else v, causes, shared, notes) for v in verdicts)
    if not any(row[-1] for row in rows):
        columns, rows = columns[:-1], tuple(row[:-1] for row in rows)
    yield Table("", columns, rows)
    scope = f"Scope of every row: {', '.join(shared)}" if shared else ""
    note = f"Every row: {everywhere.removesuffix('.')}" if everywhere else ""
    below = ". ".join(filter(None, (scope, note, f"Notes: {notes.key()}" if notes.letters else "")))
    if below:
        yield Paragraph(sentence(below), small=True)
    yield from budgets(verdicts)


def budgets(verdicts: Sequence[VerdictText]) -> Iterator[Table | Paragraph]:
    """The budgets of those that have one: a row a term, from predicted to measured; nothing where none has."""
    with_one = [(v.statement, v.budget) for v in verdicts if v.budget is not None]
    if not with_one:
        return
    often = Counter(term.how for _, budget in with_one for term in budget.terms)
    hows = _Letters(how for how, times in often.items() if times > 1)
    rows = tuple(row for statement, budget in with_one for row in _budget_rows(statement, budget, hows))
    yield Table("", ("Budget of", "term", "size", "± bar", "how"), rows)
    if hows.letters:
        yield Paragraph(sentence(f"How: {hows.key()}"), small=True)


def _budget_rows(statement: str, budget: BudgetText, hows: "_Letters") -> Iterator[tuple[Cell, ...]]:
    yield (statement, "predicted", budget.predicted, "", "")
    for term in budget.terms:
        yield ("", term.cause, _short(term.value), _short(term.bar), hows.mark(term.how))
    rest = "measured − predicted − all terms above"
    yield ("", "unexplained", _short(budget.unexplained), _short(budget.unexplained_bar), rest)
    yield ("", "measured", budget.measured, _short(budget.bar), budget.statistic)


def _row(v: VerdictText, causes: Sequence[str], shared: Sequence[str], notes: _Letters) -> tuple[Cell, ...]:
    scope = ", ".join(part for part in _parts(v.scope) if part not in shared)
    sizes = (_short(v.causes[cause]) if cause in v.causes else "" for cause in causes)
    remarks = "; ".join(filter(None, (scope, notes.mark(v.note))))
    return (
        v.statement,
        Strong(_flagged(v)),
        _short(v.difference),
        *sizes,
        _short(v.unexplained),
        _short(v.bar),
        remarks,
    )


def _parts(scope: str) -> list[str]:
    """The scope in its parts: a new one begins with a letter, so that "seeds 0, 1, 2" stays together."""
    return re.split(r",\s+(?=[^\W\d_])", scope.strip().removesuffix("."))


def _shared(scopes: list[list[str]]) -> list[str]:
    """The parts that all of several scopes have."""
    return [part for part in scopes[0] if all(part in one for one in scopes)] if len(scopes) > 1 else []


def _short(value: float) -> float:
    """Two or three significant digits: a size is compared, not computed with; findings.json has all digits."""
    return float(f"{value:.3g}") if 1e-3 <= abs(value) < 1e4 else float(f"{value:.2g}")

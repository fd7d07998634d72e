"""The ledger as a report: counts by document, then every claim with its verdict and its evidence."""

import re
from collections import Counter
from collections.abc import Sequence

from residua_bridge.claims.ledger import Record, ledger
from residua_bridge.claims.register import Document, documents
from residua_bridge.claims.ruling import DECIDED, WORDS, Word
from residua_bridge.findings import Cell, Entry, Findings, Section, Table

NAME = "claims"
TITLE = "What four documents on deep learning claim, one claim after the other"
QUESTION = (
    "Which of the claims of the documents 000, 002, 003 and 004 are true, under which conditions, and which are not?"
)
CLAIM = (
    "Each document is taken at its word, in its own setting. A claim is true, conditional (it holds under conditions "
    "that the document does not state), false, or undecidable (neither mathematics nor an experiment of this kind can "
    "decide it)."
)
REFUTED_BY = (
    "Other evidence: a word is computed from derivations that are proved, and from measurements made, in the run that "
    "wrote the reports named beside it. Tests plant contrary evidence against every claim that is decided and see its "
    "word change."
)

CONDITION = "It holds if"
FUNCTIONS = ("sin", "exp", "tanh")
READING = (
    "Every claim has its place in the document (L62 is line 62 of its file, §1.4 a section, (1.5) a formula), its word "
    "and what belongs to it: the condition under which it holds, what is right instead, the smallest case in which it "
    "fails. Its evidence is every look that was taken into the "
    "reports, by report and section: steps of derivations with the proofs that passed, numbers with what is known of "
    "their error, verdicts of comparisons with the difference and what is left unexplained of it. A word changes when "
    "its evidence does.",
)


def claims_report(reports: Sequence[Findings], records: Sequence[Record] | None = None) -> Findings:
    """The ledger's findings, drawn from those of the studies: of all claims, or of these records."""
    sections = {one.study: one.sections for one in reports}
    judged = ledger(sections) if records is None else tuple(records)
    return Findings(
        study=NAME,
        title=TITLE,
        question=QUESTION,
        claim=CLAIM,
        refuted_by=REFUTED_BY,
        sections=tuple(_sections(judged)),
        conclusion=_conclusion(judged),
        provenance=_provenance(reports),
    )


def counts(records: Sequence[Record]) -> Table:
    """How often each word was given, by document."""
    words = [word for word in WORDS if word in DECIDED or any(record.verdict == word for record in records)]
    about = {one.name: one.title for one in documents() if any(record.document == one.name for record in records)}
    rows: list[tuple[Cell, ...]] = [(name, title, *_counted(records, name, words)) for name, title in about.items()]
    if len(rows) > 1:
        rows.append(("all", "", *_counted(records, "", words)))
    return Table("Verdicts by document", ("document", "about", "claims", *words), tuple(rows))


def _counted(records: Sequence[Record], document: str, words: Sequence[Word]) -> list[int]:
    """How many claims of that document (of all, without one) there are, and how many got each word."""
    found = Counter(record.verdict for record in records if document in ("", record.document))
    return [found.total(), *(found[word] for word in words)]


def _sections(records: Sequence[Record]) -> list[Section]:
    found = [Section("Counts", READING, tables=(counts(records),))]
    for document in documents():
        here = [record for record in records if record.document == document.name]
        if here:
            found.append(_section(document, here))
    return found


def _section(document: Document, records: Sequence[Record]) -> Section:
    rows = tuple((r.id, r.locator, r.claim, r.verdict) for r in records)
    overview = Table(f"Document {document.name} in short", ("claim", "where", "it says", "verdict"), rows)
    title = f"Document {document.name}: {document.title}"
    return Section(title, tables=(overview,), entries=tuple(map(entry, records)))


def entry(record: Record) -> Entry:
    """A record as a report prints it."""
    said = (
        (CONDITION, record.conditions),
        ("What is right", record.correction),
        ("Where it fails", record.counterexample),
        ("Remark", record.remark),
    )
    told = tuple((lead, text if lead == CONDITION else _opened(text)) for lead, text in said if text)
    return Entry(record.id, record.locator, record.claim, record.verdict, told, record.evidence, record.computed)


def _opened(text: str) -> str:
    """A text as a sentence begins; a formula, a letter or a function in front stays as it is."""
    first = re.match(r"(?:a|[a-z]{2,})(?=[ ,-])", text)
    return text[:1].upper() + text[1:] if first and first[0] not in FUNCTIONS else text


def _conclusion(records: Sequence[Record]) -> tuple[str, ...]:
    found = Counter(record.verdict for record in records)
    shares = ", ".join(f"{found[word]} {word}" for word in WORDS if found[word])
    return (f"Of {len(records)} claim{'' if len(records) == 1 else 's'}: {shares}.",)


def _provenance(reports: Sequence[Findings]) -> dict[str, str]:
    """What the reports have in common, and their names."""
    if not reports:
        return {}
    first, *others = (one.provenance for one in reports)
    shared = {what: value for what, value in first.items() if all(one.get(what) == value for one in others)}
    return {**shared, "reports": ", ".join(one.study for one in reports)}

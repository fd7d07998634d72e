"""The ledger: a record for every claim, its word a function of the findings of the studies."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from inspect import getdoc
from typing import Any

from residua_bridge.claims.evidence import Evidence, MissingEvidenceError, MissingReportError
from residua_bridge.claims.judging import all_judges
from residua_bridge.claims.register import Claim, claims_named, register
from residua_bridge.claims.ruling import Ruling, Word
from residua_bridge.findings import Reference, Section, Table

Reports = Mapping[str, Sequence[Section]]


@dataclass(frozen=True)
class Record:
    """A claim with its verdict, what has to be said with it, what it rests on, and how it was computed.

    `conditions`: under which a conditional claim holds. `correction`: what is right where it is not.
    """

    id: str
    document: str
    locator: str
    claim: str
    verdict: Word
    conditions: str
    correction: str
    counterexample: str
    remark: str
    evidence: tuple[Reference, ...]
    computed: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON; every piece of evidence with its link, relative to the folder of the reports."""
        from residua_bridge.formats.markdown import link

        evidence = [{**asdict(one), "link": link(one.report, one.section)} for one in self.evidence]
        return {**asdict(self), "evidence": evidence}


def ledger(reports: Reports, claims: Sequence[Claim] | None = None) -> tuple[Record, ...]:
    """A record for each of these claims, of all by default, judged by the sections of the studies' reports."""
    return tuple(record(claim, reports) for claim in (claims_named() if claims is None else claims))


def record(claim: Claim, reports: Reports) -> Record:
    """The record of one claim; where evidence is missing, the verdict is "not confirmed", and the remark says what."""
    evidence = Evidence(reports)
    ruling, word = _ruled(claim, evidence)
    return Record(
        id=claim.name,
        document=claim.document,
        locator=claim.where,
        claim=claim.statement,
        verdict=word,
        conditions=ruling.condition if word == "conditional" else "",
        correction=ruling.correction if word in ("conditional", "false") else "",
        counterexample=ruling.counterexample if word in ("conditional", "false") else "",
        remark=_joined(ruling.open if word == "undecidable" else "", ruling.remark),
        evidence=evidence.seen,
        computed=_explained(claim),
    )


def _ruled(claim: Claim, evidence: Evidence) -> tuple[Ruling, Word]:
    if claim.name not in all_judges():
        return Ruling(False, False, remark="no judge is written for this claim"), "not confirmed"
    try:
        ruling = all_judges()[claim.name](evidence)
    except MissingEvidenceError as missing:
        ruling = Ruling(False, False, remark=str(missing))
    except (ArithmeticError, LookupError, ValueError) as odd:  # a table holds what the judge cannot read
        ruling = Ruling(False, False, remark=f"the evidence could not be read: {odd!r}")
    return ruling, ruling.word


def _explained(claim: Claim) -> str:
    """How the word is computed: what the judge says of itself."""
    return " ".join((getdoc(all_judges()[claim.name]) or "").split()) if claim.name in all_judges() else ""


def claims_section(
    title: str, prose: Sequence[str], names: Sequence[str], report: str, sections: Sequence[Section]
) -> Section:
    """The closing section of a study's report: the claims that it decides, and those that it decides with others."""
    rows = []
    for name in names:
        claim, evidence = register()[name], Evidence({report: sections})
        try:
            ruling = all_judges()[name](evidence)
            said: tuple[str, str] = (ruling.word, _told(ruling))
        except MissingReportError:
            said = ("see the ledger", "decided together with other reports")
        except MissingEvidenceError as missing:
            said = ("not confirmed", str(missing))
        rows.append((name, claim.statement, *said, "; ".join(_places(evidence))))
    columns = ("claim", "statement", "word", "condition, correction or remark", "section")
    return Section(title, tuple(prose), tables=(Table("Claims", columns, tuple(rows)),))


def _told(ruling: Ruling) -> str:
    parts = {
        "true": (ruling.remark,),
        "conditional": (ruling.condition, ruling.correction, ruling.remark),
        "false": (ruling.correction, ruling.counterexample, ruling.remark),
        "undecidable": (ruling.open, ruling.remark),
        "not confirmed": (ruling.remark,),
    }[ruling.word]
    return _joined(*parts)


def _joined(*parts: str) -> str:
    return "; ".join(part.strip().removesuffix(".") for part in parts if part)


def _places(evidence: Evidence) -> list[str]:
    return list(dict.fromkeys(seen.section for seen in evidence.seen if seen.section))

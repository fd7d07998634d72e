"""What stands below the table: how many claims hold, and how often a verdict is wrong."""

from dataclasses import dataclass

from residua_bridge.claims import Evidence, ledger
from residua_bridge.claims.ledger import Reports
from residua_bridge.claims.report import NAME
from residua_bridge.claims.ruling import WORDS
from residua_bridge.highlights.row import listed, require

_SAID = {
    "true": "{} hold as written",
    "conditional": "{} under a condition that they do not state",
    "false": "{} do not hold",
    "undecidable": "{} are undecidable",
    "not confirmed": "{} not confirmed",
}


@dataclass(frozen=True)
class Sentence:
    """Words, and the link that they end in: its own words, and the study whose report it leads to."""

    words: str
    link: str
    study: str


def judged(reports: Reports) -> Sentence:
    """The counts of the ledger."""
    words = [record.verdict for record in ledger(reports)]
    counts = [_SAID[word].format(words.count(word)) for word in WORDS if word in words]
    return Sentence(
        f"Of {len(words)} claims in four essays on deep learning, which residua grew out of, {listed(counts)}:",
        "the ledger, claim by claim, with the evidence",
        NAME,
    )


def trust(e: Evidence) -> Sentence:
    """How often verdicts are wrong themselves."""
    report = "calibration"
    table = e.table(report, "What is asked of the verdicts")

    def found(asked: str) -> str:
        rows = [row for row in table.rows() if str(row["asked"]).startswith(asked)]
        require(len(rows) == 1 and rows[0]["passed"] is True, "trust", f"“{asked}” is asked once, and met")
        return str(rows[0]["found"]).split(" (")[0]

    wrong, caught = found("true laws that differ"), found("wrong laws more than 4 standard errors off")
    return Sentence(
        f"Can such verdicts be wrong themselves? It was counted: {wrong} true laws were called wrong, and {caught} "
        "wrong ones, planted more than 4 standard errors off, were caught:",
        "how far the verdicts can be trusted",
        report,
    )

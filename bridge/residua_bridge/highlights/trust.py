"""How often a verdict is wrong, in a sentence."""

from residua_bridge.claims import Evidence
from residua_bridge.highlights.row import require


def trust(e: Evidence) -> tuple[str, str, str]:
    """The sentence, the words of its link, and the study that it leads to."""
    report = "calibration"
    table = e.table(report, "What is asked of the verdicts")

    def found(asked: str) -> str:
        rows = [row for row in table.rows() if str(row["asked"]).startswith(asked)]
        require(len(rows) == 1 and rows[0]["passed"] is True, "trust", f"“{asked}” is asked once, and met")
        return str(rows[0]["found"]).split(" (")[0]

    wrong, caught = found("true laws that differ"), found("wrong laws more than 4 standard errors off")
    words = (
        f"Can such verdicts be wrong themselves? It was counted: {wrong} true laws were called wrong, and {caught} "
        f"wrong "
        "ones, planted more than 4 standard errors off, were caught:"
    )
    return words, "how far the verdicts can be trusted", report

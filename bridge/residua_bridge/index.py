"""The page that lists the reports: reports/README.md."""

from collections.abc import Sequence

from residua_bridge.figures import file_stem
from residua_bridge.findings import Findings
from residua_bridge.formats._paper import counted
from residua_bridge.formats.markdown import FILE, text

HEADING = "# Reports"


def index(findings: Sequence[Findings]) -> str:
    """Markdown with one line a study: a link to its report, its question and its verdicts."""
    lines = [f"- [{text(one.title)}]({file_stem(one.study)}/{FILE}): {text(_about(one))}" for one in findings]
    return "\n".join([HEADING, "", *lines]) + "\n"


def _about(findings: Findings) -> str:
    words = [entry.word for entry in findings.entries]
    claims = "; ".join(f"{words.count(word)} × {word}" for word in dict.fromkeys(words))
    return f"{findings.question} Verdicts: {counted(findings.verdicts) or claims or 'none'}."

"""The page that lists the reports: reports/README.md."""

from collections import Counter
from collections.abc import Sequence

from residua_bridge.figures import file_stem
from residua_bridge.findings import Findings, VerdictText
from residua_bridge.formats._paper import expectation
from residua_bridge.formats.markdown import FILE, text


def index(findings: Sequence[Findings]) -> str:
    """Markdown with one line a study: a link to its report, its question and its verdicts."""
    lines = [f"- [{text(one.title)}]({file_stem(one.study)}/{FILE}): {text(_about(one))}" for one in findings]
    return "\n".join(["# Reports", "", *lines]) + "\n"


def _about(findings: Findings) -> str:
    counts = Counter(map(_words, findings.verdicts))
    words = "; ".join(f"{n} × {word}" if n > 1 else word for word, n in counts.items())
    return f"{findings.question} Verdicts: {words or 'none'}."


def _words(verdict: VerdictText) -> str:
    explained = "explained" if verdict.explained else "unexplained"
    words = verdict.verdict if verdict.verdict == "agree" and verdict.explained else f"{verdict.verdict}, {explained}"
    if not verdict.expected:
        return words
    surprise = expectation(verdict).removeprefix("no: ")
    return f"{words} (as expected)" if surprise == "yes" else f"{words} (NOT as expected: {surprise})"

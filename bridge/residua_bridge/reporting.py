"""Studies run and their reports written, with a summary on the screen; findings printed in one format."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from residua_bridge.findings import Findings
from residua_bridge.formats import named
from residua_bridge.formats._text import plain
from residua_bridge.index import HEADING, index
from residua_bridge.progress import Display
from residua_bridge.study import PROFILES, Outcome, Settings, Study, carry_out
from residua_bridge.writer import ensure_writable, replace_file, write
from residua_network import ResiduaError
from residua_network.checks import one_of

INDEX = "README.md"


def write_all(studies: Sequence[Study], out: Path, profile: str, formats: Sequence[str]) -> list[Outcome]:
    """Run every study, write `<out>/<study>/` as each is done, then the index. Refuses bad input before computing."""
    one_of(profile, PROFILES, "profile", "residua report")
    for name in formats:
        named(name)
    for study in studies:
        ensure_writable(out, study.name)
    _ensure_own_index(out / INDEX)
    outcomes = []
    for study in studies:
        with Display(f"{study.name}: ") as display:
            outcome = carry_out(study, Settings(profile, display.track))
        write(outcome.findings, out, formats)
        outcomes.append(outcome)
    replace_file(out / INDEX, index([outcome.findings for outcome in outcomes]))
    _summary(outcomes, out)
    return outcomes


def _ensure_own_index(path: Path) -> None:
    """Raises ResiduaError where another README stands in the place of the index."""
    if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(HEADING):
        raise ResiduaError(f'{path}: expected no file there, or an index of reports ("{HEADING}"), got another file')


def _summary(outcomes: Sequence[Outcome], out: Path) -> None:
    """One line a study on the screen."""
    table = Table("study", "verdicts", "as expected", "explained", "report")
    for outcome in outcomes:
        verdicts = outcome.findings.verdicts
        expected = sum(v.expected in ("", v.verdict) for v in verdicts)
        explained = sum(v.explained for v in verdicts)
        name = outcome.findings.study
        table.add_row(name, str(len(verdicts)), str(expected), str(explained), str(out / name / "report.md"))
    Console().print(table)


def printed(findings: Findings, format: str) -> str:
    """Findings as "text" (the verdicts and the conclusion), "markdown", "latex" (the report) or "json" (all of it)."""
    if format == "json":
        return findings.to_json()
    if format != "text":
        return named(format).render(findings)
    if not findings.sections:
        raise ResiduaError(f"{findings.study}: nothing was found")
    lines = [findings.title, ""]
    for v in findings.verdicts:
        surprise = "" if v.expected in ("", v.verdict) else f"  (expected: {v.expected})"
        reason = "explained" if v.explained else "UNEXPLAINED"
        lines.append(f"{v.verdict:13} {reason:12} {plain(v.statement)}{surprise}")
        causes = ", ".join(f"{name} {size:.2e}" for name, size in v.causes.items())
        lines.append(f"{'':26} difference {v.difference:.2e}; {causes}; unexplained {v.unexplained:.2e} ± {v.bar:.2e}")
        lines.append(f"{'':26} {v.scope}")
    return "\n".join([*lines, "", *map(plain, findings.conclusion)])

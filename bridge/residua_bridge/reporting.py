"""Studies run and their reports written, with a summary on the screen; findings printed in one format."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing as closed
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from residua_bridge.findings import BudgetText, Findings
from residua_bridge.formats import named
from residua_bridge.formats._text import plain
from residua_bridge.index import HEADING, index
from residua_bridge.progress import Display, Part
from residua_bridge.study import PROFILES, Finding, Outcome, Settings, Study, Track, carry_out_one, concluded
from residua_bridge.workers import done
from residua_bridge.writer import ensure_writable, replace_file, write
from residua_network import ResiduaError
from residua_network.checks import one_of, whole

INDEX = "README.md"


class Task(NamedTuple):
    """An experiment of a study."""

    study: str
    experiment: int

    def __str__(self) -> str:
        return f"{self.study}, experiment {self.experiment + 1}"


class Closing(NamedTuple):
    """A report that is drawn from what all studies found, and its name."""

    name: str
    drawn: Callable[[Sequence[Findings]], Findings]


def write_all(
    catalogue: Callable[[], Mapping[str, Study]],
    out: Path,
    profile: str,
    formats: Sequence[str],
    processes: int = 1,
    indexed: bool = True,
    closing: Closing | None = None,
) -> list[Outcome]:
    """Run every study, write `<out>/<study>/` as each is done, then `closing` and, if `indexed`, the index. Refuses bad
    input before computing.

    `catalogue` gives the studies by name; with several processes, each of which takes one experiment after the other,
    it must be a function that they can import.
    """
    one_of(profile, PROFILES, "profile", "residua report")
    whole(processes, "processes", "residua report")
    for name in formats:
        named(name)
    studies = catalogue()
    for name in (*studies, *([closing.name] if closing else ())):
        ensure_writable(out, name)
    if indexed:
        _ensure_own_index(out / INDEX)
    outcomes = {}
    with Display() as display, closed(_found(catalogue, profile, processes, display)) as found:
        for name, findings in found:
            outcomes[name] = concluded(studies[name], findings, profile)
            write(outcomes[name].findings, out, formats)
    ordered = [outcomes[name] for name in studies]
    if closing:
        last = closing.drawn([outcome.findings for outcome in ordered])
        write(last, out, formats)
        ordered.append(Outcome(last, ()))
    if indexed:
        replace_file(out / INDEX, index([outcome.findings for outcome in ordered]))
    _summary(ordered, out)
    return ordered


def _found(
    catalogue: Callable[[], Mapping[str, Study]], profile: str, processes: int, display: Display
) -> Generator[tuple[str, list[Finding]], None, None]:
    """Each study's name with what its experiments found, as soon as the last of them is done."""
    sizes = {name: len(study.experiments) for name, study in catalogue().items()}
    parts = {name: display.part(f"{name}: experiments", size) for name, size in sizes.items()}
    found: dict[str, dict[int, Finding]] = {name: {} for name in sizes}
    tasks = [Task(name, k) for name, size in sizes.items() for k in range(size)]

    def begin(task: Task, label: str, total: int) -> Part:
        return display.part(f"{task.study}: {label}", total, stays=False)

    yield from ((name, []) for name, size in sizes.items() if not size)
    with closed(done(partial(_carry_out, catalogue, profile), tasks, processes, begin)) as results:
        for (name, k), finding in results:
            found[name][k] = finding
            parts[name].advance()
            if len(found[name]) == sizes[name]:
                parts[name].end()
                yield name, [found[name][k] for k in range(sizes[name])]


def _carry_out(catalogue: Callable[[], Mapping[str, Study]], profile: str, task: Task, track: Track) -> Finding:
    return carry_out_one(catalogue()[task.study].experiments[task.experiment], Settings(profile, track))


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
        name, claims = outcome.findings.study, outcome.findings.entries
        shown = (f"{len(claims)} claims", "", "") if claims else (str(len(verdicts)), str(expected), str(explained))
        table.add_row(name, *shown, str(out / name / "report.md"))
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
        if v.budget is not None:
            lines += [f"{'':26} {line}" for line in _budget_lines(v.budget)]
    return "\n".join([*lines, "", *map(plain, findings.conclusion)])


def _budget_lines(budget: BudgetText) -> list[str]:
    """A row a term, from predicted to measured."""
    rows: list[tuple[str, str, str, str]] = [("predicted", f"{budget.predicted:.6g}", "", "")]
    rows += [(t.cause, f"{t.value:+.2e}", f"± {t.bar:.1e}", t.how) for t in budget.terms]
    rows.append(("unexplained", f"{budget.unexplained:+.2e}", f"± {budget.unexplained_bar:.1e}", ""))
    rows.append(("measured", f"{budget.measured:.6g}", f"± {budget.bar:.1e}", budget.statistic))
    wide = max(len(cause) for cause, *_ in rows)
    return [f"{cause:{wide}}  {value:>12}  {bar:9}  {plain(how)}".rstrip() for cause, value, bar, how in rows]

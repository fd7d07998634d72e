"""Laws met along ladders, each an entry of a section with its budget, waterfall and figures; planted mistakes."""

from collections.abc import Callable
from dataclasses import dataclass

from residua_bridge.budgets.judge import judged
from residua_bridge.budgets.law import Ladder, Law, Source
from residua_bridge.budgets.section import Case, budgets_section
from residua_bridge.findings import Section, Table
from residua_bridge.study import By, Finding, Settings


@dataclass(frozen=True)
class Met:
    """A law, made when it is met; what it is met by, and where; the verdict to be expected, "" for none."""

    label: str
    law: Callable[[], Law]
    source: Source
    ladder: By
    statistic: str = "ratio of means"
    expected: str = "agree"
    note: str = ""


@dataclass(frozen=True)
class JudgedLaws:
    """Each law along its ladder, in one section."""

    name: str
    title: str
    prose: tuple[str, ...]
    laws: tuple[Met, ...]
    ladders: bool = True

    def run(self, settings: Settings) -> Finding:
        """Draw until every verdict is clear or its time is used up."""
        cases = []
        for met in settings.track(self.laws, self.title):
            ladder: Ladder = met.ladder.of(settings.profile)
            found = judged(met.law(), met.source, ladder, met.statistic, settings.track)
            cases.append(Case(found, met.label, found.title, met.expected, met.note))
        return budgets_section(self.name, self.title, self.prose, cases, ladders=self.ladders)


@dataclass(frozen=True)
class PlantedLaws:
    """Wrong laws, handed to the same judge: a table of what it says; nothing here is expected to agree."""

    title: str
    prose: tuple[str, ...]
    laws: tuple[Met, ...]

    def run(self, settings: Settings) -> Finding:
        """Draw until every verdict is clear or its time is used up."""
        rows = []
        for met in settings.track(self.laws, self.title):
            found = judged(met.law(), met.source, met.ladder.of(settings.profile), met.statistic)
            assert found.budget is not None
            b = found.budget
            off = max(map(abs, b.standard_errors), default=0.0)
            rows.append(
                (met.label, found.title, b.predicted, b.measured.value, b.measured.bar, off, str(found.verdict))
            )
        columns = ("mistake", "law", "predicted", "measured", "standard error", "off by, in s.e.", "verdict")
        caption = "At the point of the ladder; the last columns judge all sizes of the ladder together."
        return Finding(Section(self.title, self.prose, tables=(Table(self.title, columns, tuple(rows), caption),)))

"""The trials of verdicts as a section of a report: tables by law, the power beside what was caught, what is asked."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residua_bridge.experiments.calibration import trials
from residua_bridge.experiments.calibration.laws import TRUE_LAWS, WRONG_LAWS, Question
from residua_bridge.experiments.calibration.trials import CAUGHT, FAR, FULL_COUNT, TRUE_COUNT, Gate, Trial, gates, trial
from residua_bridge.findings import Cell, Curve, Figure, Section, Table, VerdictText
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Verdict

WORDS = tuple(Verdict)
LIVE_SEED = 20_000  # of the trials of a report: other networks than those of the full run
SHOWN = 12.0  # standard errors that the figure shows


@dataclass(frozen=True)
class CalibrationTrials:
    """Some trials run anew, beside all those of the full run that is kept. `live` are numbers of trials."""

    name: str
    title: str
    prose: tuple[str, ...]
    live: By

    def run(self, settings: Settings) -> Finding:
        """Try, count, tabulate."""
        here = [trial(number, LIVE_SEED) for number in settings.track(self.live.of(settings.profile), self.title)]
        kept = _kept()
        done = [Trial(**t) for t in kept["trials"]] if kept else here
        where = f"the full run of {kept['date']}" if kept else "this run"
        section = Section(
            self.title,
            (*self.prose, *_said(kept, here)),
            tables=(
                _gates_table(done, here, where),
                _true_table(done, where),
                _wrong_table(done, where),
                _live_table(here),
            ),
            figures=(_power_figure(f"{self.name}-power", done, where),),
            verdicts=tuple(_verdict(gate, done, where) for gate in gates(done)) if len(done) == FULL_COUNT else (),
        )
        return Finding(section)


def _kept() -> dict[str, Any]:
    """The full run, or nothing."""
    return json.loads(trials.FULL_RUN.read_text()) if trials.FULL_RUN.exists() else {}


def _said(kept: Mapping[str, Any], here: Sequence[Trial]) -> list[str]:
    words = ", ".join(f"{count} {word}" for word, count in Counter(t.verdict for t in here).most_common())
    live = f"{len(here)} trials were run with this report, with other seeds: {words}."
    if not kept:
        return [live, "No full run is kept: the tables show the trials of this report alone."]
    same = "the code of this report" if kept["sources"] == trials.sources() else "an earlier state of the code"
    seconds = sum(t["seconds"] for t in kept["trials"])
    return [
        f"The full run of {kept['date']} was made with {same} (torch {kept['torch']}, numpy {kept['numpy']}), in "
        f"{seconds / 60:.0f} minutes of one processor; it is repeated by python -m "
        "residua_bridge.experiments.calibration.trials LOG PROCESSES.",
        live,
    ]


def _gates_table(done: Sequence[Trial], here: Sequence[Trial], where: str) -> Table:
    rows = tuple(
        (full.asked, str(full.found), full.passed, str(live.found))
        for full, live in zip(gates(done), gates(here), strict=True)
    )
    caption = (
        f"Shares with their exact binomial intervals (95 %; Clopper and Pearson) in {where}; in the last column in the "
        "trials of this report alone."
    )
    return Table("What is asked of the verdicts", ("asked", "found", "passed", "in this report"), rows, caption)


def _true_table(done: Sequence[Trial], where: str) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for law in TRUE_LAWS:
        mine = [t for t in done if not t.fault and t.law == law.name]
        if mine:
            sizes = _sizes(law.question)
            rows.append((law.name, law.question.of, law.words, sizes, len(mine), *_counts(mine), _mean_seconds(mine)))
    total = [t for t in done if not t.fault]
    rows.append(("all", "", "", "", len(total), *_counts(total), _mean_seconds(total)))
    columns = ("network", "quantity", "law", "sizes", "trials", *map(str, WORDS), "seconds a trial")
    caption = (
        f"True laws in {where}: every trial has networks of its own. Those for width → ∞ are judged by what is left "
        "when a ladder of widths is extrapolated, the others at the sizes themselves."
    )
    return Table("True laws", columns, tuple(rows), caption)


def _wrong_table(done: Sequence[Trial], where: str) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for k, law in enumerate(WRONG_LAWS):
        mine = [t for t in done if t.fault and (t.number - TRUE_COUNT) % len(WRONG_LAWS) == k]
        if mine:
            known = (mine[0].expected_off, f"{mine[0].power:.1%}")
            rows.append((law.fault, law.words, law.question.of, _sizes(law.question), *known, *_counts(mine)))
    columns = ("fault", "law that is claimed", "quantity", "sizes", "s.e. off", "power", *map(str, WORDS))
    caption = (
        f"Wrong laws in {where}. Standard errors off: the distance from the truth in units of the bar that the budget "
        "allots, which is a quarter of the resolution for one number; power: the probability of being caught at that "
        "distance. Both are known before the trial."
    )
    return Table("Wrong laws", columns, tuple(rows), caption)


def _live_table(here: Sequence[Trial]) -> Table:
    columns = ("trial", "law", "fault", "verdict", "s.e. off at the end", "s.e. off expected", "power", "networks")
    rows = tuple(
        (
            t.number,
            t.law,
            t.fault or "none",
            t.verdict,
            t.off,
            t.expected_off if t.fault else "",
            f"{t.power:.1%}" if t.fault else "",
            t.repetitions,
        )
        for t in here
    )
    caption = "A wrong law that is far off is caught early, when the bars are still wide: then it is fewer of them off."
    return Table("Trials of this report", columns, rows, caption)


def _power_figure(name: str, done: Sequence[Trial], where: str) -> Figure:
    """The probability to be caught, and the share that was."""
    line = tuple(SHOWN * k / 60 for k in range(61))
    found: dict[tuple[float, float], list[bool]] = {}
    for t in (t for t in done if t.fault):
        found.setdefault((t.expected_off, t.power), []).append(t.verdict in CAUGHT)
    points = sorted((off, sum(caught) / len(caught)) for (off, _), caught in found.items() if off <= SHOWN)
    curves = (
        Curve("caught: predicted", "predicted", line, tuple(trials.power(off, 1) for off in line)),
        Curve("caught: measured", "measured", tuple(x for x, _ in points), tuple(y for _, y in points)),
        Curve(f"{FAR:g} standard errors", "other", (FAR, FAR), (0.0, 1.0)),
    )
    caption = (
        f"Share of trials of a wrong law that end in “differ” or “only at this scale”, in {where}, against how many "
        f"standard errors it is off at the allotted budget; those beyond {SHOWN:g} are left out. The line is the power "
        "of one number judged at its deciding look."
    )
    return Figure(name, "Power", "standard errors off", "share caught", curves, caption=caption)


def _verdict(gate: Gate, done: Sequence[Trial], where: str) -> VerdictText:
    low, high = gate.found.interval
    return VerdictText(
        statement=f"Calibration: {gate.asked}",
        verdict=str(Verdict.AGREE if gate.passed else Verdict.DIFFER),
        explained=gate.passed,
        expected=str(Verdict.AGREE),
        scope=f"{len(done)} trials, {where}",
        difference=gate.found.value,
        causes={},
        unexplained=0.0 if gate.passed else gate.found.value,
        bar=(high - low) / 2,
        note=f"found: {gate.found}",
    )


def _counts(mine: Sequence[Trial]) -> tuple[int, ...]:
    return tuple(sum(t.verdict == word for t in mine) for word in WORDS)


def _mean_seconds(mine: Sequence[Trial]) -> float:
    return sum(t.seconds for t in mine) / len(mine) if mine else math.nan


def _sizes(question: Question) -> str:
    along = {name: f" ({_listed(sizes)})" for name, sizes in question.ladder.items()}
    return ", ".join(f"{name} = {value:g}{along.get(name, '')}" for name, value in question.at.items())


def _listed(sizes: Iterable[float]) -> str:
    return ", ".join(f"{size:g}" for size in sizes)

"""A law met by its source along a ladder: looks until the verdict is clear, then the budget of the difference."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from residua_bridge.budgets.budget import budget_of, scope_of
from residua_bridge.budgets.decision import DECIDING, WITHIN, Spending, bars_needed, probability
from residua_bridge.budgets.estimate import STATISTICS
from residua_bridge.budgets.extrapolation import MISFIT
from residua_bridge.budgets.law import Ladder, Law, Source
from residua_bridge.budgets.sampling import Group, Sample, seconds_of
from residua_bridge.study import Track, silent
from residua_bridge.verdict import Discrepancy, Uncertain, Verdict
from residua_network.checks import one_of


class Word(NamedTuple):
    """A verdict and the reason for it."""

    verdict: Verdict
    reason: str


def judged(
    law: Law, source: Source, ladder: Ladder, statistic: str = "arithmetic mean", track: Track = silent
) -> Discrepancy:
    """Whether the law holds of the source, at the ladder's point and along it, with the budget of the difference there.

    Repetitions are added, and further sizes, until the verdict is clear or the work allotted is used up; `decision`
    says how often a verdict is wrong. Raises ResiduaError for a statistic that is not known and for a source that draws
    other shapes; values that are not finite end in `inconclusive`.
    """
    one_of(statistic, STATISTICS, "statistic", f"law {law.quantity!r}")
    sample = Sample(law, source, ladder, statistic)
    start = time.process_time()
    spent, word, groups = Spending(), None, []
    plan = [(sample.rung(s), ladder.repetitions) for s in _unlike(sample)]
    for look in range(ladder.looks):
        for rung, repetitions in track(plan, f"{law.quantity}, look {look + 1}"):
            sample.draw(rung, repetitions)
        groups = sample.groups()
        state = _State.of(groups, ladder, sample.unseen)
        left = ladder.seconds - (time.process_time() - start)
        plan = [] if look + 1 == ladder.looks or ladder.repetitions == 1 else _affordable(sample, state, left)
        decides = state.settled or not plan
        word = _word(state, spent.level(decides), last=not plan, ladder=ladder)
        if word is not None:
            break
        spent = spent.after(decides)
    assert word is not None, "the last look always ends with a word"
    return _discrepancy(sample, groups, word)


@dataclass(frozen=True)
class _State:
    """What a look shows."""

    groups: Sequence[Group]
    p: float
    settled: bool
    trusted: bool
    fits: bool
    unseen: tuple[str, ...]
    missing: int
    need: float

    @classmethod
    def of(cls, groups: Sequence[Group], ladder: Ladder, unseen: tuple[str, ...]) -> "_State":
        need = ladder.resolution / bars_needed(len(groups))
        return cls(
            groups=groups,
            p=probability([g.z for g in groups]),
            settled=all(g.bar <= need and not g.heavy for g in groups),
            trusted=not any(g.heavy for g in groups),
            fits=all(g.fit.misfit >= MISFIT for g in groups),
            unseen=unseen,
            missing=sum(g.missing for g in groups),
            need=need,
        )


def _unlike(sample: Sample) -> list[dict[str, float]]:
    return list({tuple(s.items()): s for design in sample.designs() for s in design}.values())


def _affordable(sample: Sample, state: _State, left: float) -> list[tuple]:
    """The plan of the next look, cut to the time that is left; empty where that is not worth a look."""
    if math.isnan(state.p):
        return []
    plan = sample.planned(state.groups, state.settled)
    needed = seconds_of(plan)
    if needed <= left:
        return plan
    part = left / needed
    return [(rung, max(1, int(more * part))) for rung, more in plan] if part > 0.25 else []


def _word(state: _State, level: float, last: bool, ladder: Ladder) -> Word | None:
    """The verdict of a look, None where more is to be drawn."""
    if math.isnan(state.p):
        return Word(Verdict.INCONCLUSIVE, _not_finite(state))
    if state.unseen:
        return _single_size(state) if last or state.settled else None
    if state.trusted and state.p < level:
        return _rejected(state, ladder)
    if state.settled and state.fits and state.p >= WITHIN:
        return Word(Verdict.AGREE, _within(state))
    return Word(Verdict.INCONCLUSIVE, _needed(state)) if last else None


def _rejected(state: _State, ladder: Ladder) -> Word:
    first = state.groups[0]
    worst = max(state.groups, key=lambda g: abs(g.z))
    off = f"{abs(worst.z):.1f} standard errors off"
    if len(state.groups) > 1:
        off += f" at {_sizes(worst)}"
    ladders = len(state.groups) > 1 or bool(first.fit.corrections)
    narrow = ladder.resolution / bars_needed(1)
    at_point = first.here.bar <= narrow and probability([first.here_z]) >= WITHIN
    if len(state.groups) > 1 and not at_point:
        at_point = first.bar <= narrow and probability([first.z]) >= WITHIN
    if ladders and at_point:
        where = "in the limit" if len(state.groups) == 1 else "along the ladder"
        return Word(Verdict.ONLY_AT_THIS_SCALE, f"within the bar at {_sizes(first)}, {off} {where}")
    where = " in the limit" if first.fit.corrections else ""
    return Word(Verdict.DIFFER, f"the difference is {off}{where}")


def _within(state: _State) -> str:
    worst = max(state.groups, key=lambda g: abs(g.z))
    where = " in the limit" if worst.fit.corrections else ""
    return f"the difference lies within sampling{where}: {abs(worst.z):.1f} standard errors of {worst.bar:.2%} at most"


def _single_size(state: _State) -> Word:
    names = " and ".join(state.unseen)
    return Word(Verdict.INCONCLUSIVE, f"claimed as {names} grows, and run at one {names}; a ladder in it would tell")


def _not_finite(state: _State) -> str:
    for group in state.groups:
        for r in group.rungs:
            if r.measured.missing:
                where = ", ".join(f"{n} {s:g}" for n, s in r.sizes.items())
                return (
                    f"{r.measured.missing} of {r.measured.count} repetitions at {where} are not finite or not positive"
                )
            if not math.isfinite(r.predicted.value):
                where = ", ".join(f"{n} {s:g}" for n, s in r.sizes.items())
                return f"the prediction at {where} is not finite"
    return "the error bars are not finite; smaller values would tell"


def _needed(state: _State) -> str:
    """What it would take."""
    worst = max(state.groups, key=lambda g: g.bar)
    heavy = next((g for g in state.groups if g.heavy), None)
    if heavy is not None:
        return (
            "heavy tails: a few repetitions decide the mean and its error; a geometric mean or a median, or many times "
            f"the {heavy.here.measured.count} repetitions, would tell"
        )
    if not state.settled:
        sampled = worst.fit.sampling * worst.fit.spread
        bars = f"the bar is {worst.bar:.2%}, and {state.need:.2%} is needed"
        left = state.need**2 - (worst.bar**2 - sampled**2)
        if left > 0:
            times = sampled**2 / left
            most = max(r.measured.count for r in worst.rungs)
            return f"{bars}: about {_rounded(times * most)} repetitions a size instead of {most} would tell"
        name, order = max(worst.fit.orders.items(), key=lambda item: worst.fit.corrections[item[0]].bar)
        factor = (worst.bar / state.need) ** (1 / max(order.value, 0.25))
        largest = max(r.sizes[name] for r in worst.rungs)
        return f"{bars}: the extrapolation needs sizes up to about {name} {_rounded(factor * largest)}"
    if not state.fits:
        bad = min(state.groups, key=lambda g: g.fit.misfit)
        return f"the ladder does not fit its correction (p = {bad.fit.misfit:.1g}); larger sizes would tell"
    worst = max(state.groups, key=lambda g: abs(g.z))
    most = max(r.measured.count for r in worst.rungs)
    return f"{abs(worst.z):.1f} standard errors off, neither within nor beyond; {2 * most} repetitions would tell"


def _rounded(value: float) -> str:
    """Two digits are as much as such a number is worth."""
    return f"{float(f'{value:.2g}'):.10g}"


def _sizes(group: Group) -> str:
    return ", ".join(f"{name} {size:g}" for name, size in group.here.sizes.items())


def _discrepancy(sample: Sample, groups: Sequence[Group], word: Word) -> Discrepancy:
    budget = budget_of(sample, groups)
    left = [g.explained_z for g in groups] if sample.law.approximations else [g.z for g in groups]
    explained = word.verdict is Verdict.AGREE or bool(probability(left) >= DECIDING)
    causes = {term.cause: abs(term.value) or term.bar for term in budget.terms}
    return Discrepancy(
        quantity=sample.law.quantity,
        predicted=np.array([budget.predicted]),
        measured=np.array([budget.measured.value]),
        difference=abs(budget.measured.value - budget.predicted),
        causes=causes,
        unexplained=Uncertain(abs(budget.unexplained.value), budget.unexplained.bar),
        verdict=word.verdict,
        explained=explained,
        reason=word.reason,
        scope=scope_of(sample),
        title=sample.law.statement,
        budget=budget,
    )

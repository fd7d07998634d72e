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
from residua_bridge.budgets.sampling import Group, Sample, Share, within
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

    Repetitions are added, and further sizes, until the verdict is clear or the work allotted is used up, the same on
    every machine unless the ladder has a clock; `decision` says how often a verdict is wrong. Raises ResiduaError for a
    statistic that is not known and for a source that draws other shapes; values that are not finite end in
    `inconclusive`.
    """
    one_of(statistic, STATISTICS, "statistic", f"law {law.quantity!r}")
    sample, start = Sample(law, source, ladder, statistic), time.process_time()
    plan = [Share(rung, ladder.repetitions) for rung in sample.all()]
    spent, word = Spending(), None
    for look in range(ladder.looks):
        for rung, repetitions in track(plan, f"{law.quantity}, look {look + 1}"):
            sample.draw(rung, repetitions)
        if look == 0:
            sample.meet_precision()
        state = _State.of(sample)
        left = 0.0 if _is_last(look, ladder, state) else _left(sample, time.process_time() - start)
        plan = within(sample.planned(state.groups, state.settled), left)
        if word is None:
            decides = state.settled or not plan
            word = _word(state, spent.level(decides), last=not plan)
            spent = spent.after(decides)
        if word is not None and word.verdict is Verdict.DIFFER:  # that is settled; whether it holds here is not yet
            word = _named(state)
            plan = within(sample.planned_here(state.groups), left) if state.may_hold_here else []
            if plan:
                continue
        if word is not None:
            break
    assert word is not None, "the last look always ends with a word"
    return _discrepancy(sample, state.groups, word)


def _left(sample: Sample, elapsed: float) -> float:
    """Nominal seconds that may still be used; those of the clock count as many as one of them has brought so far."""
    left = sample.ladder.seconds - sample.used
    if sample.ladder.clock is None:
        return left
    return min(left, (sample.ladder.clock - elapsed) * sample.used / max(elapsed, 1e-6))


def _is_last(look: int, ladder: Ladder, state: "_State") -> bool:
    """Whether nothing more is drawn: neither a deterministic source nor what is not a number has more to tell."""
    return look + 1 == ladder.looks or ladder.repetitions == 1 or math.isnan(state.p)


@dataclass(frozen=True)
class _State:
    """What a look shows."""

    groups: Sequence[Group]
    p: float
    settled: bool
    trusted: bool
    fits: bool
    unseen: tuple[str, ...]
    need: float
    narrow: float

    @classmethod
    def of(cls, sample: Sample) -> "_State":
        """By everything drawn so far."""
        groups = sample.groups()
        need = sample.ladder.resolution / bars_needed(len(groups))
        return cls(
            groups=groups,
            p=probability([g.z for g in groups]),
            settled=all(g.bar <= need and not g.heavy for g in groups),
            trusted=not any(g.heavy for g in groups),
            fits=all(g.fit.misfit >= MISFIT for g in groups),
            unseen=sample.unseen,
            need=need,
            narrow=sample.ladder.resolution / bars_needed(1),
        )

    @property
    def here(self) -> tuple[float, float]:
        """Bar and standard normal quantile of the difference at the point: of one fit, before it is extrapolated."""
        first = self.groups[0]
        return (first.bar, first.z) if len(self.groups) > 1 else (first.here.bar, first.here_z)

    @property
    def holds_here(self) -> bool:
        """Whether the law is within the bar at the point, and that bar narrow; of no interest without a ladder."""
        bar, z = self.here
        return self.has_ladder and bar <= self.narrow and probability([z]) >= WITHIN

    @property
    def may_hold_here(self) -> bool:
        """Whether a narrower bar at the point would tell."""
        bar, z = self.here
        return self.has_ladder and bar > self.narrow and probability([z]) >= WITHIN

    @property
    def has_ladder(self) -> bool:
        """Whether there are sizes other than the point's."""
        return len(self.groups) > 1 or len(self.groups[0].rungs) > 1


def _word(state: _State, level: float, last: bool) -> Word | None:
    """The verdict of a look, None where more is to be drawn."""
    if math.isnan(state.p):
        return Word(Verdict.INCONCLUSIVE, _not_finite(state))
    if state.unseen:
        return _single_size(state) if last or state.settled else None
    if state.trusted and state.p < level:
        return _named(state)._replace(verdict=Verdict.DIFFER)
    if state.settled and state.fits and state.p >= WITHIN:
        return Word(Verdict.AGREE, _within(state))
    return Word(Verdict.INCONCLUSIVE, _needed(state)) if last else None


def _named(state: _State) -> Word:
    """Of a law that does not hold: whether it does at the point."""
    worst = max(state.groups, key=lambda g: abs(g.z))
    off = f"{abs(worst.z):.{'1f' if abs(worst.z) < 1000 else '1e'}} {_unit(state)} off"
    limit = " in the limit" if worst.fit.corrections else ""
    if len(state.groups) > 1:
        off += f" at {_sizes(worst)}"
    if state.holds_here:
        return Word(Verdict.ONLY_AT_THIS_SCALE, f"within the bar at {_sizes(state.groups[0])}, {off}{limit}")
    return Word(Verdict.DIFFER, f"the difference is {off}{limit}")


def _within(state: _State) -> str:
    worst = max(state.groups, key=lambda g: abs(g.z))
    where = " in the limit" if worst.fit.corrections else ""
    size = f"{worst.bar:.2%}" if worst.bar >= 1e-4 else f"{100 * worst.bar:.1g}%"
    cause = "sampling" if _random(state) else "the bars of rounding and of the causes"
    return f"the difference lies within {cause}{where}: {abs(worst.z):.1f} {_unit(state)} of {size} at most"


def _random(state: _State) -> bool:
    """Whether anything was drawn more than once: one repetition is all that a source without chance has to give."""
    return any(r.measured.count > 1 for group in state.groups for r in group.rungs)


def _unit(state: _State) -> str:
    """What a difference is counted in."""
    return "standard errors" if _random(state) else "bars"


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
        bars = f"the bar is {worst.bar:.2%}, and {state.need:.2%} is needed"
        if not worst.stuck(state.need):
            most = max(r.measured.count for r in worst.rungs)
            more = _rounded((worst.bar / state.need) ** 2 * most)
            return f"{bars}: about {more} repetitions a size instead of {most} would tell"
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
    explained = bool(probability(left) >= DECIDING)  # also where a law agrees: a cause that is not there shows
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

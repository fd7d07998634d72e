"""Repetitions at every size of a ladder, and where more of them tell most."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

import numpy as np

from residua_bridge.budgets.decision import bars_needed, standardised
from residua_bridge.budgets.estimate import Estimate, Floats, checked, estimate, paired
from residua_bridge.budgets.extrapolation import Fit, fitted
from residua_bridge.budgets.law import PRECISION, Ladder, Law, Sizes, Source, cost
from residua_bridge.verdict import Uncertain
from residua_network import ResiduaError

GROWTH = 4.0  # times the repetitions at most from one look to the next
LEAST_GROWTH = 1.25  # less is not worth a look
ALIKE = 0.5  # of the error of one alone: a difference known less well is not one of the same draws
LITTLE = 0.3  # of the bar of an extrapolation: repetitions that make only this part narrower are not worth it
WORTH = 0.25  # of a plan that must be allowed for
POINT = 0.5  # of the repetitions of the rung that gets most go at least to the point, whose budget is printed


@dataclass
class Rung:
    """One combination of sizes with everything drawn at it."""

    sizes: Mapping[str, float]
    cost: float
    data: list[Floats] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Repetitions drawn so far."""
        return sum(map(len, self.data))

    def estimate(self, statistic: str) -> Estimate:
        """Over all blocks."""
        return estimate(np.concatenate(self.data), statistic)


class Share(NamedTuple):
    """More repetitions for a rung."""

    rung: Rung
    more: int


@dataclass(frozen=True)
class Compared:
    """A law met at one rung, all relative to the law's unit there: measured − predicted, with its standard error."""

    sizes: Mapping[str, float]
    predicted: Uncertain
    measured: Estimate
    unit: float
    difference: float
    bar: float


@dataclass(frozen=True)
class Group:
    """The law judged at one value of the sizes in which it is not a limit, by the fit over those in which it is.

    `difference` ± `bar` is what is left in the limit, relative to the unit. `rest` is the fit of what the
    approximations do not account for, at any rung, so that what they say of a finite size is not counted twice;
    `explained` ± `explained_bar` is its limit; `z` and `explained_z` are standard normal quantiles.
    """

    rungs: tuple[Compared, ...]
    point: int
    fit: Fit
    bar: float
    z: float
    rest: Fit
    explained_bar: float
    explained_z: float
    freedom: float
    heavy: bool
    missing: int

    @property
    def difference(self) -> float:
        """What is left in the limit."""
        return self.fit.limit

    @property
    def explained(self) -> float:
        """What is left in the limit beyond the approximations."""
        return self.rest.limit

    @property
    def here(self) -> Compared:
        """The rung at the point's own sizes."""
        return self.rungs[self.point]

    @property
    def here_z(self) -> float:
        """The measured difference at the point's own sizes, as a standard normal quantile."""
        m = self.here.measured
        return standardised(self.here.difference, self.here.bar, m.freedom, m.skewness)

    @property
    def sampling(self) -> float:
        """The part of the bar that repetitions make narrower."""
        return self.fit.sampling * self.fit.spread

    @property
    def extrapolation(self) -> float:
        """The part of the bar that only other sizes make narrower."""
        return math.sqrt(max(0.0, self.bar**2 - self.sampling**2))

    def stuck(self, need: float) -> bool:
        """Whether no number of repetitions would do."""
        return self.extrapolation > need and self.sampling < LITTLE * self.extrapolation


class Sample:
    """Rungs by their sizes, each drawn in blocks that no other rung and no other look has."""

    def __init__(self, law: Law, source: Source, ladder: Ladder, statistic: str) -> None:
        for name in law.limits:
            if name not in ladder.point:
                known = ", ".join(ladder.point)
                raise ResiduaError(
                    f"law {law.quantity!r}: expected limits in sizes of the point ({known}), got {name!r}"
                )
        self.law, self.source, self.ladder, self.statistic = law, source, ladder, statistic
        self.rungs: dict[tuple[float, ...], Rung] = {}
        self.blocks = count()
        self.along = {n: tuple(map(float, sizes)) for n, sizes in ladder.along.items() if n != PRECISION}
        self.further = {n: list(map(float, sizes)) for n, sizes in ladder.further.items()}
        self.rounded, self.rounded_how = Uncertain(0.0, ladder.rounding), f"a bound: {ladder.rounding:.1e} of the value"

    @property
    def limits(self) -> dict[str, float | None]:
        """The sizes in which the law is a limit and a ladder is run, with the orders of their corrections."""
        return {n: order for n, order in self.law.limits.items() if n in self.along}

    @property
    def unseen(self) -> tuple[str, ...]:
        """The sizes in which the law is a limit and only one is run."""
        return tuple(n for n in self.law.limits if n not in self.along)

    def designs(self) -> list[list[dict[str, float]]]:
        """The groups: the point and each value of the sizes that are no limits, with its rungs, the own sizes first."""
        point = {n: float(size) for n, size in self.ladder.point.items()}
        heads = [point]
        heads += [{**point, n: s} for n, sizes in self.along.items() if n not in self.limits for s in sizes]
        groups = []
        for head in _unlike(heads):
            stars = [{**head, n: s} for n in self.limits for s in self.along[n]]
            corner = {**head, **{n: self.along[n][-1] for n in self.limits}}  # what two sizes do together
            groups.append(_unlike([head, *stars, corner]))
        return groups

    def all(self) -> list[Rung]:
        """Every rung, each once."""
        return [self.rung(sizes) for sizes in _unlike([s for design in self.designs() for s in design])]

    def rung(self, sizes: Sizes) -> Rung:
        """The rung of these sizes."""
        key = tuple(sizes.values())
        if key not in self.rungs:
            self.rungs[key] = Rung(sizes, cost(self.source, sizes))
        return self.rungs[key]

    def draw(self, rung: Rung, repetitions: int) -> None:
        """So many more repetitions at a rung, in a block of their own."""
        rung.data.append(self.drawn(rung.sizes, repetitions, next(self.blocks)))

    @property
    def used(self) -> float:
        """Nominal seconds of everything drawn so far."""
        return 1e-9 * sum(rung.count * rung.cost for rung in self.rungs.values())

    def drawn(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """What the source draws, checked."""
        words = ", ".join(f"{name} {size:g}" for name, size in sizes.items())
        found = self.source.draw(dict(sizes), repetitions, block)
        return checked(found, repetitions, self.statistic, f"source of {self.law.quantity!r} at {words}")

    def meet_precision(self) -> None:
        """Where precision is a size of the ladder: the effect of the point's own against the highest, relative.

        Both are drawn in the same block. Where the source does not repeat its draws in other precisions, which the
        error of the difference shows, the bound stays.
        """
        point = self.designs()[0][0]
        highest = float(max(self.ladder.along.get(PRECISION, (0.0,))))
        if self.ladder.repetitions == 1 or highest <= point.get(PRECISION, highest):
            return
        block, repetitions = next(self.blocks), self.ladder.repetitions
        own, finer = (self.drawn({**point, PRECISION: p}, repetitions, block) for p in (point[PRECISION], highest))
        effect = paired(own, finer, self.statistic)
        alone = estimate(own, self.statistic).bar
        words = f"precision {point[PRECISION]:g} against {highest:g}, {repetitions} draws in both"
        if effect.bar <= ALIKE * alone:
            unit = self.law.unit(point)
            bar = math.hypot(effect.bar / unit, self.ladder.rounding)
            self.rounded, self.rounded_how = Uncertain(effect.value / unit, bar), words
        else:
            self.rounded_how += f" ({words}: not the same draws, so that they do not tell)"

    def groups(self) -> list[Group]:
        """The law met by everything drawn so far."""
        return [self._group([self._compared(self.rung(s)) for s in design]) for design in self.designs()]

    def _compared(self, rung: Rung) -> Compared:
        found, law, unit = rung.estimate(self.statistic), self.law.predicted(rung.sizes), self.law.unit(rung.sizes)
        scale = max(abs(law.value), unit)
        predicted = Uncertain(law.value + self.rounded.value * unit, math.hypot(law.bar, self.rounded.bar * scale))
        bar = math.hypot(found.bar, predicted.bar)
        return Compared(rung.sizes, predicted, found, unit, (found.value - predicted.value) / unit, bar / unit)

    def _group(self, rungs: Sequence[Compared]) -> Group:
        differences, bars = (np.array([getattr(r, name) for r in rungs]) for name in ("difference", "bar"))
        missing = sum(r.measured.missing for r in rungs)
        here = rungs[0]
        usable = bool(np.isfinite(differences).all() and np.isfinite(bars).all())
        if not usable:  # no fit of what is not a number
            differences, bars = np.full(len(rungs), math.nan), np.full(len(rungs), math.nan)
            empty = Fit(math.nan, math.nan, math.nan, bars, {}, math.nan, 1.0, 1.0, {}, ())
            return Group(tuple(rungs), 0, empty, math.nan, math.nan, empty, math.nan, math.nan, 1.0, False, missing)
        least = min(r.measured.freedom for r in rungs)
        fit = fitted([r.sizes for r in rungs], differences, bars, least, self.limits, self.law.vanishing, 0)
        bar = fit.bar * fit.spread
        sampling = (fit.weights * bars) ** 2
        freedom, skewness = _combined(fit, rungs, bars, sampling)
        rest, rest_bar = fit, bar
        if self.law.approximations:
            known = [self.law.approximated(r.sizes) for r in rungs]
            left = differences - [one.value / r.unit for one, r in zip(known, rungs, strict=True)]
            rest = fitted([r.sizes for r in rungs], left, bars, least, self.limits, self.law.vanishing, 0)
            rest_bar = math.hypot(rest.bar * rest.spread, known[0].bar / here.unit)
        return Group(
            rungs=tuple(rungs),
            point=0,
            fit=fit,
            bar=bar,
            z=standardised(fit.limit, bar, freedom, skewness),
            rest=rest,
            explained_bar=rest_bar,
            explained_z=standardised(rest.limit, rest_bar, freedom, skewness),
            freedom=freedom,
            heavy=any(
                r.measured.heavy for r, share in zip(rungs, sampling, strict=True) if share > sampling.sum() / 20
            ),
            missing=missing,
        )

    def planned(self, groups: Sequence[Group], settled: bool) -> list[Share]:
        """How many more repetitions each rung gets before the next look.

        Within a group in proportion to |weight in the limit| × standard deviation / √cost (Neyman); each group as many
        times more as its bar is too wide, up to `GROWTH`; twice as many everywhere once all bars are narrow enough.
        Where the bar comes from the extrapolation, the next of the further sizes is run; without any, nothing more.
        """
        need = self.ladder.resolution / bars_needed(len(groups))
        if not all(math.isfinite(g.bar) for g in groups):
            return []
        further = [] if settled else self._extended(groups, need)
        if further:
            return further
        plan: dict[int, Share] = {}
        for group, design in zip(groups, self.designs(), strict=True):
            rungs = [self.rung(s) for s in design]
            growth = 2.0 if settled else 1.0 if group.stuck(need) else _growth(group.bar / need)
            for rung, more in zip(rungs, self._shared_out(group, rungs, growth), strict=True):
                plan[id(rung)] = Share(rung, max(more, plan[id(rung)].more if id(rung) in plan else 0))
        return [share for share in plan.values() if share.more]

    def planned_here(self, groups: Sequence[Group]) -> list[Share]:
        """How many more at the point, where a law that does not hold elsewhere may hold."""
        group, need = groups[0], self.ladder.resolution / bars_needed(1)
        if len(groups) == 1:
            rung = self.rung(self.designs()[0][0])
            return [Share(rung, math.ceil(rung.count * (_growth(group.here.bar / need) - 1)))]
        rungs = [self.rung(s) for s in self.designs()[0]]
        shares = map(Share, rungs, self._shared_out(group, rungs, _growth(group.bar / need)))
        return [share for share in shares if share.more]

    def _extended(self, groups: Sequence[Group], need: float) -> list[Share]:
        """The rungs of the next further size, where that is what a bar asks for; it joins the ladder."""
        for group in groups:
            if group.bar <= need or group.extrapolation < need / 2:
                continue
            open_sizes = [n for n in group.fit.corrections if self.further.get(n)]
            if open_sizes:
                name = max(open_sizes, key=lambda n: group.fit.corrections[n].bar)
                self.along[name] = (*self.along[name], self.further[name].pop(0))
                most = max(rung.count for rung in self.rungs.values())
                return [Share(rung, most) for rung in self.all() if not rung.data]
        return []

    def _shared_out(self, group: Group, rungs: Sequence[Rung], growth: float) -> list[int]:
        counts = np.array([r.count for r in rungs], dtype=float)
        costs = np.array([r.cost for r in rungs])
        more = (growth - 1) * float(counts @ costs)
        spreads = np.array([r.bar for r in group.rungs]) * np.sqrt(counts)
        wanted = abs(group.fit.weights) * spreads / np.sqrt(costs)
        if not np.isfinite(wanted).all() or not wanted.sum() > 0:
            wanted = np.ones_like(counts)
        wanted[0] = max(wanted[0], POINT * float(wanted.max()))
        target = wanted * (more + float(counts @ costs)) / float(wanted @ costs)
        missing = np.maximum(target - counts, 0.0)
        spent = float(missing @ costs)
        return [math.ceil(m * more / spent) if spent > 0 else 0 for m in missing]


def within(plan: Sequence[Share], seconds: float) -> list[Share]:
    """As much of a plan as so many nominal seconds allow; nothing where that is not worth a look."""
    needed = 1e-9 * sum(share.more * share.rung.cost for share in plan)
    if seconds <= 0 or needed * WORTH > seconds:
        return []
    part = min(1.0, seconds / needed) if needed > 0 else 1.0
    return [Share(share.rung, max(1, int(share.more * part))) for share in plan]


def _combined(fit: Fit, rungs: Sequence[Compared], bars: Floats, sampling: Floats) -> tuple[float, float]:
    """Degrees of freedom of the limit (Welch and Satterthwaite) and its skewness, from those of the rungs."""
    own = np.array([r.measured.bar / r.unit for r in rungs])
    variances = (fit.weights * own) ** 2
    freedoms = np.array([r.measured.freedom for r in rungs])
    less = float(np.sum(variances**2 / freedoms))
    total = fit.bar**2
    freedom = total**2 / less if less > 0 else math.inf
    third = float(np.sum(np.sign(fit.weights) * variances**1.5 * [r.measured.skewness for r in rungs]))
    return freedom, third / total**1.5 if total > 0 else 0.0


def _growth(times: float) -> float:
    """How many times the repetitions, for a bar so many times too wide; a little more than that takes."""
    if not times > 1:
        return 1.0
    return min(GROWTH, max(LEAST_GROWTH, 1.2 * times**2))


def _unlike(sizes: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    """Without repetitions, in order."""
    return list({tuple(s.items()): s for s in sizes}.values())

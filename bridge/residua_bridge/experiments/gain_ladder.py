"""What a skip connection does to vanishing and to exploding gradients, along a ladder of weight variances."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from residua_bridge.compare import SIGMAS
from residua_bridge.experiments.error_ladder import Family
from residua_bridge.experiments.initialised import EXPLODING, VANISHING, Initialised, passes
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_symbolic import NetworkJacobian, jacobian

ROWS = 4
HE = 2.0  # n times the variance of a weight under He's rule
THE_SKIP = "the skip"  # the only difference of a pair that tests what a skip does


@dataclass(frozen=True)
class Skip:
    """A network with a skip beside a plain one: how its skip is called, and all that tells the two apart."""

    kind: str
    plain: Family
    skipped: Family
    differs: str = THE_SKIP


@dataclass(frozen=True)
class GainLadder:
    """log10 of the gradient ratio with He's variance times each gain; the first seed gets verdicts."""

    name: str
    title: str
    prose: tuple[str, ...]
    skips: tuple[Skip, ...]
    gains: tuple[float, ...]
    depths: tuple[int, ...]
    seeds: By

    def run(self, settings: Settings) -> Finding:
        """Predict and measure, then set every network with a skip beside the one without."""
        seeds = self.seeds.of(settings.profile)
        families = tuple({f.label: f for skip in self.skips for f in (skip.plain, skip.skipped)}.values())
        cases = [(f, depth, gain) for f in families for depth in self.depths for gain in self.gains]
        derived = {(f.label, depth): jacobian(f.network(depth)) for f in families for depth in self.depths}
        points = {
            (f.label, depth, gain): _Point.of(derived[f.label, depth], gain, seeds)
            for f, depth, gain in settings.track(cases, self.title)
        }
        effects = [Effect.of(skip, depth, self.gains, points) for skip in self.skips for depth in self.depths]
        verdicts = tuple(
            together(
                [p.found for (label, _, _), p in points.items() if label == f.label],
                f"Gradient norms: {f.label}, He variance × {', '.join(map(_short, self.gains))}",
                "agree",
            )
            for f in families
        )
        section = Section(
            self.title,
            (*self.prose, *answer(effects)),
            tables=(self._ladder(families, points, seeds), _effects(effects)),
            figures=tuple(self._figure(f, points) for f in dict.fromkeys(skip.plain for skip in self.skips)),
            verdicts=verdicts,
        )
        return Finding(section, tuple(p.found for p in points.values()))

    def _ladder(self, families: tuple[Family, ...], points: "_Points", seeds: int) -> Table:
        gains = tuple(f"× {_short(gain)}" for gain in self.gains)
        columns = ("network", "blocks", *gains, "largest spread", "predicted − measured")
        rows: list[tuple[Cell, ...]] = []
        for f in families:
            for depth in self.depths:
                mine = [points[f.label, depth, gain] for gain in self.gains]
                off = max(abs(p.predicted - p.measured) for p in mine)
                rows.append((f.label, depth, *(p.measured for p in mine), max(p.spread for p in mine), off))
        caption = (
            "Measured log10 of the gradient norm at the input over that at the output, for He's variance times each "
            f"gain: root mean square over {ROWS} inputs, mean of the logarithm over {seeds} seeds. Spread: standard "
            "deviation over seeds. The last column is the largest difference to the prediction in the row."
        )
        return Table("Gain ladder", columns, tuple(rows), caption)

    def _figure(self, plain: Family, points: "_Points") -> Figure:
        """One plain network and those that add a skip to it, at the largest depth."""
        depth, curves = max(self.depths), []
        for f in (plain, *(skip.skipped for skip in self.skips if skip.plain is plain)):
            mine = [points[f.label, depth, gain] for gain in self.gains]
            curves.append(Curve(f"{f.label}: predicted", "predicted", self.gains, tuple(p.predicted for p in mine)))
            seen = tuple(p.measured for p in mine), tuple(p.spread for p in mine)
            curves.append(Curve(f"{f.label}: measured", "measured", self.gains, *seen))
        title = f"Beside {plain.label}, {depth} blocks"
        caption = (
            f"log10 of the gradient ratio of {depth} blocks against the weight variance, with and without a skip; "
            f"bars: standard deviation over seeds. Beyond ±{np.log10(EXPLODING):g} we call it exploding or vanishing."
        )
        name = f"{self.name}-{[skip.plain for skip in self.skips].index(plain)}"
        words = ("He variance times", "log10 of the gradient ratio", tuple(curves))
        return Figure(name, title, *words, xscale="log", caption=caption)


@dataclass(frozen=True)
class _Point:
    """One network at one gain: log10 of the gradient ratio, means over seeds."""

    predicted: float
    measured: float
    spread: float
    error: float
    found: Discrepancy

    @classmethod
    def of(cls, J: NetworkJacobian, gain: float, seeds: int) -> "_Point":
        starts = [Initialised.of(J, seed, ROWS, init=HE * gain) for seed in range(seeds)]
        found = starts[0].compared("gradient norms")
        logs = np.log10([[side[0] for side in start.relative_norms()] for start in starts])
        (predicted, measured), spread = logs.mean(axis=0), logs[:, 1].std(ddof=1)
        return cls(float(predicted), float(measured), float(spread), float(spread / np.sqrt(seeds)), found)

    def near(self, limit: float) -> bool:
        """Whether sampling may carry the ratio across a limit."""
        return bool(abs(self.measured - np.log10(limit)) <= SIGMAS * self.error)


_Points = dict[tuple[str, int, float], _Point]


@dataclass(frozen=True)
class Effect:
    """At which gains the gradient vanishes and explodes, without and with the skip.

    `open`: the gains at which sampling leaves open whether it vanishes, whether it explodes; they are not counted.
    """

    skip: Skip
    blocks: int
    vanishing: tuple[frozenset[float], frozenset[float]]
    exploding: tuple[frozenset[float], frozenset[float]]
    larger: frozenset[float]
    open: tuple[frozenset[float], frozenset[float]] = (frozenset(), frozenset())

    @classmethod
    def of(cls, skip: Skip, depth: int, gains: tuple[float, ...], points: _Points) -> "Effect":
        """From the measured ratios."""
        plain, skipped = ({g: points[f.label, depth, g] for g in gains} for f in (skip.plain, skip.skipped))
        larger = frozenset(g for g in gains if skipped[g].measured > plain[g].measured)
        happens, unsure = [], []
        for limit, word in ((VANISHING, "vanishing"), (EXPLODING, "exploding")):
            near = frozenset(g for g in gains if plain[g].near(limit) or skipped[g].near(limit))
            without, with_skip = (
                frozenset(g for g in gains if passes(side[g].measured) == word) - near for side in (plain, skipped)
            )
            happens.append((without, with_skip))
            unsure.append(near)
        return cls(skip, depth, happens[0], happens[1], larger, (unsure[0], unsure[1]))

    @property
    def changes(self) -> tuple[str, str]:
        """Of vanishing, of exploding."""
        return change(*self.vanishing, self.open[0]), change(*self.exploding, self.open[1])

    @property
    def rarer(self) -> bool:
        """What the document says: both are."""
        return self.changes == ("rarer", "rarer")


def change(without: frozenset[float], with_skip: frozenset[float], unsure: frozenset[float] = frozenset()) -> str:
    """How often it happens with the skip, compared with how often without."""
    if without == with_skip and unsure:
        return "open"
    if without == with_skip:
        return "as frequent" if without else "absent"
    if with_skip < without:
        return "rarer"
    return "more frequent" if with_skip > without else "elsewhere"


def _effects(effects: Sequence[Effect]) -> Table:
    head = ("network with a skip", "kind of skip", "differs in", "blocks")
    vanishes = ("plain vanishes at", "vanishes with skip", "vanishing is")
    explodes = ("plain explodes at", "explodes with skip", "exploding is")
    rows: list[tuple[Cell, ...]] = []
    for e in effects:
        vanishing = (*map(_gains, e.vanishing), e.changes[0])
        exploding = (*map(_gains, e.exploding), e.changes[1])
        names = e.skip.skipped.label, e.skip.kind, e.skip.differs, e.blocks
        rows.append((*names, *vanishing, *exploding, _gains(e.open[0] | e.open[1]), _gains(e.larger)))
    caption = (
        f"Vanishing: a measured ratio below {VANISHING:g}; exploding: above {EXPLODING:g}. Entries are the gains, in "
        f"units of He's variance, at which it happens. Left out, for this limit: gains at which one of the two "
        f"ratios lies within {SIGMAS:g} standard errors of it. Absent: neither with the skip nor without; open: as far "
        "as is decided alike, but gains are left out. Differs in: all that tells the network from the plain one beside "
        "it."
    )
    columns = (*head, *vanishes, *explodes, "left out", "skip enlarges the gradient at")
    return Table("What the skip does", columns, tuple(rows), caption)


def answer(effects: Sequence[Effect]) -> tuple[str, ...]:
    """What pairs that differ in the skip only show of document 003's sentence; beside it, what the others do."""
    found = []
    for skip in {e.skip.kind: e.skip for e in effects}.values():
        mine = [e for e in effects if e.skip.kind == skip.kind]
        held = sum(e.rarer for e in mine)
        vanishing, exploding = (_tally([e.changes[k] for e in mine]) for k in (0, 1))
        left_out = sum(len(e.open[0] | e.open[1]) for e in mine)
        tallies = (
            f"Both problems are rarer in {held} of {len(mine)} comparisons; vanishing is {vanishing}; "
            f"exploding is {exploding}{f'; gains left out, too near a limit: {left_out}' if left_out else ''}."
        )
        if skip.differs == THE_SKIP:
            found.append(f"Claim 003-084, with {skip.kind}. {tallies}")
        else:
            found.append(f"Beside claim 003-084, since the pairs differ in {skip.differs}: {skip.kind}. {tallies}")
    return tuple(found)


def _tally(words: list[str]) -> str:
    if len(set(words)) == 1:
        return f"{words[0]} in all of them{' (neither with the skip nor without)' if words[0] == 'absent' else ''}"
    return ", ".join(f"{word} in {words.count(word)}" for word in dict.fromkeys(words))


def _gains(gains: frozenset[float]) -> str:
    return ", ".join(_short(g) for g in sorted(gains)) or "none"


def _short(gain: float) -> str:
    return f"{gain:g}"

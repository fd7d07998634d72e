"""Test accuracy with and without batch normalisation: by net and rate, by size of the batch, beside dropout."""

from dataclasses import dataclass
from typing import NamedTuple

from residua_bridge.experiments.normalised_training.nets import (
    BAR,
    INITIALISATIONS,
    NORMS,
    accuracies,
    classifier,
    digits,
    first,
    interval,
    sided,
)
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Floats
from residua_numeric.ensemble import train_many

EVERY, BEST = "Every rate", "Each at its best rate"  # tables
SIZES = "Accuracy by size of the batch"
CELLS, EFFECTS = "Batch normalisation and dropout", "What leaving dropout out does"
FAILS = 0.8  # a net that gets less right than this has not been trained by the steps it was given


class Net(NamedTuple):
    """A net by its hidden layers and initialisation."""

    hidden: int
    init: str

    @property
    def name(self) -> str:
        return f"{self.hidden} hidden layers, {INITIALISATIONS[self.init]}"


@dataclass(frozen=True)
class ByRate:
    """Nets of several depths and initialisations, with and without batch normalisation, along a ladder of rates."""

    name: str
    title: str
    prose: tuple[str, ...]
    nets: tuple[Net, ...]
    width: int
    rates: tuple[float, ...]
    batch: int
    steps: By
    seeds: By

    def run(self, settings: Settings) -> Finding:
        """Train all, tabulate."""
        cases = [(net, rate) for net in self.nets for rate in self.rates]
        found = {case: self._pair(*case, settings) for case in settings.track(cases, self.title)}
        tables = self._every(found, settings), self._best(found)
        return Finding(Section(self.title, self.prose, tables=tables, figures=tuple(self._figures(found))))

    def _pair(self, net: Net, rate: float, settings: Settings) -> tuple[Floats, Floats]:
        without, with_ = (self._right(net, norm, rate, settings) for norm in ("none", "batch"))
        return without, with_

    def _right(self, net: Net, norm: str, rate: float, settings: Settings) -> Floats:
        trained = train_many(
            classifier(net.hidden, self.width, norm),
            digits(),
            range(self.seeds.of(settings.profile)),
            self.steps.of(settings.profile),
            "sgd",
            rate,
            self.batch,
            init=net.init,
            progress=False,
        )
        return accuracies(trained, digits())

    def _every(self, found: dict[tuple[Net, float], tuple[Floats, Floats]], settings: Settings) -> Table:
        rows: list[tuple[Cell, ...]] = []
        for (net, rate), (without, with_) in found.items():
            gap = interval(with_ - without)
            rows.append((net.name, rate, float(without.mean()), float(with_.mean()), *gap, sided(*gap)))
        columns = ("net", "rate", "without", "with", "difference", BAR, "with it")
        caption = (
            f"Share of the test digits that are right: width {self.width}, ReLU, batch {self.batch}, "
            f"{self.steps.of(settings.profile)} steps of gradient descent, {self.seeds.of(settings.profile)} seeds; "
            "batch normalisation by stored statistics; differences paired by seed, t intervals."
        )
        return Table(EVERY, columns, tuple(rows), caption)

    def _best(self, found: dict[tuple[Net, float], tuple[Floats, Floats]]) -> Table:
        rows: list[tuple[Cell, ...]] = []
        for net in self.nets:
            rates = [_best({rate: found[net, rate][side] for rate in self.rates}) for side in (0, 1)]
            without, with_ = (found[net, rate][side] for side, rate in enumerate(rates))
            gap = interval(with_ - without)
            trains = "yes" if without.mean() > FAILS else "no"
            rows.append((net.name, rates[0], float(without.mean()), rates[1], float(with_.mean()), *gap, trains))
        columns = ("net", "best rate without", "without", "best rate with", "with", "difference", BAR, "trains without")
        caption = (
            "The rate of the ladder with the highest mean for each side, chosen by the same test digits, which "
            f"flatters both alike. Trains without: more than {FAILS:g} right at some rate."
        )
        return Table(BEST, columns, tuple(rows), caption)

    def _figures(self, found: dict[tuple[Net, float], tuple[Floats, Floats]]) -> list[Figure]:
        figures = []
        for k, net in enumerate(self.nets, start=1):
            curves = []
            for side, label in enumerate(("without: measured", "with: measured")):
                points = [interval(found[net, rate][side]) for rate in self.rates]
                mean, half = (tuple(p[which] for p in points) for which in (0, 1))
                curves.append(Curve(label, "measured", self.rates, mean, half))
            title = f"With and without batch normalisation: {net.name}"
            caption = f"{net.name}: share of the test digits that are right, 95 % intervals over seeds."
            figures.append(
                Figure(
                    f"{self.name}-{k}", title, "rate", "right", tuple(curves), "log", caption=caption, ticks=self.rates
                )
            )
        return figures


def _best(right: dict[float, Floats]) -> float:
    """The rate with the highest mean."""
    return max(right, key=lambda rate: float(right[rate].mean()))


@dataclass(frozen=True)
class ByBatch:
    """The same number of steps at batches of different sizes, with each kind of normalisation."""

    name: str
    title: str
    prose: tuple[str, ...]
    sizes: tuple[int, ...]
    hidden: int
    width: int
    rate: float
    steps: By
    seeds: By

    def run(self, settings: Settings) -> Finding:
        """Train all, tabulate."""
        found: dict[tuple[int, str], Floats] = {}
        own: dict[int, Floats] = {}
        for size in settings.track(self.sizes, self.title):
            for norm in NORMS:
                trained = train_many(
                    classifier(self.hidden, self.width, norm),
                    digits(),
                    range(self.seeds.of(settings.profile)),
                    self.steps.of(settings.profile),
                    "sgd",
                    self.rate,
                    size,
                    init="he",
                    progress=False,
                )
                found[size, norm] = accuracies(trained, digits())
                if norm == "batch":
                    own[size] = accuracies(trained, digits(), "batch")
        table, figure = self._table(found, own, settings), self._figure(found)
        return Finding(Section(self.title, self.prose, tables=(table,), figures=(figure,)))

    def _table(self, found: dict[tuple[int, str], Floats], own: dict[int, Floats], settings: Settings) -> Table:
        rows: list[tuple[Cell, ...]] = []
        for size in self.sizes:
            none, batch, layer = (found[size, norm] for norm in NORMS)
            over_none, over_layer = interval(batch - none), interval(batch - layer)
            means = (float(side.mean()) for side in (none, layer, batch, own[size]))
            rows.append((size, *means, *over_none, sided(*over_none), *over_layer))
        columns = (
            "B",
            "none",
            "layer",
            "batch",
            "batch, statistics of the test part",
            "batch − none",
            BAR,
            "batch is",
            "batch − layer",
            f"{BAR} of it",
        )
        caption = (
            f"Share of the test digits that are right after {self.steps.of(settings.profile)} steps of gradient "
            f"descent at rate {self.rate:g} whatever B is (so that a small batch has seen less data, in every column "
            f"alike): {self.hidden} hidden layers of width {self.width}, He's initialisation, "
            f"{self.seeds.of(settings.profile)} seeds. Batch normalisation is judged by stored statistics, once by "
            "those of the whole test part. Differences paired by seed."
        )
        return Table(SIZES, columns, tuple(rows), caption)

    def _figure(self, found: dict[tuple[int, str], Floats]) -> Figure:
        x, curves = tuple(map(float, self.sizes)), []
        for norm in NORMS:
            points = [interval(found[size, norm]) for size in self.sizes]
            mean, half = (tuple(p[which] for p in points) for which in (0, 1))
            curves.append(Curve(f"{norm}: measured", "measured", x, mean, half))
        caption = "Share of the test digits that are right after equally many steps; 95 % intervals over seeds."
        return Figure(self.name, SIZES, "B", "right", tuple(curves), "log", caption=caption, ticks=x)


@dataclass(frozen=True)
class BesideDropout:
    """With and without batch normalisation, at several rates of dropout, on all and on few data."""

    name: str
    title: str
    prose: tuple[str, ...]
    data: tuple[int, ...]
    dropouts: tuple[float, ...]
    hidden: int
    width: int
    batch: int
    rate: float
    steps: By
    seeds: By

    def run(self, settings: Settings) -> Finding:
        """Train all, tabulate."""
        cases = [(n, norm, p) for n in self.data for norm in ("none", "batch") for p in self.dropouts]
        found = {case: self._right(*case, settings) for case in settings.track(cases, self.title)}
        tables = self._cells(found, settings), self._effects(found)
        return Finding(Section(self.title, self.prose, tables=tables))

    def _right(self, count: int, norm: str, dropout: float, settings: Settings) -> Floats:
        task = first(count)
        trained = train_many(
            classifier(self.hidden, self.width, norm, dropout),
            task,
            range(self.seeds.of(settings.profile)),
            self.steps.of(settings.profile),
            "adam",
            self.rate,
            self.batch,
            init="he",
            progress=False,
        )
        return accuracies(trained, task)

    def _cells(self, found: dict[tuple[int, str, float], Floats], settings: Settings) -> Table:
        rows = tuple((n, norm, p, *interval(right)) for (n, norm, p), right in found.items())
        columns = ("training digits", "normalisation", "dropout", "right", BAR)
        caption = (
            f"Share of the test digits that are right: {self.hidden} hidden layers of width {self.width}, batch "
            f"{self.batch}, {self.steps.of(settings.profile)} steps of Adam at {self.rate:g}, "
            f"{self.seeds.of(settings.profile)} seeds."
        )
        return Table(CELLS, columns, rows, caption)

    def _effects(self, found: dict[tuple[int, str, float], Floats]) -> Table:
        rows: list[tuple[Cell, ...]] = []
        for n in self.data:
            for norm in ("none", "batch"):
                for p in self.dropouts[1:]:
                    gap = interval(found[n, norm, 0.0] - found[n, norm, p])
                    rows.append((n, norm, p, *gap, sided(*gap)))
        columns = ("training digits", "normalisation", "dropout", "without − with dropout", BAR, "without it")
        caption = "Right without dropout minus right with it, paired by seed; t intervals."
        return Table(EFFECTS, columns, tuple(rows), caption)

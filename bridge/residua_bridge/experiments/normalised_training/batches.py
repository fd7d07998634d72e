"""How near a minibatch is to the whole data, shuffled and not, and what that does to training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.normalised_training.nets import (
    BAR,
    NORMS,
    accuracies,
    classifier,
    digits,
    interval,
    sided,
)
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_numeric import Measurement, build
from residua_numeric.trainings import drawn as batches
from residua_numeric.trainings import train_models
from residua_symbolic import Prediction
from residua_symbolic.training.sampling import drawn

DISTANCES = "How far the mean of a batch lies from that of all data"  # tables
TRAINED = "Training on shuffled and on sorted batches"
VARIANCES = "Variance of the means of shuffled batches"  # verdict
RESOLUTION = 0.25  # of variances: what four standard errors of a few hundred batches of two leave open


@dataclass(frozen=True)
class Shuffled:
    """Means of batches of digits, and nets trained on them."""

    name: str
    title: str
    prose: tuple[str, ...]
    sizes: tuple[int, ...]
    draws: By
    batch: int
    hidden: int
    width: int
    rate: float
    steps: By
    seeds: By

    def run(self, settings: Settings) -> Finding:
        """Draw, compare, train."""
        count = self.draws.of(settings.profile)
        found = {size: _squares(size, count, "shuffled") for size in self.sizes}
        law = np.array([self._law(size) for size in self.sizes])
        d = self._compared(found, law, count)
        text = as_text(d, f"{VARIANCES}: σ²/B (N − B)/(N − 1)", "agree", d.reason.replace("rounding", "sampling"))
        sorted_ = {size: _squares(size, 0, "sorted") for size in self.sizes}
        tables = self._distances(found, sorted_, law, count), self._trained(settings)
        section = Section(
            self.title, self.prose, (proved(drawn()),), tables, (self._figure(found, sorted_, law),), (text,)
        )
        return Finding(section, (d,))

    def _law(self, size: int) -> float:
        """In units of the variance of the pixels, mean over pixels."""
        n = len(digits().x)
        return (n - size) / (n - 1) / size

    def _compared(self, found: dict[int, Floats], law: Floats, count: int) -> Discrepancy:
        values = np.array([found[size].mean() for size in self.sizes])
        spread = np.array([found[size].std(ddof=1) / np.sqrt(count) for size in self.sizes])
        scope: dict[str, str | int] = {"B": ", ".join(map(str, self.sizes)), "N": len(digits().x), "draws": count}
        prediction = Prediction(VARIANCES, law[None], np.zeros_like(law)[None], scope, resolution=RESOLUTION)
        return compare(prediction, Measurement(VARIANCES, values[None], "float64", spread[None], {}))

    def _distances(self, found: dict[int, Floats], sorted_: dict[int, Floats], law: Floats, count: int) -> Table:
        columns = (
            "B",
            "shuffled: law",
            "shuffled: measured",
            "standard error",
            "sorted",
            "sorted over shuffled",
            "classes, shuffled",
            "classes, sorted",
        )
        rows = tuple(
            (
                size,
                float(value),
                float(found[size].mean()),
                float(found[size].std(ddof=1) / np.sqrt(count)),
                float(sorted_[size].mean()),
                float(sorted_[size].mean() / value),
                _classes(size, "shuffled"),
                _classes(size, "sorted"),
            )
            for size, value in zip(self.sizes, law, strict=True)
        )
        caption = (
            "Mean square of (mean of the batch − mean of all) in units of the variance of a pixel over all "
            f"{len(digits().x)} training digits, mean over the pixels that vary; {count} first batches of shuffled "
            "epochs, and all batches in the order of the labels. Classes: how many of the ten a batch holds, mean."
        )
        return Table(DISTANCES, columns, rows, caption)

    def _trained(self, settings: Settings) -> Table:
        steps, seeds = self.steps.of(settings.profile), range(self.seeds.of(settings.profile))
        rows: list[tuple[Cell, ...]] = []
        for norm in settings.track(NORMS, self.title):
            right = {order: self._accuracies(norm, order, steps, seeds) for order in ("shuffled", "sorted")}
            gap = interval(right["shuffled"] - right["sorted"])
            rows.append((norm, *(float(right[order].mean()) for order in right), *gap, sided(*gap)))
        columns = ("normalisation", "shuffled", "sorted", "difference", BAR, "shuffled is")
        caption = (
            f"Share of the test digits that are right (batch normalisation by stored statistics): {self.hidden} "
            f"hidden layers of width {self.width}, batches of {self.batch}, {steps} steps of gradient descent at rate "
            f"{self.rate:g}, {len(seeds)} seeds, differences paired by seed."
        )
        return Table(TRAINED, columns, tuple(rows), caption)

    def _accuracies(self, norm: str, order: str, steps: int, seeds: range) -> Floats:
        net = classifier(self.hidden, self.width, norm)
        models = [build(net, seed, "float32", "he") for seed in seeds]
        trained = train_models(net, models, seeds, digits(), steps, "sgd", self.rate, self.batch, order)
        return accuracies(trained, digits())

    def _figure(self, found: dict[int, Floats], sorted_: dict[int, Floats], law: Floats) -> Figure:
        x = tuple(map(float, self.sizes))
        bars = tuple(interval(found[size])[1] for size in self.sizes)
        curves = (
            Curve("shuffled: predicted", "predicted", x, tuple(map(float, law))),
            Curve("shuffled: measured", "measured", x, tuple(float(found[s].mean()) for s in self.sizes), bars),
            Curve("sorted: measured", "measured", x, tuple(float(sorted_[s].mean()) for s in self.sizes)),
        )
        caption = "Squared distance of the mean of a batch from that of all data, in variances of a pixel."
        return Figure(self.name, DISTANCES, "B", "squared distance", curves, "log", "log", caption, x)


def _squares(size: int, count: int, order: str) -> Floats:
    """Mean over the pixels that vary of (batch mean − mean)²/variance, for each batch."""
    task = digits()
    used = np.ptp(task.x, axis=0) > 0
    x = ((task.x - task.x.mean(axis=0))[:, used]) / task.x.std(axis=0)[used]
    return np.array([(x[rows].mean(axis=0) ** 2).mean() for rows in _rows(size, count, order)])


def _classes(size: int, order: str) -> float:
    return float(np.mean([len(set(digits().y[rows].tolist())) for rows in _rows(size, 200, order)]))


def _rows(size: int, count: int, order: str) -> Sequence[Floats]:
    """First batches of `count` shuffled epochs, or all of the sorted one."""
    task = digits()
    if order == "shuffled":
        return [next(batches(task, size, seed, order)).numpy() for seed in range(count)]
    every = batches(task, size, 0, order)
    return [next(every).numpy() for _ in range(len(task.x) // size)]

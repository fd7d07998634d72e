"""Batch statistics couple the rows of a batch: how strongly, against the size of the batch, two rows included."""

from dataclasses import dataclass

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import By, Finding, Labelled, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_network import Network
from residua_numeric import build
from residua_symbolic import jacobian

GAIN = 1.0  # n times the variance of a weight


@dataclass(frozen=True)
class RowCoupling:
    """The share of the squared Jacobian that joins different rows, and its largest entry, along batch sizes."""

    name: str
    title: str
    prose: tuple[str, ...]
    networks: tuple[Labelled, ...]
    batches: By
    seeds: By

    def run(self, settings: Settings) -> Finding:
        """Compare every network at every batch size with its torch model."""
        batches, seeds = self.batches.of(settings.profile), range(self.seeds.of(settings.profile))
        cases = [(one, batch) for one in self.networks for batch in batches]
        points = [_Point.of(one, batch, seeds) for one, batch in settings.track(cases, self.title)]
        texts = []
        for one in self.networks:
            mine = [d for p in points if p.batched is one for d in p.found]
            texts.append(together(mine, f"Derived Jacobian: {one.label}", "agree"))
        tables, figures = (self._table(points, len(seeds)),), (self._figure(points),)
        section = Section(self.title, self.prose, tables=tables, figures=figures, verdicts=tuple(texts))
        return Finding(section, tuple(d for p in points for d in p.found))

    def _table(self, points: "list[_Point]", seeds: int) -> Table:
        columns = ("network", "B", "share between rows, predicted", "measured", "largest entry, predicted", "measured")
        rows = tuple((p.batched.label, p.batch, *p.share, *p.largest) for p in points)
        caption = (
            f"Share of the squared Jacobian in blocks that join two different rows; mean over {seeds} seeds. Largest "
            "entry of the whole Jacobian. A Jacobian that is zero within rounding has no share."
        )
        return Table("Coupling of rows", columns, rows, caption)

    def _figure(self, points: "list[_Point]") -> Figure:
        curves = []
        for one in self.networks:
            mine = [p for p in points if p.batched is one and not isinstance(p.share[0], str)]
            x = tuple(float(p.batch) for p in mine)
            curves.append(Curve(f"{one.label}: predicted", "predicted", x, tuple(float(p.share[0]) for p in mine)))
            curves.append(Curve(f"{one.label}: measured", "measured", x, tuple(float(p.share[1]) for p in mine)))
        caption = "Share of the squared Jacobian that joins different rows of the batch, against the batch size."
        return Figure(self.name, self.title, "B", "share between rows", tuple(curves), "log", "log", caption)


@dataclass(frozen=True)
class _Point:
    """One network at one batch size: predicted and measured, means over the seeds."""

    batched: Labelled
    batch: int
    share: tuple[float | str, float | str]
    largest: tuple[float, float]
    found: tuple[Discrepancy, ...]

    @classmethod
    def of(cls, batched: Labelled, batch: int, seeds: range) -> "_Point":
        net = batched.network()
        found = tuple(_compared(net, batch, seed) for seed in seeds)
        vanishes = any(np.linalg.norm(d.predicted) <= d.causes["rounding"] for d in found)
        sides = [[d.predicted for d in found], [d.measured for d in found]]
        predicted, measured = ("–" if vanishes else float(np.mean([_between_rows(J) for J in side])) for side in sides)
        largest = [float(max(abs(J).max() for J in side)) for side in sides]
        return cls(batched, batch, (predicted, measured), (largest[0], largest[1]), found)


def _compared(net: Network, batch: int, seed: int) -> Discrepancy:
    x = np.random.default_rng(seed).normal(size=(batch, net.inputs))
    return compare(jacobian(net), build(net, seed=seed, init=GAIN), x)


def _between_rows(J: Floats) -> float:
    """1 − Σ_b ‖J[b, :, b, :]‖² / ‖J‖²."""
    own = sum(float((J[b, :, b, :] ** 2).sum()) for b in range(len(J)))
    return 1.0 - own / float((J**2).sum())

"""What a mean of 1 hides: arithmetic mean, median and geometric mean of the squared-gradient ratio, by depth."""

import math
from dataclasses import dataclass

import numpy as np

from residua_bridge.experiments.plain.sources import Floats, ReluRatio
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_symbolic.moments.plain import relu_chain

TOP = 0.01  # the share of networks that is called the largest


@dataclass(frozen=True)
class HeavyTails:
    """He ReLU networks of one width and several depths."""

    name: str
    title: str
    prose: tuple[str, ...]
    width: int
    depths: tuple[int, ...]
    networks: By

    def run(self, settings: Settings) -> Finding:
        """Draw every depth afresh."""
        count = self.networks.of(settings.profile)
        source = ReluRatio("ratio")
        seen = {
            depth: source.draw({"width": self.width, "depth": depth}, count, block)
            for block, depth in enumerate(settings.track(self.depths, self.title))
        }
        return Finding(Section(self.title, self.prose, tables=(self._table(seen),), figures=(self._figure(seen),)))

    def _table(self, seen: dict[int, Floats]) -> Table:
        columns = (
            *("L", "mean, law", "mean, measured", "standard error, measured", "standard error, law"),
            *("geometric mean, law", "geometric mean, measured", "median, measured"),
            f"share of the sum that the largest {TOP:.0%} hold",
        )
        rows = tuple((depth, *self._row(depth, ratios)) for depth, ratios in seen.items())
        caption = (
            f"n = {self.width}, {len(next(iter(seen.values())))} networks a depth. The law of the standard error is "
            "$\\sqrt{((1 + 5/n)^L - 1)/N}$; where the measured one is far below it, the networks that make the mean "
            "were not among those drawn, and the measured mean is too small with an error bar that does not say so."
        )
        return Table("Means that hide their tails", columns, rows, caption)

    def _row(self, depth: int, ratios: Floats) -> tuple[float, ...]:
        count = len(ratios)
        alive, largest = ratios[ratios > 0], np.sort(ratios)[-max(1, math.ceil(TOP * count)) :]
        return (
            1.0,
            float(ratios.mean()),
            float(ratios.std(ddof=1) / math.sqrt(count)),
            math.sqrt((relu_chain.second_moment(self.width, depth) - 1) / count),
            math.exp(depth * relu_chain.log_mean(self.width)),
            float(np.exp(np.log(alive).mean())),
            float(np.median(ratios)),
            float(largest.sum() / ratios.sum()),
        )

    def _figure(self, seen: dict[int, Floats]) -> Figure:
        depths = tuple(map(float, seen))
        line = tuple(float(d) for d in range(min(seen), max(seen) + 1))
        law = tuple(math.exp(d * relu_chain.log_mean(self.width)) for d in line)
        rows = {depth: self._row(depth, ratios) for depth, ratios in seen.items()}
        curves = (
            Curve("arithmetic mean: predicted", "predicted", line, (1.0,) * len(line)),
            Curve("arithmetic mean: measured", "measured", depths, tuple(r[1] for r in rows.values())),
            Curve("geometric mean: predicted", "predicted", line, law),
            Curve("geometric mean: measured", "measured", depths, tuple(r[5] for r in rows.values())),
        )
        caption = f"n = {self.width}: the arithmetic mean stays 1, the geometric mean falls with every layer."
        return Figure(self.name, self.title, "layers", "squared-gradient ratio", curves, yscale="log", caption=caption)

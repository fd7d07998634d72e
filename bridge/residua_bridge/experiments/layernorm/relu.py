"""A ReLU between: the exact factor of one layer by quadrature, its correction to 1, and ensembles."""

import math
from dataclasses import dataclass

from residua_bridge.budgets.estimate import estimate
from residua_bridge.experiments.layernorm.laws import correction_measured
from residua_bridge.experiments.layernorm.sources import Nets, Ratios
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_symbolic.moments.layer.relu import relu_correction, relu_factor, relu_through_depth

CORRECTION = "What a ReLU layer adds, times the width"


@dataclass(frozen=True)
class ReluCorrection:
    """n (E F − 1) at each width: by quadrature, from ensembles, and the limit."""

    name: str
    title: str
    prose: tuple[str, ...]
    widths: tuple[int, ...]
    depth: int
    measured: tuple[int, ...]
    work: By  # about so many weights are drawn at every width

    def run(self, settings: Settings) -> Finding:
        """Quadrature and ensembles."""
        limit = float(relu_correction().formula)
        rows, points = [], []
        for width in settings.track(self.widths, self.title):
            factor = relu_factor(width)
            exact = width * (factor.value - 1)
            cells: tuple[str | float, ...] = ("", "")
            if width in self.measured:
                count = int(self.work.of(settings.profile) / (self.depth * width**2))
                pairs = Ratios(Nets(relu=True, init=2.0)).draw({"width": width, "depth": self.depth}, count, 0)
                found = estimate(pairs, "ratio of means")
                middle, high = (
                    correction_measured(width, self.depth, v) for v in (found.value, found.value + found.bar)
                )
                cells = (middle, high - middle)
                points.append((float(width), middle, high - middle))
            rows.append((width, factor.value, factor.error, relu_through_depth(width, self.depth).value, exact, *cells))
        columns = (
            "n",
            "E F",
            "its error",
            f"R, {self.depth} layers",
            "n (E F − 1)",
            "measured",
            "standard error",
        )
        through = f"Measured: from the ratio through {self.depth} layers."
        caption = f"In the limit n (E F − 1) is $2 - 2/\\pi$ = {limit:.4f}. {through}"
        table = Table(CORRECTION, columns, tuple(rows), caption)
        x = tuple(float(row[0]) for row in rows)
        curves = (
            Curve("n (E F − 1): predicted", "predicted", x, tuple(float(row[4]) for row in rows)),
            Curve("n (E F − 1): measured", "measured", *zip(*points, strict=True)),
            Curve("limit", "other", (x[0], x[-1]), (limit, limit)),
        )
        shown = "The correction of a layer with LayerNorm and ReLU against width."
        figure = Figure(f"{self.name}-correction", CORRECTION, "width n", "n (E F − 1)", curves, "log", caption=shown)
        return Finding(Section(self.title, self.prose, tables=(table,), figures=(figure,)))


def rarity(width: int) -> float:
    """log10 of the probability that exactly two of `width` entries are positive: what makes E F infinite under RMS."""
    return math.log10(width * (width - 1) / 2) - width * math.log10(2)

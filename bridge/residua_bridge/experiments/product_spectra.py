"""Singular values of the product of Jacobians through depth, derived against torch."""

from dataclasses import dataclass

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.error_ladder import Family
from residua_bridge.experiments.initialised import Initialised
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_symbolic import jacobian

ROWS = 2


@dataclass(frozen=True)
class ProductSpectra:
    """The whole spectrum of each family at each depth; the figure shows the depth `shown`."""

    name: str
    title: str
    prose: tuple[str, ...]
    families: tuple[Family, ...]
    depths: tuple[int, ...]
    shown: int
    seeds: By

    def run(self, settings: Settings) -> Finding:
        """Predict and measure every spectrum."""
        seeds = self.seeds.of(settings.profile)
        cases = [(family, depth) for family in self.families for depth in self.depths]
        points = [_Point.of(family, depth, seeds) for family, depth in settings.track(cases, self.title)]
        depths = ", ".join(map(str, self.depths))
        verdicts = tuple(
            together(
                [d for p in points if p.family is f for d in p.found],
                f"Singular values: {f.label}; {depths} blocks",
                "agree",
            )
            for f in self.families
        )
        tables, figures = (_table(points, seeds),), (self._figure([p for p in points if p.depth == self.shown]),)
        section = Section(self.title, self.prose, tables=tables, figures=figures, verdicts=verdicts)
        return Finding(section, tuple(d for p in points for d in p.found))

    def _figure(self, points: "list[_Point]") -> Figure:
        """One input each; what lies below the error bar is not shown."""
        curves = []
        for p in points:
            predicted, measured, bar = p.predicted[0], p.measured[0], p.bars[0]
            seen = measured > bar
            places = tuple(float(k) for k in np.flatnonzero(seen) + 1)
            curves.append(Curve(f"{p.family.label}: predicted", "predicted", places, tuple(predicted[seen].tolist())))
            curves.append(Curve(f"{p.family.label}: measured", "measured", places, tuple(measured[seen].tolist())))
        caption = (
            f"Singular values of the product through {self.shown} blocks in descending order, one input; those that "
            "float64 cannot tell from zero are left out."
        )
        words = ("place", "singular value", tuple(curves))
        return Figure(self.name, f"Spectrum of {self.shown} blocks", *words, yscale="log", caption=caption)


@dataclass(frozen=True)
class _Point:
    """One family at one depth: (seeds · rows, places), and the bar of each row."""

    family: Family
    depth: int
    predicted: Floats
    measured: Floats
    bars: Floats
    found: tuple[Discrepancy, ...]

    @classmethod
    def of(cls, family: Family, depth: int, seeds: int) -> "_Point":
        J = jacobian(family.network(depth))
        starts = [Initialised.of(J, seed, ROWS) for seed in range(seeds)]
        predictions = [start.predicted("singular values") for start in starts]
        found = tuple(
            compare(prediction, start.measured("singular values"))
            for prediction, start in zip(predictions, starts, strict=True)
        )
        bars = np.concatenate([prediction.error[:, 0] for prediction in predictions])
        predicted, measured = (np.concatenate([getattr(d, side) for d in found]) for side in ("predicted", "measured"))
        return cls(family, depth, predicted, measured, bars, found)

    def row(self) -> tuple[Cell, ...]:
        """Medians over inputs and seeds; the condition number only where the smallest is told from zero."""
        middle = np.median(self.measured, axis=0)
        bar, largest, smallest = float(np.median(self.bars)), float(middle[0]), float(middle[-1])
        told = int((middle > bar).sum())
        condition = np.log10(largest / max(smallest, bar))
        shown: Cell = float(condition) if smallest > bar else f"> {condition:.3g}"
        first = float(np.median(self.predicted[:, 0])), largest, largest / float(middle[1])
        values = *first, float(np.median(middle)), smallest
        return self.family.label, self.depth, *values, bar, f"{told} of {len(middle)}", shown


def _table(points: list[_Point], seeds: int) -> Table:
    head = ("network", "blocks", "largest, predicted", "largest", "largest / second", "median", "smallest", "bar")
    caption = (
        f"Medians over {seeds * ROWS} inputs, {ROWS} to a seed; measured unless it says otherwise. Bar: what rounding "
        "may do to any of the values, Frobenius norm (Weyl's inequality); a value below it cannot be told from zero, "
        "and where the smallest is one of these only a lower bound of the condition number is known."
    )
    columns = (*head, "told from zero", "log10 of the condition number")
    rows = tuple(p.row() for p in points)
    return Table("Singular values of the product", columns, rows, caption)

"""How wrong an assumption is, along a ladder of sizes: predicted from what it drops, measured on torch models."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.findings import Curve, Figure, Section, Table, VerdictText
from residua_bridge.rendering import together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_network import Network
from residua_numeric import build, weights_of
from residua_symbolic import jacobian
from residua_symbolic.layer import CONSTANT_STATISTICS
from residua_symbolic.overstatement import ErrorLaw

BATCH = 4
GAIN = 1.0  # n times the variance of a weight: keeps the scale of linear layers, as the law of the error assumes


@dataclass(frozen=True)
class Family:
    """Networks of one make, by size."""

    label: str
    network: Callable[[int], Network]
    law: Callable[[int], float] | None = None  # the relative error as an exact formula in the size
    rows: Callable[[int], int] = lambda size: BATCH  # of the batch: where rows are coupled, it may be the size


@dataclass(frozen=True)
class ErrorLadder:
    """Relative error ‖true − (1.11)‖ / ‖true‖ along sizes, for each family; median over seeds and rows."""

    name: str
    title: str
    prose: tuple[str, ...]
    axis: str
    families: tuple[Family, ...]
    sizes: By
    seeds: By
    claim: str
    yscale: Any = "log"

    def run(self, settings: Settings) -> Finding:
        """Compare every network with its torch model."""
        sizes, seeds = self.sizes.of(settings.profile), range(self.seeds.of(settings.profile))
        cases = [(family, size) for family in self.families for size in sizes]
        points = [_Point.of(family, size, seeds) for family, size in settings.track(cases, self.title)]
        found = tuple(d for point in points for d in point.discrepancies)
        section = Section(
            self.title,
            self.prose,
            tables=(self._table(points, len(seeds)),),
            figures=(self._figure(points),),
            verdicts=tuple(self._verdicts(points)),
        )
        return Finding(section, found)

    def _table(self, points: "list[_Point]", seeds: int) -> Table:
        """The column of the formula only where there is one."""
        with_law = any(family.law is not None for family in self.families)
        head: tuple[str, ...] = ("network", self.axis, *(("formula",) if with_law else ()))
        columns = (*head, "predicted", "measured", "spread", "largest unexplained / bar")
        rows = tuple(
            (p.family.label, p.size, *((p.law,) if with_law else ()), p.predicted, p.measured, p.spread, p.worst)
            for p in points
        )
        caption = (
            f"Relative error of {self.claim}, median over {seeds} seeds and the inputs of each ({BATCH}, or one batch "
            "where rows are coupled); spread: median absolute deviation. Predicted: from the dropped term at the "
            "weights of each model, which both sides share. The last column is the largest remainder after the dropped "
            "term is put back, in units of what rounding may do: below 1 it is explained."
        )
        return Table("Relative error", columns, rows, caption)

    def _figure(self, points: "list[_Point]") -> Figure:
        curves = []
        for family in self.families:
            mine = [p for p in points if p.family is family]
            x = tuple(float(p.size) for p in mine)
            if family.law is not None:
                label = f"{family.label}: formula"
                curves.append(Curve(label, "other", x, tuple(float(p.law) for p in mine)))
            curves.append(Curve(f"{family.label}: predicted", "predicted", x, tuple(p.predicted for p in mine)))
            spread = tuple(p.spread for p in mine)
            curves.append(Curve(f"{family.label}: measured", "measured", x, tuple(p.measured for p in mine), spread))
        scale: Any = "log"
        caption = f"Relative error of what 003 writes, against {self.axis}."
        return Figure(self.name, self.title, self.axis, "relative error", tuple(curves), scale, self.yscale, caption)

    def _verdicts(self, points: "list[_Point]") -> list[VerdictText]:
        """One for each family, over all sizes and seeds."""
        texts = []
        for family in self.families:
            found = [d for p in points if p.family is family for d in p.discrepancies]
            texts.append(together(found, f"{self.claim}: {family.label}", "differ"))
        return texts


@dataclass(frozen=True)
class _Point:
    """One size of one family: all its comparisons, and their errors."""

    family: Family
    size: int
    law: Any
    predicted: float
    measured: float
    spread: float
    worst: float
    discrepancies: tuple[Discrepancy, ...]

    @classmethod
    def of(cls, family: Family, size: int, seeds: range) -> "_Point":
        net = family.network(size)
        exact, assumed = jacobian(net), jacobian(net, assume=CONSTANT_STATISTICS)
        found, predicted, measured = [], [], []
        for seed in seeds:
            model = build(net, seed=seed, init=GAIN)
            x = np.random.default_rng(seed).normal(size=(family.rows(size), net.inputs))
            d = compare(assumed, model, x)
            weights = weights_of(model)
            assert assumed.dropped is not None
            lost, true = assumed.dropped.evaluate(weights, x), exact.evaluate(weights, x)
            predicted += list(_norm(lost) / _norm(true))
            measured += list(_norm(d.measured - d.predicted) / _norm(d.measured))
            found.append(d)
        middle = float(np.median(measured))
        return cls(
            family,
            size,
            "–" if family.law is None else family.law(size),
            float(np.median(predicted)),
            middle,
            float(np.median(abs(np.array(measured) - middle))),
            max(d.unexplained.value / d.unexplained.bar for d in found),
            tuple(found),
        )


def _norm(J: Any) -> Any:
    """Frobenius norms, one a row; where rows are coupled, one for the batch."""
    return np.linalg.norm(J, axis=(1, 2)) if J.ndim == 3 else np.array([np.linalg.norm(J)])


def law_in_width(law: Callable[[], ErrorLaw]) -> Callable[[int], float]:
    """A derived law as a function of the width (or of the batch): the relative error, not its square."""
    return lambda width: float(np.sqrt(law().at(width)))

"""Mean, mean logarithm and whole distribution of the gradient ratio over widths and depths, against the derived law."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.stats import kstest

from residua_bridge.compare import compare
from residua_bridge.experiments.layernorm.laws import ratio
from residua_bridge.experiments.layernorm.sources import Floats, Nets, Ratios, carried_by_largest, share_above_one
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement
from residua_symbolic import Prediction
from residua_symbolic.moments.layer.ratio import LayerRatio

LOGARITHM = "mean logarithm of the gradient ratio"
RESOLUTION = 0.2  # four standard errors within 20 % of the mean logarithm tell it from 0 and from that of the mean
DECILES = tuple(k / 10 for k in range(1, 10))
DECILE_RESOLUTION = 0.05
GRID, TAILS = "Mean and mean logarithm, by width and depth", "Who carries the mean"
_Cell = tuple[int, int]


@dataclass(frozen=True)
class WidthAndDepth:
    """Both statistics at every width and depth: the grid, the picture of opposite signs, one verdict."""

    name: str
    title: str
    prose: tuple[str, ...]
    kind: str
    widths: tuple[int, ...]
    depths: tuple[int, ...]
    work: By  # about so many weights are drawn at every place of the grid
    shown: tuple[int, ...]

    def run(self, settings: Settings) -> Finding:
        """One ensemble for every width and depth."""
        cells = [(width, depth) for width in self.widths for depth in self.depths]
        seen = {cell: self._drawn(cell, settings.profile) for cell in settings.track(cells, self.title)}
        found = self._compared(seen)
        text = as_text(found, f"{LOGARITHM}, {self.kind}", "agree", found.reason.replace("rounding", "sampling"))
        figures = (self._figure(seen),)
        section = Section(self.title, self.prose, tables=(self._grid(seen),), figures=figures, verdicts=(text,))
        return Finding(section, (found,))

    def _drawn(self, cell: _Cell, profile: str) -> Floats:
        width, depth = cell
        count = max(100, min(20_000, int(self.work.of(profile) / (depth * width**2))))
        return Ratios(Nets(self.kind), "ratio").draw({"width": width, "depth": depth}, count, 0)

    def _law(self, cell: _Cell) -> LayerRatio:
        return ratio(self.kind, {"width": cell[0], "depth": cell[1]})

    def _compared(self, seen: dict[_Cell, Floats]) -> Discrepancy:
        laws = np.array([self._law(cell).log_mean for cell in seen])
        logs = [np.log(values) for values in seen.values()]
        means = np.array([float(log.mean()) for log in logs])
        errors = np.array([float(log.std(ddof=1) / math.sqrt(len(log))) for log in logs])
        scope: dict[str, str | int] = {
            "widths": ", ".join(map(str, self.widths)),
            "layers": ", ".join(map(str, self.depths)),
            "resolution": f"{RESOLUTION:.0%}",
        }
        prediction = Prediction(LOGARITHM, laws[None], np.zeros_like(laws)[None], scope, resolution=RESOLUTION)
        return compare(prediction, Measurement(LOGARITHM, means[None], "float64", errors[None], {}))

    def _grid(self, seen: dict[_Cell, Floats]) -> Table:
        columns = (
            "n",
            "L",
            "nets",
            "law of the mean",
            "measured mean",
            "standard error",
            "law of the mean log",
            "measured mean log",
            "standard error ",
            "off by, in s.e.",
        )
        rows = []
        for cell, values in seen.items():
            law, log, root = self._law(cell), np.log(values), math.sqrt(len(values))
            error = float(log.std(ddof=1)) / root
            off = abs(float(log.mean()) - law.log_mean) / error
            mean_error = f"{values.std(ddof=1) / root:.2g}" if math.isfinite(law.variance) else "does not exist"
            rows.append(
                (
                    *cell,
                    len(values),
                    law.mean,
                    float(values.mean()),
                    mean_error,
                    law.log_mean,
                    float(log.mean()),
                    error,
                    off,
                )
            )
        caption = (
            "R is the squared gradient at the input over that at the output, one input a net. The mean has a standard "
            "error where E R² exists; where it does, it is that of a distribution with heavy tails, and at large L a "
            "sample of this size mostly falls short of the mean. The last column is about the mean logarithm. "
            "The verdict is on all places together, so that deep narrow nets, with their large logarithms, weigh most."
        )
        return Table(GRID, columns, tuple(rows), caption)

    def _figure(self, seen: dict[_Cell, Floats]) -> Figure:
        curves = []
        for width in self.shown:
            line = range(1, max(self.depths) + 1)
            laws = [self._law((width, depth)) for depth in line]
            x = tuple(map(float, line))
            curves.append(Curve(f"log of the mean, n = {width}: predicted", "predicted", x, _logs(laws, mean=True)))
            curves.append(self._points(f"log of the mean, n = {width}", width, seen, mean=True))
            curves.append(Curve(f"mean of the log, n = {width}: predicted", "predicted", x, _logs(laws, mean=False)))
            curves.append(self._points(f"mean of the log, n = {width}", width, seen, mean=False))
        caption = (
            "Logarithm of the mean and mean of the logarithm of the gradient ratio against depth: one above 0, one "
            "below, "
            "nearly mirror images. Markers: ensembles, with standard errors (of the mean where they exist)."
        )
        return Figure(
            f"{self.name}-signs", "Opposite signs", "layers L", "log E R and E log R", tuple(curves), caption=caption
        )

    def _points(self, label: str, width: int, seen: dict[_Cell, Floats], mean: bool) -> Curve:
        values = [seen[width, depth] for depth in self.depths]
        logs = [np.log(v) for v in values]
        if mean:
            y = [math.log(float(v.mean())) for v in values]
            spread = [float(v.std(ddof=1) / math.sqrt(len(v)) / v.mean()) for v in values]
        else:
            y = [float(v.mean()) for v in logs]
            spread = [float(v.std(ddof=1) / math.sqrt(len(v))) for v in logs]
        return Curve(f"{label}: measured", "measured", tuple(map(float, self.depths)), tuple(y), tuple(spread))


@dataclass(frozen=True)
class WholeDistribution:
    """Deciles of log R against the derived distribution, and which nets carry the mean."""

    name: str
    title: str
    prose: tuple[str, ...]
    kind: str
    cells: tuple[tuple[int, int], ...]
    nets: By

    def run(self, settings: Settings) -> Finding:
        """One ensemble for every width and depth."""
        count = self.nets.of(settings.profile)
        seen = {
            cell: Ratios(Nets(self.kind), "ratio", seed=1).draw({"width": cell[0], "depth": cell[1]}, count, 0)
            for cell in settings.track(self.cells, self.title)
        }
        found = self._compared(seen, count)
        note = found.reason.replace("rounding", "sampling")
        text = as_text(found, f"distribution of the gradient ratio, {self.kind}: its deciles", "agree", note)
        section = Section(
            self.title, self.prose, tables=(self._tails(seen),), figures=(self._figure(seen),), verdicts=(text,)
        )
        return Finding(section, (found,))

    def _law(self, cell: tuple[int, int]) -> LayerRatio:
        return ratio(self.kind, {"width": cell[0], "depth": cell[1]})

    def _compared(self, seen: dict[tuple[int, int], Floats], count: int) -> Discrepancy:
        shares = [[float(np.mean(np.log(v) <= q)) for q in _deciles(self._law(cell))] for cell, v in seen.items()]
        predicted = np.array([DECILES for _ in seen])
        errors = np.sqrt(predicted * (1 - predicted) / count)
        sizes = ", ".join(f"{width} × {depth}" for width, depth in seen)
        scope: dict[str, str | int] = {"width × layers": sizes, "nets": count, "resolution": f"{DECILE_RESOLUTION:.0%}"}
        quantity = "share of nets below the predicted deciles of the gradient ratio"
        prediction = Prediction(quantity, predicted, np.zeros_like(predicted), scope, resolution=DECILE_RESOLUTION)
        return compare(prediction, Measurement(quantity, np.array(shares), "float64", errors, {}))

    def _tails(self, seen: dict[tuple[int, int], Floats]) -> Table:
        columns = (
            "n",
            "L",
            "law of the mean",
            "law of the median",
            "nets above 1: law",
            "nets above 1: measured",
            "part of the measured mean in its largest 1 % of nets",
            "Kolmogorov–Smirnov, p",
        )
        rows = []
        for cell, values in seen.items():
            law = self._law(cell)
            median = math.exp(_quantile(law, 0.5))
            above = 1 - float(law.cdf(0.0))
            p = float(kstest(np.log(values), law.cdf).pvalue)
            rows.append((*cell, law.mean, median, above, share_above_one(values), carried_by_largest(values), p))
        return Table(
            TAILS, columns, tuple(rows), "The deeper the net, the fewer of its kind have a gradient that grows."
        )

    def _figure(self, seen: dict[tuple[int, int], Floats]) -> Figure:
        curves = []
        for cell, values in seen.items():
            label, law = f"n = {cell[0]}, L = {cell[1]}", self._law(cell)
            x = np.linspace(_quantile(law, 0.002), _quantile(law, 0.998), 60)
            curves.append(Curve(f"{label}: predicted", "predicted", tuple(x.tolist()), tuple(law.cdf(x).tolist())))
            at = np.quantile(np.log(values), (0.005, *DECILES, 0.995))
            y = (0.005, *DECILES, 0.995)
            curves.append(Curve(f"{label}: measured", "measured", tuple(at.tolist()), y))
        caption = (
            "Distribution function of log R: the law, inverted from its characteristic function, and measured deciles."
        )
        return Figure(f"{self.name}-cdf", self.title, "log R", "share of nets below", tuple(curves), caption=caption)


def _logs(laws: list[LayerRatio], mean: bool) -> tuple[float, ...]:
    return tuple(math.log(law.mean) if mean else law.log_mean for law in laws)


def _deciles(law: LayerRatio) -> list[float]:
    return [_quantile(law, share) for share in DECILES]


def _quantile(law: LayerRatio, share: float) -> float:
    """Where the distribution function of log R reaches a share."""
    reach = 12 * math.sqrt(law.log_variance)
    return float(brentq(lambda at: float(law.cdf(at)) - share, law.log_mean - reach, law.log_mean + reach, xtol=1e-9))

"""The derived law of the error of (1.11) against ensembles of freshly initialised networks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.error_ladder import GAIN
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_network import Network
from residua_numeric import Measurement, build, measure, weights_of
from residua_symbolic import NetworkJacobian, Prediction, jacobian
from residua_symbolic.layer import CONSTANT_STATISTICS
from residua_symbolic.overstatement import ErrorLaw

RESOLUTION = 0.3  # a bar of four standard errors within 30 % tells the law from errors that add up, or grow otherwise
QUANTITY = "squared relative error of (1.11)"


@dataclass(frozen=True)
class LawFamily:
    """A law and the networks that it speaks of, by width and depth."""

    label: str
    law: Callable[[], ErrorLaw]
    network: Callable[[int, int], Network]


@dataclass(frozen=True)
class ErrorLawOnEnsembles:
    """E‖T − C‖² / E‖T‖² over random weights, one input a network, with its standard error, against the law."""

    name: str
    title: str
    prose: tuple[str, ...]
    families: tuple[LawFamily, ...]
    cases: tuple[tuple[int, int], ...]  # (width, depth)
    networks: By

    def run(self, settings: Settings) -> Finding:
        """Build every network afresh."""
        count = self.networks.of(settings.profile)
        every = [(family, case) for family in self.families for case in self.cases]
        seen = {(f.label, case): _ratio(f, *case, count) for f, case in settings.track(every, self.title)}
        found = [self._compared(family, seen, count) for family in self.families]
        verdicts = tuple(
            as_text(d, f"Law of the error of (1.11): {family.label}", "agree", d.reason.replace("rounding", "sampling"))
            for family, d in zip(self.families, found, strict=True)
        )
        section = Section(
            self.title, self.prose, tables=(self._table(seen, count),), figures=(self._figure(seen),), verdicts=verdicts
        )
        return Finding(section, tuple(found))

    def _compared(self, family: LawFamily, seen: "_Seen", count: int) -> Discrepancy:
        laws = np.array([family.law().at(*case) for case in self.cases])
        mine = [seen[family.label, case] for case in self.cases]
        sizes = ", ".join(f"{width} × {depth}" for width, depth in self.cases)
        scope: dict[str, str | int] = {"width × layers": sizes, "networks": count, "resolution": f"{RESOLUTION:.0%}"}
        prediction = Prediction(QUANTITY, laws, np.zeros_like(laws), scope, resolution=RESOLUTION)
        values, errors = np.array([r.value for r in mine]), np.array([r.error for r in mine])
        return compare(prediction, Measurement(QUANTITY, values, "float64", errors, {}))

    def _table(self, seen: "_Seen", count: int) -> Table:
        columns = ("network", "n", "layers", "law", "measured", "standard error", "off by, in s.e.", "median of ratios")
        rows = []
        for family in self.families:
            for case in self.cases:
                r, law = seen[family.label, case], family.law().at(*case)
                rows.append((family.label, *case, law, r.value, r.error, abs(r.value - law) / r.error, r.median))
        caption = (
            f"Squared relative error: sum of ‖T − C‖² over sum of ‖T‖², {count} networks each, one input a network; T "
            "from torch, C from (1.11). The last column is the median over networks of the ratio itself, another "
            "statistic: its distribution has heavy tails, the more so the deeper the network."
        )
        return Table("The law of the error", columns, tuple(rows), caption)

    def _figure(self, seen: "_Seen") -> Figure:
        curves = []
        for family in self.families:
            for width in sorted({width for width, _ in self.cases}):
                depths = [depth for w, depth in self.cases if w == width]
                label = f"{family.label}, n = {width}"
                line = range(1, max(depths) + 1)
                law = tuple(family.law().at(width, depth) for depth in line)
                curves.append(Curve(f"{label}: predicted", "predicted", tuple(map(float, line)), law))
                mine = [seen[family.label, (width, depth)] for depth in depths]
                values, errors = tuple(r.value for r in mine), tuple(r.error for r in mine)
                curves.append(Curve(f"{label}: measured", "measured", tuple(map(float, depths)), values, errors))
        caption = "Squared relative error of (1.11) against depth: the law, and ensembles with standard errors."
        return Figure(self.name, self.title, "layers", "squared relative error", tuple(curves), caption=caption)


@dataclass(frozen=True)
class _Ratio:
    """A ratio of two means with its standard error, and the median of the single ratios."""

    value: float
    error: float
    median: float


_Seen = dict[tuple[str, tuple[int, int]], _Ratio]


def _ratio(family: LawFamily, width: int, depth: int, count: int) -> _Ratio:
    net = family.network(width, depth)
    assumed = jacobian(net, assume=CONSTANT_STATISTICS)
    pairs = np.array([_squares(net, assumed, seed) for seed in range(count)])
    differences, norms = pairs.T
    value = float(differences.sum() / norms.sum())
    error = np.sqrt(((differences - value * norms) ** 2).sum() / (count * (count - 1))) / norms.mean()
    return _Ratio(value, float(error), float(np.median(differences / norms)))


def _squares(net: Network, assumed: NetworkJacobian, seed: int) -> tuple[float, float]:
    """‖T − C‖² and ‖T‖² of one network at one input."""
    model = build(net, seed=seed, init=GAIN)
    x = np.random.default_rng(seed).normal(size=(1, net.inputs))
    true = measure(model, "jacobian", x).values
    claimed = assumed.evaluate(weights_of(model), x)
    return float(((true - claimed) ** 2).sum()), float((true**2).sum())

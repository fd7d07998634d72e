"""How far the series of trained networks converge: from singularities, and from the coefficients."""

from dataclasses import dataclass

import flint
import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.certified.networks import (
    ALONG,
    AT,
    KINDS,
    Floats,
    Trained,
    radius_as_float,
    shares,
    trained,
)
from residua_bridge.findings import Cell, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement
from residua_symbolic import Prediction
from residua_symbolic.domains import balls
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.series.networks.network import NetworkSeries, network_series

LADDER = (20, 40, 80, 160, 320)
WINDOW = 16  # coefficients from which the last two singularities are read
COARSE = 0.05  # a radius known to 5 % tells which interval converges
QUANTITY = "radius of convergence"
MOVED = f"bar: by how much the estimate moves from order {LADDER[-2]} to {LADDER[-1]}, and the certified width"


@dataclass(frozen=True)
class Radii:
    """For every network: the radius, what the coefficients say about it, and errors beyond it."""

    title: str
    prose: tuple[str, ...]
    steps: By

    def run(self, settings: Settings) -> Finding:
        """Locate, expand to order 320, tabulate."""
        found = [
            _OneRadius.of(trained(kind, self.steps.of(settings.profile))) for kind in settings.track(KINDS, self.title)
        ]
        finite = [one for one in found if np.isfinite(one.radius) and one.trained.radius.certified]
        judged = [one.discrepancy() for one in finite]
        texts = [
            as_text(d, f"The coefficients' radius is that of the singularities: {one.label}", "agree", MOVED)
            for one, d in zip(finite, judged, strict=True)
        ]
        tables = (_radii(found), _tests(found), _beyond(found))
        return Finding(Section(self.title, self.prose, tables=tables, verdicts=tuple(texts)), tuple(judged))


@dataclass(frozen=True)
class _OneRadius:
    trained: Trained
    series: NetworkSeries
    sizes: Floats  # logarithms of |c_k|, (order + 1,)

    @classmethod
    def of(cls, one: Trained) -> "_OneRadius":
        series = one.series(LADDER[-1])
        with balls.precision(series.bits):
            sizes = [float(abs(flint.arb(c.mid())).log().mid()) for c in series.coefficients[:, 0]]
        return cls(one, series, np.array(sizes))

    @property
    def label(self) -> str:
        return self.trained.kind.label

    @property
    def radius(self) -> float:
        return radius_as_float(self.trained.radius)

    def by_roots(self, order: int) -> float:
        """1/max |c_k|^(1/k) over the upper half of the orders up to this one."""
        k = np.arange(order // 2, order + 1)
        return float(np.exp(-np.max(self.sizes[k] / k)))

    def by_recurrence(self, order: int) -> float:
        """R from c_k ≈ a c_{k−1} + b c_{k−2}, which a pair R e^{±iθ} obeys with b = −1/R²; by least squares."""
        k = np.arange(order - WINDOW + 1, order + 1)
        with balls.precision(self.series.bits):
            scale = flint.arb(float(self.sizes[order])).exp()
            c = np.array([float((v / scale).mid()) for v in self.series.coefficients[k[0] - 2 : order + 1, 0]])
        (_, b), *_ = np.linalg.lstsq(np.stack([c[1:-1], c[:-2]], axis=1), c[2:], rcond=None)
        return float(abs(b) ** -0.5)

    def error_at(self, t: float) -> list[float]:
        """|f − T_n| at t for the orders of the ladder, in balls."""
        with balls.precision(self.series.bits):
            value = network_series(
                self.trained.network, 0, self.trained.weights, AT + t * ALONG, ALONG, certified=True
            ).coefficients[0, 0]
            every = list(self.series.coefficients[:, 0])
            polynomials = (flint.arb_poly(every[: n + 1]) for n in LADDER)
            return [float(abs(value - p(flint.arb(t))).mid()) for p in polynomials]

    def discrepancy(self) -> Discrepancy:
        """The last estimate, whose bar is by how much it has moved since the one before; and the certified width."""
        last, before = (self.by_recurrence(n) for n in (LADDER[-1], LADDER[-2]))
        value = self.trained.radius.value
        width = float(value.radius) if isinstance(value, Enclosure) else 0.0
        bar = np.array([[abs(last - before) + width]])
        scope = {**self.trained.scope, "coefficients": LADDER[-1] + 1}
        prediction = Prediction(QUANTITY, np.array([[self.radius]]), bar, scope, resolution=COARSE)
        return compare(prediction, Measurement(QUANTITY, np.array([[last]]), "float64", None, {}))


def _radii(found: list[_OneRadius]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        radius = one.trained.radius
        point = radius.singularities[0] if radius.singularities else None
        where = "none" if point is None else f"${point.real:.6g} \\pm {abs(point.imag):.6g}\\,i$"
        certified = "certified" if radius.certified else "estimate"
        rows.append((one.label, "∞" if np.isinf(one.radius) else one.radius, certified, where, radius.words))
    caption = "Along the line in the inputs, in t."
    return Table("Radius of convergence", ("blocks", "R", "", "nearest singularity", "why"), tuple(rows), caption)


def _tests(found: list[_OneRadius]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        rows.append((one.label, "root test", *(float(f"{one.by_roots(n):.5g}") for n in LADDER)))
        rows.append((one.label, "two singularities", *(float(f"{one.by_recurrence(n):.5g}") for n in LADDER)))
    columns = ("blocks", "test", *(f"order {n}" for n in LADDER))
    caption = (
        "Radius as the coefficients up to that order suggest it: the root test (which may not decrease, where there is "
        f"none), and the modulus of the pair of singularities that {WINDOW} successive coefficients obey."
    )
    return Table("Radius from coefficients", columns, tuple(rows), caption)


def _beyond(found: list[_OneRadius]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        for words, end in (shares(one.trained)[2], shares(one.trained)[3]):
            sizes = (float(f"{v:.3g}") for v in one.error_at(end))
            rows.append((one.label, words.replace("|t| ≤", "t ="), *sizes))
    columns = ("blocks", "place", *(f"n = {n}" for n in LADDER))
    return Table("|f − T_n| at high order", columns, tuple(rows), "f and T_n in ball arithmetic.")

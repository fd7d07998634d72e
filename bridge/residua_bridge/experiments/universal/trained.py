"""The constructed weights against trained ones of the same width, and both against what no such network can beat."""

from dataclasses import dataclass
from functools import cache
from math import pi

import numpy as np
from torch import nn

from residua_bridge.experiments.sin.lines import found_error
from residua_bridge.experiments.universal.models import model_of, not_below
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_network import Activation, Linear, Network
from residua_numeric import Task, fit_least_squares, measure
from residua_numeric.ensemble import Ensemble, train_many
from residua_symbolic.series.approximation.sine_pieces import mean_square_floors
from residua_symbolic.universal.methods import as_tanh, hinges, sigmoids
from residua_symbolic.universal.placing import equal_pieces
from residua_symbolic.universal.target import target
from residua_symbolic.universal.units import Units

CONTEST = "Constructed against trained"
WON = "seeds of Adam that beat the construction"
NODES = 30  # Gauss–Legendre on each of PANELS parts, for errors
PANELS = 24
POINTS, RATE, BATCH = 1024, 1e-2, 64
FITTED = 257  # points on which the second training goes on
CONSTRUCT, BEST, ADAM, POLISHED, FLOOR = (
    "as document 004 builds it",
    "best lines built",
    "Adam",
    "Adam, then second order",
    "floor",
)


@cache
def quadrature() -> tuple[Floats, Floats]:
    """Nodes and weights on [−π, π]; the weights sum to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    ends = np.linspace(-pi, pi, PANELS + 1)
    half = np.diff(ends)[:, None] / 2
    return (ends[:-1, None] + half + half * nodes).reshape(-1), (half * weights).reshape(-1) / (2 * pi)


def error_of(values: Floats) -> Floats:
    """Mean square error for sin, of values (..., nodes)."""
    x, weights = quadrature()
    return np.asarray((values - np.sin(x)) ** 2 @ weights)


def built(activation: str, width: int) -> Units:
    """Document 004's construction with so many hidden units: equal pieces through values of sin."""
    line = equal_pieces(target("sin(x)", "-pi", "pi", "construct"), width).line
    if activation == "relu":
        return hinges(line)
    return sigmoids(line) if activation == "sigmoid" else as_tanh(sigmoids(line))


@dataclass(frozen=True)
class Contest:
    """sin on [−π, π]: every width by every activation, several seeds."""

    name: str
    title: str
    prose: tuple[str, ...]
    activations: tuple[str, ...]
    widths: By
    seeds: By
    steps: By
    polish: By

    def run(self, settings: Settings) -> Finding:
        """Build, train, compare."""
        cases = [(a, m) for a in self.activations for m in self.widths.of(settings.profile)]
        rows, kept = [], list[Discrepancy]()
        for activation, width in settings.track(cases, self.title):
            row, found = self._met(activation, width, settings.profile)
            rows.append(row)
            kept += found
        columns = (
            "activation", "width", FLOOR, BEST, CONSTRUCT, "trained by Adam: median", "least", "largest", "log10 "
            "of it, standard error",
            "then second order: median", "least ", WON, "seeds",
        )  # fmt: skip
        caption = (
            f"Mean square errors for sin on [−π, π]. Adam: rate {RATE:g}, batch {BATCH}, {POINTS} points, "
            f"{self.steps.of(settings.profile)} steps, float64; then Levenberg and Marquardt's method, "
            f"{self.polish.of(settings.profile)} steps. Floor: proved for every function with width + 1 linear "
            f"pieces, which is all that a "
            "ReLU layer of that width can be. Best lines: as many pieces as units, explicit weights. A dash: "
            "nothing of the kind is known."
        )
        figures = tuple(self._figure(activation, rows) for activation in self.activations)
        text = together(kept, "No trained ReLU layer is below the floor of its number of pieces", "agree")
        section = Section(
            self.title,
            self.prose,
            tables=(Table(CONTEST, columns, tuple(rows), caption),),
            figures=figures,
            verdicts=(text,),
        )
        return Finding(section, tuple(kept))

    def _met(
        self, activation: str, width: int, profile: str
    ) -> tuple[tuple[str | int | float, ...], list[Discrepancy]]:
        net = Network((Linear(1, width), Activation(activation), Linear(width, 1)))
        x, _ = quadrature()
        seeds = range(self.seeds.of(profile))
        task = Task.regression(np.sin, -pi, pi, POINTS, seed=0, name="sin")
        ensemble = train_many(
            net, task, seeds, self.steps.of(profile), rate=RATE, batch=BATCH, dtype="float64", progress=False
        )
        adam = error_of(ensemble.outputs(x[:, None])[:, :, 0])
        second = self._polished(net, ensemble, profile)
        as_built = float(error_of(_outputs(built(activation, width), x)))
        is_relu = activation == "relu"
        floor: str | float = mean_square_floors(max(self.widths.of(profile)) + 1)[width] if is_relu else "–"
        best: str | float = found_error(width) if is_relu else "–"
        kept = []
        if isinstance(floor, float):
            kept = [not_below(floor, float(e), 2.0**-45, width=width, seed=s) for s, e in enumerate(second)]
        logs = np.log10(adam)
        row = (
            activation, width, floor, best, as_built, float(np.median(adam)), float(adam.min()), float(adam.max()),
            float(logs.std(ddof=1) / np.sqrt(len(logs))), float(np.median(second)), float(second.min()),
            int(np.sum(adam < as_built)), len(adam),
        )  # fmt: skip
        return row, kept

    def _polished(self, net: Network, ensemble: Ensemble, profile: str) -> Floats:
        points = np.linspace(-pi, pi, FITTED)[:, None]
        fits = fit_least_squares(net, points, np.sin(points), (), steps=self.polish.of(profile), starts=ensemble.models)
        x, _ = quadrature()
        return np.array([error_of(_values(model, x)) for model in fits.models])

    def _figure(self, activation: str, rows: list[tuple[str | int | float, ...]]) -> Figure:
        mine = [row for row in rows if row[0] == activation]
        x = tuple(float(row[1]) for row in mine)

        def column(place: int) -> tuple[float, ...]:
            return tuple(float(row[place]) for row in mine)

        curves = [Curve(CONSTRUCT, "predicted", x, column(4))]
        if activation == "relu":
            curves += [Curve(FLOOR, "other", x, column(2)), Curve(BEST, "other", x, column(3))]
        curves += [Curve(ADAM, "measured", x, column(5)), Curve(POLISHED, "measured", x, column(9))]
        caption = "Medians over the seeds."
        return Figure(
            f"{self.name}-{activation}", f"{activation}: constructed and trained", "hidden units", "mean square error",
            tuple(curves), "log", "log", caption,
        )  # fmt: skip


def _outputs(units: Units, x: Floats) -> Floats:
    return _values(model_of(units), x)


def _values(model: nn.Module, x: Floats) -> Floats:
    return measure(model, "output", x[:, None]).values[:, 0]

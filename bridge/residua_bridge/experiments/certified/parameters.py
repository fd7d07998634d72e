"""Taylor series in the parameters: how what is left falls when a step in the weights is halved."""

import math
from copy import deepcopy
from dataclasses import dataclass

import flint
import numpy as np
import torch

from residua_bridge.compare import compare
from residua_bridge.experiments.certified.networks import AT, KINDS, Floats, Trained, rounding_of, trained
from residua_bridge.findings import Cell, Curve, Figure, Section, Table, VerdictText
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement, measure
from residua_symbolic import Prediction
from residua_symbolic.domains import balls
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.series.enclosures.remainders import network_remainder
from residua_symbolic.series.networks.network import network_series

ORDERS = (0, 1, 2, 3, 4)
STEPS = 2.0 ** -np.arange(3.0, 11.0)
FAR = 16  # at most: order of the series from which the errors of the lower ones are predicted
FAR_ENOUGH = 60  # bits: a series is taken so far that powers of the step have fallen by so much
SIZE = 0.25  # of the direction's entries
GRID = 2.0**-8  # of which they are multiples: weights + step · direction is exact
CLEAR = 100.0  # times its rounding: an error from which a slope is read
NEARLY = 0.05  # a slope known to 5 % tells its order, up to 5, from the next one
ERRORS, SLOPES = "f − T_n along a direction of the parameters", "order of the remainder"


@dataclass(frozen=True)
class Parameters:
    """Every network along a random direction of all its parameters."""

    name: str
    title: str
    prose: tuple[str, ...]
    steps: By

    def run(self, settings: Settings) -> Finding:
        """Expand, step, measure."""
        found = [
            _Ladder.of(trained(kind, self.steps.of(settings.profile))) for kind in settings.track(KINDS, self.title)
        ]
        section = Section(
            self.title,
            self.prose,
            tables=(_orders(found),),
            figures=(found[0].figure(self.name),),
            verdicts=tuple(text for one in found for text in one.texts()),
        )
        return Finding(section, tuple(d for one in found for d in (one.errors(), one.slopes())))


@dataclass(frozen=True)
class _Ladder:
    """Errors of T_n at every step, (orders, steps): predicted with what the prediction leaves open, and measured."""

    trained: Trained
    predicted: Floats
    radius: Floats
    measured: Floats
    rounding: Floats  # (steps,)

    @classmethod
    def of(cls, one: Trained) -> "_Ladder":
        along = direction(one)
        series = network_series(one.network, FAR, one.weights, AT, along, certified=True)
        values = _measured(one, along)
        shape = len(ORDERS), len(STEPS)
        predicted, radius, measured = np.empty(shape), np.empty(shape), np.empty(shape)
        for j, h in enumerate(STEPS.tolist()):
            far = min(FAR, math.ceil(FAR_ENOUGH / -math.log2(h)))
            rest = network_remainder(one.network, one.weights, AT, along, far, 0.0, h)[0]
            with balls.precision(series.bits):
                every = list(series.coefficients[: far + 1, 0])
                whole = flint.arb_poly(every)(flint.arb(h)) + rest
                errors = [whole - flint.arb_poly(every[: n + 1])(flint.arb(h)) for n in ORDERS]
                seen = [flint.arb(values[j]) - flint.arb_poly(every[: n + 1])(flint.arb(h)) for n in ORDERS]
            enclosed = Enclosure(np.array(errors, dtype=object), series.bits)
            predicted[:, j], radius[:, j] = enclosed.middle, enclosed.radius
            measured[:, j] = [float(value.mid()) for value in seen]
        moved = ({name: w + h * along[name] for name, w in one.weights.items()} for h in STEPS)
        rounding = np.array([rounding_of(one.network, weights, AT[None])[0] for weights in moved])
        return cls(one, predicted, radius, measured, rounding)

    @property
    def label(self) -> str:
        return self.trained.kind.label

    def errors(self) -> Discrepancy:
        """Errors of every order and step, predicted to all digits."""
        prediction = Prediction(ERRORS, self.predicted, self.radius + self.rounding, self._scope)
        return compare(prediction, Measurement(ERRORS, self.measured, "float64", None, {}))

    def clear(self, k: int) -> int:
        """The last step whose error, and that of the step before, are clear of rounding."""
        return int(np.flatnonzero(abs(self.measured[k]) > CLEAR * self.rounding)[-1])

    def slope(self, values: Floats, k: int) -> float:
        """log2 of the ratio of errors at the last clear step and the one before."""
        j = self.clear(k)
        return float(np.log2(abs(values[k, j - 1] / values[k, j])))

    def slopes(self) -> Discrepancy:
        """Predicted from the series, finite steps included; the bar is the rounding of both errors in a ratio."""
        at_step, found = (
            np.array([[self.slope(values, k)] for k in range(len(ORDERS))])
            for values in (self.predicted, self.measured)
        )
        rounding = np.full_like(at_step, 2 / (CLEAR * np.log(2)))
        prediction = Prediction(SLOPES, at_step, rounding, self._scope, resolution=NEARLY)
        return compare(prediction, Measurement(SLOPES, found, "float64", None, {}))

    @property
    def _scope(self) -> dict[str, str | int]:
        steps = f"2^{int(np.log2(STEPS[0]))} … 2^{int(np.log2(STEPS[-1]))}"
        return {**self.trained.scope, "orders": f"{ORDERS[0]}–{ORDERS[-1]}", "step": steps}

    def texts(self) -> list[VerdictText]:
        return [
            as_text(self.errors(), f"Errors along the parameters are those of the series: {self.label}", "agree"),
            as_text(
                self.slopes(),
                f"Halving the step divides |f − T_n| by 2^(n+1) in the limit: {self.label}",
                "agree",
                self._limit,
            ),
        ]

    @property
    def _limit(self) -> str:
        away = max(abs(self.slope(self.measured, k) - n - 1) for k, n in enumerate(ORDERS))
        return f"predicted with what the finite step adds; measured slopes are within {away:.2g} of n + 1"

    def rows(self) -> list[tuple[Cell, ...]]:
        rows: list[tuple[Cell, ...]] = []
        for k, n in enumerate(ORDERS):
            j = self.clear(k)
            slopes = (float(f"{self.slope(values, k):.5g}") for values in (self.predicted, self.measured))
            step, error = f"$2^{{{int(np.log2(STEPS[j]))}}}$", float(f"{abs(self.measured[k, j]):.3g}")
            rows.append((self.label, n, step, error, *slopes, n + 1))
        return rows

    def figure(self, name: str) -> Figure:
        x = tuple(STEPS.tolist())
        curves = []
        for k, n in enumerate(ORDERS):
            curves.append(Curve(f"n = {n}: predicted", "predicted", x, tuple(abs(self.predicted[k]).tolist())))
            curves.append(Curve(f"n = {n}: measured", "measured", x, tuple(abs(self.measured[k]).tolist())))
        caption = f"Blocks of {self.label}: |f − T_n| at weights + step · direction, at fixed inputs."
        title = "Remainders in the parameters"
        return Figure(name, title, "step", "$|f - T_n|$", tuple(curves), "log", "log", caption)


def direction(one: Trained) -> dict[str, Floats]:
    """Random, the same each time, of few bits."""
    rng = np.random.default_rng(0)
    return {name: np.round(SIZE * rng.normal(size=w.shape) / GRID) * GRID for name, w in one.weights.items()}


def _measured(one: Trained, along: dict[str, Floats]) -> Floats:
    """The torch model at AT with its parameters moved, (steps,)."""
    model, found = deepcopy(one.model), []
    parameters = dict(model.named_parameters())
    for h in STEPS:
        with torch.no_grad():
            for name, w in one.weights.items():
                parameters[name].copy_(torch.from_numpy(w + h * along[name]))
        found.append(float(measure(model, "output", AT[None]).values[0, 0]))
    return np.array(found)


def _orders(found: list[_Ladder]) -> Table:
    columns = ("blocks", "n", "step", "|f − T_n|, measured", "slope, predicted", "slope, measured", "limit")
    caption = (
        "Slope: base-2 logarithm of the ratio of errors at twice the step and at the step, the smallest whose error is "
        "well above rounding. Predicted from the certified coefficients, the finite step included."
    )
    return Table("Orders of the remainder", columns, tuple(row for one in found for row in one.rows()), caption)

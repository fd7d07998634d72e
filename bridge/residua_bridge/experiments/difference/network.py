"""Difference quotients of a trained network's loss, along random directions in the space of its parameters."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from residua_bridge.compare import compare
from residua_bridge.experiments.difference.curves import RESOLUTION, power
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_network import Activation, Linear, Network
from residua_numeric import Measurement, Task, build, train, weights_of
from residua_numeric.differencing import measured_differences
from residua_numeric.lines import loss_line
from residua_numeric.noise import measured_noise
from residua_symbolic import Prediction
from residua_symbolic.difference_formulas import FORMULAS, best_step
from residua_symbolic.domains import balls
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.networks import network_graph

Floats = NDArray[np.float64]
NET = Network((Linear(1, 6), Activation("tanh"), Linear(6, 6), Activation("tanh"), Linear(6, 1)))
ROWS = 16
TRAINING = 400
ELSEWHERE = 1e-3  # of a weight
NOISES = 8  # points and directions at which noise is measured
ORDER = 12  # of the Taylor series along a direction
STEPS = {"float64": 2.0 ** -np.arange(3.0, 37.0), "float32": 2.0 ** -np.arange(3.0, 21.0)}
NOISE_POINTS = 256
SHOWN = ("forward", "central")


@dataclass(frozen=True, eq=False)
class Trained:
    """A network fitted to sin 3x on sixteen points, and its numbers as each precision has them."""

    model: Any
    task: Task

    @classmethod
    def make(cls) -> "Trained":
        """The same each time."""
        task = Task.regression(lambda x: np.sin(3 * x), -1.0, 1.0, points=ROWS)
        model = build(NET, seed=0)
        train(model, task, TRAINING, rate=1e-2, batch=ROWS, progress=False)
        return cls(model, task)

    def moved(self, seed: int) -> "Trained":
        """The same with weights a little elsewhere, so that no two losses are rounded alike."""
        rng, model = np.random.default_rng([1, seed]), deepcopy(self.model)
        for parameter in model.parameters():
            array = parameter.detach().numpy()  # shares its memory
            array *= 1 + ELSEWHERE * rng.normal(size=array.shape)
        return Trained(model, self.task)

    def rounded(self, dtype: str) -> tuple[dict[str, Floats], Floats, Floats]:
        """Weights, inputs and targets, rounded to `dtype`."""
        weights = {name: _rounded(array, dtype) for name, array in weights_of(self.model).items()}
        return weights, _rounded(self.task.x, dtype), _rounded(self.task.y, dtype)

    def series(self, direction: Mapping[str, Floats], dtype: str) -> Floats:
        """Derivatives over factorials of the exact loss along a direction, orders 0 … 12, from Arb's power series."""
        weights, x, y = self.rounded(dtype)
        graph = network_graph(NET, ROWS)
        values = graph.values(weights, x)
        moved = graph.values({name: _rounded(direction[name], dtype) for name in weights}, 0 * x)
        loss = graph.graph.zero
        for output, target in zip(graph.outputs[:, 0], y[:, 0].tolist(), strict=True):
            difference = output - graph.graph.number(target)
            loss = loss + difference * difference
        with balls.precision(balls.BITS, ORDER + 1):
            lines = {name: flint.arb_series([flint.arb(v), flint.arb(moved[name])]) for name, v in values.items()}
            (found,) = evaluate([loss], lines, balls.BallDomain())
            return np.array([float(found[k].mid()) / ROWS for k in range(ORDER + 1)])


def _rounded(array: Any, dtype: str) -> Floats:
    return np.asarray(array).astype(dtype).astype(np.float64)


def directions(count: int, seed: int = 0) -> list[dict[str, Floats]]:
    """Random directions of length 1."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        drawn = {name: rng.normal(size=shape) for name, (shape, _) in NET.parameters.items()}
        length = np.sqrt(sum(float((array**2).sum()) for array in drawn.values()))
        found.append({name: array / length for name, array in drawn.items()})
    return found


@dataclass(frozen=True)
class NetworkCurves:
    """Error curves of the loss gradient: truncation from the symbolic side, noise measured, errors against autograd."""

    name: str
    title: str
    prose: tuple[str, ...]
    count: By

    def run(self, settings: Settings) -> Finding:
        """Train, differentiate exactly, measure."""
        trained = Trained.make()
        drawn = directions(self.count.of(settings.profile))
        rows, curves, verdicts, found = [], [], [], []
        for dtype in settings.track(tuple(STEPS), self.title):
            along = _Along.of(trained, drawn, dtype)
            curves += along.curves()
            rows += along.rows()
            d = along.discrepancy()
            statement = f"Loss gradient of the trained network along random directions, {dtype}"
            verdicts.append(as_text(d, statement, "agree"))
            found.append(d)
        caption = (
            "Root mean square error of quotients of the loss, over random directions of length 1 in all parameters."
        )
        figure = Figure(self.name, self.title, "step $h$", "rms error", tuple(curves), "log", "log", caption)
        table = _table(rows, len(drawn))
        section = Section(self.title, self.prose, tables=(table,), figures=(figure,), verdicts=tuple(verdicts))
        return Finding(section, tuple(found))


def _table(rows: list[tuple[Any, ...]], count: int) -> Table:
    predicted, measured = ("best step", "least error", "relative"), ("best step, measured", "least error, measured")
    columns = ("dtype", "noise s", "s / ulp(loss)", "quotient", *predicted, *measured)
    caption = (
        f"{count} directions, each at weights of its own that differ by {ELSEWHERE:g} of themselves. s: rms noise "
        f"of the loss as torch computes it, measured about a fitted polynomial along {NOISES} of them; best step and "
        "least error by the closed formula from it and the derivatives, rms over the directions; relative: over the "
        "rms of the derivative itself."
    )
    return Table("Loss gradient by difference quotients", columns, tuple(rows), caption)


@dataclass(frozen=True, eq=False)
class _Along:
    """Both sides in one precision: series (directions, orders), errors (directions, steps), noise (NOISES,)."""

    dtype: str
    steps: Floats
    series: Floats
    noise: Floats
    measured: Mapping[str, Floats]

    @classmethod
    def of(cls, trained: Trained, drawn: list[dict[str, Floats]], dtype: str) -> "_Along":
        places = [trained.moved(seed) for seed in range(len(drawn))]
        both = list(zip(places, drawn, strict=True))
        lines = [loss_line(place.model, place.task, direction=v, dtype=dtype) for place, v in both]
        found = [measured_differences(line, STEPS[dtype]) for line in lines]
        noise = np.array([measured_noise(line, points=NOISE_POINTS) for line in lines[:NOISES]])
        measured = {name: np.array([getattr(d, name) - d.reference for d in found]) for name in SHOWN}
        return cls(dtype, STEPS[dtype], np.array([place.series(v, dtype) for place, v in both]), noise, measured)

    def truncation(self, name: str) -> Floats:
        """(directions, steps)."""
        moments = [float(FORMULAS[name].moment(k)) for k in range(ORDER + 1)]
        powers = [moments[k] * self.series[:, k : k + 1] * self.steps ** (k - 1) for k in range(2, ORDER + 1)]
        return np.asarray(sum(powers))

    def squares(self, name: str) -> tuple[Floats, Floats]:
        """Predicted mean square errors, and the standard error of the measured ones by normal theory."""
        variance = float(FORMULAS[name].spread) * np.mean(self.noise**2) / self.steps**2
        bias = self.truncation(name) ** 2
        spread = np.sqrt((2 * variance**2 + 4 * np.mean(bias, axis=0) * variance) / len(bias))
        return np.mean(bias, axis=0) + variance, spread

    def judged(self, name: str) -> Any:
        """Steps for which the noise leaves a digit at all, and the Taylor series has ended."""
        size = np.sqrt(np.mean(self.series[:, 1] ** 2))
        last = abs(self.series[:, -1:]) * self.steps ** (ORDER - 1)
        ended = np.sqrt(np.mean(last**2, axis=0)) <= TAIL * np.sqrt(self.squares(name)[0])
        noise = np.sqrt(float(FORMULAS[name].spread)) * np.sqrt(np.mean(self.noise**2)) / self.steps
        return ended & (noise <= size)

    def discrepancy(self) -> Discrepancy:
        """Measured over predicted rms error, (steps of forward and central, 1)."""
        parts = []
        for name in SHOWN:
            square, spread = self.squares(name)
            found = np.mean(self.measured[name] ** 2, axis=0)
            parts.append(np.array([np.sqrt(found / square), spread / (2 * square)])[:, self.judged(name)])
        ratios, spreads = (part[:, None] for part in np.concatenate(parts, axis=1))
        quantity = "rms error of the loss gradient over its prediction"
        least = min(float(self.steps[self.judged(name)].min()) for name in SHOWN)
        most = max(float(self.steps[self.judged(name)].max()) for name in SHOWN)
        span = f"2^{round(np.log2(most))} … 2^{round(np.log2(least))}"
        scope: dict[str, str | int] = {
            "network": "1-6-6-1, tanh",
            "rows": ROWS,
            "directions": len(self.series),
            "steps": span,
            "dtype": self.dtype,
        }
        allowed = np.full_like(ratios, TAIL + 1 / np.sqrt(2 * NOISE_POINTS * len(self.noise)))
        prediction = Prediction(quantity, np.ones_like(ratios), allowed, scope, resolution=RESOLUTION)
        return compare(prediction, Measurement(quantity, ratios, self.dtype, spreads, {}))

    def curves(self) -> list[Curve]:
        curves = []
        for name in SHOWN:
            x, label = tuple(self.steps.tolist()), f"{name}, {self.dtype}"
            measured = np.sqrt(np.mean(self.measured[name] ** 2, axis=0))
            curves.append(Curve(f"{label}: predicted", "predicted", x, tuple(np.sqrt(self.squares(name)[0]).tolist())))
            curves.append(Curve(f"{label}: measured", "measured", x, tuple(measured.tolist())))
        return curves

    def rows(self) -> list[tuple[Any, ...]]:
        rows = []
        s, slope = (float(np.sqrt(np.mean(a**2))) for a in (self.noise, self.series[:, 1]))
        ulp = float(np.spacing(np.asarray(self.series[0, 0]).astype(self.dtype)))
        for name in SHOWN:
            formula = FORMULAS[name]
            order = formula.accuracy + 1
            size = float(formula.moment(order)) * float(np.sqrt(np.mean(self.series[:, order] ** 2)))
            step, error = best_step(formula, size, s)
            measured = np.sqrt(np.mean(self.measured[name] ** 2, axis=0))
            at = int(np.argmin(measured))
            found = f"${power(self.steps[at])}$", float(measured[at])
            rows.append((self.dtype, s, s / ulp, name, step, error, error / slope, *found))
        return rows


TAIL = 0.02  # of the error: what the series may lack at its end, and what the noise may vary along a direction

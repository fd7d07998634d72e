"""The LSTM's direct path: derived, met by torch's cell, and measured before and after training to remember."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from residua_bridge.compare import compare
from residua_bridge.experiments.normalised_training.nets import BAR, interval
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_numeric import Measurement
from residua_numeric.lstm_gradients import Seen, fresh, seen, step_jacobian, trained
from residua_symbolic import Prediction
from residua_symbolic.training.gates import DELTA, T, gates

BIASES = "How much of the direct path is left"  # tables
MEMORY = "Before and after training"
STEP, HELD = (
    "Derivative of torch's cell, all paths",
    "Direct path alone, for the derivative of torch's cell",
)  # verdicts
UNIT = float(np.finfo(np.float64).eps)
OPERATIONS = 64  # of one entry: four gates of few inputs, their slopes and sums, on both sides
DERIVED = "LSTM, derived bias"
FIRST = "the sign at the first step"


class Setup(NamedTuple):
    """A recurrent net, its forget gates' bias (None: the derived one), and what it learns."""

    name: str
    kind: str
    bias: float | None
    task: str


@dataclass(frozen=True)
class ForgetGates:
    """What the forget gates let through along a sequence."""

    name: str
    title: str
    prose: tuple[str, ...]
    setups: tuple[Setup, ...]
    delta: float
    units: int
    length: int
    batch: int
    rate: float
    steps: By
    seeds: By
    tested: int = 128

    def run(self, settings: Settings) -> Finding:
        """Derive, compare with torch's cell, train."""
        text = proved(gates())
        full, direct = self._cell()
        verdicts = (
            as_text(full, f"{STEP}: the derived matrix", "agree"),
            as_text(direct, HELD, "differ", "the paths through the gates are missing, and account for the difference"),
        )
        found = [self._learned(setup, settings) for setup in settings.track(self.setups, self.title)]
        tables = self._biases(), self._memory(found, settings)
        figures = tuple(self._figures(found))
        return Finding(Section(self.title, self.prose, (text,), tables, figures, verdicts), (full, direct))

    def _bias(self, setup: Setup) -> float:
        return needed(self.delta, self.length) if setup.bias is None else setup.bias

    def _cell(self) -> tuple[Discrepancy, Discrepancy]:
        """∂c_t/∂c_(t−1), h_(t−1) = o tanh(c_(t−1)) moving with it, as derived against torch; the direct path alone."""
        torch_cell = torch.nn.LSTMCell(3, self.units, dtype=torch.float64)
        generator = torch.Generator().manual_seed(4)
        with torch.no_grad():
            for parameter in torch_cell.parameters():
                parameter.normal_(0.0, 0.7, generator=generator)
        x, c, before = (
            torch.randn(size, generator=generator, dtype=torch.float64) for size in (3, self.units, self.units)
        )
        o = torch.sigmoid(before)

        def following(c: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = torch_cell(x[None], ((o * torch.tanh(c))[None], c[None]))[1][0]
            return out

        measured = step_jacobian(following, c)
        derived, alone = derivative(
            {n: p.detach().numpy() for n, p in torch_cell.named_parameters()}, *(v.numpy() for v in (x, c, o))
        )
        bar = np.full_like(derived, OPERATIONS * UNIT * np.abs(derived).max() * self.units)
        scope: dict[str, str | int] = {"units": self.units, "inputs": 3, "dtype": "float64"}
        measurement = Measurement(STEP, measured, "float64", None, {})
        whole = Prediction(STEP, derived, bar, scope)
        return compare(whole, measurement), compare(Prediction(STEP, alone, bar, scope), measurement, exact=whole)

    def _biases(self) -> Table:
        lengths = (10, 100, 1000)
        rows: list[tuple[Cell, ...]] = []
        for bias in (0.0, 1.0, 2.0, 5.0):
            half = math.log(2) / math.log1p(math.exp(-bias))
            rows.append((f"{bias:g}", *((1 + math.exp(-bias)) ** -steps for steps in lengths), half))
        for steps in lengths:
            bias = needed(self.delta, steps)
            half = math.log(2) / math.log1p(math.exp(-bias))
            rows.append((f"{bias:.3f}, that of T = {steps}", *((1 + math.exp(-bias)) ** -k for k in lengths), half))
        columns = ("pre-activation b", *(f"left after {steps} steps" for steps in lengths), "half is gone after")
        caption = (
            "The product of forget gates that all have this pre-activation, by the formulas above; the last rows "
            f"have the b that leaves 1 − δ = {1 - self.delta:g} after T steps."
        )
        return Table(BIASES, columns, tuple(rows), caption)

    def _learned(self, setup: Setup, settings: Settings) -> "_Learned":
        start = fresh(setup.kind, self.units, range(self.seeds.of(settings.profile)), self._bias(setup))
        end = trained(start, setup.task, self.length, self.steps.of(settings.profile), self.batch, self.rate, 1)
        sides = [seen(w, setup.task, self.length, self.tested, 2) for w in (start, end)]
        return _Learned(setup, sides[0], sides[1])

    def _memory(self, found: "Sequence[_Learned]", settings: Settings) -> Table:
        columns = (
            "net",
            "bias",
            "to remember",
            "right",
            "mean forget gate, before",
            "after",
            "best path, before",
            "best path, after",
            BAR,
            "path of the middle unit, after",
            "gradient, first over last step",
        )
        rows: list[tuple[Cell, ...]] = []
        for one in found:
            gated = one.setup.kind == "lstm"
            path = interval(one.after.direct[:, -1]) if gated else ("–", "–")
            rows.append(
                (
                    one.setup.name,
                    self._bias(one.setup) if gated else "–",
                    f"the sign at the {one.setup.task} step",
                    float(one.after.right.mean()),
                    float(one.before.mean_gate.mean()) if gated else "–",
                    float(one.after.mean_gate.mean()) if gated else "–",
                    float(one.before.direct[:, -1].mean()) if gated else "–",
                    *path,
                    float(one.after.middle[:, -1].mean()) if gated else "–",
                    float(np.median(one.after.gradient[:, -1])),
                )
            )
        caption = (
            f"{self.units} units, sequences of {self.length} steps, {self.steps.of(settings.profile)} steps of Adam "
            f"at {self.rate:g}, batch {self.batch}, {self.seeds.of(settings.profile)} seeds. Path: the product of a "
            f"unit's forget gates over all {self.length} steps (geometric mean over {self.tested} sequences), of the "
            "unit that keeps most, and of the unit in the middle; mean over seeds. Gradient: of the loss by the "
            "state after the first step over that by the last, all paths, median over seeds."
        )
        return Table(MEMORY, columns, tuple(rows), caption)

    def _figures(self, found: "Sequence[_Learned]") -> list[Figure]:
        gated = [one for one in found if one.setup.kind == "lstm" and one.setup.task == "first"]
        paths, gradients = [], []
        for one in gated:
            paths.append(_along(f"{one.setup.name}: measured", one.after.direct, bars=True))
            bias = self._bias(one.setup)
            x = tuple(float(k) for k in range(1, self.length + 1))
            law = tuple((1 + math.exp(-bias)) ** -k for k in x)
            paths.append(Curve(f"{one.setup.name}: predicted", "predicted", x, law))
        for one in (one for one in found if one.setup.task == "first"):
            gradients.append(_along(f"{one.setup.name}: measured", one.after.gradient))
        after = (
            "Product of the forget gates over the last steps of the sequence: the unit that keeps most, after "
            "training (points, mean over seeds with 95 % intervals), and what gates at their initial bias would "
            "leave (lines)."
        )
        both = "Gradient of the loss by the state, all paths, over that by the last; after training, median over seeds."
        return [
            Figure(
                f"{self.name}-paths",
                "The direct path",
                "steps back",
                "product of forget gates",
                tuple(paths),
                yscale="log",
                caption=after,
            ),
            Figure(
                f"{self.name}-gradients",
                "Gradients along time",
                "steps back",
                "over the last",
                tuple(gradients),
                yscale="log",
                caption=both,
            ),
        ]


class _Learned(NamedTuple):
    """One setup before and after training."""

    setup: Setup
    before: Seen
    after: Seen


def needed(delta: float, length: int) -> float:
    """The derived bias that leaves 1 − δ after so many steps."""
    formula = next(step.right for step in gates().steps if step.name.startswith("to stay within"))
    return float(formula.subs({DELTA: delta, T: length}))


def derivative(weights: dict[str, Floats], x: Floats, c: Floats, o: Floats) -> tuple[Floats, Floats]:
    """∂c_t/∂c_(t−1): diag(f) and the derived part through the gates; and diag(f) alone."""
    h = o * np.tanh(c)
    a = weights["weight_ih"] @ x + weights["weight_hh"] @ h + weights["bias_ih"] + weights["bias_hh"]
    i, f, g = (part for part in np.split(a, 4)[:3])
    i, f, g = 1 / (1 + np.exp(-i)), 1 / (1 + np.exp(-f)), np.tanh(g)
    u_i, u_f, u_g = np.split(weights["weight_hh"], 4)[:3]
    rest = (f * (1 - f) * c)[:, None] * u_f + (i * (1 - i) * g)[:, None] * u_i + ((1 - g**2) * i)[:, None] * u_g
    return np.diag(f) + rest * (o * (1 - np.tanh(c) ** 2))[None, :], np.diag(f)


def _along(label: str, values: Floats, bars: bool = False) -> Curve:
    """Mean over nets for paths, median for gradients."""
    x = tuple(float(k) for k in range(1, values.shape[1] + 1))
    if bars:
        points = [interval(values[:, k]) for k in range(values.shape[1])]
        low = [min(half, 0.99 * mean) for mean, half in points]  # a bar down to 0 has no place on a logarithmic axis
        return Curve(label, "measured", x, tuple(mean for mean, _ in points), tuple(low))
    return Curve(label, "measured", x, tuple(float(v) for v in np.median(values, axis=0)))

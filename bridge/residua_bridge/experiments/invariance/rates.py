"""Gradient descent at rates beyond 2/λ_max: a plain linear model diverges as predicted, a normalised one goes on."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from residua_bridge.compare import compare
from residua_bridge.experiments.invariance.models import first_weight
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_network import BatchNorm, Linear, Network
from residua_numeric import Measurement, build
from residua_symbolic import Prediction
from residua_symbolic.invariance import LARGEST, plain_rates

RATES, PLAIN = "Rates with normalisation", "Rates without normalisation"
BEHIND = "Gain and shift behind the normaliser trained at the same rate"
ROWS, INPUTS, STEPS = 32, 4, 12
BEYOND = 1e4
RESOLVED = 1e-13  # a loss above its floor by less is rounding
# A step is a product of a 32 × 4 matrix and its transpose with vectors; its rounding is carried on and grows with them.
ROUNDING = 64 * ROWS * float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Rates:
    """Linear regression under gradient descent at multiples of 2/λ_max, without and with batch normalisation."""

    name: str
    title: str
    prose: tuple[str, ...]
    plain: tuple[float, ...]
    normalised: tuple[float, ...]
    steps: By

    def run(self, settings: Settings) -> Finding:
        """Train at every rate."""
        x, y = _data()
        values, vectors = torch.linalg.eigh(2 * x.T @ x / ROWS)
        bound = float(plain_rates().formula.subs(LARGEST, float(values[-1])))
        plain, rows = self._plain(x, y, bound, values, vectors)
        steps = self.steps.of(settings.profile)
        every = settings.track(self.normalised, self.title)
        trained = {times: _trained(x, y, times * bound, steps) for times in every}
        growth = self._growth(trained)
        table = Table(
            PLAIN,
            ("rate over 2/λ_max", f"|1 − ηλ_max|^{STEPS}", "measured", "loss at the start", f"after {STEPS} steps"),
            tuple(rows),
            "Distance to the solution along the top eigenvector, over that at the start.",
        )
        texts = (
            as_text(plain, "Without normalisation: the distance is multiplied by |1 − ηλ_max| a step", "agree"),
            as_text(growth, "With normalisation: ‖w_T‖² = ‖w_0‖² + η² Σ ‖∇L‖² at every rate", "agree"),
        )
        section = Section(
            self.title,
            self.prose,
            tables=(table, self._table(trained), self._behind(x, y, bound)),
            figures=(self._figure(trained),),
            verdicts=texts,
        )
        return Finding(section, (plain, growth))

    def _plain(
        self, x: Tensor, y: Tensor, bound: float, values: Tensor, vectors: Tensor
    ) -> tuple[Discrepancy, list[tuple[float, ...]]]:
        best = torch.linalg.lstsq(x, y).solution[:, 0]
        rows: list[tuple[float, ...]] = []
        predicted, measured = [], []
        for times in self.plain:
            model = build(Network((Linear(INPUTS, 1, bias=False),)), seed=0)
            start = float((first_weight(model).detach()[0] - best) @ vectors[:, -1])
            losses = _descend(model, x, y, times * bound, STEPS, [])
            end = float((first_weight(model).detach()[0] - best) @ vectors[:, -1])
            law = abs(1 - times * bound * float(values[-1])) ** STEPS
            rows.append((times, law, abs(end / start), losses[0], losses[-1]))
            predicted.append(law)
            measured.append(abs(end / start))
        laws = np.array(predicted)[:, None]
        # near the bound powers are small beside the solution itself, whose rounding then counts
        bars = ROUNDING * STEPS * (laws + 1)
        quantity = f"distance along the top eigenvector after {STEPS} steps"
        scope: dict[str, str | int] = {"rates over 2/λ_max": ", ".join(f"{t:g}" for t in self.plain), "rows": ROWS}
        prediction = Prediction(quantity, laws, bars, scope, scale=1.0)
        return compare(prediction, Measurement(quantity, np.array(measured)[:, None], "float64", None, {})), rows

    def _growth(self, trained: dict[float, "_Trained"]) -> Discrepancy:
        laws = np.array([[t.squares[0] + t.grown] for t in trained.values()])
        values = np.array([[t.squares[-1]] for t in trained.values()])
        steps = np.array([[len(t.losses)] for t in trained.values()])
        quantity = "‖w_T‖² after all steps"
        rates = ", ".join(f"{t:g}" for t in trained)
        scope: dict[str, str | int] = {"rates over 2/λ_max": rates, "steps": int(steps.max()), "ε": 0}
        prediction = Prediction(quantity, laws, ROUNDING * steps * laws, scope)
        return compare(prediction, Measurement(quantity, values, "float64", None, {}))

    def _table(self, trained: dict[float, "_Trained"]) -> Table:
        columns = (
            "rate over 2/λ_max",
            "loss at the start",
            "largest loss",
            "loss at the end",
            "its floor",
            "‖w‖² at the start",
            "‖w‖² after a step",
            "‖w‖² at the end",
            "effective rate η/‖w‖² over 2/λ_max, at the end",
        )
        rows = tuple(
            (
                times,
                t.losses[0],
                max(t.losses),
                t.losses[-1],
                t.floor,
                t.squares[0],
                t.squares[1],
                t.squares[-1],
                times / t.squares[-1],
            )
            for times, t in trained.items()
        )
        steps = max(len(t.losses) for t in trained.values())
        caption = (
            f"Linear, batch normalisation (ε = 0), mean square error to a standardised target; {steps} steps. "
            f"Since every "
            "output is a normalised feature, the loss can never exceed 4, whatever the rate. The larger the first "
            "step, the "
            "longer the weights it leaves, and the smaller every later step: the rate sets itself."
        )
        return Table(RATES, columns, rows, caption)

    def _behind(self, x: Tensor, y: Tensor, bound: float) -> Table:
        rows = []
        for times in self.normalised:
            model = build(_normalised(affine=True), seed=0)
            losses = _descend(model, x, y, times * bound, STEPS + 1, [], tuple(model[1].parameters()))
            rows.append((times, times * bound, losses[0], losses[-1]))
        columns = ("rate over 2/λ_max", "rate; 1 is the bound of γ and β", "loss at the start", f"after {STEPS} steps")
        caption = (
            "The same model with γ and β, trained with w. A normalised feature has mean 0 and mean square 1, so that "
            "the loss has the second derivatives 2 by γ and by β: beyond a rate of 1 they diverge, as plain weights do."
        )
        return Table(BEHIND, columns, tuple(rows), caption)

    def _figure(self, trained: dict[float, "_Trained"]) -> Figure:
        curves = []
        for times, t in trained.items():
            at = np.unique(np.geomspace(1, len(t.losses), 60).astype(int))
            above = [(float(k), t.losses[k - 1] - t.floor) for k in at if t.losses[k - 1] - t.floor > RESOLVED]
            x, y = zip(*above, strict=True)
            curves.append(Curve(f"{times:g} · 2/λ_max", "measured", x, y))
        caption = "Loss above its floor, with batch normalisation, at multiples of the largest plain rate."
        return Figure(f"{self.name}-rates", RATES, "step", "loss − floor", tuple(curves), "log", "log", caption)


@dataclass(frozen=True)
class _Trained:
    """Losses and ‖w‖² at every step, η² Σ ‖∇L‖², and the least loss that any weights have."""

    losses: list[float]
    squares: list[float]
    grown: float
    floor: float


def _data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(ROWS, INPUTS, generator=generator, dtype=torch.float64) * torch.tensor([2.0, 1.0, 0.7, 0.5])
    y = x @ torch.tensor([0.3, -1.0, 1.5, 0.5], dtype=torch.float64)
    y = y + 0.5 * torch.randn(ROWS, generator=generator, dtype=torch.float64)
    return x, ((y - y.mean()) / y.std(unbiased=False))[:, None]


def _normalised(affine: bool) -> Network:
    return Network((Linear(INPUTS, 1, bias=False), BatchNorm(1, eps=0.0, affine=affine)))


def _descend(
    model: nn.Sequential,
    x: Tensor,
    y: Tensor,
    rate: float,
    steps: int,
    squares: list[float],
    also: tuple[Tensor, ...] = (),
) -> list[float]:
    """Losses before each step; ‖w‖² and ‖∇L‖² of the first weights go to `squares`, in turn; `also` is trained too."""
    losses, weight = list[float](), first_weight(model)
    for _ in range(steps):
        loss = ((model(x) - y) ** 2).mean()
        gradient, *others = torch.autograd.grad(loss, (weight, *also))
        losses.append(loss.item())
        squares += [float((weight.detach() ** 2).sum()), float((gradient**2).sum())]
        with torch.no_grad():
            weight -= rate * gradient
            for tensor, slope in zip(also, others, strict=True):
                tensor -= rate * slope
    return losses


def _trained(x: Tensor, y: Tensor, rate: float, steps: int) -> _Trained:
    model, found = build(_normalised(affine=False), seed=0), list[float]()
    losses = _descend(model, x, y, rate, steps, found)
    squares = [*found[::2], float((first_weight(model).detach() ** 2).sum())]
    centred = x - x.mean(dim=0)
    fit = centred @ torch.linalg.lstsq(centred, y).solution
    correlation = float((fit * y).mean() / fit.square().mean().sqrt())  # the largest of any direction w
    return _Trained(losses, squares, rate**2 * sum(found[1::2]), 2 - 2 * correlation)

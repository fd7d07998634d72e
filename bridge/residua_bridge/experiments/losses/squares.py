"""Mean square error: a likelihood, its minimiser, and whether it is a distance; torch's own losses."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from residua_bridge.compare import compare
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Cell, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement
from residua_symbolic import Prediction
from residua_symbolic.losses import squares

TRIANGLE, NOISE, LEAST = "Three numbers: 0, 1, 2", "Continuous outputs, two kinds of noise", "What minimises"  # tables
LIKELY = "−log of a Gaussian likelihood is $N\\,\\mathrm{MSE}/(2\\sigma^2)$ + constant, by torch"
SLOPE = "Its gradient is that of the mean square error times $N/(2\\sigma^2)$"
UNIT = 2.0**-53
ROWS = 64
VARIANCES = (0.25, 1.0, 9.0)
Floats = np.ndarray


@dataclass(frozen=True)
class Squares:
    """Likelihood, distance, minimisers, efficiency."""

    title: str
    prose: tuple[str, ...]
    samples: By
    size: int

    def run(self, settings: Settings) -> Finding:
        """All of it at random numbers."""
        value, slope = _likelihoods()
        texts = (as_text(value, LIKELY, "agree"), as_text(slope, SLOPE, "agree"))
        tables = (_triangle(), _least(), _noise(self.samples.of(settings.profile), self.size))
        derivations = (squares.derive_likelihood, squares.derive_minimisers, squares.derive_distance)
        section = Section(self.title, self.prose, tuple(proved(d()) for d in derivations), tables, verdicts=texts)
        return Finding(section, (value, slope))


def _likelihoods() -> tuple[Discrepancy, Discrepancy]:
    """torch's Normal.log_prob and mse_loss, at three variances."""
    rng = np.random.default_rng(0)
    y, at = torch.tensor(rng.normal(size=ROWS)), rng.normal(size=ROWS)
    values: list[list[float]] = []
    slopes = []
    for variance in VARIANCES:
        f = torch.tensor(at, requires_grad=True)
        loss = -torch.distributions.Normal(f, math.sqrt(variance)).log_prob(y).sum()  # type: ignore[no-untyped-call]
        (slope,) = torch.autograd.grad(loss, f)
        g = torch.tensor(at, requires_grad=True)
        mse = functional.mse_loss(g, y)
        (of_mse,) = torch.autograd.grad(mse, g)
        square, constant = ROWS * float(mse.detach()) / (2 * variance), ROWS * math.log(2 * math.pi * variance) / 2
        bar = 4 * (ROWS + 8) * UNIT * (square + abs(constant) + ROWS)
        values.append([square + constant, float(loss.detach()), bar])
        factor = ROWS / (2 * variance)
        slopes.append((of_mse.numpy() * factor, slope.numpy(), 16 * UNIT * factor * abs(of_mse.numpy())))
    scope: dict[str, str | int] = {
        "rows": ROWS,
        "variances": ", ".join(f"{v:g}" for v in VARIANCES),
        "dtype": "float64",
    }
    table = np.array(values)
    predicted, measured, bars = (np.array([one[k] for one in slopes]) for k in range(3))
    return (
        compare(
            Prediction("negative log-likelihood", table[:, :1], table[:, 2:], scope),
            Measurement("negative log-likelihood", table[:, 1:2], "float64", None, {}),
        ),
        compare(
            Prediction("gradient of the negative log-likelihood", predicted, bars, scope),
            Measurement("gradient of the negative log-likelihood", measured, "float64", None, {}),
        ),
    )


def _triangle() -> Table:
    """torch's losses between the numbers, exact in float64."""

    def between(name: str, a: float, b: float) -> float:
        left, right = torch.tensor([a], dtype=torch.float64), torch.tensor([b], dtype=torch.float64)
        if name == "mean absolute error":
            return float(functional.l1_loss(left, right))
        found = float(functional.mse_loss(left, right))
        return math.sqrt(found) if name == "root mean square error" else found

    rows: list[tuple[Cell, ...]] = []
    for name in ("mean square error", "root mean square error", "mean absolute error"):
        near, next_one, far = between(name, 0, 1), between(name, 1, 2), between(name, 0, 2)
        rows.append((name, near, next_one, far, far - near - next_one, "no" if far > near + next_one else "yes"))
    columns = ("loss", "from 0 to 1", "from 1 to 2", "from 0 to 2", "way less detour", "triangle inequality here")
    return Table(
        TRIANGLE, columns, tuple(rows), "One output, one row, by torch. A distance is never longer than a detour."
    )


def _least() -> Table:
    """Minimisers by torch's own gradients: a constant guess for numbers, and for one-hot rows."""
    y = torch.tensor([0.0, 0.0, 1.0, 7.0], dtype=torch.float64)
    shares = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=torch.float64)
    rows: list[tuple[Cell, ...]] = []
    guess = _descended(lambda a: functional.mse_loss(a.expand(4), y), torch.zeros(1, dtype=torch.float64), 400)
    rows.append(("0, 0, 1, 7", "mean square error", _words(guess), f"mean {float(y.mean()):g}"))
    middle = _descended(lambda a: functional.l1_loss(a.expand(4), y), torch.full((1,), 0.3, dtype=torch.float64), 400)
    rows.append(("0, 0, 1, 7", "mean absolute error", _words(middle), "median, any number from 0 to 1"))
    row = _descended(lambda a: functional.mse_loss(a.expand(4, 3), shares), torch.zeros(3, dtype=torch.float64), 1200)
    rows.append(("one-hot: A, A, B, C", "mean square error", _words(row), "shares 0.5, 0.25, 0.25"))
    columns = ("outputs", "loss", "found by descent", "predicted")
    caption = "Squares are minimised by means, of continuous outputs and of classes alike; absolute errors by medians."
    return Table(LEAST, columns, tuple(rows), caption)


def _descended(loss: Callable[[torch.Tensor], torch.Tensor], start: torch.Tensor, steps: int) -> torch.Tensor:
    at = start
    for _ in range(steps):
        point = at.clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(loss(point), point)
        at = at - 0.2 * slope
    return at


def _words(found: torch.Tensor) -> str:
    return ", ".join(f"{float(v):.4g}" for v in found)


def _noise(samples: int, size: int) -> Table:
    """Variance of the two minimisers times the number of rows: outputs are continuous in both cases."""
    rng = np.random.default_rng(0)
    rows: list[tuple[Cell, ...]] = []
    for label, drawn in (
        ("normal", rng.normal(size=(samples, size))),
        ("Laplace", rng.laplace(scale=math.sqrt(0.5), size=(samples, size))),
    ):
        y = torch.tensor(drawn)
        means, medians = y.mean(dim=1).numpy(), y.median(dim=1).values.numpy()
        errors = [float((one**2).mean() * size) for one in (means, medians)]
        bars = [float((one**2).std(ddof=1) * size / math.sqrt(samples)) for one in (means, medians)]
        better = "mean square" if errors[0] < errors[1] else "mean absolute"
        rows.append((label, errors[0], bars[0], errors[1], bars[1], better))
    columns = (
        "noise, variance 1",
        "squares: error",
        "standard error",
        "absolute: error",
        "s.e. of that",
        "the better loss",
    )
    caption = (
        f"Squared error of the least-squares and of the least-absolute-error fit of a constant, times {size} rows; "
        f"{samples} "
        "repetitions. Outputs are continuous in both rows: the noise decides."
    )
    return Table(NOISE, columns, tuple(rows), caption)

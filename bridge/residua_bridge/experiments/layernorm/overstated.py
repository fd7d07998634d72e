"""What (1.10) overstates of a random gradient, at one normaliser: its mean, its distribution, by width and place."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import beta

from residua_bridge.compare import compare
from residua_bridge.experiments.derivations import Derivations
from residua_bridge.experiments.layernorm.sources import Floats
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_network import BatchNorm, LayerNorm, Linear, Network, RMSNorm
from residua_numeric import Measurement, build
from residua_numeric.initial import initial_statistics
from residua_symbolic import Prediction
from residua_symbolic.domains.tangents import n
from residua_symbolic.moments.layer.terms import freedoms
from residua_symbolic.overstatement import error_of_one

SHARES = "Share of the squared gradient that (1.10) overstates"
KINDS = {"layernorm": LayerNorm, "rmsnorm": RMSNorm}
RESOLUTION = 0.1
ROWS = "What the other rows of a batch change"


@dataclass(frozen=True)
class Overstated:
    """1 − ‖J g‖²/‖g/s‖² of a random gradient g: Beta, its mean (n − kept)/n; and of one that a Linear has passed."""

    name: str
    title: str
    prose: tuple[str, ...]
    widths: tuple[int, ...]
    draws: By

    def run(self, settings: Settings) -> Finding:
        """One gradient at one normaliser a draw."""
        count = self.draws.of(settings.profile)
        cells = [(kind, width) for kind in KINDS for width in self.widths]
        seen = {cell: _shares(*cell, count) for cell in settings.track(cells, self.title)}
        derive = tuple(lambda kind=kind: error_of_one(kind) for kind in KINDS)
        shown = Derivations(self.title, (), derive).run(settings).section.derivations
        laws = np.array([lost(*cell) for cell in cells])
        values = np.array([float(seen[cell].mean()) for cell in cells])
        errors = np.array([float(seen[cell].std(ddof=1) / np.sqrt(count)) for cell in cells])
        scope: dict[str, str | int] = {"widths": ", ".join(map(str, self.widths)), "gradients": count}
        prediction = Prediction(SHARES, laws[None], np.zeros_like(laws)[None], scope, resolution=RESOLUTION)
        found = compare(prediction, Measurement(SHARES, values[None], "float64", errors[None], {}))
        text = as_text(found, SHARES, "agree", found.reason.replace("rounding", "sampling"))
        table, figure = self._table(seen, cells), self._figure(seen, cells)
        section = Section(self.title, self.prose, shown, (table, others()), (figure,), (text,))
        return Finding(section, (found,))

    def _table(self, seen: dict[tuple[str, int], Floats], cells: list[tuple[str, int]]) -> Table:
        columns = (
            "normaliser",
            "n",
            "law",
            "measured",
            "standard error",
            "law, gradient orthogonal to h",
            "95 % below",
        )
        rows = []
        for cell in cells:
            values, (kind, width) = seen[cell], cell
            error = float(values.std(ddof=1) / np.sqrt(len(values)))
            free = width * lost(kind, width)
            interior = (free - 1) / (width - 1)
            upper = float(beta.ppf(0.95, free / 2, (width - free) / 2)) if width > free else 1.0
            rows.append((kind, width, lost(kind, width), float(values.mean()), error, interior, upper))
        caption = (
            "Of the squared norm that (1.10) keeps, γ²‖g‖²/s². For a gradient that comes through the Linear layer "
            "above it "
            "is less: that one has no part along h left to lose. The share is Beta distributed; the last column is its "
            "95 % point for the random gradient."
        )
        return Table(SHARES, columns, tuple(rows), caption)

    def _figure(self, seen: dict[tuple[str, int], Floats], cells: list[tuple[str, int]]) -> Figure:
        curves = []
        for kind in KINDS:
            widths = [width for k, width in cells if k == kind]
            x = tuple(map(float, widths))
            curves.append(Curve(f"{kind}: predicted", "predicted", x, tuple(lost(kind, width) for width in widths)))
            values = [seen[kind, width] for width in widths]
            spread = tuple(float(v.std(ddof=1) / np.sqrt(len(v))) for v in values)
            measured = tuple(float(v.mean()) for v in values)
            curves.append(Curve(f"{kind}: measured", "measured", x, measured, spread))
        caption = "Share of the squared gradient that (1.10) overstates, against width."
        return Figure(f"{self.name}-share", self.title, "width n", "share", tuple(curves), "log", "log", caption)


def lost(kind: str, width: int) -> float:
    """(n − kept)/n: the mean share of a random gradient that the normaliser takes away."""
    kept, _ = freedoms(kind)
    return float((n - kept).subs(n, width)) / width


def others(width: int = 8, rows: int = 6) -> Table:
    """Largest change of a row's output and of the gradient at it when all other rows are drawn anew."""
    found: list[tuple[str | float, ...]] = []
    for name, kind in {**KINDS, "batchnorm": BatchNorm}.items():
        model, random = build(Network((kind(width, eps=0.0),)), seed=0), torch.Generator().manual_seed(0)
        one, g = (torch.randn(1, width, generator=random, dtype=torch.float64) for _ in range(2))
        seen = []
        for _ in range(2):
            rest, above = (torch.randn(rows - 1, width, generator=random, dtype=torch.float64) for _ in range(2))
            x = torch.cat((one, rest)).requires_grad_()
            y = model(x)
            (slope,) = torch.autograd.grad((y * torch.cat((g, above))).sum(), x)
            seen.append((y.detach()[0], slope[0]))
        found.append((name, *(float((a - b).abs().max()) for a, b in zip(*seen, strict=True))))
    caption = (
        f"One row of width {width} beside {rows - 1} others, twice: the row and the gradient above it are the same."
    )
    return Table(
        ROWS, ("normaliser", "change of the row's output", "change of the gradient at it"), tuple(found), caption
    )


def _shares(kind: str, width: int, count: int) -> Floats:
    """By torch: the gradient below the normaliser, and s from the output of the Linear layer before it."""
    net = Network((Linear(width, width, bias=False), KINDS[kind](width, eps=0.0, affine=False)))
    found = initial_statistics(net, count, init=1.0, seed=width, progress=False)
    means = found.row_means[:, 1] if kind == "layernorm" else 0.0
    squared_scale = found.mean_squares[:, 1] - means
    return 1 - found.gradients[:, 1] * squared_scale / found.gradients[:, 2]

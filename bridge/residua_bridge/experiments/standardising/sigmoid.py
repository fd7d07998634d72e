"""Document 003, L72: is [−3, 3] the linear region of the sigmoid, and is there no non-linearity to use?"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from residua_bridge.experiments.standardising.sides import UNIT, set_beside
from residua_bridge.experiments.texts import percent, proved
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_network import Activation, BatchNorm, Layer, Linear, Network
from residua_numeric import Task
from residua_numeric.ensemble import train_many
from residua_symbolic import Derivation
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.standardising.sigmoid_range import (
    best_line,
    linear_part,
    linear_up_to,
    share_within,
    slope_left,
    slope_up_to,
    tangent_left,
)

EDGES, REGIONS, LINE = "Sigmoid within ±t", "Where sigmoid is linear", "The best line on ±3"
PART, FITS = "Share of sigmoid's variance that is linear", "What nets fit with and without γ, β"
SCALES = (0.5, 1.0, 2.0, 4.0, 8.0)
SIDES = ("at least", "at most")
DRAWN = 40_000


@dataclass(frozen=True)
class SigmoidRange:
    """Certified numbers on slope, tangent and best line, and the share of a standard normal within."""

    title: str
    prose: tuple[str, ...]
    derive: tuple[Callable[[], Derivation], ...]
    edges: tuple[float, ...]
    edge: int

    def run(self, settings: Settings) -> Finding:
        """Certify, tabulate; torch's own values beside."""
        rows = []
        for t in self.edges:
            share, slope, tangent = share_within(t), slope_left(t), tangent_left(t)
            rows.append((t, *_ends(share), *_ends(slope), *_ends(tangent)))
        columns = (
            "t",
            *(f"{what}, {side}" for what in ("share within", "slope left", "of the tangent") for side in SIDES),
        )
        caption = (
            "Share of a standard normal within ±t; σ'(t)/σ'(0); (σ(t) − 1/2)/(t/4), what is left of the tangent at "
            "0. Certified in ball arithmetic."
        )
        regions = [(f"off its tangent by {percent(off)}", linear_up_to(off)) for off in (0.01, 0.05, 0.1)]
        regions += [(f"slope down to {percent(part)} of the largest", slope_up_to(part)) for part in (0.5, 0.1, 0.01)]
        region_rows = tuple(
            (what, float(e.lower), float(e.upper), float(share_within(float(e.middle)).middle)) for what, e in regions
        )
        line = best_line(self.edge)
        ends = float(tangent_left(self.edge).middle) * self.edge / 2  # σ(t) − σ(−t)
        line_row = (self.edge, line.middle, line.slope, line.lower, line.upper, line.upper / ends)
        tables = (
            Table(EDGES, columns, tuple(rows), caption),
            Table(
                REGIONS,
                ("sigmoid is", "up to t, at least", "at most", "share of a standard normal within"),
                region_rows,
                "Both quotients fall with t, which is proved; the place is found by halving, and certain.",
            ),
            Table(
                LINE,
                ("t", "value at 0", "slope", "largest distance, at least", "at most", "of the range of values"),
                (line_row,),
                "No line comes closer to sigmoid on the whole of [−t, t]: certified from below and above.",
            ),
        )
        checked = _checked(self.edges)
        verdict = as_text(checked, "torch's sigmoid and its slope at these places", "agree")
        derivations = tuple(proved(make()) for make in self.derive)
        section = Section(
            self.title,
            self.prose,
            derivations=derivations,
            tables=tables,
            figures=(_figure(self.edge),),
            verdicts=(verdict,),
        )
        return Finding(section, (checked,))


def _ends(e: Enclosure) -> tuple[float, float]:
    return float(e.lower), float(e.upper)


def _checked(edges: tuple[float, ...]) -> Discrepancy:
    x = torch.tensor(edges, dtype=torch.float64, requires_grad=True)
    y = torch.sigmoid(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    predicted = np.array(
        [[0.5 + float(tangent_left(t).middle) * t / 4, float(slope_left(t).middle) / 4] for t in edges]
    )
    measured = np.column_stack([y.detach().numpy(), slope.numpy()])
    return set_beside(
        "sigmoid and its slope", predicted, measured, np.full(predicted.shape, 20 * UNIT), points=len(edges)
    )


def _figure(edge: int) -> Figure:
    x = np.linspace(-6, 6, 121)
    inside = np.linspace(-edge, edge, 31)
    line = best_line(edge)
    low, high = -2.0, 2.0  # the tangent leaves [0, 1] there
    curves = (
        Curve(
            "sigmoid in torch", "measured", tuple(x[::4].tolist()), tuple(torch.sigmoid(torch.tensor(x[::4])).tolist())
        ),
        Curve("sigmoid", "predicted", tuple(x.tolist()), tuple((1 / (1 + np.exp(-x))).tolist())),
        Curve(
            f"best line on [−{edge}, {edge}]",
            "other",
            tuple(inside.tolist()),
            tuple((line.middle + line.slope * inside).tolist()),
        ),
        Curve("tangent at 0", "other", (low, high), (0.5 + low / 4, 0.5 + high / 4)),
    )
    caption = (
        f"Sigmoid, its tangent at 0, and the line that comes closest to it on [−{edge}, {edge}]: {line.upper:.3f} off "
        f"at four places."
    )
    return Figure(
        "standardising-sigmoid", "Sigmoid, its tangent and its best line", "x", "value", curves, caption=caption
    )


@dataclass(frozen=True)
class LinearPart:
    """Share of Var σ(γ z) that a line in z explains: certified, and by regression on numbers drawn in torch."""

    title: str
    prose: tuple[str, ...]
    derive: tuple[Callable[[], Derivation], ...]

    def run(self, settings: Settings) -> Finding:
        """Integrate, draw, compare."""
        parts = [linear_part(scale) for scale in settings.track(SCALES, self.title)]
        seen = np.array([_regressed(scale) for scale in SCALES])
        d = set_beside(
            "share of variance that a line explains",
            np.array([[p.share for p in parts]]),
            seen.mean(axis=1)[None, :],
            np.array([[p.error for p in parts]]),
            spread=(seen.std(axis=1, ddof=1) / np.sqrt(seen.shape[1]))[None, :],
            numbers=DRAWN,
            repetitions=seen.shape[1],
        )
        rows = tuple(
            (
                scale,
                p.share,
                p.error,
                1 - p.share,
                float(values.mean()),
                float(values.std(ddof=1) / np.sqrt(len(values))),
            )
            for scale, p, values in zip(SCALES, parts, seen, strict=True)
        )
        columns = ("γ", "linear share", "bound", "the rest", "drawn in torch", "standard error")
        caption = (
            f"σ(γ z) for standard normal z; certified integrals, and regression on {DRAWN} numbers, {seen.shape[1]} "
            f"times."
        )
        section = Section(
            self.title,
            self.prose,
            derivations=tuple(proved(make()) for make in self.derive),
            tables=(Table(PART, columns, rows, caption),),
            verdicts=(
                as_text(
                    d,
                    "Linear share of sigmoid of a standard normal, certified against drawn",
                    "agree",
                    "the difference lies within sampling",
                ),
            ),
        )
        return Finding(section, (d,))


def _regressed(scale: float) -> list[float]:
    found = []
    for seed in range(8):
        z = torch.randn(DRAWN, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        y = torch.sigmoid(scale * z)
        found.append(float(torch.corrcoef(torch.stack([z, y]))[0, 1]) ** 2)
    return found


LINE_ERROR, LEAST, MEDIAN, FLOOR = "best line", "least", "median", "floor without γ, β"
ODD, EVEN, CORNERS, ONE = "sin(πx), two inputs", "3xy", "XOR, four corners", "sin(πx), one input"
WITHOUT, WITH = "without", "with"


@dataclass(frozen=True)
class Fits:
    """Small sigmoid nets with batch normalisation before the sigmoid, trained on symmetric data."""

    title: str
    prose: tuple[str, ...]
    derive: tuple[Callable[[], Derivation], ...]
    steps: int
    seeds: By

    def run(self, settings: Settings) -> Finding:
        """Train with all points as one batch; errors at the training points, where floors are exact."""
        count = self.seeds.of(settings.profile)
        cases = [(t, affine) for t in _targets() for affine in (False, True)]
        found = [self._case(target, affine, count) for target, affine in settings.track(cases, self.title)]
        bare = [c for c in found if not c.affine and c.name != ODD]
        floors = set_beside(
            "least mean square error without γ, β",
            np.array([[c.floor] for c in bare]),
            np.array([[min(c.errors)] for c in bare]),
            np.array([[1e-3 * c.floor] for c in bare]),  # training ends above the floor; below it would refute
            targets=len(bare),
            nets=count,
        )
        parity = set_beside(
            "largest f(x) + f(−x) less its mean, without γ, β",
            np.zeros((1, len(bare))),
            np.array([[c.parity for c in bare]]),
            np.full((1, len(bare)), 1e-10),  # sums of some hundred float64 terms of size 10
            nets=count,
        )
        rows = tuple(
            (
                c.name,
                WITH if c.affine else WITHOUT,
                c.line,
                "–" if c.affine else c.floor,
                min(c.errors),
                float(np.median(c.errors)),
                max(c.errors),
                c.parity,
            )
            for c in found
        )
        columns = ("target", "γ, β", LINE_ERROR, FLOOR, LEAST, MEDIAN, "largest", "f(x) + f(−x) varies by")
        caption = (
            f"Mean square errors at the training points, {count} nets each, seeds 0, 1, …; {HIDDEN} sigmoid units, "
            f"batch normalisation before them, Adam, {self.steps} steps with all points. "
            "The best line is the best affine function of the inputs. Floor: proved; the mean square of the target's "
            "even part about its mean, and with one input what "
            "the one curve a + c σ(x̂) leaves."
        )
        section = Section(
            self.title,
            self.prose,
            derivations=tuple(proved(make()) for make in self.derive),
            tables=(Table(FITS, columns, rows, caption),),
            verdicts=(
                as_text(floors, "Even targets, and one input, without γ, β: training ends at the floor", "agree"),
                as_text(parity, "Without γ, β the net is a constant and an odd function", "agree"),
            ),
        )
        return Finding(section, (floors, parity))

    def _case(self, target: "_Target", affine: bool, count: int) -> "_Fit":
        x, y = target.x, target.y
        layers: tuple[Layer, ...] = (
            Linear(x.shape[1], HIDDEN),
            BatchNorm(HIDDEN, eps=0.0, affine=affine),
            Activation("sigmoid"),
            Linear(HIDDEN, 1),
        )
        task = Task.data(target.name, x, y[:, None])
        nets = train_many(
            Network(layers), task, range(count), self.steps, rate=RATE, batch=len(x), dtype="float64", progress=False
        )
        outputs = nets.outputs(x)[:, :, 0]
        errors = ((outputs - y) ** 2).mean(axis=1)
        pairs = outputs + outputs[:, ::-1]  # x is listed so that the mirror image of row k is row −1 − k
        parity = float(abs(pairs - pairs.mean(axis=1, keepdims=True)).max())
        return _Fit(target.name, affine, target.line, target.floor, errors.tolist(), parity)


HIDDEN = 16
RATE = 0.03
PAIRS = 48


@dataclass(frozen=True)
class _Target:
    """Points (rows, inputs), listed so that row −1 − k mirrors row k, and values there."""

    name: str
    x: Floats
    y: Floats

    @property
    def line(self) -> float:
        """What the best affine function leaves."""
        return _left(np.column_stack([self.x, np.ones(len(self.x))]), self.y)

    @property
    def floor(self) -> float:
        """What no net without β goes below."""
        if self.x.shape[1] == 1:
            curve = 1 / (1 + np.exp(-self.x[:, 0] / np.sqrt((self.x**2).mean())))
            return _left(np.column_stack([curve, np.ones(len(self.x))]), self.y)
        even = (self.y + self.y[::-1]) / 2
        return float(even.var())


def _left(columns: Floats, y: Floats) -> float:
    fitted = columns @ np.linalg.lstsq(columns, y, rcond=None)[0]
    return float(((y - fitted) ** 2).mean())


@dataclass(frozen=True)
class _Fit:
    name: str
    affine: bool
    line: float
    floor: float
    errors: list[float]
    parity: float


def _targets() -> tuple[_Target, ...]:
    half = np.random.default_rng(0).uniform(-1, 1, size=(PAIRS, 2))
    square = np.concatenate([half, -half[::-1]])
    corners = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])
    line = np.linspace(-1, 1, 2 * PAIRS)[:, None]
    return (
        _Target(ODD, square, np.sin(np.pi * square[:, 0])),
        _Target(EVEN, square, 3 * square[:, 0] * square[:, 1]),
        _Target(CORNERS, corners, (corners[:, 0] * corners[:, 1] < 0).astype(np.float64)),
        _Target(ONE, line, np.sin(np.pi * line[:, 0])),
    )

"""How well N linear pieces can do for sin on [−π, π], and explicit ReLU networks that do it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import pi

import numpy as np
import torch

from residua_bridge.compare import compare
from residua_bridge.experiments.grids import exactly
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_network import Activation, Linear, Network
from residua_numeric import Measurement, build
from residua_numeric.pieces import pieces
from residua_numeric.weights import put
from residua_symbolic import Prediction
from residua_symbolic.domains import balls
from residua_symbolic.expressions.given import given
from residua_symbolic.series.approximation.piece_laws import ball_of, sine_constant, sine_supremum_constant
from residua_symbolic.series.approximation.piecewise_linear import PiecewiseLinear, best_fit
from residua_symbolic.series.approximation.relu_laws import hinges
from residua_symbolic.series.approximation.sine_pieces import best_supremum, mean_square_floors

FITS, NEEDED = "How well N pieces can do", "How many pieces an error takes"  # tables
FOUND, LEAST = "found", "no N pieces do better than"  # columns
MEAN, LARGEST_GAP = "mean square", "largest difference"
UNIT = float(np.finfo(np.float64).eps)
POINTS = 301
NODES = 20  # Gauss–Legendre, on every piece
MOST_SQUARE, MOST = 40, 64  # pieces, in the mean square and in the supremum


@cache
def fit(count: int) -> PiecewiseLinear:
    """The best found with so many pieces."""
    return best_fit(given("sin(x)"), "x", -pi, pi, count)


@cache
def found_error(count: int) -> float:
    """Its mean square error."""
    return fit(count).mean_square_distance(np.sin)


def constants() -> tuple[float, float]:
    """Of the laws in the mean square and in the supremum."""
    with balls.precision():
        return float(ball_of(sine_constant()).mid()), float(ball_of(sine_supremum_constant()).mid())


@dataclass(frozen=True)
class PieceErrors:
    """Floors and fits by number of pieces, the law for many, and how many pieces the errors of a document take."""

    title: str
    prose: tuple[str, ...]
    counts: By
    ladder: tuple[int, ...]
    errors: tuple[float, ...]

    def run(self, settings: Settings) -> Finding:
        """Fit, bound, extrapolate."""
        counts = self.counts.of(settings.profile)
        table = self._table(counts)
        law = self._law(settings)
        text = as_text(law, "Mean square error of the best fit times $N^4$, as N grows: $C_2$ of the law", "agree")
        return Finding(Section(self.title, self.prose, tables=(table, self._needed()), verdicts=(text,)), (law,))

    def _table(self, counts: Sequence[int]) -> Table:
        floors = mean_square_floors(MOST_SQUARE)
        mean, largest = constants()
        rows = []
        for count in counts:
            found = found_error(count)
            odd = count % 2 == 1
            top = best_supremum(count) if odd else None
            rows.append(
                (
                    count,
                    floors[count - 1],
                    found,
                    found * count**4 / mean,
                    "–" if top is None else float(top.lower.lower()),
                    "–" if top is None else float(top.upper.upper()),
                    "–" if top is None else top.error * count**2 / largest,
                )
            )
        columns = ("pieces N", LEAST, FOUND, "over $C_2 N^{-4}$", "supremum: at least", "reached", "over $C N^{-2}$")
        caption = (
            "Mean square error: a proved floor for all functions with N linear pieces, continuous or not, and the best "
            "continuous one found. Supremum, for odd N: proved from both sides; the best function is explicit."
        )
        return Table(FITS, columns, tuple(rows), caption)

    def _needed(self) -> Table:
        """Enough: the first N whose fit is as good. Proved: one more than the last N whose floor is above."""
        rows: list[tuple[str | float | int, ...]] = []
        for error in self.errors:
            enough = next(count for count in range(1, MOST_SQUARE + 1) if found_error(count) <= error)
            floors = mean_square_floors(MOST_SQUARE)
            proved = max((count for count in range(1, enough + 1) if floors[count - 1] > error), default=0) + 1
            rows.append((MEAN, error, enough, proved))
        for error in self.errors:
            odd = range(1, MOST, 2)
            enough = next(count for count in odd if float(best_supremum(count).upper.upper()) <= error)
            proved = max((count for count in odd if float(best_supremum(count).lower.lower()) > error), default=0) + 1
            rows.append((LARGEST_GAP, error, enough, proved))
        columns = ("error meant", "at most", "pieces that do", "pieces needed, proved")
        caption = "In the supremum only odd numbers of pieces are solved: an even number in between may do as well."
        return Table(NEEDED, columns, tuple(rows), caption)

    def _law(self, settings: Settings) -> Discrepancy:
        """a of a + b/N + c/N² through three rungs of the ladder; the error bar is its change to the rungs before."""
        counts = np.array(self.ladder, dtype=np.float64)
        values = [found_error(count) * count**4 for count in settings.track(self.ladder, self.title)]

        def limit(first: int) -> float:
            some = slice(first, first + 3)
            return float(np.linalg.solve(np.vander(1 / counts[some], 3, increasing=True), values[some])[0])

        last, before = limit(len(values) - 3), limit(len(values) - 4)
        quantity, bar = "N^4 times the mean square error, extrapolated", abs(last - before)
        scope: dict[str, str | int] = {"N": ", ".join(map(str, self.ladder)), "extrapolated in": "1/N, two orders"}
        return compare(
            Prediction(quantity, np.array([[constants()[0]]]), np.array([[bar]]), scope),
            Measurement(quantity, np.array([[last]]), "float64", None, {}),
        )


@dataclass(frozen=True)
class ExplicitNetworks:
    """A layer of N ReLU units and a linear one whose weights are written down: as good as the best fit."""

    title: str
    prose: tuple[str, ...]
    counts: tuple[int, ...]

    def run(self, settings: Settings) -> Finding:
        """Build, measure, count."""
        models = [explicit(fit(count)) for count in settings.track(self.counts, self.title)]
        predicted = np.array([[found_error(count)] for count in self.counts])
        measured = np.array([[_measured(model, fit(n))] for model, n in zip(models, self.counts, strict=True)])
        bars = np.array([[_bar(fit(count), found_error(count))] for count in self.counts])
        quantity = "mean square error of explicit ReLU networks"
        scope = {"pieces": ", ".join(map(str, self.counts)), "layers": "1-N-1", "dtype": "float64"}
        d = compare(Prediction(quantity, predicted, bars, scope), Measurement(quantity, measured, "float64", None, {}))
        counted = exactly(
            "linear pieces of explicit networks", self.counts, [pieces(model, -pi, pi).count for model in models]
        )
        drawn = _drawn(self.counts)
        texts = (
            as_text(d, "A ReLU layer with suitable weights is the best piecewise-linear function", "agree"),
            as_text(counted, "It has as many pieces", "agree"),
            as_text(drawn, "The same weights for knots and values drawn at random", "agree"),
        )
        section = Section(self.title, self.prose, derivations=(proved(hinges()),), verdicts=texts)
        return Finding(section, (d, counted, drawn))


def explicit(function: PiecewiseLinear) -> torch.nn.Sequential:
    """y_0 + s_1 relu(x − t_0) + Σ (s_(k+1) − s_k) relu(x − t_k) as a torch model of N hidden units."""
    count = function.pieces
    model = build(Network((Linear(1, count), Activation("relu"), Linear(count, 1))))
    bends = np.diff(function.slopes, prepend=0.0)
    put(
        model,
        {
            "0.weight": torch.ones(count, 1, dtype=torch.float64),
            "0.bias": -torch.tensor(function.knots[:-1]),
            "2.weight": torch.tensor(bends)[None, :],
            "2.bias": torch.tensor(function.values[:1]),
        },
    )
    return model


def _drawn(counts: Sequence[int]) -> Discrepancy:
    """Any continuous function of N pieces: its network at points of the interval, against the function itself."""
    x = np.linspace(-pi, pi, POINTS)
    predicted, measured, bars = [], [], []
    for seed, count in enumerate(counts):
        function = random_lines(count, seed)
        predicted.append(function(x))
        with torch.no_grad():
            measured.append(explicit(function)(torch.tensor(x)[:, None])[:, 0].numpy())
        bars.append(np.full(POINTS, _rounding(function)))
    quantity = "outputs of explicit ReLU networks"
    scope: dict[str, str | int] = {"pieces": ", ".join(map(str, counts)), "points": POINTS, "layers": "1-N-1"}
    return compare(
        Prediction(quantity, np.array(predicted), np.array(bars), scope),
        Measurement(quantity, np.array(measured), "float64", None, {}),
    )


def random_lines(count: int, seed: int) -> PiecewiseLinear:
    """So many pieces over [−π, π]: knots moved by up to a third of a piece, values normal."""
    random = np.random.default_rng(seed)
    knots = np.linspace(-pi, pi, count + 1)
    knots[1:-1] += random.uniform(-1, 1, count - 1) * 2 * pi / count / 3
    return PiecewiseLinear(knots, random.normal(size=count + 1))


def _measured(model: torch.nn.Sequential, function: PiecewiseLinear) -> float:
    """In torch, by Gauss–Legendre quadrature between the knots."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half = np.diff(function.knots)[:, None] / 2
    x = torch.tensor((function.knots[:-1, None] + half + half * nodes).reshape(-1, 1))
    w = torch.tensor((half * weights).reshape(-1))
    with torch.no_grad():
        return float((w * (model(x)[:, 0] - torch.sin(x[:, 0])) ** 2).sum() / (2 * pi))


def _bar(function: PiecewiseLinear, error: float) -> float:
    """The rounding of values, in the mean square."""
    rounding = _rounding(function)
    return 2 * float(np.sqrt(error)) * rounding + rounding**2


def _rounding(function: PiecewiseLinear) -> float:
    """Of a value: N + 1 terms of the sizes that they can have, on both sides."""
    sizes = abs(np.diff(function.slopes, prepend=0.0)).sum() * 2 * pi + abs(function.values[0])
    return 2 * UNIT * (function.pieces + 4) * float(sizes)

"""Which block of a trained residual net gives which Taylor coefficient, next to the diagonal of document 000."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import flint
import numpy as np
import torch

from residua_bridge.compare import compare
from residua_bridge.findings import Curve, Figure, Matrix, Panel, Section, Table
from residua_bridge.rendering import as_text, together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_network import Activation, Linear, Network, Residual
from residua_numeric import Measurement, Task, build, measure, weights_of
from residua_numeric.contributions import contribution_coefficients, contributions
from residua_numeric.ensemble import train_many
from residua_numeric.weights import put
from residua_symbolic import Prediction
from residua_symbolic.domains.rounded import UNIT, RoundedDomain
from residua_symbolic.series.constructions.degrees import contributed_polynomials, network_polynomial, rational
from residua_symbolic.series.constructions.stream_networks import taylor_network
from residua_symbolic.series.networks.contributions import Diagonality, contribution_series, diagonality, prefix
from residua_symbolic.series.networks.walk import output

Floats = np.ndarray[Any, np.dtype[np.float64]]
QUANTITY = "taylor coefficients by block"
POINTS, BATCH, RATE = 1024, 64, 3e-3
FRESH = 400  # points at which errors are taken
CHECKED = 41  # points at which what built blocks add is compared
SHOWN = 3  # seeds that are drawn
PAST = 2  # orders beyond the last term that 000 has
DECADES = 7.0
BUILT, TRAINED = "built: one term a block", "trained"
OWN, ANEW, TAYLOR = "trained, read by the last layer", "trained, read by a layer fitted there", "Taylor sums"


class Target(NamedTuple):
    """A function, the interval on which it is learnt, its Taylor coefficients and the powers that it has."""

    label: str
    function: Any
    end: float
    coefficients: Any
    powers: tuple[int, ...]

    def task(self) -> Task:
        """Its values at random points."""
        return Task.regression(self.function, -self.end, self.end, points=POINTS, name=self.label)

    def ideal(self) -> Floats:
        """000's matrix: block l adds the l-th term, and nothing else; (blocks, orders from 0)."""
        found = np.zeros((len(self.powers), max(self.powers) + 1))
        for row, power in enumerate(self.powers):
            found[row, power] = self.coefficients(power)
        return found


def tanh_network(blocks: int, width: int) -> Network:
    """1 → width, residual tanh blocks, → 1."""
    block = Residual((Linear(width, width), Activation("tanh"), Linear(width, width)))
    return Network((Linear(1, width), *(block,) * blocks, Linear(width, 1)))


def measured_contributions(model: torch.nn.Sequential, order: int) -> tuple[Floats, Floats]:
    """As `contribution_series`, by Cauchy's integral on the torch model, and what each may be off by."""
    found = contribution_coefficients(model, np.zeros((1, 1)), np.ones((1, 1)), order)
    return found.values[:, :, 0, 0].T, found.errors[:, :, 0, 0].T


class Matrices(NamedTuple):
    """One network's matrices, row 0 what enters the blocks: predicted, with its error, measured, with its error."""

    predicted: Floats
    error: Floats
    measured: Floats
    bar: Floats

    def judged(self, powers: tuple[int, ...]) -> Diagonality:
        """Of the predicted one: blocks against the powers that the target has."""
        return diagonality(self.predicted[1:, list(powers)])


def matrices(net: Network, model: torch.nn.Sequential, order: int) -> Matrices:
    """Both sides."""
    known = contribution_series(net, weights_of(model), order)
    measured, bar = measured_contributions(model, order)
    return Matrices(known.middle, known.radius, measured, bar)


class Constructed(NamedTuple):
    """A network that is 000's: squares on a stream of three numbers, of which block l adds the l-th Taylor term."""

    network: Network
    weights: dict[str, Floats]
    parts: tuple[Any, ...]

    @classmethod
    def of(cls, target: Target) -> "Constructed":
        """A block for every power; parts: what each adds, exactly, from the stored weights (fmpq_poly)."""
        terms = [rational(target.coefficients(k)) for k in range(max(target.powers) + 1)]
        made = taylor_network(terms, rational(target.end))
        weights = made.rounded()
        return cls(made.network, weights, contributed_polynomials(made.network, weights))

    def matrix(self, order: int) -> Floats:
        """(blocks + 1, order + 1), row 0 what enters the blocks."""
        start = network_polynomial(self.network, self.weights) - sum(self.parts, flint.fmpq_poly([]))
        return np.array([[_float(p[k]) for k in range(order + 1)] for p in (start, *self.parts)])

    def discrepancy(self, end: float) -> Discrepancy:
        """What the blocks add on torch, at points of the interval; the bar is that of float64's rounding."""
        model = build(self.network)
        put(model, {name: torch.tensor(array) for name, array in self.weights.items()})
        x = np.linspace(-end, end, CHECKED)[:, None]
        known = np.array([[_float(p(rational(float(at)))) for at in x[:, 0]] for p in self.parts])
        errors = np.array([self._rounding(x, blocks) for blocks in range(len(self.parts) + 1)])
        scope: dict[str, str | int] = {
            "network": BUILT,
            "blocks": len(self.parts),
            "width": self.network.sizes[1],
            "points": CHECKED,
            "dtype": "float64",
        }
        quantity = "contributions of blocks"
        found = contributions(model, x).values[1:, :, 0]
        # as one row: blocks that add nothing have no size of their own to hold a bar against
        prediction = Prediction(quantity, known.reshape(1, -1), (errors[1:] + errors[:-1]).reshape(1, -1), scope)
        return compare(prediction, Measurement(quantity, found.reshape(1, -1), "float64", None, {}))

    def _rounding(self, x: Floats, blocks: int) -> Floats:
        """Running error bounds of the sum up to a block."""
        net, weights = prefix(self.network, self.weights, blocks)
        unit = UNIT["float64"]
        y = output(net, lambda: RoundedDomain(unit), RoundedDomain(unit).array(x), weights)
        return np.array(np.broadcast_to(y.error, y.shape)[:, 0])


@dataclass(frozen=True, eq=False)
class Trained:
    """A target, the networks that learnt it, one a seed, and the same before training."""

    target: Target
    network: Network
    models: tuple[torch.nn.Sequential, ...]
    untrained: tuple[torch.nn.Sequential, ...]

    @classmethod
    def of(cls, target: Target, width: int, seeds: Sequence[int], steps: int) -> "Trained":
        """Adam in float64 on random points of the interval."""
        net = tanh_network(len(target.powers), width)
        made = train_many(net, target.task(), seeds, steps, rate=RATE, batch=BATCH, dtype="float64", progress=False)
        return cls(target, net, made.models, tuple(build(net, seed) for seed in seeds))

    @property
    def order(self) -> int:
        """The last coefficient that is looked at."""
        return max(self.target.powers) + PAST

    @cached_property
    def after(self) -> tuple[Matrices, ...]:
        """Of the trained networks."""
        return tuple(matrices(self.network, model, self.order) for model in self.models)

    @cached_property
    def before(self) -> tuple[Matrices, ...]:
        """Of the untrained networks."""
        return tuple(matrices(self.network, model, self.order) for model in self.untrained)

    @cached_property
    def built(self) -> Constructed:
        """The network that is 000's: as many blocks as the last power."""
        return Constructed.of(self.target)

    @cached_property
    def grid(self) -> tuple[Floats, Floats]:
        """Points at which errors are taken, (points, 1), and the function there."""
        x = np.linspace(-self.target.end, self.target.end, FRESH)[:, None]
        return x, np.asarray(self.target.function(x))

    @cached_property
    def partial(self) -> Floats:
        """Mean square error of the sum up to each block, read out by the last layer: (seeds, blocks + 1)."""
        x, wanted = self.grid
        return np.array(
            [
                [np.mean((measure(cut(model, k), "output", x).values - wanted) ** 2) for k in range(len(model) - 1)]
                for model in self.models
            ]
        )

    @cached_property
    def refitted(self) -> Floats:
        """The same, read out by the linear layer that is the best there."""
        return np.array([[self._best(model, k) for k in range(len(model) - 1)] for model in self.models])

    def _best(self, model: torch.nn.Sequential, blocks: int) -> float:
        x, wanted = self.grid
        stream = measure(torch.nn.Sequential(*list(model)[: blocks + 1]), "output", x).values
        features = np.hstack([stream, np.ones_like(x)])
        return float(np.mean((features @ np.linalg.lstsq(features, wanted, rcond=None)[0] - wanted) ** 2))

    @property
    def taylor(self) -> Floats:
        """The same of the Taylor sums, a term a block: (1, blocks + 1)."""
        return np.array([[_taylor_error(self.target, k) for k in range(len(self.target.powers) + 1)]])

    def refines(self, errors: Floats) -> list[bool]:
        """Whether the sum of half of the blocks is better than the best constant, and every later block improves it."""
        half, constant = errors.shape[1] // 2, float(np.var(self.grid[1]))
        return [bool(row[half] < constant and np.all(np.diff(row[half:]) < 0)) for row in errors]

    def agreements(self) -> list[Discrepancy]:
        """Predicted against measured matrices, a row a block."""
        return [
            _compared(m, self.network, word, seed)
            for word, every in ((TRAINED, self.after), ("untrained", self.before))
            for seed, m in enumerate(every)
        ]

    def against_diagonal(self) -> Discrepancy:
        """000's share of 1 against the measured one; what the networks' own series say accounts for the difference."""
        powers = list(self.target.powers)
        predicted = np.mean([m.judged(self.target.powers).diagonal for m in self.after])
        shares = np.array([diagonality(m.measured[1:, powers]).diagonal for m in self.after])
        error = np.mean([_share_error(m, powers) for m in self.after])
        spread = shares.std(ddof=1) / np.sqrt(len(shares))
        quantity = "share of the block that 000 wants"
        scope: dict[str, str | int] = {
            "target": self.target.label,
            "blocks": len(powers),
            "width": self.network.sizes[1],
            "seeds": len(shares),
            "dtype": "float64",
        }
        claimed = Prediction(quantity, np.array([[1.0]]), np.zeros((1, 1)), scope)
        exact = Prediction(quantity, np.array([[predicted]]), np.array([[error]]), scope)
        measured = Measurement(quantity, np.array([[shares.mean()]]), "float64", np.array([[spread]]), {})
        return compare(claimed, measured, exact=exact)

    def rows(self) -> list[tuple[Any, ...]]:
        """For the table: a network that is 000's, chance, before and after training."""
        blocks, last = len(self.target.powers), max(self.target.powers)
        words: list[tuple[str, list[Diagonality]]] = [
            (BUILT, [diagonality(self.built.matrix(last)[1:, 1:])]),
            ("all blocks alike", [diagonality(np.ones((blocks, blocks)))]),
            ("untrained", [m.judged(self.target.powers) for m in self.before]),
            (TRAINED, [m.judged(self.target.powers) for m in self.after]),
        ]
        return [(self.target.label, word, len(every), *_means(every)) for word, every in words]

    def terms(self) -> list[tuple[Any, ...]]:
        """For the table: the networks' own coefficients over those of the function, by power."""
        powers = list(self.target.powers)
        wanted = np.array([self.target.coefficients(power) for power in powers])
        shown = ([self.built.matrix(self.order)], [m.predicted for m in self.after])
        found = [np.array([matrix[:, powers].sum(axis=0) / wanted for matrix in every]) for every in shown]
        return [
            (self.target.label, f"$x^{{{power}}}$", *(cell for every in found for cell in _spread(every[:, k])))
            for k, power in enumerate(powers)
        ]

    def sums(self) -> list[tuple[Any, ...]]:
        """For the table: errors after each block, and how many of the networks do what Taylor sums do."""
        return [
            (
                self.target.label,
                word,
                *(float(v) for v in np.median(every, axis=0)),
                f"{int(np.sum(np.all(np.diff(every, axis=1) < 0, axis=1)))} of {len(every)}",
                f"{sum(self.refines(every))} of {len(every)}",
            )
            for word, every in ((OWN, self.partial), (ANEW, self.refitted), (TAYLOR, self.taylor))
        ]

    def picture(self, name: str) -> Matrix:
        """000's diagonal, trained networks, and one before training."""
        ideal = np.vstack([np.zeros(self.order + 1), np.pad(self.target.ideal(), ((0, 0), (0, PAST)))])
        marked = tuple((row + 1, power - 1) for row, power in enumerate(self.target.powers))
        shown = [("000: block l adds term l", ideal)]
        shown += [(f"trained, seed {seed}", m.predicted) for seed, m in enumerate(self.after[:SHOWN])]
        shown += [(f"untrained, seed {seed}", m.predicted) for seed, m in enumerate(self.before[:2])]
        panels = tuple(self._panel(title, matrix, marked) for title, matrix in shown)
        caption = (
            f"Taylor coefficients at 0 of what each block adds to the output, {self.target.label}; row 0 is what "
            "enters the blocks. Framed: where 000 has the terms of the function. Colours are sizes; a stroke marks a "
            "negative coefficient, an empty cell is 0."
        )
        title = f"Coefficient of $x^k$ by block: {self.target.label}"
        return Matrix(name, title, "power k", "block", "|coefficient|", panels, DECADES, caption)

    def _panel(self, title: str, matrix: Floats, marked: tuple[tuple[int, int], ...]) -> Panel:
        rows = tuple(map(str, range(len(matrix))))
        columns = tuple(map(str, range(1, self.order + 1)))
        return Panel(title, rows, columns, tuple(tuple(map(float, row[1:])) for row in matrix), marked)


def cut(model: torch.nn.Sequential, blocks: int) -> torch.nn.Sequential:
    """The model that reads out after so many blocks."""
    return torch.nn.Sequential(*list(model)[: blocks + 1], model[-1])


def _compared(m: Matrices, net: Network, word: str, seed: int) -> Discrepancy:
    scope: dict[str, str | int] = {
        "network": word,
        "blocks": len(m.predicted) - 1,
        "width": net.sizes[1],
        "orders": f"0 to {m.predicted.shape[1] - 1}",
        "seed": seed,
        "dtype": "float64",
    }
    prediction = Prediction(QUANTITY, m.predicted, m.error + m.bar, scope)
    return compare(prediction, Measurement(QUANTITY, m.measured, "float64", None, {}))


def _share_error(m: Matrices, powers: list[int]) -> float:
    """What the errors of the measured coefficients may do to the mean share: twice their sum over that of the sizes."""
    sizes, errors = np.abs(m.measured[1:, powers]), (m.bar + m.error)[1:, powers]
    return float(np.mean(2 * errors.sum(axis=0) / sizes.sum(axis=0)))


def _float(q: Any) -> float:
    return int(q.p) / int(q.q)


def _spread(values: Floats) -> tuple[float, ...]:
    """Of one its value; of several the median, the least and the largest."""
    return (
        (float(values[0]),)
        if len(values) == 1
        else (float(np.median(values)), float(values.min()), float(values.max()))
    )


def _means(every: Sequence[Diagonality]) -> tuple[Any, ...]:
    """Mean and standard error over seeds of each number."""
    cells: list[Any] = []
    for part in ("diagonal", "as_good", "assigned", "entropy", "tilt"):
        values = np.array([getattr(one, part) for one in every])
        cells += ["" if np.isnan(values).any() else float(values.mean())]
        if part == "as_good":
            continue
        cells.append(float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else "")
    return tuple(cells)


@dataclass(frozen=True)
class Contributions:
    """Training; the matrices before and after; how far from a diagonal; what the sum is after each block."""

    name: str
    title: str
    prose: tuple[str, ...]
    targets: tuple[Target, ...]
    width: int
    seeds: By
    steps: By

    def run(self, settings: Settings) -> Finding:
        """Train, expand, measure, compare."""
        seeds, steps = range(self.seeds.of(settings.profile)), self.steps.of(settings.profile)
        found = [Trained.of(target, self.width, seeds, steps) for target in settings.track(self.targets, self.title)]
        agree = [d for one in found for d in one.agreements()]
        built = [one.built.discrepancy(one.target.end) for one in found]
        diagonal = [one.against_diagonal() for one in found]
        statements = [f"{one.target.label}: every order from a block of its own, as 000 has it" for one in found]
        verdicts = (
            together(agree, "Coefficients by block: certified series against torch", "agree"),
            together(built, "Networks built to be 000's: block l adds term l, on torch", "agree"),
            *(as_text(d, words, "differ") for d, words in zip(diagonal, statements, strict=True)),
        )
        section = Section(
            self.title,
            self.prose,
            tables=(self._table(found), self._terms(found), self._refining(found)),
            figures=tuple(self._figure(one) for one in found),
            matrices=tuple(one.picture(f"{self.name}-{one.target.label}") for one in found),
            verdicts=verdicts,
        )
        return Finding(section, (*agree, *built, *diagonal))

    def _table(self, found: Sequence[Trained]) -> Table:
        numbers = ("diagonal share", "±", "as good", "best one-to-one share", "± ", "entropy", " ±", "tilt", " ± ")
        head = ("target", "network", "networks", *numbers)
        caption = (
            "In each order the shares of the blocks in the sum of sizes, averaged over the orders that the target has. "
            "Diagonal: of the block that 000 wants; over all orders in which the blocks could stand, its mean is "
            "1/blocks for any matrix. As good: the part of these orders that have as large a diagonal share; 1/2 is "
            "chance, 1 where all are alike. Best: by the one-to-one assignment that is most favourable. "
            "Entropy: 0 if each order comes from one block, 1 if all give the same. Tilt: how many blocks later each "
            "further order comes, 1 for 000. ± is the standard error over seeds. Built: squares on a stream of width "
            "3, a block for every power; for sin every other of them adds nothing."
        )
        return Table("How diagonal the matrices are", head, tuple(row for one in found for row in one.rows()), caption)

    def _terms(self, found: Sequence[Trained]) -> Table:
        head = ("target", "power", "built", "trained: median", "least", "largest")
        caption = (
            "Taylor coefficients at 0 of the whole network over those of the function: 1 where the network has the "
            "term. Certified; least and largest over seeds."
        )
        rows = tuple(row for one in found for row in one.terms())
        return Table("Do the networks have the terms?", head, rows, caption)

    def _refining(self, found: Sequence[Trained]) -> Table:
        blocks = len(found[0].target.powers)
        head = (
            "target",
            "sums of",
            *(f"after block {k}" if k else "before the blocks" for k in range(blocks + 1)),
            "every block improves",
            "approximates, then refines",
        )
        half = (blocks + 1) // 2
        constants = ", ".join(f"{float(np.var(one.grid[1])):.3g} for {one.target.label}" for one in found)
        caption = (
            "Mean square error of the sum up to block l: median over seeds; of Taylor, the constant term and l more. "
            f"Approximates, then refines: after block {half} the error is below that of the best constant "
            f"({constants}), and every later block lowers it."
        )
        return Table(
            "What the sum is after each block", head, tuple(row for one in found for row in one.sums()), caption
        )

    def _figure(self, one: Trained) -> Figure:
        blocks = tuple(float(k) for k in range(one.partial.shape[1]))
        curves = [
            Curve(f"seed {seed}", "measured", blocks, tuple(map(float, row)))
            for seed, row in enumerate(one.partial[:SHOWN])
        ]
        curves.append(Curve("Taylor sum of as many terms", "other", blocks, tuple(map(float, one.taylor[0]))))
        return Figure(
            f"{self.name}-sum-{one.target.label}",
            f"The sum after each block: {one.target.label}",
            "block",
            "mean square error",
            tuple(curves),
            "linear",
            "log",
            "Sums of the trained nets, cut off after each block, beside sums of the Taylor series.",
        )


def _taylor_error(target: Target, terms: int) -> float:
    """Mean square error of the sum of so many terms, and of the constant one, on the same grid."""
    x = np.linspace(-target.end, target.end, FRESH)
    powers = (0, *target.powers[:terms])
    total = sum((target.coefficients(p) * x**p for p in powers), np.zeros(FRESH))
    return float(np.mean((total - target.function(x)) ** 2))


def sine_coefficient(power: int) -> float:
    """Of x^power in sin."""
    return (-1.0) ** (power // 2) / math.factorial(power) if power % 2 else 0.0


def exponential_coefficient(power: int) -> float:
    """Of x^power in exp."""
    return 1.0 / math.factorial(power)


SINE = Target("sin", np.sin, np.pi, sine_coefficient, (1, 3, 5, 7, 9))
EXPONENTIAL = Target("exp", np.exp, 2.0, exponential_coefficient, (1, 2, 3, 4, 5))

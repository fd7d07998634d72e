"""Rotation per step under weight decay: exact in the geometric mean of cos θ, √(2ηλ) as ηλ tends to 0."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch

from residua_bridge.budgets.judge import judged
from residua_bridge.budgets.law import Ladder, Law, Sizes
from residua_bridge.budgets.section import Case as Judged
from residua_bridge.budgets.section import budgets_section
from residua_bridge.compare import compare
from residua_bridge.experiments.invariance.models import FEATURES, INPUTS, Floats, first_weight
from residua_bridge.findings import Curve, Figure, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Uncertain
from residua_network import Activation, BatchNorm, Linear, Network
from residua_numeric import Measurement, build
from residua_symbolic import Prediction
from residua_symbolic.invariance import angle

TURNS, PATH = "Rotation with weight decay", "Cosines through a whole training"
RATE, BATCH = 0.5, 16
RELAXED, WATCHED = 2.0, 3.0  # steps before and while the angles are watched, in units of 1/(ηλ)
TRAININGS = 60  # that the fluctuation of the angles is measured by
STEP = 1.5e5  # nanoseconds, about
ANGLE = "root mean square angle per step"
ROUNDING = 64 * INPUTS * float(np.finfo(np.float64).eps)  # of one cosine: two inner products and two norms


@dataclass(frozen=True)
class Walk:
    """‖w_t‖² of every feature, and the cosine between w_t and w_{t+1}: (steps + 1, features), (steps, features)."""

    squares: Floats
    cosines: Floats


def walk(decay: float, seed: int, eps: float = 0.0) -> Walk:
    """Stochastic gradient descent on fresh batches with noisy targets, at rate × decay = `decay`: the weights before a
    batch normalisation are trained and decay, the rest stays as it is."""
    net = Network(
        (Linear(INPUTS, FEATURES, bias=False), BatchNorm(FEATURES, eps=eps), Activation("tanh"), Linear(FEATURES, 1))
    )
    model = build(net, seed=seed, init=1.0)
    weight, random = first_weight(model), torch.Generator().manual_seed(seed)
    with torch.no_grad():  # near the length at which growth and decay balance
        weight.mul_((0.3 * RATE / math.sqrt(2 * decay)) ** 0.5)
    relaxing, steps = (math.ceil(times / decay) for times in (RELAXED, WATCHED))
    squares, cosines = [], []
    for step in range(relaxing + steps):
        x = torch.randn(BATCH, INPUTS, generator=random, dtype=torch.float64)
        y = torch.randn(BATCH, 1, generator=random, dtype=torch.float64)
        (gradient,) = torch.autograd.grad(((model(x) - y) ** 2).mean(), weight)
        with torch.no_grad():
            after = (1 - decay) * weight - RATE * gradient
            if step >= relaxing:
                lengths = weight.norm(dim=1) * after.norm(dim=1)
                squares.append((weight**2).sum(dim=1).numpy())
                cosines.append(((weight * after).sum(dim=1) / lengths).numpy())
            weight.copy_(after)
    squares.append((weight.detach() ** 2).sum(dim=1).numpy())
    return Walk(np.stack(squares), np.stack(cosines))


@dataclass(frozen=True)
class Angles:
    """Root mean square angle of a training, over steps and features: one training a repetition."""

    seed: int = 0

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """Trainings of their own."""
        words = (self.seed, block, round(1e9 * sizes["rate"]))
        seeds = np.random.SeedSequence(words).generate_state(repetitions)
        angles = [np.arccos(np.minimum(walk(sizes["rate"], int(s)).cosines, 1.0)) for s in seeds]
        return np.array([math.sqrt(float(np.mean(a**2))) for a in angles])

    def cost(self, sizes: Sizes) -> float:
        """Nanoseconds: the number of steps, forward and backward."""
        return STEP * (RELAXED + WATCHED) / sizes["rate"]


def exact_angle(decay: float) -> float:
    """The equilibrium's: arccos(1 − ηλ)."""
    return angle(decay)


@cache
def fluctuation(decay: float) -> Uncertain:
    """Root mean square angle less the angle of the geometric mean of cos θ, from trainings of their own.

    −log cos √u is convex in u = θ², so that it is negative (Jensen).
    """
    seeds = np.random.SeedSequence((2, round(1e9 * decay))).generate_state(TRAININGS)
    found = []
    for seed in seeds:
        cosines = np.minimum(walk(decay, int(seed)).cosines, 1.0)
        rms = math.sqrt(float(np.mean(np.arccos(cosines) ** 2)))
        found.append(rms - math.acos(math.exp(float(np.log(cosines).mean()))))
    return Uncertain(float(np.mean(found)), float(np.std(found, ddof=1) / math.sqrt(TRAININGS)))


def leading_law(limit: bool) -> Law:
    """√(2ηλ): as ηλ → 0, or as it stands."""

    def value(sizes: Sizes) -> float:
        return math.sqrt(2 * sizes["rate"])

    if limit:
        return Law(r"$\theta = \sqrt{2\eta\lambda}$ as $\eta\lambda \to 0$", ANGLE, value, limits={"rate": 1.0})
    causes: dict[str, Callable[[Sizes], float | Uncertain]] = {
        "discretisation: arccos(1 − ηλ)": lambda sizes: exact_angle(sizes["rate"]) - math.sqrt(2 * sizes["rate"]),
        "angles fluctuate: another mean": lambda sizes: fluctuation(sizes["rate"]),
    }
    statement = r"$\theta = \sqrt{2\eta\lambda}$ at this $\eta\lambda$"
    return Law(statement, ANGLE, value, causes=causes, approximations=tuple(causes))


@dataclass(frozen=True)
class Rotation:
    """The telescoped cosines to rounding, √(2ηλ) along a ladder of ηλ, and at a large one with its budget."""

    name: str
    title: str
    prose: tuple[str, ...]
    decays: tuple[float, ...]
    large: float
    eps: float
    seconds: By

    def run(self, settings: Settings) -> Finding:
        """Train at every ηλ."""
        walks = {decay: walk(decay, seed=7) for decay in settings.track(self.decays, self.title)}
        exact = _telescoped(walks)
        seconds = self.seconds.of(settings.profile)
        ladder = Ladder({"rate": min(self.decays)}, {"rate": tuple(sorted(self.decays))}, 4, 0.05, seconds)
        limit = judged(leading_law(limit=True), Angles(), ladder)
        point = Ladder({"rate": self.large}, {}, 8, 0.02, seconds / 2)
        cases = [Judged(limit, "√(2ηλ), ladder", limit.title, "agree")]
        found = judged(leading_law(limit=False), Angles(1), point)
        cases.append(Judged(found, f"√(2ηλ) at ηλ = {self.large:g}", found.title, "differ"))
        finding = budgets_section(self.name, self.title, self.prose, cases)
        texts = (
            as_text(exact, "mean of log cos θ = log(1 − ηλ) + log(‖w_0‖/‖w_T‖)/T", "agree"),
            *finding.section.verdicts,
        )
        tables = (self._table(walks), *finding.section.tables)
        figures = (self._figure(walks), *finding.section.figures)
        section = replace(finding.section, tables=tables, figures=figures, verdicts=texts)
        return Finding(section, (exact, *finding.discrepancies))

    def _table(self, walks: dict[float, Walk]) -> Table:
        columns = (
            "ηλ",
            "steps watched",
            "√(2ηλ)",
            "arccos(1 − ηλ)",
            "angle of the geometric mean of cos θ",
            "the ends' part of it",
            "root mean square angle",
            "spread of ‖w‖",
            f"the angle at ε = {self.eps:g}",
        )
        rows = []
        for decay, w in walks.items():
            logs, ends = np.log(w.cosines).mean(axis=0), _ends(w)
            angles = np.arccos(np.minimum(w.cosines, 1.0))
            lengths = np.sqrt(w.squares)
            broken = walk(decay, seed=7, eps=self.eps)
            rows.append(
                (
                    decay,
                    len(w.cosines),
                    math.sqrt(2 * decay),
                    exact_angle(decay),
                    math.acos(math.exp(float(logs.mean()))),
                    float(ends.mean() / logs.mean()),
                    math.sqrt(float((angles**2).mean())),
                    float((lengths.std(axis=0) / lengths.mean(axis=0)).mean()),
                    math.acos(math.exp(float(np.log(broken.cosines).mean()))),
                )
            )
        caption = (
            f"One training each, {FEATURES} features, rate {RATE}, batches of {BATCH} with noisy targets, after "
            f"{RELAXED:g}/(ηλ) steps. The geometric mean is fixed by ηλ and the two ends alone, whatever the loss "
            f"and the noise."
        )
        return Table(PATH, columns, tuple(rows), caption)

    def _figure(self, walks: dict[float, Walk]) -> Figure:
        x = tuple(sorted(walks))
        line = tuple(np.geomspace(x[0], x[-1], 40).tolist())
        rms = tuple(math.sqrt(float((np.arccos(np.minimum(walks[d].cosines, 1.0)) ** 2).mean())) for d in x)
        curves = (
            Curve("θ: predicted", "predicted", line, tuple(exact_angle(d) for d in line)),
            Curve("θ: measured", "measured", x, rms),
            Curve("√(2ηλ)", "other", line, tuple(math.sqrt(2 * d) for d in line)),
        )
        caption = "Angle per step against ηλ: arccos(1 − ηλ), its leading term, and the root mean square of trainings."
        return Figure(f"{self.name}-angles", TURNS, "ηλ", "angle", curves, "log", "log", caption)


def _ends(w: Walk) -> Floats:
    """(1/T) log(‖w_0‖/‖w_T‖) of every feature."""
    return np.asarray(np.log(w.squares[0] / w.squares[-1]) / (2 * len(w.cosines)))


def _telescoped(walks: dict[float, Walk]) -> Discrepancy:
    laws = np.stack([math.log1p(-decay) + _ends(w) for decay, w in walks.items()])
    values = np.stack([np.log(w.cosines).mean(axis=0) for w in walks.values()])
    quantity = "mean of log cos θ of every feature"
    scope: dict[str, str | int] = {"ηλ": ", ".join(f"{d:g}" for d in walks), "features": FEATURES, "ε": 0}
    prediction = Prediction(quantity, laws, np.full_like(laws, ROUNDING), scope)
    return compare(prediction, Measurement(quantity, values, "float64", None, {}))

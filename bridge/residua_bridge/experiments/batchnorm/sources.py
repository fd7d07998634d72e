"""Networks with batch statistics at initialisation as sources of repetitions, and laws to judge on them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from residua_bridge.budgets.judge import judged
from residua_bridge.budgets.law import Ladder, Law, Sizes, Source
from residua_bridge.budgets.section import Case, budgets_section, ladder_figures
from residua_bridge.findings import Curve, Figure
from residua_bridge.study import By, Finding, Settings
from residua_network import Activation, BatchNorm, Layer, Linear, Network, Residual
from residua_numeric.initial import initial_statistics

Block = Callable[[int], tuple[Layer, ...]]
APART = 2**24  # networks between the first of one block of repetitions and that of the next
HE = 2.0
LOOKS = 6  # more than any law here takes: what ends a ladder is its bars, not a clock


def norm(width: int) -> BatchNorm:
    """As it is initialised, with ε = 0."""
    return BatchNorm(width, eps=0.0, affine=False)


def linear_block(width: int) -> tuple[Layer, ...]:
    """Linear → BatchNorm."""
    return (Linear(width, width, bias=False), norm(width))


def relu_block(width: int) -> tuple[Layer, ...]:
    """Linear → BatchNorm → ReLU."""
    return (*linear_block(width), Activation("relu"))


def plain_block(width: int) -> tuple[Layer, ...]:
    """Linear → ReLU."""
    return (Linear(width, width, bias=False), Activation("relu"))


def pre_norm_block(order: str) -> Block:
    """x + branch(x), its layers in the order that the name says."""

    def block(width: int) -> tuple[Layer, ...]:
        made: dict[str, Layer] = {
            "BatchNorm": norm(width),
            "ReLU": Activation("relu"),
            "Linear": Linear(width, width, bias=False),
        }
        return (Residual(tuple(made[name] for name in order.split(" → "))),)

    return block


def post_norm_block(order: str) -> Block:
    """BatchNorm(x + branch(x))."""
    return lambda width: (*pre_norm_block(order)(width), norm(width))


@dataclass(frozen=True)
class Gradients:
    """What networks of `depth` blocks give: squared gradient before block `start` over that behind `layers(depth)`.

    Sizes: width, depth, batch and, where it is one, variance (n times that of a weight). `per_layer`: the root of the
    ratio that gives the factor of a layer. `pairs`: numerator and denominator, for the ratio of means.
    """

    block: Block
    layers: Callable[[int], int] = lambda depth: depth
    start: int = 0
    per_layer: bool = True
    pairs: bool = False
    seed: int = 0

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> NDArray[np.float64]:
        """As many networks, each with weights, inputs and output gradient of its own."""
        width, depth, batch = (int(sizes[name]) for name in ("width", "depth", "batch"))
        layers = self.block(width)
        found = initial_statistics(
            Network(layers * depth),
            repetitions,
            batch=batch,
            init=float(sizes.get("variance", HE)),
            seed=self.seed,
            first=block * APART,
            progress=False,
        )
        upto = self.layers(depth)
        columns = len(layers) * self.start, len(layers) * upto
        if self.pairs:
            return found.gradient_pair(*columns)
        ratio = found.gradient_ratio(*columns)
        return ratio ** (1 / (upto - self.start)) if self.per_layer else ratio

    def cost(self, sizes: Sizes) -> float:
        """Matrix products, and what is done for each entry."""
        return sizes["depth"] * sizes["width"] * sizes["batch"] * (sizes["width"] + 64)


@dataclass
class Kept:
    """A source that keeps what it drew: laws judged along one ladder are judged on the same networks."""

    source: Gradients
    drawn: dict[tuple[object, ...], NDArray[np.float64]] = field(default_factory=dict)

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> NDArray[np.float64]:
        """Drawn once."""
        key = (*sorted(sizes.items()), repetitions, block)
        if key not in self.drawn:
            self.drawn[key] = self.source.draw(sizes, repetitions, block)
        return self.drawn[key]

    def cost(self, sizes: Sizes) -> float:
        """Of the source itself."""
        return self.source.cost(sizes)


@dataclass(frozen=True)
class Planned:
    """A law, what it is met on and along which sizes, and what is said of it."""

    label: str
    statement: str
    expected: str
    law: Law
    source: Source
    ladder: Ladder
    statistic: str = "geometric mean"
    note: str = ""

    def judged(self, settings: Settings) -> Case:
        """The verdict with its budget."""
        found = judged(self.law, self.source, self.ladder, self.statistic, settings.track)
        return Case(found, self.label, self.statement, self.expected, self.note)


@dataclass(frozen=True)
class Beside:
    """One picture of several laws along a size: each law as a line, what was measured in the widest nets as points."""

    name: str
    title: str
    size: str
    labels: tuple[str, ...]
    ylabel: str
    yscale: Literal["linear", "log"] = "linear"

    def figure(self, plans: Sequence[Planned], cases: Sequence[Case]) -> Figure:
        """Drawn from the budgets."""
        chosen = [(plan, case) for plan, case in zip(plans, cases, strict=True) if plan.label in self.labels]
        curves, ticks = [], set()
        for plan, case in chosen:
            widest = max(r.sizes["width"] for r in case.budget.rungs)
            rungs = {r.sizes[self.size]: r for r in case.budget.rungs if r.sizes["width"] == widest}
            x = tuple(sorted(rungs))
            ticks |= set(x)
            line = tuple(float(size) for size in range(int(x[0]), int(x[-1]) + 1))
            law = tuple(plan.law.predicted({**plan.ladder.point, self.size: size}).value for size in line)
            values, bars = tuple(rungs[at].measured for at in x), tuple(rungs[at].bar for at in x)
            curves.append(Curve(f"{plan.label}: predicted", "predicted", line, law))
            curves.append(Curve(f"{plan.label}: measured", "measured", x, values, bars))
        caption = (
            f"Along {self.size}: the laws of infinite width as lines, what was measured in the widest nets as "
            "points, with standard errors."
        )
        return Figure(
            self.name,
            self.title,
            self.size,
            self.ylabel,
            tuple(curves),
            "log",
            self.yscale,
            caption,
            ticks=tuple(sorted(ticks)),
        )


@dataclass(frozen=True)
class PlannedLaws:
    """Laws with their budgets in one section; each is made when it is run. `drawn`: labels whose limits are drawn."""

    name: str
    title: str
    prose: tuple[str, ...]
    plans: tuple[Callable[[float], Planned], ...]  # of the seconds of computing allowed for it
    seconds: By
    drawn: tuple[str, ...] = ()
    beside: tuple[Beside, ...] = ()

    def run(self, settings: Settings) -> Finding:
        """Judge them all."""
        plans = [make(self.seconds.of(settings.profile)) for make in self.plans]
        cases = [plan.judged(settings) for plan in plans]
        found = budgets_section(self.name, self.title, self.prose, cases, ladders=False)
        ladders = [
            figure
            for k, case in enumerate(cases)
            if case.label in self.drawn
            for figure in ladder_figures(f"{self.name}-{k + 1}", case)
            if any(figure.name.endswith(f"-{size}") for size in plans[k].law.limits)
        ]
        figures = (*(beside.figure(plans, cases) for beside in self.beside), *ladders)
        return replace(found, section=replace(found.section, figures=figures))


def root(value: float, layers: int) -> float:
    """The factor of a layer."""
    return math.exp(math.log(value) / layers)

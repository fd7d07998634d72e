"""A learned factor and a learned addend on each layer: what they change in training, for they change no function."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from residua_bridge.experiments.normalised_training.nets import (
    BAR,
    INITIALISATIONS,
    accuracies,
    digits,
    interval,
    sided,
)
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Cell, Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Floats
from residua_network import Activation, BatchNorm, Layer, Linear, Network, Residual
from residua_numeric import build
from residua_numeric.layers.batchnorm import BatchNorm as Norm
from residua_numeric.modules import modules_of
from residua_numeric.trainings import train_models
from residua_symbolic.training.absorbed import absorbed

TRIED = "With a learned factor and addend on each layer"  # table


class Variant(NamedTuple):
    """How the factor enters: where, and at which value it begins; None: there is none."""

    name: str
    residual: bool
    factor: float | None
    against: str = ""  # the variant that it is compared with


@dataclass(frozen=True)
class LearnedFactor:
    """Deep nets with and without, trained from the same seeds."""

    title: str
    prose: tuple[str, ...]
    variants: tuple[Variant, ...]
    blocks: int
    width: int
    inits: tuple[str, ...]
    rate: float
    batch: int
    steps: By
    seeds: By

    def run(self, settings: Settings) -> Finding:
        """Prove that nothing new can be said with it; train."""
        seeds = range(self.seeds.of(settings.profile))
        cases = [(init, variant) for init in self.inits for variant in self.variants]
        found: dict[tuple[str, str], tuple[Floats, Floats]] = {}
        for init, variant in settings.track(cases, self.title):
            found[init, variant.name] = self._trained(variant, init, seeds, self.steps.of(settings.profile))
        table = self._table(found, settings)
        return Finding(Section(self.title, self.prose, (proved(absorbed()),), (table,)))

    def _network(self, variant: Variant) -> Network:
        """ReLU → Linear (→ factor and addend), on a stream or one after the other."""
        inner: tuple[Layer, ...] = (Activation("relu"), Linear(self.width, self.width))
        if variant.factor is not None:  # stored statistics 0 and 1, which stay: γ x + β and nothing else
            inner += (BatchNorm(self.width, eps=0.0, statistics="running"),)
        block: tuple[Layer, ...] = (Residual(inner),) if variant.residual else inner
        return Network((Linear(64, self.width), *block * self.blocks, Linear(self.width, 10)))

    def _trained(self, variant: Variant, init: str, seeds: range, steps: int) -> tuple[Floats, Floats]:
        """Accuracy; and the ratio of the gradients at the first and the last block before training."""
        net = self._network(variant)
        models = [build(net, seed, "float32", init) for seed in seeds]
        for model in models:
            _begin(model, variant.factor)
        ratios = np.array([_ratio(model) for model in models])
        trained = train_models(net, models, seeds, digits(), steps, "sgd", self.rate, self.batch)
        return accuracies(trained, digits()), ratios

    def _table(self, found: dict[tuple[str, str], tuple[Floats, Floats]], settings: Settings) -> Table:
        rows: list[tuple[Cell, ...]] = []
        for init in self.inits:
            for variant in self.variants:
                right, ratios = found[init, variant.name]
                compared: tuple[Cell, ...] = ("–", "–", "–", "–")
                if variant.against:
                    gap = interval(right - found[init, variant.against][0])
                    compared = (variant.against, *gap, sided(*gap))
                rows.append(
                    (
                        INITIALISATIONS[init],
                        variant.name,
                        float(np.exp(np.log(ratios).mean())),
                        float(right.mean()),
                        *compared,
                    )
                )
        columns = (
            "start",
            "net",
            "gradient at the start, first over last",
            "right",
            "against",
            "difference",
            BAR,
            "it is",
        )
        caption = (
            f"Share of the test digits that are right: {self.blocks} blocks ReLU → Linear of width {self.width}, "
            f"{self.steps.of(settings.profile)} steps of gradient descent at this one rate, {self.rate:g}, batch "
            f"{self.batch}, {self.seeds.of(settings.profile)} seeds, differences paired by seed. Gradient: of the "
            "loss by the weights of the first linear layer over that of the last, before training, geometric mean."
        )
        return Table(TRIED, columns, tuple(rows), caption)


def _begin(model: torch.nn.Sequential, factor: float | None) -> None:
    for module in modules_of(model).values():
        if factor is not None and isinstance(module, Norm):
            assert module.weight is not None
            with torch.no_grad():
                module.weight.fill_(factor)


def _ratio(model: torch.nn.Sequential) -> float:
    """Norms of the gradients of the first and the last weight matrix, over all training digits."""
    x, y = (torch.tensor(part) for part in (digits().x, digits().y))
    with torch.enable_grad():
        loss = torch.nn.functional.cross_entropy(model(x.float()), y)
        weights = [m.weight for m in model.modules() if isinstance(m, torch.nn.Linear)]
        first, last = torch.autograd.grad(loss, [weights[0], weights[-1]])
    return float(first.norm() / last.norm())

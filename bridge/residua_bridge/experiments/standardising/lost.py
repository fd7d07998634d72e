"""Document 003, L70: is what the layer before has learnt lost without γ and β? Trained on digits."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from residua_bridge.experiments.standardising.sides import UNIT, Mean, set_beside
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_network import Activation, BatchNorm, Layer, Linear, Network
from residua_numeric import Task, accuracy, build
from residua_numeric.ensemble import train_many
from residua_numeric.standardising.trials import fit, random_features
from residua_numeric.weights import put, tensors_of
from residua_symbolic import Derivation

LEARNT = "Digits with and without γ, β"
WITH, WITHOUT, PLAIN, RANDOM = "with γ, β", "without γ, β", "no normalisation", "without γ, β, first layer random"
WIDTH = 32
RATE = 3e-3
BATCH = 64
ROWS = 16


@dataclass(frozen=True)
class WithoutAffine:
    """Test accuracy of one net with γ, β, without, without any normalisation, and without a trained first layer."""

    title: str
    prose: tuple[str, ...]
    derive: tuple[Callable[[], Derivation], ...]
    activations: tuple[str, ...]
    steps: int
    seeds: By

    def run(self, settings: Settings) -> Finding:
        """The same seeds, initial weights and minibatches for all."""
        count, task = self.seeds.of(settings.profile), Task.digits()
        cases = [(a, kind) for a in self.activations for kind in (WITH, WITHOUT, PLAIN, RANDOM)]
        found = {case: self._accuracies(*case, task, count) for case in settings.track(cases, self.title)}
        rows = []
        for activation, kind in cases:
            values, without = found[activation, kind], found[activation, WITHOUT]
            own, gap = Mean.of(values), Mean.of(np.array(values) - without) if kind != WITHOUT else Mean(0.0, 0.0)
            rows.append((activation, kind, own.value, own.error, gap.value, gap.error))
        merged = _merged()
        columns = ("activation", "net", "accuracy", "standard error", "above the net without", "standard error of that")
        caption = (
            f"Test accuracy on digits, 64-{WIDTH}-{WIDTH}-10 with batch normalisation before each activation, Adam at "
            f"{RATE:g}, {self.steps} steps of {BATCH}, seeds 0 to {count - 1}. "
            "Differences are taken seed by seed: same initial weights, same minibatches. Batch statistics are those "
            "of the test part."
        )
        section = Section(
            self.title,
            self.prose,
            derivations=tuple(proved(make()) for make in self.derive),
            tables=(Table(LEARNT, columns, tuple(rows), caption),),
            verdicts=(as_text(merged, "γ and β merged into the linear layer behind: the same outputs", "agree"),),
        )
        return Finding(section, (merged,))

    def _accuracies(self, activation: str, kind: str, task: Task, count: int) -> list[float]:
        net = network(activation, {WITH: True, PLAIN: None}.get(kind, False))
        if kind == RANDOM:
            return [self._random_first(net, task, seed) for seed in range(count)]
        models = train_many(net, task, range(count), self.steps, rate=RATE, batch=BATCH, progress=False).models
        return [accuracy(model, task) for model in models]

    def _random_first(self, net: Network, task: Task, seed: int) -> float:
        rest, features = random_features(net, task, seed)
        model = build(rest, seed, "float32")
        fit(model, features, self.steps, RATE, seed, BATCH)
        return accuracy(model, features)


def network(activation: str, affine: bool | None) -> Network:
    """64-32-32-10 with batch norms before the activations; None: without them."""
    norm: tuple[Layer, ...] = () if affine is None else (BatchNorm(WIDTH, affine=affine),)
    hidden = (*norm, Activation(activation))
    return Network((Linear(64, WIDTH), *hidden, Linear(WIDTH, WIDTH), *hidden, Linear(WIDTH, 10)))


def _merged() -> Discrepancy:
    """BatchNorm with random γ, β → Linear, against BatchNorm without → Linear of weight W Γ and bias W β + b."""
    random = np.random.default_rng(0)
    full = build(Network((BatchNorm(5), Linear(5, 3))), seed=0)
    gamma, beta = torch.tensor(random.uniform(0.5, 2, 5)), torch.tensor(random.normal(size=5))
    put(full, {**tensors_of(full), "0.weight": gamma, "0.bias": beta})
    bare = build(Network((BatchNorm(5, affine=False), Linear(5, 3))), seed=0)
    own = tensors_of(full)
    weight, bias = own["1.weight"] * gamma, own["1.weight"] @ beta + own["1.bias"]
    put(bare, {**tensors_of(bare), "1.weight": weight, "1.bias": bias})
    x = torch.tensor(random.normal(size=(ROWS, 5)))
    with torch.no_grad():
        bar = 100 * UNIT * float((abs(weight).sum(1) * 4 + abs(bias)).max())
        return set_beside(
            "outputs with γ, β merged", full(x).numpy(), bare(x).numpy(), np.full((ROWS, 3), bar), rows=ROWS
        )

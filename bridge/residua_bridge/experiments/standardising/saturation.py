"""Document 003, L72: γ, β and saturation; does it make nets robust? Trained on digits, tested on disturbed ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from residua_bridge.experiments.standardising.lost import RATE, network
from residua_bridge.experiments.standardising.sides import SAMPLED, Mean, set_beside
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_network import BatchNorm, Network
from residua_numeric import Task, build
from residua_numeric.ensemble import train_many
from residua_numeric.standardising.trials import (
    attacked_accuracy,
    masked_accuracy,
    noisy_accuracy,
    norm_outputs,
    stored,
    train_with_scale,
)
from residua_numeric.weights import weights_of
from residua_symbolic import Derivation
from residua_symbolic.standardising.sigmoid_range import EDGE, saturated_share

SHARES, TRAINED, NOISY, HELD = (
    "Share of γ z + β beyond ±3",
    "What training makes of γ, β",
    "Accuracy on disturbed images, with and without γ, β",
    "Accuracy on disturbed images, γ held fixed",
)
WITH, WITHOUT = "with γ, β", "without γ, β"
PAIRS = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (2.0, 0.0), (2.0, 1.0), (4.0, 0.0))
DRAWN = 50_000
REPETITIONS = 8
LEVELS = (0.0, 0.2, 0.4, 0.6, 0.8)


@dataclass(frozen=True)
class Disturbance:
    """Something done to the test images."""

    label: str
    accuracy: Callable[[nn.Sequential, Task, int], float]


NONE = Disturbance("none", lambda model, task, seed: noisy_accuracy(model, task, 0.0, seed))
DISTURBANCES = (
    NONE,
    Disturbance("noise 0.5", lambda model, task, seed: noisy_accuracy(model, task, 0.5, seed)),
    Disturbance("noise 1", lambda model, task, seed: noisy_accuracy(model, task, 1.0, seed)),
    Disturbance("step 0.1 against the gradient", lambda model, task, seed: attacked_accuracy(model, task, 0.1)),
    Disturbance("half of the pixels blank", lambda model, task, seed: masked_accuracy(model, task, 0.5, seed)),
)


@dataclass(frozen=True)
class Saturation:
    """Shares derived and drawn; γ, β after training; accuracy on disturbed images."""

    name: str
    title: str
    prose: tuple[str, ...]
    derive: tuple[Callable[[], Derivation], ...]
    steps: int
    held_steps: int
    seeds: By
    scales: tuple[float, ...]

    def run(self, settings: Settings) -> Finding:
        """Train with γ, β, without, and with γ held at several values."""
        count, task = self.seeds.of(settings.profile), Task.digits()
        d = _shares()
        learnt = {kind: _learnt(affine, task, self.steps, count) for kind, affine in ((WITH, True), (WITHOUT, False))}
        held = {scale: self._held(scale, task, count) for scale in settings.track(self.scales, self.title)}
        tables = (
            _share_table(),
            self._trained_table(learnt, count),
            self._learnt_table(learnt, count),
            self._held_table(held, count),
        )
        section = Section(
            self.title,
            self.prose,
            derivations=tuple(proved(make()) for make in self.derive),
            tables=tables,
            figures=(self._figure(learnt, held),),
            verdicts=(
                as_text(
                    d,
                    "Share of γ z + β beyond ±3, certified against drawn in torch",
                    "agree",
                    "the difference lies within sampling",
                ),
            ),
        )
        return Finding(section, (d,))

    def _held(self, scale: float, task: Task, count: int) -> "_Trained":
        net = network("sigmoid", True)
        models = [train_with_scale(net, task, scale, seed, self.held_steps, RATE) for seed in range(count)]
        return _Trained.of(net, models, task)

    def _trained_table(self, learnt: "dict[str, _Trained]", count: int) -> Table:
        rows = []
        trained, bare = learnt[WITH], learnt[WITHOUT]
        for k in range(trained.saturated.shape[1]):
            cells = [
                cell
                for values in (trained.gammas, trained.betas, trained.fresh, trained.saturated, bare.saturated)
                for cell in Mean.of(values[:, k])
            ]
            rows.append((k + 1, *cells))
        columns = (
            "norm",
            "mean γ",
            "s.e. of γ",
            "mean |β|",
            "s.e. of |β|",
            "before",
            "s.e. before",
            "after",
            "s.e. after",
            "without γ, β",
            "s.e. without",
        )
        caption = (
            f"γ and β of both batch norms after {self.steps} steps (they begin at 1 and 0), and the share of what "
            f"sigmoids are fed beyond ±{EDGE} on the test part: before "
            f"training, after, and after training without γ, β. Seeds 0 to {count - 1}."
        )
        return Table(TRAINED, columns, tuple(rows), caption)

    def _learnt_table(self, learnt: "dict[str, _Trained]", count: int) -> Table:
        a, b = learnt[WITH].accuracies, learnt[WITHOUT].accuracies
        rows = tuple(
            (one.label, *Mean.of(a[:, k]), *Mean.of(b[:, k]), *Mean.of(a[:, k] - b[:, k]))
            for k, one in enumerate(DISTURBANCES)
        )
        columns = ("disturbance", WITH, "s.e. with", WITHOUT, "s.e. without", "difference", "standard error")
        caption = (
            f"Test accuracy, stored statistics, sigmoid nets after {self.steps} steps of 64, Adam at {RATE:g}, seeds "
            f"0 to {count - 1}; differences seed by seed. Pixels have deviation 1: noise is Gaussian "
            "with this deviation; a step moves each pixel by so much towards a larger loss; blank pixels have the "
            "value of the background."
        )
        return Table(NOISY, columns, rows, caption)

    def _held_table(self, held: "dict[float, _Trained]", count: int) -> Table:
        least = min(self.scales)
        rows = []
        for scale, trained in held.items():
            share = Mean.of(trained.saturated.mean(axis=1))
            for k, one in enumerate(DISTURBANCES):
                own, gap = (Mean.of(trained.accuracies[:, k] - other) for other in (0.0, held[least].accuracies[:, k]))
                rows.append((scale, one.label, *share, *own, *gap))
        columns = (
            "γ",
            "disturbance",
            "saturated",
            "s.e. of that",
            "accuracy",
            "standard error",
            f"above γ = {least:g}",
            "s.e. of the difference",
        )
        caption = (
            f"γ held at one value in all units, β at 0, all else trained for {self.held_steps} steps; the share "
            f"beyond ±{EDGE} is on test images that nothing was done to. "
            f"Seeds 0 to {count - 1}, differences seed by seed."
        )
        return Table(HELD, columns, tuple(rows), caption)

    def _figure(self, learnt: "dict[str, _Trained]", held: "dict[float, _Trained]") -> Figure:
        low, high = min(self.scales), max(self.scales)
        pairs = {"γ, β learnt, against none": (learnt[WITH], learnt[WITHOUT])}
        pairs[f"γ = {high:g}, against {low:g}"] = (held[high], held[low])
        curves = []
        for what, name in (("noise", "noise"), ("blank", "blank pixels")):
            for label, (one, other) in pairs.items():
                gaps = 100 * (getattr(one, what) - getattr(other, what))
                means = [Mean.of(gaps[:, k]) for k in range(len(LEVELS))]
                values, errors = tuple(m.value for m in means), tuple(m.error for m in means)
                curves.append(Curve(f"{name}: {label}", "measured", LEVELS, values, errors))
        caption = (
            "What saturation changes in accuracy on disturbed digits, in percent: of learnt γ, β (against none) "
            f"and of γ held at {high:g} (against {low:g}), by the deviation of noise and by the share of blank "
            "pixels. Bars: standard errors over seeds."
        )
        xlabel, ylabel = "deviation of the noise, or share of blank pixels", "gain in accuracy, %"
        return Figure(self.name, self.title, xlabel, ylabel, tuple(curves), caption=caption)


@dataclass(frozen=True)
class _Trained:
    """Nets of one kind, one row a seed: accuracies by disturbance; by norm the shares beyond the edge after training
    and before, mean γ and mean |β|; accuracies by level of noise and by share of blank pixels."""

    accuracies: Floats
    saturated: Floats
    fresh: Floats
    gammas: Floats
    betas: Floats
    noise: Floats
    blank: Floats

    @classmethod
    def of(cls, net: Network, models: Sequence[nn.Sequential], task: Task) -> "_Trained":
        """Measured on the test part."""
        assert task.test_x is not None
        every = tuple(enumerate(stored(net, model) for model in models))
        weights = [weights_of(model) for model in models]
        norms = [str(place) for place, layer in net.walk() if isinstance(layer, BatchNorm)]

        def own(name: str, neutral: float) -> Floats:
            return np.array(
                [[abs(w.get(f"{norm}.{name}", np.array(neutral))).mean() for norm in norms] for w in weights]
            )

        fresh = [norm_outputs(net, build(net, seed, "float32"), task.test_x) for seed in range(len(models))]
        return cls(
            np.array([[one.accuracy(m, task, seed) for one in DISTURBANCES] for seed, m in every]),
            np.array([_beyond(norm_outputs(net, m, task.test_x)) for m in models]),
            np.array([_beyond(outputs) for outputs in fresh]),
            own("weight", 1.0),
            own("bias", 0.0),
            np.array([[noisy_accuracy(m, task, level, seed) for level in LEVELS] for seed, m in every]),
            np.array([[masked_accuracy(m, task, level, seed) for level in LEVELS] for seed, m in every]),
        )


def _learnt(affine: bool, task: Task, steps: int, count: int) -> _Trained:
    net = network("sigmoid", affine)
    return _Trained.of(net, train_many(net, task, range(count), steps, rate=RATE, progress=False).models, task)


def _beyond(outputs: Sequence[Floats]) -> list[float]:
    """Share beyond the edge, layer by layer."""
    return [float((abs(values) > EDGE).mean()) for values in outputs]


def _share_table() -> Table:
    rows = []
    for scale, shift in PAIRS:
        e = saturated_share(scale, shift)
        rows.append((scale, shift, float(e.lower), float(e.upper)))
    caption = (
        f"z standard normal: the share beyond ±{EDGE}, where sigmoid's slope is below 18.1 % of its largest. Certified."
    )
    return Table(SHARES, ("γ", "β", "at least", "at most"), tuple(rows), caption)


def _shares() -> Discrepancy:
    predicted = np.array([[float(saturated_share(*pair).middle) for pair in PAIRS]])
    counted = np.empty((REPETITIONS, len(PAIRS)))
    for seed in range(REPETITIONS):
        z = torch.randn(DRAWN, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        counted[seed] = [float(((scale * z + shift).abs() > EDGE).double().mean()) for scale, shift in PAIRS]
    total = REPETITIONS * DRAWN
    spread = np.sqrt(predicted * (1 - predicted) / total) + 1 / total  # binomial; one more where hardly any is expected
    return set_beside(
        "share of γ z + β beyond ±3",
        predicted,
        counted.mean(axis=0)[None, :],
        np.full(predicted.shape, 1e-15),
        spread=spread,
        resolution=SAMPLED,
        numbers=total,
        pairs=len(PAIRS),
    )

"""What training does to the gains of normalisers where gradients grow through the layers, and where they vanish."""

from dataclasses import dataclass

import numpy as np

from residua_bridge.experiments.plain.sources import Floats
from residua_bridge.findings import Section, Table
from residua_bridge.study import By, Finding, Labelled, Settings
from residua_network import Network
from residua_numeric import Snapshot, Task, accuracy, build, measure, train, weights_of

GAINS = "Learned gains"
ROWS = 64  # of the gradient that is measured
BLOCK = 3  # layers of a block
COLUMNS = (
    *("network", "layers", "log10 of the gradient ratio, before", "standard error", "after", "standard error "),
    *("log10 of the gains, after", "standard error  ", "test accuracy"),
)


@dataclass(frozen=True)
class LearnedGains:
    """Trainings on digits from several seeds; gradient ratio and gains before and after.

    Each network is a Linear layer, blocks of Linear, normaliser and activation, and a Linear layer.
    """

    title: str
    prose: tuple[str, ...]
    networks: tuple[Labelled, ...]
    seeds: By
    steps: int
    rate: float = 1e-3
    batch: int = 64

    def run(self, settings: Settings) -> Finding:
        """Train, look at both ends."""
        task, seeds = Task.digits(), range(self.seeds.of(settings.profile))
        cases = [(one, seed) for one in self.networks for seed in seeds]
        found: dict[str, list[tuple[float, ...]]] = {one.label: [] for one in self.networks}
        for one, seed in settings.track(cases, self.title):
            found[one.label].append(self._trained(one.network(), task, seed))
        rows = tuple(self._row(one, np.array(found[one.label])) for one in self.networks)
        caption = (
            f"Adam, rate {self.rate:g}, {self.steps} steps of {self.batch} digits, seeds 0 to {len(seeds) - 1}. "
            f"Gradient ratio: squared gradient behind the first layer over that before the last, for {ROWS} training "
            "digits and a random cotangent. Gains: the root of the mean of $g^2$ in each layer, its logarithm averaged "
            "over the layers; before training it is 0. Standard errors over seeds."
        )
        return Finding(Section(self.title, self.prose, tables=(Table(GAINS, COLUMNS, rows, caption),)))

    def _trained(self, net: Network, task: Task, seed: int) -> tuple[float, ...]:
        """Gradient ratio before and after, gains and accuracy after."""
        model = build(net, seed=seed, init="he")
        ends = (0, self.steps)
        history = train(
            model, task, self.steps, rate=self.rate, batch=self.batch, seed=seed, snapshots=ends, progress=False
        )
        first, last = (self._ratio(snapshot, task, seed) for snapshot in history.snapshots)
        return (first, last, _gains(history.snapshots[-1], net), accuracy(model, task))

    def _ratio(self, snapshot: Snapshot, task: Task, seed: int) -> float:
        """log10 of ‖gradient‖² between the first and the last layer."""
        stop = len(snapshot.network.layers) - 1
        cotangent = np.random.default_rng(seed).normal(size=(ROWS, task.outputs))
        norms = measure(snapshot.build(), "gradient norms", task.x[:ROWS], cotangent=cotangent).values
        return float(np.log10((norms[:, 1] ** 2).sum() / (norms[:, stop] ** 2).sum()))

    def _row(self, one: Labelled, found: Floats) -> tuple[str | int | float, ...]:
        mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(len(found))
        layers = (len(one.network().layers) - 2) // BLOCK
        pairs = [float(value) for pair in zip(mean[:3], error[:3], strict=True) for value in pair]
        return (one.label, layers, *pairs, float(mean[3]))


def _gains(snapshot: Snapshot, net: Network) -> float:
    """Mean over the normalisers of log10 of the root mean square of their gains."""
    weights = weights_of(snapshot)
    gains = [weights[f"{place}.weight"] for place, layer in net.walk() if layer.kind in ("batchnorm", "layernorm")]
    return float(np.mean([np.log10(np.sqrt(np.mean(np.square(g)))) for g in gains]))

"""Document 003, L111: layer normalisation of few features of different kinds; what it forgets, and what that costs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from residua_bridge.experiments.standardising.sides import UNIT, Mean, set_beside
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_network import Activation, BatchNorm, Layer, LayerNorm, Linear, Network
from residua_numeric import Task, accuracy, build
from residua_numeric.standardising.trials import fit, split
from residua_symbolic import Derivation

PEOPLE_TABLE, COST = "Sex and age after layer normalisation", "What a first layer that normalises costs"
PEOPLE = ((0, 20), (1, 20), (0, 45), (1, 70))
LAYER, BATCH, SCALED = "layer norm", "batch norm", "scaled data"
EPS = 1e-5
POINTS = 400
WIDTH = 16
RATE = 1e-2
AGE = "sex and age"


@dataclass(frozen=True)
class Features:
    """Some columns of a labelled data set."""

    label: str
    source: str  # "people", or a loader of scikit-learn
    columns: tuple[int, ...]
    alike: bool  # whether the columns are of one kind, on one scale


@dataclass(frozen=True)
class FewFeatures:
    """What layer norm makes of people; classifiers whose first layer is layer norm, batch norm, or none on scaled "
    "data."""

    title: str
    prose: tuple[str, ...]
    derive: tuple[Callable[[], Derivation], ...]
    features: tuple[Features, ...]
    steps: int
    splits: By

    def run(self, settings: Settings) -> Finding:
        """Train on random splits, the same for all three."""
        count = self.splits.of(settings.profile)
        people, d = _people()
        rows = []
        for features in settings.track(self.features, self.title):
            x, y = _data(features.source)
            found = {
                kind: np.array([self._accuracy(features, x, y, kind, seed) for seed in range(count)])
                for kind in (LAYER, BATCH, SCALED)
            }
            means = [Mean.of(values) for values in found.values()]
            gap = Mean.of(found[LAYER] - found[BATCH])
            base = float(np.bincount(y).max() / len(y))
            cells = [cell for mean in means for cell in mean]
            rows.append(
                (
                    features.label,
                    len(features.columns),
                    "one" if features.alike else "different",
                    base,
                    *cells,
                    gap.value,
                    gap.error,
                )
            )
        columns = (
            "data",
            "n",
            "kinds",
            "largest class",
            LAYER,
            "s.e. of layer norm",
            BATCH,
            "s.e. of batch norm",
            SCALED,
            "s.e. of scaled data",
            "layer norm above batch norm",
            "standard error",
        )
        caption = (
            f"Test accuracy on 30 % of the rows, {count} random splits and nets, seeds 0, 1, …: a first layer that "
            f"normalises raw data, or none on data scaled by the deviations of the training "
            f"part; then n-{WIDTH}-classes with tanh, Adam at {RATE:g}, {self.steps} steps. Differences split by "
            f"split. Layer norm has γ and β."
        )
        section = Section(
            self.title,
            self.prose,
            derivations=tuple(proved(make()) for make in self.derive),
            tables=(people, Table(COST, columns, tuple(rows), caption)),
            verdicts=(as_text(d, "torch's layer norm of two features: d/√(d² + 4ε)", "agree"),),
        )
        return Finding(section, (d,))

    def _accuracy(self, features: Features, x: Floats, y: np.ndarray, kind: str, seed: int) -> float:
        task = split(features.label, x, y, features.columns, seed)
        size = len(features.columns)
        if kind == SCALED:
            assert task.test_x is not None
            spread = task.x.std(axis=0)
            middle, spread = task.x.mean(axis=0), np.where(spread > 0, spread, 1.0)
            scaled = [(part - middle) / spread for part in (task.x, task.test_x)]
            task = Task.data(task.name, scaled[0], task.y, task.loss, test=(scaled[1], task.test_y))
        first: tuple[Layer, ...] = {LAYER: (LayerNorm(size),), BATCH: (BatchNorm(size),)}.get(kind, ())
        classes = int(y.max()) + 1
        net = Network((*first, Linear(size, WIDTH), Activation("tanh"), Linear(WIDTH, classes)))
        model = build(net, seed, "float32")
        fit(model, task, self.steps, RATE, seed)
        return accuracy(model, task)


def _people() -> tuple[Table, Discrepancy]:
    x = torch.tensor(PEOPLE, dtype=torch.float64)
    y = functional.layer_norm(x, (2,), eps=EPS).numpy()
    d = x.numpy()[:, 0] - x.numpy()[:, 1]
    first = d / np.sqrt(d**2 + 4 * EPS)
    predicted = np.column_stack([first, -first])
    found = set_beside(
        "layer norm of sex and age", predicted, y, np.full(predicted.shape, 50 * UNIT), people=len(PEOPLE), eps=str(EPS)
    )
    rows = tuple(
        (sex, age, *map(float, row), float(1 - abs(row).min())) for (sex, age), row in zip(PEOPLE, y, strict=True)
    )
    caption = f"torch, ε = {EPS:g}. Without ε the rows are the same to the last digit, whatever the age."
    return Table(PEOPLE_TABLE, ("sex", "age", "first", "second", "1 less that"), rows, caption), found


def _data(source: str) -> tuple[Floats, np.ndarray]:
    """Rows and classes, as they are stored: no scaling."""
    if source == "people":
        random = np.random.default_rng(0)
        sex, age = random.integers(0, 2, POINTS), random.uniform(1, 90, POINTS)
        return np.column_stack([sex, age]).astype(np.float64), (age > np.where(sex == 1, 50, 40)).astype(np.int64)
    from sklearn import datasets  # slow to import, and needed here only

    x, y = getattr(datasets, f"load_{source}")(return_X_y=True)
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.int64)

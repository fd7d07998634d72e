"""The small classifiers of the study of training with normalisation: built, trained from several seeds, and judged."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from scipy.special import stdtrit

from residua_bridge.verdict import Floats
from residua_network import Activation, BatchNorm, Dropout, Layer, LayerNorm, Linear, Network
from residua_numeric import Task
from residua_numeric.ensemble import Ensemble

CONFIDENCE = 0.95
BAR = "± (95 %)"  # of tables: half the width of a t interval over seeds
INITIALISATIONS = {"he": "He's initialisation", "torch": "torch's initialisation"}
NORMS = ("none", "batch", "layer")
CHUNK = 256  # rows whose outputs are taken at once


@cache
def digits() -> Task:
    """1797 handwritten digits, a quarter of them kept for testing."""
    return Task.digits()


def first(count: int) -> Task:
    """The same with so many training examples only."""
    whole = digits()
    return Task.data(f"{count} digits", whole.x[:count], whole.y[:count], whole.loss, test=(whole.test_x, whole.test_y))


def classifier(hidden: int, width: int, norm: str, dropout: float = 0.0, activation: str = "relu") -> Network:
    """Digits through hidden layers of Linear → normaliser → activation → dropout, and a linear layer on top."""
    layers: list[Layer] = []
    for k in range(hidden):
        layers += [Linear(width if k else 64, width), *normaliser(norm, width), Activation(activation)]
        layers += [Dropout(dropout)] if dropout else []
    return Network((*layers, Linear(width, 10)))


def normaliser(norm: str, width: int) -> tuple[Layer, ...]:
    """None, one over the batch or one over the features."""
    return {"none": (), "batch": (BatchNorm(width),), "layer": (LayerNorm(width),)}[norm]


def accuracies(trained: Ensemble, task: Task, statistics: str = "running") -> Floats:
    """Share of the test part that each net gets right; batch norms by what they have stored, or by the test part's own
    statistics. Nets whose training was stopped count as they stand."""
    judged = replace(trained, network=trained.network.with_statistics(statistics))
    x = task.test_x
    assert x is not None
    parts = [x] if statistics == "batch" else np.split(x, range(CHUNK, len(x), CHUNK))
    said = np.concatenate([judged.outputs(part).argmax(-1) for part in parts], axis=1)
    return np.asarray((said == task.test_y).mean(axis=1), dtype=np.float64)


def interval(values: Floats | Sequence[float]) -> tuple[float, float]:
    """Mean and half the width of the 95 % t interval of values that are independent; exact where they are normal."""
    found = np.asarray(values, dtype=np.float64)
    if len(found) < 2:
        return float(found.mean()), math.inf
    quantile = float(stdtrit(len(found) - 1, (1 + CONFIDENCE) / 2))
    return float(found.mean()), quantile * float(found.std(ddof=1)) / math.sqrt(len(found))


def sided(mean: float, half: float, names: tuple[str, str] = ("higher", "lower")) -> str:
    """The side on which an interval around a difference lies; "undecided" where it holds 0."""
    if not abs(mean) > half:
        return "undecided"
    return names[0] if mean > 0 else names[1]

"""Constructed layers as torch models, set against their exact values and against their bounds."""

from typing import Any

import numpy as np
import torch

from residua_bridge.compare import compare
from residua_bridge.verdict import Discrepancy, Floats
from residua_numeric import Measurement, build, measure
from residua_numeric.weights import put
from residua_symbolic import Prediction
from residua_symbolic.universal.outputs import outputs
from residua_symbolic.universal.units import Units

OUTPUT = "output"
EXCESS = "largest error beyond its bound"
SHORT = "error below its floor"
GRID = 4001  # points of [a, b] on torch, both ends among them
CHECKED = 101  # points at which the exact values are computed


def model_of(units: Units) -> torch.nn.Sequential:
    """The torch model with these weights."""
    model = build(units.network)
    put(model, {name: torch.tensor(array) for name, array in units.weights.items()})
    return model


def seen(units: Units, x: Floats) -> Floats:
    """What torch gives at x of shape (points,) or (points, inputs)."""
    return measure(model_of(units), OUTPUT, x.reshape(len(x), -1)).values[:, 0]


def as_computed(units: Units, x: Floats, **scope: Any) -> Discrepancy:
    """The torch model against the exact values of its weights, within what float64 may add."""
    bar = units.rounding(float(np.max(np.abs(x))))
    exact = outputs(units, x)
    prediction = Prediction(OUTPUT, exact[None, :], np.full((1, len(x)), bar), {**scope, "dtype": "float64"}, 1.0)
    return compare(prediction, Measurement(OUTPUT, seen(units, x)[None, :], "float64", None, {}))


def below(largest: float, bound: float, rounding: float, **scope: Any) -> Discrepancy:
    """A measured largest error beside the certified bound: by how much it exceeds it, which should be nothing."""
    beyond = np.maximum(0.0, np.array([[largest - bound]]))  # which keeps NaN
    prediction = Prediction(EXCESS, np.zeros((1, 1)), np.array([[rounding]]), {**scope, "dtype": "float64"}, bound)
    return compare(prediction, Measurement(EXCESS, beyond, "float64", None, {}))


def not_below(floor: float, error: float, rounding: float, **scope: Any) -> Discrepancy:
    """A measured error beside a proven floor: by how much it lies below it, which should be nothing."""
    beyond = np.maximum(0.0, np.array([[floor - error]]))
    prediction = Prediction(SHORT, np.zeros((1, 1)), np.array([[rounding]]), {**scope, "dtype": "float64"}, floor)
    return compare(prediction, Measurement(SHORT, beyond, "float64", None, {}))

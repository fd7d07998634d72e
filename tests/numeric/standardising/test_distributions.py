"""Distances between distributions against scipy, and units of random nets against layers multiplied by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from residua_network import Activation, Linear, Network
from residua_numeric import build, weights_of
from residua_numeric.standardising.distributions import (
    EXPONENTIAL,
    NORMAL,
    along_depth,
    distances,
    of_samples,
    shape_of,
    standardised,
)


@pytest.mark.parametrize("inputs", [NORMAL, EXPONENTIAL])
def test_inputs_follow_their_distribution(inputs: object) -> None:
    drawn = inputs.draw(np.random.default_rng(0), (4000, 1))  # type: ignore[attr-defined]
    assert abs(drawn.mean()) < 4 / np.sqrt(4000)
    assert abs(drawn.std() - 1) < 0.1
    assert stats.kstest(drawn[:, 0], inputs.function).pvalue > 0.01  # type: ignore[attr-defined]


def test_distances_are_those_of_scipy() -> None:
    values = np.random.default_rng(1).exponential(size=(50, 3)) - 1
    found = distances(values, NORMAL.function)
    assert found == pytest.approx([stats.kstest(column, "norm").statistic for column in values.T], rel=1e-12)


def test_shape_knows_shift_scale_and_kurtosis_apart() -> None:
    values = np.random.default_rng(2).normal(size=(500, 4))
    one, other = shape_of(values, NORMAL), shape_of(3 * values + 5, NORMAL)
    assert other.distance == pytest.approx(one.distance, rel=1e-9)
    assert other.kurtosis == pytest.approx(one.kurtosis, abs=1e-9)
    assert other.raw > 0.7 > one.raw
    assert other.offset == pytest.approx(5 / 3, rel=0.1)


@pytest.mark.parametrize("activation", ["identity", "relu", "tanh"])
def test_depths_are_counted_in_linear_layers(activation: str) -> None:
    width, rows = 5, 40
    layers = tuple(layer for _ in range(3) for layer in (Linear(width, width, bias=False), Activation(activation)))
    model = build(Network(layers), 7, init="he")
    y = NORMAL.draw(np.random.default_rng(7), (rows, width))
    bends: dict[str, Callable[[Any], Any]] = {"identity": np.array, "relu": lambda z: np.maximum(z, 0), "tanh": np.tanh}
    found = along_depth(NORMAL, activation, "he", width, (1, 3), rows, 7)
    assert set(found) == {1, 3}
    for depth in (1, 2, 3):
        y = y @ weights_of(model)[f"{2 * depth - 2}.weight"].T
        if depth in found:
            expected = np.mean([stats.kstest(column, "norm").statistic for column in standardised(y).T])
            assert found[depth].distance == pytest.approx(expected, rel=1e-9)
        y = bends[activation](y)


def test_linear_nets_keep_gaussians_and_relu_does_not() -> None:
    reference = of_samples(NORMAL, 1000, 200, 0)
    linear = along_depth(NORMAL, "identity", 1.0, 16, (12,), 1000, 0)[12].distance
    rectified = along_depth(NORMAL, "relu", "he", 16, (12,), 1000, 0)[12].distance
    assert linear < 1.6 * reference < rectified

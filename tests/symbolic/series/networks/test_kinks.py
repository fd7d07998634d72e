"""Kinks of relu along a direction: against a scan of signs in torch-free numpy, and the two ways against each other."""

import math
from typing import Any

import numpy as np
import pytest

from oracles.activations import FUNCTIONS
from oracles.samples import rows, weights_of
from residua_network import Activation, BatchNorm, LayerNorm, Linear, Network, ResiduaError, Residual
from residua_symbolic.series.networks import kinks
from residua_symbolic.series.networks.kinks import nearest_kinks
from residua_symbolic.series.networks.network import network_series

LINEAR = Network(
    (Linear(2, 6), Activation("relu"), Residual((Linear(6, 6), Activation("relu")), scale=0.5), Linear(6, 1))
)
CURVED = Network((Linear(2, 6), Activation("tanh"), LayerNorm(6), Activation("relu"), Linear(6, 1)))
SCANNED = 40_001


def arguments_of_curved(w: Any, x: Any) -> Any:
    z = FUNCTIONS["tanh"](x @ w["0.weight"].T + w["0.bias"])
    centred = z - z.mean(axis=-1, keepdims=True)
    s = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + 1e-5)
    return w["2.weight"] * centred / s + w["2.bias"]


def arguments_of_linear(w: Any, x: Any) -> Any:
    first = x @ w["0.weight"].T + w["0.bias"]
    return np.concatenate([first, np.maximum(first, 0) @ w["2.branch.0.weight"].T + w["2.branch.0.bias"]], axis=-1)


def scanned(arguments: Any, w: Any, x: Any, v: Any, reach: float) -> float:
    """The first t of a fine grid at which a sign has changed."""
    t = np.linspace(0.0, reach, SCANNED)
    signs = arguments(w, x + t[:, None] * v) > 0
    changed = (signs != signs[0]).any(axis=1)
    return float(t[changed.argmax()]) if changed.any() else math.inf


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("net", "arguments"), [(LINEAR, arguments_of_linear), (CURVED, arguments_of_curved)])
def test_against_a_scan(net: Network, arguments: Any, seed: int) -> None:
    w, x, v = weights_of(net, seed), rows(1, 2, seed)[0], rows(1, 2, seed + 10)[0]
    found = nearest_kinks(net, w, x, v)
    for value, sign in ((found.above, 1), (-found.below, -1)):
        if math.isinf(value):
            assert scanned(arguments, w, x, sign * v, 50.0) == math.inf
        else:
            gap = 2 * value / (SCANNED - 1)
            assert scanned(arguments, w, x, sign * v, 1.9 * value) == pytest.approx(value, abs=gap)
    assert network_series(net, 1, w, x, v).kinks == (found.below, found.above)


@pytest.mark.parametrize("seed", range(4))
def test_the_search_agrees_with_the_closed_form(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    w, x, v = weights_of(LINEAR, seed), rows(1, 2, seed)[0], rows(1, 2, seed + 10)[0]
    exact = nearest_kinks(LINEAR, w, x, v)
    assert exact.exact
    assert exact.certified
    monkeypatch.setattr(kinks, "_is_piecewise_linear", lambda net, place: False)
    searched = nearest_kinks(LINEAR, w, x, v)
    assert not searched.exact
    for one, other in ((exact.below, searched.below), (exact.above, searched.above)):
        if math.isfinite(one):
            assert abs(other) < abs(one) <= abs(other) * (1 + 8 * kinks.RESOLUTION)
            continue
        assert other == one
        assert not searched.certified


def test_in_the_parameters() -> None:
    net = Network((Linear(1, 1), Activation("relu"), Linear(1, 1)))
    w = {"0.weight": np.ones((1, 1)), "0.bias": np.ones(1), "2.weight": np.ones((1, 1)), "2.bias": np.zeros(1)}
    found = nearest_kinks(net, w, np.array([3.0]), {"0.bias": np.array([-0.5])})
    assert (found.below, found.above, found.exact) == (-math.inf, 8.0, True)
    both = {"0.weight": np.ones((1, 1)), "2.weight": np.ones((1, 1))}
    searched = nearest_kinks(net, w, np.array([3.0]), both)
    assert searched.below == pytest.approx(-4 / 3, rel=8 * kinks.RESOLUTION)


def test_none_without_relu_and_stored_statistics() -> None:
    smooth = Network((Linear(2, 2), Activation("sin")))
    found = nearest_kinks(smooth, weights_of(smooth), np.zeros(2), np.ones(2))
    assert (found.below, found.above) == (-math.inf, math.inf)
    stored = Network((Linear(1, 2), BatchNorm(2, statistics="running"), Activation("relu")))
    w = weights_of(stored)
    z = (w["0.bias"] - w["1.running_mean"]) / np.sqrt(w["1.running_var"] + 1e-5) * w["1.weight"] + w["1.bias"]
    slope = w["0.weight"][:, 0] / np.sqrt(w["1.running_var"] + 1e-5) * w["1.weight"]
    roots = -z / slope
    found = nearest_kinks(stored, w, np.zeros(1), np.ones(1))
    assert found.above == pytest.approx(min(roots[roots > 0], default=math.inf), rel=1e-8)
    assert found.below == pytest.approx(max(roots[roots < 0], default=-math.inf), rel=1e-8)


def test_at_a_kink_itself_it_is_refused() -> None:
    w = weights_of(LINEAR) | {"0.bias": np.zeros(6)}
    with pytest.raises(ResiduaError, match="kink"):
        nearest_kinks(LINEAR, w, np.zeros(2), np.ones(2))

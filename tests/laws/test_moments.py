"""Every kind that the folder of kinds holds has moments, by its own forward map and by no rule of its own."""

import math
from collections.abc import Callable
from typing import Any

import pytest

import residua_symbolic.layers as layers
from oracles.samples import alone, every_layer, name_of
from residua_network import Activation, Dropout, Layer, Linear, Network, ResiduaError, Residual
from residua_symbolic.moments.predict import predict_moments

SEVERAL = 8


@pytest.mark.parametrize("layer", every_layer(), ids=name_of)
def test_every_layer_has_moments(layer: Layer) -> None:
    net = Network((Linear(4, 4), *alone(layer).layers))
    found = predict_moments(net, batch=SEVERAL)
    assert all(map(math.isfinite, (*found.forward, *found.gradient_ratio)))
    assert all(value > 0 for value in (*found.forward, *found.gradient_ratio))
    found.derivation.check()


def with_map(monkeypatch: pytest.MonkeyPatch, forward: Callable[[Any, Any], Any]) -> None:
    """Another forward map for dropout."""
    monkeypatch.setattr(layers, "forward_map", lambda kind: forward if kind == "dropout" else known(kind))
    monkeypatch.setattr(layers, "arguments", lambda kind: () if kind == "dropout" else named(kind))


known, named = layers.forward_map, layers.arguments
NET = Network((Linear(9, 9), Dropout(0.5), Linear(9, 9)))


def test_a_new_map_of_known_operations_needs_no_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    silu = predict_moments(Network((Linear(9, 9), Activation("silu"), Linear(9, 9))))
    with_map(monkeypatch, lambda o, x: x * o.function("sigmoid", x))
    found = predict_moments(NET)
    assert found.forward == pytest.approx(silu.forward, rel=1e-9)
    assert found.gradient_ratio == pytest.approx(silu.gradient_ratio, rel=1e-9)


def test_a_map_of_unknown_operations_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with_map(monkeypatch, lambda o, x: o.softmax(x))
    with pytest.raises(ResiduaError, match=r'layer "1" Dropout\(0.5\): no law: its forward map uses \'softmax\''):
        predict_moments(NET)


def test_unknown_batch_statistics_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with_map(monkeypatch, lambda o, x: x - o.mean(x, "batch"))
    with pytest.raises(ResiduaError, match=r'layer "1" Dropout\(0.5\): no law for these batch statistics'):
        predict_moments(NET, batch=8)


def test_a_difference_passes_gradients_to_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    block = predict_moments(Network((Linear(9, 9), Residual((Activation("tanh"),), scale=-1.0), Linear(9, 9))))
    with_map(monkeypatch, lambda o, x: x - o.function("tanh", x))
    found = predict_moments(NET)
    assert found.forward == pytest.approx(block.forward, rel=1e-9)
    assert found.gradient_ratio == pytest.approx(block.gradient_ratio, rel=1e-9)

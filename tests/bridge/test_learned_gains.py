"""Learned gains: what is read off a training, and that gains of another size are told."""

import numpy as np
import pytest

from residua_bridge.experiments.learned_gains import LearnedGains, _gains
from residua_bridge.study import By, Labelled, Settings
from residua_network import Activation, BatchNorm, LayerNorm, Linear, Network
from residua_numeric import build, weights_of
from residua_numeric.snapshot import snapshot_of


def small() -> Network:
    """Two blocks for digits."""
    return Network((Linear(64, 8), *(Linear(8, 8), BatchNorm(8), Activation("relu")) * 2, Linear(8, 10)))


def test_gains_are_those_of_the_normalisers() -> None:
    net = Network((Linear(4, 4), LayerNorm(4), Activation("relu"), Linear(4, 4), LayerNorm(4)))
    model = build(net, seed=0)
    assert _gains(snapshot_of(model), net) == 0.0
    dict(model.named_parameters())["1.weight"].data.fill_(100.0)
    assert np.all(weights_of(model)["1.weight"] == 100)
    assert _gains(snapshot_of(model), net) == pytest.approx(1.0)  # the mean of 2 and 0


def test_a_training_is_seen_at_both_ends() -> None:
    experiment = LearnedGains("g", (), (Labelled("small", small),), seeds=By(2, 2), steps=2, rate=0.1)
    (table,) = experiment.run(Settings()).section.tables
    (row,) = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert (row["network"], row["layers"]) == ("small", 2)
    before, after = row["log10 of the gradient ratio, before"], row["after"]
    assert before != after
    assert 0 < abs(float(row["log10 of the gains, after"])) < 0.2  # two steps of Adam move each gain by at most 0.2
    assert float(row["standard error  "]) > 0

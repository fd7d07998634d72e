"""Training of models that are given, in an order that is given."""

from itertools import islice

import numpy as np
import pytest
import torch

from residua_network import Activation, BatchNorm, Linear, Network, ResiduaError
from residua_numeric import Task, build
from residua_numeric.ensemble import train_many
from residua_numeric.trainings import drawn, train_models

NET = Network((Linear(3, 4), BatchNorm(4), Activation("relu"), Linear(4, 3)))


def task() -> Task:
    rng = np.random.default_rng(0)
    return Task.data("classes", rng.normal(size=(20, 3)), rng.permutation(np.arange(20) % 3), "cross entropy")


def test_shuffled_it_is_train_many() -> None:
    models = [build(NET, seed, "float32", "he") for seed in (0, 1)]
    mine = train_models(NET, models, (0, 1), task(), 12, "sgd", 0.1, 6)
    theirs = train_many(NET, task(), (0, 1), 12, "sgd", 0.1, 6, init="he", progress=False)
    assert np.array_equal(mine.losses, theirs.losses)
    for one, other in zip(mine.models, theirs.models, strict=True):
        for name, tensor in one.state_dict().items():
            assert torch.equal(tensor, other.state_dict()[name])


def test_it_starts_from_the_models_as_they_are() -> None:
    """With γ = 0 everything gets the same answer, that of the last bias."""
    model = build(NET, 0, "float32", "he")
    with torch.no_grad():
        for parameter in model.get_submodule("1").parameters():
            parameter.zero_()
    found = train_models(NET, [model], (0,), task(), 1, "sgd", 0.1, 6)
    assert found.losses[0, 0] == pytest.approx(np.log(3), rel=1e-6)
    other = train_models(NET, [build(NET, 0, "float32", "he")], (0,), task(), 1, "sgd", 0.1, 6)
    assert other.losses[0, 0] != pytest.approx(np.log(3), rel=1e-3)


def test_sorted_batches_go_through_the_classes() -> None:
    data = task()
    found = [rows.numpy() for rows in islice(drawn(data, 6, 0, "sorted"), 4)]
    assert [len(rows) for rows in found] == [6, 6, 6, 6]
    assert np.array_equal(data.y[np.concatenate(found[:3])], np.sort(data.y)[:18])
    assert np.array_equal(found[3], found[0])
    shuffled = [rows.numpy() for rows in islice(drawn(data, 6, 0, "shuffled"), 3)]
    assert len(set(np.concatenate(shuffled).tolist())) == 18
    assert not np.array_equal(shuffled[0], found[0])


def test_the_order_is_that_of_the_training() -> None:
    losses = [
        train_models(NET, [build(NET, 0)], (0,), task(), 3, "sgd", 0.1, 6, order).losses
        for order in ("shuffled", "sorted")
    ]
    assert not np.array_equal(losses[0], losses[1])
    with pytest.raises(ResiduaError, match="backwards"):
        train_models(NET, [build(NET, 0)], (0,), task(), 3, "sgd", 0.1, 6, "backwards")

"""Trainings with parts held, and disturbances: each does what it says, and nothing else."""

import numpy as np
import pytest
import torch

from residua_network import Activation, BatchNorm, Linear, Network
from residua_numeric import Task, accuracy, build, train, weights_of
from residua_numeric.standardising.trials import (
    attacked_accuracy,
    fit,
    masked_accuracy,
    noisy_accuracy,
    norm_outputs,
    random_features,
    split,
    stored,
    train_with_scale,
)

NET = Network((Linear(2, 6), BatchNorm(6), Activation("sigmoid"), Linear(6, 2)))


@pytest.fixture(scope="module")
def task() -> Task:
    """Which side of a line that parts the origin from the least values: easy."""
    x = np.random.default_rng(0).normal(size=(300, 2))
    y = (x[:, 0] + x[:, 1] > -0.5).astype(np.int64)
    return Task.data("side", x[:200], y[:200], "cross entropy", test=(x[200:], y[200:]))


def test_fit_is_train(task: Task) -> None:
    mine, theirs = build(NET, 3, "float32"), build(NET, 3, "float32")
    fit(mine, task, 20, 1e-2, 5)
    train(theirs, task, 20, rate=1e-2, seed=5, progress=False)
    for (name, a), b in zip(mine.named_parameters(), theirs.parameters(), strict=True):
        if name != "0.bias":  # its gradient is 0 but for rounding, which Adam scales up
            assert torch.allclose(a, b, atol=1e-5), name
    assert not mine.training


def test_the_scale_is_held_and_all_else_is_trained(task: Task) -> None:
    begun, model = build(NET, 1, "float32"), train_with_scale(NET, task, 2.5, 1, 40, 1e-2)
    before, after = weights_of(begun), weights_of(model)
    assert np.array_equal(after["1.weight"], np.full(6, 2.5))
    assert np.array_equal(after["1.bias"], np.zeros(6))
    for name in ("0.weight", "3.weight", "3.bias"):
        assert not np.allclose(after[name], before[name])
    assert accuracy(model, task) > 0.9


def test_stored_nets_judge_a_row_by_itself(task: Task) -> None:
    model = build(NET, 0, "float32")
    fit(model, task, 60, 1e-2, 0)
    alone = stored(NET, model)
    assert task.test_x is not None
    x = torch.tensor(task.test_x, dtype=torch.float32)
    with torch.no_grad():
        assert torch.allclose(alone(x)[:1], alone(x[:1]), atol=1e-6)
        assert not torch.allclose(model(x)[:2], model(x[:2]), atol=1e-3)


def test_disturbances(task: Task) -> None:
    model = build(NET, 0, "float32")
    fit(model, task, 80, 1e-2, 0)
    alone = stored(NET, model)
    clean = noisy_accuracy(alone, task, 0.0, 0)
    assert clean == masked_accuracy(alone, task, 0.0, 0) == attacked_accuracy(alone, task, 0.0) > 0.9
    assert noisy_accuracy(alone, task, 5.0, 0) < clean - 0.1
    assert task.test_x is not None
    assert task.test_y is not None
    with torch.no_grad():  # one point for all, at the least value
        only = int(alone(torch.full((1, 2), task.test_x.min(), dtype=torch.float32)).argmax())
    assert masked_accuracy(alone, task, 1.0, 0) == pytest.approx(float((task.test_y == only).mean()))
    assert masked_accuracy(alone, task, 0.5, 0) < clean - 0.05
    assert attacked_accuracy(alone, task, 0.5) < noisy_accuracy(alone, task, 0.5, 0)  # against the gradient is worse
    assert noisy_accuracy(alone, task, 1.0, 3) == noisy_accuracy(alone, task, 1.0, 3)


def test_norm_outputs_are_what_activations_are_fed(task: Task) -> None:
    model = build(NET, 0)
    (found,) = norm_outputs(NET, model, task.x)
    assert found.shape == (200, 6)
    assert abs(found.mean(axis=0)).max() < 1e-12
    assert found.std(axis=0) == pytest.approx(np.ones(6), abs=1e-3)


def test_random_features_are_the_first_layers(task: Task) -> None:
    rest, data = random_features(NET, task, 4)
    first = build(NET, 4)[0]
    assert rest.layers == NET.layers[1:]
    with torch.no_grad():
        assert np.array_equal(data.x, first(torch.tensor(task.x)).numpy())
    assert np.array_equal(data.y, task.y)


def test_splits_keep_rows_together() -> None:
    x = np.arange(60.0).reshape(20, 3)
    y = np.arange(20)
    task = split("s", x, y, (0, 2), 1)
    assert task.test_x is not None
    assert task.test_y is not None
    assert (len(task.test_x), len(task.x)) == (6, 14)
    for part, labels in ((task.x, task.y), (task.test_x, task.test_y)):
        assert np.array_equal(part, x[labels][:, [0, 2]])
    assert sorted([*task.y, *task.test_y]) == list(range(20))

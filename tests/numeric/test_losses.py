import math
from typing import cast

import numpy as np
import pytest
import torch
from torch import nn

from residua_network import Activation, BatchNorm, Dropout, Linear, Network, ResiduaError, ShapeError
from residua_numeric import Task, TaskError, accuracy, build, loss_of, weights_of


def test_mean_square_error_is_a_mean_over_points_and_outputs() -> None:
    task = Task.data("t", [[1.0, 2.0], [3.0, 5.0]], [[1.0, 1.0], [1.0, 1.0]])
    model = build(Network((Activation("identity"), Dropout(0.9)), inputs=2))
    assert loss_of(model, task) == (0 + 1 + 4 + 16) / 4


def test_cross_entropy_in_nats_and_accuracy() -> None:
    x = np.array([[0.0, 0.0], [0.0, math.log(3)], [math.log(3), 0.0]])
    task = Task.data("t", x, [0, 1, 1], "cross entropy", test=(x[1:2], [1]))
    model = build(Network((Activation("identity"),), inputs=2))
    wanted = -(math.log(1 / 2) + math.log(3 / 4) + math.log(1 / 4)) / 3
    assert abs(loss_of(model, task) - wanted) <= 16 * 2.0**-53
    assert accuracy(model, task) == 1.0
    assert accuracy(model, task, "train") == 2 / 3  # of equal outputs the first counts


def test_batch_statistics_are_those_of_the_part() -> None:
    x = np.array([[1.0], [2.0], [6.0]])
    task = Task.data("t", x, x * 0, test=(x[:1], x[:1]))
    model = build(Network((BatchNorm(1, eps=0.0),)))
    assert abs(loss_of(model, task) - 1.0) <= 16 * 2.0**-53  # mean square of what has variance 1
    assert loss_of(model.eval(), task) == loss_of(model.train(), task)
    assert not weights_of(model)["0.running_mean"].any()
    with pytest.raises(ShapeError, match='loss_of: task "t": expected at least 2 rows, as "0" normalises'):
        loss_of(model, task, "test")
    classes = Task.data("c", x, [0, 0, 0], "cross entropy", test=(x[:1], [0]))
    assert accuracy(model, classes, "train") == 1.0
    with pytest.raises(ShapeError, match=r"accuracy: .* got 1"):
        accuracy(nn.Sequential(nn.BatchNorm1d(1)), classes)


def test_modes_stay() -> None:
    model = nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5))
    loss_of(model, Task.data("t", [[1.0]], [[1.0]]))
    assert all(module.training for module in model.modules())
    assert cast(torch.Tensor, model[0].weight).grad is None


def test_refusals() -> None:
    model = build(Network((Linear(1, 1),)))
    task = Task.data("t", [[1.0]], [[1.0]])
    with pytest.raises(TaskError, match="no test part"):
        loss_of(model, task, "test")
    with pytest.raises(TaskError, match="only classes"):
        accuracy(model, task)
    with pytest.raises(ResiduaError, match="did you mean 'test'"):
        loss_of(model, task, "tets")

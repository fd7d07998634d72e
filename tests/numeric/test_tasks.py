from typing import Any

import numpy as np
import pytest

from residua_network import ResiduaError
from residua_numeric import Task


def test_regression() -> None:
    task = Task.regression(np.sin, -2, 3, points=500, seed=4)
    again = Task.regression(np.sin, -2, 3, points=500, seed=4)
    other = Task.regression(np.sin, -2, 3, points=500, seed=5)
    assert task.x.shape == task.y.shape == (500, 1)
    assert np.array_equal(task.x, again.x)
    assert not np.array_equal(task.x, other.x)
    assert np.array_equal(task.y, np.sin(task.x))
    assert -2 <= task.x.min() < -1.9 < 2.9 < task.x.max() < 3
    assert (task.loss, task.inputs, task.outputs, task.name) == ("mean square error", 1, 1, "regression on sin")


def test_regression_in_a_box() -> None:
    task = Task.regression(lambda x: x[:, 0] * x[:, 1], (0, 5), (1, 6), points=50, inputs=2)
    assert task.y.shape == (50, 1)
    assert (task.x >= (0, 5)).all()
    assert (task.x <= (1, 6)).all()
    assert np.array_equal(task.y[:, 0], task.x[:, 0] * task.x[:, 1])


def test_digits() -> None:
    task = Task.digits(test_share=0.2, seed=1)
    assert task.test_x is not None
    assert task.test_y is not None
    assert (len(task.x), len(task.test_x), task.inputs, task.outputs) == (1438, 359, 64, 10)
    assert abs(task.x.mean()) < 1e-12
    assert abs(task.x.std() - 1) < 1e-12
    assert abs(task.test_x.mean()) > 1e-12  # scaled by the training part's numbers
    assert not np.array_equal(task.y, Task.digits(test_share=0.2, seed=2).y)
    assert set(task.y) == set(range(10))


def test_data_is_a_copy_and_read_only() -> None:
    x = np.ones((4, 2))
    task = Task.data("mine", x, np.zeros((4, 1), dtype=np.float32))
    x[:] = 7
    assert (task.x == 1).all()
    assert task.y.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        task.x[0, 0] = 3


def test_classes_of_the_test_part_count() -> None:
    task = Task.data("mine", np.ones((2, 1)), [0, 1], "cross entropy", test=(np.ones((1, 1)), [4]))
    assert task.outputs == 5


ONES = np.ones((3, 2))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("t", None, [[1.0]], "mean square error"), 'task "t": x must be a non-empty 2-D array'),
        (("t", [[1.0]], None, "mean square error"), 'task "t": y must be a non-empty 2-D array'),
        (("t", [[1.0]], None, "cross entropy"), 'task "t": y must be .points,. whole numbers from 0, got object'),
        ((None, None, None, None), "task: expected a name, got NoneType"),
        (("t", None, None, None), 'task "t": unknown loss None'),
    ],
)
def test_nothing_is_no_data(arguments: Any, words: str) -> None:
    with pytest.raises(ResiduaError, match=words):
        Task(*arguments)


@pytest.mark.parametrize(
    ("x", "y", "loss", "test", "words"),
    [
        (ONES, ONES, "mean squared", None, "did you mean 'mean square error'"),
        (np.ones(3), ONES, "mean square error", None, "x must be a non-empty 2-D"),
        (ONES[:0], ONES[:0], "mean square error", None, "non-empty"),
        (ONES, np.ones(3), "mean square error", None, "y must be a non-empty 2-D"),
        (ONES, ONES[:2], "mean square error", None, "got 3 and 2"),
        (ONES * np.nan, ONES, "mean square error", None, "finite; 6 entries"),
        (ONES + 1j, ONES, "mean square error", None, "real"),
        (ONES, [0.0, 1.0, 2.0], "cross entropy", None, "whole numbers"),
        (ONES, [0, -1, 2], "cross entropy", None, "from 0"),
        (ONES, ONES, "mean square error", (ONES, None), "both"),
        (ONES, ONES, "mean square error", (ONES[:, :1], ONES), "1 wide"),
    ],
)
def test_refusals(x: Any, y: Any, loss: str, test: Any, words: str) -> None:
    with pytest.raises(ResiduaError, match=words):
        Task.data("mine", x, y, loss, test=test)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"lower": 1.0, "upper": 1.0}, "below upper"),
        ({"lower": (0, 0), "upper": 1}, "lower must be a finite number, or 1"),
        ({"lower": 0, "upper": np.inf}, "upper must be"),
        ({"points": 0}, "at least 1"),
        ({"seed": -1}, "at least 0"),
        ({"function": np.log, "lower": -2, "upper": -1}, "finite"),
    ],
)
def test_regression_refusals(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ResiduaError, match=words), np.errstate(invalid="ignore"):
        Task.regression(**{"function": np.sin, "lower": 0, "upper": 1, **arguments})


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5])
def test_digits_refusals(share: float) -> None:
    with pytest.raises(ResiduaError, match="test_share"):
        Task.digits(test_share=share)

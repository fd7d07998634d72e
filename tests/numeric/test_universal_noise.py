"""Networks on data of their own, against the same training one data set at a time."""

import numpy as np
import pytest

from residua_network import Activation, DescriptionError, Linear, Network
from residua_numeric import Task
from residua_numeric.ensemble import train_many
from residua_numeric.universal_noise import train_each

NET = Network((Linear(1, 5), Activation("relu"), Linear(5, 1)))
STEPS, RATE = 30, 1e-2


def data(networks: int) -> tuple[np.ndarray, np.ndarray]:
    """Other points and values for every network."""
    random = np.random.default_rng(0)
    x = random.normal(size=(networks, 7, 1))
    return x, np.sin(x) + random.normal(size=x.shape)


def test_as_one_at_a_time() -> None:
    x, y = data(3)
    grid = np.linspace(-2, 2, 11)[:, None]
    own, far = train_each(NET, x, y, [4, 5, 6], STEPS, RATE, grid, "float64")
    for s, seed in enumerate((4, 5, 6)):
        alone = train_many(
            NET, Task.data("one", x[s], y[s]), [seed], STEPS, rate=RATE, batch=7, dtype="float64", progress=False
        )
        assert np.allclose(alone.outputs(grid)[0, :, 0], far[s], rtol=0, atol=1e-9)
        assert np.allclose(alone.outputs(x[s])[0, :, 0], own[s], rtol=0, atol=1e-9)
    assert not np.allclose(own[0], y[0, :, 0], atol=1e-3)


def test_shapes_that_do_not_fit() -> None:
    x, y = data(2)
    for points, values, seeds in ((x, y[:1], [0, 1]), (x[0], y[0], [0]), (x, y, [0])):
        with pytest.raises(DescriptionError, match="expected x and y of"):
            train_each(NET, points, values, seeds, STEPS, RATE, np.zeros((1, 1)))

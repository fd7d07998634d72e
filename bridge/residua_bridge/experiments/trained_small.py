"""A small network that has learnt something, as the studies of derivatives use it: two moons, 2-3-2, seed 0."""

from functools import cache

import numpy as np
from torch import nn

from residua_network import Activation, Linear, Network
from residua_numeric import Task, build, measure, train

POINTS, NOISE = 200, 0.15
STEPS, RATE = 800, 0.05
NETWORK = Network((Linear(2, 3), Activation("sigmoid"), Linear(3, 2), Activation("sigmoid")))


@cache
def moons() -> Task:
    """Two interleaved half circles (scikit-learn), as a regression on (1, 0) and (0, 1)."""
    from sklearn.datasets import make_moons  # slow to import, and needed here only

    x, labels = make_moons(POINTS, noise=NOISE, random_state=0)
    return Task.data("two moons", x, np.eye(2)[labels])


@cache
def trained() -> tuple[nn.Module, float]:
    """The network 2-3-2 with sigmoids after training, and the share of the points that it puts on the right side."""
    model = build(NETWORK, seed=0)
    task = moons()
    train(model, task, steps=STEPS, rate=RATE, batch=POINTS, seed=0, progress=False)
    said = measure(model, "output", task.x).values.argmax(axis=1)
    return model, float((said == task.y.argmax(axis=1)).mean())

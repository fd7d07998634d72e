"""Trainings with parts held fixed, and what trained nets do with noise."""

from collections.abc import Sequence
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from residua_network import BatchNorm, Network
from residua_numeric.build import build
from residua_numeric.descent import minibatches
from residua_numeric.losses import FUNCTIONS, tensors
from residua_numeric.modules import DTYPES, dtype_name
from residua_numeric.tasks import Task

Floats = NDArray[np.float64]
DRAWS = 4  # of a disturbance, for every point


def stored(net: Network, model: nn.Sequential) -> nn.Sequential:
    """The same weights with the statistics stored in training, so that no row depends on the others."""
    alone = build(net.with_statistics("running"), 0, dtype_name(model))
    alone.load_state_dict(model.state_dict())
    return alone.eval()


def noisy_accuracy(model: nn.Sequential, task: Task, noise: float, seed: int) -> float:
    """Share of the test points that are right with Gaussian noise of this standard deviation on every input."""
    x, _ = _tests(task)
    random = np.random.default_rng(seed)
    return float(np.mean([_right(model, task, x + noise * random.normal(size=x.shape)) for _ in range(DRAWS)]))


def masked_accuracy(model: nn.Sequential, task: Task, share: float, seed: int) -> float:
    """The same where this share of the inputs, drawn anew for every point, is set to the least value there is."""
    x, _ = _tests(task)
    random, least = np.random.default_rng(seed), x.min()
    gone = [random.random(x.shape) < share for _ in range(DRAWS)]
    return float(np.mean([_right(model, task, np.where(mask, least, x)) for mask in gone]))


def attacked_accuracy(model: nn.Sequential, task: Task, step: float) -> float:
    """The same where every input is moved by `step` so that the loss grows, to first order (Goodfellow et al. 2014,
    arXiv:1412.6572, section 4)."""
    x, y = tensors(model, *_tests(task))
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(FUNCTIONS[task.loss](model(x), y), x)
    return _right(model, task, (x + step * gradient.sign()).detach().double().numpy())


def _tests(task: Task) -> tuple[Floats, NDArray[np.int64]]:
    assert task.test_x is not None
    assert task.test_y is not None
    return task.test_x, task.test_y


def _right(model: nn.Sequential, task: Task, x: Floats) -> float:
    _, y = _tests(task)
    with torch.no_grad():
        return float((model(torch.tensor(x, dtype=DTYPES[dtype_name(model)])).argmax(dim=1).numpy() == y).mean())


def norm_outputs(net: Network, model: nn.Sequential, x: Floats) -> list[Floats]:
    """What each batch norm gives, (rows, size), in the order of the layers: what activations are fed."""
    found = []
    with torch.no_grad():
        y = torch.tensor(x, dtype=DTYPES[dtype_name(model)])
        for layer, module in zip(net.layers, model, strict=True):
            y = module(y)
            if isinstance(layer, BatchNorm):
                found.append(y.double().numpy())
    return found


def fit(model: nn.Sequential, task: Task, steps: int, rate: float, seed: int, batch: int = 64) -> None:
    """Adam on the parameters that want a gradient, in training mode, by the minibatches of `train` with this seed."""
    x, y = tensors(model, task.x, task.y)
    free = [p for p in model.parameters() if p.requires_grad]
    optimiser, loss = torch.optim.Adam(free, rate, fused=True), FUNCTIONS[task.loss]
    model.train()
    for rows in islice(minibatches(len(x), min(batch, len(x)), seed), steps):
        optimiser.zero_grad()
        loss(model(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    model.eval()


def train_with_scale(net: Network, task: Task, scale: float, seed: int, steps: int, rate: float) -> nn.Sequential:
    """Every γ of the batch norms held at `scale` and every β at 0, all else trained."""
    model = build(net, seed, "float32")
    for layer, module in zip(net.layers, model, strict=True):
        if isinstance(layer, BatchNorm):
            gamma, beta = module.parameters()
            with torch.no_grad():
                gamma.fill_(scale)
                beta.zero_()
            module.requires_grad_(False)
    fit(model, task, steps, rate, seed)
    return model


def random_features(net: Network, task: Task, seed: int) -> tuple[Network, Task]:
    """The net without its first layer, which is drawn by `seed` and stays as it is: its outputs are the data."""
    first = build(net, seed, "float64")[0]

    def through(x: Floats) -> Floats:
        with torch.no_grad():
            values: Floats = first(torch.tensor(x)).numpy()
        return values

    x, y = _tests(task)
    data = Task.data(task.name, through(task.x), task.y, task.loss, test=(through(x), y))
    return Network(net.layers[1:]), data


def split(name: str, x: Floats, y: NDArray[np.int64], kept: Sequence[int], seed: int, share: float = 0.3) -> Task:
    """A task of some columns of labelled data; a share of the rows, drawn by `seed`, is for testing."""
    order = np.random.default_rng(seed).permutation(len(x))
    tests = round(share * len(x))
    test, rest = order[:tests], order[tests:]
    columns = x[:, list(kept)]
    return Task.data(name, columns[rest], y[rest], "cross entropy", test=(columns[test], y[test]))

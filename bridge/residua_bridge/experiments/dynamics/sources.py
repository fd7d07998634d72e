"""What the laws of training are met by: torch models trained by our own `train` and `train_many`."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import hadamard

from residua_bridge.budgets.law import Sizes
from residua_network import Activation, Linear, Network
from residua_numeric import Task, build, train, train_many
from residua_numeric.linearised import directional_remainder, linearised_training
from residua_numeric.weights import put

Floats = NDArray[np.float64]
FEATURES, HIDDEN, OUTPUTS = 4, 8, 3  # of the linear net with several modes
MODES = (2.0, 1.0, 0.5)
TARGET = 1.0  # the mode of the net with one output
CHUNK = 64  # networks whose gradients, point by point, are held at once
POINTS = 4  # of the task on which networks are compared with their linearisation, and as many others


def whitened(features: int) -> Floats:
    """Rows x with Xᵀ X / N = 1: those of a Hadamard matrix."""
    return np.asarray(hadamard(features), dtype=np.float64)


@dataclass(frozen=True)
class Regression:
    """A linear model with a bias, rows with correlated features, full-batch descent; `share` of the rate 2/λ_max."""

    rows: int = 24
    features: int = 4
    share: float = 0.45

    @property
    def task(self) -> Task:
        """Noise and all."""
        random = np.random.default_rng(1)
        x = random.normal(size=(self.rows, self.features)) @ random.normal(size=(self.features, self.features))
        y = x @ random.normal(size=(self.features, 1)) + random.normal(size=(self.rows, 1))
        return Task.data("regression", x, y)

    @property
    def design(self) -> Floats:
        """The inputs, and a column of ones for the bias."""
        return np.column_stack([self.task.x, np.ones(self.rows)])

    @property
    def rate(self) -> float:
        """As a share of the largest stable one, N/‖X‖² (2/λ_max with H = 2 XᵀX/N)."""
        return float(self.share * self.rows / np.linalg.norm(self.design, 2) ** 2)

    def weights(self, times: tuple[int, ...]) -> Floats:
        """(times, weights), the bias last."""
        return _trained(self, times)


@cache
def _trained(one: Regression, times: tuple[int, ...]) -> Floats:
    model = build(Network((Linear(one.features, 1),)), seed=0)
    run = train(model, one.task, max(times), "sgd", one.rate, one.rows, snapshots=times, progress=False)
    found = {snapshot.step: snapshot.weights for snapshot in run.snapshots}
    return np.array([np.append(found[k]["0.weight"].ravel(), found[k]["0.bias"]) for k in times])


@dataclass(frozen=True)
class Mode:
    """Strength of one mode of a linear net that began balanced and aligned, at a time, in steps of `rate` each."""

    which: int
    begin: float
    time: float

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """One number, whatever the block: nothing is random."""
        return np.full(repetitions, self.strengths(sizes["rate"])[self.which])

    def strengths(self, step: float) -> Floats:
        """Of all modes at the time."""
        found: Floats = mode_strengths(self.begin, step, (round(self.time / step),))[0]
        return found


@cache
def rotations() -> tuple[Floats, Floats, Floats]:
    """Singular vectors: inputs (features, modes), hidden (hidden, modes), outputs (outputs, modes)."""
    random = np.random.default_rng(3)
    v, r, u = (np.linalg.qr(random.normal(size=(size, len(MODES))))[0] for size in (FEATURES, HIDDEN, OUTPUTS))
    return v, r, u


@cache
def mode_strengths(begin: float, step: float, times: tuple[int, ...]) -> Floats:
    """uᵀ W_2 W_1 v after so many steps of `step` in time each, (times, modes); torch's loss is 2/outputs times ours."""
    v, r, u = rotations()
    x = whitened(FEATURES)
    task = Task.data("modes", x, x @ v @ np.diag(MODES) @ u.T)
    model = build(Network((Linear(FEATURES, HIDDEN, bias=False), Linear(HIDDEN, OUTPUTS, bias=False))))
    root = np.sqrt(begin)
    put(model, {"0.weight": torch.tensor(root * r @ v.T), "1.weight": torch.tensor(root * u @ r.T)})
    rate = step * OUTPUTS / 2
    run = train(model, task, max(times), "sgd", rate, len(x), snapshots=times, progress=False)
    found = {one.step: one.weights["1.weight"] @ one.weights["0.weight"] for one in run.snapshots}
    return np.array([np.einsum("om,oi,im->m", u, found[k], v) for k in times])


@dataclass(frozen=True)
class HalfTimes:
    """Half-times of a linear net with one output from small random weights, read off the loss."""

    patience: float = 4.0  # times the mean half-time: a net that takes longer has no value, and says so

    def cost(self, sizes: Sizes) -> float:
        """Nanoseconds of one network on a quiet core, measured: as many steps as 1/rate asks for."""
        return 5e4 / sizes["rate"]

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """One a network; NaN where it was not reached."""
        inputs, hidden, step = int(sizes["inputs"]), int(sizes["hidden"]), sizes["rate"]
        x = whitened(inputs)
        task = Task.data("one mode", x, TARGET * x[:, :1])
        net = Network((Linear(inputs, hidden, bias=False), Linear(hidden, 1, bias=False)))
        seeds = range(block * 1_000_000, block * 1_000_000 + repetitions)
        quarter = (TARGET / 2) ** 2
        steps = int(self.patience * np.log(4 / sizes["variance"]) / (2 * TARGET) / step)
        settings: dict[str, Any] = {"dtype": "float64", "init": sizes["variance"], "progress": False}
        many = train_many(net, task, seeds, steps, "sgd", step / 2, len(x), stop_below=quarter, **settings)
        return np.array([step * _crossing(losses, quarter) for losses in np.sqrt(many.losses.T)])


def _crossing(roots: Floats, quarter: float) -> float:
    """The step, a fraction included, at which the root of the loss falls below that of `quarter`."""
    below = np.flatnonzero(roots < np.sqrt(quarter))
    if not len(below) or below[0] == 0:
        return float("nan")
    k = int(below[0])
    return float(k - 1 + (roots[k - 1] - np.sqrt(quarter)) / (roots[k - 1] - roots[k]))


@dataclass(frozen=True)
class Remainder:
    """Taylor remainder of a tanh net in its parameters over the step to its order, along a random direction."""

    order: int

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """One number: nothing is random."""
        model, along = tanh_net()
        left = directional_remainder(model, [[0.3, -0.7]], along, sizes["step"], self.order)
        return np.full(repetitions, left[0, 0] / sizes["step"] ** self.order)


@cache
def tanh_net() -> tuple[Any, dict[str, Floats]]:
    """A model and a direction in its parameters, of norm 1."""
    net = Network((Linear(2, 6), Activation("tanh"), Linear(6, 6), Activation("tanh"), Linear(6, 1)))
    random = np.random.default_rng(5)
    along = {name: random.normal(size=shape) for name, shape in net.parameter_shapes().items()}
    norm = np.sqrt(sum(np.sum(a * a) for a in along.values()))
    return build(net, seed=2), {name: a / norm for name, a in along.items()}


@dataclass(frozen=True)
class Distances:
    """Root mean square distance, over points, of trained networks from their trained linearisations."""

    hidden: int
    steps: int = 20
    pace: float = 0.5  # rate times width
    seed: int = 0

    def network(self, width: int) -> Network:
        """tanh, no biases."""
        inner = (Linear(width, width, bias=False), Activation("tanh")) * (self.hidden - 1)
        return Network((Linear(2, width, bias=False), Activation("tanh"), *inner, Linear(width, 1, bias=False)))

    def at(self, width: int, seeds: range) -> Floats:
        """One a seed."""
        line = np.linspace(-1, 1, 2 * POINTS)
        x = np.column_stack([line, np.ones_like(line)])
        task = Task.data("curve", x[::2], np.sin(3 * x[::2, :1]))
        net, rate = self.network(width), self.pace / width
        settings: dict[str, Any] = {"dtype": "float64", "init": 1.0, "progress": False}
        many = train_many(net, task, seeds, self.steps, "sgd", rate, POINTS, **settings)
        linear = linearised_training(net, task, seeds, x[1::2], self.steps, rate, init=1.0)
        apart: Floats = many.outputs(x[1::2]) - linear.trained
        return np.asarray(np.sqrt(np.mean(apart**2, axis=(1, 2))), dtype=np.float64)


@dataclass(frozen=True)
class Halvings:
    """Distance at twice the width over that at the width, of networks with nothing in common."""

    distances: Distances

    def cost(self, sizes: Sizes) -> float:
        """Nanoseconds of one ratio on a quiet core, measured with two hidden layers."""
        return 2e6 + 1.4e5 * sizes["width"]

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """A ratio a repetition."""
        width = int(sizes["width"])
        first = 2 * (self.distances.seed + 1000 * block) * 100_000
        found = []
        for start in range(0, repetitions, CHUNK):
            some = min(CHUNK, repetitions - start)
            one = self.distances.at(width, range(first + start, first + start + some))
            two = self.distances.at(2 * width, range(first + 100_000 + start, first + 100_000 + start + some))
            found.append(two / one)
        return np.concatenate(found)


@dataclass(frozen=True)
class OneStep:
    """What one step of descent moves f by, beyond the slope: linear net, one hidden layer, one point."""

    seed: int = 0

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """Over what is predicted from the weights and the data."""
        return np.array([self._one(int(sizes["width"]), k) for k in range(repetitions)])

    def _one(self, width: int, seed: int) -> float:
        net = Network((Linear(3, width, bias=False), Linear(width, 1, bias=False)))
        x, y, rate = np.array([[0.5, -1.0, 2.0]]), np.array([[0.7]]), 0.5 / width
        model = build(net, seed=seed + self.seed, init=1.0)
        before = {name: p.detach().numpy().copy() for name, p in model.named_parameters()}
        train(model, Task.data("point", x, y), 1, "sgd", rate, 1, progress=False)
        along = {name: p.detach().numpy() - before[name] for name, p in model.named_parameters()}
        start = build(net, seed=seed + self.seed, init=1.0)
        left = float(directional_remainder(start, x, along, 1.0)[0, 0])
        f = float((before["1.weight"] @ before["0.weight"] @ x[0])[0])
        slope = 2 * (f - 0.7)
        return left / (rate**2 * slope**2 * float(x[0] @ x[0]) * f)

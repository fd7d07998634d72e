"""Networks trained on sin as document 002 trains its own, and what they come to: errors, distances to T_n, pieces."""

from dataclasses import dataclass
from functools import cached_property
from math import factorial, pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residua_network import Activation, Dropout, Layer, Linear, Network
from residua_numeric.ensemble import Ensemble, train_many
from residua_numeric.pieces import Pieces, pieces
from residua_numeric.tasks import Task
from residua_symbolic.series.approximation.piecewise_linear import PiecewiseLinear, quadrature

Floats = NDArray[np.float64]
POINTS = 10_000  # 002, L73
STOP = 5e-4
DEGREES = tuple(range(1, 16))


@dataclass(frozen=True)
class Setting:
    """How a network is made and trained; what 002 leaves open is set so that its rule is met after about 100 steps."""

    hidden: int = 5
    width: int = 64
    dropout: float = 0.0
    batch: int = 256
    rate: float = 1e-3
    steps: int = 1000
    stop: float | None = STOP
    activation: str | None = "relu"
    before: bool = True  # dropout before the activation, as 002 has it

    def network(self) -> Network:
        """Linear, Dropout, ReLU, five times, and a last Linear."""
        layers: list[Layer] = []
        inputs = 1
        for _ in range(self.hidden):
            layers.append(Linear(inputs, self.width))
            layers += [Dropout(self.dropout)] if self.dropout else []
            layers += [Activation(self.activation)] if self.activation else []
            inputs = self.width
        return Network((*layers, Linear(inputs, 1)))

    def trained(self, seeds: int) -> "Nets":
        """So many networks, seeds 0, 1, 2, …, on the same points."""
        ensemble = train_many(
            self.network(),
            task(),
            range(seeds),
            self.steps,
            rate=self.rate,
            batch=self.batch,
            stop_below=self.stop,
            progress=False,
        )
        return Nets(self, ensemble)


def task(seed: int = 0) -> Task:
    """10,000 points, uniform on [−π, π]."""
    return Task.regression(np.sin, -pi, pi, points=POINTS, seed=seed, name="sin")


@dataclass(frozen=True, eq=False)
class Nets:
    """Trained networks and their errors, in eval mode unless it is said otherwise."""

    setting: Setting
    ensemble: Ensemble

    @cached_property
    def lines(self) -> tuple[Pieces, ...]:
        """The linear pieces of every network."""
        return tuple(pieces(model, -pi, pi) for model in self.ensemble.models)

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Numbers of pieces; (seeds,)."""
        return np.array([line.count for line in self.lines])

    @cached_property
    def functions(self) -> list[PiecewiseLinear]:
        """The networks as functions of x in [−π, π]."""
        return [PiecewiseLinear(line.knots, line.values[:, 0]) for line in self.lines]

    @cached_property
    def errors(self) -> Floats:
        """D: mean square distance to sin over the whole interval, by quadrature on every piece; (seeds,)."""
        return np.array([f.mean_square_distance(np.sin) for f in self.functions])

    @cached_property
    def distances(self) -> Floats:
        """D_n, n = 1…15, over the whole interval; (seeds, 15). Exact for these degrees up to rounding."""
        return np.array([_distances(f) for f in self.functions])

    @cached_property
    def products(self) -> Floats:
        """C_n: mean of (N − sin)(sin − T_n) over the interval, n = 1…15; (seeds, 15)."""
        return np.array([_products(f) for f in self.functions])

    @cached_property
    def closest(self) -> NDArray[np.int64]:
        """The odd n ≤ 15 with the least D_n; (seeds,). Even n have the same polynomial as n − 1."""
        odd = self.distances[:, ::2]
        return np.asarray(np.array(DEGREES)[::2][np.argmin(odd, axis=1)])

    def on(self, data: Task) -> Floats:
        """Mean square error on the points of a task; (seeds,)."""
        outputs = self.ensemble.outputs(data.x)
        return np.asarray(np.mean((outputs - data.y[None]) ** 2, axis=(1, 2)))

    def noisy(self, data: Task, samples: int) -> Floats:
        """The same with dropout active, averaged over draws; (seeds,)."""
        outputs = self.ensemble.noisy_outputs(data.x, samples)
        return np.asarray(np.mean((outputs - data.y[None, None]) ** 2, axis=(0, 2, 3)))

    @property
    def last_losses(self) -> Floats:
        """The minibatch loss at which each stopped, or its last one; (seeds,)."""
        losses = self.ensemble.losses
        last = [column[np.isfinite(column)][-1] for column in losses.T]
        return np.array(last)

    def plateau_starts(self, share: float) -> NDArray[np.int64]:
        """For every network the first n from which on D_n, n ≤ 15, is D within a share; 16 if not even D_15 is."""
        off = abs(self.distances / self.errors[:, None] - 1) > share
        return np.array(
            [1 + max((n for n, is_off in zip(DEGREES, row, strict=True) if is_off), default=0) for row in off]
        )


def quantiles(values: Any) -> tuple[float, float, float]:
    """Least, median, largest."""
    return float(np.min(values)), float(np.median(values)), float(np.max(values))


def _distances(function: PiecewiseLinear) -> list[float]:
    """Mean square distances to T_1, …, T_15: term after term is taken off the residual."""
    x, weights = quadrature(function.knots)
    residual, found = function(x), []
    for n in DEGREES:
        residual = residual - _term(n, x)
        found.append(float(np.sum(weights * residual**2) / (2 * pi)))
    return found


def _products(function: PiecewiseLinear) -> list[float]:
    """As `_distances`, of the error of the network times what is left of sin."""
    x, weights = quadrature(function.knots)
    error, left, found = function(x) - np.sin(x), np.sin(x), []
    for n in DEGREES:
        left = left - _term(n, x)
        found.append(float(np.sum(weights * error * left) / (2 * pi)))
    return found


def _term(n: int, x: Floats) -> Floats:
    """Of degree n of sin; none for even n."""
    return (-1) ** (n // 2) * x**n / factorial(n) if n % 2 else np.zeros_like(x)

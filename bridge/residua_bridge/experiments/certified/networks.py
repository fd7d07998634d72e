"""Trained residual networks, measured in torch along a line on which every point is a float; and their series."""

from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import flint
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from residua_network import Activation, Layer, LayerNorm, Linear, Network, Residual
from residua_numeric import Task, build, measure, train, weights_of
from residua_symbolic.domains import balls
from residua_symbolic.domains.rounded import UNIT, RoundedDomain
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.series.convergence.radius import Radius, network_radius
from residua_symbolic.series.enclosures.remainders import network_remainder
from residua_symbolic.series.networks.network import NetworkSeries, network_series
from residua_symbolic.series.networks.walk import output

Floats = NDArray[np.float64]
WIDTH, POINTS = 6, 256
RATE, SEED = 2e-2, 0
GRID = 2.0**-24  # of trained weights, of which the rest of the digits is cut off
AT, ALONG = np.array([0.25, -0.5]), np.array([0.75, 0.5])  # few bits, so that AT + t ALONG is exact for such t
PLACES = 32  # values of t of an interval that are looked at
HIGHEST = 20  # order
FINE = 2.0**-6  # ends of intervals are multiples of it
MARGIN = 8  # terms of a series beyond the order at hand


@dataclass(frozen=True)
class Kind:
    """A residual block, and the network 2-6-…-6-1 of so many of them."""

    label: str
    block: tuple[Layer, ...]
    blocks: int = 3

    @property
    def network(self) -> Network:
        """Linear, blocks, Linear."""
        return Network((Linear(2, WIDTH), *[Residual(self.block)] * self.blocks, Linear(WIDTH, 1)))


KINDS = (
    Kind("tanh", (Linear(WIDTH, WIDTH), Activation("tanh"))),
    Kind("GELU", (Linear(WIDTH, WIDTH), Activation("gelu"))),
    Kind("LayerNorm, tanh", (LayerNorm(WIDTH), Linear(WIDTH, WIDTH), Activation("tanh")), blocks=2),
)


@cache
def task() -> Task:
    """sin(2 x1) cos(x2) on [−2, 2]²."""
    return Task.regression(lambda x: np.sin(2 * x[:, :1]) * np.cos(x[:, 1:]), -2.0, 2.0, points=POINTS, inputs=2)


@dataclass(frozen=True, eq=False)
class Trained:
    """A network after training, its weights cut to multiples of 2^−24, and the losses of first and last step."""

    kind: Kind
    model: nn.Module
    steps: int
    losses: tuple[float, float]
    weights: dict[str, Floats] = field(repr=False)

    @property
    def network(self) -> Network:
        """Its description."""
        return self.kind.network

    @cached_property
    def radius(self) -> Radius:
        """Of convergence along the line."""
        return network_radius(self.network, self.weights, AT, ALONG)

    def series(self, order: int) -> NetworkSeries:
        """Certified, along the line."""
        return network_series(self.network, order, self.weights, AT, ALONG, certified=True)

    def remainder(self, order: int, lower: float, upper: float) -> tuple[float, float]:
        """Certified bounds of f − T_n for lower <= t <= upper."""
        found = Enclosure(network_remainder(self.network, self.weights, AT, ALONG, order, lower, upper), balls.BITS)
        return float(found.lower[0]), float(found.upper[0])

    def measured(self, t: Floats) -> Floats:
        """The torch model at AT + t ALONG, (points,)."""
        return np.asarray(measure(self.model, "output", AT + t[:, None] * ALONG).values[:, 0])

    def rounding(self, t: Floats) -> Floats:
        """What float64 may put into `measured`, by a running error bound."""
        return rounding_of(self.network, self.weights, AT + t[:, None] * ALONG)

    @property
    def scope(self) -> dict[str, str | int]:
        """What a verdict prints."""
        return {
            "network": f"2-{WIDTH}-1, {self.kind.blocks} blocks of {self.kind.label}",
            "steps": self.steps,
            "seed": SEED,
            "dtype": "float64",
        }


def rounding_of(net: Network, weights: dict[str, Floats], x: Floats) -> Floats:
    """A bound of the rounding of a forward pass in float64 at every row of x, (rows,)."""
    unit = UNIT["float64"]
    found = output(net, lambda: RoundedDomain(unit), RoundedDomain(unit).array(x), weights)
    return np.asarray(found.error[:, 0], dtype=np.float64)


@cache
def trained(kind: Kind, steps: int) -> Trained:
    """The same each time."""
    model = build(kind.network, seed=SEED)
    history = train(model, task(), steps, rate=RATE, batch=POINTS, seed=SEED, progress=False)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_((parameter / GRID).round() * GRID)
    return Trained(kind, model, steps, (history.losses[0], history.losses[-1]), weights_of(model))


def exact_errors(values: Floats, series: NetworkSeries, t: Floats) -> Floats:
    """values − T_n(t), of which the polynomial is evaluated in balls: (points,)."""
    with balls.precision(series.bits):
        polynomial = flint.arb_poly(list(series.coefficients[:, 0]))
        return np.array(
            [float((flint.arb(v) - polynomial(flint.arb(s))).mid()) for v, s in zip(values, t, strict=True)]
        )


def places(end: float) -> Floats:
    """Values of t from −end to end, all exact."""
    return np.linspace(-end, end, PLACES + 1)


def exactly(end: float) -> float:
    """The end of an interval, cut to few bits."""
    return float(np.floor(end / FINE) * FINE)


def shares(one: Trained) -> tuple[tuple[str, float], ...]:
    """Ends of intervals by name: shares of the radius of convergence, or lengths where it is infinite."""
    limit = radius_as_float(one.radius)
    if np.isinf(limit):
        return tuple((f"|t| ≤ {end:g}", end) for end in (0.25, 0.5, 0.75, 1.0))
    return tuple((f"|t| ≤ {share:g} R", exactly(share * limit)) for share in (0.3, 0.6, 0.9, 1.3))


def radius_as_float(radius: Radius) -> float:
    """The exact value or the middle of the enclosure."""
    value: Any = radius.value
    return float(value.middle) if isinstance(value, Enclosure) else float(value)

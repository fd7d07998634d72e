"""How far the units of random networks are from the distribution of their inputs, layer by layer."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr

from residua_network import Activation, Linear, Network
from residua_numeric.build import build

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Inputs:
    """A distribution of mean 0 and standard deviation 1: how it is drawn, and its distribution function."""

    name: str
    draw: Callable[[np.random.Generator, tuple[int, int]], Floats]
    function: Callable[[Floats], Floats]


NORMAL = Inputs("normal", lambda random, shape: random.normal(size=shape), ndtr)
EXPONENTIAL = Inputs(
    "exponential",
    lambda random, shape: random.exponential(size=shape) - 1,
    lambda z: np.where(z < -1, 0.0, -np.expm1(-np.maximum(z, -1) - 1)),
)


@dataclass(frozen=True)
class Shape:
    """Means over the units of a layer: largest distance between the units' distribution functions, standardised, and
    that of the inputs; the same without standardising; excess kurtosis; |mean| over deviation."""

    distance: float
    raw: float
    kurtosis: float
    offset: float


def distances(values: Floats, function: Callable[[Floats], Floats]) -> Floats:
    """sup |F − function| of every column of (rows, units), F the share of rows up to a value."""
    ordered = np.sort(values, axis=0)
    exact, rows = function(ordered), len(ordered)
    steps = np.arange(rows + 1)[:, None] / rows
    found: Floats = np.maximum(abs(steps[1:] - exact), abs(steps[:-1] - exact)).max(axis=0)
    return found


def standardised(values: Floats) -> Floats:
    """Every column with mean 0 and standard deviation 1."""
    found: Floats = (values - values.mean(axis=0)) / values.std(axis=0)
    return found


def shape_of(values: Floats, inputs: Inputs) -> Shape:
    """Of (rows, units)."""
    z = standardised(values)
    return Shape(
        float(distances(z, inputs.function).mean()),
        float(distances(values, inputs.function).mean()),
        float((z**4).mean() - 3),
        float(np.mean(abs(values.mean(axis=0)) / values.std(axis=0))),
    )


def along_depth(
    inputs: Inputs, activation: str, init: str | float, width: int, depths: tuple[int, ...], rows: int, seed: int
) -> dict[int, Shape]:
    """Of what the linear layers give, after so many of them, in one freshly initialised net without biases."""
    layers = [layer for _ in range(max(depths)) for layer in (Linear(width, width, bias=False), Activation(activation))]
    model = build(Network(tuple(layers)), seed, init=init)
    y = torch.tensor(inputs.draw(np.random.default_rng(seed), (rows, width)))
    found = {}
    with torch.no_grad():
        for depth, (linear, bend) in enumerate(list(pairwise(model))[::2], start=1):
            y = linear(y)
            if depth in depths:
                found[depth] = shape_of(y.numpy(), inputs)
            y = bend(y)
    return found


def of_samples(inputs: Inputs, rows: int, columns: int, seed: int) -> float:
    """The mean distance of samples of the inputs' own distribution, standardised like the units."""
    drawn = inputs.draw(np.random.default_rng(seed), (rows, columns))
    return float(distances(standardised(drawn), inputs.function).mean())

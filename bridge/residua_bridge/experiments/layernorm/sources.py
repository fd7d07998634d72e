"""Ensembles of freshly initialised nets with layer or RMS normalisation, as sources of gradient ratios."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residua_bridge.budgets.law import Sizes
from residua_network import Activation, Layer, LayerNorm, Linear, Network, RMSNorm
from residua_numeric.initial import initial_statistics

Floats = NDArray[np.float64]
NORMS: dict[str, Callable[..., Any]] = {"layernorm": LayerNorm, "rmsnorm": RMSNorm}


@dataclass(frozen=True)
class Nets:
    """`depth` times Linear, a normaliser and, if `relu`, a ReLU; with `relu` a Linear on top. All of one width, ε = 0.

    `init` is the variance of the weights times the width.
    """

    kind: str = "layernorm"
    relu: bool = False
    init: float = 1.0

    def network(self, width: int, depth: int) -> Network:
        """The net of these sizes."""
        block: tuple[Layer, ...] = (Linear(width, width, bias=False), NORMS[self.kind](width, eps=0.0, affine=False))
        if not self.relu:
            return Network(block * depth)
        return Network((*(*block, Activation("relu")) * depth, Linear(width, width, bias=False)))

    def places(self, depth: int, edges: bool) -> tuple[int, int]:
        """The columns of the statistics between which a ratio is taken: from the input to the output or, without
        `edges`, between the outputs of the first and of the last Linear that a normaliser follows."""
        block = 3 if self.relu else 2
        return (0, depth * block + self.relu) if edges else (1, (depth - 1) * block + 1)


@dataclass(frozen=True)
class Ratios:
    """Squared gradient at the lower place over that at the upper, one for each net: as a pair, or as its logarithm.

    `read`: "pair", "ratio", or "log".
    """

    nets: Nets
    read: str = "pair"
    edges: bool = True
    seed: int = 0

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """One net, one input and one output gradient a repetition."""
        width, depth = int(sizes["width"]), int(sizes["depth"])
        words = (self.seed, block, width, depth)
        seed = int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> 1)
        net = self.nets.network(width, depth)
        found = initial_statistics(net, repetitions, init=self.nets.init, seed=seed, progress=False)
        low, high = self.nets.places(depth, self.edges)
        if self.read == "pair":
            return found.gradient_pair(low, high)
        ratio = found.gradient_ratio(low, high)
        return ratio if self.read == "ratio" else np.log(ratio)

    def cost(self, sizes: Sizes) -> float:
        """Nanoseconds, about: weights are drawn and multiplied by; a part is the same for every layer."""
        return sizes["depth"] * (9 * sizes["width"] ** 2 + 2000)


@dataclass(frozen=True)
class SquaredDeviations:
    """(log R − E log R)², so that its mean is the variance: `centre` is the predicted mean logarithm."""

    ratios: Ratios
    centre: Callable[[Sizes], float]

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """One net a repetition."""
        return (self.ratios.draw(sizes, repetitions, block) - self.centre(sizes)) ** 2

    def cost(self, sizes: Sizes) -> float:
        """As the ratios themselves."""
        return self.ratios.cost(sizes)


def share_above_one(ratios: Floats) -> float:
    """The share of nets in which the gradient has grown."""
    return float(np.mean(ratios > 1))


def carried_by_largest(ratios: Floats, share: float = 0.01) -> float:
    """Which part of the mean the largest ratios make up."""
    largest = np.sort(ratios)[-max(1, math.ceil(share * len(ratios))) :]
    return float(largest.sum() / ratios.sum())

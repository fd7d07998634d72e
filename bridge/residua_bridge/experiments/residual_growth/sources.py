"""Where the study of residual growth gets its repetitions from: each a quantity of freshly initialised torch models."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from residua_bridge.budgets.law import Sizes
from residua_network import Activation, Layer, LayerNorm, Linear, Network, Residual, RMSNorm
from residua_numeric.initial import InitialStatistics, initial_statistics
from residua_numeric.initial_paths import initial_path_squares
from residua_symbolic.moments.residual.laws import ResidualLaw

Floats = NDArray[np.float64]
FIRST_SEED = 3000  # seeds of the blocks: no other study draws from them


def network(law: ResidualLaw, width: int, depth: int, scale: float = 1.0) -> Network:
    """The network that the law speaks of, without biases, ε = 0."""
    norm: dict[str, tuple[Layer, ...]] = {
        "": (),
        "layernorm": (LayerNorm(width, eps=0.0),),
        "rmsnorm": (RMSNorm(width, eps=0.0),),
    }
    linear, relu = Linear(width, width, bias=False), Activation("relu")
    branch = {"linear": (linear,), "relu linear": (relu, linear), "linear relu": (linear, relu)}[law.branch]
    if law.order == "post":
        return Network((Residual(branch, scale=scale), *norm[law.norm]) * depth)
    return Network((Residual((*norm[law.norm], *branch), scale=scale),) * depth)


def init_of(law: ResidualLaw) -> float:
    """fan_in times the variance of a weight that gives this gain."""
    return law.gain * (1 if law.branch == "linear" else 2)


def columns(law: ResidualLaw, depth: int) -> list[int]:
    """Where states 0…depth stand among the columns of the statistics."""
    return [block * (2 if law.order == "post" else 1) for block in range(depth + 1)]


def statistics(
    law: ResidualLaw, width: int, depth: int, networks: int, seed: int, scale: float = 1.0
) -> InitialStatistics:
    """Of so many networks, one row each."""
    net = network(law, width, depth, scale)
    return initial_statistics(net, networks, init=init_of(law), seed=seed, progress=False)


@dataclass(frozen=True)
class Stream:
    """Of a residual network with `width` and `depth`: the squared gradients at input and output side by side, or the
    mean square, the mean, or the variance over features at the output.

    `scaled`: branches times 1/√depth.
    """

    law: ResidualLaw
    of: Literal["gradient", "mean square", "mean", "variance"]
    scaled: bool = False

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """(repetitions,), or (repetitions, 2) for the gradient."""
        width, depth = int(sizes["width"]), int(sizes["depth"])
        scale = 1 / math.sqrt(depth) if self.scaled else 1.0
        found = statistics(self.law, width, depth, repetitions, FIRST_SEED + block, scale)
        if self.of == "gradient":
            return found.gradient_pair()
        last = {
            "mean square": found.mean_squares,
            "mean": found.means,
            "variance": found.mean_squares - found.row_means,
        }[self.of][:, -1]
        return np.asarray(last)

    def cost(self, sizes: Sizes) -> float:
        """Nanoseconds: a pass is linear in the depth, and quadratic in the width where it is not small."""
        return float(9 * sizes["depth"] * (sizes["width"] + 16) ** 2)


@dataclass(frozen=True)
class PathLengths:
    """The squared gradient weighted with the number of branches that its paths take, beside it unweighted.

    With `share`, the squared gradient through paths of that length in place of the weighted one.
    """

    law: ResidualLaw
    share: int | None = None

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """(repetitions, 2): the ratio of the means is the mean length, or the share."""
        net = network(self.law, int(sizes["width"]), int(sizes["depth"]))
        lengths = np.arange(int(sizes["depth"]) + 1)
        squares = initial_path_squares(net, repetitions, init_of(self.law), FIRST_SEED + block)
        weighted = squares @ lengths if self.share is None else squares[:, self.share]
        return np.stack([weighted, squares.sum(axis=1)], axis=1)

    def cost(self, sizes: Sizes) -> float:
        """Nanoseconds: every block pulls back as many parts as there are lengths by then."""
        return float(2 * sizes["depth"] ** 2 * (sizes["width"] + 16) ** 2)

"""The quantities that a user's law may speak of, each with its definition and the statistic that is taken of it.

The states of a network are numbered by blocks: state l is what enters block l, state L what leaves the last one.
g_l is the gradient at state l, of a loss whose gradient at the output of the network is isotropic and Gaussian.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from residua_numeric.initial import InitialStatistics

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Places:
    """Columns of the statistics: at state l, at state l + 1 (−1: there is none) and behind the last block."""

    here: int
    next: int
    end: int


@dataclass(frozen=True)
class Quantity:
    """`values(statistics, places)`: one value, or a pair of which the means are divided, for each network."""

    name: str
    definition: str
    words: str
    statistic: str
    values: Callable[[InitialStatistics, Places], Floats]
    of_gradients: bool = True
    positive: bool = True


def _ratio(found: InitialStatistics, at: Places) -> Floats:
    return found.gradient_ratio(at.here, at.end)


def _square(found: InitialStatistics, at: Places) -> Floats:
    return found.mean_squares[:, at.here]


_QUANTITIES = (
    Quantity(
        "gradient ratio",
        r"$\mathbb{E}\|g_l\|^2 / \mathbb{E}\|g_L\|^2$",
        "E|g_l|^2 / E|g_L|^2: squared gradient where block l begins, over that behind the last block",
        "ratio of means",
        lambda found, at: found.gradient_pair(at.here, at.end),
    ),
    Quantity(
        "gradient factor",
        r"$\mathbb{E}\|g_l\|^2 / \mathbb{E}\|g_{l+1}\|^2$, over block l alone",
        "E|g_l|^2 / E|g_(l+1)|^2: squared gradient before block l over that behind it",
        "ratio of means",
        lambda found, at: found.gradient_pair(at.here, at.next),
    ),
    Quantity(
        "network gradient ratio",
        r"$\mathbb{E}\|g\|^2$ at the input of the network over that at its output",
        "E|g|^2 at the input of the network over that at its output",
        "ratio of means",
        lambda found, at: found.gradient_pair(),
    ),
    Quantity(
        "mean of gradient ratios",
        r"$\mathbb{E}[\|g_l\|^2/\|g_L\|^2]$",
        "E[|g_l|^2 / |g_L|^2]: the mean of each network's own ratio",
        "arithmetic mean",
        _ratio,
    ),
    Quantity(
        "log gradient ratio",
        r"$\mathbb{E}\log(\|g_l\|^2/\|g_L\|^2)$",
        "E log(|g_l|^2 / |g_L|^2)",
        "arithmetic mean",
        lambda found, at: np.log(_ratio(found, at)),
        positive=False,
    ),
    Quantity(
        "geometric gradient ratio",
        r"$\exp\mathbb{E}\log(\|g_l\|^2/\|g_L\|^2)$",
        "exp E log(|g_l|^2 / |g_L|^2)",
        "geometric mean",
        _ratio,
    ),
    Quantity(
        "median gradient ratio",
        r"the median of $\|g_l\|^2/\|g_L\|^2$",
        "median of |g_l|^2 / |g_L|^2",
        "median",
        _ratio,
    ),
    Quantity(
        "mean square",
        r"$\mathbb{E}\,x_l^2$, over rows and features of state l",
        "E x_l^2 over rows and features where block l begins",
        "arithmetic mean",
        _square,
        of_gradients=False,
    ),
    Quantity(
        "log mean square",
        r"$\mathbb{E}\log$ of the mean of $x_l^2$ over rows and features",
        "E log of the mean of x_l^2 over rows and features",
        "arithmetic mean",
        lambda found, at: np.log(_square(found, at)),
        of_gradients=False,
        positive=False,
    ),
    Quantity(
        "geometric mean square",
        r"$\exp\mathbb{E}\log$ of the mean of $x_l^2$ over rows and features",
        "exp E log of the mean of x_l^2 over rows and features",
        "geometric mean",
        _square,
        of_gradients=False,
    ),
)
QUANTITIES: Mapping[str, Quantity] = {quantity.name: quantity for quantity in _QUANTITIES}
NEEDS_MEANS = ("ratio of means", "arithmetic mean")  # of the values themselves, heavy tails and all

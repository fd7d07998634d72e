"""Sources whose truth is known: a mean that depends on the sizes, times noise of mean 1."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from residua_bridge.budgets.estimate import Floats
from residua_bridge.budgets.law import Sizes


def gaussian(rng: np.random.Generator, size: int) -> Floats:
    """Standard deviation 5 %."""
    return 1 + 0.05 * rng.normal(size=size)


def lognormal(rng: np.random.Generator, size: int) -> Floats:
    """Standard deviation of the logarithm 0.5: skewness 1.75, kurtosis 8.9."""
    return np.exp(0.5 * rng.normal(size=size) - 0.125)


def heavy(rng: np.random.Generator, size: int) -> Floats:
    """Inverse chi-square of 7 degrees of freedom, of mean 1: no fourth moment."""
    return np.asarray(5 / rng.chisquare(7, size=size))


def student(rng: np.random.Generator, size: int) -> Floats:
    """Student's t of 5 degrees of freedom, standard deviation 13 %: symmetric with heavy tails."""
    return 1 + 0.1 * rng.standard_t(5, size=size)


@dataclass(frozen=True)
class Noisy:
    """`mean(sizes)` times noise; independent for every block and seed."""

    mean: Callable[[Sizes], float] = lambda sizes: 1.0
    noise: Callable[[np.random.Generator, int], Floats] = gaussian
    seed: int = 0

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """Shape (repetitions,)."""
        return self.mean(sizes) * self.noise(np.random.default_rng((self.seed, block)), repetitions)


TINY = 1e-5  # of runs in which a rate that is as it should be is refused


def at_most(rate: float, count: int) -> int:
    """The largest number of `count` trials that an event of this rate, or a lower one, is seen in."""
    return int(binom.isf(TINY, count, rate))


def at_least(rate: float, count: int) -> int:
    """The smallest number of `count` trials that an event of this rate, or a higher one, is seen in."""
    return int(binom.ppf(TINY, count, rate))


def bound_of_spread(count: int) -> float:
    """How far the standard deviation of so many standard normal numbers lies from 1, relative: 4.4 of its own."""
    return 4.4 / math.sqrt(2 * count)

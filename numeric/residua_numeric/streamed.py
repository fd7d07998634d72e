"""Means, log means and medians of samples that come in pieces, in bounded memory."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from residua_network import DescriptionError, ShapeError
from residua_network.checks import one_of

Array = NDArray[np.float64]
KEPT = 4096  # samples of which the median is taken, exact up to as many; its own standard error is then about 2 % of σ
TAIL = 100  # largest samples of which the tail index is taken, at most
TAIL_SHARE = 50  # one in so many belongs to the tail
TAIL_LEAST = 8  # of them: fewer say nothing about a tail
HEAVY = 2.0  # a tail x^(−α) has no variance for α below it
DOMINANT = 0.1  # of the sum, in one sample of at least 1 / DOMINANT²
STATISTICS = ("arithmetic mean", "geometric mean", "median")


class Estimate(NamedTuple):
    """A statistic by name, and its standard error."""

    statistic: str
    value: float
    standard_error: float


class StreamedMoments:
    """What is known of samples seen so far; `add` takes more, `a + b` is what is known of both.

    Mean and variance by Chan's update (Chan, Golub, LeVeque 1979). The median is that of KEPT samples chosen by a hash
    of their number: no choice of the values, so that each is as likely to be in as any other.
    """

    def __init__(self, samples: ArrayLike = ()) -> None:
        self.count = 0
        self._plain, self._log = _Sums(), _Sums()
        self._zeros = self._negatives = 0
        self._sample, self._keys = np.empty(0), np.empty(0, dtype=np.uint64)
        self._largest = np.empty(0)
        self.add(samples)

    def add(self, samples: ArrayLike) -> None:
        """More samples, any shape. Raises ShapeError where one is NaN or infinite: no statistic of them exists."""
        found = np.asarray(samples, dtype=np.float64).ravel()
        if not np.isfinite(found).all():
            raise ShapeError(f"samples: expected finite numbers, got {found[~np.isfinite(found)][0]}")
        positive = found[found > 0]
        self._plain += _Sums.of(found)
        self._log += _Sums.of(np.log(positive))
        self._zeros += int((found == 0).sum())
        self._negatives += int((found < 0).sum())
        self._choose(found, _hashed(np.arange(self.count, self.count + len(found), dtype=np.uint64)))
        self._tail(found)
        self.count += len(found)

    def __add__(self, other: "StreamedMoments") -> "StreamedMoments":
        both = StreamedMoments()
        both.count = self.count + other.count
        both._plain, both._log = self._plain + other._plain, self._log + other._log
        both._zeros, both._negatives = self._zeros + other._zeros, self._negatives + other._negatives
        for one in (self, other):
            both._choose(one._sample, one._keys)
            both._tail(one._largest)
        return both

    def __repr__(self) -> str:
        return f"<StreamedMoments: {self.count} samples, arithmetic mean {self.mean:.6g} ± {self.standard_error:.1g}>"

    @property
    def mean(self) -> float:
        """Arithmetic."""
        return self._plain.mean

    @property
    def variance(self) -> float:
        """With 1/(count − 1)."""
        return self._plain.variance

    @property
    def standard_error(self) -> float:
        """Of the arithmetic mean; not to be trusted where there is a `warning`."""
        return self._plain.error

    @property
    def log_mean(self) -> float:
        """Of natural logarithms; −∞ where a sample is 0, NaN where one is negative."""
        if self._negatives:
            return math.nan
        return -math.inf if self._zeros else self._log.mean

    @property
    def log_standard_error(self) -> float:
        """Of `log_mean`; NaN where that is not finite."""
        return self._log.error if math.isfinite(self.log_mean) else math.nan

    @property
    def median(self) -> float:
        """Of all samples up to KEPT of them, then of KEPT of them."""
        return float(np.median(self._sample)) if self.count else math.nan

    @property
    def median_error(self) -> float:
        """Half the distance of the order statistics half a standard deviation of the rank, √kept / 2, to both sides."""
        ordered, kept = np.sort(self._sample), len(self._sample)
        if kept < 4:  # as long as those ranks exist
            return math.nan
        low, high = (kept - 1 - math.sqrt(kept)) / 2, (kept - 1 + math.sqrt(kept)) / 2
        return float(np.diff(np.interp([low, high], np.arange(kept), ordered))[0]) / 2

    @property
    def largest_share(self) -> float:
        """Of the largest sample in the sum of all; NaN where samples are negative or all are 0."""
        total = self.mean * self.count
        return float(self._largest.max()) / total if total > 0 and not self._negatives else math.nan

    @property
    def tail_index(self) -> float:
        """α of a tail x^(−α), by Hill's estimator over the largest samples, one in TAIL_SHARE; NaN where too few."""
        many = min(TAIL, self.count // TAIL_SHARE)
        largest = np.sort(self._largest)[::-1][: many + 1]
        if many < TAIL_LEAST or not largest[-1] > 0:
            return math.nan
        spread = float(np.log(largest[:-1] / largest[-1]).mean())
        return 1 / spread if spread > 0 else math.inf

    @property
    def warning(self) -> str:
        """Why the arithmetic mean and its standard error are not to be trusted; empty where nothing speaks against.

        Hill's index has a relative error of 1/√(samples of the tail), 10 % at best: a warning is likely from an index
        of 2 down, and from one of 3 up rare but for a few hundred samples. A lognormal tail of σ = 2 warns as well.
        """
        if self.tail_index < HEAVY:
            return f"heavy tail: index {self.tail_index:.2g} (Hill), below {HEAVY:g} the variance does not exist"
        if self.count * DOMINANT**2 >= 1 and self.largest_share > DOMINANT:
            return f"heavy tail: one of {self.count} samples makes up {100 * self.largest_share:.0f} % of the sum"
        return ""

    def estimate(self, statistic: str) -> Estimate:
        """ "arithmetic mean", "geometric mean" or "median", with its standard error. Raises DescriptionError."""
        one_of(statistic, STATISTICS, "statistic", "estimate")
        if self.count == 0:
            raise DescriptionError("estimate: expected at least one sample, got none")
        if statistic == "arithmetic mean":
            return Estimate(statistic, self.mean, self.standard_error)
        if statistic == "median":
            return Estimate(statistic, self.median, self.median_error)
        value = math.exp(self.log_mean)
        return Estimate(statistic, value, value * self.log_standard_error)

    def _choose(self, samples: Array, keys: NDArray[np.uint64]) -> None:
        sample, all_keys = np.concatenate([self._sample, samples]), np.concatenate([self._keys, keys])
        if len(sample) > KEPT:
            kept = np.argpartition(all_keys, KEPT - 1)[:KEPT]
            sample, all_keys = sample[kept], all_keys[kept]
        self._sample, self._keys = sample, all_keys

    def _tail(self, samples: Array) -> None:
        largest = np.concatenate([self._largest, samples])
        self._largest = np.partition(largest, -TAIL - 1)[-TAIL - 1 :] if len(largest) > TAIL + 1 else largest


@dataclass(frozen=True)
class _Sums:
    """Count, mean, and sum of squared deviations from it."""

    count: int = 0
    mean: float = math.nan
    squares: float = 0.0

    @classmethod
    def of(cls, samples: Array) -> "_Sums":
        if not len(samples):
            return cls()
        mean = float(samples.mean())
        return cls(len(samples), mean, float(np.square(samples - mean).sum()))

    def __add__(self, other: "_Sums") -> "_Sums":
        if not self.count or not other.count:
            return self if self.count else other
        count, apart = self.count + other.count, other.mean - self.mean
        share = other.count / count
        return _Sums(count, self.mean + apart * share, self.squares + other.squares + apart**2 * self.count * share)

    @property
    def variance(self) -> float:
        return self.squares / (self.count - 1) if self.count > 1 else math.nan

    @property
    def error(self) -> float:
        return math.sqrt(self.variance / self.count) if self.count > 1 else math.nan


def _hashed(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64 (Steele, Lea, Flood 2014): a permutation of the 64-bit numbers without pattern."""
    with np.errstate(over="ignore"):
        z = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))

"""Estimates from raw repetitions, with what is needed to judge them: standard error, skewness, how far to trust it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from residua_bridge.verdict import Uncertain
from residua_network import ResiduaError
from residua_network.checks import one_of

Floats = NDArray[np.float64]

TRUSTED = 8.0  # degrees of freedom below which a standard error of many repetitions is that of a few large ones
GROUPS = 32  # left out in turn, one of them, where a difference of two statistics is judged
MANY = 20  # repetitions from which on that is a matter of heavy tails, and not of few repetitions


@dataclass(frozen=True)
class Estimate:
    """A statistic with its standard error `bar`, in the units of the quantity.

    `freedom` is the degrees of freedom of that error: those of Student's t for Gaussian values, n − 1, fewer where
    the fourth moment says that the variance is known less well, 2n/(κ − 1). `skewness` is the skewness that the
    estimate itself has, γ/√n for a mean. `heavy`: a few large values decide. `missing`: values that are not finite.
    """

    value: float
    bar: float
    freedom: float
    skewness: float
    count: int
    heavy: bool = False
    missing: int = 0


def estimate(data: Floats, statistic: str) -> Estimate:
    """The statistic of that name over all repetitions, from all blocks: each is one independent draw.

    Raises ResiduaError for a statistic that is not known. Values that are not finite, or not positive where a
    logarithm is taken, give NaN: nothing is dropped.
    """
    shown = STATISTICS[one_of(statistic, STATISTICS, "statistic", "estimate")]
    missing = int(np.sum(~np.isfinite(data.reshape(len(data), -1)).all(axis=1)))
    if not missing and statistic == "geometric mean":
        missing = int(np.sum(~(data > 0)))
    if missing:
        return Estimate(math.nan, math.nan, 1.0, 0.0, len(data), missing=missing)
    with np.errstate(all="ignore"):  # what overflows ends as inf or NaN, and no gate passes those
        return shown(data)


def columns(statistic: str) -> int:
    """How many numbers a repetition consists of."""
    return 2 if statistic == "ratio of means" else 1


def checked(data: object, repetitions: int, statistic: str, where: str) -> Floats:
    """What a source drew, as float64 of shape (repetitions,) or (repetitions, 2). Raises ResiduaError otherwise."""
    expected = (repetitions, 2) if columns(statistic) == 2 else (repetitions,)
    try:
        found = np.asarray(data, dtype=np.float64)
    except (TypeError, ValueError):
        raise ResiduaError(f"{where}: expected numbers of shape {expected}, got {type(data).__name__}") from None
    if found.shape != expected:
        raise ResiduaError(f"{where}: expected numbers of shape {expected} for the {statistic}, got {found.shape}")
    return found


def paired(first: Floats, second: Floats, statistic: str) -> Uncertain:
    """Statistic of the first less that of the second, over the same draws: jackknife that leaves out groups."""
    n = len(first)
    parts = np.array_split(np.arange(n), min(n, GROUPS))
    differences = np.array([_difference(np.delete(first, k, 0), np.delete(second, k, 0), statistic) for k in parts])
    spread = float(np.sum((differences - differences.mean()) ** 2)) * (len(parts) - 1) / len(parts)
    return Uncertain(_difference(first, second, statistic), math.sqrt(spread))


def _difference(first: Floats, second: Floats, statistic: str) -> float:
    return estimate(first, statistic).value - estimate(second, statistic).value


def _arithmetic(x: Floats) -> Estimate:
    return _mean_of(x, float(x.mean()))


def _geometric(x: Floats) -> Estimate:
    """exp of the mean logarithm; Hall's transformation undoes its curvature, T = u − u²s/2, with a skewness of 3s/2."""
    logs = np.log(x)
    value = float(np.exp(logs.mean()))
    return _mean_of(value * (1 + logs - logs.mean()), value, curvature=3 / 2)


def _ratio(pairs: Floats) -> Estimate:
    """Σ numerators / Σ denominators by the jackknife: mean and standard error of the pseudo-values."""
    numerators, denominators = pairs.T
    total, n = pairs.sum(axis=0), len(pairs)
    ratio = total[0] / total[1]
    if n == 1:
        return _mean_of(np.array([ratio]), float(ratio))
    others = (total[0] - numerators) / (total[1] - denominators)
    pseudo = n * ratio - (n - 1) * others
    return _mean_of(pseudo, float(pseudo.mean()))


def _median(x: Floats) -> Estimate:
    """The sample median with the standard error of Maritz and Jarrett (Biometrika 65, 1978).

    That rests on the √n values around the median, so it is known only as well as by about 2√n degrees of freedom.
    """
    n = len(x)
    if n == 1:
        return _mean_of(x, float(x[0]))
    weights, ordered = _beta_weights(n), np.sort(x)
    first = float(weights @ ordered)
    bar = math.sqrt(max(0.0, float(weights @ (ordered - first) ** 2)))
    return Estimate(float(np.median(x)), bar, min(n - 1.0, 2 * math.sqrt(n)), 0.0, n)


@lru_cache(maxsize=64)
def _beta_weights(n: int) -> Floats:
    """The probability of each of n ordered values to be the median of a resample."""
    from scipy.stats import beta

    shape = (n + 1) / 2
    return np.asarray(np.diff(beta.cdf(np.linspace(0, 1, n + 1), shape, shape)))


def _mean_of(values: Floats, value: float, curvature: float = 0.0) -> Estimate:
    """`value` with the error of the mean of `values`; a single repetition claims no sampling error."""
    n = len(values)
    if n == 1:
        return Estimate(value, 0.0, math.inf, 0.0, 1)
    centred = values - values.mean()
    variance = float(np.mean(centred**2))
    bar = math.sqrt(variance / (n - 1))
    if not variance > 0 or not math.isfinite(variance):
        return Estimate(value, bar, n - 1.0, 0.0, n)
    reduced = centred / math.sqrt(variance)
    kurtosis = max(1.0, float(np.mean(reduced**4)))
    freedom = min(n - 1.0, 2 * n / (kurtosis - 1) if kurtosis > 1 else math.inf)
    skewness = float(np.mean(reduced**3)) / math.sqrt(n) + (curvature * bar / abs(value) if curvature else 0.0)
    return Estimate(value, bar, freedom, skewness, n, heavy=n >= MANY and freedom < TRUSTED)


STATISTICS: dict[str, Callable[[Floats], Estimate]] = {
    "arithmetic mean": _arithmetic,
    "geometric mean": _geometric,
    "ratio of means": _ratio,
    "median": _median,
}

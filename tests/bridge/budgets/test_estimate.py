"""Statistics with their standard errors, against scipy and against what repeated draws show."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from residua_bridge.budgets.decision import standardised
from residua_bridge.budgets.estimate import Floats, estimate, paired

from .synthetic import at_least, at_most, bound_of_spread, gaussian, heavy, lognormal

RUNS = 400
RESAMPLES = 20_000


def lognormals(rng: np.random.Generator, size: int) -> Floats:
    return np.exp(0.4 * rng.normal(size=size))


def pairs(rng: np.random.Generator, size: int) -> Floats:
    """Numerator and denominator, correlated; E N / E D = exp(0.09375 + 0.35²/2) = exp(0.155)."""
    shared = rng.normal(size=size)
    return np.exp(np.stack([0.6 * shared + 0.35 * rng.normal(size=size), 0.6 * shared], axis=1)) * np.exp(
        [0.09375, 0.0]
    )


TRUTHS: list[tuple[str, Callable[[np.random.Generator, int], Floats], float]] = [
    ("arithmetic mean", lognormals, math.exp(0.08)),
    ("geometric mean", lognormals, 1.0),
    ("median", lognormals, 1.0),
    ("ratio of means", pairs, math.exp(0.155)),
]


@pytest.mark.parametrize(("statistic", "draw", "truth"), TRUTHS, ids=[one[0] for one in TRUTHS])
def test_standard_errors_are_those_of_repeated_draws(
    statistic: str, draw: Callable[[np.random.Generator, int], Floats], truth: float
) -> None:
    found = [estimate(draw(np.random.default_rng((7, k)), 400), statistic) for k in range(RUNS)]
    z = np.array([(one.value - truth) / one.bar for one in found])
    assert abs(z.mean()) < 5 / math.sqrt(RUNS) + 0.1  # skewness alone moves it by 0.05
    assert abs(z.std() - 1) < bound_of_spread(RUNS)


def test_against_scipy() -> None:
    x = np.random.default_rng(1).gamma(2.0, size=50)
    mean = estimate(x, "arithmetic mean")
    assert mean.value == pytest.approx(x.mean())
    assert mean.bar == pytest.approx(stats.sem(x))
    assert mean.skewness == pytest.approx(stats.skew(x) / math.sqrt(50))
    geometric = estimate(x, "geometric mean")
    assert geometric.value == pytest.approx(stats.gmean(x))
    assert geometric.bar / geometric.value == pytest.approx(stats.sem(np.log(x)))


def test_the_error_of_a_median_is_that_of_all_resamples() -> None:
    rng = np.random.default_rng(1)
    x = rng.gamma(2.0, size=51)
    found = estimate(x, "median")
    medians = np.median(rng.choice(x, size=(RESAMPLES, 51)), axis=1)
    assert found.value == np.median(x)
    assert found.bar == pytest.approx(medians.std(), rel=bound_of_spread(RESAMPLES))


@pytest.mark.parametrize("noise", [gaussian, lognormal, heavy])
def test_few_values_decide_the_error_of_a_median(noise: Callable[[np.random.Generator, int], Floats]) -> None:
    """Of 64 values: far out a normal distribution of its z would be wrong by more than twice."""
    rng = np.random.default_rng(8)
    truth = float(np.median(noise(rng, 1_000_000)))
    found = [estimate(noise(rng, 64), "median") for _ in range(RESAMPLES // 2)]
    z = np.array([standardised(one.value - truth, one.bar, one.freedom, one.skewness) for one in found])
    p = 2 * stats.norm.sf(abs(z))
    for level in (0.0185, 0.003):
        assert np.sum(p < level) <= at_most(level, len(p))
    assert np.sum(p < 0.1) >= at_least(0.08, len(p))


def test_jackknife_of_a_ratio_by_leaving_each_out() -> None:
    x = pairs(np.random.default_rng(2), 12)
    left_out = [np.delete(x, k, 0) for k in range(12)]
    each = np.array([one[:, 0].sum() / one[:, 1].sum() for one in left_out])
    whole = x[:, 0].sum() / x[:, 1].sum()
    found = estimate(x, "ratio of means")
    assert found.value == pytest.approx(12 * whole - 11 * each.mean())
    assert found.bar == pytest.approx(math.sqrt(11 / 12 * np.sum((each - each.mean()) ** 2)))


def test_few_repetitions_have_few_degrees_of_freedom() -> None:
    found = estimate(np.array([1.0, 1.2, 0.9, 1.1]), "arithmetic mean")
    assert found.freedom <= 3
    assert not found.heavy


def test_heavy_tails_are_noticed_and_others_are_not() -> None:
    rng = np.random.default_rng(3)
    cauchy = estimate(abs(rng.standard_cauchy(2000)), "arithmetic mean")
    assert cauchy.heavy
    assert not estimate(abs(rng.standard_cauchy(2000)), "geometric mean").heavy
    assert not any(estimate(rng.normal(size=n), "arithmetic mean").heavy for n in (20, 50, 1000))


@pytest.mark.parametrize("statistic", ["arithmetic mean", "geometric mean", "median"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_not_dropped(statistic: str, bad: float) -> None:
    found = estimate(np.array([1.0, bad, 2.0, 3.0]), statistic)
    assert math.isnan(found.value)
    assert math.isnan(found.bar)
    assert found.missing == 1


@pytest.mark.parametrize("column", [0, 1])
def test_half_a_pair_is_none(column: int) -> None:
    x = pairs(np.random.default_rng(3), 8)
    x[2, column] = math.nan
    assert estimate(x, "ratio of means").missing == 1


def test_logarithms_of_what_is_not_positive() -> None:
    assert estimate(np.array([1.0, 0.0, -2.0]), "geometric mean").missing == 2


def test_one_repetition_claims_no_error() -> None:
    assert estimate(np.array([3.0]), "arithmetic mean").bar == 0.0
    assert estimate(np.array([3.0]), "median").bar == 0.0
    assert estimate(np.array([[3.0, 2.0]]), "ratio of means").value == 1.5


def test_the_same_draws_are_compared_in_pairs() -> None:
    x = lognormals(np.random.default_rng(4), 640)
    noise = 1 + 1e-3 * np.random.default_rng(5).normal(size=640)
    found = paired(x * noise + 0.01, x, "arithmetic mean")
    assert abs(found.value - 0.01) < 5 * found.bar
    assert found.bar == pytest.approx(stats.sem(x * noise - x), rel=0.5)  # 32 groups know it to 13 %
    assert found.bar < estimate(x, "arithmetic mean").bar / 100

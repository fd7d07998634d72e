"""The decision rule by itself: its error rates over all looks, and differences that are standard normal."""

import math
from collections import Counter

import numpy as np
import pytest
from scipy import stats

from residua_bridge.budgets.decision import (
    DECIDING,
    EARLY,
    LATER,
    MISSED,
    WITHIN,
    Spending,
    bars_needed,
    probability,
    standardised,
)

from .synthetic import at_least, at_most

LOOKS = 8
RUNS = 3000


NOMINAL = 0.03


def test_the_levels_of_all_looks_add_up_to_three_percent() -> None:
    worst = 0.0
    for early in range(30):
        for deciding in range(30):
            spent, total = Spending(), 0.0
            for decides in [False] * early + [True] * deciding:
                total += spent.level(decides)
                spent = spent.after(decides)
            worst = max(worst, total)
    assert worst < EARLY + DECIDING + LATER <= NOMINAL + 1e-12


def sequence(off: float, enough: int, rng: np.random.Generator) -> str:
    """Looks at the mean of 1, 2, 4, … Gaussian numbers, bars narrow enough from look `enough` on; `off` in its bars."""
    total, count, spent = 0.0, 0, Spending()
    truth = off / math.sqrt(2**enough)
    for look in range(LOOKS):
        more = 2**look - count
        total, count = total + more * truth + math.sqrt(more) * rng.normal(), 2**look
        p = probability([total / math.sqrt(count)])
        decides = look >= enough or look == LOOKS - 1
        if p < spent.level(decides):
            return "differ"
        if look >= enough and p >= WITHIN:
            return "agree"
        spent = spent.after(decides)
    return "inconclusive"


@pytest.mark.parametrize("enough", [0, 2, 5])
def test_error_rates_over_all_looks(enough: int) -> None:
    rng = np.random.default_rng(enough)
    true = Counter(sequence(0.0, enough, rng) for _ in range(RUNS))
    assert true["agree"] >= at_least(0.9, RUNS)
    assert true["differ"] <= at_most(NOMINAL, RUNS)
    off = Counter(sequence(4.0, enough, rng) for _ in range(RUNS))
    assert off["differ"] >= at_least(0.95, RUNS)
    assert off["agree"] <= at_most(MISSED + 1e-3, RUNS)
    farther = Counter(sequence(6.0, enough, rng) for _ in range(RUNS))
    assert farther["agree"] == 0


def test_the_simulation_notices_a_rule_that_spends_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spending, "level", lambda self, decides: 0.05)
    rng = np.random.default_rng(1)
    assert Counter(sequence(0.0, 5, rng) for _ in range(RUNS))["differ"] > at_most(NOMINAL, RUNS)


def test_the_resolution_is_four_bars_of_one_number() -> None:
    assert bars_needed(1) == pytest.approx(4.0, abs=0.001)
    assert bars_needed(1) < bars_needed(2) < bars_needed(10) < 6


def test_students_t_where_repetitions_are_few() -> None:
    for T, freedom in ((2.3, 4), (-3.0, 9.5), (0.1, 2)):
        z = standardised(T, 1.0, freedom, 0.0)
        assert 2 * stats.norm.sf(abs(z)) == pytest.approx(2 * stats.t.sf(abs(T), freedom))
        assert math.copysign(1, z) == math.copysign(1, T)


def test_far_out_it_stays_finite() -> None:
    z = [standardised(T, 1.0, math.inf, 0.0) for T in (10.0, 30.0, 40.0, 1e4)]
    assert z == pytest.approx([10.0, 30.0, 40.0, 1e4], rel=0.01)


def test_skewness_is_taken_off() -> None:
    """Means of 30 lognormal numbers: too small ones come with too small errors; Hall evens the tails."""
    rng = np.random.default_rng(5)
    x = np.exp(0.6 * rng.normal(size=(20_000, 30)) - 0.18)
    values, bars = x.mean(axis=1), stats.sem(x, axis=1)
    skewness = stats.skew(x, axis=1) / math.sqrt(30)
    z = np.array([standardised(v - 1, b, 29.0, k) for v, b, k in zip(values, bars, skewness, strict=True)])
    plain = (values - 1) / bars
    low, high = np.mean(z < -1.96), np.mean(z > 1.96)
    assert low < np.mean(plain < -1.96) / 1.5
    assert abs(low - high) < abs(np.mean(plain < -1.96) - np.mean(plain > 1.96)) / 2


def test_nothing_passes_with_nan() -> None:
    assert math.isnan(standardised(math.nan, 1.0, 9.0, 0.0))
    assert math.isnan(standardised(1.0, math.nan, 9.0, 0.0))
    p = probability([0.1, math.nan])
    assert math.isnan(p)
    assert not p < 1
    assert not p >= WITHIN


def test_without_any_error() -> None:
    assert probability([standardised(0.0, 0.0, math.inf, 0.0)]) == 1.0
    assert probability([standardised(1e-300, 0.0, math.inf, 0.0)]) == 0.0


def test_several_numbers_together() -> None:
    """Uniform where the law is true, or more cautious than that; one far off is found among many."""
    rng = np.random.default_rng(6)
    p = np.array([probability(list(rng.normal(size=4))) for _ in range(4000)])
    for level in (0.01, 0.1, 0.5):
        assert np.sum(p < level) <= at_most(level, 4000)
    assert np.sum(p < 0.1) >= at_least(0.05, 4000)
    assert probability([0.0, 0.0, 0.0, 5.0]) < 1e-4
    assert probability([2.0] * 6) < 0.01

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from residua_network import DescriptionError, ShapeError
from residua_numeric.streamed import KEPT, TAIL, StreamedMoments

RANDOM = np.random.default_rng(3)
LIGHT = RANDOM.lognormal(0.3, 0.4, 20_000)


def pieces(samples: NDArray[np.float64], size: int) -> StreamedMoments:
    found = StreamedMoments()
    for first in range(0, len(samples), size):
        found.add(samples[first : first + size])
    return found


@pytest.mark.parametrize("size", [1, 17, 1000])
@pytest.mark.parametrize("samples", [LIGHT[:900], 1e6 + RANDOM.normal(size=900)])
def test_pieces_give_what_the_whole_gives(samples: NDArray[np.float64], size: int) -> None:
    """NumPy on all at once; near 1e6 a sum of squares would lose twelve digits."""
    found = pieces(samples, size)
    merged = pieces(samples[:300], size) + pieces(samples[300:], size)
    n = len(samples)
    for one in (found, merged):
        assert one.count == n
        assert one.mean == pytest.approx(samples.mean(), rel=1e-14)
        assert one.standard_error == pytest.approx(samples.std(ddof=1) / math.sqrt(n), rel=1e-9)
        assert one.log_mean == pytest.approx(np.log(samples).mean(), rel=1e-13)
        assert one.log_standard_error == pytest.approx(np.log(samples).std(ddof=1) / math.sqrt(n), rel=1e-9)
        assert one.median == np.median(samples)
        assert one.largest_share == pytest.approx(samples.max() / samples.sum(), rel=1e-13)
        assert one.warning == ""


def test_memory_is_bounded_and_the_median_still_right() -> None:
    found = pieces(LIGHT, 700)
    assert len(found._sample) == KEPT
    assert len(found._largest) == TAIL + 1
    exact = np.median(LIGHT)
    assert 0 < abs(found.median - exact) <= 4 * found.median_error
    assert found.median_error < 0.03 * LIGHT.std()
    half = pieces(LIGHT[:10_000], 700) + pieces(LIGHT[10_000:], 10)
    assert len(half._sample) == KEPT
    assert abs(half.median - exact) <= 4 * half.median_error


def test_the_choice_for_the_median_is_blind_to_order() -> None:
    """Sorted samples: those kept must not be the first or the last of them."""
    found = pieces(np.arange(100_000.0), 1000)
    assert abs(found.median / 50_000 - 1) < 5 / math.sqrt(KEPT)
    assert abs(np.quantile(found._sample, 0.1) / 10_000 - 1) < 0.3


def test_standard_errors_are_those_of_repetitions() -> None:
    """The spread of the estimates over 300 repetitions, beside the mean of their own errors: 4 % each way, times 4."""
    draws = RANDOM.exponential(size=(300, 400))
    found = [StreamedMoments(one) for one in draws]
    for statistic in ("arithmetic mean", "geometric mean", "median"):
        estimates = [one.estimate(statistic) for one in found]
        spread = np.std([e.value for e in estimates])
        assert spread == pytest.approx(np.mean([e.standard_error for e in estimates]), rel=0.16)
        assert {e.statistic for e in estimates} == {statistic}
    truth = {"arithmetic mean": 1.0, "geometric mean": math.exp(-np.euler_gamma), "median": math.log(2)}
    for statistic, value in truth.items():
        assert np.mean([one.estimate(statistic).value for one in found]) == pytest.approx(value, rel=0.02)


@pytest.mark.parametrize("index", [1.2, 3.0, 5.0])
def test_the_tail_index_of_a_pareto_law(index: float) -> None:
    found = StreamedMoments(RANDOM.pareto(index, 20_000) + 1)
    assert found.tail_index == pytest.approx(index, rel=4 / math.sqrt(TAIL))
    assert bool(found.warning) == (index < 2)


def test_warnings_are_given_for_heavy_tails_only() -> None:
    assert "index" in StreamedMoments(RANDOM.standard_cauchy(5000) ** 2).warning
    assert "of the sum" in StreamedMoments([1.0] * 300 + [200.0]).warning
    for light in (RANDOM.exponential(size=5000), RANDOM.chisquare(1, 5000), np.ones(1000), RANDOM.normal(size=5000)):
        assert StreamedMoments(light).warning == ""


def test_zeros_and_negatives_have_no_geometric_mean() -> None:
    assert StreamedMoments([0.0, 1.0]).log_mean == -math.inf
    assert StreamedMoments([0.0, 1.0]).estimate("geometric mean").value == 0
    assert math.isnan(StreamedMoments([-1.0, 1.0]).log_mean)
    assert math.isnan((StreamedMoments([1.0]) + StreamedMoments([-1.0, 1.0])).log_mean)
    assert math.isnan(StreamedMoments([-1.0, 1.0, 4.0]).largest_share)


def test_too_few_samples_have_no_error() -> None:
    assert math.isnan(StreamedMoments([2.0]).standard_error)
    assert StreamedMoments([2.0]).mean == StreamedMoments([2.0]).median == 2
    assert math.isnan(StreamedMoments([2.0]).tail_index)
    assert math.isnan(StreamedMoments().mean)


def test_refusals() -> None:
    with pytest.raises(ShapeError, match="expected finite numbers, got nan"):
        StreamedMoments([1.0, math.nan])
    with pytest.raises(DescriptionError, match="unknown statistic"):
        StreamedMoments([1.0]).estimate("mean")
    with pytest.raises(DescriptionError, match="at least one sample"):
        StreamedMoments().estimate("median")


def test_the_tail_of_a_sum_is_that_of_the_whole_however_it_is_grouped() -> None:
    """Those kept for the median are among the largest as well: none may count twice."""
    samples = np.random.default_rng(0).lognormal(0, 2, 50_000)
    whole, (a, b, c) = StreamedMoments(samples), map(StreamedMoments, np.split(samples, [7, 20_000]))
    for merged in ((a + b) + c, a + (b + c), c + (a + b)):
        assert np.array_equal(np.sort(merged._largest), np.sort(whole._largest))
        assert merged.tail_index == pytest.approx(whole.tail_index, rel=1e-13)
        assert merged.warning == whole.warning

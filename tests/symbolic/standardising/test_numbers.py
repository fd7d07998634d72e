"""Numbers on standardising against numpy, scipy, mpmath and Python's own statistics."""

import statistics
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
from scipy import optimize, stats
from scipy.special import expit

from residua_symbolic.standardising import affine_moments, as_printed, shape, sigmoid_range, whole_numbers
from residua_symbolic.standardising.averages import averaged, mean, variance

COUNTS = (2, 3, 10, 100)


def test_averages_of_polynomials_are_those_of_numbers() -> None:
    x = sp.Symbol("x", real=True)
    numbers = [Fraction(k, 7) for k in (1, 2, 5, 11)]
    moments = [sp.Rational(str(sum(a**power for a in numbers) / 4)) for power in (1, 2, 3)]
    found = averaged(3 * x**3 - x + 5, x, moments)
    assert found == sp.Rational(str(sum(3 * a**3 - a + 5 for a in numbers) / 4))
    assert (mean(numbers), variance(numbers)) == (statistics.mean(numbers), statistics.pvariance(numbers))


@pytest.mark.parametrize("count", COUNTS)
def test_deviations_are_those_of_the_statistics_module(count: int) -> None:
    numbers = [Fraction(k) for k in range(1, count + 1)]
    found = whole_numbers.deviations(count)
    assert found.mean == statistics.mean(numbers)
    for enclosure, exact in (
        (found.population, statistics.pvariance(numbers)),
        (found.sample, statistics.variance(numbers)),
    ):
        assert Fraction(float(enclosure.lower)) ** 2 <= exact <= Fraction(float(enclosure.upper)) ** 2
        assert float(enclosure.upper) - float(enclosure.lower) < 1e-13 * count
    kurtosis = float(whole_numbers.KURTOSIS.subs(whole_numbers.n, count))
    assert kurtosis == pytest.approx(stats.kurtosis(np.arange(1, count + 1)), rel=1e-12)


def test_distance_from_normal_is_that_of_scipy() -> None:
    random = np.random.default_rng(0)
    for values in (np.array([-1.0, 1.0]), np.arange(1.0, 31.0), random.exponential(size=40), np.array([0.0, 0.0, 1.0])):
        z = np.sort((values - values.mean()) / values.std())
        found = whole_numbers.distance_from_normal(tuple(map(Fraction, sorted(values.tolist()))))
        assert float(found.middle) == pytest.approx(stats.kstest(z, "norm").statistic, rel=1e-12)


def test_the_range_of_sigmoid_by_other_means() -> None:
    for t in (0.5, 1.0, 3.0):
        s = expit(t)
        assert float(sigmoid_range.share_within(t).middle) == pytest.approx(2 * stats.norm.cdf(t) - 1, rel=1e-14)
        assert float(sigmoid_range.slope_left(t).middle) == pytest.approx(4 * s * (1 - s), rel=1e-14)
        assert float(sigmoid_range.tangent_left(t).middle) == pytest.approx(4 * (s - 0.5) / t, rel=1e-14)
    for off in (0.01, 0.05, 0.1):
        place = optimize.brentq(lambda x, off=off: np.tanh(x / 2) / (x / 2) - 1 + off, 0.01, 10, xtol=1e-14)
        assert float(sigmoid_range.linear_up_to(off).middle) == pytest.approx(place, rel=1e-12)
    half = sigmoid_range.slope_up_to(0.5)
    assert float(half.lower) <= np.log(3 + 2 * np.sqrt(2)) <= float(half.upper)  # σ (1 − σ) = 1/8


def test_the_best_line_beats_a_fine_search() -> None:
    line = sigmoid_range.best_line(3)
    x = np.linspace(-3, 3, 4001)
    # an odd function and 1/2: the best line passes through (0, 1/2), and one number is left to search
    found = optimize.minimize_scalar(
        lambda a: abs(expit(x) - 0.5 - a * x).max(), bounds=(0.1, 0.25), method="bounded", options={"xatol": 1e-12}
    )
    assert line.lower - 1e-6 <= found.fun <= line.upper + 1e-6
    assert line.lower <= line.upper <= line.lower + 1e-9
    assert abs(expit(x) - line.middle - line.slope * x).max() <= line.upper


@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0])
def test_the_linear_share_by_mpmath(scale: float) -> None:
    def expectation(f: object) -> mpmath.mpf:
        return mpmath.quad(lambda z: f(z) * mpmath.npdf(z), [-12, -2, 0, 2, 12])  # type: ignore[operator]

    def y(z: mpmath.mpf) -> mpmath.mpf:
        return 1 / (1 + mpmath.exp(-scale * z))

    slope, square = expectation(lambda z: z * y(z)), expectation(lambda z: (y(z) - mpmath.mpf(1) / 2) ** 2)
    part = sigmoid_range.linear_part(scale)
    assert part.share == pytest.approx(float(slope**2 / square), rel=1e-12)
    assert part.error < 1e-12


def test_saturated_shares_by_scipy() -> None:
    for scale, shift in ((1.0, 0.0), (2.0, 1.0), (0.5, -2.0)):
        normal = stats.norm(shift, scale)
        expected = normal.cdf(-3) + normal.sf(3)
        assert float(sigmoid_range.saturated_share(scale, shift).middle) == pytest.approx(expected, rel=1e-10)


def test_formulas_evaluated_by_numpy() -> None:
    x, eps = np.array([0.25, -1.5, 4.0, 0.5]), 1e-2
    centred, total = x - x.mean(), x - x.sum()
    expected = {
        "ε inside, 1/N": centred / np.sqrt(x.var() + eps),
        "ε outside, 1/N": centred / (x.std() + eps),
        "ε inside, 1/(N − 1)": centred / np.sqrt(x.var(ddof=1) + eps),
        "μ without 1/n": total / np.sqrt((total**2).mean() + eps),
        "σ without 1/n": centred / np.sqrt((centred**2).sum() + eps),
        "both without 1/n": total / np.sqrt((total**2).sum() + eps),
    }
    assert set(expected) == set(as_printed.FORMULAS)
    for formula, values in expected.items():
        found = [float(e.mid()) for e in as_printed.standardised(x.tolist(), eps, formula)]
        assert found == pytest.approx(values, rel=1e-14)
    assert len({tuple(np.round(v, 6)) for v in expected.values()}) == len(expected)


def test_the_bar_of_rounding_covers_float32() -> None:
    random = np.random.default_rng(1)
    for _ in range(50):
        x = random.normal(3, 1, 20).astype(np.float32)
        centred = x - x.mean()
        seen = centred / np.sqrt((centred * centred).mean() + np.float32(1e-5))
        exact = [float(e.mid()) for e in as_printed.standardised(x.tolist(), float(np.float32(1e-5)), "ε inside, 1/N")]
        bar = as_printed.rounding(x.tolist(), 1e-5, 2.0**-24)
        off = abs(seen.astype(np.float64) - exact)
        assert (off <= bar).all()
    assert bar.max() < 1e-3  # and says something


def test_laws_on_numbers() -> None:
    """(w, b) through the printed laws with numbers put in, against numpy."""
    x = np.random.default_rng(2).exponential(size=9)
    a = affine_moments
    for w, b in ((2.0, 1.0), (-3.0, 0.5)):
        put = {a.w: w, a.b: b, a.p: x.mean(), a.q: x.std()}
        steps = {s.name: s.right for s in a.affine_moments().steps}
        assert float(steps["mean"].subs(put)) == pytest.approx((w * x + b).mean())
        assert float(steps["standard deviation"].subs(put)) == pytest.approx((w * x + b).std())
    standardised = {s.name: s.right for s in shape.needed_deviation().steps}
    assert float(standardised["s the variance"].subs(shape.v, x.var())) == pytest.approx((x / x.var()).std())

"""Numbers of the losses against foreign oracles, and refusals of what makes no sense."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.special
import scipy.stats

from residua_network import ResiduaError, ShapeError
from residua_symbolic.losses import classifiers, perplexity, softmax, sources
from residua_symbolic.losses.entropy import information
from residua_symbolic.losses.initial_loss import expected_initial_loss

RANDOM = np.random.default_rng(3)


@pytest.mark.parametrize("size", [1, 2, 7, 300])
def test_information_is_scipys(size: int) -> None:
    P, Q = RANDOM.dirichlet(np.ones(size), 2)
    own, crossed, apart = information(P, Q)
    assert own == pytest.approx(scipy.stats.entropy(P), rel=1e-12, abs=1e-15)
    assert apart == pytest.approx(scipy.stats.entropy(P, Q), rel=1e-11, abs=1e-14)
    assert crossed == pytest.approx(-(P * np.log(Q)).sum(), rel=1e-12, abs=1e-15)


def test_information_where_probabilities_vanish() -> None:
    assert information([1.0, 0.0], [0.5, 0.5]) == pytest.approx((0.0, np.log(2), np.log(2)))
    assert information([0.5, 0.5], [1.0, 0.0]) == pytest.approx((np.log(2), np.inf, np.inf))
    assert information([0.5, 0.5, 0.0], [0.5, 0.5, 0.0])[2] == 0.0


def test_information_refuses_what_is_no_distribution() -> None:
    with pytest.raises(ShapeError, match="one length"):
        information([0.5, 0.5], [1.0])
    with pytest.raises(ResiduaError, match="sum to 1 in Q"):
        information([0.5, 0.5], [0.5, 0.4])
    with pytest.raises(ResiduaError, match="in P"):
        information([1.5, -0.5], [0.5, 0.5])


def test_softmax_and_its_derivatives_are_numpys() -> None:
    z, P = 5 * RANDOM.normal(size=(4, 6)), RANDOM.dirichlet(np.ones(6), 4)
    q = scipy.special.softmax(z, axis=1)
    assert np.allclose(softmax.probabilities(z), q, rtol=1e-13)
    assert np.allclose(softmax.gradient(z, P), (q - P) / 4, atol=1e-15)

    def loss(point: np.ndarray) -> float:
        return float(scipy.special.logsumexp(point) - P[0] @ point)

    step = 1e-4
    units = step * np.eye(6)
    quotients = [
        [
            (loss(z[0] + a + b) - loss(z[0] + a - b) - loss(z[0] - a + b) + loss(z[0] - a - b)) / (4 * step**2)
            for b in units
        ]
        for a in units
    ]
    assert np.allclose(softmax.hessian(z[0]), quotients, atol=1e-6)  # truncation 1e−8, rounding 1e−16/step²
    with pytest.raises(ShapeError, match="batch, V"):
        softmax.probabilities(z[0])


def test_the_slope_of_an_entropy_is_its_quotient() -> None:
    d = RANDOM.uniform(0, 9, size=20)

    def entropy(beta: float) -> float:
        return float(scipy.stats.entropy(perplexity.neighbours(d, beta)))

    for beta in (0.1, 1.0, 3.0):
        quotient = (entropy(beta + 1e-5) - entropy(beta - 1e-5)) / 2e-5
        assert perplexity.entropy_slope(d, beta) == pytest.approx(quotient, rel=1e-6)
    assert entropy(0.0) == pytest.approx(np.log(20))
    with pytest.raises(ShapeError):
        perplexity.neighbours(d[None], 1.0)
    with pytest.raises(ResiduaError):
        perplexity.neighbours(d, -1.0)


@pytest.mark.parametrize(("classes", "deviation"), [(1, 3.0), (2, 0.5), (2, 4.0), (50, 1.0), (4000, 0.01)])
def test_the_exact_loss_at_the_start(classes: int, deviation: float) -> None:
    """By sampling; for two classes also by quadrature of log(1 + e^x), x normal with variance 2s²."""
    found = expected_initial_loss(classes, deviation)
    rng = np.random.default_rng(classes)
    rows = 40_000 if classes < 1000 else 500
    sums = scipy.special.logsumexp(deviation * rng.normal(size=(rows, classes)), axis=1)
    assert abs(found - sums.mean()) < 4.5 * sums.std() / np.sqrt(rows) + 1e-12
    if classes == 2:
        nodes, weights = np.polynomial.hermite_e.hermegauss(120)
        exact = (weights * np.logaddexp(0, np.sqrt(2) * deviation * nodes)).sum() / weights.sum()
        assert found == pytest.approx(exact, abs=1e-6 * deviation)
    assert np.log(classes) - 1e-9 <= found <= np.log(classes) + deviation**2 / 2 + 1e-9


def test_sources() -> None:
    transition = np.array([[0.9, 0.1], [0.5, 0.5]])
    assert sources.stationary(transition) == pytest.approx([5 / 6, 1 / 6])
    rows = [scipy.stats.entropy(row) for row in transition]
    assert sources.conditional_entropy(transition) == pytest.approx(rows[0] * 5 / 6 + rows[1] / 6)
    assert sources.square_floor(transition, np.array([0.0, 1.0])) == pytest.approx(0.09 * 5 / 6 + 0.25 / 6)
    assert sources.conditional_entropy(np.full((4, 4), 0.25)) == pytest.approx(np.log(4))
    with pytest.raises(ShapeError):
        sources.stationary(np.ones((2, 3)))
    with pytest.raises(ResiduaError, match="rows of probabilities"):
        sources.stationary(np.ones((2, 2)))


def test_bayes_in_fractions() -> None:
    half, third = Fraction(1, 2), Fraction(1, 3)
    useless = classifiers.independent_given_class(third, ((half, half), (third, third)))
    assert classifiers.accuracies(useless) == (Fraction(2, 3),) * 3
    assert classifiers.dependence_together(useless) == 0
    assert classifiers.posterior(useless, (1, 0)) == third
    told = classifiers.independent_given_class(half, ((Fraction(1, 10), Fraction(9, 10)),))
    assert classifiers.accuracies(told) == (half, Fraction(9, 10), Fraction(9, 10))
    assert classifiers.posterior(told, (1,)) == classifiers.naive_posterior(told, (1,)) == Fraction(9, 10)
    with pytest.raises(ResiduaError, match="sum to 1"):
        classifiers.check_joint({((0,), 0): half})


def test_copied_indicators_are_counted_twice() -> None:
    one = classifiers.independent_given_class(Fraction(3, 10), ((Fraction(1, 4), Fraction(1, 2)),))
    bits: tuple[tuple[int, ...], ...] = ((0, 0), (0, 1), (1, 0), (1, 1))
    copied = {(x, s): one[(x[0],), s] if x[0] == x[1] else Fraction(0) for x in bits for s in (0, 1)}
    blind, full, naive = classifiers.accuracies(copied)
    assert naive < full == blind
    assert classifiers.dependence_within(copied) > 0

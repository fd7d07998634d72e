"""Batch statistics of infinitely many rows, of a sum of several parts that are not Gaussian."""

import math

import numpy as np
import pytest
from scipy import stats

from residua_network import Activation, BatchNorm, Linear, Network, Residual
from residua_symbolic.moments.predict import predict_moments

L, RELU = Linear(9, 9), Activation("relu")
EPS = 0.3


def relu_given(mean: float, variance: float) -> tuple[float, float]:
    """Mean and variance of relu of a Gaussian."""
    s = math.sqrt(variance)
    density, below = s * stats.norm.pdf(mean / s), stats.norm.cdf(mean / s)
    first = mean * below + density
    return first, (mean * mean + variance) * below + mean * density - first**2


def product(q: float, c: float) -> float:
    """E relu(z) relu(z'), Cho and Saul 2009."""
    angle = math.acos(c / q)
    return q * (math.sin(angle) + (math.pi - angle) * math.cos(angle)) / (2 * math.pi)


def test_each_feature_has_a_variance_of_its_own() -> None:
    """E[1/s²] over what the rows share of two branches; He weights: a matrix doubles q and c, relu halves q."""
    net = Network((L, RELU, L, Residual((L, RELU)), Residual((L, RELU)), BatchNorm(9, eps=EPS), L))
    found = predict_moments(net)
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    q, c, mean = 2.0, 4 * product(1.0, 0.0), 0.0
    private, parts = q - c, []
    for _ in range(2):
        of_q, of_c = 2 * q, 2 * c
        parts.append([relu_given(math.sqrt(of_c) * u, of_q - of_c)[1] for u in points])
        m = math.sqrt(of_q / (2 * math.pi))
        q, c = q + of_q / 2 + 2 * mean * m, c + product(of_q, of_c) + 2 * mean * m
        mean += m
    s2 = private + np.add.outer(*map(np.array, parts)) + EPS
    both = np.outer(weights, weights)
    tolerance = 1e-6 + 2 * found.layers[5].error
    assert found.forward[4] == pytest.approx(q, rel=tolerance)
    assert found.gradient_ratio[5] == pytest.approx(float(np.sum(both / s2)), rel=tolerance)
    assert found.forward[5] == pytest.approx(float(np.sum(both * (1 - EPS / s2))), rel=tolerance)
    assert tolerance < abs(found.gradient_ratio[5] * float(np.sum(both * s2)) - 1) / 4  # the spread of s² is seen


def test_the_inverse_deviation_of_such_a_sum_is_shared_by_the_rows() -> None:
    """Two branches, batch normalisation, a branch beside it, batch normalisation: at ε = 0 the second sees the mean
    square 1 of the first, which has mean 0 in every feature, and E tanh(z)² of the branch."""
    block = Residual((L, RELU))
    found = predict_moments(
        Network((L, block, block, BatchNorm(9, eps=0.0), Residual((L, Activation("tanh"))), BatchNorm(9, eps=0.0), L)),
        1.0,
    )
    points, weights = np.polynomial.hermite_e.hermegauss(120)
    tanh2 = float(weights @ np.tanh(points) ** 2 / weights.sum())
    assert found.forward[3:] == pytest.approx((1, 1 + tanh2, 1, 1), rel=1e-6)
    assert found.gradient_ratio[5] == pytest.approx(1 / (1 + tanh2), rel=1e-6)

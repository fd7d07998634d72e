"""Quadrature over Gaussians and over the sphere of a normalised batch, against closed forms and scipy."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import integrate, stats

from residua_symbolic.domains.floats import Floats
from residua_symbolic.moments.integrals import batch_sphere
from residua_symbolic.moments.propagation import nodes
from residua_symbolic.moments.propagation.values import pivoted_factor

CLOSE = 1e-10
ON_SPHERE = 1e-6  # kinks along curves that the panels follow but for their ends


@pytest.mark.parametrize("at", [-2.0, -0.3, 0.0, 1.7])
def test_a_jump_is_found_where_nobody_says_it_is(at: float) -> None:
    value, error, size = nodes.adaptive(lambda t: np.heaviside(t - at, 0.5), [])
    assert abs(value - stats.norm.sf(at)) <= error + CLOSE
    assert error <= CLOSE
    assert size == pytest.approx(value, rel=0.5)


def test_what_is_smooth_nowhere_ends_with_a_large_error() -> None:
    value, error, _ = nodes.adaptive(lambda t: np.sin(1e7 * t * t), [])
    assert abs(value) <= 10 * error + 1e-3
    assert error > 1e-4


@pytest.mark.parametrize("dimension", [1, 2, 3, 5])
def test_orthants(dimension: int) -> None:
    """P(z_1 > 0, z_2 > 0) = 1/4 + arcsin ρ/(2π) (Sheppard 1899), among more that do not matter but for E z² = 1."""
    mix = np.random.default_rng(dimension).normal(size=(6, dimension))
    mix /= np.linalg.norm(mix, axis=1, keepdims=True)
    factor = pivoted_factor(mix @ mix.T)
    assert factor.shape == (6, dimension)
    assert factor @ factor.T == pytest.approx(mix @ mix.T, abs=1e-12)

    def integrand(z: Floats) -> Floats:
        both: Floats = 1.0 * (z[0] > 0) * (z[1] > 0) + (z[5] ** 2 - 1)
        return both

    value, error, _ = nodes.integrate(factor, [(0, 0.0), (1, 0.0)], integrand)
    expected = 0.25 + math.asin(np.clip(mix[0] @ mix[1], -1, 1)) / (2 * math.pi)
    assert abs(value - expected) <= (5 * error if dimension > 2 else error) + CLOSE
    assert error <= (5e-3 if dimension > 2 else 1e-8)


FUNCTIONS: dict[str, Callable[[Floats], Floats]] = {
    "relu": lambda z: np.maximum(z, 0.0),
    "tanh": np.tanh,
    "cube": lambda z: z**3,
}


@pytest.mark.parametrize("batch", [2, 3, 4, 5, 8, 33, 700])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_two_rows_of_a_normalised_batch(batch: int, name: str) -> None:
    x, y, weights = nodes.sphere(batch)
    f = FUNCTIONS[name]
    assert float(np.sum(weights)) == pytest.approx(1, abs=1e-12)
    assert float(np.sum(weights * x * y)) == pytest.approx(-1 / (batch - 1), abs=ON_SPHERE)
    if batch > 2:
        assert float(np.sum(weights * f(x) ** 2)) == pytest.approx(
            batch_sphere.square(name, batch).value, abs=ON_SPHERE
        )
        assert float(np.sum(weights * f(x) * f(y))) == pytest.approx(
            batch_sphere.product(name, batch).value, abs=ON_SPHERE
        )


@pytest.mark.parametrize("batch", [2, 3, 4, 10, 64])
@pytest.mark.parametrize("eps", [1e-5, 0.1])
def test_inverse_variance_of_a_batch(batch: int, eps: float) -> None:
    points, weights = nodes.spread(batch)
    law = stats.chi2(batch - 1)
    pieces = [0.0, 1e-6, 1e-3, 1.0, 10.0 + 10 * batch]
    expected = sum(
        integrate.quad(lambda x: law.pdf(x) / (x / batch + eps), a, b, epsrel=1e-10, limit=200)[0]
        for a, b in itertools.pairwise(pieces)
    )
    assert float(np.sum(weights / (points + eps))) == pytest.approx(expected, rel=1e-5)

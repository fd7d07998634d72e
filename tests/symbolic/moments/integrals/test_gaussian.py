"""Gaussian moments against SciPy's quadrature, mpmath, and identities that need no oracle."""

import math
from collections.abc import Callable
from typing import Any

import flint
import mpmath
import numpy as np
import pytest
from scipy import special

from residua_network import ResiduaError
from residua_network.kinds.activation import ACTIVATIONS
from residua_symbolic.moments.integrals.gaussian import (
    certified_expectation,
    mean,
    product,
    slope_product,
    slope_square,
    square,
)
from residua_symbolic.moments.integrals.gaussian_quadrature import GROWTH

FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "identity": (lambda z: z, lambda z: mpmath.mpf(1)),
    "relu": (lambda z: max(z, 0), lambda z: mpmath.mpf(z > 0)),
    "tanh": (mpmath.tanh, lambda z: mpmath.sech(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + mpmath.exp(-z)), lambda z: 1 / (2 + 2 * mpmath.cosh(z))),
    "gelu": (lambda z: z * mpmath.ncdf(z), lambda z: mpmath.ncdf(z) + z * mpmath.npdf(z)),
    "silu": (
        lambda z: z / (1 + mpmath.exp(-z)),
        lambda z: 1 / (1 + mpmath.exp(-z)) + z / (2 + 2 * mpmath.cosh(z)),
    ),
    "softplus": (lambda z: mpmath.log1p(mpmath.exp(z)), lambda z: 1 / (1 + mpmath.exp(-z))),
    "sin": (mpmath.sin, mpmath.cos),
    "square": (lambda z: z**2, lambda z: 2 * z),
    "cube": (lambda z: z**3, lambda z: 3 * z**2),
}
FLOATS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: 1.0 * (z > 0)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (special.expit, lambda z: special.expit(z) * special.expit(-z)),
    "gelu": (
        lambda z: z * special.ndtr(z),
        lambda z: special.ndtr(z) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi),
    ),
    "silu": (lambda z: z * special.expit(z), lambda z: special.expit(z) * (1 + z * special.expit(-z))),
    "softplus": (lambda z: np.logaddexp(0, z), special.expit),
    "sin": (np.sin, np.cos),
    "square": (np.square, lambda z: 2 * z),
    "cube": (lambda z: z**3, lambda z: 3 * z**2),
    "identity": (lambda z: z, np.ones_like),
}
POINTS = ((1.0, 0.0), (0.3, -0.8), (6.25, 1.5))
each = pytest.mark.parametrize("name", ACTIVATIONS)


def oracle(f: Callable[[Any], Any], q: float, m: float) -> Any:
    """E f(m + √q u) by mpmath at 30 digits, split at the kink."""
    with mpmath.workdps(30):
        s = mpmath.sqrt(q)
        ends = sorted({mpmath.mpf(-12), -m / s, *map(mpmath.mpf, (-6, -3, 0, 3, 6)), mpmath.mpf(12)})
        return mpmath.quad(lambda u: f(m + s * u) * mpmath.npdf(u), ends)


@each
@pytest.mark.parametrize(("q", "m"), POINTS)
def test_one_variable_meets_mpmath(name: str, q: float, m: float) -> None:
    f, slope = FUNCTIONS[name]
    for found, wanted in (
        (mean(name, q, m), oracle(f, q, m)),
        (square(name, q, m), oracle(lambda z: f(z) ** 2, q, m)),
        (slope_square(name, q, m), oracle(lambda z: slope(z) ** 2, q, m)),
    ):
        assert abs(found.value - wanted) <= found.error + 1e-24 * (1 + abs(wanted))
        assert found.error <= 1e-15 * max(1.0, abs(found.value))


def grid(f: Callable[[Any], Any], q: float, c: float, m: float) -> tuple[float, float]:
    """E f(z) f(z') by Gauss–Hermite in z and in z' given z, with twice 60 nodes and twice 80: the value and how far
    the two lie apart."""
    found = []
    for nodes in (60, 80):
        u, weights = special.roots_hermitenorm(nodes)
        weights = weights / weights.sum()
        z = m + math.sqrt(q) * u
        other = m + c / q * (z[:, None] - m) + math.sqrt(q - c * c / q) * u
        found.append(float(weights * f(z) @ (f(other) @ weights)))
    return found[1], abs(found[1] - found[0])


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"relu"}))
@pytest.mark.parametrize("c", [0.6, -0.5, 0.05])
@pytest.mark.parametrize("m", [0.0, 0.4])
def test_products_meet_gauss_hermite(name: str, c: float, m: float) -> None:
    """Another decomposition (regression of z' on z) and another rule; its own convergence says how close it is."""
    for moment, f in zip((product, slope_product), FLOATS[name], strict=True):
        found, (wanted, away) = moment(name, 0.8, c, m), grid(f, 0.8, c, m)
        assert abs(found.value - wanted) <= found.error + 10 * away + 1e-14 * (1 + abs(wanted))
        assert away < 1e-5
        assert found.error < 1e-11


@pytest.mark.parametrize(("q", "c", "m"), [(1.0, 0.5, 0.0), (2.0, -1.2, 0.0), (1.5, 0.7, -0.6), (0.4, -0.3, 0.5)])
def test_products_of_relu_meet_mpmath(q: float, c: float, m: float) -> None:
    """One integral left: E relu(z') given z is m' Φ(m'/s) + s φ(m'/s)."""
    with mpmath.workdps(25):
        s = mpmath.sqrt(q - mpmath.mpf(c) ** 2 / q)

        def inner(z: Any) -> Any:
            t = (m + c / mpmath.mpf(q) * (z - m)) / s
            return z * s * (t * mpmath.ncdf(t) + mpmath.npdf(t)) * (z > 0)

        def positive(z: Any) -> Any:
            return mpmath.ncdf((m + c / mpmath.mpf(q) * (z - m)) / s) * (z > 0)

        for found, wanted in (
            (product("relu", q, c, m), oracle(inner, q, m)),
            (slope_product("relu", q, c, m), oracle(positive, q, m)),
        ):
            assert abs(found.value - wanted) <= found.error + 1e-18


@each
def test_ends_of_the_covariance(name: str) -> None:
    """c = q is the square, c = 0 the mean squared, and nothing jumps on the way there; c = −q of odd functions."""
    q = 1.7
    for moment, at_one in ((product, square), (slope_product, slope_square)):
        for m in (0.0, 0.6):
            near, end = moment(name, q, q * (1 - 1e-9), m), at_one(name, q, m)
            assert moment(name, q, q, m) == end
            gap = 1e-9 * q * max(1.0, 30 * abs(end.value)) if name != "relu" else 1e-4
            assert abs(near.value - end.value) <= gap + near.error + end.error
    lone = mean(name, q, 0.6)
    apart = product(name, q, 0.0, 0.6)
    assert abs(apart.value - lone.value**2) <= apart.error + 1e-14
    if name in ("identity", "tanh", "sin", "cube"):
        assert product(name, q, -q).value == pytest.approx(-square(name, q).value, rel=1e-14)


@each
def test_price(name: str) -> None:
    """d/dc E φ φ' = E φ' φ'' (Price 1958), by central differences of step h: their error is h²/6 times a third
    derivative in c, at most 36 here (of cube), and what rounding and the stated errors give over h."""
    q, c, m, h = 0.9, 0.3, 0.2, 1e-3
    above, below, slope = product(name, q, c + h, m), product(name, q, c - h, m), slope_product(name, q, c, m)
    difference = (above.value - below.value) / (2 * h)
    bar = 40 * h * h / 6 + (above.error + below.error + 4e-16 * abs(above.value)) / (2 * h) + slope.error
    assert abs(difference - slope.value) <= bar


def test_no_variance() -> None:
    assert square("tanh", 0.0, 0.5).value == pytest.approx(math.tanh(0.5) ** 2, rel=1e-15)
    assert mean("relu", 0.0, -1.0).value == 0
    assert slope_square("relu", 0.0).value == 0
    assert product("gelu", 0.0, 0.0).value == 0


@pytest.mark.parametrize("q", [1e-12, 1e-3, 1e3, 1e6])
@pytest.mark.parametrize("name", ["tanh", "silu", "relu", "gelu", "softplus", "sigmoid"])
def test_extreme_variances_keep_honest_bars(name: str, q: float) -> None:
    """Half of the covariance: with another split of the same integral (m = 0) the bars overlap."""
    found, end = product(name, q, q / 2), square(name, q)
    assert abs(found.value) <= end.value + end.error + found.error
    assert found.error <= 1e-9 * max(1.0, end.value)


@each
def test_growth_is_what_the_tails_are_bounded_by(name: str) -> None:
    z = np.concatenate([np.linspace(-30, 30, 6001), np.geomspace(30, 1e6, 50), -np.geomspace(30, 1e6, 50)])
    for f, (power, factor) in zip(FLOATS[name], GROWTH[name], strict=True):
        assert (np.abs(f(z)) <= factor * (1 + np.abs(z)) ** power * (1 + 1e-12)).all()


@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_far_out_the_bars_are_narrow(name: str) -> None:
    found = square(name, 1.0, 1e5)
    assert abs(found.value - 1) <= found.error < 1e-15


def test_a_function_of_ones_own() -> None:
    found = certified_expectation(lambda z: (-(z * z)).exp(), 2.0, 0.0, growth=0)
    assert abs(found.value - 1 / math.sqrt(5)) <= found.error + 1e-16
    assert found.formula is None
    assert 0 < found.error < 1e-15
    with pytest.raises(ResiduaError, match="no bounds"):
        certified_expectation(lambda z: 1 / (z * z - flint.acb(2)), 1.0)


def test_formulas_are_named() -> None:
    assert square("relu", 2.0).formula is not None
    assert square("tanh", 2.0).formula is None
    assert product("gelu", 2.0, 1.0, 0.3).formula is None
    assert product("gelu", 2.0, 1.0).formula is not None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: square("swish", 1.0), "unknown activation"),
        (lambda: square("relu", -1.0), "q must lie in"),
        (lambda: square("relu", math.nan), "q must be a finite number"),
        (lambda: product("relu", 1.0, 1.5), "covariance lies between −q and q"),
        (lambda: product("relu", 1.0, math.inf), "c must be a finite number"),
        (lambda: square("cube", 1e300), "square of cube at q = 1e.300, m = 0: larger than any float"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ResiduaError, match=words):
        call()

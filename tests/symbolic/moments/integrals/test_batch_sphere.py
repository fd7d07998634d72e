"""Moments after batch normalisation, against sampled batches and against integrals over circle, sphere and disc that
share nothing with the closed forms or with the quadrature."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import integrate, stats

from residua_network import ResiduaError
from residua_network.kinds.activation import ACTIVATIONS
from residua_symbolic.moments.integrals.batch_sphere import product, pulled_back, slope_product, slope_square, square
from residua_symbolic.moments.integrals.gaussian import Moment

Floats = NDArray[np.float64]
NORMAL = 4.5  # standard errors: 3e-6 of sound comparisons lie beyond; some hundreds are made, of fixed seeds
P, R = 0.89, 0.25  # row kernel of the gradient: neither isotropic nor orthogonal to 1
ROUNDING = 1e-12  # sums of up to 1e5 terms of size up to 30, by numpy's pairwise summation


def activation(name: str, x: Floats) -> tuple[Floats, Floats]:
    """φ(x), φ'(x) from torch, entry by entry."""
    f: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "identity": lambda t: t,
        "square": lambda t: t**2,
        "cube": lambda t: t**3,
        "relu": torch.relu,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "sin": torch.sin,
        "gelu": torch.nn.functional.gelu,
        "silu": torch.nn.functional.silu,
        "softplus": torch.nn.functional.softplus,
    }
    at = torch.tensor(x, requires_grad=True)
    y = f[name](at)
    (slope,) = torch.autograd.grad(y.sum(), at)
    return y.detach().numpy(), slope.numpy()


def batches(size: int, count: int, seed: int) -> tuple[Floats, Floats]:
    """Normalised batches of one feature, and gradients of row kernel (P, R)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, size))
    x -= x.mean(1, keepdims=True)
    x /= np.sqrt((x**2).mean(1, keepdims=True))
    return x, np.sqrt(P - R) * rng.normal(size=(count, size)) + np.sqrt(R) * rng.normal(size=(count, 1))


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("size", [2, 3, 4, 8, 32])
def test_sampled_batches(name: str, size: int) -> None:
    x, g = batches(size, 200_000 // size, seed=size)
    y, slope = activation(name, x)
    h = slope * g
    h -= h.mean(1, keepdims=True)
    h -= x * (h * x).mean(1, keepdims=True)
    pulled = pulled_back(name, size, P, R)
    for seen, law in (
        ((y**2).mean(1), square(name, size).value),
        ((slope**2).mean(1), slope_square(name, size).value),
        ((y.sum(1) ** 2 - (y**2).sum(1)) / (size * (size - 1)), product(name, size).value),
        ((slope.sum(1) ** 2 - (slope**2).sum(1)) / (size * (size - 1)), slope_product(name, size).value),
        ((h**2).mean(1), pulled[0]),
        ((h.sum(1) ** 2 - (h**2).sum(1)) / (size * (size - 1)), pulled[1]),
    ):
        bar = NORMAL * seen.std(ddof=1) / np.sqrt(len(seen)) + ROUNDING * (1 + abs(law))
        assert abs(seen.mean() - law) < bar, (law, seen.mean(), bar)


SMOOTH = [name for name in ACTIVATIONS if name != "relu"]


@pytest.mark.parametrize("name", SMOOTH)
def test_three_rows_lie_on_a_circle(name: str) -> None:
    angle = 2 * np.pi * np.arange(4096) / 4096  # the trapezoidal rule is exact to rounding for periodic analytic f
    (x, slope_x), (y, slope_y) = (activation(name, np.sqrt(2) * np.cos(angle + at)) for at in (0.0, 2 * np.pi / 3))
    _meet(square(name, 3), (x * x).mean())
    _meet(product(name, 3), (x * y).mean())
    _meet(slope_product(name, 3), (slope_x * slope_y).mean())


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("size", [5, 7, 33])
def test_two_rows_in_the_disc(name: str, size: int) -> None:
    """(t, w) has the density (1 − t² − w²)^((B−5)/2): Gauss's rule in 1 − r², the trapezoidal rule in the angle."""
    rule, weights = np.polynomial.legendre.leggauss(200)
    inside = (1 + rule) / 2  # s = 1 − r² = u², so that (1 − r²)^((B−5)/2) ds is a polynomial in u
    density = weights * inside ** (size - 4)
    radius = np.sqrt(1 - inside**2)[:, None]
    angle = 2 * np.pi * np.arange(256)[None] / 256
    rho = -1 / (size - 1)
    t, w = radius * np.cos(angle), radius * np.sin(angle)
    x, slope_x = activation(name, np.sqrt(size - 1) * t)
    y, slope_y = activation(name, np.sqrt(size - 1) * (rho * t + np.sqrt(1 - rho**2) * w))

    def mean(values: Floats) -> float:
        return float(density @ values.mean(1) / density.sum())

    _meet(square(name, size), mean(x * x))
    _meet(product(name, size), mean(x * y))
    _meet(slope_square(name, size), mean(slope_x**2))
    _meet(slope_product(name, size), mean(slope_x * slope_y))


def _meet(moment: Moment, value: float) -> None:
    assert abs(moment.value - value) <= moment.error + ROUNDING * (1 + abs(value)), (moment, value)
    assert moment.error <= ROUNDING * (1 + abs(value))


@pytest.mark.parametrize("size", [3, 4, 8, 32])
def test_relu_by_integrals_of_the_normal_density_over_a_quadrant(size: int) -> None:
    pair = stats.multivariate_normal(cov=np.array([[1.0, -1 / (size - 1)], [-1 / (size - 1), 1.0]]))
    quadrant = ((0, np.inf), (0, np.inf))
    both, off = integrate.nquad(lambda x, y: pair.pdf([x, y]), quadrant, opts={"epsabs": 1e-9})
    moment, away = integrate.nquad(lambda x, y: x * y * pair.pdf([x, y]), quadrant, opts={"epsabs": 1e-9})
    assert abs(slope_product("relu", size).value - both) < off + ROUNDING
    assert abs(product("relu", size).value - moment) < away + ROUNDING


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_large_batches_tend_to_the_normal_law(name: str) -> None:
    z = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    y, _ = activation(name, z)
    size = 20_000
    wide = 5e-3 * (1 + (y**4).mean())  # midpoints of quantiles lose the far tails; corrections in 1/B
    assert abs(square(name, size).value - (y**2).mean()) < wide
    assert abs(product(name, size).value - y.mean() ** 2) < wide


def test_a_forward_identity_passes_back_what_is_orthogonal() -> None:
    for size in (2, 3, 9):
        p, r = pulled_back(None, size, P, R)
        assert size * p == pytest.approx((size - 2) * (P - R), rel=1e-15, abs=1e-15)
        assert p + (size - 1) * r == pytest.approx(0, abs=1e-15)
        assert (p, r) == pulled_back("identity", size, P, R)


def test_refusals() -> None:
    with pytest.raises(ResiduaError, match="batch of at least 2"):
        square("relu", 1)
    with pytest.raises(ResiduaError, match="did you mean 'relu'"):
        product("rellu", 4)
    with pytest.raises(ResiduaError, match="whole number"):
        pulled_back("relu", 3.5, 1.0, 0.0)  # type: ignore[arg-type]

"""Floors of polynomials for sin, against scipy's quadrature and minimisation; proofs that refuse wrong statements."""

from dataclasses import replace

import flint
import numpy as np
import pytest
import sympy as sp
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from residua_symbolic.derivation import ProofError
from residua_symbolic.series.approximation.floors import (
    mean_square_of,
    sine_floor,
    sum_of_squares,
    t,
    width_one_floor,
    width_one_law,
)
from residua_symbolic.weights import Floats

Q = flint.fmpq


def by_least_squares(basis: Floats, x: Floats, weights: Floats) -> float:
    """The least weighted mean square distance of sin to the span of the columns."""
    roots = np.sqrt(weights)[:, None]
    found, *_ = np.linalg.lstsq(roots * basis, roots[:, 0] * np.sin(x), rcond=None)
    return float(weights @ (basis @ found - np.sin(x)) ** 2)


def nodes() -> tuple[Floats, Floats]:
    u, weights = np.polynomial.legendre.leggauss(60)
    return np.pi * u, weights / 2


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 8, 9])
def test_floors_are_those_of_least_squares(degree: int) -> None:
    x, weights = nodes()
    basis: Floats = np.asarray(np.polynomial.legendre.legvander(x / np.pi, degree), dtype=np.float64)
    assert float(sine_floor(degree).middle) == pytest.approx(by_least_squares(basis, x, weights), rel=1e-4)
    assert float(sine_floor(degree).radius) < 1e-100


@pytest.mark.parametrize("coefficients", [(Q(0), Q(1)), (Q(1, 3), Q(1, 2), Q(0), Q(-1, 6)), (Q(2),)])
def test_the_mean_square_is_the_integral(coefficients: tuple[flint.fmpq, ...]) -> None:
    values = [float(int(c.p) / int(c.q)) for c in coefficients]
    by_scipy = quad(lambda x: (np.polynomial.polynomial.polyval(x, values) - np.sin(x)) ** 2, -np.pi, np.pi)[0] / (
        2 * np.pi
    )
    error, excess = mean_square_of(flint.fmpq_poly(list(coefficients)), 3)
    assert float(error.middle) == pytest.approx(by_scipy, rel=1e-10)
    assert float(excess.middle) == pytest.approx(by_scipy - float(sine_floor(3).middle), rel=1e-10)


def test_the_excess_of_the_best_is_nothing() -> None:
    """The best line: 3/π² x, as near as a rational comes."""
    slope = Q(*(3 / np.pi**2).as_integer_ratio())
    assert 0 <= float(mean_square_of(flint.fmpq_poly([0, slope]), 1)[1].middle) < 1e-30


def test_a_sum_of_squares_is_what_exact_arithmetic_makes_of_it() -> None:
    x, y, weights = np.array([0.0, 1.0, 2.0]), np.array([0.5, 1.0, 3.0]), np.array([1.0, 2.0, 1.0])
    found = sum_of_squares(flint.fmpq_poly([0, 0, 1]), x, y, weights)
    assert float(found.middle) == (0.25 + 0 + 1.0) / 4


def test_the_floor_of_width_one_is_the_least_over_all_places() -> None:
    x, weights = nodes()

    def error(c: float) -> float:
        s = x / np.pi - c
        return by_least_squares(np.stack([np.ones_like(s), s**2, s**4], axis=1), x, weights)

    known = width_one_floor()
    best = minimize_scalar(error, bounds=(0.4, 0.6), method="bounded", options={"xatol": 1e-10})
    assert float(known.floor.middle) == pytest.approx(best.fun, rel=1e-9)
    assert known.vertex == pytest.approx(best.x, abs=1e-5)
    assert all(error(c) >= float(known.floor.lower) for c in np.linspace(-4, 4, 161))
    assert float(known.floor.radius) < 1e-50
    assert float(sine_floor(4).middle) < float(known.floor.middle) < float(sine_floor(2).middle)


def test_the_law_holds_and_wrong_ones_are_refused() -> None:
    law = width_one_law()
    law.check()
    for step in law.steps:
        for proof in step.proofs:
            with pytest.raises(ProofError):
                replace(step, right=step.right + 1, proofs=(proof,)).check()


def test_an_error_that_is_right_at_some_places_is_refused() -> None:
    """Planted: right at t = 1, …, 5, and wrong between."""
    step = width_one_law().steps[1]
    step.check()
    wrong = sp.Mul(*(t - k for k in range(1, 6))) / 10**9
    with pytest.raises(ProofError):
        replace(step, right=step.right + wrong).check()

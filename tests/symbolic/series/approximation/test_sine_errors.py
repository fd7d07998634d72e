"""The closed form of the mean square error of T_n, and of the best polynomial, against quadrature."""

from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

from residua_symbolic.derivation import Derivation, ProofError
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.expressions.given import given
from residua_symbolic.series.approximation.legendre import best_polynomial, legendre
from residua_symbolic.series.approximation.mean_square import mean_square_error
from residua_symbolic.series.approximation.sine_errors import mean_square_of_sine, sine_coefficients, sine_error
from residua_symbolic.series.approximation.sine_legendre import (
    bessel_at_pi,
    best_mean_square_of_sine,
    sine_best_coefficients,
    sine_best_error,
)

DIGITS = 40


def value(e: sp.Expr) -> mp.mpf:
    return mp.mpf(str(sp.N(e, DIGITS)))


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 5, 8, 11, 15, 21])
def test_taylor_errors_are_those_of_quadrature(degree: int) -> None:
    with mp.workdps(2 * DIGITS):
        c = [mp.mpf(int(q.p)) / int(q.q) for q in sine_coefficients(degree)]
        true = mp.quad(lambda t: (mp.sin(t) - mp.polyval(c[::-1], t)) ** 2, [-mp.pi, 0, mp.pi]) / (2 * mp.pi)
        found = mp.mpf(str(sp.N(sine_error(degree), DIGITS + 10, maxn=1000)))
        assert abs(found - true) <= true * mp.mpf(10) ** (12 - DIGITS)


@pytest.mark.parametrize("degree", [1, 2, 3, 6, 9, 13])
def test_best_errors_are_those_of_quadrature_and_no_other_polynomial_is_better(degree: int) -> None:
    with mp.workdps(DIGITS + 20):
        c = [value(q) for q in sine_best_coefficients(degree)]

        def error(k: int, move: mp.mpf) -> mp.mpf:
            moved = [q + (move if p == k else 0) for p, q in enumerate(c)]
            return mp.quad(lambda t: (mp.sin(t) - mp.polyval(moved[::-1], t)) ** 2, [-mp.pi, 0, mp.pi]) / (2 * mp.pi)

        true = error(0, mp.mpf(0))
        assert abs(value(sine_best_error(degree)) - true) <= mp.mpf(10) ** (5 - DIGITS)
        for k in range(degree + 1):
            assert min(error(k, mp.mpf(10) ** -9), error(k, -(mp.mpf(10) ** -9))) > true


def test_bessel_functions_are_those_of_mpmath() -> None:
    with mp.workdps(DIGITS):
        for order in range(12):
            true = mp.sqrt(mp.mpf(1) / 2) * mp.besselj(order + mp.mpf(1) / 2, mp.pi)
            assert abs(mp.mpf(str(sp.N(bessel_at_pi(order), DIGITS))) - true) <= mp.mpf(10) ** (6 - DIGITS)


def test_legendre_polynomials_are_sympys() -> None:
    t = sp.Symbol("t", real=True)
    for degree in range(12):
        assert sp.Poly(sp.legendre(degree, t), t).all_coeffs()[::-1] == list(legendre(degree))


def test_the_general_rule_finds_the_closed_form() -> None:
    for degree in (0, 1, 4, 7):
        found = best_polynomial(given("sin(x)"), "x", degree, -sp.pi, sp.pi)
        assert not isinstance(found.coefficients, Enclosure)
        assert sp.expand(found.mean_square_error - sine_best_error(degree)) == 0
        assert all(
            sp.expand(a - b) == 0 for a, b in zip(found.coefficients, sine_best_coefficients(degree), strict=True)
        )


def test_best_polynomials_of_other_functions_are_enclosed() -> None:
    found = best_polynomial(given("tanh(2*x)"), "x", 5, sp.Integer(-1), sp.Integer(2))
    assert isinstance(found.coefficients, Enclosure)
    coefficients = [sp.Rational(float(c)) for c in found.coefficients.middle]
    middle = found.middle
    carried = mean_square_error(given("tanh(2*x)"), "x", middle, coefficients, sp.Integer(-1), sp.Integer(2))
    best = found.mean_square_error
    assert float(carried.lower) <= float(best.upper) * (1 + 1e-12)
    assert float(best.lower) <= float(carried.upper)
    worse = [c + (sp.Rational(1, 1000) if k == 3 else 0) for k, c in enumerate(coefficients)]
    other = mean_square_error(given("tanh(2*x)"), "x", middle, worse, sp.Integer(-1), sp.Integer(2))
    assert float(other.lower) > float(best.upper)


@pytest.mark.parametrize("derive", [mean_square_of_sine, best_mean_square_of_sine], ids=["Taylor", "best"])
def test_every_step_is_proved_and_no_other_statement_is(derive: object) -> None:
    derivation: Derivation = derive()  # type: ignore[operator]
    derivation.check()
    for step in derivation.steps:
        for proof in step.proofs:
            for wrong in (step.right + 1, 2 * step.right + sp.Rational(1, 7)):
                with pytest.raises(ProofError):
                    replace(step, right=wrong, proofs=(proof,)).check()


@pytest.mark.parametrize(("text", "lower", "upper"), [("1/x", -1, 1), ("log(x)", 0, 1)])
def test_where_no_bound_can_be_had_all_numbers_are_in_the_ball(text: str, lower: int, upper: int) -> None:
    found = best_polynomial(given(text), "x", 2, sp.Integer(lower), sp.Integer(upper))
    for one in (found.moments, found.coefficients, found.mean_square_error):
        assert isinstance(one, Enclosure)
        assert all(0 in ball and not ball.is_finite() for ball in np.ravel(one.balls))

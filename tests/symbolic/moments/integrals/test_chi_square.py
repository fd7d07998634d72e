"""Chi-square moments against SciPy's distribution, and proofs that refuse what is wrong."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import sympy as sp
from scipy import stats

from residua_network import ResiduaError
from residua_symbolic.derivation import Derivation
from residua_symbolic.moments.integrals import chi_square
from residua_symbolic.moments.integrals.chi_square import (
    derive_inverse,
    derive_inverse_square,
    derive_log_mean,
    derive_log_variance,
    derive_power,
    inverse,
    inverse_square,
    k,
    log_mean,
    log_variance,
    power,
    t,
)

from ...planted import refuses, refuses_in_place

DERIVATIONS = (derive_power, derive_inverse, derive_inverse_square, derive_log_mean, derive_log_variance)


@pytest.mark.parametrize("freedom", [5, 7, 12.5, 40])
def test_moments_meet_scipy(freedom: float) -> None:
    law = stats.chi2(freedom)
    assert float(inverse(freedom)) == pytest.approx(law.expect(lambda x: 1 / x), rel=1e-7)
    assert float(inverse_square(freedom)) == pytest.approx(law.expect(lambda x: x**-2), rel=1e-6)
    assert float(power(freedom, 0.5)) == pytest.approx(law.expect(lambda x: x**0.5), rel=1e-7)
    logarithm = stats.loggamma(freedom / 2)  # log of a gamma variable; a chi-square one is twice it
    assert float(log_mean(freedom)) == pytest.approx(logarithm.mean() + float(sp.log(2)), rel=1e-10, abs=1e-10)
    assert float(log_variance(freedom)) == pytest.approx(logarithm.var(), rel=1e-10)


def test_powers_agree_with_the_named_moments() -> None:
    assert sp.simplify(power(k, -1) - inverse(k)) == 0
    assert sp.simplify(power(k, -2) - inverse_square(k)) == 0
    assert power(3, 1) == 3
    assert power(3, 2) == 15


@pytest.mark.parametrize("derive", DERIVATIONS)
def test_derivations_hold(derive: Callable[[], Derivation]) -> None:
    derive().check()


@pytest.mark.parametrize("derive", DERIVATIONS)
def test_wrong_statements_are_refused(derive: Callable[[], Derivation]) -> None:
    derivation = derive()
    for place, step in enumerate(derivation.steps):
        if not step.proofs:
            continue
        right = step.right
        for wrong in (2 * right, right + 1, right.subs(k, k + 1), right.subs({k: k - 1, t: t + 1})):
            refuses(step, wrong)
        refuses_in_place(replace(derivation, steps=derivation.steps[place:]), step, -right)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: inverse(2), "E 1/χ²_k exists for k > 2 only, got k = 2"),
        (lambda: inverse(1.5), "k > 2 only"),
        (lambda: inverse_square(4), r"E 1/\(χ²_k\)² exists for k > 4 only"),
        (lambda: power(3, -2), "exists for k > 4 only"),
        (lambda: log_mean(0), "k > 0 only"),
        (lambda: log_variance(-1), "k > 0 only"),
        (lambda: power(-1, 2), "k > 0 only"),
        (lambda: inverse("5"), "expected a number or an expression"),
        (lambda: inverse(float("inf")), "finite number"),
        (lambda: inverse(True), "expected a number"),
    ],
)
def test_moments_that_do_not_exist(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ResiduaError, match=words):
        call()


def test_the_integral_has_narrow_bounds() -> None:
    """∫ of the density alone is 1; a cut too near would leave a ball that does not hold it, or a wide one."""
    for freedom in (sp.Rational(1, 2), sp.Integer(3), sp.Integer(60)):
        ball = chi_square.integral(freedom, sp.Integer(0), lambda y, e: 1)
        assert ball.contains(1)
        assert float(ball.rad()) < 1e-30

import math
from dataclasses import replace
from fractions import Fraction

import pytest
import sympy as sp

from residua_symbolic import ProofError
from residua_symbolic.first_order import h, x
from residua_symbolic.quotients import QUOTIENTS, central_against_forward, limit_of, quotient, r, truncation

from .test_printing import problems
from .test_rules import proved

every = pytest.mark.parametrize("name", QUOTIENTS)
DERIVATIONS = {
    **{f"limit, {name}": (limit_of, name) for name in QUOTIENTS},
    **{f"truncation, {name}": (truncation, name) for name in QUOTIENTS},
}
f = sp.Function("f")
LEADING = {  # by hand: order, derivative, coefficient
    "forward": (1, 2, Fraction(1, 2)),
    "backward": (1, 2, Fraction(-1, 2)),
    "central": (2, 3, Fraction(1, 6)),
    "richardson": (4, 5, Fraction(-1, 30)),
}


@pytest.mark.parametrize("case", [*DERIVATIONS, "ratio"])
def test_every_step_proves_itself_and_refuses_what_is_wrong(case: str) -> None:
    function, *arguments = DERIVATIONS.get(case, (central_against_forward,))
    derivation = function(*arguments)
    derivation.check()
    assert len(proved(derivation)) >= 2
    for step in proved(derivation):
        for wrong in (step.right + 1, 2 * step.right, step.right + h, -step.right):
            with pytest.raises(ProofError):
                replace(step, right=wrong).check()
        for text in (derivation.latex(), step.latex()):
            assert not [fault for fault in problems(text) if fault != "two signs"], text


@every
def test_each_proof_of_an_error_refuses_a_wrong_term_alone(name: str) -> None:
    step = truncation(name).steps[-2]
    assert len(step.proofs) == 2
    for proof in step.proofs:
        for wrong in (step.right + h**4 * sp.Derivative(f(x), (x, 5)), step.right + h**3 * r(h)):
            with pytest.raises(ProofError):
                replace(step, right=wrong, proofs=(proof,)).check()


@every
def test_leading_terms_are_those_of_the_textbooks(name: str) -> None:
    order, derivative, coefficient = LEADING[name]
    derivation = truncation(name)
    assert derivation.formula == sp.Rational(coefficient) * sp.Derivative(f(x), (x, derivative))
    assert derivation.symbol.args[0].as_powers_dict()[h] == -order


@every
def test_errors_of_exp_fall_as_the_leading_term_says(name: str) -> None:
    """At 60 digits: error / (c hᵖ) tends to 1, and is off by O(h)."""
    order, _, coefficient = LEADING[name]
    for exponent in (4, 8):
        step = sp.Rational(1, 2**exponent)
        error = sp.N(quotient(name, sp.exp, sp.Integer(0), step) - 1, 60)
        assert abs(float(error / (sp.Rational(coefficient) * step**order)) - 1) < 2 * float(step)


def test_the_table_of_004() -> None:
    """004, L118–121: e^x at 0 with h = 0.1, 0.01, 0.001, to 9 digits."""
    table = {
        "forward": (1.0517091807564771, 1.005016708416795, 1.0005001667083846),
        "backward": (0.9516258196404048, 0.9950166250831893, 0.9995001666249781),
        "central": (1.001667500198441, 1.0000166667499921, 1.0000001666666813),
    }
    for name, row in table.items():
        for size, value in zip((10, 100, 1000), row, strict=True):
            exact = float(quotient(name, sp.exp, sp.Integer(0), sp.Rational(1, size)).evalf(30))
            assert math.isclose(exact, value, rel_tol=2e-16 * size * 4)  # rounding of two values of size 1, over h


def test_the_ratio_of_errors_tends_to_zero_only_where_the_second_derivative_is_not_zero() -> None:
    step = central_against_forward().steps[-1]
    (proof,) = step.proofs
    assert proof.holds(step.right)
    assert not proof.holds(step.right + sp.Derivative(f(x), (x, 2)))
    assert "not 0" in central_against_forward().assumptions[-1]

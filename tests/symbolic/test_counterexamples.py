"""Each counterexample is computed again in plain fractions or floats."""

import math
from dataclasses import replace
from fractions import Fraction

import pytest
import sympy as sp

from residua_symbolic import ProofError
from residua_symbolic.counterexamples import COUNTEREXAMPLES, crossing_of_exp
from residua_symbolic.first_order import h

from .test_printing import problems
from .test_rules import proved


@pytest.mark.parametrize("name", COUNTEREXAMPLES)
def test_every_step_proves_itself_and_refuses_what_is_wrong(name: str) -> None:
    derivation = COUNTEREXAMPLES[name]()
    derivation.check()
    assert len(proved(derivation)) == len(derivation.steps) >= 3
    for step in derivation.steps:
        for wrong in (step.right + 1, step.right - sp.Rational(1, 1000), step.right + h):
            with pytest.raises(ProofError):
                replace(step, right=wrong).check()
    for text in (derivation.latex(), *(step.latex() for step in derivation.steps)):
        assert not [fault for fault in problems(text) if fault not in ("two signs", "stray characters")], text


def errors(coefficients: list[int], step: Fraction) -> tuple[Fraction, Fraction]:
    """Forward and central, of a polynomial at 0."""

    def p(at: Fraction) -> Fraction:
        return sum((coefficient * at**power for power, coefficient in enumerate(coefficients)), Fraction(0))

    forward, central = (p(step) - p(Fraction(0))) / step, (p(step) - p(-step)) / (2 * step)
    return abs(forward - coefficients[1]), abs(central - coefficients[1])


@pytest.mark.parametrize("step", [Fraction(p, 20) for p in range(1, 60)])
def test_where_forward_is_better(step: Fraction) -> None:
    large, small = errors([0, 0, -1, 1], step), errors([0, 0, 0, 1, -1], step)
    assert (large[0] < large[1]) == (step > Fraction(1, 2))
    assert (small[0] < small[1]) == (step < 2)
    for name, found in (("central at a large step", large), ("central at every small step", small)):
        difference = COUNTEREXAMPLES[name]().formula.subs(h, sp.Rational(step))
        assert Fraction(int(difference.p), int(difference.q)) == found[1] ** 2 - found[0] ** 2


def test_the_forward_quotient_is_exact_where_the_central_is_off_by_one() -> None:
    assert errors([0, 0, -1, 1], Fraction(1)) == (Fraction(0), Fraction(1))


def test_no_small_polynomial_of_degree_two_is_a_counterexample() -> None:
    for a in range(-3, 4):
        for b in range(-3, 4):
            forward, central = errors([1, a, b], Fraction(3, 7))
            assert central == 0 <= forward


def test_the_crossing_of_exp() -> None:
    root = float(crossing_of_exp())
    assert 1.632 < root < 1.633

    def central_and_backward(step: float) -> tuple[float, float]:
        return abs(math.sinh(step) / step - 1), abs(-math.expm1(-step) / step - 1)

    for step in (0.01, 0.5, 1.0, root - 1e-6):
        central, backward = central_and_backward(step)
        assert central < backward
    for step in (root + 1e-6, 2.0, 5.0):
        central, backward = central_and_backward(step)
        assert central > backward
    for step in (0.01, 0.5, 1.0, 2.0, 5.0, 20.0):
        assert abs(math.sinh(step) / step - 1) < math.expm1(step) / step - 1


def test_partial_derivatives_are_not_enough() -> None:
    def value(x: Fraction, y: Fraction) -> Fraction:
        return x * y**2 / (x**2 + y**2)

    for step in (Fraction(1), Fraction(-1, 10**6)):
        assert value(step, Fraction(0)) == value(Fraction(0), step) == 0
        assert value(step, step) / step == Fraction(1, 2)

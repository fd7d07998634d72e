"""Laws of layers: proved, and no others."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from residua_symbolic.derivation import Derivation, ProofError
from residua_symbolic.expressions.given import given
from residua_symbolic.functions import relu
from residua_symbolic.series.approximation.piecewise_linear import best_fit
from residua_symbolic.series.approximation.relu_laws import (
    W1,
    W2,
    dropout_order,
    hinges,
    linear_stack,
    m,
    parabola,
    v,
    z,
)


@pytest.mark.parametrize("derive", [dropout_order, linear_stack, parabola, hinges])
def test_every_step_is_proved_and_no_other_statement_is(derive: object) -> None:
    derivation: Derivation = derive()  # type: ignore[operator]
    derivation.check()
    for step in derivation.steps:
        for proof in step.proofs:
            with pytest.raises(ProofError):
                replace(step, right=step.right * sp.Rational(8, 7) if step.right else z, proofs=(proof,)).check()


def test_wrong_laws_are_refused() -> None:
    (step,) = dropout_order().steps
    for wrong in (relu(z), m * z, relu(z) / 2, m**2 * relu(z)):
        with pytest.raises(ProofError):
            replace(step, right=wrong).check()
    composed = linear_stack().steps[-1]
    with pytest.raises(ProofError):
        replace(composed, right=composed.right.subs(W2 * W1 * v, W1 * W2 * v)).check()


def test_no_fit_to_the_square_is_better_than_the_law() -> None:
    for pieces in (1, 2, 3, 5, 9):
        error = best_fit(given("x^2"), "x", -1.0, 1.0, pieces).mean_square_distance(np.square)
        assert error == pytest.approx(4 / (45 * pieces**4), rel=1e-9)

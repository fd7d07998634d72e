"""Truncation in every order, best steps, the covariance of roundings: proved, and refused where a fault is planted."""

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp

from residua_symbolic import Derivation, ProofError
from residua_symbolic.difference_formulas import (
    FORMULAS,
    Formula,
    best_step,
    h,
    least_error,
    rounding_variance,
    truncation_series,
)
from residua_symbolic.difference_noise import Noise, spacing
from residua_symbolic.expressions.conversion import from_sympy
from residua_symbolic.expressions.graph import Graph
from residua_symbolic.quotients import truncation

DERIVATIONS = (
    *(derive(name) for derive in (truncation_series, least_error) for name in FORMULAS),
    rounding_variance(),
)
x = sp.Symbol("x", real=True)


@pytest.mark.parametrize("derivation", DERIVATIONS, ids=lambda d: d.title)
def test_every_step_holds(derivation: Derivation) -> None:
    derivation.check()
    assert sum(bool(step.proofs) for step in derivation.steps) >= 2


@pytest.mark.parametrize("derivation", DERIVATIONS, ids=lambda d: d.title)
def test_every_proof_refuses_another_statement(derivation: Derivation) -> None:
    for step in derivation.steps:
        for proof in step.proofs:
            for wrong in (2 * step.right + 1, step.right * sp.Rational(3, 2) + h):
                with pytest.raises(ProofError):
                    replace(step, right=wrong, proofs=(proof,)).check()


def test_leading_terms_are_those_that_taylor_with_peano_gives() -> None:
    """`quotients` derives them another way; its Richardson quotient has 2h and h in place of h and h/2."""
    for name, formula in FORMULAS.items():
        p = formula.accuracy
        ours = sp.Rational(*formula.moment(p + 1).as_integer_ratio()) / math.factorial(p + 1)
        (theirs,) = truncation(name).formula.atoms(sp.Derivative)
        factor = truncation(name).formula / theirs
        assert theirs.variable_count[0][1] == p + 1
        assert ours == factor / (2**p if name == "richardson" else 1)


def _model(formula: Formula, step: float) -> float:
    return math.hypot(0.7 * step**formula.accuracy, 1e-9 * math.sqrt(formula.spread) / step)


def test_the_best_step_is_where_the_error_is_least() -> None:
    for formula in FORMULAS.values():
        step, least = best_step(formula, 0.7, 1e-9)
        nearby = [_model(formula, step * factor) for factor in (1.0, 1.01, 1 / 1.01)]
        assert nearby[0] == pytest.approx(least, rel=1e-12)
        assert nearby[0] == min(nearby)
    assert best_step(FORMULAS["central"], 0.0, 1e-9)[0] == math.inf


def test_the_printed_formulas_of_the_model() -> None:
    """Target 29: forward e² = (h f''/2)² + 2 s²/h², central e² = (h² f'''/6)² + s²/(2h²)."""
    spreads = {name: formula.spread for name, formula in FORMULAS.items()}
    assert spreads == {"forward": 2, "backward": 2, "central": Fraction(1, 2), "richardson": Fraction(65, 18)}
    assert {name: formula.accuracy for name, formula in FORMULAS.items()} == {
        "forward": 1, "backward": 1, "central": 2, "richardson": 4,
    }  # fmt: skip


def test_rounding_of_differences_is_as_the_covariance_says() -> None:
    """Values θ spacings apart, rounded by numpy: no model of ours in the measurement."""
    rng = np.random.default_rng(0)
    for theta in (0.1, 0.5, 0.8, 3.25):
        y = rng.uniform(0, 1000, 200_000)
        error = np.round(y + theta) - np.round(y) - theta
        fraction = theta % 1
        expected = fraction * (1 - fraction)
        bar = 5 * float(np.std(error**2)) / math.sqrt(len(y))
        assert abs(float(np.mean(error**2)) - expected) <= bar


@pytest.mark.parametrize("expression", [sp.sqrt(x), x * x, sp.sqrt(x) * (1 + x * x)])
@pytest.mark.parametrize("exponent", [8, 20, 45, 49])
def test_the_model_is_met_by_correctly_rounded_operations(expression: sp.Expr, exponent: int) -> None:
    """Products and roots are correctly rounded everywhere; x on a grid on which x ± h is exact, h = 2^-exponent."""
    rng = np.random.default_rng(exponent)
    points = 1 + rng.integers(0, 2**47, 20_000) * 2.0**-49  # within [1, 5/4)
    step = 2.0**-exponent
    noise = Noise(from_sympy(Graph(), expression), "x")
    compute = sp.lambdify(x, expression, "numpy")
    wide = sp.lambdify(x, expression, "numpy")

    def exactly(at: Any) -> Any:
        return np.asarray(wide(at.astype(np.longdouble)))

    for name in ("forward", "central"):
        formula = FORMULAS[name]
        parts = [(float(c), points + float(s) * step) for s, c in formula.weights.items()]
        errors = sum(c * np.asarray(compute(at) - exactly(at), dtype=np.float64) for c, at in parts) / step
        expected = float(np.sqrt(np.mean(noise.of_quotient(formula, {"x": points}, step, "float64") ** 2)))
        measured = float(np.sqrt(np.mean(errors**2)))
        own = float(np.max(spacing(errors, "float64")))
        bar = 6 * float(np.std(errors**2)) / math.sqrt(len(points)) / (2 * measured)
        assert abs(measured - expected) <= bar + own + 0.01 * measured * (exponent < 12)

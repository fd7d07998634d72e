"""Every derivation on standardising: each step is proved, and each proof refuses other statements."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sympy as sp

from residua_symbolic import Derivation, ProofError
from residua_symbolic.standardising import (
    affine_moments,
    as_printed,
    few_features,
    linearity,
    odd_functions,
    restoring,
    shape,
    sigmoid_range,
    whole_numbers,
)

DERIVATIONS: tuple[Callable[[], Derivation], ...] = (
    affine_moments.affine_moments,
    affine_moments.matrix_moments,
    affine_moments.gaussian_stays,
    affine_moments.smallest_counterexample,
    shape.needed_deviation,
    shape.variance_counterexample,
    shape.same_shape,
    shape.two_points,
    whole_numbers.whole_numbers,
    linearity.with_constants,
    linearity.of_the_data,
    linearity.midpoint,
    restoring.restored,
    restoring.forgotten,
    restoring.two_batches,
    restoring.absorbed,
    restoring.rectified,
    as_printed.as_printed,
    as_printed.smallest,
    few_features.sphere,
    few_features.two_features,
    few_features.people,
    sigmoid_range.within,
    sigmoid_range.tangent,
    sigmoid_range.bent,
    sigmoid_range.linear_share,
    sigmoid_range.saturated,
    odd_functions.odd_only,
)
DEFINITIONS = {"Gaussian", "generating function", "image", "(1.4)", "normalisation with γ, β"}


def wrong(right: Any) -> list[Any]:
    """Statements that are not the printed one."""
    if isinstance(right, sp.Tuple):
        return [sp.Tuple(*(-e for e in right)) if any(right) else sp.Tuple(1, 0), sp.Tuple(*right, 0)]
    return [right * sp.Rational(8, 7) if right != 0 else sp.Rational(1, 7), right + 1]


@pytest.mark.parametrize("derive", DERIVATIONS, ids=lambda d: d.__name__)
def test_steps_are_proved_and_nothing_else_is(derive: Callable[[], Derivation]) -> None:
    derivation = derive()
    derivation.check()
    for step in derivation.steps:
        assert bool(step.proofs) != (step.name in DEFINITIONS), step.name
        for proof in step.proofs:
            for statement in wrong(step.right):
                with pytest.raises(ProofError):
                    replace(step, right=statement, proofs=(proof,)).check()


def test_003s_own_formulas_are_refused() -> None:
    law = {step.name: step for step in affine_moments.affine_moments().steps}
    p, q, w, b = affine_moments.p, affine_moments.q, affine_moments.w, affine_moments.b
    for name, printed in (("mean", p + b), ("standard deviation", p * w), ("standard deviation", w * q)):
        with pytest.raises(ProofError):
            replace(law[name], right=printed).check()
    n, m, v, eps = as_printed.n, as_printed.m, as_printed.v, as_printed.eps
    sums = {step.name: step for step in as_printed.as_printed().steps}
    for name, hoped in (
        ("mean of what is centred", sp.Integer(0)),
        ("(1.5) with the true mean", v + eps),
        ("shifted by b", m * 0),
    ):
        with pytest.raises(ProofError):
            replace(sums[name], right=hoped).check()
    with pytest.raises(ProofError):
        replace(sums["LN over √n"], right=sp.sqrt(v + eps / n)).check()


def test_other_sums_of_powers_are_refused() -> None:
    n = whole_numbers.n
    first = whole_numbers.whole_numbers().steps[0]
    for other in (n**2 / 2, n * (n - 1) / 2, n**2):
        with pytest.raises(ProofError):
            replace(first, right=other).check()


def test_covariance_with_indices_exchanged_is_refused() -> None:
    a = affine_moments
    step = next(s for s in a.matrix_moments().steps if s.name == "covariance")
    transposed = sp.Sum(a.W[a.j, a.i] * a.C[a.j, a.l] * a.W[a.k, a.l], (a.j, 1, a.n), (a.l, 1, a.n))
    for proof in step.proofs:
        with pytest.raises(ProofError):
            replace(step, right=transposed, proofs=(proof,)).check()

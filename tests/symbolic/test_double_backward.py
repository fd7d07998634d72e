"""Second derivatives of nets, by interpolation in exact fractions, against the formulas with and without φ''."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp

from residua_symbolic import ProofError
from residua_symbolic.backpropagation import m, q
from residua_symbolic.domains.tangents import n
from residua_symbolic.double_backward import CARRIED, CURVED, U, gauss_newton, o, slopes_held_constant

from .planted import refuses, refuses_in_place, wrong_limits
from .test_backpropagation import a_net, cost, sums_of
from .test_printing import problems
from .test_rules import proved

DERIVATIONS = {"layer": slopes_held_constant, "net": gauss_newton}


@pytest.mark.parametrize("name", DERIVATIONS)
def test_every_step_proves_itself_and_refuses_what_is_wrong(name: str) -> None:
    derivation = DERIVATIONS[name]()
    derivation.check()
    for step in proved(derivation):
        for wrong in (step.right + 1, 2 * step.right + 3):
            with pytest.raises(ProofError):
                replace(step, right=wrong).check()
    for text in (derivation.latex(), *(step.latex() for step in derivation.steps)):
        assert not problems(text), text


@pytest.mark.parametrize("name", DERIVATIONS)
def test_other_limits_of_a_sum_are_refused_by_every_proof(name: str) -> None:
    derivation = DERIVATIONS[name]()
    steps, sizes = sums_of(derivation), {"layer": (q, n, m), "net": (n, o, U)}[name]
    assert len(steps) == {"layer": 4, "net": 2}[name]
    for step in steps:
        wrong = wrong_limits(step.right, sizes)
        assert len(wrong) == 6 * len(step.right.atoms(sp.Sum))
        for candidate in wrong:
            refuses(step, candidate)
            refuses_in_place(derivation, step, candidate)


def test_a_formula_wrong_at_other_sizes_alone_is_refused() -> None:
    """Right at all the sizes that are put in, wrong at m = 4: the proof for all sizes sees it."""
    off = (m - 1) * (m - 2) * (m - 3)
    for step in sums_of(slopes_held_constant()):
        at_sizes, every_size = step.proofs
        wrong = step.right * (1 + off)
        replace(step, right=wrong, proofs=(at_sizes,)).check()
        with pytest.raises(ProofError, match="refused by all sizes"):
            replace(step, right=wrong, proofs=(every_size,)).check()


def test_what_is_checked_at_sizes_alone_says_so() -> None:
    for step in proved(gauss_newton()):
        assert step.reason.endswith("verified at these sizes, not derived for all")
    for derivation in (slopes_held_constant(), gauss_newton()):
        for step in sums_of(derivation):
            assert any("all sizes" in proof.by for proof in step.proofs) != ("verified" in step.reason)


def test_neither_second_derivative_is_taken_for_the_other() -> None:
    steps = {step.name: step for step in slopes_held_constant().steps}
    for name, wrong in (
        ("second derivative", CARRIED),
        ("second derivative, φ' held constant", CARRIED + CURVED),
        ("dropped", CARRIED),
        ("dropped", sp.Integer(0)),
        ("dropped where φ is linear in pieces", CURVED),
        ("smallest example", sp.Integer(0)),
    ):
        with pytest.raises(ProofError):
            replace(steps[name], right=wrong).check()


def test_the_gauss_newton_matrix_is_not_the_second_derivative() -> None:
    kept, second = gauss_newton().steps[-2:]
    for step, wrong in ((second, kept.right), (kept, second.right)):
        with pytest.raises(ProofError):
            replace(step, right=wrong).check()


def second_by_interpolation(move: Any, degree: int) -> Fraction:
    """The second derivative at 0 of a polynomial, from its values."""
    t = sp.Symbol("t")
    values = [(point, sp.Rational(*move(Fraction(point)).as_integer_ratio())) for point in range(degree + 1)]
    twice = 2 * sp.Poly(sp.interpolate(values, t), t).coeff_monomial(t**2)
    return Fraction(int(twice.p), int(twice.q))


@pytest.mark.parametrize("widths", [(2, 2), (2, 3, 1), (1, 2, 2)])
def test_the_formula_of_a_net_of_squares(widths: tuple[int, ...]) -> None:
    """φ(z) = z², C = Σ a²/2: Gauss–Newton and curvature written out by hand, against interpolated values."""
    weights, biases, at = a_net(widths, seed=5)

    def moved(by: Fraction) -> Fraction:
        changed = [biases[0].copy(), *biases[1:]]
        changed[0][0] += by
        return cost(weights, changed, at)

    pre, post = [], [at]
    for weight, bias in zip(weights, biases, strict=True):
        pre.append(weight @ post[-1] + bias)
        post.append(pre[-1] ** 2)
    by_first = [np.eye(len(pre[0]), dtype=int)]  # ∂z_l/∂z_1
    for weight, z in zip(weights[1:], pre[:-1], strict=True):
        by_first.append(weight @ np.diag(2 * z) @ by_first[-1])
    J = np.diag(2 * pre[-1]) @ by_first[-1]
    by_value = [post[-1]]  # ∂C/∂a_l
    for weight, z in zip(reversed(weights[1:]), reversed(pre[1:]), strict=True):
        by_value.insert(0, weight.T @ (2 * z * by_value[0]))
    kept = J.T @ J
    curved = sum(A.T @ np.diag(2 * g) @ A for A, g in zip(by_first, by_value, strict=True))
    true = second_by_interpolation(moved, 2 ** (len(weights) + 1))
    assert true == (kept + curved)[0, 0]
    assert true != kept[0, 0]

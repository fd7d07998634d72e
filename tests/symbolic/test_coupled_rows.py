"""Planted faults where batch statistics couple the rows: each of them is refused by the proof of the chain rule."""

from typing import Any

import pytest
import sympy as sp

from residua_network import Activation, BatchNorm, Linear, Network, Residual
from residua_symbolic import chain_rule, derive_layer, jacobian
from residua_symbolic.domains.tangents import B, b, i, j
from residua_symbolic.factors import EachFeature, EachRow
from residua_symbolic.layer import CONSTANT_STATISTICS

from .planted import refuses, refuses_in_place

SIZE = chain_rule.COUPLED_ROWS[
    0
]  # as many features as the proof takes rows, so that exchanging the two keeps the shape
NET = Network((Linear(SIZE, SIZE), BatchNorm(SIZE), Activation("tanh"), BatchNorm(SIZE), Linear(SIZE, 2)))
J = jacobian(NET)
STEP = J.steps[-1]


def of_feature(tag: str) -> tuple[Any, Any, Any]:
    """γ/s of a feature, its column of x̂, and what is projected away, as layer `tag` prints them."""
    gamma = sp.IndexedBase(f"gamma__{tag}", real=True)[i]
    s = sp.IndexedBase(f"s__{tag}", positive=True)[i]
    xhat = sp.MatrixSymbol(f"xhat__{tag}:i", B, 1)
    return gamma / s, xhat, sp.OneMatrix(B, B)


def with_first(body: Any) -> Any:
    """The formula of the network with another matrix of one feature for layer 1."""
    *above, first, below = J.formula.args
    assert isinstance(first, EachFeature)
    return sp.MatMul(*above, EachFeature(body, SIZE), below)


def test_the_true_factor_is_accepted() -> None:
    gain, xhat, ones = of_feature("1")
    right = with_first(gain * (sp.Identity(B) - ones / B - xhat * xhat.T / B))
    assert chain_rule.holds(NET, 0, 4, False, right)
    STEP.check()


def test_wrong_factors_are_refused() -> None:
    gain, xhat, ones = of_feature("1")
    other_gain, other, _ = of_feature("3")
    identity, outer = sp.Identity(B), xhat * xhat.T
    wrong = [
        gain * (identity - ones / B - outer / (B - 1)),
        gain * (identity - ones / (B - 1) - outer / B),
        gain * (identity - ones / B + outer / B),
        gain * (identity - ones / B),
        gain * (identity - outer / B),
        gain * identity,
        gain * (identity - ones / B - other * other.T / B),
        gain * (identity - ones / B - xhat * other.T / B),
        other_gain * (identity - ones / B - outer / B),
        identity - ones / B - outer / B,
    ]
    for body in wrong:
        refuses(STEP, with_first(body))
    refuses_in_place(J, STEP, with_first(wrong[0]))


def test_features_taken_for_rows_are_refused_and_the_other_way_round() -> None:
    *above, first, linear = J.formula.args
    refuses(STEP, sp.MatMul(*above, EachRow(first.args[0]), linear))
    refuses(STEP, sp.MatMul(*above, first, EachFeature(linear.args[0], SIZE)))


def test_factors_exchanged_doubled_or_left_out_are_refused() -> None:
    last, second, tanh, first, linear = J.formula.args
    for factors in (
        (last, first, tanh, second, linear),
        (last, second, tanh, linear, first),
        (last, second, first, linear),
        (last, second, tanh, linear),
        (last, second, tanh, first, first, linear),
    ):
        refuses(STEP, sp.MatMul(*factors))


@pytest.mark.parametrize("branch", [False, True])
def test_the_formula_for_other_statistics_is_refused(branch: bool) -> None:
    layers = (BatchNorm(SIZE), Activation("sin"), Linear(SIZE, SIZE))
    net = Network((Linear(SIZE, SIZE), Residual(layers))) if branch else Network((Linear(SIZE, SIZE), *layers))
    batch, running = jacobian(net), jacobian(net.with_statistics("running"))
    kept = jacobian(net, assume=CONSTANT_STATISTICS)
    for one, others in ((batch, (running, kept)), (running, (batch, kept)), (kept, (batch, running))):
        one.check()
        for other in others:
            refuses(one.steps[-1], other.formula)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("xhat__l,0:i", "xhat__2:i"),
        ("xhat__2:i", "xhat__1,0:i"),
        ("xhat__2:i", "xhat__9:i"),
        ("xhat__2:i", "xhat__2"),  # that of one row, not a column
        ("x__3", "x__3:i"),  # a column, not that of one row
    ],
)
def test_the_letters_of_another_place_are_refused(old: str, new: str) -> None:
    """In a branch beside the stream, in a product over l, and of a row where those of a feature belong."""
    block = Residual((BatchNorm(SIZE), Linear(SIZE, SIZE)))
    step = jacobian(Network((block, block, BatchNorm(SIZE), Activation("tanh")))).steps[-1]
    step.check()
    named = {a.name: a for a in step.right.atoms(sp.MatrixSymbol)}
    refuses(step, step.right.xreplace({named[old]: sp.MatrixSymbol(new, *named[old].shape)}))


@pytest.mark.parametrize("label", [j, b])
def test_a_scalar_of_another_label_is_refused(label: sp.Symbol) -> None:
    refuses(STEP, STEP.right.xreplace({i: label}))


def test_the_part_left_out_is_the_difference_also_in_the_proof() -> None:
    """The exact product minus the dropped one is the approximate one, not the exact one."""
    kept = jacobian(NET, assume=CONSTANT_STATISTICS)
    assert kept.dropped is not None
    difference = sp.MatAdd(J.formula, sp.MatMul(-1, kept.dropped.formula))
    assert chain_rule.holds(NET, 0, 4, True, kept.formula)
    assert not chain_rule.holds(NET, 0, 4, False, difference)


@pytest.mark.parametrize("wrong", [sp.Rational(1, 3), 1 / (B**2 - 6), 1 / (B - 1), 1 / (B + (B - 3) * (B - 5))])
def test_a_batch_size_that_is_right_only_sometimes_is_refused(wrong: sp.Expr) -> None:
    net = Network((Linear(3, 4), BatchNorm(4), Activation("tanh"), Linear(4, 2)))
    step = jacobian(net).steps[-1]
    changed = {1 / B: wrong, -1 / B: -wrong}
    formula = step.right.replace(
        lambda e: isinstance(e, EachFeature), lambda e: EachFeature(e.args[0].xreplace(changed), e.args[1])
    )
    assert formula != step.right
    refuses(step, formula)


@pytest.mark.parametrize("size", [3, B + 1])
def test_an_identity_of_another_size_is_refused(size: sp.Expr) -> None:
    derivation = derive_layer("batchnorm", CONSTANT_STATISTICS)
    step = next(step for step in derivation.steps if step.name == "matrix form")
    refuses(step, step.right.xreplace({sp.Identity(B): sp.Identity(size)}))

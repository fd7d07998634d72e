from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

from oracles.dense import letters_of, multiplied_out, of_the_batch
from oracles.samples import BRANCH, INNER, NETWORKS, rows, weights_of
from residua_network import Activation, BatchNorm, Layer, LayerNorm, Linear, Network, Residual, RMSNorm
from residua_symbolic import chain_rule, jacobian
from residua_symbolic.layer import CONSTANT_STATISTICS

from .planted import faults, refuses, refuses_in_place, wrong_entries, wrong_matrices

every = pytest.mark.parametrize("net", NETWORKS.values(), ids=NETWORKS)


def letters(net: Network) -> Any:
    """Numbers for every letter, by which a planted fault is known to be one."""
    return of_the_batch(letters_of(net.layers, rows(3, net.inputs), weights_of(net))[1])


@every
@pytest.mark.parametrize("assume", [None, CONSTANT_STATISTICS])
def test_planted_faults_are_refused(net: Network, assume: str | None) -> None:
    """A factor dropped, two exchanged, a scale, a skip or a term missing, a product too short: anywhere in it."""
    J = jacobian(net, assume=assume)
    step = J.steps[-1]
    assert step.name == "chain rule"
    assert step.right == J.formula
    step.check()
    wrong = wrong_matrices(J.formula, letters(net))
    assert len(wrong) >= 5
    for right in wrong[:: max(1, len(wrong) // 10)]:
        refuses(step, right)
    refuses_in_place(J, step, wrong[0])


@every
def test_planted_faults_in_a_kind_are_refused(net: Network) -> None:
    J = jacobian(net)
    for step in J.steps[:-1]:
        refuses_in_place(J, step, 2 * step.right)


def test_the_true_formula_is_refused_where_means_are_constants_and_the_other_way_round() -> None:
    net = NETWORKS["nested"]
    true, kept = jacobian(net), jacobian(net, assume=CONSTANT_STATISTICS)
    refuses(true.steps[-1], kept.formula)
    refuses(kept.steps[-1], true.formula)


def test_letters_of_another_layer_are_refused() -> None:
    net = Network((Linear(3, 3), Activation("tanh"), Linear(3, 3), LayerNorm(3), LayerNorm(3)))
    step = jacobian(net).steps[-1]
    swap = {sp.MatrixSymbol("W__0", 3, 3): sp.MatrixSymbol("W__2", 3, 3)}
    refuses(step, step.right.xreplace(swap))
    refuses(step, step.right.xreplace({sp.MatrixSymbol("W__0", 3, 3): sp.MatrixSymbol("W__9", 3, 3)}))
    refuses(step, step.right.xreplace({sp.MatrixSymbol("W__0", 3, 3): sp.MatrixSymbol("W__0", 3, 3).T}))
    refuses(step, sp.ZeroMatrix(3, 3))
    refuses(step, sp.Identity(3))


def differs(net: Network, a: Any, b: Any) -> bool:
    """Whether two formulas differ at one of some points; factors of size one may be exchanged."""
    _, at = letters_of(net.layers, rows(20, net.inputs), weights_of(net))
    return bool(np.abs(multiplied_out(a, at) - multiplied_out(b, at)).max() > 1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_dead_units_hide_nothing(seed: int) -> None:
    """With one relu the derivative is zero at half of all points, and there every formula is right."""
    for layers in (
        (Linear(2, 1), Activation("relu"), Linear(1, 1)),
        (Residual((Linear(4, 1), Activation("relu"), Linear(1, 4))),),
        (Linear(2, 1), Activation("relu"), Linear(1, 1), Activation("relu"), Linear(1, 3)),
        (Linear(2, 1), BatchNorm(1), Activation("relu"), Linear(1, 1)),
    ):
        net = Network(layers)
        last = len(layers) - 1
        formula = jacobian(net).formula
        assert chain_rule.holds(net, 0, last, False, formula, seed)
        wrong = [right for right in (2 * formula, *faults(formula)) if differs(net, right, formula)]
        assert len(wrong) >= 2
        for right in wrong:
            assert not chain_rule.holds(net, 0, last, False, right, seed)


@pytest.mark.parametrize(
    "layers",
    [
        (Linear(3, 3), Activation("relu"), Activation("relu")),
        (
            Linear(3, 3),
            Activation("relu"),
            RMSNorm(3),
            Activation("relu"),
            Linear(3, 3, bias=False),
            Activation("relu"),
        ),
        (LayerNorm(1, affine=False), Activation("relu")),
        (Linear(1, 3), Activation("relu"), Linear(3, 1), RMSNorm(1), Linear(1, 1), Linear(1, 2)),
        (LayerNorm(2, eps=0.0), Linear(2, 2)),
        (BatchNorm(1, affine=False), Activation("relu")),
        (BatchNorm(2, eps=0.0), Linear(2, 2), Activation("relu"), BatchNorm(2, eps=0.5)),
        (Linear(3, 3), *[Activation("tanh"), BatchNorm(3), Linear(3, 3)] * 8),
        (Linear(3, 3), *[Activation("cube")] * 5, BatchNorm(3), BatchNorm(3, statistics="running")),
        (Linear(3, 3), *[Activation("cube")] * 6, Activation("sin")),
        (Linear(3, 3), *[Activation("cube")] * 6, Activation("softplus")),
        (Linear(3, 3), *[Activation("cube")] * 6, Activation("tanh"), Linear(3, 3)),
        (Linear(3, 3), *[Activation("square")] * 12),
        (Linear(3, 3), *[Activation("tanh"), LayerNorm(3), Linear(3, 3)] * 20),
        (Residual((Residual((Residual((INNER,), scale=0.0), *BRANCH)),), scale=2.5),),
    ],
)
def test_true_formulas_hold_at_the_edges_too(layers: tuple[Layer, ...]) -> None:
    """Exact zeros under a relu, one feature, a zero derivative, huge values, depth."""
    J = jacobian(Network(layers))
    for seed in range(3):
        assert chain_rule.holds(J.network, J.start, J.stop, False, J.formula, seed)


def test_huge_values_hide_nothing() -> None:
    net = Network((Linear(3, 3), *[Activation("cube")] * 7, Linear(3, 2)))
    J = jacobian(net)
    refuses(J.steps[-1], J.formula * sp.Rational(10**20 + 1, 10**20))


def test_a_part_of_a_network() -> None:
    J = jacobian(NETWORKS["nested"], start=1, stop=4)
    J.check()
    refuses(J.steps[-1], jacobian(NETWORKS["nested"], start=2, stop=4).formula)


def test_the_helpers_find_faults_and_no_false_ones() -> None:
    J = jacobian(NETWORKS["plain"])
    assert not any(right == J.formula for right in wrong_matrices(J.formula, letters(J.network)))
    assert wrong_entries(sp.Symbol("s") + 1)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        refuses(J.steps[-1], J.formula)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        refuses_in_place(replace(J, steps=J.steps[:-1]), J.steps[-1], 2 * J.formula)

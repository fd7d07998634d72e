"""What holds for the Jacobian of every network."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles.dense import dense, letters_of
from oracles.formulas import DIGITS, answer, exactly
from oracles.samples import NETWORKS, assert_close, rows, samples_of, weights_of
from residua_network import Activation, Layer, Linear, Network, Residual, kinds
from residua_symbolic import jacobian
from residua_symbolic.layer import CONSTANT_STATISTICS

from .test_layers import torch_jacobian

BATCH = 3
every = pytest.mark.parametrize("net", NETWORKS.values(), ids=NETWORKS)


@every
def test_torch_agrees(net: Network) -> None:
    weights, x = weights_of(net, seed=1), rows(BATCH, net.inputs)
    y, expected = torch_jacobian(net, weights, x)
    J = jacobian(net)
    assert_close(J.evaluate(weights, x), expected)
    assert_close(J.linearised(weights, x)[1], y)


@every
def test_formulas_by_hand_at_50_digits_agree(net: Network) -> None:
    weights, x = weights_of(net, seed=2), rows(BATCH, net.inputs)
    with mp.workdps(DIGITS):
        by_hand = [answer(net.layers, exactly(row), {k: exactly(w) for k, w in weights.items()})[1] for row in x]
        expected = np.array(by_hand).astype(np.float64)
    assert_close(jacobian(net).evaluate(weights, x), expected)


@every
@pytest.mark.parametrize("assume", [None, CONSTANT_STATISTICS])
def test_the_formulas_multiplied_out_agree(net: Network, assume: str | None) -> None:
    weights, x = weights_of(net, seed=3), rows(BATCH, net.inputs)
    J = jacobian(net, assume=assume)
    letters = [letters_of(net.layers, row, weights)[1] for row in x]
    for formula in (J.formula, J.unfold()):
        assert_close(J.evaluate(weights, x), np.array([dense(formula, at) for at in letters]))


@every
def test_the_chain_rule_at_every_cut(net: Network) -> None:
    weights, x = weights_of(net, seed=4), rows(BATCH, net.inputs)
    whole = jacobian(net).evaluate(weights, x)
    for cut in range(len(net.layers) - 1):
        below, above = jacobian(net, stop=cut), jacobian(net, start=cut + 1)
        assert_close(above.evaluate(weights, x) @ below.evaluate(weights, x), whole)


@every
def test_the_printed_part_is_the_part(net: Network) -> None:
    """`start` and `stop` keep the letters of the whole network."""
    weights, x = weights_of(net, seed=5), rows(BATCH, net.inputs)
    J = jacobian(net, start=1, stop=len(net.layers) - 2)
    letters = [letters_of(net.layers, row, weights)[1] for row in x]
    assert_close(J.evaluate(weights, x), np.array([dense(J.formula, at) for at in letters]))


@every
@pytest.mark.parametrize("assume", [None, CONSTANT_STATISTICS])
def test_the_derivation_proves_itself(net: Network, assume: str | None) -> None:
    J = jacobian(net, assume=assume)
    assert J.steps[-1].name == "chain rule"
    assert all(step.proofs for step in J.steps)
    J.check()


@every
def test_finite_differences_agree(net: Network) -> None:
    """The one route without any derivative; central, so that the error is of second order in the step."""
    step = 1e-5
    weights, x = weights_of(net, seed=6), rows(1, net.inputs)
    J = jacobian(net)
    plus, minus = (J.linearised(weights, x + sign * step * np.eye(net.inputs)[:1])[1] for sign in (1, -1))
    slope = (plus - minus)[0] / (2 * step)
    column = J.evaluate(weights, x)[0, :, 0]
    assert np.max(np.abs(slope - column)) <= 1e-7 * max(1.0, np.max(np.abs(column)))  # step² and u / step


def _layers(width: int) -> st.SearchStrategy[Layer]:
    found = [layer for kind in kinds().values() for layer in samples_of(kind) if layer.gives in (None, width)]
    return st.sampled_from([*found, Linear(width, width), *[Activation(name) for name in ("relu", "tanh", "silu")]])


@st.composite
def networks(draw: st.DrawFn) -> Network:
    layers = draw(st.lists(_layers(4), min_size=1, max_size=6))
    if draw(st.booleans()):
        layers = [Residual(tuple(layers), scale=draw(st.sampled_from((1.0, 0.3)))), *layers]
    ends = draw(st.sampled_from([(Linear(4, 2),), (Linear(4, 7), Activation("sin")), ()]))
    return Network((Linear(3, 4), *layers, *ends))


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(networks(), st.integers(0, 3))
def test_random_networks(net: Network, seed: int) -> None:
    weights, x = weights_of(net, seed), rows(2, 3, seed)
    _, expected = torch_jacobian(net, weights, x)
    J = jacobian(net)
    found = J.evaluate(weights, x)
    if np.max(np.abs(expected)) > 1e6:  # square and cube in a row: rounding in x is then magnified as much
        return
    assert_close(found, expected, scale=float(np.max(np.abs(expected))) ** 2)
    cut = seed % (len(net.layers) - 1)
    parts = jacobian(net, start=cut + 1).evaluate(weights, x) @ jacobian(net, stop=cut).evaluate(weights, x)
    assert_close(parts, found)

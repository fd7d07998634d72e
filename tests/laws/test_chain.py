"""What holds for the Jacobian of every network."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracles.batches import spread, times
from oracles.dense import letters_of, multiplied_out
from oracles.formulas import answers
from oracles.samples import NETWORKS, assert_close, rows, samples_of, weights_of
from residua_network import Activation, Layer, Linear, Network, Residual, ShapeError, kinds
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
    y, expected = (part.astype(np.float64) for part in answers(net.layers, weights, x))
    J = jacobian(net)
    assert_close(J.evaluate(weights, x), expected)
    assert_close(J.linearised(weights, x)[1], y)


@every
@pytest.mark.parametrize("assume", [None, CONSTANT_STATISTICS])
def test_the_formulas_multiplied_out_agree(net: Network, assume: str | None) -> None:
    weights, x = weights_of(net, seed=3), rows(BATCH, net.inputs)
    J, (_, letters) = jacobian(net, assume=assume), letters_of(net.layers, x, weights)
    for formula in (J.formula, J.unfold()):
        assert_close(J.evaluate(weights, x), multiplied_out(formula, letters))


@every
def test_the_chain_rule_at_every_cut(net: Network) -> None:
    weights, x = weights_of(net, seed=4), rows(BATCH, net.inputs)
    whole = jacobian(net).evaluate(weights, x)
    for cut in range(len(net.layers) - 1):
        below, above = jacobian(net, stop=cut), jacobian(net, start=cut + 1)
        assert_close(times(above.evaluate(weights, x), below.evaluate(weights, x)), whole)


@every
def test_the_printed_part_is_the_part(net: Network) -> None:
    """`start` and `stop` keep the letters of the whole network; rows are coupled where a layer between couples them."""
    weights, x = weights_of(net, seed=5), rows(BATCH, net.inputs)
    _, letters = letters_of(net.layers, x, weights)
    ends = range(len(net.layers))
    for start, stop in itertools.combinations_with_replacement(ends[:: max(1, len(ends) // 5)], 2):
        J = jacobian(net, start, stop)
        found = J.evaluate(weights, x)
        assert_close(found, multiplied_out(J.formula, letters))
        assert (found.ndim == 4) == J.couples_rows == any(layer.couples_rows for layer in net.layers[start : stop + 1])


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
    weights, x = weights_of(net, seed=6), rows(BATCH, net.inputs)
    J, moved = jacobian(net), np.zeros_like(x)
    moved[1, 0] = step
    plus, minus = (J.linearised(weights, x + sign * moved)[1] for sign in (1, -1))
    column = spread(J.evaluate(weights, x))[:, :, 1, 0]
    error = np.abs((plus - minus) / (2 * step) - column)
    assert np.max(error) <= 1e-7 * max(1.0, np.max(np.abs(column)))  # step² and u / step


def _layers(width: int) -> st.SearchStrategy[Layer]:
    """Every kind as often as any other."""
    choices = [[layer for layer in samples_of(kind) if layer.gives in (None, width)] for kind in kinds().values()]
    choices += [[Activation(name) for name in ("relu", "tanh", "silu")], [Linear(width, width)]]
    return st.one_of(*(st.sampled_from(found) for found in choices if found))


@st.composite
def networks(draw: st.DrawFn) -> Network:
    layers = draw(st.lists(_layers(4), min_size=3, max_size=6))
    if draw(st.booleans()):
        layers = [Residual(tuple(layers), scale=draw(st.sampled_from((1.0, 0.3)))), *layers]
    ends = draw(st.sampled_from([(Linear(4, 2),), (Linear(4, 7), Activation("sin")), ()]))
    return Network((Linear(3, 4), *layers, *ends))


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(networks(), st.integers(0, 3))
def test_random_networks(net: Network, seed: int) -> None:
    weights, x = weights_of(net, seed), rows(BATCH, 3, seed)
    J = jacobian(net)
    try:
        found = J.evaluate(weights, x)
    except ShapeError as error:  # a relu may leave a normaliser nothing to divide by
        assert "above zero, since ε = 0" in str(error)  # noqa: PT017  # not the subject of this test
        return
    _, expected = torch_jacobian(net, weights, x)
    if np.max(np.abs(expected)) > 1e6:  # square and cube in a row: rounding in x is then magnified as much
        return
    assert_close(found, expected, scale=float(np.max(np.abs(expected))) ** 2)
    cut = seed % (len(net.layers) - 1)
    above, below = jacobian(net, start=cut + 1), jacobian(net, stop=cut)
    assert_close(times(above.evaluate(weights, x), below.evaluate(weights, x)), found)

"""Layers of every kind, and networks of them, as graphs: value and Jacobian are those of the structured route."""

from typing import Any

import numpy as np
import pytest

from oracles.samples import NETWORKS, alone, assert_close, every_layer, name_of, rows, weights_of
from residua_network import Linear, Network
from residua_symbolic import jacobian
from residua_symbolic.domains.machine import MachineDomain
from residua_symbolic.expressions import calculus
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.graph import below, variables
from residua_symbolic.expressions.networks import network_graph

BATCH = 3
SMALL = {**{name_of(layer): alone(layer) for layer in every_layer()}, **NETWORKS}
every = pytest.mark.parametrize("net", SMALL.values(), ids=list(SMALL))


def graph_jacobian(net: Network, weights: Any, x: Any) -> Any:
    """(batch, outputs, batch, inputs), by the graph alone."""
    nodes = network_graph(net, len(x))
    outputs, inputs = list(nodes.outputs.flat), list(nodes.inputs.flat)
    entries = [entry for row in calculus.jacobian(outputs, inputs) for entry in row]
    values = evaluate(entries, nodes.values(weights, x), MachineDomain())
    return np.array(values).reshape(*nodes.outputs.shape, *x.shape)


@every
def test_the_jacobian_of_the_graph_is_that_of_the_network(net: Network) -> None:
    weights, x = weights_of(net), rows(BATCH, net.inputs)
    found, expected = graph_jacobian(net, weights, x), jacobian(net).evaluate(weights, x)
    if not net.couples_rows:
        off = found.copy()
        off[np.arange(BATCH), :, np.arange(BATCH)] = 0
        assert not off.any()
        found = found[np.arange(BATCH), :, np.arange(BATCH)]
    assert_close(found, expected)


def test_weights_can_be_variables_or_numbers() -> None:
    net = Network((Linear(2, 3),))
    weights = weights_of(net)
    free, fixed = network_graph(net), network_graph(net, weights=weights)
    assert set(variables(free.outputs.flat)) == {
        *("x1", "x2"),
        *(f"0.weight[{i},{j}]" for i in range(3) for j in range(2)),
        *(f"0.bias[{i}]" for i in range(3)),
    }
    assert set(variables(fixed.outputs.flat)) == {"x1", "x2"}
    x = rows(1, net.inputs)
    assert evaluate(list(free.outputs.flat), free.values(weights, x), MachineDomain()) == evaluate(
        list(fixed.outputs.flat), dict(zip(("x1", "x2"), x[0].tolist(), strict=True)), MachineDomain()
    )


def test_equal_layers_with_equal_weights_are_one() -> None:
    net = Network((Linear(2, 2), Linear(2, 2)))
    one = np.eye(2)
    twice = {"0.weight": one, "0.bias": np.zeros(2), "1.weight": one, "1.bias": np.zeros(2)}
    nodes = network_graph(net, weights=twice)
    assert len(below(nodes.outputs.flat)) == len(below(nodes.after[0].flat))

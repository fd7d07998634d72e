"""Printed Jacobians checked element by element on the expression graph, at a size: quick, and a route of its own."""

from typing import Any

import numpy as np
import sympy as sp

from residua_network import kinds
from residua_symbolic.domains.graphs import GraphDomain
from residua_symbolic.domains.residues import ResidueDomain
from residua_symbolic.domains.tangents import i, j
from residua_symbolic.evaluate import evaluate
from residua_symbolic.expressions.calculus import jacobian
from residua_symbolic.expressions.graph import Graph, Node, variables
from residua_symbolic.layers import arguments, forward_map
from residua_symbolic.symbols import symbol_of


def jacobian_is(printed: sp.Expr, kind: str, size: int) -> bool:
    """Whether the index form J[i, j] is the Jacobian of a normaliser of the features at that size, in every entry.

    Decided at a random point of a prime field (Schwartz–Zippel): what is wrong passes with a probability of about
    degree / 2^61.
    """
    entries = differences(printed, kind, size)
    return not any(map(int, ResidueDomain().at_random_point(entries, variables(entries))))


def differences(printed: sp.Expr, kind: str, size: int) -> list[Node]:
    """The derivatives of every output by every input, made by the graph from the forward map, less what is printed."""
    domain = GraphDomain(graph := Graph())
    x = domain.variables([[f"x{k}" for k in range(size)]])
    values: dict[str, Any] = {"n": size}
    given: dict[str, Any] = {}
    for name in arguments(kind):
        if name in kinds()[kind].parameters:
            letter = symbol_of(kind, name)
            given[name] = values[letter] = domain.variables([f"{letter}{k}" for k in range(size)])
        else:
            given[name] = graph.variable(name)
    y = forward_map(kind)(domain, x, **given)
    expected = evaluate(printed, values | domain.names, (i, j), domain)
    found = jacobian(y.ravel().tolist(), x.ravel().tolist())
    entries: list[Node] = (np.array(found, dtype=object) - expected).ravel().tolist()
    return entries

"""Arrays of nodes of an expression graph: a forward map run over them is the map's own evaluation trace."""

from typing import Any

import numpy as np
import sympy as sp

from residua_network import ARITY
from residua_symbolic.domains.named import Array, Named
from residua_symbolic.expressions.conversion import from_sympy
from residua_symbolic.expressions.graph import NUMBER, VARIABLE, Graph, Node, below
from residua_symbolic.functions import ACTIVATIONS


class GraphDomain(Named):
    """Forward maps over object arrays of nodes, (rows, features)."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph

    def number(self, value: Any) -> Node:
        """A constant as a node, at its exact value."""
        return self.graph.number(value)

    def variables(self, names: Any) -> Array:
        """An array of variables, in the shape of `names`."""
        return np.frompyfunc(self.graph.variable, 1, 1)(np.array(names, dtype=object))

    def numbers(self, values: Any) -> Array:
        """An array of constants."""
        return np.frompyfunc(lambda v: self.graph.number(float(v)), 1, 1)(np.asarray(values))

    def sqrt(self, x: Array) -> Array:
        """Square root, entry by entry."""
        return self.function("sqrt", x)

    def function(self, name: str, x: Any) -> Any:
        """A function by name, entry by entry: an elementary one, or an activation's formula."""

        def one(z: Node) -> Node:
            return self.graph.function(name, z) if name in ARITY else _activation(self.graph, name, z)

        return np.frompyfunc(one, 1, 1)(x) if isinstance(x, np.ndarray) else one(x)


def _activation(graph: Graph, name: str, z: Node) -> Node:
    """The formula of an activation at a node."""
    (formula, made) = from_sympy(Graph(), ACTIVATIONS[name](sp.Symbol("z", real=True))), {}
    for node in below([formula]):
        if node.function == VARIABLE:
            made[node.index] = z
        elif node.function == NUMBER:
            made[node.index] = graph.number(node.value)
        else:
            made[node.index] = graph.apply(node.function, *(made[a.index] for a in node.arguments))
    return made[formula.index]

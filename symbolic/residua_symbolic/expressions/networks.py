"""A described network as an expression graph: its forward maps run over nodes, scalar by scalar."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from residua_network import Layer, Network, Residual
from residua_symbolic.domains.graphs import GraphDomain
from residua_symbolic.expressions.graph import Graph
from residua_symbolic.layers import apply


@dataclass(frozen=True, eq=False)
class NetworkGraph:
    """The nodes of a network.

    `inputs`: (rows, features); `parameters` by the description's names, in its shapes, variables called like
    "0.weight[1,0]" or numbers; `after`: the output of every top-level layer, each (rows, features).
    """

    graph: Graph
    inputs: Any
    parameters: Mapping[str, Any]
    after: tuple[Any, ...]

    @property
    def outputs(self) -> Any:
        """(rows, outputs)."""
        return self.after[-1]

    def values(self, weights: Mapping[str, Any], x: Any) -> dict[str, Any]:
        """The value of every variable, by name, from weights by the description's names and inputs (rows, features)."""
        pairs = [(self.inputs, x), *((nodes, weights[name]) for name, nodes in self.parameters.items())]
        return {
            node.value: value
            for nodes, values in pairs
            for node, value in zip(nodes.flat, np.ravel(values).tolist(), strict=True)
        }


def network_graph(net: Network, rows: int = 1, weights: Mapping[str, Any] | None = None) -> NetworkGraph:
    """The graph of a network for a number of rows; with `weights`, float64 arrays, these are numbers in it.

    Inputs are called x1, x2, ... in the first row, and x1_2, x2_2, ... in the second.
    """
    domain = GraphDomain(graph := Graph())
    names = [[f"x{i + 1}" if row == 0 else f"x{i + 1}_{row + 1}" for i in range(net.inputs)] for row in range(rows)]
    x = domain.variables(names)
    parameters = {
        name: domain.variables(_entries(name, shape)) if weights is None else domain.numbers(weights[name])
        for name, (shape, _) in net.parameters.items()
    }
    return NetworkGraph(graph, x, parameters, tuple(_outputs(graph, net.layers, "", x, parameters)))


def _entries(name: str, shape: tuple[int, ...]) -> Any:
    """Names of the entries of a parameter."""
    found = np.empty(shape, dtype=object)
    for at in np.ndindex(shape):
        found[at] = f"{name}[{','.join(map(str, at))}]"
    return found


def _outputs(graph: Graph, layers: Sequence[Layer], place: str, x: Any, parameters: Mapping[str, Any]) -> list[Any]:
    """The output of every layer of a chain; `place` is the prefix of their names."""
    after: list[Any] = []
    for k, layer in enumerate(layers):
        own = _below(parameters, f"{place}{k}.")

        def branch(y: Any, layer: Layer = layer, at: str = f"{place}{k}.branch.") -> Any:
            return _outputs(graph, layer.layers, at, y, parameters)[-1] if isinstance(layer, Residual) else y

        x = apply(GraphDomain(graph), layer, x, own, branch)  # a domain of its own: a layer's names are
        after.append(x)
    return after


def _below(parameters: Mapping[str, Any], place: str) -> dict[str, Any]:
    return {name.removeprefix(place): value for name, value in parameters.items() if name.startswith(place)}

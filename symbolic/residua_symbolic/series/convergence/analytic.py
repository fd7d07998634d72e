"""Functions of one complex variable to be run over any domain: expressions in one variable, networks along a line."""

from collections.abc import Mapping
from typing import Any

from residua_network import Network
from residua_symbolic.domains.named import Array
from residua_symbolic.expressions.evaluation import evaluate_nodes
from residua_symbolic.expressions.graph import Node, below
from residua_symbolic.series.networks.walk import output
from residua_symbolic.weights import Floats


class OfGraph:
    """A node of an expression graph as a function of its one variable."""

    def __init__(self, output: Node, variable: str) -> None:
        self._order, self._output, self._variable = below([output]), output, variable

    def __call__(self, domain: Any, z: Array) -> Array:
        """The value at z, an array of the domain."""
        return evaluate_nodes(self._order, {self._variable: z}, domain)[self._output.index]


class OfNetwork:
    """t ↦ net(at + t · along); `along` an array like `at`, (rows, inputs), or {parameter: array of its shape}."""

    def __init__(self, net: Network, weights: Mapping[str, Floats], at: Floats, along: Any) -> None:
        self._net, self._weights, self._at, self._along = net, weights, at, along
        self._known: dict[str, tuple[Any, dict[str, Any]]] = {}

    def __call__(self, domain: Any, z: Array) -> Array:
        """The outputs at t = z."""
        kind = type(domain).__name__
        if kind not in self._known:
            parameters = {name: domain.numbers(value) for name, value in self._weights.items()}
            self._known[kind] = domain.numbers(self._at), parameters
        at, parameters = self._known[kind]
        if not isinstance(self._along, Mapping):
            return output(self._net, lambda: domain, at + z * domain.numbers(self._along), parameters)
        moved = {name: parameters[name] + z * domain.numbers(value) for name, value in self._along.items()}
        return output(self._net, lambda: domain, at + 0 * z, {**parameters, **moved})

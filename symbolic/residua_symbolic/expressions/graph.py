"""The expression graph: immutable nodes, each there once (hash-consing; Ershov 1958, Filliâtre and Conchon 2006).

A node knows its function and its arguments. Equal nodes of one graph are the same object, so that a subexpression used
a thousand times takes the room of one. Arguments are made before what uses them: the order of `index` is an order in
which everything can be computed, and no walk needs recursion.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

import flint
import numpy as np

from residua_network import ARITY, ResiduaError

NUMBER, VARIABLE = "number", "variable"
SYMMETRIC = frozenset(("add", "mul"))  # the order of their arguments is of no account
PLAIN = frozenset((NUMBER, "neg"))  # arguments of these functions may simplify a sum or product; others never do
INDEX = attrgetter("index")


class GraphError(ResiduaError):
    """An expression that a graph does not hold, or a use of nodes that makes no sense."""


class Node:
    """A function applied to arguments; or a number (`value`: fmpq), or a variable (`value`: its name).

    `+ - * / **` and unary minus make new nodes, with what costs nothing simplified: numbers are folded, neutral
    elements dropped, signs pulled out of products.
    """

    __slots__ = ("arguments", "function", "graph", "index", "value")

    def __init__(
        self, graph: "Graph", index: int, function: str, arguments: tuple["Node", ...], value: Any = None
    ) -> None:
        self.graph, self.index = graph, index
        self.function, self.arguments, self.value = function, arguments, value

    def __repr__(self) -> str:
        shown = self.value if self.value is not None else ", ".join(f"v{a.index}" for a in self.arguments)
        return f"<v{self.index} = {self.function}({shown})>"

    def __add__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else self.graph.add(self, self.graph.node(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else self.graph.sub(self, self.graph.node(other))

    def __rsub__(self, other: int) -> "Node":
        return self.graph.sub(self.graph.node(other), self)

    def __mul__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else self.graph.mul(self, self.graph.node(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else self.graph.div(self, self.graph.node(other))

    def __rtruediv__(self, other: int) -> "Node":
        return self.graph.div(self.graph.node(other), self)

    def __neg__(self) -> "Node":
        return self.graph.neg(self)

    def __pow__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else self.graph.pow(self, self.graph.node(other))


class Graph:
    """Holds the nodes, and gives the same node for the same expression.

    `apply` makes a node exactly as asked (only sums and products know that the order of their arguments is of no
    account); the methods named after the operations simplify as the operators do.
    """

    def __init__(self) -> None:
        self._made: dict[str, dict[Any, Node]] = {function: {} for function in (NUMBER, VARIABLE, *ARITY)}
        self._size = 0
        self.zero = self.number(0)
        self.one = self.number(1)
        self.minus_one = self.number(-1)

    def __len__(self) -> int:
        return self._size

    def number(self, value: Any) -> Node:
        """An exact number; a float is taken at its exact value. Raises GraphError for what is not finite."""
        numbers = self._made[NUMBER]
        if value.__class__ is int and value in numbers:
            return numbers[value]  # fmpq and int have one hash
        try:
            exact = value if isinstance(value, flint.fmpq) else flint.fmpq(*value.as_integer_ratio())
        except (AttributeError, OverflowError, ValueError):
            raise GraphError(f"expected a finite exact number, got {value!r:.40}") from None
        return numbers.get(exact) or self._new(NUMBER, exact, (), exact)

    def variable(self, name: str) -> Node:
        """The variable of this name."""
        return self._made[VARIABLE].get(name) or self._new(VARIABLE, name, (), name)

    def node(self, value: Any) -> Node:
        """A node of this graph as it is, or a number. Raises GraphError for a node of another graph."""
        if not isinstance(value, Node):
            return self.number(value)
        if value.graph is not self:
            raise GraphError(f"expected a node of the same graph, got one of another: {value!r}")
        return value

    def apply(self, function: str, *arguments: Node) -> Node:
        """`function` of the arguments, nothing simplified; sums and products take two or more arguments."""
        symmetric = function in SYMMETRIC
        if len(arguments) != ARITY.get(function) and not (symmetric and len(arguments) > 2):
            raise GraphError(f"expected a function of {len(arguments)} arguments, got {function!r}")
        key = tuple(sorted(arguments, key=INDEX)) if symmetric else arguments
        return self._made[function].get(key) or self._new(function, key, arguments)

    def _one(self, function: str, a: Node) -> Node:
        """`apply` to one argument, unchecked."""
        return self._made[function].get((a,)) or self._new(function, (a,), (a,))

    def _two(self, function: str, a: Node, b: Node) -> Node:
        """`apply` to two arguments, unchecked."""
        key = (b, a) if b.index < a.index and function in SYMMETRIC else (a, b)
        return self._made[function].get(key) or self._new(function, key, (a, b))

    def _new(self, function: str, key: Any, arguments: tuple[Node, ...], value: Any = None) -> Node:
        index = self._size
        self._size = index + 1
        made = self._made[function][key] = Node(self, index, function, arguments, value)
        return made

    def add(self, a: Node, b: Node) -> Node:
        """a + b."""
        if a.function in PLAIN or b.function in PLAIN:
            if a is self.zero:
                return b
            if b is self.zero:
                return a
            if a.function == NUMBER and b.function == NUMBER:
                return self.number(a.value + b.value)
            if b.function == "neg":
                return self.sub(a, b.arguments[0])
            if a.function == "neg":
                return self.sub(b, a.arguments[0])
        return self._two("add", a, b)

    def sub(self, a: Node, b: Node) -> Node:
        """a − b."""
        if a is b:
            return self.zero
        if a.function in PLAIN or b.function in PLAIN:
            if b is self.zero:
                return a
            if a is self.zero:
                return self.neg(b)
            if a.function == NUMBER and b.function == NUMBER:
                return self.number(a.value - b.value)
            if b.function == "neg":
                return self.add(a, b.arguments[0])
        return self._two("sub", a, b)

    def neg(self, a: Node) -> Node:
        """−a."""
        if a.function == NUMBER:
            return self.number(-a.value)
        if a.function == "neg":
            return a.arguments[0]
        return self._one("neg", a)

    def mul(self, a: Node, b: Node) -> Node:
        """a b."""
        if a.function in PLAIN or b.function in PLAIN:
            if a is self.one:
                return b
            if b is self.one:
                return a
            if a is self.zero or b is self.zero:
                return self.zero
            if a is self.minus_one:
                return self.neg(b)
            if b is self.minus_one:
                return self.neg(a)
            if a.function == NUMBER and b.function == NUMBER:
                return self.number(a.value * b.value)
            if a.function == "neg":
                return self.neg(self.mul(a.arguments[0], b))
            if b.function == "neg":
                return self.neg(self.mul(a, b.arguments[0]))
        return self._two("mul", a, b)

    def add_product(self, total: Node | None, a: Node, b: Node) -> Node:
        """total + a b, or a b alone; a sign is taken into the sum, and never made a node of its own."""
        minus = False
        if a.function == "neg":
            a, minus = a.arguments[0], True
        if b.function == "neg":
            b, minus = b.arguments[0], not minus
        elif b is self.minus_one:
            b, minus = self.one, not minus
        product = self.mul(a, b)
        if total is None:
            return self.neg(product) if minus else product
        return self.sub(total, product) if minus else self.add(total, product)

    def div(self, a: Node, b: Node) -> Node:
        """a / b. Raises GraphError for b = 0."""
        if b is self.zero:
            raise GraphError("division by zero")
        if b is self.one:
            return a
        if a is self.zero:
            return a
        if b.function == NUMBER:
            return self.mul(self.number(1 / b.value), a)
        if a.function == "neg":
            return self.neg(self.div(a.arguments[0], b))
        return self.apply("div", a, b)

    def pow(self, a: Node, b: Node) -> Node:
        """a ** b."""
        if b is self.one:
            return a
        if b is self.zero:
            return self.one
        if a.function == NUMBER and b.function == NUMBER and b.value.denominator == 1 and abs(b.value) <= LARGEST_POWER:
            if a is self.zero and b.value < 0:
                raise GraphError("division by zero")
            return self.number(a.value ** int(b.value))
        return self.apply("pow", a, b)

    def function(self, name: str, a: Node) -> Node:
        """An elementary function of a."""
        return self.apply(name, a)


LARGEST_POWER = 64  # of a number that is folded; beyond it the digits would take more room than the node


def below(outputs: Iterable[Node]) -> list[Node]:
    """Every node that the outputs depend on, themselves included, arguments first; linear in their number."""
    found = list(dict.fromkeys(outputs))
    seen = set(found)
    for node in found:  # grows on the way
        for a in node.arguments:
            if a not in seen:
                seen.add(a)
                found.append(a)
    found.sort(key=INDEX)
    return found


def variables(outputs: Iterable[Node]) -> list[str]:
    """The names of the variables that the outputs depend on, in the order in which they were made."""
    return [node.value for node in below(outputs) if node.function == VARIABLE]


def rebuilt(outputs: Sequence[Node], rule: Callable[[Node, tuple[Node, ...]], Node]) -> tuple[Node, ...]:
    """The outputs with every node replaced by `rule(node, its arguments rebuilt)`, each once."""
    new: dict[int, Node] = {}
    for node in below(outputs):
        new[node.index] = rule(node, tuple(new[a.index] for a in node.arguments))
    return tuple(new[output.index] for output in outputs)


def substituted(outputs: Sequence[Node], values: dict[str, Node]) -> tuple[Node, ...]:
    """The outputs with variables replaced by nodes of the same graph."""

    def rule(node: Node, arguments: tuple[Node, ...]) -> Node:
        if node.function == VARIABLE:
            return values.get(node.value, node)
        return node.graph.apply(node.function, *arguments) if arguments else node

    return rebuilt(outputs, rule)


def binary(outputs: Sequence[Node]) -> tuple[Node, ...]:
    """The outputs with every operation of at most two arguments.

    Products with −1 become −a, powers with exponent −1 quotients, sums of a and −b differences: what a program does.
    """

    def rule(node: Node, arguments: tuple[Node, ...]) -> Node:
        graph = node.graph
        if node.function == "mul":
            return _product(graph, arguments)
        if node.function == "add":
            total = arguments[0]
            for a in arguments[1:]:
                total = graph.add(total, a)
            return total
        if node.function == "pow" and arguments[1] is graph.minus_one:
            return graph.div(graph.one, arguments[0])
        return graph.apply(node.function, *arguments) if arguments else node

    return rebuilt(outputs, rule)


def _product(graph: Graph, factors: tuple[Node, ...]) -> Node:
    """Factors multiplied, reciprocals divided by."""
    top, bottom = graph.one, graph.one
    for factor in factors:
        if factor.function == "div" and factor.arguments[0] is graph.one:
            bottom = graph.mul(bottom, factor.arguments[1])
        else:
            top = graph.mul(top, factor)
    return graph.div(top, bottom)

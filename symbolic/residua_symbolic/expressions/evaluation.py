"""Graphs evaluated over any kind of number: each node once, in the domain's own arithmetic."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Protocol

from residua_network import ResiduaError
from residua_symbolic.expressions.graph import NUMBER, VARIABLE, Node, below, variables

POINTS = 3
POINTS_WITH_ROOTS = 40


class Numbers(Protocol):
    """What a domain has to offer besides `+ - * /` and whole powers of its numbers."""

    def number(self, value: Any) -> Any:
        """A rational number in this domain."""

    def function(self, name: str, x: Any) -> Any:
        """An elementary function by name; "pi" and "e" of anything."""

    def power(self, x: Any, exponent: Any) -> Any:
        """x to a power that is not whole."""


class PointError(ResiduaError):
    """A point at which a function or its derivative does not exist; `node` is where."""

    def __init__(self, message: str, node: Node | None = None) -> None:
        super().__init__(message)
        self.node = node


def evaluate(outputs: Sequence[Node], values: Mapping[str, Any], domain: Numbers) -> list[Any]:
    """The values of the outputs, given those of the variables.

    Raises PointError, with the node, where the domain refuses an operation; ResiduaError for a variable without value.
    """
    found = evaluate_nodes(below(outputs), values, domain)
    return [found[output.index] for output in outputs]


def evaluate_nodes(order: Sequence[Node], values: Mapping[str, Any], domain: Numbers) -> dict[int, Any]:
    """The value of every node by its index; `order` as `below` gives it."""
    found: dict[int, Any] = {}
    for node in order:
        if node.function == VARIABLE:
            if node.value not in values:
                raise ResiduaError(f"expected a value for {node.value!r}, got values for: {_names(values)}")
            found[node.index] = values[node.value]
            continue
        try:
            found[node.index] = _value(node, [found[a.index] for a in node.arguments], domain)
        except (ArithmeticError, ValueError, TypeError) as error:
            if isinstance(error, ResiduaError):
                raise
            arguments = ", ".join(str(found[a.index]) for a in node.arguments)
            raise PointError(f"{node.function}({arguments}) {_why(error)}", node) from error
    return found


def _why(error: Exception) -> str:
    """In words; Python's own for what a function does not take say no more than that."""
    if isinstance(error, OverflowError):
        return "is beyond the largest number of this kind"
    return "does not exist" if str(error) == "math domain error" else f"does not exist: {error}"


def _names(values: Mapping[str, Any]) -> str:
    return ", ".join(values) or "none"


def _value(node: Node, a: Sequence[Any], domain: Numbers) -> Any:
    f = node.function
    if f == NUMBER:
        return domain.number(Fraction(int(node.value.numerator), int(node.value.denominator)))
    if f == "mul":
        return _folded(a, lambda x, y: x * y)
    if f == "add":
        return _folded(a, lambda x, y: x + y)
    if f == "sub":
        return a[0] - a[1]
    if f == "neg":
        return -a[0]
    if f == "div":
        return a[0] / a[1]
    if f == "pow":
        exponent = node.arguments[1]
        whole = exponent.function == NUMBER and exponent.value.denominator == 1
        return a[0] ** int(exponent.value.numerator) if whole else domain.power(a[0], a[1])
    return domain.function(f, a[0] if a else domain.number(1))


def _folded(a: Sequence[Any], operation: Any) -> Any:
    total = a[0]
    for x in a[1:]:
        total = operation(total, x)
    return total


def vanishes(node: Node) -> bool:
    """Whether the node is zero whatever its variables, at random points of prime fields (Schwartz–Zippel).

    Elementary functions count as free of each other, but for √ (see ResidueDomain): an identity that rests on another
    relation is not seen. A node that is not zero passes with a probability of about degree / 2^61 a point, or 1/2 where
    it is zero for one sign of a root; there are as many points as make either negligible. Raises UndecidedError.
    """
    from residua_symbolic.domains.residues import ResidueDomain

    names = variables([node])
    for seed in range(POINTS_WITH_ROOTS):
        domain = ResidueDomain(seed)
        (value,) = domain.at_random_point([node], names)
        if value != 0:
            return False
        if seed + 1 == POINTS and not domain.roots:
            break
    return True

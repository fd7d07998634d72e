import gc
import itertools
import operator
import weakref
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest

from residua_network import ARITY
from residua_symbolic.domains.rationals import RationalDomain
from residua_symbolic.expressions.calculus import derivative, gradient
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.graph import (
    LARGEST_POWER,
    Graph,
    GraphError,
    Node,
    below,
    binary,
    rebuilt,
    substituted,
    variables,
)

DEEP = 5000


def chain(g: Graph, function: str, depth: int) -> tuple[Node, Node]:
    x = y = g.variable("x")
    for _ in range(depth):
        y = g.function(function, y)
    return x, y


def test_equal_expressions_are_one_node() -> None:
    g = Graph()
    x, y = g.variable("x"), g.variable("y")
    assert g.variable("x") is x
    assert g.apply("sin", x * y + 1) is g.apply("sin", 1 + y * x)
    assert x - y is not y - x
    assert x / y is not y / x
    assert g.pow(x, y) is not g.pow(y, x)
    assert g.apply("sin", x) is not g.apply("cos", x)


def test_the_order_of_a_sum_or_product_is_of_no_account_and_stays_as_first_written() -> None:
    g = Graph()
    names = [g.variable(name) for name in "xyz"]
    for function in ("add", "mul"):
        first = g.apply(function, *names)
        assert all(g.apply(function, *order) is first for order in itertools.permutations(names))
        assert first.arguments == tuple(names)
        assert g.apply(function, *names, names[0]) is not first


def test_equal_numbers_of_all_types_are_one_node() -> None:
    g = Graph()
    assert len({g.number(v) for v in (2, 2.0, Fraction(2), Fraction(4, 2), flint.fmpq(2), np.float64(2))}) == 1
    assert len({g.number(v) for v in (0.5, Fraction(1, 2), flint.fmpq(1, 2))}) == 1
    assert g.number(0.1) is not g.number(Fraction(1, 10))
    assert g.number(0.1).value == flint.fmpq(*(0.1).as_integer_ratio())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", None, 1j, [1]], ids=repr)
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(GraphError, match="expected a finite exact number, got"):
        Graph().number(value)


@pytest.mark.parametrize(
    ("function", "count"), [("sin", 2), ("sin", 0), ("add", 1), ("mul", 0), ("sub", 3), ("pi", 1), ("sinc", 1)]
)
def test_what_is_no_function_of_so_many_arguments_is_refused(function: str, count: int) -> None:
    g = Graph()
    before = len(g)
    with pytest.raises(GraphError, match=f"expected a function of {count} arguments, got '{function}'"):
        g.apply(function, *[g.zero] * count)
    assert len(g) == before


def test_nodes_of_two_graphs_do_not_meet() -> None:
    x, y = Graph().variable("x"), Graph().variable("y")
    for meet in (operator.add, operator.mul, operator.sub, operator.truediv, operator.pow):
        with pytest.raises(GraphError, match="of the same graph, got one of another"):
            meet(x, y)


def test_a_node_is_a_leaf_of_numpy() -> None:
    g = Graph()
    x = g.variable("x")
    assert (x * np.array([2, 3], dtype=object)).tolist() == [2 * x, 3 * x]
    assert not hasattr(x, "__dict__")


def test_what_costs_nothing_is_simplified() -> None:
    g = Graph()
    x, y = g.variable("x"), g.variable("y")
    assert x + 0 is x
    assert x * 1 is x
    assert x * 0 is g.zero
    assert x - x is g.zero
    assert g.neg(-x) is x
    assert x + (-y) is x - y
    assert (-x) * (-y) is x * y
    assert (-x) * y is -(x * y)
    assert (-x) / y is -(x / y)
    assert 0 - x is -x
    assert x * -1 is -x
    assert x / 4 is g.number(0.25) * x
    assert 0 / x is g.zero
    assert x**1 is x
    assert x**0 is g.one
    assert (g.number(3) / 4 - 1) * 4 + 2 is g.one
    assert g.number(2) ** -3 is g.number(0.125)
    assert (g.number(2) ** (LARGEST_POWER + 1)).function == "pow"
    for divide, a, b in ((operator.truediv, x, 0), (operator.pow, g.zero, -1)):
        with pytest.raises(GraphError, match="division by zero"):
            divide(a, b)


def test_simplified_operations_have_the_value_of_what_was_asked() -> None:
    g = Graph()
    x, y = g.variable("x"), g.variable("y")
    leaves = [g.zero, g.one, g.minus_one, g.number(Fraction(2, 3)), x, y, -x, -y, x - y, x * y]
    at = {"x": flint.fmpq(5, 7), "y": flint.fmpq(-11, 3)}
    for a, b in itertools.product(leaves, repeat=2):
        for function, simple in (("add", g.add), ("sub", g.sub), ("mul", g.mul), ("div", g.div)):
            if function != "div" or b is not g.zero:
                asked, given = evaluate([g.apply(function, a, b), simple(a, b)], at, RationalDomain())
                assert asked == given
        for total in (None, *leaves):
            product = g.apply("mul", a, b)
            asked, given = evaluate(
                [product if total is None else g.apply("add", total, product), g.add_product(total, a, b)],
                at,
                RationalDomain(),
            )
            assert asked == given


def test_apply_simplifies_nothing() -> None:
    g = Graph()
    x = g.variable("x")
    for function in ("add", "sub", "mul", "div", "pow"):
        for other in (g.zero, g.one, x, g.number(3)):
            made = g.apply(function, x, other)
            assert (made.function, made.arguments) in ((function, (x, other)), (function, (other, x)))


def test_below_has_every_node_once_and_arguments_first() -> None:
    g = Graph()
    x, y = g.variable("x"), g.variable("y")
    unrelated = g.function("sin", y)
    a = g.function("exp", x * x + x)
    order = below([a, x * x, a])
    assert len(order) == len(set(order)) == 4
    assert unrelated not in order
    place = {node: k for k, node in enumerate(order)}
    assert all(place[argument] < place[node] for node in order for argument in node.arguments)
    assert variables([y * x]) == ["x", "y"]


def test_substitution_and_rebuilding() -> None:
    g = Graph()
    x, y = g.variable("x"), g.variable("y")
    (found,) = substituted([g.function("sin", x * y + x)], {"x": y})
    assert found is g.function("sin", y * y + y)
    (same,) = rebuilt([x * y + x], lambda node, arguments: g.apply(node.function, *arguments) if arguments else node)
    assert same is x * y + x


def test_binary_has_at_most_two_arguments_and_the_same_value() -> None:
    g = Graph()
    x, y, z = (g.variable(name) for name in "xyz")
    reciprocal = g.apply("pow", y, g.minus_one)
    before = g.apply("add", g.apply("mul", g.minus_one, x, reciprocal), g.apply("mul", x, y, z), g.apply("mul", x, z))
    (after,) = binary([before])
    assert max(len(node.arguments) for node in below([after])) == 2
    assert {node.function for node in below([after])} <= {*ARITY, "number", "variable"}
    at = {"x": flint.fmpq(2, 3), "y": flint.fmpq(-5), "z": flint.fmpq(7, 2)}
    assert evaluate([before], at, RationalDomain()) == evaluate([after], at, RationalDomain())


def logistic(g: Graph, n: int) -> tuple[Node, Node]:
    x = y = g.variable("x")
    for _ in range(n - 1):
        y = 4 * y * (1 - y)
    return x, y


@pytest.mark.parametrize("n", [3, 4, 10, 60, 300])
def test_the_graph_of_the_logistic_map_and_that_of_its_derivative_grow_linearly(n: int) -> None:
    """A level: 4 l, 1 − l, their product; and for the slope 4 l', (1 − l) 4 l', l' 4 l, their difference."""
    g = Graph()
    x, y = logistic(g, n)
    assert len(below([y])) == 3 * n
    assert len(below([derivative(y, x)])) == 7 * (n - 1)
    assert len(below(gradient(y, [x]))) == 7 * (n - 1)


def test_what_is_deep_needs_no_recursion() -> None:
    g = Graph()
    x, y = chain(g, "sin", DEEP)
    assert len(below([y])) == DEEP + 1
    slope = derivative(y, x)
    assert evaluate([slope], {"x": 0.0}, _Ones())[0] == 1
    assert len(gradient(y, [x])) == 1
    assert substituted([y], {"x": x})[0] is y


class _Ones:
    """Every function is 1."""

    def number(self, value: Any) -> int:
        return int(value)

    def function(self, name: str, x: Any) -> int:
        return 1

    def power(self, x: Any, exponent: Any) -> int:
        return 1


def test_a_deep_graph_is_freed() -> None:
    g = Graph()
    _, y = chain(g, "sin", DEEP)
    gone = weakref.ref(g)
    assert gone() is g
    del g, y, _
    gc.collect()
    assert gone() is None

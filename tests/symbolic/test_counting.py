"""Counts without the tree against SymPy's own, on random expressions of every kind that residua reads."""

import random

import pytest
import sympy as sp

from residua_symbolic.counting import (
    Characters,
    Order,
    characters,
    cse_operations,
    different,
    graph_nodes,
    operations,
    tree_nodes,
)
from residua_symbolic.functions import relu, sigmoid, softplus

SYMBOLS = sp.symbols("x y w_1", real=True)
FUNCTIONS = (sp.exp, sp.sin, sp.tanh, sp.log, sp.atan, sp.erf, sp.Abs, sigmoid, relu, softplus)
EXPONENTS = (-1, 2, -2, sp.Rational(1, 2), -sp.Rational(1, 2), sp.Rational(3, 2), -SYMBOLS[1], SYMBOLS[1])
UNFIT = (sp.zoo, sp.nan, sp.oo, sp.I, sp.AccumBounds)


def random_expression(rng: random.Random, depth: int) -> sp.Expr:
    if depth == 0:
        whole = sp.Integer(rng.randint(-4, 5))
        return rng.choice([*SYMBOLS, whole, sp.Rational(rng.randint(-5, 5), rng.randint(1, 5)), sp.pi, sp.E])
    kind = rng.randint(0, 9)
    if kind < 6:
        parts = [random_expression(rng, depth - 1) for _ in range(rng.randint(2, 4))]
        return sp.Add(*parts) if kind < 3 else sp.Mul(*parts)
    part = random_expression(rng, depth - 1)
    return part ** rng.choice(EXPONENTS) if kind < 8 else rng.choice(FUNCTIONS)(part)


def corpus(count: int) -> list[sp.Expr]:
    rng = random.Random(5)
    found: list[sp.Expr] = []
    while len(found) < count:
        e = random_expression(rng, rng.randint(1, 4))
        if isinstance(e, sp.Expr) and not e.has(*UNFIT):
            found.append(e)
    return found


CORPUS = corpus(400)


def test_the_corpus_is_varied() -> None:
    assert len(set(CORPUS)) > 300
    assert max(map(tree_nodes, CORPUS)) > 60


def test_nodes_are_those_of_the_tree() -> None:
    for e in CORPUS:
        visited = list(sp.preorder_traversal(e))
        assert tree_nodes(e) == len(visited), e
        assert graph_nodes(e) == len(set(visited)), e


def test_arguments_come_first_and_once() -> None:
    for e in CORPUS[:50]:
        order = different(e)
        assert order[-1] == e
        for k, node in enumerate(order):
            assert all(a in order[:k] for a in node.args)
            assert node not in order[:k]


def test_operations_are_those_of_count_ops() -> None:
    for e in CORPUS:
        assert operations(e) == sp.count_ops(e), e


def test_characters_are_those_of_the_text() -> None:
    for e in CORPUS:
        assert characters(e) == len(str(e)), e


def test_terms_come_in_sympy_s_order() -> None:
    order = Order()
    sums = [e for e in CORPUS if e.is_Add]
    assert len(sums) > 50
    for e in sums:
        assert order.terms(e) == e.as_ordered_terms(), e


def test_a_positive_number_before_a_negative_term() -> None:
    x = SYMBOLS[0]
    for e in (1 - 2 * x, -1 - 2 * x, 1 + 2 * x, sp.pi - 2 * x, 1 - 2 * x * SYMBOLS[1], 1 - x):
        assert Order().terms(e) == e.as_ordered_terms(), e
        assert characters(e) == len(str(e)), e


def test_operations_after_cse() -> None:
    for e in [*CORPUS, *(sp.factor(sp.expand(e)) for e in CORPUS[:100] if e.is_Add)]:
        parts, rest = sp.cse(e)
        assert cse_operations(e) == sum(sp.count_ops(p) for _, p in parts) + sum(map(sp.count_ops, rest)), e


@pytest.mark.parametrize("depth", [5, 200])
def test_a_tree_that_fits_nowhere(depth: int) -> None:
    """y <- (1 + y)(2 + y): the tree more than doubles, the graph grows by three nodes (one at first brings 1 and 2)."""
    y = SYMBOLS[0]
    for _ in range(depth):
        y = sp.Mul(1 + y, 2 + y, evaluate=False)
    size = 1
    for _ in range(depth):
        size = 2 * size + 5
    if depth == 5:
        assert size == sum(1 for _ in sp.preorder_traversal(y))
    assert tree_nodes(y) == size
    assert operations(y) == 3 * (2**depth - 1)
    assert graph_nodes(y) == 3 * depth + 3


def test_one_counter_serves_many_expressions() -> None:
    count = Characters()
    assert [count(e) for e in CORPUS] == [len(str(e)) for e in CORPUS]

"""Inductions over levels: what they prove is so far beyond, and nothing is proved where the levels differ."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import sympy as sp

from residua_network import Operation, Program
from residua_symbolic import swell_induction
from residua_symbolic.derivation import ProofError
from residua_symbolic.expressions.calculus import derivative, gradient
from residua_symbolic.expressions.conversion import from_program
from residua_symbolic.expressions.given import given
from residua_symbolic.expressions.graph import Graph, Node
from residua_symbolic.growth import N, law_of
from residua_symbolic.swell import swell
from residua_symbolic.swell_derivation import derive_laws
from residua_symbolic.swell_induction import LEVELS, induction
from residua_symbolic.swell_sizes import program_operations

X = sp.Symbol("x", real=True)
LOGISTIC = 4 * X * (1 - X)
COUNTS = {"tree_nodes", "operations", "graph_nodes", "cse_operations", "forward_operations", "reverse_operations"}


@pytest.mark.parametrize(
    "f", [LOGISTIC, sp.tanh(X), X**2 + 1, sp.exp(X), X**X, sp.log(1 + X**2) / (2 + sp.sin(X))], ids=str
)
def test_linear_counts_are_those_of_a_level_far_beyond(f: sp.Expr) -> None:
    program, n = given(f).program, 3 * LEVELS
    found = induction(program, "x")
    assert set(found.orders) == COUNTS
    graph = Graph()
    y = x = graph.variable("x")
    for _ in range(n - 1):
        (y,) = from_program(graph, program, {"x": y})
    for name, d in (("forward_operations", [derivative(y, x)]), ("reverse_operations", gradient(y, [x]))):
        value, slope = found.counts[name]
        assert program_operations([y, *d]) == value + (n - LEVELS) * slope


@pytest.mark.parametrize("f", [X / 3, -X, X**2 / 3 - X], ids=str)
def test_numbers_that_are_folded_prove_nothing(f: sp.Expr) -> None:
    """The slope of x/3 is a power of 1/3, another constant at every level."""
    found = induction(given(f).program, "x")
    assert bool(found.orders) == (f == X**2 / 3 - X)


@pytest.mark.parametrize("at", [LEVELS - 1, LEVELS // 2, LEVELS])
def test_a_level_of_its_own_is_noticed(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that does one thing more at one level only."""
    calls = [0]
    odd = Program(("x",), (Operation("a", "sin", ("x",)), Operation("b", "tanh", ("a",))), ("b",))

    def other(graph: Graph, program: Program, values: Any) -> tuple[Node, ...]:
        calls[0] += 1
        return from_program(graph, odd if calls[0] == at else program, values)

    monkeypatch.setattr(swell_induction, "from_program", other)
    assert induction(given(sp.tanh(X)).program, "x").orders == {}


def test_a_count_that_takes_other_nodes_at_other_lengths_is_not_linear() -> None:
    graph, program = Graph(), given(LOGISTIC).program
    chain = [graph.variable("x")]
    for _ in range(LEVELS):
        chain += from_program(graph, program, {"x": chain[-1]})
    runs = [swell_induction._forward(chain[:n], 1) for n in (LEVELS, LEVELS + 1)]
    found = swell_induction.Induction({}, {})
    ends = [[chain[-2]], [chain[-1], derivative(chain[-1], chain[0])]]
    swell_induction._count("value or both", runs, ends, True, found)
    assert found.counts == {}
    swell_induction._count("value", runs, [[y] for y in chain[-2:]], True, found)
    assert found.counts == {"value": (3 * LEVELS - 3, 3)}


def test_a_law_that_misses_a_count_is_not_proved() -> None:
    found = induction(given(LOGISTIC).program, "x")
    rows = swell(LOGISTIC, iterate=40, form="graph")
    for name in COUNTS:
        values = [getattr(row, name) for row in rows]
        law = law_of(values)
        assert law is not None
        assert found.proves(name, law)
        assert not found.proves("characters", law)
        assert not found.proves(name, replace(law, last=LEVELS + 1))  # verified nowhere where the levels are alike
    law = law_of([7 * n for n in range(1, 41)])
    assert law is not None
    assert not found.proves("forward_operations", law)  # 7 n - 9


def test_derivations_hold_and_wrong_ones_do_not() -> None:
    derivation = derive_laws("tanh chain", sp.tanh(X))
    derivation.check()
    assert len(derivation.steps) == len(COUNTS)
    for step in derivation.steps:
        for wrong in (step.right + 1, step.right + N, 2 * step.right):
            for proof in step.proofs:
                with pytest.raises(ProofError):
                    replace(step, right=wrong, proofs=(proof,)).check()


def test_higher_orders_are_proved_forward_only() -> None:
    found = induction(given(LOGISTIC).program, "x", order=2)
    assert set(found.orders) == COUNTS - {"reverse_operations"}
    rows: Sequence[Any] = swell(LOGISTIC, iterate=70, form="graph", order=2).rows
    assert rows[-1].by_law
    assert rows[-1].reverse_operations is None

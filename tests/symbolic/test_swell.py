"""Swell against SymPy itself where the tree fits, and against recurrences of another kind where it does not."""

import json
import time
from typing import Any

import pytest
import sympy as sp

from residua_network import Activation, Linear, Network, ResiduaError
from residua_symbolic import swell_limits, swell_sizes
from residua_symbolic.counting import Characters
from residua_symbolic.differentiated import Derivatives
from residua_symbolic.expressions.calculus import derivative
from residua_symbolic.expressions.conversion import from_program, from_sympy
from residua_symbolic.expressions.evaluation import vanishes
from residua_symbolic.expressions.given import given
from residua_symbolic.expressions.graph import Graph
from residua_symbolic.functions import sigmoid
from residua_symbolic.swell import COUNTED, FORMS, shown, swell
from residua_symbolic.swell_limits import composed
from residua_symbolic.swell_networks import DEPTHS, network_laws, plain_network
from residua_symbolic.swell_sizes import COUNTS, Size, Sizes, program_operations

X = sp.Symbol("x", real=True)
LOGISTIC = 4 * X * (1 - X)
MAPS = (
    LOGISTIC,
    sp.tanh(X),
    sigmoid(X),
    1 / (1 + sp.exp(-X)),
    X * sp.sin(X),
    X**2 - sp.Rational(3, 4),
    sp.sqrt(1 + X**2),
)


def by_sympy(d: sp.Expr) -> tuple[int, ...]:
    """What SymPy itself says."""
    visited = list(sp.preorder_traversal(d))
    parts, rest = sp.cse(d)
    cse = sum(sp.count_ops(p) for _, p in parts) + sum(map(sp.count_ops, rest))
    return len(visited), len(set(visited)), int(sp.count_ops(d)), len(str(d)), int(cse)


def counts(size: Size) -> tuple[int | None, ...]:
    return size.tree_nodes, size.graph_nodes, size.operations, size.characters, size.cse_operations


@pytest.mark.parametrize("f", MAPS, ids=str)
def test_raw_counts_are_sympy_s_own(f: sp.Expr) -> None:
    level = X
    for size in swell(f, iterate=5):
        assert counts(size) == by_sympy(sp.diff(level, X))
        level = f.subs(X, level)


def test_the_contract() -> None:
    rows = swell("4*x*(1-x)", iterate=9)
    assert [row.n for row in rows] == list(range(1, 10))
    assert rows[8].tree_nodes == sum(1 for _ in sp.preorder_traversal(_logistic_derivative(9)))
    assert rows.rows == swell(LOGISTIC, iterate=9).rows


def _logistic_derivative(n: int) -> sp.Expr:
    level = X
    for _ in range(n - 1):
        level = LOGISTIC.subs(X, level)
    return sp.diff(level, X)


@pytest.mark.parametrize("f", [*MAPS, sp.log(1 + X**4) ** X, sp.Abs(X * sp.cos(X)) + sp.atan(X)], ids=str)
def test_the_derivative_is_the_one_of_sympy(f: sp.Expr) -> None:
    twice = f.xreplace({X: f})
    derivatives = Derivatives(X)
    assert derivatives(twice) == sp.diff(twice, X)
    assert derivatives(derivatives(f)) == sp.diff(sp.diff(f, X), X)


def test_higher_orders_are_derivatives_of_derivatives() -> None:
    d = sp.exp(sp.sin(X))
    for size in swell(d, order=4):
        d = sp.diff(d, X)
        assert counts(size) == by_sympy(d)


@pytest.mark.parametrize(("form", "rewrite"), [("expanded", sp.expand), ("simplified", sp.factor)])
def test_other_forms_of_sympy(form: str, rewrite: object) -> None:
    for size in swell(LOGISTIC, iterate=5, form=form):
        assert counts(size) == by_sympy(rewrite(_logistic_derivative(size.n)))  # type: ignore[operator]


def test_the_graph_form_is_the_graph_unfolded() -> None:
    """f = 4 x (1 − x) as written: T <- 2 T + 4; d = (4 (1 − l) − 4 l) d' over the previous level."""
    for size in swell("4*x*(1-x)", iterate=12, form="graph").rows[1:]:
        assert size.tree_nodes == 3 * size.n * 2**size.n - 4 * 2**size.n + 1
        assert size.cse_operations is not None
        assert size.forward_operations is not None
        assert size.cse_operations <= size.forward_operations


def test_operations_of_the_two_modes_are_those_of_their_programs() -> None:
    graph = Graph()
    y = from_sympy(graph, sp.exp(X) * sp.sin(X))
    d = derivative(y, graph.variable("x"))
    assert program_operations([y]) == 3
    assert program_operations([y, d]) == 3 + 1 + 1 + 1  # cos, two products of which one is y itself, a sum
    row = swell("exp(x)*sin(x)")[0]
    assert row.forward_operations == program_operations([y, d])
    (row,) = swell("sin(x) + x**2")  # value: sin, square, sum; derivative: cos, 2 x, sum
    assert (row.forward_operations, row.reverse_operations) == (6, 6)


def test_level_sixty_is_counted_and_follows_the_recurrence_of_its_own_first_levels() -> None:
    """The roots 2, 2, 2, 1 of the tree's law were read off levels up to 12; here at 60, counted one by one."""
    rows = swell(LOGISTIC, iterate=60)
    trees = [row.tree_nodes or 0 for row in rows]
    assert rows[59].by_law == ()
    for n in range(7, 60):
        a, b, c, d = (trees[n - k] for k in range(1, 5))
        assert trees[n] == 7 * a - 18 * b + 20 * c - 8 * d  # (z − 2)³ (z − 1)
    assert rows[59].operations == (5 * 60**2 + 5 * 60 - 18) * 2**60 // 16
    assert rows[59].tree_nodes == (5 * 60**2 + 5 * 60 - 18) * 2**60 // 8 + 2


def test_beyond_what_is_counted_laws_say_so() -> None:
    found = swell(LOGISTIC, iterate=2000)
    assert len(found) == 2000
    assert found[COUNTED - 1].by_law == ()
    last = found[1999]
    assert "tree_nodes" in last.by_law
    assert last.characters is None  # digits obey no recurrence
    assert last.cse_operations is None  # its law was verified up to level 20 only
    assert last.tree_nodes == (5 * 2000**2 + 5 * 2000 - 18) * 2**2000 // 8 + 2
    assert last.forward_operations == 7 * 2000 - 9
    assert "verified exactly for n = " in found.text()
    graph = Graph()
    y = x = graph.variable("x")
    for _ in range(1999):
        y = graph.mul(graph.mul(graph.number(4), y), graph.sub(graph.one, y))
    assert program_operations([y, derivative(y, x)]) == last.forward_operations


LONG = 10**4400  # Python prints no integer of more than 4300 digits


@pytest.mark.parametrize(("text", "iterate", "first"), [("x^2/3", 20, 16), ("2*x^2", 40, 17), ("x^64*3", 5, 5)])
def test_numbers_that_square_themselves_stop_sympy_only(text: str, iterate: int, first: int) -> None:
    found = swell(text, iterate=iterate)
    assert [row.n for row in found] == list(range(1, iterate + 1))
    assert found[-1].forward_operations is not None
    assert [row.n for row in found if row.characters is None][:1] == [first]
    assert "coefficients of more than 65536 bits" in found.text()
    assert found.to_dict()["words"] == found._words()


def test_characters_of_numbers_that_python_does_not_print() -> None:
    counter = Characters()
    assert counter(sp.Integer(LONG) * X) == 4401 + 2
    assert counter(-sp.Rational(LONG + 1, 7) * X + 1) == 4401 + len("1 - *x/7")


def test_rows_before_the_stop_are_those_of_sympy() -> None:
    level = X
    for size in swell("x^64*3", iterate=4):
        assert (size.tree_nodes, size.operations) == (by_sympy(sp.diff(level, X))[0], by_sympy(sp.diff(level, X))[2])
        level = 3 * level**64


@pytest.mark.parametrize("arguments", [{"iterate": 60}, {"order": 40}, {"order": 40, "form": "graph"}])
def test_nothing_takes_longer_than_anyone_waits(arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swell_limits, "SECONDS", 1.0)
    monkeypatch.setattr(swell_sizes, "LARGEST_GRAPH", 20_000)
    begin = time.process_time()
    found = swell("x^x", **arguments)
    assert time.process_time() - begin < 8
    assert "is not computed: it would" in found.text()
    assert len(found) == max(arguments.get("iterate", 0), arguments.get("order", 0))


def test_composition_is_substitution() -> None:
    for f in MAPS:
        assert composed(f, X, f) == f.xreplace({X: f})
    assert composed(sp.Integer(3), X, X**2) == 3


@pytest.mark.parametrize("arguments", [{}, {"iterate": 3}, {"variable": "y"}])
def test_a_constant_has_the_derivative_zero(arguments: dict[str, Any]) -> None:
    rows = swell("3", **arguments)
    assert counts(rows[-1]) == (1, 1, 0, 1, 0)
    assert rows[-1].forward_operations == 0


@pytest.mark.parametrize(
    ("text", "iterate"), [("x*exp(y/100)", 110), ("exp(y/70)*sin(x)", 72), ("x^2/3", 70), ("2*y*sin(x)", 70)]
)
def test_laws_of_forms_with_numbers_that_change_are_not_continued(text: str, iterate: int) -> None:
    """100*y/100 is y: at level 101 the law of the tree would say 4, and there are 2 nodes."""
    last = swell(text, iterate=iterate, variable="x")[-1]
    assert (last.tree_nodes, last.graph_nodes, last.operations) == (None, None, None)
    assert not set(last.by_law) - {"forward_operations", "reverse_operations"}


@pytest.mark.parametrize(
    ("f", "form"),
    [
        (LOGISTIC, "graph"),
        (sp.tanh(X), "graph"),
        (sigmoid(X), "graph"),
        (1 / (1 + sp.exp(-X)), "graph"),
        (sp.tanh(X), "raw"),
    ],
    ids=str,
)
def test_laws_of_programs_are_proved_and_hold_where_they_are_counted(f: sp.Expr, form: str) -> None:
    found = swell(f, iterate=90, form=form)
    names = ["forward_operations", "reverse_operations"]
    names += ["tree_nodes", "graph_nodes", "operations", "cse_operations"] if form == "graph" else []
    assert all(found.laws[name].proved for name in names)
    assert not any(law.proved for name, law in found.laws.items() if name not in names)
    assert "proved by induction" in found.text()
    graph = Graph()
    y = graph.variable("x")
    for _ in range(89):
        (y,) = from_program(graph, given(f).program, {"x": y})
    sizes = Sizes("x", form).of(90, lambda: X, y)
    assert all(getattr(sizes, name) == getattr(found[89], name) for name in names)


def test_laws_are_proved_where_all_rows_are_counted_too() -> None:
    laws = swell("tanh(x)", iterate=30).laws
    assert laws["forward_operations"].proved
    assert laws["reverse_operations"].proved
    assert not laws["tree_nodes"].proved


def test_a_linear_map_does_not_swell() -> None:
    rows = swell(X + 1, iterate=100)
    assert {(row.tree_nodes, row.operations, row.graph_nodes) for row in rows} == {(1, 0, 1)}


def test_results_print_in_every_format() -> None:
    found = swell(LOGISTIC, iterate=100)
    for text in (found.text(), found.markdown(), found.latex()):
        assert "digits)" in text
        assert "–" in text
        assert "Laws" in text or "proved by induction" in text
    data = json.loads(json.dumps(found.to_dict()))
    assert data["rows"][59]["tree_nodes"] == found[59].tree_nodes
    assert set(data["rows"][0]) >= {"n", *COUNTS}
    assert r"\toprule" in found.latex()


def test_long_numbers_are_shortened() -> None:
    assert shown(10**25 - 1) == 10**25 - 1
    assert shown(12345678901234567890123456) == "123456…123456 (26 digits)"
    assert str(shown(10**5000)).endswith("000000 (5001 digits)")
    assert shown(None) == "–"


@pytest.mark.parametrize("form", ["raw", "graph"])
def test_network_laws_hold_at_a_size_that_they_were_not_made_from(form: str) -> None:
    laws = network_laws(form)
    assert {
        "tree_nodes",
        "graph_nodes",
        "operations",
        "cse_operations",
        "forward_operations",
        "reverse_operations",
    } <= set(laws)
    depth, width = DEPTHS[-1] + 1, 4
    row = swell(plain_network(depth, width), form=form)[-1]
    for name, law in laws.items():
        if getattr(row, name) is not None:
            assert law.at(depth, width) == getattr(row, name), name


def test_a_network_s_derivative_is_that_of_its_expression() -> None:
    net = Network((Linear(2, 2), Activation("tanh"), Linear(2, 1)))
    a, b = sp.symbols("a b", real=True)
    w = sp.symbols("w:9", real=True)
    h = [sp.tanh(w[3 * k] * a + w[3 * k + 1] * b + w[3 * k + 2]) for k in range(2)]
    y = w[6] * h[0] + w[7] * h[1] + w[8]
    size = swell(net)[-1]
    d = sp.diff(y, a)
    assert (size.tree_nodes, size.graph_nodes, size.operations) == (by_sympy(d)[0], by_sympy(d)[1], by_sympy(d)[2])
    by_weight = swell(net, variable="0.weight[0,0]")[-1]
    assert by_weight.tree_nodes == by_sympy(sp.diff(y, w[0]))[0]


def test_the_difference_of_two_routes_vanishes() -> None:
    """SymPy's derivative and the graph's are the same function."""
    graph = Graph()
    y = from_sympy(graph, LOGISTIC.xreplace({X: LOGISTIC}))
    theirs = from_sympy(graph, Derivatives(X)(LOGISTIC.xreplace({X: LOGISTIC})))
    assert vanishes(theirs - derivative(y, graph.variable("x")))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"expression": LOGISTIC, "iterate": 0}, "iterate: expected a whole number from 1"),
        ({"expression": LOGISTIC, "iterate": -3}, "iterate"),
        ({"expression": LOGISTIC, "iterate": 10**9}, "iterate"),
        ({"expression": LOGISTIC, "iterate": 2.0}, "iterate"),
        ({"expression": LOGISTIC, "order": 0}, "order"),
        ({"expression": LOGISTIC, "form": "nice"}, "form"),
        ({"expression": LOGISTIC, "variable": "y"}, "variable"),
        ({"expression": X * sp.Symbol("y")}, "one of: x, y"),
        ({"expression": 3}, "expected text or a SymPy expression"),
        ({"expression": Network((Linear(2, 1),)), "iterate": 3}, "not iterated"),
        ({"expression": Network((Linear(2, 1),)), "variable": "x3"}, "variable"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(ResiduaError, match=words):
        swell(**arguments)  # type: ignore[arg-type]


def test_every_form_is_named() -> None:
    for form in FORMS:
        assert swell(LOGISTIC, iterate=2, form=form).form == form

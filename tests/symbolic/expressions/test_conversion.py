from fractions import Fraction

import flint
import pytest
import sympy as sp

from oracles.expressions import SYMBOLS, X, Y, expression, rational
from residua_network import Operation, Program
from residua_symbolic.domains.machine import MachineDomain
from residua_symbolic.domains.rationals import RationalDomain
from residua_symbolic.expressions.conversion import (
    CONSTANTS,
    FUNCTIONS,
    from_program,
    from_sympy,
    to_program,
    to_sympy,
)
from residua_symbolic.expressions.evaluation import evaluate, vanishes
from residua_symbolic.expressions.graph import Graph, GraphError, below

SEEDS = range(150)


def there_and_back(e: sp.Expr) -> sp.Expr:
    return to_sympy(from_sympy(Graph(), e), as_it_stands=True)


@pytest.mark.parametrize("evaluated", [True, False])
def test_the_way_to_a_graph_and_back_is_exact(evaluated: bool) -> None:
    for seed in SEEDS:
        e = expression(seed, evaluate=evaluated)
        found = there_and_back(e)
        assert found == e
        assert sp.srepr(found) == sp.srepr(e)  # the same tree, order of arguments included


@pytest.mark.parametrize(
    "e",
    [
        sp.factor(X**3 - X),
        sp.Mul(2, X + 1, evaluate=False),
        sp.Mul(-1, sp.Mul(-1, X, evaluate=False), evaluate=False),
        sp.Add(X, X, evaluate=False),
        sp.Pow(sp.Pow(X, 2, evaluate=False), sp.Rational(1, 2), evaluate=False),
        sp.sqrt(2) * X ** sp.Rational(-3, 2),
        2**X,
        sp.exp(1) * sp.pi,
        sp.Rational(10**40, 3),
        sp.Integer(-1) / 7,
        1 / X,
        sp.Abs(X) ** Y,
        X,
    ],
    ids=str,
)
def test_shapes_that_sympy_would_change_stay(e: sp.Expr) -> None:
    assert sp.srepr(there_and_back(e)) == sp.srepr(e)


@pytest.mark.parametrize("name", [*FUNCTIONS, *CONSTANTS])
def test_every_function_has_one_name(name: str) -> None:
    e = FUNCTIONS[name](X) if name in FUNCTIONS else CONSTANTS[name]
    node = from_sympy(Graph(), e)
    assert node.function == name
    assert there_and_back(e) == e


def test_what_the_graph_alone_has_is_written_in_sympys_terms() -> None:
    g = Graph()
    x, y = g.variable("x"), g.variable("y")
    assert to_sympy(g.apply("sub", x, y)) == X - Y
    assert to_sympy(g.apply("div", x, y)) == X / Y
    assert to_sympy(g.apply("neg", x)) == -X
    assert to_sympy(g.apply("sqrt", x)) == sp.sqrt(X)
    other = sp.Symbol("x", positive=True)
    assert to_sympy(g.apply("abs", x), symbols={"x": other}) == other


def test_a_float_is_the_number_that_it_is() -> None:
    node = from_sympy(Graph(), sp.Float(0.1))
    assert node.value == flint.fmpq(*(0.1).as_integer_ratio())


def test_shared_parts_are_read_once() -> None:
    e = X
    for _ in range(40):  # 2^40 leaves as a tree
        e = sp.Add(sp.sin(e), sp.Pow(sp.sin(e), 2, evaluate=False), evaluate=False)
    node = from_sympy(Graph(), e)
    assert len(below([node])) == 3 * 40 + 2


@pytest.mark.parametrize(
    "e",
    [sp.gamma(X), sp.zoo, sp.nan, sp.I, sp.oo, sp.Integral(X, (X, 0, Y)), sp.Piecewise((1, X > 0), (0, True))],
    ids=str,
)
def test_what_graphs_do_not_hold_is_refused_by_name(e: sp.Expr) -> None:
    with pytest.raises(GraphError, match=r"expected elementary functions of real symbols, got \w+"):
        from_sympy(Graph(), e)


def test_two_symbols_of_one_name_are_refused() -> None:
    with pytest.raises(GraphError, match="two different ones called 'x'"):
        from_sympy(Graph(), X + sp.Symbol("x"))


def test_a_program_stays_as_written() -> None:
    half = Fraction(1, 2)
    program = Program(
        ("x",),
        (
            Operation("a", "mul", ("x", Fraction(1))),
            Operation("b", "neg", ("a",)),
            Operation("c", "pow", ("b", Fraction(2))),
            Operation("d", "pi"),
            Operation("e", "sub", ("c", "d")),
        ),
        ("e", "x", half),
    )
    g = Graph()
    outputs = from_program(g, program)
    assert [node.function for node in below(outputs[:1]) if node.arguments] == ["mul", "neg", "pow", "sub"]
    again = to_program(outputs, ["x"], prefix="t")
    assert sorted(o.function for o in again.operations) == ["neg", "pi", "pow", "sub"]  # a factor of 1 goes
    assert again.outputs == ("t4", "x", half)
    (shifted, *_) = from_program(g, program, {"x": g.number(3)})
    assert to_sympy(shifted) == 9 - sp.pi


def test_a_program_computes_what_the_expression_does() -> None:
    for seed in SEEDS:
        node = from_sympy(Graph(), rational(seed))
        program = to_program([node], [s.name for s in SYMBOLS])
        assert program.inputs == ("x", "y", "z")
        assert all(len(o.arguments) <= 2 for o in program.operations)
        (again,) = from_program(g := Graph(), program)
        at = {"x": flint.fmpq(3, 5), "y": flint.fmpq(-7, 2), "z": flint.fmpq(9, 4)}
        assert evaluate([node], at, RationalDomain()) == evaluate([again], at, RationalDomain())
        assert vanishes(again - from_sympy(g, rational(seed)))


def test_inputs_that_look_like_names_of_operations_are_not_hidden() -> None:
    v1, v2 = sp.symbols("v1 v2", real=True)
    program = to_program([from_sympy(Graph(), v1 * v2 + 1)])
    assert set(program.inputs) == {"v1", "v2"}
    (output,) = from_program(Graph(), program)
    assert evaluate([output], {"v1": 3.0, "v2": 5.0}, MachineDomain()) == [16.0]

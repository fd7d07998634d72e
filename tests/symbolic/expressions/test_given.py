"""The one gate for functions and numbers that users give."""

import math
import time
from fractions import Fraction

import pytest
import sympy as sp

from residua_network import Operation, Program, ResiduaError
from residua_symbolic.expressions.given import constant, given

x = sp.Symbol("x", real=True)
LEVELS = 22
SECONDS = 2.0  # a walk over the tree takes ten times as long


def test_text_is_taken_as_it_is_written() -> None:
    found = given("1/(exp(-(w*x+b))+1)")
    assert [operation.function for operation in found.program.operations] == ["mul", "add", "neg", "exp", "add", "div"]
    assert found.variables == ("w", "x", "b")
    assert found.sympy == 1 / (1 + sp.exp(-sp.Symbol("w", real=True) * x - sp.Symbol("b", real=True)))


def test_expressions_and_programs_are_taken() -> None:
    assert given(x**2 + 1).sympy == x**2 + 1
    program = Program(("x",), (Operation("v1", "mul", ("x", "x")),), ("v1",))
    assert given(program).sympy == x**2
    assert given(program).program is program


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (3, "text or a SymPy expression, got int"),
        (sp.Symbol(r"\input{a}"), "plain names"),
        (sp.gamma(x), "elementary functions"),
        (x > 1, "text or a SymPy expression"),
        (Program(("x",), (), ("x", "x")), "text or a SymPy expression, got Program"),
        (Program(("a b",), (), ("a b",)), "text or a SymPy expression, got Program"),
    ],
)
def test_what_is_no_function_is_refused(value: object, words: str) -> None:
    with pytest.raises(ResiduaError, match=words):
        given(value)


def test_shared_subexpressions_cost_nothing() -> None:
    e = x
    for _ in range(LEVELS):  # a tree of more than 2^22 nodes
        e = sp.Mul(4, e, sp.Add(1, sp.Mul(-1, e, evaluate=False), evaluate=False), evaluate=False)
    begin = time.process_time()
    assert len(given(e).program.operations) <= 4 * LEVELS
    assert time.process_time() - begin < SECONDS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1", Fraction(1, 10)),
        ("-1/3", Fraction(-1, 3)),
        ("sqrt(4)", Fraction(2)),
        ("relu(-2)", Fraction(0)),
        ("pi/2", math.pi / 2),
        ("exp(1)", math.e),
        ("relu(pi)", math.pi),
        ("step(pi)", 1.0),
        ("softplus(2)", math.log1p(math.exp(2))),
        ("exp(-500)*exp(500.5)", math.exp(0.5)),
    ],
)
def test_numbers(text: str, expected: Fraction | float) -> None:
    found = constant(text, "--at")
    assert type(found) is type(expected)
    assert found == expected or math.isclose(found, expected, rel_tol=2.0**-52, abs_tol=0.0)


@pytest.mark.parametrize(
    "text",
    ["x", "", "nan", "-inf", "1/0", "log(0)", "sqrt(-2)", "sign(sin(1)^2+cos(1)^2-1)", "log(6)-log(2)-log(3)", "2 3"],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ResiduaError, match=r"^--at: 'x': expected a"):
        constant(text, "--at: 'x'")

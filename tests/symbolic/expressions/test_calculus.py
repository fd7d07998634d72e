import math
from fractions import Fraction
from typing import Any

import flint
import pytest
import sympy as sp

from oracles.expressions import SMOOTH, SYMBOLS, X, Y, Z, expression, rational
from residua_network import ARITY
from residua_symbolic.domains.balls import BallDomain, agree, precision
from residua_symbolic.domains.rationals import RationalDomain
from residua_symbolic.expressions import calculus
from residua_symbolic.expressions.calculus import (
    adjoints,
    derivative,
    gradient,
    hessian,
    jacobian,
    partials,
    tangents,
)
from residua_symbolic.expressions.conversion import FUNCTIONS, from_sympy, to_sympy
from residua_symbolic.expressions.evaluation import evaluate, vanishes
from residua_symbolic.expressions.graph import Graph, GraphError, Node, below

AT = {"x": Fraction(3, 8), "y": Fraction(-5, 4), "z": Fraction(7, 16)}
SEEDS = range(60)


def balls(nodes: list[Node]) -> list[Any]:
    """Values at AT."""
    domain = BallDomain()
    return evaluate(nodes, {name: domain.number(v) for name, v in AT.items()}, domain)


def same(found: Node, expected: Node) -> bool:
    with precision(256):
        return agree(*balls([found, expected]))


@pytest.mark.parametrize("function", [name for name, arity in ARITY.items() if arity])
def test_the_derivative_of_every_function_is_sympys(function: str) -> None:
    g = Graph()
    variables = [g.variable(s.name) for s in SYMBOLS[: ARITY[function]]]
    base, *others = variables
    arguments = [base * base + 2, *others]  # where log and powers exist
    node = g.apply(function, *arguments)
    e = to_sympy(node)
    for variable, symbol in zip(variables, SYMBOLS, strict=False):
        expected = from_sympy(g, sp.diff(e, symbol))
        assert same(derivative(node, variable), expected)
        assert same(gradient(node, [variable])[0], expected)
        if function not in ("tan", "tanh", "sigmoid", "softplus", "pow", "sign", "abs"):  # SymPy's in other terms
            assert vanishes(derivative(node, variable) - expected)


@pytest.mark.parametrize("evaluated", [True, False])
def test_forward_is_reverse_is_sympy_for_compositions(evaluated: bool) -> None:
    for seed in SEEDS:
        g = Graph()
        e = expression(seed, depth=3, names=SMOOTH, evaluate=evaluated)
        y, inputs = from_sympy(g, e), [g.variable(s.name) for s in SYMBOLS]
        expected = [from_sympy(g, sp.diff(e, s)) for s in SYMBOLS]
        forward = [derivative(y, x) for x in inputs]
        for a, b, c in zip(forward, gradient(y, inputs), expected, strict=True):
            assert same(a, c)
            assert same(b, c)


def test_rational_derivatives_are_sympys_identically() -> None:
    for seed in SEEDS:
        g = Graph()
        e = rational(seed)
        y, inputs = from_sympy(g, e), [g.variable(s.name) for s in SYMBOLS]
        for symbol, x, slope in zip(SYMBOLS, inputs, gradient(y, inputs), strict=True):
            assert vanishes(slope - from_sympy(g, sp.diff(e, symbol)))
            assert vanishes(slope - derivative(y, x))


def test_second_derivatives_are_symmetric_and_sympys() -> None:
    for seed in SEEDS[:25]:
        g = Graph()
        e = rational(seed, depth=3)
        y, inputs = from_sympy(g, e), [g.variable(s.name) for s in SYMBOLS]
        H = hessian(y, inputs)
        for i, a in enumerate(SYMBOLS):
            for j, b in enumerate(SYMBOLS):
                assert vanishes(H[i][j] - H[j][i])
                assert vanishes(H[i][j] - from_sympy(g, sp.diff(e, a, b)))


def test_the_hessian_of_a_transcendental_function() -> None:
    g = Graph()
    e = sp.exp(X * Y) * sp.sin(Y / (2 + Z**2)) + sp.tanh(X - Z)
    inputs = [g.variable(s.name) for s in SYMBOLS]
    for row, a in zip(hessian(from_sympy(g, e), inputs), SYMBOLS, strict=True):
        for entry, b in zip(row, SYMBOLS, strict=True):
            assert same(entry, from_sympy(g, sp.diff(e, a, b)))


@pytest.mark.parametrize("name", SMOOTH)
def test_higher_derivatives_are_the_coefficients_of_the_series(name: str) -> None:
    orders = 6
    g = Graph()
    x = g.variable("x")
    y = g.function(name, x * x + x + 1)
    nodes = [derivative(y, x, k) for k in range(orders)]
    with precision(512, orders):
        point = flint.arb(3) / 8
        (series,) = evaluate([y], {"x": flint.arb_series([point, 1])}, BallDomain())
        for k, found in enumerate(evaluate(nodes, {"x": point}, BallDomain())):
            assert agree(found, series[k] * math.factorial(k))


def test_the_derivative_of_a_product_of_many_factors() -> None:
    g = Graph()
    inputs = [g.variable(f"x{k}") for k in range(7)]
    product = g.apply("mul", *inputs, inputs[2])
    at = {f"x{k}": flint.fmpq(k + 2, 3) for k in range(7)}
    domain = RationalDomain()
    (value,) = evaluate([product], at, domain)
    for k, slope in enumerate(evaluate(gradient(product, inputs), at, domain)):
        assert slope == (2 if k == 2 else 1) * value / at[f"x{k}"]


def test_partials_that_are_not_wanted_are_not_made() -> None:
    """A power with a fixed exponent has no log: its base may be negative."""
    g = Graph()
    x, y = g.variable("x"), g.variable("y")
    for node in (g.pow(x, y), g.div(x, y)):
        before = len(g)
        slopes = partials(node, [False] * len(node.arguments))
        assert len(slopes) == len(node.arguments)
        assert len(g) == before
    cube = g.pow(x, g.number(3))
    for slope in (derivative(cube, x), gradient(cube, [x])[0]):
        assert "log" not in {node.function for node in below([slope])}


def test_what_does_not_move_has_derivative_zero() -> None:
    g = Graph()
    x, y = g.variable("x"), g.variable("y")
    assert derivative(g.function("sin", y), x) is g.zero
    assert gradient(g.number(3), [x]) == (g.zero,)
    assert derivative(x, x) is g.one
    assert derivative(x, x, 2) is g.zero
    assert derivative(g.function("sin", x), x, 0) is g.function("sin", x)
    assert derivative(g.function("step", x), x) is g.zero
    assert tangents([], {}) == ()
    assert adjoints([], [], [x, y]) == (g.zero, g.zero)


def test_a_node_can_stand_for_a_variable() -> None:
    g = Graph()
    x = g.variable("x")
    s = g.function("sin", x)
    y = s * s + s
    assert vanishes(derivative(y, s) - 2 * s - 1)
    assert vanishes(gradient(y, [s])[0] - 2 * s - 1)


def test_an_output_that_occurs_twice_counts_twice() -> None:
    g = Graph()
    x = g.variable("x")
    y = x * x
    (found,) = adjoints([y, y, x], [g.one, g.number(2), g.number(5)], [x])
    assert vanishes(found - 6 * x - 5)


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 2), (2, 3), (1, 1)])
def test_the_jacobian_is_the_same_by_rows_and_by_columns(inputs: int, outputs: int) -> None:
    g = Graph()
    x = [g.variable(s.name) for s in SYMBOLS[:inputs]]
    y = [from_sympy(g, rational(seed).subs({Z: 1, Y: 2} if inputs == 1 else {Z: 1})) for seed in range(outputs)]
    J = jacobian(y, x)
    assert (len(J), len(J[0])) == (outputs, inputs)
    for k, output in enumerate(y):
        for i, variable in enumerate(x):
            assert vanishes(J[k][i] - derivative(output, variable))


def test_a_function_without_a_rule_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(calculus.ELEMENTARY, "sin")
    g = Graph()
    with pytest.raises(GraphError, match="no derivative is known of 'sin'"):
        derivative(g.function("sin", g.variable("x")), g.variable("x"))


def test_every_function_of_sympy_has_a_rule() -> None:
    assert set(FUNCTIONS) | {"sqrt"} == set(calculus.ELEMENTARY)

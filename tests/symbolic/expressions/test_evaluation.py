import itertools
import math
from fractions import Fraction
from typing import Any

import flint
import numpy as np
import pytest
import sympy as sp

from oracles.expressions import SMOOTH, SYMBOLS, X, Y, expression, rational
from residua_network import ResiduaError
from residua_symbolic.domains.balls import BallDomain, is_narrow, precision
from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.domains.machine import MachineDomain
from residua_symbolic.domains.rationals import RationalDomain
from residua_symbolic.domains.residues import PRIME, ResidueDomain
from residua_symbolic.expressions.calculus import derivative
from residua_symbolic.expressions.conversion import FUNCTIONS, from_sympy
from residua_symbolic.expressions.evaluation import PointError, evaluate, evaluate_nodes, vanishes
from residua_symbolic.expressions.graph import Graph, Node, below

AT = {"x": Fraction(3, 8), "y": Fraction(-5, 4), "z": Fraction(7, 16)}  # floats hold them exactly
SEEDS = range(80)
DIGITS = 30


def value(node: Node, domain: Any, at: Any = AT, make: Any = None) -> Any:
    make = make or domain.number
    (found,) = evaluate([node], {name: make(v) for name, v in at.items()}, domain)
    return found


def as_fraction(q: Any) -> Fraction:
    return Fraction(int(q.numerator), int(q.denominator))


def close(found: float, node: Node, at: Any = AT) -> bool:
    """Whether a float lies within what Arb says of the rounding: the spread of values of 53-bit intervals."""
    with precision(53):
        ball = value(node, BallDomain(), at)
    return bool(abs(found - float(ball.mid())) <= 4 * float(ball.rad()) + 4 * math.ulp(float(ball.mid())))


def test_rationals_are_sympys() -> None:
    for seed in SEEDS:
        e = rational(seed)
        expected = e.xreplace({s: sp.Rational(AT[s.name].numerator, AT[s.name].denominator) for s in SYMBOLS})
        found = as_fraction(value(from_sympy(Graph(), e), RationalDomain()))
        assert found == Fraction(int(expected.p), int(expected.q))


def test_balls_contain_the_rational_and_residues_are_it_modulo_p() -> None:
    for seed in SEEDS:
        node = from_sympy(Graph(), rational(seed))
        exact = value(node, RationalDomain())
        with precision():
            ball = value(node, BallDomain())
            assert (ball * exact.denominator - exact.numerator).contains(0)
            assert is_narrow(ball)
        residue = flint.nmod(int(exact.numerator), PRIME) / flint.nmod(int(exact.denominator), PRIME)
        assert value(node, ResidueDomain()) == residue


def test_floats_of_either_kind_lie_within_the_rounding() -> None:
    for seed in SEEDS:
        node = from_sympy(Graph(), expression(seed, depth=3))
        machine = value(node, MachineDomain())
        array = value(node, FloatDomain(), make=lambda v: np.full(2, float(v)))
        assert close(machine, node)
        assert np.shape(array) in ((), (2,))
        assert all(close(float(one), node) for one in np.ravel(array))


def test_the_bound_on_floats_refuses_what_is_wrong() -> None:
    node = from_sympy(Graph(), sp.sin(X) * sp.exp(Y))
    right = value(node, MachineDomain())
    assert close(right, node)
    assert not close(right * (1 + 1e-12), node)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("point", [Fraction(3, 4), Fraction(-5, 4), Fraction(0)], ids=str)
def test_functions_have_sympys_values(name: str, point: Fraction) -> None:
    """Balls against SymPy at 30 digits, from the definitions; floats against the balls."""
    if name == "log" and point <= 0:
        pytest.skip("no value")
    node = from_sympy(Graph(), FUNCTIONS[name](X))
    at = {"x": point}
    e = FUNCTIONS[name](sp.Rational(point.numerator, point.denominator))
    expected = sp.N(e.definition(*e.args) if hasattr(e, "definition") else e, DIGITS)
    with precision():
        ball = value(node, BallDomain(), at)
        assert abs(ball - flint.arb(str(expected))) < flint.arb(10) ** (2 - DIGITS)
    assert close(value(node, MachineDomain(), at), node, at)
    assert close(float(value(node, FloatDomain(), at)), node, at)


def test_the_series_of_a_ball_is_the_derivative() -> None:
    for seed in SEEDS:
        g = Graph()
        node = from_sympy(g, expression(seed, depth=3, names=SMOOTH))
        slope = derivative(node, g.variable("x"))
        with precision():
            fixed = {name: flint.arb(v.numerator) / v.denominator for name, v in AT.items()}
            (series,) = evaluate([node], fixed | {"x": flint.arb_series([fixed["x"], 1])}, BallDomain())
            (ball,) = evaluate([slope], fixed, BallDomain())
            expected = series[1] if isinstance(series, flint.arb_series) else flint.arb(0)
            assert ball.overlaps(expected)
            assert is_narrow(ball)


def test_all_nodes_can_be_had() -> None:
    g = Graph()
    x = g.variable("x")
    y = x * x + 1
    found = evaluate_nodes(below([y]), {"x": 3.0}, MachineDomain())
    assert found == {g.one.index: 1.0, x.index: 3.0, (x * x).index: 9.0, y.index: 10.0}


@pytest.mark.parametrize(
    ("e", "at", "where"),
    [
        (1 / X + Y, 0, "pow(0.0, -1.0) does not exist"),
        (sp.log(X) + Y, -1, "log(-1.0) does not exist"),
        (sp.sqrt(X) * 2, -4, "pow(-4.0, 0.5) does not exist"),
        (sp.exp(X) + Y, 1000, "exp(1000.0) is beyond the largest number"),
    ],
    ids=str,
)
def test_a_point_without_a_value_names_the_node(e: sp.Expr, at: float, where: str) -> None:
    node = from_sympy(Graph(), e)
    with pytest.raises(PointError) as refused:
        evaluate([node], {"x": float(at), "y": 1.0}, MachineDomain())
    assert str(refused.value).startswith(where)
    culprit = refused.value.node
    assert culprit is not None
    assert culprit in below([node])
    assert culprit.function == where.partition("(")[0]


def test_a_variable_without_a_value_is_named() -> None:
    with pytest.raises(ResiduaError, match="expected a value for 'y', got values for: x") as refused:
        evaluate([from_sympy(Graph(), X * Y)], {"x": 1.0}, MachineDomain())
    assert not isinstance(refused.value, PointError)


IDENTITIES = [
    (X + Y) ** 5 - sp.expand((X + Y) ** 5),
    1 / (X * Y) - 1 / (Y * X),
    X / (X + Y) + Y / (X + Y) - 1,
    sp.sqrt(X**2 + Y**2) ** 2 - X**2 - Y**2,
    sp.sqrt(X + Y) / (X + Y) - 1 / sp.sqrt(X + Y),
    sp.sin(X * Y + X) - sp.sin(X * (1 + Y)),
    (sp.exp(X) + Y) ** 2 - sp.exp(X) * (sp.exp(X) + 2 * Y) - Y**2,
]


@pytest.mark.parametrize("identity", [sp.Add(*e.args, evaluate=False) for e in IDENTITIES], ids=str)
def test_identities_vanish_and_near_identities_do_not(identity: sp.Expr) -> None:
    def from_terms(*changed: Any) -> Node:
        return from_sympy(Graph(), sp.Add(*identity.args, *changed, evaluate=False))

    assert vanishes(from_terms())
    near = [sp.Rational(1, 10**30), X / 10**18, 1 / X / 10**9, sp.sin(Y) / 2**60, X**40 * Y**40]
    assert not any(vanishes(from_terms(e)) for e in near)


@pytest.mark.parametrize(
    "e",
    [X - Y, X**61 - X, sp.sin(X) - sp.sin(Y), sp.sqrt(X) - X, sp.sqrt(X) + sp.sqrt(Y), sp.exp(X) - sp.exp(2 * X), X],
)
def test_what_is_not_zero_does_not_vanish(e: sp.Expr) -> None:
    assert not vanishes(from_sympy(Graph(), e))


def test_relations_between_functions_are_not_seen() -> None:
    assert not vanishes(from_sympy(Graph(), sp.Add(sp.sin(X) ** 2, sp.cos(X) ** 2, -1, evaluate=False)))


def test_one_value_a_residue_and_another_for_another() -> None:
    domain = ResidueDomain(1)
    points = [domain.number(Fraction(k, 7)) for k in range(20)]
    values = [domain.function("sin", p) for p in points]
    assert values == [domain.function("sin", p) for p in points]
    assert all(int(a) != int(b) for a, b in itertools.combinations(values, 2))
    assert domain.function("cos", points[0]) != values[0]


@pytest.mark.parametrize("c", range(30))
def test_the_root_of_a_square_is_not_its_base(c: int) -> None:
    graph = Graph()
    u = graph.variable("x") + c
    assert not vanishes(graph.function("sqrt", u * u) - u)
    assert not vanishes(graph.apply("pow", u * u, graph.number(0.5)) - u)
    assert vanishes(graph.function("sqrt", u * u * u) ** 2 - u * u * u)


def test_roots_of_constants_are_had_modulo_some_prime() -> None:
    graph = Graph()
    x, three = graph.variable("x"), graph.number(3)
    assert vanishes(graph.function("sqrt", three) * graph.function("sqrt", x) - graph.function("sqrt", 3 * x))

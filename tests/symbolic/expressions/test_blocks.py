from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp

from oracles.expressions import SYMBOLS, X, Y, expression
from residua_network import ARITY, ResiduaError
from residua_symbolic.domains.balls import BallDomain, precision
from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.expressions import blocks
from residua_symbolic.expressions.blocks import LONGEST, SHORTEST, STEPS, compiled, lowered
from residua_symbolic.expressions.calculus import hessian
from residua_symbolic.expressions.conversion import from_sympy
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.graph import LARGEST_POWER, Graph, below

NAMES = [s.name for s in SYMBOLS]
ROUNDING = 2.0**-53


def points(count: int, low: float = -2.0, high: float = 2.0) -> list[Any]:
    return list(np.random.default_rng(count).uniform(low, high, (len(NAMES), count)))


def node_by_node(outputs: Any, arrays: list[Any]) -> Any:
    """What the blocks have to give, bit for bit."""
    with np.errstate(all="ignore"):
        values = evaluate(lowered(outputs), dict(zip(NAMES, arrays, strict=True)), FloatDomain())
    return np.array([np.broadcast_to(v, arrays[0].shape) for v in values])


@pytest.mark.parametrize("count", [1, 7, SHORTEST, LONGEST, LONGEST + 1, 2 * LONGEST + 5])
def test_blocks_are_the_evaluation_node_by_node_bit_for_bit(count: int) -> None:
    arrays = points(count)
    for seed in range(5 if count > SHORTEST else 40):
        outputs = [from_sympy(g := Graph(), expression(seed)), g.variable("x"), g.number(3)]
        found = compiled(outputs, NAMES)(*arrays)
        assert found.shape == (3, count)
        np.testing.assert_array_equal(found, node_by_node(outputs, arrays))


@pytest.mark.parametrize("function", ARITY)
def test_every_function(function: str) -> None:
    g = Graph()
    y = g.apply(function, *[g.variable(name) for name in NAMES[: ARITY[function]]])
    arrays = [np.concatenate([p, [0.0, -0.0, 1.0, np.inf, -np.inf, np.nan]]) for p in points(1000)]
    np.testing.assert_array_equal(compiled([y], NAMES)(*arrays), node_by_node([y], arrays))


def test_steps_name_what_graphs_hold() -> None:
    assert set(STEPS) == {name for name, arity in ARITY.items() if arity}


def test_many_outputs_share_their_registers(monkeypatch: pytest.MonkeyPatch) -> None:
    g = Graph()
    y = from_sympy(g, sp.exp(X * Y) * sp.sin(Y) + sp.tanh(X) ** 3)
    inputs = [g.variable(name) for name in NAMES]
    entries = [entry for row in hessian(y, inputs) for entry in row]
    program = compiled(entries, NAMES)
    operations = len([node for node in below(lowered(entries)) if node.arguments])
    assert program.registers < operations / 2
    arrays = points(LONGEST + 3)
    expected = node_by_node(entries, arrays)
    np.testing.assert_array_equal(program(*arrays), expected)
    monkeypatch.setattr(blocks, "LONGEST", 13)
    monkeypatch.setattr(blocks, "SHORTEST", 13)
    short = [a[:100] for a in arrays]
    np.testing.assert_array_equal(program(*short), node_by_node(entries, short))


def test_a_chain_takes_one_register() -> None:
    g = Graph()
    y = g.variable("x")
    for _ in range(50):
        y = g.function("tanh", y)
    assert compiled([y], ["x"]).registers == 1


@pytest.mark.parametrize("k", [*range(-9, 10), -32, 31, 63, LARGEST_POWER])
def test_a_whole_power_is_off_by_no_more_roundings_than_stated(k: int) -> None:
    """Against Arb: k + 1 roundings beside numpy's own power, which is within one itself."""
    x = np.random.default_rng(0).uniform(0.5, 1.5, 200)
    (found,) = compiled([Graph().variable("x") ** k], ["x"])(x)
    relative = (abs(k) + 1 + (k < 0)) * ROUNDING
    np.testing.assert_allclose(found, x ** float(k), rtol=relative, atol=0)
    with precision():
        domain = BallDomain()
        for a, b in zip(x.tolist(), found.tolist(), strict=True):
            assert abs(domain.number(b) / domain.number(a) ** k - 1) < relative


@pytest.mark.parametrize("exponent", [Fraction(1, 2), Fraction(-1, 2), Fraction(3, 2), Fraction(-7, 2)])
def test_half_powers_are_roots(exponent: Fraction) -> None:
    g = Graph()
    y = g.apply("pow", g.variable("x"), g.number(exponent))
    assert "pow" not in {node.function for node in below(lowered([y]))}
    x = np.random.default_rng(0).uniform(0.1, 9, 500)
    rtol = (abs(float(exponent)) + 3) * ROUNDING
    np.testing.assert_allclose(compiled([y], ["x"])(x)[0], x ** float(exponent), rtol=rtol, atol=0)


def test_powers_share_their_squares() -> None:
    x = (g := Graph()).variable("x")
    program = compiled([x**8, x**4, x**5, g.pow(x, g.number(-4))], ["x"])
    assert len(program.instructions) == 3 + 1 + 1  # squares; x^4 x; 1 / x^4


def test_what_depends_on_no_variable_is_a_number() -> None:
    node = from_sympy(Graph(), sp.sqrt(sp.pi) * sp.exp(2) * X)
    program = compiled([node], ["x"])
    assert len(program.instructions) <= 2
    np.testing.assert_allclose(program(np.ones(3))[0], float(sp.sqrt(sp.pi) * sp.exp(2)), rtol=4 * ROUNDING, atol=0)


def test_shapes() -> None:
    g = Graph()
    program = compiled([g.variable("x") + g.variable("y"), g.variable("x")], ["x", "y"])
    x, y = np.arange(3.0), np.arange(4.0)[:, None]
    found = program(x, y)
    assert found.shape == (2, 4, 3)
    np.testing.assert_array_equal(found[0], x + y)
    assert program(1, 2).shape == (2,)
    assert program(1, 2).tolist() == [3.0, 1.0]
    assert program(np.zeros((0,)), 1.0).shape == (2, 0)
    strided = np.arange(20.0).reshape(5, 4)[:, ::2]
    np.testing.assert_array_equal(program(strided, 1.0)[0], strided + 1)


def test_inputs_are_left_as_they_are_and_results_are_new() -> None:
    g = Graph()
    x = g.variable("x")
    program = compiled([x, -x], ["x"])
    given = np.arange(5.0)
    found = program(given)
    found[:] = 7
    assert given.tolist() == [0, 1, 2, 3, 4]
    assert program(given)[1].tolist() == [0, -1, -2, -3, -4]


def test_the_same_output_twice() -> None:
    x = (g := Graph()).variable("x")
    y = g.function("exp", x)
    found = compiled([y, y * x, y], ["x"])(np.arange(3.0))
    np.testing.assert_array_equal(found[0], found[2])
    np.testing.assert_array_equal(found[0], np.exp(np.arange(3.0)))


def test_where_there_is_no_value_there_is_none() -> None:
    (found,) = compiled([from_sympy(Graph(), sp.log(X))], ["x"])(np.array([-1.0, 0.0, 1.0]))
    assert np.isnan(found[0])
    assert found[1:].tolist() == [-np.inf, 0.0]


def test_names_and_arrays_have_to_fit() -> None:
    g = Graph()
    y = g.variable("x") * g.variable("y")
    with pytest.raises(ResiduaError, match="expected the name of every variable, got x without 'y'"):
        compiled([y], ["x"])
    with pytest.raises(ResiduaError, match=r"expected 3 arrays \(x, y, z\), got 2"):
        compiled([y], NAMES)(1.0, 2.0)


def test_zeros_of_either_sign_are_two_numbers() -> None:
    g = Graph()
    minus_zero = g.apply("neg", g.zero)
    (found,) = compiled([g.function("relu", g.variable("x")) + g.div(g.one, g.variable("x") + minus_zero)], ["x"])(-0.0)
    assert found == -np.inf

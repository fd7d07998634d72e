"""Counts against counting: paths that are walked, multiplications that are made, matrix products that are taken."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any, ClassVar

import numpy as np
import pytest
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic import ProofError
from residua_symbolic.backpropagation import backward
from residua_symbolic.expressions.calculus import gradient
from residua_symbolic.expressions.graph import Graph, Node, below
from residua_symbolic.path_counts import (
    BACKWARD,
    COUNTS,
    DEPTHS,
    DERIVATIVE_COST,
    EVALUATIONS,
    ONE,
    PATHS,
    L,
    _same_increment,
    equal_widths,
    reverse_cost,
    width,
)

from .test_printing import problems
from .test_rules import proved

WIDTHS = ((1, 1), (3, 2), (2, 2, 2, 2), (4, 3, 2, 5), (2, 1, 1, 3), (1, 4, 1, 2, 3), (2, 3, 3, 2, 1, 2))
every = pytest.mark.parametrize("widths", WIDTHS)
DERIVATIONS = {**COUNTS, "equal widths": equal_widths, "reverse cost": reverse_cost}


@pytest.mark.parametrize("name", DERIVATIONS)
def test_every_step_proves_itself_and_refuses_what_is_wrong(name: str) -> None:
    derivation = DERIVATIONS[name]()
    derivation.check()
    for step in proved(derivation):
        for wrong in (step.right + 1, 2 * step.right + L, step.right + width):
            for proof in step.proofs:
                with pytest.raises(ProofError):
                    replace(step, right=wrong, proofs=(proof,)).check()
    for text in (derivation.latex(), *(step.latex() for step in derivation.steps)):
        assert not problems(text), text


class Counted:
    """A number that counts the multiplications it is part of."""

    made: ClassVar[Counter[str]] = Counter()

    def __mul__(self, other: Any) -> "Counted":
        Counted.made["products"] += 1
        return Counted()

    __rmul__ = __mul__

    def __add__(self, other: Any) -> "Counted":
        return Counted()

    __radd__ = __add__


def counted(*shape: int) -> Any:
    return np.array([Counted() for _ in range(prod(shape))], dtype=object).reshape(shape)


@every
def test_paths_are_those_that_can_be_walked(widths: tuple[int, ...]) -> None:
    for layer in range(1, len(widths)):
        walked = sum(1 for _ in product(*(range(w) for w in widths[layer + 1 :])))
        assert COUNTS["paths"]().at(widths, layer) == walked


def repeated(widths: tuple[int, ...], layer: int, seen: Counter[str]) -> Counted:
    """∂C/∂z of a unit, with those of the next layer computed anew: 004's picture."""
    seen["evaluations"] += 1
    if layer == len(widths) - 1:
        return Counted() * Counted()
    total = Counted()
    for _ in range(widths[layer + 1]):
        total = total + Counted() * repeated(widths, layer + 1, seen)
    return Counted() * total


@every
def test_repeated_evaluation_really_done(widths: tuple[int, ...]) -> None:
    for layer in range(1, len(widths)):
        seen: Counter[str] = Counter()
        Counted.made.clear()
        repeated(widths, layer, seen)
        assert COUNTS["repeated evaluations"]().at(widths, layer) == seen["evaluations"]
        assert COUNTS["repeated products"]().at(widths, layer) == Counted.made["products"]


@every
def test_path_by_path_really_done(widths: tuple[int, ...]) -> None:
    for layer in range(1, len(widths)):
        Counted.made.clear()
        for _ in product(*(range(w) for w in widths[layer + 1 :])):
            term = Counted()  # ∂C/∂a
            for _ in range(layer, len(widths)):
                term = term * Counted()  # φ'
            for _ in range(layer, len(widths) - 1):
                term = term * Counted()  # weight
        assert COUNTS["path products"]().at(widths, layer) == Counted.made["products"]


@every
def test_the_recursion_really_run(widths: tuple[int, ...]) -> None:
    """`backward` on numbers that count, less the forward pass and the outer products."""
    pairs = list(zip(widths[1:], widths[:-1], strict=True))
    weights, biases = [counted(*pair) for pair in pairs], [counted(pair[0]) for pair in pairs]
    Counted.made.clear()
    backward(weights, biases, counted(widths[0]), lambda a: a, lambda z: z, lambda z: z)
    forward = outer = sum(a * b for a, b in pairs)
    by_input = widths[0] * widths[1]
    assert Counted.made["products"] - forward - outer - by_input == COUNTS["backward products"]().at(widths)


@every
def test_what_is_saved(widths: tuple[int, ...]) -> None:
    seen: Counter[str] = Counter()
    for _ in range(widths[1]):
        repeated(widths, 1, seen)
    saved = COUNTS["saved evaluations"]().at(widths)
    assert saved == seen["evaluations"] - sum(widths[1:])
    assert (saved == 0) == all(w == 1 for w in widths[1:-1])


def test_the_picture_of_004() -> None:
    """z1 z2, z3 z4, z5 z6: seven evaluations for one derivative of the first layer, fourteen for both; six do."""
    widths = (2, 2, 2, 2)
    assert COUNTS["repeated evaluations"]().at(widths) == 7
    assert COUNTS["saved evaluations"]().at(widths) == 14 - 6


def flops(widths: tuple[int, ...], rows: int, by_input: bool) -> tuple[int, int]:
    """Forward and backward, from the shapes of matrices that are multiplied."""

    def times(a: Any, b: Any) -> tuple[Any, int]:
        return a @ b, 2 * a.shape[0] * a.shape[1] * b.shape[1]

    activations, forward, backwards = [np.ones((rows, widths[0]))], 0, 0
    weights = [np.ones(pair) for pair in zip(widths[1:], widths[:-1], strict=True)]
    for weight in weights:
        value, made = times(activations[-1], weight.T)
        activations.append(value)
        forward += made
    delta = np.ones_like(activations[-1])
    for layer in reversed(range(len(weights))):
        _, made = times(delta.T, activations[layer])
        backwards += made
        if layer or by_input:
            delta, made = times(delta, weights[layer])
            backwards += made
    return forward, backwards


@every
@pytest.mark.parametrize("rows", [1, 5])
def test_flops_of_the_matrices_really_multiplied(widths: tuple[int, ...], rows: int) -> None:
    forward, backwards = flops(widths, rows, by_input=False)
    assert COUNTS["matrix flops"]().at(widths) == sp.Rational(backwards, forward)
    forward, backwards = flops(widths, rows, by_input=True)
    assert backwards == 2 * forward


def test_equal_widths() -> None:
    formulas = {step.name: step.right for step in equal_widths().steps}
    for units, depth in product((2, 3, 5), (1, 2, 4, 9)):
        widths = (1, *[units] * depth)
        at = {width: units, L: depth}
        assert formulas["paths from a unit"].subs(at) == COUNTS["paths"]().at(widths)
        assert formulas["repeated evaluations"].subs(at) == units * COUNTS["repeated evaluations"]().at(widths)
        assert formulas["backward multiplications"].subs(at) == COUNTS["backward products"]().at(widths)


def test_what_grows_with_a_layer_is_taken_out_of_the_count() -> None:
    """Closed forms that are right at every depth looked at, and wrong beyond, are refused by the increment."""
    off = sp.prod(L - depth for depth in DEPTHS)
    rows = {"paths from a unit": (PATHS, ONE), "repeated evaluations": (EVALUATIONS, width)}
    rows |= {"backward multiplications": (BACKWARD, ONE)}
    for step in proved(equal_widths()):
        count, factor = rows[step.name]
        assert _same_increment(step.right, count, factor)
        assert not _same_increment(step.right + off, count, factor)
        (proof,) = step.proofs
        assert proof.holds(step.right)
        assert not proof.holds(step.right + off)
        for other, _ in rows.values():
            assert _same_increment(step.right, other, factor) == (other == count)


def programs(count: int) -> Iterator[tuple[int, list[tuple[str, tuple[int, ...]]]]]:
    """Random straight-line programs: inputs, and operations on earlier values."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        inputs = int(rng.integers(1, 6))
        operations: list[tuple[str, tuple[int, ...]]] = []
        for place in range(int(rng.integers(1, 20))):
            name = str(rng.choice(["add", "mul", "exp"]))
            operations.append(
                (name, tuple(int(v) for v in rng.integers(inputs + place, size=1 if name == "exp" else 2)))
            )
        yield inputs, operations


def reverse_operations(inputs: int, operations: list[tuple[str, tuple[int, ...]]]) -> tuple[int, Any, Any]:
    """Operations of a reverse sweep that is really run, with its gradient, and that of complex steps for comparison."""
    at = np.linspace(0.1, 0.5, inputs)
    small: dict[str, Callable[..., Any]] = {
        "add": lambda a, b: a + b,
        "mul": lambda a, b: a * b,
        "exp": lambda a: np.exp(-a),
    }

    def run(x: Any) -> list[Any]:
        values = list(x)
        for name, arguments in operations:
            values.append(small[name](*(values[place] for place in arguments)))
        return values

    values, made = run(at), 0
    adjoint = [0.0] * (len(values) - 1) + [1.0]
    for place in reversed(range(inputs, len(values))):
        name, arguments = operations[place - inputs]
        if name == "add":
            parts = [adjoint[place]] * 2
        elif name == "mul":
            parts = [adjoint[place] * values[arguments[1]], adjoint[place] * values[arguments[0]]]
            made += 2
        else:
            parts = [adjoint[place] * -values[place]]
            made += 2  # the derivative, and its product
        for argument, part in zip(arguments, parts, strict=True):
            adjoint[argument] += part
            made += 1
    steps = [run(at + 1e-200j * np.eye(inputs)[place])[-1].imag / 1e-200 for place in range(inputs)]
    return made, np.array(adjoint[:inputs]), np.array(steps)


def test_a_reverse_pass_costs_what_it_says() -> None:
    bound, counts = 0.0, {step.name: step.right for step in reverse_cost().steps}
    for inputs, operations in programs(200):
        made, gradient, true = reverse_operations(inputs, operations)
        assert gradient == pytest.approx(true, rel=1e-10, abs=1e-12)
        names = Counter(name for name, _ in operations)
        at = {"A": names["add"], "M": names["mul"], "U": names["exp"], "c": 1}
        assert made == counts["reverse pass"].subs({s: at[s.name] for s in counts["reverse pass"].free_symbols})
        assert made <= counts["largest cost of an operation"].subs(DERIVATIVE_COST, 1) * len(operations)
        bound = max(bound, made / len(operations))
    assert bound == 4.0  # is reached: by products alone


def operations_of(nodes: Sequence[Node]) -> int:
    return sum(bool(node.arguments) for node in below(nodes))


def of_gradient(build: Callable[[Graph, Node, Node], Node], length: int) -> tuple[int, int]:
    """Operations of a chain y ← f(x_k, y), and those that its gradient adds, on the expression graph."""
    graph = Graph()
    inputs = [graph.variable(f"x{k}") for k in range(length + 1)]
    y = inputs[0]
    for x in inputs[1:]:
        y = build(graph, x, y)
    value = operations_of([y])
    return value, operations_of([y, *gradient(y, inputs)]) - value


@pytest.mark.parametrize("name", ["erf", "atan", "sigmoid", "tanh", "log", "sqrt", "softplus", "cos"])
def test_chains_of_a_function_keep_the_bound(name: str) -> None:
    """c is what the gradient of one f costs on the graph, where a multiplication by the seed 1 is none."""
    K = {step.name: step.right for step in reverse_cost().steps}["largest cost of an operation"]
    _, cost = of_gradient(lambda graph, x, y: graph.function(name, y), 1)
    value, made = of_gradient(lambda graph, x, y: graph.function(name, y), 40)
    assert value == 40
    assert made <= K.subs(DERIVATIVE_COST, cost) * value


@pytest.mark.parametrize("name", ["div", "pow"])
def test_chains_of_quotients_and_powers_keep_theirs(name: str) -> None:
    """Counted as one operation each, they pass 4, and c + 4 not."""
    K = {step.name: step.right for step in reverse_cost().steps}["largest cost with quotients and powers"]
    _, cost = of_gradient(lambda graph, x, y: getattr(graph, name)(x, y), 1)
    value, made = of_gradient(lambda graph, x, y: getattr(graph, name)(x, y), 40)
    assert value == 40
    assert 4 * value < made <= K.subs(DERIVATIVE_COST, cost) * value


@pytest.mark.parametrize("cost", range(6))
def test_the_largest_cost_is_the_largest(cost: int) -> None:
    counts = {step.name: step.right for step in reverse_cost().steps}
    assert counts["largest cost of an operation"].subs(DERIVATIVE_COST, cost) == max(2, 4, cost + 2)
    assert counts["largest cost with quotients and powers"].subs(DERIVATIVE_COST, cost) == cost + 4


@pytest.mark.parametrize("widths", [(), (3,), (3, 0), (3, 2.0), (True, 2), (3, -1)])
def test_widths_that_make_no_net_are_refused(widths: Any) -> None:
    with pytest.raises(ResiduaError, match="widths must be at least two positive integers"):
        COUNTS["paths"]().at(widths)


@pytest.mark.parametrize("layer", [0, 3, -1])
def test_a_layer_that_is_not_there_is_refused(layer: int) -> None:
    with pytest.raises(ResiduaError, match="layer must be from 1 to 2"):
        COUNTS["paths"]().at((2, 3, 4), layer)

"""What float64 rounding may do to the numbers of a trace and of its derivatives: a running error bound, node by node.

To first order in the unit roundoff (Higham 2002, Accuracy and Stability, 3.3): the error of a node is at most
Σ |∂node/∂argument| · error of the argument, plus its own rounding. The derivatives that this takes are again those of
`calculus.partials`, so that the bound holds for derivatives of traces, which are graphs themselves, as for values.
"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from residua_symbolic.domains.machine import MachineDomain
from residua_symbolic.domains.rounded import LIBRARY_ULPS, SMALLEST, UNIT
from residua_symbolic.expressions.calculus import adjoints, partials, tangents
from residua_symbolic.expressions.conversion import from_program
from residua_symbolic.expressions.evaluation import PointError, evaluate, evaluate_nodes
from residua_symbolic.expressions.graph import NUMBER, VARIABLE, Graph, Node, below
from residua_symbolic.trace import Trace

EXACT = ("neg", "abs", "relu", "sign", "step")
ONCE = ("add", "sub", "mul", "div", "sqrt")  # IEEE 754 rounds them correctly
ORDERS = 2.0  # the same operations in another order, as torch may take them, round twice as much at most
VALUES, REVERSE = "values of nodes", "reverse mode"  # no input is called so


class Bounds(NamedTuple):
    """By node names, of either side's rounding: of values, of d output/d node, and of d node/d input by inputs."""

    values: Mapping[str, float]
    adjoints: Mapping[str, float]
    tangents: Mapping[str, Mapping[str, float]]


def rounding_bounds(trace: Trace, output: int = 0, dtype: str = "float64") -> Bounds:
    """How far the numbers of one evaluation in `dtype` may lie from the true ones at the same point."""
    named, sweeps = derivatives(trace, output)
    groups = {VALUES: named, **sweeps}
    nodes = [node for group in groups.values() for node in group.values()]
    errors = iter(running_errors(nodes, trace.at, dtype))
    found = {kind: {name: next(errors) for name in group} for kind, group in groups.items()}
    return Bounds(found[VALUES], found[REVERSE], {x: found[x] for x in trace.inputs})


def derivatives(trace: Trace, output: int = 0) -> tuple[dict[str, Node], dict[str, dict[str, Node]]]:
    """Every value as a node of one graph, and d output/d node (REVERSE) and d node/d input (the input's name)."""
    graph, program = Graph(), trace.program
    named: dict[str, Node] = {name: graph.variable(name) for name in program.inputs}
    whole = [operation.name for operation in program.operations]
    every = from_program(graph, type(program)(program.inputs, program.operations, tuple(whole)))
    named |= dict(zip(whole, every, strict=True))
    root = program.outputs[output]
    y = named[root] if isinstance(root, str) else graph.number(root)
    nodes = list(named.values())
    found = {REVERSE: dict(zip(named, adjoints([y], [graph.one], nodes), strict=True))}
    for name in program.inputs:
        found[name] = dict(zip(named, tangents(nodes, {named[name]: graph.one}), strict=True))
    return named, found


def running_errors(outputs: Sequence[Node], point: Mapping[str, float], dtype: str = "float64") -> list[float]:
    """A bound of the absolute error of every output, to first order; infinite where a slope that it takes is."""
    order = below(outputs)
    values = evaluate_nodes(order, point, MachineDomain())
    unit = UNIT[dtype]
    errors: dict[int, float] = {}
    for node in order:
        if node.function == VARIABLE:
            errors[node.index] = 0.0 if dtype == "float64" else unit * abs(values[node.index])
        elif node.function == NUMBER:
            errors[node.index] = _of_number(node, unit, dtype)
        else:
            errors[node.index] = _carried(node, values, errors) + _own(node, values[node.index], unit)
    return [errors[output.index] for output in outputs]


def _of_number(node: Node, unit: float, dtype: str) -> float:
    exact = Fraction(int(node.value.numerator), int(node.value.denominator))
    if dtype == "float64":
        return float(abs(Fraction(float(exact)) - exact))
    return unit * abs(float(exact))


def _own(node: Node, value: float, unit: float) -> float:
    """The node's own rounding; what underflows to zero costs no more than the last term."""
    if node.function in EXACT:
        return 0.0
    return unit * (ORDERS if node.function in ONCE else LIBRARY_ULPS) * abs(value) + SMALLEST


def _carried(node: Node, values: Mapping[int, float], errors: Mapping[int, float]) -> float:
    """Σ |∂node/∂argument| · error of the argument, over the arguments that have one."""
    wanted = [errors[a.index] > 0 for a in node.arguments]
    if not any(wanted):
        return 0.0
    graph = Graph()
    alone = graph.apply(
        node.function,
        *(
            graph.number(a.value) if a.function == NUMBER else graph.variable(f"a{k}")
            for k, a in enumerate(node.arguments)
        ),
    )
    here = {f"a{k}": values[a.index] for k, a in enumerate(node.arguments)}
    try:
        slopes = evaluate(partials(alone, wanted), here, MachineDomain())
    except PointError:
        return float("inf")
    return math.fsum(
        abs(slope) * errors[a.index] for a, slope, has in zip(node.arguments, slopes, wanted, strict=True) if has
    )

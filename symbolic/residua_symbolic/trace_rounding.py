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
from residua_symbolic.trace import Trace, by_name
from residua_symbolic.trace_tables import Sweep

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
    """How far the numbers of one evaluation in `dtype` may lie from the true ones at the same point.

    Of derivatives the larger of two bounds: of the graph of the derivative, in which numbers are multiplied exactly,
    as another program may do; and of the products and sums that the trace itself carries out.
    """
    named, sweeps = derivatives(trace, output)
    groups = {VALUES: named, **sweeps}
    nodes = [node for group in groups.values() for node in group.values()]
    errors = iter(running_errors(nodes, trace.at, dtype))
    found = {kind: {name: next(errors) for name in group} for kind, group in groups.items()}
    values = found.pop(VALUES)
    local = _local_errors(trace, values, dtype)
    own = {x: _swept(trace.forward(x), trace, local, dtype) for x in trace.inputs}
    if isinstance(trace.outputs[output], str):
        own[REVERSE] = _swept(trace.reverse(output), trace, local, dtype)
    for kind, group in own.items():
        found[kind] |= {name: max(error, found[kind][name]) for name, error in group.items()}
    return Bounds(values, found[REVERSE], {x: found[x] for x in trace.inputs})


def _local_errors(trace: Trace, values: Mapping[str, float], dtype: str) -> dict[tuple[str, str], float]:
    """Of ∂ operation/∂ argument, by both names."""
    found: dict[tuple[str, str], float] = {}
    for operation in trace.operations:
        graph = Graph()
        arguments = [graph.variable(a) if isinstance(a, str) else graph.number(a) for a in operation.arguments]
        node = graph.apply(operation.function, *arguments)
        slopes = by_name(node, [a in operation.partials for a in operation.arguments])
        at = {a: trace.named[a].value for a in operation.arguments if isinstance(a, str)}
        errors = running_errors(list(slopes.values()), at, dtype, values)
        found |= {(operation.name, a): error for a, error in zip(slopes, errors, strict=True)}
    return found


def _swept(sweep: Sweep, trace: Trace, local: Mapping[tuple[str, str], float], dtype: str) -> dict[str, float]:
    """Of every row: Σ over its terms p r of |p| · error of r + |r| · error of p, and the roundings of the Σ itself."""
    unit = ORDERS * UNIT[dtype]
    errors: dict[str, float] = {}
    for row in sweep.rows:
        total, error = 0.0, 0.0
        for operation, argument, rate in row.terms:
            p, r = trace.named[operation].partials[argument].value, sweep.values[rate]
            of_p, of_r = local[operation, argument], errors[rate]
            total += p * r
            error += abs(p) * of_r + abs(r) * of_p + of_p * of_r
            if not {abs(p), abs(r)} & {0.0, 1.0}:
                error += unit * abs(p * r) + SMALLEST
            if len(row.terms) > 1:
                error += unit * abs(total)
        errors[row.node] = error
    return errors


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


def running_errors(
    outputs: Sequence[Node],
    point: Mapping[str, float],
    dtype: str = "float64",
    brought: Mapping[str, float] | None = None,
) -> list[float]:
    """A bound of the absolute error of every output, to first order; infinite where a slope that it takes is.

    `brought`: errors that variables have, by name; the others that of their own rounding.
    """
    order = below(outputs)
    values = evaluate_nodes(order, point, MachineDomain())
    unit = UNIT[dtype]
    errors: dict[int, float] = {}
    for node in order:
        if node.function == VARIABLE:
            own = 0.0 if dtype == "float64" else unit * abs(values[node.index])
            errors[node.index] = (brought or {}).get(node.value, own)
        elif node.function == NUMBER:
            errors[node.index] = _of_number(node, unit, dtype)
        else:
            errors[node.index] = _carried(node, values, errors) + _own(node, values[node.index], unit)
    return [errors[output.index] for output in outputs]


def _of_number(node: Node, unit: float, dtype: str) -> float:
    exact = Fraction(int(node.value.numerator), int(node.value.denominator))
    nearest = float(exact)
    if dtype == "float64" and Fraction(nearest) == exact:
        return 0.0
    return unit * abs(nearest) + SMALLEST  # the last for a number so small that it becomes 0


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

"""Traces beside torch: agreement node by node, faults that are found where they are planted, drawings."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from residua_bridge.experiments.trace_faults import altered
from residua_bridge.experiments.traced_example import rounds_to
from residua_bridge.graph_drawing import draw_graph_files
from residua_bridge.trace_drawing import drawing_of
from residua_bridge.trace_match import matched
from residua_bridge.verdict import Verdict
from residua_network import Activation, Linear, Network, Operation
from residua_symbolic.trace import Trace, trace

SURVEY = "log(x1) + x1*x2 - sin(x2)"
EVERYTHING = (
    "x**y + tan(x)*sqrt(x+y) + erf(x) - atan(x*y)/cosh(y) + sinh(x) + softplus(x) + sigmoid(x) + relu(x)*abs(y)"
    " + tanh(y) + x**3 + 2**y + cos(x) + exp(y) + x/3 + step(x) + sign(y) + pi"
)


@pytest.fixture(scope="module")
def survey() -> Trace:
    return trace(SURVEY, {"x1": 2, "x2": 5})


@pytest.mark.parametrize("point", [(1.5, 0.75), (0.01, 3.0), (7.0, 1e-3)])
def test_every_function_agrees_within_its_bound(point: tuple[float, float]) -> None:
    t = trace(EVERYTHING, dict(zip("xy", point, strict=True)))
    found = matched(t)
    assert found.suspects == ()
    assert found.discrepancy.verdict is Verdict.AGREE
    assert found.nodes[0] == found.nodes[1]


def test_bounds_are_of_the_size_of_rounding() -> None:
    found = matched(trace(EVERYTHING, {"x": 1.5, "y": 0.75}))
    assert max(row.bound for row in found.rows) < 1e-12 * max(abs(row.predicted) for row in found.rows)


def test_autograd_s_node_stands_for_each_operation(survey: Trace) -> None:
    found = matched(survey)
    assert [found.functions[node.name] for node in survey.operations] == [
        *("LogBackward0", "MulBackward0", "AddBackward0", "SinBackward0", "SubBackward0")
    ]
    assert found.table("t").rows[0][1] == "AccumulateGrad"


@pytest.mark.parametrize(
    ("operation", "suspect"),
    [
        (Operation("v4", "cos", ("x2",)), "v4"),
        (Operation("v5", "add", ("v3", "v4")), "v5"),
        (Operation("v2", "mul", ("x1", Fraction(5))), "x2"),  # a constant for x2: right value, wrong derivative
        (Operation("v2", "mul", ("x1", Fraction(5 * 2**40 + 1, 2**40))), "v2"),
    ],
)
def test_a_planted_fault_is_found(survey: Trace, operation: Operation, suspect: str) -> None:
    found = matched(survey, program=altered(survey.program, operation))
    assert found.discrepancy.verdict is Verdict.DIFFER
    assert not found.discrepancy.explained
    assert suspect in found.suspects


def test_a_wrong_number_in_the_trace_is_found(survey: Trace) -> None:
    nodes = tuple(replace(n, value=n.value * (1 + 1e-13)) if n.name == "v4" else n for n in survey.nodes)
    assert matched(replace(survey, nodes=nodes)).suspects == ("v4",)


def test_a_vector_function_output_by_output() -> None:
    t = trace(("x*y", "sin(x) + x"), {"x": 0.5, "y": 3})
    found = [matched(t, k) for k in range(2)]
    assert [one.discrepancy.verdict for one in found] == [Verdict.AGREE] * 2
    assert found[0].nodes == (3, 3)
    assert found[1].nodes == (3, 3)


def test_drawings_are_drawn(survey: Trace, tmp_path: Path) -> None:
    drawing = drawing_of(survey, "survey", "A graph")
    assert {node.name: node.kind for node in drawing.nodes}["v5"] == "output"
    assert ("x1", "v1", r"$\frac{1}{x_{1}}$") in drawing.edges
    assert all(path.stat().st_size for path in draw_graph_files(drawing, tmp_path))


def test_a_large_drawing_leaves_labels_of_edges_out() -> None:
    net = Network((Linear(3, 4), Activation("tanh"), Linear(4, 1)))
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=shape) for name, shape in net.parameter_shapes().items()}
    drawing = drawing_of(trace(net, [1.0, 2.0, 3.0], weights=weights), "net", "A net")
    assert {label for _, _, label in drawing.edges} == {""}


def test_printed_digits() -> None:
    assert rounds_to(0.6931, "0.693")
    assert not rounds_to(0.6936, "0.693")
    assert rounds_to(-0.0, "0")
    assert not rounds_to(0.25, "0.24")

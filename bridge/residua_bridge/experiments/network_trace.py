"""A trained network traced scalar by scalar, and the δ-recursion found in its adjoints."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.grids import exactly, table_of
from residua_bridge.experiments.traced_example import BOUNDS, of_torch, proved_of
from residua_bridge.experiments.trained_small import NETWORK, moons, trained
from residua_bridge.findings import Cell, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_bridge.trace_drawing import drawing_of
from residua_bridge.trace_match import SIDES, matched
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement, Task, weights_of
from residua_numeric.autodiff import parameter_gradient
from residua_symbolic import Prediction
from residua_symbolic.backpropagation import backward
from residua_symbolic.domains.rounded import UNIT
from residua_symbolic.expressions.calculus import adjoints
from residua_symbolic.expressions.evaluation import vanishes
from residua_symbolic.expressions.graph import Node
from residua_symbolic.expressions.networks import network_graph
from residua_symbolic.printing import latex
from residua_symbolic.trace import Trace, trace
from residua_symbolic.trace_rounding import Bounds, rounding_bounds

POINT = 0  # of the training data
LAYERS = (0, 2)  # the linear layers of NETWORK, whose outputs are the z of its two layers
OWN = 4  # roundings of a term: the difference from the target, the mean, the product, the sum


@dataclass(frozen=True)
class NetworkTrace:
    """All nodes of the trained 2-3-2 network at one training point: tables, drawing, torch, for either output."""

    name: str
    title: str
    prose: tuple[str, ...]

    def run(self, settings: Settings) -> Finding:
        """Train, trace, prove, match."""
        model, share = trained()
        t = trace(NETWORK, moons().x[POINT], weights=weights_of(model))
        proved = t.check()
        found = [matched(t, k) for k in range(2)]
        drawing = drawing_of(
            t, self.name, "A trained 2-3-2 network, scalar by scalar", f"{len(t.operations)} operations."
        )
        trained_words = (
            f"After training {100 * share:.4g} % of the points lie on the right side. The trace has "
            f"{len(t.operations)} operations in {len(t.inputs)} inputs: two coordinates and {len(t.inputs) - 2} "
            "parameters. Printed are the tables of forward mode for one input and of reverse mode for one output; "
            "proved and compared are all of them."
        )
        section = Section(
            self.title,
            (*self.prose, trained_words, proved_of(proved), *map(of_torch, found)),
            tables=(
                table_of("Nodes", t.grid()),
                table_of(t.forward("x1").title, t.forward("x1").grid()),
                table_of(t.reverse().title, t.reverse().grid()),
                found[0].table("Node by node in torch, output 1", BOUNDS),
            ),
            drawings=(drawing,),
            verdicts=tuple(
                as_text(one.discrepancy, f"Trace of the trained network and torch's, output {k + 1}", "agree")
                for k, one in enumerate(found)
            ),
        )
        return Finding(section, tuple(one.discrepancy for one in found))


@dataclass(frozen=True)
class DeltasAsAdjoints:
    """The δ-recursion and the reverse sweep of the same network: as graphs for all weights, then as numbers."""

    title: str
    prose: tuple[str, ...]

    def run(self, settings: Settings) -> Finding:
        """Prove as graphs, then compare at the trained weights, and with torch."""
        same, total = as_graphs()
        identical = exactly("derivatives that are the same for all values", [total], [same])
        rows, discrepancy = _numbers()
        words = (
            "As graphs, with every weight, input and $\\partial C/\\partial a_k$ a variable: of the "
            f"{total} differences δ − adjoint (the units of both layers, all weights and biases) {same} vanish "
            "identically, as random points of a field of 2^61 − 1 elements show. The reverse sweep is told nothing "
            "about layers; where a graph is made of layers, it does what the recursion says."
        )
        columns = ("node", "z", "adjoint in the trace", "δ by the recursion", "∂C/∂b in torch")
        caption = (
            "C is half the squared distance of the outputs from the target, at one training point. Adjoint: "
            "Σ_k ∂C/∂a_k times the adjoint of output k in the tables above."
        )
        section = Section(
            self.title,
            (*self.prose, words),
            tables=(Table("δ of every unit", columns, rows, caption),),
            verdicts=(
                as_text(identical, "δ by the recursion and by reverse mode, identical as graphs", "agree"),
                as_text(discrepancy, "δ by the recursion, adjoints of the trace, and torch's gradients", "agree"),
            ),
        )
        return Finding(section, (identical, discrepancy))


def as_graphs() -> tuple[int, int]:
    """How many of the differences between recursion and reverse sweep vanish for all values, and how many there are."""
    described = network_graph(NETWORK)
    graph, weights = described.graph, described.parameters

    def slope(z: Any) -> Any:
        y = np.frompyfunc(lambda one: graph.function("sigmoid", one), 1, 1)(z)
        return y * (1 - y)

    costs = np.array([graph.variable(f"c{k + 1}") for k in range(NETWORK.outputs)], dtype=object)
    found = backward(
        [weights[f"{at}.weight"] for at in LAYERS],
        [weights[f"{at}.bias"] for at in LAYERS],
        described.inputs[0],
        lambda outputs: costs,
        lambda z: np.frompyfunc(lambda one: graph.function("sigmoid", one), 1, 1)(z),
        slope,
    )
    pairs: list[tuple[Node, Node]] = []
    outputs, seeds = described.outputs.ravel().tolist(), costs.tolist()
    for at, delta, by_weight, by_bias in zip(LAYERS, found.deltas, found.weights, found.biases, strict=True):
        for recursion, nodes in (
            (delta, described.after[at]),
            (by_weight, weights[f"{at}.weight"]),
            (by_bias, weights[f"{at}.bias"]),
        ):
            swept = adjoints(outputs, seeds, np.ravel(nodes).tolist())
            pairs += zip(np.ravel(recursion).tolist(), swept, strict=True)
    return sum(vanishes(a - b) for a, b in pairs), len(pairs)


def _numbers() -> tuple[tuple[tuple[Cell, ...], ...], Discrepancy]:
    """The δ of every unit by recursion, in the trace and in torch."""
    model, _ = trained()
    weights, task = weights_of(model), moons()
    x, target = task.x[POINT], task.y[POINT]
    t = trace(NETWORK, x, weights=weights)
    outputs = np.array(t.value)
    costs = outputs - target  # of half the squared distance; torch's loss is the mean over two outputs, the same
    recursion = backward(
        [weights[f"{at}.weight"] for at in LAYERS],
        [weights[f"{at}.bias"] for at in LAYERS],
        x,
        lambda a: costs,
        lambda z: 1 / (1 + np.exp(-z)),
        lambda z: 1 / (1 + np.exp(-z)) * (1 - 1 / (1 + np.exp(-z))),
    )
    gradient = parameter_gradient(model, Task.data("one point", x[None], target[None]))
    sweeps = [t.reverse(k).values for k in range(len(outputs))]
    bounds = [rounding_bounds(t, k) for k in range(len(outputs))]
    rows: list[tuple[Cell, ...]] = []
    predicted, measured, error = [], [], []
    for at, deltas in zip(LAYERS, recursion.deltas, strict=True):
        for unit, delta in enumerate(deltas.tolist()):
            node = weighted_sum(t, f"{at}.bias[{unit}]")
            swept = sum(cost * sweep[node] for cost, sweep in zip(costs.tolist(), sweeps, strict=True))
            there = float(gradient[f"{at}.bias"][unit])
            rows.append((f"${latex(t.symbols[node])}$", t.named[node].value, swept, delta, there))
            predicted += [swept, swept]
            measured += [delta, there]
            terms = zip(costs.tolist(), sweeps, bounds, t.outputs, strict=True)
            error += [sum(_rounding(cost, sweep[node], b, node, str(y)) for cost, sweep, b, y in terms)] * 2
    return tuple(rows), _judged(predicted, measured, error)


def _rounding(cost: float, adjoint: float, bounds: Bounds, node: str, output: str) -> float:
    """Of one term ∂C/∂a · adjoint, to first order: what each factor brings, and four roundings of its own."""
    unit = UNIT["float64"]
    brought = abs(cost) * bounds.adjoints[node] + abs(adjoint) * bounds.values[output]
    return brought + OWN * unit * abs(cost * adjoint)


def weighted_sum(t: Trace, bias: str) -> str:
    """The node to which this bias is added: z of its unit."""
    (node,) = [node.name for node in t.operations if bias in node.arguments]
    return node


def _judged(predicted: list[float], measured: list[float], error: list[float]) -> Discrepancy:
    values, bars = (np.array(column)[:, None] for column in (predicted, error))
    scope: dict[str, str | int] = {"units": len(predicted) // 2, "dtype": "float64"}
    prediction = Prediction("errors δ of all units", values, SIDES * bars, scope, float(abs(values).max()))
    return compare(prediction, Measurement(prediction.quantity, np.array(measured)[:, None], "float64", None, {}))

"""A trained network traced scalar by scalar, and the δ-recursion found in its adjoints."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from torch import nn

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
from residua_network import Activation, Linear, Network
from residua_numeric import Measurement, Task, build, weights_of
from residua_numeric.autodiff import parameter_gradient
from residua_symbolic import Prediction
from residua_symbolic.backpropagation import backward
from residua_symbolic.domains.rounded import UNIT
from residua_symbolic.expressions.calculus import adjoints
from residua_symbolic.expressions.evaluation import vanishes
from residua_symbolic.expressions.graph import Graph, Node
from residua_symbolic.expressions.networks import network_graph
from residua_symbolic.printing import latex
from residua_symbolic.trace import Trace, trace
from residua_symbolic.trace_rounding import Bounds, rounding_bounds

POINT = 0  # of the training data
LEFT_OUT = "Nodes that do not depend on the input are left out."
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
                table_of(t.forward("x1").title, t.forward("x1").grid(whole=False), LEFT_OUT),
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
    """The δ-recursion and the reverse sweep of the same networks: as graphs for all weights, then as numbers."""

    title: str
    prose: tuple[str, ...]

    def run(self, settings: Settings) -> Finding:
        """Prove as graphs, then compare at the trained weights and at random ones, and with torch."""
        counts = [as_graphs(net) for net in settings.track(NETS, self.title)]
        same, total = (sum(column) for column in zip(*counts, strict=True))
        identical = exactly(
            "derivatives that are the same for all values", [n for _, n in counts], [k for k, _ in counts]
        )
        model, _ = trained()
        rows, discrepancy = _numbers(model, NETWORK, moons().x[POINT], moons().y[POINT])
        others = [_at_random(net) for net in NETS if net is not NETWORK]
        words = (
            "As graphs, with every weight, input and $\\partial C/\\partial a_k$ a variable: of the "
            f"{total} differences δ − adjoint (units of all layers, weights and biases of {len(NETS)} networks) {same} "
            "vanish identically, as random points of a field of $2^{61} - 1$ elements show. Both sides know "
            "$\\varphi'$ by the same "
            "rules, so this is about the order of products and sums: the reverse sweep is told nothing about layers, "
            "and where a graph is made of layers, it does what the recursion says. That the numbers are right is "
            "told by torch, which has rules of its own: for the trained network and for the others with random weights."
        )
        columns = ("node", "z", "adjoint in the trace", "δ by the recursion", "∂C/∂b in torch")
        caption = (
            "C is half the squared distance of the outputs from the target, at one training point. Adjoint: "
            "$\\sum_k \\partial C/\\partial a_k$ times the adjoint of output k in the tables above."
        )
        shapes = tuple((*described_as(net), *found) for net, found in zip(NETS, counts, strict=True))
        section = Section(
            self.title,
            (*self.prose, words),
            tables=(
                Table(IDENTITIES, ("widths", "activation", "identical", "of"), shapes),
                Table("δ of every unit of the trained network", columns, rows, caption),
            ),
            verdicts=(
                as_text(identical, "δ by the recursion and by reverse mode, identical as graphs", "agree"),
                *(
                    as_text(one, f"δ by the recursion, adjoints of the trace, and torch's gradients: {name}", "agree")
                    for name, one in (("trained", discrepancy), *others)
                ),
            ),
        )
        return Finding(section, (identical, discrepancy, *(one for _, one in others)))


def perceptron(widths: tuple[int, ...], name: str) -> Network:
    """Linear layers, each with the activation behind it."""
    return Network(tuple(layer for a, b in pairwise(widths) for layer in (Linear(a, b), Activation(name))))


def described_as(net: Network) -> tuple[str, str]:
    """Widths and activation of such a network."""
    linear = [layer for layer in net.layers if isinstance(layer, Linear)]
    (name,) = {layer.name for layer in net.layers if isinstance(layer, Activation)}
    return "-".join(map(str, (linear[0].inputs, *(layer.outputs for layer in linear)))), name


IDENTITIES = "Networks in which the recursion is the reverse sweep"
NETS = (  # 1, 2 or 4 outputs: torch's mean of squares then has slopes that are exact multiples of the distances
    NETWORK,
    perceptron((3, 4, 1), "tanh"),
    perceptron((2, 2, 2, 2), "softplus"),
    perceptron((1, 5, 3, 4), "sin"),
)


class Slope(NamedTuple):
    """φ and φ′ in numpy, and φ′ as a node from z and y = φ(z)."""

    value: Callable[[Any], Any]
    slope: Callable[[Any], Any]
    node: Callable[[Graph, Node, Node], Node]


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


SLOPES = {
    "sigmoid": Slope(_sigmoid, lambda z: _sigmoid(z) * (1 - _sigmoid(z)), lambda g, z, y: y * (1 - y)),
    "tanh": Slope(np.tanh, lambda z: 1 - np.tanh(z) ** 2, lambda g, z, y: 1 - y * y),
    "softplus": Slope(lambda z: np.log1p(np.exp(z)), _sigmoid, lambda g, z, y: g.function("sigmoid", z)),
    "sin": Slope(np.sin, np.cos, lambda g, z, y: g.function("cos", z)),
}


def linear_layers(net: Network) -> tuple[int, ...]:
    """Places of the linear layers, whose outputs are the z of its layers."""
    return tuple(at for at, layer in enumerate(net.layers) if isinstance(layer, Linear))


def as_graphs(net: Network = NETWORK) -> tuple[int, int]:
    """How many of the differences between recursion and reverse sweep vanish for all values, and how many there are."""
    described, layers = network_graph(net), linear_layers(net)
    graph, weights = described.graph, described.parameters
    name = described_as(net)[1]

    def activation(z: Any) -> Any:
        return np.frompyfunc(lambda one: graph.function(name, one), 1, 1)(z)

    def slope(z: Any) -> Any:
        return np.frompyfunc(lambda one, y: SLOPES[name].node(graph, one, y), 2, 1)(z, activation(z))

    costs = np.array([graph.variable(f"c{k + 1}") for k in range(net.outputs)], dtype=object)
    found = backward(
        [weights[f"{at}.weight"] for at in layers],
        [weights[f"{at}.bias"] for at in layers],
        described.inputs[0],
        lambda outputs: costs,
        activation,
        slope,
    )
    pairs: list[tuple[Node, Node]] = []
    outputs, seeds = described.outputs.ravel().tolist(), costs.tolist()
    for at, delta, by_weight, by_bias in zip(layers, found.deltas, found.weights, found.biases, strict=True):
        for recursion, nodes in (
            (delta, described.after[at]),
            (by_weight, weights[f"{at}.weight"]),
            (by_bias, weights[f"{at}.bias"]),
        ):
            swept = adjoints(outputs, seeds, np.ravel(nodes).tolist())
            pairs += zip(np.ravel(recursion).tolist(), swept, strict=True)
    return sum(vanishes(a - b) for a, b in pairs), len(pairs)


def _at_random(net: Network) -> tuple[str, Discrepancy]:
    """The same comparison in numbers, at random weights, inputs and targets."""
    rng = np.random.default_rng(0)
    found = _numbers(build(net, seed=0), net, rng.normal(size=net.inputs), rng.normal(size=net.outputs))
    return " ".join(described_as(net)), found[1]


def _numbers(model: nn.Module, net: Network, x: Any, target: Any) -> tuple[tuple[tuple[Cell, ...], ...], Discrepancy]:
    """The δ of every unit by recursion, in the trace and in torch."""
    weights, layers, phi = weights_of(model), linear_layers(net), SLOPES[described_as(net)[1]]
    t = trace(net, x, weights=weights)
    outputs = np.array(t.value, ndmin=1)
    costs = 2 / net.outputs * (outputs - target)  # torch's loss is the mean of the squared distances
    recursion = backward(
        [weights[f"{at}.weight"] for at in layers],
        [weights[f"{at}.bias"] for at in layers],
        x,
        lambda a: costs,
        phi.value,
        phi.slope,
    )
    gradient = parameter_gradient(model, Task.data("one point", x[None], target[None]))
    sweeps = [t.reverse(k).values for k in range(len(outputs))]
    bounds = [rounding_bounds(t, k) for k in range(len(outputs))]
    rows: list[tuple[Cell, ...]] = []
    predicted, measured, error = [], [], []
    for at, deltas in zip(layers, recursion.deltas, strict=True):
        for unit, delta in enumerate(deltas.tolist()):
            node = weighted_sum(t, f"{at}.bias[{unit}]")
            swept = sum(cost * sweep[node] for cost, sweep in zip(costs.tolist(), sweeps, strict=True))
            there = float(gradient[f"{at}.bias"][unit])
            rows.append((f"${latex(t.symbols[node])}$", t.named[node].value, swept, delta, there))
            predicted += [swept, swept]
            measured += [delta, there]
            terms = zip(costs.tolist(), sweeps, bounds, t.outputs, strict=True)
            steep = 2 / net.outputs
            error += [sum(_rounding(cost, sweep[node], b, node, str(y), steep) for cost, sweep, b, y in terms)] * 2
    return tuple(rows), _judged(predicted, measured, error)


def _rounding(cost: float, adjoint: float, bounds: Bounds, node: str, output: str, steep: float) -> float:
    """Of one term ∂C/∂a · adjoint, to first order: what each factor brings, and four roundings of its own.

    `steep`: by how much ∂C/∂a moves with a.
    """
    unit = UNIT["float64"]
    brought = abs(cost) * bounds.adjoints[node] + abs(adjoint) * steep * bounds.values[output]
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

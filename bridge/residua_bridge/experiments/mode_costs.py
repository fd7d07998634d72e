"""What a Jacobian costs by either mode: passes, operations and flops predicted and counted, times measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch.utils.flop_counter import FlopCounterMode

from residua_bridge.experiments.grids import exactly
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_network import ARITY, Activation, Linear, Network
from residua_numeric import build
from residua_numeric.autodiff import Derivative, forward_jacobian, reverse_jacobian
from residua_numeric.cost import seconds
from residua_symbolic.expressions.calculus import adjoints, partials, tangents
from residua_symbolic.expressions.graph import NUMBER, VARIABLE, Graph, Node, below
from residua_symbolic.expressions.networks import network_graph

HIDDEN = 32
FORWARD, LEAST = 3, 2  # products of a forward pass: as torch does it, and as it could
NEAR = 1.5  # a ratio of times within this factor of 1 says little on a machine that does other things, too
REPETITIONS = 3
GRADIENTS, CHAINS = "Operations of gradients", "Operations of chains"  # tables
CHAINED, LENGTH = ("add", "mul", "exp", "sin", "tanh", "sigmoid", "log", "atan", "erf", "div", "pow"), 40


def net_of(inputs: int, outputs: int) -> Network:
    """A tanh network with one hidden layer."""
    return Network((Linear(inputs, HIDDEN), Activation("tanh"), Linear(HIDDEN, outputs)))


def products(net: Network) -> int:
    """Flops of the matrix products of one evaluation at one point: 2 Σ n_i n_{i+1}."""
    return sum(2 * layer.inputs * layer.outputs for layer in net.layers if isinstance(layer, Linear))


class Cost(NamedTuple):
    """Of a Jacobian by one mode."""

    passes: int
    flops: int


def predicted(net: Network) -> tuple[Cost, Cost]:
    """Forward and reverse mode.

    A forward pass of torch does three products a layer: of values, of tangents with weights, and of values with the
    tangents of the weights, which are zero and multiplied all the same. Reverse mode evaluates once, and every pass
    back is one transposed product a layer.
    """
    once = products(net)
    return Cost(net.inputs, FORWARD * net.inputs * once), Cost(net.outputs, (1 + net.outputs) * once)


def counted(mode: Callable[..., Derivative], model: object, x: object) -> Cost:
    """By torch."""
    with FlopCounterMode(display=False) as counter:
        found = mode(model, x)
    return Cost(found.passes, counter.get_total_flops())


@dataclass(frozen=True)
class ModeLadder:
    """Full Jacobians of n inputs and m outputs by both modes."""

    title: str
    prose: tuple[str, ...]
    sizes: By

    def run(self, settings: Settings) -> Finding:
        """Every pair of sizes."""
        sizes: Sequence[int] = self.sizes.of(settings.profile)
        cells = [(n, m) for n in sizes for m in sizes]
        found = [_cell(n, m) for n, m in settings.track(cells, self.title)]
        right = [c for c in found if c.clear and c.faster == c.predicted_faster]
        clear = [c for c in found if c.clear]
        words = (
            f"By flops forward mode wins where {FORWARD} n < m + 1; the factor {FORWARD} would be {LEAST} if torch did "
            "not multiply by the tangents of the weights, which are zero. The outputs must clearly outnumber the "
            f"inputs. By time one mode is faster than the other by more than a factor of {NEAR:g} in {len(clear)} of "
            f"{len(found)} cells; in {len(right)} of these it is the one that the flops name. {_scalar_words(found)}"
        )
        discrepancies = (
            exactly("passes", *_sides(found, "passes"), hidden=HIDDEN),
            exactly("flops of matrix products", *_sides(found, "flops"), hidden=HIDDEN),
        )
        statements = (
            "Passes: one an input in forward mode, one an output in reverse mode",
            f"Flops of both modes in torch: {FORWARD} n F and (m + 1) F, F those of one evaluation",
        )
        verdicts = tuple(as_text(d, s, "agree") for d, s in zip(discrepancies, statements, strict=True))
        section = Section(
            self.title, (*self.prose, words), tables=(_table(found),), figures=_figures(found, sizes), verdicts=verdicts
        )
        return Finding(section, discrepancies)


class _Cell(NamedTuple):
    inputs: int
    outputs: int
    forward: tuple[Cost, Cost]
    reverse: tuple[Cost, Cost]
    times: tuple[float, float]
    largest_difference: float

    @property
    def ratio(self) -> float:
        """Forward over reverse, in time."""
        return self.times[0] / self.times[1]

    @property
    def clear(self) -> bool:
        """Whether the times tell which one is faster."""
        return not 1 / NEAR <= self.ratio <= NEAR

    @property
    def faster(self) -> str:
        """By the clock."""
        return "forward" if self.ratio < 1 else "reverse"

    @property
    def predicted_faster(self) -> str:
        """By the flops."""
        return "forward" if self.forward[0].flops < self.reverse[0].flops else "reverse"


def _cell(inputs: int, outputs: int) -> _Cell:
    net = net_of(inputs, outputs)
    model = build(net, seed=0)
    x = np.random.default_rng(0).normal(size=(1, inputs))
    modes = forward_jacobian, reverse_jacobian
    sides = [(before, counted(mode, model, x)) for before, mode in zip(predicted(net), modes, strict=True)]
    times = [seconds(lambda mode=mode: mode(model, x), REPETITIONS) for mode in modes]  # type: ignore[misc]
    values = [mode(model, x).values for mode in modes]
    return _Cell(inputs, outputs, sides[0], sides[1], (times[0], times[1]), float(abs(values[0] - values[1]).max()))


def _sides(found: Sequence[_Cell], what: str) -> tuple[list[int], list[int]]:
    pairs = [pair for c in found for pair in (c.forward, c.reverse)]
    return [getattr(p, what) for p, _ in pairs], [getattr(q, what) for _, q in pairs]


def _scalar_words(found: Sequence[_Cell]) -> str:
    """What a scalar output, as a loss has it, makes of the number of inputs."""
    scalar = sorted((c for c in found if c.outputs == 1), key=lambda c: c.inputs)
    first, last = scalar[0], scalar[-1]
    return (
        f"For one output reverse mode takes {last.reverse[1].passes} pass whatever the number of inputs: from "
        f"{first.inputs} to {last.inputs} inputs its time grows {last.times[1] / first.times[1]:.2g}-fold, that of "
        f"forward mode {last.times[0] / first.times[0]:.2g}-fold."
    )


def _table(found: Sequence[_Cell]) -> Table:
    columns = (
        "n inputs",
        "m outputs",
        "passes forward",
        "reverse",
        "flops forward",
        "reverse",
        "by flops",
        "ms forward",
    )
    rows: list[tuple[Cell, ...]] = [
        (
            *(c.inputs, c.outputs, c.forward[1].passes, c.reverse[1].passes, c.forward[1].flops, c.reverse[1].flops),
            *(c.predicted_faster, 1e3 * c.times[0], 1e3 * c.times[1], c.faster if c.clear else "about equal"),
            c.largest_difference,
        )
        for c in found
    ]
    caption = (
        f"Linear(n, {HIDDEN}), tanh, Linear({HIDDEN}, m), one point, float64, one thread. Flops counted by torch; "
        f"times are medians of processor time. About equal: within a factor of {NEAR:g}. Last column: largest "
        "difference between the two Jacobians."
    )
    return Table(
        "Jacobians by both modes", (*columns, "reverse", "by the clock", "forward − reverse"), tuple(rows), caption
    )


def _figures(found: Sequence[_Cell], sizes: Sequence[int]) -> tuple[Figure, Figure]:
    def curves(measured: Callable[[_Cell], float]) -> tuple[Curve, ...]:
        made: list[Curve] = []
        for m in sizes:
            mine = sorted((c for c in found if c.outputs == m), key=lambda c: c.inputs)
            n = tuple(float(c.inputs) for c in mine)
            flops = tuple(c.forward[0].flops / c.reverse[0].flops for c in mine)
            made.append(Curve(f"m = {m}", "predicted", n, flops))
            made.append(Curve(f"m = {m}", "measured", n, tuple(map(measured, mine))))
        return tuple(made)

    shared = f"Lines: ${FORWARD} n / (m + 1)$. Above 1 reverse mode is the cheaper one."
    return (
        Figure(
            "mode-flops",
            "Flops of forward over reverse mode",
            "inputs n",
            "flops, forward / reverse",
            curves(lambda c: c.forward[1].flops / c.reverse[1].flops),
            *("log", "log", f"{shared} Points: torch's count."),
        ),
        Figure(
            "mode-times",
            "Time of forward over reverse mode",
            "inputs n",
            "time, forward / reverse",
            curves(lambda c: c.ratio),
            *("log", "log", f"{shared} Points: processor time; what a pass costs besides its products moves them."),
        ),
    )


@dataclass(frozen=True)
class OperationCounts:
    """Operations of scalar functions of n inputs and of their whole gradient by both modes, on the expression graph."""

    title: str
    prose: tuple[str, ...]
    sizes: By

    def run(self, settings: Settings) -> Finding:
        """Count, for every function and size."""
        sizes: Sequence[int] = self.sizes.of(settings.profile)
        cases = [(name, make, n) for name, make in FUNCTIONS.items() for n in sizes]
        found = {(name, n): gradient_operations(make(n)) for name, make, n in settings.track(cases, self.title)}
        rows = tuple(
            (name, n, c.function, c.reverse, c.reverse / c.function, c.bound, c.forward, c.forward / c.function)
            for (name, n), c in found.items()
        )
        held = sum(c.reverse <= c.bound * c.function for c in found.values())
        largest = max(c.reverse / c.function for c in found.values())
        words = (
            f"The bound holds in {held} of {len(found)} cases; in these families reverse mode takes at most "
            f"{largest:.3g} times the operations of the function, for any number of inputs. Forward mode takes a "
            "sweep for each "
            "input; where an input reaches only a few operations, as in the last function, the graph leaves out the "
            "rest, and forward mode is not much dearer. torch's passes carry everything."
        )
        columns = (
            "function",
            "n",
            "operations",
            "reverse",
            "reverse / function",
            "bound",
            "forward",
            "forward / function",
        )
        caption = (
            "Distinct operations beyond those of the function itself, for all n derivatives; every forward sweep "
            "counts by itself, what is zero throughout is left out. Bound: the largest c + 2k among the kinds that "
            "occur, where c operations give the derivatives of one by its k arguments."
        )
        curves = [
            Curve(f"{name}, {mode}", "other", *_against(found, name, sizes, mode))
            for name in FUNCTIONS
            for mode in ("forward", "reverse")
        ]
        figure = Figure(
            "mode-operations",
            "Operations of a gradient over those of the function",
            "inputs n",
            "operations, gradient / function",
            tuple(curves),
            *("log", "log", "A gradient by n forward sweeps, and by one reverse sweep."),
        )
        section = Section(
            self.title,
            (*self.prose, words),
            tables=(Table(GRADIENTS, columns, rows, caption), _chains()),
            figures=(figure,),
        )
        return Finding(section)


def _chains() -> Table:
    """One kind of operation alone, many times over: where a bound is reached, if anywhere."""
    rows: list[tuple[Cell, ...]] = []
    for name in CHAINED:
        y = chain_of(name, LENGTH)
        found, arguments = gradient_operations(y), ARITY[name]
        rows.append(
            (
                *(name, found.function, found.reverse, found.reverse / found.function),
                *(found.bound - 2 * arguments, arguments, found.bound),
            )
        )
    columns = ("operation", "operations", "reverse", "reverse / function", "c", "k", "bound c + 2k")
    caption = (
        f"{LENGTH} operations of one kind, each of the one before and, if it has two arguments, of its own input. "
        "c: operations that give its derivatives, those of numbers such as 2/√π included."
    )
    return Table(CHAINS, columns, tuple(rows), caption)


def chain_of(function: str, length: int) -> Node:
    """f(f(f(x))), or of two arguments f(x_3, f(x_2, f(x_1, x_0)))."""
    graph = Graph()
    y = graph.variable("x0")
    for k in range(length):
        y = graph.apply(function, *(graph.variable(f"x{k + 1}") for _ in range(ARITY[function] - 1)), y)
    return y


class Operations(NamedTuple):
    """Of a function; further ones for its gradient, by one reverse sweep and by n forward sweeps; and the bound."""

    function: int
    reverse: int
    forward: int
    bound: int


def gradient_operations(y: Node) -> Operations:
    """Counted on the expression graph, each operation once in every sweep."""
    order = below([y])
    inputs = [node for node in order if node.function == VARIABLE]
    own = {node.index for node in order if node.arguments}
    reverse = _beyond(adjoints([y], [y.graph.one], inputs), own)
    forward = sum(_beyond(tangents([y], {x: x.graph.one}), own) for x in inputs)
    return Operations(len(own), reverse, forward, max(share_of(node) for node in order if node.arguments))


def _beyond(nodes: Sequence[Node], own: set[int]) -> int:
    return sum(bool(node.arguments) and node.index not in own for node in below(nodes))


def share_of(node: Node) -> int:
    """What a reverse sweep adds for one operation at most: its derivatives, a product and a sum an argument."""
    alone = Graph()
    arguments = [
        alone.number(a.value) if a.function == NUMBER else alone.variable(f"a{k}") for k, a in enumerate(node.arguments)
    ]
    made = alone.apply(node.function, *arguments)
    moving = [a.function == VARIABLE for a in arguments]
    slopes = partials(made, moving)
    return _beyond(slopes, {made.index}) + 2 * sum(moving)


def product_of(n: int) -> Node:
    """x_1 x_2 ⋯ x_n, factor by factor: Speelpenning's example."""
    graph = Graph()
    x = [graph.variable(f"x{k + 1}") for k in range(n)]
    whole = x[0]
    for factor in x[1:]:
        whole = whole * factor
    return graph.function("sin", whole)  # one operation at least, where n = 1


def network_of(n: int) -> Node:
    """One output of a tanh network of n inputs and three hidden units, its weights numbers."""
    net = Network((Linear(n, 3), Activation("tanh"), Linear(3, 1)))
    rng = np.random.default_rng(n)
    weights = {name: rng.normal(size=shape) for name, shape in net.parameter_shapes().items()}
    output: Node = network_graph(net, weights=weights).outputs.item()
    return output


def distances_of(n: int) -> Node:
    """log of a sum of squares, with a sine between neighbours."""
    graph = Graph()
    x = [graph.variable(f"x{k + 1}") for k in range(n)]
    total = graph.one
    for here, following in zip(x, [*x[1:], x[0]], strict=True):
        total = total + here * here + graph.function("sin", here * following)
    return graph.function("log", total)


FUNCTIONS: dict[str, Callable[[int], Node]] = {
    "sin of a product": product_of,
    "tanh network": network_of,
    "log of a sum": distances_of,
}


def _against(
    found: dict[tuple[str, int], Operations], name: str, sizes: Sequence[int], mode: str
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    mine = [found[name, n] for n in sizes]
    return tuple(map(float, sizes)), tuple(getattr(c, mode) / c.function for c in mine)

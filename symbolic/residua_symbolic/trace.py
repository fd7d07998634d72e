"""The evaluation trace of a function, operation by operation, and its derivatives by forward and reverse mode.

Griewank and Walther 2008, chapters 2 and 3; the tables are those of Baydin et al. 2018 (arXiv:1502.05767) and of
document 004, written out. Local derivatives come from `calculus.partials`, so that no rule is stated a second time.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal, NamedTuple

import sympy as sp

from residua_network import Network, Operation, Program, ResiduaError
from residua_network.checks import one_of, unknown
from residua_symbolic.domains.machine import MachineDomain
from residua_symbolic.expressions.calculus import partials
from residua_symbolic.expressions.conversion import free_prefix, from_program, to_sympy
from residua_symbolic.expressions.evaluation import PointError, evaluate
from residua_symbolic.expressions.given import given
from residua_symbolic.expressions.graph import NUMBER, VARIABLE, Graph, Node, below, binary, rebuilt, variables
from residua_symbolic.expressions.networks import network_graph
from residua_symbolic.printing import latex
from residua_symbolic.tables import Grid, for_notebook
from residua_symbolic.trace_exact import exact_value, fraction, in_short
from residua_symbolic.trace_notation import Equations, Partial
from residua_symbolic.trace_tables import Sweep, forward_sweep, reverse_sweep
from residua_symbolic.weights import checked_rows, checked_weights

Mode = Literal["forward", "reverse", "both"]
MODES = ("forward", "reverse", "both")
INPUT = "input"
MOST_OPERATIONS = 5000  # a trace is there to be read; the graph itself carries what is larger
MOST_INPUTS = 8  # with more of them the tables of forward mode are mostly zeros
MOST_BITS = 10_000  # of a number in it, about 3,000 digits: Python does not print many more
KINKS = {"abs": "a kink", "relu": "a kink", "sign": "a jump", "step": "a jump"}  # at 0, where torch takes 0
BY_VALUE = ("sigmoid", "tanh", "tan", "sqrt")  # functions whose derivative is written in their value
LETTERS = {"weight": "W", "bias": "b", "running_mean": "m", "running_var": "s"}


class LocalDerivative(NamedTuple):
    """∂ operation/∂ argument: the formula in names, its value, and exactly where that is rational."""

    formula: sp.Expr
    value: float
    exact: Fraction | None


@dataclass(frozen=True)
class TracedNode:
    """An input or an operation of a trace.

    `arguments`: names, or exact numbers; `formula` in the names of the arguments; `partials` by the names of those
    arguments that depend on an input. `exact`: the value where it is rational and short.
    """

    name: str
    function: str
    arguments: tuple[str | Fraction, ...]
    formula: sp.Expr
    value: float
    exact: Fraction | None
    partials: Mapping[str, LocalDerivative]

    @property
    def moves(self) -> bool:
        """Whether it depends on an input."""
        return self.function == INPUT or bool(self.partials)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, formulas as text."""
        arguments = [a if isinstance(a, str) else str(a) for a in self.arguments]
        exact = None if self.exact is None else str(self.exact)
        own = {"name": self.name, "function": self.function, "arguments": arguments, "formula": str(self.formula)}
        return {**own, "value": self.value, "exact": exact}


class TracedEdge(NamedTuple):
    """That an operation uses an input, a number or another operation; `local` is None where nothing moves."""

    argument: str
    operation: str
    local: LocalDerivative | None


class TraceDrawing(NamedTuple):
    """The computation graph as plain data. `leaves`: numbers, by a name of their own."""

    nodes: tuple[TracedNode, ...]
    leaves: Mapping[str, Fraction]
    edges: tuple[TracedEdge, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, repr=False, eq=False)
class Trace:
    """A function carried out at a point: every node with its value, and derivatives along the trace.

    `outputs`: names of nodes, or numbers; `scalar`: whether a single expression was given; `symbols`: how the names
    are printed; `roots`: the outputs as nodes of an expression graph over the inputs.
    """

    nodes: tuple[TracedNode, ...]
    outputs: tuple[str | Fraction, ...]
    scalar: bool
    symbols: Mapping[str, sp.Symbol]
    roots: tuple[Node, ...]

    def __repr__(self) -> str:
        return f"<trace of {len(self.operations)} operations in {', '.join(self.inputs) or 'no variable'}>"

    @cached_property
    def named(self) -> dict[str, TracedNode]:
        """The nodes by name."""
        return {node.name: node for node in self.nodes}

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return tuple(node.name for node in self.nodes if node.function == INPUT)

    @property
    def operations(self) -> tuple[TracedNode, ...]:
        """The nodes that are computed."""
        return tuple(node for node in self.nodes if node.function != INPUT)

    @property
    def at(self) -> dict[str, float]:
        """The point."""
        return {name: self.named[name].value for name in self.inputs}

    @property
    def program(self) -> Program:
        """The same as plain data, to be run elsewhere."""
        operations = tuple(Operation(node.name, node.function, node.arguments) for node in self.operations)
        return Program(self.inputs, operations, self.outputs)

    @property
    def value(self) -> float | tuple[float, ...]:
        """The value; of a vector function the tuple of values."""
        found = tuple(self.named[o].value if isinstance(o, str) else float(o) for o in self.outputs)
        return found[0] if self.scalar else found

    @property
    def exact(self) -> Fraction | tuple[Fraction | None, ...] | None:
        """The same exactly, where it is rational and so is every number on the way."""
        found = tuple(self.named[o].exact if isinstance(o, str) else o for o in self.outputs)
        return found[0] if self.scalar else found

    @property
    def gradient(self) -> dict[str, float]:
        """∂f/∂input by name, by one reverse sweep. Raises ResiduaError for a vector function."""
        if not self.scalar:
            raise ResiduaError(f"gradient: of {len(self.outputs)} outputs there is a jacobian")
        return self.jacobian[0]

    @property
    def jacobian(self) -> tuple[dict[str, float], ...]:
        """∂output/∂input, one {input: value} an output."""
        sweeps = [self.reverse(k).values if isinstance(o, str) else {} for k, o in enumerate(self.outputs)]
        return tuple({name: values.get(name, 0.0) for name in self.inputs} for values in sweeps)

    def forward(self, by: str) -> Sweep:
        """The table of forward mode for one input. Raises ResiduaError for a name that is none."""
        if by not in self.inputs:
            raise ResiduaError(f"forward: {unknown('input', by, self.inputs)}")
        return forward_sweep(self, by)

    def reverse(self, output: int = 0) -> Sweep:
        """The table of reverse mode for one output, by its number from 0. Raises ResiduaError where there is none."""
        if isinstance(output, bool) or not isinstance(output, int) or not 0 <= output < len(self.outputs):
            raise ResiduaError(f"reverse: expected an output from 0 to {len(self.outputs) - 1}, got {output!r}")
        name = self.outputs[output]
        if not isinstance(name, str):
            raise ResiduaError(f"reverse: output {output} is the number {name}, which depends on nothing")
        return reverse_sweep(self, name)

    def sweeps(self, mode: Mode = "both") -> tuple[Sweep, ...]:
        """Forward mode for every input, reverse mode for every output, or both."""
        one_of(mode, MODES, "mode", "trace")
        forward = [self.forward(name) for name in self.inputs] if mode != "reverse" else []
        outputs = [k for k, output in enumerate(self.outputs) if isinstance(output, str)]
        return (*forward, *(self.reverse(k) for k in (outputs if mode != "forward" else ())))

    def grid(self) -> Grid:
        """The elementary functions that the function consists of, with their values and derivatives."""
        columns = ("node", "function", "value", "local derivatives")
        return Grid(columns, tuple(self._cells(node) for node in self.nodes))

    def _cells(self, node: TracedNode) -> tuple[Any, ...]:
        symbol = self.symbols[node.name]
        if node.function == INPUT:
            return symbol, INPUT, node.value, ""
        pairs = [(Partial(symbol, self.symbols[a]), local.formula) for a, local in node.partials.items()]
        return symbol, node.formula, node.value, Equations(pairs) if pairs else ""

    def text(self, mode: Mode = "both") -> str:
        """The tables, for a terminal. See `printed` for those that are left out."""
        sweeps, left = self.printed(mode)
        titled = [("Elementary functions", self.grid()), *((s.title, self._rows(s)) for s in sweeps)]
        return "\n\n".join([*(f"{title}\n\n{grid.text()}" for title, grid in titled), *left]) + "\n"

    def markdown(self, mode: Mode = "both") -> str:
        """The tables, as GitHub renders them. See `printed` for those that are left out."""
        sweeps, left = self.printed(mode)
        titled = [("Elementary functions", self.grid()), *((s.title, self._rows(s)) for s in sweeps)]
        return "\n".join([*(f"**{title}**\n\n{grid.markdown()}" for title, grid in titled), *left])

    def latex(self, mode: Mode = "both") -> str:
        """The tables, titled, as booktabs tabulars no wider than a line; needs booktabs, amsmath and graphicx."""
        sweeps, left = self.printed(mode)
        tables = [
            self.grid().fitted("Elementary functions"),
            *(self._rows(sweep).fitted(sweep.latex_title()) for sweep in sweeps),
        ]
        return "\n\\bigskip\n".join([*tables, *(f"\\noindent {words}\n" for words in left)])

    def printed(self, mode: Mode = "both") -> tuple[tuple[Sweep, ...], tuple[str, ...]]:
        """The sweeps that text, markdown and latex print, and a line on what they leave out.

        Of a function of more than 8 inputs forward mode is printed for the first 8, unless it is asked for by itself,
        and without the rows of nodes that do not depend on the input. `sweeps` and `to_dict` leave nothing out.
        """
        sweeps = self.sweeps(mode)
        further = len(self.inputs) - MOST_INPUTS
        if further <= 0 or mode == "reverse":
            return sweeps, ()
        words = "Nodes that do not depend on the input are left out of the tables of forward mode"
        if mode == "forward":
            return sweeps, (f"{words}.",)
        kept = (*sweeps[:MOST_INPUTS], *sweeps[len(self.inputs) :])
        return kept, (f"{words}, and so are the tables for {further} further inputs; mode forward prints them all.",)

    def _rows(self, sweep: Sweep) -> Grid:
        return sweep.grid(whole=len(self.inputs) <= MOST_INPUTS)

    def to_dict(self, mode: Mode = "both") -> dict[str, Any]:
        """Plain data: the attributes by name, numbers in full."""
        sweeps = self.sweeps(mode)
        slopes = {"gradient": self.gradient} if self.scalar else {"jacobian": list(self.jacobian)}
        return {
            "value": self.value if self.scalar else list(self.value),  # type: ignore[arg-type]
            **slopes,
            "nodes": [node.to_dict() for node in self.nodes],
            "forward": {sweep.of: sweep.to_dict()["rows"] for sweep in sweeps if sweep.mode == "forward"},
            "reverse": {sweep.of: sweep.to_dict()["rows"] for sweep in sweeps if sweep.mode == "reverse"},
        }

    def drawing(self) -> TraceDrawing:
        """The computation graph: leaves are inputs and numbers, every other node is one operation."""
        leaves: dict[str, Fraction] = {}
        edges: list[TracedEdge] = []
        for node in self.operations:
            for argument in dict.fromkeys(node.arguments):
                if isinstance(argument, str):
                    edges.append(TracedEdge(argument, node.name, node.partials.get(argument)))
                else:
                    leaf = f"number {len(leaves) + 1}"
                    leaves[leaf] = argument
                    edges.append(TracedEdge(leaf, node.name, None))
        outputs = tuple(o for o in self.outputs if isinstance(o, str))
        return TraceDrawing(self.nodes, leaves, tuple(edges), outputs)

    def check(self) -> tuple[str, ...]:
        """Prove every table; what was proved. Raises ProofError that names the row that is wrong."""
        from residua_symbolic.trace_proof import check

        return check(self)

    def _repr_markdown_(self) -> str:
        return for_notebook(self.markdown())


def trace(
    expression: object,
    at: Mapping[str, Any] | Any,
    *,
    weights: Mapping[str, Any] | None = None,
    names: str = "v",
) -> Trace:
    """The trace of a function at a point.

    expression: text, whose operations are taken as they are written, or a SymPy expression; several of them for a
    vector function; or a Network, with `weights`, scalar by scalar: its inputs are then x1, x2, ... and every entry of
    its parameters, and `at` may be an array of shape (inputs,). `names`: letter of the nodes, v1, v2, ....
    Raises ResiduaError for values that are missing, surplus or not finite, and PointError, with the node, where an
    operation or a derivative does not exist.
    """
    if not isinstance(names, str) or not (names.isascii() and names.isalpha()) or len(names) > 8:
        raise ResiduaError(f"trace: names: expected a word of at most 8 letters, got {names!r:.40}")
    if isinstance(expression, Network):
        roots, inputs, point = _network(expression, at, weights)
        return _traced(roots, inputs, point, len(roots) == 1, names, {name: _symbol(name) for name in inputs})
    if weights is not None:
        raise ResiduaError("trace: weights go with a Network only")
    scalar = not isinstance(expression, list | tuple | sp.MatrixBase)
    parts = [expression] if scalar else list(expression)  # type: ignore[call-overload]
    if not parts:
        raise ResiduaError("trace: expected at least one expression, got none")
    graph, programs = Graph(), [given(part).program for part in parts]
    inputs = tuple(dict.fromkeys(name for program in programs for name in program.inputs))
    roots = tuple(root for program in programs for root in from_program(graph, program))
    return _traced(roots, inputs, _point(at, inputs), scalar, names, {name: _symbol(name) for name in inputs})


def _network(net: Network, at: Any, weights: Mapping[str, Any] | None) -> tuple[Any, tuple[str, ...], dict[str, Any]]:
    if weights is None:
        raise ResiduaError("trace: a Network is traced with weights; weights_of(model) reads a model's")
    weights = checked_weights(net, weights)
    described = network_graph(net)
    if isinstance(at, Mapping):
        values = _point(at, tuple(node.value for node in described.inputs.flat))
        at = [float(value) for value in values.values()]
    x = checked_rows([at], "trace: at", net.inputs)
    point = described.values(weights, x)
    return binary(tuple(described.outputs.flat)), tuple(point), point


def _point(at: Any, inputs: Sequence[str]) -> dict[str, Any]:
    """The values by name, each an exact number."""
    if not isinstance(at, Mapping):
        raise ResiduaError(f"trace: at: expected values by name, such as {{'x': 1}}, got {at!r:.40}")
    values = {str(name): value for name, value in at.items()}
    for problem, odd in (
        ("missing", [name for name in inputs if name not in values]),
        ("surplus", [name for name in values if name not in inputs]),
    ):
        if odd:
            known = ", ".join(inputs) or "no variable"
            raise ResiduaError(f"trace: at: expected values for {known}; {problem}: {', '.join(odd):.80}")
    return {name: fraction(values[name], f'trace: at: "{name}"') for name in inputs}


def _symbol(name: str) -> sp.Symbol:
    """As a name is printed: an entry "0.weight[1,2]" of a parameter as W^0_1,2."""
    place, bracket, index = name.partition("[")
    if not bracket:
        return sp.Symbol(name, real=True)
    layer, _, kind = place.replace(".branch.", ".").rpartition(".")
    return sp.Symbol(f"{LETTERS.get(kind, kind)}^{layer}_{index.removesuffix(']')}", real=True)


def _traced(
    roots: Sequence[Node],
    inputs: Iterable[str],
    point: Mapping[str, Any],
    scalar: bool,
    names: str,
    symbols: Mapping[str, sp.Symbol],
) -> Trace:
    """Every node below the roots, in order."""
    order = below(roots)
    count = sum(bool(node.arguments) for node in order)
    if count > MOST_OPERATIONS:
        raise ResiduaError(f"trace: expected at most {MOST_OPERATIONS} operations to be read, got {count}")
    _check_printed(symbols)
    steps = _Steps(symbols, free_prefix([symbol.name for symbol in symbols.values()], names))
    for name in inputs:
        steps.read(name, point[name])
    known: dict[int, str | Fraction] = {}
    for node in order:
        if node.function == NUMBER:
            known[node.index] = _printable(Fraction(int(node.value.numerator), int(node.value.denominator)))
        elif node.function == VARIABLE:
            known[node.index] = node.value
        else:
            known[node.index] = steps.carry_out(node.function, tuple(known[a.index] for a in node.arguments))
    outputs = tuple(known[root.index] for root in roots)
    return Trace(tuple(steps.nodes.values()), outputs, scalar, steps.symbols, tuple(roots))


def _check_printed(symbols: Mapping[str, sp.Symbol]) -> None:
    """x1 and x_1 are printed alike: a table of both would state what is false."""
    printed: dict[str, str] = {}
    for name, symbol in symbols.items():
        other = printed.setdefault(latex(symbol), name)
        if other != name:
            raise ResiduaError(f"trace: expected variables that differ in print, got {other} and {name}; rename one")


class _Steps:
    """Carries out one operation after the other, in floats, exactly where that is possible, and in names."""

    def __init__(self, symbols: Mapping[str, sp.Symbol], letter: str) -> None:
        self.nodes: dict[str, TracedNode] = {}
        self.symbols = dict(symbols)
        self._letter, self._count = letter, 0
        self._moving: set[str] = set()
        self._graph = Graph()  # of single operations, whose variables are the nodes' names

    def read(self, name: str, value: Fraction | float) -> None:
        """An input."""
        exact = _printable(Fraction(value))
        self._moving.add(name)
        self.nodes[name] = TracedNode(name, INPUT, (), self.symbols[name], _float(name, exact), exact, {})

    def carry_out(self, function: str, arguments: tuple[str | Fraction, ...]) -> str:
        """An operation; its name. Raises PointError where it, or its derivative, does not exist."""
        self._count += 1
        name = f"{self._letter}{self._count}"
        self.symbols[name] = sp.Symbol(name, real=True)
        node = self._graph.apply(function, *map(self._argument, arguments))
        words = _words(name, function, arguments)
        value = self._value(node, words, "does not exist")
        moving = [isinstance(a, str) and a in self._moving for a in arguments]
        if any(moving):
            self._moving.add(name)
        local = self._partials(node, moving, words, name)
        formula = to_sympy(node, symbols=self.symbols)
        self.nodes[name] = TracedNode(name, function, arguments, formula, value, self._exact(node), local)
        return name

    def _argument(self, argument: str | Fraction) -> Node:
        return self._graph.variable(argument) if isinstance(argument, str) else self._graph.number(argument)

    def _partials(self, node: Node, moving: Sequence[bool], words: str, own: str) -> dict[str, LocalDerivative]:
        """By the names of the arguments that move."""
        if any(moving) and node.function in KINKS and self._values(node)[0] == 0:
            raise PointError(
                f"the derivative of {words} does not exist at 0: {KINKS[node.function]}, at which torch takes 0"
            )
        return {
            name: LocalDerivative(
                to_sympy(self._shortened(partial, node, own), symbols=self.symbols),
                self._value(partial, words, self._without(node, name)),
                self._exact(partial),
            )
            for name, partial in by_name(node, moving).items()
        }

    def _without(self, node: Node, name: str) -> str:
        """What is said where the derivative by an argument has no value: of 0^y by y the rule fails, not the slope."""
        if node.function == "pow" and node.arguments[0].value != name:
            base, exponent = self._values(node)
            if base == 0 < exponent:
                return f"has a derivative by {name}, 0, that cannot be had by its rule, with log(0) in it,"
        return f"has no derivative by {name}"

    def _shortened(self, partial: Node, node: Node, own: str) -> Node:
        """With the operation's own name where its derivative is usually written so: y (1 − y) of a sigmoid."""
        if node.function not in BY_VALUE:
            return partial

        def rule(one: Node, arguments: tuple[Node, ...]) -> Node:
            if one is node:
                return self._graph.variable(own)
            return self._graph.apply(one.function, *arguments) if arguments else one

        return rebuilt([partial], rule)[0]

    def _values(self, node: Node) -> list[float]:
        return [self.nodes[a.value].value if a.function == VARIABLE else float(a.value) for a in node.arguments]

    def _value(self, node: Node, words: str, problem: str) -> float:
        point = {name: self.nodes[name].value for name in variables([node])}
        where = ", ".join(f"{name} = {value!r}" for name, value in point.items())
        try:
            (value,) = evaluate([node], point, MachineDomain())
        except PointError as error:
            what = "overflows float64" if isinstance(error.__cause__, OverflowError) else problem
            raise PointError(f"{words} {what}{' at ' if where else ''}{where}") from error
        if not math.isfinite(value):
            raise PointError(f"{words} {problem} in float64{' at ' if where else ''}{where}: got {value}")
        return float(value) + 0.0  # −0.0 becomes 0.0, which it equals

    def _exact(self, node: Node) -> Fraction | None:
        return exact_value(node, {name: self.nodes[name].exact for name in variables([node])})


def by_name(node: Node, moving: Sequence[bool]) -> dict[str, Node]:
    """∂ node/∂ argument for the variables among its arguments that move; of x x both sides together."""
    found: dict[str, Node] = {}
    slopes = partials(node, moving) if any(moving) else [node.graph.zero] * len(moving)
    for argument, partial, moves in zip(node.arguments, slopes, moving, strict=True):
        if moves:
            found[argument.value] = found.get(argument.value, node.graph.zero) + partial
    return found


def _printable(number: Fraction) -> Fraction:
    bits = max(number.numerator.bit_length(), number.denominator.bit_length())
    if bits > MOST_BITS:
        raise ResiduaError(
            f"trace: expected numbers of at most {MOST_BITS} bits to be read, got {in_short(number)} of {bits}"
        )
    return number


def _words(name: str, function: str, arguments: Sequence[str | Fraction]) -> str:
    written = (a if isinstance(a, str) else in_short(a) for a in arguments)
    return f"{name} = {function}({', '.join(written)})"


def _float(name: str, exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        raise PointError(
            f'trace: at: "{name}": expected a value that is finite in float64, got one beyond it'
        ) from None

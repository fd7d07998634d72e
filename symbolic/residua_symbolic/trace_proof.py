"""The tables of a trace proved: what is printed in them against the graph's derivatives, SymPy's, and Arb's numbers."""

import random
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

import flint
import sympy as sp

from residua_symbolic.derivation import ProofError
from residua_symbolic.domains.balls import POINTS, BallDomain, is_narrow, precision
from residua_symbolic.expressions.conversion import from_sympy, to_sympy
from residua_symbolic.expressions.evaluation import PointError, evaluate, vanishes
from residua_symbolic.expressions.graph import Node, below, substituted
from residua_symbolic.trace import INPUT, Trace
from residua_symbolic.trace_notation import Partial, Products, Rate
from residua_symbolic.trace_rounding import REVERSE, derivatives, rounding_bounds
from residua_symbolic.trace_tables import Sweep

SYMPY_NODES = 1000  # of the formula as a tree, as SymPy differentiates it; more take longer than a reader waits
BITS = tuple(128 * 2**k for k in range(7))  # Arb's precisions in turn, until a number is decided
DIGITS = 20  # of a certified number in a message
SPREAD = 2.0**-6  # how far from the point of the trace identities are tried where residues do not decide them


def check(trace: Trace) -> tuple[str, ...]:
    """What holds of every printed table of a trace; raises ProofError naming the first row that is wrong."""
    proved: list[str] = []
    for k, output in enumerate(trace.outputs):
        if not isinstance(output, str):
            continue
        prover = _Prover(trace, k)
        forward = [trace.forward(name) for name in trace.inputs] if k == 0 else []
        for sweep in (*forward, trace.reverse(k)):
            prover.prove(sweep)
            proved.append(f"{sweep.title}: every row as printed is the derivative of the expression graph")
        prover.modes_agree()
        proved.append(f"forward and reverse mode agree on every derivative of {output}")
        if prover.tree_nodes() <= SYMPY_NODES:
            prover.agrees_with_sympy()
            proved.append(f"SymPy's derivatives of the whole formula of {output} are those of the tables")
        prover.numbers(forward)
        proved.append(f"the numbers that lead to {output} lie within their rounding of certified ones")
    return tuple(proved)


class _Prover:
    """One output's tables against the nodes of its derivatives."""

    def __init__(self, trace: Trace, output: int) -> None:
        self._trace, self._output = trace, output
        self._name = str(trace.outputs[output])
        self._named, self._sweeps = derivatives(trace, output)
        self._graph = next(iter(self._named.values())).graph
        self._by_symbol = {trace.symbols[name].name: node for name, node in self._named.items()}

    def prove(self, sweep: Sweep) -> None:
        """Every row of a table, in both forms in which it is printed, is the derivative of the graph."""
        nodes = self._sweeps[REVERSE if sweep.mode == "reverse" else sweep.of]
        known = {row.symbol: nodes[row.node] for row in sweep.rows}
        differences: dict[str, Node] = {}
        for row in sweep.rows:
            for form, printed in (("chain rule", row.chain), ("local derivatives", row.local)):
                node = self._graph.number(row.value) if printed is None else self._node(printed, known)
                differences[f"{sweep.title}: {row.symbol} by {form}"] = node - nodes[row.node]
        self._all_zero(differences)

    def modes_agree(self) -> None:
        """d output/d input is the same from below and from above."""
        reverse = self._sweeps[REVERSE]
        self._all_zero(
            {f"d{self._name}/d{x}: modes": self._sweeps[x][self._name] - reverse[x] for x in self._trace.inputs}
        )

    def tree_nodes(self) -> int:
        """Of the output, each subexpression as often as it would be written; counted on the graph."""
        sizes: dict[int, int] = {}
        for node in below([self._named[self._name]]):
            sizes[node.index] = 1 + sum(sizes[a.index] for a in node.arguments)
        return sizes[self._named[self._name].index]

    def agrees_with_sympy(self) -> None:
        """So is SymPy's own derivative of the formula as a whole."""
        whole = to_sympy(self._named[self._name])
        reverse = self._sweeps[REVERSE]
        self._all_zero(
            {
                f"d{self._name}/d{x}: SymPy": from_sympy(self._graph, sp.diff(whole, sp.Symbol(x, real=True)))
                - reverse[x]
                for x in self._trace.inputs
            }
        )

    def numbers(self, forward: Iterable[Sweep]) -> None:
        """Every number that is printed lies within its rounding of the certified one; exact ones are in the ball."""
        trace, bounds = self._trace, rounding_bounds(self._trace, self._output)
        values = {node.name: node.value for node in trace.nodes}
        self._within("value", self._named, values, bounds.values)
        self._contained("value", self._named, {node.name: node.exact for node in trace.nodes})
        self._contained("adjoint", self._sweeps[REVERSE], trace.reverse(self._output).exact)
        self._within("adjoint", self._sweeps[REVERSE], trace.reverse(self._output).values, bounds.adjoints)
        for sweep in forward:
            self._within(f"tangent by {sweep.of}", self._sweeps[sweep.of], sweep.values, bounds.tangents[sweep.of])
            self._contained(f"tangent by {sweep.of}", self._sweeps[sweep.of], sweep.exact)

    def _within(
        self, what: str, nodes: Mapping[str, Node], printed: Mapping[str, float], bounds: Mapping[str, float]
    ) -> None:
        def decided(name: str, ball: Any) -> bool:
            off, bound = abs(flint.arb(printed[name]) - ball), flint.arb(bounds[name])
            if off > bound:
                raise ProofError(
                    f"{what} of {name}: {printed[name]!r} is not within {bounds[name]:.1e} of {_near(ball)}"
                )
            return bool(off <= bound)

        point = {name: flint.arb(value) for name, value in self._trace.at.items()}
        self._decide(what, {name: nodes[name] for name in printed}, point, decided)

    def _contained(self, what: str, nodes: Mapping[str, Node], exact: Mapping[str, Fraction | None]) -> None:
        """Every exact value lies in the ball of that node at the exact point."""
        known = {name: value for name, value in exact.items() if value is not None}

        def decided(name: str, ball: Any) -> bool:
            if not ball.overlaps(_ball(known[name])):
                raise ProofError(f"{what} of {name}: {known[name]} is not exact, since the value is {_near(ball)}")
            return is_narrow(ball)

        point = {name: self._trace.named[name].exact or Fraction(0) for name in self._trace.inputs}
        self._decide(what, {name: nodes[name] for name in known}, point, decided)

    @staticmethod
    def _decide(
        what: str, nodes: Mapping[str, Node], point: Mapping[str, Any], decided: Callable[[str, Any], bool]
    ) -> None:
        """Hand every node's ball over, with more and more bits until none is undecided."""
        left = dict(nodes)
        for bits in BITS:
            with precision(bits):
                at = {name: _ball(value) if isinstance(value, Fraction) else value for name, value in point.items()}
                balls = evaluate(list(left.values()), at, BallDomain())
                left = {
                    name: node
                    for (name, node), ball in zip(left.items(), balls, strict=True)
                    if not decided(name, ball)
                }
            if not left:
                return
        raise ProofError(f"{what} of {', '.join(left):.80}: not decided with {BITS[-1]} bits")

    def _node(self, printed: Products, known: Mapping[Rate, Node]) -> Node:
        """A printed formula as a node: rates of other rows, and SymPy's derivative where a ∂ stands."""
        rates = {rate: sp.Symbol(f"rate {k}", real=True) for k, rate in enumerate(known)}
        e = printed.carried_out()
        formulas = {
            self._trace.symbols[node.name]: node.formula for node in self._trace.nodes if node.function != INPUT
        }
        e = e.xreplace({p: sp.diff(formulas[p.args[0]], p.args[1]) for p in e.atoms(Partial)}).xreplace(rates)
        values = self._by_symbol | {symbol.name: known[rate] for rate, symbol in rates.items()}
        return substituted([from_sympy(self._graph, e)], values)[0]

    def _all_zero(self, differences: Mapping[str, Node]) -> None:
        """Whether all vanish: one random combination in residues, and, where that does not decide, each by itself."""
        drawn = random.Random(len(differences))
        total = self._graph.zero
        for node in differences.values():
            total = total + self._graph.number(drawn.randrange(1, 2**31)) * node
        if self._vanishes(total):
            return
        for statement, node in differences.items():
            if not self._vanishes(node) and not self._is_zero_nearby(node):
                raise ProofError(f"{statement}: does not hold")

    @staticmethod
    def _vanishes(node: Node) -> bool:
        try:
            return vanishes(node)
        except ArithmeticError:  # no point of the field at which every root exists
            return False

    def _is_zero_nearby(self, node: Node) -> bool:
        """Whether Arb finds zero, narrowly, at random points near that of the trace at which the node exists."""
        drawn, met = random.Random(0), 0
        with precision():
            for _ in range(4 * POINTS):
                point = {x: flint.arb(v + SPREAD * drawn.uniform(-1, 1)) for x, v in self._trace.at.items()}
                try:
                    (ball,) = evaluate([node], point, BallDomain())
                except PointError:
                    continue
                if not is_narrow(ball):
                    continue
                if not ball.contains(0):
                    return False
                met += 1
        return met >= POINTS


def _near(ball: Any) -> str:
    return str(ball.str(DIGITS, radius=True))


def _ball(value: Fraction) -> Any:
    return flint.arb(flint.fmpq(value.numerator, value.denominator))

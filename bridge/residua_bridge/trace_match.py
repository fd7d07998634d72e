"""A trace against torch: the same program run there, and every value and derivative compared, node by node."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.findings import Cell, Table
from residua_bridge.verdict import Discrepancy
from residua_network import Program
from residua_numeric import Measurement
from residua_numeric.programs import ProgramRun, program_tangents, run_program
from residua_symbolic import Prediction
from residua_symbolic.printing import latex
from residua_symbolic.trace import Trace
from residua_symbolic.trace_rounding import rounding_bounds
from residua_symbolic.trace_tables import UNUSED

SIDES = 2.0  # each side rounds by as much as the bound says
QUANTITY = "values and derivatives of every node"


@dataclass(frozen=True)
class NodeMatch:
    """One number of a trace beside torch's; `what`: "value", "adjoint", or "tangent by " an input."""

    node: str
    what: str
    predicted: float
    measured: float
    bound: float

    @property
    def within(self) -> bool:
        """Whether rounding accounts for the difference; NaN does not."""
        return abs(self.measured - self.predicted) <= self.bound


@dataclass(frozen=True, eq=False)
class TraceMatch:
    """Every number of a trace for one output beside torch's, and torch's graph beside the trace's."""

    trace: Trace
    rows: tuple[NodeMatch, ...]
    functions: Mapping[str, str]
    nodes: tuple[int, int]
    discrepancy: Discrepancy

    @property
    def suspects(self) -> tuple[str, ...]:
        """Names of the nodes with a number that rounding does not account for, in order."""
        return tuple(dict.fromkeys(row.node for row in self.rows if not row.within))

    def table(self, title: str, caption: str = "") -> Table:
        """Values and adjoints, the autograd node that stands for each operation, and the worst of the tangents."""
        columns = ("node", "autograd", "value", "torch − trace", "bound", "adjoint", "torch − trace", "bound")
        found = {(row.node, row.what): row for row in self.rows}
        tangents = ("tangents: largest difference / bound",)
        names = [node.name for node in self.trace.nodes if node.moves]
        rows = tuple((*self._row(name, found), self._worst(name)) for name in names)
        return Table(title, (*columns, *tangents), rows, caption)

    def _row(self, name: str, found: Mapping[tuple[str, str], NodeMatch]) -> tuple[Cell, ...]:
        cells: list[Cell] = [f"${latex(self.trace.symbols[name])}$", self.functions.get(name, "AccumulateGrad")]
        for what in ("value", "adjoint"):
            row = found[name, what]
            cells += [row.predicted, row.measured - row.predicted + 0.0, row.bound]
        return tuple(cells)

    def _worst(self, name: str) -> float:
        mine = [row for row in self.rows if row.node == name and row.what.startswith("tangent")]
        shares = [abs(row.measured - row.predicted) / row.bound if row.bound else 0.0 for row in mine]
        return max(shares, default=0.0)


def in_torch(
    program: Program, at: Mapping[str, float], output: int = 0
) -> tuple[ProgramRun, dict[str, dict[str, float]]]:
    """One reverse pass of torch, and one forward pass an input."""
    tangents = {name: program_tangents(program, at, name) for name in program.inputs}
    return run_program(program, at, output=output), tangents


def matched(trace: Trace, output: int = 0, program: Program | None = None) -> TraceMatch:
    """The trace beside torch's run of its program, or of another one with the same names (a planted fault)."""
    run, tangents = in_torch(program or trace.program, trace.at, output)
    bounds, reverse = rounding_bounds(trace, output), trace.reverse(output)
    adjoints = reverse.values
    rows: list[NodeMatch] = []

    def add(
        what: str, predicted: Mapping[str, float], measured: Mapping[str, float], bound: Mapping[str, float]
    ) -> None:
        for name in (node.name for node in trace.nodes if node.moves):
            there = measured.get(name, float("nan"))
            rows.append(NodeMatch(name, what, predicted[name], there, SIDES * bound[name]))

    add("value", {node.name: node.value for node in trace.nodes}, run.values, bounds.values)
    add("adjoint", adjoints, run.gradients, bounds.adjoints)
    for name in trace.inputs:
        add(f"tangent by {name}", trace.forward(name).values, tangents[name], bounds.tangents[name])
    reached = sum(row.note != UNUSED for row in reverse.rows)
    return TraceMatch(trace, tuple(rows), run.functions, (reached, run.nodes), _judged(trace, rows))


def _judged(trace: Trace, rows: list[NodeMatch]) -> Discrepancy:
    """Every number is a row of its own, so that no large one hides a small one."""
    predicted, measured, bound = (
        np.array([[getattr(row, name)] for row in rows]) for name in ("predicted", "measured", "bound")
    )
    scope: dict[str, str | int] = {
        "nodes": sum(node.moves for node in trace.nodes),
        "inputs": len(trace.inputs),
        "dtype": "float64",
    }
    scale = float(abs(predicted).max())
    prediction = Prediction(QUANTITY, predicted, bound, scope, scale)
    return compare(prediction, Measurement(QUANTITY, measured, "float64", None, {}))

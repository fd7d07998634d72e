"""An expression traced: graph, functions, both modes, the numbers that a document prints, and torch beside it all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from residua_bridge.experiments.grids import table_of
from residua_bridge.findings import Cell, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_bridge.trace_drawing import drawing_of
from residua_bridge.trace_match import TraceMatch, matched
from residua_symbolic.trace import Trace, trace

VALUES, REVERSE = "value", "reverse mode"


class PrintedStep(NamedTuple):
    """A line of forward mode as it is printed: ∂ node/∂ argument × d argument/d input = value.

    `factors`: both numbers, or none where only the value is printed; `formula`: the first factor in letters, if it is;
    `node`: "" for the whole function, of which the last node is taken as an argument.
    """

    line: str
    node: str
    factors: tuple[str, ...]
    value: str
    formula: str = ""


@dataclass(frozen=True)
class TracedExample:
    """One expression at one point, and what a source prints of it.

    `printed`: {"value", "reverse mode" or an input: {node: number}}; `steps`: forward mode by the input `by`, in lines.
    """

    name: str
    title: str
    prose: tuple[str, ...]
    expression: str
    at: Mapping[str, float]
    names: str = "v"
    source: str = ""
    printed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    steps: tuple[PrintedStep, ...] = ()
    by: str = ""

    def run(self, settings: Settings) -> Finding:
        """Trace, prove, draw, run in torch."""
        t = trace(self.expression, self.at, names=self.names)
        proved = t.check()
        found = matched(t)
        rows = (*_printed(t, self.printed), *(row for step in self.steps for row in _factors(t, step, self.by)))
        columns = ("quantity", "node", "printed", "trace", "the same, to the digits printed")
        beside = Table(f"As printed: {self.source}", columns, rows)
        words = (
            proved_of(proved),
            of_torch(found),
        )
        caption = f"Values below the names; along the edges the local derivatives. Point: {_point(t)}."
        section = Section(
            self.title,
            (*self.prose, *words),
            tables=(
                table_of("The elementary functions", t.grid()),
                *(table_of(sweep.title, sweep.grid()) for sweep in t.sweeps()),
                *((beside,) if beside.rows else ()),
                found.table("Node by node in torch", BOUNDS),
            ),
            drawings=(drawing_of(t, self.name, f"Computation graph of {self.expression}", caption),),
            verdicts=(as_text(found.discrepancy, f"Trace of {self.expression} and torch's", "agree"),),
        )
        return Finding(section, (found.discrepancy,))


BOUNDS = (
    "Adjoint: the derivative of the output by the node. Bound: what rounding on both sides may amount to, from a "
    "running error analysis of values and derivatives; 0 where nothing rounds, 1e-300 and less where only underflow "
    "could. Last column: forward mode of torch, every input, largest difference in units of its bound."
)


def proved_of(statements: tuple[str, ...]) -> str:
    """What a trace proved of itself, the tables that share a statement named together."""
    tables: dict[str, list[str]] = {}
    for statement in statements:
        subject, colon, what = statement.partition(": ")
        tables.setdefault(what if colon else "", []).append(subject)
    alone = tables.pop("", [])
    together = [f"{what} ({len(names)} tables)" for what, names in tables.items()]
    return f"Proved in this run: {'; '.join([*together, *alone])}."


def of_torch(found: TraceMatch) -> str:
    predicted, measured = found.nodes
    return (
        f"torch keeps {measured} nodes for the way back, and the trace has {predicted} that the output depends on: one "
        f"an operation, one an input. Of {len(found.rows)} numbers (values, adjoints, tangents by every input) "
        f"{sum(row.within for row in found.rows)} lie within their bounds, and "
        f"{sum(row.measured == row.predicted for row in found.rows)} are the same to the last bit."
    )


def _point(t: Trace) -> str:
    return ", ".join(f"{name} = {value:g}" for name, value in t.at.items())


def _printed(t: Trace, printed: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[Cell, ...]]:
    """What the source prints beside what the trace has."""
    for where, entries in printed.items():
        ours = _values(t, where)
        yield from (_beside(_what(where), node, text, ours[node]) for node, text in entries.items())


def _factors(t: Trace, step: PrintedStep, by: str) -> Iterator[tuple[Cell, ...]]:
    """The same of a line of forward mode, factor by factor."""
    sweep = t.forward(by)
    output = str(t.outputs[0])
    node = step.node or output
    (term,) = next(row.terms for row in sweep.rows if row.node == node)
    local, argument = t.named[node].partials[term[1]], term[1]
    first, second = (local.value, sweep.values[argument])
    if not step.node:
        first, second, argument = t.reverse().values[output], sweep.values[output], output
    name = step.node or "f"
    if step.formula:
        same = "yes" if str(local.formula) == step.formula else "no"
        yield f"{step.line}: ∂{name}/∂{argument}, formula", name, step.formula, str(local.formula), same
    marks = f"∂{name}/∂{argument}", f"d{argument}/d{by}"
    for mark, text, ours in zip(marks, step.factors, (first, second), strict=False):
        yield _beside(f"{step.line}: factor {mark}", name, text, ours)
    yield _beside(f"{step.line}: d{name}/d{by}", name, step.value, sweep.values[node])


def _beside(quantity: str, node: str, text: str, ours: float) -> tuple[Cell, ...]:
    return quantity, node, text, ours, "yes" if rounds_to(ours, text) else "no"


def _values(t: Trace, where: str) -> Mapping[str, float]:
    if where == VALUES:
        return {node.name: node.value for node in t.nodes}
    return t.reverse().values if where == REVERSE else t.forward(where).values


def _what(where: str) -> str:
    return where if where in (VALUES, REVERSE) else f"forward mode, by {where}"


def rounds_to(value: float, text: str) -> bool:
    """Whether a decimal number as printed is the value rounded to its digits."""
    decimals = len(text.partition(".")[2])
    return f"{value + 0.0:.{decimals}f}" == text

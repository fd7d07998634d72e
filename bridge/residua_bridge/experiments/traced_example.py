"""An expression traced: graph, functions, both modes, the numbers that a document prints, and torch beside it all."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from residua_bridge.experiments.grids import table_of
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_bridge.trace_drawing import drawing_of
from residua_bridge.trace_match import TraceMatch, matched
from residua_symbolic.trace import Trace, trace

VALUES, REVERSE = "value", "reverse mode"


@dataclass(frozen=True)
class TracedExample:
    """One expression at one point; `printed`: {"value", "reverse mode" or an input: {node: as it is printed}}."""

    name: str
    title: str
    prose: tuple[str, ...]
    expression: str
    at: Mapping[str, float]
    names: str = "v"
    source: str = ""
    printed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def run(self, settings: Settings) -> Finding:
        """Trace, prove, draw, run in torch."""
        t = trace(self.expression, self.at, names=self.names)
        proved = t.check()
        found = matched(t)
        beside = _printed(t, self.printed, self.source)
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


def _printed(t: Trace, printed: Mapping[str, Mapping[str, str]], source: str) -> Table:
    """What the source prints beside what the trace has; equal where it rounds to the digits printed."""
    rows = []
    for where, entries in printed.items():
        ours = _values(t, where)
        for node, text in entries.items():
            rows.append((_what(where), node, text, ours[node], "yes" if rounds_to(ours[node], text) else "no"))
    columns = ("quantity", "node", "printed", "trace", "the same, to the digits printed")
    return Table(f"As printed: {source}", columns, tuple(rows))


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

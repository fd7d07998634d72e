"""Faults planted in a program that torch runs: whether the comparison with the trace sees them, and where."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from residua_bridge.findings import Cell, Section, Table
from residua_bridge.study import Finding, Settings
from residua_bridge.trace_match import matched
from residua_bridge.verdict import Discrepancy, Verdict
from residua_network import Operation, Program
from residua_symbolic.trace import trace


@dataclass(frozen=True)
class TraceFaults:
    """Each fault replaces one operation of the program that torch carries out; the trace stays as it is."""

    title: str
    prose: tuple[str, ...]
    expression: str
    at: Mapping[str, float]
    faults: Mapping[str, Operation]

    def run(self, settings: Settings) -> Finding:
        """Plant each, and compare."""
        t = trace(self.expression, self.at)
        rows: list[tuple[Cell, ...]] = []
        found: list[Discrepancy] = []
        for words, operation in settings.track(list(self.faults.items()), self.title):
            match = matched(t, program=altered(t.program, operation))
            values, adjoints = (
                [row.node for row in match.rows if row.what == what and not row.within] for what in ("value", "adjoint")
            )
            found.append(match.discrepancy)
            verdict = str(match.discrepancy.verdict)
            rows.append((words, operation.name, verdict, _first(values), ", ".join(adjoints) or "none"))
        seen = sum(d.verdict is Verdict.DIFFER and not d.explained for d in found)
        line = (
            f"{seen} of {len(rows)} faults end as 'differ', unexplained; without a fault the verdict is 'agree', above."
        )
        columns = ("fault", "planted at", "verdict", "first value that is off", "adjoints that are off")
        point = ", ".join(f"{name} = {value:g}" for name, value in self.at.items())
        table = Table("Planted faults", columns, tuple(rows), f"{self.expression} at {point}.")
        return Finding(Section(self.title, (*self.prose, line), tables=(table,)))


def altered(program: Program, operation: Operation) -> Program:
    """The program with the operation of that name replaced."""
    operations = tuple(operation if old.name == operation.name else old for old in program.operations)
    return replace(program, operations=operations)


def _first(names: list[str]) -> str:
    return names[0] if names else "none"

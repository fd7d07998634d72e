"""Document 004's table of difference quotients, to the last bit, and what its errors are made of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_numeric import Measurement
from residua_numeric.differencing import measured_differences
from residua_numeric.lines import program_line
from residua_symbolic import Prediction
from residua_symbolic.difference_formulas import FORMULAS
from residua_symbolic.difference_line import FunctionLine
from residua_symbolic.differences import Differences, computed, differences

STEPS = (0.1, 0.01, 0.001)
NAMES = ("forward", "backward", "central")
PRINTED = (  # 004, L119–121: the statement to be tested
    (1.0517091807564771, 1.005016708416795, 1.0005001667083846),
    (0.9516258196404048, 0.9950166250831893, 0.9995001666249781),
    (1.001667500198441, 1.0000166667499921, 1.0000001666666813),
)


@dataclass(frozen=True)
class PrintedTable:
    """The nine numbers, their truncation and rounding, and what they need of exp."""

    title: str
    prose: tuple[str, ...]

    def run(self, settings: Settings) -> Finding:
        """Compute, take apart, compare with the document."""
        found = differences("exp(x)", at=0, steps=STEPS)
        numbers = np.array([[float(getattr(row, name)) for row in found] for name in NAMES])
        quantity, scope = "difference quotients of exp at 0", {"steps": "0.1, 0.01, 0.001", "dtype": "float64"}
        d = compare(
            Prediction(quantity, np.array(PRINTED), np.zeros((3, 3)), scope),
            Measurement(quantity, numbers, "float64", None, {"exp": "that of the C library, through Python's math"}),
        )
        verdict = as_text(d, "004's nine numbers, to the last bit", "agree")
        tables = (_numbers(found), _parts(found), _values(found), _cost(found))
        return Finding(Section(self.title, self.prose, tables=tables, verdicts=(verdict,)), (d,))


def _numbers(found: Differences) -> Table:
    """004's three rows, Richardson's beside them, and torch's."""
    torch = measured_differences(program_line(found.program, {"x": 0.0}, "x"), STEPS)
    rows = [(name, "C library", *(repr(float(getattr(row, name))) for row in found)) for name in FORMULAS]
    rows += [(name, "torch", *map(repr, getattr(torch, name).tolist())) for name in NAMES]
    columns = ("quotient", "exp of", *(f"$h = {h:g}$" for h in STEPS))
    return Table("004's table", columns, tuple(rows), "float64. 004 prints forward, backward and central quotients.")


def _parts(found: Differences) -> Table:
    columns = (
        "quotient",
        "h",
        "truncation",
        "its leading term",
        "the rest lies in",
        "rounding",
        "rounding expected, rms",
    )
    rows: list[tuple[Any, ...]] = []
    for name in FORMULAS:
        for row in found:
            q = getattr(row, name)
            rest = f"[{float(q.remainder.lower):.2e}, {float(q.remainder.upper):.2e}]"
            rows.append((name, row.step, q.truncation, q.leading, rest, q.rounding, q.expected_rounding))
    caption = (
        "quotient = 1 + truncation + rounding, exactly. Truncation: exact quotient minus exact derivative, by ball "
        "arithmetic. The rest: truncation minus leading term, enclosed by Lagrange's form of the remainder. Rounding: "
        "computed minus exact quotient."
    )
    return Table("What the errors are made of", columns, tuple(rows), caption)


def _values(found: Differences) -> Table:
    """Whether exp is correctly rounded at the six points, and what another last digit there would do to the table."""
    line = FunctionLine(found.program, "x", {"x": 0.0})
    before = _nine(line)
    rows: list[tuple[Any, ...]] = []
    for x in [s * h for h in STEPS for s in (1, -1)]:
        changed = [sum(a != b for a, b in zip(before, _nine(_Shifted(line, x, way)), strict=True)) for way in (1, -1)]
        off = line.error_in_spacings(x)
        rows.append((x, repr(line.value(x)), off, "yes" if abs(off) <= 0.5 else "no", *changed))
    columns = ("x", "exp(x)", "error, in spacings", "correctly rounded", "changed by a spacing up", "down")
    caption = "The last two columns: how many of the nine numbers change if exp(x) were the next float above or below."
    return Table("What the table needs of exp", columns, tuple(rows), caption)


def _nine(line: Any) -> list[float]:
    return [computed(line, name, h) for name in NAMES for h in STEPS]


@dataclass(frozen=True)
class _Shifted:
    """A line whose function is off by one float at one point."""

    line: FunctionLine
    at_point: float
    way: int

    @property
    def at(self) -> float:
        return self.line.at

    def value(self, x: float) -> float:
        value = self.line.value(x)
        return math.nextafter(value, self.way * math.inf) if x == self.at_point else value


def _cost(found: Differences) -> Table:
    """Evaluations for n derivatives, and digits of exp'(0) at the best step."""
    columns = (
        "quotient",
        "evaluations for n derivatives",
        "least error, float64",
        "digits",
        "least error, float32",
        "digits ",
    )
    rows: list[tuple[Any, ...]] = []
    for name, formula in FORMULAS.items():
        moved = sum(1 for s in formula.weights if s)
        count = "n" if moved == 1 else f"{moved} n"
        cells = [cell for dtype in ("float64", "float32") for cell in _digits(found.best_of(name, dtype).error)]
        rows.append((name, f"{count} + 1" if 0 in formula.weights else count, *cells))
    caption = (
        "Least rms errors by the model at the best step, for exp at 0, whose derivative is 1; digits: minus their "
        "logarithm to base 10. Reverse mode gives all n derivatives, to about the last digit, in one pass back."
    )
    return Table("What a numerical derivative costs and gives", columns, tuple(rows), caption)


def _digits(error: float) -> Sequence[float]:
    return error, round(-math.log10(error), 1)

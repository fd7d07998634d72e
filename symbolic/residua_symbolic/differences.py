"""Difference quotients of an expression in floating point, taken apart: derivative + truncation + rounding, exactly."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_network import Program, ResiduaError
from residua_network.checks import number, one_of
from residua_symbolic.derivation import Derivation
from residua_symbolic.difference_best import Best, best
from residua_symbolic.difference_formulas import FORMULAS, Formula, least_error, truncation_series
from residua_symbolic.difference_line import FunctionLine, leading_coefficient, narrow, taylor_bound
from residua_symbolic.difference_noise import Noise
from residua_symbolic.domains import balls
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.expressions.conversion import to_sympy
from residua_symbolic.expressions.evaluation import PointError
from residua_symbolic.expressions.given import given
from residua_symbolic.expressions.graph import below, substituted
from residua_symbolic.tables import Grid

STEPS = (0.1, 0.01, 0.001)
DTYPES = ("float64", "float32")
TERMS = 32  # of the series in which the terms of a truncation are looked for
LARGEST_DENOMINATOR = 1024  # of a point that is put into a formula; 0.1 as a float has one of 17 digits
SHOWN_NODES = 60  # of a derivative that is shown as a formula with the point put in
WHERE = "differences"


class Quotient(float):
    """A difference quotient as Python computes it, which is derivative + truncation + rounding.

    truncation: exact quotient minus exact derivative; leading: its leading term; remainder: an Enclosure of the rest,
    None where f is not smooth on the way. rounding: computed minus exact quotient; expected_rounding: its root mean
    square by the model. Each is the float nearest to the exact value, but for a last bit.
    """

    truncation: float
    rounding: float
    leading: float
    remainder: Enclosure | None
    expected_rounding: float

    def __new__(cls, value: float, **parts: Any) -> "Quotient":
        made = super().__new__(cls, value)
        made.__dict__.update(parts)
        return made

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        bounds = None if self.remainder is None else [float(self.remainder.lower), float(self.remainder.upper)]
        names = ("truncation", "rounding", "leading", "expected_rounding")
        return {"value": float(self), **{name: getattr(self, name) for name in names}, "remainder": bounds}


@dataclass(frozen=True)
class Row:
    """The quotients at one step."""

    step: float
    forward: Quotient
    backward: Quotient
    central: Quotient
    richardson: Quotient

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"step": self.step, **{name: getattr(self, name).to_dict() for name in FORMULAS}}


@dataclass(frozen=True, eq=False, repr=False)
class Differences:
    """What `differences` found; iterates over its rows."""

    expression: sp.Expr
    program: Program
    variable: str
    point: Mapping[str, float]
    rows: tuple[Row, ...]
    derivative: sp.Expr
    enclosure: Enclosure
    best: tuple[Best, ...]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"<differences of {self.expression!s:.60} in {self.variable} at {self.point}: {len(self.rows)} steps>"

    @cached_property
    def derivations(self) -> tuple[Derivation, ...]:
        """For each formula its truncation in every order, and its best step."""
        return tuple(derive(name) for name in FORMULAS for derive in (truncation_series, least_error))

    def best_of(self, formula: str, dtype: str = "float64") -> Best:
        """The prediction for one formula.

        Raises ResiduaError for an unknown name, and where there is none: f leaves the range of the dtype, or has no
        Taylor series at the point.
        """
        one_of(formula, FORMULAS, "formula", WHERE)
        one_of(dtype, DTYPES, "dtype", WHERE)
        for found in self.best:
            if (found.formula, found.dtype) == (formula, dtype):
                return found
        raise ResiduaError(f"{WHERE}: no best step in {dtype}: f leaves its range, or has no Taylor series there")

    @property
    def table(self) -> Grid:
        """As document 004 prints it: a row a formula, a column a step."""
        rows = tuple((name, *(float(getattr(row, name)) for row in self.rows)) for name in FORMULAS)
        return Grid(("quotient", *(f"h = {row.step!r}" for row in self.rows)), rows)

    @property
    def errors(self) -> Grid:
        """Truncation and rounding of every quotient."""
        columns = ("quotient", "h", "truncation", "leading term", "rounding", "expected, rms")
        found = ((name, row.step, getattr(row, name)) for name in FORMULAS for row in self.rows)
        parts = ("truncation", "leading", "rounding", "expected_rounding")
        rows = tuple((name, step, *(getattr(q, part) for part in parts)) for name, step, q in found)
        return Grid(columns, rows)

    @property
    def least(self) -> Grid:
        """Best steps and least errors; dashes where there is no prediction."""
        columns = ("quotient", "dtype", "best step", "least error, rms", "order", "noise of f, rms")
        found = {(b.formula, b.dtype): (b.step, b.error, b.order, b.noise) for b in self.best}
        none: tuple[object, ...] = ("–",) * 4
        cases = [(name, dtype) for dtype in DTYPES for name in FORMULAS]
        return Grid(columns, tuple((*case, *found.get(case, none)) for case in cases))

    def text(self) -> str:
        """For a terminal."""
        head = f"d/d{self.variable} of {self.expression} at {self._where()}: {self.derivative} = {self._value()!r}"
        return "\n\n".join([head, *(grid.text() for grid in self._grids())]) + "\n"

    def markdown(self) -> str:
        """Three tables: quotients, errors, best steps."""
        return "\n".join(grid.markdown() for grid in self._grids())

    def latex(self) -> str:
        """The same with booktabs."""
        return "\n".join(grid.latex() for grid in self._grids())

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def to_dict(self) -> dict[str, Any]:
        """Plain data with the attribute names of the result."""
        return {
            "expression": str(self.expression),
            "variable": self.variable,
            "at": dict(self.point),
            "derivative": str(self.derivative),
            "derivative_bounds": [float(self.enclosure.lower), float(self.enclosure.upper)],
            "rows": [row.to_dict() for row in self.rows],
            "best": [b.to_dict() for b in self.best],
        }

    def _grids(self) -> tuple[Grid, ...]:
        return self.table, self.errors, self.least

    def _where(self) -> str:
        return ", ".join(f"{name} = {value!r}" for name, value in self.point.items())

    def _value(self) -> float:
        return float(self.enclosure.middle)


def differences(expression: object, at: object = 0, steps: object = STEPS, variable: str | None = None) -> Differences:
    """Forward, backward, central and Richardson quotients of `expression` (text or SymPy) at `at`, for every step.

    at: a number, or {name: number} where there are several variables, with `variable` the one that moves. Every
    quotient is formed in float64 as a reader would type it, f operation by operation as it is written; Richardson's is
    (4 C(h/2) − C(h))/3 of central quotients C. Raises PointError, with the node, where f or its derivative does not
    exist; ResiduaError for steps that are not finite and above 0, for missing or surplus values.
    """
    function = given(expression)
    moving, point = _point(function.variables, at, variable)
    checked = _steps(steps)
    line = FunctionLine(function.program, moving, point)
    line.value(line.at)
    slope = line.derivative_enclosed()
    noise = Noise(line.node, moving)
    series = line.coefficients(TERMS)
    rows = tuple(_row(line, noise, series, h) for h in checked)
    enclosure = Enclosure(np.array(_ball(slope), dtype=object), balls.BITS)
    least = (best(line, noise, series, formula, dtype) for dtype in DTYPES for formula in FORMULAS.values())
    predictions = tuple(b for b in least if b is not None)
    shown = _closed(line, enclosure)
    return Differences(function.sympy, function.program, moving, point, rows, shown, enclosure, predictions)


def computed(line: FunctionLine, name: str, h: float) -> float:
    """The quotient of that name in float64. Raises PointError where it is not finite."""
    f, a = line.value, line.at
    found = {
        "forward": lambda: (f(a + h) - f(a)) / h,
        "backward": lambda: (f(a) - f(a - h)) / h,
        "central": lambda: _central(line, h),
        "richardson": lambda: (4 * _central(line, h / 2) - _central(line, h)) / 3,
    }[name]()
    if found - found != 0:
        raise PointError(f"the {name} quotient at {line.variable} = {a!r} with h = {h!r} is beyond float64", line.node)
    return found


def _central(line: FunctionLine, h: float) -> float:
    return (line.value(line.at + h) - line.value(line.at - h)) / (2 * h)


def _row(line: FunctionLine, noise: Noise, series: list[Any], h: float) -> Row:
    return Row(h, **{name: _quotient(line, noise, series, formula, h) for name, formula in FORMULAS.items()})


def _quotient(line: FunctionLine, noise: Noise, series: list[Any], formula: Formula, h: float) -> Quotient:
    value = computed(line, formula.name, h)
    order, size = leading_coefficient(formula, series)
    values = {name: np.array(v) for name, v in line.point.items()}
    with balls.precision(balls.BITS):
        leading = float((size * balls.exact(h).item() ** order).mid()) if order else 0.0
    return Quotient(
        value,
        truncation=line.truncation(formula, h),
        rounding=line.rounding(formula, h, value),
        leading=leading,
        remainder=_remainder(line, formula, h, order),
        expected_rounding=float(noise.of_quotient(formula, values, np.array(h), "float64")),
    )


def _remainder(line: FunctionLine, formula: Formula, h: float, order: int) -> Enclosure | None:
    """Of truncation minus leading term, by Lagrange's form at the next order; None where it has no finite bound."""
    if order == 0:
        return None
    with balls.precision():
        try:
            bound = taylor_bound(line, formula, h, formula.next_order(order + 1))
        except (ArithmeticError, ValueError):  # a kink or a pole within reach
            return None
        return Enclosure(np.array(bound, dtype=object), balls.BITS) if bound.is_finite() else None


def _ball(value: Any) -> Any:
    with balls.precision():
        return flint.arb(value)


def _closed(line: FunctionLine, enclosure: Enclosure) -> sp.Expr:
    """The derivative as SymPy has it with the point put in, where that is short; else the nearest float."""
    exact = line.derivative_enclosed()
    if not hasattr(exact, "rad"):
        return sp.Rational(int(exact.p), int(exact.q))
    long = any(Fraction(value).denominator > LARGEST_DENOMINATOR for value in line.point.values())
    if long or len(below([line.slope])) > SHOWN_NODES or not line.is_rational:
        return sp.Float(narrow(lambda: line.derivative_enclosed(flint.ctx.prec)))
    graph = line.node.graph
    put_in = {name: graph.number(Fraction(value)) for name, value in line.point.items()}
    return to_sympy(substituted([line.slope], put_in)[0])


def _point(names: Sequence[str], at: object, variable: str | None) -> tuple[str, dict[str, float]]:
    """The variable that moves, and the value of every one."""
    if variable is not None and (not isinstance(variable, str) or (names and variable not in names)):
        one_of(variable, names, "variable", WHERE)
    values = dict(at) if isinstance(at, Mapping) else None
    if variable is None:
        if len(names) > 1:
            raise ResiduaError(
                f"{WHERE}: the expression has the variables {', '.join(names)}; say which one moves, by its "
                "name: `variable` (--variable)"
            )
        variable = names[0] if names else "x"
    every = list(names) or [variable]
    if values is None:
        if len(every) > 1:
            others = ", ".join(every)
            raise ResiduaError(
                f"{WHERE}: at: expected a value for each of {others}, as {{name: value}}, got {at!r:.40}"
            )
        values = {variable: at}
    for problem, odd in (
        ("missing", [name for name in every if name not in values]),
        ("surplus", [str(name) for name in values if name not in every]),
    ):
        if odd:
            raise ResiduaError(f"{WHERE}: at: expected values for {', '.join(every)}; {problem}: {', '.join(odd)[:60]}")
    return variable, {name: _float(values[name], f"at: {name}") for name in every}


def _float(value: object, name: str) -> float:
    """A finite float from a number of Python, numpy or SymPy."""
    if isinstance(value, sp.Expr | Fraction | np.floating | np.integer):
        with suppress(TypeError, OverflowError):
            value = float(value)
    return number(value, name, WHERE)


def _steps(steps: object) -> tuple[float, ...]:
    if isinstance(steps, str | Mapping) or not isinstance(steps, Iterable):
        steps = (steps,)
    found = tuple(_float(h, "a step") for h in steps)
    for h in found:
        if not (h / 2 > 0 and 2 * h < float("inf")):
            raise ResiduaError(f"{WHERE}: steps: expected finite numbers above 0, got {h!r}")
    if not found:
        raise ResiduaError(f"{WHERE}: steps: expected at least one, got none")
    return found

"""The Taylor series of an expression: exact coefficients, radius of convergence, certified remainder, mean error."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.domains import balls
from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.expressions.conversion import from_program, from_sympy
from residua_symbolic.expressions.evaluation import PointError, evaluate
from residua_symbolic.expressions.given import Given, exactly
from residua_symbolic.expressions.graph import Graph
from residua_symbolic.printing import latex
from residua_symbolic.series.radius import Radius, expression_radius
from residua_symbolic.series.remainders import expression_box_remainder, expression_remainder
from residua_symbolic.tables import Grid, escaped, for_notebook

SEEN_POINTS = 201  # of an interval at which the error is looked at beside its bound
SHOWN = 60  # terms of a polynomial that is printed; all coefficients are in the table
LINE = 150  # letters of LaTeX in a line of a formula
WHERE = "taylor"

Floats = Any


class ConvergenceWarning(UserWarning):
    """A bound was asked for where the series does not converge: it holds, but higher orders make it worse."""


@dataclass(frozen=True, eq=False, repr=False)
class ExpressionSeries:
    """What `taylor` found for an expression.

    `at`: the point, exactly, by variable. `terms`: the exact coefficient of Π (x_i − a_i)^k_i by exponents (k_1, ...)
    in the order of `variables`; what is not there is zero. `coefficients`: of one variable all c_0, ..., c_order; of
    several ones `terms`.
    """

    function: Given
    variables: tuple[str, ...]
    at: Mapping[str, sp.Expr]
    order: int
    terms: Mapping[tuple[int, ...], sp.Expr]

    @property
    def expression(self) -> sp.Expr:
        """The function as SymPy has it."""
        return self.function.sympy

    @property
    def coefficients(self) -> tuple[sp.Expr, ...] | Mapping[tuple[int, ...], sp.Expr]:
        """Exact coefficients: a tuple c_0, ..., c_order for one variable, by exponents for several."""
        if len(self.variables) > 1:
            return self.terms
        return tuple(self.terms.get((k,), sp.Integer(0)) for k in range(self.order + 1))

    @cached_property
    def polynomial(self) -> sp.Expr:
        """The Taylor polynomial in powers of x − a."""
        return sp.Add(*(c * _power(self._displacements, exponents) for exponents, c in self.terms.items()))

    @cached_property
    def convergence(self) -> Radius:
        """Radius of convergence, what limits it, and whether it is certified; of one variable."""
        variable = self._only_variable("a radius of convergence")
        return expression_radius(self.function, variable, self.at[variable])

    @property
    def radius(self) -> Any:
        """Of convergence: exact (a SymPy number or oo), or an Enclosure; `convergence` says how it is known."""
        return self.convergence.value

    def remainder(self, lower: object, upper: object, bits: int = balls.BITS) -> Enclosure:
        """Certified bounds of f − T_n on lower <= x <= upper, which contains the point; infinite where there are none.

        Of several variables `lower` and `upper` are the corners of a box, by name. Beyond the radius of convergence a
        ConvergenceWarning says so. Raises ResiduaError for an interval that is empty or does not contain the point.
        """
        low, high = self.corners(lower, upper)
        for name in self.variables:
            if not (_sign(self.at[name] - low[name]) >= 0 and _sign(high[name] - self.at[name]) >= 0):
                wanted, got = f"{name} = {self.at[name]}", f"{low[name]} to {high[name]}"
                raise ResiduaError(f"{WHERE}: remainder: expected an interval that contains {wanted}, got {got}")
        if len(self.variables) > 1:
            ball = expression_box_remainder(self.function, self.at, self.order, low, high, bits)
        else:
            (name,) = self.variables
            self._warn_beyond_radius(name, low[name], high[name])
            ball = expression_remainder(self.function, name, self.at[name], self.order, low[name], high[name], bits)
        return Enclosure(np.array(ball, dtype=object), bits)

    def mean_square_error(self, lower: object, upper: object) -> Any:
        """Mean of (f − T_n)² over lower <= x <= upper: exact (SymPy) where the integral is known, else an Enclosure."""
        from residua_symbolic.series.mean_square import mean_square_error

        name = self._only_variable("a mean square error")
        low, high = self.corners(lower, upper)
        return mean_square_error(self.function, name, self.at[name], self.coefficients, low[name], high[name])

    def __call__(self, x: Any) -> Floats:
        """T_n in float64 at x, of any shape; of several variables a mapping from names to arrays."""
        values = x if isinstance(x, Mapping) else {self._only_variable("values by position"): x}
        moved = [np.asarray(values[name], dtype=np.float64) - float(self.at[name]) for name in self.variables]
        if len(moved) == 1:
            return np.polynomial.polynomial.polyval(moved[0], np.array(list(map(float, self.coefficients))))
        return sum((float(c) * _power(moved, exponents) for exponents, c in self.terms.items()), np.zeros(()))

    def values(self, x: Any) -> Floats:
        """f itself in float64 at x, an array; NaN where it does not exist."""
        name = self._only_variable("values of the function")
        (node,) = from_program(Graph(), self.function.program)
        x = np.asarray(x, dtype=np.float64)
        with np.errstate(all="ignore"):
            (found,) = evaluate([node], {name: x}, FloatDomain())
        return np.broadcast_to(np.asarray(found, dtype=np.float64), x.shape)

    def largest_error_seen(self, lower: object, upper: object) -> tuple[float, float]:
        """The largest |f − T_n| at 201 evenly spaced points of the interval, by balls, and where; no bound."""
        name = self._only_variable("errors on an interval")
        low, high = self.corners(lower, upper)
        (node,) = from_program(Graph(), self.function.program)
        with balls.precision():
            ends = _ball(low[name]), _ball(high[name])
            polynomial = flint.arb_poly([_ball(c) for c in self.coefficients])
            worst = 0.0, float(ends[0])
            for k in range(SEEN_POINTS):
                x = ends[0] + (ends[1] - ends[0]) * k / (SEEN_POINTS - 1)
                try:
                    (value,) = evaluate([node], {name: flint.arb(x.mid())}, balls.BallDomain())
                except PointError:
                    continue
                error = abs(float((value - polynomial(flint.arb(x.mid()) - _ball(self.at[name]))).mid()))
                if error > worst[0]:
                    worst = error, float(x)
        return worst

    def text(self, lower: object = None, upper: object = None) -> str:
        """For a terminal; with an interval also remainder and mean square error there."""
        return "\n\n".join(["\n".join(self._lines(lower, upper)), self.table.text()]) + "\n"

    def markdown(self, lower: object = None, upper: object = None) -> str:
        """Formula, facts and coefficients."""
        facts = "\n".join(f"- {line}" for line in self._lines(lower, upper)[1:])
        return f"```math\n{self._formula()}\n```\n\n{facts}\n\n{self.table.markdown()}"

    def latex(self, lower: object = None, upper: object = None) -> str:
        """The polynomial as a display, the facts, and the table with booktabs' rules."""
        items = "\n".join(rf"\item {escaped(line)}" for line in self._lines(lower, upper)[1:])
        facts = f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}\n\n" if items else ""
        return f"\\[\n{self._formula()}\n\\]\n\n{facts}{self.table.fitted('Coefficients')}"

    def _repr_markdown_(self) -> str:
        return for_notebook(self.markdown())

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self._formula()}$"

    def __repr__(self) -> str:
        return f"<Taylor series of {self.expression!s:.60} at {self._where()}, order {self.order}>"

    @property
    def table(self) -> Grid:
        """Every coefficient, exactly and in float64."""
        if len(self.variables) > 1:
            rows = tuple(
                (*exponents, self.terms[exponents], float(self.terms[exponents]))
                for exponents in sorted(self.terms, key=_by_degree)
            )
            return Grid((*self.variables, "coefficient", "value"), rows)
        return Grid(("k", "coefficient", "value"), tuple((k, c, float(c)) for k, c in enumerate(self.coefficients)))

    def to_dict(self, lower: object = None, upper: object = None) -> dict[str, Any]:
        """Plain data with the attribute names of the result."""
        found: dict[str, Any] = {
            "expression": str(self.expression),
            "variables": list(self.variables),
            "at": {name: str(value) for name, value in self.at.items()},
            "order": self.order,
            "coefficients": self._plain(str),
            "values": self._plain(float),
            "polynomial": str(self.polynomial),
        }
        if len(self.variables) == 1:
            found["radius"] = _plain(self.radius)
            found["radius_certified"], found["radius_words"] = self.convergence.certified, self.convergence.words
        if lower is not None and upper is not None:
            low, high = self.corners(lower, upper)
            found["interval"] = {name: [str(low[name]), str(high[name])] for name in self.variables}
            found["remainder"] = _plain(self.remainder(lower, upper))
            if len(self.variables) == 1:
                found["largest_error_seen"] = self.largest_error_seen(lower, upper)[0]
                found["mean_square_error"] = _plain(self.mean_square_error(lower, upper))
        return found

    def _plain(self, one: Any) -> Any:
        if len(self.variables) == 1:
            return [one(c) for c in self.coefficients]
        return {",".join(map(str, exponents)): one(c) for exponents, c in self.terms.items()}

    def _lines(self, lower: object, upper: object) -> list[str]:
        """The facts, a line each."""
        shown = sp.sstr(
            sp.Add(*(self.terms[k] * _power(self._displacements, k) for k in self._first_exponents())), order="rev-lex"
        )
        tail = " + ..." if len(self.terms) > SHOWN else ""
        lines = [f"Taylor polynomial of {self.expression} at {self._where()}, order {self.order}: {shown}{tail}"]
        if len(self.variables) == 1:
            lines.append(f"radius of convergence: {_said(self.radius)} ({self.convergence.words})")
        if lower is not None and upper is not None:
            lines += self._interval_lines(lower, upper)
        return lines

    def _interval_lines(self, lower: object, upper: object) -> list[str]:
        bound = self.remainder(lower, upper)
        low, high = self.corners(lower, upper)
        place = "on " + ", ".join(f"[{low[name]}, {high[name]}]" for name in self.variables)
        lines = [f"remainder f - T {place}, certified: within [{float(bound.lower):.6g}, {float(bound.upper):.6g}]"]
        if len(self.variables) == 1:
            seen, where = self.largest_error_seen(lower, upper)
            lines.append(f"largest |f - T| seen at {SEEN_POINTS} points {place}: {seen:.6g}, at {where:.6g}")
            lines.append(f"mean square error {place}: {_said(self.mean_square_error(lower, upper))}")
        return lines

    def _formula(self) -> str:
        """The polynomial, term by term in rising order, in as many lines as it needs."""
        point = ", ".join(f"{latex(sp.Symbol(name))}={latex(value)}" for name, value in self.at.items())
        first, *others = [self._shown(exponents) for exponents in self._first_exponents()] or ["0"]
        dots = r" + \dots" if len(self.terms) > SHOWN else ""
        terms = [first, *(t if t.startswith("-") else f" + {t}" for t in others)]
        lines = _lines_of([*terms, rf"{dots} + \dots \quad ({point})"])
        if len(lines) == 1:
            return f"{latex(self.expression)} = {lines[0]}"
        body = " \\\\\n&\\quad ".join(lines)
        return rf"\begin{{aligned}}{latex(self.expression)} ={{}}& {body}\end{{aligned}}"

    def _first_exponents(self) -> list[tuple[int, ...]]:
        """Those that are shown, of rising degree."""
        return sorted(self.terms, key=_by_degree)[:SHOWN]

    def _shown(self, exponents: tuple[int, ...]) -> str:
        """A term in LaTeX; where it would not fit into a line, with a name for the coefficient, which the table has."""
        power = _power(self._displacements, exponents)
        printed = latex(self.terms[exponents] * power)
        return printed if len(printed) <= LINE else latex(sp.Symbol("c_" + "".join(map(str, exponents))) * power)

    @property
    def _displacements(self) -> list[sp.Expr]:
        return [sp.Symbol(name, real=True) - self.at[name] for name in self.variables]

    def _where(self) -> str:
        return ", ".join(f"{name} = {value}" for name, value in self.at.items())

    def _only_variable(self, what: str) -> str:
        if len(self.variables) != 1:
            raise ResiduaError(f"{WHERE}: {what} is there for one variable only, got {', '.join(self.variables)}")
        return self.variables[0]

    def corners(self, lower: object, upper: object) -> tuple[dict[str, sp.Expr], dict[str, sp.Expr]]:
        """Both ends for every variable. Raises ResiduaError for what is no interval."""
        low, high = (self._corner(end, name) for end, name in ((lower, "lower"), (upper, "upper")))
        for name in self.variables:
            if not _sign(high[name] - low[name]) > 0:
                got = f"{low[name]} to {high[name]}"
                raise ResiduaError(f"{WHERE}: expected an interval with lower < upper for {name}, got {got}")
        return low, high

    def _corner(self, end: object, which: str) -> dict[str, sp.Expr]:
        if isinstance(end, Mapping):
            if set(end) != set(self.variables):
                names = ", ".join(self.variables)
                raise ResiduaError(f"{WHERE}: {which}: expected values for {names}, got {list(end)!s:.60}")
            return {name: exactly(end[name], f"{WHERE}: {which}: {name}") for name in self.variables}
        if len(self.variables) != 1:
            raise ResiduaError(f"{WHERE}: {which}: expected a value for each of {', '.join(self.variables)}")
        return {self.variables[0]: exactly(end, f"{WHERE}: {which}")}

    def _warn_beyond_radius(self, name: str, lower: sp.Expr, upper: sp.Expr) -> None:
        reach = max(float(upper - self.at[name]), float(self.at[name] - lower))
        radius = self.convergence.value
        limit = float(radius.upper) if isinstance(radius, Enclosure) else float(radius)
        if reach > limit:
            words = f"the interval reaches {reach:.6g} from {name} = {self.at[name]}, beyond the radius of convergence"
            warnings.warn(f"{words} {limit:.6g}: the bound holds, more terms make it larger", ConvergenceWarning, 3)


def _power(displacements: Sequence[Any], exponents: Sequence[int]) -> Any:
    found = 1
    for d, k in zip(displacements, exponents, strict=True):
        if k:
            found = found * d**k
    return found


def _lines_of(pieces: Sequence[str]) -> list[str]:
    """Pieces of LaTeX joined into lines that fit a page, as far as the length of the source tells."""
    lines = [""]
    for piece in pieces:
        if lines[-1] and len(lines[-1]) + len(piece) > LINE:
            lines.append("")
        lines[-1] += piece
    return lines


def _by_degree(exponents: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    return sum(exponents), tuple(-k for k in exponents)


def _ball(value: sp.Expr) -> Any:
    """A constant of SymPy as a ball at the working precision."""
    (found,) = evaluate([from_sympy(Graph(), value)], {}, balls.BallDomain())
    return found


def _sign(value: sp.Expr) -> int:
    """Of a constant. Raises ResiduaError where it cannot be told from 0."""
    if value.is_Rational:
        return int(sp.sign(value))
    if value.equals(0):
        return 0
    for bits in (128, 512, 2048):
        with balls.precision(bits):
            ball = _ball(value)
            if ball > 0 or ball < 0:
                return 1 if ball > 0 else -1
    raise ResiduaError(f"{WHERE}: {value} cannot be told from 0")


def _said(value: Any) -> str:
    """An exact value with its decimals, or the bounds."""
    if isinstance(value, Enclosure):
        return f"within [{float(value.lower):.9g}, {float(value.upper):.9g}]"
    return str(value) if value.is_Integer or value is sp.oo else f"{value} = {float(value):.9g}"


def _plain(value: Any) -> Any:
    if isinstance(value, Enclosure):
        return {"lower": float(value.lower), "upper": float(value.upper)}
    return {"exact": str(value), "value": float(value)}

"""The Taylor series of an expression: exact coefficients, radius of convergence, certified remainder, mean error."""

import itertools
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_network import ResiduaError
from residua_network.checks import whole
from residua_symbolic.domains import balls
from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.expressions.conversion import from_program
from residua_symbolic.expressions.evaluation import PointError, evaluate
from residua_symbolic.expressions.given import Given, exactly
from residua_symbolic.expressions.graph import Graph, Node
from residua_symbolic.series.convergence.analytic import OfGraph
from residua_symbolic.series.convergence.circles import singular_functions
from residua_symbolic.series.convergence.complex_balls import TooWideError
from residua_symbolic.series.convergence.radius import Radius, expression_radius
from residua_symbolic.series.decimals import (
    PRECISIONS,
    ball,
    joined,
    whole_numbers,
    written,
)
from residua_symbolic.series.enclosures.models import ModelDomain, line
from residua_symbolic.series.enclosures.remainders import expression_box_remainder, expression_remainder
from residua_symbolic.series.printed import (
    coefficient_table,
    displacements,
    estimate,
    fact_lines,
    formula,
    interval_dict,
    power_of,
    radius_dict,
    terms_in_words,
)
from residua_symbolic.tables import Grid, escaped, for_notebook

SEEN_POINTS = 201  # of an interval or box, at most, at which the error is looked at beside its bound
PAGE = 30  # rows of a table in LaTeX
LEAST_BITS, MOST_BITS = 32, 1 << 14
ROOTS = 1e-9  # so that whole roots are found
TOLD = 24  # bits of an error that is seen
ROOT_ORDER = 40  # up to which the root test looks
MARGIN = 1.05  # by which an estimated radius must be exceeded, so as not to warn in vain
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
    def coefficients(self) -> Any:
        """Exact coefficients: a tuple c_0, ..., c_order for one variable, by exponents for several."""
        if len(self.variables) > 1:
            return self.terms
        return tuple(self.terms.get((k,), sp.Integer(0)) for k in range(self.order + 1))

    @cached_property
    def polynomial(self) -> sp.Expr:
        """The Taylor polynomial in powers of x − a."""
        return sp.Add(*(c * power_of(displacements(self), exponents) for exponents, c in self.terms.items()))

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
        if not LEAST_BITS <= whole(bits, "bits", WHERE) <= MOST_BITS:
            raise ResiduaError(f"{WHERE}: bits must lie between {LEAST_BITS} and {MOST_BITS}, got {bits!r:.40}")
        low, high = self.corners(lower, upper)
        for name in self.variables:
            if not (_sign(self.at[name] - low[name]) >= 0 and _sign(high[name] - self.at[name]) >= 0):
                wanted, got = f"{name} = {self.at[name]}", f"{low[name]} to {high[name]}"
                raise ResiduaError(f"{WHERE}: remainder: expected an interval that contains {wanted}, got {got}")
        if len(self.variables) > 1:
            found = expression_box_remainder(self.function, self.at, self.order, low, high, bits)
        else:
            (name,) = self.variables
            found = expression_remainder(self.function, name, self.at[name], self.order, low[name], high[name], bits)
            self._warn_beyond_radius(name, low[name], high[name], bool(found.is_finite()))
        return Enclosure(np.array(found, dtype=object), bits)

    def mean_square_error(self, lower: object, upper: object) -> Any:
        """Mean of (f − T_n)² over lower <= x <= upper: exact (SymPy) where the integral is known, else an Enclosure."""
        from residua_symbolic.series.approximation.mean_square import mean_square_error

        name = self._only_variable("a mean square error")
        low, high = self.corners(lower, upper)
        return mean_square_error(self.function, name, self.at[name], self.coefficients, low[name], high[name])

    def __call__(self, x: Any) -> Floats:
        """T_n in float64 at x, of any shape; of several variables a mapping from names to arrays."""
        values = self._arrays(x)
        moved = [values[name] - float(self.at[name]) for name in self.variables]
        if len(moved) == 1:
            return np.polynomial.polynomial.polyval(moved[0], np.array(list(map(float, self.coefficients))))
        return sum((float(c) * power_of(moved, exponents) for exponents, c in self.terms.items()), np.zeros(()))

    def values(self, x: Any) -> Floats:
        """f itself in float64 at x, as `__call__` takes it; NaN where it does not exist."""
        values = self._arrays(x)
        with np.errstate(all="ignore"):
            (found,) = evaluate([self._node], values, FloatDomain())
        shape = np.broadcast_shapes(*(value.shape for value in values.values()))
        found = np.broadcast_to(np.asarray(found, dtype=np.float64), shape)
        here = np.logical_and.reduce([values[name] == float(self.at[name]) for name in self.variables])
        return np.where(np.isnan(found) & here, float(self.terms.get((0,) * len(self.variables), 0)), found)

    def _arrays(self, x: Any) -> dict[str, Floats]:
        """By name, in float64."""
        given = {str(name): value for name, value in x.items()} if isinstance(x, Mapping) else None
        if given is None and len(self.variables) == 1:
            given = {self.variables[0]: x}
        if given is None or set(given) != set(self.variables):
            got = f"{x!r:.60}" if given is None else f"values for {', '.join(given)!s:.60}"
            raise ResiduaError(f"{WHERE}: expected values by name for {', '.join(self.variables)}, got {got}")
        try:
            return {name: np.asarray(given[name], dtype=np.float64) for name in self.variables}
        except (TypeError, ValueError):
            raise ResiduaError(f"{WHERE}: expected numbers for {', '.join(self.variables)}, got {x!r:.60}") from None

    @property
    def _node(self) -> Node:
        (node,) = from_program(Graph(), self.function.program)
        return node

    def largest_error_seen(self, lower: object, upper: object) -> tuple[float, Any]:
        """The largest |f − T_n| at evenly spaced points of the interval or box, and where (of several variables by
        name); no bound. Points where f does not exist are left out; NaN if there are no others."""
        return self.seen(*self.corners(lower, upper))[:2]

    def seen(self, low: Mapping[str, sp.Expr], high: Mapping[str, sp.Expr]) -> tuple[float, Any, int, int]:
        """Also at how many points, and at how many of them f does not exist; by balls that tell the error from 0."""
        each = max(2, math.floor(SEEN_POINTS ** (1 / len(self.variables)) + ROOTS))
        steps = list(itertools.islice(itertools.product(range(each), repeat=len(self.variables)), SEEN_POINTS))
        node = self._node
        for bits in PRECISIONS:
            with balls.precision(bits):
                worst, best, missing = flint.arb(-1), None, 0
                spans = [(ball(low[name]).mid(), ball(high[name] - low[name]).mid()) for name in self.variables]
                for step in steps:
                    x = [flint.arb((a + d * k / (each - 1)).mid()) for (a, d), k in zip(spans, step, strict=True)]
                    error = self._error(node, x)
                    missing += error is None
                    if error is not None and error.mid() > worst.mid():
                        worst, best = error, x
                if best is None or self.is_exact or worst.rel_accuracy_bits() >= TOLD:
                    break
        if best is None:
            return float("nan"), None, len(steps), missing
        where = dict(zip(self.variables, map(float, best), strict=True))
        size = 0.0 if self.is_exact else float(worst.mid())
        return size, where if len(where) > 1 else where[self.variables[0]], len(steps), missing

    def _error(self, node: Node, x: Sequence[Any]) -> Any:
        """A ball with |f − T_n| at a point; None where f does not exist."""
        places = [ball(self.at[name]) for name in self.variables]
        if all(bool((a - p).is_zero()) for a, p in zip(x, places, strict=True)):
            return flint.arb(0)
        try:
            (value,) = evaluate([node], dict(zip(self.variables, x, strict=True)), balls.BallDomain())
        except PointError:
            return None
        moved = [a - p for a, p in zip(x, places, strict=True)]
        polynomial = sum((c * power_of(moved, exponents) for exponents, c in self._balls()), flint.arb(0))
        found = abs(value - polynomial)
        return found if found.is_finite() else None

    def _balls(self) -> list[tuple[tuple[int, ...], Any]]:
        """The coefficients at the working precision."""
        known = self._known_balls
        if flint.ctx.prec not in known:
            known[flint.ctx.prec] = [(exponents, ball(c)) for exponents, c in self.terms.items()]
        return known[flint.ctx.prec]

    @cached_property
    def _known_balls(self) -> dict[int, list[tuple[tuple[int, ...], Any]]]:
        return {}

    @cached_property
    def is_exact(self) -> bool:
        """Whether f is a polynomial that T_n is all of, as its form shows."""
        degree = _degree(self.expression)
        return degree is not None and degree <= self.order

    def text(self, lower: object = None, upper: object = None) -> str:
        """For a terminal; with an interval also remainder and mean square error there."""
        with whole_numbers():
            return "\n\n".join(["\n".join(fact_lines(self, lower, upper)), self.table.text()]) + "\n"

    def markdown(self, lower: object = None, upper: object = None) -> str:
        """Formula, facts and coefficients."""
        with whole_numbers():
            facts = "\n".join(f"- {line}" for line in fact_lines(self, lower, upper)[1:])
            parts = (f"```math\n{formula(self)}\n```", facts, self.table.markdown())
            return "\n\n".join(part for part in parts if part)

    def latex(self, lower: object = None, upper: object = None) -> str:
        """The polynomial as a display, the facts, and the table with booktabs' rules."""
        with whole_numbers():
            items = "\n".join(rf"\item {escaped(line)}" for line in fact_lines(self, lower, upper)[1:])
            facts = f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}\n\n" if items else ""
            table = self.table
            starts = range(0, max(1, len(table.rows)), PAGE)
            pages = [Grid(table.columns, table.rows[k : k + PAGE]) for k in starts]
            tables = "\n".join(
                page.fitted("Coefficients" if k == 0 else "Coefficients, continued") for k, page in enumerate(pages)
            )
            return f"\\[\n{formula(self)}\n\\]\n\n{facts}{tables}"

    def _repr_markdown_(self) -> str:
        return for_notebook(self.markdown())

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {formula(self)}$"

    def __repr__(self) -> str:
        return f"<Taylor series of {self.expression!s:.60} at {self.where()}, order {self.order}>"

    @property
    def table(self) -> Grid:
        """Every coefficient, exactly (of long ones the beginning and the end) and in float64."""
        return coefficient_table(self)

    def to_dict(self, lower: object = None, upper: object = None) -> dict[str, Any]:
        """Plain data with the attribute names of the result."""
        with whole_numbers():
            found: dict[str, Any] = {
                "expression": str(self.expression),
                "variables": list(self.variables),
                "at": {name: str(value) for name, value in self.at.items()},
                "order": self.order,
                "coefficients": self._plain(written),
                "values": self._plain(float),
                "polynomial": joined(terms_in_words(self, written)) or "0",
            }
            if len(self.variables) == 1:
                found |= radius_dict(self)
            if self.has_interval(lower, upper):
                found |= interval_dict(self, lower, upper)
        return found

    def has_interval(self, lower: object, upper: object) -> bool:
        """Whether there is an interval. Raises ResiduaError for one end without the other."""
        if (lower is None) != (upper is None):
            raise ResiduaError(f"{WHERE}: expected lower and upper, got {'upper' if lower is None else 'lower'} alone")
        return lower is not None

    def _plain(self, one: Any) -> Any:
        if len(self.variables) == 1:
            return [one(c) for c in self.coefficients]
        return {",".join(map(str, exponents)): one(c) for exponents, c in self.terms.items()}

    def where(self) -> str:
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
            values = {str(name): value for name, value in end.items()}
            if set(values) != set(self.variables):
                names, got = ", ".join(self.variables), ", ".join(values) or "none"
                raise ResiduaError(f"{WHERE}: {which}: expected values for {names}, got values for {got!s:.60}")
            return {name: exactly(values[name], f"{WHERE}: {which}: {name}") for name in self.variables}
        if len(self.variables) != 1:
            names, got = ", ".join(self.variables), f"{end!r:.40}"
            raise ResiduaError(f"{WHERE}: {which}: expected a value for each of {names}, by name, got {got}")
        return {self.variables[0]: exactly(end, f"{WHERE}: {which}")}

    def _warn_beyond_radius(self, name: str, lower: sp.Expr, upper: sp.Expr, is_bounded: bool) -> None:
        """By the radius where it is known already or near at hand, else by the root test: nothing waits for it."""
        reach = max(float(upper - self.at[name]), float(self.at[name] - lower))
        limit, is_known = self._limit(name)
        if not reach > limit * (1 if is_known else MARGIN):
            return
        words = f"the interval reaches {reach:.6g} from {name} = {self.at[name]}, beyond the radius of convergence"
        shown = f" {limit:.6g}" if is_known else f", about {limit:.2g} as the coefficients grow"
        then = "the bound holds, more terms make it larger" if is_bounded else "no bound was found"
        warnings.warn(f"{words}{shown}: {then}", ConvergenceWarning, 3)

    def _limit(self, name: str) -> tuple[float, bool]:
        """The radius, infinite where nothing is known, and whether it is more than an estimate."""
        try:
            with balls.precision():
                conditions, kinks = singular_functions(OfGraph(self._node, name), ball(self.at[name]))
            if "convergence" not in self.__dict__ and conditions and not kinks:
                return self._rough_radius(name), False
            known = self.convergence
        except TooWideError:  # 0/0 at the point
            return self._rough_radius(name), False
        except (ResiduaError, ArithmeticError):
            return math.inf, False
        sure = known.certified and isinstance(known.value, Enclosure)
        return float(known.value.upper) if sure else estimate(known), known.certified

    def _rough_radius(self, name: str) -> float:
        """By the root test of orders up to 40, extrapolated to infinity."""
        with balls.precision(balls.BITS, 2 * ROOT_ORDER):
            start = line(ball(self.at[name]), flint.arb(1), ROOT_ORDER, flint.arb(0))
            (found,) = evaluate([self._node], {name: start}, ModelDomain())
            sizes = [float(abs(found.low[k]).mid()) for k in range(ROOT_ORDER + 1)]
        halves = [range(ROOT_ORDER // 4, ROOT_ORDER // 2), range(ROOT_ORDER // 2, ROOT_ORDER + 1)]
        first, last = (max(sizes[k] ** (1 / k) for k in half) for half in halves)
        return first / last**2 if last > 0 else math.inf


def _degree(expression: sp.Expr) -> int | None:
    """A bound of the degree of a polynomial, from its form; None for what does not look like one."""
    if expression.is_Symbol or not expression.free_symbols:
        return int(bool(expression.is_Symbol))
    if expression.is_Pow and expression.exp.is_Integer and expression.exp > 0:
        degree = _degree(expression.base)
        return None if degree is None else degree * int(expression.exp)
    degrees = [_degree(part) for part in expression.args] if expression.is_Add or expression.is_Mul else [None]
    known = [d for d in degrees if d is not None]
    if len(known) < len(degrees):
        return None
    return max(known) if expression.is_Add else sum(known)


def _sign(value: sp.Expr) -> int:
    """Of a constant. Raises ResiduaError where it cannot be told from 0."""
    if value.is_Rational:
        return int(sp.sign(value))
    if value.equals(0):
        return 0
    for bits in (128, 512, 2048):
        with balls.precision(bits):
            found = ball(value)
            if found > 0 or found < 0:
                return 1 if found > 0 else -1
    raise ResiduaError(f"{WHERE}: {value} cannot be told from 0")

"""The function that is to be approximated, on an interval: certified values, and bounds on parts of it."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.domains.balls import BallDomain
from residua_symbolic.domains.floats import Floats
from residua_symbolic.expressions.conversion import from_program
from residua_symbolic.expressions.evaluation import PointError, evaluate
from residua_symbolic.expressions.given import Given, exactly, given
from residua_symbolic.expressions.graph import Graph, Node
from residua_symbolic.series.approximation.quadrature import constant
from residua_symbolic.series.enclosures.bounds import UNBOUNDED
from residua_symbolic.series.enclosures.models import Model, ModelDomain, line

Ball = Any
DEEPEST = 40  # halvings of the interval


@dataclass(frozen=True)
class Local:
    """f(c + t) = at + slope t + bend(t) t² for |t| ≤ r: balls, `bend` one for all t. Where f is not that smooth
    `bend` is infinite, and only `span`, a ball with all values of f there, says something."""

    at: Ball
    slope: Ball
    bend: Ball
    span: Ball


@dataclass(frozen=True, eq=False)
class Target:
    """A function of one variable on [lower, upper]."""

    function: Given
    variable: str
    lower: sp.Expr
    upper: sp.Expr

    @cached_property
    def node(self) -> Node:
        """f as a graph."""
        (node,) = from_program(Graph(), self.function.program)
        return node

    @property
    def ends(self) -> tuple[Ball, Ball]:
        """Exact numbers just outside the ends, or at them where they are representable."""
        return constant(self.lower).lower(), constant(self.upper).upper()

    @property
    def float_ends(self) -> tuple[float, float]:
        """The outermost floats inside the interval."""
        low, high = constant(self.lower), constant(self.upper)
        first, last = float(low), float(high)
        first = first if flint.arb(first) >= low else float(np.nextafter(first, np.inf))
        last = last if flint.arb(last) <= high else float(np.nextafter(last, -np.inf))
        return first, last

    def local(self, centre: Ball, half: Ball) -> Local:
        """Bounds around an exact point, within an exact distance."""
        over = flint.arb(0, half)
        try:
            (found,) = evaluate([self.node], {self.variable: line(centre, flint.arb(1), 1, over)}, ModelDomain())
        except PointError:
            return Local(UNBOUNDED, UNBOUNDED, UNBOUNDED, UNBOUNDED)
        if not isinstance(found, Model):
            value = flint.arb(found)
            return Local(value, flint.arb(0), flint.arb(0), value)
        if found.order < 1:
            return Local(self.value(centre), UNBOUNDED, UNBOUNDED, found.span)
        return Local(found.low[0], found.low[1], found.rest, found.span)

    def value(self, x: Ball) -> Ball:
        """f at an exact point."""
        with suppress(PointError):
            (plain,) = evaluate([self.node], {self.variable: x}, BallDomain())
            if plain.is_finite():
                return plain
        (found,) = evaluate([self.node], {self.variable: line(x, flint.arb(0), 0, flint.arb(0))}, ModelDomain())
        if isinstance(found, Model):
            return found.low[0] if found.order >= 0 else found.rest
        return flint.arb(found)

    def values(self, x: Floats) -> Floats:
        """The float64 numbers nearest to f. Raises ResiduaError where f does not exist."""
        found = [self.value(flint.arb(p)) for p in x.tolist()]
        for p, ball in zip(x.tolist(), found, strict=True):
            if not ball.is_finite():
                raise ResiduaError(f"construct: {self.function.sympy} does not exist at {self.variable} = {p!r}")
        return np.array([float(ball.mid()) for ball in found])

    def check_bounded(self, where: str) -> None:
        """Raises ResiduaError unless f has bounds on the whole interval: cells without any are halved, to a limit."""
        pending = [(*self.ends, 0)]
        while pending:
            low, high, depth = pending.pop()
            centre = ((low + high) / 2).mid()
            if self.local(centre, (high - centre).upper().max((centre - low).upper())).span.is_finite():
                continue
            if depth == DEEPEST:
                raise ResiduaError(
                    f"{where}: {self.function.sympy!s:.60} has no bounds near {self.variable} = {float(centre):.6g}"
                )
            pending += [(centre, high, depth + 1), (low, centre, depth + 1)]


def target(expression: object, lower: object, upper: object, where: str) -> Target:
    """Read by whitelist. Raises ResiduaError for what is no expression of one variable, or no interval."""
    function = given(expression)
    if len(function.variables) > 1:
        raise ResiduaError(f"{where}: expected one variable, got {', '.join(function.variables)}")
    low, high = exactly(lower, f"{where}: lower"), exactly(upper, f"{where}: upper")
    if not constant(low) < constant(high):
        raise ResiduaError(f"{where}: expected lower < upper, got [{low}, {high}]")
    return Target(function, (*function.variables, "x")[0], low, high)

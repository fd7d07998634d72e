"""Functions to a stated error by explicit weights: derived, certified, and measured on torch."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from residua_bridge.experiments.texts import proved
from residua_bridge.experiments.universal.models import CHECKED, GRID, as_computed, below, seen
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_symbolic import Derivation
from residua_symbolic.universal import Construction, construct
from residua_symbolic.universal.chord_laws import chord_law
from residua_symbolic.universal.methods import sigmoids
from residua_symbolic.universal.placing import equal_pieces
from residua_symbolic.universal.sine_laws import sine_law
from residua_symbolic.universal.smooth_laws import smooth_law
from residua_symbolic.universal.steep_laws import monotone_law, steep_law

BUILT = "Constructed to a stated error"
WIDTHS = "Width by error"
LAWS: tuple[Callable[[], Derivation], ...] = (chord_law, steep_law, monotone_law, smooth_law, sine_law)
PICTURED = 6  # pieces of sin in the picture: few, so that steps show


@dataclass(frozen=True)
class Goal:
    """A function of x on an interval; the same function in numpy, to measure by."""

    text: str
    lower: str
    upper: str
    function: Callable[[Floats], Floats]

    @property
    def said(self) -> str:
        """As tables name it."""
        return f"{self.text} on [{self.lower}, {self.upper}]"


@cache
def constructed(goal: Goal, by: str, error: float) -> Construction:
    """The construction of a goal by an activation."""
    return construct(goal.text, goal.lower, goal.upper, error, by)


@dataclass(frozen=True)
class Constructed:
    """Every goal by every activation to every error."""

    name: str
    title: str
    prose: tuple[str, ...]
    goals: tuple[Goal, ...]
    activations: tuple[str, ...]
    errors: By
    ladder: By

    def run(self, settings: Settings) -> Finding:
        """Derive, construct, certify, measure."""
        cases = [
            (goal, by, error)
            for goal in self.goals
            for by in self.activations
            for error in self.errors.of(settings.profile)
        ]
        rows, computed, bounded = [], list[Discrepancy](), list[Discrepancy]()
        for goal, by, error in settings.track(cases, self.title):
            row, one, two = met(goal, by, error)
            rows.append(row)
            computed.append(one)
            bounded.append(two)
        columns = (
            "function", "by", "error asked for", "width", "derived bound", "certified: at least", "certified: at most",
            "largest on torch", "rounding",
        )  # fmt: skip
        caption = (
            "Width: hidden units; a hard sigmoid is two ReLUs. Derived: the bound from which the width was "
            "chosen. Certified: the "
            f"supremum of the error of the float64 weights, from both sides. Largest: on {GRID} points."
        )
        section = Section(
            self.title,
            self.prose,
            derivations=tuple(proved(law()) for law in LAWS),
            tables=(Table(BUILT, columns, tuple(rows), caption), self._widths(settings)),
            figures=(self._picture(), self._ladder(settings)),
            verdicts=(
                together(computed, "Constructed layers on torch are what their exact weights say", "agree"),
                together(bounded, "No error on torch is above its certified bound", "agree"),
            ),
        )
        return Finding(section, (*computed, *bounded))

    def _widths(self, settings: Settings) -> Table:
        goal = self.goals[0]
        rows = tuple(
            (error, *(constructed(goal, by, error).width for by in self.activations))
            for error in self.ladder.of(settings.profile)
        )
        caption = (
            f"Hidden units for {goal.said}. Pieces of ReLUs fall as the root of the error, for a chord is off by "
            f"the square of its "
            "length; a sigmoid for each ramp has an error of its own in proportion to the rise, so their number "
            "is as 1/error."
        )
        return Table(WIDTHS, ("error", *self.activations), rows, caption)

    def _picture(self) -> Figure:
        """Document 004's steps: the curve, the broken line, and the same with a sigmoid for each ramp."""
        goal = self.goals[0]
        aim = constructed(goal, "relu", 1.0).target
        placed = equal_pieces(aim, PICTURED)
        x = np.linspace(*aim.float_ends, 241)
        y = seen(sigmoids(placed.line), x)
        curves = (
            Curve(goal.text, "other", tuple(x.tolist()), tuple(goal.function(x).tolist())),
            Curve("broken line", "predicted", tuple(placed.line.knots.tolist()), tuple(placed.line.values.tolist())),
            Curve("a sigmoid for each ramp", "measured", tuple(x[::4].tolist()), tuple(y[::4].tolist())),
        )
        caption = f"{PICTURED} pieces: with so few all errors show."
        return Figure(f"{self.name}-steps", "From a curve to sigmoids", "x", "y", curves, caption=caption)

    def _ladder(self, settings: Settings) -> Figure:
        goal, errors = self.goals[0], self.ladder.of(settings.profile)
        curves = []
        for by in self.activations:
            found = [constructed(goal, by, error) for error in errors]
            x, y = tuple(float(c.width) for c in found), tuple(float(c.bound.upper) for c in found)
            curves.append(Curve(by, "predicted", x, y))
        caption = f"{goal.said}: certified largest error by width, as constructed."
        return Figure(
            f"{self.name}-widths", "Width and error", "hidden units", "sup error", tuple(curves), "log", "log", caption
        )


def met(goal: Goal, by: str, error: float) -> tuple[tuple[str | float | int, ...], Discrepancy, Discrepancy]:
    """The row of the table, and both comparisons."""
    c = constructed(goal, by, error)
    low, high = c.target.float_ends
    x = np.linspace(low, high, GRID)
    x[-1] = high
    largest = float(np.max(np.abs(seen(c.units, x) - goal.function(x))))
    scope: dict[str, str | int] = {"function": goal.text, "by": by, "error": f"{error:g}", "width": c.width}
    one = as_computed(c.units, x[:: GRID // CHECKED], **scope, points=len(x[:: GRID // CHECKED]))
    two = below(largest, float(c.bound.upper), c.rounding, **scope, points=GRID)
    row = (
        goal.said, by, error, c.width, c.derived, float(c.bound.lower), float(c.bound.upper), largest, c.rounding
    )  # fmt: skip
    return row, one, two

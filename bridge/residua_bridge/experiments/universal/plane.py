"""Two inputs: polynomials by sums of functions of one direction, each by one hidden layer."""

from dataclasses import dataclass

import numpy as np

from residua_bridge.experiments.texts import proved
from residua_bridge.experiments.universal.models import as_computed, below, seen
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_symbolic.universal import construct_plane
from residua_symbolic.universal.ridge import ridge_law

PLANE = "Two inputs"
SIDE = 101  # points along an axis
CHECKED = 7


@dataclass(frozen=True)
class Surface:
    """A polynomial, and the same in numpy."""

    text: str
    error: float

    def values(self, points: np.ndarray) -> np.ndarray:
        """At points (n, 2)."""
        x, y = points.T
        return np.asarray({"x*y": x * y, "x**2*y - y**3 + 1/2": x**2 * y - y**3 + 0.5}[self.text])


@dataclass(frozen=True)
class Plane:
    """Every surface by every activation, on [−1, 1]²."""

    title: str
    prose: tuple[str, ...]
    surfaces: tuple[Surface, ...]
    activations: tuple[str, ...]

    def run(self, settings: Settings) -> Finding:
        """Derive, construct, certify, measure."""
        cases = [(surface, by) for surface in self.surfaces for by in self.activations]
        rows, computed, bounded = [], list[Discrepancy](), list[Discrepancy]()
        for surface, by in settings.track(cases, self.title):
            c = construct_plane(surface.text, (-1, -1), (1, 1), surface.error, by)
            points = grid(SIDE)
            largest = float(np.max(np.abs(seen(c.units, points) - surface.values(points))))
            scope: dict[str, str | int] = {"function": surface.text, "by": by, "width": c.width, "box": "[−1, 1]²"}
            computed.append(as_computed(c.units, grid(CHECKED), **scope, points=CHECKED**2))
            bounded.append(below(largest, float(c.bound.upper), c.rounding, **scope, points=SIDE**2))
            rows.append((surface.text, by, len(c.ridges), surface.error, c.width, float(c.bound.upper), largest))
        columns = ("function", "by", "directions", "error asked for", "width", "certified: at most", "largest on torch")
        caption = f"On [−1, 1]², {SIDE}² points. Certified: the bounds of the layers of each direction, added."
        section = Section(
            self.title,
            self.prose,
            derivations=(proved(ridge_law()),),
            tables=(Table(PLANE, columns, tuple(rows), caption),),
            verdicts=(
                together(computed, "Layers of two inputs on torch are what their exact weights say", "agree"),
                together(bounded, "No error of two inputs on torch is above its certified bound", "agree"),
            ),
        )
        return Finding(section, (*computed, *bounded))


def grid(side: int) -> np.ndarray:
    """side² points of [−1, 1]², (n, 2)."""
    line = np.linspace(-1.0, 1.0, side)
    return np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)

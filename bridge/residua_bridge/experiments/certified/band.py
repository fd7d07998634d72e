"""A network, one of its Taylor polynomials, and the band in which the network certainly lies."""

from dataclasses import dataclass

import numpy as np

from residua_bridge.experiments.certified.comparison import contained
from residua_bridge.experiments.certified.networks import KINDS, exact_errors, exactly, radius_as_float, trained
from residua_bridge.findings import Curve, Figure, Section
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_symbolic.enclosure import Enclosure

REACH = 1.25  # radii of convergence that are drawn
SIDE = 24  # places on each side
ORDER = 6


@dataclass(frozen=True)
class Band:
    """T_6 of the tanh network with certified bounds on [0, t] or [t, 0], for t inside and outside."""

    name: str
    title: str
    prose: tuple[str, ...]
    steps: By

    def run(self, settings: Settings) -> Finding:
        """Bound on growing intervals, measure, draw."""
        one = trained(KINDS[0], self.steps.of(settings.profile))
        end = exactly(REACH * radius_as_float(one.radius))
        t = np.linspace(-end, end, 2 * SIDE + 1)
        series = one.series(ORDER)
        bounds = np.array([one.remainder(ORDER, min(s, 0.0), max(s, 0.0)) if s else (0.0, 0.0) for s in t.tolist()])
        values = one.measured(t)
        errors = exact_errors(values, series, t)
        polynomial = values - errors
        scope = {**one.scope, "order": ORDER, "places": len(t)}
        d = contained(errors[:, None], (bounds[:, :1], bounds[:, 1:]), one.rounding(t)[:, None], scope)
        xs = tuple(t.tolist())
        curves = (
            Curve("network", "measured", xs, tuple(values.tolist())),
            Curve(f"$T_{ORDER}$", "other", xs, tuple(polynomial.tolist())),
            Curve("band: lower edge", "predicted", xs, tuple((polynomial + bounds[:, 0]).tolist())),
            Curve("band: upper edge", "predicted", xs, tuple((polynomial + bounds[:, 1]).tolist())),
        )
        radius = one.radius.value
        limit = float(radius.upper) if isinstance(radius, Enclosure) else float(radius)
        caption = (
            f"Blocks of {one.kind.label}, along the line through the inputs. The certified band at t is "
            f"$T_{ORDER}(t)$ plus the enclosure of $f - T_{ORDER}$ on all of [0, t]. The series converges for "
            f"|t| < {limit:.4g}."
        )
        figure = Figure(self.name, self.title, "$t$", "output", curves, caption=caption)
        text = as_text(d, f"The network lies in the band of T_{ORDER}, up to {REACH:g} radii of convergence", "agree")
        return Finding(Section(self.title, self.prose, figures=(figure,), verdicts=(text,)), (d,))

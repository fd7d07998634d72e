"""Piecewise-linear functions by explicit ReLUs and hard sigmoids: exact between the outer knots, and beyond them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.texts import proved
from residua_bridge.experiments.universal.models import OUTPUT, seen
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_numeric import Measurement
from residua_symbolic import Prediction
from residua_symbolic.series.approximation.relu_laws import hinges
from residua_symbolic.universal import through
from residua_symbolic.universal.ramp_laws import jump_law, line_by_relus, ramp_law, unbounded_law
from residua_symbolic.universal.units import Units

DRAWN, BEYOND = "Broken lines drawn at random", "A straight line on the whole line"
POINTS = 601
UNIT = 2.0**-53
BY = ("relu", "hard sigmoid")
STEEP = (0.0, 1.0, 3.0, 4.5, 6.0)  # knots of the line in the picture, as document 004 draws one
HIGH = (0.5, 0.5, 2.5, 1.2, 1.2)


@dataclass(frozen=True)
class ExactLines:
    """Broken lines of these numbers of pieces on torch; y = x beyond the knots, at places farther and farther out."""

    name: str
    title: str
    prose: tuple[str, ...]
    pieces: tuple[int, ...]
    places: tuple[float, ...]

    def run(self, settings: Settings) -> Finding:
        """Derive, build, measure."""
        found, rows = list[Discrepancy](), []
        for by in BY:
            for count in settings.track(self.pieces, self.title):
                knots, values = drawn(count)
                units = through(zip(knots.tolist(), values.tolist(), strict=True), by)
                d, largest, bar = self._met(units, knots, values, by)
                found.append(d)
                rows.append((by, count, units.width, largest, bar, str(d.verdict)))
        columns = ("by", "pieces", "ReLU units", "largest difference", "rounding at most", "verdict")
        caption = (
            "Knots on [−3, 3] and values drawn at random, seed = pieces; the line itself by interpolation between the "
            f"knots; {POINTS} points on torch in float64."
        )
        verdicts = tuple(
            as_text(_worst([d for d in found if d.scope["by"] == by]), f"Broken lines by {by} units are exact", "agree")
            for by in BY
        )
        section = Section(
            self.title,
            self.prose,
            derivations=tuple(proved(law()) for law in (hinges, ramp_law, unbounded_law, line_by_relus, jump_law)),
            tables=(Table(DRAWN, columns, tuple(rows), caption), self._beyond()),
            figures=(self._figure(),),
            verdicts=verdicts,
        )
        return Finding(section, tuple(found))

    def _met(self, units: Units, knots: Floats, values: Floats, by: str) -> tuple[Discrepancy, float, float]:
        x = np.linspace(knots[0], knots[-1], POINTS)
        exact, measured = np.interp(x, knots, values), seen(units, x)
        # the weights are differences of slopes: each is rounded a few times, at most as large as they are
        weights = 8 * UNIT * units.width * float(np.abs(units.factors).sum()) * float(knots[-1] - knots[0])
        bar = units.rounding(float(np.max(np.abs(x)))) + weights
        scope: dict[str, str | int] = {"by": by, "pieces": len(knots) - 1, "points": POINTS, "dtype": "float64"}
        prediction = Prediction(OUTPUT, exact[None, :], np.full((1, POINTS), bar), scope, 1.0)
        d = compare(prediction, Measurement(OUTPUT, measured[None, :], "float64", None, {}))
        return d, float(np.max(np.abs(measured - exact))), bar

    def _beyond(self) -> Table:
        """y = x from −1 to 1 by one hard sigmoid, and by two ReLUs on both sides of 0."""
        ramp = through(((-1.0, -1.0), (1.0, 1.0)), "hard sigmoid")
        both = Units("relu", np.array([1.0, -1.0]), np.zeros(2), np.array([1.0, -1.0]), 0.0)
        rows = []
        for place in self.places:
            x = np.array([place])
            limit = abs(ramp.constant) + 2.0  # |b| + Σ |c|: one ramp of height 2
            rows.append(
                (
                    place,
                    float(abs(seen(ramp, x)[0] - place)),
                    max(0.0, place - limit),
                    float(abs(seen(both, x)[0] - place)),
                )
            )
        columns = ("x", "hard sigmoid: error", "at least, proved", "two ReLUs: error")
        caption = (
            "y = x, one linear piece. Proved: any sum of hard sigmoids with |b| + Σ|c| = 3, as this one has, is off by "
            "x − 3 or more."
        )
        return Table(BEYOND, columns, tuple(rows), caption)

    def _figure(self) -> Figure:
        units = through(zip(STEEP, HIGH, strict=True), "hard sigmoid")
        x = np.linspace(STEEP[0] - 1, STEEP[-1] + 1, 161)
        curves = [Curve("broken line", "predicted", STEEP, HIGH)]
        for k in range(units.width // 2):
            pair = slice(2 * k, 2 * k + 2)
            one = Units("relu", units.slopes[pair], units.biases[pair], units.factors[pair], 0.0)
            curves.append(Curve(f"hard sigmoid {k + 1}", "other", tuple(x.tolist()), tuple(seen(one, x).tolist())))
        y = seen(units, x)
        curves.append(Curve("constant + hard sigmoids", "measured", tuple(x[::4].tolist()), tuple(y[::4].tolist())))
        caption = "A constant and a hard sigmoid a piece, those of no height left out: flat on both sides, as they are."
        return Figure(self.name, "A broken line from hard sigmoids", "x", "y", tuple(curves), caption=caption)


def drawn(count: int) -> tuple[Floats, Floats]:
    """Knots moved by up to a third of a piece, values normal."""
    random = np.random.default_rng(count)
    knots = np.linspace(-3.0, 3.0, count + 1)
    knots[1:-1] += random.uniform(-1, 1, count - 1) * 6 / count / 3
    return knots, random.normal(size=count + 1)


def _worst(found: Sequence[Discrepancy]) -> Discrepancy:
    """The first that is not as it should be, else the one that uses most of its bar."""
    odd = [d for d in found if str(d.verdict) != "agree"]
    return odd[0] if odd else max(found, key=lambda d: d.unexplained.value / d.unexplained.bar)

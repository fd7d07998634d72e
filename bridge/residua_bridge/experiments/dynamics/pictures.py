"""Pictures and tables of training: staged learning of modes, and how far networks are from their linearisations."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import linregress, t

from residua_bridge.experiments.dynamics.sources import MODES, Distances, mode_strengths
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_symbolic.dynamics.modes import half_time, strength

EXPONENTS = "Fitted exponents"
LEARNT = "Half-times of the modes"


@dataclass(frozen=True)
class Staged:
    """All modes of a balanced net along its training."""

    name: str
    title: str
    prose: tuple[str, ...]
    begin: float
    step: float
    until: float

    def run(self, settings: Settings) -> Finding:
        """One training, its weights read off at forty times."""
        times = tuple(sorted({round(k) for k in np.linspace(0, self.until / self.step, 41)}))
        found = mode_strengths(self.begin, self.step, times)
        x = tuple(k * self.step for k in times)
        curves, rows = [], []
        for k, s in enumerate(MODES):
            predicted = tuple(strength(s, self.begin, at) for at in x)
            measured = tuple(map(float, found[:, k]))
            curves += [
                Curve(f"s = {s:g}: predicted", "predicted", x, predicted),
                Curve(f"s = {s:g}: measured", "measured", x, measured),
            ]
            crossed = float(np.interp(s / 2, measured, x))
            rows.append((s, half_time(s, self.begin), crossed, crossed - half_time(s, self.begin)))
        figure = Figure(
            f"{self.name}-strengths",
            "Modes are learnt one after the other, the strongest first",
            "time (step number × 2η/outputs)",
            "strength of the mode",
            tuple(curves),
            caption=f"Descent in steps of {self.step:g}, not yet extrapolated; every mode begins at {self.begin:g}.",
        )
        caption = (
            "Measured between the times at which weights were kept, by straight lines; what is left is the step's."
        )
        columns = ("mode s", "predicted", "measured", "measured − predicted")
        table = Table(LEARNT, columns, tuple(rows), caption)
        return Finding(Section(self.title, self.prose, tables=(table,), figures=(figure,)))


@dataclass(frozen=True)
class Exponents:
    """The distance from the linearised network against width, and the exponent fitted to it."""

    name: str
    title: str
    prose: tuple[str, ...]
    widths: tuple[int, ...]
    networks: By

    def run(self, settings: Settings) -> Finding:
        """Networks of each width and depth, all independent."""
        many: int = self.networks.of(settings.profile)
        curves, rows = [], []
        for hidden in settings.track((1, 2), self.title):
            logs = [np.log(Distances(hidden).at(n, range(many))) for n in self.widths]
            means = np.array([one.mean() for one in logs])
            errors = np.array([one.std(ddof=1) / np.sqrt(many) for one in logs])
            fit = linregress(np.log(self.widths), means)
            apart = float(abs(fit.slope + 0.5) / fit.stderr)
            freedom = len(self.widths) - 2
            rows.append((hidden, float(fit.slope), float(fit.stderr), apart, float(2 * t.sf(apart, freedom))))
            x = tuple(map(float, self.widths))
            y = tuple(map(float, np.exp(means)))
            curves += [
                Curve(_label(hidden), "measured", x, y, tuple(map(float, np.exp(means) * errors))),
                Curve(f"{_label(hidden)}: fit, exponent {fit.slope:.2f}", "other", x, _line(fit, self.widths)),
            ]
        middle = float(np.sqrt(curves[0].y[0] * curves[-2].y[0]))
        guess = tuple(middle * (n / self.widths[0]) ** -0.5 for n in self.widths)
        curves.append(Curve("exponent −1/2, for comparison", "other", tuple(map(float, self.widths)), guess))
        figure = Figure(
            f"{self.name}-widths",
            "Distance from the linearised network after the same training",
            "width",
            "distance",
            tuple(curves),
            "log",
            "log",
            f"Root mean square over points, geometric mean over {many} networks a point, bars one standard error.",
            tuple(map(float, self.widths)),
        )
        columns = ("hidden layers", "exponent", "standard error", "off −1/2 by, in s.e.", "chance of that")
        caption = (
            "Straight line through the logarithms, its error from the scatter about it; the chance by Student's t."
        )
        return Finding(
            Section(
                self.title, self.prose, tables=(Table(EXPONENTS, columns, tuple(rows), caption),), figures=(figure,)
            )
        )


def _label(hidden: int) -> str:
    return f"{hidden} hidden layer{'s' if hidden > 1 else ''}"


def _line(fit: object, widths: tuple[int, ...]) -> tuple[float, ...]:
    slope, intercept = float(fit.slope), float(fit.intercept)  # type: ignore[attr-defined]
    return tuple(float(np.exp(intercept + slope * np.log(n))) for n in widths)

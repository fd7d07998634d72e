"""Linear regression: the weights after every step, to rounding, below and above the largest stable rate."""

from dataclasses import dataclass

import numpy as np

from residua_bridge.budgets.judge import judged
from residua_bridge.budgets.law import Ladder, Sizes
from residua_bridge.budgets.section import Case, budgets_section
from residua_bridge.compare import compare
from residua_bridge.experiments.dynamics.laws import entry_law, path_of
from residua_bridge.experiments.dynamics.sources import Floats, Regression
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement
from residua_symbolic import Prediction

RATES = "The largest stable rate"
BETWEEN = (50, 100)  # steps: late enough for the slowest parts, too early for rounding
RESOLUTION = 1e-8  # relative: far above rounding, far below any mistake


@dataclass(frozen=True)
class Entry:
    """One weight after so many steps: nothing is random."""

    one: Regression
    which: int = 0

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        """The same number each time."""
        return np.full(repetitions, self.one.weights((int(sizes["steps"]),))[0, self.which])


@dataclass(frozen=True)
class RegressionPath:
    """All weights at several steps, and how the distance to w_* falls or grows with the rate."""

    name: str
    title: str
    prose: tuple[str, ...]
    times: tuple[int, ...]
    shares: tuple[float, ...]
    steps: By

    def run(self, settings: Settings) -> Finding:
        """Train at each rate, compare every weight, and judge one of them along the steps."""
        most: int = self.steps.of(settings.profile)
        times = tuple(k for k in self.times if k <= most)
        found, texts, curves, rows = [], [], [], []
        for share in settings.track(self.shares, self.title):
            one = Regression(share=share)
            d = _compared(one, times)
            found.append(d)
            texts.append(as_text(d, f"All weights after {times[-1]} steps, rate {share:g} of 2/λ_max", "agree"))
            curves += _curves(one, share, times)
            rows.append(_row(one, share, times))
        section = budgets_section(self.name, self.title, self.prose, [_case(times)], ladders=False)
        columns = (
            "rate / (2/λ_max)",
            "largest |1 − ηλ|",
            "growth a step, predicted",
            "measured",
            "largest error",
            "its bound",
        )
        caption = (
            f"Growth: of ‖w − w_*‖ a step, between steps {BETWEEN[0]} and {BETWEEN[1]}. Errors: of all weights, at all "
            "steps compared."
        )
        figure = Figure(
            f"{self.name}-distance",
            "Distance to the solution",
            "step",
            "distance from the solution",
            tuple(curves),
            "log",
            "log",
            "Predicted by the formula, measured on a torch model that our train has trained.",
        )
        s = section.section
        whole = Section(
            s.title,
            s.prose,
            tables=(*s.tables, Table(RATES, columns, tuple(rows), caption)),
            figures=(figure,),
            verdicts=(*texts, *s.verdicts),
            waterfalls=s.waterfalls,
        )
        return Finding(whole, (*found, *section.discrepancies))


def _case(times: tuple[int, ...]) -> Case:
    one = Regression()
    rounding = max(float(np.max(abs(b / w))) for w, b in zip(*path_of(one, times), strict=True))
    ladder = Ladder({"steps": times[1]}, {"steps": times}, 1, RESOLUTION, 20.0, rounding=rounding)
    d = judged(entry_law(one), Entry(one), ladder)
    return Case(d, "first weight", d.title, "agree")


def _compared(one: Regression, times: tuple[int, ...]) -> Discrepancy:
    path = path_of(one, times)
    scope: dict[str, str | int] = {
        "rows": one.rows,
        "weights": one.features + 1,
        "rate": f"{one.share:g} of 2/λ_max",
        "steps": ", ".join(map(str, times)),
        "dtype": "float64",
    }
    prediction = Prediction("weights", path.weights, path.rounding, scope)
    return compare(prediction, Measurement("weights", one.weights(times), "float64", None, {}))


def _solution(one: Regression) -> Floats:
    return np.asarray(np.linalg.lstsq(one.design, one.task.y[:, 0])[0], dtype=np.float64)


def _curves(one: Regression, share: float, times: tuple[int, ...]) -> list[Curve]:
    best, label = _solution(one), f"rate {share:g} of 2/λ_max"
    x = tuple(float(k) for k in times)
    ours, theirs = path_of(one, times).weights, one.weights(times)
    return [
        Curve(f"{label}: predicted", "predicted", x, tuple(map(float, np.linalg.norm(ours - best, axis=1)))),
        Curve(f"{label}: measured", "measured", x, tuple(map(float, np.linalg.norm(theirs - best, axis=1)))),
    ]


def _row(one: Regression, share: float, times: tuple[int, ...]) -> tuple[float, ...]:
    path, measured = path_of(one, times), one.weights(times)
    eigenvalues = np.linalg.eigvalsh(2 * one.design.T @ one.design / one.rows)
    return (
        share,
        float(np.max(abs(1 - one.rate * eigenvalues))),
        _growth(one, path_of(one, BETWEEN).weights),
        _growth(one, one.weights(BETWEEN)),
        float(np.max(abs(measured - path.weights))),
        float(path.rounding.max()),
    )


def _growth(one: Regression, weights: Floats) -> float:
    apart = np.linalg.norm(weights - _solution(one), axis=1)
    return float((apart[1] / apart[0]) ** (1 / (BETWEEN[1] - BETWEEN[0])))

"""V-shaped error curves: root mean square errors of difference quotients over steps 2^-1 … 2^-50, on both sides."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.difference.cases import Case, Errors, errors, torch_noise
from residua_bridge.findings import Curve, Figure, Section, Table, VerdictText
from residua_bridge.rendering import together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement
from residua_symbolic import Prediction
from residua_symbolic.difference_best import Best
from residua_symbolic.difference_formulas import FORMULAS
from residua_symbolic.differences import Differences, differences

DTYPES = ("float64", "float32")
STEPS = 2.0 ** -np.arange(1.0, 51.0)
LIBRARY = 1e-2  # of an rms: torch's functions err by a slowly varying part of a spacing, too, which is no noise
RESOLUTION = 0.5  # a bar of half the rms still tells e from √2 e and e/√2 together, that is s² from 2 s² or s²/2
ROUNDED_TOGETHER = 0.05  # of the rms: that the roundings of one function go together as the model has it is approximate
COSTLY = 0.9  # a bar of nine tenths still tells the best step from one whose error is ten times the least
SHOWN = ("forward", "central", "richardson")


@dataclass(frozen=True)
class ErrorCurves:
    """Curves, best steps and least errors of several functions in both precisions, predicted and measured."""

    name: str
    title: str
    prose: tuple[str, ...]
    cases: tuple[Case, ...]
    points: By

    def run(self, settings: Settings) -> Finding:
        """Both sides at the same random points."""
        count = self.points.of(settings.profile)
        pairs = [(case, dtype) for dtype in DTYPES for case in self.cases]
        found = [errors(case, dtype, STEPS, count) for case, dtype in settings.track(pairs, self.title)]
        ratios = [ratio_of(e) for e in found]
        best = [best_of(e) for e in found]
        least = [least_of(e) for e in found]
        alone = [e for e in found if e.dtype == ALONE]
        rounding = [rounding_of(e) for e in alone]
        section = Section(
            self.title,
            self.prose,
            tables=(_ratios(found, count), _best(found), _noises(self.cases)),
            figures=tuple(self._figures(found)),
            verdicts=(
                *_together(ratios, found, RATIOS),
                *_together(best, found, BEST),
                *_together(least, found, LEAST),
                *_together(rounding, alone, ROUNDING),
            ),
        )
        return Finding(section, (*ratios, *best, *least, *rounding))

    def _figures(self, found: Sequence[Errors]) -> list[Figure]:
        first = [e for e in found if e.case == self.cases[0]]
        figures = [self._of_one(e) for e in first]
        for dtype in DTYPES:
            curves = []
            for e in found:
                if e.dtype == dtype:
                    curves += _curves(e, "central", e.case.label)
            caption = f"Root mean square error of the central quotient in {dtype}, by step.{SELDOM_MOVES[dtype]}"
            figures.append(_figure(f"{self.name}-central-{dtype}", f"Central quotients, {dtype}", curves, caption))
        return figures

    def _of_one(self, e: Errors) -> Figure:
        curves: list[Curve] = []
        for name in SHOWN:
            curves += _curves(e, name, name)
        caption = f"{e.case.label}, {e.dtype}: root mean square error of each quotient, by step.{SELDOM_MOVES[e.dtype]}"
        return _figure(f"{self.name}-{e.dtype}", f"Error curves, {e.dtype}", curves, caption)


SELDOM_MOVES = {
    "float64": "",
    "float32": " Far left the steps vanish beside x, or f moves so seldom that few points in a sample see it.",
}
RATIOS = "Predicted rms errors of forward, backward, central and Richardson quotients"
BEST = "The step predicted as best, rounded to a power of two, costs no more than that rounding may"
LEAST = "The least error predicted is the error measured at that step, but for how much it varies among the points"
ROUNDING = "Predicted rms of the rounding alone, over all steps that are judged"
ALONE = "float32"  # the dtype whose rounding is seen alone: what float64 leaves open of the truncation is far below it


def _figure(name: str, title: str, curves: Sequence[Curve], caption: str) -> Figure:
    return Figure(name, title, "step $h$", "rms error", tuple(curves), "log", "log", caption)


def _curves(e: Errors, name: str, label: str) -> list[Curve]:
    x = tuple(e.steps.tolist())
    predicted, measured = (tuple(side(name).tolist()) for side in (e.predicted, e.found))
    return [
        Curve(f"{label}: predicted", "predicted", x, predicted),
        Curve(f"{label}: measured", "measured", x, measured),
    ]


def ratio_of(e: Errors) -> Discrepancy:
    """Measured over predicted rms error, (steps and formulas, 1), where a mean over so many points tells."""
    parts = [np.array(e.ratio(name))[:, e.telling[name]] for name in FORMULAS]
    ratios, spreads, rounding = np.concatenate(parts, axis=1)
    ones = np.ones((len(ratios), 1))
    quantity = "rms error of difference quotients over its prediction"
    prediction = Prediction(quantity, ones, rounding[:, None] + LIBRARY, _scope(e), resolution=RESOLUTION)
    return compare(prediction, Measurement(quantity, ratios[:, None], e.dtype, spreads[:, None], {}))


def _range(e: Errors) -> str:
    least = min(float(e.steps[e.telling[name]].min()) for name in FORMULAS)
    return f"2^-1 … 2^{round(np.log2(least))}"


def best_of(e: Errors) -> Discrepancy:
    """The least measured rms over that at the power of two nearest to the predicted best step: one a formula.

    The bar is what the model says of a step that is wrong by a factor of √2, and sampling.
    """
    predicted = predicted_best(e)
    found = [_kept(e, name, predicted[name].step) for name in FORMULAS]
    ratios, spreads = (np.array(values)[:, None] for values in zip(*found, strict=True))
    allowed = np.array([[1 - 1 / off_by_root_two(FORMULAS[name].accuracy)] for name in FORMULAS])
    quantity = "least error over the error at the predicted best step"
    prediction = Prediction(quantity, np.ones_like(ratios), allowed, _scope(e), resolution=COSTLY)
    return compare(prediction, Measurement(quantity, ratios, e.dtype, spreads, {}))


def least_of(e: Errors) -> Discrepancy:
    """Measured rms at the power of two nearest to the best step, over the least error predicted for the point: one a
    formula.

    Predicted is what the model's e² = (r^(2p) + p r^-2)/(1 + p) says of a step that is r times the best. The bar:
    sampling, and the standard deviation of the predicted error among the points, for the prediction is for one.
    """
    rows = []
    for name, best in predicted_best(e).items():
        at = int(np.argmin(abs(np.log2(e.steps) - np.log2(best.step))))
        ratio, spread, _ = (part[at] for part in e.ratio(name))
        measured = e.found(name)[at] / best.error
        each = np.hypot(e.bias[name][:, at], e.noise[name][:, at])
        p = FORMULAS[name].accuracy
        expected = _off_by(float(e.steps[at]) / best.step, p)
        rows.append((expected, expected * np.std(each) / np.mean(each) + LIBRARY, measured, measured * spread / ratio))
    predicted, allowed, found, spreads = (np.array(column)[:, None] for column in zip(*rows, strict=True))
    quantity = "rms error at the predicted best step over the least error predicted"
    prediction = Prediction(quantity, predicted, allowed, _scope(e), resolution=COSTLY)
    return compare(prediction, Measurement(quantity, found, e.dtype, spreads, {}))


def rounding_of(e: Errors) -> Discrepancy:
    """rms of measured − truncation over that of the rounding predicted, all judged steps together: one a formula.

    Truncation is known at each point, so that nothing hides the rounding at large steps.
    """
    rows = []
    for name in FORMULAS:
        told = e.telling[name] & np.all(e.noise[name] > 0, axis=0)
        noise = e.noise[name][:, told]
        scale = np.sqrt(np.mean(noise**2, axis=0))
        squares = np.mean(((e.measured[name] - e.bias[name])[:, told] / scale) ** 2, axis=1)
        ratio = np.sqrt(np.mean(squares))
        rows.append((ratio, np.std(squares, ddof=1) / np.sqrt(len(squares)) / (2 * ratio)))
    ratios, spreads = (np.array(column)[:, None] for column in zip(*rows, strict=True))
    quantity = "rms rounding of difference quotients over its prediction"
    allowed = np.full_like(ratios, ROUNDED_TOGETHER)
    prediction = Prediction(quantity, np.ones_like(ratios), allowed, _scope(e), resolution=RESOLUTION)
    return compare(prediction, Measurement(quantity, ratios, e.dtype, spreads, {}))


def _scope(e: Errors) -> dict[str, str | int]:
    return {"function": e.case.label, "steps": _range(e), "points": len(e.points), "dtype": e.dtype}


def _kept(e: Errors, name: str, step: float) -> tuple[float, float]:
    at = int(np.argmin(abs(np.log2(e.steps) - np.log2(step))))
    least = int(np.argmin(e.found(name)))
    _, spread, _ = e.ratio(name)
    ratio = float(e.found(name)[least] / e.found(name)[at])
    return ratio, ratio * float(np.hypot(spread[at], spread[least])) if at != least else 0.0


def off_by_root_two(p: int) -> float:
    """The larger of e(r h*)/e(h*) for r = √2 and 1/√2."""
    return max(_off_by(r, p) for r in (2**0.5, 0.5**0.5))


def _off_by(r: float, p: int) -> float:
    """e(r h*)/e(h*): e² is proportional to r^(2p) + p r^-2."""
    return float(np.sqrt((r ** (2 * p) + p / r**2) / (1 + p)))


def predicted_best(e: Errors) -> dict[str, Best]:
    """Best steps at the point itself, by the model of it alone."""
    found = _differences(e.case)
    return {name: found.best_of(name, e.dtype) for name in FORMULAS}


@cache
def _differences(case: Case) -> Differences:
    return differences(case.text, at=case.around)


def power(step: float) -> str:
    """A power of two, as LaTeX."""
    return f"2^{{{round(np.log2(step))}}}"


def _together(found: Sequence[Discrepancy], curves: Sequence[Errors], statement: str) -> list[VerdictText]:
    """One verdict for each precision."""
    texts = []
    for dtype in DTYPES:
        mine = [d for d, e in zip(found, curves, strict=True) if e.dtype == dtype]
        if mine:
            texts.append(together(mine, f"{statement}: {dtype}", "agree"))
    return texts


def _ratios(found: Sequence[Errors], count: int) -> Table:
    columns = ("function", "dtype", "steps judged", *(f"{name}: least, largest" for name in FORMULAS), "in bars")
    rows: list[tuple[Any, ...]] = []
    for e in found:
        cells, worst = [], 0.0
        for name in FORMULAS:
            ratio, spread, rounding = (part[e.telling[name]] for part in e.ratio(name))
            cells.append(f"{ratio.min():.3f}, {ratio.max():.3f}")
            worst = max(worst, float(np.max(abs(ratio - 1) / (4 * spread + rounding + LIBRARY))))
        rows.append((e.case.label, e.dtype, _range(e), *cells, worst))
    caption = (
        "Measured rms error over the predicted one, its least and largest value over all steps that are judged; "
        f"{count} random points each. Last column: the largest deviation from 1 in units of its bar (four standard "
        f"errors of the mean square, and {LIBRARY:.0%} for what torch's functions err beside noise). Not judged are "
        "steps below the grid of the points ($2^{-50}$, $2^{-21}$) and those over which f moves by less than a quarter "
        "of the spacing of floats: it then seldom moves at all."
    )
    return Table("Measured over predicted", columns, tuple(rows), caption)


def _best(found: Sequence[Errors]) -> Table:
    columns = (
        "function",
        "dtype",
        "quotient",
        "best step",
        "least error",
        "best step, measured",
        "least error, measured",
    )
    rows: list[tuple[Any, ...]] = []
    for e in found:
        for name, best in predicted_best(e).items():
            if name != "backward":
                at = int(np.argmin(e.found(name)))
                found_there = f"${power(e.steps[at])}$", float(e.found(name)[at])
                rows.append((e.case.label, e.dtype, name, best.step, best.error, *found_there))
    caption = (
        "Predicted by the model at the point: the step at which truncation and rounding together are least; "
        "measured: the power of two with the least rms error, and that error. Backward quotients have the predictions "
        "of forward ones."
    )
    return Table("Best step and least error", columns, tuple(rows), caption)


COMPOSED = (Case("x^3", 0.7), Case("sigmoid(x)", 0.4), Case("softplus(x)", 0.2))


def _noises(cases: Sequence[Case]) -> Table:
    """One value's noise as measured, over the model's: near 1 where each operation is rounded once."""
    rows: list[tuple[Any, ...]] = []
    for case in (*cases, *COMPOSED):
        for dtype in DTYPES:
            measured, model = torch_noise(case, dtype)
            kind = "several" if case in COMPOSED else "one"
            rows.append((case.label, dtype, kind, measured, model, measured / model))
    caption = (
        "Root mean square error of one value of f at points around the one named: measured about a fitted polynomial, "
        "and by the model at the point. Where torch makes one operation of several roundings the model, which counts "
        "one, says too little, by the factor in the last column; at a value near a power of two, as exp(0), the "
        "spacing on one side is half of that on the other."
    )
    columns = ("function", "dtype", "roundings an operation", "noise, measured", "noise, model", "measured / model")
    return Table("For which operations the model holds", columns, tuple(rows), caption)

"""Gradients before and after batch normalisation: the equality on torch models; when the objective is less smooth."""

from dataclasses import dataclass, replace

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.invariance.models import ROUNDING, ROWS, Case, Floats, Passed, passed
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement
from residua_symbolic import Prediction
from residua_symbolic.invariance import share_kept, squared_gradient

SMOOTH, WEIGHTS = "Where the objective is less smooth", "The same for the weights"
QUANTITY = "squared gradient before the batch normalisation"


@dataclass(frozen=True)
class Smoothness:
    """The equality feature by feature, for many nets; the exact condition over scales of the weights."""

    name: str
    title: str
    prose: tuple[str, ...]
    activations: tuple[str, ...]
    eps: tuple[float, ...]
    scales: tuple[float, ...]
    seeds: By

    def run(self, settings: Settings) -> Finding:
        """Models, seeds and scales."""
        cases = [
            Case("batchnorm", activation, eps, seed)
            for activation in self.activations
            for eps in self.eps
            for seed in range(self.seeds.of(settings.profile))
        ]
        met = self._met([passed(case) for case in settings.track(cases, self.title)], cases)
        rows, curves, odd = self._scaled(settings)
        columns = ("scale of the weights", "features", "less smooth", "by the condition s < γ√κ", "mean of $G_x/G$")
        note = f"The condition and the measured gradients say the same of all features but {odd}."
        table = Table(SMOOTH, columns, tuple(rows), note)
        caption = "$G_x/G$ of each feature against $\\gamma^2/s^2$: each lies at κ times it; less smooth is above 1."
        figure = Figure(f"{self.name}-smooth", SMOOTH, "γ²/s²", "ratio", curves, "log", "log", caption)
        statement = "Gradients before and after batch normalisation: the equality"
        text = as_text(met, statement, "agree")
        section = Section(self.title, self.prose, tables=(table, self._weights()), figures=(figure,), verdicts=(text,))
        return Finding(section, (met,))

    def _met(self, found: list[Passed], cases: list[Case]) -> Discrepancy:
        predicted = np.stack([_predicted(p, case.eps) for p, case in zip(found, cases, strict=True)])
        measured = np.stack([(p.at_x**2).sum(axis=0) for p in found])
        terms = np.stack(
            [_scale(p, case.eps) ** 2 * (p.at_z**2).sum(axis=0) for p, case in zip(found, cases, strict=True)]
        )
        scope: dict[str, str | int] = {
            "activations": ", ".join(self.activations),
            "ε": ", ".join(f"{e:g}" for e in self.eps),
            "nets": len(cases),
            "batch": ROWS,
        }
        prediction = Prediction(QUANTITY, predicted, ROUNDING * terms, scope)
        return compare(prediction, Measurement(QUANTITY, measured, "float64", None, {}))

    def _scaled(self, settings: Settings) -> tuple[list[tuple[float, ...]], tuple[Curve, ...], int]:
        """Over scales of the weights, ε = 0: which features are less smooth, measured and by the condition."""
        rows: list[tuple[float, ...]] = []
        points, odd = [], 0
        for scale in self.scales:
            less, stated, ratios = [], [], []
            for seed in range(self.seeds.of(settings.profile)):
                p = passed(Case("batchnorm", self.activations[0], 0.0, seed, scale))
                before, after = (p.at_x**2).sum(axis=0), (p.at_z**2).sum(axis=0)
                kept = share_kept(p.at_z, p.xhat, p.x.std(axis=0), 0.0)
                less += list(before > after)
                stated += list(p.x.std(axis=0) < abs(p.gamma) * np.sqrt(kept))
                ratios += list(before / after)
                points += list(zip(_scale(p, 0.0) ** 2, before / after, strict=True))
            odd += int(np.sum(np.array(less) != np.array(stated)))
            rows.append((scale, len(less), int(np.sum(less)), int(np.sum(stated)), float(np.mean(ratios))))
        x, y = (tuple(float(v) for v in column) for column in zip(*sorted(points), strict=True))
        shown = slice(None, None, max(1, len(x) // 120))
        ends = (x[0], x[-1])
        curves = (
            Curve("features", "measured", x[shown], y[shown]),
            Curve("κ = 1", "other", ends, ends),
            Curve("as smooth as without", "other", ends, (1.0, 1.0)),
        )
        return rows, curves, odd

    def _weights(self) -> Table:
        """‖∂L/∂w‖² of one feature with and without the normaliser: the threshold in ‖w‖."""
        p = passed(Case("batchnorm", self.activations[0]))
        rows = []
        for feature in range(4):
            start = _weight_ratio(p, feature)
            length = float(np.linalg.norm(p.weights[feature]))
            threshold = length * np.sqrt(start)
            inside = [
                _weight_ratio(
                    passed(replace(Case("batchnorm", self.activations[0]), scale=threshold / length * by)), feature
                )
                for by in (0.99, 1.01)
            ]
            rows.append((feature, length, start, threshold, *inside))
        columns = ("feature", "‖w‖", "ratio", "threshold", "ratio at 0.99 of it", "ratio at 1.01")
        caption = (
            "Squared gradient by the feature's weights, with the normaliser over without (the same g, passed to x "
            "unchanged). It falls as 1/‖w‖², so there is a length beyond which the objective is smoother, and "
            "below which it "
            "is less smooth; the last two columns are measured there."
        )
        return Table(WEIGHTS, columns, tuple(rows), caption)


def _scale(p: Passed, eps: float) -> Floats:
    """|γ|/s of every feature."""
    return np.asarray(abs(p.gamma) / np.sqrt(p.x.var(axis=0) + eps))


def _predicted(p: Passed, eps: float) -> Floats:
    return np.asarray(squared_gradient(p.at_z, p.xhat, np.sqrt(p.x.var(axis=0) + eps), p.gamma, eps))


def _weight_ratio(p: Passed, feature: int) -> float:
    through, without = p.inputs.T @ p.at_x[:, feature], p.inputs.T @ p.at_z[:, feature]
    return float((through @ through) / (without @ without))

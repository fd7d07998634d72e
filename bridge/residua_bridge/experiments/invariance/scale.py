"""⟨w, ∇L⟩ = 0, H w + ∇L = 0 and the growth of ‖w‖² on torch models; what ε leaves of them."""

from dataclasses import dataclass

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.invariance.models import ROUNDING, Case, Floats, Passed, hessian_times_weights, passed
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement
from residua_symbolic import Prediction
from residua_symbolic.invariance import leak

EPSILON, INVARIANT = "What ε leaves of the invariance", "The invariances on torch models"
RATE = 0.3


@dataclass(frozen=True)
class ScaleInvariance:
    """Inner products, Hessian products and growth at ε = 0; the leak against its formula on a ladder of ε."""

    name: str
    title: str
    prose: tuple[str, ...]
    eps: tuple[float, ...]
    seeds: By

    def run(self, settings: Settings) -> Finding:
        """Models and seeds."""
        seeds = range(self.seeds.of(settings.profile))
        found, texts, rows = [], [], []
        for kind in settings.track(("batchnorm", "layernorm", "rmsnorm"), self.title):
            cases = [Case(kind, seed=seed) for seed in seeds]
            d = self._zero("⟨w, ∇L⟩ / terms", [_inner(passed(case), kind) for case in cases], kind)
            found.append(d)
            texts.append(as_text(d, f"{kind}: ⟨w, ∇L⟩ = 0, {_of(kind)}", "agree"))
            if kind == "batchnorm":
                d = self._zero("H w + ∇L, over terms", [_hessian(case) for case in cases], kind)
                found.append(d)
                texts.append(as_text(d, f"{kind}: H w + ∇L = 0, {_of(kind)}", "agree"))
            d = self._zero(
                "‖w − η∇L‖² − ‖w‖² − η²‖∇L‖², over terms", [_growth(passed(case), kind) for case in cases], kind
            )
            found.append(d)
            texts.append(as_text(d, f"{kind}: ‖w‖² grows by η²‖∇L‖², {_of(kind)}", "agree"))
            rows.append((kind, _of(kind), *(float(abs(x.predicted - x.measured).max()) for x in (found[-1],))))
        leaked, table, figure = self._leak(settings)
        found.append(leaked)
        texts.append(as_text(leaked, "batchnorm with ε: ⟨w, ∇L⟩ = (ε/s²) γ ⟨x̂, g⟩", "agree"))
        section = Section(self.title, self.prose, tables=(table,), figures=(figure,), verdicts=tuple(texts))
        return Finding(section, tuple(found))

    def _zero(self, quantity: str, parts: list[tuple[Floats, Floats]], kind: str) -> Discrepancy:
        """What should vanish, in units of the terms that cancel; the bar is their rounding."""
        values = np.stack([value / terms for value, terms in parts])
        bars = np.full_like(values, ROUNDING)
        scope: dict[str, str | int] = {"normaliser": kind, "nets": len(parts), "ε": 0}
        prediction = Prediction(quantity, np.zeros_like(values), bars, scope, scale=1.0)
        return compare(prediction, Measurement(quantity, values, "float64", None, {}))

    def _leak(self, settings: Settings) -> tuple[Discrepancy, Table, Figure]:
        seeds = range(self.seeds.of(settings.profile))
        predicted, measured, bars, rows = [], [], [], []
        for eps in self.eps:
            each = [passed(Case("batchnorm", eps=eps, seed=seed)) for seed in seeds]
            laws = np.array([leak(p.at_z, p.xhat, np.sqrt(p.x.var(axis=0) + eps), p.gamma, eps) for p in each])
            values = np.array([_inner(p, "batchnorm")[0] for p in each])
            terms = np.array([_inner(p, "batchnorm")[1] for p in each])
            predicted.append(laws)
            measured.append(values)
            bars.append(ROUNDING * terms)
            w, g = (np.array([np.linalg.norm(getattr(p, a), axis=1) for p in each]) for a in ("weights", "at_weights"))
            cosine = np.sqrt(np.mean((values / (w * g)) ** 2))
            law = np.sqrt(np.mean((laws / (w * g)) ** 2))
            growth = np.sqrt(np.mean((2 * RATE * values / (RATE**2 * g**2)) ** 2))
            rows.append((eps, float(law), float(cosine), float(growth)))
        quantity = "⟨w, ∇L⟩ of every feature"
        scope: dict[str, str | int] = {"ε": ", ".join(f"{e:g}" for e in self.eps), "nets": len(seeds)}
        shape = (len(self.eps) * len(seeds), -1)
        laws, values, errors = (np.array(a).reshape(shape) for a in (predicted, measured, bars))
        scale = np.max(
            errors / ROUNDING, axis=1
        )  # where the leak itself is below rounding, a bar is judged by its terms
        prediction = Prediction(quantity, laws, errors, scope, scale=scale)
        found = compare(prediction, Measurement(quantity, values, "float64", None, {}))
        columns = ("ε", "cosine of w and ∇L: predicted", "measured", f"2η⟨w,∇L⟩ over η²‖∇L‖², η = {RATE}")
        caption = (
            "Root mean squares over features and nets. The last column is what ε takes from, or adds to, the growth of "
            "‖w‖², relative to it: the term of a budget; with torch's ε = 1e-5 the invariance holds to about that."
        )
        table = Table(EPSILON, columns, tuple(rows), caption)
        x = tuple(e for e in self.eps if e > 0)
        y = {k: tuple(row[k] for row in rows if row[0] > 0) for k in (1, 2)}
        curves = (
            Curve("cosine of w and ∇L: predicted", "predicted", x, y[1]),
            Curve("cosine of w and ∇L: measured", "measured", x, y[2]),
        )
        shown = "Root mean square cosine between a feature's weights and their gradient, against ε."
        return found, table, Figure(f"{self.name}-epsilon", EPSILON, "ε", "cosine", curves, "log", "log", shown)


def _of(kind: str) -> str:
    return "each feature's weights" if kind == "batchnorm" else "the whole matrix"


def _terms(p: Passed) -> Floats:
    """Per feature, the size of what cancels in ⟨X w, ∂L/∂x⟩: ‖x‖ (|γ|/s) ‖g‖."""
    s = np.sqrt((p.x**2).mean(axis=0))
    sizes = np.linalg.norm(p.x, axis=0) * abs(p.gamma) / s * np.linalg.norm(p.at_z, axis=0)
    return np.asarray(sizes + np.linalg.norm(p.x, axis=0) * np.linalg.norm(p.at_x, axis=0))


def _inner(p: Passed, kind: str) -> tuple[Floats, Floats]:
    """⟨w, ∇L⟩ and the size of its terms: of each feature, or of the whole matrix."""
    each, terms = (p.weights * p.at_weights).sum(axis=1), _terms(p)
    return (each, terms) if kind == "batchnorm" else (each.sum(keepdims=True), terms.sum(keepdims=True))


def _growth(p: Passed, kind: str) -> tuple[Floats, Floats]:
    """‖w − η∇L‖² − ‖w‖² − η²‖∇L‖² and the size of its terms."""
    axis = 1 if kind == "batchnorm" else None
    before, step = (p.weights**2).sum(axis=axis), (RATE**2 * p.at_weights**2).sum(axis=axis)
    after = ((p.weights - RATE * p.at_weights) ** 2).sum(axis=axis)
    _, terms = _inner(p, kind)
    return np.atleast_1d(after - before - step), np.atleast_1d(before + step) + 2 * RATE * terms


def _hessian(case: Case) -> tuple[Floats, Floats]:
    """H w + ∇L of each feature's own block, and the size of its terms: that of the gradient's, twice."""
    gradient, product = hessian_times_weights(case)
    p = passed(case)
    terms = (_terms(p) / np.linalg.norm(p.weights, axis=1))[:, None] * (1 + np.linalg.norm(p.inputs))
    return (gradient + product).ravel(), np.broadcast_to(terms, gradient.shape).ravel()

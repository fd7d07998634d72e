"""Steps at which x ± h is not exact: the rounding of x itself adds f' ulp(x) / h."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.difference.cases import Case, Errors, errors_of_rounded_steps
from residua_bridge.experiments.difference.curves import (
    ALONE,
    LIBRARY,
    RESOLUTION,
    power,
    rounding_of,
)
from residua_bridge.findings import Section, Table
from residua_bridge.rendering import as_text, together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement
from residua_symbolic import Prediction

SHOWN = ("forward", "central")
LARGE = 2.0 ** -np.arange(1.0, 5.0)
FLAT = Case("sin(x)", 1.55)  # f' is small at the point and not at the places of the quotient
EXPONENTS = {"float64": (8, 20, 32, 44), "float32": (4, 10, 16)}


@dataclass(frozen=True)
class RoundedSteps:
    """Random points and random steps: the model with the term for the step's own rounding, and without it."""

    title: str
    prose: tuple[str, ...]
    cases: tuple[Case, ...]
    points: By

    def run(self, settings: Settings) -> Finding:
        """Both sides."""
        count = self.points.of(settings.profile)
        pairs = [(case, dtype) for dtype in EXPONENTS for case in self.cases]
        rows, verdicts, found = [], [], []
        for case, dtype in settings.track(pairs, self.title):
            octaves = 2.0 ** -np.array(EXPONENTS[dtype], dtype=np.float64)
            e = errors_of_rounded_steps(case, dtype, octaves, count)
            rows += _rows(e, octaves)
            for words, expected, without in (("with", "agree", False), ("without", "differ", True)):
                d = _discrepancy(e, octaves, without)
                statement = f"Error model {words} the rounding of x ± h: {case.label}, {dtype}"
                verdicts.append(as_text(d, statement, expected))
                found.append(d)
        large = [errors_of_rounded_steps(case, ALONE, LARGE, count) for case in (*self.cases, FLAT)]
        alone = [rounding_of(e) for e in large]
        verdicts.append(together(alone, f"Rounding alone at steps of 2^-4 and more, {ALONE}", "agree"))
        found += alone
        columns = (
            "function",
            "dtype",
            "quotient",
            "steps from",
            "measured rms",
            "with the term",
            "without",
            "measured / with",
        )
        caption = (
            f"{count} random floats x and as many random steps, log-uniform in $[h, 2h)$. With the term: "
            "$f'(x)^2\\,\\mathrm{ulp}(x)^2/(12 h^2)$ in the mean square, as if $x \\pm h$ were rounded at random."
        )
        table = Table("Steps that are rounded", columns, tuple(rows), caption)
        return Finding(Section(self.title, self.prose, tables=(table,), verdicts=tuple(verdicts)), tuple(found))


def _without(e: Errors, name: str) -> Any:
    """The prediction less the term of the step's rounding, rms over the points."""
    return np.sqrt(np.mean(e.bias[name] ** 2 + e.noise_at_exact_steps[name] ** 2, axis=0))


def _rows(e: Errors, octaves: Any) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for name in SHOWN:
        measured, with_term, without = e.found(name), e.predicted(name), _without(e, name)
        for k, h in enumerate(octaves.tolist()):
            numbers = float(measured[k]), float(with_term[k]), float(without[k])
            rows.append((e.case.label, e.dtype, name, f"${power(h)}$", *numbers, numbers[0] / numbers[1]))
    return rows


def _discrepancy(e: Errors, octaves: Any, without: bool) -> Discrepancy:
    """Measured over predicted rms, (steps of forward and central, 1); `without` the term, whose share is the cause."""
    parts = [np.array(e.ratio(name)) for name in SHOWN]
    ratios, spreads, rounding = (part[:, None] for part in np.concatenate(parts, axis=1))
    lacking = np.concatenate([_without(e, name) / e.predicted(name) for name in SHOWN])[:, None]
    quantity = "rms error of difference quotients over its prediction with the rounding of the step"
    low, high = (round(np.log2(h)) for h in (octaves.max(), octaves.min()))
    scope: dict[str, str | int] = {
        "function": e.case.label,
        "steps": f"2^{low} … 2^{high}",
        "points": len(e.points),
        "dtype": e.dtype,
    }
    exact = Prediction(quantity, np.ones_like(ratios), rounding + LIBRARY, scope, resolution=RESOLUTION)
    measurement = Measurement(quantity, ratios, e.dtype, spreads, {})
    if not without:
        return compare(exact, measurement)
    return compare(Prediction(quantity, lacking, 0 * ratios, scope, resolution=RESOLUTION), measurement, exact=exact)

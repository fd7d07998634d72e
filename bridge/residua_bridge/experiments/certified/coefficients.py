"""Taylor coefficients of trained networks: from the forward maps in balls, and by Cauchy's integral on the model."""

from dataclasses import dataclass

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.certified.networks import (
    ALONG,
    AT,
    HIGHEST,
    KINDS,
    Trained,
    exactly,
    radius_as_float,
    trained,
)
from residua_bridge.findings import Cell, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement, measure
from residua_symbolic import Prediction
from residua_symbolic.series.networks.network import network_series

QUANTITY = "taylor coefficients"
SHARE = 0.5  # of the radius of convergence, or of a length of 1: where terms are compared


@dataclass(frozen=True)
class Coefficients:
    """Along the line in the inputs, for every network."""

    title: str
    prose: tuple[str, ...]
    steps: By

    def run(self, settings: Settings) -> Finding:
        """Expand and measure."""
        rows: list[tuple[Cell, ...]] = []
        verdicts, found = [], []
        for kind in settings.track(KINDS, self.title):
            one = trained(kind, self.steps.of(settings.profile))
            d, row = _compared(one)
            rows.append((kind.label, *row))
            verdicts.append(as_text(d, f"The terms c_k t^k, measured on the model: {kind.label}", "agree"))
            found.append(d)
        columns = ("blocks", "radius of the balls", "error of float64", "difference to the measured", "bar of these")
        caption = (
            f"Each relative to the coefficient, the largest of orders 0 to {HIGHEST}. Error of float64: of the series "
            "by recurrences in floats. Bar: what the integral's own rounding and folding may come to. "
            "The verdicts compare $c_k t^k$ at half the radius of convergence, at t = 0.5 where it is infinite."
        )
        table = Table("Coefficients three ways", columns, tuple(rows), caption)
        return Finding(Section(self.title, self.prose, tables=(table,), verdicts=tuple(verdicts)), tuple(found))


def _compared(one: Trained) -> tuple[Discrepancy, tuple[float, ...]]:
    series = one.series(HIGHEST)
    floats = network_series(one.network, HIGHEST, one.weights, AT, ALONG).coefficients
    got = measure(one.model, QUANTITY, AT[None], along=ALONG[None], order=HIGHEST)
    values, radius = series.values[:, None], series.enclosure.radius[:, None]
    assert got.error is not None
    limit = radius_as_float(one.radius)
    t = exactly(SHARE * limit) if np.isfinite(limit) else SHARE
    power = (t ** np.arange(HIGHEST + 1)).reshape(-1, *(1,) * (values.ndim - 1))  # c_k t^k: what they contribute
    scope = {**one.scope, "order": HIGHEST, "t": f"{t:g}"}
    prediction = Prediction(QUANTITY, values * power, (radius + got.error) * power, scope)
    d = compare(prediction, Measurement(QUANTITY, got.values * power, "float64", None, {}))
    sizes = abs(values)
    parts = radius, abs(floats[:, None] - values), abs(got.values - values), got.error
    return d, tuple(float(f"{np.max(part / sizes):.3g}") for part in parts)

"""Lines of constant gradient growth in the plane of weight and bias variance, and the growth with normalisations."""

from dataclasses import dataclass

import numpy as np

from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.study import Finding, Settings
from residua_network.kinds.activation import ACTIVATIONS
from residua_symbolic.moments import phase

PLACES = tuple(float(q) for q in np.geomspace(1e-3, 30.0, 60))  # fixed points q along a line
WIDEST, HIGHEST = 4.0, 1.0  # of the plane that is shown


@dataclass(frozen=True)
class PhasePicture:
    """A picture an activation without normalisation, one with layer normalisation, and a table of all."""

    name: str
    title: str
    prose: tuple[str, ...]
    activations: tuple[str, ...]
    growths: tuple[float, ...]

    def run(self, settings: Settings) -> Finding:
        """Lines by their fixed points."""
        figures = [self._plain(name) for name in settings.track(self.activations, self.title)]
        figures.append(self._normalised())
        return Finding(Section(self.title, self.prose, tables=(_table(),), figures=tuple(figures)))

    def _plain(self, activation: str) -> Figure:
        curves = []
        for chi in self.growths:
            line = phase.line(activation, chi, PLACES)
            every = zip(line.weight, line.bias, line.attracts, strict=True)
            points = [(w, b) for w, b, attracts in every if attracts and w <= WIDEST and b <= HIGHEST]
            if len(points) > 1:
                x, y = zip(*points, strict=True)
                curves.append(Curve(f"χ = {chi:g}", "predicted", x, y))
        caption = (
            f"{activation}: on each line the mean squared gradient changes by the factor χ with every layer, at the "
            "fixed point q that belongs to the point, if that attracts. Along χ = 1 it neither grows nor falls."
        )
        title = f"{activation}, without normalisation"
        return Figure(f"{self.name}-{activation}", title, "σ_w²", "σ_b²", tuple(curves), caption=caption)

    def _normalised(self) -> Figure:
        curves = []
        for activation in self.activations:
            slope = phase.ray(activation, 1.0)
            if slope is not None:
                end = min(WIDEST, HIGHEST / slope) if slope > 0 else WIDEST
                curves.append(Curve(f"{activation}: χ = 1", "predicted", (0.0, end), (0.0, slope * end)))
        caption = (
            "Layer or RMS normalisation between Linear and activation: χ depends on the quotient of the two variances "
            "alone, so the lines are rays. Above its ray an activation lets the gradient fall, below it rise."
        )
        title = "With layer normalisation"
        return Figure(f"{self.name}-layernorm", title, "σ_w²", "σ_b²", tuple(curves), caption=caption)


def _table() -> Table:
    columns = (
        "activation",
        "no biases: layer or RMS norm",
        "batch norm, large batch",
        "σ_b²/σ_w² at which layer norm has χ = 1",
    )
    rows = []
    for name in ACTIVATIONS:
        slope = phase.ray(name, 1.0)
        layer, batch = (phase.normalised_growth(name, norm) for norm in (phase.LAYER, phase.BATCH))
        rows.append((name, layer, batch, "none" if slope is None else max(slope, 0.0)))
    caption = (
        "Growth χ of the mean squared gradient per layer, Linear → normalisation → activation: the same for every "
        "weight variance. With batch statistics no χ lies below 1, and only linear activations have 1."
    )
    return Table("Growth per layer with normalisation", columns, tuple(rows), caption)

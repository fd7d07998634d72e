"""Lines of constant gradient growth in the plane of weight and bias variance, and the growth with normalisations."""

from dataclasses import dataclass

import numpy as np

from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.study import Finding, Settings
from residua_network.kinds.activation import ACTIVATIONS
from residua_symbolic.moments.plain import phase

PLACES = tuple(float(q) for q in np.geomspace(1e-3, 300.0, 100))  # fixed points q along a line
WINDOW = (4.0, 1.0)  # of the plane that is shown
WINDOWS = {"sigmoid": (200.0, 30.0), "softplus": (4.0, 8.0)}  # their lines lie farther out


@dataclass(frozen=True)
class PhasePicture:
    """A picture an activation without normalisation, one a growth with layer normalisation, and a table of all."""

    name: str
    title: str
    prose: tuple[str, ...]
    activations: tuple[str, ...]
    growths: tuple[float, ...]

    def run(self, settings: Settings) -> Finding:
        """Lines by their fixed points."""
        figures = [self._plain(name) for name in settings.track(self.activations, self.title)]
        figures += [self._normalised(place, chi) for place, chi in enumerate(self.growths, start=1)]
        return Finding(Section(self.title, self.prose, tables=(_table(),), figures=tuple(figures)))

    def _plain(self, activation: str) -> Figure:
        found = {chi: _points(activation, chi) for chi in self.growths}
        curves = [Curve(f"χ = {chi:g}", "predicted", *line) for chi, line in found.items() if line]
        caption = (
            f"{activation}: on each line the mean squared gradient changes by the factor χ with every layer, at the "
            "fixed point q that belongs to the point. Along χ = 1 it neither grows nor falls."
        )
        missing = ", ".join(f"{chi:g}" for chi, line in found.items() if not line)
        if phase.constant_slope(activation) is not None:
            caption = f"{activation}: χ does not depend on q, nor on whether q settles: its lines are vertical."
        elif missing:
            caption += f" For χ = {missing} no fixed point in this window attracts."
        title = f"{activation}, without normalisation"
        return Figure(f"{self.name}-{activation}", title, "σ_w²", "σ_b²", tuple(curves), caption=caption)

    def _normalised(self, place: int, chi: float) -> Figure:
        widest, highest = WINDOW
        curves = []
        for activation in ACTIVATIONS:
            slope = phase.ray(activation, chi)
            if slope is not None:
                slope = max(slope, 0.0)
                end = min(widest, highest / slope) if slope > 0 else widest
                curves.append(Curve(activation, "predicted", (0.0, end), (0.0, slope * end)))
        caption = (
            f"Layer or RMS normalisation between Linear and activation, χ = {chi:g}: χ depends on the quotient of the "
            "two variances alone, so the lines are rays. Above its ray an activation has a smaller χ, below it a "
            "larger one; those that are not shown have a smaller χ in the whole plane."
        )
        title = f"With layer or RMS normalisation, χ = {chi:g}"
        return Figure(f"{self.name}-layernorm-{place}", title, "σ_w²", "σ_b²", tuple(curves), caption=caption)


def _points(activation: str, chi: float) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Of the line of χ in the window; None where there are none."""
    widest, highest = WINDOWS.get(activation, WINDOW)
    slope = phase.constant_slope(activation)
    if slope is not None:
        return (chi / slope, chi / slope), (0.0, highest)
    line = phase.line(activation, chi, PLACES)
    every = zip(line.weight, line.bias, line.attracts, strict=True)
    points = [(w, b) for w, b, attracts in every if attracts and w <= widest and b <= highest]
    if len(points) < 2:
        return None
    x, y = zip(*points, strict=True)
    return x, y


def _table() -> Table:
    columns = (
        "activation",
        "no biases: layer or RMS norm",
        "batch norm, large batch",
        "σ_b²/σ_w² at which layer or RMS norm has χ = 1",
    )
    rows = []
    for name in ACTIVATIONS:
        slope = phase.ray(name, 1.0)
        layer, batch = (phase.normalised_growth(name, norm) for norm in (phase.LAYER, phase.BATCH))
        rows.append((name, layer, batch, "none" if slope is None else max(slope, 0.0)))
    caption = (
        "Growth χ of the mean squared gradient per layer, Linear → normalisation → activation: the same for every "
        "weight variance, and with batch norm for every bias, too. With batch statistics no χ lies below 1, and only "
        "linear activations have 1. “none”: with layer or RMS norm χ < 1 at every pair of variances."
    )
    return Table("Growth per layer with normalisation", columns, tuple(rows), caption)

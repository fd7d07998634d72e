"""One hidden layer against many: how many units a function takes, exactly."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from residua_bridge.experiments.grids import exactly
from residua_bridge.experiments.texts import proved
from residua_bridge.experiments.universal.constructed import Goal, constructed
from residua_bridge.experiments.universal.models import model_of
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_numeric.pieces import pieces
from residua_symbolic.series.constructions.sawtooth import sawtooth_network
from residua_symbolic.universal import through
from residua_symbolic.universal.depth_laws import (
    crossing_law,
    parabola_depth,
    parabola_law,
    parabola_units,
    sawtooth_units,
    tooth,
)

TEETH, SQUARES, WAVES = "A sawtooth", "The parabola to an error", "sin to an error"


def deep_parameters(depth: int) -> int:
    """Of the residual net with `depth` blocks of two units."""
    return sum(int(np.prod(shape)) for shape, _ in sawtooth_network(depth)[0].parameters.values())


@dataclass(frozen=True)
class Depth:
    """Sawteeth of these depths, the parabola and a smooth function to these errors."""

    name: str
    title: str
    prose: tuple[str, ...]
    depths: By
    errors: tuple[Fraction, ...]
    goal: Goal

    def run(self, settings: Settings) -> Finding:
        """Derive, count, build."""
        depths = tuple(range(1, self.depths.of(settings.profile) + 1))
        counted = [self._pieces(depth) for depth in settings.track(depths, self.title)]
        d = exactly("pieces of one hidden layer", [2**depth for depth in depths], counted, depth=f"1 to {depths[-1]}")
        section = Section(
            self.title,
            self.prose,
            derivations=(proved(crossing_law()), proved(parabola_law())),
            tables=(self._teeth(depths, counted), self._squares(), self._waves()),
            figures=(self._figure(),),
            verdicts=(as_text(d, "One hidden layer that is the sawtooth has its $2^L$ pieces, on torch", "agree"),),
        )
        return Finding(section, (d,))

    def _pieces(self, depth: int) -> int:
        """Of the layer through all corners."""
        corners = [(k / 2**depth, float(tooth(Fraction(k, 2**depth), depth))) for k in range(2**depth + 1)]
        return pieces(model_of(through(corners)), 0.0, 1.0).count

    def _teeth(self, depths: tuple[int, ...], counted: list[int]) -> Table:
        rows = tuple(
            (depth, 2**depth, deep_parameters(depth), sawtooth_units(depth), 3 * sawtooth_units(depth) + 1, count)
            for depth, count in zip(depths, counted, strict=True)
        )
        columns = (
            "blocks L", "pieces", "parameters of the deep net", "units one layer needs", "parameters one layer needs",
            "pieces built with one layer, on torch",
        )  # fmt: skip
        caption = "Needed: for every sup error below 1/2, proved. Built: the line through all corners, a unit a piece."
        return Table(TEETH, columns, rows, caption)

    def _squares(self) -> Table:
        rows = []
        for error in self.errors:
            depth, units = parabola_depth(error), parabola_units(error)
            deep, wide = deep_parameters(depth), 3 * units + 1
            rows.append((float(error), units, wide, depth, deep, "one layer" if wide <= deep else "depth"))
        columns = (
            "sup error",
            "units one layer needs",
            "parameters one layer needs",
            "blocks",
            "parameters of the deep net",
            "fewer",
        )
        caption = (
            "$x^2$ on [0, 1]. Needed: proved, and reached by the best lines. Deep: Yarotsky's net, two units a block."
        )
        return Table(SQUARES, columns, tuple(rows), caption)

    def _waves(self) -> Table:
        rows = []
        for error in self.errors[:3]:
            c = constructed(self.goal, "relu", float(error))
            rows.append((float(error), c.width, 3 * c.width + 1, float(c.bound.upper)))
        columns = ("sup error", "units built", "parameters", "certified: at most")
        caption = f"{self.goal.said} by one hidden ReLU layer."
        return Table(WAVES, columns, tuple(rows), caption)

    def _figure(self) -> Figure:
        x = tuple(float(error) for error in self.errors)
        wide = tuple(3.0 * parabola_units(error) + 1 for error in self.errors)
        deep = tuple(float(deep_parameters(parabola_depth(error))) for error in self.errors)
        curves = (
            Curve("one hidden layer, needed", "predicted", x, wide),
            Curve("two units a block", "other", x, deep),
        )
        caption = "One layer grows as the root of 1/error, depth as its logarithm."
        return Figure(
            f"{self.name}-parabola", "$x^2$ on [0, 1]", "sup error", "parameters", curves, "log", "log", caption
        )

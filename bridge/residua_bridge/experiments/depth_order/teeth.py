"""Explicit ReLU nets: squares by one term a block (Yarotsky), and 2^L pieces by L blocks (Telgarsky), on torch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from residua_bridge.compare import compare
from residua_bridge.experiments.exact_counts import exactly
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement, build, measure
from residua_numeric.pieces import pieces
from residua_numeric.weights import put
from residua_symbolic import Prediction
from residua_symbolic.series.constructions.sawtooth import (
    exact_pieces,
    exact_square_error,
    pieces_of_teeth,
    sawtooth_network,
    square_by_teeth,
)

Floats = np.ndarray[Any, np.dtype[np.float64]]
FINER = 3  # the grid has 2^(L + 3) steps: the tops of the error are on it
DEEPEST_EXACT = 10  # depths at which broken lines are followed exactly
SHOWN = 3  # depths whose errors are drawn, on 2^7 steps
DRAWN = 7


def model_of(depth: int, output: str) -> torch.nn.Sequential:
    """The torch model with the explicit weights."""
    net, weights = sawtooth_network(depth, output)
    model = build(net)
    put(model, {name: torch.tensor(array) for name, array in weights.items()})
    return model


def errors(depth: int, steps: int) -> tuple[Floats, Floats]:
    """A grid of 2^steps steps on [0, 1], and net − x² there, from torch."""
    x = np.arange(2**steps + 1) / 2.0**steps
    return x, measure(model_of(depth, "square"), "output", x[:, None]).values[:, 0] - x**2


@dataclass(frozen=True)
class Teeth:
    """The error of the squares and the number of pieces, by depth."""

    name: str
    title: str
    prose: tuple[str, ...]
    depths: By

    def run(self, settings: Settings) -> Finding:
        """Derive, build, measure, count."""
        depths = tuple(range(1, self.depths.of(settings.profile) + 1))
        found = [float(np.max(np.abs(errors(depth, depth + FINER)[1]))) for depth in settings.track(depths, self.title)]
        counts = [pieces(model_of(depth, "sawtooth"), 0.0, 1.0).count for depth in depths]
        squares, teeth = self._squares(depths, found), self._teeth(depths, counts)
        section = Section(
            self.title,
            self.prose,
            derivations=(proved(square_by_teeth()), proved(pieces_of_teeth())),
            tables=(self._table(depths, found, counts),),
            figures=(self._errors(), self._sups(depths, found)),
            verdicts=(
                as_text(squares, "sup |net − x²| over [0, 1] is 2^(−2L−2), on torch", "agree"),
                as_text(teeth, "pieces of the sawtooth are 2^L, on torch", "agree"),
            ),
        )
        return Finding(section, (squares, teeth))

    def _squares(self, depths: tuple[int, ...], found: list[float]) -> Discrepancy:
        law = np.array([[2.0 ** (-2 * depth - 2)] for depth in depths])
        scope: dict[str, str | int] = {
            "depth": f"1 to {max(depths)}",
            "width": 2,
            "points": f"k/2^(L+{FINER})",
            "dtype": "float64",
        }
        quantity = "sup error"
        measured = Measurement(quantity, np.array(found)[:, None], "float64", None, {})
        return compare(Prediction(quantity, law, np.zeros_like(law), scope), measured)

    def _teeth(self, depths: tuple[int, ...], counts: list[int]) -> Discrepancy:
        scope: dict[str, str | int] = {
            "depth": f"1 to {max(depths)}",
            "width": 2,
            "interval": "[0, 1]",
            "dtype": "float64",
        }
        return exactly("pieces", [2**depth for depth in depths], counts, scope)

    def _table(self, depths: tuple[int, ...], found: list[float], counts: list[int]) -> Table:
        head = (
            "blocks",
            "parameters",
            "sup error, exact",
            "sup error on torch",
            "pieces, exact",
            "pieces on torch",
            "hidden units that one layer would need",
        )
        rows: tuple[tuple[Any, ...], ...] = tuple(
            (
                depth,
                sum(int(np.prod(shape)) for shape, _ in sawtooth_network(depth)[0].parameters.values()),
                str(exact_square_error(depth)) if depth <= DEEPEST_EXACT else "not followed",
                error,
                exact_pieces(depth) if depth <= DEEPEST_EXACT else "not followed",
                count,
                2**depth - 1,
            )
            for depth, error, count in zip(depths, found, counts, strict=True)
        )
        caption = (
            "Every weight is a power of two, so float64 rounds nothing. Exact: the broken line that the net is, "
            "followed through its forward map over the rationals. One hidden layer of m units has at most m + 1 pieces "
            "on an interval."
        )
        return Table("One term of a series a block", head, rows, caption)

    def _errors(self) -> Figure:
        curves = []
        for depth in range(1, SHOWN + 1):
            x, apart = errors(depth, DRAWN)
            curves.append(Curve(f"L = {depth}", "measured", tuple(x.tolist()), tuple(apart.tolist())))
            top = 2.0 ** (-2 * depth - 2)
            curves.append(Curve(f"L = {depth}: 2^(−2L−2)", "other", (0.0, 1.0), (top, top)))
        caption = "Every block halves the pieces and quarters the error; it is 0 at k/2^L and largest half-way between."
        return Figure(f"{self.name}-errors", "Net minus x²", "x", "net $-\\, x^2$", tuple(curves), caption=caption)

    def _sups(self, depths: tuple[int, ...], found: list[float]) -> Figure:
        x = tuple(map(float, depths))
        curves = (
            Curve("sup error: predicted", "predicted", x, tuple(2.0 ** (-2 * depth - 2) for depth in depths)),
            Curve("sup error: measured", "measured", x, tuple(found)),
        )
        return Figure(f"{self.name}-sup", "The error by depth", "blocks L", "sup error", curves, "linear", "log")

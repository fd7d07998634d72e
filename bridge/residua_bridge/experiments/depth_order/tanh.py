"""One hidden tanh layer of width m with the first m odd Taylor terms of sin: solved exactly, measured on torch."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import flint
import numpy as np
import sympy as sp
import torch

from residua_bridge.compare import compare
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement, build, measure
from residua_numeric.weights import put
from residua_symbolic import Prediction
from residua_symbolic.expressions.given import given
from residua_symbolic.series.constructions.widths import (
    TanhLayer,
    even_slopes,
    exact_coefficients,
    matching_layer,
    sine_terms,
    width_matches_terms,
)
from residua_symbolic.series.enclosures.remainders import expression_remainder, network_remainder

Floats = np.ndarray[Any, np.dtype[np.float64]]
QUANTITY = "taylor coefficients"
NEAR, GRID = 1.0, 401
FEW = 3  # widths that are drawn
PAST = 3  # orders shown beyond the last that matches


class Built(NamedTuple):
    """A layer, its torch model, the exact coefficients of the stored weights, and what was measured."""

    layer: TanhLayer
    model: torch.nn.Sequential
    exact: tuple[Any, ...]
    discrepancy: Discrepancy
    measured: Floats
    error: Floats


def built(width: int) -> Built:
    """Solved over the rationals, rounded to float64, expanded exactly and measured."""
    layer = matching_layer(sine_terms(width), even_slopes(width))
    model, order = build(layer.network), 2 * width + PAST
    put(model, {name: torch.tensor(array) for name, array in layer.weights.items()})
    exact = exact_coefficients(layer.network, layer.weights, order)
    found = measure(model, QUANTITY, np.zeros((1, 1)), along=np.ones((1, 1)), order=order)
    assert found.error is not None
    values = found.values.reshape(1, -1)
    scope: dict[str, str | int] = {"width": width, "orders": f"0 to {order}", "dtype": "float64"}
    known = np.array([[float(int(q.p) / int(q.q)) for q in exact]])
    prediction = Prediction(QUANTITY, known, found.error.reshape(1, -1), scope)
    d = compare(prediction, Measurement(QUANTITY, values, "float64", None, {}))
    return Built(layer, model, exact, d, values[0], found.error.reshape(-1))


def certified_error(layer: TanhLayer, end: float) -> float:
    """An upper bound of |net − sin| on [−end, end]: both remainders after the terms that they share, and what rounding
    of the weights leaves between these."""
    order = 2 * layer.width
    net = network_remainder(layer.network, layer.weights, np.zeros(1), np.ones(1), order, -end, end)[0]
    half = sp.Rational(end)
    sine = expression_remainder(given("sin(x)"), "x", sp.Integer(0), order, -half, half)
    shared = exact_coefficients(layer.network, layer.weights, order)
    wanted = [*(flint.fmpq(0) for _ in range(order + 1))]
    for p, value in enumerate(sine_terms(layer.width)):
        wanted[2 * p + 1] = value
    size = flint.arb(end)
    differences = (a - b for a, b in zip(shared, wanted, strict=True))
    apart = sum((abs(flint.arb(d)) * size**power for power, d in enumerate(differences)), flint.arb(0))
    return float((abs(net) + abs(sine) + apart).upper())


def seen_error(model: torch.nn.Sequential, end: float) -> float:
    """The largest |net − sin| on a grid, on torch."""
    x = np.linspace(-end, end, GRID)
    return float(np.max(np.abs(measure(model, "output", x[:, None]).values[:, 0] - np.sin(x))))


def taylor_error(width: int, end: float) -> float:
    """The largest |T − sin| on the same grid, T with as many odd terms."""
    x = np.linspace(-end, end, GRID)
    terms = ((-1) ** p * x ** (2 * p + 1) / math.factorial(2 * p + 1) for p in range(width))
    return float(np.max(np.abs(sum(terms, np.zeros(GRID)) - np.sin(x))))


def matched(one: Built) -> Discrepancy:
    """The terms of sin themselves against those of the torch model: between them lies the rounding of weights.

    A factor errs by half a unit, a slope to the power p by p halves, each amplified by what cancels.
    """
    width, unit = one.layer.width, np.finfo(np.float64).eps / 2
    powers = list(range(1, 2 * width, 2))
    wanted = np.array([[float(int(q.p) / int(q.q)) for q in sine_terms(width)]])
    rounding = [unit * (1 + p) * one.layer.amplification(p) * abs(w) for p, w in zip(powers, wanted[0], strict=True)]
    scope: dict[str, str | int] = {"width": width, "orders": f"odd, 1 to {2 * width - 1}", "dtype": "float64"}
    prediction = Prediction(QUANTITY, wanted, np.array([rounding]) + one.error[None, powers], scope)
    return compare(prediction, Measurement(QUANTITY, one.measured[None, powers], "float64", None, {}))


@dataclass(frozen=True)
class TanhWidths:
    """By width: which terms are there, how well conditioned they are, and what is left."""

    name: str
    title: str
    prose: tuple[str, ...]
    widths: By

    def run(self, settings: Settings) -> Finding:
        """Derive, build, measure."""
        widths = tuple(range(1, self.widths.of(settings.profile) + 1))
        found = [built(width) for width in settings.track(widths, self.title)]
        terms = [matched(one) for one in found]
        stored = [one.discrepancy for one in found]
        section = Section(
            self.title,
            self.prose,
            derivations=(proved(width_matches_terms()),),
            tables=(self._table(found),),
            figures=(self._figure(found),),
            verdicts=(
                together(terms, f"Width m has the first m odd terms of sin, m = 1 to {max(widths)}, on torch", "agree"),
                together(stored, "All coefficients of the stored weights, exact against torch", "agree"),
            ),
        )
        return Finding(section, (*terms, *stored))

    def _table(self, found: list[Built]) -> Table:
        head = (
            "width m",
            "largest factor",
            "amplification",
            "next odd coefficient of the net over that of sin",
            "net − sin on [−1, 1], certified",
            "seen",
            "Taylor polynomial",
            "net − sin on [−π, π], seen",
            "Taylor polynomial ",
        )
        rows: tuple[tuple[Any, ...], ...] = tuple(
            (
                one.layer.width,
                float(np.max(np.abs(one.layer.weights["2.weight"]))),
                max(one.layer.amplification(p) for p in range(1, 2 * one.layer.width, 2)),
                _next_ratio(one),
                certified_error(one.layer, NEAR),
                seen_error(one.model, NEAR),
                taylor_error(one.layer.width, NEAR),
                seen_error(one.model, np.pi),
                taylor_error(one.layer.width, np.pi),
            )
            for one in found
        )
        caption = (
            "Slopes j/(2m). Amplification: by how much rounding of the weights counts in the worst of the m "
            "coefficients. Errors are the largest; certified: an upper bound for the stored weights. Taylor "
            "polynomial: of degree 2m − 1."
        )
        return Table("Width alone brings one odd term after the other", head, rows, caption)

    def _figure(self, found: list[Built]) -> Figure:
        curves = []
        for one in found[-FEW:]:
            powers = range(1, len(one.exact), 2)
            x = tuple(map(float, powers))
            label = f"m = {one.layer.width}"
            exact = tuple(abs(float(int(one.exact[p].p) / int(one.exact[p].q))) for p in powers)
            curves += [
                Curve(f"{label}: predicted", "predicted", x, exact),
                Curve(f"{label}: measured", "measured", x, tuple(abs(float(one.measured[p])) for p in powers)),
            ]
        longest = max(len(one.exact) for one in found)
        x = tuple(float(p) for p in range(1, longest, 2))
        curves.append(Curve("sin", "other", x, tuple(1 / math.factorial(int(p)) for p in x)))
        caption = "Sizes of the odd coefficients: those of sin up to order 2m − 1, and then others."
        return Figure(
            self.name, "Taylor coefficients by width", "power of x", "size", tuple(curves), "linear", "log", caption
        )


def _next_ratio(one: Built) -> float:
    order = 2 * one.layer.width + 1
    sine = sine_terms(one.layer.width + 1)[-1]
    ratio = one.exact[order] / sine
    return float(int(ratio.p) / int(ratio.q))

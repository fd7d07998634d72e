"""Which activations are universal: floors of the polynomial ones, explicit layers of the others, and trained ones."""

from dataclasses import dataclass
from math import pi
from typing import Literal

import numpy as np
import sympy as sp

from residua_bridge.experiments.texts import proved
from residua_bridge.experiments.universal.constructed import Goal, constructed
from residua_bridge.experiments.universal.models import below, not_below, seen
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_network import Activation, Linear, Network
from residua_network.kinds.activation import ACTIVATIONS
from residua_numeric import fit_least_squares
from residua_symbolic.series.approximation.floors import sine_floor
from residua_symbolic.universal.activation_laws import (
    DEGREES,
    SMOOTH,
    floor,
    free_orders,
    monomial_law,
    polynomial_law,
    power_units,
)

EACH, POWERS, LEARNT = "Ten activations", "Powers of x by one activation", "Trained, by activation and width"
NODES = 80  # of the Gauss rule on [−π, π]: its mean square is the integral's
ORDERS = 12  # up to which derivatives are looked at
STEP = 2.0**-9
PICTURED: dict[str, Literal["predicted", "measured", "other"]] = {
    **dict.fromkeys(DEGREES, "other"),
    **dict.fromkeys(("relu", "tanh", "softplus"), "measured"),
}
KINK = ("abs(x)", -1, 1)
SINE = ("sin(x)", -pi, pi)


@dataclass(frozen=True)
class Activations:
    """Floors, explicit layers to the errors, and training at the widths."""

    name: str
    title: str
    prose: tuple[str, ...]
    goal: Goal
    errors: tuple[float, ...]
    powers: tuple[int, ...]
    widths: By
    seeds: By
    steps: By

    def run(self, settings: Settings) -> Finding:
        """Derive, bound, build, train."""
        powers, met = self._powers()
        learnt, figure, kept = self._learnt(settings)
        section = Section(
            self.title,
            self.prose,
            derivations=(proved(polynomial_law()), proved(monomial_law())),
            tables=(self._each(), powers, learnt),
            figures=(figure,),
            verdicts=(
                together(met, "Powers of x from one activation lie within their bounds on torch", "agree"),
                together(kept, "No trained polynomial activation is below its floor for sin", "agree"),
            ),
        )
        return Finding(section, (*met, *kept))

    def _each(self) -> Table:
        rows: list[tuple[Cell, ...]] = []
        for name in ACTIVATIONS:
            if name in DEGREES:
                degree = DEGREES[name]
                kink, wave = (_floor(text, low, high, degree) for text, low, high in (KINK, SINE))
                nothing: tuple[Cell, ...] = ("none",) * len(self.errors)
                rows.append((name, f"degree {degree}", kink, wave, *nothing, "–"))
                continue
            built = tuple(constructed(self.goal, name, error).width for error in self.errors)
            orders = str(len(free_orders(name, ORDERS))) if name in SMOOTH else "–"
            rows.append((name, "no polynomial", 0.0, 0.0, *built, orders))
        columns = (
            "activation", "it is", "|x| on [−1, 1]: at least", "sin on [−π, π]: at least",
            *(f"width built for sin to {error:g}" for error in self.errors), f"derivatives 0 … {ORDERS} that are not 0",
        )  # fmt: skip
        caption = (
            "At least: the certified error of the best polynomial of that degree, below which no width gets. "
            "Built: hidden units whose "
            "certified error is at most that. Derivatives: at 1/2, certified; with them every power of x can be formed."
        )
        return Table(EACH, columns, tuple(rows), caption)

    def _powers(self) -> tuple[Table, list[Discrepancy]]:
        rows, found = [], list[Discrepancy]()
        x = np.linspace(-1.0, 1.0, 401)
        for name in SMOOTH:
            for order in self.powers:
                power = power_units(name, order, STEP)
                largest = float(np.max(np.abs(seen(power.units, x) - x**order)))
                rounding = power.units.rounding(1.0)
                scope: dict[str, str | int] = {"activation": name, "power": order, "width": order + 1, "points": len(x)}
                found.append(below(largest, power.bound, rounding, **scope))
                rows.append((name, order, order + 1, power.bound, largest, rounding))
        columns = ("activation", "power", "units", "bound", "largest on torch", "rounding")
        caption = (
            f"On [−1, 1], with ε = 1/{round(1 / STEP)} and b = 1/2. "
            "The bound falls with ε; float64 rounding rises as 1/ε to the power."
        )
        return Table(POWERS, columns, tuple(rows), caption), found

    def _learnt(self, settings: Settings) -> tuple[Table, Figure, list[Discrepancy]]:
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        x = pi * nodes[:, None]
        widths, seeds = self.widths.of(settings.profile), range(self.seeds.of(settings.profile))
        rows, curves, kept = list[tuple[Cell, ...]](), list[Curve](), list[Discrepancy]()
        for name in settings.track(ACTIVATIONS, self.title):
            found = [self._least(name, width, x, weights, seeds, settings.profile) for width in widths]
            least = float(sine_floor(DEGREES[name]).lower) if name in DEGREES else 0.0
            if name in DEGREES:
                kept += [_above(value, least, name, m) for value, m in zip(found, widths, strict=True)]
            rows.append((name, least, *found))
            if name in PICTURED:
                curves.append(Curve(name, PICTURED[name], tuple(map(float, widths)), tuple(found)))
        columns = ("activation", "floor", *(f"width {m}" for m in widths))
        caption = (
            f"Least mean square error for sin on [−π, π] of {len(seeds)} seeds, by Levenberg and Marquardt's "
            f"method in float64 "
            f"on {NODES} Gauss nodes. Floor: of the best polynomial of that degree, certified."
        )
        figure = Figure(
            f"{self.name}-learnt", "Width and what the activation allows", "hidden units", "mean square error",
            tuple(curves), "log", "log",
            "Lines: polynomials, which stay on their floors at any width. Points: activations that are none.",
        )  # fmt: skip
        return Table(LEARNT, columns, tuple(rows), caption), figure, kept

    def _least(self, name: str, width: int, x: Floats, weights: Floats, seeds: range, profile: str) -> float:
        """The least loss of several seeds."""
        net = Network((Linear(1, width), Activation(name), Linear(width, 1)))
        fits = fit_least_squares(net, x, np.sin(x), seeds, weights=weights, steps=self.steps.of(profile))
        return float(np.min(fits.losses))


def _floor(text: str, low: float, high: float, degree: int) -> float:
    ends = (-sp.pi, sp.pi) if text == "sin(x)" else (sp.Integer(low), sp.Integer(high))
    return floor(text, *ends, degree)


def _above(value: float, least: float, name: str, width: int) -> Discrepancy:
    """A measured mean square beside its floor: what it lies below it, which should be rounding at most."""
    rounding = NODES * 2.0**-52  # of a weighted mean of squares of order 1
    return not_below(least, value, rounding, activation=name, width=width)

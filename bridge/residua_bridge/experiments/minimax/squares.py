"""Ramp and sigmoid in the mean square on the whole line: closed forms against torch."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from flint import arb

from residua_bridge.compare import compare
from residua_bridge.experiments.minimax.ramps import UNIT, measured_error, outward, ramp_model
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_numeric import Measurement
from residua_symbolic import Prediction
from residua_symbolic.domains import balls
from residua_symbolic.domains.floats import Floats
from residua_symbolic.minimax.ramp import Ramp, digits
from residua_symbolic.minimax.roots import BITS
from residua_symbolic.minimax.square_laws import (
    best_square_ramp,
    best_square_sigmoid,
    integral_at,
    squares_law,
)

MINIMA = "The nearest in the mean square"  # table
CLOSED = "The integral of the squared error of two ReLUs in torch has the closed form"
KNOTS = (1.0, 1.5, 2.0, 2.25, 2.5, 2.75, 3.0, 3.5, 4.0, 5.0, 6.0)  # of measured ramps
TAIL = 60.0  # widths: beyond, a squared sigmoid is below 1e-50
PANELS, NODES = 40, 20  # of the quadrature on each of three parts


def integrated(error: Callable[[Floats], Floats], knot: float) -> float:
    """∫ error² over the line: Gauss and Legendre's rule on both sides of the knots −k and k and between them."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    end = TAIL * max(knot, 1e-300)
    total = 0.0
    for a, b in ((-end, -knot), (-knot, knot), (knot, end)):
        # outside panels grow towards the far end, where nothing happens
        shares = np.linspace(0, 1, PANELS + 1) ** (1 if a == -knot else 3)
        borders = a + (b - a) * (1 - shares[::-1] if a == -end else shares)
        half = np.diff(borders)[:, None] / 2
        x = (borders[:-1, None] + half + half * nodes).reshape(-1)
        total += float(np.sum((half * weights).reshape(-1) * error(x) ** 2))
    return total


@dataclass(frozen=True)
class Squares:
    """The closed form, its minimum, and torch's integral along the slopes."""

    name: str
    title: str
    prose: tuple[str, ...]

    def run(self, settings: Settings) -> Finding:
        """Derive and compare."""
        with balls.precision(BITS):
            best = best_square_ramp().knot.mid()
        knots = (*KNOTS, float(best))
        found = [_measured(knot) for knot in settings.track(knots, self.title)]
        d = _compared(knots, found)
        section = Section(
            self.title,
            self.prose,
            derivations=(proved(squares_law()),),
            tables=(_table(),),
            figures=(self._figure(found),),
            verdicts=(as_text(d, CLOSED, "agree"),),
        )
        return Finding(section, (d,))

    def _figure(self, found: list[float]) -> Figure:
        fine = np.linspace(KNOTS[0], KNOTS[-1], 120)
        level = float(best_square_ramp().integral.mid())
        curves = (
            Curve(
                "ramp from 0 to 1: predicted", "predicted", tuple(fine.tolist()), tuple(map(integral_at, fine.tolist()))
            ),
            Curve("ramp from 0 to 1: measured", "measured", KNOTS, tuple(found[: len(KNOTS)])),
            Curve(f"least, {level:.6f}", "other", (KNOTS[0], KNOTS[-1]), (level, level)),
        )
        caption = "The integral of (sigmoid − ramp)² over the line by the knot k of the ramp; its slope is 1/(2k)."
        return Figure(
            f"{self.name}-squares", "Squared error by the knot", "knot k", "integral", curves, "linear", "log", caption
        )


def _measured(knot: float) -> float:
    with balls.precision(BITS):
        ramp = Ramp(arb(knot), arb(0))
        model = ramp_model(ramp)
    return integrated(lambda x: measured_error(model, x), knot)


def _compared(knots: tuple[float, ...], found: list[float]) -> Discrepancy:
    stated = np.array([[integral_at(knot)] for knot in knots])
    # every value is off by a few roundings of 1 + slope · distance; in the mean square over the line, and of the sum
    size = 16 * UNIT * (1 + TAIL)
    length = np.array([[2 * TAIL * knot] for knot in knots])
    bars = 2 * np.sqrt(stated * length) * size + length * size**2 + 64 * UNIT * stated
    quantity = "integral of the squared error"
    scope: dict[str, str | int] = {"knots": f"{knots[0]:g} to {max(knots):g}", "layers": "1-2-1"}
    return compare(
        Prediction(quantity, stated, bars, scope),
        Measurement(quantity, np.array(found)[:, None], "float64", None, {}),
    )


def _table() -> Table:
    rows = []
    ramp, steep = best_square_ramp(), best_square_sigmoid()
    for what, best in (("ramp nearest to σ(x)", ramp), ("σ(k x) nearest to the ramp with knots ±1", steep)):
        low, high = outward(best.integral, best.integral)
        rows.append((what, float(best.knot.mid()), low, high, digits(best.integral, best.integral)))
    columns = ("what", "k", "least integral, at least", "at most", "digits")
    caption = (
        f"Values far out 0 and 1. The zeros are proved by Newton's interval step at {BITS} bits; each problem has one."
    )
    return Table(MINIMA, columns, tuple(rows), caption)

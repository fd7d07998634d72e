"""Two ReLUs against the sigmoid in the largest difference: the nearest ramp, certified, and torch's own error curve."""

from dataclasses import dataclass
from math import inf, nextafter
from typing import Any

import numpy as np
import torch

from residua_bridge.compare import compare
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_network import Activation, Linear, Network
from residua_numeric import Measurement, build, measure
from residua_numeric.weights import put
from residua_symbolic import Prediction
from residua_symbolic.domains import balls
from residua_symbolic.domains.floats import Floats
from residua_symbolic.minimax.ramp import LIBRARY, BestRamp, Ends, Ramp, best_ramp, digits, library_ramp
from residua_symbolic.minimax.ramp_laws import no_ramp_is_nearer, ramp_equations, two_units
from residua_symbolic.minimax.roots import BITS

RAMPS, LIBRARIES = "The nearest ramps", "Hard sigmoids of libraries"  # tables
LEAST, MOST, DIGITS = "no ramp is nearer than", "reached", "digits that both bounds share"  # columns
CURVE, OWN = "The error of two ReLUs in torch is the curve of the nearest ramp", "torch's own hard sigmoid is off by"
REACH, FAR = 8.0, 40.0  # of the interval; a point at which 1 − σ is below a rounding
UNIT = float(np.finfo(np.float64).eps)
DRAWN, SHOWN = 7.0, 57  # pictures: [−7, 7], marked points
FINE = 561
CASES: tuple[tuple[Ends, float], ...] = (("held", inf), ("free", inf), ("free", REACH))
WORDS = {"held": "held at 0 and 1", "free": "free"}
TORCH = "torch: relu6(x + 3)/6"


def outward(lower: Any, upper: Any) -> tuple[float, float]:
    """Two balls as floats, below the one and above the other."""
    with balls.precision(BITS):
        return nextafter(float(lower.lower()), -inf), nextafter(float(upper.upper()), inf)


def sigmoid(x: Floats) -> Floats:
    """σ without overflow."""
    return np.asarray(0.5 + 0.5 * np.tanh(x / 2))


def ramp_network() -> Network:
    """Two ReLU units and an output."""
    return Network((Linear(1, 2), Activation("relu"), Linear(2, 1)))


def ramp_model(ramp: Ramp) -> torch.nn.Sequential:
    """level + s relu(x + k) − s relu(x − k) as a torch model."""
    knot, level, slope = (float(ball.mid()) for ball in (ramp.knot, ramp.level, ramp.slope))
    model = build(ramp_network())
    put(
        model,
        {
            "0.weight": torch.ones(2, 1, dtype=torch.float64),
            "0.bias": torch.tensor([knot, -knot], dtype=torch.float64),
            "2.weight": torch.tensor([[slope, -slope]], dtype=torch.float64),
            "2.bias": torch.tensor([level], dtype=torch.float64),
        },
    )
    return model


def stated_error(best: BestRamp, x: Floats) -> Floats:
    """Sigmoid minus ramp at points of the line, in float64."""
    level, slope = float(best.ramp.level.mid()), float(best.ramp.slope.mid())
    return np.asarray(np.tanh(x / 2) / 2 - np.clip(slope * x, level - 0.5, 0.5 - level))


def measured_error(model: torch.nn.Module, x: Floats) -> Floats:
    """The same with the output of a torch model."""
    return np.asarray(sigmoid(x) - measure(model, "output", x[:, None]).values[:, 0])


@dataclass(frozen=True)
class NearestRamps:
    """Derived, solved, certified from both sides, and met by torch."""

    name: str
    title: str
    prose: tuple[str, ...]

    def run(self, settings: Settings) -> Finding:
        """Solve and compare."""
        found = {case: best_ramp(*case) for case in settings.track(CASES, self.title)}
        curve, own = self._curves(found), _libraries_compared()
        texts = (as_text(curve, CURVE, "agree"), as_text(own, f"{OWN} what is derived", "agree"))
        section = Section(
            self.title,
            self.prose,
            derivations=tuple(proved(make()) for make in (two_units, ramp_equations, no_ramp_is_nearer)),
            tables=(self._table(found), _libraries()),
            figures=(self._figure(found),),
            verdicts=texts,
        )
        return Finding(section, (curve, own))

    def _table(self, found: dict[tuple[Ends, float], BestRamp]) -> Table:
        rows = []
        for (ends, reach), best in found.items():
            low, high = outward(best.lower, best.upper)
            knot, slope, level = (float(b.mid()) for b in (best.ramp.knot, best.ramp.slope, best.ramp.level))
            shared = digits(best.lower, best.upper)
            where = "the line" if reach == inf else f"[−{reach:g}, {reach:g}]"
            rows.append(("sigmoid", WORDS[ends], where, knot, slope, level, low, high, shared))
            if reach == inf:  # tanh x = 2σ(2x) − 1
                double = digits(best.lower, best.upper, scale=2)
                rows.append(("tanh", WORDS[ends], where, knot / 2, 4 * slope, 2 * level - 1, 2 * low, 2 * high, double))
        columns = ("target", "ends", "on", "knot k", "slope", "lower level", LEAST, MOST, DIGITS)
        caption = (
            "Knots at −k and k. The last column but one is a ramp's own largest error; the column before it bounds "
            "every ramp (on the interval: every net of two units that rise to one side), by errors that alternate. "
            f"Newton's interval step at {BITS} bits proves the zero; ends held at −1 and 1 for tanh."
        )
        return Table(RAMPS, columns, tuple(rows), caption)

    def _curves(self, found: dict[tuple[Ends, float], BestRamp]) -> Discrepancy:
        """At the points of the alternation and over the picture."""
        predicted, measured = [], []
        x = np.linspace(-DRAWN, DRAWN, SHOWN)
        for best in found.values():
            places = [float(p.mid()) if p.is_finite() else np.sign(float(p)) * FAR for p in best.points]
            at = np.concatenate([x, np.pad(places, (0, 6 - len(places)))])
            model = ramp_model(best.ramp)
            predicted.append(stated_error(best, at))
            measured.append(measured_error(model, at))
        values = np.array(predicted)
        # σ, the ramp's two products and their sums: fewer than eight roundings of numbers up to slope · (FAR + k)
        bars = np.full_like(values, 8 * UNIT * max(1.0, 0.2 * (FAR + 3)))
        quantity = "sigmoid minus net"
        scope: dict[str, str | int] = {"layers": "1-2-1", "points": values.size, "ramps": len(found)}
        return compare(
            Prediction(quantity, values, bars, scope), Measurement(quantity, np.array(measured), "float64", None, {})
        )

    def _figure(self, found: dict[tuple[Ends, float], BestRamp]) -> Figure:
        curves = []
        fine, few = np.linspace(-DRAWN, DRAWN, FINE), np.linspace(-DRAWN, DRAWN, SHOWN)
        for ends in ("held", "free"):
            best = found[ends, inf]
            label = f"ends {WORDS[ends]}"
            seen = measured_error(ramp_model(best.ramp), few)
            curves.append(
                Curve(
                    f"{label}: predicted", "predicted", tuple(fine.tolist()), tuple(stated_error(best, fine).tolist())
                )
            )
            curves.append(Curve(f"{label}: measured", "measured", tuple(few.tolist()), tuple(seen.tolist())))
            low = float(best.error.mid())
            curves += [Curve(f"{y:+.5f}", "other", (-DRAWN, DRAWN), (y, y)) for y in (low, -low)]
        caption = (
            "Sigmoid minus the nearest ramp: every bulge has the same height. A net of two ReLUs in torch with these "
            "weights lies on the curves. With free ends the error far out is as large as all others."
        )
        return Figure(
            f"{self.name}-ramps",
            "The errors of the nearest ramps",
            "x",
            "sigmoid minus ramp",
            tuple(curves),
            caption=caption,
        )


def _libraries() -> Table:
    rows = []
    best = best_ramp("held")
    with balls.precision():
        for name, slope in LIBRARY.items():
            low, high = outward(library_ramp(slope).supremum(), library_ramp(slope).supremum())
            rows.append((name, slope, low, high, high / float(best.error.mid())))
    columns = ("hard sigmoid", "slope", "largest error, at least", "at most", "over that of the best slope")
    caption = f"All rise from 0 to 1. The best slope is {float(best.ramp.slope.mid()):.6f}."
    return Table(LIBRARIES, columns, tuple(rows), caption)


def _libraries_compared() -> Discrepancy:
    """torch.nn.functional.hardsigmoid where its error is largest: at the knot, where it is parallel, and far out."""
    ramp = library_ramp(LIBRARY[TORCH])
    with balls.precision():
        places = np.array([float(ramp.knot.mid()), float(ramp.place.mid()), FAR])
        stated = float(ramp.supremum().mid())
    x = torch.tensor(np.concatenate([places, -places]))
    apart = (torch.sigmoid(x) - torch.nn.functional.hardsigmoid(x)).abs().max()
    quantity = "largest error of torch's hard sigmoid"
    scope: dict[str, str | int] = {"points": len(x)}
    bar = np.array([[8 * UNIT]])  # σ, the ramp and their difference, all below 1
    return compare(
        Prediction(quantity, np.array([[stated]]), bar, scope),
        Measurement(quantity, np.array([[float(apart)]]), "float64", None, {}),
    )

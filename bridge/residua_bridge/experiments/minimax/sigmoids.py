"""One sigmoid against a hard sigmoid: the same number seen from the other side, at every width."""

from dataclasses import dataclass
from functools import partial
from math import inf

import numpy as np
import torch

from residua_bridge.compare import compare
from residua_bridge.experiments.minimax.ramps import DIGITS, SHOWN, UNIT, WORDS, outward
from residua_bridge.experiments.minimax.squares import integrated
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
from residua_symbolic.minimax.ramp import BestRamp, Ends, best_ramp, digits
from residua_symbolic.minimax.roots import BITS
from residua_symbolic.minimax.sigmoid_laws import no_sigmoid_is_nearer, scales
from residua_symbolic.minimax.square_laws import best_square_sigmoid

SIGMOIDS, WIDTHS = "The nearest sigmoids", "Hard sigmoids of other widths"  # tables
LEAST, MOST = "no sigmoid is nearer than", "reached"  # columns
SUP, MEAN = "largest error, torch", "integral of its square, torch"  # columns
CURVE = "The error of one sigmoid in torch is the curve of the nearest one"
ALIKE = "The largest error is the same for every width"
SHRINKS = "The integral of the squared error is proportional to the width"
DRAWN, FINE = 4.0, 641
SCALED = tuple(
    2.0**power for power in range(-10, 11, 5)
)  # widths of ramps; powers of two carry all numbers over exactly
ENDS: tuple[Ends, ...] = ("held", "free")


def sigmoid_network() -> Network:
    """c σ(w x + b) + d."""
    return Network((Linear(1, 1), Activation("sigmoid"), Linear(1, 1)))


def sigmoid_model(steepness: float, height: float, lowest: float) -> torch.nn.Sequential:
    """height · σ(steepness x) + lowest as a torch model."""
    model = build(sigmoid_network())
    put(
        model,
        {
            "0.weight": torch.tensor([[steepness]], dtype=torch.float64),
            "0.bias": torch.zeros(1, dtype=torch.float64),
            "2.weight": torch.tensor([[height]], dtype=torch.float64),
            "2.bias": torch.tensor([lowest], dtype=torch.float64),
        },
    )
    return model


def hard(x: Floats, width: float = 1.0) -> Floats:
    """The ramp from 0 to 1 between −width and width."""
    return np.asarray(np.clip((x / width + 1) / 2, 0.0, 1.0))


def ramp_error(model: torch.nn.Module, width: float, x: Floats) -> Floats:
    """The ramp of that width minus a torch model's output."""
    return np.asarray(hard(x, width) - measure(model, "output", x[:, None]).values[:, 0])


def constants_of(best: BestRamp) -> tuple[float, float, float]:
    """Steepness, height and lowest value of the sigmoid that is nearest to the ramp with knots −1 and 1."""
    with balls.precision(BITS):
        height = 1 / (1 - 2 * best.ramp.level)
        return float(best.ramp.knot.mid()), float(height.mid()), float((-best.ramp.level * height).mid())


def nearest_error(ends: Ends, reach: float = inf) -> tuple[float, float, str]:
    """Both bounds of E/(1 − 2a), a the level of the nearest ramp, and the digits that they share.

    `reach`, in the sigmoid's own unit: the ramp with knots ±1 on [−reach/k, reach/k] with the ramp's knot k there.
    """
    best = best_ramp(ends, reach)
    with balls.precision(BITS):
        height = 1 - 2 * best.ramp.level.mid()
        low, high = best.lower / height, best.upper / height
    return *outward(low, high), digits(low, high)


@dataclass(frozen=True)
class NearestSigmoids:
    """Derived, certified from both sides, and met by torch at many widths."""

    name: str
    title: str
    prose: tuple[str, ...]

    def run(self, settings: Settings) -> Finding:
        """Solve and compare."""
        curve = self._curves()
        suprema, means, widths = self._widths(settings)
        texts = (
            as_text(curve, CURVE, "agree"),
            as_text(suprema, ALIKE, "agree"),
            as_text(means, SHRINKS, "agree"),
        )
        section = Section(
            self.title,
            self.prose,
            derivations=(proved(scales()), proved(no_sigmoid_is_nearer())),
            tables=(_table(), widths),
            figures=(self._figure(),),
            verdicts=texts,
        )
        return Finding(section, (curve, suprema, means))

    def _curves(self) -> Discrepancy:
        x = np.linspace(-DRAWN, DRAWN, SHOWN)
        stated = np.array([stated_curve(ends, x) for ends in ENDS])
        seen = np.array([_seen(ends, x) for ends in ENDS])
        quantity = "hard sigmoid minus net"
        bars = np.full_like(stated, 16 * UNIT)  # a sigmoid, a product and two sums of numbers below 1.1, on both sides
        scope: dict[str, str | int] = {"layers": "1-1-1", "points": stated.size, "ends": "held and free"}
        return compare(Prediction(quantity, stated, bars, scope), Measurement(quantity, seen, "float64", None, {}))

    def _widths(self, settings: Settings) -> tuple[Discrepancy, Discrepancy, Table]:
        """Steepness w/λ for the ramp between −λ and λ."""
        best, square = best_ramp("free"), best_square_sigmoid()
        steep, height, lowest = constants_of(best)
        with balls.precision(BITS):
            places = np.array([1.0, float((best.ramp.place / best.ramp.knot).mid())])
            integral = float(square.integral.mid())
            mean_steep = float(square.knot.mid())
        error = nearest_error("free")[1]
        rows, suprema, means = [], [], []
        for width in settings.track(SCALED, self.title):
            model = sigmoid_model(steep / width, height, lowest)
            at = np.concatenate([places, -places]) * width
            off = abs(ramp_error(model, width, at))
            held = sigmoid_model(mean_steep / width, 1.0, 0.0)
            whole = integrated(partial(ramp_error, held, width), width)
            suprema.append(float(off.max()))
            means.append(whole)
            rows.append((width, 1 / (2 * width), error, suprema[-1], width * integral, whole))
        count: dict[str, str | int] = {"widths": f"2^−10 to 2^10, {len(rows)} of them"}
        one, other = "largest error", "integral of the squared error"
        stated = np.array([[error]] * len(rows))
        sup = compare(
            Prediction(one, stated, np.full_like(stated, 16 * UNIT), count),
            Measurement(one, np.array(suprema)[:, None], "float64", None, {}),
        )
        law = np.array([[width * integral] for width in SCALED])
        bars = (
            64 * UNIT * (law + np.sqrt(law * np.array(SCALED)[:, None]))
        )  # of values, in the mean square; and of the sum
        mean = compare(
            Prediction(other, law, bars, count), Measurement(other, np.array(means)[:, None], "float64", None, {})
        )
        columns = (
            "half-width λ",
            "slope of the ramp",
            "largest error, derived",
            SUP,
            "integral of its square, derived",
            MEAN,
        )
        caption = (
            "The nearest sigmoid in the largest error (its values far out free), and in the mean square (held at 0 "
            "and 1), in torch. A steeper ramp is no easier: only the length over which the two differ shrinks."
        )
        return sup, mean, Table(WIDTHS, columns, tuple(rows), caption)

    def _figure(self) -> Figure:
        curves = []
        fine, few = np.linspace(-DRAWN, DRAWN, FINE), np.linspace(-DRAWN, DRAWN, SHOWN)
        for ends in ENDS:
            label = f"values far out {WORDS[ends]}"
            curves.append(
                Curve(
                    f"{label}: predicted", "predicted", tuple(fine.tolist()), tuple(stated_curve(ends, fine).tolist())
                )
            )
            curves.append(
                Curve(f"{label}: measured", "measured", tuple(few.tolist()), tuple(_seen(ends, few).tolist()))
            )
            level = nearest_error(ends)[1]
            curves += [
                Curve(f"{sign * level:+.5f}", "other", (-DRAWN, DRAWN), (sign * level, sign * level))
                for sign in (1, -1)
            ]
        caption = (
            "The hard sigmoid with knots −1 and 1 minus the nearest sigmoid. For any other width the picture is the "
            "same, with another scale on its x axis."
        )
        return Figure(
            f"{self.name}-sigmoids",
            "The errors of the nearest sigmoids",
            "x",
            "ramp minus sigmoid",
            tuple(curves),
            caption=caption,
        )


def stated_curve(ends: Ends, x: Floats) -> Floats:
    """H(x) − c σ(w x) − d of the nearest sigmoid, by tanh."""
    steep, height, lowest = constants_of(best_ramp(ends))
    return np.asarray(hard(x) - lowest - height * (0.5 + 0.5 * np.tanh(steep * x / 2)))


def _seen(ends: Ends, x: Floats) -> Floats:
    model = sigmoid_model(*constants_of(best_ramp(ends)))
    return ramp_error(model, 1.0, x)


def _table() -> Table:
    rows = []
    for ends in ENDS:
        steep, height, lowest = constants_of(best_ramp(ends))
        rows.append((WORDS[ends], steep, height, lowest, *nearest_error(ends)))
    columns = ("values far out", "steepness w", "height c", "lowest value d", LEAST, MOST, DIGITS)
    caption = (
        "c σ(w x) + d nearest to the ramp from 0 to 1 with knots −1 and 1, in the largest error over the line. For "
        "knots −λ and λ the steepness is w/λ and the error the same; a ramp of height h has h times that error."
    )
    return Table(SIGMOIDS, columns, tuple(rows), caption)

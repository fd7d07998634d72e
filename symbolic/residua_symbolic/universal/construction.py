"""`construct`: a function to a stated error by one hidden layer, explicit weights and a certified bound."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from residua_network import Network, ResiduaError
from residua_network.checks import number, one_of
from residua_symbolic.derivation import Derivation
from residua_symbolic.domains import balls
from residua_symbolic.domains.floats import Floats
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.printing import latex
from residua_symbolic.series.approximation.piecewise_linear import PiecewiseLinear
from residua_symbolic.series.approximation.relu_laws import hinges as hinge_law
from residua_symbolic.tables import Grid, for_notebook
from residua_symbolic.universal.certificate import supremum
from residua_symbolic.universal.chord_laws import chord_law
from residua_symbolic.universal.methods import METHODS, SLACK, Made, hinges, ramps
from residua_symbolic.universal.ramp_laws import ramp_law
from residua_symbolic.universal.sine_laws import sine_law
from residua_symbolic.universal.smooth_laws import smooth_law
from residua_symbolic.universal.steep_laws import steep_law
from residua_symbolic.universal.target import Target, target
from residua_symbolic.universal.units import Units

WHERE = "construct"
LEAST = 1e-9  # error: below, the rounding of float64 weights would show
SHOWN = 24  # units that are printed
EXACT = {"relu": hinges, "hard sigmoid": ramps}
LAWS = {
    "relu": hinge_law,
    "hard sigmoid": ramp_law,
    "sigmoid": steep_law,
    "tanh": steep_law,
    "softplus": smooth_law,
    "silu": smooth_law,
    "gelu": smooth_law,
    "sin": sine_law,
}


@dataclass(frozen=True, eq=False, repr=False)
class Construction:
    """One hidden layer that is near a function on an interval.

    `bound`: an Enclosure of sup |f − network| over the interval, for the network that the float64 weights are exactly;
    `derived`: the bound from which width and weights were chosen, its `parts` by name; `rounding`: what float64 may
    add to an output, whatever the order of sums. `derivations`: why, proved.
    """

    target: Target
    error: float
    by: str
    made: Made
    bound: Enclosure

    @property
    def units(self) -> Units:
        """The layer as rows of numbers."""
        return self.made.units

    @property
    def network(self) -> Network:
        """1 → m → 1."""
        return self.units.network

    @property
    def weights(self) -> dict[str, Floats]:
        """{name: float64 array}."""
        return self.units.weights

    @property
    def width(self) -> int:
        """m: a hard sigmoid counts as the two ReLUs that it is."""
        return self.units.width

    @property
    def parts(self) -> dict[str, float]:
        """Of the derived bound."""
        return self.made.parts

    @property
    def derived(self) -> float:
        """Their sum."""
        return self.made.derived

    @property
    def rounding(self) -> float:
        """On the interval."""
        return self.units.rounding(max(map(abs, self.target.float_ends)))

    @cached_property
    def derivations(self) -> tuple[Derivation, ...]:
        """The chord's distance, and what the activation makes of a broken line; `check()` proves them."""
        return chord_law(), LAWS[self.by]()

    @property
    def derivation(self) -> Derivation:
        """What the activation makes of a broken line."""
        return self.derivations[-1]

    def __repr__(self) -> str:
        return f"<{self._words()}: width {self.width}, sup error in [{self.bound.lower:.4g}, {self.bound.upper:.4g}]>"

    def _words(self) -> str:
        t = self.target
        return f"{t.function.sympy!s:.60} on [{t.lower}, {t.upper}] by {self.by}"

    @property
    def facts(self) -> Grid:
        """What was asked for and what came out."""
        rows: list[tuple[Any, ...]] = [
            ("error asked for", self.error),
            *((f"derived: {name}", size) for name, size in self.parts.items()),
            ("derived, together", self.derived),
            ("sup error, certified: at least", float(self.bound.lower)),
            ("sup error, certified: at most", float(self.bound.upper)),
            ("rounding of float64, at most", self.rounding),
            ("linear pieces", self.made.pieces),
            ("width", self.width),
            ("parameters", 3 * self.width + 1),
            ("constant v_0", self.units.constant),
        ]
        return Grid(("what", "value"), tuple(rows))

    @property
    def table(self) -> Grid:
        """The units, of many the first and the last."""
        u = self.units
        rows: list[tuple[Any, ...]] = [
            (k + 1, float(w), float(b), float(v))
            for k, (w, b, v) in enumerate(zip(u.slopes, u.biases, u.factors, strict=True))
        ]
        if len(rows) > SHOWN:
            half = SHOWN // 2
            rows = [*rows[:half], ("...", "", "", ""), *rows[-half:]]
        return Grid(("unit", "weight w", "bias b", "factor v"), tuple(rows))

    @property
    def formula(self) -> sp.Expr:
        """constant + Σ v φ(w x + b), with indexed letters."""
        k, x = sp.Symbol("k", integer=True), sp.Symbol(self.target.variable, real=True)
        v, w, b = (sp.IndexedBase(name) for name in "vwb")
        phi = sp.Function("phi")
        return sp.Symbol("v_0") + sp.Sum(v[k] * phi(w[k] * x + b[k]), (k, 1, self.width))

    def text(self) -> str:
        """For a terminal."""
        what = f"v_0 + Σ v φ(w {self.target.variable} + b), φ = {self.units.activation}"
        head = f"{self._words()}: {what}"
        return "\n\n".join([head, self.facts.text(), self.table.text()]) + "\n"

    def markdown(self) -> str:
        """Formula, facts and weights."""
        head = f"```math\n{latex(self.formula)}\n```"
        said = f"φ is {self.units.activation}."
        return "\n\n".join([head, said, self.facts.markdown(), self.table.markdown()])

    def latex(self) -> str:
        """The same with booktabs."""
        said = f"$\\phi$ is {self.units.activation}."
        return "\n\n".join([f"\\[\n{latex(self.formula)}\n\\]", said, self.facts.latex(), self.table.latex()])

    def _repr_markdown_(self) -> str:
        return for_notebook(self.markdown())

    def to_dict(self) -> dict[str, Any]:
        """Plain data with the attribute names of the result."""
        t = self.target
        return {
            "expression": str(t.function.sympy),
            "variable": t.variable,
            "lower": str(t.lower),
            "upper": str(t.upper),
            "error": self.error,
            "by": self.by,
            "width": self.width,
            "derived": self.derived,
            "parts": dict(self.parts),
            "bound": [float(self.bound.lower), float(self.bound.upper)],
            "rounding": self.rounding,
            "network": self.network.to_dict(),
            "weights": {name: array.tolist() for name, array in self.weights.items()},
        }


def construct(expression: object, lower: object, upper: object, error: float, by: str = "relu") -> Construction:
    """One hidden layer within `error` of an expression (text or SymPy) of one variable, everywhere on [lower, upper].

    by: "relu", "hard sigmoid" (a pair of ReLUs a piece), "sigmoid", "tanh", "softplus", "silu", "gelu" or "sin". Width
    and weights are chosen from a derived bound; the bound of the finished network is certified apart from it, in ball
    arithmetic, for the float64 weights as they are. Raises ResiduaError for an expression that is not continuous or
    not bounded on the interval, as far as bounds can be had, for one that needs too many units, for errors below 1e-9.
    """
    one_of(by, METHODS, "activation", WHERE)
    asked = number(error, "error", WHERE)
    if not asked >= LEAST:
        raise ResiduaError(f"{WHERE}: error must be at least {LEAST:g}, got {error!r}")
    aim = target(expression, lower, upper, WHERE)
    with balls.precision():
        aim.check_bounded(WHERE)
        made = METHODS[by](aim, asked * SLACK)
    bound = supremum(aim, made.units, asked)
    if not bound.upper <= asked:
        raise ResiduaError(
            f"{WHERE}: the certified bound {bound.upper:.6g} is above the error {asked:g}: the rounding of weights "
            "shows, or too many cells would be needed"
        )
    return Construction(aim, asked, by, made, bound)


def through(points: Iterable[tuple[float, float]], by: str = "relu") -> Units:
    """The broken line through points (x, y), by ReLUs or by hard sigmoids: exact but for the rounding of weights.

    It is the line on the whole interval between the first and the last point; beyond them hinges go on to the right
    with the last slope, hard sigmoids stay where they are. Raises ResiduaError unless x rises.
    """
    one_of(by, EXACT, "activation", "through")
    pairs = np.array(
        [(number(x, "x", "through"), number(y, "y", "through")) for x, y in points], dtype=np.float64
    ).reshape(-1, 2)
    if len(pairs) < 2 or not (np.diff(pairs[:, 0]) > 0).all():
        raise ResiduaError(f"through: expected at least two points with rising x, got {len(pairs)}")
    return EXACT[by](PiecewiseLinear(pairs[:, 0], pairs[:, 1]))

"""Laws of training, true and planted, as what a ladder is held against."""

import math
from functools import cache

import numpy as np
from scipy.special import digamma

from residua_bridge.budgets.law import Law, Sizes
from residua_bridge.experiments.dynamics.extrapolation import discretisation
from residua_bridge.experiments.dynamics.sources import MODES, TARGET, Floats, Mode, Regression, Remainder, tanh_net
from residua_network import Linear, Network
from residua_numeric import build, describe, weights_of
from residua_symbolic.dynamics.modes import mean_half_time, strength
from residua_symbolic.dynamics.regression import Path, regression_path
from residua_symbolic.series.networks.network import network_series

STRENGTH = r"$u^T W_2 W_1 v$ at time $t$"
HALVINGS = 5  # of a step, to take off its effect
HALF_TIME = r"$\mathbb{E}\, t_{1/2}$"
HALVING = "distance at 2n over that at n"


def start_of(one: Regression) -> Floats:
    """The weights, and the bias, that training begins with."""
    weights = weights_of(build(Network((Linear(one.features, 1),)), seed=0))
    return np.append(weights["0.weight"].ravel(), weights["0.bias"])


def entry_law(one: Regression, late: int = 0) -> Law:
    """The first weight; planted so many steps late."""

    def value(sizes: Sizes) -> float:
        return float(path_of(one, (int(sizes["steps"]) + late,)).weights[0, 0])

    exponent = f"t + {late}" if late else "t"
    return Law(f"$w_t = w_* + (1 - \\eta H)^{{{exponent}}} (w_0 - w_*)$, first weight", "first weight", value)


@cache
def path_of(one: Regression, times: tuple[int, ...]) -> Path:
    """The weights that the formula gives."""
    return regression_path(one.design, one.task.y[:, 0], start_of(one), one.rate, times)


def mode_law(one: Mode, factor: float = 2.0) -> Law:
    """Saxe's solution, the effect of the steps found by halving them; planted with another factor of s."""
    s = MODES[one.which]

    def value(sizes: Sizes) -> float:
        return strength(s, one.begin, one.time * factor / 2)

    exponent = "2st" if factor == 2 else "st"
    return Law(
        rf"$a(t) = s e^{{{exponent}}}/(e^{{{exponent}}} - 1 + s/a_0)$, $s = {s:g}$, $t = {one.time:g}$",
        STRENGTH,
        value,
        causes=discretisation(one, "rate", HALVINGS),
    )


def half_time_law(mean_log: bool = True) -> Law:
    """In the limit of small steps and small weights; planted with the logarithm of a mean for the mean logarithm."""

    def value(sizes: Sizes) -> float:
        found = mean_half_time(TARGET, sizes["variance"], int(sizes["inputs"]), int(sizes["hidden"]))
        half = sizes["hidden"] / 2
        return found if mean_log else found - (math.log(half) - float(digamma(half))) / (2 * TARGET)

    words = r"\psi(h/2) - \log 2" if mean_log else r"\log h"
    return Law(
        rf"$\mathbb{{E}}\, t_{{1/2}} = (\log\frac{{4s}}{{c(1/n + 1/h)}} - {words})/(2s)$ as $c \to 0$",
        HALF_TIME,
        value,
        limits={"rate": 1.0, "variance": 1.0},
        vanishing=("rate", "variance"),
    )


def remainder_law(one: Remainder, factor: float = 1.0) -> Law:
    """(f(θ + εΔ) − Taylor below the order)/ε^order → the coefficient of the network's series in its parameters."""
    order = one.order

    def value(sizes: Sizes) -> float:
        return factor * _coefficients()[order]

    stated = "" if factor == 1 else f"{factor:g} "
    return Law(
        rf"remainder of order {order} over $\varepsilon^{order}$ tends to {stated}$c_{order}$",
        rf"Taylor remainder in the parameters over $\varepsilon^{order}$",
        value,
        causes=discretisation(one, "step", HALVINGS),
    )


@cache
def _coefficients() -> tuple[float, ...]:
    model, along = tanh_net()
    series = network_series(describe(model), 3, weights_of(model), at=np.array([0.3, -0.7]), along=dict(along))
    return tuple(float(c) for c in np.asarray(series.coefficients)[:, 0])


def width_law(hidden: int, power: float, words: str, truly: float | None = None) -> Law:
    """Distance ∝ n^(−power) as n grows; `truly`: the exponent that the difference is put down to."""

    def value(sizes: Sizes) -> float:
        return float(2.0**-power)

    def wrong(sizes: Sizes) -> float:
        return 0.0 if truly is None else float(2.0**-truly - 2.0**-power)

    causes = {} if truly is None else {f"exponent −{truly:g}": wrong}
    return Law(
        f"distance ∝ $n^{{-{words}}}$ as $n$ grows, {hidden} hidden layer{'s' if hidden > 1 else ''}",
        HALVING,
        value,
        limits={"width": 1.0},
        causes=causes,
        approximations=tuple(causes),
    )


def one_step_law() -> Law:
    """R = η²g²ξ f, exactly."""
    return Law(
        r"$R = \eta^2 g^2 \|x\|^2 f$", "what linearisation leaves out of one step, over the formula", lambda sizes: 1.0
    )

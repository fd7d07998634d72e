"""States that no longer tell two points apart: certified floors, the best blocks behind them, and torch models."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.residual_taylor.targets import (
    OUTPUT,
    Target,
    down,
    exact_values,
    mean_square,
    put_in_torch,
    up,
)
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_network import Network
from residua_numeric import Measurement, measure
from residua_symbolic import Derivation, Prediction
from residua_symbolic.domains.rounded import UNIT, Rounded, RoundedDomain
from residua_symbolic.series.approximation.mean_square_floor import mean_square_floor
from residua_symbolic.series.constructions.obstruction import Floor, State, floor_of, value_at
from residua_symbolic.series.constructions.stream_networks import stream_network
from residua_symbolic.series.constructions.streams import first_corrected, matched, taylor
from residua_symbolic.series.networks.walk import output

BEST_POINTS = 2001
SHORTFALL = "how far the sup error lies below the floor"
APART = "difference of the outputs at two points of one state"


@dataclass(frozen=True)
class Fold:
    """A target and the state T_order that folds on its interval. `further`: the next Taylor polynomial."""

    target: Target
    order: int
    further: int

    @property
    def label(self) -> str:
        """The state."""
        return f"$T_{{{self.order}}}$ of {self.target.label}"

    def state(self) -> State:
        """T_order on the interval."""
        return self.target.state(self.order)

    def floor(self) -> Floor:
        """Against f; computed once."""
        return _floor(self.target, self.order, None)

    def floor_of_next(self) -> Floor:
        """Against the next Taylor polynomial."""
        return _floor(self.target, self.order, self.further)

    def pair(self) -> Floats:
        """The two points of one state that are furthest apart, (2, 1)."""
        found = self.floor().pair
        assert found is not None
        return np.array([[float(x.mid())] for x in found])


@cache
def _floor(target: Target, order: int, against: int | None) -> Floor:
    if against is None:
        return floor_of(target.state(order), target.ball)
    polynomial = taylor(target.coefficients(against), against)
    return floor_of(target.state(order), lambda x: value_at(polynomial, x))


@dataclass(frozen=True)
class Folds:
    """Floors of many states, the best blocks behind some of them, scalar streams built in torch, and the picture."""

    name: str
    title: str
    prose: tuple[str, ...]
    derive: tuple[Callable[[], Derivation], ...]
    folds: tuple[Fold, ...]
    best: tuple[Fold, ...]
    streams: tuple[tuple[Fold, tuple[int, ...]], ...]  # depths of the scalar streams that pass through the fold

    def run(self, settings: Settings) -> Finding:
        """Derive, certify, build, measure."""
        derivations = tuple(proved(make()) for make in settings.track(self.derive, self.title))
        below, apart = [], []
        for fold, depths in self.streams:
            for depth in depths:
                c = fold.target.coefficients(depth)
                for stream in (matched(c), first_corrected(c)):
                    net = stream_network(stream)
                    found = at_the_floor(fold, net.network, net.rounded(), blocks=depth)
                    below.append(found[0])
                    apart.append(found[1])
        verdicts = (
            together(apart, "Scalar streams in torch: one output at the two points of one state", "agree"),
            together(below, "Scalar streams in torch: no sup error below the certified floor", "agree"),
        )
        section = Section(
            self.title,
            self.prose,
            derivations=derivations,
            tables=(_floors(self.folds), _best(self.best)),
            figures=(self._figure(self.best[0]),),
            verdicts=verdicts,
        )
        return Finding(section, (*below, *apart))

    def _figure(self, fold: Fold) -> Figure:
        target, state = fold.target, fold.state()
        x = np.linspace(*state.ends, 301)
        t = tuple(np.polyval(state.coefficients, x).tolist())
        f = exact_values(target.ball, x[:, None])[0]
        further = target.state(fold.further)
        order = np.argsort(t)
        middle, mean = best_values(fold, x)
        sorted_t = tuple(np.array(t)[order].tolist())
        curves = (
            Curve(target.name, "predicted", t, tuple(f.tolist())),
            Curve(f"$T_{{{fold.further}}}$", "predicted", t, tuple(np.polyval(further.coefficients, x).tolist())),
            Curve("best block, sup norm", "predicted", sorted_t, tuple(middle[order].tolist())),
            Curve("best block, mean square", "predicted", sorted_t, tuple(mean[order].tolist())),
        )
        caption = (
            f"What a block would have to make of the state $t = T_{{{fold.order}}}(x)$ as x runs over {target.words}: "
            f"{target.name} and $T_{{{fold.further}}}$ have up to three values over one t, a block has one."
        )
        return Figure(
            self.name, "The obstruction", f"state $T_{{{fold.order}}}(x)$", "next state", curves, caption=caption
        )


def _floors(folds: Sequence[Fold]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for fold in folds:
        floor, further = fold.floor(), fold.floor_of_next()
        pair: tuple[Cell, ...] = ("–", "–") if floor.pair is None else tuple(float(x.mid()) for x in floor.pair)
        said = "yes" if floor.pair is None else "no"
        bounds = (down(floor.lower), up(floor.upper)), (down(further.lower), up(further.upper))
        rows.append((fold.label, said, *bounds[0], *pair, *bounds[1]))
    columns = (
        "state",
        "injective",
        "floor against f: at least",
        "at most",
        "x_1",
        "x_2",
        "against the next polynomial: at least",
        "at most ",
    )
    caption = (
        "Least sup error that a function of the state can have. Lower bounds by a pair of points whose second is "
        "isolated by a change of "
        "sign, upper ones by ruling out boxes of pairs, both in ball arithmetic and rounded outward. An injective "
        "state has no floor."
    )
    return Table("Certified floors", columns, tuple(rows), caption)


def _best(folds: Sequence[Fold]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for fold in folds:
        x = np.linspace(*fold.state().ends, BEST_POINTS)
        f = exact_values(fold.target.ball, x[:, None])[0]
        middle, mean = best_values(fold, x)
        rows.append(
            (
                fold.label,
                down(fold.floor().lower),
                float(np.max(abs(middle - f))),
                up(fold.floor().upper),
                down(squared_floor(fold)),
                mean_square((mean - f)[None, :]),
                mean_square(f[None, :]),
            )
        )
    columns = (
        "state",
        "sup: at least",
        "middle of the values",
        "at most",
        "mean square: at least",
        "mean of the values",
        "of the constant 0",
    )
    caption = (
        f"The two best blocks, on a grid of {BEST_POINTS} points, beside the certified bounds. That of the mean square "
        "leaves out cells which are not decided. Last column: the mean square of f itself, which a network that says 0 "
        "has."
    )
    return Table("What the best block attains", columns, tuple(rows), caption)


@cache
def squared_floor(fold: Fold) -> float:
    """The certified lower bound of the mean square error."""
    return mean_square_floor(fold.state(), fold.target.ball)


def best_values(fold: Fold, x: Floats) -> tuple[Floats, Floats]:
    """Middle and weighted mean of f over all points with the state of each x; both (points,), in float64."""
    state = fold.state()
    slope = np.polyder(state.coefficients)
    points = [[at, *others[~np.isnan(others)].tolist()] for at, others in zip(x.tolist(), state.others(x), strict=True)]
    flat = exact_values(fold.target.ball, np.concatenate([np.array(p) for p in points])[:, None])[0]
    ends = np.cumsum([len(p) for p in points])[:-1]
    middle, mean = [], []
    for group, values in zip(points, np.split(flat, ends), strict=True):
        weights = 1 / np.maximum(abs(np.polyval(slope, group)), np.finfo(np.float64).tiny)
        middle.append((values.max() + values.min()) / 2)
        mean.append(float(weights @ values / weights.sum()))
    return np.array(middle), np.array(mean)


def at_the_floor(
    fold: Fold, net: Network, weights: Any, model: Any = None, **scope: Any
) -> tuple[Discrepancy, Discrepancy]:
    """A torch model whose stream passes through the state: its sup error is not below the floor, and its outputs at
    the pair are one. The bars: running error bounds, with the points themselves uncertain by a spacing."""
    model = put_in_torch(net, weights) if model is None else model
    target, pair = fold.target, fold.pair()
    x = np.concatenate([pair, target.x])
    values = measure(model, OUTPUT, x).values[:, 0]
    f = exact_values(target.ball, x)[0]
    bars = input_rounding(net, weights, x)
    worst = int(np.argmax(abs(values - f)))
    below = max(0.0, fold.floor().lower - float(abs(values - f)[worst]))
    where = {"state": f"T_{fold.order} of {target.name}", "interval": target.words, **scope}
    first = Prediction(SHORTFALL, np.zeros((1, 1)), np.array([[bars[worst]]]), where, scale=fold.floor().lower)
    second = Prediction(APART, np.zeros((1, 1)), np.array([[bars[0] + bars[1]]]), where, scale=fold.floor().lower)
    seen = np.array([[below]]), np.array([[values[0] - values[1]]])
    return (
        compare(first, Measurement(SHORTFALL, seen[0], "float64", None, {})),
        compare(second, Measurement(APART, seen[1], "float64", None, {})),
    )


def input_rounding(net: Network, weights: Any, x: Floats) -> Floats:
    """Running error bounds of the outputs (points,), where x (points, 1) is known to one spacing."""
    unit = UNIT["float64"]
    with np.errstate(all="ignore"):
        y = output(net, lambda: RoundedDomain(unit), Rounded(x, np.spacing(abs(x)), unit), weights)
        return np.array(np.broadcast_to(y.error, y.shape)[:, 0])

"""Trained scalar streams: behind a folded state, where a proven floor holds, and free, where none does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from residua_bridge.compare import compare
from residua_bridge.experiments.residual_taylor.folds import Fold, at_the_floor, best_values, squared_floor
from residua_bridge.experiments.residual_taylor.targets import (
    OUTPUT,
    Target,
    down,
    exact_values,
    mean_square,
    put_in_torch,
    sup,
)
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy, Floats
from residua_network import Activation, Layer, Linear, Network, Residual
from residua_numeric import Measurement, Task, measure, weights_of
from residua_numeric.ensemble import Ensemble, train_many
from residua_symbolic import Prediction
from residua_symbolic.series.constructions.stream_networks import stream_network
from residua_symbolic.series.constructions.streams import matched

WIDTH = 24  # of a branch; the stream is one number wide
POINTS = 1000
RATE = 3e-3


def free_block() -> Residual:
    """A block that may be any function of one number, as far as a branch of this width goes."""
    return Residual((Linear(1, WIDTH), Activation("tanh"), Linear(WIDTH, 1)))


@dataclass(frozen=True)
class TrainedStreams:
    """`folds`: streams held at the state up to which they are given, the blocks behind it trained. `free`: the same
    blocks trained on x itself."""

    name: str
    title: str
    prose: tuple[str, ...]
    folds: tuple[Fold, ...]
    free: Target
    blocks: int
    seeds: By
    steps: By

    def run(self, settings: Settings) -> Finding:
        """Train, judge against the floors."""
        seeds, steps = range(self.seeds.of(settings.profile)), self.steps.of(settings.profile)
        rows: list[tuple[Cell, ...]] = []
        verdicts, found, drawn = [], [], None
        for fold in settings.track(self.folds, self.title):
            streams = [self._held(fold, model) for model in self._trained(fold, seeds, steps).models]
            judged = [_judged(fold, net, weights, seed) for seed, (net, weights) in zip(seeds, streams, strict=True)]
            rows += [one.row for one in judged]
            words = f"behind $T_{{{fold.order}}}$, {fold.target.name}"
            below, apart = [one.below for one in judged], [one.apart for one in judged]
            verdicts.append(together(apart, f"Trained {words}: one output at the two points of one state", "agree"))
            verdicts.append(together(below, f"Trained {words}: no sup error below the certified floor", "agree"))
            verdicts.append(
                together([one.is_f for one in judged], f"Trained {words}: it is {fold.target.name}", "differ")
            )
            found += [d for one in judged for d in (one.apart, one.below, one.is_f)]
            drawn = drawn or self._figure(fold, streams[0])
        rows += self._free(seeds, steps)
        columns = (
            "stream",
            "seed",
            "sup error",
            "floor",
            "mean square error",
            "floor ",
            "distance from the best block, mean square",
        )
        caption = (
            f"{self.blocks} blocks x + (Linear 1–{WIDTH}, tanh, Linear {WIDTH}–1), {steps} steps of Adam, rate "
            f"{RATE:g}, batch 64, {POINTS} points, float64. Floors: "
            "certified lower bounds. Last column: from the mean of the values over each state, which is what "
            "optimisation has left, and what blocks of this width cannot follow where that mean jumps; "
            "it and the floor add up to the error (but for the grid of 401 points)."
        )
        section = Section(
            self.title,
            self.prose,
            tables=(Table("Trained scalar streams", columns, tuple(rows), caption),),
            figures=() if drawn is None else (drawn,),
            verdicts=tuple(verdicts),
        )
        return Finding(section, tuple(found))

    def _tail(self) -> tuple[Layer, ...]:
        return tuple(free_block() for _ in range(self.blocks))

    def _trained(self, fold: Fold, seeds: Sequence[int], steps: int) -> Ensemble:
        x = _points(fold.target)
        state = np.polyval(fold.state().coefficients, x)
        task = Task.data(f"{fold.target.name} from T_{fold.order}", state, exact_values(fold.target.ball, x).T)
        return train_many(Network(self._tail()), task, seeds, steps, rate=RATE, dtype="float64", progress=False)

    def _held(self, fold: Fold, tail: Any) -> tuple[Network, dict[str, Floats]]:
        """The whole stream: the blocks that make the state, exactly, and the trained ones behind them."""
        head = stream_network(matched(fold.target.coefficients(fold.order)))
        count = len(head.network.layers)
        weights = head.rounded()
        for name, value in weights_of(tail).items():
            place, _, rest = name.partition(".")
            weights[f"{count + int(place)}.{rest}"] = value
        return Network((*head.network.layers, *self._tail())), weights

    def _free(self, seeds: Sequence[int], steps: int) -> list[tuple[Cell, ...]]:
        x = _points(self.free)
        task = Task.data(self.free.name, x, exact_values(self.free.ball, x).T)
        net = Network(self._tail())
        models = train_many(net, task, seeds, steps, rate=RATE, dtype="float64", progress=False).models
        rows: list[tuple[Cell, ...]] = []
        for seed, model in zip(seeds, models, strict=True):
            e = measure(model, OUTPUT, self.free.x).values.T - self.free.values
            rows.append((f"{self.free.name}, free from x on", seed, sup(e), 0.0, mean_square(e), 0.0, "–"))
        return rows

    def _figure(self, fold: Fold, stream: tuple[Network, dict[str, Floats]]) -> Figure:
        target = fold.target
        y = measure(put_in_torch(*stream), OUTPUT, target.x).values[:, 0]
        _, mean = best_values(fold, target.x[:, 0])
        x = tuple(target.x[:, 0].tolist())
        curves = (
            Curve(target.name, "other", x, tuple(target.values[0].tolist())),
            Curve("best block, mean square", "predicted", x, tuple(mean.tolist())),
            Curve("trained, seed 0", "measured", x[::8], tuple(y[::8].tolist())),
        )
        caption = (
            f"What training finds behind $T_{{{fold.order}}}$, beside the best that any block can do there in the mean "
            "square."
        )
        return Figure(self.name, "Trained behind a folded state", "x", "output", curves, caption=caption)


@dataclass(frozen=True)
class _Judged:
    row: tuple[Cell, ...]
    below: Discrepancy
    apart: Discrepancy
    is_f: Discrepancy


def _judged(fold: Fold, net: Network, weights: dict[str, Floats], seed: int) -> _Judged:
    """One trained stream: against its floors, and against f with the floor and the rest of the way as causes."""
    target, model = fold.target, put_in_torch(net, weights)
    below, apart = at_the_floor(fold, net, weights, model, seed=seed)
    y = measure(model, OUTPUT, target.x).values.T
    e = y - target.values
    _, mean = best_values(fold, target.x[:, 0])
    best = mean[None, :]
    squares = mean_square(e), squared_floor(fold)
    zero = np.zeros_like(e)
    scope: dict[str, str | int] = {"state": f"T_{fold.order}", "interval": target.words, "seed": seed}
    claimed = Prediction(OUTPUT, target.values, zero, scope, scale=sup(target.values))
    raw = compare(claimed, Measurement(OUTPUT, y, "float64", None, {}))
    reached = sup(e) >= fold.floor().lower * (1 - GRID) and squares[0] >= squares[1]
    is_f = replace(
        raw,
        causes={
            "approximation": float(np.linalg.norm(best - target.values)),
            "optimisation": float(np.linalg.norm(y - best)),
        },
        explained=reached,
        unexplained=replace(raw.unexplained, value=0.0),  # by construction: what is not the floor is optimisation
        reason="what no block behind the state can do, and what training, or the width of these, leaves of the rest"
        if reached
        else "below a proven floor",
    )
    row = (
        f"{target.name}, behind $T_{{{fold.order}}}$",
        seed,
        sup(e),
        down(fold.floor().lower),
        squares[0],
        down(squares[1]),
        mean_square(y - best),
    )
    return _Judged(row, below, apart, is_f)


GRID = 1e-2  # relative: the largest error on 401 points may lie below that on the interval


def _points(target: Target) -> Floats:
    """Where it is trained: uniform, from a seed."""
    low, high = target.x[0, 0], target.x[-1, 0]
    return np.random.default_rng(0).uniform(low, high, size=(POINTS, 1))

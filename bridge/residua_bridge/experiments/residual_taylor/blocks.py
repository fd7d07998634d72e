"""Do the early blocks of a trained residual net give a first approximation that later ones refine?"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from residua_bridge.experiments.residual_taylor.targets import OUTPUT, Target, exact_values, mean_square, put_in_torch
from residua_bridge.experiments.residual_taylor.training import POINTS, RATE
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Floats
from residua_network import Activation, Linear, Network, Residual
from residua_numeric import Task, measure, weights_of
from residua_numeric.ensemble import train_many

OWN, REFITTED = "the last layer", "one fitted anew"


@dataclass(frozen=True)
class EarlyAndLate:
    """The error of what the last layer reads after each block, of nets trained as a whole, beside Taylor's partial
    sums in the same number."""

    name: str
    title: str
    prose: tuple[str, ...]
    target: Target
    width: int
    blocks: int
    seeds: By
    steps: By

    def run(self, settings: Settings) -> Finding:
        """Train, read the stream after every block."""
        seeds, steps = range(self.seeds.of(settings.profile)), self.steps.of(settings.profile)
        block = Residual((Linear(self.width, self.width), Activation("tanh"), Linear(self.width, self.width)))
        net = Network((Linear(1, self.width), *[block] * self.blocks, Linear(self.width, 1)))
        x = np.random.default_rng(0).uniform(self.target.x[0, 0], self.target.x[-1, 0], size=(POINTS, 1))
        task = Task.data(self.target.name, x, exact_values(self.target.ball, x).T)
        models = train_many(net, task, seeds, steps, rate=RATE, dtype="float64", progress=False).models
        kept = range(self.blocks + 1)
        errors = [[self._error(net, weights_of(model), k) for k in kept] for model in models]
        refitted = [[self._refitted(net, weights_of(model), k) for k in kept] for model in models]
        silent = mean_square(self.target.values)
        rows: list[tuple[Cell, ...]] = [
            (seed, words, *found, "yes" if falls(found) else "no", "yes" if found[1] < silent else "no")
            for words, every in ((OWN, errors), (REFITTED, refitted))
            for seed, found in zip(seeds, every, strict=True)
        ]
        columns = (
            "seed",
            "read by",
            *(f"after {k} blocks" if k != 1 else "after 1 block" for k in kept),
            "falls with every block",
            "first block better than 0",
        )
        caption = (
            f"Mean square error on {self.target.label} of what is read from the stream after so many blocks, by the "
            f"net's own last layer and by one fitted there anew (least squares); {steps} steps of Adam, width "
            f"{self.width}. The constant 0 has {silent:.3g}."
        )
        depth = tuple(float(k) for k in range(self.blocks + 1))
        curves = [
            Curve(f"trained, seed {seed}", "measured", depth, tuple(found))
            for seed, found in zip(seeds, errors, strict=True)
        ][:4]
        orders = [n for n in range(2 * self.blocks + 2) if n % 2]
        taylor = tuple(self.target.mean_square(n) for n in orders[: self.blocks + 1])
        curves.append(Curve(f"Taylor, $T_1$ to $T_{{{orders[self.blocks]}}}$", "predicted", depth, taylor))
        curves.append(Curve("constant 0", "other", (0.0, float(self.blocks)), (silent, silent)))
        figure = Figure(
            self.name,
            "Read out after every block by the last layer",
            "blocks",
            "mean square error",
            tuple(curves),
            yscale="log",
            caption=caption,
        )
        section = Section(
            self.title,
            self.prose,
            tables=(Table("Read out after every block", columns, tuple(rows), caption),),
            figures=(figure,),
        )
        return Finding(section)

    def _error(self, net: Network, weights: dict[str, Floats], kept: int) -> float:
        """Read by the last layer, without the blocks after the first `kept`."""
        last = len(net.layers) - 1
        own = _upto(weights, kept) | {
            f"{kept + 1}.{name.partition('.')[2]}": value
            for name, value in weights.items()
            if name.partition(".")[0] == str(last)
        }
        short = Network((*net.layers[: kept + 1], net.layers[last]))
        return mean_square(measure(put_in_torch(short, own), OUTPUT, self.target.x).values.T - self.target.values)

    def _refitted(self, net: Network, weights: dict[str, Floats], kept: int) -> float:
        """Read by the best linear map of the stream there."""
        short = Network(net.layers[: kept + 1])
        stream = measure(put_in_torch(short, _upto(weights, kept)), OUTPUT, self.target.x).values
        features = np.hstack([stream, np.ones((len(stream), 1))])
        found, *_ = np.linalg.lstsq(features, self.target.values[0], rcond=None)
        return mean_square((features @ found)[None, :] - self.target.values)


def falls(errors: Sequence[float]) -> bool:
    """Whether each error is below the one before."""
    return all(after < before for before, after in pairwise(errors))


def _upto(weights: dict[str, Floats], kept: int) -> dict[str, Floats]:
    """The weights of the first layer and of the first `kept` blocks."""
    return {name: value for name, value in weights.items() if int(name.partition(".")[0]) <= kept}

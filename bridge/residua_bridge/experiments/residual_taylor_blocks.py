"""Do the early blocks of a trained residual net give a first approximation that later ones refine?"""

from dataclasses import dataclass

import numpy as np

from residua_bridge.experiments.residual_taylor_targets import OUTPUT, Target, exact_values, mean_square, put_in_torch
from residua_bridge.experiments.residual_taylor_training import POINTS, RATE
from residua_bridge.findings import Cell, Curve, Figure, Section, Table
from residua_bridge.study import By, Finding, Settings
from residua_network import Activation, Linear, Network, Residual
from residua_numeric import Task, measure, weights_of
from residua_numeric.ensemble import train_many


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
        errors = [[self._error(net, weights_of(model), kept) for kept in range(self.blocks + 1)] for model in models]
        silent = mean_square(self.target.values)
        rows: list[tuple[Cell, ...]] = [
            (
                seed,
                *found,
                "yes" if list(found) == sorted(found, reverse=True) else "no",
                "yes" if found[1] < silent else "no",
            )
            for seed, found in zip(seeds, errors, strict=True)
        ]
        columns = (
            "seed",
            *(f"after {kept} blocks" if kept != 1 else "after 1 block" for kept in range(self.blocks + 1)),
            "falls with every block",
            "first block better than 0",
        )
        caption = (
            f"Mean square error on {self.target.label} of the last layer's reading of the stream after so many "
            f"blocks; {steps} steps of Adam, width {self.width}. "
            f"The constant 0 has {silent:.3g}."
        )
        depth = tuple(float(k) for k in range(self.blocks + 1))
        curves = [
            Curve(f"trained, seed {seed}", "measured", depth, tuple(found))
            for seed, found in zip(seeds, errors, strict=True)
        ][:4]
        orders = [n for n in range(2 * self.blocks + 2) if n % 2]
        taylor = tuple(self.target.mean_square(n) for n in orders[: self.blocks + 1])
        curves.append(Curve("Taylor, one non-zero term each", "predicted", depth, taylor))
        curves.append(Curve("constant 0", "other", (0.0, float(self.blocks)), (silent, silent)))
        figure = Figure(
            self.name,
            "Read out after every block",
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

    def _error(self, net: Network, weights: dict[str, np.ndarray], kept: int) -> float:  # type: ignore[type-arg]
        """Without the blocks after the first `kept`."""
        last = len(net.layers) - 1
        short = Network((*net.layers[: kept + 1], net.layers[last]))
        places = {str(k): str(k) for k in range(kept + 1)} | {str(last): str(kept + 1)}
        own = {
            ".".join([places[name.partition(".")[0]], name.partition(".")[2]]): value
            for name, value in weights.items()
            if name.partition(".")[0] in places
        }
        return mean_square(measure(put_in_torch(short, own), OUTPUT, self.target.x).values.T - self.target.values)

"""What every block of a trained polynomial residual net adds: polynomials, exactly, from the weights it has found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import flint
import numpy as np
import torch

from residua_bridge.compare import compare
from residua_bridge.experiments.depth_order.floors import quadrature
from residua_bridge.experiments.depth_order.matrix import DECADES, QUANTITY, measured_contributions
from residua_bridge.findings import Matrix, Panel, Section, Table
from residua_bridge.rendering import together
from residua_bridge.study import By, Finding, Settings
from residua_bridge.verdict import Discrepancy
from residua_network import Network
from residua_numeric import Measurement, weights_of
from residua_numeric.least_squares import fit_least_squares
from residua_symbolic import Prediction
from residua_symbolic.series.approximation.floors import mean_square_of, sine_floor
from residua_symbolic.series.constructions.degrees import (
    POWERS,
    contributed_polynomials,
    degree_law,
    network_polynomial,
    power_network,
)

Floats = np.ndarray[Any, np.dtype[np.float64]]
DIGITS = 8  # to which the floor is reached
SHOWN = 3


class Fit(NamedTuple):
    """One fit: exact contributions (fmpq_poly), the same in float64, and the comparison with torch's."""

    seed: int
    loss: float
    exact: tuple[Any, ...]
    matrix: Floats
    discrepancy: Discrepancy


def examined(net: Network, model: torch.nn.Sequential, seed: int, loss: float) -> Fit:
    """Both sides of one network."""
    exact, order = contributed_polynomials(net, weights_of(model)), degree_law(net)
    known = np.array([[_float(p[k]) for k in range(order + 1)] for p in exact])
    values, errors = measured_contributions(model, order)
    scope: dict[str, str | int] = {
        "blocks": len(exact),
        "width": net.sizes[1],
        "orders": f"0 to {order}",
        "seed": seed,
        "dtype": "float64",
    }
    prediction = Prediction(QUANTITY, known, errors[1:], scope)
    return Fit(seed, loss, exact, known, compare(prediction, Measurement(QUANTITY, values[1:], "float64", None, {})))


def _float(q: Any) -> float:
    return int(q.p) / int(q.q)


@dataclass(frozen=True)
class PolynomialBlocks:
    """Fits that reach the floor: one function, and what the blocks add, seed by seed."""

    name: str
    title: str
    prose: tuple[str, ...]
    activation: str
    depth: int
    width: int
    seeds: By
    steps: By

    def run(self, settings: Settings) -> Finding:
        """Fit, keep what reached the floor, take apart."""
        net = power_network(self.activation, self.depth, self.width)
        x, y, weights = quadrature()
        seeds = range(self.seeds.of(settings.profile))
        fits = fit_least_squares(
            net, x[:, None], y[:, None], seeds, weights=weights, steps=self.steps.of(settings.profile)
        )
        floor = float(sine_floor(degree_law(net)).middle)
        there = [seed for seed in seeds if abs(fits.losses[seed] - floor) <= 10.0**-DIGITS * floor]
        found = [
            examined(net, fits.models[seed], seed, float(fits.losses[seed]))
            for seed in settings.track(there, self.title)
        ]
        section = Section(
            self.title,
            self.prose,
            tables=(self._table(found, len(seeds)), self._alike(net, fits.models, found)),
            matrices=(self._picture(found),),
            verdicts=(
                together(
                    [f.discrepancy for f in found], "Coefficients by block: exact polynomials against torch", "agree"
                ),
            )
            if found
            else (),
        )
        return Finding(section, tuple(f.discrepancy for f in found))

    def _table(self, found: Sequence[Fit], tried: int) -> Table:
        power = POWERS[self.activation]
        head = (
            "block",
            "degree by the law",
            *(f"degree, seed {fit.seed}" for fit in found[:SHOWN]),
            *(f"largest size, seed {fit.seed}" for fit in found[:SHOWN]),
        )
        rows: tuple[tuple[Any, ...], ...] = tuple(
            (
                block + 1,
                power ** (block + 1),
                *(fit.exact[block].degree() for fit in found[:SHOWN]),
                *(float(np.max(np.abs(fit.matrix[block]))) for fit in found[:SHOWN]),
            )
            for block in range(self.depth)
        )
        caption = f"{len(found)} of {tried} seeds reached the floor to {DIGITS} digits. Degrees are exact."
        return Table("What each block adds", head, rows, caption)

    def _alike(self, net: Network, models: Sequence[torch.nn.Sequential], found: Sequence[Fit]) -> Table:
        """The functions are the same, the contributions are not."""
        last = [
            np.array([_float(sum((p[k] for p in fit.exact), flint.fmpq(0))) for k in range(2, degree_law(net) + 1)])
            for fit in found
        ]
        excess = [float(mean_square_of(_whole(net, models[fit.seed]), degree_law(net))[1].middle) for fit in found]
        functions = max((float(np.max(np.abs(a - last[0]))) for a in last), default=0.0)
        parts = max((float(np.max(np.abs(fit.matrix[:, 2:] - found[0].matrix[:, 2:]))) for fit in found), default=0.0)
        rest = [_whole(net, models[fit.seed]) - sum(fit.exact, flint.fmpq_poly([])) for fit in found]
        left = max((p.degree() for p in rest), default=0)
        row = (len(found), max(excess, default=0.0), left, functions, parts)
        head = (
            "seeds",
            "largest excess over the floor",
            "degree of the rest",
            "their functions differ by",
            "their blocks differ by",
        )
        caption = (
            "Largest differences between coefficients of orders 2 and more: of all blocks together, and of each. Rest: "
            "the network less what its blocks add, exactly; it is the embedding, of degree 1."
        )
        return Table("One function, many ways to add it up", head, (row,), caption)

    def _picture(self, found: Sequence[Fit]) -> Matrix:
        power = POWERS[self.activation]
        orders = tuple(str(k) for k in range(1, power**self.depth + 1))
        marked = tuple((block, power ** (block + 1) - 1) for block in range(self.depth))
        rows = tuple(str(block + 1) for block in range(self.depth))
        panels = tuple(
            Panel(f"seed {fit.seed}", rows, orders, tuple(tuple(map(float, line[1:])) for line in fit.matrix), marked)
            for fit in found[:SHOWN]
        ) or (Panel("no seed reached the floor", rows, orders, tuple((0.0,) * len(orders) for _ in rows), marked),)
        caption = (
            f"Framed: the last order that a block can add, {power}^l. What lies left of it is there as well: a block "
            "adds a polynomial, not a term."
        )
        title = f"Coefficient of $x^k$ by block: {self.activation}, trained to the floor for sin"
        return Matrix(self.name, title, "power k", "block", "|coefficient|", panels, DECADES, caption)


def _whole(net: Network, model: torch.nn.Sequential) -> Any:
    return network_polynomial(net, weights_of(model))

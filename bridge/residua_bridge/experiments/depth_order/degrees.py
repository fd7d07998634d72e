"""Networks of powers: degree and number of coefficients in reach, derived, and counted on torch models."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch.func import functional_call, grad, vmap

from residua_bridge.experiments.exact_counts import exactly
from residua_bridge.findings import Curve, Figure, Section, Table
from residua_bridge.rendering import as_text
from residua_bridge.study import By, Finding, Settings
from residua_network import Network, ResiduaError
from residua_numeric import build, measure
from residua_numeric.weights import put
from residua_symbolic.series.constructions.degrees import (
    POWERS,
    coefficient_rank,
    degree_law,
    power_network,
    scalar_network,
)

Floats = np.ndarray[Any, np.dtype[np.float64]]
LARGEST_DEGREE = 10  # beyond, float64 tells neither the last differences nor the last singular values
DRAWS = 8
WHOLE = 2**53  # float64 has all whole numbers below


@dataclass(frozen=True)
class Family:
    """Networks of one activation, residual or not, or on a stream of one number."""

    label: str
    activation: str
    kind: str

    def network(self, depth: int, width: int) -> Network:
        """One of them."""
        if self.kind == "scalar":
            return scalar_network(self.activation, depth, width)
        return power_network(self.activation, depth, width, residual=self.kind == "residual")


FAMILIES = tuple(
    Family(f"{activation}, {words}", activation, kind)
    for activation in POWERS
    for kind, words in (("residual", "residual"), ("plain", "no residual"), ("scalar", "stream of width 1"))
)


def counted_degree(net: Network, seed: int) -> int:
    """The degree of a torch model with small whole weights: the largest of several draws, which are not always in
    general position.

    It is the last order whose finite differences are not all 0. Draws whose values reach 2^53 are left out, so nothing
    rounds. Raises ResiduaError where none is left.
    """
    found = [_degree_at(net, np.random.default_rng([seed, draw])) for draw in range(DRAWS)]
    exact = [degree for degree in found if degree is not None]
    if not exact:
        raise ResiduaError("counted_degree: expected whole numbers below 2^53, got larger ones from every draw")
    return max(exact)


def _degree_at(net: Network, rng: np.random.Generator) -> int | None:
    model, points = build(net), degree_law(net) + 2
    drawn = {name: rng.choice((-1.0, 1.0, 1.0, 2.0), shape) for name, (shape, _) in net.parameters.items()}
    put(model, {name: torch.tensor(array) for name, array in drawn.items()})
    x = np.arange(points, dtype=np.float64) - points // 2
    values = [int(v) for v in measure(model, "output", x[:, None]).values[:, 0]]
    if max(map(abs, values)) >= WHOLE:
        return None
    order = 0
    while any(values):
        values, order = [b - a for a, b in pairwise(values)], order + 1
    return order - 1


def counted_rank(net: Network, seed: int) -> tuple[int, float]:
    """The rank of d(outputs at points)/d(parameters) of a torch model by its singular values, and the gap around it.

    The gap is the last value that counts over the first that does not, or over what rounding leaves of a zero.
    """
    points = degree_law(net) + 3
    x = torch.tensor(np.cos(np.pi * (np.arange(points) + 0.5) / points))[:, None]
    model = build(net, seed, init=1.0)
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    rng = np.random.default_rng(seed)
    parameters |= {n: torch.tensor(rng.normal(size=p.shape)) for n, p in parameters.items() if n.endswith("bias")}

    def value(p: dict[str, torch.Tensor], one: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = functional_call(model, p, (one[None],))[0, 0]
        return found

    slopes = vmap(grad(value), in_dims=(None, 0))(parameters, x)
    matrix = torch.cat([s.flatten(1) for s in slopes.values()], dim=1).numpy()
    values = np.linalg.svd(matrix / np.abs(matrix).max(), compute_uv=False)
    nothing = max(matrix.shape) * np.finfo(np.float64).eps * values[0]
    rank = int((values > nothing).sum())
    rest = max(values[rank] if rank < len(values) else 0.0, nothing)
    return rank, float(values[rank - 1] / rest)


@dataclass(frozen=True)
class Reach:
    """Degree by depth, and how many of the coefficients can be chosen, by depth and width."""

    name: str
    title: str
    prose: tuple[str, ...]
    depths: By
    widths: By

    def run(self, settings: Settings) -> Finding:
        """Derive and count."""
        depths, widths = self.depths.of(settings.profile), self.widths.of(settings.profile)
        found = {
            (family, depth): [coefficient_rank(family.network(depth, width)) for width in widths]
            for family in settings.track(FAMILIES, self.title)
            for depth in depths
        }
        rows: tuple[tuple[Any, ...], ...] = tuple(
            self._row(family, depth, widths, ranks) for (family, depth), ranks in found.items()
        )
        head = ("network", "depth L", "terms up to degree", *(f"w = {width}" for width in widths), "all from width")
        caption = (
            "How many coefficients can be moved independently: the rank of d(coefficients)/d(parameters), exact at a "
            "random rational point. All of them would be one more than the degree."
        )
        reach = Table("Coefficients within reach", head, rows, caption)
        degree, degrees = self._degrees(depths)
        rank, ranks = self._ranks(depths, widths)
        section = Section(
            self.title,
            self.prose,
            tables=(reach,),
            figures=(self._figure(found, widths),),
            verdicts=(
                as_text(degree, "Degree of torch models with whole weights: d^L", "agree", degrees),
                as_text(rank, "Coefficients within reach, counted by singular values on torch", "agree", ranks),
            ),
        )
        return Finding(section, (degree, rank))

    def _row(self, family: Family, depth: int, widths: tuple[int, ...], ranks: list[int]) -> tuple[Any, ...]:
        degree = degree_law(family.network(depth, 1))
        enough = next((width for width, rank in zip(widths, ranks, strict=True) if rank == degree + 1), None)
        return (family.label, depth, degree, *ranks, "none" if enough is None else str(enough))

    def _cases(self, depths: tuple[int, ...]) -> Iterator[tuple[Family, int]]:
        return (
            (family, depth)
            for family in FAMILIES
            for depth in depths
            if degree_law(family.network(depth, 1)) <= LARGEST_DEGREE
        )

    def _degrees(self, depths: tuple[int, ...]) -> tuple[Any, str]:
        nets = [family.network(depth, width) for family, depth in self._cases(depths) for width in (1, 2)]
        law, counted = [degree_law(net) for net in nets], [counted_degree(net, 0) for net in nets]
        scope: dict[str, str | int] = {
            "networks": len(nets),
            "depth": f"1 to {max(depths)}",
            "width": "1, 2",
            "degree": f"at most {max(law)}",
            "seeds": DRAWS,
            "dtype": "float64",
        }
        return exactly("degree", law, counted, scope), "finite differences of whole numbers: nothing rounds"

    def _ranks(self, depths: tuple[int, ...], widths: tuple[int, ...]) -> tuple[Any, str]:
        nets = [family.network(depth, width) for family, depth in self._cases(depths) for width in widths]
        law, counted = [coefficient_rank(net) for net in nets], [counted_rank(net, 0) for net in nets]
        scope: dict[str, str | int] = {
            "networks": len(nets),
            "depth": f"1 to {max(depths)}",
            "width": f"1 to {max(widths)}",
            "degree": f"at most {max(map(degree_law, nets))}",
            "seed": 0,
            "dtype": "float64",
        }
        least = min(gap for _, gap in counted)
        return exactly(
            "rank", law, [rank for rank, _ in counted], scope
        ), f"smallest gap between what counts and what does not: {least:.1e}"

    def _figure(self, found: dict[tuple[Family, int], list[int]], widths: tuple[int, ...]) -> Figure:
        curves = tuple(
            Curve(
                f"{family.label}, L = {depth}: {degree_law(family.network(depth, 1)) + 1} in all",
                "predicted",
                tuple(map(float, widths)),
                tuple(map(float, ranks)),
            )
            for (family, depth), ranks in found.items()
            if family.kind == "residual" and depth > 1
        )
        caption = "Depth sets how many there are, width how many can be chosen, up to a width that suffices for all."
        return Figure(self.name, "Coefficients within reach", "width w", "coefficients", curves, "log", "log", caption)

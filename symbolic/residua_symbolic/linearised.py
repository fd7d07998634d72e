"""A network's Jacobian at a point, as a chain of structured operators: never a dense matrix for what has structure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from residua_network import Layer
from residua_symbolic.domains.floats import FUNCTIONS, FloatDomain
from residua_symbolic.factors import derivation_of, operator_of
from residua_symbolic.layers import apply
from residua_symbolic.operator import AtPoint, Operator
from residua_symbolic.symbols import CONSTANTS, symbol_of
from residua_symbolic.weights import Floats, Weights


@dataclass(frozen=True)
class Leaf:
    """One layer: its operator, and what an assumption drops from it."""

    name: str
    kept: AtPoint
    dropped: AtPoint | None

    def apply(self, v: Floats) -> Floats:
        """J v; vectors of shape (rows, vectors, features)."""
        return self.kept.apply(v)  # type: ignore[no-any-return]

    def transpose(self, u: Floats) -> Floats:
        """Jᵀ u."""
        return self.kept.transpose(u)  # type: ignore[no-any-return]

    def missing(self, kept: Floats, missing: Floats) -> tuple[Floats, Floats]:
        """(A' b, A d + D b) for the approximate A' and the exact A = A' + D: one step of the telescoped sum."""
        carried = self.kept.apply(missing)
        if self.dropped is not None:
            carried = carried + self.dropped.apply(missing + kept)
        return self.kept.apply(kept), carried


@dataclass(frozen=True)
class Block:
    """A residual block: I + scale · Π branch; the skip stays an identity."""

    name: str
    scale: float
    branch: "Chain"

    def apply(self, v: Floats) -> Floats:
        """J v."""
        return v + self.scale * self.branch.apply(v)

    def transpose(self, u: Floats) -> Floats:
        """Jᵀ u."""
        return u + self.scale * self.branch.transpose(u)

    def missing(self, kept: Floats, missing: Floats) -> tuple[Floats, Floats]:
        """As for a layer."""
        inner_kept, inner_missing = self.branch.missing(kept, missing)
        return kept + self.scale * inner_kept, missing + self.scale * inner_missing


@dataclass(frozen=True)
class Chain:
    """Layers and blocks in the order of the forward pass."""

    nodes: tuple[Leaf | Block, ...]

    def apply(self, v: Floats) -> Floats:
        """J v."""
        for node in self.nodes:
            v = node.apply(v)
        return v

    def transpose(self, u: Floats) -> Floats:
        """Jᵀ u."""
        *_, at_input = self.backward(u)
        return at_input

    def backward(self, u: Floats) -> Iterator[Floats]:
        """Jᵀ u pulled back to the input of every node, the last node first."""
        for node in reversed(self.nodes):
            u = node.transpose(u)
            yield u

    def missing(self, kept: Floats, missing: Floats) -> tuple[Floats, Floats]:
        """The product with the assumption, and what it lacks, both applied to vectors."""
        for node in self.nodes:
            kept, missing = node.missing(kept, missing)
        return kept, missing


def linearise(
    layers: Sequence[Layer],
    x: Floats,
    weights: Mapping[str, Floats],
    assume: str | None,
    prefix: str = "",
    first: int = 0,
) -> tuple[Floats, Chain]:
    """Run the layers on x of shape (rows, features): the output, and the operators on the way."""
    nodes: list[Leaf | Block] = []
    for position, layer in enumerate(layers, first):
        x, node = _node(layer, x, weights, assume, f"{prefix}{position}")
        nodes.append(node)
    return x, Chain(tuple(nodes))


def _node(layer: Layer, x: Floats, weights: Weights, assume: str | None, name: str) -> tuple[Floats, Leaf | Block]:
    if layer.branch:
        inner, chain = linearise(layer.branch, x, weights, assume, f"{name}.branch.")
        y = apply(FloatDomain(), layer, x, {}, branch=lambda _: inner)
        return y, Block(name, layer.scale, chain)  # type: ignore[attr-defined]
    y, values = layer_values(layer, x, {p: weights[f"{name}.{p}"] for p in layer.shapes})
    derivation = derivation_of(layer, assume)
    lost = derivation.dropped
    dropped = _at(layer, lost, values) if lost is not None and lost.terms else None
    return y, Leaf(name, _at(layer, derivation.operator, values), dropped)


def layer_values(layer: Layer, x: Floats, parameters: Mapping[str, Floats]) -> tuple[Floats, dict[str, Any]]:
    """y, and everything that formulas of this layer name: x, parameters, constants, sizes, values of the map."""
    domain = FloatDomain()
    y = apply(domain, layer, x, parameters)
    letters = {symbol_of(layer.kind, name): value for name, value in parameters.items()}
    constants = {s.name: getattr(layer, name) for name, s in CONSTANTS.items() if hasattr(layer, name)}
    return y, {"x": x, **letters, **constants, **domain.names, "n": x.shape[-1]}


def _at(layer: Layer, operator: Operator, values: Mapping[str, Any]) -> AtPoint:
    return operator_of(layer, operator).at(values, lambda name, z: FUNCTIONS[name](z))


def identity_rows(rows: int, size: int) -> Floats:
    """Unit vectors for every row; shape (rows, size, size)."""
    return np.broadcast_to(np.eye(size), (rows, size, size))

"""A network's Jacobian at a point, as a chain of structured operators: never a dense matrix for what has structure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from residua_network import Layer, ShapeError
from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.factors import derivation_of, operator_of
from residua_symbolic.layers import apply
from residua_symbolic.operator import AtPoint, Operator
from residua_symbolic.symbols import CONSTANTS, symbol_of
from residua_symbolic.weights import Floats, Weights

DomainOf = Callable[[], Any]


@dataclass(frozen=True)
class Leaf:
    """One layer: its operator, and what an assumption drops from it."""

    name: str
    kept: AtPoint
    dropped: AtPoint | None

    def apply(self, v: Any) -> Any:
        """J v; vectors of shape (rows, vectors, features)."""
        return self.kept.apply(v)

    def transpose(self, u: Any) -> Any:
        """Jᵀ u."""
        return self.kept.transpose(u)

    def missing(self, kept: Any, missing: Any) -> tuple[Any, Any]:
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

    def apply(self, v: Any) -> Any:
        """J v."""
        return v + self.scale * self.branch.apply(v)

    def transpose(self, u: Any) -> Any:
        """Jᵀ u."""
        return u + self.scale * self.branch.transpose(u)

    def missing(self, kept: Any, missing: Any) -> tuple[Any, Any]:
        """As for a layer."""
        inner_kept, inner_missing = self.branch.missing(kept, missing)
        return kept + self.scale * inner_kept, missing + self.scale * inner_missing


@dataclass(frozen=True)
class Chain:
    """Layers and blocks in the order of the forward pass."""

    nodes: tuple[Leaf | Block, ...]

    def apply(self, v: Any) -> Any:
        """J v."""
        for node in self.nodes:
            v = node.apply(v)
        return v

    def transpose(self, u: Any) -> Any:
        """Jᵀ u."""
        *_, at_input = self.backward(u)
        return at_input

    def backward(self, u: Any) -> Iterator[Any]:
        """Jᵀ u pulled back to the input of every node, the last node first."""
        for node in reversed(self.nodes):
            u = node.transpose(u)
            yield u

    def missing(self, kept: Any, missing: Any) -> tuple[Any, Any]:
        """The product with the assumption, and what it lacks, both applied to vectors."""
        for node in self.nodes:
            kept, missing = node.missing(kept, missing)
        return kept, missing


def linearise(
    layers: Sequence[Layer],
    x: Any,
    weights: Weights,
    assume: str | None = None,
    prefix: str = "",
    first: int = 0,
    domain: DomainOf = FloatDomain,
) -> tuple[Any, Chain]:
    """Run the layers on x of shape (rows, features): the output, and the operators on the way.

    `domain` makes the arithmetic for each layer: float64, or one that keeps account of its rounding.
    """
    nodes: list[Leaf | Block] = []
    for position, layer in enumerate(layers, first):
        x, node = _node(layer, x, weights, assume, f"{prefix}{position}", domain)
        nodes.append(node)
    return x, Chain(tuple(nodes))


def _node(
    layer: Layer, x: Any, weights: Weights, assume: str | None, name: str, domain: DomainOf
) -> tuple[Any, Leaf | Block]:
    if layer.branch:
        inner, chain = linearise(layer.branch, x, weights, assume, f"{name}.branch.", domain=domain)
        y = apply(domain(), layer, x, {}, branch=lambda _: inner)
        return y, Block(name, layer.scale, chain)  # type: ignore[attr-defined]
    o = domain()
    y, values = layer_values(o, layer, x, {p: weights[f"{name}.{p}"] for p in layer.shapes})
    _refuse_zero_scale(layer, name, x, o.names.get("s"))
    derivation = derivation_of(layer, assume)
    lost = derivation.dropped
    dropped = operator_at(o, layer, lost, values) if lost is not None and lost.terms else None
    return y, Leaf(name, operator_at(o, layer, derivation.operator, values), dropped)


def _refuse_zero_scale(layer: Layer, name: str, x: Any, s: Any) -> None:
    """Raises ShapeError where a normaliser with ε = 0 meets a row without spread, up to the rounding of its mean: the
    Jacobian does not exist."""
    if getattr(layer, "eps", None) != 0.0 or not isinstance(s, np.ndarray):
        return
    rounding = x.shape[-1] * np.finfo(np.float64).eps * np.max(np.abs(x), axis=-1)
    without = s[..., 0] <= rounding
    if without.any():
        row = int(np.argmax(without))
        what = f"{layer!r} at {name!r} expects a row whose variance (RMSNorm: mean square) is not zero, since ε = 0"
        raise ShapeError(f"{what}; got row {row} with s = {float(s[row, 0]):.1e}")


def layer_values(o: Any, layer: Layer, x: Any, parameters: Mapping[str, Floats]) -> tuple[Any, dict[str, Any]]:
    """y, and everything that formulas of this layer name: x, parameters, constants, sizes, values of the map."""
    y = apply(o, layer, x, parameters)
    letters = {symbol_of(layer.kind, name): value for name, value in parameters.items()}
    constants = {s.name: getattr(layer, name) for name, s in CONSTANTS.items() if hasattr(layer, name)}
    return y, {"x": x, **letters, **constants, **o.names, "n": x.shape[-1]}


def operator_at(o: Any, layer: Layer, operator: Operator, values: Mapping[str, Any]) -> AtPoint:
    """A layer's operator at the values of its forward pass."""
    return operator_of(layer, operator).at(values, o.function)


def row_norms(v: Floats) -> Floats:
    """Euclidean norms along the last axis, scaled so that squaring neither overflows nor loses what is tiny."""
    largest = np.max(np.abs(v), axis=-1, keepdims=True)
    scale = np.where(np.isfinite(largest) & (largest > 0), largest, 1.0)
    norms: Floats = scale[..., 0] * np.linalg.norm(v / scale, axis=-1)
    return norms


def identity_rows(rows: int, size: int) -> Floats:
    """Unit vectors for every row; shape (rows, size, size)."""
    return np.broadcast_to(np.eye(size), (rows, size, size))

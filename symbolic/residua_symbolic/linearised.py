"""A network's Jacobian at a point, as a chain of structured operators: never a dense matrix for what has structure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from residua_network import Layer, ShapeError
from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.factors import operators_of
from residua_symbolic.layers import apply
from residua_symbolic.operator import AtPoint
from residua_symbolic.symbols import LETTERS, symbol_of
from residua_symbolic.weights import Floats, Weights

DomainOf = Callable[[], Any]
SAFE = 1e-250  # from here to its inverse a sum of squares is as good as one of scaled squares


@dataclass(frozen=True)
class Leaf:
    """One layer: its operator, and what an assumption drops from it."""

    name: str
    kept: AtPoint
    dropped: AtPoint | None

    @property
    def couples_rows(self) -> bool:
        """Whether the operator makes the rows of a vector meet; with constant statistics none does."""
        return self.kept.couples_rows

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

    @property
    def couples_rows(self) -> bool:
        """As for a layer."""
        return any(node.couples_rows for node in self.branch.nodes)

    def apply(self, v: Any) -> Any:
        """J v."""
        return v + self.scaled(self.branch.apply(v))

    def transpose(self, u: Any) -> Any:
        """Jᵀ u."""
        return u + self.scaled(self.branch.transpose(u))

    def missing(self, kept: Any, missing: Any) -> tuple[Any, Any]:
        """As for a layer."""
        inner_kept, inner_missing = self.branch.missing(kept, missing)
        return kept + self.scaled(inner_kept), missing + self.scaled(inner_missing)

    def scaled(self, v: Any) -> Any:
        """scale · v."""
        return v if self.scale == 1.0 else self.scale * v


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
        for node in reversed(self.nodes):
            u = node.transpose(u)
        return u

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

    def pulled_back(self, unit: Any, coupled: bool) -> Any:
        """The Jacobian, (rows, outputs, inputs), from the unit vectors of the output, (rows, outputs, outputs).

        `coupled`: J[b, i, c, j] of shape (rows, outputs, rows, inputs). Rows stay apart until a node makes them meet.
        """
        rows, outputs = unit.shape[:2]
        u, apart = unit, coupled
        for node in reversed(self.nodes):
            if apart and node.couples_rows:
                u, apart = over_all_rows(u), False
            u = node.transpose(u)
        if not coupled:
            return u
        return (over_all_rows(u) if apart else u).reshape(rows, rows, outputs, -1).transpose(1, 2, 0, 3)

    def pushed_forward(self, unit: Any, coupled: bool) -> Any:
        """The same from the unit vectors of the input, (rows, inputs, inputs)."""
        u, apart = unit, coupled
        for node in self.nodes:
            if apart and node.couples_rows:
                u, apart = over_all_rows(u), False
            u = node.apply(u)
        return from_columns(over_all_rows(u) if apart else u, coupled)


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
    if layer.couples_rows and len(x.shape) == 2 and x.shape[0] < 2:
        what = f"{layer!r} at {name!r} takes its statistics from the batch and expects at least 2 rows"
        raise ShapeError(f"{what}, got {x.shape[0]}")
    y, values = layer_values(o, layer, x, {p: weights[f"{name}.{p}"] for p in _letters(layer)})
    _refuse_zero_scale(layer, name, x, o.names.get("s"))
    kept, lost = operators_of(layer, assume)
    return y, Leaf(name, kept.at(values, o), None if lost is None else lost.at(values, o))


def _refuse_zero_scale(layer: Layer, name: str, x: Any, s: Any) -> None:
    """Raises ShapeError where a normaliser with ε = 0 meets entries without spread, up to the rounding of their mean:
    the Jacobian does not exist."""
    if getattr(layer, "eps", None) != 0.0 or not (isinstance(s, np.ndarray) and s.dtype == np.float64):
        return
    stored = s.ndim < x.ndim
    axis, what = (0, "feature") if layer.couples_rows or stored else (-1, "row")
    rounding = 0.0 if stored else x.shape[axis] * np.finfo(np.float64).eps * np.max(np.abs(x), axis=axis)
    without = s.ravel() <= rounding
    if without.any():
        at = int(np.argmax(without))
        wanted = f"{layer!r} at {name!r} expects every {what} to have a variance (RMSNorm: mean square) above zero"
        raise ShapeError(f"{wanted}, since ε = 0; got {what} {at} with s = {float(s.ravel()[at]):.1e}")


def layer_values(o: Any, layer: Layer, x: Any, parameters: Mapping[str, Floats]) -> tuple[Any, dict[str, Any]]:
    """y, and everything that formulas of this layer name: x, parameters, constants, sizes, values of the map."""
    y = apply(o, layer, x, parameters)
    letters = {_letters(layer)[name]: value for name, value in parameters.items()}
    return y, {"x": x, **letters, **_constants(layer), **o.names, "n": x.shape[-1], "B": x.shape[0]}


@cache
def _letters(layer: Layer) -> dict[str, str]:
    """{parameter that the layer has: its letter in formulas}."""
    return {name: symbol_of(layer.kind, name) for name in layer.shapes}


@cache
def _constants(layer: Layer) -> dict[str, Any]:
    """{letter: constant of the layer}."""
    return {letter: getattr(layer, name) for name, letter in LETTERS.items() if hasattr(layer, name)}


def row_norms(v: Floats) -> Floats:
    """Euclidean norms along the last axis, scaled where squaring would overflow or lose what is tiny."""
    with np.errstate(over="ignore"):
        squares: Floats = np.vecdot(v, v)
    if (squares > SAFE).all() and (squares < 1 / SAFE).all():
        return np.sqrt(squares)
    largest = np.max(np.abs(v), axis=-1, keepdims=True)
    scale = np.where(np.isfinite(largest) & (largest > 0), largest, 1.0)
    norms: Floats = scale[..., 0] * np.linalg.norm(v / scale, axis=-1)
    return norms


def over_all_rows(v: Any) -> Any:
    """Vectors that each live in one row, as vectors of the whole batch that are zero in all other rows.

    (rows, vectors, features) -> (rows, rows · vectors, features); vector (b, k) is vector k of row b.
    """
    rows, vectors, features = v.shape
    own = np.eye(rows)[:, :, None, None]
    return (v.reshape(rows, 1, vectors, features) * own).reshape(rows, rows * vectors, features)


def from_columns(applied: Any, coupled: bool) -> Any:
    """The Jacobian from J applied to unit vectors of the input; `coupled`: to those of the whole batch."""
    if not coupled:
        return applied.swapaxes(1, 2)
    rows, _, outputs = applied.shape
    return applied.reshape(rows, rows, -1, outputs).transpose(0, 3, 1, 2)


def identity_rows(rows: int, size: int) -> Floats:
    """Unit vectors for every row; shape (rows, size, size)."""
    return np.broadcast_to(np.eye(size), (rows, size, size))

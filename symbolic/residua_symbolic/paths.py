"""The paths through a residual network: Π (I + α F) multiplied out; Veit et al. 2016 (arXiv:1605.06431), section 3."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import comb
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.factors import folded, product
from residua_symbolic.linearised import Block, Chain, Leaf, identity_rows, over_all_rows
from residua_symbolic.printing import latex
from residua_symbolic.weights import Floats, Weights, checked_cotangent

if TYPE_CHECKING:
    from residua_symbolic.jacobian import NetworkJacobian

MOST_ENUMERATED = 12  # blocks: 4096 paths

Taken = tuple[str, ...]  # the blocks whose branch a path takes, in layer order


@dataclass(frozen=True, repr=False)
class Paths:
    """The paths of a network's Jacobian: each takes the branch or the skip of every residual block at top level.

    A path's length is the number of branches that it takes. Blocks inside a branch belong to that branch.
    """

    jacobian: "NetworkJacobian"

    def __repr__(self) -> str:
        return f"<{2 ** len(self.blocks)} paths through {len(self.blocks)} residual blocks, by length: {self.counts}>"

    @property
    def blocks(self) -> tuple[str, ...]:
        """The names of the residual blocks, in layer order."""
        return tuple(factor.name for factor in reversed(self.jacobian.factors) if factor.branch)

    @property
    def counts(self) -> tuple[int, ...]:
        """How many paths there are of length 0, 1, 2, ..."""
        return tuple(comb(len(self.blocks), length) for length in range(len(self.blocks) + 1))

    @property
    def formula(self) -> sp.MatrixExpr:
        """Π (I + t α F): the coefficient of t^k is the sum over the paths of length k; at t = 1 it is the Jacobian."""
        return product(folded([replace(factor, marked=bool(factor.branch)) for factor in self.jacobian.factors]))

    def latex(self) -> str:
        """The formula."""
        return latex(self.formula)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"

    @property
    def formulas(self) -> dict[Taken, sp.MatrixExpr]:
        """The matrix of every path. Raises ResiduaError for more than 12 blocks."""
        self._few()
        found: dict[Taken, list[sp.MatrixExpr]] = {(): []}
        for factor in self.jacobian.factors:  # output-most first
            if not factor.branch:
                found = {taken: [*matrices, factor.formula] for taken, matrices in found.items()}
                continue
            through = factor.branch_formula
            branched = {(factor.name, *taken): [*matrices, through] for taken, matrices in found.items()}
            found |= branched
        skips = sp.Identity(self.jacobian.formula.shape[0])  # the path that takes no branch, where all are blocks
        return {taken: product(matrices) if matrices else skips for taken, matrices in found.items()}

    def enumerate(self, weights: Weights, x: Floats) -> Iterator[tuple[Taken, Floats]]:
        """Every path with its matrix, of the shape of `J.evaluate`. Raises ResiduaError for more than 12 blocks."""
        self._few()
        chain, _ = self.jacobian.linearised(weights, x)
        for taken, u in _each(list(chain.nodes), self._unit(len(x))):
            yield taken, self._as_matrix(u, len(x))

    def evaluate(self, weights: Weights, x: Floats) -> Floats:
        """The sums over the paths of each length, (lengths, *shape of `J.evaluate`): any number of blocks.

        The sum over the lengths is the Jacobian.
        """
        chain, _ = self.jacobian.linearised(weights, x)
        with np.errstate(all="ignore"):
            return np.stack([self._as_matrix(u, len(x)) for u in by_length(chain, self._unit(len(x)))])

    def gradients(self, weights: Weights, x: Floats, cotangent: Floats) -> Floats:
        """The cotangent (batch, outputs) pulled back through the paths of each length: (batch, lengths, inputs)."""
        chain, _ = self.jacobian.linearised(weights, x)
        u = checked_cotangent(cotangent, len(x), self.jacobian.factors[0].outputs)
        with np.errstate(all="ignore"):
            return np.concatenate(by_length(chain, u[:, None, :]), axis=1)

    def _few(self) -> None:
        if len(self.blocks) > MOST_ENUMERATED:
            raise ResiduaError(
                f"paths: expected at most {MOST_ENUMERATED} residual blocks to enumerate the paths, "
                f"got {len(self.blocks)}; `evaluate` groups them by length"
            )

    def _unit(self, rows: int) -> Floats:
        unit = identity_rows(rows, self.jacobian.factors[0].outputs)
        return over_all_rows(unit) if self.jacobian.couples_rows else unit

    def _as_matrix(self, u: Floats, rows: int) -> Floats:
        if not self.jacobian.couples_rows:
            return u
        return u.reshape(rows, rows, -1, u.shape[-1]).transpose(1, 2, 0, 3)


def by_length(chain: Chain, u: Any) -> list[Any]:
    """Vectors (rows, vectors, outputs) pulled back through the paths of each length: one array a length.

    One sweep, in which t marks every branch: the coefficients of a polynomial in t, one more with every block.
    """
    found = [u]
    for node in reversed(chain.nodes):
        if isinstance(node, Block):
            longer = [node.scaled(node.branch.transpose(v)) for v in found]
            found = [found[0], *(a + b for a, b in zip(found[1:], longer[:-1], strict=True)), longer[-1]]
        else:
            found = [node.transpose(v) for v in found]
    return found


def _each(nodes: list[Leaf | Block], u: Any) -> Iterator[tuple[Taken, Any]]:
    """Every path through the nodes, pulled back from u; common ends are shared."""
    if not nodes:
        yield (), u
        return
    *below, node = nodes
    if not isinstance(node, Block):
        yield from _each(below, node.transpose(u))
        return
    yield from _each(below, u)
    for taken, v in _each(below, node.scaled(node.branch.transpose(u))):
        yield (*taken, node.name), v

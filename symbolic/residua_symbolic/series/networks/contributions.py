"""What every block of a residual network puts into each Taylor coefficient of its output.

With h_l the stream after block l and w the readout, the output is w h_0 + b + Σ_l w (h_l − h_(l−1)): a sum with one
term a block, as document 000 has it. Row l of the matrix here holds the Taylor coefficients of the l-th term.
"""

from dataclasses import dataclass
from itertools import pairwise, permutations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from residua_network import Linear, Network, ResiduaError, Residual
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.series.networks.network import network_series
from residua_symbolic.weights import Floats, Weights


def contribution_series(net: Network, weights: Weights, order: int, at: float = 0.0) -> Enclosure:
    """Certified coefficients of (x − at)^k by what adds them: (blocks + 1, order + 1), row 0 what enters the blocks.

    The network is Linear, residual blocks, Linear, from one number to one number; raises ResiduaError for others.
    """
    names = [layer.kind for layer in net.layers]
    blocks = net.layers[1:-1]
    ends = all(isinstance(net.layers[k], Linear) for k in (0, -1)) and len(names) > 1
    if not ends or not all(isinstance(layer, Residual) for layer in blocks) or (net.inputs, net.outputs) != (1, 1):
        got = f"{net.inputs} → {net.outputs}: {', '.join(names)}"
        raise ResiduaError(f"contributions: expected a network 1 → 1 of linear, residual, …, linear, got {got}")
    place, direction = np.array([at]), np.array([1.0])
    found = []
    for k in range(len(blocks) + 1):
        part, own = prefix(net, weights, k)
        found.append(network_series(part, order, own, place, direction, certified=True))
    sums = [one.enclosure.balls[:, 0] for one in found]
    rows = [sums[0], *(b - a for a, b in pairwise(sums))]
    return Enclosure(np.array(rows, dtype=object), max(one.bits for one in found))


def prefix(net: Network, weights: Weights, blocks: int) -> tuple[Network, Weights]:
    """The network that reads out after so many blocks, and its weights."""
    last = len(net.layers) - 1
    kept = {name: value for name, value in weights.items() if int(name.split(".")[0]) <= blocks}
    kept |= {f"{blocks + 1}.{part}": weights[f"{last}.{part}"] for part in net.layers[last].shapes}
    return Network((*net.layers[: blocks + 1], net.layers[last])), kept


MOST_BLOCKS = 7  # whose orders are all tried
SAME = 1e-12  # shares that differ by less are the same


@dataclass(frozen=True)
class Diagonality:
    """How far a matrix (blocks, orders) is a diagonal; each column counts by the shares of the blocks in it.

    Shares are sizes over the sum of sizes of a column, so that no choice of a unit for x matters. `diagonal`: the mean
    share of the block that 000 wants, 1 for its construction, 1/blocks on average over all orders of the blocks, for
    every matrix. `as_good`: the part of these orders whose diagonal share is as large or larger, 1/blocks! for 000's
    construction, near 1/2 where the order means nothing; NaN for more than 7 blocks. `assigned`: the same for the best
    one-to-one assignment of orders to blocks. `entropy`: mean entropy of the shares over its largest value, 0 where
    each order comes from one block, 1 where all give the same. `tilt`: by how many blocks later the middle of an order
    lies, per order (the slope of a fitted line): 1 for a diagonal, 0 where all orders come from the same blocks.
    """

    diagonal: float
    as_good: float
    assigned: float
    entropy: float
    tilt: float


def diagonality(matrix: Floats) -> Diagonality:
    """Of a square matrix: blocks by as many orders, wanted on its diagonal. Columns of zeros are left out.

    Raises ResiduaError for another shape, or where all is zero.
    """
    sizes = np.abs(np.asarray(matrix, dtype=np.float64))
    if sizes.ndim != 2 or sizes.shape[0] != sizes.shape[1] or not sizes.any() or not np.isfinite(sizes).all():
        raise ResiduaError(f"diagonality: expected a finite square matrix that is not zero, got shape {sizes.shape}")
    used = sizes.sum(axis=0) > 0
    shares = sizes[:, used] / sizes[:, used].sum(axis=0)
    wanted = np.flatnonzero(used)
    logs = np.where(shares > 0, np.log(np.where(shares > 0, shares, 1.0)), 0.0)
    spread = -(shares * logs).sum(axis=0) / np.log(len(sizes)) if len(sizes) > 1 else np.zeros(len(wanted))
    rows, columns = linear_sum_assignment(-shares)
    middles = np.arange(len(sizes)) @ shares
    diagonal = float(shares[wanted, np.arange(len(wanted))].mean())
    return Diagonality(
        diagonal=diagonal,
        as_good=_as_good(shares, wanted, diagonal),
        assigned=float(shares[rows, columns].mean()),
        entropy=float(spread.mean()),
        tilt=_slope(wanted - wanted.mean(), middles - middles.mean()),
    )


def _as_good(shares: Floats, wanted: NDArray[np.intp], diagonal: float) -> float:
    """The part of all orders of the blocks (rows) that have this diagonal share, or a larger one."""
    if len(shares) > MOST_BLOCKS:
        return float("nan")
    orders = np.array(list(permutations(range(len(shares)))))
    found = shares[orders[:, wanted], np.arange(len(wanted))].mean(axis=1)
    return float(np.mean(found >= diagonal - SAME))


def _slope(x: Floats, y: Floats) -> float:
    """Of the line fitted to centred points; 0 for a single one."""
    return float(x @ y / (x @ x)) if x.any() else 0.0

"""t-SNE in torch, as van der Maaten and Hinton (2008) define it: neighbours, and both losses of an embedding."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from residua_network import ResiduaError, ShapeError
from residua_network.checks import number, one_of, whole

Floats = NDArray[np.float64]
HALVINGS = 200  # at most; after 60 or so, the two ends are neighbouring numbers of float64
LOSSES = ("divergence", "cross entropy")


class Neighbours(NamedTuple):
    """P[i, j] = p_{j|i}, 0 on the diagonal, and the precisions β_i = 1/(2σ_i²) that give every row its perplexity."""

    P: Floats
    precisions: Floats


def squared_distances(x: Floats) -> Floats:
    """|x_i − x_j|², (n, n), from x (n, features)."""
    points = torch.tensor(np.asarray(x, dtype=np.float64))
    if points.ndim != 2 or len(points) < 3:
        raise ShapeError(
            f"squared_distances: expected at least three rows of features, got shape {tuple(points.shape)}"
        )
    found: Floats = ((points[:, None] - points[None]) ** 2).sum(2).numpy()
    return found


def entropies(distances: Tensor, precisions: Tensor) -> Tensor:
    """H(P_i) in nats, (n,), as a function that torch can differentiate; distances (n, n), the diagonal left out."""
    logits = -precisions[:, None] * distances
    logits = logits.masked_fill(torch.eye(len(distances), dtype=torch.bool), -torch.inf)
    log_p = torch.log_softmax(logits, dim=1)
    p = log_p.exp()
    found: Tensor = -(p * log_p.masked_fill(p == 0, 0.0)).sum(1)
    return found


def neighbours(distances: Floats, perplexity: float) -> Neighbours:
    """Rows of one perplexity by bisection of β, until no number lies between its ends.

    Raises ResiduaError unless 1 < perplexity < n − 1.
    """
    d = torch.tensor(np.asarray(distances, dtype=np.float64))
    if not 1 < number(perplexity, "perplexity", "neighbours") < len(d) - 1:
        raise ResiduaError(f"neighbours: expected a perplexity between 1 and {len(d) - 1}, got {perplexity!r}")
    wanted = float(np.log(perplexity))
    low, high = torch.zeros(len(d), dtype=torch.float64), torch.full((len(d),), torch.inf, dtype=torch.float64)
    scale = 1 / d.sum(1).div(len(d) - 1)
    middle = scale.clone()
    for _ in range(HALVINGS):
        above = entropies(d, middle) > wanted  # too even: β must grow
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
        after = torch.where(high.isinf(), 2 * middle, (low + high) / 2)
        if torch.equal(after, middle):
            break
        middle = after
    logits = (-middle[:, None] * d).masked_fill(torch.eye(len(d), dtype=torch.bool), -torch.inf)
    return Neighbours(torch.softmax(logits, dim=1).numpy(), middle.numpy())


def joint(P: Floats) -> Floats:
    """(p_{j|i} + p_{i|j}) / (2n)."""
    found: Floats = (P + P.T) / (2 * len(P))
    return found


def embedding_loss(P: Tensor, y: Tensor, loss: str) -> Tensor:
    """D(P ‖ Q) or H(P, Q) in nats for an embedding y (n, 2); Q by Student's t with one degree of freedom."""
    one_of(loss, LOSSES, "loss", "embedding_loss")
    rows, columns = torch.triu_indices(len(y), len(y), 1)
    log_w = -torch.log1p(((y[rows] - y[columns]) ** 2).sum(1))
    log_q = log_w - torch.logsumexp(log_w, 0) - np.log(2)  # every pair occurs twice
    p = P[rows, columns]
    crossed: Tensor = -2 * (p * log_q).sum()
    apart: Tensor = crossed + 2 * torch.special.xlogy(p, p).sum()
    return crossed if loss == "cross entropy" else apart


def embedding_gradient(P: Floats, y: Floats, loss: str) -> tuple[float, Floats]:
    """The loss of an embedding and its gradient, by autograd."""
    at = torch.tensor(y, requires_grad=True)
    value = embedding_loss(torch.tensor(P), at, loss)
    (slope,) = torch.autograd.grad(value, at)
    return float(value.detach()), slope.numpy()


def embed(P: Floats, steps: int, rate: float, loss: str, seed: int = 0) -> tuple[Floats, Floats]:
    """Losses (steps + 1,) and the embeddings (steps + 1, n, 2) of plain descent from small random points."""
    whole(steps, "steps", "embed")
    generator = torch.Generator().manual_seed(seed)
    y = 1e-2 * torch.randn(len(P), 2, generator=generator, dtype=torch.float64)
    losses, path = [], [y.numpy().copy()]
    for _ in range(steps):
        value, slope = embedding_gradient(P, path[-1], loss)
        losses.append(value)
        path.append(path[-1] - rate * slope)
    losses.append(embedding_gradient(P, path[-1], loss)[0])
    return np.array(losses), np.array(path)


def peer_neighbours(distances: Floats, perplexity: float) -> Floats:
    """p_{j|i} by scikit-learn's own search, which takes float32 distances and stops within 1e−5 nats."""
    from sklearn.manifold._utils import _binary_search_perplexity

    found: Floats = np.asarray(_binary_search_perplexity(np.asarray(distances, dtype=np.float32), perplexity, 0))
    return found

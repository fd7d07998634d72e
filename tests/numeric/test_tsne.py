import numpy as np
import pytest
import torch
from scipy.stats import entropy

from residua_network import ResiduaError, ShapeError
from residua_numeric import tsne

X = np.random.default_rng(0).normal(size=(40, 3))
D = tsne.squared_distances(X)


def test_distances_are_numpys() -> None:
    assert np.allclose(D, [[np.sum((a - b) ** 2) for b in X] for a in X])
    with pytest.raises(ShapeError, match="three rows"):
        tsne.squared_distances(X[:2])


@pytest.mark.parametrize("perplexity", [1.01, 5.0, 38.9])
def test_every_row_has_the_perplexity(perplexity: float) -> None:
    P, precisions = tsne.neighbours(D, perplexity)
    assert np.allclose(P.sum(axis=1), 1)
    assert not np.diag(P).any()
    assert np.allclose(np.exp([entropy(row) for row in P]), perplexity, rtol=1e-9)
    assert (precisions > 0).all()
    seen = tsne.entropies(torch.tensor(D), torch.tensor(precisions)).numpy()
    assert np.allclose(seen, [entropy(row) for row in P], atol=1e-12)


def test_scikit_learn_finds_the_same_neighbours() -> None:
    ours, theirs = tsne.neighbours(D, 10.0).P, tsne.peer_neighbours(D, 10.0)
    assert np.allclose(ours, theirs, atol=1e-4)
    assert not np.allclose(ours, tsne.peer_neighbours(D, 12.0), atol=1e-3)


@pytest.mark.parametrize("odd", [1.0, 39.0, 0.5, float("nan")])
def test_a_perplexity_that_no_row_can_have_is_refused(odd: float) -> None:
    with pytest.raises(ResiduaError):
        tsne.neighbours(D, odd)


def test_losses_of_an_embedding() -> None:
    """Against sums over all pairs, and quotients of differences."""
    P, y = tsne.joint(tsne.neighbours(D, 10.0).P), np.random.default_rng(1).normal(size=(40, 2))
    assert P.sum() == pytest.approx(1)
    w = 1 / (1 + tsne.squared_distances(y))
    np.fill_diagonal(w, 0)
    q, off = w / w.sum(), ~np.eye(40, dtype=bool)
    value, slope = tsne.embedding_gradient(P, y, "divergence")
    assert value == pytest.approx((P[off] * np.log(P[off] / q[off])).sum(), rel=1e-12)
    crossed, same = tsne.embedding_gradient(P, y, "cross entropy")
    assert crossed - value == pytest.approx(entropy(P.ravel()), rel=1e-12)
    assert np.allclose(slope, same, atol=1e-15)
    up, down = y.copy(), y.copy()
    up[3, 1] += 1e-5
    down[3, 1] -= 1e-5
    quotient = (
        tsne.embedding_gradient(P, up, "divergence")[0] - tsne.embedding_gradient(P, down, "divergence")[0]
    ) / 2e-5
    assert slope[3, 1] == pytest.approx(quotient, abs=1e-9)


def test_descent_lowers_the_loss_and_is_repeatable() -> None:
    P = tsne.joint(tsne.neighbours(D, 10.0).P)
    losses, path = tsne.embed(P, 20, 10.0, "divergence", seed=4)
    again = tsne.embed(P, 20, 10.0, "divergence", seed=4)[1]
    assert losses[-1] < losses[0]
    assert path.shape == (21, 40, 2)
    assert np.array_equal(path, again)
    assert not np.array_equal(path, tsne.embed(P, 20, 10.0, "divergence", seed=5)[1])
    with pytest.raises(ResiduaError, match="loss"):
        tsne.embed(P, 1, 1.0, "squares")

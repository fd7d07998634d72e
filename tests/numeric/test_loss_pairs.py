import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax
from scipy.stats import entropy

from residua_network import Linear, Network, ResiduaError
from residua_numeric import build
from residua_numeric.loss_pairs import (
    descend,
    informations,
    logit_gradient,
    logit_hessian,
    loss_gradient,
    moving_labels,
)

RANDOM = np.random.default_rng(0)
X, P = RANDOM.normal(size=(12, 3)), RANDOM.dirichlet(np.ones(4), 12)
NET = Network((Linear(3, 4),))


def logits(flat: np.ndarray) -> np.ndarray:
    """Of a linear net with weights (4, 3) and biases (4,) in one row."""
    found: np.ndarray = X @ flat[:12].reshape(4, 3).T + flat[12:]
    return found


def test_losses_are_scipys() -> None:
    model = build(NET, seed=1)
    flat = torch.nn.utils.parameters_to_vector(model.parameters()).detach().numpy()
    crossed = loss_gradient("cross entropy", model, torch.tensor(X), torch.tensor(P))
    apart = loss_gradient("divergence", model, torch.tensor(X), torch.tensor(P))
    q = log_softmax(logits(flat), axis=1)
    assert crossed[0] == pytest.approx(-(P * q).sum() / 12, rel=1e-13)
    assert apart[0] == pytest.approx(crossed[0] - np.mean([entropy(row) for row in P]), rel=1e-12)
    slope = (np.exp(q) - P).T @ X / 12
    assert np.allclose(crossed[1][:12], slope.ravel(), atol=1e-14)
    assert np.allclose(apart[1], crossed[1], atol=1e-15)
    with pytest.raises(ResiduaError, match="loss"):
        loss_gradient("squares", model, torch.tensor(X), torch.tensor(P))


def test_descent_moves_the_model_along_the_gradient() -> None:
    model = build(NET, seed=1)
    losses, path = descend("divergence", model, torch.tensor(X), torch.tensor(P), 5, 0.3)
    assert losses.shape == (5,)
    assert path.shape == (6, 16)
    assert losses[-1] < losses[0]
    fresh = build(NET, seed=1)
    slope = loss_gradient("divergence", fresh, torch.tensor(X), torch.tensor(P))[1]
    assert np.array_equal(path[1], path[0] - 0.3 * slope)
    assert np.array_equal(torch.nn.utils.parameters_to_vector(model.parameters()).detach().numpy(), path[-1])


def test_labels_that_move_have_other_gradients() -> None:
    z, t = RANDOM.normal(size=(2, 5, 3))
    found = moving_labels(z, t)
    assert np.allclose(found["cross entropy"][0], found["divergence"][0], atol=1e-15)
    p = softmax(t, axis=1)
    own = np.array([[entropy(row)] for row in p])
    difference = found["cross entropy"][1] - found["divergence"][1]
    assert np.allclose(difference, -p * (np.log(p) + own) / 5, atol=1e-14)
    assert abs(difference).max() > 1e-3


def test_derivatives_in_the_logits() -> None:
    z = RANDOM.normal(size=(6, 4))
    classes = np.array([0, 1, 2, 3, 0, 1])
    hot = np.eye(4)[classes]
    assert np.allclose(logit_gradient(z, classes), (softmax(z, axis=1) - hot) / 6, atol=1e-15)
    assert np.array_equal(logit_gradient(z, hot), logit_gradient(z, hot))
    q = softmax(z[0])
    assert np.allclose(logit_hessian(z[0], P[0]), np.diag(q) - np.outer(q, q), atol=1e-14)


def test_informations_of_torch() -> None:
    own, crossed, apart = informations(P[0], P[1])
    assert own == pytest.approx(entropy(P[0]), rel=1e-12)
    assert apart == pytest.approx(entropy(P[0], P[1]), rel=1e-12)
    assert crossed == pytest.approx(own + apart, rel=1e-12)

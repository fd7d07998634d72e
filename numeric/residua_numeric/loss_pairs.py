"""One model under cross entropy and under the divergence, with given probabilities as labels."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from residua_network.checks import one_of

Floats = NDArray[np.float64]
Loss = Callable[[Tensor, Tensor], Tensor]


def _divergence(logits: Tensor, P: Tensor) -> Tensor:
    return functional.kl_div(torch.log_softmax(logits, dim=1), P, reduction="batchmean")


PAIR: dict[str, Loss] = {"cross entropy": functional.cross_entropy, "divergence": _divergence}  # torch's own


def loss_gradient(name: str, model: nn.Module, x: Tensor, P: Tensor) -> tuple[float, Floats]:
    """The loss in nats, a mean over rows, and its gradient in all parameters, in one row."""
    one_of(name, PAIR, "loss", "loss_gradient")
    value = PAIR[name](model(x), P)
    slopes = torch.autograd.grad(value, list(model.parameters()))
    return float(value.detach()), torch.cat([s.flatten() for s in slopes]).numpy()


def descend(name: str, model: nn.Module, x: Tensor, P: Tensor, steps: int, rate: float) -> tuple[Floats, Floats]:
    """Losses (steps,) and parameters (steps + 1, count) of full-batch descent; `model` is moved."""
    losses, path = [], [_flat(model)]
    for _ in range(steps):
        value, slope = loss_gradient(name, model, x, P)
        losses.append(value)
        path.append(path[-1] - rate * slope)
        torch.nn.utils.vector_to_parameters(torch.tensor(path[-1]), model.parameters())
    return np.array(losses), np.array(path)


def _flat(model: nn.Module) -> Floats:
    return torch.nn.utils.parameters_to_vector(model.parameters()).detach().numpy().copy()


def moving_labels(logits: Floats, teacher: Floats) -> dict[str, tuple[Floats, Floats]]:
    """Gradients of both losses in the logits of Q and in the logits of P = softmax(teacher), both (rows, V)."""
    found = {}
    for name, loss in PAIR.items():
        z, t = (torch.tensor(one, requires_grad=True) for one in (logits, teacher))
        value = loss(z, torch.softmax(t, dim=1))
        of_z, of_t = torch.autograd.grad(value, (z, t))
        found[name] = of_z.numpy(), of_t.numpy()
    return found


def logit_gradient(logits: Floats, P: Floats) -> Floats:
    """∂(mean cross entropy)/∂z by autograd, (rows, V); P holds probabilities, or whole numbers: the classes."""
    z = torch.tensor(logits, requires_grad=True)
    (slope,) = torch.autograd.grad(functional.cross_entropy(z, torch.tensor(P)), z)
    found: Floats = slope.numpy()
    return found


def logit_hessian(logits: Floats, P: Floats) -> Floats:
    """∂²(cross entropy)/∂z∂z of one row by autograd, (V, V)."""
    target = torch.tensor(P)[None]
    slope = torch.func.grad(lambda z: functional.cross_entropy(z[None], target))
    found = torch.func.jacrev(slope)(torch.tensor(logits))
    matrix: Floats = found.detach().numpy()
    return matrix


def informations(P: Floats, Q: Floats) -> tuple[float, float, float]:
    """H(P), H(P, Q), D(P ‖ Q) in nats as torch computes them, from Categorical, cross_entropy and kl_div."""
    p, q = torch.tensor(P), torch.tensor(Q)
    own = torch.distributions.Categorical(probs=p, validate_args=False).entropy()  # type: ignore[no-untyped-call]
    crossed = -torch.special.xlogy(p, q).sum()
    apart = functional.kl_div(q.log(), p, reduction="sum")
    return float(own), float(crossed), float(apart)

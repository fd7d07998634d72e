"""One hidden layer with a normaliser as a torch model, and the loss, gradients and inputs of it that studies need."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from residua_network import Activation, BatchNorm, LayerNorm, Linear, Network, RMSNorm
from residua_numeric import build

Floats = NDArray[np.float64]
INPUTS, FEATURES, ROWS = 6, 8, 24
NORMS: dict[str, Callable[..., Any]] = {"batchnorm": BatchNorm, "layernorm": LayerNorm, "rmsnorm": RMSNorm}
# Roundings between a forward and a backward pass and the sums of the formulas: some ten operations a term, of each of
# the rows, inputs and features that are summed over.
OPERATIONS = 10 * (ROWS + INPUTS + FEATURES)
ROUNDING = OPERATIONS * float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Case:
    """A model with weights away from their initial values, inputs, targets; `scale` multiplies the first weights."""

    kind: str
    activation: str = "tanh"
    eps: float = 0.0
    seed: int = 0
    scale: float = 1.0

    @property
    def network(self) -> Network:
        """Linear, normaliser, activation, Linear."""
        norm = NORMS[self.kind](FEATURES, eps=self.eps)
        first = Linear(INPUTS, FEATURES, bias=False)
        return Network((first, norm, Activation(self.activation), Linear(FEATURES, 2)))

    @property
    def model(self) -> nn.Sequential:
        """Built with normal weights; γ and β perturbed."""
        model = build(self.network, seed=self.seed, init=1.0)
        generator = torch.Generator().manual_seed(self.seed + 1)
        with torch.no_grad():
            first_weight(model).mul_(self.scale)
            for name, tensor in model[1].named_parameters():
                noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
                tensor.copy_(1 + 0.4 * noise if name == "weight" else 0.3 * noise)
        return model

    @property
    def data(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets."""
        generator = torch.Generator().manual_seed(self.seed + 2)
        x = torch.randn(ROWS, INPUTS, generator=generator, dtype=torch.float64)
        return x, torch.randn(ROWS, 2, generator=generator, dtype=torch.float64)


@dataclass(frozen=True)
class Passed:
    """What a forward and a backward pass left at the normaliser: x before it, z after it, the gradients at both."""

    x: Floats
    z: Floats
    at_x: Floats
    at_z: Floats
    gamma: Floats
    beta: Floats
    weights: Floats
    at_weights: Floats
    inputs: Floats

    @property
    def xhat(self) -> Floats:
        """The normalised features, from what the model gave out."""
        return np.asarray((self.z - self.beta) / self.gamma)


def passed(case: Case) -> Passed:
    """One forward and one backward pass of the mean square error."""
    model, (inputs, targets) = case.model, case.data
    x = model[0](inputs)
    z = model[1](x)
    loss = squared_error(model[2:](z), targets)
    found = torch.autograd.grad(loss, (x, z, first_weight(model)))
    gamma = cast(Tensor, model[1].weight)
    beta = getattr(model[1], "bias", None)
    shift = torch.zeros_like(gamma) if beta is None else beta
    arrays = (
        t.detach().numpy() for t in (x, z, found[0], found[1], gamma, shift, first_weight(model), found[2], inputs)
    )
    return Passed(*arrays)


def first_weight(model: nn.Sequential) -> Tensor:
    """Of the first Linear, as the model holds it."""
    return cast(Tensor, model[0].weight)


def squared_error(y: Tensor, targets: Tensor) -> Tensor:
    """Mean over the rows of the squared distance."""
    return ((y - targets) ** 2).sum(dim=1).mean()


def hessian_times_weights(case: Case) -> tuple[Floats, Floats]:
    """(∇L, H w) for the first Linear's weights w, row by row: H_jj w_j, one feature at a time."""
    model, (inputs, targets) = case.model, case.data
    weight = first_weight(model)
    loss = squared_error(model(inputs), targets)
    (gradient,) = torch.autograd.grad(loss, weight, create_graph=True)
    products = []
    for row in range(FEATURES):
        direction = torch.zeros_like(weight)
        direction[row] = weight.detach()[row]
        (product,) = torch.autograd.grad((gradient * direction).sum(), weight, retain_graph=True)
        products.append(product[row].numpy())
    return gradient.detach().numpy(), np.stack(products)

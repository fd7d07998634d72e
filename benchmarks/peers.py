"""What a torch user would write: the peers of the benchmarks, on a plain nn.Sequential."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional


def vmap_jacrev(model: nn.Sequential, x: Tensor) -> Tensor:
    """The Jacobians (batch, outputs, inputs) by torch.func."""
    jacobians: Tensor = torch.func.vmap(torch.func.jacrev(model))(x)
    return jacobians


def loop_over_outputs(model: nn.Sequential, x: Tensor) -> Tensor:
    """The Jacobians (batch, outputs, inputs), one reverse pass an output; rows do not meet, so one pass serves all."""
    x = x.clone().requires_grad_()
    outputs = model(x).sum(dim=0)
    return torch.stack([torch.autograd.grad(y, x, retain_graph=True)[0] for y in outputs], dim=1)


def gradient_norms(model: nn.Sequential, x: Tensor, cotangent: Tensor) -> Tensor:
    """Norms (batch, layers) at the inputs of all layers, by one reverse pass."""
    h = x.clone().requires_grad_()
    inputs = []
    for layer in model:
        inputs.append(h)
        h = layer(h)
    return torch.stack([g.norm(dim=1) for g in torch.autograd.grad(h, inputs, cotangent)], dim=1)


def training(model: nn.Sequential, x: Tensor, y: Tensor, steps: int, rate: float, batch: int, seed: int) -> None:
    """The bare loop, in place."""
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    for rows, _ in zip(minibatches(len(x), batch, seed), range(steps), strict=False):
        optimiser.zero_grad()
        functional.mse_loss(model(x[rows]), y[rows]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def minibatches(points: int, batch: int, seed: int) -> Iterator[Tensor]:
    """The same batches as ours: a new order every epoch, without the few rows that fill no batch."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(points, generator=generator)
        yield from torch.split(order[: points - points % batch], batch)

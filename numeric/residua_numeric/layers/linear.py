from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from residua_network import Layer, Linear

TYPES = (nn.Linear,)


def module(layer: Linear) -> nn.Linear:
    return nn.Linear(layer.inputs, layer.outputs, bias=layer.bias)


def stacked(
    layer: Linear, own: Mapping[str, Tensor], x: Tensor, training: bool, branch: Callable[[Tensor], Tensor]
) -> Tensor:
    bias = own["bias"] if layer.bias else x.new_zeros(())
    found: Tensor = _Products.apply(x, own["weight"], bias)  # type: ignore[no-untyped-call]
    return found


class _Products(torch.autograd.Function):
    """x Wᵀ + b for each of several networks; the gradient of W comes in the order of W, which torch's own does not."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.biased = bias.ndim > 0
        return torch.baddbmm(bias.unsqueeze(1), x, weight.mT) if ctx.biased else torch.bmm(x, weight.mT)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        (g,), (x, weight), (wants_x, wants_weight, wants_bias) = gradients, ctx.saved_tensors, ctx.needs_input_grad
        return (
            torch.bmm(g, weight) if wants_x else None,
            torch.bmm(g.mT, x) if wants_weight else None,
            g.sum(1) if wants_bias else None,
        )


def layer(module: nn.Linear, branch: tuple[Layer, ...], dtype: torch.dtype) -> Linear:
    return Linear(module.in_features, module.out_features, bias=module.bias is not None)

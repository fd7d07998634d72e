from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from residua_network import Layer, Linear

TYPES = (nn.Linear,)


def module(layer: Linear) -> nn.Linear:
    return nn.Linear(layer.inputs, layer.outputs, bias=layer.bias)


def stacked(
    layer: Linear, own: Mapping[str, Tensor], x: Tensor, training: bool, branch: Callable[[Tensor], Tensor]
) -> Tensor:
    weight = own["weight"].mT
    return torch.baddbmm(own["bias"].unsqueeze(1), x, weight) if layer.bias else torch.bmm(x, weight)


def layer(module: nn.Linear, branch: tuple[Layer, ...], dtype: torch.dtype) -> Linear:
    return Linear(module.in_features, module.out_features, bias=module.bias is not None)

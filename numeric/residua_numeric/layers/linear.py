import torch
from torch import nn

from residua_network import Layer, Linear

TYPES = (nn.Linear,)


def module(layer: Linear) -> nn.Linear:
    return nn.Linear(layer.inputs, layer.outputs, bias=layer.bias)


def layer(module: nn.Linear, branch: tuple[Layer, ...], dtype: torch.dtype) -> Linear:
    return Linear(module.in_features, module.out_features, bias=module.bias is not None)

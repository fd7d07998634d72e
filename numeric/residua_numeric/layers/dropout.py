import torch
from torch import nn

from residua_network import Dropout, Layer

TYPES = (nn.Dropout,)


def module(layer: Dropout) -> nn.Dropout:
    return nn.Dropout(layer.rate)


def layer(module: nn.Dropout, branch: tuple[Layer, ...], dtype: torch.dtype) -> Dropout:
    return Dropout(module.p)

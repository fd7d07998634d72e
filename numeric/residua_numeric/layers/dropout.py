from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from residua_network import Dropout, Layer

TYPES = (nn.Dropout,)


def module(layer: Dropout) -> nn.Dropout:
    return nn.Dropout(layer.rate)


def stacked(
    layer: Dropout, own: Mapping[str, Tensor], x: Tensor, training: bool, branch: Callable[[Tensor], Tensor]
) -> Tensor:
    """Its mask comes from outside, (networks, rows, features); without one it is the identity."""
    return x * own["mask"] if "mask" in own else x


def layer(module: nn.Dropout, branch: tuple[Layer, ...], dtype: torch.dtype) -> Dropout:
    return Dropout(module.p)

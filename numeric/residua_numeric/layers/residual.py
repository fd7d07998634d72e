from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from residua_network import Layer
from residua_network import Residual as Described
from residua_numeric.layers import sequence


class Residual(nn.Module):
    """y = x + scale · branch(x); any shape that the branch keeps."""

    def __init__(self, branch: nn.Sequential, scale: float = 1.0) -> None:
        super().__init__()
        self.branch = branch
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        inside: Tensor = self.branch(x)
        return x + self.scale * inside

    def extra_repr(self) -> str:
        return f"scale={self.scale}"


TYPES = (Residual,)


def module(layer: Described) -> Residual:
    return Residual(sequence(layer.branch), layer.scale)


def stacked(
    layer: Described, own: Mapping[str, Tensor], x: Tensor, training: bool, branch: Callable[[Tensor], Tensor]
) -> Tensor:
    return torch.add(x, branch(x), alpha=layer.scale)


def layer(module: Residual, branch: tuple[Layer, ...], dtype: torch.dtype) -> Described:
    return Described(branch, scale=module.scale)

import torch
from torch import nn

from residua_network import DescriptionError, Layer, LayerNorm

TYPES = (nn.LayerNorm,)


def module(layer: LayerNorm) -> nn.LayerNorm:
    return nn.LayerNorm(layer.size, eps=layer.eps, elementwise_affine=layer.affine)


def layer(module: nn.LayerNorm, branch: tuple[Layer, ...], dtype: torch.dtype) -> LayerNorm:
    if len(module.normalized_shape) != 1:
        raise DescriptionError("residua knows layer norm over one axis only")
    return LayerNorm(module.normalized_shape[0], eps=module.eps, affine=module.elementwise_affine)

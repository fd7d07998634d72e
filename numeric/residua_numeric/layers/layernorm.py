from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from residua_network import DescriptionError, Layer, LayerNorm

TYPES = (nn.LayerNorm,)


def module(layer: LayerNorm) -> nn.LayerNorm:
    return nn.LayerNorm(layer.size, eps=layer.eps, elementwise_affine=layer.affine)


def stacked(
    layer: LayerNorm, own: Mapping[str, Tensor], x: Tensor, training: bool, branch: Callable[[Tensor], Tensor]
) -> Tensor:
    y = functional.layer_norm(x, (layer.size,), eps=layer.eps)
    return torch.addcmul(own["bias"].unsqueeze(1), y, own["weight"].unsqueeze(1)) if layer.affine else y


def layer(module: nn.LayerNorm, branch: tuple[Layer, ...], dtype: torch.dtype) -> LayerNorm:
    if len(module.normalized_shape) != 1:
        raise DescriptionError("residua knows layer norm over one axis only")
    return LayerNorm(module.normalized_shape[0], eps=module.eps, affine=module.elementwise_affine)

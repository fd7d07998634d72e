from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from residua_network import DescriptionError, Layer, RMSNorm

TYPES = (nn.RMSNorm,)


def module(layer: RMSNorm) -> nn.RMSNorm:
    return nn.RMSNorm(layer.size, eps=layer.eps, elementwise_affine=layer.affine)


def stacked(
    layer: RMSNorm, own: Mapping[str, Tensor], x: Tensor, training: bool, branch: Callable[[Tensor], Tensor]
) -> Tensor:
    y = functional.rms_norm(x, (layer.size,), eps=layer.eps)
    return y * own["weight"].unsqueeze(1) if layer.affine else y


def layer(module: nn.RMSNorm, branch: tuple[Layer, ...], dtype: torch.dtype) -> RMSNorm:
    if len(module.normalized_shape) != 1:
        raise DescriptionError("residua knows RMS norm over one axis only")
    eps = torch.finfo(dtype).eps if module.eps is None else module.eps
    return RMSNorm(module.normalized_shape[0], eps=eps, affine=module.elementwise_affine)

"""Numbers that a block Linear → normaliser → ReLU holds: counted in torch's own modules."""

from typing import NamedTuple

import torch
from torch import nn

from residua_network.checks import one_of
from residua_numeric.cost import saved_bytes

NORMALISERS = ("none", "batchnorm", "layernorm")


class Held(NamedTuple):
    """Numbers of one dtype, not bytes: parameters, stored statistics, kept for the way back."""

    parameters: int
    statistics: int
    kept: int


def held(normaliser: str, batch: int, width: int, dtype: torch.dtype = torch.float64) -> Held:
    """Of one block at that batch and width, in training mode. torch's counter of batches is no statistic."""
    one_of(normaliser, NORMALISERS, "normaliser", "held")
    norms: dict[str, tuple[nn.Module, ...]] = {
        "none": (),
        "batchnorm": (nn.BatchNorm1d(width),),
        "layernorm": (nn.LayerNorm(width),),
    }
    block = nn.Sequential(nn.Linear(width, width), *norms[normaliser], nn.ReLU()).to(dtype)
    x = torch.zeros(batch, width, dtype=dtype).normal_(generator=torch.Generator().manual_seed(0))
    there = [*block.parameters(), *block.buffers(), x]
    statistics = [buffer for buffer in block.buffers() if buffer.is_floating_point()]
    kept = saved_bytes(lambda: block(x), there) // x.element_size()
    return Held(sum(p.numel() for p in block.parameters()), sum(s.numel() for s in statistics), kept)

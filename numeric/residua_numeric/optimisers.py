"""The optimisers, and what they keep from one step to the next."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from residua_numeric.arrays import Array
from residua_numeric.weights import tensors_of

MOMENTUM = 0.9
KEPT: dict[str, tuple[str, ...]] = {  # by parameter, from its first step on
    "sgd": (),
    "momentum": ("momentum_buffer",),
    "adam": ("step", "exp_avg", "exp_avg_sq"),
}
OPTIMISERS = tuple(KEPT)


def optimiser_of(model: nn.Module, name: str, rate: float) -> torch.optim.Optimizer:
    """A new optimiser of the parameters that are not frozen."""
    return optimiser_for([p for p in model.parameters() if p.requires_grad], name, rate)


def optimiser_for(parameters: Iterable[Tensor], name: str, rate: float, fused: bool = False) -> torch.optim.Optimizer:
    """A new optimiser. fused: in one pass over the arrays, faster where they are large, its sums rounded otherwise."""
    if name == "adam":
        return torch.optim.Adam(parameters, lr=rate, fused=fused)
    return torch.optim.SGD(parameters, lr=rate, momentum=MOMENTUM if name == "momentum" else 0.0, fused=fused)


def kept_tensors(model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """{"0.weight.exp_avg": tensor, ...}: the optimiser's own tensors, not copies."""
    return {
        f"{name}.{key}": kept
        for name, tensor in tensors_of(model).items()
        if tensor in optimiser.state
        for key, kept in optimiser.state[tensor].items()
        if isinstance(kept, Tensor)
    }


def put_kept(model: nn.Module, optimiser: torch.optim.Optimizer, kept: Mapping[str, Array]) -> None:
    """Give a new optimiser what `kept_tensors` found; a parameter that is frozen now needs none."""
    trained = {parameter for group in optimiser.param_groups for parameter in group["params"]}
    parameters = {name: tensor for name, tensor in tensors_of(model).items() if tensor in trained}
    for name, array in kept.items():
        parameter, _, key = name.rpartition(".")
        if parameter in parameters:
            optimiser.state[parameters[parameter]][key] = torch.tensor(array)

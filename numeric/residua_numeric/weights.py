"""The weights of a model by the names of the description: read, and put in place."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from residua_numeric.modules import dtype_name, modules_of, torch_model, true_of

if TYPE_CHECKING:
    from residua_numeric.snapshot import Snapshot


def own_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers of one module, without those of its branch and without num_batches_tracked.

    A norm with a weight and no bias gets a bias of zeros: the description knows both or neither. So does a batch norm
    without stored statistics get a mean of zeros and a variance of ones.
    """
    module = true_of(module)
    found: dict[str, Tensor] = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    own = {
        name: tensor
        for name, tensor in found.items()
        if not name.startswith("branch.") and not name.endswith("num_batches_tracked")
    }
    if isinstance(module, nn.LayerNorm | nn.BatchNorm1d) and module.weight is not None and module.bias is None:
        own["bias"] = torch.zeros_like(module.weight)
    if isinstance(module, nn.BatchNorm1d) and module.running_mean is None:
        like = torch.empty(0) if module.weight is None else module.weight.detach()
        own |= {"running_mean": like.new_zeros(module.num_features), "running_var": like.new_ones(module.num_features)}
    return own


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """{"1.branch.0.weight": tensor, ...} in the order of the layers; the model's own tensors, not copies."""
    return {
        f"{place}.{name}": tensor
        for place, module in modules_of(model).items()
        for name, tensor in own_tensors(module).items()
    }


def weights_of(what: "nn.Module | Snapshot") -> dict[str, NDArray[np.float64]]:
    """{name as in the description: float64 array}: exact copies, which later changes of the model do not reach."""
    kept = getattr(what, "weights", None)
    if isinstance(kept, Mapping):  # a Snapshot
        return {name: np.array(array, dtype=np.float64) for name, array in kept.items()}
    dtype_name(torch_model(what, "weights_of"))  # refuses dtypes and devices that numpy does not read
    return {
        name: np.array(t.detach().numpy(), dtype=np.float64)
        for name, t in tensors_of(torch_model(what, "weights_of")).items()
    }


def put(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy `weights`, one for every tensor of `model`, into the model, cast to its dtype."""
    with torch.no_grad():
        for name, tensor in tensors_of(model).items():
            tensor.copy_(weights[name])

"""The modules of a torch model by the names of the description. Structure only: what a module computes is not asked."""

from collections.abc import Iterator

import torch
from torch import nn

from residua_network import DescriptionError, Network, ShapeError
from residua_numeric.faulty import Faulty
from residua_numeric.layers.batchnorm import BatchNorm

DTYPES = {"float64": torch.float64, "float32": torch.float32}


def modules_of(model: nn.Module) -> dict[str, nn.Module]:
    """{name as in the description: module}, in the order of `net.walk()`: a composite before what is inside it.

    Any nn.Sequential is flattened, any module with a `branch` that is an nn.Sequential is entered; no type is judged,
    so that a module that computes something else is still found. A module used twice stands under both names.
    Raises DescriptionError when `model` is no nn.Sequential.
    """
    if not isinstance(model, nn.Sequential):
        raise DescriptionError(f"expected a torch.nn.Sequential, got {type(model).__name__}")
    return dict(_walk(model, ""))


def flat(sequence: nn.Sequential) -> Iterator[nn.Module]:
    """The modules of a Sequential, Sequentials inside it flattened."""
    for module in sequence:
        if isinstance(module, nn.Sequential):
            yield from flat(module)
        else:
            yield module


def branch_of(module: nn.Module) -> nn.Sequential | None:
    """The branch of a composite; None for a plain layer."""
    branch = getattr(module, "branch", None)
    return branch if isinstance(branch, nn.Sequential) else None


def true_of(module: nn.Module) -> nn.Module:
    """The module in whose place a planted fault stands; any other module itself."""
    return module.true if isinstance(module, Faulty) else module


def everything(module: nn.Module) -> Iterator[nn.Module]:
    """`module` and all modules inside it, those in whose place faults stand too."""
    for one in module.modules():
        yield one
        if isinstance(one, Faulty):
            yield one.true


def _walk(sequence: nn.Sequential, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    for k, module in enumerate(flat(sequence)):
        yield f"{prefix}{k}", module
        branch = branch_of(module)
        if branch is not None:
            yield from _walk(branch, f"{prefix}{k}.branch.")


def torch_model(model: object, where: str) -> nn.Module:
    """`model` if it is a torch module; DescriptionError with a hint where it is not."""
    if isinstance(model, nn.Module):
        return model
    hint = "; build(net) makes one of a description" if isinstance(model, Network) else ""
    raise DescriptionError(f"{where}: expected a torch model, got {type(model).__name__}{hint}")


def dtype_name(model: nn.Module) -> str:
    """ "float64" or "float32": the dtype of parameters and buffers, counts aside; float64 where there are none.

    Raises ShapeError for other or mixed dtypes and for a model that is not on the CPU.
    """
    tensors = [*model.parameters(), *(buffer for buffer in model.buffers() if buffer.is_floating_point())]
    found = {t.dtype for t in tensors} or {torch.float64}
    names = [name for name, dtype in DTYPES.items() if found == {dtype}]
    if not names:
        got = ", ".join(sorted(str(dtype) for dtype in found))
        raise ShapeError(f"model: expected parameters that are all float64 or all float32, got {got}")
    devices = {str(t.device) for t in tensors} - {"cpu"}
    if devices:
        raise ShapeError(f"model: expected it on the cpu, got parameters on {', '.join(sorted(devices))}")
    return names[0]


def input_width(model: nn.Module) -> int | None:
    """Width of the input as the first layer with a size states it; None where it does not."""
    for module in modules_of(model).values():
        if isinstance(module, nn.Linear):
            return module.in_features
        if isinstance(module, nn.LayerNorm | nn.RMSNorm):
            return int(module.normalized_shape[-1])
        if isinstance(module, BatchNorm | nn.BatchNorm1d):
            return module.num_features
        if any(True for _ in module.parameters(recurse=False)):
            return None
    return None

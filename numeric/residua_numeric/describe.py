"""The description of a user's own torch model, as far as its modules are of the kinds that residua has."""

import torch
from torch import nn

from residua_network import DescriptionError, Layer, Network
from residua_network.checks import whole
from residua_numeric.layers import describers
from residua_numeric.modules import DTYPES, branch_of, dtype_name, flat
from residua_numeric.weights import own_tensors


def describe(model: nn.Module, inputs: int | None = None) -> Network:
    """The Network that `model`, an nn.Sequential, computes in eval mode; Sequentials inside it are flattened.

    Batch norms keep their statistics: torch's own are on "batch" in training mode or where they store none.
    `inputs` is needed only where no layer states a size. Modules are judged by exact type: a subclass may compute
    anything. RMSNorm with eps=None has the eps that torch uses at the model's dtype.
    Raises DescriptionError naming the module and its place where residua has no kind for it.
    """
    if not isinstance(model, nn.Sequential):
        raise DescriptionError(f"describe: expected a torch.nn.Sequential, got {type(model).__name__}")
    width = 0 if inputs is None else whole(inputs, "inputs", "describe")
    return Network(_layers(model, "", DTYPES[dtype_name(model)]), width)


def _layers(sequence: nn.Sequential, prefix: str, dtype: torch.dtype) -> tuple[Layer, ...]:
    _check_plain(sequence, prefix)
    return tuple(_layer(module, f"{prefix}{k}", dtype) for k, module in enumerate(flat(sequence)))


def _check_plain(sequence: nn.Sequential, prefix: str) -> None:
    """Refuses a Sequential, here or nested, that does not just call its modules one after another."""
    if type(sequence).forward is not nn.Sequential.forward or "forward" in vars(sequence):
        raise _refusal(sequence, prefix.removesuffix(".") or "model", "a Sequential with a forward of its own")
    for name, module in sequence.named_children():
        if isinstance(module, nn.Sequential):
            _check_plain(module, f"{prefix}{name}.")


def _layer(module: nn.Module, place: str, dtype: torch.dtype) -> Layer:
    known = describers()
    if type(module) not in known or "forward" in vars(module):
        names = ", ".join(sorted({kind.__name__ for kind in known}))
        raise _refusal(module, place, f"which residua has no layer kind for; known: {names}")
    branch = branch_of(module)
    inside = () if branch is None else _layers(branch, f"{place}.branch.", dtype)
    try:
        layer: Layer = known[type(module)].layer(module, inside, dtype)
    except DescriptionError as error:
        raise _refusal(module, place, str(error)) from None
    _check_shapes(module, layer, place)
    return layer


def _check_shapes(module: nn.Module, layer: Layer, place: str) -> None:
    """Reparametrised modules keep their class but not their parameters."""
    got = {name: tuple(tensor.shape) for name, tensor in own_tensors(module).items()}
    if got != layer.shapes:
        raise _refusal(module, place, f"whose parameters are {got}, expected {layer.shapes}")


def _refusal(module: nn.Module, place: str, why: str) -> DescriptionError:
    words = repr(module)
    if "\n" in words:  # modules with others inside print one a line
        words = f"{type(module).__name__}(...)"
    return DescriptionError(f'describe: "{place}" is {words}, {why}')

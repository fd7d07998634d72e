"""Several networks of one description run at once, layer by layer: what is batched is the kind's own affair."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from residua_network import Layer, Network
from residua_numeric.layers import files, module_of


def outputs(
    layers: Sequence[Layer],
    tensors: Mapping[str, Tensor],
    x: Tensor,
    *,
    training: bool = False,
    model: nn.Module | None = None,
    prefix: str = "",
) -> Iterator[Tensor]:
    """The output of every layer in turn, (networks, rows, features), at x of that shape.

    tensors: {name as in the description: (networks, *shape)}, parameters and buffers. A kind without a `stacked` of
    its own is run by vmap: as its module in `model`, or a new one in eval mode.
    """
    for k, layer in enumerate(layers):
        x = _output(layer, f"{prefix}{k}", tensors, x, training, model)
        yield x


def last_output(
    layers: Sequence[Layer],
    tensors: Mapping[str, Tensor],
    x: Tensor,
    *,
    training: bool = False,
    model: nn.Module | None = None,
    prefix: str = "",
) -> Tensor:
    """The last of `outputs`."""
    for last in outputs(layers, tensors, x, training=training, model=model, prefix=prefix):
        x = last
    return x


def widest(net: Network) -> int:
    """The largest width of any layer's input or output, inside branches too."""
    return max(net.inputs, *(size for _, layer in net.walk() for size in (layer.takes or 0, layer.gives or 0)))


def _output(
    layer: Layer, place: str, tensors: Mapping[str, Tensor], x: Tensor, training: bool, model: nn.Module | None
) -> Tensor:
    file = files().get(layer.kind)
    if file is None or not hasattr(file, "stacked"):
        module = module_of(layer).eval() if model is None else model.get_submodule(place)
        return _mapped(module, f"{place}.", tensors, x)
    own = {name: tensors[f"{place}.{name}"] for name in (*layer.shapes, "mask") if f"{place}.{name}" in tensors}

    def branch(inside: Tensor) -> Tensor:
        return last_output(layer.branch, tensors, inside, training=training, model=model, prefix=f"{place}.branch.")

    found: Tensor = file.stacked(layer, own, x, training, branch)
    return found


def _mapped(module: nn.Module, prefix: str, tensors: Mapping[str, Tensor], x: Tensor) -> Tensor:
    own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}

    def one(own: dict[str, Tensor], x: Tensor) -> Tensor:
        output: Tensor = functional_call(module, own, (x,))
        return output

    found: Tensor = torch.func.vmap(one)(own, x)
    return found

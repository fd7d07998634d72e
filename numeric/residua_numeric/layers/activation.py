from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from residua_network import Activation as Described
from residua_network import DescriptionError, Layer
from residua_network.checks import one_of


def _softplus(x: Tensor) -> Tensor:
    """log(1 + exp x) at every x; torch's own softplus switches to the identity at 20, which costs 2e-9."""
    return torch.logaddexp(x, torch.zeros_like(x))


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": torch.clone,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "softplus": _softplus,
    "sin": torch.sin,
    "square": torch.square,
    "cube": lambda x: x**3,
}


class Activation(nn.Module):
    """y = φ(x) entry by entry, φ by name; any shape."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = one_of(name, FUNCTIONS, "activation", "Activation")

    def forward(self, x: Tensor) -> Tensor:
        return FUNCTIONS[self.name](x)

    def extra_repr(self) -> str:
        return repr(self.name)


_TORCH_NAMES: dict[type[nn.Module], str] = {
    nn.Identity: "identity",
    nn.ReLU: "relu",
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.Softplus: "softplus",
}
TYPES = (Activation, *_TORCH_NAMES)


def module(layer: Described) -> Activation:
    return Activation(layer.name)


def stacked(
    layer: Described, own: Mapping[str, Tensor], x: Tensor, training: bool, branch: Callable[[Tensor], Tensor]
) -> Tensor:
    return FUNCTIONS[layer.name](x)


def layer(module: nn.Module, branch: tuple[Layer, ...], dtype: torch.dtype) -> Described:
    if isinstance(module, Activation):
        return Described(module.name)
    if isinstance(module, nn.GELU) and module.approximate != "none":
        raise DescriptionError("residua knows gelu with approximate='none' only")
    if isinstance(module, nn.Softplus) and not (module.beta == 1 and module.threshold >= 20):
        raise DescriptionError("residua knows softplus with beta=1 and a threshold of at least 20 only")
    return Described(_TORCH_NAMES[type(module)])

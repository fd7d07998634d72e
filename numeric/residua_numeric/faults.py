"""Mistakes that people make in torch modules, to be planted on purpose: what a checker must find."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from residua_network import Layer, ResiduaError
from residua_numeric.modules import modules_of

Module = Any  # a torch module, whose own attributes mypy does not know
Forward = Callable[[Module, Tensor], Tensor]


@dataclass(frozen=True)
class Fault:
    """A mistake in a layer of one kind: `forward` replaces what the module computes; it sees the true module.

    Some can only be made in a layer whose input is as wide as its output.
    """

    name: str
    kind: str
    forward: Forward
    only_square: bool = False

    def fits(self, layer: Layer) -> bool:
        """Whether this mistake can be made in this layer."""
        return layer.kind == self.kind and (layer.takes == layer.gives or not self.only_square)


class Faulty(nn.Module):
    """A module with a mistake in it; parameters and branch are those of the true one."""

    def __init__(self, module: nn.Module, forward: Forward) -> None:
        super().__init__()
        for name, parameter in module.named_parameters(recurse=False):
            self.register_parameter(name, parameter)
        for name, child in module.named_children():
            self.add_module(name, child)
        self._true, self._forward = [module], forward  # in a list, so that it does not become a child

    def forward(self, x: Tensor) -> Tensor:
        return self._forward(self._true[0], x)


def plant(model: nn.Sequential, name: str, fault: Fault) -> None:
    """Put the fault into the layer of that name ("1.branch.0"). Raises ResiduaError when there is none."""
    if name not in modules_of(model):
        raise ResiduaError(f'plant: the model has no layer "{name}"; it has {", ".join(modules_of(model))}')
    path, _, last = name.rpartition(".")
    parent = model.get_submodule(path) if path else model
    parent[int(last)] = Faulty(modules_of(model)[name], fault.forward)  # type: ignore[operator]


def _affine(module: Module, xhat: Tensor) -> Tensor:
    scaled: Tensor = xhat * module.weight + getattr(module, "bias", 0.0)
    return scaled


def _layernorm(
    mean: Callable[[Tensor], Tensor] = lambda x: x.mean(-1, keepdim=True),
    square: Callable[[Tensor], Tensor] = lambda c: (c * c).mean(-1, keepdim=True),
    root: Callable[[Tensor, float], Tensor] = lambda v, eps: torch.sqrt(v + eps),
    affine: Callable[[Module, Tensor], Tensor] = _affine,
) -> Forward:
    def forward(module: Module, x: Tensor) -> Tensor:
        centred = x - mean(x)
        return affine(module, centred / root(square(centred), module.eps))

    return forward


def _linear(change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> Forward:
    def forward(module: Module, x: Tensor) -> Tensor:
        weight, bias = change(module.weight, module.bias)
        return x @ weight.T + bias

    return forward


def _moved(weight: Tensor) -> Tensor:
    """One entry moved by 1e-6."""
    change = torch.zeros_like(weight)
    change[0, -1] = 1e-6
    return weight + change


def _sum_of_squares(c: Tensor) -> Tensor:
    return (c * c).sum(-1, keepdim=True)


def _zero(x: Tensor) -> Tensor:
    return torch.zeros_like(x[..., :1])


def _first_row_twice(weight: Tensor) -> Tensor:
    return torch.cat([weight[:1], weight[:1], weight[2:]])


FAULTS: tuple[Fault, ...] = (
    Fault("weight transposed", "linear", _linear(lambda w, b: (w.T, b)), only_square=True),
    Fault("bias left out", "linear", _linear(lambda w, b: (w, 0 * b))),
    Fault("bias subtracted", "linear", _linear(lambda w, b: (w, -b))),
    Fault("one weight moved by 1e-6", "linear", _linear(lambda w, b: (_moved(w), b))),
    Fault("one row used twice", "linear", _linear(lambda w, b: (_first_row_twice(w), b))),
    Fault("ε 1e-3 where 1e-2 was described", "layernorm", _layernorm(root=lambda v, _: torch.sqrt(v + 1e-3))),
    Fault("ε outside the root", "layernorm", _layernorm(root=lambda v, eps: torch.sqrt(v) + eps)),
    Fault("mean without 1/n (003, 1.4)", "layernorm", _layernorm(mean=lambda x: x.sum(-1, keepdim=True))),
    Fault("variance without 1/n (003, 1.5)", "layernorm", _layernorm(square=_sum_of_squares)),
    Fault("sample variance, 1/(n − 1)", "layernorm", _layernorm(square=lambda c: c.var(-1, keepdim=True))),
    Fault("mean not subtracted", "layernorm", _layernorm(mean=_zero)),
    Fault("divided by the variance, not its root", "layernorm", _layernorm(root=lambda v, eps: v + eps)),
    Fault("γ left out", "layernorm", _layernorm(affine=lambda m, xhat: xhat + m.bias)),
    Fault("β left out", "layernorm", _layernorm(affine=lambda m, xhat: xhat * m.weight)),
    Fault(
        "statistics detached from the gradient",
        "layernorm",
        _layernorm(mean=lambda x: x.mean(-1, keepdim=True).detach(), root=lambda v, eps: torch.sqrt(v + eps).detach()),
    ),
    Fault("mean subtracted", "rmsnorm", _layernorm()),
    Fault("mean square without 1/n", "rmsnorm", _layernorm(mean=_zero, square=_sum_of_squares)),
    Fault("γ left out", "rmsnorm", _layernorm(mean=_zero, affine=lambda m, xhat: xhat)),
    Fault("root mean square detached", "rmsnorm", _layernorm(mean=_zero, root=lambda v, e: torch.sqrt(v + e).detach())),
    Fault("relu where gelu was described", "activation", lambda m, x: torch.relu(x)),
    Fault("gelu by its tanh formula", "activation", lambda m, x: nn.functional.gelu(x, approximate="tanh")),
    Fault("activation left out", "activation", lambda m, x: 1.0 * x),
    Fault("activation with a slope of 1.001", "activation", lambda m, x: m(1.001 * x)),
    Fault("skip left out", "residual", lambda m, x: m.scale * m.branch(x)),
    Fault("scale left out", "residual", lambda m, x: x + m.branch(x)),
    Fault("scale on the skip as well", "residual", lambda m, x: m.scale * (x + m.branch(x))),
    Fault("branch subtracted", "residual", lambda m, x: x - m.scale * m.branch(x)),
    Fault("branch detached from the gradient", "residual", lambda m, x: x + m.scale * m.branch(x).detach()),
    Fault("dropout that scales in evaluation", "dropout", lambda m, x: x * (1.0 - m.p)),
)

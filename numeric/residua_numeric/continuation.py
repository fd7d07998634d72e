"""A model continued to complex inputs and parameters, as far as it is analytic there."""

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import scipy.special
import torch
from torch import Tensor, nn
from torch.func import functional_call

from residua_network import ResiduaError
from residua_numeric.layers.activation import Activation
from residua_numeric.layers.batchnorm import BatchNorm, statistics_used
from residua_numeric.weights import tensors_of

Function = Callable[[Tensor], Tensor]


class Continuation:
    """`model` in complex128. Modules whose torch kernels take real numbers only, or conjugate, get an analytic form.

    On real arguments it is the model itself, which whoever uses it can check: `real` is that in float64.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model, self.twin = model, copy.deepcopy(model)
        for module in self.twin.modules():
            analytic = _analytic(module)
            if analytic is not None:
                module.forward = analytic
        found = {**dict(model.named_parameters()), **dict(model.named_buffers())}
        self.tensors = {name: t.detach().double() for name, t in found.items() if t.is_floating_point()}
        names = {id(tensor): name for name, tensor in found.items()}
        self.names = {name: names[id(t)] for name, t in tensors_of(model).items() if id(t) in names}

    def real(self, x: Tensor, tensors: Mapping[str, Tensor]) -> Tensor:
        """The model's own output in float64, with these instead of its own; names as in its state dict."""
        output: Tensor = functional_call(self.model, {**self.tensors, **tensors}, (x,))
        return output

    def __call__(self, x: Tensor, tensors: Mapping[str, Tensor]) -> Tensor:
        """The output of the twin in complex128. Raises ResiduaError where torch has no complex kernel."""
        wide = {name: t.to(torch.complex128) for name, t in {**self.tensors, **tensors}.items()}
        output: Tensor = functional_call(self.twin, wide, (x.to(torch.complex128),))
        return output


def _analytic(module: nn.Module) -> Function | None:
    """An analytic forward for modules that need one; None for the others."""
    if isinstance(module, Activation) and module.name in _FUNCTIONS:
        return _FUNCTIONS[module.name]
    if isinstance(module, nn.ReLU):
        return _relu
    if isinstance(module, nn.GELU) and module.approximate == "none":
        return _gelu
    if isinstance(module, nn.LayerNorm) and len(module.normalized_shape) == 1:
        return partial(_layer_norm, module)
    if isinstance(module, BatchNorm | nn.BatchNorm1d):
        return partial(_batch_norm, module)
    return None


def _relu(x: Tensor) -> Tensor:
    """The identity or nothing, by the sign of the real part: analytic as long as that keeps its sign."""
    return torch.where(x.real > 0, x, torch.zeros_like(x))


class _ErrorFunction(torch.autograd.Function):
    """erf of complex numbers, which torch has not; entry by entry, so that vmap need not look inside."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return torch.from_numpy(np.asarray(scipy.special.erf(x.numpy())))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Nothing is kept: no gradient is asked for."""

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor) -> tuple[Tensor, int | None]:
        return _error_function(x), in_dims[0]


def _error_function(x: Tensor) -> Tensor:
    found: Tensor = _ErrorFunction.apply(x)  # type: ignore[no-untyped-call]
    return found


def _gelu(x: Tensor) -> Tensor:
    return x * (1 + _error_function(x / 2**0.5)) / 2


_FUNCTIONS: dict[str, Function] = {"relu": _relu, "gelu": _gelu}


def _normalised(x: Tensor, mean: Tensor, variance: Tensor, of: nn.LayerNorm | BatchNorm | nn.BatchNorm1d) -> Tensor:
    y = (x - mean) / (variance + of.eps).sqrt()
    y = y if of.weight is None else y * of.weight
    return y if of.bias is None else y + of.bias


def _layer_norm(module: nn.LayerNorm, x: Tensor) -> Tensor:
    mean = x.mean(dim=-1, keepdim=True)
    return _normalised(x, mean, (x - mean).square().mean(dim=-1, keepdim=True), module)


def _batch_norm(module: BatchNorm | nn.BatchNorm1d, x: Tensor) -> Tensor:
    if statistics_used(module) == "batch":
        mean = x.mean(dim=0)
        return _normalised(x, mean, (x - mean).square().mean(dim=0), module)
    if module.running_mean is None or module.running_var is None:
        raise ResiduaError("continuation: a batch norm on running statistics stores none")
    return _normalised(x, module.running_mean, module.running_var, module)

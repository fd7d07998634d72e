"""The torch side of the functions that a Program is written in: one autograd node an operation."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor


class Step(torch.autograd.Function):
    """1 where x > 0, else 0; its derivative is 0 everywhere, and not, as by a comparison, missing from the graph."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return (x > 0).to(x.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return torch.zeros_like(gradients[0])

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        return torch.zeros_like(tangents[0])


def _softplus(x: Tensor) -> Tensor:
    """log(1 + exp x) at every x; torch's own softplus switches to the identity at 20, which costs 2e-9."""
    return torch.logaddexp(x, torch.zeros_like(x))


# torch's conventions at the kinks: the derivatives of abs, relu and sign are 0 at 0
FUNCTIONS: Mapping[str, Callable[..., Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "neg": torch.neg,
    "pow": torch.pow,
    **{name: getattr(torch, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{name: getattr(torch, name) for name in ("atan", "erf", "abs", "sign", "relu", "sigmoid")},
    "step": Step.apply,
    "softplus": _softplus,
}
CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e}

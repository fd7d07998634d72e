"""Forward mode: what one pass with a tangent gives."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def pushforward(function: Callable[[Tensor], Any], x: Tensor, tangent: Tensor) -> Any:
    """d/dt function(x + t·tangent) at t = 0, in the form (tensor, dict of tensors) of what the function gives."""
    with warnings.catch_warnings(), torch.no_grad():  # of the parameters; the tangent is carried along all the same
        # on first use torch loads rules that it writes in its own deprecated torch.jit
        warnings.filterwarnings("ignore", message="`torch.jit.script", category=DeprecationWarning)
        return torch.func.jvp(function, (x,), (tangent,))[1]

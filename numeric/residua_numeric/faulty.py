"""A module that stands in the place of another and computes something else."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

Module = Any  # a torch module, whose own attributes mypy does not know
Forward = Callable[[Module, Tensor], Tensor]


class Faulty(nn.Module):
    """A module with a mistake in it; parameters, buffers, branch and mode are those of the true one."""

    def __init__(self, module: nn.Module, forward: Forward) -> None:
        super().__init__()
        self._parameters, self._buffers, self._modules = module._parameters, module._buffers, module._modules
        self.training = module.training
        self._true, self._forward = [module], forward  # in a list, so that it does not become a child

    @property
    def true(self) -> nn.Module:
        """The module in whose place it stands."""
        return self._true[0]

    def train(self, mode: bool = True) -> "Faulty":
        super().train(mode)
        self.true.train(mode)
        return self

    def forward(self, x: Tensor) -> Tensor:
        return self._forward(self.true, x)

"""The state of a training one step back, so that a step that leads nowhere can be undone."""

from collections import defaultdict

import torch
from torch import Tensor, nn


class Memory:
    """Parameters, buffers, the optimiser's tensors and torch's global generator as they were before a step.

    A forward pass moves buffers and generator, the optimiser what is left: the former are noted before the one, and
    all is kept when the loss has proved finite.
    """

    def __init__(self, model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        self.parameters, self.buffers, self.optimiser = list(model.parameters()), list(model.buffers()), optimiser
        self.values = [parameter.detach().clone() for parameter in self.parameters]
        self.kept: dict[Tensor, dict[str, Tensor]] = defaultdict(dict)
        self.note()
        self.keep()

    def note(self) -> None:
        """Call before the forward pass."""
        self.noted = [buffer.clone() for buffer in self.buffers], torch.get_rng_state()

    def keep(self) -> None:
        """Call before the optimiser's step: this is the state to go back to."""
        self.entered = self.noted
        for copy, value in zip(self.values, self.parameters, strict=True):
            copy.copy_(value.detach())
        for parameter, tensors in self.optimiser.state.items():
            copies = self.kept[parameter]
            for name, tensor in tensors.items():
                if name in copies:
                    copies[name].copy_(tensor)
                else:
                    copies[name] = tensor.clone()

    def restore(self) -> None:
        """Go back to the state kept last."""
        buffers, generator = self.entered
        with torch.no_grad():
            for tensor, copy in zip([*self.parameters, *self.buffers], [*self.values, *buffers], strict=True):
                tensor.copy_(copy)
        torch.set_rng_state(generator)
        self.optimiser.state.clear()
        for parameter, copies in self.kept.items():
            self.optimiser.state[parameter] = {name: copy.clone() for name, copy in copies.items()}

    def finite(self) -> bool:
        """Whether parameters and buffers are finite now."""
        return all(bool(tensor.isfinite().all()) for tensor in [*self.parameters, *self.buffers])

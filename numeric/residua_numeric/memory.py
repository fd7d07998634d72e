"""The state of a training one step back, so that a step that leads nowhere can be undone."""

import math

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
        self.kept: dict[Tensor, dict[str, Tensor]] = {}
        self.note()
        self.keep()

    def note(self) -> None:
        """Call before the forward pass."""
        self.noted = [buffer.clone() for buffer in self.buffers], torch.get_rng_state()

    def keep(self) -> None:
        """Call before the optimiser's step: this is the state to go back to."""
        self.entered = self.noted
        pairs: list[tuple[Tensor, Tensor]] = list(zip(self.values, self.parameters, strict=True))
        for parameter, tensors in self.optimiser.state.items():
            if parameter not in self.kept:
                self.kept[parameter] = {name: tensor.clone() for name, tensor in tensors.items()}
            pairs += [(self.kept[parameter][name], tensor) for name, tensor in tensors.items()]
        with torch.no_grad():
            torch._foreach_copy_([copy for copy, _ in pairs], [tensor for _, tensor in pairs])

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
        tensors = [*self.parameters, *self.buffers]
        with torch.no_grad():
            norm = torch.nn.utils.get_total_norm([t for t in tensors if t.is_floating_point()])
        return math.isfinite(norm) or all(bool(tensor.isfinite().all()) for tensor in tensors)  # a norm may overflow

"""Several networks of one description, run at once: by their kinds' own files, or by vmap where a derivative of one
network at a time is wanted."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from residua_network import Network
from residua_numeric.build import build
from residua_numeric.modules import DTYPES, modules_of
from residua_numeric.side_by_side import last_output


class Masked(nn.Module):
    """What stands in the place of a dropout: y = mask · x, the mask given from outside; without one y = x."""

    mask: Tensor

    def __init__(self, rate: float, dtype: torch.dtype) -> None:
        super().__init__()
        self.rate, self.width = rate, 0
        self.register_buffer("mask", torch.ones((), dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        self.width = x.shape[-1]
        return self.mask * x


class Stack:
    """What the networks have in common, so that all can be run at once.

    A row of `flat` holds the parameters of one network in the order of `model.named_parameters()`. No kind of layer is
    known here: what a layer does is its own file's affair. Dropout alone is another: its masks come from outside, so
    that those of one network do not depend on which others run beside it.
    """

    def __init__(self, net: Network, dtype: str) -> None:
        self.net, self.dtype = net, dtype
        self.model = build(net, dtype=dtype)
        self.names = [name for name, _ in self.model.named_parameters()]
        self.shapes = [parameter.shape for parameter in self.model.parameters()]
        self.sizes = [parameter.numel() for parameter in self.model.parameters()]
        self.dropouts = _masked(self.model, DTYPES[dtype])
        with torch.no_grad():  # from this pass on every mask knows its width
            self.model.eval()(torch.zeros(2, net.inputs, dtype=DTYPES[dtype]))

    def flat(self, models: Sequence[nn.Module]) -> Tensor:
        """(models, parameters): a copy."""
        return torch.stack([torch.cat([p.detach().flatten() for p in model.parameters()]) for model in models])

    def arrays(self, models: Sequence[nn.Module]) -> dict[str, Tensor]:
        """The parameters, {name: (models, *shape)}: copies."""
        found = [dict(model.named_parameters()) for model in models]
        return {name: torch.stack([one[name].detach() for one in found]) for name in found[0]}

    def outputs(self, tensors: Mapping[str, Tensor], x: Tensor, training: bool = False) -> Tensor:
        """(networks, points, outputs) at x, (networks, points, inputs), of the networks with these arrays and masks.

        training: whether batch norms move their stored statistics, in place.
        """
        self.model.train(training)
        return last_output(self.net.layers, tensors, x, training=training, model=self.model)

    def buffers(self, models: Sequence[nn.Module]) -> dict[str, Tensor]:
        """{name: (models, ...)}: copies."""
        found = [dict(model.named_buffers()) for model in models]
        return {name: torch.stack([one[name] for one in found]) for name in found[0]}

    def parameters(self, flat: Tensor) -> dict[str, Tensor]:
        """{name: (..., shape of the parameter)}: views of `flat`, (..., parameters)."""
        parts = torch.split(flat, self.sizes, dim=-1)
        return {n: p.reshape(*flat.shape[:-1], *s) for n, p, s in zip(self.names, parts, self.shapes, strict=True)}

    def one(self, flat: Tensor, buffers: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """The output (points, outputs) of the network with the parameters `flat`, (parameters,); for vmap."""
        output: Tensor = functional_call(self.model, {**buffers, **self.parameters(flat)}, (x,))
        return output

    def masks(self, generators: Sequence[torch.Generator], points: int) -> dict[str, Tensor]:
        """Masks of every dropout, (networks, points, width); those of network s drawn as torch would by generator s."""
        noisy = {name: one for name, one in self.dropouts.items() if one.rate > 0}
        shapes = {name: (len(generators), points, one.width) for name, one in noisy.items()}
        drawn = {name: torch.empty(shape, dtype=DTYPES[self.dtype]) for name, shape in shapes.items()}
        for s, generator in enumerate(generators):
            for name, one in noisy.items():
                drawn[name][s].bernoulli_(1 - one.rate, generator=generator).div_(1 - one.rate)
        return {f"{name}.mask": mask for name, mask in drawn.items()}

    def load(self, model: nn.Module, flat: Tensor, buffers: Mapping[str, Tensor]) -> None:
        """Put one row, and its buffers, into a model that `build` made."""
        load(model, {**self.parameters(flat), **buffers})


def load(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Put the parameters and buffers of one network into a model that `build` made."""
    own = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    with torch.no_grad():
        for name, tensor in tensors.items():
            own[name].copy_(tensor)


def together(function: Callable[..., Tensor], *arguments: object) -> Tensor:
    """`function` of the s-th row of every argument, for all s at once."""
    found: Tensor = torch.func.vmap(function)(*arguments)
    return found


def _masked(model: nn.Sequential, dtype: torch.dtype) -> dict[str, Masked]:
    """Put a `Masked` in the place of every dropout; {name: it} in the order in which they are run."""
    found = {}
    for name, module in modules_of(model).items():
        if isinstance(module, nn.Dropout):
            found[name] = Masked(module.p, dtype)
            model.set_submodule(name, found[name])
    return found

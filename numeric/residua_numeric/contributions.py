"""What each residual block of a network adds to its stream, and to its output."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from residua_network import DescriptionError
from residua_network.checks import one_of
from residua_numeric.derivatives import to_float64
from residua_numeric.layers.activation import Activation
from residua_numeric.layers.residual import Residual
from residua_numeric.line_coefficients import line_coefficients
from residua_numeric.measure import inputs_of
from residua_numeric.modules import flat
from residua_numeric.state import undisturbed
from residua_numeric.statistics import check_rows

Floats = NDArray[np.float64]
PLACES = ("output", "stream")


@dataclass(frozen=True, eq=False)
class Contributions:
    """names[l]: "start", what enters the first block, then the blocks' names; values: (1 + blocks, batch, width).

    They sum to the output, or to the stream behind the last block. The constant of a read-out counts to the start.
    """

    names: tuple[str, ...]
    values: Floats


@dataclass(frozen=True, eq=False)
class ContributionCoefficients:
    """values[k, l]: the coefficient of t^k in contribution l at x + t·along, (order + 1, 1 + blocks, batch, width);
    errors: what each may be off by."""

    names: tuple[str, ...]
    values: Floats
    errors: Floats


def contributions(model: nn.Module, x: object, *, to: str = "output") -> Contributions:
    """y_L = y_0 + Σ_l F_l(y_{l−1}), F_l the scaled branch of the l-th residual block at top level, term by term.

    x: (batch, inputs). to: "stream", the terms themselves, or "output", what the layers behind the last block, which
    must then be Linear (or identity, or Dropout), make of them. In eval mode; the model stays as it is. Raises
    ResiduaError where the blocks do not stand one after another.
    """
    parted = _parted(model, to)
    with torch.inference_mode(False), undisturbed(model), torch.no_grad():
        point = inputs_of(model, x, "contributions")
        check_rows(model, len(point), "contributions: x")
        parts = parted(point)
    return Contributions(parted.names, to_float64(parts.unflatten(1, (len(parted.names), -1)).movedim(1, 0)))


def contribution_coefficients(
    model: nn.Module, x: object, along: object, order: int, *, to: str = "output"
) -> ContributionCoefficients:
    """The Taylor coefficients of every contribution along x + t·along, measured as `measure` measures the output's."""
    parted = _parted(model, to)
    with torch.inference_mode(False), undisturbed(model):
        point = inputs_of(model, x, "contributions")
        check_rows(model, len(point), "contributions: x")
        found = line_coefficients(parted, point, along, order, "contributions")
    values, errors = (a.reshape(*a.shape[:2], len(parted.names), -1).swapaxes(1, 2) for a in found)
    return ContributionCoefficients(parted.names, values, errors)


class _Parted(nn.Sequential):
    """The layers of a model; forward gives all contributions side by side, (batch, (1 + blocks) · width)."""

    def __init__(self, layers: list[nn.Module], first: int, last: int, read: bool) -> None:
        super().__init__(*layers)
        self.first, self.last, self.read = first, last, read
        self.names = ("start", *(str(k) for k in range(first, last)))

    def forward(self, x: Tensor) -> Tensor:
        layers = list(self)
        for layer in layers[: self.first]:
            x = layer(x)
        parts = [x]
        for block in layers[self.first : self.last]:
            assert isinstance(block, Residual)
            parts.append(block.scale * block.branch(x))
            x = block(x)
        if self.read:
            parts = [_read_out(layers[self.last :], part, constant=l == 0) for l, part in enumerate(parts)]
        return torch.cat(parts, dim=1)


def _read_out(layers: list[nn.Module], x: Tensor, constant: bool) -> Tensor:
    """Through linear layers, with their biases or without."""
    for layer in layers:
        x = layer(x) if constant or not isinstance(layer, nn.Linear) else functional.linear(x, layer.weight)
    return x


def _parted(model: nn.Module, to: str) -> _Parted:
    one_of(to, PLACES, "place", "contributions")
    if not isinstance(model, nn.Sequential):
        raise DescriptionError(f"contributions: expected a torch.nn.Sequential, got {type(model).__name__}")
    layers = list(flat(model))
    blocks = [k for k, layer in enumerate(layers) if type(layer) is Residual]
    if not blocks:
        raise DescriptionError("contributions: expected residual blocks at top level, got none")
    first, last = blocks[0], blocks[-1] + 1
    for k, layer in enumerate(layers):
        if first < k < last and k not in blocks:
            raise DescriptionError(f'contributions: expected residual blocks one after another, got {layer} at "{k}"')
        if k >= last and to == "output" and not _linear(layer):
            wrong = f'got {layer} at "{k}"; to="stream" ends before it'
            raise DescriptionError(f"contributions: expected linear layers behind the blocks, {wrong}")
    return _Parted(layers, first, last, to == "output")


def _linear(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Linear | nn.Identity | nn.Dropout) or (
        isinstance(layer, Activation) and layer.name == "identity"
    )

"""The squared gradient of freshly initialised residual networks by the number of branches that its paths take."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from residua_network import DescriptionError, Network, Residual
from residua_network.checks import whole
from residua_numeric.build import check_init, seed_of
from residua_numeric.initial import _Draw
from residua_numeric.side_by_side import last_output
from residua_numeric.state import on_threads


def initial_path_squares(
    net: Network, networks: int, init: str | float = "he", seed: int = 0, first: int = 0, *, threads: int = 1
) -> NDArray[np.float64]:
    """Squared norm, at the input, of the gradient through exactly k branches, (networks, residual blocks + 1).

    Networks first, first + 1, … of `seed`, each with one row, as `initial_statistics` draws them. Only blocks at top
    level count, as in `measure(model, "path gradients", …)`. Raises ResiduaError; refused are networks whose rows are
    coupled.
    """
    where = "initial_path_squares"
    if not isinstance(net, Network):
        raise DescriptionError(f"{where}: expected a Network, got {net!r}")
    if net.couples_rows:
        raise DescriptionError(f"{where}: expected rows that are not coupled, got batch statistics")
    networks, first = whole(networks, "networks", where), whole(first, "first", where, least=0)
    check_init(init, where)
    draw = _Draw(net, 1, init, seed_of(seed, where), "float64")
    lengths = 1 + sum(isinstance(layer, Residual) for layer in net.layers)
    at_once = max(1, draw.at_once // lengths)
    found = np.empty((networks, lengths))
    with on_threads(whole(threads, "threads", where)):
        for done in range(0, networks, at_once):
            some = range(done, min(networks, done + at_once))
            found[some.start : some.stop] = path_squares(net, *draw(first + done, len(some))).numpy()
    return found


def path_squares(net: Network, weights: Mapping[str, Tensor], x: Tensor, gradient: Tensor) -> Tensor:
    """(networks, lengths), for weights (networks, …), and x and the gradient at the output (networks, 1, features).

    The parts of the gradient are rows beside one another, each met by a copy of what the layer is given.
    """
    inputs = [x]
    with torch.no_grad():
        for k in range(len(net.layers)):
            inputs.append(last_output(net.layers[k : k + 1], _moved(weights, k), inputs[-1]))
    parts = gradient
    for k, layer in reversed(list(enumerate(net.layers))):
        at = inputs[k].expand(-1, parts.shape[1], -1)
        if not isinstance(layer, Residual):
            parts = _pulled((layer,), _moved(weights, k), at, parts)
            continue
        inside = layer.scale * _pulled(layer.branch, _moved(weights, k, "branch."), at, parts)
        none = torch.zeros_like(parts[:, :1])
        parts = torch.cat([parts, none], 1) + torch.cat([none, inside], 1)
    return parts.square().sum(2)


def _pulled(layers: tuple, weights: Mapping[str, Tensor], x: Tensor, gradient: Tensor) -> Tensor:  # type: ignore[type-arg]
    """Through the layers, at x."""
    at = x.detach().requires_grad_()
    with torch.enable_grad():
        (found,) = torch.autograd.grad(last_output(layers, weights, at), at, gradient)
    return found


def _moved(weights: Mapping[str, Tensor], k: int, inside: str = "") -> dict[str, Tensor]:
    """Those of layer k (of what is inside it), named as if it stood alone, first."""
    before, after = f"{k}.{inside}", "" if inside else "0."
    return {after + name.removeprefix(before): w for name, w in weights.items() if name.startswith(before)}

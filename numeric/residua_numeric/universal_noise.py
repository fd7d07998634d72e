"""Networks of one description trained side by side, each on data of its own: what noise does to many of them."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from residua_network import DescriptionError, Network
from residua_network.checks import number, whole
from residua_numeric.build import build, seed_of
from residua_numeric.losses import losses_of_each
from residua_numeric.modules import DTYPES
from residua_numeric.optimisers import optimiser_for
from residua_numeric.stacked import Stack
from residua_numeric.state import on_threads

WHERE = "train_each"
Array = NDArray[np.float64]


def train_each(
    net: Network, x: Array, y: Array, seeds: Sequence[int], steps: int, rate: float, grid: Array, dtype: str = "float32"
) -> tuple[Array, Array]:
    """Adam on all points at once, network s from `build(net, seeds[s])` on x[s], y[s] of shape (points, 1).

    x, y: (networks, points, 1); grid: (places, 1). Returns the outputs on their own points, (networks, points), and on
    the grid, (networks, places), after `steps`. Raises ResiduaError for shapes that do not fit.
    """
    if x.shape != y.shape or x.ndim != 3 or len(x) != len(seeds):
        raise DescriptionError(f"{WHERE}: expected x and y of (networks, points, 1), got {x.shape} and {y.shape}")
    whole(steps, "steps", WHERE)
    number(rate, "rate", WHERE)
    stack, kind = Stack(net, dtype), DTYPES[dtype]
    parameters = stack.arrays([build(net, seed_of(seed, WHERE), dtype) for seed in seeds])
    inputs, wanted, places = (torch.tensor(a, dtype=kind) for a in (x, y, grid))
    with on_threads(1), torch.enable_grad():
        for tensor in parameters.values():
            tensor.requires_grad_()
        optimiser = optimiser_for(parameters.values(), "adam", rate, fused=True)
        for _ in range(steps):
            losses = losses_of_each("mean square error", stack.outputs(parameters, inputs, training=True), wanted)
            for tensor, gradient in zip(
                parameters.values(), torch.autograd.grad(losses.sum(), list(parameters.values())), strict=True
            ):
                tensor.grad = gradient.contiguous()  # a fused optimiser reads any other order of memory wrongly
            optimiser.step()
    with torch.no_grad():
        own = stack.outputs(parameters, inputs)[:, :, 0]
        far = stack.outputs(parameters, places.expand(len(seeds), *places.shape))[:, :, 0]
    return own.double().numpy(), far.double().numpy()

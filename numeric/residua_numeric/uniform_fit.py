"""Training for the largest error: the mean of its powers, each power starting where the one before ended."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from residua_network import DescriptionError, Network
from residua_network.checks import number, whole
from residua_numeric.arrays import rows
from residua_numeric.build import build, seed_of
from residua_numeric.derivatives import to_float64
from residua_numeric.errors import TaskError
from residua_numeric.stacked import Stack, load
from residua_numeric.state import on_threads

POWERS = (2, 8, 32, 128, 512)
FALL = 0.05  # of the rate within one power, so that Adam's last steps are small
_HERE = "fit_uniformly"


@dataclass(frozen=True, eq=False, repr=False)
class UniformFits:
    """Networks after training, one a seed; `errors[s]`: the largest |net − y| over the points of network s, and of no
    network at any step less."""

    models: tuple[nn.Sequential, ...]
    errors: NDArray[np.float64]

    @property
    def best(self) -> int:
        """The one with the least error."""
        return int(np.nanargmin(self.errors))

    def __repr__(self) -> str:
        return f"<UniformFits: {len(self.models)}, least error {self.errors[self.best]:.6g}>"


def fit_uniformly(
    net: Network,
    x: object,
    y: object,
    seeds: Sequence[int],
    *,
    steps: int = 1000,
    rate: float = 0.02,
    powers: Sequence[int] = POWERS,
    init: str | float = "torch",
) -> UniformFits:
    """Minimise (mean |net(x_p) − y_p|^P)^(1/P) by Adam over all points, for every power in turn, `steps` each, from
    `build(net, seed, init=init)` for every seed; float64, one thread. The weights kept are those with the least largest
    error on the way. x: (points, inputs), y: (points, 1). Raises ResiduaError.
    """
    if not seeds or not powers:
        raise DescriptionError(f"{_HERE}: expected at least one seed and one power, got {len(seeds)} and {len(powers)}")
    whole(steps, "steps", _HERE)
    if not number(rate, "rate", _HERE) > 0:
        raise DescriptionError(f"{_HERE}: rate must be above 0, got {rate!r}")
    points = rows(x, f"{_HERE}: x", net.inputs, None, torch.float64)
    targets = rows(y, f"{_HERE}: y", net.outputs, None, torch.float64)
    if len(targets) != len(points) or net.outputs != 1:
        raise TaskError(f"{_HERE}: expected y of shape ({len(points)}, 1), got {tuple(targets.shape)}")
    models = tuple(build(net, seed_of(seed, _HERE), init=init) for seed in seeds)
    with on_threads(1), torch.enable_grad():
        best, errors = _descended(Stack(net, "float64"), models, points, targets, steps, rate, powers)
    for s, model in enumerate(models):
        load(model, {name: tensor[s] for name, tensor in best.items()})
    return UniformFits(models, to_float64(errors))


def _descended(
    stack: Stack,
    models: Sequence[nn.Sequential],
    x: Tensor,
    y: Tensor,
    steps: int,
    rate: float,
    powers: Sequence[int],
) -> tuple[dict[str, Tensor], Tensor]:
    """The parameters with the least largest error of every network, and these errors."""
    parameters = {name: one.requires_grad_() for name, one in stack.arrays(models).items()}
    buffers = stack.buffers(models)
    wide = x.expand(len(models), *x.shape)
    least = torch.full((len(models),), torch.inf, dtype=torch.float64)
    best = {name: one.detach().clone() for name, one in parameters.items()}
    for power in powers:
        optimiser = torch.optim.Adam(list(parameters.values()), rate)
        fall = torch.optim.lr_scheduler.ExponentialLR(optimiser, FALL ** (1 / steps))
        for _ in range(steps):
            error = (stack.outputs({**parameters, **buffers}, wide) - y).abs()[..., 0]
            largest = error.amax(dim=1)
            with torch.no_grad():
                better = largest < least
                least = torch.where(better, largest, least)
                for name, one in parameters.items():
                    best[name][better] = one[better]
            # divided by the largest, which no power then overflows; the gradient is that of the power mean
            scale = largest.detach().clamp_min(torch.finfo(torch.float64).tiny)[:, None]
            mean = ((error / scale) ** power).mean(dim=1) ** (1 / power) * scale[:, 0]
            optimiser.zero_grad()
            mean.sum().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            fall.step()
    return best, least

"""Weights at one moment, with all that is needed to have the model again."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from residua_network import Network, WeightsError
from residua_network.checks import one_of, whole
from residua_numeric.describe import describe
from residua_numeric.layers import sequence
from residua_numeric.modules import DTYPES, dtype_name
from residua_numeric.training_state import TrainingState
from residua_numeric.weights import put, tensors_of


@dataclass(frozen=True, eq=False)
class Snapshot:
    """`weights` {name: array of `dtype`}, read-only; `seed` and `step` of the training, None where they are not known.

    `training`: what `train` needs to go on from here, None where no training took it. Raises WeightsError where names,
    shapes or dtypes are not those of the network, SnapshotError where the training is not of this network.
    """

    network: Network
    weights: Mapping[str, NDArray[Any]]
    seed: int | None
    dtype: str
    step: int | None
    versions: Mapping[str, str]
    training: TrainingState | None = None

    def __post_init__(self) -> None:
        one_of(self.dtype, DTYPES, "dtype", "Snapshot")
        check_weights(self.network, self.weights, self.dtype)
        copies = {name: np.array(self.weights[name], order="C") for name in self.network.parameter_shapes()}
        for array in copies.values():
            array.flags.writeable = False
        object.__setattr__(self, "weights", copies)
        object.__setattr__(self, "versions", dict(self.versions))
        if self.training is not None:
            for name in ("seed", "step"):
                object.__setattr__(self, name, whole(getattr(self, name), name, "Snapshot of a training", least=0))
            self.training.check(self.network, self.dtype)

    def build(self) -> nn.Sequential:
        """A new model with these weights, bit for bit, in training mode as torch's own models begin."""
        model = sequence(self.network.layers).to(DTYPES[self.dtype])
        put(model, {name: torch.tensor(array) for name, array in self.weights.items()})
        return model


def snapshot_of(
    model: nn.Module,
    seed: int | None = None,
    step: int | None = None,
    network: Network | None = None,
    training: TrainingState | None = None,
) -> Snapshot:
    """The model's weights now. `network`, its description, is worked out where it is not given."""
    net = network or describe(model)
    dtype = dtype_name(model)
    weights = {name: tensor.detach().to(DTYPES[dtype]).numpy() for name, tensor in tensors_of(model).items()}
    return Snapshot(net, weights, seed, dtype, step, versions(), training)


@cache
def versions() -> dict[str, str]:
    """Versions of what computed the weights."""
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "residua": metadata.version("residua"),
    }


def check_weights(net: Network, weights: Mapping[str, NDArray[Any]], dtype: str) -> None:
    """Raises WeightsError unless there is one array of `dtype` and of the right shape for every parameter."""
    shapes = net.parameter_shapes()
    for name in [*(set(shapes) - set(weights)), *(set(weights) - set(shapes))]:
        got = "is not a parameter of the network" if name in weights else "is missing"
        raise WeightsError(f'weights: "{name}" {got}; expected {", ".join(shapes) or "none"}')
    for name, shape in shapes.items():
        array = weights[name]
        if array.shape != shape or array.dtype != np.dtype(dtype):
            raise WeightsError(
                f'weights: "{name}" must be {dtype} of shape {shape}, got {array.dtype} of shape {array.shape}'
            )

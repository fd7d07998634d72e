"""What a training needs, beside weights, to go on as if it had never been interrupted."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from residua_network import BatchNorm, Network
from residua_network.checks import number, one_of, whole
from residua_numeric.arrays import Array, frozen
from residua_numeric.errors import SnapshotError
from residua_numeric.optimisers import KEPT
from residua_numeric.tasks import Task


@dataclass(frozen=True, eq=False)
class TrainingState:
    """A training at one moment; seed and step, from which the shuffles follow, are those of the snapshot.

    `task`, `data`: the task's name, and the SHA-256 of its training data and loss. `tensors`: what the optimiser keeps,
    {"0.weight.exp_avg": array}. `counts`: batches that torch's own batch norms have seen, {"1": 20}. `generator`: the
    state, uint8, of torch's global CPU generator, which dropout draws from. Raises ResiduaError.
    """

    optimiser: str
    rate: float
    batch: int
    task: str
    data: str
    tensors: Mapping[str, Array]
    counts: Mapping[str, int]
    generator: Array

    def __post_init__(self) -> None:
        one_of(self.optimiser, KEPT, "optimiser", "TrainingState")
        object.__setattr__(self, "batch", whole(self.batch, "batch", "TrainingState"))
        if not number(self.rate, "rate", "TrainingState") > 0:
            raise SnapshotError(f"TrainingState: rate must be above 0, got {self.rate!r}")
        if not (isinstance(self.task, str) and isinstance(self.data, str) and re.fullmatch("[0-9a-f]{64}", self.data)):
            raise SnapshotError(f"TrainingState: expected a task's name and SHA-256, got {self.task!r}, {self.data!r}")
        tensors = {name: frozen(np.array(self.tensors[name])) for name in sorted(self.tensors)}
        object.__setattr__(self, "tensors", tensors)
        object.__setattr__(self, "counts", dict(self.counts))
        object.__setattr__(self, "generator", frozen(np.array(self.generator)))
        _check_generator(self.generator)

    def check(self, net: Network, dtype: str) -> None:
        """Raises ResiduaError unless tensors and counts are those of this network at this dtype."""
        shapes = _trained_shapes(net)
        stepped = {name.rpartition(".")[0] for name in self.tensors}
        for name in stepped - shapes.keys():
            raise SnapshotError(f'training: "{name}" is not a parameter that is trained; expected {", ".join(shapes)}')
        keys = KEPT[self.optimiser]
        wanted = {f"{p}.{key}": () if key == "step" else shapes[p] for p in stepped for key in keys}
        for name in sorted(wanted.keys() ^ self.tensors.keys()):
            got = "is missing" if name in wanted else "is surplus"
            raise SnapshotError(f'training: "{name}" {got}; {self.optimiser} keeps {", ".join(keys) or "nothing"}')
        for name, shape in wanted.items():
            array = self.tensors[name]
            dtypes = ("float32", "float64") if name.endswith(".step") else (dtype,)
            if array.shape != shape or str(array.dtype) not in dtypes:
                got = f"{array.dtype} of shape {array.shape}"
                raise SnapshotError(f'training: "{name}" must be {" or ".join(dtypes)} of shape {shape}, got {got}')
        norms = [name for name, layer in net.walk() if isinstance(layer, BatchNorm)]
        for name, count in self.counts.items():
            one_of(name, norms, "batch norm", "training")
            whole(count, f'the count of "{name}"', "training", least=0)


def digest_of(task: Task) -> str:
    """SHA-256 of a task's training data and loss."""
    result = hashlib.sha256(task.loss.encode())
    for array in (task.x, task.y):
        result.update(f"{array.dtype} {array.shape}".encode())
        result.update(np.ascontiguousarray(array).tobytes())
    return result.hexdigest()


def _trained_shapes(net: Network) -> dict[str, tuple[int, ...]]:
    return {
        f"{place}.{name}": shape
        for place, layer in net.walk()
        for name, shape in layer.shapes.items()
        if layer.parameters[name].trained
    }


def _check_generator(state: Array) -> None:
    try:
        torch.Generator().set_state(torch.tensor(state))
    except (RuntimeError, TypeError) as error:
        raise SnapshotError(f"TrainingState: expected the state of a generator, got {error}") from None

"""The steps of one training."""

import math
from collections.abc import Collection, Iterator

import torch
from torch import Tensor, nn

from residua_network import Network
from residua_numeric.losses import FUNCTIONS, tensors
from residua_numeric.progress import Bar
from residua_numeric.snapshot import Snapshot, snapshot_of
from residua_numeric.state import undisturbed
from residua_numeric.tasks import Task

OPTIMISERS = ("sgd", "momentum", "adam")
MOMENTUM = 0.9


class Descent:
    """The state of one training."""

    def __init__(
        self, model: nn.Module, net: Network, task: Task, optimiser: str, rate: float, batch: int, seed: int
    ) -> None:
        self.model, self.net, self.seed, self.batch = model, net, seed, batch
        self.x, self.y = tensors(model, task.x, task.y)
        self.loss = FUNCTIONS[task.loss]
        self.optimiser = _optimiser(model, optimiser, rate)
        self.state: list[Tensor] = [*model.parameters(), *model.buffers()]
        self.before = [tensor.detach().clone() for tensor in self.state]
        self.losses: list[float] = []
        self.snapshots: list[Snapshot] = []
        self.done = 0

    def run(self, steps: int, kept: Collection[int], bar: Bar) -> str:
        """Why it stopped early; empty if it did not."""
        chosen = minibatches(len(self.x), self.batch, self.seed)
        for _ in range(steps):
            self._keep(kept)
            stopped = self._step(next(chosen))
            if stopped:
                return stopped
            bar.update(self.done, self.losses[-1])
        self._keep(kept)
        return self._check_last(next(chosen)) if steps else ""

    def _keep(self, kept: Collection[int]) -> None:
        if self.done in kept:
            self.snapshots.append(snapshot_of(self.model, self.seed, self.done, self.net))

    def _step(self, rows: Tensor) -> str:
        self.optimiser.zero_grad()
        loss = self.loss(self.model(self.x[rows]), self.y[rows])
        value = loss.item()
        if not math.isfinite(value):
            return self._back(value)
        self.losses.append(value)
        self._remember()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.done += 1
        if all(bool(tensor.isfinite().all()) for tensor in self.state):
            return ""
        self._restore()
        self.done -= 1
        return f"weights are not finite after step {self.done + 1}"

    def _check_last(self, rows: Tensor) -> str:
        """The weights that the last step left have met no loss yet."""
        with undisturbed(self.model), torch.no_grad():
            value = self.loss(self.model(self.x[rows]), self.y[rows]).item()
        return "" if math.isfinite(value) else self._back(value)

    def _back(self, value: float) -> str:
        stopped = f"loss is {value} at step {self.done}"
        self._restore()
        self.done = max(self.done - 1, 0)
        return stopped

    def _remember(self) -> None:
        for copy, tensor in zip(self.before, self.state, strict=True):
            copy.copy_(tensor.detach())

    def _restore(self) -> None:
        with torch.no_grad():
            for tensor, copy in zip(self.state, self.before, strict=True):
                tensor.copy_(copy)


def minibatches(points: int, batch: int, seed: int) -> Iterator[Tensor]:
    """Row numbers, `batch` at a time, for ever; reshuffled whenever fewer than `batch` are left."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(points, generator=generator)
        for start in range(0, points - batch + 1, batch):
            yield order[start : start + batch]


def _optimiser(model: nn.Module, name: str, rate: float) -> torch.optim.Optimizer:
    parameters = [p for p in model.parameters() if p.requires_grad]
    if name == "adam":
        return torch.optim.Adam(parameters, lr=rate)
    return torch.optim.SGD(parameters, lr=rate, momentum=MOMENTUM if name == "momentum" else 0.0)

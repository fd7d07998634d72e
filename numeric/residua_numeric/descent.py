"""The steps of one training."""

import math
from collections.abc import Collection, Iterator
from itertools import islice

import torch
from torch import Tensor, nn

from residua_network import Network
from residua_numeric.losses import FUNCTIONS, tensors
from residua_numeric.memory import Memory
from residua_numeric.optimisers import optimiser_of
from residua_numeric.progress import Bar
from residua_numeric.resume import put_back, state_of
from residua_numeric.snapshot import Snapshot, snapshot_of
from residua_numeric.state import undisturbed
from residua_numeric.tasks import Task
from residua_numeric.training_state import digest_of


class Descent:
    """The state of one training, at its beginning or where `resume` was taken."""

    def __init__(
        self,
        model: nn.Module,
        net: Network,
        task: Task,
        optimiser: str,
        rate: float,
        batch: int,
        seed: int,
        resume: Snapshot | None = None,
    ) -> None:
        self.model, self.net, self.task, self.seed, self.batch = model, net, task, seed, batch
        self.x, self.y = tensors(model, task.x, task.y)
        self.loss = FUNCTIONS[task.loss]
        self.name, self.rate, self.data = optimiser, rate, digest_of(task)
        self.optimiser = optimiser_of(model, optimiser, rate)
        self.begun = 0 if resume is None or resume.step is None else resume.step
        if resume is not None:
            put_back(model, self.optimiser, resume)
        self.memory = Memory(model, self.optimiser)
        self.losses: list[float] = []
        self.snapshots: list[Snapshot] = []
        self.done = self.begun

    def run(self, steps: int, kept: Collection[int], bar: Bar) -> str:
        """Go on to `steps` in total. Why it stopped early; empty if it did not."""
        chosen = islice(minibatches(len(self.x), self.batch, self.seed), self.begun, None)
        while self.done < steps:
            self._keep(kept)
            stopped = self._step(next(chosen))
            if stopped:
                return stopped
            bar.update(self.done, self.losses[-1])
        self._keep(kept)
        return self._check_last(next(chosen)) if self.done > self.begun else ""

    def snapshot(self) -> Snapshot:
        """The state now, with all that is needed to go on from it."""
        state = state_of(self.model, self.optimiser, self.name, self.rate, self.batch, self.task, self.data)
        return snapshot_of(self.model, self.seed, self.done, self.net, state)

    def _keep(self, kept: Collection[int]) -> None:
        if self.done in kept:
            self.snapshots.append(self.snapshot())

    def _step(self, rows: Tensor) -> str:
        self.optimiser.zero_grad()
        self.memory.note()
        loss = self.loss(self.model(self.x[rows]), self.y[rows])
        value = loss.item()
        if not math.isfinite(value):
            return self._back(value)
        self.losses.append(value)
        self.memory.keep()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.optimiser.zero_grad()
        if self.memory.finite():
            self.done += 1
            return ""
        self.memory.restore()
        return f"weights are not finite after step {self.done + 1}"

    def _check_last(self, rows: Tensor) -> str:
        """The weights that the last step left have met no loss yet."""
        with undisturbed(self.model), torch.no_grad():
            value = self.loss(self.model(self.x[rows]), self.y[rows]).item()
        return "" if math.isfinite(value) else self._back(value)

    def _back(self, value: float) -> str:
        stopped = f"loss is {value} at step {self.done}"
        self.memory.restore()
        self.done = max(self.done - 1, self.begun)
        return stopped


def minibatches(points: int, batch: int, seed: int) -> Iterator[Tensor]:
    """Row numbers, `batch` at a time, for ever; reshuffled whenever fewer than `batch` are left."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = torch.randperm(points, generator=generator)
        for start in range(0, points - batch + 1, batch):
            yield order[start : start + batch]

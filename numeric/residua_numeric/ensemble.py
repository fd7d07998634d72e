"""Training of one network from many seeds at once."""

import math
from collections.abc import Iterator, Sequence
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
from residua_numeric.descent import minibatches
from residua_numeric.losses import fitting, losses_of_each, tensors
from residua_numeric.modules import DTYPES
from residua_numeric.optimisers import optimiser_for
from residua_numeric.progress import Bar
from residua_numeric.side_by_side import widest
from residua_numeric.stacked import Stack, load
from residua_numeric.state import on_threads
from residua_numeric.statistics import check_rows
from residua_numeric.tasks import Task
from residua_numeric.train import check_training

CACHE = 2**21  # bytes of the output of a layer, over the networks of one pass: more leave the cache, and gain nothing
LARGEST = 2**15  # rows, over all networks, of one pass: more leave the cache, and gain nothing


@dataclass(frozen=True, eq=False, repr=False)
class Ensemble:
    """Networks of one description, one a seed, after training.

    `losses[k, s]` is the loss of network s on its minibatch k at its weights after k steps, NaN once it has stopped;
    shape (steps that the last one took, seeds). `stopped_at[s]`: how many steps network s has taken. `stopped[s]` says
    why it took no more, as in `Run`: empty where it ran to the end; `reached[s]`: whether because its loss fell below
    the one asked for.
    """

    network: Network
    models: tuple[nn.Sequential, ...]
    seeds: tuple[int, ...]
    losses: NDArray[np.float64]
    stopped_at: tuple[int, ...]
    stopped: tuple[str, ...]
    reached: tuple[bool, ...]
    dtype: str

    def __repr__(self) -> str:
        return f"<Ensemble: {len(self.seeds)} seeds, {min(self.stopped_at)} to {max(self.stopped_at)} steps>"

    def outputs(self, x: object) -> NDArray[np.float64]:
        """In eval mode, at x of shape (points, inputs): (seeds, points, outputs)."""
        return self._run(x, None)

    def noisy_outputs(self, x: object, samples: int = 1, seed: int = 0) -> NDArray[np.float64]:
        """With dropout active, drawn anew for every sample, point and network: (samples, seeds, points, outputs).

        Network s draws from `seed` and its own seed alone. Batch norms use the statistics that the description states;
        those that they store stay as they are.
        """
        whole(samples, "samples", "noisy_outputs")
        words = [np.random.SeedSequence((seed_of(seed, "noisy_outputs"), one)) for one in self.seeds]
        states = [int(word.generate_state(1, np.uint64)[0] >> 1) for word in words]
        generators = [torch.Generator().manual_seed(state) for state in states]
        return np.stack([self._run(x, generators) for _ in range(samples)])

    def _run(self, x: object, generators: Sequence[torch.Generator] | None) -> NDArray[np.float64]:
        points = rows(x, "outputs: x", self.network.inputs, None, DTYPES[self.dtype])
        check_rows(self.models[0], len(points), "outputs: x")
        stack, at_once = Stack(self.network, self.dtype), max(1, LARGEST // len(points))
        found = []
        for first in range(0, len(self.models), at_once):
            some = slice(first, first + at_once)
            models = self.models[some]
            masks = {} if generators is None else stack.masks(generators[some], len(points))
            tensors = {**stack.arrays(models), **stack.buffers(models), **masks}
            with torch.no_grad():
                found.append(stack.outputs(tensors, points.expand(len(models), *points.shape)))
        return to_float64(torch.cat(found))


def train_many(
    net: Network,
    task: Task,
    seeds: Sequence[int],
    steps: int = 500,
    optimiser: str = "adam",
    rate: float = 1e-3,
    batch: int = 64,
    *,
    dtype: str = "float32",
    init: str | float = "torch",
    stop_below: float | None = None,
    progress: bool | None = None,
    threads: int = 1,
) -> Ensemble:
    """Train one network a seed, all at once: network s is what `train(build(net, s, dtype, init), task, …, seed=s)`
    makes, up to rounding, whichever others are trained beside it.

    Seed s draws the initial weights, the minibatches and dropout's masks of network s. `stop_below`: a network whose
    minibatch loss falls below it takes no further step, and keeps the weights at which that loss was seen. A network
    whose loss or weights are not finite stops at the last weights whose loss was finite; the others go on. The order
    of the sums inside a matrix product may depend on how many networks are multiplied at once, so that other
    neighbours change the last bits; equal arguments give equal bits on one thread. Raises ResiduaError as `train`.
    """
    found = tuple(seed_of(seed, "train_many") for seed in seeds)
    if not found:
        raise DescriptionError("train_many: expected at least one seed, got none")
    if stop_below is not None and not number(stop_below, "stop_below", "train_many") > 0:
        raise DescriptionError(f"train_many: stop_below must be above 0, got {stop_below!r}")
    models = tuple(build(net, seed, dtype, init) for seed in found)
    check_training(models[0], task, steps, optimiser, rate, batch, threads, "train_many")
    fitting(models[0], task, "train_many")
    seen = min(int(batch), len(task.x))
    check_rows(models[0], seen, "train_many: batch")
    with on_threads(int(threads)), torch.enable_grad(), Bar(int(steps), rate, progress) as bar:
        descent = SharedDescent(net, dtype, models, found, task, optimiser, rate, seen)
        descent.run(int(steps), stop_below or 0.0, bar)
    for model, end in zip(models, descent.end, strict=True):
        load(model, end.tensors)
    losses = np.array(descent.losses).reshape(-1, len(found))
    taken, why, reached = tuple(descent.steps), tuple(descent.stopped), tuple(descent.reached)
    return Ensemble(net, models, found, losses, taken, why, reached, dtype)


class SharedDescent:
    """The steps of all networks; those that have stopped leave the stack, so that the rest goes faster."""

    def __init__(
        self,
        net: Network,
        dtype: str,
        models: Sequence[nn.Sequential],
        seeds: Sequence[int],
        task: Task,
        optimiser: str,
        rate: float,
        batch: int,
    ) -> None:
        self.stack = Stack(net, dtype)
        self.x, self.y = tensors(models[0], task.x, task.y)
        self.loss, self.name, self.rate, self.batch = task.loss, optimiser, rate, batch
        self.at_once = max(1, CACHE // (batch * widest(net) * self.x.element_size()))
        self.buffers = self.stack.buffers(models)
        self.parameters = self.stack.arrays(models)
        self.optimiser = self._new_optimiser()
        self.active = list(range(len(seeds)))
        self.chosen: list[Iterator[Tensor]] = [minibatches(len(self.x), batch, seed) for seed in seeds]
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.losses: list[NDArray[np.float64]] = []
        self.steps, self.stopped, self.reached = [0] * len(seeds), [""] * len(seeds), [False] * len(seeds)
        self.before = self._state()  # at the last weights whose losses were finite
        self.spare: _State | None = None  # memory for the next
        self.end = [self.before.rows(s) for s in range(len(seeds))]

    def run(self, steps: int, stop_below: float, bar: Bar) -> None:
        """Until every network has stopped or taken `steps`."""
        done = 0
        while self.active and done < steps:
            self._step(done, stop_below)
            done += 1
            bar.update(done, float(np.nanmean(np.append(self.losses[-1], np.nan if self.active else 0.0))))
        if self.active and done:
            self._check_last(done)
        for row in range(len(self.active)):
            self._stop(row, self._state(), done, "")

    def _step(self, k: int, stop_below: float) -> None:
        entered = self._state(self.spare)
        seen = self._descend()
        self._record(seen)
        for row, value in enumerate(seen):
            if not math.isfinite(value):
                self._stop(row, self.before, max(k - 1, 0), f"loss is {value} at step {k}")
            elif value < stop_below:
                self.reached[self.active[row]] = True
                self._stop(row, entered, k, f"loss is below {stop_below:g} at step {k}")
        self.before, self.spare = entered, self.before
        self._keep([row for row, value in enumerate(seen) if stop_below <= value < math.inf])
        if not self.active:
            return
        self.optimiser.step()
        finite = _State(self._now()).finite()
        for row in range(len(finite)):
            if not finite[row]:
                self._stop(row, self.before, k, f"weights are not finite after step {k + 1}")
        self._keep([row for row, good in enumerate(finite) if good])

    def _check_last(self, done: int) -> None:
        """The weights that the last step left have met no loss yet."""
        with torch.no_grad():
            x, y = self._minibatch()
            values = self._values({**self.parameters, **self.buffers}, x, y, training=False).tolist()
        for row, value in enumerate(values):
            if not math.isfinite(value):
                self._stop(row, self.before, done - 1, f"loss is {value} at step {done}")
        self._keep([row for row, value in enumerate(values) if math.isfinite(value)])

    def _descend(self) -> list[float]:
        """The loss of every active network on its next minibatch; leaves its gradient, and moves stored statistics."""
        x, y = self._minibatch()
        masks = self.stack.masks([self.generators[s] for s in self.active], self.batch)
        found: list[float] = []
        for first in range(0, len(self.active), self.at_once):
            some = slice(first, first + self.at_once)
            leaves = self._leaves(some)
            others = {name: tensor[some] for name, tensor in (self.buffers | masks).items()}
            values = self._values(leaves | others, x[some], y[some], training=True)
            self._put_gradients(some, torch.autograd.grad(values.sum(), list(leaves.values())))
            found += values.tolist()
        return found

    def _leaves(self, some: slice) -> dict[str, Tensor]:
        if len(self.active) <= self.at_once:
            return self.parameters
        return {name: p.detach()[some].requires_grad_() for name, p in self.parameters.items()}

    def _put_gradients(self, some: slice, gradients: Sequence[Tensor]) -> None:
        for parameter, gradient in zip(self.parameters.values(), gradients, strict=True):
            if len(gradient) == len(parameter):  # a fused optimiser reads any other order of memory wrongly, silently
                parameter.grad = gradient.contiguous()
                continue
            if parameter.grad is None:
                parameter.grad = torch.empty_like(parameter)
            parameter.grad[some] = gradient

    def _minibatch(self) -> tuple[Tensor, Tensor]:
        drawn = torch.stack([next(self.chosen[s]) for s in self.active])
        return self.x[drawn], self.y[drawn]

    def _values(self, tensors: dict[str, Tensor], x: Tensor, y: Tensor, training: bool) -> Tensor:
        return losses_of_each(self.loss, self.stack.outputs(tensors, x, training), y)

    def _record(self, seen: Sequence[float]) -> None:
        losses = np.full(len(self.steps), np.nan)
        losses[self.active] = [value if math.isfinite(value) else np.nan for value in seen]
        self.losses.append(losses)

    def _now(self) -> dict[str, Tensor]:
        return {name: p.detach() for name, p in self.parameters.items()} | self.buffers

    def _state(self, memory: "_State | None" = None) -> "_State":
        """A copy of the state now, in place of `memory` if that is given."""
        now = self._now()
        if memory is None:
            return _State({name: tensor.clone() for name, tensor in now.items()})
        torch._foreach_copy_(list(memory.tensors.values()), list(now.values()))
        return memory

    def _stop(self, row: int, at: "_State", steps: int, why: str) -> None:
        s = self.active[row]
        self.end[s], self.steps[s], self.stopped[s] = at.rows(row), steps, why

    def _keep(self, kept: list[int]) -> None:
        """Go on with these of the active networks."""
        if len(kept) == len(self.active):
            return
        self.active = [self.active[row] for row in kept]
        before, old = self.parameters, self.optimiser.state
        self.parameters = {name: tensor.detach()[kept] for name, tensor in before.items()}
        self.buffers = {name: b[kept] for name, b in self.buffers.items()}
        self.before, self.spare = self.before.rows(kept), None
        self.optimiser = self._new_optimiser()
        for name, tensor in before.items():
            new = self.parameters[name]
            new.grad = None if tensor.grad is None else tensor.grad[kept]
            if tensor in old:
                self.optimiser.state[new] = {n: t[kept] if t.ndim else t for n, t in old[tensor].items()}

    def _new_optimiser(self) -> torch.optim.Optimizer:
        for tensor in self.parameters.values():
            tensor.requires_grad_()
        return optimiser_for(self.parameters.values(), self.name, self.rate, fused=True)


@dataclass(frozen=True)
class _State:
    """Parameters and buffers {name: (networks, *shape)} at one moment."""

    tensors: dict[str, Tensor]

    def rows(self, which: int | list[int]) -> "_State":
        """A copy of those of some networks."""
        return _State({name: tensor[which].clone() for name, tensor in self.tensors.items()})

    def finite(self) -> list[bool]:
        """Of every network, by norms over all, which may overflow, and one by one where those are not finite."""
        tensors = list(self.tensors.values())
        if torch.stack(torch._foreach_norm(tensors)).isfinite().all():
            return [True] * len(tensors[0])
        each = torch.stack([tensor.flatten(1).isfinite().all(1) for tensor in tensors])
        found: list[bool] = each.all(0).tolist()
        return found

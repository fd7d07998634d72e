"""Training: minibatches, an optimiser, and a stop where numbers end."""

import time
from collections.abc import Collection

import torch
from torch import nn

from residua_network import DescriptionError
from residua_network.checks import number, one_of, whole
from residua_numeric.build import seed_of
from residua_numeric.descent import OPTIMISERS, Descent
from residua_numeric.errors import TaskError
from residua_numeric.history import Run
from residua_numeric.losses import fitting
from residua_numeric.modules import DTYPES, dtype_name, torch_model
from residua_numeric.progress import Bar
from residua_numeric.snapshot import snapshot_of
from residua_numeric.state import global_seed, mode, on_threads
from residua_numeric.tasks import Task


def train(
    model: nn.Module,
    task: Task,
    steps: int = 500,
    optimiser: str = "adam",
    rate: float = 1e-3,
    batch: int = 64,
    seed: int = 0,
    *,
    snapshots: Collection[int] = (),
    progress: bool | None = None,
    threads: int = 1,
) -> Run:
    """Train `model` in place and tell how it went; deterministic for equal arguments on one thread.

    optimiser: "sgd", "momentum" (0.9) or "adam". Each step sees `batch` points; they are reshuffled every epoch, and
    the few that fill no batch wait for the next. `snapshots`: after which numbers of steps to keep the weights (0:
    before training). `progress`: None shows a bar when training takes over two seconds at a terminal.
    A loss or weights that are not finite stop it, with the model put back to the last weights whose loss was finite.
    Raises ResiduaError (ShapeError where task and model do not fit).
    """
    _check(model, task, steps, optimiser, rate, batch, threads)
    kept = _moments(snapshots, steps)
    net = fitting(model, task, "train")
    begin = time.perf_counter()
    seed_of(seed, "train")
    with on_threads(threads), global_seed(seed), mode(model, training=True), torch.enable_grad():
        descent = Descent(model, net, task, optimiser, rate, min(batch, len(task.x)), seed)
        with Bar(steps, rate, progress) as bar:
            stopped = descent.run(steps, kept, bar)
    seconds = time.perf_counter() - begin
    found = tuple(s for s in descent.snapshots if s.step is not None and s.step <= descent.done)
    last = snapshot_of(model, seed, descent.done, net)
    done = tuple(descent.losses)
    return Run(done, rate, descent.batch, optimiser, seed, steps, task.name, found, last, stopped, seconds)


def _check(
    model: nn.Module, task: Task, steps: object, optimiser: object, rate: object, batch: object, threads: object
) -> None:
    torch_model(model, "train")
    if not isinstance(task, Task):
        raise TaskError(f"train: expected a Task, got {task!r}")
    whole(steps, "steps", "train", least=0)
    one_of(optimiser, OPTIMISERS, "optimiser", "train")
    if not number(rate, "rate", "train") > 0:
        raise DescriptionError(f"train: rate must be above 0, got {rate!r}")
    largest = torch.finfo(DTYPES[dtype_name(model)]).max / 16  # Adam divides it by 1 - 0.9
    if not number(rate, "rate", "train") <= largest:
        raise DescriptionError(
            f"train: rate must be at most {largest:.0e} for a {dtype_name(model)} model, got {rate!r}"
        )
    whole(batch, "batch", "train")
    whole(threads, "threads", "train")
    if not any(p.requires_grad for p in model.parameters()):
        raise DescriptionError("train: the model has no parameter that can be trained")


def _moments(snapshots: Collection[int], steps: int) -> frozenset[int]:
    for k in snapshots:
        if whole(k, "a snapshot's step", "train", least=0) > steps:
            raise DescriptionError(f"train: snapshots must lie between 0 and steps = {steps}, got {k}")
    return frozenset(snapshots)

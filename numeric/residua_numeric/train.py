"""Training: minibatches, an optimiser, and a stop where numbers end."""

import time
from collections.abc import Collection

import torch
from torch import nn

from residua_network import DescriptionError
from residua_network.checks import number, one_of, whole
from residua_numeric.build import seed_of
from residua_numeric.descent import Descent
from residua_numeric.errors import TaskError
from residua_numeric.history import Run
from residua_numeric.losses import fitting
from residua_numeric.modules import DTYPES, dtype_name, torch_model
from residua_numeric.optimisers import OPTIMISERS
from residua_numeric.progress import Bar
from residua_numeric.resume import LEFT_OUT, check_resume, settled
from residua_numeric.snapshot import Snapshot
from residua_numeric.state import global_seed, mode, on_threads
from residua_numeric.statistics import check_rows
from residua_numeric.tasks import Task

MOST_THREADS = 1024  # beyond any machine's; far beyond, OpenMP ends the process


def train(
    model: nn.Module,
    task: Task,
    steps: int = 500,
    optimiser: str = LEFT_OUT["optimiser"],
    rate: float = LEFT_OUT["rate"],
    batch: int = LEFT_OUT["batch"],
    seed: int = LEFT_OUT["seed"],
    *,
    resume: Snapshot | None = None,
    snapshots: Collection[int] = (),
    progress: bool | None = None,
    threads: int = 1,
) -> Run:
    """Train `model` in place and tell how it went; deterministic for equal arguments on one thread.

    optimiser: "sgd", "momentum" (0.9) or "adam". Each step sees `batch` points; they are reshuffled every epoch, and
    the few that fill no batch wait for the next. `snapshots`: after which numbers of steps to keep the weights (0:
    before training). `progress`: None shows a bar when training takes over two seconds at a terminal.
    resume: go on to `steps` in total from a snapshot of an earlier training, bit for bit as if that had not ended.
    `model` is put to its weights; network, dtype, task, optimiser, batch and seed must be those of the snapshot, the
    rate may be another, and what is left out is the snapshot's.
    A loss or weights that are not finite stop it, with the model put back to the last weights whose loss was finite.
    Raises ResiduaError (ShapeError where task and model do not fit, SnapshotError where `resume` does not).
    """
    optimiser, rate, batch, seed = settled(resume, optimiser=optimiser, rate=rate, batch=batch, seed=seed)
    check_training(model, task, steps, optimiser, rate, batch, threads)
    steps, batch, threads, seed = int(steps), int(batch), int(threads), seed_of(seed, "train")
    net = fitting(model, task, "train")
    if resume is not None:
        check_resume(resume, model, net, task, steps, optimiser, batch, seed)
    begun = 0 if resume is None or resume.step is None else resume.step
    kept, seen = _moments(snapshots, begun, steps), min(batch, len(task.x))
    begin = time.perf_counter()
    with on_threads(threads), global_seed(seed), mode(model, training=True), torch.enable_grad():
        check_rows(model, seen, "train: batch")
        descent = Descent(model, net, task, optimiser, rate, seen, seed, resume)
        with Bar(steps, rate, progress, begun) as bar:
            stopped = descent.run(steps, kept, bar)
        last = descent.snapshot()
    seconds = time.perf_counter() - begin
    found = tuple(s for s in descent.snapshots if s.step is not None and s.step <= descent.done)
    done = tuple(descent.losses)
    return Run(done, rate, seen, optimiser, seed, steps, task.name, found, last, stopped, seconds, begun)


def check_training(
    model: nn.Module,
    task: Task,
    steps: object,
    optimiser: object,
    rate: object,
    batch: object,
    threads: object,
    where: str = "train",
) -> None:
    """Raises ResiduaError for what no training takes; `where` is who asks."""
    torch_model(model, where)
    if not isinstance(task, Task):
        raise TaskError(f"{where}: expected a Task, got {task!r}")
    whole(steps, "steps", where, least=0)
    one_of(optimiser, OPTIMISERS, "optimiser", where)
    if not number(rate, "rate", where) > 0:
        raise DescriptionError(f"{where}: rate must be above 0, got {rate!r}")
    largest = torch.finfo(DTYPES[dtype_name(model)]).max / 16  # Adam divides it by 1 - 0.9
    if not number(rate, "rate", where) <= largest:
        raise DescriptionError(
            f"{where}: rate must be at most {largest:.0e} for a {dtype_name(model)} model, got {rate!r}"
        )
    whole(batch, "batch", where)
    if whole(threads, "threads", where) > MOST_THREADS:
        raise DescriptionError(f"{where}: threads must be at most {MOST_THREADS}, got {threads!r}")
    if not any(p.requires_grad for p in model.parameters()):
        raise DescriptionError(f"{where}: the model has no parameter that can be trained")


def _moments(snapshots: Collection[int], begun: int, steps: int) -> frozenset[int]:
    if not isinstance(snapshots, Collection):
        raise DescriptionError(f"train: snapshots must be a collection of steps, got {snapshots!r}")
    for k in snapshots:
        if not begun <= whole(k, "a snapshot's step", "train", least=0) <= steps:
            raise DescriptionError(f"train: snapshots must lie between {begun} and steps = {steps}, got {k}")
    return frozenset(map(int, snapshots))

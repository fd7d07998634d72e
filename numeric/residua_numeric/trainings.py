"""Training of several networks at once, as `train_many` does it, from weights and in an order that are given."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from residua_network import Network
from residua_network.checks import one_of
from residua_numeric.descent import minibatches
from residua_numeric.ensemble import Ensemble, SharedDescent
from residua_numeric.modules import dtype_name
from residua_numeric.progress import Bar
from residua_numeric.stacked import load
from residua_numeric.state import on_threads
from residua_numeric.tasks import Task
from residua_numeric.train import check_training

ORDERS = ("shuffled", "sorted")


def train_models(
    net: Network,
    models: Sequence[nn.Sequential],
    seeds: Sequence[int],
    task: Task,
    steps: int,
    optimiser: str,
    rate: float,
    batch: int,
    order: str = "shuffled",
) -> Ensemble:
    """Train these models of one description, as they are, all at once and in place; model s draws from seed s.

    order: "shuffled", as `train` has it, or "sorted": by class, the batches cut from that order and repeated, so that
    every batch holds one or two classes. Raises ResiduaError as `train`.
    """
    one_of(order, ORDERS, "order", "train_models")
    check_training(models[0], task, steps, optimiser, rate, batch, 1, "train_models")
    dtype = dtype_name(models[0])
    with on_threads(1), torch.enable_grad(), Bar(steps, rate, False) as bar:
        descent = SharedDescent(net, dtype, models, seeds, task, optimiser, rate, batch)
        descent.chosen = [drawn(task, batch, seed, order) for seed in seeds]
        descent.run(steps, 0.0, bar)
    for model, end in zip(models, descent.end, strict=True):
        load(model, end.tensors)
    losses = np.array(descent.losses).reshape(-1, len(seeds))
    stopped = tuple(descent.stopped)
    return Ensemble(
        net, tuple(models), tuple(seeds), losses, tuple(descent.steps), stopped, tuple(descent.reached), dtype
    )


def drawn(task: Task, batch: int, seed: int, order: str) -> Iterator[Tensor]:
    """The indices of one batch after another."""
    return minibatches(len(task.x), batch, seed) if order == "shuffled" else _sorted(task, batch)


def _sorted(task: Task, batch: int) -> Iterator[Tensor]:
    """By class; what does not fill a batch at the end is left out."""
    places = torch.tensor(np.argsort(task.y, kind="stable"))
    while True:
        yield from (places[k : k + batch] for k in range(0, len(places) - batch + 1, batch))

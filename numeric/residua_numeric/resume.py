"""A training that goes on from a snapshot: what must be as it was, and putting the rest back."""

from itertools import zip_longest
from typing import Any

import torch
from torch import nn

from residua_network import Network
from residua_numeric.errors import SnapshotError
from residua_numeric.modules import dtype_name, modules_of, true_of
from residua_numeric.optimisers import kept_tensors, put_kept
from residua_numeric.snapshot import Snapshot
from residua_numeric.tasks import Task
from residua_numeric.training_state import TrainingState, digest_of
from residua_numeric.weights import put

DEFAULTS: dict[str, Any] = {"optimiser": "adam", "rate": 1e-3, "batch": 64, "seed": 0}


def _marked(value: Any) -> Any:
    """`value` as an object of its own, told by identity from an equal one that was given."""
    return type(type(value).__name__, (type(value),), {})(value)


LEFT_OUT = {name: _marked(value) for name, value in DEFAULTS.items()}  # what the signature of `train` shows


def settled(resume: Snapshot | None, **given: Any) -> tuple[Any, ...]:
    """The values given, in their order; those left out are the snapshot's, or the defaults."""
    values = DEFAULTS
    if resume is not None:
        state = _training(resume)
        values = {"optimiser": state.optimiser, "rate": state.rate, "batch": state.batch, "seed": resume.seed}
    return tuple(values[name] if value is LEFT_OUT[name] else value for name, value in given.items())


def check_resume(
    resume: Snapshot, model: nn.Module, net: Network, task: Task, steps: int, optimiser: str, batch: int, seed: int
) -> None:
    """Raises SnapshotError unless the training goes on as it began; only its rate may be another."""
    state = _training(resume)
    if net != resume.network:
        raise SnapshotError(f"train: resume: {_parting(resume.network, net)}")
    same = [
        ("dtype", resume.dtype, dtype_name(model)),
        ("optimiser", state.optimiser, optimiser),
        ("batch", state.batch, min(batch, len(task.x))),
        ("seed", resume.seed, seed),
        ("task", state.task, task.name),
        (f'data and loss of task "{task.name}", SHA-256', state.data, digest_of(task)),
    ]
    for name, expected, got in same:
        if expected != got:
            raise SnapshotError(f"train: resume: {name}: expected that of the snapshot, {expected!r}, got {got!r}")
    if resume.step is None or resume.step > steps:
        raise SnapshotError(
            f"train: resume: expected at least the {resume.step} steps that the snapshot has taken, got steps = {steps}"
        )


def _training(resume: object) -> TrainingState:
    if not isinstance(resume, Snapshot):
        raise SnapshotError(f"train: resume: expected a Snapshot, as run.last is one, got {type(resume).__name__}")
    if resume.training is None:
        raise SnapshotError("train: resume: expected a snapshot that train() took, got one without a training")
    return resume.training


def _parting(expected: Network, got: Network) -> str:
    """Where two networks first differ."""
    pairs = zip_longest(expected.walk(), got.walk(), fillvalue=("", "no layer"))
    a, b = next((a, b) for a, b in pairs if a != b)
    return f'"{a[0] or b[0]}": expected {a[1]}, as in the snapshot, got {b[1]}'


def put_back(model: nn.Module, optimiser: torch.optim.Optimizer, resume: Snapshot) -> None:
    """Weights, buffers, counts, the optimiser's tensors and torch's global generator as they were."""
    state = _training(resume)
    put(model, {name: torch.tensor(array) for name, array in resume.weights.items()})
    for name, norm in _counting(model).items():
        norm.num_batches_tracked.fill_(state.counts.get(name, resume.step or 0))
    put_kept(model, optimiser, state.tensors)
    torch.set_rng_state(torch.tensor(state.generator))


def state_of(
    model: nn.Module, optimiser: torch.optim.Optimizer, name: str, rate: float, batch: int, task: Task, data: str
) -> TrainingState:
    """The training as it stands; name: the optimiser's, data: the task's digest."""
    tensors = {key: tensor.detach().numpy() for key, tensor in kept_tensors(model, optimiser).items()}
    counts = {key: int(norm.num_batches_tracked) for key, norm in _counting(model).items()}
    return TrainingState(name, rate, batch, task.name, data, tensors, counts, torch.get_rng_state().numpy())


def _counting(model: nn.Module) -> dict[str, Any]:
    """torch's own batch norms that count the batches they have seen."""
    true = {name: true_of(module) for name, module in modules_of(model).items()}
    return {n: m for n, m in true.items() if isinstance(m, nn.BatchNorm1d) and m.num_batches_tracked is not None}

"""Stored statistics of batch norms, computed at given inputs."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from residua_network import ResiduaError, ShapeError
from residua_numeric.capture import Passed, capture
from residua_numeric.measure import inputs_of
from residua_numeric.modules import modules_of, torch_model, true_of
from residua_numeric.state import undisturbed
from residua_numeric.statistics import Norm, asked, batch_norms, check_rows
from residua_numeric.weights import own_tensors


def collect_statistics(model: nn.Module, x: object) -> None:
    """Store in every batch norm mean and variance, with 1/(N − 1), of the N rows that it is fed at x: (batch, inputs).

    All of them normalise by the batch meanwhile, dropout is off; nothing else changes. Raises ResiduaError, and leaves
    the model as it was, where a batch norm stores nothing, is fed no finite rows, or stands at several places.
    """
    torch_model(model, "collect_statistics")
    words = asked(model, "batch", "collect_statistics")
    with torch.inference_mode(False), undisturbed(model, words), torch.no_grad():
        point = inputs_of(model, x, "collect_statistics")
        check_rows(model, len(point), "collect_statistics: x")
        _, passed = capture(model, point)
        found = {norm: _statistics(norm, names, model, passed) for norm, names in batch_norms(model).items()}
    for norm, (mean, variance) in found.items():
        _store(norm, mean, variance)


def _statistics(norm: Norm, names: list[str], model: nn.Module, passed: Mapping[str, Passed]) -> tuple[Tensor, Tensor]:
    """Mean and variance (n,) of the rows (N, n) that it was fed."""
    place = f'collect_statistics: "{names[0]}"'
    if len(names) > 1:
        raise ResiduaError(f'{place} and "{names[1]}" are one module: expected one place, got {len(names)}')
    if norm.running_mean is None:
        raise ResiduaError(f"{place}: expected a batch norm that stores statistics, got track_running_stats=False")
    if names[0] not in passed or true_of(modules_of(model)[names[0]]) is not norm:
        raise ResiduaError(f"{place}: expected a batch norm that the model calls by itself, got one that it does not")
    rows = passed[names[0]].input
    mean, variance = rows.mean(dim=0), rows.var(dim=0)
    if not bool((mean + variance).isfinite().all()):
        raise ShapeError(f"{place}: expected finite statistics, got mean {mean.tolist()}, variance {variance.tolist()}")
    return mean, variance


def _store(norm: Norm, mean: Tensor, variance: Tensor) -> None:
    stored = own_tensors(norm)
    with torch.no_grad():
        stored["running_mean"].copy_(mean)
        stored["running_var"].copy_(variance)
        if isinstance(norm, nn.BatchNorm1d) and norm.num_batches_tracked is not None:
            norm.num_batches_tracked.fill_(1)

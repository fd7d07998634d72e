"""Which statistics batch normalisation uses, and which layers couple the rows of a batch for it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from torch import nn

from residua_network import STATISTICS, DescriptionError, Network, ResiduaError, ShapeError
from residua_network import BatchNorm as Described
from residua_network.checks import one_of
from residua_numeric.layers.batchnorm import BatchNorm, statistics_used
from residua_numeric.modules import branch_of, everything, modules_of

Norm = BatchNorm | nn.BatchNorm1d


class Coupling(NamedTuple):
    """Whether the rows of a layer are coupled: by what was stated of it, and by what it does."""

    stated: bool
    actual: bool


def statistics_of(network: Network) -> dict[str, str]:
    """{name: "batch" or "running"}: what the description says of every batch norm."""
    return {name: layer.statistics for name, layer in network.walk() if isinstance(layer, Described)}


def batch_norms(model: nn.Module) -> dict[Norm, list[str]]:
    """{batch norm: the names of the layers that it is}, or that it is inside of where it has no name of its own."""
    found: dict[Norm, list[str]] = defaultdict(list)
    for name, module in modules_of(model).items() if _norms_in(model) else ():
        branch = branch_of(module)
        named = set() if branch is None else set(_norms_in(branch))
        for norm in _norms_in(module):
            if norm not in named:
                found[norm].append(name)
    return dict(found)


def _norms_in(module: nn.Module) -> list[Norm]:
    return [one for one in everything(module) if isinstance(one, Norm)]


def asked(model: nn.Module, statistics: object, where: str) -> dict[str, str] | None:
    """`statistics`, None, "batch", "running" or {layer name: one of them}, by name. Raises DescriptionError."""
    if statistics is None:
        return None
    if isinstance(statistics, str):
        value = one_of(statistics, STATISTICS, "statistics", where)
        return {name: value for names in batch_norms(model).values() for name in names}
    if not isinstance(statistics, Mapping):
        known = 'None, "batch", "running" or {layer name: "batch" or "running"}'
        raise DescriptionError(f"{where}: statistics: expected {known}, got {statistics!r}")
    names = modules_of(model)
    return {
        one_of(name, names, "layer", f"{where}: statistics"): one_of(value, STATISTICS, "statistics", where)
        for name, value in statistics.items()
    }


def chosen(model: nn.Module, statistics: Mapping[str, str]) -> dict[Norm, str]:
    """What each batch norm is to use: what `statistics` says of its name, else what it uses as it stands.

    Raises ResiduaError where that is not one thing, and for stored statistics that were never computed.
    """
    found = {}
    for norm, names in batch_norms(model).items():
        wanted = {statistics.get(name, statistics_used(norm)) for name in names}
        if len(wanted) > 1:
            raise ResiduaError(f'statistics: "{names[0]}" and "{names[1]}" are one module, expected one word, got two')
        found[norm] = wanted.pop()
        if found[norm] == "running" and statistics_used(norm) == "batch" and _never_computed(norm):
            raise ResiduaError(
                f'statistics: "{names[0]}" has running statistics that were never computed; '
                "train it, or collect_statistics(model, x)"
            )
    return found


def _never_computed(norm: Norm) -> bool:
    mean, variance = norm.running_mean, norm.running_var
    if mean is None or variance is None:
        return True
    if isinstance(norm, nn.BatchNorm1d) and norm.num_batches_tracked is not None and norm.num_batches_tracked > 0:
        return False
    return bool((mean == 0).all() and (variance == 1).all())


@contextmanager
def using(statistics: Mapping[Norm, str]) -> Iterator[None]:
    """Every batch norm, in eval mode, on its statistics, without moving the stored ones; then as before."""
    switches = ("statistics", "training", "track_running_stats")
    before = [(norm, {name: vars(norm)[name] for name in switches if name in vars(norm)}) for norm in statistics]
    try:
        for norm, word in statistics.items():
            if isinstance(norm, BatchNorm):
                norm.statistics = word
            elif word == "batch":
                norm.training, norm.track_running_stats = True, False
        yield
    finally:
        for norm, values in before:
            vars(norm).update(values)


def couplings(model: nn.Module, statistics: Mapping[str, str] | None) -> dict[str, Coupling]:
    """{layer name: its coupling as `model` stands now}, "" for all of the model.

    With `statistics` it is stated by them, whatever stands at those names: a layer on "batch" couples its rows, and
    so does what holds it.
    """
    modules = modules_of(model)
    coupling = {norm for norm in _norms_in(model) if statistics_used(norm) == "batch"}
    actual = {n for n, module in modules.items() if coupling and not coupling.isdisjoint(_norms_in(module))}
    stated = actual
    if statistics is not None:
        batch = [name for name, word in statistics.items() if word == "batch"]
        stated = {n for n in modules if any(name == n or name.startswith(f"{n}.branch.") for name in batch)}
    each = {name: Coupling(name in stated, name in actual) for name in modules}
    return {"": Coupling(bool(stated), bool(actual)), **each}


def check_rows(model: nn.Module, rows: int, where: str) -> None:
    """Raises ResiduaError where `model`, as it stands, cannot normalise that many rows."""
    for norm, names in batch_norms(model).items():
        if statistics_used(norm) == "batch" and rows < 2:
            why = f'"{names[0]}" normalises by those of the batch'
            raise ShapeError(f"{where}: expected at least 2 rows, as {why}, got {rows}")
        if statistics_used(norm) == "batch" and isinstance(norm, nn.BatchNorm1d) and norm.eps == 0:
            why = "expected an eps above 0 with batch statistics, as torch does, got 0; build(describe(model)) takes it"
            raise DescriptionError(f'{where}: "{names[0]}": {why}')

"""The torch side of each layer kind, one file a kind; the folder is scanned, so that adding one needs no other edit.

A file gives `module(layer)`, the torch module of a description; `TYPES`, the module classes that it can describe;
and `layer(module, branch, dtype)`, the description of such a module (`branch`: the layers inside, already described;
`dtype`: that of the model). `layer` raises DescriptionError, without a place, for settings that residua does not know.

It may give `stacked(layer, own, x, training, branch)` as well: the outputs of several such modules at once, x and
they of shape (networks, rows, features), faster than `torch.func.vmap` of the module, which takes its place where it
is missing. `own`: {name: (networks, *shape)}, parameters and buffers; `training`: whether stored statistics are to
move, in place; `branch`: what is inside, as a function of x.
"""

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType

from torch import nn, random

from residua_network import DescriptionError, Layer


@cache
def files() -> dict[str, ModuleType]:
    """The files of this folder by kind, in alphabetical order."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}


def module_of(layer: Layer) -> nn.Module:
    """A new float32 module for `layer`, its values arbitrary; the global random state stays as it was.

    Raises DescriptionError, naming the missing file, for a kind without a torch side.
    """
    if layer.kind not in files():
        path = Path(__file__).parent / f"{layer.kind}.py"
        raise DescriptionError(f"{layer!r}: the kind {layer.kind!r} has no torch module; expected the file {path}")
    with random.fork_rng(devices=[]):
        module: nn.Module = files()[layer.kind].module(layer)
    return module


def sequence(layers: Iterable[Layer]) -> nn.Sequential:
    """The modules of `layers` one after another, so that names in the state dict are those of the description."""
    return nn.Sequential(*(module_of(layer) for layer in layers))


def describers() -> dict[type[nn.Module], ModuleType]:
    """{module class: the file that describes it}."""
    return {kind: file for file in files().values() for kind in file.TYPES}

"""What a model feeds to each of its layers, seen by hooks that are always removed."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from residua_network import ShapeError
from residua_numeric.derivatives import forward
from residua_numeric.modules import modules_of


class Passed(NamedTuple):
    """One call of a module: what went in, in the graph of the pass, and what came out."""

    input: Tensor
    output: Tensor


def capture(model: nn.Module, x: Tensor) -> tuple[Tensor, dict[str, Passed]]:
    """The output of `model` at x, and {name as in the description: what passed}.

    A module that the model never calls has no entry; of one that is called too often the first call counts.
    """
    names = modules_of(model)
    with _listening(set(names.values())) as calls:
        y = forward(model, x)
    places = defaultdict(list)
    for name, module in names.items():
        places[module].append(name)
    found: dict[str, Passed] = {}
    for module, at in places.items():
        if len(at) > 1 and len(calls[module]) != len(at):
            raise ShapeError(f'model: "{at[0]}" stands at {len(at)} places, but is called {len(calls[module])} times')
        found.update(zip(at, calls[module], strict=False))
    return y, {name: found[name] for name in names if name in found}


@contextmanager
def _listening(modules: set[nn.Module]) -> Iterator[dict[nn.Module, list[Passed]]]:
    """Hooks on `modules`. Each is handed a copy of its input, so that in-place modules leave what is kept alone."""
    entered: dict[nn.Module, list[Tensor]] = defaultdict(list)
    calls: dict[nn.Module, list[Passed]] = defaultdict(list)

    def before(module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        point = arguments[0]
        if torch.is_grad_enabled() and not point.requires_grad:  # a layer before it has cut the graph
            point = point.detach().requires_grad_()
        entered[module].append(point)
        return (point.clone(), *arguments[1:])

    def after(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
        calls[module].append(Passed(entered[module].pop(), output))

    handles = [module.register_forward_pre_hook(before) for module in modules]
    handles += [module.register_forward_hook(after) for module in modules]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()

"""What is borrowed from the user's model or from torch, and always given back."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from residua_numeric.modules import everything
from residua_numeric.statistics import chosen, using


@contextmanager
def mode(model: nn.Module, training: bool) -> Iterator[None]:
    """`model` in training or eval mode; after it every module has its own mode back."""
    before = [(module, module.training) for module in everything(model)]
    model.train(training)
    try:
        yield
    finally:
        for module, flag in before:
            module.training = flag


@contextmanager
def undisturbed(model: nn.Module, statistics: Mapping[str, str] | None = None) -> Iterator[None]:
    """`model` in eval mode, for looking only; after it modes, statistics and buffers are as they were.

    statistics: {layer name: "batch" or "running"}. A batch norm that is not named uses what it used before, for
    torch's own the batch in training mode. Raises ResiduaError for running statistics that were never computed.
    """
    words = chosen(model, statistics or {})
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        with mode(model, training=False), using(words):
            yield
    finally:
        with torch.no_grad():
            for buffer, kept in buffers:
                buffer.copy_(kept)


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """torch on `count` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def global_seed(seed: int) -> Iterator[None]:
    """torch's global CPU generator, which dropout draws from, begins at `seed`; after it its state is as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield

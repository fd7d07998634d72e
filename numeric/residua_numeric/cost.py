"""What a computation costs: matrix-product flops by torch's own counter, memory kept for the way back, time."""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from residua_network import DescriptionError
from residua_network.checks import whole
from residua_numeric.state import on_threads

LEAST_SECONDS = 1e-3  # of one sample: a thousand times what the process clock resolves


@dataclass(frozen=True)
class Flops:
    """Multiplications and additions in matrix products; biases and activations are not counted."""

    forward: int
    backward: int


def flops(function: Callable[[], Tensor], points: Sequence[Tensor]) -> Flops:
    """Those of `function()`, and of one reverse pass from its output to `points`, which its graph ends in.

    For Linear layers n_0 → n_1 → ... → n_L without a gradient at the input backward/forward is
    2 − n_0 n_1 / Σ n_i n_{i+1}. Raises DescriptionError where the output depends on none of the points.
    """
    with torch.inference_mode(False), torch.enable_grad():
        with FlopCounterMode(display=False) as there:
            y = function()
        if not y.requires_grad:
            raise DescriptionError("flops: expected an output that depends on a tensor that requires a gradient")
        with FlopCounterMode(display=False) as back:
            torch.autograd.grad(y, points, torch.ones_like(y), allow_unused=True)
    return Flops(there.get_total_flops(), back.get_total_flops())


def saved_bytes(function: Callable[[], Tensor], held: Iterable[Tensor] = ()) -> int:
    """Bytes that autograd keeps alive for the reverse pass of `function()`, every storage counted once and whole.

    held: tensors in memory anyway (parameters, the input), whose storages do not count.
    """
    kept: dict[int, Tensor] = {}  # by address; a tensor here keeps its storage, and so its address, from going away

    def pack(tensor: Tensor) -> Tensor:
        kept.setdefault(_address(tensor), tensor)
        return tensor

    with torch.inference_mode(False), torch.enable_grad(), saved_tensors_hooks(pack, lambda tensor: tensor):
        y = function()
    there = {_address(tensor) for tensor in held}
    total = sum(tensor.untyped_storage().nbytes() for address, tensor in kept.items() if address not in there)
    del y  # only now: what the graph keeps was alive until the count
    return total


def seconds(function: Callable[[], object], repetitions: int = 7) -> float:
    """Processor time of one call on one thread: the median of `repetitions` samples of 1 ms or more.

    The first call, which may compile or allocate, is not counted.
    """
    whole(repetitions, "repetitions", "seconds")
    with on_threads(1):
        function()
        calls = 1
        while _sample(function, calls) < LEAST_SECONDS:
            calls *= 2
        return statistics.median(_sample(function, calls) for _ in range(repetitions)) / calls


def _sample(function: Callable[[], object], calls: int) -> float:
    begin = time.process_time()
    for _ in range(calls):
        function()
    return time.process_time() - begin


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()

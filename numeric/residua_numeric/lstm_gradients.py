"""LSTMs and plain recurrent nets, one a seed and all at once: trained to remember, and their gradients along time."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from residua_network.checks import one_of

INPUTS, CLASSES = 2, 2
KINDS, TASKS = ("lstm", "rnn"), ("first", "last")
GATES = {"lstm": 4, "rnn": 1}  # of the LSTM in torch's order: input, forget, cell, output
Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Along:
    """One pass over sequences of T steps: states c or h after 0, …, T steps, forget gates of steps 1, …, T.

    states: T + 1 tensors (nets, batch, units); forget: (T, nets, batch, units), empty without gates; logits (nets,
    batch, classes).
    """

    states: list[Tensor]
    forget: Tensor
    logits: Tensor


def fresh(kind: str, units: int, seeds: range, forget_bias: float = 0.0, dtype: str = "float32") -> Weights:
    """torch's own initialisation, uniform within ±1/√units, and what is given as the mean of the forget gate's bias."""
    gates = GATES[one_of(kind, KINDS, "kind", "fresh")]
    shapes = {
        "input": (gates * units, INPUTS),
        "hidden": (gates * units, units),
        "bias": (gates * units,),
        "head": (CLASSES, units),
    }
    found = {name: torch.empty(len(seeds), *shape, dtype=getattr(torch, dtype)) for name, shape in shapes.items()}
    for k, seed in enumerate(seeds):
        generator = torch.Generator().manual_seed(seed)
        for tensor in found.values():
            tensor[k].uniform_(-(units**-0.5), units**-0.5, generator=generator)
    if kind == "lstm":
        found["bias"][:, units : 2 * units] += forget_bias
    return found


def sequences(task: str, nets: int, batch: int, steps: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """x (nets, steps, batch, 2) and classes (nets, batch): a sign at the "first" or "last" step, and noise at all."""
    one_of(task, TASKS, "task", "sequences")
    x = torch.empty(nets, steps, batch, INPUTS).normal_(generator=generator)
    y = torch.randint(0, CLASSES, (nets, batch), generator=generator)
    x[..., 0] = 0.0
    x[:, 0 if task == "first" else -1, :, 0] = (2 * y - 1).float()
    return x, y


def run(weights: Weights, x: Tensor) -> Along:
    """Forward from states 0. The kind is told by the number of gates."""
    units = weights["hidden"].shape[-1]
    start = x.new_zeros(len(x), x.shape[2], units)
    driven = torch.einsum("stbi,sgi->tsbg", x, weights["input"]) + weights["bias"][:, None]
    plain = weights["hidden"].shape[1] == units
    states, forget, h = [start], [], start
    for a in driven:
        c, h, f = (_rnn if plain else _lstm)(a + h @ weights["hidden"].mT, states[-1])
        states.append(c)
        forget.append(f)
    return Along(states, torch.stack(forget), h @ weights["head"].mT)


def _lstm(a: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    i, f, g, o = a.chunk(4, dim=-1)
    f = torch.sigmoid(f)
    c = f * c + torch.sigmoid(i) * torch.tanh(g)
    return c, torch.sigmoid(o) * torch.tanh(c), f


def _rnn(a: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    h = torch.tanh(a)
    return h, h, h.new_zeros(0)


def trained(weights: Weights, task: str, length: int, steps: int, batch: int, rate: float, seed: int) -> Weights:
    """By Adam on new sequences at every step."""
    generator = torch.Generator().manual_seed(seed)
    found = {name: tensor.clone().requires_grad_() for name, tensor in weights.items()}
    optimiser = torch.optim.Adam(found.values(), lr=rate)
    nets = len(found["head"])
    for _ in range(steps):
        x, y = sequences(task, nets, batch, length, generator)
        loss = functional.cross_entropy(run(found, x).logits.flatten(0, 1), y.flatten()) * nets
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return {name: tensor.detach() for name, tensor in found.items()}


@dataclass(frozen=True)
class Seen:
    """Of every net: share of right answers; direct[s, t]: geometric mean over sequences of the product of forget gates
    over the last t steps, of the unit that keeps most of it; mean_gate; gradient[s, t]: size of the gradient t steps
    before the end over that at the end, root mean square over sequences and units."""

    right: NDArray[np.float64]
    mean_gate: NDArray[np.float64]
    direct: NDArray[np.float64]
    middle: NDArray[np.float64]
    gradient: NDArray[np.float64]


def seen(weights: Weights, task: str, length: int, batch: int, seed: int) -> Seen:
    """On sequences not trained on, in float64; `middle`: as direct, of the unit in the middle."""
    nets = len(weights["head"])
    x, y = sequences(task, nets, batch, length, torch.Generator().manual_seed(seed))
    with torch.enable_grad():
        along = run({name: tensor.detach().double() for name, tensor in weights.items()}, x.double().requires_grad_())
        loss = functional.cross_entropy(along.logits.flatten(0, 1), y.flatten())
        back = torch.autograd.grad(loss, along.states[1:])
    sizes = torch.stack([g.square().sum((1, 2)).sqrt() for g in back]).flip(0)
    right = (along.logits.argmax(-1) == y).double().mean(1)
    logs = (
        along.forget.detach().log().mean(2).flip(0).cumsum(0) if along.forget.numel() else sizes[..., None] * torch.nan
    )
    best = logs[:, range(nets), logs[-1].argmax(-1)] if along.forget.numel() else logs[..., 0]
    gate = along.forget.mean((0, 2, 3)) if along.forget.numel() else right * torch.nan
    return Seen(*map(_array, (right, gate, best.exp().T, logs.median(-1).values.exp().T, (sizes / sizes[0]).T)))


def step_jacobian(function: Callable[[Tensor], Tensor], at: Tensor) -> NDArray[np.float64]:
    """The Jacobian of `function` at one vector, by torch."""
    found: Tensor = torch.func.jacrev(function)(at)
    return _array(found)


def _array(tensor: Tensor) -> NDArray[np.float64]:
    return tensor.detach().double().numpy()

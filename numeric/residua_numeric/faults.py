"""Mistakes that people make in torch modules, to be planted on purpose: what a checker must find."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from residua_network import Layer, ResiduaError
from residua_numeric import mistakes
from residua_numeric.faulty import Faulty, Forward
from residua_numeric.mistakes import over_features, over_rows
from residua_numeric.modules import modules_of

NORMALISERS = ("layernorm", "rmsnorm", "batchnorm")


@dataclass(frozen=True)
class Fault:
    """A mistake in a layer of one kind: `forward` replaces what the module computes; it sees the true module.

    `only`: in which layers of the kind it can be made, and changes what they compute.
    """

    name: str
    kind: str
    forward: Forward
    only: Callable[[Any], bool] = lambda layer: True

    def fits(self, layer: Layer) -> bool:
        """Whether this mistake can be made in this layer, and changes it."""
        return layer.kind == self.kind and self.only(layer)


def plant(model: nn.Sequential, name: str, fault: Fault) -> None:
    """Put the fault into the layer of that name ("1.branch.0"). Raises ResiduaError when there is none."""
    if name not in modules_of(model):
        raise ResiduaError(f'plant: the model has no layer "{name}"; it has {", ".join(modules_of(model))}')
    path, _, last = name.rpartition(".")
    parent = model.get_submodule(path) if path else model
    parent[int(last)] = Faulty(modules_of(model)[name], fault.forward)  # type: ignore[operator]


def _linear(name: str, change: Any, only: Callable[[Any], bool] = lambda layer: True) -> Fault:
    return Fault(name, "linear", mistakes.linear(change), only)


def _layernorm(name: str, only: Callable[[Any], bool] = lambda layer: layer.size > 1, **parts: Any) -> Fault:
    """At size 1 layer normalisation gives β whatever it is fed."""
    return Fault(name, "layernorm", over_features(**parts), only)


def _rmsnorm(name: str, only: Callable[[Any], bool] = lambda layer: True, **parts: Any) -> Fault:
    return Fault(name, "rmsnorm", over_features(**{"mean": mistakes.zero, **parts}), only)


def _batchnorm(name: str, only: Callable[[Any], bool] = lambda layer: layer.couples_rows, **parts: Any) -> Fault:
    return Fault(name, "batchnorm", over_rows(**parts), only)


def _detached_root(variance: Tensor, eps: float) -> Tensor:
    return mistakes.root(variance, eps).detach()


FAULTS: tuple[Fault, ...] = (
    _linear("weight transposed", lambda w, b: (w.T, b), lambda layer: layer.inputs == layer.outputs > 1),
    _linear("bias left out", lambda w, b: (w, 0 * b), lambda layer: layer.bias),
    _linear("bias subtracted", lambda w, b: (w, -b), lambda layer: layer.bias),
    _linear("one weight moved by 1e-6", lambda w, b: (mistakes.moved(w), b)),
    _linear("one row used twice", lambda w, b: (mistakes.first_row_twice(w), b), lambda layer: layer.outputs > 1),
    _layernorm(
        "ε 1e-3 where 1e-2 was described", lambda layer: layer.size > 1 and layer.eps != 1e-3, root=mistakes.other_root
    ),
    _layernorm(
        "ε outside the root", lambda layer: layer.size > 1 and layer.eps > 0, root=lambda v, eps: torch.sqrt(v) + eps
    ),
    _layernorm("mean without 1/n (003, 1.4)", mean=mistakes.feature_sum),
    _layernorm("variance without 1/n (003, 1.5)", variance=lambda c: mistakes.feature_sum(c * c)),
    _layernorm("sample variance, 1/(n − 1)", variance=lambda c: c.var(-1, keepdim=True)),
    _layernorm("mean not subtracted", mean=mistakes.zero),
    _layernorm("divided by the variance, not its root", root=lambda v, eps: v + eps),
    _layernorm("γ left out", lambda layer: layer.size > 1 and layer.affine, affine=mistakes.unscaled),
    _layernorm("β left out", lambda layer: layer.affine, affine=mistakes.unshifted),
    _layernorm(
        "statistics detached from the gradient", mean=lambda x: mistakes.feature_mean(x).detach(), root=_detached_root
    ),
    _rmsnorm("mean subtracted", mean=mistakes.feature_mean),
    _rmsnorm("mean square without 1/n", lambda layer: layer.size > 1, variance=lambda x: mistakes.feature_sum(x * x)),
    _rmsnorm("γ left out", lambda layer: layer.affine, affine=mistakes.unscaled),
    _rmsnorm("root mean square detached", root=_detached_root),
    _batchnorm("running statistics, not those of the batch", statistics=mistakes.stored),
    _batchnorm(
        "statistics of the batch, not the running ones",
        lambda layer: not layer.couples_rows,
        statistics=mistakes.of_batch,
    ),
    _batchnorm("sample variance, 1/(B − 1)", statistics=mistakes.of_sample),
    _batchnorm("statistics detached from the gradient", statistics=mistakes.detached(mean=True, variance=True)),
    _batchnorm("mean detached from the gradient", statistics=mistakes.detached(mean=True)),
    _batchnorm("variance detached from the gradient", statistics=mistakes.detached(variance=True)),
    _batchnorm("ε 1e-3 where 1e-2 was described", lambda layer: layer.eps != 1e-3, root=mistakes.other_root),
    _batchnorm("γ left out", lambda layer: layer.affine, affine=mistakes.unscaled),
    _batchnorm("β left out", lambda layer: layer.affine, affine=mistakes.unshifted),
    Fault("statistics over features, not rows", "batchnorm", over_features(), lambda layer: layer.size > 1),
    Fault(
        "relu where gelu was described", "activation", lambda m, x: torch.relu(x), lambda layer: layer.name == "gelu"
    ),
    Fault(
        "gelu by its tanh formula",
        "activation",
        lambda m, x: nn.functional.gelu(x, approximate="tanh"),
        lambda layer: layer.name == "gelu",
    ),
    Fault("activation left out", "activation", lambda m, x: 1.0 * x, lambda layer: layer.name != "identity"),
    Fault("activation with a slope of 1.001", "activation", lambda m, x: m(1.001 * x)),
    Fault("gradient that leaks between rows", "activation", mistakes.leaking),
    Fault("skip left out", "residual", lambda m, x: m.scale * m.branch(x)),
    Fault("scale left out", "residual", lambda m, x: x + m.branch(x), lambda layer: layer.scale != 1),
    Fault(
        "scale on the skip as well",
        "residual",
        lambda m, x: m.scale * (x + m.branch(x)),
        lambda layer: layer.scale != 1,
    ),
    Fault("branch subtracted", "residual", lambda m, x: x - m.scale * m.branch(x), lambda layer: layer.scale != 0),
    Fault(
        "branch detached from the gradient",
        "residual",
        lambda m, x: x + m.scale * m.branch(x).detach(),
        lambda layer: layer.scale != 0,
    ),
    Fault(
        "skip taken after the normaliser",
        "residual",
        mistakes.skip_after_normaliser,
        lambda layer: layer.branch[0].kind in NORMALISERS,
    ),
    Fault(
        "normaliser after the sum, not in the branch",
        "residual",
        mistakes.normaliser_after_sum,
        lambda layer: layer.branch[-1].kind in NORMALISERS,
    ),
    Fault("dropout that scales in evaluation", "dropout", lambda m, x: x * (1.0 - m.p), lambda layer: layer.rate > 0),
)

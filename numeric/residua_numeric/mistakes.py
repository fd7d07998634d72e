"""What people compute by mistake: forward maps (module, x) -> y that take the place of the true one."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from residua_numeric.faulty import Forward, Module
from residua_numeric.layers.batchnorm import statistics_used
from residua_numeric.modules import flat
from residua_numeric.weights import own_tensors

Statistics = Callable[[Module, Tensor], tuple[Tensor, Tensor]]


def affine(module: Module, xhat: Tensor) -> Tensor:
    """γ xhat + β, as far as the module has them."""
    return unscaled(module, xhat if module.weight is None else xhat * module.weight)


def unscaled(module: Module, xhat: Tensor) -> Tensor:
    """The same without γ."""
    bias = getattr(module, "bias", None)
    return xhat if bias is None else xhat + bias


def unshifted(module: Module, xhat: Tensor) -> Tensor:
    """The same without β."""
    return xhat if module.weight is None else xhat * module.weight


def root(variance: Tensor, eps: float) -> Tensor:
    return torch.sqrt(variance + eps)


def other_root(variance: Tensor, eps: float) -> Tensor:
    """With an ε of its own."""
    return torch.sqrt(variance + 1e-3)


def feature_mean(x: Tensor) -> Tensor:
    return x.mean(-1, keepdim=True)


def feature_sum(x: Tensor) -> Tensor:
    return x.sum(-1, keepdim=True)


def zero(x: Tensor) -> Tensor:
    return torch.zeros_like(x[..., :1])


def over_features(
    mean: Callable[[Tensor], Tensor] = feature_mean,
    variance: Callable[[Tensor], Tensor] = lambda centred: feature_mean(centred**2),
    root: Callable[[Tensor, float], Tensor] = root,
    affine: Callable[[Module, Tensor], Tensor] = affine,
) -> Forward:
    """Layer normalisation; with `mean` zero RMS normalisation."""

    def forward(module: Module, x: Tensor) -> Tensor:
        centred = x - mean(x)
        return affine(module, centred / root(variance(centred), module.eps))

    return forward


def of_batch(module: Module, x: Tensor) -> tuple[Tensor, Tensor]:
    mean = x.mean(0)
    return mean, ((x - mean) ** 2).mean(0)


def of_sample(module: Module, x: Tensor) -> tuple[Tensor, Tensor]:
    return x.mean(0), x.var(0)


def stored(module: Module, x: Tensor) -> tuple[Tensor, Tensor]:
    tensors = own_tensors(module)
    return tensors["running_mean"], tensors["running_var"]


def meant(module: Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """The statistics that the module itself uses."""
    return of_batch(module, x) if statistics_used(module) == "batch" else stored(module, x)


def detached(mean: bool = False, variance: bool = False) -> Statistics:
    """Those of the batch, the named ones held constant in the gradient."""

    def statistics(module: Module, x: Tensor) -> tuple[Tensor, Tensor]:
        m, v = of_batch(module, x)
        return m.detach() if mean else m, v.detach() if variance else v

    return statistics


def over_rows(
    statistics: Statistics = meant,
    root: Callable[[Tensor, float], Tensor] = root,
    affine: Callable[[Module, Tensor], Tensor] = affine,
) -> Forward:
    """Batch normalisation."""

    def forward(module: Module, x: Tensor) -> Tensor:
        mean, variance = statistics(module, x)
        return affine(module, (x - mean) / root(variance, module.eps))

    return forward


def linear(change: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> Forward:
    """y = W x + b with other W and b."""

    def forward(module: Module, x: Tensor) -> Tensor:
        weight, bias = change(module.weight, x.new_zeros(()) if module.bias is None else module.bias)
        return x @ weight.T + bias

    return forward


def moved(weight: Tensor) -> Tensor:
    """One entry moved by 1e-6."""
    change = torch.zeros_like(weight)
    change[0, -1] = 1e-6
    return weight + change


def first_row_twice(weight: Tensor) -> Tensor:
    return torch.cat([weight[:1], weight[:1], weight[2:]])


def skip_after_normaliser(module: Module, x: Tensor) -> Tensor:
    """n + scale · rest(n) with n = norm(x), where x + scale · rest(norm(x)) was meant."""
    norm, *rest = flat(module.branch)
    n = norm(x)
    y: Tensor = n + module.scale * _through(rest, n)
    return y


def normaliser_after_sum(module: Module, x: Tensor) -> Tensor:
    """norm(x + scale · rest(x)), where x + scale · norm(rest(x)) was meant."""
    *rest, norm = flat(module.branch)
    y: Tensor = norm(x + module.scale * _through(rest, x))
    return y


def _through(modules: Iterable[nn.Module], x: Tensor) -> Tensor:
    for module in modules:
        x = module(x)
    return x


def leaking(module: Module, x: Tensor) -> Tensor:
    """The output is right; its gradient reaches the other rows, as that of a detached statistic put back may."""
    others = x.sum(dim=0, keepdim=True) - x
    through: Tensor = module(x) + (others - others.detach())
    return through

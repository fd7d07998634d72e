from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from residua_network import BatchNorm as Described
from residua_network import Layer, ShapeError

MOMENTUM = 0.1  # of the stored statistics, torch's default


class BatchNorm(nn.Module):
    """y = γ (x − mean) / sqrt(variance + ε) + β for each feature of x: (rows, size).

    `statistics` decides in training and evaluation alike. "batch": over the rows, variance with 1/N; training mode
    moves the stored ones as torch does. "running": the stored ones, which stay. Raises ShapeError for another shape
    and, with batch statistics, for fewer than two rows.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, size: int, eps: float = 1e-5, affine: bool = True, statistics: str = "batch") -> None:
        super().__init__()
        self.num_features, self.eps, self.statistics = size, eps, statistics
        self.weight = nn.Parameter(torch.ones(size)) if affine else None
        self.bias = nn.Parameter(torch.zeros(size)) if affine else None
        self.register_buffer("running_mean", torch.zeros(size))
        self.register_buffer("running_var", torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 2 or x.shape[1] != self.num_features:
            raise ShapeError(f"{self}: expected an input of shape (rows, {self.num_features}), got {tuple(x.shape)}")
        mean, variance, affine = self.running_mean, self.running_var, (self.weight, self.bias)
        if self.statistics == "running":
            return functional.batch_norm(x, mean, variance, *affine, training=False, eps=self.eps)
        if len(x) < 2:
            raise ShapeError(f"{self}: expected at least 2 rows, as it normalises by those of the batch, got {len(x)}")
        if self.eps == 0:  # which torch refuses
            return self._without_eps(x)
        if not self.training:
            return functional.batch_norm(x, None, None, *affine, training=True, eps=self.eps)
        return functional.batch_norm(x, mean, variance, *affine, training=True, momentum=MOMENTUM, eps=self.eps)

    def _without_eps(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=0)
        centred = x - mean
        variance = (centred * centred).mean(dim=0)
        if self.training:
            unbiased = variance.detach() * (len(x) / (len(x) - 1))
            self.running_mean.mul_(1 - MOMENTUM).add_(mean.detach(), alpha=MOMENTUM)
            self.running_var.mul_(1 - MOMENTUM).add_(unbiased, alpha=MOMENTUM)
        xhat = centred / variance.sqrt()
        return xhat if self.weight is None or self.bias is None else xhat * self.weight + self.bias

    def extra_repr(self) -> str:
        affine = "" if self.weight is not None else ", affine=False"
        return f"{self.num_features}, eps={self.eps}{affine}, statistics={self.statistics!r}"


TYPES = (BatchNorm, nn.BatchNorm1d)


def statistics_used(module: BatchNorm | nn.BatchNorm1d) -> str:
    """ "batch" or "running": the statistics by which `module` normalises as it stands."""
    if isinstance(module, BatchNorm):
        return module.statistics
    return "batch" if module.training or module.running_mean is None else "running"


def module(layer: Described) -> BatchNorm:
    return BatchNorm(layer.size, layer.eps, layer.affine, layer.statistics)


def stacked(
    layer: Described, own: Mapping[str, Tensor], x: Tensor, training: bool, branch: Callable[[Tensor], Tensor]
) -> Tensor:
    """A feature of one of the networks is a feature of a batch norm as wide as all of them together."""
    networks, rows, size = x.shape
    if layer.statistics == "batch" and rows < 2:
        raise ShapeError(f"{layer!r}: expected at least 2 rows, as it normalises by those of the batch, got {rows}")
    if layer.statistics == "running":
        y = (x - own["running_mean"].unsqueeze(1)) * (own["running_var"] + layer.eps).rsqrt().unsqueeze(1)
    else:
        mean, variance = (own[name].view(-1) if training else None for name in ("running_mean", "running_var"))
        flat = x.transpose(0, 1).reshape(rows, networks * size)
        flat, _, inverse = torch.native_batch_norm(flat, None, None, mean, variance, True, MOMENTUM, layer.eps)
        if layer.eps == 0 and not inverse.all():  # without ε torch gives 0 for 0 / 0
            flat = flat.masked_fill(inverse == 0, torch.nan)
        y = flat.view(rows, networks, size).transpose(0, 1)
    return torch.addcmul(own["bias"].unsqueeze(1), y, own["weight"].unsqueeze(1)) if layer.affine else y


def layer(module: BatchNorm | nn.BatchNorm1d, branch: tuple[Layer, ...], dtype: torch.dtype) -> Described:
    return Described(module.num_features, module.eps, module.weight is not None, statistics_used(module))

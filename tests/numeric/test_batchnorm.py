"""Batch norm against torch's own, bit for bit, and against its formula where torch refuses."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from residua_network import ShapeError
from residua_numeric.layers.batchnorm import BatchNorm, statistics_used

TINY = 1e-300  # an ε that torch accepts, and that vanishes beside any variance here
ROUNDING = 1e-13  # a thousand float64 operations on numbers of size one
DTYPES = [torch.float64, torch.float32]


def batches(count: int, rows: int = 6, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(rows, 3, generator=generator, dtype=torch.float64) * 2 + 0.7 for _ in range(count)]


def twins(eps: float, affine: bool = True, statistics: str = "batch") -> tuple[BatchNorm, nn.BatchNorm1d]:
    """Ours, and torch's own with the same tensors, away from where they begin; where ε is 0, a tiny one there."""
    own, torchs = BatchNorm(3, eps, affine, statistics).double(), nn.BatchNorm1d(3, eps or TINY, affine=affine).double()
    with torch.no_grad():
        for k, (name, tensor) in enumerate(own.state_dict().items()):
            tensor.copy_(torch.tensor([0.4, 1.3, 0.8]) + 0.1 * k)
            torchs.state_dict()[name].copy_(tensor)
    return own, torchs


def gradients(module: nn.Module, x: Tensor) -> list[Tensor]:
    point = x.clone().requires_grad_()
    module.zero_grad()
    y: Tensor = module(point)
    (y * torch.linspace(-1, 2, y.numel(), dtype=y.dtype).reshape(y.shape)).sum().backward()  # type: ignore[no-untyped-call]
    found = [point.grad, *(parameter.grad for parameter in module.parameters())]
    return [y.detach(), *(gradient for gradient in found if gradient is not None)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("affine", [True, False])
def test_training_is_torchs_own_bit_for_bit(affine: bool, dtype: torch.dtype) -> None:
    own, torchs = (module.to(dtype) for module in twins(1e-2, affine))
    for x in batches(4):
        found, wanted = gradients(own, x.to(dtype)), gradients(torchs, x.to(dtype))
        assert len(found) == (4 if affine else 2)
        assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
    stored = {name: t for name, t in torchs.state_dict().items() if name != "num_batches_tracked"}
    assert list(own.state_dict()) == list(stored)
    assert all(torch.equal(tensor, stored[name]) for name, tensor in own.state_dict().items())


@pytest.mark.parametrize("dtype", DTYPES)
def test_running_statistics_are_torchs_evaluation_in_either_mode(dtype: torch.dtype) -> None:
    own, torchs = (module.to(dtype) for module in twins(1e-2, statistics="running"))
    kept = {name: tensor.clone() for name, tensor in own.state_dict().items()}
    for mode in (True, False):
        for x in batches(2):
            found, wanted = gradients(own.train(mode), x.to(dtype)), gradients(torchs.eval(), x.to(dtype))
            assert all(torch.equal(a, b) for a, b in zip(found, wanted, strict=True))
    assert all(torch.equal(tensor, kept[name]) for name, tensor in own.state_dict().items())


@pytest.mark.parametrize("eps", [1e-2, 0.0])
def test_batch_statistics_in_evaluation_store_nothing(eps: float) -> None:
    own, torchs = twins(eps)
    before = own.running_mean.clone(), own.running_var.clone()
    for x in batches(2):
        found, wanted = gradients(own.eval(), x), gradients(torchs.train(), x)
        assert all(torch.allclose(a, b, rtol=0, atol=ROUNDING) for a, b in zip(found, wanted, strict=True))
    assert torch.equal(own.running_mean, before[0])
    assert torch.equal(own.running_var, before[1])
    own.train()(x)
    assert not torch.equal(own.running_mean, before[0])
    assert not torch.equal(own.running_var, before[1])


@pytest.mark.parametrize("affine", [True, False])
def test_without_eps_it_is_torchs_with_a_tiny_one(affine: bool) -> None:
    own, torchs = twins(0.0, affine)
    for x in batches(4):
        for a, b in zip(gradients(own, x), gradients(torchs, x), strict=True):
            assert torch.allclose(a, b, rtol=0, atol=ROUNDING)
    assert torch.allclose(own.running_mean, torchs.running_mean, rtol=0, atol=ROUNDING)  # type: ignore[arg-type]
    assert torch.allclose(own.running_var, torchs.running_var, rtol=0, atol=ROUNDING)  # type: ignore[arg-type]


def by_hand(x: NDArray[np.float64], eps: float, divisor: int) -> NDArray[np.float64]:
    centred = x - x.mean(axis=0)
    return np.asarray(centred / np.sqrt((centred**2).sum(axis=0) / divisor + eps))


@pytest.mark.parametrize("eps", [1e-2, 0.0])
def test_formula(eps: float) -> None:
    own, _ = twins(eps)
    x = batches(1)[0]
    before = own.running_mean.clone().numpy(), own.running_var.clone().numpy()
    weight, bias = (tensor.detach().numpy() for tensor in own.parameters())
    found = own(x).detach().numpy()
    assert np.allclose(found, by_hand(x.numpy(), eps, 6) * weight + bias, rtol=0, atol=ROUNDING)
    assert not np.allclose(found, by_hand(x.numpy(), eps, 5) * weight + bias, rtol=0, atol=1e-3)
    mean, variance = x.numpy().mean(axis=0), x.numpy().var(axis=0, ddof=1)
    assert np.allclose(own.running_mean.numpy(), 0.9 * before[0] + 0.1 * mean, rtol=0, atol=ROUNDING)
    assert np.allclose(own.running_var.numpy(), 0.9 * before[1] + 0.1 * variance, rtol=0, atol=ROUNDING)


def test_without_eps_scaled_rows_give_the_same() -> None:
    own, _ = twins(0.0)
    x = batches(1)[0]
    assert torch.allclose(own(x), own(x * 1e100 + 3e100), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("eps", [1e-2, 0.0])
@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_torch_func_enters_it(eps: float, statistics: str) -> None:
    own, _ = twins(eps, statistics=statistics)
    own.eval()
    x = batches(1)[0]
    J = torch.func.jacrev(own)(x)
    wanted = torch.autograd.functional.jacobian(own, x)  # type: ignore[no-untyped-call]
    assert torch.allclose(J, wanted, rtol=0, atol=ROUNDING)
    crossed = J[0, :, 1].abs().max().item()
    assert (crossed > 0) == (statistics == "batch")
    if statistics == "running":
        rows: Callable[[Tensor], Tensor] = torch.func.vmap(torch.func.jacrev(lambda row: own(row[None])[0]))
        assert torch.allclose(rows(x), wanted.diagonal(dim1=0, dim2=2).permute(2, 0, 1), rtol=0, atol=ROUNDING)


def test_a_constant_feature_without_eps_is_no_number() -> None:
    y = BatchNorm(1, eps=0.0)(torch.ones(3, 1))
    assert y.isnan().all()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("eps", [1e-5, 0.0])
def test_one_row_has_no_statistics(training: bool, eps: float) -> None:
    module = BatchNorm(3, eps).train(training)
    with pytest.raises(ShapeError, match=r"BatchNorm\(3, .*'batch'\): expected at least 2 rows, .* batch, got 1"):
        module(torch.ones(1, 3))
    module.statistics = "running"
    assert module(torch.ones(1, 3)).shape == (1, 3)


@pytest.mark.parametrize("shape", [(4,), (4, 2), (4, 3, 3)])
def test_only_rows_of_its_size(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"expected an input of shape \(rows, 3\), got \(4,"):
        BatchNorm(3)(torch.ones(shape))


def test_statistics_used() -> None:
    assert statistics_used(nn.BatchNorm1d(2)) == "batch"
    assert statistics_used(nn.BatchNorm1d(2).eval()) == "running"
    assert statistics_used(nn.BatchNorm1d(2, track_running_stats=False).eval()) == "batch"
    for statistics in ("batch", "running"):
        for mode in (True, False):
            assert statistics_used(BatchNorm(2, statistics=statistics).train(mode)) == statistics

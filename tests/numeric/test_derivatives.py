from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from residua_network import ShapeError
from residua_numeric import derivatives
from residua_numeric.derivatives import (
    forward,
    jacobian,
    jacobian_batch,
    jacobian_rows,
    norms,
    pullback,
    singular_values,
)

X = torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.5, -2.0]], dtype=torch.float64)
ROUNDING = 1e-14  # a few float64 operations on numbers below 10


class Cube(torch.autograd.Function):
    """Written by hand, so that torch.func cannot enter it; its gradient is wrong on purpose."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        gradient: Tensor = gradients[0] * 2 * x**2
        return gradient


def test_what_torch_func_cannot_enter_is_differentiated_by_rows() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
    found = jacobian_rows(Cube.apply, x)
    assert found.tolist() == [[[2, 0], [0, 8]], [[18, 0], [0, 2]]]  # what backward says, not what is right
    assert not found.requires_grad


cubed: Any = Cube.apply


def mixing(x: Tensor) -> Tensor:
    """y[b] = (x[b, 0] Σ_c x[c, 1], x[b, 0]², Σ_c x[c, 0]): three outputs, rows coupled."""
    return torch.stack([x[:, 0] * x[:, 1].sum(), x[:, 0] ** 2, x[:, 0].sum().expand(len(x))], dim=1)


def by_hand(x: Tensor) -> Tensor:
    found = torch.zeros(3, 3, 3, 2, dtype=torch.float64)
    for b in range(3):
        for c in range(3):
            found[b, :, c] = torch.tensor([[0.0, x[b, 0].item()], [0.0, 0.0], [1.0, 0.0]])
        found[b, 0, b, 0], found[b, 1, b, 0] = x[:, 1].sum(), 2 * x[b, 0]
    return found


def not_for_torch_func(x: Tensor) -> Tensor:
    return mixing(x) if x[0, 0].item() > 0 and cubed(x).sum() != 0 else x


@pytest.mark.parametrize("chunk", [1, 20, 2**18])
@pytest.mark.parametrize("model", [mixing, not_for_torch_func])
def test_coupled_rows(model: Any, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derivatives, "CHUNK", chunk)
    found = jacobian_batch(model, X)
    assert found.shape == (3, 3, 3, 2)
    assert torch.allclose(found, by_hand(X), rtol=0, atol=ROUNDING)
    assert not torch.allclose(found.transpose(0, 2)[:, :, :, :], by_hand(X), rtol=0, atol=ROUNDING)
    assert not found.requires_grad


def test_the_shape_is_the_one_stated_and_the_values_those_of_the_batch() -> None:
    wanted = by_hand(X)
    blocks = torch.stack([wanted[b, :, b] for b in range(3)])
    for actual in (True, False):
        assert torch.allclose(jacobian(mixing, X, True, actual), wanted, rtol=0, atol=ROUNDING)
    assert torch.allclose(jacobian(mixing, X, False, True), blocks, rtol=0, atol=ROUNDING)
    alone = jacobian(mixing, X, False, False)
    assert alone.shape == blocks.shape
    assert not torch.allclose(alone, blocks, rtol=0, atol=1e-3)
    assert torch.equal(jacobian(torch.square, X, False, True), jacobian_rows(torch.square, X))


def test_a_jacobian_larger_than_memory_is_refused() -> None:
    x = torch.zeros(129, 128)
    with pytest.raises(ShapeError, match=r"net: expected .* 268435456 entries, got shape \(129, 128, 129, 128\)"):
        jacobian_batch(torch.square, x, "net")


@pytest.mark.parametrize("model", [mixing, not_for_torch_func])
def test_pullback(model: Any) -> None:
    cotangents = torch.randn(4, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    wanted = torch.einsum("kbi,bicj->kcj", cotangents, by_hand(X))
    found = pullback(model, X, cotangents)
    assert torch.allclose(found, wanted, rtol=0, atol=10 * ROUNDING)
    assert not found.requires_grad
    assert pullback(lambda x: torch.ones(3, 3), X, cotangents).abs().max() == 0


def test_singular_values_of_coupled_rows_are_those_of_the_stacked_matrix() -> None:
    J = by_hand(X)
    found = singular_values(J)
    assert found.shape == (1, 6)
    assert np.allclose(found[0], np.linalg.svd(J.reshape(9, 6).numpy(), compute_uv=False), rtol=0, atol=ROUNDING)
    assert np.isnan(singular_values(J * np.nan)).all()


def test_constants_have_zero_jacobians() -> None:
    def branching(x: Tensor) -> Tensor:
        return torch.ones(1, 3) if x.sum().item() > 0 else x.sum(dim=1, keepdim=True).expand(1, 3)

    found = jacobian_rows(branching, torch.tensor([[1.0, 2.0], [-3.0, -1.0]]))
    assert found.tolist() == [[[0, 0]] * 3, [[1, 1]] * 3]


def test_in_place_modules_leave_the_input() -> None:
    x = torch.tensor([[-1.0, 2.0]])
    found = jacobian_rows(lambda t: torch.relu_(t) * 3, x)
    assert found.tolist() == [[[0, 0], [0, 3]]]
    assert x.tolist() == [[-1, 2]]


@pytest.mark.parametrize("output", [torch.ones(3), torch.ones(1, 2), torch.ones(2, 1, 1), (1, 2)])
def test_outputs_must_be_rows(output: Any) -> None:
    with pytest.raises(ShapeError, match=r"of shape \(2, outputs\), got"):
        forward(lambda x: output, torch.ones(2, 2))


def test_norms_overflow_only_where_they_are_infinite() -> None:
    rows = torch.tensor([[3e200, 4e200], [3e-200, 4e-200], [0.0, 0.0], [np.inf, 1e300], [np.nan, 1.0]])
    found = norms(rows.double())
    assert np.isnan(found[4])
    assert found[2:4].tolist() == [0.0, np.inf]


@pytest.mark.parametrize("scale", [1e200, 1.0, 1e-200])
def test_norms(scale: float) -> None:
    found = norms(torch.tensor([[3.0, 4.0], [5.0, -12.0]], dtype=torch.float64) * scale)
    assert (abs(found / scale - [5, 13]) <= 8 * 2.0**-53 * 13).all()


def test_singular_values_of_what_is_not_finite_are_nan() -> None:
    found = singular_values(torch.tensor([[[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]], [[np.nan, 0.0], [0, 1], [0, 1]]]))
    assert np.isnan(found[1]).all()
    assert (abs(found[0] - [4, 3]) <= 16 * 2.0**-53 * 4).all()

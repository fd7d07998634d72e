from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from residua_network import ShapeError
from residua_numeric.derivatives import forward, jacobian_rows, norms, singular_values


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

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from residua_network import Activation, Linear, Network, ShapeError
from residua_numeric import Task, build, measure
from residua_numeric.autodiff import (
    forward_jacobian,
    hessian_product,
    input_hessian,
    parameter_gradient,
    reverse_jacobian,
)
from residua_numeric.modules import DTYPES
from residua_numeric.objective import objective

ROUNDING = 64 * 2.0**-53  # some tens of operations on numbers of order 1
NET = Network((Linear(2, 3), Activation("tanh"), Linear(3, 2)))
X = np.random.default_rng(0).normal(size=(6, 2))
TASK = Task.data("t", X, np.sin(X))


class Planted(torch.autograd.Function):
    """The square, with a reverse derivative that is wrong and a forward one that is right."""

    @staticmethod
    def forward(x: torch.Tensor) -> torch.Tensor:
        return x**2

    @staticmethod
    def setup_context(ctx: object, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        ctx.save_for_backward(*inputs)  # type: ignore[attr-defined]
        ctx.save_for_forward(*inputs)  # type: ignore[attr-defined]

    @staticmethod
    def backward(ctx: object, *gradients: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return gradients[0] * 2.5 * x  # type: ignore[no-any-return]

    @staticmethod
    def jvp(ctx: object, *tangents: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return tangents[0] * 2 * x  # type: ignore[no-any-return]


planted: Any = Planted.apply


class Square(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = planted(x)
        return found


def agree(a: NDArray[np.float64], b: NDArray[np.float64], bound: float = ROUNDING) -> bool:
    return a.shape == b.shape and bool(np.abs(a - b).max() <= bound)


def test_both_modes_agree_and_take_as_many_passes_as_they_must(
    every: Network, moved: Callable[..., nn.Sequential], x: NDArray[np.float64]
) -> None:
    model = moved(every.with_statistics("running"))
    model.train()
    back, there = reverse_jacobian(model, x), forward_jacobian(model, x)
    assert back.values.shape == (5, 2, 3)
    assert (back.passes, there.passes) == (2, 3)  # outputs, inputs
    scale = float(np.abs(back.values).max())
    assert agree(back.values, there.values, ROUNDING * scale)
    assert agree(back.values, measure(model, "jacobian", x).values, ROUNDING * scale)
    assert all(module.training for module in model.modules())
    assert all(p.grad is None for p in model.parameters())


def test_a_planted_wrong_gradient_is_noticed() -> None:
    model = nn.Sequential(Square())
    found = forward_jacobian(model, X).values
    assert agree(found, 2 * X[:, :, None] * np.eye(2))
    assert not agree(found, reverse_jacobian(model, X).values)


def test_second_derivatives_by_hand() -> None:
    """y = v·tanh(Wx + b): H = Σ_k v_k φ''(z_k) w_k w_kᵀ with φ'' = −2 tanh(1 − tanh²)."""
    model = build(NET)
    W, b, V = (p.detach().numpy() for p in (model[0].weight, model[0].bias, model[2].weight))  # type: ignore[operator]
    z = np.tanh(X @ W.T + b)
    found = input_hessian(model, X)
    wanted = np.einsum("ik,bk,kj,kl->bijl", V, -2 * z * (1 - z**2), W, W)
    assert agree(found.values, wanted)
    assert found.passes == 2 * (1 + 2)
    assert not agree(found.values, 1.001 * wanted)


def test_what_does_not_depend_on_the_input() -> None:
    linear = build(Network((Linear(2, 3),)))
    assert not input_hessian(linear, X).values.any()
    constant = nn.Sequential(nn.Linear(2, 2, dtype=torch.float64), Constant())
    for mode, shape in ((reverse_jacobian, (6, 1, 2)), (forward_jacobian, (6, 1, 2)), (input_hessian, (6, 1, 2, 2))):
        found = mode(constant, X).values
        assert found.shape == shape
        assert not found.any()


class Constant(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ones(len(x), 1, dtype=x.dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_parameter_gradient_is_what_backward_leaves(dtype: str) -> None:
    model = build(NET, dtype=dtype)
    found = parameter_gradient(model, TASK)
    x, y = (torch.tensor(array, dtype=DTYPES[dtype]) for array in (TASK.x, TASK.y))
    nn.functional.mse_loss(model(x), y).backward()  # type: ignore[no-untyped-call]
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert found[name].tolist() == parameter.grad.tolist()


def test_hessian_products() -> None:
    """Against the whole Hessian by torch.func."""
    model = build(NET)
    rng = np.random.default_rng(1)
    v = {name: rng.normal(size=p.shape) for name, p in model.named_parameters()}
    found = hessian_product(model, TASK, v)
    of = objective(model, TASK)
    hessian = torch.func.jacrev(torch.func.grad(of))(dict(of.parameters))
    wanted: dict[str, NDArray[np.float64]] = {
        name: sum(
            (np.tensordot(block.numpy(), v[other], v[other].ndim) for other, block in blocks.items()), np.zeros(())
        )
        for name, blocks in hessian.items()
    }
    for name, product in found.items():
        assert agree(product, wanted[name])
        assert not agree(product, 1.001 * wanted[name])
    only = hessian_product(model, TASK, {"0.bias": [1.0, 0.0, 0.0]})
    other = hessian_product(model, TASK, {"2.bias": [1.0, 0.0]})
    assert abs(only["2.bias"][0] - other["0.bias"][0]) <= ROUNDING  # H is symmetric
    assert only["2.bias"][0] != 0
    nothing = hessian_product(model, TASK, {})
    assert all(not product.any() for product in nothing.values())


def test_bad_input(coupled: Network, moved: Callable[..., nn.Sequential], x: NDArray[np.float64]) -> None:
    for mode in (reverse_jacobian, forward_jacobian, input_hessian):
        with pytest.raises(ShapeError, match="batch statistics couple"):
            mode(moved(coupled), x)
        with pytest.raises(ShapeError, match=r"x: expected shape \(batch, 2\), got \(5, 3\)"):
            mode(build(NET), x)
    with pytest.raises(ShapeError, match=r'"1\.bias" is no parameter; known: 0\.weight'):
        hessian_product(build(NET), TASK, {"1.bias": [0.0]})
    with pytest.raises(ShapeError, match=r'expected shape \(3,\) for "0.bias", got \(2,\)'):
        hessian_product(build(NET), TASK, {"0.bias": [0.0, 1.0]})

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from mpmath import mp
from torch import Tensor, nn

from residua_network import (
    Activation,
    BatchNorm,
    DescriptionError,
    Dropout,
    LayerNorm,
    Linear,
    Network,
    ResiduaError,
    Residual,
    RMSNorm,
    ShapeError,
)
from residua_numeric import build, measure, weights_of
from residua_numeric.forward_mode import pushforward
from residua_numeric.line_coefficients import ROUNDINGS, Line, _Circle, _errors
from residua_numeric.measure import Measurement
from residua_numeric.weights import put

RNG = np.random.default_rng(0)
X, V = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2))
RELU = Activation("relu")
EPS = float(np.finfo(np.float64).eps)

FUNCTIONS: dict[str, Callable[[Any], Any]] = {  # of mpmath
    "identity": lambda z: z,
    "tanh": mp.tanh,
    "sigmoid": lambda z: 1 / (1 + mp.exp(-z)),
    "gelu": lambda z: z * mp.ncdf(z),
    "silu": lambda z: z / (1 + mp.exp(-z)),
    "softplus": lambda z: mp.log(1 + mp.exp(z)),
    "sin": mp.sin,
    "square": lambda z: z**2,
    "cube": lambda z: z**3,
}


def shaken(net: Network, dtype: str = "float64") -> nn.Sequential:
    """With no weight at a special value."""
    model, rng = build(net, 1, dtype), np.random.default_rng(1)
    put(model, {n: torch.tensor(a + rng.uniform(0.05, 0.3, a.shape)) for n, a in weights_of(model).items()})
    return model


def measured(model: nn.Module, order: int, along: Any = V, x: Any = X) -> Measurement:
    return measure(model, "taylor coefficients", x, along=along, order=order)


def values(found: Measurement) -> tuple[Any, Any]:
    assert found.error is not None
    return found.values, found.error


@pytest.mark.parametrize("act", FUNCTIONS)
@pytest.mark.parametrize("order", [3, 12])
def test_mpmath_finds_the_same(act: str, order: int) -> None:
    """Its own Taylor coefficients, at 60 digits, of the same function written out."""
    model = shaken(Network((Linear(2, 2), Activation(act), Linear(2, 1))))
    found, error = values(measured(model, order))
    a, b, c, d = weights_of(model).values()
    with mp.workdps(60):
        for row in range(3):

            def f(t: Any, row: int = row) -> Any:
                x = [mp.mpf(X[row, j]) + t * mp.mpf(V[row, j]) for j in (0, 1)]
                hidden = [FUNCTIONS[act](mp.mpf(b[i]) + sum(mp.mpf(a[i, j]) * x[j] for j in (0, 1))) for i in (0, 1)]
                return mp.mpf(d[0]) + sum(mp.mpf(c[0, i]) * hidden[i] for i in (0, 1))

            exact = [float(value) for value in mp.taylor(f, 0, order)]
            assert (abs(found[:, row, 0] - exact) <= error[:, row, 0]).all()
            sizes = np.maximum.accumulate(abs(np.array(exact))[::-1])[::-1]
            assert (error[:4, row, 0] <= 1e-11 * sizes[0]).all()  # and the bar is no excuse


BLOCKS = [
    (LayerNorm(4),),
    (RMSNorm(4, affine=False),),
    (BatchNorm(4),),
    (BatchNorm(4, eps=0.0),),
    (BatchNorm(4, statistics="running"),),
    (Residual((LayerNorm(4), Activation("gelu"), Dropout(0.5), Linear(4, 4)), scale=0.3),),
]


def derivative(function: Callable[[Tensor], Tensor], order: int) -> Any:
    """At 0, by forward mode within forward mode."""
    one = torch.ones((), dtype=torch.float64)
    for _ in range(order):
        function = partial(lambda inner, t: pushforward(inner, t, one), function)
    return function(torch.zeros((), dtype=torch.float64)).detach().numpy()


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_forward_mode_finds_the_same_low_orders(block: Any) -> None:
    """Torch's own derivative of the model itself to order 1 (of its fused normalisers only that one is right)."""
    model = shaken(Network((Linear(2, 4), *block, Linear(4, 2)))).eval()
    found, error = values(measured(model, 6))
    x, v = torch.tensor(X), torch.tensor(V)
    for k in (0, 1):
        assert (abs(found[k] - derivative(lambda t: model(x + t * v), k)) <= error[k] + 100 * EPS).all()
    assert (error[:2] <= 1e-12).all()


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_the_sum_is_the_model(block: Any) -> None:
    """Σ c_k t^k at a small real t, by the model itself; order 12 makes the remainder smaller than rounding."""
    model = shaken(Network((Linear(2, 4), *block, Linear(4, 2)))).eval()
    found, error = values(measured(model, 12))
    for t in (0.004, -0.003):
        powers = t ** np.arange(13.0)[:, None, None]
        there = measure(model, "output", X + t * V).values
        assert (abs((powers * found).sum(0) - there) <= (abs(powers) * error).sum(0) + 100 * EPS * abs(there)).all()


def test_nested_forward_mode_to_order_four() -> None:
    """Of kinds whose kernels it differentiates rightly."""
    block = Residual((Activation("tanh"), Linear(4, 4), Activation("softplus")))
    model = shaken(Network((Linear(2, 4), block, RMSNorm(4), Linear(4, 2))))
    found, error = values(measured(model, 9))
    x, v = torch.tensor(X), torch.tensor(V)
    for k in range(5):
        exact = derivative(lambda t: model(x + t * v), k) / math.factorial(k)
        assert (abs(found[k] - exact) <= error[k] + 1e4 * EPS * abs(exact).max()).all()


def test_in_the_parameters() -> None:
    """Of a net that is a polynomial in them, worked out by hand: (w + t p)(v + t q) x."""
    net = Network((Linear(1, 1, bias=False), Linear(1, 1, bias=False)))
    model = shaken(net)
    w, v = (array.item() for array in weights_of(model).values())
    found, error = values(measured(model, 4, {"0.weight": [[0.7]], "1.weight": [[-0.2]]}, [[1.5]]))
    exact = np.array([w * v, 0.7 * v - 0.2 * w, -0.14, 0.0, 0.0]) * 1.5
    assert (abs(found[:, 0, 0] - exact) <= error[:, 0, 0]).all()
    assert (error[:3] < 1e-14).all()


def test_in_the_parameters_of_a_users_own_nesting() -> None:
    """Names are those of the description, not of the state dict."""
    plain = shaken(Network((Linear(2, 3), Activation("tanh"), LayerNorm(3), Linear(3, 1))))
    own = nn.Sequential(nn.Sequential(plain[0], nn.Tanh()), nn.Sequential(plain[2], plain[3])).double()
    along = {"0.weight": RNG.normal(size=(3, 2)), "2.bias": RNG.normal(size=3)}
    first, error = values(measured(plain, 8, along))
    second, other = values(measured(own, 8, along))
    assert (abs(first - second) <= error + other).all()
    assert abs(first[1]).min() > 1e-4
    h = 1e-6
    moved = {name: torch.tensor(array) for name, array in weights_of(plain).items()}
    for name, direction in along.items():
        moved[name] = moved[name] + h * torch.tensor(direction)
    there = build(Network((Linear(2, 3), Activation("tanh"), LayerNorm(3), Linear(3, 1))))
    put(there, moved)
    quotient = (measure(there, "output", X).values - measure(plain, "output", X).values) / h
    assert abs(quotient - first[1]).max() <= 10 * h * abs(first[2]).max()


def test_the_error_grows_where_the_digits_go_and_covers() -> None:
    """1/(1 + e^(−z)) has poles at ±iπ: by a circle that misses them, order 60 still has most of its digits."""
    model = build(Network((Activation("sigmoid"),), inputs=1))
    found, error = values(measured(model, 60, [[1.0]], [[0.0]]))
    with mp.workdps(60):
        exact = np.array([float(c) for c in mp.taylor(lambda z: 1 / (1 + mp.exp(-z)), 0, 60)])
    odd = slice(1, 60, 2)
    assert (abs(found[:, 0, 0] - exact) <= error[:, 0, 0]).all()
    assert (error[odd, 0, 0] <= 1e-6 * abs(exact[odd])).all()
    assert error[59, 0, 0] > 10 * EPS * abs(exact[59])


def test_a_relu_is_linear_up_to_its_kink_and_refused_on_it() -> None:
    model = build(Network((Linear(1, 1), RELU)))
    put(model, {"0.weight": torch.tensor([[2.0]]), "0.bias": torch.tensor([0.0])})
    found, error = values(measured(model, 3, [[1.0]], [[0.25]]))
    assert (abs(found[:, 0, 0] - [0.5, 2.0, 0.0, 0.0]) <= error[:, 0, 0]).all()
    assert error[1, 0, 0] < 1e-12
    with pytest.raises(ResiduaError, match="on a kink"):
        measured(model, 3, [[1.0]], [[0.0]])
    with pytest.raises(ResiduaError, match="row 1"):
        measured(model, 3, [[1.0], [1.0]], [[0.25], [0.0]])


def test_a_float32_model_is_measured_in_float64() -> None:
    net = Network((Linear(2, 3), Activation("gelu"), Linear(3, 1)))
    single, double = shaken(net, "float32"), build(net)
    put(double, {name: torch.tensor(array) for name, array in weights_of(single).items()})
    x = X.astype(np.float32)
    found, other = measured(single, 5, x=x), measured(double, 5, x=x)
    assert found.dtype == "float64"
    assert np.array_equal(found.values, other.values)
    assert next(single.parameters()).dtype is torch.float32


class Conjugated(nn.Module):
    """Right on real numbers, not analytic."""

    def forward(self, x: Tensor) -> Tensor:
        return (x * x.conj()).real if x.is_complex() else x * x


class Different(nn.Module):
    """Analytic, and another function on complex numbers."""

    def forward(self, x: Tensor) -> Tensor:
        return x**3 if x.is_complex() else x * x


@pytest.mark.parametrize("module", [Conjugated(), Different(), nn.Hardtanh()])
def test_what_is_not_continued_is_refused(module: nn.Module) -> None:
    with pytest.raises(ResiduaError, match=r"does not run on complex|no circle"):
        measured(nn.Sequential(nn.Linear(2, 1).double(), module), 2)


def test_the_model_is_left_alone() -> None:
    model = shaken(Network((Linear(2, 4), BatchNorm(4), Dropout(0.5), LayerNorm(4), RELU, Linear(4, 1)))).train()
    before = weights_of(model)
    y = measure(model, "output", X).values
    found, error = values(measured(model, 2))
    assert (abs(found[0] - y) <= error[0]).all()
    assert all(np.array_equal(before[name], array) for name, array in weights_of(model).items())
    assert all(module.training for module in model.modules())
    assert all("forward" not in vars(module) for module in model.modules())
    assert np.array_equal(measure(model, "output", X).values, y)


def test_a_long_direction_needs_small_circles() -> None:
    model = shaken(Network((Linear(2, 2), Activation("tanh"), Linear(2, 1))))
    found, error = values(measured(model, 5))
    far, bar = values(measured(model, 5, 1e5 * V))
    powers = 1e5 ** np.arange(6.0)[:, None, None]
    assert (abs(far / powers - found) <= error + bar / powers).all()


def test_a_small_circle_with_nothing_but_zeros_tells_nothing() -> None:
    """There rounding has swallowed what a larger circle sees: 0 ± 0 would be wrong."""
    values, one = np.zeros((3, 1, 1)), np.ones((1, 1))
    small = _Circle(values, np.array([1.0, 2.0**20, 2.0**40])[:, None, None], 0 * one, 0 * one)
    large = _Circle(values + 1, np.ones((3, 1, 1)), one, 1e-16 * one)
    zero = small._replace(powers=np.ones((3, 1, 1)))
    assert np.isinf(_errors([small, large])[0]).all()
    assert np.isfinite(_errors([small, large])[1]).all()
    assert (_errors([small, zero]) == 0).all()  # of a function that is zero everywhere


def test_rounding_on_a_circle_is_within_the_named_count() -> None:
    """ROUNDINGS against mpmath-free truth: c₀ and c₁ of a linear net are known to the last bit or two."""
    model = shaken(Network((Linear(2, 1),)))
    found, error = values(measured(model, 1))
    w, b = weights_of(model).values()
    assert (abs(found[0] - (X @ w.T + b)) <= error[0]).all()
    assert (abs(found[1] - V @ w.T) <= error[1]).all()
    line = Line(model, torch.tensor(X), V, "here")
    assert (error[0] <= 2 * ROUNDINGS * EPS * abs(line.real(0.0)).max() + 1e-12).all()


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (DescriptionError, "`along` and `order` go with", {"order": 3}),
        (DescriptionError, "`along` and `order` go with", {"along": V}),
        (DescriptionError, "`along` and `order` go with", {"quantity": "output", "along": V, "order": 3}),
        (DescriptionError, "order must be a whole number of at least 0", {"along": V, "order": -1}),
        (DescriptionError, "order must be at most 200", {"along": V, "order": 10**9}),
        (ShapeError, "along: expected shape", {"along": V[:2], "order": 3}),
        (ShapeError, "direction that is not zero", {"along": 0 * V, "order": 3}),
        (ShapeError, "direction that is not zero", {"along": {}, "order": 3}),
        (DescriptionError, "unknown parameter '0.wait'", {"along": {"0.wait": V}, "order": 3}),
        (ShapeError, r"expected finite numbers of shape \(1, 2\)", {"along": {"0.weight": V}, "order": 3}),
        (DescriptionError, "a cotangent goes with", {"along": V, "order": 3, "cotangent": X[:, :1]}),
    ],
)
def test_refusals(error: type[ResiduaError], message: str, arguments: dict[str, Any]) -> None:
    model = build(Network((Linear(2, 1),)))
    with pytest.raises(error, match=message):
        measure(**{"model": model, "quantity": "taylor coefficients", "x": X, **arguments})

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats

from residua_network import (
    Activation,
    BatchNorm,
    DescriptionError,
    LayerNorm,
    Linear,
    Network,
    ResiduaError,
    Residual,
    ShapeError,
)
from residua_numeric import build
from residua_numeric.initial import _Draw, initial_statistics
from residua_numeric.weights import put

COLUMNS = ("mean_squares", "products", "means", "row_means", "gradients", "gradient_products")
ROUNDINGS = 256 * 2.0**-53  # a few layers of short sums
PLAIN = Network((Linear(8, 8, bias=False), Activation("relu")) * 3)
NORMED = Network((Linear(6, 6), BatchNorm(6, eps=0.0), Activation("relu"), BatchNorm(6), Linear(6, 3)))


def by_hand(net: Network, k: int, batch: int, init: str | float, seed: int, dtype: str) -> dict[str, list[float]]:
    """The same network as a torch model, its layers run one by one, its sums written out."""
    weights, x, g = _Draw(net, batch, init, seed, dtype)(k, 1)
    model = build(net, dtype=dtype).eval()
    put(model, {name: tensor[0] for name, tensor in weights.items()})
    values = [x[0].requires_grad_()]
    for module in model:
        values.append(module(values[-1]))
    found: dict[str, list[float]] = {name: [] for name in COLUMNS}
    pairs = [(a, b) for a in range(batch) for b in range(batch) if a != b]
    for value in values:
        gradient = g[0] if value is values[-1] else torch.autograd.grad(values[-1], value, g[0], retain_graph=True)[0]
        h, u = value.detach().double().numpy(), gradient.double().numpy()
        found["mean_squares"].append(float(np.mean(h**2)))
        found["means"].append(float(np.mean(h)))
        found["row_means"].append(float(np.mean([np.mean(row) ** 2 for row in h])))
        found["gradients"].append(float(np.sum(u**2)))
        found["products"].append(float(np.mean([np.mean(h[a] * h[b]) for a, b in pairs])) if pairs else math.nan)
        found["gradient_products"].append(
            float(np.mean([np.sum(u[a] * u[b]) for a, b in pairs])) if pairs else math.nan
        )
    return found


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("init", ["he", "xavier", "torch", 1.3])
def test_each_network_is_the_torch_model(every: Network, coupled: Network, init: Any, dtype: str) -> None:
    """Every kind, nested residuals, batch norms: another program, one network at a time."""
    bound = ROUNDINGS if dtype == "float64" else ROUNDINGS * 2.0**29
    for net, batch in ((every, 3), (coupled, 4), (every, 1), (NORMED, 5)):
        found = initial_statistics(net, 3, batch, init, seed=7, dtype=dtype, first=2)
        for k in range(3):
            expected = by_hand(net, 2 + k, batch, init, 7, dtype)
            for name in COLUMNS:
                got = getattr(found, name)[k]
                largest = np.abs(expected[name]).max()
                assert got.shape == (len(net.layers) + 1,)
                assert np.array_equal(np.isnan(got), np.isnan(expected[name]))
                assert np.all((np.abs(got - expected[name]) <= 16 * bound * largest) | np.isnan(got)), name


@pytest.mark.parametrize("init", ["he", "xavier", "torch", 3.0])
def test_weights_are_drawn_as_build_draws_them(init: Any) -> None:
    """The same law entry by entry: Kolmogorov–Smirnov between the two programs, and no two networks alike."""
    net = Network((Linear(40, 30), LayerNorm(30), Linear(30, 2, bias=False)))
    weights, x, _ = _Draw(net, 2, init, 5, "float64")(0, 50)
    models = [build(net, seed, init=init) for seed in range(50)]
    assert set(weights) == set(net.parameter_shapes())
    for name in weights:
        own = np.stack([model.state_dict()[name].numpy() for model in models]).ravel()
        drawn = weights[name].numpy().ravel()
        assert drawn.shape == own.shape
        if np.ptp(own) == 0:
            assert np.array_equal(drawn, own)
        else:
            assert stats.ks_2samp(drawn, own).pvalue > 1e-4
            assert len(np.unique(drawn)) == len(drawn)
    assert np.allclose(np.mean(x.numpy() ** 2, axis=2), 1, rtol=1e-14, atol=0)


@pytest.mark.parametrize("net", [PLAIN, NORMED])
def test_a_network_depends_on_its_number_alone(net: Network) -> None:
    whole, part = initial_statistics(net, 7, 4, seed=3), initial_statistics(net, 2, 4, seed=3, first=4)
    again, other = initial_statistics(net, 7, 4, seed=3), initial_statistics(net, 7, 4, seed=4)
    for name in COLUMNS:
        assert np.array_equal(getattr(whole, name), getattr(again, name))
        a, b = getattr(whole, name)[4:6], getattr(part, name)
        assert np.all(np.abs(a - b) <= ROUNDINGS * np.abs(a).max())
    assert not np.any(np.isclose(other.gradients, whole.gradients, rtol=1e-6))


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = initial_statistics(NORMED, 9, 4)
    monkeypatch.setattr("residua_numeric.initial.CHUNK", 1)
    parts = initial_statistics(NORMED, 9, 4)
    for name in COLUMNS:
        assert np.allclose(getattr(whole, name), getattr(parts, name), rtol=ROUNDINGS, atol=ROUNDINGS)


def test_he_keeps_squares_and_gradients_in_mean() -> None:
    """Exact at every width for ReLU with n = 2/fan_in, and unbiased over the ensemble: within five standard errors."""
    found = initial_statistics(PLAIN, 4000, 2)
    for values in (found.mean_squares[:, -1], found.gradient_ratio(0, -1)):
        assert abs(values.mean() - 1) <= 5 * values.std() / math.sqrt(len(values))
    halved = initial_statistics(PLAIN, 4000, 2, init=1.0)
    values = halved.gradient_ratio()
    assert abs(values.mean() - 1 / 8) <= 5 * values.std() / math.sqrt(len(values))
    own = [a / b if b else math.nan for a, b in found.gradients[:, [2, 4]]]
    assert np.array_equal(found.gradient_ratio(2, 4), own, equal_nan=True)
    assert np.array_equal(found.gradient_pair(2, 4), found.gradients[:, [2, 4]])


def test_without_rows_that_differ_a_batch_norm_has_no_value() -> None:
    """0 / 0, as the layer itself gives it; torch's own kernel would give 0."""
    net = Network((Linear(2, 2, bias=False), Activation("square"), Activation("relu"), BatchNorm(2, eps=0.0)))
    dead = Network((Residual((Activation("identity"),), scale=-1.0), BatchNorm(2, eps=0.0)), inputs=2)
    assert np.isfinite(initial_statistics(net, 2, 3).mean_squares).all()
    assert np.isnan(initial_statistics(dead, 2, 3).mean_squares[:, -1]).all()


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (DescriptionError, "expected a Network", {"net": "mlp"}),
        (DescriptionError, "networks must be a whole number", {"networks": 0}),
        (DescriptionError, "batch must be", {"batch": 0}),
        (DescriptionError, "unknown init", {"init": "hee"}),
        (DescriptionError, "init must be one of", {"init": 0.0}),
        (DescriptionError, "init must be one of", {"init": -2.0}),
        (DescriptionError, "unknown dtype", {"dtype": "float16"}),
        (DescriptionError, "seed must be", {"seed": -1}),
        (DescriptionError, "first must be", {"first": -1}),
        (ShapeError, "at least 2 rows", {"net": NORMED}),
        (DescriptionError, "at most .* bytes", {"net": Network((Linear(20000, 20000),))}),
    ],
)
def test_refusals(error: type[ResiduaError], message: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(error, match=message):
        initial_statistics(**{"net": PLAIN, "networks": 2, **arguments})

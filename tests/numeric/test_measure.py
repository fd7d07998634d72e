from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from residua_network import Activation, BatchNorm, DescriptionError, Linear, Network, ResiduaError, ShapeError
from residua_numeric import build, measure, statistics_of
from residua_numeric.measure import QUANTITIES

Array = NDArray[np.float64]
Moved = Callable[..., nn.Sequential]
STEP = 1e-5
SLOPE = 1e-8  # central differences of step 1e-5: third derivatives below 1e2 / 6 times 1e-10, rounding 1e-16 / 1e-5
ROUNDING = 1e-13  # a thousand float64 operations on numbers of size one


class Cut(nn.Module):
    """Lets no gradient through."""

    def forward(self, x: Tensor) -> Tensor:
        return x.detach() * 2


def plain(model: nn.Module, x: Array) -> Array:
    with torch.no_grad():
        return np.array(model(torch.tensor(x)).numpy())


def central(model: nn.Module, x: Array) -> Array:
    steps = STEP * np.eye(x.shape[1])
    return np.stack([(plain(model, x + s) - plain(model, x - s)) / (2 * STEP) for s in steps], axis=2)


def central_in_batch(model: nn.Module, x: Array) -> Array:
    steps = STEP * np.eye(x.size).reshape(x.size, *x.shape)
    found = [(plain(model, x + s) - plain(model, x - s)) / (2 * STEP) for s in steps]
    return np.stack(found, axis=2).reshape(len(x), -1, *x.shape)


def by_autograd(layer: nn.Module, point: Tensor) -> Array:
    start = point.clone().requires_grad_()
    y = layer(start[None])[0]
    return np.stack([torch.autograd.grad(entry, start, retain_graph=True)[0].numpy() for entry in y])


def test_output(every: Network, moved: Moved, x: Array) -> None:
    model = moved(every)
    found = measure(model, "output", x)
    assert np.array_equal(found.values, plain(model.eval(), x))
    assert (found.quantity, found.dtype, found.spread) == ("output", "float64", None)
    assert {name: found.scope[name] for name in ("batch", "inputs", "outputs")} == {
        "batch": 5,
        "inputs": 3,
        "outputs": 2,
    }


def test_jacobian_against_central_differences(every: Network, moved: Moved, x: Array) -> None:
    model = moved(every)
    found = measure(model, "jacobian", x).values
    wanted = central(model.eval(), x)
    assert found.shape == wanted.shape == (5, 2, 3)
    assert (abs(found - wanted) <= SLOPE).all()
    assert not (abs(found[::-1] - wanted) <= SLOPE).all()
    assert not (abs(found * (1 + 1e-6) - wanted) <= SLOPE).all()


def test_jacobian_of_coupled_rows_against_central_differences(coupled: Network, moved: Moved, x: Array) -> None:
    model = moved(coupled)
    found = measure(model, "jacobian", x).values
    wanted = central_in_batch(model.eval(), x)
    assert found.shape == wanted.shape == (5, 2, 5, 3)
    assert (abs(found - wanted) <= SLOPE).all()
    assert not (abs(found.swapaxes(0, 2) - wanted) <= SLOPE).all()
    assert not (abs(found * (1 + 1e-6) - wanted) <= SLOPE).all()
    single = measure(moved(coupled, "float32"), "jacobian", x).values
    assert 0 < abs(single - found).max() < 1e-3


def test_singular_values_and_gradients_of_coupled_rows(coupled: Network, moved: Moved, x: Array) -> None:
    model = moved(coupled)
    J = measure(model, "jacobian", x).values.reshape(10, 15)
    values = measure(model, "singular values", x).values
    assert values.shape == (1, 10)
    assert np.allclose(values[0], np.linalg.svd(J, compute_uv=False), rtol=0, atol=ROUNDING)
    cotangent = np.random.default_rng(2).normal(size=(5, 2))
    found = measure(model, "gradient norms", x, cotangent=cotangent).values
    assert found.shape == (5, 7)
    gradient = (cotangent.ravel() @ J).reshape(5, 3)
    assert np.allclose(found[:, 0], np.linalg.norm(gradient, axis=1), rtol=0, atol=ROUNDING)
    paths = measure(model, "path gradients", x, cotangent=cotangent).values
    assert np.allclose(paths.sum(axis=1), gradient, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_statistics_decide_not_the_mode(
    coupled: Network, moved: Moved, x: Array, quantity: str, training: bool
) -> None:
    model = moved(coupled).train(training)
    kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for statistics in ("batch", "running"):
        other = moved(coupled.with_statistics(statistics))
        wanted = measure(other, quantity, x).values
        words = dict.fromkeys(statistics_of(coupled), statistics)
        for given in (statistics, words):
            found = measure(model, quantity, x, statistics=given).values
            assert found.shape == wanted.shape
            assert np.array_equal(found, wanted)
    assert np.array_equal(measure(model, quantity, x).values, measure(moved(coupled), quantity, x).values)
    assert all(torch.equal(tensor, kept[name]) for name, tensor in model.state_dict().items())


def torchs_own(coupled: Network, moved: Moved) -> nn.Sequential:
    """The same model with torch's own batch norms, where they can be."""
    model = moved(coupled)
    for k in (1, 5):
        norm = nn.BatchNorm1d(4, eps=coupled.layers[k].eps).double()  # type: ignore[attr-defined]
        norm.load_state_dict({**norm.state_dict(), **model[k].state_dict()})
        model[k] = norm.train(k == 1)
    return model


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_torchs_own_batch_norm_measures_alike(coupled: Network, moved: Moved, x: Array, quantity: str) -> None:
    model = torchs_own(coupled, moved)
    kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert np.array_equal(measure(model, quantity, x).values, measure(moved(coupled), quantity, x).values)
    for statistics in ("batch", "running"):
        wanted = measure(moved(coupled), quantity, x, statistics=statistics).values
        assert np.array_equal(measure(model, quantity, x, statistics=statistics).values, wanted)
    assert [norm.training for norm in (model[1], model[5])] == [True, False]
    assert all(norm.track_running_stats for norm in (model[1], model[5]))
    assert all(torch.equal(tensor, kept[name]) for name, tensor in model.state_dict().items())


class OneByOne(nn.Module):
    """A batch norm of another make: no kind of ours, and no kind of torch's."""

    def forward(self, x: Tensor) -> Tensor:
        return (x - x.mean(0)) / x.std(0, unbiased=False)


def test_layers_stated_to_be_coupled_are_and_others_are_not(x: Array) -> None:
    strange = nn.Sequential(nn.Tanh(), OneByOne())
    ours = nn.Sequential(nn.Tanh(), build(Network((BatchNorm(3, eps=0.0),)))[0])
    found = measure(strange, "jacobian", x, statistics={"1": "batch"}).values
    assert found.shape == (5, 3, 5, 3)
    assert np.allclose(found, measure(ours, "jacobian", x).values, rtol=0, atol=ROUNDING)
    blocks = measure(ours, "jacobian", x, statistics={}).values
    assert blocks.shape == (5, 3, 3)
    assert np.allclose(blocks, [found[b, :, b] for b in range(5)], rtol=0, atol=ROUNDING)
    assert measure(nn.Sequential(nn.Linear(3, 2)).double(), "jacobian", x, statistics={"0": "batch"}).values.shape == (
        *(5, 2),
        *(5, 3),
    )


def test_moments(every: Network, coupled: Network, moved: Moved, x: Array) -> None:
    for net in (every, coupled):
        model = moved(net)
        found = measure(model, "moments", x).values
        point, wanted = torch.tensor(x), []
        for module in model.eval():
            point = module(point).detach()
            wanted.append([point.numpy().mean(), (point.numpy() ** 2).mean()])
        assert found.shape == (7, 2)
        assert np.allclose(found, wanted, rtol=0, atol=ROUNDING)
        assert not np.allclose(found[::-1], wanted, rtol=0, atol=1e-3)


def test_gradient_norms_are_those_of_products_of_layer_jacobians(every: Network, moved: Moved, x: Array) -> None:
    model = moved(every)
    cotangent = np.random.default_rng(1).normal(size=(5, 2))
    found = measure(model, "gradient norms", x, cotangent=cotangent).values
    model.eval()
    wanted = np.zeros((5, len(every.layers)))
    for b in range(5):
        point, factors = torch.tensor(x[b]), []
        for layer in model:
            factors.append(by_autograd(layer, point))
            point = layer(point[None])[0].detach()
        gradient = cotangent[b]
        for k in reversed(range(len(factors))):
            gradient = gradient @ factors[k]
            wanted[b, k] = np.linalg.norm(gradient)
    assert (abs(found - wanted) <= ROUNDING).all()
    assert not (abs(found[:, ::-1] - wanted) <= ROUNDING).all()
    assert not (abs(measure(model, "gradient norms", x).values - wanted) <= ROUNDING).all()


def test_the_cotangent_is_ones_by_default(every: Network, moved: Moved, x: Array) -> None:
    model = moved(every)
    by_default = measure(model, "gradient norms", x).values
    assert np.array_equal(by_default, measure(model, "gradient norms", x, cotangent=np.ones((5, 2))).values)


def test_singular_values(every: Network, moved: Moved, x: Array) -> None:
    model = moved(every)
    values, J = measure(model, "singular values", x).values, measure(model, "jacobian", x).values
    assert values.shape == (5, 2)
    assert (values[:, 0] >= values[:, 1]).all()
    assert (abs((values**2).sum(axis=1) - (J**2).sum(axis=(1, 2))) <= ROUNDING).all()
    determinant = np.linalg.det(J @ J.swapaxes(1, 2))
    assert (abs(values.prod(axis=1) ** 2 - determinant) <= ROUNDING).all()


@pytest.mark.parametrize("quantity", [name for name in QUANTITIES if name != "moments"])
def test_rows_are_independent_and_batch_one_works(every: Network, moved: Moved, x: Array, quantity: str) -> None:
    model = moved(every)
    together = measure(model, quantity, x).values
    alone = np.concatenate([measure(model, quantity, row[None]).values for row in x])
    assert (abs(together - alone) <= ROUNDING).all()


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_float32_comes_back_as_float64_copies(every: Network, moved: Moved, x: Array, quantity: str) -> None:
    single, double = (measure(moved(every, dtype), quantity, x) for dtype in ("float32", "float64"))
    assert (single.dtype, double.dtype) == ("float32", "float64")
    assert single.values.dtype == np.float64
    assert 0 < abs(single.values - double.values).max() < 1e-4


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_the_model_is_left_alone(every: Network, moved: Moved, x: Array, quantity: str) -> None:
    model = moved(every)
    model[1].eval()
    modes = [module.training for module in model.modules()]
    kept = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random = torch.get_rng_state()
    measure(model, quantity, x)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(tensor, kept[name]) for name, tensor in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert torch.equal(random, torch.get_rng_state())


def test_modes_come_back_on_error(x: Array) -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(3, 2))
    with pytest.raises(ShapeError, match="cannot be multiplied"):
        measure(model, "gradient norms", x)
    assert all(module.training and not module._forward_hooks for module in model.modules())


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_it_works_where_gradients_are_off(
    every: Network, moved: Moved, x: Array, quantity: str, context: Callable[[], Any]
) -> None:
    model = moved(every)
    wanted = measure(model, quantity, x).values
    with context():
        assert np.array_equal(measure(model, quantity, x).values, wanted)


def test_gradients_on_both_sides_of_a_cut() -> None:
    model = nn.Sequential(nn.Identity(), Cut(), nn.Linear(2, 1, bias=False)).double()
    with torch.no_grad():
        model[2].weight.copy_(torch.tensor([[3.0, 4.0]]))  # type: ignore[operator]
    assert measure(model, "gradient norms", [[1.0, 1.0]]).values.tolist() == [[0.0, 0.0, 5.0]]
    assert measure(nn.Sequential(nn.Linear(2, 2), Cut()), "gradient norms", [[1.0, 1.0]]).values.tolist() == [[0, 0]]


def test_results_that_are_not_finite_are_handed_back() -> None:
    model = build(Network((Linear(1, 1, bias=False), Activation("cube"))))
    with torch.no_grad():
        next(model.parameters()).fill_(1e200)
    for quantity in ("output", "jacobian", "gradient norms", "moments", "path gradients"):
        assert np.isinf(measure(model, quantity, [[1.0]]).values).any()
    assert np.isnan(measure(model, "singular values", [[1.0]]).values).all()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"quantity": "jacobean"}, DescriptionError, "did you mean 'jacobian'"),
        ({"x": np.ones((2, 4))}, ShapeError, r"measure: x: expected shape \(batch, 3\), got \(2, 4\)"),
        ({"x": np.ones(3)}, ShapeError, r"got \(3,\)"),
        ({"x": [[1.0, np.inf, 0.0]]}, ShapeError, "finite"),
        ({"cotangent": np.ones((1, 3))}, ShapeError, r"cotangent: expected shape \(1, 2\), got \(1, 3\)"),
        ({"cotangent": np.ones((2, 2))}, ShapeError, r"expected shape \(1, 2\)"),
        (
            {"cotangent": np.ones((1, 2)), "quantity": "jacobian"},
            DescriptionError,
            '"gradient norms" and "path gradients"',
        ),
        ({"cotangent": np.ones((1, 2)), "quantity": "moments"}, DescriptionError, 'not with "moments"'),
        ({"statistics": "bach"}, DescriptionError, "measure: unknown statistics 'bach'; did you mean 'batch'"),
        ({"statistics": {"8": "batch"}}, DescriptionError, "measure: statistics: unknown layer '8'"),
        (
            {"model": nn.Sequential(nn.BatchNorm1d(3))},
            ShapeError,
            'measure: x: expected at least 2 rows, as "0" .* got 1',
        ),
        ({"model": nn.Sequential(nn.BatchNorm1d(3)), "statistics": "running"}, ResiduaError, "never computed"),
        ({"model": nn.Linear(3, 1)}, DescriptionError, "Sequential"),
    ],
)
def test_refusals(every: Network, arguments: dict[str, Any], error: type[ResiduaError], words: str) -> None:
    given = {"model": build(every), "quantity": "gradient norms", "x": np.ones((1, 3)), **arguments}
    with pytest.raises(error, match=words):
        measure(**given)

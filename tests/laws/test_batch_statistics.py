"""What batch statistics do: identities that need no oracle, the smallest batches, and what is refused."""

from typing import Any

import numpy as np
import pytest

from oracles.batches import apart, spread, stacked, times
from oracles.dense import letters_of, multiplied_out
from oracles.formulas import answers
from oracles.samples import NETWORKS, Floats, alone, assert_close, rows, weights_of
from residua_network import Activation, BatchNorm, Layer, LayerNorm, Linear, Network, Residual, ShapeError
from residua_symbolic import jacobian, predict
from residua_symbolic.layer import CONSTANT_STATISTICS

from .test_layers import torch_jacobian

BATCH = 5
COUPLED = [name for name, net in NETWORKS.items() if net.couples_rows]


def normalised(layer: Layer, x: Floats) -> tuple[Floats, Floats]:
    """Output and Jacobian (batch, 4, batch, 4)."""
    net = alone(layer)
    J, weights = jacobian(net), weights_of(net, seed=1)
    return J.linearised(weights, x)[1], J.evaluate(weights, x)


def of_feature(J: Floats, q: int) -> Floats:
    """The batch × batch matrix of one feature."""
    return J[:, q, :, q]


# ---- how Jacobians of either shape are multiplied ----


def test_products_of_coupled_and_uncoupled_jacobians() -> None:
    rng = np.random.default_rng(7)
    own, coupled = rng.normal(size=(3, 2, 4)), rng.normal(size=(3, 4, 3, 5))
    assert_close(apart(spread(own)), own)
    assert times(own, own.swapaxes(1, 2)).shape == (3, 2, 2)
    product = times(own, coupled)
    assert product.shape == (3, 2, 3, 5)
    assert_close(stacked(product), stacked(own) @ stacked(coupled))
    assert_close(product[1, :, 2], own[1] @ coupled[1, :, 2])


# ---- which entries there are ----


def test_features_do_not_meet_and_rows_do() -> None:
    _, J = normalised(BatchNorm(4), rows(BATCH, 4))
    others = ~np.eye(4, dtype=bool)
    assert not J.transpose(1, 3, 0, 2)[others].any()
    assert all(np.abs(of_feature(J, q)).min() > 1e-4 for q in range(4))
    with pytest.raises(AssertionError, match="a row depends on another one"):
        apart(J)


@pytest.mark.parametrize("eps", [0.0, 1e-2])
def test_stored_statistics_leave_a_diagonal_for_every_row(eps: float) -> None:
    """diag(γ / s) with s² = running_var + ε, whatever x is."""
    net, x = alone(BatchNorm(4, eps=eps, statistics="running")), rows(BATCH, 4)
    weights = weights_of(net, seed=1)
    slopes = weights["0.weight"] / np.sqrt(weights["0.running_var"] + eps)
    assert_close(jacobian(net).evaluate(weights, x), np.broadcast_to(np.diag(slopes), (BATCH, 4, 4)))
    assert_close(jacobian(net).evaluate(weights, x[:1] + 7.0)[0], np.diag(slopes))
    assert not jacobian(net).couples_rows


@pytest.mark.parametrize("name", COUPLED)
def test_a_change_of_one_row_moves_the_others_as_predicted(name: str) -> None:
    """By central differences in the torch twin, which shares nothing with the formulas."""
    net, step = NETWORKS[name], 1e-5
    weights, x = weights_of(net, seed=2), rows(3, net.inputs)
    direction = np.random.default_rng(3).normal(size=net.inputs)
    moved = np.zeros_like(x)
    moved[0] = step * direction
    plus, minus = (torch_jacobian(net, weights, x + sign * moved)[0] for sign in (1, -1))
    predicted = np.einsum("bij,j->bi", spread(jacobian(net).evaluate(weights, x))[:, :, 0], direction)
    assert np.abs(predicted[1:]).max() > 1e-3
    error = np.abs((plus - minus) / (2 * step) - predicted)
    assert error.max() <= 1e-6 * max(1.0, np.abs(predicted).max())  # step² and u / step


@pytest.mark.parametrize("name", COUPLED)
def test_the_oracles_see_a_fault(name: str) -> None:
    net = NETWORKS[name]
    weights, x = weights_of(net), rows(3, net.inputs)
    (_, expected), (_, letters) = answers(net.layers, weights, x), letters_of(net.layers, x, weights)
    found, right = jacobian(net), expected.astype(np.float64)
    assert_close(multiplied_out(found.formula, letters), right)
    assert_close(found.evaluate(weights, x), right)
    kept = jacobian(net, assume=CONSTANT_STATISTICS)
    for wrong in (multiplied_out(kept.formula, letters), kept.evaluate(weights, x), right.transpose(2, 1, 0, 3)):
        with pytest.raises(AssertionError, match="rounding allows"):
            assert_close(wrong, right)
    running = jacobian(net.with_statistics("running"))
    for shorter in (multiplied_out(running.formula, letters), running.evaluate(weights, x)):
        with pytest.raises(AssertionError, match="is not"):
            assert_close(shorter, right)


# ---- invariances ----


@pytest.mark.parametrize("eps", [0.0, 1e-2])
@pytest.mark.parametrize("affine", [True, False])
def test_shifting_a_feature_changes_nothing(eps: float, affine: bool) -> None:
    """So the columns of the matrix of a feature, and since it is symmetric up to γ its rows, sum to zero."""
    layer, x = BatchNorm(4, eps=eps, affine=affine), rows(BATCH, 4)
    (y, J), (moved_y, moved_J) = normalised(layer, x), normalised(layer, x + np.array([2.0, -1.0, 0.5, 3.0]))
    assert_close(moved_y, y)
    assert_close(moved_J, J)
    zero = np.zeros((BATCH, 4))
    for q in range(4):
        matrix, scale = of_feature(J, q), float(np.abs(J).max())
        assert_close(matrix, matrix.T)
        assert_close(matrix.sum(axis=0), zero[:, q], scale)
        assert_close(matrix.sum(axis=1), zero[:, q], scale)
        assert np.abs(matrix).max() > 0.05


def test_scaling_a_feature_changes_nothing_and_divides_its_matrix() -> None:
    layer, x, a = BatchNorm(4, eps=0.0), rows(BATCH, 4), np.array([3.0, 0.125, 2.0, 40.0])
    (y, J), (scaled_y, scaled_J) = normalised(layer, x), normalised(layer, a * x)
    assert_close(scaled_y, y)
    assert_close(scaled_J * a, J)


def test_the_input_itself_is_in_the_kernel() -> None:
    """Euler: a map of degree 0 has J x = 0, for every feature by itself."""
    x = rows(BATCH, 4)
    _, J = normalised(BatchNorm(4, eps=0.0), x)
    for q in range(4):
        assert_close(of_feature(J, q) @ x[:, q], np.zeros(BATCH), scale=float(np.abs(J).max()))


@pytest.mark.parametrize("eps", [0.0, 1e-2, 1.0])
def test_the_normalised_input_is_an_eigenvector(eps: float) -> None:
    """J x̂ = (ε / s³) x̂ at γ = 1, for every feature by itself."""
    x = rows(BATCH, 4)
    xhat, J = normalised(BatchNorm(4, eps=eps, affine=False), x)
    s = np.sqrt(x.var(axis=0) + eps)
    for q in range(4):
        expected = eps / s[q] ** 3 * xhat[:, q]
        assert_close(of_feature(J, q) @ xhat[:, q], expected, scale=float(np.abs(J).max()))


def test_it_is_layer_norm_of_the_transposed_batch() -> None:
    x = rows(BATCH, 4)
    _, J = normalised(BatchNorm(4, eps=1e-2, affine=False), x)
    net = Network((LayerNorm(BATCH, eps=1e-2, affine=False),))
    for q, matrix in enumerate(jacobian(net).evaluate({}, np.ascontiguousarray(x.T))):
        assert_close(of_feature(J, q), matrix)


def test_rows_may_be_exchanged() -> None:
    net, order = NETWORKS["batch statistics in branches"], np.array([3, 0, 4, 1, 2])
    weights, x = weights_of(net), rows(BATCH, 3)
    J = jacobian(net).evaluate(weights, x)
    assert_close(jacobian(net).evaluate(weights, x[order]), J[order][:, :, order])


# ---- the smallest batches ----


@pytest.mark.parametrize("affine", [True, False])
def test_two_rows_without_eps_let_nothing_through(affine: bool) -> None:
    """x̂ = ±1 whatever x is; one row more, or ε, and something passes."""
    layer, x = BatchNorm(4, eps=0.0, affine=affine), rows(2, 4)
    _, J = normalised(layer, x)
    slopes = weights_of(alone(BatchNorm(4)), seed=1)["0.weight"] / x.std(axis=0)
    assert_close(J, np.zeros((2, 4, 2, 4)), scale=float(np.abs(slopes).max()))
    assert np.abs(normalised(layer, rows(3, 4))[1]).max() > 0.05
    assert np.abs(normalised(BatchNorm(4, eps=1e-1, affine=affine), x)[1]).max() > 0.01


@pytest.mark.parametrize("name", COUPLED)
@pytest.mark.parametrize("batch", [2, 7])
def test_other_batches(name: str, batch: int) -> None:
    net = NETWORKS[name]
    weights, x = weights_of(net, seed=4), rows(batch, net.inputs)
    _, expected = torch_jacobian(net, weights, x)
    assert_close(jacobian(net).evaluate(weights, x), expected)


@pytest.mark.parametrize("layers", [(BatchNorm(1),), (Linear(1, 1), BatchNorm(1, eps=0.0), Linear(1, 2))])
def test_one_feature(layers: tuple[Layer, ...]) -> None:
    net = Network(layers)
    weights, x = weights_of(net), rows(BATCH, 1)
    J = jacobian(net)
    assert_close(J.evaluate(weights, x), torch_jacobian(net, weights, x)[1])
    J.check()


def test_an_input_without_variance_has_a_jacobian_where_there_is_eps() -> None:
    net = alone(BatchNorm(4))
    weights = weights_of(net)
    for x in (np.zeros((3, 4)), np.full((3, 4), 0.5)):
        assert_close(jacobian(net).evaluate(weights, x), torch_jacobian(net, weights, x)[1])


# ---- with stored statistics, with constant ones ----


def test_with_the_statistics_of_the_batch_stored_the_output_is_the_same() -> None:
    """And the Jacobian is that of constant statistics: (1.10) takes the one network for the other."""
    net = Network((Linear(3, 4), BatchNorm(4, eps=1e-2), Activation("tanh")))
    weights, x = weights_of(net, seed=5), rows(BATCH, 3)
    h = jacobian(net, stop=0).linearised(weights, x)[1]
    stored = {**weights, "1.running_mean": h.mean(axis=0), "1.running_var": h.var(axis=0)}
    batch, running = jacobian(net, assume=CONSTANT_STATISTICS), jacobian(net.with_statistics("running"))
    assert_close(running.linearised(stored, x)[1], batch.linearised(weights, x)[1])
    assert_close(spread(running.evaluate(stored, x)), batch.evaluate(weights, x))


@pytest.mark.parametrize("name", COUPLED)
def test_stored_statistics_are_not_read_where_those_of_the_batch_are_used(name: str) -> None:
    net = NETWORKS[name]
    weights, x = weights_of(net), rows(3, net.inputs)
    places = {place for place, layer in net.walk() if layer.kind == "batchnorm" and layer.couples_rows}
    changed = {k: 3.0 * w if k.rpartition(".running_")[0] in places else w for k, w in weights.items()}
    assert any((changed[k] != weights[k]).any() for k in weights)
    assert np.array_equal(jacobian(net).evaluate(changed, x), jacobian(net).evaluate(weights, x))


@pytest.mark.parametrize("name", COUPLED)
def test_constant_statistics_and_what_they_drop_are_the_whole(name: str) -> None:
    net = NETWORKS[name]
    weights, x = weights_of(net, seed=6), rows(BATCH, net.inputs)
    kept = jacobian(net, assume=CONSTANT_STATISTICS)
    assert kept.dropped is not None
    lost, true = kept.dropped.evaluate(weights, x), jacobian(net).evaluate(weights, x)
    assert_close(kept.evaluate(weights, x) + lost, true)
    apart(kept.evaluate(weights, x))
    with pytest.raises(AssertionError, match="a row depends on another one"):
        apart(lost)


def test_constant_statistics_keep_what_is_projected_away() -> None:
    """B of B eigenvalues where B − 2 are left: (1.10) errs upwards, by a factor of its own for every batch."""
    net = alone(BatchNorm(4, eps=0.0, affine=False))
    weights, x = weights_of(net), rows(8, 4)
    true, kept = (jacobian(net, assume=assume).evaluate(weights, x) for assume in (None, CONSTANT_STATISTICS))
    for q in range(4):
        ratio = np.linalg.norm(of_feature(true, q)) / np.linalg.norm(of_feature(kept, q))
        assert_close(np.array(ratio**2), np.array(6 / 8))


# ---- predictions ----


@pytest.mark.parametrize("name", COUPLED)
def test_singular_values_are_those_of_the_stacked_batch(name: str) -> None:
    net = NETWORKS[name]
    weights, x = weights_of(net), rows(3, net.inputs)
    found = predict(jacobian(net), weights, x, "singular values")
    expected = np.linalg.svd(stacked(torch_jacobian(net, weights, x)[1]), compute_uv=False)
    assert found.values.shape == found.error.shape == (1, 3 * min(net.inputs, net.outputs))
    assert_close(found.values[0], expected)


# ---- refusals ----


@pytest.mark.parametrize("quantity", ["jacobian", "gradient norms", "singular values"])
@pytest.mark.parametrize("assume", [None, CONSTANT_STATISTICS])
def test_one_row_is_refused(quantity: str, assume: Any) -> None:
    """Also where the layer lies before `start`; stored statistics take one row."""
    net = Network((Linear(3, 3), Residual((BatchNorm(3), Linear(3, 3))), Linear(3, 2)))
    weights, x = weights_of(net), rows(1, 3)
    wanted = r"BatchNorm\(3\) at '1\.branch\.0' takes its statistics from the batch and expects at least 2 rows, got 1"
    for start in (0, 1, 2):
        with pytest.raises(ShapeError, match=wanted):
            predict(jacobian(net, start=start, assume=assume), weights, x, quantity)
    predict(jacobian(net, stop=0, assume=assume), weights, x, quantity)
    predict(jacobian(net.with_statistics("running"), assume=assume), weights, x, quantity)


@pytest.mark.parametrize("quantity", ["jacobian", "gradient norms", "singular values"])
@pytest.mark.parametrize("assume", [None, CONSTANT_STATISTICS])
@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_no_variance_and_no_eps_is_refused(quantity: str, assume: Any, statistics: str) -> None:
    """0/0 has no value; the message names the layer and the feature."""
    layer = BatchNorm(3, eps=0.0, statistics=statistics)
    net = Network((Residual((layer, Linear(3, 3))), Linear(3, 2)))
    weights, x = weights_of(net), rows(3, 3)
    assert np.isfinite(predict(jacobian(net, assume=assume), weights, x, quantity).values).all()
    flat = np.array([1.0, 0.0, 1.0])
    x = x * flat + 0.1
    weights["0.branch.0.running_var"] = weights["0.branch.0.running_var"] * flat
    wanted = r"BatchNorm\(3, eps=0\.0.*\) at '0\.branch\.0' expects every feature to have .* got feature 1 with s = "
    with pytest.raises(ShapeError, match=wanted):
        predict(jacobian(net, assume=assume), weights, x, quantity)


def test_a_stored_variance_that_is_tiny_is_one() -> None:
    """Only zero is refused: stored statistics bring no rounding of a mean."""
    net = alone(BatchNorm(4, eps=0.0, statistics="running"))
    weights = {**weights_of(net), "0.running_var": np.full(4, 1e-40)}
    found = jacobian(net).evaluate(weights, 1e3 + rows(2, 4))
    assert_close(found * 1e-20, np.broadcast_to(np.diag(weights["0.weight"]), (2, 4, 4)))

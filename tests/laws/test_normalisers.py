"""Identities of the normalisers that need no oracle, and their degenerate cases."""

import numpy as np
import pytest

from oracles.samples import Floats, alone, assert_close, rows, weights_of
from residua_network import Activation, BatchNorm, Layer, LayerNorm, Linear, Network, Residual, RMSNorm, ShapeError
from residua_symbolic import derive_layer, jacobian, predict
from residua_symbolic.layer import CONSTANT_STATISTICS

from .test_layers import torch_jacobian

BATCH = 5
NORMS = [LayerNorm(4, eps=0.0), RMSNorm(4, eps=0.0)]


def normalised(layer: Layer, x: Floats) -> tuple[Floats, Floats]:
    """Output and Jacobian."""
    net = alone(layer)
    J, weights = jacobian(net), weights_of(net, seed=1)
    return J.linearised(weights, x)[1], J.evaluate(weights, x)


@pytest.mark.parametrize("layer", NORMS)
def test_scaling_the_input_changes_nothing_and_divides_the_jacobian(layer: Layer) -> None:
    x = rows(BATCH, 4)
    for a in (3.0, 0.125):
        (y, J), (scaled_y, scaled_J) = normalised(layer, x), normalised(layer, a * x)
        assert_close(scaled_y, y)
        assert_close(a * scaled_J, J)


@pytest.mark.parametrize("layer", NORMS)
def test_the_input_itself_is_in_the_kernel(layer: Layer) -> None:
    """Euler: a map of degree 0 has J x = 0."""
    x = rows(BATCH, 4)
    _, J = normalised(layer, x)
    assert_close((J @ x[:, :, None])[..., 0], np.zeros((BATCH, 4)), scale=float(np.abs(J).max()))


@pytest.mark.parametrize("eps", [0.0, 1e-2])
def test_ones_are_in_the_kernel_of_layer_norm_and_gamma_inverse_in_its_cokernel(eps: float) -> None:
    x = rows(BATCH, 4)
    net = alone(LayerNorm(4, eps=eps))
    J, gamma = jacobian(net).evaluate(weights_of(net, seed=1), x), weights_of(net, seed=1)["0.weight"]
    assert_close(J @ np.ones(4), np.zeros((BATCH, 4)), scale=float(np.abs(J).max()))
    assert_close((1 / gamma) @ J, np.zeros((BATCH, 4)), scale=float(np.abs(J).max()))
    assert np.abs(J).max() > 0.1


@pytest.mark.parametrize("kind", ["layernorm", "rmsnorm"])
@pytest.mark.parametrize("eps", [0.0, 1e-2, 1.0])
def test_the_normalised_input_is_an_eigenvector(kind: str, eps: float) -> None:
    """J x̂ = (ε / s³) x̂ at γ = 1."""
    layer = {"layernorm": LayerNorm(4, eps=eps, affine=False), "rmsnorm": RMSNorm(4, eps=eps, affine=False)}[kind]
    x = rows(BATCH, 4)
    xhat, J = normalised(layer, x)
    centred = x - x.mean(axis=1, keepdims=True) if kind == "layernorm" else x
    s = np.sqrt((centred**2).mean(axis=1) + eps)
    assert_close((J @ xhat[:, :, None])[..., 0], (eps / s**3)[:, None] * xhat, scale=float(np.abs(J).max()))


def test_shifting_the_input_changes_nothing() -> None:
    x = rows(BATCH, 4)
    for found, expected in zip(normalised(LayerNorm(4), x + 2.0), normalised(LayerNorm(4), x), strict=True):
        assert_close(found, expected)


def test_layer_norm_is_rms_norm_of_the_centred_input() -> None:
    x = rows(BATCH, 4)
    layer, root = LayerNorm(4, eps=1e-2, affine=False), RMSNorm(4, eps=1e-2, affine=False)
    projector = np.eye(4) - 1 / 4
    assert_close(normalised(layer, x)[1], normalised(root, x @ projector)[1] @ projector)


@pytest.mark.parametrize("eps", [1e-5, 0.3])
def test_width_one(eps: float) -> None:
    x = rows(BATCH, 1)
    for layer, expected in ((LayerNorm(1, eps=eps), 0 * x), (RMSNorm(1, eps=eps), eps / (x**2 + eps) ** 1.5)):
        net = Network((layer,))
        weights = weights_of(net)
        J = jacobian(net)
        assert_close(J.evaluate(weights, x)[..., 0], weights["0.weight"] * expected)
        J.check()


@pytest.mark.parametrize("layers", [(Linear(1, 3),), (Linear(1, 1), Activation("tanh"), Linear(1, 2)), (Linear(3, 1),)])
def test_one_feature(layers: tuple[Layer, ...]) -> None:
    net = Network(layers)
    weights, x = weights_of(net), rows(BATCH, net.inputs)
    J = jacobian(net)
    assert_close(J.evaluate(weights, x), torch_jacobian(net, weights, x)[1])
    J.check()


STORED = BatchNorm(4, statistics="running")


@pytest.mark.parametrize("layer", [LayerNorm(4), RMSNorm(4), Residual((LayerNorm(4), Linear(4, 4))), STORED])
def test_every_row_is_its_own(layer: Layer) -> None:
    net, x = alone(layer), rows(BATCH, 4)
    weights = weights_of(net)
    J = jacobian(net)
    together = J.evaluate(weights, x)
    for row, expected in zip(x, together, strict=True):
        assert_close(J.evaluate(weights, row[None])[0], expected)


@pytest.mark.parametrize("layer", [LayerNorm(3, eps=0.0), RMSNorm(3, eps=0.0)])
@pytest.mark.parametrize("quantity", ["jacobian", "gradient norms", "singular values"])
@pytest.mark.parametrize("assume", [None, CONSTANT_STATISTICS])
def test_no_variance_and_no_eps_is_refused(layer: Layer, quantity: str, assume: str | None) -> None:
    """0/0 has no value; the message names the layer and the row."""
    net = Network((Residual((layer, Linear(3, 3))), Linear(3, 2)))
    weights, x = weights_of(net), np.array([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0]])
    with pytest.raises(ShapeError, match=r"eps=0.0\) at '0.branch.0' expects .* got row 1 with s = 0"):
        predict(jacobian(net, assume=assume), weights, x, quantity)
    assert np.isfinite(predict(jacobian(net, assume=assume), weights, x[:1], quantity).values).all()


def test_a_variance_of_rounding_alone_is_none() -> None:
    net = Network((LayerNorm(3, eps=0.0),))
    with pytest.raises(ShapeError, match="got row 0"):
        jacobian(net).evaluate(weights_of(net), np.full((1, 3), 0.1))
    assert np.isfinite(jacobian(net).evaluate(weights_of(net), np.array([[0.1, 0.1, 0.1 + 1e-9]]))).all()


@pytest.mark.parametrize("layer", [LayerNorm(3), RMSNorm(3)])
def test_a_constant_input_with_eps_has_a_jacobian(layer: Layer) -> None:
    net = Network((layer,))
    weights = weights_of(net)
    for x in (np.zeros((1, 3)), np.full((1, 3), 0.5)):
        assert_close(jacobian(net).evaluate(weights, x), torch_jacobian(net, weights, x)[1])


@pytest.mark.parametrize("depth", [1, 2])
def test_on_the_kink_the_derivative_is_zero_as_in_torch(depth: int) -> None:
    net = Network((Activation("relu"),) * depth, inputs=4)
    x = np.array([[0.0, -0.0, 1.5, -1.5]])
    found = jacobian(net).evaluate({}, x)
    assert found.tolist() == [np.diag([0.0, 0.0, 1.0, 0.0]).tolist()]
    assert_close(found, torch_jacobian(net, {}, x)[1])
    assert "relu'(0) = 0, as torch has it" in derive_layer("activation", variant="relu").assumptions


def test_zero_weights() -> None:
    net = Network((Linear(3, 4), Residual((RMSNorm(4), Activation("gelu"), Linear(4, 4))), Linear(4, 2)))
    weights = {name: np.zeros(shape) for name, shape in net.parameter_shapes().items()}
    assert jacobian(net).evaluate(weights, rows(2, 3)).tolist() == np.zeros((2, 2, 3)).tolist()


def test_constant_statistics_keep_what_is_projected_away() -> None:
    """n of n eigenvalues where n − 2 are left: (1.10) errs upwards, by a factor of its own for every n."""
    net, x = Network((LayerNorm(8, eps=0.0, affine=False),)), rows(BATCH, 8)
    true, kept = (
        np.linalg.norm(jacobian(net, assume=assume).evaluate({}, x), axis=(1, 2))
        for assume in (None, CONSTANT_STATISTICS)
    )
    assert_close((true / kept) ** 2, np.full(BATCH, 6 / 8))

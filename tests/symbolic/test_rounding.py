"""Bounds and estimates of rounding against what rounding really did, known from 50 digits."""

from typing import Any

import mpmath as mp
import numpy as np
import pytest

from oracles.batches import spread, stacked
from oracles.formulas import DIGITS, answers, exactly
from oracles.samples import NETWORKS, Floats, alone, every_layer, name_of, rows, weights_of
from residua_network import DescriptionError, Layer, Network
from residua_symbolic import jacobian, predict, rounding
from residua_symbolic.domains.rounded import UNIT
from residua_symbolic.rounding import predict_block, predict_layer

TOO_WIDE = 1e4  # a bound so many times the unit roundoff says nothing any more
every = pytest.mark.parametrize("net", NETWORKS.values(), ids=NETWORKS)


def error(found: Floats, expected: Any) -> Floats:
    """|found − expected|, subtracted at 50 digits."""
    exact = np.array(expected, dtype=object).reshape(found.shape)
    lifted = np.array(exactly(found), dtype=object).reshape(found.shape)
    return np.asarray(abs(lifted - exact), dtype=np.float64)


@pytest.mark.parametrize("layer", [layer for layer in every_layer() if not layer.branch], ids=name_of)
def test_the_bound_of_a_layer_holds(layer: Layer) -> None:
    net, x = alone(layer), rows(6, 4, seed=5)
    weights = weights_of(net, seed=6)
    found = predict_layer(layer, x, {name: weights[f"0.{name}"] for name in layer.shapes})
    with mp.workdps(DIGITS):
        true_output, true_jacobian = answers(net.layers, weights, x)
        output = error(found.output, true_output)
        jacobians = error(found.jacobian, true_jacobian)
    assert (output <= found.output_error).all()
    assert (jacobians <= found.jacobian_error).all()
    for values, bound in ((found.output, found.output_error), (found.jacobian, found.jacobian_error)):
        assert bound.max() <= TOO_WIDE * UNIT["float64"] * max(1.0, float(np.abs(values).max()))


@pytest.mark.parametrize("layer", [layer for layer in every_layer() if layer.branch], ids=name_of)
def test_the_bound_of_a_block_holds(layer: Layer) -> None:
    net, x = alone(layer), rows(3, 4, seed=5)
    weights = weights_of(net, seed=6)
    branch = Network(layer.branch)
    own = {name.removeprefix("0.branch."): array for name, array in weights.items()}
    J = jacobian(branch)
    measured = J.linearised(own, x)[1], J.evaluate(own, x)
    found = predict_block(layer, x, weights, "0", measured)
    with mp.workdps(DIGITS):
        output, jacobians = answers(net.layers, weights, x)
        assert (error(found.output, output) <= found.output_error).all()
        assert (error(found.jacobian, jacobians) <= found.jacobian_error).all()
    assert found.jacobian_error.max() <= TOO_WIDE * UNIT["float64"] * float(np.abs(found.jacobian).max())


@every
def test_the_spread_is_of_the_order_of_the_real_rounding(net: Network) -> None:
    weights, x = weights_of(net, seed=7), rows(3, net.inputs)
    prediction = predict(jacobian(net), weights, x)
    with mp.workdps(DIGITS):
        real = error(prediction.values, answers(net.layers, weights, x)[1])
    assert (real <= prediction.error).all()
    assert real.max() > 0
    scale = float(np.abs(prediction.values).max())
    assert prediction.error.max() <= TOO_WIDE * UNIT["float64"] * scale


@every
def test_so_is_that_of_gradient_norms_and_singular_values(net: Network) -> None:
    weights, x = weights_of(net, seed=8), rows(3, net.inputs)
    with mp.workdps(DIGITS):
        _, jacobians = answers(net.layers, weights, x)
        ones = [[mp.norm(pulled_back.tolist())] for pulled_back in spread(jacobians).sum(axis=(0, 1))]
        matrices = [stacked(jacobians)] if jacobians.ndim == 4 else jacobians
        singular = [sorted(mp.svd_r(mp.matrix(J.tolist()), compute_uv=False), reverse=True) for J in matrices]
        norms, values = (predict(jacobian(net), weights, x, q) for q in ("gradient norms", "singular values"))
        assert (error(norms.values[:, :1], ones) <= norms.error[:, :1]).all()
        assert (error(values.values, singular) <= values.error + 64 * UNIT["float64"] * values.values.max()).all()
    assert norms.values.shape == norms.error.shape == (3, len(net.layers))


@every
def test_at_float32_it_is_larger_by_the_units(net: Network) -> None:
    weights, x = weights_of(net), rows(2, net.inputs)
    J = jacobian(net)
    fine, coarse = (rounding.spread(rounding.product(J, 2), J, weights, x, dtype) for dtype in UNIT)
    ratio = coarse.max() / fine.max() / (UNIT["float32"] / UNIT["float64"])
    assert 0.5 < ratio < 2.0


def test_the_same_every_time() -> None:
    net = NETWORKS["plain"]
    first, second = (predict(jacobian(net), weights_of(net), rows(2, 3)) for _ in range(2))
    assert np.array_equal(first.error, second.error)


@pytest.mark.parametrize("kind", ["layernorm", "batchnorm"])
def test_what_is_dropped_is_predicted_with_the_layer(kind: str) -> None:
    layer = next(layer for layer in every_layer() if layer.kind == kind and getattr(layer, "eps", 0) > 0)
    x, weights = rows(3, 4), weights_of(alone(layer))
    own = {name: weights[f"0.{name}"] for name in layer.shapes}
    kept, true = predict_layer(layer, x, own, "constant statistics"), predict_layer(layer, x, own)
    assert kept.dropped is not None
    assert true.dropped is None
    assert (np.abs(kept.jacobian + kept.dropped - true.jacobian) <= kept.jacobian_error + true.jacobian_error).all()
    assert np.abs(kept.dropped).max() > 0.01


def test_predictions_are_asked_for_by_name() -> None:
    net = NETWORKS["plain"]
    J, weights, x = jacobian(net), weights_of(net), rows(2, 3)
    with pytest.raises(DescriptionError, match="unknown quantity 'jacobain'; did you mean 'jacobian'"):
        predict(J, weights, x, "jacobain")
    with pytest.raises(DescriptionError, match="unknown dtype 'float16'"):
        predict(J, weights, x, dtype="float16")
    assert dict(predict(J, weights, x.tolist()).scope) == {
        **{"batch": 2, "layers": 4, "inputs": 3, "outputs": 2, "dtype": "float64"},
    }

"""What holds for the Jacobian of every layer of every kind, by routes that share no code."""

from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import torch

from oracles.dense import dense, letters_of
from oracles.formulas import DIGITS, answer, exactly
from oracles.samples import alone, assert_close, every_layer, name_of, rows, samples_of, weights_of
from residua_network import ACTIVATIONS, Layer, Network, kinds
from residua_numeric import build
from residua_numeric.weights import put
from residua_symbolic import derive_layer, jacobian
from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.domains.tangents import i, j
from residua_symbolic.evaluate import evaluate
from residua_symbolic.factors import derivation_of, operator_of
from residua_symbolic.layer import CONSTANT_STATISTICS
from residua_symbolic.layers import apply
from residua_symbolic.linearised import identity_rows, layer_values, linearise
from residua_symbolic.symbols import CONSTANTS

LAYERS = every_layer()
every = pytest.mark.parametrize("layer", LAYERS, ids=name_of)
BATCH = 3


def torch_jacobian(net: Network, weights: Any, x: Any) -> tuple[Any, Any]:
    """Output and Jacobian of the torch twin, by torch.func alone."""
    model = build(net).eval()
    put(model, {name: torch.from_numpy(array) for name, array in weights.items()})
    points = torch.from_numpy(x)
    with torch.no_grad():
        jacobians = torch.func.vmap(torch.func.jacrev(lambda row: model(row[None])[0]))(points)
        return model(points).numpy(), jacobians.numpy()


def test_no_kind_is_left_out() -> None:
    assert {layer.kind for layer in LAYERS} == set(kinds())
    assert {layer.name for layer in LAYERS if layer.kind == "activation"} == set(ACTIVATIONS)  # type: ignore[attr-defined]


@pytest.mark.parametrize("assume", [None, CONSTANT_STATISTICS])
@pytest.mark.parametrize("kind", kinds())
def test_the_derivation_proves_itself(kind: str, assume: str | None) -> None:
    for function in ("phi", *ACTIVATIONS) if kind == "activation" else ("phi",):
        derivation = derive_layer(kind, assume, function)
        proved = [step.name for step in derivation.steps if step.proofs]
        assert {"components", "matrix form"} <= set(proved)
        derivation.check()


@every
def test_torch_agrees(layer: Layer) -> None:
    net, x = alone(layer), rows(BATCH, 4)
    weights = weights_of(net)
    y, expected = torch_jacobian(net, weights, x)
    J = jacobian(net)
    assert_close(J.evaluate(weights, x), expected)
    assert_close(J.linearised(weights, x)[1], y)


@every
def test_a_formula_by_hand_at_50_digits_agrees(layer: Layer) -> None:
    net, x = alone(layer), rows(BATCH, 4, seed=2)
    weights = weights_of(net, seed=3)
    with mp.workdps(DIGITS):
        answers = [answer(net.layers, exactly(row), {k: exactly(w) for k, w in weights.items()}) for row in x]
        y, expected = (np.array([a[part] for a in answers]).astype(np.float64) for part in (0, 1))
    J = jacobian(net)
    assert_close(J.evaluate(weights, x), expected)
    assert_close(J.linearised(weights, x)[1], y)


@every
def test_the_matrix_form_multiplied_out_agrees(layer: Layer) -> None:
    net, x = alone(layer), rows(BATCH, 4, seed=4)
    weights = weights_of(net, seed=5)
    J = jacobian(net)
    for formula in (J.formula, J.unfold(), J.factors[0].formula):
        expected = np.array([dense(formula, letters_of(net.layers, row, weights)[1]) for row in x])
        assert_close(J.evaluate(weights, x), expected)


@every
def test_structured_products_are_the_index_form(layer: Layer) -> None:
    net, x = alone(layer), rows(BATCH, 4, seed=6)
    weights = weights_of(net, seed=7)
    o = FloatDomain()
    if layer.branch:
        y, inner = linearise(layer.branch, x, weights, prefix="0.branch.")
        matrices = np.swapaxes(inner.apply(identity_rows(BATCH, 4)), 1, 2)
        values = {"J_F": matrices, CONSTANTS["scale"].name: layer.scale, "n": 4, "x": x}  # type: ignore[attr-defined]
        apply(o, layer, x, {}, branch=lambda _: y)
    else:
        _, values = layer_values(o, layer, x, {name: weights[f"0.{name}"] for name in layer.shapes})
    components = operator_of(layer, derivation_of(layer, None).operator).components
    expected = np.broadcast_to(
        evaluate(components, values, (i, j), float, o.function), (BATCH, net.outputs, net.inputs)
    )
    chain, _ = jacobian(net).linearised(weights, x)
    assert_close(np.swapaxes(chain.apply(identity_rows(BATCH, 4)), 1, 2), expected)
    assert_close(chain.transpose(identity_rows(BATCH, net.outputs)), expected)


@every
def test_adjoint(layer: Layer) -> None:
    """⟨u, J v⟩ = ⟨Jᵀ u, v⟩."""
    net, x = alone(layer), rows(BATCH, 4, seed=8)
    chain, _ = jacobian(net).linearised(weights_of(net, seed=9), x)
    rng = np.random.default_rng(10)
    v, u = rng.normal(size=(BATCH, 2, 4)), rng.normal(size=(BATCH, 2, net.outputs))
    assert_close((u * chain.apply(v)).sum(axis=-1), (chain.transpose(u) * v).sum(axis=-1))


@every
def test_what_an_assumption_drops_is_the_difference(layer: Layer) -> None:
    net, x = alone(layer), rows(BATCH, 4, seed=11)
    weights = weights_of(net, seed=12)
    kept = jacobian(net, assume=CONSTANT_STATISTICS)
    assert kept.dropped is not None
    total = kept.evaluate(weights, x) + kept.dropped.evaluate(weights, x)
    assert_close(total, jacobian(net).evaluate(weights, x))


@pytest.mark.parametrize(
    "wrong", [lambda a: a + 1e-9, lambda a: a.astype(np.float32), lambda a: a[None], lambda a: a * np.nan]
)
def test_the_comparison_can_fail(wrong: Any) -> None:
    matrix = rows(3, 3)
    assert_close(matrix, matrix.copy())
    with pytest.raises(AssertionError):
        assert_close(wrong(matrix), matrix)


def test_the_samples_name_a_field_they_do_not_know() -> None:
    @dataclass(frozen=True, repr=False)
    class Convolution(Layer):
        stride: int

    with pytest.raises(AssertionError, match="'stride'"):
        samples_of(Convolution)

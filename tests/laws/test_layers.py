"""What holds for the Jacobian of every layer of every kind, by routes that share no code."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from oracles.batches import apart, spread
from oracles.dense import letters_of, multiplied_out
from oracles.formulas import answers
from oracles.samples import alone, assert_close, every_layer, name_of, rows, samples_of, weights_of
from residua_network import ACTIVATIONS, Layer, Network, kinds
from residua_numeric import build
from residua_numeric.weights import put
from residua_symbolic import derive_layer, jacobian
from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.domains.tangents import FEATURE, b, c, i, j
from residua_symbolic.evaluate import evaluate
from residua_symbolic.factors import derivation_of, operator_of
from residua_symbolic.layer import CONSTANT_STATISTICS, variants
from residua_symbolic.linearised import layer_values, linearise
from residua_symbolic.symbols import CONSTANTS

LAYERS = every_layer()
every = pytest.mark.parametrize("layer", LAYERS, ids=name_of)
BATCH = 3


def torch_jacobian(net: Network, weights: Any, x: Any) -> tuple[Any, Any]:
    """Output and Jacobian of the torch twin by torch.func alone, on the whole batch also where rows should be apart."""
    model = build(net).eval()
    put(model, {name: torch.from_numpy(array) for name, array in weights.items()})
    points = torch.from_numpy(x)
    with torch.no_grad():
        whole = torch.func.jacrev(model)(points).numpy()
        return model(points).numpy(), whole if net.couples_rows else apart(whole)


def unit_vectors(rows: int, features: int) -> Any:
    """Those of the stacked batch, as a chain takes them: (rows, vectors, features)."""
    return np.eye(rows * features).reshape(-1, rows, features).swapaxes(0, 1)


def from_products(applied: Any) -> Any:
    """J[b, i, c, j] from J applied to the unit vectors (c, j)."""
    rows, _, outputs = applied.shape
    return applied.reshape(rows, rows, -1, outputs).transpose(0, 3, 1, 2)


def test_no_kind_is_left_out() -> None:
    assert {layer.kind for layer in LAYERS} == set(kinds())
    assert {layer.name for layer in LAYERS if layer.kind == "activation"} == set(ACTIVATIONS)  # type: ignore[attr-defined]


@pytest.mark.parametrize("assume", [None, CONSTANT_STATISTICS])
@pytest.mark.parametrize("kind", kinds())
def test_the_derivation_proves_itself(kind: str, assume: str | None) -> None:
    for variant in variants(kind):
        derivation = derive_layer(kind, assume, variant)
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
    y, expected = (part.astype(np.float64) for part in answers(net.layers, weights, x))
    J = jacobian(net)
    assert_close(J.evaluate(weights, x), expected)
    assert_close(J.linearised(weights, x)[1], y)


@every
def test_the_matrix_form_multiplied_out_agrees(layer: Layer) -> None:
    net, x = alone(layer), rows(BATCH, 4, seed=4)
    weights = weights_of(net, seed=5)
    J, (_, letters) = jacobian(net), letters_of(net.layers, x, weights)
    for formula in (J.formula, J.unfold(), J.factors[0].formula):
        assert_close(J.evaluate(weights, x), multiplied_out(formula, letters))


@every
def test_structured_products_are_the_index_form(layer: Layer) -> None:
    net, x = alone(layer), rows(BATCH, 4, seed=6)
    weights = weights_of(net, seed=7)
    chain, _ = jacobian(net).linearised(weights, x)
    expected = of_the_index_form(layer, weights, x)
    assert_close(from_products(chain.apply(unit_vectors(BATCH, 4))), expected)
    transposed = from_products(chain.transpose(unit_vectors(BATCH, net.outputs)))
    assert_close(transposed.transpose(2, 3, 0, 1), expected)


def of_the_index_form(layer: Layer, weights: Any, x: Any) -> Any:
    """J[b, i, c, j], the printed components evaluated over the values of the forward pass."""
    operator, values = operator_of(layer, derivation_of(layer, None).operator), values_of(layer, weights, x)
    marks = (i, j) if operator.axis is FEATURE else (b, i, c, j)
    found = np.asarray(evaluate(operator.components, values, marks, FloatDomain()), dtype=np.float64)
    if operator.axis is FEATURE and not layer.branch:
        return spread(np.broadcast_to(found, (BATCH, layer.gives or 4, 4)))
    return found.reshape(BATCH, 4, BATCH, 4)


def values_of(layer: Layer, weights: Any, x: Any) -> Any:
    """What formulas of the layer name; those of a composite, on one row that holds the whole batch."""
    if not layer.branch:
        return layer_values(FloatDomain(), layer, x, {name: weights[f"0.{name}"] for name in layer.shapes})[1]
    _, inner = linearise(layer.branch, x, weights, prefix="0.branch.")
    matrix = from_products(inner.apply(unit_vectors(*x.shape))).reshape(x.size, x.size)
    return {"J_F": matrix, CONSTANTS["scale"].name: layer.scale, "n": x.size}  # type: ignore[attr-defined]


@every
def test_adjoint(layer: Layer) -> None:
    """⟨u, J v⟩ = ⟨Jᵀ u, v⟩, for every row by itself where rows are apart."""
    net, x = alone(layer), rows(BATCH, 4, seed=8)
    chain, _ = jacobian(net).linearised(weights_of(net, seed=9), x)
    rng = np.random.default_rng(10)
    v, u = rng.normal(size=(BATCH, 2, 4)), rng.normal(size=(BATCH, 2, net.outputs))
    axes = (0, 2) if layer.couples_rows else (2,)
    assert_close((u * chain.apply(v)).sum(axis=axes), (chain.transpose(u) * v).sum(axis=axes))


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

import tracemalloc
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from oracles.batches import spread
from oracles.dense import letters_of, multiplied_out
from oracles.samples import BRANCH, NETWORKS, Floats, assert_close, rows, weights_of
from residua_network import (
    Activation,
    Layer,
    LayerNorm,
    Linear,
    Network,
    ResiduaError,
    Residual,
    RMSNorm,
    ShapeError,
    WeightsError,
)
from residua_symbolic import jacobian
from residua_symbolic.layer import CONSTANT_STATISTICS
from residua_symbolic.linearised import row_norms

NESTED = NETWORKS["nested"]
every = pytest.mark.parametrize("net", NETWORKS.values(), ids=NETWORKS)


# ---- constant statistics ----


@every
def test_kept_and_dropped_are_the_whole(net: Network) -> None:
    """J_true = J_const + dropped, and the telescoped formula, multiplied out, is what is evaluated."""
    weights, x = weights_of(net, seed=1), rows(3, net.inputs)
    kept = jacobian(net, assume=CONSTANT_STATISTICS)
    assert kept.dropped is not None
    lost = kept.dropped.evaluate(weights, x)
    true = jacobian(net).evaluate(weights, x)
    share = np.abs(lost).max() / np.abs(true).max()
    assert share == 0 if net is NETWORKS["running statistics"] else share > 0.01
    assert_close(kept.evaluate(weights, x) + lost, true)
    _, letters = letters_of(net.layers, x, weights)
    assert_close(lost, multiplied_out(kept.dropped.formula, letters), float(np.abs(true).max()))


def test_dropped_from_the_middle() -> None:
    weights, x = weights_of(NESTED), rows(2, 3)
    kept = jacobian(NESTED, start=1, stop=5, assume=CONSTANT_STATISTICS)
    assert kept.dropped is not None
    true = jacobian(NESTED, start=1, stop=5).evaluate(weights, x)
    assert_close(kept.evaluate(weights, x) + kept.dropped.evaluate(weights, x), true)
    _, letters = letters_of(NESTED.layers, x, weights)
    assert_close(kept.dropped.evaluate(weights, x), multiplied_out(kept.dropped.formula, letters))


def test_dropped_by_layer() -> None:
    kept = jacobian(NESTED, assume=CONSTANT_STATISTICS)
    assert kept.dropped is not None
    assert list(kept.dropped.layers) == ["5", "3", "2", "1"]
    assert_are_the_differences(kept.dropped.layers, NESTED)


def test_dropped_by_layer_where_rows_are_coupled() -> None:
    net = NETWORKS["batch statistics in branches"]
    kept = jacobian(net, assume=CONSTANT_STATISTICS)
    assert kept.dropped is not None
    assert list(kept.dropped.layers) == ["3", "2", "1"]
    assert_are_the_differences(kept.dropped.layers, net)


def assert_are_the_differences(dropped: Mapping[str, Any], net: Network) -> None:
    """Of the true and the approximate Jacobian of every layer alone, on the stacked batch or on one row."""
    weights, x = weights_of(net), rows(3, 3)
    _, letters = letters_of(net.layers, x, weights)
    for name, formula in dropped.items():
        true, constant = (
            jacobian(net, int(name), int(name), assume).evaluate(weights, x) for assume in (None, CONSTANT_STATISTICS)
        )
        found = multiplied_out(formula, letters)
        assert_close(found, spread(true - constant) if found.ndim == 4 else true - constant)


def test_nothing_is_dropped_where_nothing_is_assumed() -> None:
    assert jacobian(NESTED).dropped is None
    plain = jacobian(Network((Linear(3, 2), Activation("sin"))), assume=CONSTANT_STATISTICS)
    assert plain.dropped is not None
    assert plain.dropped.layers == {}
    assert plain.dropped.formula.shape == (2, 3)
    assert plain.dropped.evaluate(weights_of(plain.network), rows(4, 3)).tolist() == np.zeros((4, 2, 3)).tolist()
    assert_close(multiplied_out(plain.dropped.formula, [{}]), np.zeros((1, 2, 3)))


def test_the_dropped_term_prints() -> None:
    kept = jacobian(Network((LayerNorm(4), Linear(4, 2))), assume=CONSTANT_STATISTICS)
    assert kept.dropped is not None
    text = kept.dropped.latex()
    assert text.startswith(r"-\frac{1}{4 \, s_{0}} \, W_{1} \, ")
    assert r"\hat{x}_{0} \, \hat{x}_{0}^{T}" in text
    assert kept.dropped._repr_latex_() == f"$\\displaystyle {text}$"


def test_the_result_prints() -> None:
    J = jacobian(Network((Linear(2, 3), Activation("tanh"))))
    assert J.latex() == r"J = \mathrm{diag}\!\left(1 - \tanh^{2}{\left(x_{1} \right)}\right) \, W_{0}"
    assert J._repr_latex_() == f"$\\displaystyle {J.latex()}$"
    assert "layers 0 to 1" in J.title


# ---- gradient norms ----


@every
@pytest.mark.parametrize("assume", [None, CONSTANT_STATISTICS])
def test_gradient_norms_are_those_of_explicit_products(net: Network, assume: str | None) -> None:
    weights, x = weights_of(net, seed=2), rows(3, net.inputs)
    u = np.random.default_rng(3).normal(size=(3, net.outputs))
    expected = []
    for start in range(len(net.layers)):
        J = spread(jacobian(net, start=start, assume=assume).evaluate(weights, x))
        expected.append(np.linalg.norm(np.einsum("bi,bicj->cj", u, J), axis=1))
    assert_close(jacobian(net, assume=assume).gradient_norms(weights, x, u), np.stack(expected, axis=1))


def test_gradient_norms_of_a_part() -> None:
    weights, x = weights_of(NESTED), rows(2, 3)
    u = np.random.default_rng(4).normal(size=(2, 4))
    found = jacobian(NESTED, start=2, stop=4).gradient_norms(weights, x, u)
    assert found.shape == (2, 3)
    J = jacobian(NESTED, start=3, stop=4).evaluate(weights, x)
    assert_close(found[:, 1], np.linalg.norm(np.einsum("bi,bij->bj", u, J), axis=1))


@pytest.mark.parametrize("gain", [1e-80, 1e80])
def test_norms_far_from_one_are_neither_zero_nor_infinite(gain: float) -> None:
    net = Network((Linear(2, 2, bias=False),) * 3)
    weights = {name: gain * np.array([[3.0, 0.0], [0.0, 4.0]]) for name in net.parameter_shapes()}
    found = jacobian(net).gradient_norms(weights, np.ones((1, 2)), np.array([[1.0, 0.0]]))
    assert_close(found / gain ** np.array([3.0, 2.0, 1.0]), np.array([[27.0, 9.0, 3.0]]))


def test_row_norms() -> None:
    v = np.array([[3e200, 4e200], [3e-200, 4e-200], [0.0, 0.0], [np.inf, 1.0], [np.nan, 1.0]])
    found = row_norms(v)
    assert_close(found[:3] / [1e200, 1e-200, 1.0], np.array([5.0, 5.0, 0.0]))
    assert not np.isfinite(found[3:]).any()


# ---- what is asked for ----


@pytest.mark.parametrize("position", [-1, 7, 1.0, True, "0", (0,)])
@pytest.mark.parametrize("name", ["start", "stop"])
def test_positions_are_checked(name: str, position: Any) -> None:
    with pytest.raises(ResiduaError, match=rf"jacobian: {name} must be a layer from 0 to 6, got "):
        jacobian(NESTED, **{name: position})


def test_start_comes_first() -> None:
    with pytest.raises(ResiduaError, match="start=3 comes after stop=2"):
        jacobian(NESTED, start=3, stop=2)


def test_one_layer_is_enough() -> None:
    assert jacobian(NESTED, start=4, stop=4).formula.shape == (4, 4)
    assert [factor.name for factor in jacobian(NESTED, 4, 4).factors] == ["4"]
    assert jacobian(NESTED, 4, 4).layers == (Activation("softplus"),)


@pytest.mark.parametrize("net", [None, (Linear(2, 2),), Linear(2, 2), "layernorm"])
def test_it_must_be_a_network(net: Any) -> None:
    with pytest.raises(ResiduaError, match=r"jacobian expects a Network, got .*; describe\(model\) makes one"):
        jacobian(net)


def test_the_assumption_is_checked() -> None:
    with pytest.raises(ResiduaError, match="did you mean 'constant statistics'"):
        jacobian(NESTED, assume="constant statistic")


def test_assumptions_and_kinds_are_gathered() -> None:
    J = jacobian(NESTED, assume=CONSTANT_STATISTICS)
    assert {step.name.split()[0] for step in J.steps[:-1]} == {
        *("linear", "residual", "layernorm", "rmsnorm", "activation", "dropout"),
    }
    assert any("(1.10)" in text for text in J.assumptions)
    assert any("evaluation mode" in text for text in J.assumptions)
    assert len(set(J.assumptions)) == len(J.assumptions)
    assert not jacobian(NESTED, 0, 0).assumptions


# ---- weights, x, cotangent ----


def changed(weights: Mapping[str, Floats], name: str, value: Any) -> dict[str, Any]:
    return {**weights, name: value}


def test_weights_are_checked() -> None:
    J, x = jacobian(NESTED), rows(2, 3)
    good = weights_of(NESTED)
    missing = {name: array for name, array in good.items() if name != "0.weight"}
    cases: list[tuple[Any, str]] = [
        (missing, r'weights: "0\.weight" of shape \(4, 3\) is missing$'),
        ({}, r'weights: "0\.weight" of shape \(4, 3\) is missing \(and \d+ more\)$'),
        (changed(good, "0.bias", np.ones(4)), r'the network has no "0\.bias"; it has 0\.weight, '),
        (changed(good, "0.weight", good["0.weight"].T), r'\["0\.weight"\] expects the shape \(4, 3\), got \(3, 4\)'),
        (changed(good, "0.weight", good["0.weight"].astype(np.float32)), "expects dtype float64, got float32"),
        (changed(good, "0.weight", good["0.weight"].tolist()), "expects a numpy array, got list"),
        (changed(good, "0.weight", np.ones((4, 3), dtype=int)), "expects dtype float64, got int64"),
        (changed(good, "6.bias", np.array([1.0, np.nan])), r'\["6\.bias"\] expects finite values, got nan at \(1,\)'),
        (changed(good, "6.bias", np.array([np.inf, 1.0])), r"got inf at \(0,\)"),
        (None, "weights: expected a mapping from names to arrays, got NoneType"),
        (list(good.items()), "expected a mapping"),
    ]
    for weights, message in cases:
        with pytest.raises(WeightsError, match=message):
            J.evaluate(weights, x)
        with pytest.raises(WeightsError, match=message):
            J.gradient_norms(weights, x, np.ones((2, 2)))
    assert issubclass(WeightsError, ShapeError)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones(3), r"x expects the shape \(batch, 3\) with at least one row, got \(3,\)"),
        (np.ones((2, 4)), r"got \(2, 4\)"),
        (np.ones((0, 3)), r"at least one row, got \(0, 3\)"),
        (np.ones((1, 1, 3)), r"got \(1, 1, 3\)"),
        (np.ones((2, 3), dtype=np.float32), "x expects dtype float64, got float32"),
        (np.ones((2, 3), dtype=int), "x expects dtype float64, got int64"),
        (np.full((2, 3), np.nan), r"x expects finite values, got nan at \(0, 0\)"),
        ([["a", "b", "c"]], "x expects dtype float64"),
        ([[1.0, 2.0, 3.0], [1.0]], "rows of unequal lengths"),
        (None, "x expects the shape"),
    ],
)
def test_x_is_checked(x: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        jacobian(NESTED).evaluate(weights_of(NESTED), x)


@pytest.mark.parametrize(
    ("cotangent", "message"),
    [
        (np.ones((2, 3)), r"cotangent expects the shape \(batch, 2\)"),
        (np.ones(2), r"cotangent expects the shape \(batch, 2\)"),
        (np.ones((3, 2)), "cotangent expects 2 rows, one for each row of x, got 3"),
        (np.ones((1, 2)), "cotangent expects 2 rows"),
        (np.full((2, 2), np.inf), "cotangent expects finite values"),
        (np.ones((2, 2), dtype=np.float32), "cotangent expects dtype float64"),
    ],
)
def test_the_cotangent_is_checked(cotangent: Any, message: str) -> None:
    with pytest.raises(ResiduaError, match=message):
        jacobian(NESTED).gradient_norms(weights_of(NESTED), rows(2, 3), cotangent)


def test_inputs_are_not_changed() -> None:
    weights, x = weights_of(NESTED), rows(2, 3)
    kept = {name: array.copy() for name, array in weights.items()}, x.copy()
    first = jacobian(NESTED).evaluate(weights, x)
    assert np.array_equal(jacobian(NESTED).evaluate(weights, x), first)
    assert np.array_equal(x, kept[1])
    assert all(np.array_equal(weights[name], kept[0][name]) for name in weights)


def test_overflow_shows() -> None:
    net = Network((Linear(2, 2), *[Activation("cube")] * 8))
    found = jacobian(net).evaluate(weights_of(net), np.full((1, 2), 50.0))
    assert not np.isfinite(found).all()


# ---- structure ----


@pytest.mark.parametrize("one", ["output", "input"])
def test_nothing_dense_is_made_of_what_has_structure(one: str) -> None:
    """20,000 features: a dense matrix would take 3.2 GB."""
    n = 20_000
    middle: tuple[Layer, ...] = (
        LayerNorm(n),
        Activation("gelu"),
        Residual((RMSNorm(n), Activation("tanh"), Residual((LayerNorm(n, affine=False),), scale=0.5))),
    )
    net = Network((*middle, Linear(n, 1)) if one == "output" else (Linear(1, n), *middle))
    weights, x = weights_of(net), rows(1, net.inputs)
    jacobian(Network((Linear(2, 2),))).evaluate({"0.weight": np.eye(2), "0.bias": np.ones(2)}, np.ones((1, 2)))
    kept = jacobian(net, assume=CONSTANT_STATISTICS)
    true = jacobian(net)
    dropped = kept.dropped
    assert dropped is not None
    tracemalloc.start()
    try:
        found = true.evaluate(weights, x)
        kept.evaluate(weights, x)
        true.gradient_norms(weights, x, np.ones((1, net.outputs)))
        if one == "input":
            dropped.evaluate(weights, x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.shape == (1, net.outputs, net.inputs)
    assert peak < 200 * n * 8 < n * n * 8 / 50


def test_the_memory_test_sees_a_dense_matrix() -> None:
    n = 2000
    tracemalloc.start()
    try:
        np.eye(n)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak >= n * n * 8


def test_depth_costs_no_recursion() -> None:
    block = Residual(BRANCH)
    net = Network((block,) * 1200)
    found = jacobian(net).evaluate({k: 0.01 * w for k, w in weights_of(net).items()}, rows(1, 4))
    assert np.isfinite(found).all()

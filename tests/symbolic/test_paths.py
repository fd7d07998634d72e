"""The expansion of a residual product into its paths, enumerated and grouped by length."""

from itertools import combinations
from math import comb

import numpy as np
import pytest
import sympy as sp

from oracles.batches import spread
from oracles.dense import letters_of, multiplied_out
from oracles.samples import Floats, assert_close, rows, weights_of
from residua_network import Activation, BatchNorm, LayerNorm, Linear, Network, ResiduaError, Residual, ShapeError
from residua_symbolic import jacobian, predict
from residua_symbolic.factors import T
from residua_symbolic.paths import MOST_ENUMERATED, Paths

BLOCK = Residual((LayerNorm(4), Activation("tanh"), Linear(4, 4)), scale=0.5)
NESTED = Residual((Linear(4, 4), Residual((Activation("sin"),))))
COUPLED = Residual((BatchNorm(4), Linear(4, 4)), scale=-0.7)
NETWORKS = {
    "blocks alone": Network((BLOCK, BLOCK, BLOCK)),
    "between layers": Network((Linear(3, 4), BLOCK, Activation("tanh"), NESTED, Linear(4, 2))),
    "coupled": Network((Linear(3, 4), COUPLED, BLOCK, COUPLED, Linear(4, 2))),
    "none": Network((Linear(3, 4), Activation("tanh"))),
}
BATCH = 3
every = pytest.mark.parametrize("net", NETWORKS.values(), ids=NETWORKS)


def of(net: Network) -> tuple[Paths, dict[str, Floats], Floats]:
    return jacobian(net).paths(), weights_of(net, seed=1), rows(BATCH, net.inputs)


@every
def test_the_paths_of_all_lengths_add_up_to_the_jacobian(net: Network) -> None:
    paths, weights, x = of(net)
    by_length = paths.evaluate(weights, x)
    assert len(by_length) == len(paths.counts) == len(paths.blocks) + 1
    assert_close(by_length.sum(axis=0), jacobian(net).evaluate(weights, x))


@every
def test_the_enumerated_paths_are_those_of_each_length(net: Network) -> None:
    paths, weights, x = of(net)
    by_length = paths.evaluate(weights, x)
    found = list(paths.enumerate(weights, x))
    L = len(paths.blocks)
    assert sorted(taken for taken, _ in found) == sorted(
        taken for length in range(L + 1) for taken in combinations(paths.blocks, length)
    )
    for length in range(L + 1):
        of_this = [matrix for taken, matrix in found if len(taken) == length]
        assert len(of_this) == comb(L, length) == paths.counts[length]
        assert_close(np.sum(of_this, axis=0), by_length[length])


@every
def test_the_formula_of_every_path_multiplied_out_is_its_matrix(net: Network) -> None:
    paths, weights, x = of(net)
    letters = letters_of(net.layers, x, weights)[1]
    for taken, matrix in paths.enumerate(weights, x):
        dense = multiplied_out(paths.formulas[taken], letters)
        assert_close(matrix if matrix.ndim == 4 else spread(matrix), dense if dense.ndim == 4 else spread(dense))


@every
def test_the_generating_function_at_one_is_the_jacobian(net: Network) -> None:
    paths, weights, x = of(net)
    letters = letters_of(net.layers, x, weights)[1]
    at_one = multiplied_out(paths.formula.xreplace({T: sp.Integer(1)}), letters)
    assert_close(at_one, jacobian(net).evaluate(weights, x))


def test_equal_blocks_stay_one_product() -> None:
    formula = jacobian(Network((BLOCK,) * 40)).paths().latex()
    assert formula.startswith(r"\prod_{l=39}^{0}")
    assert formula.count("W") == 1


@every
def test_gradients_are_the_pulled_back_cotangent(net: Network) -> None:
    paths, weights, x = of(net)
    u = rows(BATCH, net.outputs, seed=4)
    found, whole = paths.gradients(weights, x, u), paths.evaluate(weights, x)
    for length, matrix in enumerate(whole):
        expected = np.einsum("bi,bicj->cj" if matrix.ndim == 4 else "bi,bij->bj", u, matrix)
        assert_close(found[:, length], expected)
    prediction = predict(jacobian(net), weights, x, "path gradients", u)
    assert_close(prediction.values, found)
    assert (prediction.error <= 1e-10).all()
    assert (prediction.error >= 0).all()


def test_many_blocks_are_grouped_without_enumerating() -> None:
    net = Network((BLOCK,) * 64)
    paths, weights, x = of(net)
    assert sum(paths.counts) == 2**64
    assert_close(paths.evaluate(weights, x).sum(axis=0), jacobian(net).evaluate(weights, x), scale=1e3)
    for ask in (lambda: next(paths.enumerate(weights, x)), lambda: paths.formulas):
        with pytest.raises(ResiduaError, match=f"at most {MOST_ENUMERATED} residual blocks"):
            ask()


def test_twelve_blocks_are_enumerated() -> None:
    net = Network((Residual((Linear(2, 2),), scale=0.5),) * MOST_ENUMERATED)
    paths, weights, x = of(net)
    total = sum(matrix for _, matrix in paths.enumerate(weights, x))
    assert_close(np.asarray(total), jacobian(net).evaluate(weights, x))


def test_bad_cotangents_are_refused() -> None:
    paths, weights, x = of(NETWORKS["blocks alone"])
    with pytest.raises(ShapeError, match="cotangent expects 3 rows"):
        paths.gradients(weights, x, rows(2, 4))

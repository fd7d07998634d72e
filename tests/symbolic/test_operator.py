from typing import Any

import numpy as np
import pytest
import sympy as sp

from residua_network import kinds
from residua_symbolic import derive_layer
from residua_symbolic.domains.tangents import i, j, k, n
from residua_symbolic.evaluate import evaluate
from residua_symbolic.operator import read_off

SIZE = 4
RNG = np.random.default_rng(0)
VALUES: dict[str, Any] = {
    **{name: RNG.normal(size=(1, SIZE)) for name in ("x", "xhat", "v", "u")},
    **{name: RNG.normal(size=SIZE) for name in ("gamma", "beta")},
    **{name: RNG.normal(size=(SIZE, SIZE)) for name in ("W", "J_F")},
    **{"s": np.array([[1.7]]), "alpha": 0.3, "n": SIZE},
}
TOLERANCE = 64 * 2.0**-53 * SIZE  # sums of four products of numbers of order one


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind != "activation"])
def test_formulas_and_structured_products_are_the_index_form(kind: str) -> None:
    operator = derive_layer(kind).operator
    dense = np.broadcast_to(evaluate(operator.components, VALUES, (i, j)), (1, SIZE, SIZE))[0]
    v, u, at = VALUES["v"], VALUES["u"], operator.at(VALUES)
    for found, expected in (
        (evaluate(operator.apply(), VALUES, (i,)), dense @ v[0]),
        (evaluate(operator.transpose(), VALUES, (j,)), dense.T @ u[0]),
        (at.apply(v[:, None, :])[:, 0], dense @ v[0]),
        (at.transpose(u[:, None, :])[:, 0], dense.T @ u[0]),
    ):
        assert found.shape == (1, SIZE)
        assert np.abs(found[0] - expected).max() <= TOLERANCE
    assert not np.allclose(dense, dense.T) or kind == "dropout"  # else a transpose too many would not be seen


def test_what_has_no_structure_is_refused() -> None:
    x = sp.IndexedBase("x", real=True)
    with pytest.raises(ValueError, match="does not split into a product over the output and the input"):
        read_off({(None,): sp.sin(x[i] * x[j])})
    W, V = sp.IndexedBase("W", real=True), sp.IndexedBase("V", real=True)
    with pytest.raises(ValueError, match="does not split"):
        read_off({(None,): W[i, j] * V[i, j]})


def test_terms_with_the_same_right_side_are_gathered() -> None:
    x = sp.IndexedBase("x", real=True)
    operator = read_off({(i,): x[i], (None,): x[j] / n + 2 * x[i] * x[j] - x[i]})
    assert len(operator.terms) == 3
    assert sp.expand(operator.components - sp.KroneckerDelta(i, j) * x[i] - x[j] / n - 2 * x[i] * x[j] + x[i]) == 0
    assert read_off({(i,): x[i] - x[i]}).terms == ()


def test_nothing_of_rank_one_is_made_dense() -> None:
    values = {"gamma": np.ones(100_000), "xhat": np.ones((1, 100_000)), "s": np.ones((1, 1)), "n": 100_000}
    found = derive_layer("layernorm").operator.at(values).apply(np.ones((1, 1, 100_000)))
    assert np.abs(found + 1).max() <= 1e-9  # 1 − 1 − 1


def test_a_label_that_is_not_an_axis_has_no_place() -> None:
    with pytest.raises(ValueError, match=r"not in (list|tuple)|x not in tuple"):
        evaluate(sp.IndexedBase("x")[k], VALUES, (i,))

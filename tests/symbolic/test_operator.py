from typing import Any

import numpy as np
import pytest
import sympy as sp

from oracles.batches import spread
from residua_network import kinds
from residua_symbolic import derive_layer
from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.domains.tangents import BATCH, FEATURE, b, c, i, j, k, n
from residua_symbolic.evaluate import evaluate
from residua_symbolic.layer import variants
from residua_symbolic.operator import Operator, read_off

ROWS, SIZE = 3, 4
RNG = np.random.default_rng(0)
VALUES: dict[str, Any] = {
    **{name: RNG.normal(size=(ROWS, SIZE)) for name in ("x", "xhat", "v", "u")},
    **{name: RNG.normal(size=SIZE) for name in ("gamma", "beta")},
    **{name: RNG.normal(size=(SIZE, SIZE)) for name in ("W", "J_F")},
    **{"alpha": 0.3, "n": SIZE, "B": ROWS},
}
SCALES = {"batchnorm": RNG.uniform(1.0, 2.0, size=(1, SIZE))}  # of every feature; else of every row
OF_ROWS = RNG.uniform(1.0, 2.0, size=(ROWS, 1))
TOLERANCE = 64 * 2.0**-53 * SIZE  # sums of four products of numbers of order one
CASES = [(kind, variant) for kind in kinds() if kind != "activation" for variant in variants(kind)]


def index_form(operator: Operator, values: Any) -> Any:
    """J[b, i, c, j]."""
    marks = (*operator.output, j) if operator.axis is FEATURE else (*operator.output, c, j)
    found = np.asarray(evaluate(operator.components, values, marks, FloatDomain()))
    if operator.axis is BATCH:
        return found.reshape(ROWS, SIZE, ROWS, SIZE)
    return spread(np.broadcast_to(found, (ROWS, SIZE, SIZE)))


@pytest.mark.parametrize(("kind", "variant"), CASES)
def test_formulas_and_structured_products_are_the_index_form(kind: str, variant: str) -> None:
    operator, domain = derive_layer(kind, None, variant).operator, FloatDomain()
    values = {**VALUES, "s": SCALES.get(kind, OF_ROWS)}
    J, v, u, at = index_form(operator, values), VALUES["v"], VALUES["u"], operator.at(values, domain)
    forward, backward = np.einsum("bicj,cj->bi", J, v), np.einsum("bicj,bi->cj", J, u)
    pulled_to = (j,) if operator.axis is FEATURE else operator.input
    for found, expected in (
        (evaluate(operator.apply(), values, operator.output, domain), forward),
        (evaluate(operator.transpose(), values, pulled_to, domain), backward),
        (at.apply(v[:, None, :]), forward),
        (at.transpose(u[:, None, :]), backward),
    ):
        assert np.abs(found.reshape(ROWS, SIZE) - expected).max() <= TOLERANCE
    symmetric = np.allclose(J, J.transpose(2, 3, 0, 1))  # there a transpose too many would not be seen
    assert symmetric == (kind in ("dropout", "batchnorm"))
    assert at.couples_rows == bool(J.transpose(0, 2, 1, 3)[~np.eye(ROWS, dtype=bool)].any())
    assert at.couples_rows == (variant == "batch")


def test_what_has_no_structure_is_refused() -> None:
    x = sp.IndexedBase("x", real=True)
    with pytest.raises(ValueError, match="does not split into a product over the output and the input"):
        read_off({(None,): sp.sin(x[i] * x[j])})
    W, V = sp.IndexedBase("W", real=True), sp.IndexedBase("V", real=True)
    with pytest.raises(ValueError, match="does not split"):
        read_off({(None,): W[i, j] * V[i, j]})


def test_rows_and_features_are_not_coupled_both() -> None:
    with pytest.raises(ValueError, match="rows and features are both coupled"):
        read_off({(b, None): sp.Integer(1)})
    assert read_off({(None, i): sp.Integer(1)}).axis is BATCH


def test_terms_with_the_same_right_side_are_gathered() -> None:
    x = sp.IndexedBase("x", real=True)
    operator = read_off({(i,): x[i], (None,): x[j] / n + 2 * x[i] * x[j] - x[i]})
    assert len(operator.terms) == 3
    assert sp.expand(operator.components - sp.KroneckerDelta(i, j) * x[i] - x[j] / n - 2 * x[i] * x[j] + x[i]) == 0
    assert read_off({(i,): x[i] - x[i]}).terms == ()


def test_nothing_of_rank_one_is_made_dense() -> None:
    values = {"gamma": np.ones(100_000), "xhat": np.ones((1, 100_000)), "s": np.ones((1, 1)), "n": 100_000}
    found = derive_layer("layernorm").operator.at(values, FloatDomain()).apply(np.ones((1, 1, 100_000)))
    assert np.abs(found + 1).max() <= 1e-9  # 1 − 1 − 1


def test_a_label_that_is_not_an_axis_has_no_place() -> None:
    with pytest.raises(ValueError, match=r"not in (list|tuple)|x not in tuple"):
        evaluate(sp.IndexedBase("x")[k], VALUES, (i,), FloatDomain())

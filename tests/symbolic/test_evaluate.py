from typing import Any

import numpy as np
import pytest
import sympy as sp

from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.domains.named import Named
from residua_symbolic.domains.tangents import i, j, n
from residua_symbolic.evaluate import evaluate

x, W = sp.IndexedBase("x", real=True), sp.IndexedBase("W", real=True)
s, alpha = sp.Symbol("s"), sp.Symbol("alpha")
VALUES: dict[str, Any] = {
    "x": np.array([[1.0, 2.0, 4.0], [-1.0, 0.5, 3.0]]),
    "W": np.arange(9.0).reshape(3, 3),
    "s": np.array([[2.0], [4.0]]),
    "alpha": 0.25,
    "n": 3,
}
X, M = VALUES["x"], VALUES["W"]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (x[i] * x[j], np.einsum("bi,bj->bij", X, X)),
        (x[i] / s, (X / np.array([[2.0], [4.0]]))[:, :, None]),
        (x[j] - sp.Rational(1, 4), (X - 0.25)[:, None, :]),
        (W[j, i], np.asarray(M).T),
        (W[i, j], np.asarray(M)),
        (alpha * x[i] ** 3, 0.25 * X[:, :, None] ** 3),
        (x[i] ** -2, 1 / X[:, :, None] ** 2),
        (sp.KroneckerDelta(i, j), np.eye(3)),
        (sp.Sum(W[i, sp.Symbol("t")] * x[sp.Symbol("t")], (sp.Symbol("t"), 1, n)), (X @ np.asarray(M).T)[:, :, None]),
        (sp.Sum(x[i], (sp.Symbol("t"), 1, n)), 3 * X[:, :, None]),
        (sp.sqrt(2) * x[i] / sp.sqrt(sp.pi), np.sqrt(2 / np.pi) * X[:, :, None]),
        (sp.tanh(x[i]), np.tanh(X)[:, :, None]),
        (n * x[i], 3 * X[:, :, None]),
    ],
)
def test_formulas(formula: sp.Expr, expected: object) -> None:
    found = evaluate(formula, VALUES, (i, j), FloatDomain())
    reference = np.asarray(expected)
    assert np.broadcast_shapes(found.shape, reference.shape) == reference.shape
    assert np.abs(found - reference).max() <= 8 * 2.0**-53 * np.abs(reference).max()


def test_what_has_no_value() -> None:
    with pytest.raises(TypeError, match="Named has no function 'tanh'"):
        evaluate(sp.tanh(x[i]), VALUES, (i,), Named())
    with pytest.raises(TypeError, match="no value for"):
        evaluate(sp.Derivative(x[i], sp.Symbol("s")), VALUES, (i,), FloatDomain())
    with pytest.raises(TypeError, match="only whole exponents"):
        evaluate(sp.sqrt(sp.Symbol("s")), VALUES, (), FloatDomain())
    with pytest.raises(KeyError, match="unheard"):
        evaluate(sp.Symbol("unheard"), VALUES, (), FloatDomain())


t, u, m = sp.Symbol("t", integer=True), sp.Symbol("u", integer=True), sp.Symbol("m", integer=True, positive=True)
ROW = W[i, t] * x[t]


@pytest.mark.parametrize(
    "wrong",
    [
        sp.Sum(ROW, (t, 2, n)),
        sp.Sum(ROW, (t, 0, n)),
        sp.Sum(ROW, (t, n, 1)),
        sp.Sum(ROW, (t, 1, 1)),
        sp.Sum(ROW, (t, 1, 2)),
        sp.Sum(ROW, (t, 1, m)),
        sp.Sum(ROW, (t, 1, n - 1)),
        sp.Sum(ROW, (t, 1, n + 1)),
        sp.Sum(ROW, (t, 1, sp.oo)),
        sp.Sum(x[i], (t, 2, n)),
        sp.Sum(x[i], (t, 1, n - 1)),
        sp.Sum(ROW * x[u], (t, 1, n), (u, 1, n)),
        sp.Sum(W[i, j] * x[j], (j, 1, n)),  # j is a mark
        sp.Sum(x[t] * sp.Sum(W[i, t] * x[t], (t, 1, n)), (t, 1, n)),
        sp.Sum(sp.Symbol("s") * sp.Indexed("one", t), (t, 1, n)),
    ],
    ids=str,
)
def test_a_sum_runs_over_the_whole_axis(wrong: sp.Expr) -> None:
    """From 1 to the length of what is summed over; `one` has length 1, where another size is claimed."""
    values = {**VALUES, "m": 2, "one": np.array([[1.0], [1.0]])}
    with pytest.raises(ValueError, match="evaluate: "):
        evaluate(wrong, values, (i, j), FloatDomain())


def test_a_sum_of_what_has_no_label_in_it() -> None:
    """So often as the limit says, a size or a number, and for numbers alone, too."""
    assert evaluate(sp.Sum(s, (t, 1, n)), VALUES, (), FloatDomain()) == pytest.approx(3 * VALUES["s"][..., 0])
    for upper in (n, sp.Integer(3)):
        assert evaluate(sp.Sum(7, (t, 1, upper)), VALUES, (), FloatDomain()) == 21
    nested = sp.Sum(x[t] * sp.Sum(W[t, u] * x[u], (u, 1, n)), (t, 1, n))
    assert evaluate(nested, VALUES, (), FloatDomain()) == pytest.approx(np.einsum("bi,ij,bj->b", X, M, X))

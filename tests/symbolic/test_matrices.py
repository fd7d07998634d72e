import pytest
import sympy as sp

from residua_network import kinds
from residua_symbolic import derive_layer
from residua_symbolic.domains.sums import vanishes
from residua_symbolic.domains.tangents import B, b, c, i, j, n
from residua_symbolic.layer import m, variants
from residua_symbolic.matrices import entry

A, C = sp.MatrixSymbol("A", n, n), sp.MatrixSymbol("C", n, n)
x, y = sp.MatrixSymbol("x", n, 1), sp.MatrixSymbol("y", n, 1)
a, d, u, v = (sp.IndexedBase(name, real=True) for name in "ACxy")


@pytest.mark.parametrize(("kind", "variant"), [(kind, variant) for kind in kinds() for variant in variants(kind)])
def test_there_and_back(kind: str, variant: str) -> None:
    derivation = derive_layer(kind, None, variant)
    axis, expected = derivation.operator.axis, derivation.operator.of_one_feature
    found = entry(derivation.formula, axis.label, axis.primed)
    assert vanishes(found - expected, axis)
    assert not vanishes(found - 2 * expected, axis)


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (sp.Identity(n), sp.KroneckerDelta(i, j)),
        (sp.OneMatrix(n, n), sp.Integer(1)),
        (A, a[i, j]),
        (A.T, a[j, i]),
        (x * y.T, u[i] * v[j]),
        (x * sp.OneMatrix(1, n), u[i]),
        (sp.OneMatrix(n, 1) * y.T, v[j]),
        (sp.DiagMatrix(x), sp.KroneckerDelta(i, j) * u[i]),
        (sp.DiagMatrix(x) * A, u[i] * a[i, j]),
        (A - 2 * C / n, a[i, j] - 2 * d[i, j] / n),
        (sp.DiagMatrix(sp.hadamard_product(x, y)), sp.KroneckerDelta(i, j) * u[i] * v[i]),
    ],
)
def test_entries(matrix: sp.MatrixExpr, expected: sp.Expr) -> None:
    assert sp.expand(entry(matrix, i, j) - expected) == 0


def test_the_column_of_a_feature_keeps_its_label() -> None:
    column, xhat = sp.MatrixSymbol("xhat__:i", B, 1), sp.IndexedBase("xhat", real=True)
    assert entry(column * column.T, b, c) == xhat[b, i] * xhat[c, i]
    assert entry(sp.DiagMatrix(column), b, c) == sp.KroneckerDelta(b, c) * xhat[b, i]


def test_a_product_of_matrices_is_a_sum() -> None:
    found = entry(sp.MatrixSymbol("A", m, n) * C, i, j)
    assert isinstance(found, sp.Sum)
    assert found.limits[0][1:] == (1, n)


def test_what_has_no_entries() -> None:
    with pytest.raises(TypeError, match="no entries for"):
        entry(A**-1, i, j)

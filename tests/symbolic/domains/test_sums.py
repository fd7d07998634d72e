import pytest
import sympy as sp

from residua_symbolic.domains.sums import Indexed, SumsDomain, derivative, reduced, vanishes
from residua_symbolic.domains.tangents import BATCH, B, b, c, i, j, n

x = sp.IndexedBase("x", real=True)
t = sp.Symbol("t", integer=True)
DELTA = sp.KroneckerDelta(i, j)
S = sp.Sum(x[t] ** 2, (t, 1, n))


def test_sums_are_reduced() -> None:
    assert reduced(sp.Sum(3, (t, 1, n))) == 3 * n
    assert reduced(sp.Sum(sp.KroneckerDelta(t, j) * x[t], (t, 1, n))) == x[j]
    assert sp.expand(reduced(sp.Sum(x[t] - x[i], (t, 1, n))) - sp.Sum(x[t], (t, 1, n)) + n * x[i]) == 0


@pytest.mark.parametrize(
    "zero",
    [
        derivative(S) - 2 * x[j],
        derivative(sp.sqrt(S + 1)) - x[j] / sp.sqrt(S + 1),
        DELTA * (x[i] - x[j]),
        DELTA**2 - DELTA,
        sp.sqrt(S + 1) ** 3 - (S + 1) * sp.sqrt(S + 1),
        1 / (sp.sqrt(S) + 1) - (sp.sqrt(S) - 1) / (S - 1),
    ],
)
def test_what_vanishes(zero: sp.Expr) -> None:
    assert vanishes(zero)
    for wrong in (zero + 1, zero + DELTA, zero + x[i] - x[j], zero + sp.sqrt(S), zero + S / n):
        assert not vanishes(wrong)


def test_the_domain() -> None:
    o = SumsDomain()
    mean = o.mean(Indexed(lambda at: x[at]))
    assert vanishes(derivative(mean) - 1 / n)
    constant = SumsDomain(constant_statistics=True).mean(Indexed(lambda at: x[at]))
    assert vanishes(derivative(constant))
    with pytest.raises(ValueError, match="sums over the axis 'feature' only, got 'batch'"):
        o.mean(Indexed(lambda at: x[at]), "batch")


def test_the_domain_over_the_rows_of_one_feature() -> None:
    o = SumsDomain(BATCH)
    column = Indexed(lambda at: x[at, i])
    mean = o.mean(column, "batch")
    assert vanishes(derivative(mean, BATCH) - 1 / B, BATCH)
    assert not vanishes(derivative(mean, BATCH) - 1 / (B - 1), BATCH)
    centred = (column - mean).at(b)
    rows = sp.KroneckerDelta(b, c)
    assert vanishes(derivative(centred, BATCH) - rows + 1 / B, BATCH)
    assert not vanishes(derivative(centred, BATCH) - 1 + 1 / B, BATCH)
    assert not vanishes(derivative(centred, BATCH) - rows, BATCH)
    with pytest.raises(ValueError, match="only the delta of b and c is understood"):
        vanishes(DELTA, BATCH)
    with pytest.raises(ValueError, match="sums over the axis 'batch' only, got 'feature'"):
        o.mean(column)


def test_the_root_of_an_array_is_one_of_every_entry() -> None:
    root = SumsDomain().sqrt(Indexed(lambda at: x[at] ** 2 + 1))
    assert root.at(j) == sp.sqrt(x[j] ** 2 + 1)

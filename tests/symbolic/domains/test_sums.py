import pytest
import sympy as sp

from residua_symbolic.domains.sums import Indexed, SumsDomain, derivative, reduced, vanishes
from residua_symbolic.domains.tangents import BATCH, B, b, c, i, j, n

x = sp.IndexedBase("x", real=True)
t = sp.Symbol("t", integer=True)
DELTA = sp.KroneckerDelta(i, j)
S1 = sp.Sum(x[t], (t, 1, n))
S = sp.Sum(x[t] ** 2, (t, 1, n))


def test_sums_are_reduced() -> None:
    assert reduced(sp.Sum(3, (t, 1, n))) == 3 * n
    assert reduced(sp.Sum(sp.KroneckerDelta(t, j) * x[t], (t, 1, n))) == x[j]
    assert reduced(sp.Sum(x[t] - x[i], (t, 1, n))) == sp.expand(reduced(sp.Sum(x[t], (t, 1, n))) - n * x[i])


def test_labels_of_nested_sums_stay_apart() -> None:
    """Σ_t x_t Σ_u w_tu x_u is a quadratic form, whatever the labels are called; Σ_t x_t w_tt x_t is another thing."""
    u, w = sp.Symbol("u", integer=True), sp.IndexedBase("w", real=True)
    form = reduced(sp.Sum(x[t] * sp.Sum(w[t, u] * x[u], (u, 1, n)), (t, 1, n)))
    assert form == reduced(sp.Sum(x[u] * sp.Sum(w[u, t] * x[t], (t, 1, n)), (u, 1, n)))
    assert form == reduced(form)
    assert form != reduced(sp.Sum(x[t] * sp.Sum(w[u, t] * x[u], (u, 1, n)), (t, 1, n)))
    assert form != reduced(sp.Sum(x[t] * w[t, t] * x[t], (t, 1, n)))
    assert sp.expand(reduced(sp.Sum(x[t] * sp.Sum(x[t], (t, 1, n)), (t, 1, n))) - reduced(S1) ** 2) == 0
    ((bound, _, _),) = reduced(S1).limits
    put_in = sp.Sum(sp.Sum(w[u, bound] * x[u], (u, 1, n)) ** 2, (bound, 1, n))  # what was reduced, and then put into
    assert reduced(put_in) == reduced(put_in.xreplace({bound: t}))


def test_a_free_label_is_none_of_the_bound_ones() -> None:
    assert reduced(sp.Sum(x[t] * sp.Symbol("u", integer=True), (t, 1, n))).has(sp.Symbol("u", integer=True))
    for name in ("t", "t0", "t1"):
        free = x[sp.Symbol(name, integer=True)]
        assert reduced(sp.Sum(x[i] * free, (i, 1, n))) == free * reduced(sp.Sum(x[i], (i, 1, n)))


def test_limits_are_looked_at() -> None:
    body, delta = x[t] ** 2, sp.KroneckerDelta(t, j) * x[t]
    for lower in (0, 2, n):
        with pytest.raises(ValueError, match="begin at 1"):
            reduced(sp.Sum(body, (t, lower, n)))
    with pytest.raises(ValueError, match="one label"):
        reduced(sp.Sum(body, (t, 1, n), (i, 1, n)))
    for upper in (1, n - 1, B):
        assert reduced(sp.Sum(body, (t, 1, upper))) != reduced(sp.Sum(body, (t, 1, n)))
        with pytest.raises(ValueError, match="where j runs to n"):
            reduced(sp.Sum(delta, (t, 1, upper)))
        assert reduced(sp.Sum(delta, (t, 1, upper)), {j: upper}) == x[j]
    for other in (sp.Symbol("u", integer=True), sp.Integer(2)):
        with pytest.raises(ValueError, match="runs to an unknown size"):
            reduced(sp.Sum(delta.xreplace({j: other}), (t, 1, n)))
    with pytest.raises(ValueError, match="in a sum over"):
        reduced(sp.Sum(sp.KroneckerDelta(t + 1, j) * x[t], (t, 1, n)))


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

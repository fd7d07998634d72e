import pytest
import sympy as sp

from residua_symbolic.domains.tangents import B, Fact, Named, RowsCoupledError, Tangents, atom, b, c, i, j, k, labels, n

s = sp.Symbol("s", positive=True)


def test_the_normal_form_of_a_mean() -> None:
    o = Tangents()
    x = o.input()
    assert o.differential(x - o.mean(x)) == {(i,): 1, (None,): -1 / n}


def test_a_centred_sum_is_known_to_vanish() -> None:
    o = Tangents()
    x = o.input()
    c = o.let("c", x - o.mean(x))
    assert o.sum(c) == 0
    assert any(isinstance(step, Fact) and step.value == 0 for step in o.steps)


def test_formulas_are_written_in_the_newest_names() -> None:
    o = Tangents()
    x = o.input()
    root = o.let("s", o.sqrt(o.mean(x * x)))
    xhat = o.let("xhat", x / root)
    assert root == s
    tangent = o.differential(xhat)
    hat = sp.IndexedBase("xhat", real=True)
    assert tangent == {(i,): 1 / s, (None,): -hat[i] * hat[j] / (n * s)}


def test_rows_are_coupled_by_a_mean_over_them() -> None:
    o = Tangents(rows_coupled=True)
    x = o.input()
    assert o.differential(x - o.mean(x, "batch")) == {(b, i): 1, (None, i): -1 / B}
    assert o.differential(x - o.mean(x, "feature")) == {(b, i): 1, (b, None): -1 / n}


def test_constant_statistics_move_no_mean() -> None:
    o = Tangents(constant_statistics=True)
    x = o.input()
    mean = o.mean(x)
    assert o.differential(x - mean) == {(i,): 1}
    assert [step.tangent for step in o.steps if isinstance(step, Named)] == [{}]
    other = Tangents(constant_statistics=True)
    assert other.differential(other.sum(other.input())) == {(None,): 1}  # a sum is no statistic


def test_a_name_is_given_once() -> None:
    o = Tangents()
    x = o.input()
    o.let("c", x)
    with pytest.raises(ValueError, match="uses the name 'c' twice"):
        o.let("c", 2 * x)


def test_labels_are_not_sizes() -> None:
    assert labels(atom("W", (i, j)) * n / s) == {i, j}
    assert labels(sp.Integer(1)) == set()


def test_a_contraction() -> None:
    o = Tangents(k)
    W = sp.IndexedBase("W", real=True)
    assert o.differential(o.contract(W[i, k], o.input())) == {(None,): W[i, j]}


def test_statistics_of_the_batch_are_those_of_one_feature() -> None:
    o = Tangents(rows_coupled=True)
    x = o.input()
    centred = o.let("c", x - o.mean(x, "batch"))
    root = o.let("s", o.sqrt(o.mean(centred * centred, "batch")))
    xhat = o.let("xhat", centred / root)
    hat, scale = sp.IndexedBase("xhat", real=True), sp.IndexedBase("s", positive=True)
    assert root == scale[i]
    projected = sp.expand(-(1 + hat[b, i] * hat[c, i]) / (B * scale[i]))
    assert o.differential(xhat) == {(b, i): 1 / scale[i], (None, i): projected}


def test_the_batch_is_asked_for_only_where_rows_are_coupled() -> None:
    o = Tangents()
    with pytest.raises(RowsCoupledError, match="batch"):
        o.mean(o.input(), "batch")

"""Sums of any number of terms: what their terms say of them."""

import pytest
import sympy as sp

from residua_symbolic.losses.sums import V, factorised, i, j, k, over, same_sums, term

x, y = (sp.IndexedBase(name, positive=True) for name in ("x", "y"))


def test_terms_are_collected() -> None:
    assert sp.expand(term(2 * over(x[k]) - over(x[k] * y[k]) / V) - 2 * x[k] + x[k] * y[k] / V) == 0
    assert same_sums(over(sp.log(x[k] * y[k])), over(sp.log(x[k])) + over(sp.log(y[k])))
    assert not same_sums(over(x[k] ** 2), over(x[k]))


@pytest.mark.parametrize("odd", [over(x[k]) + 1, over(x[k]) ** 2, over(x[k]) + over(x[k], V + 1), k * over(x[k])])
def test_what_is_no_sum_of_terms_is_refused(odd: sp.Expr) -> None:
    with pytest.raises(ValueError, match="over"):
        term(odd)


def test_double_sums_fall_into_products() -> None:
    found = factorised((x[i] + 3) * y[j] ** 2 - x[i] * y[i] * x[j])
    squares, both = over(y[k] ** 2), over(x[k] * y[k])
    assert sp.expand(found - over(x[k]) * squares - 3 * V * squares + both * over(x[k])) == 0
    numbers = {x: (2, 5), y: (7, 11)}
    stated = found.subs(V, 2).doit().subs({b[n + 1]: v[n] for b, v in numbers.items() for n in range(2)})
    pairs = [(a, b) for a in range(2) for b in range(2)]
    summed = sum(
        (numbers[x][a] + 3) * numbers[y][b] ** 2 - numbers[x][a] * numbers[y][a] * numbers[x][b] for a, b in pairs
    )
    assert stated == summed


def test_a_term_of_both_indices_is_refused() -> None:
    with pytest.raises(ValueError, match="part of i"):
        factorised(sp.log(x[i] + x[j]))

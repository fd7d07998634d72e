"""Recurrences and closed forms found in counts; nothing is found where nothing is to be found."""

import pytest
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.growth import CHECKS, N, combination, grouped, law_of, recurrence


def fibonacci(count: int) -> list[int]:
    found = [1, 1]
    while len(found) < count:
        found.append(found[-1] + found[-2])
    return found


def test_the_shortest_recurrence() -> None:
    assert recurrence([0, 0, 0]) == ()
    assert recurrence([3 * 5**n for n in range(9)]) == (5,)
    assert recurrence(fibonacci(20)) == (1, 1)
    assert recurrence([n**2 for n in range(10)]) == (3, -3, 1)


def test_a_closed_form_with_an_exception_at_the_start() -> None:
    values = [7, *((3 * n**2 + n) * 2**n - 5 for n in range(2, 20))]
    law = law_of(values)
    assert law is not None
    assert law.first == 2
    assert law.last == 19
    assert sp.expand(law.formula - (3 * N**2 + N) * 2**N + 5) == 0
    assert law.at(300) == (3 * 300**2 + 300) * 2**300 - 5
    with pytest.raises(ResiduaError, match="from n = 2 on"):
        law.at(1)


def test_irrational_roots_leave_the_recurrence() -> None:
    law = law_of(fibonacci(30))
    assert law is not None
    assert law.formula is None
    assert law.at(60) == fibonacci(60)[-1]


def test_too_few_values_are_no_law() -> None:
    assert law_of([n**2 for n in range(1, 6 + CHECKS)]) is None
    assert law_of([n**2 for n in range(1, 7 + CHECKS)]) is not None


@pytest.mark.parametrize("at", [0, 5, 19])
def test_one_wrong_value_is_noticed(at: int) -> None:
    values = [n**2 * 2**n for n in range(1, 21)]
    values[at] += 1
    law = law_of(values)
    assert law is None or law.first > at + 1  # an exception before the law begins


def test_squares_of_primes_obey_nothing() -> None:
    assert law_of([int(sp.prime(k)) ** 2 for k in range(1, 60)]) is None


def test_combinations_in_two_sizes() -> None:
    a, b = sp.symbols("a b", integer=True)
    terms = [sp.Integer(1), a, b, a * b, 2**a]
    points = {(i, j): 3 * i * j - 2 * j + 7 * 2**i for i in range(1, 6) for j in range(1, 5)}
    assert sp.expand(combination(terms, points, (a, b)) - (3 * a * b - 2 * b + 7 * 2**a)) == 0
    points[3, 3] += 1
    assert combination(terms, points, (a, b)) is None
    assert combination(terms, {(1, 1): 1, (2, 2): 4}, (a, b)) is None


def test_formulas_are_grouped_by_their_powers() -> None:
    formula = 5 * 2**N * N**2 / 8 + 5 * 2**N * N / 8 - 9 * 2**N / 4 + 2
    top, bottom = grouped(formula, N)
    assert (str(top), bottom) == ("2**n*(5*n**2 + 5*n - 18) + 16", 8)
    assert sp.expand(top / bottom - formula) == 0
    assert grouped(7 * N - 9, N) == (7 * N - 9, 1)

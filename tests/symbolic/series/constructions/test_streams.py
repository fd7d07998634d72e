from collections.abc import Callable
from fractions import Fraction
from math import factorial
from typing import Any

import flint
import pytest

from residua_symbolic.series.constructions.streams import (
    Stream,
    composed,
    first_corrected,
    inverse,
    literal,
    matched,
    monomial,
    reverted,
    taylor,
)

EXP = [flint.fmpq(1, factorial(k)) for k in range(13)]
SIN = [flint.fmpq((0, 1, 0, -1)[k % 4], factorial(k)) for k in range(14)]
ODD = [flint.fmpq(p, q) for p, q in ((2, 3), (3, 2), (-1, 5), (4, 7), (1, 3), (-2, 9), (5, 11))]


def by_hand(blocks: list[list[Fraction]], x: Fraction) -> Fraction:
    """The stream at a rational, block by block, without polynomials."""
    for block in blocks:
        x = x + sum((a * x**k for k, a in enumerate(block)), Fraction(0))
    return x


def test_the_literal_construction_by_hand() -> None:
    """sin at 1/2: y_1 = 1, y_3 = 1 − 1/6, y_5 = y_3 + y_3⁵/120."""
    three = 1 - Fraction(1, 6)
    expected = [Fraction(1, 2), Fraction(1), three, three + three**5 / 120]
    states = literal(SIN[:6]).states(flint.fmpq(1, 2))
    assert [Fraction(int(y.p), int(y.q)) for y in states] == expected


@pytest.mark.parametrize("make", [literal, first_corrected, matched])
def test_series_polynomial_and_values_agree(make: Callable[[list[Any]], Stream]) -> None:
    stream = make(ODD[:5])
    whole = stream.polynomial()
    assert whole.degree() == stream.degree == 24
    for order in (0, 3, 9, 30):
        assert stream.series(order) == whole.truncate(order + 1)
    x = flint.fmpq(3, 7)
    assert stream.value(x) == whole(x)
    blocks = [[Fraction(int(a.p), int(a.q)) for a in block.coeffs()] for _, block in stream.blocks]
    value = stream.value(x)
    assert by_hand(blocks, Fraction(3, 7)) == Fraction(int(value.p), int(value.q))


@pytest.mark.parametrize("c", [EXP[:8], SIN[:10], ODD])
def test_matched_orders_are_those_of_f_and_the_next_is_not(c: list[Any]) -> None:
    order = len(c) - 1
    series = matched(c).series(order)
    assert series == taylor(c, order)
    longer = EXP if c[0] == 1 else SIN if c[0] == 0 else None
    if longer is not None:
        assert matched(c).series(order + 2) != taylor(longer, order + 2)


def test_first_mismatches() -> None:
    """Literally order 0 (f(0) ≠ 0) or 1; with the first block put right 4, for odd f 7: 3 c_2 c_3 and 5 c_3 c_5."""
    for c, literally, corrected, excess in (
        (EXP, 0, 4, 3 * EXP[2] * EXP[3]),
        (SIN, 1, 7, 5 * SIN[3] * SIN[5]),
    ):
        first = [next(k for k in range(12) if make(c).series(12)[k] != c[k]) for make in (literal, first_corrected)]
        assert first == [literally, corrected]
        assert first_corrected(c).series(12)[corrected] - c[corrected] == excess
    assert literal(SIN).series(3)[1] == 2


def test_reversion_gives_every_taylor_polynomial_to_its_order() -> None:
    for c in (EXP[:6], SIN[:8], ODD):
        stream = reverted(c, 9)
        for number, _ in stream.blocks:
            assert stream.upto(number).series(9) == taylor(c, number).truncate(10)
        g = inverse(c, len(c) - 1, 9)
        assert composed(taylor(c, len(c) - 1) - c[0], g, 9) == flint.fmpq_poly([0, 1])


def test_a_derivative_of_minus_one_kills_the_stream() -> None:
    stream = literal([-q for q in SIN])
    assert stream.polynomial() == 0
    assert stream.degree == 0


def test_no_inverse_without_a_slope() -> None:
    with pytest.raises(ZeroDivisionError):
        matched([flint.fmpq(1), flint.fmpq(0), flint.fmpq(1, 2)])


def test_monomials_around_a_centre() -> None:
    assert monomial(flint.fmpq(2), 2, flint.fmpq(1)) == flint.fmpq_poly([2, -4, 2])

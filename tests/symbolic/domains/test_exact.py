from fractions import Fraction as Rational
from typing import Any

import numpy as np
import pytest

from residua_symbolic.domains.exact import ExactDomain, Fraction


def domain() -> ExactDomain:
    return ExactDomain(["a", "b", "c"], room=4)


def test_rational_arithmetic() -> None:
    o = domain()
    rng = np.random.default_rng(0)
    for _ in range(50):
        p, q = (Rational(int(rng.integers(-9, 9)), int(rng.integers(1, 9))) for _ in range(2))
        a, b = (o.number(x.numerator) / o.number(x.denominator) for x in (p, q))
        for found, expected in ((a + b, p + q), (a - b, p - q), (a * b, p * q), (2 - a, 2 - p), (-a, -p)):
            assert o.is_zero(found - o.number(expected.numerator) / expected.denominator)
        if q:
            assert o.is_zero(a / b - o.number((p / q).numerator) / (p / q).denominator)
            assert o.is_zero(3 / b - o.number((3 / q).numerator) / (3 / q).denominator)


def test_floats_are_taken_exactly() -> None:
    o = domain()
    assert not o.is_zero(o.number(0.1) * 10 - o.number(1))
    assert o.is_zero(o.number(0.375) * 8 - o.number(3))


def test_a_root_is_known_by_its_square_only() -> None:
    o = domain()
    a, b = o.generator("a"), o.generator("b")
    (s,) = o.sqrt(np.array([a * a + b], dtype=object))
    assert o.is_zero(s * s - a * a - b)
    assert o.is_zero(1 / s - s / (a * a + b))
    assert o.is_zero(s * s * s - s * (a * a + b))
    assert not o.is_zero(s - a)
    assert not o.is_zero(s)


def test_roots_of_roots() -> None:
    o = domain()
    a = o.generator("a")
    (s,) = o.sqrt(np.array([a], dtype=object))
    (r,) = o.sqrt(np.array([s + 1], dtype=object))
    assert o.is_zero((r * r - 1) * (r * r - 1) - a)
    assert not o.is_zero((r * r - 1) * (r * r - 1) - a - 1)
    assert o.is_zero(o.derivative(r, "a") - 1 / (4 * s * r))


def test_derivatives() -> None:
    o = domain()
    a, b = o.generator("a"), o.generator("b")
    assert o.is_zero(o.derivative(a * a * b / (b + 1), "a") - 2 * a * b / (b + 1))
    assert o.is_zero(o.derivative(a / (b + 1), "b") + a / ((b + 1) * (b + 1)))
    assert o.is_zero(o.derivative(a, "c"))
    (s,) = o.sqrt(np.array([a * a + b], dtype=object))
    assert o.is_zero(o.derivative(s, "a") - a / s)
    assert not o.is_zero(o.derivative(s, "a") - 2 * a / s)
    assert o.is_zero(o.derivative(b / s, "a") + a * b / (s * s * s))


def test_an_unknown_function_obeys_the_chain_rule() -> None:
    o = domain()
    a, b = o.generator("a"), o.generator("b")
    (value,) = o.function("phi", np.array([a * b], dtype=object))
    (slope,) = o.function("phi_prime", np.array([a * b], dtype=object))
    assert o.is_zero(o.derivative(value, "a") - slope * b)
    assert not o.is_zero(o.derivative(value, "a") - slope * a)


def test_constant_statistics_do_not_move() -> None:
    for constant in (False, True):
        o = ExactDomain(["a", "b"], room=4, constant_statistics=constant)
        (mean,) = o.mean(o.array(["a", "b"]))
        assert o.is_zero(o.derivative(mean, "a")) == constant


def test_a_map_of_which_only_the_jacobian_is_known() -> None:
    o = ExactDomain(["a", "b", "F0", "F1", "J00", "J01", "J10", "J11"], room=2)
    names: Any = ["F0", "F1"]
    apply = o.abstract_map(names, [["J00", "J01"], ["J10", "J11"]], ["a", "b"])
    y = apply(o.array(["a", "b"]))
    assert o.is_zero(o.derivative(y[0], "b") - o.generator("J01"))
    assert not o.is_zero(o.derivative(y[1], "a") - o.generator("J01"))


def test_reduced() -> None:
    o = domain()
    a = o.generator("a")
    q = Fraction((a * a).numerator * 6, a.numerator * 4).reduced()
    assert o.is_zero(q - a * 3 / 2)
    assert q.denominator.degrees() == (0,) * len(q.denominator.degrees())


def test_a_name_is_given_once() -> None:
    o = domain()
    o.let("s", o.generator("a"))
    with pytest.raises(ValueError, match="uses the name 's' twice"):
        o.let("s", o.generator("b"))

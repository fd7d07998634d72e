import numpy as np
import pytest

from residua_symbolic.domains.unknown import UnknownDomain


def domain(constant: bool = False) -> UnknownDomain:
    return UnknownDomain(["x", "y"], units=3, values=2, constant_slopes=constant)


def test_an_unknown_function_has_two_derivatives() -> None:
    o = domain()
    x, y = o.array(["x", "y"])
    z = np.array([x * x * y, y], dtype=object)
    value = o.function("phi", z)[0]
    slope, second = o.function("phi_prime", z)[0], o.function("phi_second", z)[0]
    by_x = o.derivative(value, "x")
    assert o.is_zero(by_x - 2 * x * y * slope)
    assert o.is_zero(o.derivative(by_x, "x") - (2 * y * slope + 4 * x * x * y * y * second))
    assert not o.is_zero(o.derivative(by_x, "x") - 2 * y * slope)


def test_a_constant_slope_does_not_move() -> None:
    o = domain(constant=True)
    x, y = o.array(["x", "y"])
    z = np.array([x * y], dtype=object)
    by_x = o.derivative(o.function("phi", z)[0], "x")
    assert o.is_zero(by_x - y * o.function("phi_prime", z)[0])
    assert o.is_zero(o.derivative(by_x, "x"))


def test_a_scalar_of_two_values() -> None:
    """C(x y, x): by x it is C₁ y + C₂, and that by y is C₁ + (C₁₁ y + C₁₂) x."""
    o = domain()
    x, y = o.array(["x", "y"])
    cost, first, second = o.scalar(np.array([x * y, x], dtype=object))
    by_x = o.derivative(cost, "x")
    assert o.is_zero(by_x - (first[0] * y + first[1]))
    assert o.is_zero(o.derivative(by_x, "y") - (first[0] + (second[0, 0] * y + second[0, 1]) * x))
    assert o.is_zero(second[0, 1] - second[1, 0])
    assert not o.is_zero(second[0, 0] - second[1, 1])


def test_agree() -> None:
    o = domain()
    x = o.array(["x", "y"])
    assert o.agree(x, x)
    assert not o.agree(x, x[::-1])


def test_a_slope_that_is_not_known_is_refused() -> None:
    with pytest.raises(StopIteration):
        domain().function("phi_second", domain().array(["x"])[0])

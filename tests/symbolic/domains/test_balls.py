import flint
import numpy as np
import pytest
import sympy as sp

from residua_network import ACTIVATIONS
from residua_symbolic import derive_layer
from residua_symbolic.domains import balls
from residua_symbolic.domains.balls import agree, coefficient, derivative_agrees, is_narrow, precision, series


def test_balls_agree_only_where_they_overlap_and_are_narrow() -> None:
    with precision():
        third = flint.arb(1) / 3
        assert agree(third, flint.arb(2) / 6)
        assert not agree(third, flint.arb(1) / 4)
        wide = flint.arb(0, 1)
        assert not agree(wide, flint.arb(0))
        assert not agree(flint.arb(0), wide)
        assert not agree(flint.arb("nan"), flint.arb("nan"))
        assert not agree(flint.arb("inf"), flint.arb("inf"))


def test_narrow_is_beside_one_or_beside_the_middle() -> None:
    with precision():
        huge = flint.arb(10) ** 400 / 3  # beyond every float
        assert is_narrow(huge)
        assert is_narrow(flint.arb(1) / flint.arb(10) ** 400)
        assert not is_narrow(huge + flint.arb(0, 1) * huge)
        assert not agree(huge, huge * (1 + flint.arb(10) ** -20))


def test_the_precision_is_put_back() -> None:
    before = flint.ctx.prec, flint.ctx.cap

    def fail() -> None:
        with precision(300, 5):
            assert (flint.ctx.prec, flint.ctx.cap) == (300, 5)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (flint.ctx.prec, flint.ctx.cap) == before


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_derivatives(name: str) -> None:
    right = derive_layer("activation", None, name).components
    assert derivative_agrees(name, right)
    for wrong in (2 * right, -right, right + 1, right + sp.KroneckerDelta(*sp.symbols("i j", integer=True)) / 10**20):
        assert not derivative_agrees(name, wrong)
    assert not derivative_agrees("tanh" if name != "tanh" else "sin", right)


def test_on_the_kink() -> None:
    o = balls.BallDomain()
    with precision():
        x = series(np.array([0.0, -1.0, 2.0]), np.ones(3))
        assert [float(c) for c in coefficient(o.function("relu", x), 1)] == [0.0, 0.0, 1.0]
        assert [float(c) for c in o.function("step", coefficient(x, 0))] == [0.0, 0.0, 1.0]
        with pytest.raises(ArithmeticError, match="is not certain: the point lies on the kink"):
            o.function("relu", flint.arb(0, 1e-30))


def test_coefficients_of_what_is_no_series() -> None:
    x = np.array([flint.arb(3)], dtype=object)
    assert [float(coefficient(x, p)[0]) for p in (0, 1)] == [3.0, 0.0]

import mpmath as mp
import pytest
import sympy as sp

from oracles.formulas import ACTIVATIONS as BY_HAND
from residua_network import ACTIVATIONS
from residua_symbolic import functions
from residua_symbolic.functions import Elementary, derivative_holds

z = sp.Symbol("z", real=True)
POINTS = (-3, sp.Rational(-1, 7), sp.Rational(2, 3), 5)


class wrong(Elementary):  # noqa: N801
    """A sigmoid with the slope of another function."""

    @staticmethod
    def definition(z: sp.Expr) -> sp.Expr:
        return 1 / (1 + sp.exp(-z))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return functions.sigmoid(self.args[0])


@pytest.mark.parametrize("function", [functions.relu, functions.step, functions.sigmoid, functions.softplus])
def test_stated_derivatives_follow_from_the_definitions(function: type[Elementary]) -> None:
    assert derivative_holds(function)


def test_a_wrong_one_does_not() -> None:
    assert not derivative_holds(wrong)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_slope_are_those_written_by_hand(name: str) -> None:
    value, slope = BY_HAND[name]
    y = functions.ACTIVATIONS[name](z)
    for e, by_hand in ((y, value), (y.diff(z), slope)):
        plain = e.replace(lambda f: isinstance(f, Elementary), lambda f: f.definition(f.args[0]))
        for point in POINTS:
            with mp.workdps(50):
                expected = by_hand(mp.mpf(point.p) / point.q if isinstance(point, sp.Rational) else mp.mpf(point))
                found = mp.mpf(str(sp.N(plain.subs(z, point), 45)))
                assert abs(found - expected) < mp.mpf(10) ** -40 * max(1, abs(expected))


def test_an_elementary_function_must_have_a_definition() -> None:
    with pytest.raises(TypeError, match="states its definition"):
        Elementary.definition(z)

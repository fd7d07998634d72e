"""Every law is proved, and every step refuses what is wrong; counts and floors against other ways to them."""

from collections.abc import Callable, Iterator
from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy as sp

from residua_symbolic import Derivation
from residua_symbolic.universal.activation_laws import (
    DEGREES,
    SMOOTH,
    floor,
    free_orders,
    monomial_law,
    polynomial_law,
    power_units,
)
from residua_symbolic.universal.chord_laws import chord_law
from residua_symbolic.universal.depth_laws import (
    crossing_law,
    parabola_depth,
    parabola_law,
    parabola_units,
    sawtooth_units,
    tooth,
)
from residua_symbolic.universal.outputs import outputs
from residua_symbolic.universal.ramp_laws import jump_law, line_by_relus, ramp_law, unbounded_law
from residua_symbolic.universal.ridge import directions, ridge_law
from residua_symbolic.universal.sine_laws import sine_law
from residua_symbolic.universal.smooth_laws import largest_gap, smooth_law
from residua_symbolic.universal.steep_laws import monotone_law, steep_constants, steep_law
from symbolic.planted import refuses

LAWS: tuple[Callable[[], Derivation], ...] = (
    chord_law,
    ramp_law,
    unbounded_law,
    jump_law,
    line_by_relus,
    steep_law,
    monotone_law,
    smooth_law,
    sine_law,
    polynomial_law,
    monomial_law,
    crossing_law,
    parabola_law,
    ridge_law,
)


def wrongs(right: sp.Expr) -> Iterator[sp.Expr]:
    """Right-hand sides that are not this one, and smaller where a bound is meant."""
    for wrong in (right / 2, right - sp.Rational(1, 7), -right, 2 * right + 1):
        if wrong != right:
            yield wrong


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_proved(law: Callable[[], Derivation]) -> None:
    derivation = law()
    derivation.check()
    assert sum(bool(step.proofs) for step in derivation.steps) >= 1
    assert derivation.latex()


STEPS = [(law, step.name) for law in LAWS for step in law().steps if step.proofs]


@pytest.mark.parametrize(("law", "name"), STEPS, ids=[f"{law.__name__}: {name}" for law, name in STEPS])
def test_wrong_sides_are_refused(law: Callable[[], Derivation], name: str) -> None:
    (step,) = (step for step in law().steps if step.name == name)
    tried = list(wrongs(step.right))
    assert tried
    for wrong in tried[:2]:  # half of it, and less by a little: what a bound must not be either
        refuses(step, wrong)


def test_constants_against_a_search() -> None:
    u = np.linspace(-0.5, 0.5, 200_001)
    own, others = steep_constants(7)
    seen = float(np.max(np.abs(1 / (1 + np.exp(-7 * u)) - 0.5 - u)))
    assert seen <= float(own) <= seen + 1e-9
    tails = 2 * sum(np.exp(-7 * (j - 0.5)) for j in range(1, 40))
    assert float(others) == pytest.approx(tails, rel=1e-12)
    z = np.linspace(-8, 0, 800_001)
    for name, values in (("softplus", np.log1p(np.exp(z))), ("silu", z / (1 + np.exp(-z)))):
        ball = largest_gap(name)
        top = float(np.max(np.abs(values)))
        assert float(ball.lower()) <= top + 1e-9
        assert top <= float(ball.upper()) <= 1.001 * top


@pytest.mark.parametrize(
    ("text", "degree", "least"),
    [("abs(x)", 1, 0.5), ("abs(x)", 2, 0.125), ("abs(x)", 3, 0.125)],
)
def test_floors_that_are_known(text: str, degree: int, least: float) -> None:
    found = floor(text, sp.Integer(-1), sp.Integer(1), degree)
    assert least * (1 - 1e-6) <= found <= least


def test_no_fit_is_below_a_floor() -> None:
    x = np.cos(np.linspace(0, np.pi, 4001)) * np.pi
    for degree in sorted(DEGREES.values()):
        least = floor("sin(x)", -sp.pi, sp.pi, degree)
        fitted = np.polynomial.chebyshev.Chebyshev.fit(x, np.sin(x), degree)
        assert least <= np.max(np.abs(fitted(x) - np.sin(x))) <= 2 * least


@pytest.mark.parametrize("name", SMOOTH)
def test_powers_lie_within_their_bounds(name: str) -> None:
    x = np.linspace(-1, 1, 41)
    for order in (1, 2, 3):
        power = power_units(name, order, 2.0**-9)
        apart = float(np.max(np.abs(outputs(power.units, x) - x**order)))
        assert apart <= power.bound <= 200 * apart
        assert power.units.width == order + 1
    assert len(free_orders(name, 6)) == 7
    factors = power.units.factors.copy()
    factors[1] *= 1 + 1e-3
    wrong = outputs(type(power.units)(name, power.units.slopes, power.units.biases, factors, 0.0), x)
    assert np.max(np.abs(wrong - x**order)) > power.bound


def test_units_that_are_needed() -> None:
    assert [sawtooth_units(depth) for depth in (1, 2, 10)] == [1, 3, 1023]
    for error in (Fraction(1, 8), Fraction(1, 100), Fraction(1, 1000), Fraction(1, 32)):
        units, depth = parabola_units(error), parabola_depth(error)
        assert Fraction(1, 8 * (units + 1) ** 2) <= error
        assert units == 1 or Fraction(1, 8 * units**2) > error
        assert Fraction(1, 4 ** (depth + 1)) <= error
        assert depth == 1 or Fraction(1, 4**depth) > error
    assert [tooth(Fraction(k, 4), 2) for k in range(5)] == [0, 1, 0, 1, 0]


def test_directions_differ() -> None:
    assert directions(5) == (0, 1, -1, 2, -2)
    assert flint.ctx.prec == 53  # no law leaves the precision changed

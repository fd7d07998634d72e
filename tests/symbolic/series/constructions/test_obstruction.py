import math
from collections.abc import Callable
from functools import partial
from typing import Any

import flint
import mpmath
import numpy as np
import pytest
from scipy.integrate import quad

from residua_network import ResiduaError
from residua_symbolic.domains import balls
from residua_symbolic.series.approximation.mean_square_floor import mean_square_floor
from residua_symbolic.series.constructions import obstruction
from residua_symbolic.series.constructions.explosion import Fate, fate
from residua_symbolic.series.constructions.inverse_radius import inverse_radius, reach
from residua_symbolic.series.constructions.obstruction import State, floor_of, value_at
from residua_symbolic.series.constructions.streams import taylor

from .test_streams import EXP, SIN

TANH = [flint.fmpq(0), flint.fmpq(1), flint.fmpq(0), flint.fmpq(-1, 3), flint.fmpq(0), flint.fmpq(2, 15)]
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sin": lambda x: x.sin(),
    "exp": lambda x: x.exp(),
    "tanh": lambda x: x.tanh(),
}


def state(c: list[Any], order: int, half: float | None = None) -> State:
    with balls.precision():
        end = flint.arb.pi() if half is None else flint.arb(half)
        return State(taylor(c, order), -end, end)


@pytest.fixture(scope="module")
def behind_sine() -> obstruction.Floor:
    return floor_of(state(SIN, 3), FUNCTIONS["sin"])


def test_floor_of_sine_behind_its_cubic(behind_sine: obstruction.Floor) -> None:
    """cos u sin v on 3u² + v² = 6, maximised by mpmath at 30 digits."""

    def h(v: Any) -> Any:
        return mpmath.cos(mpmath.sqrt(2 - v * v / 3)) * mpmath.sin(v)

    with mpmath.workdps(30):
        v = mpmath.findroot(lambda at: mpmath.diff(h, at), (2.1, 2.4), solver="anderson")
        expected = float(mpmath.re(h(v)))
    assert behind_sine.lower <= expected <= behind_sine.upper
    assert expected - behind_sine.lower < 1e-7
    assert behind_sine.upper < expected * (1 + 2 * obstruction.TOLERANCE)


def test_the_pair_has_one_state_and_lies_as_far_apart_as_is_said(behind_sine: obstruction.Floor) -> None:
    assert behind_sine.pair is not None
    first, second = behind_sine.pair
    cubic = taylor(SIN, 3)
    with balls.precision():
        assert value_at(cubic, first).overlaps(value_at(cubic, second))
        assert (abs(first.sin() - second.sin()) / 2).lower() >= behind_sine.lower
    assert abs(float(first) - float(second.mid())) > 1


def test_floors_with_closed_forms() -> None:
    """Behind T_3 of sin against T_5: (7 + √13)√(9 + 3√13)/60; behind T_2 of exp: sinh(π − 1)/e, and against T_3."""
    root, v = math.sqrt(13), math.pi - 1
    quintic, cubic = taylor(SIN, 5), taylor(EXP, 3)
    for s, target, expected in (
        (state(SIN, 3), lambda x: value_at(quintic, x), (7 + root) * math.sqrt(9 + 3 * root) / 60),
        (state(EXP, 2), FUNCTIONS["exp"], math.sinh(v) / math.e),
        (state(EXP, 2), lambda x: value_at(cubic, x), v / 2 + v**3 / 6),
        (state(TANH, 3), FUNCTIONS["tanh"], math.tanh(math.sqrt(3))),
        (state(TANH, 3, 1.2), FUNCTIONS["tanh"], (math.tanh(1.2) - math.tanh((math.sqrt(12 - 4.32) - 1.2) / 2)) / 2),
    ):
        floor = floor_of(s, target)
        assert floor.lower <= expected * (1 + 1e-12)
        assert expected <= floor.upper * (1 + 1e-12)
        assert floor.lower > expected * (1 - 1e-6)


def _distance(one: float, other: float) -> float:
    return abs(one - other)


def test_others_are_the_other_real_roots_in_the_interval() -> None:
    """Against the roots of each polynomial by itself, by mpmath; a state of degree 1 has none."""
    for s in (state(SIN, 3), state(SIN, 5), state(EXP, 4), state(TANH, 3, 1.2)):
        low, high = s.ends
        points = np.linspace(low, high, 23)[1:-1]
        for x, found in zip(points.tolist(), s.others(points), strict=True):
            shifted = [float(c) for c in s.coefficients]
            shifted[-1] -= float(np.polyval(s.coefficients, x))
            roots = [complex(root) for root in mpmath.polyroots(shifted, maxsteps=200, extraprec=200)]
            real = [root.real for root in roots if abs(root.imag) < 1e-9 and low <= root.real <= high]
            real.remove(min(real, key=partial(_distance, x)))
            assert np.sort(found[~np.isnan(found)]) == pytest.approx(sorted(real), abs=1e-7)
    assert state(SIN, 1).others(np.array([0.5, 1.0])).shape == (2, 0)


def test_injective_states_have_no_floor() -> None:
    for s in (state(SIN, 1), state(EXP, 3), state(TANH, 5), state(SIN, 3, 1.4)):
        assert s.is_injective
        assert floor_of(s, FUNCTIONS["sin"]).upper == 0
    assert not state(SIN, 3, 1.42).is_injective  # the fold lies at √2


def test_no_random_function_of_the_state_beats_the_floors() -> None:
    """Splines and polynomials of T_3(x), fitted to sin in float64."""
    x = np.linspace(-math.pi, math.pi, 4001)
    t = x - x**3 / 6
    sup, squares = floor_of(state(SIN, 3), FUNCTIONS["sin"]).lower, mean_square_floor(state(SIN, 3), FUNCTIONS["sin"])
    for degree in (1, 3, 7, 15, 31):
        fit = np.polynomial.Chebyshev.fit(t, np.sin(x), degree)(t)
        assert np.max(abs(fit - np.sin(x))) > sup
        assert np.mean((fit - np.sin(x)) ** 2) > squares


def test_mean_square_floors() -> None:
    """exp: pairs −1 ± v of equal weight, so (1/2π)∫ 2 (sinh v / e)² dv; sin: quadrature over the middle branch."""
    v = math.pi - 1
    expected = (math.sinh(2 * v) / 4 - v / 2) / (math.e**2 * math.pi)
    found = mean_square_floor(state(EXP, 2), FUNCTIONS["exp"])
    assert expected * (1 - 3e-3) < found <= expected

    def spread(x: float) -> float:
        root = math.sqrt(24 - 3 * x * x)
        points = np.array([x, (-x + root) / 2, (-x - root) / 2])
        shares = np.array([1.0, *((2 - x * x) / (points[1:] ** 2 - 2))])
        mean = shares @ np.sin(points) / shares.sum()
        return float(shares @ (np.sin(points) - mean) ** 2)

    integral, _ = quad(spread, -math.sqrt(2), math.sqrt(2), limit=200)
    found = mean_square_floor(state(SIN, 3), FUNCTIONS["sin"])
    assert integral / (2 * math.pi) * (1 - 1e-2) < found <= integral / (2 * math.pi)
    with pytest.raises(ResiduaError, match="degree 2"):
        mean_square_floor(state(SIN, 5), FUNCTIONS["sin"])


def test_an_upper_bound_below_the_truth_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """If boxes were ruled out that hold pairs, the upper bound would fall to the goal: plant it."""
    s, quintic = state(SIN, 3), taylor(SIN, 5)
    truth = floor_of(s, lambda x: value_at(quintic, x)).lower
    monkeypatch.setattr(obstruction, "LARGEST", 20_000)  # no bound below the truth is ever reached: stop early
    assert obstruction._upper(s, lambda x: value_at(quintic, x), truth / 2) >= truth
    monkeypatch.setattr(obstruction, "_may_meet", lambda *_: False)
    assert obstruction._upper(s, lambda x: value_at(quintic, x), truth / 2) < truth


def test_radii_of_inverse_series() -> None:
    """T_3 of sin: critical value 2√2/3; T_2 of exp: 1/2 (1 + x + x²/2 has its least value 1/2 at −1)."""
    for c, last, expected in ((SIN, 3, 2 * math.sqrt(2) / 3), (EXP, 2, 0.5), (TANH, 3, 2 / 3)):
        found = inverse_radius(c, last)
        assert found.least <= expected <= found.radius * (1 + 1e-12)
        assert found.radius == pytest.approx(expected, rel=1e-12)
        assert found.estimate == pytest.approx(expected, rel=1e-2)
    fifth = inverse_radius(SIN, 5)  # the least critical value, at 3.08, is not met by the branch through 0
    assert fifth.least < 0.53 < 1.0 < fifth.radius
    assert reach(SIN, 3, 2 * math.sqrt(2) / 3, math.pi) == pytest.approx(math.sqrt(2), abs=2e-3)
    assert inverse_radius(SIN, 1).radius == math.inf
    with pytest.raises(ResiduaError, match="derivative at 0"):
        inverse_radius([flint.fmpq(1), flint.fmpq(0), flint.fmpq(1)], 2)


def test_fates_against_plain_iteration() -> None:
    """At 200 points in float64, 60 blocks or an overflow: where residua decides, the iteration does the same."""
    c = [flint.fmpq((0, 1, 0, -1)[k % 4], math.factorial(k)) for k in range(41)]
    decided = 0
    for x in np.linspace(-3, 3, 200).tolist():
        with balls.precision():
            found = fate(c, flint.arb(x))
        y = x
        for k in range(1, 60, 2):
            y += (-1) ** (k // 2) * y**k / math.factorial(k) if k * math.log10(abs(y) + 1e-9) < 250 else math.inf
            if not abs(y) < 1e200:
                break
        assert found is not Fate.EXPLODES or not abs(y) < 1e200
        assert found is not Fate.SETTLES or abs(y) < 3
        decided += found is not Fate.OPEN
    assert decided > 190


def test_fates_are_for_coefficients_of_that_size_only() -> None:
    for c in ([0, 1, flint.fmpq(1, 3)], [0, 1, 0, 0]):
        with pytest.raises(ResiduaError, match="expected"):
            fate([flint.fmpq(q) for q in c], flint.arb(1))

"""The nearest ramp and sigmoid against searches that know nothing of them, and rivals that must not be nearer."""

from math import inf

import flint
import mpmath
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from residua_network import ResiduaError
from residua_symbolic.domains import balls
from residua_symbolic.domains.floats import Floats
from residua_symbolic.minimax.ramp import Ends, Ramp, alternating, best_ramp, digits, library_ramp
from residua_symbolic.minimax.roots import BITS, root_near, slope_of

X = np.linspace(-40, 40, 160_001)
SIGMOID = 0.5 + 0.5 * np.tanh(X / 2)
GRID = 3e-4  # of the largest error: the grid's step times the slope of the sigmoid


def ramp(low: float, high: float, first: float, second: float) -> Floats:
    """From low to high between two knots."""
    return low + (high - low) * np.clip((X - first) / (second - first), 0, 1)


def test_a_search_over_slopes_finds_the_ramp_with_its_ends_held() -> None:
    found = minimize_scalar(lambda k: abs(SIGMOID - ramp(0, 1, -k, k)).max(), bounds=(2, 4), method="bounded")
    best = best_ramp("held")
    assert found.x == pytest.approx(float(best.ramp.knot), abs=5e-3)
    assert float(best.upper) - GRID < found.fun < float(best.upper) + 1e-3


def test_the_numbers_solve_the_equations_in_other_arithmetic() -> None:
    with mpmath.workdps(60):

        def equations(s: mpmath.mpf, a: mpmath.mpf) -> list[mpmath.mpf]:
            place = 2 * mpmath.atanh(mpmath.sqrt(1 - 4 * s))
            knot = (mpmath.mpf(1) / 2 - a) / s
            return [
                mpmath.tanh(place / 2) / 2 - s * place - a,
                1 - a - 1 / (1 + mpmath.exp(-knot)) - a,
            ]

        _, error = mpmath.findroot(equations, (0.19, 0.041))
        shared = digits(best_ramp("free").lower, best_ramp("free").upper)
        assert len(shared) > 30
        assert mpmath.nstr(error, 50).startswith(shared)


@pytest.mark.parametrize(("ends", "reach"), [("held", inf), ("free", inf), ("free", 4.0), ("free", 8.0)])
def test_bounds_enclose_the_error_of_the_solved_ramp(ends: Ends, reach: float) -> None:
    best = best_ramp(ends, reach)
    with balls.precision(BITS):
        assert best.lower <= best.upper or best.lower.overlaps(best.upper)
        assert best.lower.overlaps(best.error) or best.lower < best.error
        assert best.upper - best.lower < flint.arb(10) ** -60
        assert best.error.rad() < flint.arb(10) ** -60


def test_no_rival_is_nearer() -> None:
    random = np.random.default_rng(0)
    held, free = (float(best_ramp(ends).lower) for ends in ("held", "free"))
    near = []
    for _ in range(400):
        low, high = random.normal(0.04, 0.02), random.normal(0.96, 0.02)
        first, second = np.sort(random.normal((-2.4, 2.4), 0.3))
        near.append(abs(SIGMOID - ramp(low, high, first, second)).max())
        assert abs(SIGMOID - ramp(0, 1, first, second)).max() >= held - GRID
    assert min(near) >= free - GRID
    assert min(near) < 1.5 * free  # rivals worth the name


def test_another_ramp_is_further_away() -> None:
    with balls.precision(BITS):
        for best in (best_ramp("held"), best_ramp("free")):
            for knot, level in ((1.01, 1), (0.99, 1), (1, 1.05), (1, 0.95)):
                other = Ramp(best.ramp.knot * knot, best.ramp.level * level)
                if not (other.level == 0 and knot == 1):
                    assert other.supremum() > best.upper


def test_two_units_on_an_interval_come_a_little_nearer_than_on_the_line() -> None:
    found = [float(best_ramp("free", reach).lower) for reach in (4.0, 8.0, 16.0, inf)]
    assert found == sorted(found)
    assert found[-1] - found[-2] < 1e-6


@pytest.mark.parametrize("slope", ["1/6", "1/5", "1/4", "3/10"])
def test_suprema_of_given_ramps(slope: str) -> None:
    p, q = map(int, slope.split("/"))
    knot = q / (2 * p)
    with balls.precision():
        stated = float(library_ramp(slope).supremum())
    assert stated == pytest.approx(abs(SIGMOID - ramp(0, 1, -knot, knot)).max(), abs=GRID)


def test_errors_that_do_not_alternate_prove_nothing() -> None:
    with pytest.raises(ResiduaError, match="signs in turn"):
        alternating([flint.arb(1), flint.arb(1), flint.arb(-1)], 3)
    with pytest.raises(ResiduaError, match="expected 5 errors"):
        alternating([flint.arb(1), flint.arb(-1), flint.arb(1)], 5)
    with pytest.raises(ResiduaError, match="signs in turn"):
        alternating([flint.arb(1), flint.arb(0, 1), flint.arb(1)], 3)


def test_a_zero_that_is_not_simple_is_not_proved() -> None:
    with balls.precision(BITS):
        assert root_near(lambda x: x * x - 2, lambda x: 2 * x, 1.4).overlaps(flint.arb(2).sqrt())
        with pytest.raises(ResiduaError, match="a step that proves none"):
            root_near(lambda x: x * x + 1, lambda x: 2 * x, 0.3)


def test_slopes_are_derivatives() -> None:
    with balls.precision(BITS):
        assert slope_of(lambda x: x.exp() * x)(flint.arb(1)).overlaps(2 * flint.arb(1).exp())

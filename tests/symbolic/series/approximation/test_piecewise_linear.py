"""Best piecewise-linear functions: floors below, fits above, laws beyond."""

import itertools
from dataclasses import replace

import flint
import numpy as np
import pytest
import sympy as sp
from scipy.optimize import linprog

from residua_network import ResiduaError
from residua_symbolic.derivation import ProofError
from residua_symbolic.expressions.given import given
from residua_symbolic.series.approximation.piece_laws import LAWS, ball_of, sine_constant, sine_supremum_constant
from residua_symbolic.series.approximation.piecewise_linear import PiecewiseLinear, best_fit, vectorised
from residua_symbolic.series.approximation.sine_pieces import best_supremum, leftovers, mean_square_floors, three_points

SINE = given("sin(x)")
FLOORS = mean_square_floors(12, cells=600)


def error_of(fit: PiecewiseLinear) -> float:
    return fit.mean_square_distance(np.sin)


def line_error(a: float, b: float) -> float:
    """The integral that the best line leaves, by least squares at many nodes."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    x, w = (a + b) / 2 + (b - a) / 2 * nodes, np.sqrt((b - a) / 2 * weights)
    columns = np.stack([w, w * x], axis=1)
    best = np.linalg.lstsq(columns, w * np.sin(x), rcond=None)[0]
    return float(np.sum((w * np.sin(x) - columns @ best) ** 2))


@pytest.mark.parametrize("pieces", [1, 2, 3, 5, 8, 12])
def test_no_fit_is_below_the_floor_and_the_best_is_near_it(pieces: int) -> None:
    found = error_of(best_fit(SINE, "x", -np.pi, np.pi, pieces))
    assert FLOORS[pieces - 1] <= found * (1 + 1e-12)
    if pieces != 2:  # two pieces with a jump do much better than two that meet
        assert found <= FLOORS[pieces - 1] * (1 + 6 * pieces / 600 + 0.01)


@pytest.mark.parametrize("seed", range(10))
def test_no_random_placing_beats_the_floor(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for pieces in (2, 4, 7, 12):
        knots = np.sort(np.concatenate([[-np.pi, np.pi], rng.uniform(-np.pi, np.pi, pieces - 1)]))
        total = sum(line_error(a, b) for a, b in itertools.pairwise(knots)) / (2 * np.pi)
        assert total >= FLOORS[pieces - 1] * (1 - 1e-9)


def test_a_line_leaves_what_the_closed_form_says() -> None:
    for middle, half in ((0.3, 1.0), (-2.0, 0.2), (1.5, 0.7)):
        even, odd = (float(v.mid()) for v in leftovers(flint.arb(half)))
        stated = np.sin(middle) ** 2 * even + np.cos(middle) ** 2 * odd
        assert stated == pytest.approx(line_error(middle - half, middle + half), rel=1e-9)


def test_moving_any_knot_or_value_of_the_best_fit_makes_it_worse() -> None:
    fit = best_fit(SINE, "x", -np.pi, np.pi, 6)
    best = error_of(fit)
    for k in range(7):
        for move in (1e-3, -1e-3):
            values = fit.values.copy()
            values[k] += move
            assert error_of(PiecewiseLinear(fit.knots, values)) > best
            if 0 < k < 6:
                knots = fit.knots.copy()
                knots[k] += move
                assert error_of(PiecewiseLinear(knots, fit.values)) > best


def test_two_pieces_of_another_function_by_trying_every_knot() -> None:
    f = vectorised(given("exp(3*x)"), "x")
    fit = best_fit(given("exp(3*x)"), "x", -1.0, 1.0, 2)
    x = np.linspace(-1, 1, 4001)
    tried = []
    for knot in np.linspace(-0.9, 0.9, 181):
        hats = np.stack([np.interp(x, [-1.0, knot, 1.0], row) for row in np.eye(3)], axis=1)
        tried.append(np.linalg.lstsq(hats, f(x), rcond=None)[1][0] / len(x))
    assert fit.mean_square_distance(f) == pytest.approx(min(tried), rel=5e-3)
    assert fit.knots[1] == pytest.approx(np.linspace(-0.9, 0.9, 181)[int(np.argmin(tried))], abs=0.01)


@pytest.mark.parametrize("pieces", [1, 3, 5, 9])
def test_supremum_bounds_meet_and_no_values_at_these_knots_do_better(pieces: int) -> None:
    found = best_supremum(pieces)
    assert float(found.lower.upper()) <= float(found.upper.upper()) * (1 + 1e-15)
    assert float(found.upper.upper()) <= float(found.lower.lower()) * (1 + 1e-11)
    x = np.sort(np.concatenate([np.linspace(-np.pi, np.pi, 1501), found.fit.knots]))  # the errors peak at knots
    hats = np.stack([np.interp(x, found.fit.knots, row) for row in np.eye(pieces + 1)], axis=1)
    ones = np.ones((len(x), 1))
    solved = linprog(
        [0.0] * (pieces + 1) + [1.0],
        A_ub=np.block([[hats, -ones], [-hats, -ones]]),
        b_ub=np.concatenate([np.sin(x), -np.sin(x)]),
        bounds=[(None, None)] * (pieces + 1) + [(0, None)],
    )
    assert solved.fun == pytest.approx(found.error, rel=1e-4)
    assert abs(found.fit(x) - np.sin(x)).max() <= float(found.upper.upper())


def test_three_points_bound_every_line() -> None:
    points = (0.2, 0.9, 2.0)
    bound = float(three_points(points).lower())
    s = np.array(points)
    for slope in np.linspace(-1, 1, 41):
        for shift in np.linspace(-1, 1, 41):
            assert abs(np.sin(s) - slope * s - shift).max() >= bound


@pytest.mark.parametrize("law", LAWS)
def test_every_step_is_proved_and_no_other_statement_is(law: str) -> None:
    derivation = LAWS[law]()
    derivation.check()
    for step in derivation.steps:
        for proof in step.proofs:
            with pytest.raises(ProofError):
                replace(step, right=step.right * sp.Rational(8, 7), proofs=(proof,)).check()


def test_fits_approach_the_law() -> None:
    constant = float(ball_of(sine_constant()).mid())
    ratios = [error_of(best_fit(SINE, "x", -np.pi, np.pi, n)) * n**4 / constant for n in (20, 40, 80)]
    assert abs(ratios[0] - 1) > abs(ratios[1] - 1) > abs(ratios[2] - 1)
    assert ratios[2] == pytest.approx(1, abs=0.02)
    largest = float(ball_of(sine_supremum_constant()).mid())
    sups = [best_supremum(n).error * n**2 / largest for n in (15, 31, 63)]
    assert abs(sups[0] - 1) > abs(sups[1] - 1) > abs(sups[2] - 1)
    assert sups[2] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("pieces", [0, 2, 65, 1.5])
def test_pieces_that_have_no_such_fit_are_refused(pieces: object) -> None:
    with pytest.raises(ResiduaError):
        best_supremum(pieces)

"""Ladders extrapolated: exact where the model is, with bars that hold what the next orders may do."""

import math

import numpy as np
import pytest

from residua_bridge.budgets.estimate import Floats
from residua_bridge.budgets.extrapolation import MISFIT, NEXT, Fit, fitted

from .synthetic import at_most, bound_of_spread

WIDTHS = (16.0, 32.0, 64.0, 128.0)
RUNS = 400


def fit(differences: Floats, bars: Floats, order: float | None = 1.0, widths: tuple[float, ...] = WIDTHS) -> Fit:
    sizes = [{"width": w} for w in widths]
    return fitted(sizes, differences, bars, 1e6, {"width": order}, (), 0)


def test_one_size_is_its_own_limit() -> None:
    found = fitted([{"width": 16.0}], np.array([0.3]), np.array([0.1]), 9.0, {}, (), 0)
    assert (found.limit, found.bar, found.residual) == pytest.approx((0.3, 0.1, 0.0))
    assert found.misfit == 1.0


def test_two_sizes_are_richardsons_extrapolation() -> None:
    """2 f(2n) − f(n), and the next order is left in the bar."""
    found = fit(np.array([0.11, 0.06]), np.full(2, 1e-9), widths=(16.0, 32.0))
    assert found.limit == pytest.approx(0.01, abs=0.005)
    assert found.bar > 0.1 * NEXT * 0.5 / 2


def test_a_correction_of_the_order_stated_is_taken_off() -> None:
    w = np.array(WIDTHS)
    found = fit(0.02 + 3 / w, np.full(4, 1e-7))
    assert found.limit == pytest.approx(0.02, abs=5 * found.bar)
    assert found.bar < 1e-4
    assert found.corrections["width"].value == pytest.approx(3 / 16, abs=5 * found.corrections["width"].bar)
    assert found.weights.sum() == pytest.approx(1.0)
    assert found.at({"width": 1e9}) == pytest.approx(0.02, abs=1e-4)


def test_towards_zero() -> None:
    rates = np.array([0.01, 0.02, 0.04])
    sizes = [{"rate": r} for r in rates]
    found = fitted(sizes, 0.5 + 2 * rates, np.full(3, 1e-6), 1e6, {"rate": 1.0}, ("rate",), 0)
    assert found.limit == pytest.approx(0.5, abs=5 * found.bar)


@pytest.mark.parametrize("order", [0.5, 1.0, 2.0])
def test_an_open_order_is_found_with_its_uncertainty(order: float) -> None:
    w = np.array((8.0, 16.0, 32.0, 64.0, 128.0, 256.0))
    found = fit(0.4 * (w / 8) ** -order, np.full(6, 1e-4), None, tuple(w))
    assert abs(found.orders["width"].value - order) < 2 * found.orders["width"].bar + 0.13  # a step of the exponents
    assert found.limit == pytest.approx(0.0, abs=3 * found.bar)


def model_draw(rng: np.random.Generator, bars: Floats) -> Floats:
    """A ladder whose higher orders are as large as the fit expects, of a law that is true."""
    x = 16 / np.array(WIDTHS)
    second, third = 0.1 * NEXT * rng.normal(), 0.1 * NEXT**2 * rng.normal()
    return 0.1 * x + second * x**2 + third * x**3 + bars * rng.normal(size=4)


def test_what_is_left_is_standard_normal_where_the_law_is_true() -> None:
    rng = np.random.default_rng(1)
    bars = np.array([0.004, 0.004, 0.002, 0.002])
    found = [fit(model_draw(rng, bars), bars) for _ in range(RUNS)]
    z = np.array([one.limit / one.bar for one in found])
    assert abs(z.mean()) < 5 / math.sqrt(RUNS)
    assert 1 - bound_of_spread(RUNS) - 0.1 < z.std() < 1 + bound_of_spread(RUNS)  # a tenth: wider bars for misfits
    assert sum(one.misfit < MISFIT for one in found) <= at_most(MISFIT, RUNS)


def test_the_bar_of_the_limit_is_not_that_of_the_point() -> None:
    """The correction is fitted to the same numbers: adding its bar to that of the point in squares would be wrong."""
    bars = np.full(4, 0.004)
    found = fit(0.1 * 16 / np.array(WIDTHS), bars)
    apart = math.hypot(bars[0], found.corrections["width"].bar)
    assert abs(found.bar - apart) > 0.1 * apart


def test_a_ladder_that_does_not_fit_is_noticed() -> None:
    jagged = np.array([0.1, -0.1, 0.1, -0.1])
    found = fit(jagged, np.full(4, 1e-3))
    assert found.misfit < MISFIT
    assert found.spread > 3


def test_higher_orders_than_expected_widen_the_bar_and_do_not_move_the_limit() -> None:
    w = np.array(WIDTHS)
    expected, surprising = (fit(f, np.full(4, 1e-3)) for f in (0.1 * 16 / w, 0.4 * (16 / w) ** 2))
    assert abs(surprising.limit) < 3 * surprising.bar
    assert surprising.bar > expected.bar


def test_two_sizes_that_act_together() -> None:
    sizes = [{"width": w, "batch": b} for w, b in ((16, 16), (32, 16), (64, 16), (16, 32), (16, 64), (64, 64))]
    e = np.array([0.5 / s["width"] + 2 / s["batch"] + 3 / s["width"] / s["batch"] for s in sizes])
    found = fitted(sizes, e, np.full(6, 1e-5), 1e6, {"width": 1.0, "batch": 1.0}, (), 0)
    assert found.limit == pytest.approx(0.0, abs=3 * found.bar)
    together = sum(one.value for one in found.corrections.values())
    assert together + found.limit + found.residual == pytest.approx(e[0])

"""Best pieces against rivals and other programs; floors below what is found; constants by hand."""

from math import e, sqrt

import numpy as np
import pytest
from scipy.optimize import minimize

from residua_network import ResiduaError
from residua_symbolic.domains.floats import Floats
from residua_symbolic.minimax.cell_floors import cell_floors
from residua_symbolic.minimax.piece_floors import floors
from residua_symbolic.minimax.square_pieces import best_lines, function_values
from residua_symbolic.minimax.sup_pieces import best_pieces
from residua_symbolic.minimax.targets import TARGETS

FINE = 20_001
ROUNDING = 8 * float(np.finfo(np.float64).eps)  # of f and a fit, both below 3, on the grid


def fine(name: str) -> Floats:
    target = TARGETS[name]
    return np.linspace(-target.end if target.odd else 0.0, target.end, FINE)


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("count", [1, 3, 5])
def test_certified_bounds_meet_and_are_the_error_on_a_grid(name: str, count: int) -> None:
    best = best_pieces(name, count)
    low, high = float(best.lower.lower()), float(best.upper.upper())
    assert low <= high <= low * (1 + 1e-10)
    x = fine(name)
    off = abs(function_values(TARGETS[name], x) - best.fit(x)).max()
    assert off <= high + ROUNDING
    assert off == pytest.approx(high, rel=2e-3)


@pytest.mark.parametrize(("name", "count"), [("exp(x)", 2), ("sqrt(x)", 3), ("tanh(x)", 3), ("x^(3/2)", 2)])
def test_no_rival_is_nearer(name: str, count: int) -> None:
    best = best_pieces(name, count)
    x = fine(name)
    f = function_values(TARGETS[name], x)
    random = np.random.default_rng(0)

    def error(parameters: Floats) -> float:
        knots = np.sort(np.concatenate([best.fit.knots[[0, -1]], parameters[: count - 1]]))
        return float(abs(np.interp(x, knots, parameters[count - 1 :]) - f).max())

    start = np.concatenate([best.fit.knots[1:-1], best.fit.values])
    floor = float(best.lower.lower()) - 1e-3 * best.error  # the grid's
    for _ in range(5):
        found = minimize(error, start + random.normal(0, 0.02, len(start)), method="Nelder-Mead")
        assert found.fun >= floor


def test_even_numbers_of_pieces_of_odd_functions_are_refused() -> None:
    with pytest.raises(ResiduaError, match="expected an odd number"):
        best_pieces("tanh(x)", 4)
    with pytest.raises(ResiduaError, match="pieces up to"):
        best_pieces("exp(x)", 1000)


@pytest.mark.parametrize(
    ("name", "square", "sup"),
    [
        ("exp(x)", (2.5 * (e**0.4 - 1)) ** 5 / 720, (2 * (sqrt(e) - 1)) ** 2 / 16),
        ("x^2", 1 / 180, 1 / 8),
        ("sqrt(x)", (0.25**0.4 * 2.5) ** 5 / 720, 1 / 4),
        ("x^(3/2)", (0.75**0.4 * 1.25) ** 5 / 720, (sqrt(0.75) * 4 / 3) ** 2 / 16),
    ],
)
def test_constants_by_hand(name: str, square: float, sup: float) -> None:
    found = TARGETS[name].constants
    assert float(found[0]) == pytest.approx(square, rel=1e-13)
    assert float(found[1]) == pytest.approx(sup, rel=1e-13)


@pytest.mark.parametrize("name", ["tanh(x)", "sigmoid(x) - 1/2"])
def test_constants_by_sums(name: str) -> None:
    target = TARGETS[name]
    x = (np.arange(200_000) + 0.5) / 200_000 * target.end
    bend = np.array([2.0, 0.25])[int(name != "tanh(x)")]
    half = x if name == "tanh(x)" else x / 2
    bends = bend * np.sinh(half) / np.cosh(half) ** 3
    step = target.end / 200_000
    square = (2 * np.sum(bends**0.4) * step) ** 5 / (720 * 2 * target.end)
    sup = (2 * np.sum(np.sqrt(bends)) * step) ** 2 / 16
    assert float(target.constants[0]) == pytest.approx(square, rel=1e-5)
    assert float(target.constants[1]) == pytest.approx(sup, rel=1e-5)


@pytest.mark.parametrize("name", TARGETS)
def test_targets_are_what_they_say(name: str) -> None:
    target = TARGETS[name]
    x = np.linspace(0.1, target.end, 7)
    h = 1e-4
    second = (target.value_at(x + h) - 2 * target.value_at(x) + target.value_at(x - h)) / h**2
    stated = np.array([float(target.bend_at(float(at))) for at in x])
    assert target.side * second == pytest.approx(stated, rel=1e-4, abs=1e-6)
    slope = (target.value_at(x + h) - target.value_at(x - h)) / (2 * h)
    assert target.parallel_at(slope) == pytest.approx(x, rel=1e-4)


@pytest.mark.parametrize("name", ["exp(x)", "x^2", "tanh(x)"])
def test_floors_are_below_what_is_found(name: str) -> None:
    for count in (1, 2, 5, 12):
        found = best_lines(name, count)
        floor = floors(name, count)
        assert 0 < floor.square <= found.error
        cells = cell_floors(name)[count - 1]
        assert 0.8 * found.error < cells <= found.error
        if not (TARGETS[name].odd and count % 2 == 0):
            assert floor.supremum <= float(best_pieces(name, count).upper.upper())


def test_floors_by_cells_are_below_what_random_pieces_leave() -> None:
    name = "sqrt(x)"
    x = fine(name)
    f = function_values(TARGETS[name], x)
    random = np.random.default_rng(0)
    for count in (1, 2, 3):
        floor, best = cell_floors(name, 3)[count - 1], np.inf
        for _ in range(200):
            borders = np.sort(random.uniform(0, 0.5, count - 1))
            parts = np.split(np.arange(len(x)), np.searchsorted(x, borders))
            left = sum(_left(x[part], f[part]) for part in parts if len(part) > 2)
            best = min(best, left / len(x))
        assert floor <= best * (1 + 1e-3) < 2 * floor
    with pytest.raises(ResiduaError, match="at most 64"):
        cell_floors(name, 65)


def _left(x: Floats, f: Floats) -> float:
    """By the best line."""
    return float(np.sum((np.polyval(np.polyfit(x, f, 1), x) - f) ** 2))


def test_floors_reach_the_law_from_below() -> None:
    square, sup = (float(c) for c in TARGETS["exp(x)"].constants)
    shares = [floors("exp(x)", n).square * n**4 / square for n in (10, 1000, 100_000, 10_000_000)]
    assert shares == sorted(shares)
    assert 0.99 < shares[-1] < 1
    assert 0.99 < floors("exp(x)", 10_000_000).supremum * 1e14 / sup < 1


def test_one_piece_in_the_mean_square_is_the_best_line() -> None:
    x = np.linspace(0, 1, 200_001)
    line = np.polyfit(x, np.exp(x), 1)
    assert best_lines("exp(x)", 1).error == pytest.approx(np.mean((np.polyval(line, x) - np.exp(x)) ** 2), rel=1e-4)


def test_pieces_of_a_convex_function_meet_and_those_of_tanh_by_two_do_not() -> None:
    lines = best_lines("exp(x)", 6)
    assert lines.left[1:] == pytest.approx(lines.right[:-1], abs=1e-7)
    two = best_lines("tanh(x)", 2)
    assert abs(two.left[1] - two.right[0]) > 0.1

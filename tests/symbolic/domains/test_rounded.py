"""Running error bounds against exact values, over random expressions."""

from typing import Any

import mpmath as mp
import numpy as np
import pytest

from oracles.formulas import ACTIVATIONS as BY_HAND
from oracles.formulas import exactly
from residua_symbolic.domains.floats import FUNCTIONS
from residua_symbolic.domains.rounded import STEEPEST, UNIT, Rounded, RoundedDomain

DIGITS = 60
STEPS = 8
EXPRESSIONS = 150
SECOND_ORDER = 1 + 1e-9
Exact = Any  # an object array of mpmath numbers
UNARY = {name: value for name, (value, _) in BY_HAND.items()}


def random_expression(seed: int, unit: float) -> tuple[Rounded, Exact]:
    """A value with its bound, and the same in 60 digits: sums, products, quotients, roots, functions, contractions."""
    rng = np.random.default_rng(seed)
    o = RoundedDomain(unit)
    start = rng.uniform(-2.0, 2.0, size=(2, 4))
    value, exact = o.array(start), np.array(exactly(start), dtype=object)
    first = value, exact
    for _ in range(STEPS):
        size = float(np.abs(value.value).max())
        choice = rng.choice(["add", "subtract", "multiply", "divide", "sqrt", "function", "sum", "mean", "contract"])
        if choice == "add" or size > 50:
            other = rng.uniform(-1.0, 1.0, size=(2, 4))
            value, exact = value * (1 / 64) + other, exact * mp.mpf(1) / 64 + np.array(exactly(other), dtype=object)
        elif choice == "subtract":
            value, exact = first[0] - value, first[1] - exact
        elif choice == "multiply":
            value, exact = value * first[0], exact * first[1]
        elif choice == "divide":
            value, exact = first[0] / (value * value + 0.5), first[1] / (exact * exact + mp.mpf(0.5))
        elif choice == "sqrt":
            value, exact = o.sqrt(value * value + 0.25), np.vectorize(mp.sqrt, otypes=[object])(exact * exact + 0.25)
        elif choice == "function":
            name = str(rng.choice(sorted(set(UNARY) - {"relu"})))
            value, exact = o.function(name, value), np.vectorize(UNARY[name], otypes=[object])(exact)
        elif choice == "contract":
            weight = rng.normal(size=(4, 4))
            value, exact = o.contract(weight, value), exact @ np.array(exactly(weight), dtype=object).T
        else:
            total, exact_total = value.sum(axis=-1, keepdims=True), exact.sum(axis=-1, keepdims=True)
            value = value - (total / 4 if choice == "mean" else total)
            exact = exact - (exact_total / 4 if choice == "mean" else exact_total)
    return value, exact


def contained(seed: int, unit: float) -> bool:
    with mp.workdps(DIGITS):
        value, exact = random_expression(seed, unit)
        lifted = np.array(exactly(np.asarray(value.value)), dtype=object)
        real = np.asarray(abs(lifted - exact), dtype=np.float64)
    return bool((real <= np.broadcast_to(value.error, real.shape) * SECOND_ORDER).all())


@pytest.mark.parametrize("block", range(3))
def test_the_bound_contains_the_error(block: int) -> None:
    for seed in range(block * EXPRESSIONS // 3, (block + 1) * EXPRESSIONS // 3):
        assert contained(seed, UNIT["float64"]), seed


def test_with_a_unit_too_small_it_does_not() -> None:
    assert not all(contained(seed, UNIT["float64"] / 256) for seed in range(EXPRESSIONS))


def test_the_bound_says_something() -> None:
    relative = []
    for seed in range(30):
        with mp.workdps(DIGITS):
            value, _ = random_expression(seed, UNIT["float64"])
        relative.append(float(np.max(value.error) / max(1.0, np.max(np.abs(value.value)))))
    assert np.median(relative) <= 1e4 * UNIT["float64"]


@pytest.mark.parametrize("name", sorted(STEEPEST))
def test_no_slope_is_steeper_than_stated(name: str) -> None:
    z = np.linspace(-6.0, 6.0, 4801)
    if name == "step":
        z = z[np.abs(z) > 1e-3]
    step = 1e-6
    slope = np.abs(FUNCTIONS[name](z + step) - FUNCTIONS[name](z - step)) / (2 * step)
    bound = np.broadcast_to(STEEPEST[name](z), z.shape)
    assert (slope <= bound * (1 + 1e-5) + 1e-6).all()
    assert slope.max() >= 0.9 * bound.max() or name == "step"


def test_every_function_has_a_slope() -> None:
    assert set(STEEPEST) == set(FUNCTIONS) - {"sqrt", "pi"}  # of constants


def test_monte_carlo_moves_within_the_bound_and_differs_from_run_to_run() -> None:
    def run(random: np.random.Generator | None) -> Any:
        o = RoundedDomain(1e-6, random)
        x = o.array(np.array([[0.3, -1.2, 2.0]]))
        return o.function("tanh", x * x + 0.1) / o.sqrt(o.mean(x * x))

    bounded, samples = run(None), [run(np.random.default_rng(seed)).value for seed in range(20)]
    deviations = np.abs(np.array(samples) - bounded.value)
    assert (deviations <= bounded.error * (1 + 1e-4)).all()
    assert (deviations.max(axis=0) > 0).all()
    assert (deviations.max(axis=0) >= bounded.error / 100).all()

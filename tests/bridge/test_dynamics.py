import math

import numpy as np
import pytest

from residua_bridge.budgets.judge import judged
from residua_bridge.budgets.law import Ladder
from residua_bridge.experiments.dynamics import laws
from residua_bridge.experiments.dynamics.extrapolation import extrapolated
from residua_bridge.experiments.dynamics.regression import RESOLUTION, Entry
from residua_bridge.experiments.dynamics.sources import (
    Distances,
    HalfTimes,
    Halvings,
    Mode,
    OneStep,
    Regression,
    Remainder,
)
from residua_bridge.verdict import Verdict

STEPS = Ladder({"steps": 10}, {"steps": (1, 10, 100)}, 1, RESOLUTION, 5.0)
FAST = Mode(0, 1e-3, 2.0)


def test_extrapolation_finds_the_limit_within_its_bar() -> None:
    for f in (math.exp, math.cos, lambda h: 3 + h - 7 * h**4):
        found = extrapolated([f(0.5 * 2.0**-k) for k in range(6)])
        assert abs(found.value - f(0)) <= found.bar
        assert 0 < found.bar < 1e-3
    assert extrapolated([math.sqrt(0.5 * 2.0**-k) for k in range(6)]).bar > 0.01  # no power series


def test_regression_agrees_and_a_step_too_many_does_not() -> None:
    one = Regression()
    assert judged(laws.entry_law(one), Entry(one), STEPS).verdict is Verdict.AGREE
    assert judged(laws.entry_law(one, late=1), Entry(one), STEPS).verdict is Verdict.DIFFER


@pytest.mark.parametrize(("factor", "word"), [(2.0, Verdict.AGREE), (1.0, Verdict.DIFFER)])
def test_modes(factor: float, word: Verdict) -> None:
    found = judged(laws.mode_law(FAST, factor), FAST, Ladder({"rate": 0.04}, {}, 1, 1e-4, 10.0))
    assert found.verdict is word
    assert found.budget is not None
    terms = {term.cause: term for term in found.budget.terms}
    assert abs(terms["discretisation"].value) > 0.01  # what the verdict would be without it
    assert terms["discretisation"].bar < 1e-5


@pytest.mark.parametrize(("order", "factor", "word"), [(2, 1, "agree"), (3, 1, "agree"), (2, 0.5, "differ")])
def test_remainders(order: int, factor: float, word: str) -> None:
    one = Remainder(order)
    found = judged(laws.remainder_law(one, factor), one, Ladder({"step": 0.25}, {}, 1, 1e-4, 10.0))
    assert str(found.verdict) == word


def test_one_step_leaves_what_the_formula_says() -> None:
    assert np.allclose(OneStep().draw({"width": 16}, 3, 0), 1, rtol=1e-9)


def test_half_times_are_repeatable_and_independent_by_block() -> None:
    sizes = {"variance": 0.002, "rate": 0.1, "inputs": 4.0, "hidden": 8.0}
    one, again, other = (HalfTimes().draw(sizes, 200, block) for block in (0, 0, 1))
    assert np.array_equal(one, again)
    assert not np.intersect1d(one, other).size
    law = laws.half_time_law()
    expected = law.value(sizes)
    assert abs(one.mean() - expected) < 0.1 * expected
    assert law.value({**sizes, "hidden": 2.0}) < laws.half_time_law(mean_log=False).value({**sizes, "hidden": 2.0}) + 1


def test_half_times_that_are_not_reached_have_no_value() -> None:
    sizes = {"variance": 0.002, "rate": 0.1, "inputs": 4.0, "hidden": 8.0}
    assert np.isnan(HalfTimes(patience=0.1).draw(sizes, 3, 0)).all()


def test_distances_halve_with_two_hidden_layers_and_do_better_with_one() -> None:
    two, one = (np.log(Halvings(Distances(hidden)).draw({"width": 16.0}, 96, 0)).mean() for hidden in (2, 1))
    assert -1.3 < two < -0.5  # log 1/2 = −0.69
    assert one < two - 0.2

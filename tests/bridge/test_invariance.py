"""The experiments of the study on invariance, small, and with laws that are wrong."""

import math
from typing import Any

import numpy as np
import pytest

from residua_bridge.experiments.invariance import rotation as invariance_rotation
from residua_bridge.experiments.invariance import scale as invariance_scale
from residua_bridge.experiments.invariance import smoothness as invariance_smoothness
from residua_bridge.experiments.invariance.models import Case, hessian_times_weights, passed
from residua_bridge.experiments.invariance.rates import BEHIND, PLAIN, RATES, Rates
from residua_bridge.experiments.invariance.rotation import Angles, fluctuation, walk
from residua_bridge.experiments.invariance.scale import EPSILON, ScaleInvariance
from residua_bridge.experiments.invariance.smoothness import SMOOTH, Smoothness
from residua_bridge.findings import Section
from residua_bridge.study import By, Settings, study_named
from residua_symbolic import invariance

SMALL = Smoothness("x", "x", (), ("tanh",), (0.0, 0.1), (0.125, 8.0), By(2, 2))
SCALE = ScaleInvariance("x", "x", (), (0.0, 1e-2), By(2, 2))


def words(section: Section) -> list[str]:
    return [v.verdict for v in section.verdicts]


def table(section: Section, title: str) -> Any:
    return next(t for t in section.tables if t.title == title).rows


def test_the_equality_agrees_and_notices_what_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    section = SMALL.run(Settings()).section
    assert words(section) == ["agree"]
    assert [row[2] == row[3] for row in table(section, SMOOTH)] == [True, True]
    assert table(section, SMOOTH)[0][2] > table(section, SMOOTH)[1][2]
    monkeypatch.setattr(
        invariance_smoothness,
        "squared_gradient",
        lambda g, xhat, s, gamma, eps: invariance.squared_gradient(g, xhat, s, gamma, 0.0),
    )
    assert words(SMALL.run(Settings()).section) == ["differ"]


def test_the_invariances_agree_and_eps_breaks_them(monkeypatch: pytest.MonkeyPatch) -> None:
    section = SCALE.run(Settings()).section
    assert set(words(section)) == {"agree"}
    (zero, some) = table(section, EPSILON)
    assert zero[2] < 1e-12
    assert some[2] == pytest.approx(some[1], rel=1e-6)
    assert some[2] > 1e-3
    monkeypatch.setattr(invariance_scale, "leak", lambda *given: 1.01 * invariance.leak(*given))
    assert "differ" in words(SCALE.run(Settings()).section)


def test_the_inner_product_that_is_not_zero_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same experiment on models with an ε that nobody speaks of."""
    monkeypatch.setattr(invariance_scale, "passed", lambda case: passed(Case(case.kind, eps=1e-6, seed=case.seed)))
    assert words(SCALE.run(Settings()).section)[0] == "differ"


def test_hessian_times_weights_by_differences() -> None:
    case = Case("batchnorm")
    gradient, product = hessian_times_weights(case)
    assert gradient + product == pytest.approx(np.zeros_like(gradient), abs=1e-10)
    assert np.abs(gradient).max() > 1e-2
    assert gradient == pytest.approx(passed(case).at_weights)
    twice = passed(Case("batchnorm", scale=2.0)).at_weights
    assert twice == pytest.approx(gradient / 2)


def test_rates() -> None:
    section = Rates("x", "x", (), (0.5, 1.1), (1.0, 1e4), By(200, 200)).run(Settings()).section
    slow, fast = table(section, BEHIND)
    assert slow[1] < 1 < fast[1]
    assert slow[3] < slow[2] < 4 < fast[3]  # what no normaliser follows has a bound
    assert words(section) == ["agree", "agree"]
    slow, fast = table(section, PLAIN)
    assert slow[4] < slow[3]
    assert fast[4] > fast[3]
    (_, far) = table(section, RATES)
    assert far[3] < far[1]
    assert far[2] <= 4
    assert far[7] > 1e6 * far[5]


def test_rotation_telescopes_and_an_eps_breaks_it() -> None:
    exact = invariance_rotation._telescoped({0.1: walk(0.1, seed=1)})
    assert str(exact.verdict) == "agree"
    broken = invariance_rotation._telescoped({0.1: walk(0.1, seed=1, eps=1e-4)})
    assert str(broken.verdict) == "differ"


def test_angles_and_their_fluctuation() -> None:
    angles = Angles().draw({"rate": 0.1}, 6, 0)
    assert not np.any(angles == Angles().draw({"rate": 0.1}, 6, 1))
    assert angles.mean() == pytest.approx(math.sqrt(0.2), rel=0.1)
    assert fluctuation(0.2).value < -3 * fluctuation(0.2).bar  # Jensen


def test_the_study_is_found() -> None:
    assert study_named("invariance").title.startswith("What batch normalisation")

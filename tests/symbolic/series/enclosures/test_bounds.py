"""Bounds of derivatives: proved, and refused when wrong."""

from dataclasses import replace

import flint
import pytest

from residua_symbolic.derivation import ProofError
from residua_symbolic.domains.balls import precision
from residua_symbolic.series.enclosures import bound_proofs, bounds
from residua_symbolic.series.enclosures.bound_proofs import bound_derivations

every = pytest.mark.parametrize("name", sorted(bounds.BOUNDS))
NOT_WHERE_IT_HAS_NO_BOUND = {"log": (0, 1), "tan": (1, 2)}


def check_all() -> None:
    for derivation in bound_derivations():
        derivation.check()


@pytest.mark.parametrize("derivation", bound_derivations(), ids=lambda d: d.title)
def test_every_bound_is_derived_and_its_steps_hold(derivation: bound_proofs.BoundDerivation) -> None:
    derivation.check()
    assert "\\le" in derivation.latex()


def test_every_function_with_a_bound_has_a_derivation() -> None:
    titles = {derivation.title.split()[-1] for derivation in bound_derivations()}
    assert titles == {*bounds.BOUNDS, "powers"}


@every
def test_a_bound_divided_by_one_factor_too_many_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right = bounds.BOUNDS[name]
    monkeypatch.setitem(bounds.BOUNDS, name, lambda over, k: right(over, k) / (k + 1))
    with pytest.raises(ProofError):
        check_all()


def test_a_bound_of_powers_one_order_off_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    right = bounds.power_derivative
    monkeypatch.setattr(bounds, "power_derivative", lambda a, over, k: right(a, over, k + 1))
    with pytest.raises(ProofError):
        check_all()


def test_a_smaller_constant_than_cramers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bound_proofs, "K", bound_proofs.K * 9 / 10)
    with pytest.raises(ProofError, match="Cramér"):
        check_all()


@pytest.mark.parametrize("name", sorted(NOT_WHERE_IT_HAS_NO_BOUND))
def test_across_a_singularity_there_is_no_bound(name: str) -> None:
    low, high = NOT_WHERE_IT_HAS_NO_BOUND[name]
    over = flint.arb(low).union(flint.arb(high))
    assert not bounds.derivative(name, over, 3).is_finite()
    assert not bounds.values(name, over).is_finite()


@every
def test_of_an_argument_without_bounds_nothing_is_said(name: str) -> None:
    assert not bounds.derivative(name, bounds.UNBOUNDED, 3).is_finite()
    assert not bounds.values(name, bounds.UNBOUNDED).is_finite()


@every
def test_values_on_an_interval_hold_those_at_its_points(name: str) -> None:
    with precision():
        over = flint.arb("0.25").union(flint.arb("1.25"))
        inside = bounds.values(name, over)
        for point in ("0.25", "0.5", "1", "1.25"):
            at = bounds.VALUES[name](flint.arb(point))
            assert inside.lower() <= at.upper()
            assert at.lower() <= inside.upper()


def test_whole_powers_of_balls_around_zero() -> None:
    ball = bounds.whole_power(flint.arb(0, 2), 3)
    assert ball.contains(8)
    assert ball.contains(-8)
    assert not ball.contains(9)
    assert bounds.whole_power(flint.arb(5), 0) == 1


def test_roots_begin_at_zero_and_not_before() -> None:
    half = flint.fmpq(1, 2)
    assert bounds.power_values(half, flint.arb(0).union(flint.arb(4))).contains(2)
    assert not bounds.power_values(half, flint.arb(-1).union(flint.arb(4))).is_finite()
    assert not bounds.power_values(-half, flint.arb(0).union(flint.arb(4))).is_finite()


@pytest.mark.parametrize("derivation", bound_derivations(), ids=lambda d: d.title)
def test_every_step_is_about_the_bound_that_is_printed(derivation: bound_proofs.BoundDerivation) -> None:
    for step in derivation.steps:
        if step.proofs:
            with pytest.raises(ProofError):
                replace(step, right=step.right / 2).check()
    last = derivation.steps[-1]  # a bound that is larger than the code's is not the code's
    with pytest.raises(ProofError):
        replace(last, right=last.right * 4).check()

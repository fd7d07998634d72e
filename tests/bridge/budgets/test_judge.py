"""Verdicts on sources whose truth is known: how often each is given, the words, and budgets that add up."""

import math
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

import numpy as np
import pytest

from residua_bridge.budgets.estimate import Floats
from residua_bridge.budgets.judge import judged
from residua_bridge.budgets.law import Ladder, Law, Sizes
from residua_bridge.verdict import Budget, Discrepancy, Term, Uncertain, Verdict
from residua_network import ResiduaError

from .synthetic import Noisy, at_least, at_most, bound_of_spread, gaussian, heavy, lognormal, student

RUNS = 60
WIDTHS = {"width": (16.0, 32.0, 64.0, 128.0)}
DEPTHS = {"depth": (5.0, 10.0, 20.0, 40.0)}


def one(sizes: Sizes) -> float:
    return 1.0


def falling(sizes: Sizes) -> float:
    """(n)/(n − 3): 1 + 3/n + 9/n² + …"""
    return sizes["width"] / (sizes["width"] - 3)


def law(value: Callable[[Sizes], float] = one, **more: Any) -> Law:
    return Law("the gain is $1$", "gain", value, **more)


def runs(the_law: Law, mean: Callable[[Sizes], float], noise: Any, ladder: Ladder, **more: Any) -> list[Discrepancy]:
    return [judged(the_law, Noisy(mean, noise, seed), ladder, **more) for seed in range(RUNS)]


def words(found: list[Discrepancy]) -> Counter[str]:
    return Counter(str(d.verdict) for d in found)


def left(found: list[Discrepancy]) -> Floats:
    """What is unexplained, in its bars."""
    return np.array([d.budget.unexplained.value / d.budget.unexplained.bar for d in found if d.budget])


AT_ONE = Ladder({"width": 64}, repetitions=64, resolution=0.02)


@pytest.mark.parametrize("noise", [gaussian, lognormal, heavy, student])
def test_a_true_law_agrees(noise: Any) -> None:
    found = runs(law(), one, noise, AT_ONE)
    assert words(found)["agree"] >= at_least(0.9, RUNS)
    assert words(found)["differ"] <= at_most(0.05, RUNS)
    assert all(d.explained for d in found if d.verdict is Verdict.AGREE)


@pytest.mark.parametrize("noise", [gaussian, lognormal, heavy])
@pytest.mark.parametrize("factor", [0.9, 0.98, 1.02, 1.1])
def test_a_factor_that_is_off_by_the_resolution_or_more_differs(noise: Any, factor: float) -> None:
    found = words(runs(law(lambda s: factor), one, noise, AT_ONE))
    assert found["differ"] >= at_least(0.95, RUNS)
    assert found["agree"] <= at_most(0.01, RUNS)


def test_the_geometric_mean_is_not_the_arithmetic_one() -> None:
    right = runs(law(lambda s: math.exp(-0.125)), one, lognormal, AT_ONE, statistic="geometric mean")
    wrong = runs(law(), one, lognormal, AT_ONE, statistic="geometric mean")
    assert words(right)["agree"] >= at_least(0.9, RUNS)
    assert words(wrong)["differ"] == RUNS


def test_the_rest_of_a_true_exact_law_is_standard_normal() -> None:
    """With as many repetitions as the first look has: those that go on are chosen by what they showed."""
    z = left(runs(law(), one, gaussian, Ladder({"width": 64}, looks=1)))
    assert abs(z.mean()) < 4.4 / math.sqrt(RUNS)
    assert abs(z.std() - 1) < bound_of_spread(RUNS)


@pytest.mark.parametrize("mean", [one, falling, lambda s: math.exp(-4 / s["width"])], ids=["none", "n/(n−3)", "exp"])
def test_an_asymptotic_law_agrees_by_its_limit(mean: Callable[[Sizes], float]) -> None:
    found = runs(law(limits={"width": 1}), mean, gaussian, Ladder({"width": 64}, WIDTHS))
    assert words(found)["agree"] >= at_least(0.9, RUNS)
    assert words(found)["differ"] + words(found)["only at this scale"] <= at_most(0.05, RUNS)
    z = left(found)
    assert abs(z.mean()) < 4.4 / math.sqrt(RUNS)
    assert z.std() < 1 + bound_of_spread(RUNS)  # narrower: the bar holds higher orders that these ladders have not


@pytest.mark.parametrize("off", [0.02, -0.05])
def test_a_wrong_limit_is_found(off: float) -> None:
    found = words(runs(law(lambda s: 1 + off, limits={"width": 1}), falling, gaussian, Ladder({"width": 64}, WIDTHS)))
    assert found["differ"] + found["only at this scale"] >= at_least(0.95, RUNS)
    assert found["agree"] == 0


def test_a_limit_claimed_at_a_finite_size_differs() -> None:
    found = words(runs(law(), falling, gaussian, Ladder({"width": 64})))
    assert found["differ"] >= at_least(0.95, RUNS)


def test_a_law_that_breaks_beyond_some_depth() -> None:
    def breaking(sizes: Sizes) -> float:
        return 1.02 if sizes["depth"] > 20 else 1.0

    found = runs(law(), breaking, gaussian, Ladder({"depth": 5}, DEPTHS))
    assert words(found)["only at this scale"] >= at_least(0.7, RUNS)  # the point itself lies within in 90 % of runs
    assert words(found)["differ"] + words(found)["only at this scale"] >= at_least(0.95, RUNS)
    assert "at depth 40" in next(d.reason for d in found if d.verdict is Verdict.ONLY_AT_THIS_SCALE)
    assert words(runs(law(), one, gaussian, Ladder({"depth": 5}, DEPTHS)))["agree"] >= at_least(0.9, RUNS)


def test_a_wrong_exponent_along_a_ladder() -> None:
    ladder = Ladder({"depth": 5}, DEPTHS)
    found = words(runs(law(lambda s: (s["depth"] / 5) ** 0.5), lambda s: (s["depth"] / 5) ** 0.52, gaussian, ladder))
    assert found["differ"] + found["only at this scale"] >= at_least(0.95, RUNS)
    assert found["agree"] == 0


def test_a_drift_that_has_no_limit() -> None:
    found = words(
        runs(
            law(limits={"width": 1}),
            lambda s: 1 + 0.03 * math.log(s["width"] / 64),
            gaussian,
            Ladder({"width": 64}, WIDTHS),
        )
    )
    assert found["only at this scale"] >= at_least(0.7, RUNS)
    assert found["differ"] + found["only at this scale"] >= at_least(0.95, RUNS)


def test_a_single_size_never_agrees_with_an_asymptotic_law() -> None:
    for seed in range(10):
        d = judged(law(limits={"width": 1}), Noisy(one, seed=seed), Ladder({"width": 64}))
        assert d.verdict is Verdict.INCONCLUSIVE
        assert "a ladder in it would tell" in d.reason


def test_approximations_explain_and_never_agree() -> None:
    causes = {"finite batch": lambda s: 0.1, "edge layers": lambda s: Uncertain(-0.06, 0.001)}
    popular = law(causes=causes, approximations=("finite batch", "edge layers"))
    found = runs(popular, lambda s: 1.04, gaussian, AT_ONE)
    assert words(found)["differ"] >= at_least(0.95, RUNS)
    assert words(found)["agree"] == 0
    assert sum(d.explained for d in found) >= at_least(0.9, RUNS)
    assert not any(d.explained for d in runs(popular, lambda s: 1.2, gaussian, AT_ONE))
    assert words(runs(law(causes=causes), lambda s: 1.04, gaussian, AT_ONE))["agree"] >= at_least(0.9, RUNS)


def test_what_is_known_of_a_finite_size_is_not_counted_twice() -> None:
    """Known: 3/n of 3/n + 1/n². What the ladder adds is the rest, and nothing is left."""

    def known(sizes: Sizes) -> float:
        return 3 / sizes["width"]

    def mean(sizes: Sizes) -> float:
        return 1 + 3 / sizes["width"] + 1 / sizes["width"] ** 2

    for approximations in ((), ("finite width",)):
        d = judged(
            law(limits={"width": 1}, causes={"finite width": known}, approximations=approximations),
            Noisy(mean),
            Ladder({"width": 64}, WIDTHS),
        )
        assert d.budget is not None
        terms = {term.cause: term for term in d.budget.terms}
        assert terms["finite width"].value == known({"width": 64})
        assert abs(terms["finite width, further"].value) < 4 * terms["finite width, further"].bar + 0.002
        assert abs(d.budget.unexplained.value) < 4 * d.budget.unexplained.bar
        assert d.explained
        assert set(d.causes) == set(terms)


def test_a_cause_that_is_not_there_shows_where_the_law_agrees() -> None:
    invented = law(causes={"edge layers": lambda s: 0.1}, approximations=("edge layers",))
    d = judged(invented, Noisy(), Ladder({"width": 64}, resolution=0.02))
    assert d.verdict is Verdict.AGREE
    assert not d.explained
    assert d.budget is not None
    assert d.budget.unexplained.value == pytest.approx(-0.1, abs=0.02)


def test_a_budget_that_does_not_add_up_is_refused() -> None:
    terms = (Term("finite width", 0.25, 0.0, "known"), Term("sampling", 0.0, 0.1, "measured"))
    Budget(1.0, Uncertain(1.0, 0.1), terms, Uncertain(-0.25, 0.1))
    Budget(1.0, Uncertain(math.nan, 0.1), terms, Uncertain(math.nan, 0.1))
    for unexplained in (0.25, 0.0, -0.2500001):
        with pytest.raises(ResiduaError, match="expected terms that add up to the measured 1"):
            Budget(1.0, Uncertain(1.0, 0.1), terms, Uncertain(unexplained, 0.1))


def test_the_budget_adds_up() -> None:
    causes = {"edge layers": lambda s: 0.2, "truncation": lambda s: -0.1}
    cases = [
        (law(causes=causes, approximations=("truncation",)), Ladder({"width": 64})),
        (law(causes=causes, limits={"width": 1}), Ladder({"width": 64}, WIDTHS)),
        (law(limits={"width": None}), Ladder({"width": 64}, WIDTHS, looks=2)),
        (law(limits={"width": 1}), Ladder({"width": 64, "depth": 5}, {**WIDTHS, "depth": (5.0, 10.0)}, looks=3)),
    ]
    for the_law, ladder in cases:
        b = judged(the_law, Noisy(falling), ladder).budget
        assert b is not None
        assert b.predicted == 1.0
        total = b.predicted + sum(term.value for term in b.terms) + b.unexplained.value
        assert total == pytest.approx(b.measured.value, rel=1e-12)
        assert all(term.bar >= 0 and term.how for term in b.terms)


def test_terms_by_name() -> None:
    b = judged(law(limits={"width": 1}), Noisy(falling), Ladder({"width": 64}, WIDTHS)).budget
    assert b is not None
    terms = {term.cause: term for term in b.terms}
    assert list(terms) == ["finite width", "sampling", "rounding"]
    truth = 64 / 61 - 1
    assert abs(terms["finite width"].value - truth) < 4 * terms["finite width"].bar
    assert "16, 32, 64, 128" in terms["finite width"].how


class Rounded:
    """Draws that lose 2e-3 in 24 bits; the same in both precisions where `repeated`."""

    def __init__(self, repeated: bool) -> None:
        self.repeated = repeated

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        seed = block if self.repeated else 1000 * block + int(sizes["precision"])
        found = gaussian(np.random.default_rng(seed), repetitions)
        return found * (1.002 if sizes["precision"] < 53 else 1.0)


@pytest.mark.parametrize("repeated", [True, False])
def test_rounding_is_seen_where_draws_are_repeated_in_another_precision(repeated: bool) -> None:
    ladder = Ladder({"width": 16, "precision": 24}, {"precision": (24, 53)})
    b = judged(law(), Rounded(repeated), ladder).budget
    assert b is not None
    rounding = next(term for term in b.terms if term.cause == "rounding")
    if repeated:
        assert rounding.value == pytest.approx(0.002, abs=5 * rounding.bar)
        assert rounding.bar < 1e-4
    else:
        assert rounding.value == 0.0
        assert "not the same draws" in rounding.how


class Bad:
    """One value in a hundred is not a number."""

    def __init__(self, bad: float) -> None:
        self.bad = bad

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        found = np.ones(repetitions)
        found[0] = self.bad
        return found


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("ladder", [Ladder({"width": 64}), Ladder({"width": 64}, WIDTHS)])
def test_what_is_not_a_number_is_said(bad: float, ladder: Ladder) -> None:
    d = judged(law(limits={"width": 1} if ladder.along else {}), Bad(bad), ladder)
    assert d.verdict is Verdict.INCONCLUSIVE
    assert "1 of 64 repetitions at width" in d.reason
    assert "not finite" in d.reason


def test_one_size_that_is_not_a_number_is_enough() -> None:
    broken = Noisy(lambda s: math.nan if s["width"] == 32 else 1.0)
    d = judged(law(limits={"width": 1}), broken, Ladder({"width": 64}, WIDTHS))
    assert d.verdict is Verdict.INCONCLUSIVE
    assert "64 of 64 repetitions at width 32 are not finite" in d.reason


@pytest.mark.parametrize("unit", [1024.0, 2.0**-20])
def test_units_do_not_matter(unit: float) -> None:
    """Powers of two change no digit: everything scales."""
    plain = judged(law(limits={"width": 1}), Noisy(falling), Ladder({"width": 64}, WIDTHS)).budget
    scaled = judged(
        law(lambda s: unit, limits={"width": 1}), Noisy(lambda s: unit * falling(s)), Ladder({"width": 64}, WIDTHS)
    ).budget
    assert plain is not None
    assert scaled is not None
    assert scaled.unexplained.value == pytest.approx(unit * plain.unexplained.value)
    assert scaled.unexplained.bar == pytest.approx(unit * plain.unexplained.bar)
    assert [t.bar for t in scaled.terms] == pytest.approx([unit * t.bar for t in plain.terms])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_prediction_that_is_not_a_number_never_agrees(value: float) -> None:
    d = judged(law(lambda s: value), Noisy(), Ladder({"width": 64}))
    assert d.verdict is Verdict.INCONCLUSIVE
    assert "the prediction at width 64 is not finite" in d.reason


def test_heavy_tails_are_said() -> None:
    def cauchy(rng: np.random.Generator, size: int) -> Floats:
        return np.asarray(abs(rng.standard_cauchy(size)))

    d = judged(law(), Noisy(noise=cauchy), Ladder({"width": 64}, looks=3))
    assert d.verdict is Verdict.INCONCLUSIVE
    assert "heavy tails" in d.reason
    assert judged(law(), Noisy(noise=cauchy), Ladder({"width": 64}, looks=9), "median").verdict is not Verdict.DIFFER


def test_what_it_would_take_is_enough() -> None:
    d = judged(law(), Noisy(noise=lognormal), Ladder({"width": 64}, looks=1))
    assert d.verdict is Verdict.INCONCLUSIVE
    needed = int(d.reason.split("about ")[1].split()[0])
    assert 5_000 < needed < 100_000  # (4 × 0.53 / 0.01)² = 45,000
    assert judged(law(), Noisy(noise=lognormal), Ladder({"width": 64}, repetitions=2 * needed)).verdict is Verdict.AGREE


def test_sizes_are_added_where_the_extrapolation_needs_them() -> None:
    short = Ladder({"width": 16}, {"width": (16, 32)})
    d = judged(law(limits={"width": 1}), Noisy(falling), short)
    assert d.verdict is Verdict.INCONCLUSIVE
    assert "the extrapolation needs sizes up to about width" in d.reason
    longer = Ladder({"width": 16}, {"width": (16, 32)}, further={"width": (64, 128, 256)})
    d = judged(law(limits={"width": 1}), Noisy(falling), longer)
    assert d.verdict is Verdict.AGREE
    assert d.budget is not None
    assert max(r.sizes["width"] for r in d.budget.rungs) > 32


def test_work_goes_where_it_tells_most() -> None:
    """Neyman: the more a repetition costs, the fewer of them."""

    class Costly(Noisy):
        def cost(self, sizes: Sizes) -> float:
            return sizes["width"] ** 3

    plain, costly = (
        judged(law(limits={"width": 1}), source, Ladder({"width": 16}, WIDTHS, resolution=0.005)).budget
        for source in (Noisy(falling), Costly(falling))
    )
    assert plain is not None
    assert costly is not None
    share = [{r.sizes["width"]: r.repetitions for r in b.rungs} for b in (plain, costly)]
    assert share[1][128.0] / share[1][32.0] < share[0][128.0] / share[0][32.0] / 2


class Slow(Noisy):
    """Takes some 20 µs a repetition, and states `stated` ns."""

    stated = 20_000.0

    def cost(self, sizes: Sizes) -> float:
        return self.stated

    def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
        for _ in range(repetitions):
            sum(range(2000))
        return super().draw(sizes, repetitions, block)


class Slower(Slow):
    """Ten times what it states."""

    stated = 2_000.0


@pytest.mark.parametrize(("source", "clock"), [(Slow, None), (Slower, 0.02)])
def test_the_allotment_is_kept(source: type[Slow], clock: float | None) -> None:
    d = judged(law(), source(noise=lognormal), Ladder({"width": 64}, seconds=0.02, repetitions=32, clock=clock))
    assert d.verdict is Verdict.INCONCLUSIVE
    assert d.budget is not None
    assert 100 < d.budget.rungs[0].repetitions < 4000


def test_the_allotment_is_counted_by_cost_and_not_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """0.02 s at 20 µs are a thousand repetitions, however fast time goes by."""
    ladder = Ladder({"width": 16}, WIDTHS, seconds=0.02, repetitions=32, resolution=0.005)
    found = [judged(law(limits={"width": 1}), Slow(falling, lognormal), ladder)]
    for step in (0.0, 1.0):
        times = count(0.0, step)
        monkeypatch.setattr("time.process_time", lambda times=times: next(times))
        found.append(judged(law(limits={"width": 1}), Slow(falling, lognormal), ladder))
    assert found[0].budget is not None
    assert 750 < sum(r.repetitions for r in found[0].budget.rungs) <= 1004
    assert found[0].budget == found[1].budget == found[2].budget
    assert found[0].verdict == found[1].verdict == found[2].verdict


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan])
def test_a_cost_that_cannot_be_is_refused(bad: float) -> None:
    class Wrong(Slow):
        stated = bad

    with pytest.raises(ResiduaError, match="cost of a repetition"):
        judged(law(), Wrong(), Ladder({"width": 64}))


def test_a_deterministic_source_is_met_within_rounding() -> None:
    class Exact:
        def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
            return np.full(repetitions, 1 / 3)

    ladder = Ladder({"steps": 10}, {"steps": (10, 20, 40)}, repetitions=1)
    assert judged(law(lambda s: 1 / 3), Exact(), ladder).verdict is Verdict.AGREE
    assert judged(law(lambda s: 0.33333), Exact(), ladder).verdict is Verdict.DIFFER


def test_every_block_is_another_one() -> None:
    seen: list[int] = []

    class Noted(Noisy):
        def draw(self, sizes: Sizes, repetitions: int, block: int) -> Floats:
            seen.append(block)
            return super().draw(sizes, repetitions, block)

    judged(law(limits={"width": 1}), Noted(falling), Ladder({"width": 64}, WIDTHS))
    assert len(seen) == len(set(seen)) > 4


def test_the_same_run_twice_gives_the_same() -> None:
    first, second = (judged(law(limits={"width": 1}), Noisy(falling), Ladder({"width": 64}, WIDTHS)) for _ in range(2))
    assert first.budget == second.budget

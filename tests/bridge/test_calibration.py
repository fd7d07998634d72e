"""Trials of verdicts: repeatable, resumable, and the gates notice a rule that is wrong."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from residua_bridge.budgets import judge
from residua_bridge.budgets.estimate import estimate
from residua_bridge.budgets.judge import Word
from residua_bridge.experiments.calibration import tables as calibration_tables
from residua_bridge.experiments.calibration import trials as calibration_trials
from residua_bridge.experiments.calibration.laws import TRUE_LAWS, WRONG_LAWS, log_linear, log_relu, tanh_slopes
from residua_bridge.experiments.calibration.tables import CalibrationTrials
from residua_bridge.experiments.calibration.trials import (
    FULL_COUNT,
    FULL_RUN,
    TRUE_COUNT,
    WRONG_COUNT,
    Share,
    Trial,
    full_run,
    gates,
    planned,
    power,
    sources,
    trial,
)
from residua_bridge.study import By, Settings
from residua_bridge.verdict import Verdict

QUICK_TRUE = (4, 5, 12, 13)  # those that take least
QUICK_WRONG = tuple(TRUE_COUNT + k for k in (3, 8, 16, 18))


def made(verdict: str, count: int, fault: str = "", off: float = 8.0) -> list[Trial]:
    return [Trial(k, "law", fault, verdict, 1.0, off if fault else 0.0, 0.9, "64", 1.0) for k in range(count)]


def passed(trials: list[Trial]) -> list[bool]:
    return [gate.passed for gate in gates(trials)]


def test_counts_are_those_of_the_issue() -> None:
    assert (TRUE_COUNT, WRONG_COUNT) == (200, 60)
    assert TRUE_COUNT % len(TRUE_LAWS) == 0
    assert WRONG_COUNT % len(WRONG_LAWS) == 0
    assert len({law.fault for law in WRONG_LAWS}) == 8


def test_a_trial_is_repeated_by_its_number_and_others_have_other_seeds() -> None:
    first, again, other = trial(13), trial(13), trial(13, 30_000)
    assert replace(first, seconds=0.0) == replace(again, seconds=0.0)
    assert first.off != other.off


def test_true_laws_agree_and_far_wrong_ones_are_caught() -> None:
    right = [trial(k, 40_000) for k in QUICK_TRUE]
    wrong = [trial(k, 40_000) for k in QUICK_WRONG]
    assert [t.verdict for t in right] == [Verdict.AGREE] * len(right)
    assert all(t.expected_off > 4 and t.power > 0.94 for t in wrong)
    assert all(t.verdict in ("differ", "only at this scale") for t in wrong)
    assert passed([*right, *wrong]) == [True] * 4


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (Verdict.AGREE, [True, True, False, False]),
        (Verdict.DIFFER, [False, False, True, True]),
        (Verdict.INCONCLUSIVE, [False, True, False, True]),
    ],
)
def test_a_rule_that_always_says_the_same_fails(
    word: Verdict, expected: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "_word", lambda *_, **__: Word(word, "planted"))
    assert passed([trial(k) for k in (*QUICK_TRUE * 2, *QUICK_WRONG)]) == expected


def test_bars_that_are_too_small_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard errors of which three quarters are forgotten."""
    from residua_bridge.budgets import sampling

    monkeypatch.setattr(sampling, "estimate", lambda *a: replace(estimate(*a), bar=estimate(*a).bar / 4))
    found = [trial(k) for k in (*QUICK_TRUE, *(k + len(TRUE_LAWS) for k in QUICK_TRUE))]
    assert passed([*found, *made("differ", 9, "a factor")])[:2] == [False, False]


def test_gates_at_their_limits() -> None:
    far = made("differ", 57, "x") + made("inconclusive", 3, "x")
    assert passed(made("agree", 180) + made("inconclusive", 20) + far) == [True] * 4
    assert passed(made("agree", 179) + made("inconclusive", 21) + far)[0] is False
    assert passed(made("agree", 184) + made("differ", 16) + far)[1] is True  # 8 %: 5 % within the binomial error
    assert passed(made("agree", 180) + made("differ", 20) + far)[1] is False
    assert passed(made("agree", 200) + far + made("inconclusive", 1, "x"))[2] is False
    assert passed(made("agree", 200) + far + made("agree", 1, "x"))[3] is False
    assert passed(made("agree", 200) + far + made("agree", 20, "x", off=3.9)) == [True] * 4
    assert passed([]) == [False] * 4


def test_intervals_are_clopper_and_pearsons() -> None:
    np.testing.assert_allclose(Share(0, 20).interval, (0.0, 1 - 0.025 ** (1 / 20)))
    np.testing.assert_allclose(Share(190, 200).interval, (0.9100, 0.9758), atol=1e-4)


def test_power_is_that_of_a_normal_number_at_the_deciding_look() -> None:
    beyond = norm.isf(0.0185 / 2)
    assert power(4.0, 1) == pytest.approx(norm.sf(beyond - 4) + norm.cdf(-beyond - 4))
    assert power(4.0, 1) == pytest.approx(0.95, abs=1e-3)
    assert power(0.0, 1) == pytest.approx(0.0185)
    assert power(4.0, 3) < power(4.0, 1)


def test_what_is_known_of_a_wrong_law_before_its_trial() -> None:
    """Factors 1.01 and 1.03 for 1 at a resolution of 2 %, and from networks where the truth has no formula."""
    assert planned(0).off == pytest.approx(0.01 / 1.01 / 0.005, rel=1e-3)
    assert planned(1).off == pytest.approx(0.03 / 1.03 / 0.005, rel=1e-3)
    unknown = next(k for k, law in enumerate(WRONG_LAWS) if law.truth is None)
    assert planned(unknown).off > 4


def test_closed_forms_against_simulation() -> None:
    rng, count = np.random.default_rng(0), 200_000
    k = rng.binomial(6, 0.5, count)
    logs = np.log(2 / 6 * rng.chisquare(k[k > 0]))
    assert abs(logs.mean() - log_relu(6, 1)) < 5 * logs.std() / math.sqrt(count)
    logs = np.log(rng.chisquare(6, count) / 6)
    assert abs(logs.mean() - log_linear(6, 1)) < 5 * logs.std() / math.sqrt(count)
    z = rng.normal(size=count) * math.sqrt(2)
    slopes = 2 * (1 - np.tanh(z) ** 2) ** 2
    assert abs(slopes.mean() - tanh_slopes(1, frozen=False)) < 5 * slopes.std() / math.sqrt(count)
    assert tanh_slopes(2, frozen=False) > tanh_slopes(2, frozen=True)


def test_a_full_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration_trials, "CHUNK", 2)
    seen: list[int] = []

    def quick(number: int) -> Trial:
        seen.append(number)
        return replace(made("agree", 1)[0], number=number)

    monkeypatch.setattr(calibration_trials, "trial", quick)
    log, out = tmp_path / "log.jsonl", tmp_path / "out.json"
    full_run(log, 4, out)
    full_run(log, 5, out)
    assert seen == [0, 1, 2, 3, 4]
    record = json.loads(out.read_text())
    assert [t["number"] for t in record["trials"]] == seen
    assert record["sources"] == sources()
    monkeypatch.setattr(calibration_trials, "sources", lambda: "other code")
    full_run(log, 2, out)
    assert seen[5:] == [0, 1]  # trials of other code do not count


def test_the_experiment_shows_the_kept_run_beside_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [replace(t, number=k) for k, t in enumerate(made("agree", TRUE_COUNT) + made("differ", WRONG_COUNT, "x"))]
    versions = {"date": "2026-01-01", "sources": "old", "torch": "1", "numpy": "1"}
    monkeypatch.setattr(calibration_trials, "FULL_RUN", tmp_path / "kept.json")
    shown = CalibrationTrials("c", "Trials", ("prose",), By((13, TRUE_COUNT + 8), ()))
    alone = shown.run(Settings("quick")).section
    assert "No full run is kept" in " ".join(alone.prose)
    assert alone.verdicts == ()
    from dataclasses import asdict

    calibration_trials.FULL_RUN.write_text(json.dumps({**versions, "trials": [asdict(t) for t in kept]}))
    section = shown.run(Settings("quick")).section
    assert "an earlier state of the code" in " ".join(section.prose)
    assert [v.verdict for v in section.verdicts] == ["agree"] * 4
    tables = {table.title: table for table in section.tables}
    assert tables["What is asked of the verdicts"].rows[0][1].startswith("200 of 200")  # type: ignore[union-attr]
    assert len(tables["Trials of this report"].rows) == 2
    assert calibration_tables.SHOWN > 4


def test_the_committed_full_run_is_the_issues() -> None:
    if not FULL_RUN.exists():
        pytest.skip("no full run is committed")
    trials = [Trial(**t) for t in json.loads(FULL_RUN.read_text())["trials"]]
    assert [t.number for t in trials] == list(range(FULL_COUNT))
    assert passed(trials) == [True] * 4

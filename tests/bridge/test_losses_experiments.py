"""The study of losses in small, and planted faults that each of its comparisons has to notice."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from residua_bridge.budgets.judge import judged
from residua_bridge.budgets.law import Ladder
from residua_bridge.experiments.losses import coding as losses_coding
from residua_bridge.experiments.losses import entropies as losses_entropies
from residua_bridge.experiments.losses import fixed as losses_fixed
from residua_bridge.experiments.losses import labels as losses_labels
from residua_bridge.experiments.losses import softmax as losses_softmax
from residua_bridge.experiments.losses import squares as losses_squares
from residua_bridge.experiments.losses import tokens as losses_tokens
from residua_bridge.experiments.losses import tsne as losses_tsne
from residua_bridge.experiments.losses.planted import WRONG, Refusals, refused
from residua_bridge.experiments.losses.sources import NewDecoders, asymptotic_law, even_law, exact_law
from residua_bridge.study import By, Experiment, Finding, Settings, carry_out_one
from residua_bridge.verdict import Verdict
from residua_numeric import loss_pairs, tsne
from residua_symbolic.losses import softmax, sources

ENTROPIES = losses_entropies.Entropies("e", "t", (), (2, 5))
CODES = losses_coding.Codes("t", (), (10, 200), By(30, 30))
SOFTMAX = losses_softmax.SoftmaxDerivatives("t", (), (2, 5))
FIXED = losses_fixed.TwoLosses("f", "t", (), 3)
TSNE = losses_tsne.Perplexities("p", "t", (), (5.0, 20.0), By(60, 60))
STARTS = losses_tokens.Starts("s", "t", (), (4, 30), (0.25, 1.0), By(120, 120))
FLOOR = losses_tokens.Floor("f", "t", (), (0,), By(60, 60), 500)
SQUARES = losses_squares.Squares("t", (), By(500, 500), 51)
INDICATORS = losses_labels.Indicators("t", (), By(12_000, 12_000))
EVERY: tuple[Experiment, ...] = (ENTROPIES, CODES, SOFTMAX, FIXED, TSNE, STARTS, FLOOR, SQUARES, INDICATORS)


def words(finding: Finding) -> list[str]:
    return [v.verdict for v in finding.section.verdicts]


def run(experiment: Experiment) -> Finding:
    return carry_out_one(experiment, Settings())


@cache
def honest(experiment: Any) -> Finding:
    """Run once: what no fault is planted in is the same each time."""
    return run(experiment)


@pytest.mark.parametrize("experiment", EVERY, ids=lambda e: type(e).__name__)
def test_all_agree(experiment: Any) -> None:
    found = honest(experiment)
    assert words(found)
    assert set(words(found)) == {"agree"}
    assert all(v.explained and v.expected == "agree" for v in found.section.verdicts)


def _moved(found: tuple[float, float, float]) -> tuple[float, float, float]:
    return found[0], found[1] + 1e-9, found[2]


Patch = Callable[[pytest.MonkeyPatch], None]


def _entropy(patch: pytest.MonkeyPatch) -> None:
    right = loss_pairs.informations
    patch.setattr(losses_entropies, "informations", lambda P, Q: _moved(right(P, Q)))


def _gradient(patch: pytest.MonkeyPatch) -> None:
    right = softmax.gradient
    patch.setattr(softmax, "gradient", lambda z, P: right(z, P) * len(z))  # a sum for a mean


def _hessian(patch: pytest.MonkeyPatch) -> None:
    right = softmax.hessian
    patch.setattr(softmax, "hessian", lambda z: np.diag(np.diag(right(z))))


def _divergence(patch: pytest.MonkeyPatch) -> None:
    def by_elements(z: Tensor, P: Tensor) -> Tensor:  # a mean over classes, too: kl_div's default, a trap
        return -(P * torch.log_softmax(z, dim=1)).mean()

    patch.setitem(loss_pairs.PAIR, "divergence", by_elements)


def _loose_search(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tsne, "HALVINGS", 12)


def _half_distance(patch: pytest.MonkeyPatch) -> None:
    right = tsne.embedding_gradient
    patch.setattr(tsne, "embedding_gradient", lambda P, y, loss: (right(P, y, loss)[0], right(P, y, loss)[1] / 2))


def _wrong_start(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(losses_tokens, "expected_initial_loss", lambda v, s: math.log(v))


def _wrong_floor(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sources, "conditional_entropy", lambda transition: math.log(len(transition)))


def _wrong_code(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(losses_coding, "bits_needed", lambda P, Q: (1.0, 1.9))


FAULTS: tuple[tuple[Experiment, Patch], ...] = (
    (ENTROPIES, _entropy),
    (SOFTMAX, _gradient),
    (SOFTMAX, _hessian),
    (FIXED, _divergence),
    (TSNE, _loose_search),
    (TSNE, _half_distance),
    (STARTS, _wrong_start),
    (FLOOR, _wrong_floor),
    (CODES, _wrong_code),
)


@pytest.mark.parametrize(("experiment", "fault"), FAULTS, ids=[fault.__name__ for _, fault in FAULTS])
def test_a_planted_fault_is_noticed(experiment: Experiment, fault: Patch, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    assert "differ" in words(run(experiment))


def rows(finding: Finding, begins: str) -> Sequence[tuple[object, ...]]:
    return next(t.rows for t in finding.section.tables if t.title.startswith(begins))


def test_both_trainings_are_one() -> None:
    found = honest(FIXED)
    assert {row[5] for row in rows(found, "Two trainings")} == {0.0}
    free = {row[0]: row[2] for row in rows(found, "Where P is trained")}
    assert free["divergence"] == pytest.approx(0.75, abs=1e-6)
    assert float(str(free["cross entropy"])) > 0.99


def test_joint_entropies_lie_within_their_bounds() -> None:
    for row in rows(honest(TSNE), "Entropy of the joint"):
        low, found, high = (float(str(cell)) for cell in row[3:])
        assert low <= found <= high


def test_fractions_of_bayes() -> None:
    found = {row[0]: row for row in rows(honest(INDICATORS), "Three meanings")}
    assert found[losses_labels.INDEPENDENT][4:7] == ("$3/5$", "$3/5$", "$3/5$")
    assert found[losses_labels.APART][4:7] == ("$3/5$", "$1$", "$3/5$")
    assert found[losses_labels.WITHIN][5] == found[losses_labels.WITHIN][6] == "$3/4$"
    _, blind, full, naive = (str(found[losses_labels.COPIED][k]).strip("$") for k in (0, 4, 5, 6))
    assert blind == full == "7/10" != naive


def test_digits_as_numbers_are_worse_than_as_probabilities() -> None:
    found = run(losses_labels.Labels("t", (), By(2, 2), 80))
    accuracies = {str(row[0]): float(str(row[1])) for row in rows(found, "Digits")}
    assert accuracies["ten probabilities, cross entropy"] > accuracies["the label as a number, mean square error"] + 0.3


@pytest.mark.parametrize(
    ("law", "word"),
    [
        (asymptotic_law(), Verdict.AGREE),
        (exact_law(), Verdict.AGREE),
        (even_law(), Verdict.DIFFER),
        (asymptotic_law(1.0, "Var"), Verdict.DIFFER),
        (exact_law(0.1), Verdict.DIFFER),
    ],
    ids=["log V + Var/2", "exact", "log V", "log V + Var", "exact + 0.1"],
)
def test_laws_of_the_start(law: object, word: Verdict) -> None:
    ladder = Ladder({"classes": 64, "variance": 1.0}, {"classes": (16, 64)}, 150, 0.08, 1.0)
    assert judged(law, NewDecoders(9), ladder).verdict is word  # type: ignore[arg-type]


def test_all_mistakes_are_refused_and_right_steps_are_not() -> None:
    found = run(Refusals("t", ()))
    assert [row[2] for row in rows(found, "Wrong formulas")] == [True] * len(WRONG)
    right = next(s for s in WRONG[0].derive().steps if s.name == WRONG[0].step)
    assert not refused(right)
    assert refused(replace(right, right=right.right + 1))

"""The ledger as a whole: every claim judged, contrary evidence noticed, nothing decided without evidence."""

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

from residua_bridge.claims import DECIDED, claims_named, register
from residua_bridge.claims.judging import all_judges

from .planting import Case, Reports, committed, record

MOST_UNDECIDABLE = 10


def _themes() -> list[ModuleType]:
    """The tests of judges, theme by theme: which words they expect, and what is planted against them."""
    names = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    found = [importlib.import_module(f".{name}", __package__) for name in names if name not in ("planting", __name__)]
    return [module for module in found if hasattr(module, "CASES")]


WORDS: dict[str, str] = {claim: word for theme in _themes() for claim, word in theme.WORDS.items()}
CASES: list[Case] = [case for theme in _themes() for case in theme.CASES]


def test_every_claim_has_a_judge_who_says_how() -> None:
    assert list(all_judges()) == list(register())
    assert [claim for claim in register() if not record(claim).computed] == []


@pytest.mark.parametrize("claim", register())
def test_a_claim_is_decided_by_evidence_and_says_what_belongs_to_its_word(claim: str) -> None:
    found = record(claim)
    assert found.verdict in DECIDED, found.remark
    assert "nan" not in " ".join((found.conditions, found.correction, found.counterexample, found.remark)).split()
    assert found.evidence, "a word without evidence"
    assert found.verdict != "conditional" or found.conditions
    assert found.verdict != "false" or (found.correction and found.counterexample)
    assert found.verdict != "undecidable" or found.remark


@pytest.mark.parametrize("claim", register())
def test_the_word(claim: str) -> None:
    assert record(claim).verdict == WORDS[claim]


@pytest.mark.parametrize("case", range(len(CASES)), ids=[f"{claim}-{k}" for k, (claim, _, _) in enumerate(CASES)])
def test_planted_evidence_makes_its_word(case: int) -> None:
    claim, plant, word = CASES[case]
    assert record(claim, plant(committed())).verdict == word


def test_against_every_decided_claim_something_is_planted_that_turns_its_word() -> None:
    turned = {claim for claim, _, word in CASES if word != WORDS[claim]}
    assert turned >= {claim for claim, word in WORDS.items() if word != "undecidable"}


@pytest.mark.parametrize("claim", register())
def test_without_evidence_nothing_is_confirmed(claim: str) -> None:
    bare: Reports = dict.fromkeys(committed(), ())
    assert record(claim, bare).verdict == "not confirmed"
    assert record(claim, {}).verdict == "not confirmed"


def test_few_claims_stay_open() -> None:
    open_ = [claim.name for claim in claims_named() if record(claim.name).verdict == "undecidable"]
    assert len(open_) <= MOST_UNDECIDABLE, open_

"""The ledger as a whole: every claim judged, contrary evidence noticed, nothing decided without evidence."""

import importlib
import pkgutil
from pathlib import Path

import pytest

from residua_bridge.claims import DECIDED, claims_named, register
from residua_bridge.claims.judging import all_judges

from .planting import Plant, Reports, committed, record

MOST_UNDECIDABLE = 10


def _planted() -> dict[str, Plant]:
    """What each theme's tests plant, by claim: the plant alone, or with the word that it turns the claim's into."""
    found: dict[str, Plant | tuple[Plant, str]] = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("test_") and module.name != "test_ledger":
            found |= getattr(importlib.import_module(f".{module.name}", __package__), "CONTRARY", {})
    return {claim: plant[0] if isinstance(plant, tuple) else plant for claim, plant in found.items()}


CONTRARY = _planted()


def test_every_claim_has_a_judge_who_says_how() -> None:
    assert list(all_judges()) == list(register())
    assert [claim for claim in register() if not record(claim).computed] == []


@pytest.mark.parametrize("claim", register())
def test_a_claim_is_decided_by_evidence_and_says_what_belongs_to_its_word(claim: str) -> None:
    found = record(claim)
    assert found.verdict in DECIDED, found.remark
    assert found.evidence, "a word without evidence"
    assert found.verdict != "conditional" or found.conditions
    assert found.verdict != "false" or (found.correction and found.counterexample)
    assert found.verdict != "undecidable" or found.remark


@pytest.mark.parametrize("claim", register())
def test_contrary_evidence_changes_the_word(claim: str) -> None:
    word = record(claim).verdict
    if word == "undecidable":
        return
    assert claim in CONTRARY, "no contrary evidence is planted for this claim"
    assert record(claim, CONTRARY[claim](committed())).verdict != word


@pytest.mark.parametrize("claim", register())
def test_without_evidence_nothing_is_confirmed(claim: str) -> None:
    bare: Reports = dict.fromkeys(committed(), ())
    assert record(claim, bare).verdict == "not confirmed"
    assert record(claim, {}).verdict == "not confirmed"


def test_few_claims_stay_open() -> None:
    open_ = [claim.name for claim in claims_named() if record(claim.name).verdict == "undecidable"]
    assert len(open_) <= MOST_UNDECIDABLE, open_

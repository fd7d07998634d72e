"""The rule of words, evidence that is recorded, the register, and judges that cannot be appointed twice."""

import pytest

from residua_bridge.claims import Evidence, MissingEvidenceError, Ruling, claims_named, documents, judge, register
from residua_bridge.findings import DerivationText, Figure, Section, StepText, Table, VerdictText
from residua_network import ResiduaError


def verdict(statement: str, word: str, explained: bool = True, unexplained: float = 0.1) -> VerdictText:
    return VerdictText(statement, word, explained, "", "n = 8", 0.5, {}, unexplained, 0.2)


STEPS = (StepText("first", "a = b", "why", ("exact",)), StepText("second", "b = c", "argued", ()))
TABLE = Table("Growth by depth", ("L", "kind", "mean: law", "s.e."), ((1, "relu", 1.5, 0.1), (2, "relu", 2.25, 0.2)))
SECTION = Section(
    "Growth",
    derivations=(DerivationText("A law", "a = c", (), STEPS),),
    tables=(TABLE,),
    figures=(Figure("growth", "Growth, drawn", "L", "g", ()),),
    verdicts=(
        verdict("law, L = 1", "agree"),
        verdict("law, L = 2", "agree", unexplained=0.3),
        verdict("odd", "differ"),
    ),
)


@pytest.fixture
def evidence() -> Evidence:
    return Evidence({"study": (SECTION,)})


@pytest.mark.parametrize(
    ("holds", "fails", "within", "open_", "word"),
    [
        (True, False, False, "", "true"),
        (True, False, True, "why", "true"),
        (False, True, False, "", "false"),
        (False, True, False, "why", "false"),
        (False, True, True, "", "conditional"),
        (False, False, False, "why", "undecidable"),
        (False, False, True, "", "not confirmed"),
        (True, True, True, "why", "not confirmed"),
    ],
)
def test_the_word_follows_from_what_was_found(holds: bool, fails: bool, within: bool, open_: str, word: str) -> None:
    assert Ruling(holds, fails, within, open=open_).word == word


def test_a_proof_is_there_or_not(evidence: Evidence) -> None:
    assert evidence.proved("study", "A law", "first")
    assert not evidence.proved("study", "A law", "first", "second")
    assert not evidence.proved("study", "A law", "third")
    assert not evidence.proved("study", "A law")
    assert not evidence.proved("study", "Another law", "first")
    assert [(seen.what, seen.value) for seen in evidence.seen][:2] == [("A law: first", True), ("A law: second", False)]


def test_verdicts_need_the_word_and_an_explanation(evidence: Evidence) -> None:
    assert evidence.verdict("study", "law")
    assert evidence.verdict("study", "odd", "differ")
    assert not evidence.verdict("study", "law", "differ")
    assert not evidence.verdict("study", "nothing like it")
    assert not evidence.verdict("study", "law", section="Elsewhere")
    unexplained = Section("S", verdicts=(verdict("law", "differ", explained=False),))
    assert not Evidence({"study": (unexplained,)}).verdict("study", "law", "differ")
    worst = evidence.seen[0]
    assert worst.what.startswith("law, L = 2")
    assert "0.3 ± 0.2" in worst.bound


def test_numbers_come_with_their_bounds(evidence: Evidence) -> None:
    table = evidence.table("study", "Growth")
    assert table.number("mean: law", bound="s.e.", L=2) == 2.25
    assert table.number("mean_law", bound="exact", where={"L": 1}) == 1.5
    assert table.column("mean: law", bound="s.e.", kind="relu") == [1.5, 2.25]
    one, other, both = evidence.seen
    assert (one.value, one.bound) == (2.25, "± 0.2 (s.e.)")
    assert (other.value, other.bound) == (1.5, "exact")
    assert (both.value, both.bound) == ("1.5 … 2.25", "s.e. beside each")
    assert table.rows(L=1) == [{"L": 1, "kind": "relu", "mean: law": 1.5, "s.e.": 0.1}]


def test_what_is_not_there_is_missing(evidence: Evidence) -> None:
    table = evidence.table("study", "Growth")
    for look in (
        lambda: evidence.table("study", "Shrinking"),
        lambda: evidence.table("other", "Growth"),
        lambda: table.number("median", bound=""),
        lambda: table.number("mean: law", bound="", kind="relu"),
        lambda: table.number("mean: law", bound="", L=3),
        lambda: table.column("mean: law", bound="", L=3),
        lambda: evidence.proved("other", "A law", "first"),
    ):
        with pytest.raises(MissingEvidenceError):
            look()
    assert evidence.figure("study", "growth")
    assert not evidence.figure("study", "decay")


def test_the_register_is_that_of_the_four_documents() -> None:
    assert [(one.name, len(one.claims)) for one in documents()] == [("000", 18), ("002", 23), ("003", 45), ("004", 29)]
    assert [int(name[4:]) for name in register()] == list(range(1, 116))
    assert [claim.name for claim in claims_named(("004-105", "003-046"), "003")] == ["003-046"]
    for wrong in (lambda: claims_named(("003-999",)), lambda: claims_named(document="001"), lambda: judge("000-000")):
        with pytest.raises(ResiduaError, match="unknown"):
            wrong()

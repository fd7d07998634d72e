import pytest

from residua_bridge.experiments.comparison import Case, Comparisons
from residua_bridge.experiments.derivations import Derivations
from residua_bridge.findings import Findings, Section, Table
from residua_bridge.study import By, Finding, Outcome, Settings, Study, carry_out, run, studies, study_named
from residua_bridge.verdict import Verdict
from residua_network import LayerNorm, Linear, Network, ResiduaError
from residua_symbolic import Derivation, derive_layer
from residua_symbolic.layer import CONSTANT_STATISTICS


def _network() -> Network:
    return Network((Linear(4, 4), LayerNorm(4)))


def _study(expected: str = "agree", assume: str | None = None) -> Study:
    return Study(
        name="tiny",
        title="Tiny",
        question="Does it?",
        claim="It does.",
        refuted_by="A difference.",
        experiments=(
            Derivations("Derived", ("By hand.",), (lambda: derive_layer("layernorm"),)),
            Comparisons("Compared", (), (Case("a case", _network, expected, assume),)),
        ),
        conclusion=lambda sections: (f"{len(sections)} sections",),
    )


def test_a_study_is_data_until_it_is_run() -> None:
    made: list[int] = []

    def derive() -> Derivation:
        made.append(1)
        return derive_layer("linear")

    study = Study("s", "S", "?", "c", "r", (Derivations("D", (), (derive,)),))
    assert not made
    carry_out(study, Settings())
    assert made == [1]


def test_findings_hold_sections_conclusion_and_provenance() -> None:
    outcome = carry_out(_study(), Settings())
    findings = outcome.findings
    assert [s.title for s in findings.sections] == ["Derived", "Compared"]
    assert findings.conclusion == ("2 sections",)
    assert findings.provenance["profile"] == "quick"
    assert "torch" in findings.provenance
    assert findings.sections[0].derivations[0].steps[-1].proofs
    assert Findings.from_json(findings.to_json()) == findings
    assert outcome.as_expected


@pytest.mark.parametrize(("expected", "assume"), [("differ", None), ("agree", CONSTANT_STATISTICS)])
def test_a_verdict_that_is_not_the_expected_one_is_noticed(expected: str, assume: str | None) -> None:
    assert not carry_out(_study(expected, assume), Settings()).as_expected


def test_run_gives_the_comparisons_by_name_or_study() -> None:
    (d,) = run(_study("differ", CONSTANT_STATISTICS))
    assert d.verdict is Verdict.DIFFER
    assert d.explained


def test_progress_passes_every_item_on() -> None:
    seen: list[str] = []

    def track(items, label):  # type: ignore[no-untyped-def]
        for item in items:
            seen.append(label)
            yield item

    carry_out(_study(), Settings("quick", track))
    assert seen == ["Derived", "Compared"]


def test_studies_are_found_by_scanning() -> None:
    assert "normalization" in studies()
    assert all(name == study.name for name, study in studies().items())


def test_an_unknown_study_suggests_the_nearest() -> None:
    with pytest.raises(ResiduaError, match=r"unknown study 'normalisation'; did you mean 'normalization'\?"):
        study_named("normalisation")
    with pytest.raises(ResiduaError, match="did you mean"):
        run("normalizatoin")


def test_unknown_profiles_and_things_that_are_no_study_are_refused() -> None:
    with pytest.raises(ResiduaError, match="unknown profile 'fast'; known: quick, full"):
        run(_study(), "fast")
    with pytest.raises(ResiduaError, match="expects a study or its name, got int"):
        run(3)  # type: ignore[arg-type]


def test_profiles_choose_settings() -> None:
    assert By(1, 2).of("quick") == 1
    assert By(1, 2).of("full") == 2


def test_an_outcome_with_something_unexplained_is_not_as_expected() -> None:
    outcome = carry_out(_study(), Settings())
    verdict = outcome.findings.verdicts[0]
    bad = type(verdict)(**{**vars(verdict), "explained": False})
    section = Section("x", verdicts=(bad,), tables=(Table("t", ("a",), ((1,),)),))
    findings = type(outcome.findings)(**{**vars(outcome.findings), "sections": (section,)})
    assert not Outcome(findings, ()).as_expected
    assert Finding(section).discrepancies == ()

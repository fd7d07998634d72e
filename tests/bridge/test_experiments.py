"""Every experiment at its smallest, and that each would notice if it were wrong."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from residua_bridge.experiments import fault_table, spectra
from residua_bridge.experiments.counterexample import SmallestCounterexample, both, smallest
from residua_bridge.experiments.error_ladder import ErrorLadder, Family, law_in_width
from residua_bridge.experiments.error_law import ErrorLawOnEnsembles, LawFamily
from residua_bridge.experiments.fault_table import FaultTable
from residua_bridge.experiments.gradients import GradientNorms
from residua_bridge.experiments.spectra import Spectra
from residua_bridge.experiments.texts import percent, proved
from residua_bridge.experiments.training import ThroughTraining
from residua_bridge.random_networks import perturbed
from residua_bridge.studies.normalization import STUDY, all_kinds, classifier, normalised, normaliser
from residua_bridge.study import By, Labelled, Settings
from residua_network import Activation, LayerNorm, Linear, ResiduaError, RMSNorm
from residua_numeric.faults import FAULTS, Fault
from residua_symbolic import ProofError, derive_layer
from residua_symbolic.overstatement import error_of_one, error_through_depth

SETTINGS = Settings()


def test_a_derivation_is_proved_while_it_is_written_down() -> None:
    derivation = derive_layer("layernorm")
    assert proved(derivation).steps[-1].proofs
    wrong = replace(derivation.steps[-1], right=2 * derivation.steps[-1].right)
    with pytest.raises(ProofError):
        proved(replace(derivation, steps=(*derivation.steps[:-1], wrong)))


def test_percent() -> None:
    assert percent(0.12345) == "12.3 %"


def test_counterexamples_are_exact_and_smallest() -> None:
    found = smallest("layernorm", 2, 6)
    assert found is not None
    x, s, claimed, true = found
    assert max(map(abs, x)) == 1
    assert claimed.tolist() == (np.eye(2, dtype=int) / s).tolist() or (claimed * s == np.eye(2, dtype=int)).all()
    assert not true.any()
    point = torch.tensor([float(v) for v in x], dtype=torch.float64)
    measured = torch.func.jacrev(lambda z: torch.nn.functional.layer_norm(z, (2,), eps=0.0))(point)
    assert float(abs(measured).max()) < 1e-12


def test_a_counterexample_of_four_agrees_with_torch() -> None:
    _, _, true = both("layernorm", (-1, -1, 1, 1))
    point = torch.tensor([-1.0, -1.0, 1.0, 1.0], dtype=torch.float64)
    measured = torch.func.jacrev(lambda z: torch.nn.functional.layer_norm(z, (4,), eps=0.0))(point).numpy()
    assert abs(true.astype(float) - measured).max() < 1e-12


def test_there_is_no_rational_counterexample_of_layernorm_at_three() -> None:
    assert smallest("layernorm", 3, 6) is None
    rows = SmallestCounterexample("t", (), ("rmsnorm",), largest_n=1).run(SETTINGS).section.tables[0].rows
    assert rows[0][:3] == ("rmsnorm", 1, "$(-1)$")


def test_spectra_agree_and_a_wrong_one_would_not(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = Spectra("t", (), ("layernorm", "rmsnorm"), (2, 5), 1e-2)
    finding = experiment.run(SETTINGS)
    assert {v.verdict for v in finding.section.verdicts} == {"agree"}
    assert [row[1] for row in finding.section.tables[1].rows] == ["$n=2$", "$n=1$"]
    true = spectra._predicted

    def wrong(*args: Any) -> Any:
        prediction = true(*args)
        return replace(prediction, values=prediction.values * 1.001)

    monkeypatch.setattr(spectra, "_predicted", wrong)
    assert "differ" in {v.verdict for v in experiment.run(SETTINGS).section.verdicts}


def _ladder(law: Any = None) -> ErrorLadder:
    families = (Family("alone", partial(normaliser, LayerNorm), law_in_width(partial(error_of_one, "layernorm"))),)
    return ErrorLadder("ladder", "t", (), "n", families, By((3, 8), (3,)), By(2, 2), "(1.10)")


def test_the_error_of_one_normaliser_is_the_closed_formula() -> None:
    finding = _ladder().run(SETTINGS)
    for row in finding.section.tables[0].rows:
        size, law, predicted, measured, worst = row[1], row[2], row[3], row[4], row[6]
        assert law == pytest.approx(np.sqrt(2 / (float(size) - 2)), rel=1e-14)
        assert predicted == pytest.approx(law, rel=1e-12)
        assert measured == pytest.approx(law, rel=1e-12)
        assert float(worst) < 1
    assert [v.verdict for v in finding.section.verdicts] == ["differ"]
    assert all(d.explained for d in finding.discrepancies)


def _laws(law: Any = error_through_depth) -> ErrorLawOnEnsembles:
    families = (LawFamily("RMSNorm", partial(law, "rmsnorm"), partial(normalised, RMSNorm)),)
    return ErrorLawOnEnsembles("law", "t", (), families, ((8, 1), (8, 2)), By(400, 400))


def test_the_law_through_depth_meets_ensembles() -> None:
    (verdict,) = _laws().run(SETTINGS).section.verdicts
    assert (verdict.verdict, verdict.explained) == ("agree", True)


def test_a_law_off_by_a_half_is_refused_by_ensembles() -> None:
    def off(kind: str) -> Any:
        true = error_through_depth(kind)
        return replace(true, formula=true.formula * 1.5)

    (verdict,) = _laws(off).run(SETTINGS).section.verdicts
    assert (verdict.verdict, verdict.explained) == ("differ", False)


def test_too_few_networks_decide_nothing() -> None:
    (verdict,) = replace(_laws(), networks=By(12, 12)).run(SETTINGS).section.verdicts
    assert verdict.verdict == "inconclusive"


def test_gradient_norms_agree_and_those_of_the_document_do_not() -> None:
    finding = GradientNorms("g", "t", (), partial(normalised, LayerNorm, 6, 3), 1.0).run(SETTINGS)
    assert [(v.verdict, v.explained) for v in finding.section.verdicts] == [("agree", True), ("differ", True)]
    assert "approximation" in finding.section.verdicts[1].causes


def test_training_is_compared_at_every_snapshot() -> None:
    block = (Linear(32, 32), LayerNorm(32), Activation("relu"))
    trainings = (Labelled("plain", partial(classifier, block)),)
    experiment = ThroughTraining("train", "t", (), trainings, By(30, 30), By((0, 30), (0, 30)))
    finding = experiment.run(SETTINGS)
    before, after = finding.section.tables[0].rows
    assert float(after[2]) < float(before[2])
    assert float(after[3]) > float(before[3])
    for row in (before, after):
        assert row[4] == pytest.approx(row[5], rel=1e-9)
    assert [v.verdict for v in finding.section.verdicts] == ["agree", "differ"]


def test_a_missed_fault_spoils_the_whole_report(monkeypatch: pytest.MonkeyPatch) -> None:
    table = FaultTable("t", (), all_kinds, By(2, 2))
    finding = table.run(SETTINGS)
    rows = finding.section.tables[0].rows
    assert [(row[0], row[1]) for row in rows] == [(fault.name, fault.kind) for fault in FAULTS]
    assert len(rows) >= 20
    assert all(row[3] == "each there" and float(row[5]) > 1 for row in rows)
    harmless = Fault("nothing wrong", "linear", lambda module, x: module(x))
    monkeypatch.setattr(fault_table, "FAULTS", (harmless,))
    with pytest.raises(ResiduaError, match="missed or misplaced"):
        table.run(SETTINGS)


def test_a_correct_network_that_is_blamed_spoils_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_table, "FAULTS", ())

    def not_the_described_one(net: Any, seed: int, dtype: str = "float64") -> Any:
        model = perturbed(net, seed, dtype)
        for module in model.modules():
            if isinstance(module, torch.nn.LayerNorm):
                module.eps += 1e-3
        return model

    monkeypatch.setattr(fault_table, "perturbed", not_the_described_one)
    with pytest.raises(ResiduaError, match="blamed though correct"):
        FaultTable("t", (), all_kinds, By(8, 8)).run(SETTINGS)


def test_the_study_names_what_the_issue_of_document_003_asks_for() -> None:
    titles = [experiment.title for experiment in STUDY.experiments]  # type: ignore[attr-defined]
    assert len(titles) == len(set(titles))
    assert STUDY.name == "normalization"

"""The experiments on batch statistics, on certified rounding and along training, at their smallest; each can fail."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from residua_bridge.experiments import along_training, row_coupling, stored_statistics
from residua_bridge.experiments.along_training import AlongTraining, Statement, agrees
from residua_bridge.experiments.certified.rounding import CertifiedRounding, Small
from residua_bridge.experiments.error_ladder import ErrorLadder
from residua_bridge.experiments.row_coupling import RowCoupling
from residua_bridge.experiments.spectra import Spectra
from residua_bridge.experiments.stored_statistics import StoredStatistics
from residua_bridge.studies import digits
from residua_bridge.studies.normalization import batched, family, normaliser
from residua_bridge.study import By, Labelled, Settings
from residua_network import Activation, BatchNorm, LayerNorm, Linear, Network, Residual
from residua_numeric import Task

SETTINGS = Settings()
TINY = Network((Linear(64, 4), BatchNorm(4), Activation("relu"), Linear(4, 10)))


def test_the_error_of_batch_norm_is_the_closed_formula_in_the_batch() -> None:
    ladder = ErrorLadder("b", "t", (), "B", (family(BatchNorm, "alone"),), By((3, 6), (3,)), By(2, 2), "(1.10)")
    finding = ladder.run(SETTINGS)
    for row in finding.section.tables[0].rows:
        law = np.sqrt(2 / (float(row[1]) - 2))
        assert [row[2], row[3], row[4]] == pytest.approx([law] * 3, rel=1e-11)
    assert [(v.verdict, v.explained) for v in finding.section.verdicts] == [("differ", True)]


def test_the_spectrum_of_batch_norm_is_over_its_rows() -> None:
    finding = Spectra("t", (), ("batchnorm",), (2, 5), 1e-2).run(SETTINGS)
    assert [v.verdict for v in finding.section.verdicts] == ["agree"]
    assert [row[1] for row in finding.section.tables[1].rows] == ["$B=2$"]
    assert float(finding.section.tables[1].rows[0][2]) < 1e-12


def _coupling() -> RowCoupling:
    networks = (Labelled("alone", partial(normaliser, BatchNorm, 4)), Labelled("twice", partial(batched, 2)))
    return RowCoupling("c", "t", (), networks, By((2, 4, 16), (2,)), By(2, 2))


def test_rows_are_coupled_less_the_larger_the_batch_and_not_at_all_where_nothing_passes() -> None:
    finding = _coupling().run(SETTINGS)
    assert {v.verdict for v in finding.section.verdicts} == {"agree"}
    for label in ("alone", "twice"):
        two, four, sixteen = (row for row in finding.section.tables[0].rows if row[0] == label)
        assert (two[2], two[3]) == ("–", "–")
        assert float(two[5]) < 1e-10
        assert 0 < float(sixteen[3]) < float(four[3]) < 1
        assert float(four[2]) == pytest.approx(float(four[3]), rel=1e-9)


def test_the_coupling_would_notice_a_model_that_couples_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    true = row_coupling.build  # type: ignore[attr-defined]

    def wrong(net: Network, **settings: Any) -> Any:
        model = true(net, **settings)
        for module in model:
            if hasattr(module, "statistics"):
                vars(module)["eps"] = 0.3
        return model

    monkeypatch.setattr(row_coupling, "build", wrong)
    assert {v.verdict for v in _coupling().run(SETTINGS).section.verdicts} == {"differ"}


def _stored() -> StoredStatistics:
    return StoredStatistics("t", (), lambda: TINY, By(20, 20), By((2, 20), (2, 20)))


def test_both_statistics_are_met_and_the_one_is_not_the_other() -> None:
    finding = _stored().run(SETTINGS)
    assert [(v.verdict, v.explained) for v in finding.section.verdicts] == [
        ("agree", True),
        ("agree", True),
        ("differ", True),
    ]
    for row in finding.section.tables[0].rows:
        assert float(row[3]) > 0.01
        assert 0 < float(row[5]) < 1


def test_stored_statistics_read_as_those_of_the_batch_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    true = stored_statistics.jacobian  # type: ignore[attr-defined]
    monkeypatch.setattr(stored_statistics, "jacobian", lambda net: true(TINY))
    monkeypatch.setattr(stored_statistics, "_in_place", lambda alone: alone)
    with pytest.raises(ValueError, match="operands could not be broadcast"):
        _stored().run(SETTINGS)


def test_certified_rounding_lies_below_the_estimated_bar() -> None:
    net = Network((Linear(3, 4), Residual((LayerNorm(4), Activation("tanh"), Linear(4, 4))), Linear(4, 2)))
    finding = CertifiedRounding("t", (), (Small("small", lambda: net),)).run(SETTINGS)
    ((_, bits, radius, ours, theirs, bar),) = finding.section.tables[0].rows
    assert bits == 128
    assert float(radius) < 1e-25
    assert 0 < float(ours) < float(bar)
    assert 0 < float(theirs) < float(bar)
    assert [v.verdict for v in finding.section.verdicts] == ["agree"]


def test_balls_that_are_too_wide_are_not_a_proof() -> None:
    small = Small("small", partial(batched, 4), bits=30, expected="inconclusive")
    (verdict,) = CertifiedRounding("t", (), (small,)).run(SETTINGS).section.verdicts
    assert verdict.verdict == "inconclusive"
    assert "more bits would tell" in verdict.note


def _along(*nets: Network) -> AlongTraining:
    trainings = tuple(Labelled(f"net {k}", partial(lambda net: net, net)) for k, net in enumerate(nets))
    statements = (Statement("derived", agrees), Statement("claim", digits.claim_is_near))
    return AlongTraining("a", "t", (), trainings, statements, By(20, 20), By((0, 20), (0, 20)))


RESIDUAL = Network((Linear(64, 6), *(Residual((LayerNorm(6), Activation("relu"), Linear(6, 6))),) * 3, Linear(6, 10)))
BARE = Network((Linear(64, 6), Activation("relu"), Linear(6, 10)))


def test_every_quantity_is_met_along_training() -> None:
    finding = _along(RESIDUAL, TINY, BARE).run(SETTINGS)
    for verdict in finding.section.verdicts:
        claim = verdict.statement.startswith("(1.11)")
        assert (verdict.verdict, verdict.explained) == ("differ" if claim else "agree", True), verdict.statement
    assert sum(v.statement.startswith("(1.11)") for v in finding.section.verdicts) == 2
    success, gradients, paths, where = finding.section.tables
    assert [(row[0], row[1]) for row in success.rows][:2] == [("net 0", 0), ("net 0", 20)]
    for row in (*gradients.rows, *paths.rows):
        assert row[-2] == pytest.approx(row[-1], rel=1e-9)
    assert [row[2] for row in paths.rows] == [1.5, 1.5]
    assert {(row[0], row[2], row[3]) for row in where.rows} == {("derived", "0, 20", "–"), ("claim", "–", "0, 20")}


def test_a_derivation_that_fails_somewhere_is_told_with_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    true = along_training.predict  # type: ignore[attr-defined]

    def wrong(J: Any, weights: Any, x: Any, quantity: str, cotangent: Any) -> Any:
        prediction = true(J, weights, x, quantity, cotangent)
        return replace(prediction, values=1.001 * prediction.values) if quantity == "gradient norms" else prediction

    monkeypatch.setattr(along_training, "predict", wrong)
    finding = _along(BARE).run(SETTINGS)
    assert [v.verdict for v in finding.section.verdicts].count("differ") == 1
    where = finding.section.tables[3]
    assert [(row[2], row[3]) for row in where.rows if row[0] == "derived"] == [("–", "0, 20")]


def test_the_statements_of_the_study_are_decided_by_their_criteria() -> None:
    task = Task.digits()
    model = _along(RESIDUAL)
    track = model._along(model.trainings[0], task, "quick")
    for moment in track.moments:
        assert digits.keeps_its_size(moment) is (0.1 <= moment.ratio[1] <= 10)
        assert moment.mean_length is not None
        assert digits.paths_as_counted(moment) is (abs(moment.mean_length[1] - 1.5) <= 0.15)
        assert digits.claim_is_near(moment) is (moment.lost[1] <= 0.1)


def test_a_statement_that_does_not_apply_is_not_decided() -> None:
    model = _along(BARE)
    for moment in model._along(model.trainings[0], Task.digits(), "quick").moments:
        assert digits.paths_as_counted(moment) is None
        assert digits.claim_is_near(moment) is None


def test_the_study_draws_its_conclusion_from_the_tables() -> None:
    experiment = replace(
        digits.STUDY.experiments[0],  # type: ignore[type-var]
        trainings=(Labelled("pre-norm", lambda: RESIDUAL), Labelled("batch-normalised", lambda: TINY)),
        steps=By(20, 20),
        snapshots=By((0, 20), (0, 20)),
    )
    section = experiment.run(SETTINGS).section
    words = " ".join(digits.conclusion([section]))
    last = max(float(row[3]) for row in section.tables[0].rows if row[1] == 20)
    assert f"{last:.3f}" in words
    moved = replace(section.tables[0], rows=tuple((*row[:3], 0.999, *row[4:]) for row in section.tables[0].rows))
    changed = replace(section, tables=(moved, *section.tables[1:]))
    assert "0.999" in " ".join(digits.conclusion([changed]))

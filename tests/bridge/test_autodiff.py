"""The study autodiff: what its experiments count and compare, and that each of them can come out otherwise."""

from dataclasses import replace

import numpy as np
import pytest

from residua_bridge.experiments import backward_work, mode_costs, network_trace, symbolic_practice
from residua_bridge.experiments.backward_work import ConstantSlopes, MatrixFlops, RepeatedWork, Work
from residua_bridge.experiments.grids import exactly
from residua_bridge.experiments.mode_costs import Cost, ModeLadder, OperationCounts, gradient_operations
from residua_bridge.experiments.network_trace import DeltasAsAdjoints, as_graphs
from residua_bridge.experiments.symbolic_practice import SymbolicInPractice
from residua_bridge.studies.autodiff import PLACES, STUDY, conclusion
from residua_bridge.study import By, Experiment, Outcome, Settings, carry_out
from residua_bridge.verdict import Verdict
from residua_symbolic import backpropagation
from residua_symbolic.expressions.graph import Graph


def smaller(experiment: Experiment) -> Experiment:
    """The ladders that take time, short."""
    if isinstance(experiment, ModeLadder):
        return replace(experiment, sizes=By((1, 4), ()))
    if isinstance(experiment, SymbolicInPractice):
        return replace(experiment, lengths=By((2, 3), ()))
    return experiment


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return carry_out(replace(STUDY, experiments=tuple(map(smaller, STUDY.experiments))), Settings())


def test_every_verdict_is_as_expected(outcome: Outcome) -> None:
    assert outcome.as_expected
    assert len(outcome.findings.verdicts) == 12


def test_every_claim_points_to_a_section_that_is_there(outcome: Outcome) -> None:
    titles = {section.title for section in outcome.findings.sections}
    assert {place for _, _, where, _ in PLACES for place in where.split("; ")} <= titles
    claims = {claim for claim, *_ in PLACES}
    assert claims == {f"004-{k:03d}" for k in (*range(87, 93), 99, 100, 102, 103, 104, 105)}


def test_the_numbers_of_the_document_and_the_survey_are_ours(outcome: Outcome) -> None:
    tables = [t for s in outcome.findings.sections for t in s.tables if t.title.startswith("As printed")]
    assert [len(table.rows) for table in tables] == [12, 17]
    assert all(row[4] == "yes" for table in tables for row in table.rows)


def test_planted_faults_are_all_seen(outcome: Outcome) -> None:
    (table,) = [t for s in outcome.findings.sections for t in s.tables if t.title == "Planted faults"]
    assert [row[2] for row in table.rows] == ["differ"] * 4


def test_the_conclusion_follows_what_was_found(outcome: Outcome) -> None:
    sections = [
        replace(s, verdicts=tuple(replace(v, verdict="differ", explained=False) for v in s.verdicts))
        for s in outcome.findings.sections
    ]
    said = " ".join(conclusion(sections))
    assert "not confirmed here" in said
    assert ": true" not in said
    assert "not confirmed here" not in " ".join(outcome.findings.conclusion)


def test_counts_that_differ_are_told() -> None:
    assert exactly("things", [3, 4], [3, 4]).verdict is Verdict.AGREE
    assert exactly("things", [3, 4], [3, 5]).verdict is Verdict.DIFFER


def test_a_wrong_prediction_of_flops_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    true = mode_costs.predicted

    def wrong(net: object) -> tuple[Cost, Cost]:
        forward, reverse = true(net)  # type: ignore[arg-type]
        return Cost(forward.passes, forward.flops * 2 // 3), reverse

    monkeypatch.setattr(mode_costs, "predicted", wrong)
    found = ModeLadder("", (), By((1, 2), ())).run(Settings())
    assert [d.verdict for d in found.discrepancies] == [Verdict.AGREE, Verdict.DIFFER]


def test_work_is_counted_where_it_is_done() -> None:
    work = Work.of((2, 2, 2, 2))
    assert work.counted == work.predicted == (14, 8, 26, 6, 14)  # 2 (1 + 2 + 4); 2·4; 2 (2·7 − 1); 6; 2·4 + 6
    assert work.same


def test_remembering_too_little_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(backward_work._Counting):
        def error(self, layer: int, unit: int) -> object:  # type: ignore[override]
            self.known.clear()
            return super().error(layer, unit)

    monkeypatch.setattr(backward_work, "_Counting", Forgetful)
    found = RepeatedWork("r", "", (), ((2, 2, 2),), 2, By((1, 2), ())).run(Settings())
    assert found.discrepancies[0].verdict is Verdict.DIFFER


def test_flops_of_other_networks_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    true = backward_work._torch_flops
    monkeypatch.setattr(backward_work, "_torch_flops", lambda widths: true((*widths, 2)))
    assert MatrixFlops("", (), ((2, 3),)).run(Settings()).discrepancies[0].verdict is Verdict.DIFFER


def test_a_wrong_recursion_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    true = backpropagation.backward

    def untransposed(weights: list[object], *rest: object) -> object:
        return true([np.asarray(w)[:, ::-1] for w in weights], *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(network_trace, "backward", untransposed)
    same, total = as_graphs()
    assert same < total
    found = DeltasAsAdjoints("", ()).run(Settings())
    assert [d.verdict for d in found.discrepancies] == [Verdict.DIFFER] * 2


def test_wrong_second_derivatives_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    true = backward_work._hessians

    def off(weights: dict[str, object], x: object) -> tuple[object, object]:
        values, error = true(weights, x)
        return values * (1 + 1e-9), error

    monkeypatch.setattr(backward_work, "_hessians", off)
    assert ConstantSlopes("", ()).run(Settings()).discrepancies[0].verdict is Verdict.DIFFER


def test_operations_are_counted_on_the_graph() -> None:
    graph = Graph()
    x, y = graph.variable("x"), graph.variable("y")
    found = gradient_operations(graph.function("sin", x * y))  # cos(xy), cos·y, cos·x; the same again forwards
    assert (found.function, found.reverse, found.forward) == (2, 3, 4)
    assert found.bound == 4  # of the product: two products and two sums


def test_every_way_to_a_loop_s_derivative_is_right(outcome: Outcome) -> None:
    (table,) = [t for s in outcome.findings.sections for t in s.tables if "loop" in t.title]
    assert all(float(row[k]) < 1e-14 for row in table.rows for k in (2, 4, 6))
    assert symbolic_practice._exact(1) == 4 - 8 * float(symbolic_practice.POINT)


def test_operation_counts_keep_their_bound() -> None:
    section = OperationCounts("", (), By((1, 3, 9), ())).run(Settings()).section
    assert all(float(row[4]) <= float(row[5]) for row in section.tables[0].rows)

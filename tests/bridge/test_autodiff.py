"""The study autodiff: what its experiments count and compare, and that each of them can come out otherwise."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from residua_bridge.experiments import backward_work, mode_costs, network_trace, symbolic_practice
from residua_bridge.experiments.backward_work import (
    ConstantSlopes,
    MatrixFlops,
    RepeatedWork,
    Work,
)
from residua_bridge.experiments.grids import exactly
from residua_bridge.experiments.mode_costs import Cost, ModeLadder, OperationCounts, gradient_operations
from residua_bridge.experiments.network_trace import (
    NETS,
    SLOPES,
    DeltasAsAdjoints,
    _at_random,
    as_graphs,
    described_as,
)
from residua_bridge.experiments.symbolic_practice import SymbolicInPractice
from residua_bridge.experiments.traced_example import PrintedStep, _factors
from residua_bridge.findings import Section
from residua_bridge.studies.autodiff import (
    CLAIMS,
    CLAIMS_TITLE,
    DOCUMENT,
    STUDY,
    closing,
    conclusion,
)
from residua_bridge.study import By, Experiment, Outcome, Settings, carry_out
from residua_bridge.verdict import Verdict
from residua_network import Network
from residua_symbolic import backpropagation
from residua_symbolic.expressions.graph import Graph
from residua_symbolic.trace import trace


def smaller(experiment: Experiment) -> Experiment:
    """The ladders that take time, short."""
    if isinstance(experiment, ModeLadder):
        return replace(experiment, sizes=By((1, 4), ()))
    if isinstance(experiment, SymbolicInPractice):
        return replace(experiment, lengths=By((2, 6), ()))
    return experiment


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return carry_out(replace(STUDY, experiments=tuple(map(smaller, STUDY.experiments))), Settings())


def test_every_verdict_is_as_expected(outcome: Outcome) -> None:
    assert outcome.as_expected
    assert len(outcome.findings.verdicts) == 15


def words(sections: Sequence[Section]) -> dict[str, object]:
    """The word given to each claim."""
    (section,) = closing([s for s in sections if s.title != CLAIMS_TITLE])
    return {str(row[0]): row[2] for row in section.tables[0].rows}


def test_every_claim_gets_its_word(outcome: Outcome) -> None:
    decided = dict.fromkeys(CLAIMS, "true")
    elsewhere = {"004-088": "see the ledger"}  # its comparison stands in another report
    assert words(outcome.findings.sections) == {
        **decided,
        **elsewhere,
        "004-092": "conditional",
        "004-100": "conditional",
    }


def test_no_word_without_its_evidence(outcome: Outcome) -> None:
    sections = [
        replace(s, derivations=(), verdicts=tuple(replace(v, explained=False) for v in s.verdicts))
        for s in outcome.findings.sections
    ]
    found = words(sections)
    left = {name for name, word in found.items() if word not in ("not confirmed", "see the ledger")}
    assert left == {"004-100"}  # of tables alone


def test_the_numbers_of_the_document_and_the_survey_are_ours(outcome: Outcome) -> None:
    tables = [t for s in outcome.findings.sections for t in s.tables if t.title.startswith("As printed")]
    assert [len(table.rows) for table in tables] == [21, 17]
    assert all(row[4] == "yes" for table in tables for row in table.rows)


@pytest.mark.parametrize(
    "step",
    [
        PrintedStep("L163", "h1", (), "2", "x"),
        PrintedStep("L163", "h1", (), "1", "w"),
        PrintedStep("L168", "h6", ("0.25", "-1"), "0.25"),
        PrintedStep("L168", "h6", ("-0.25", "1"), "0.25"),
        PrintedStep("L168", "h6", ("-0.25", "-1"), "-0.25"),
        PrintedStep("L169", "", ("-1", "0.25"), "0.25"),
        PrintedStep("L169", "", ("1", "0.5"), "0.25"),
    ],
)
def test_a_line_that_is_printed_otherwise_is_told(step: PrintedStep) -> None:
    t = trace(DOCUMENT, {"x": 1, "w": 0, "b": 0}, names="h")
    assert [row[4] for row in _factors(t, step, "w")].count("no") == 1


def test_planted_faults_are_all_seen(outcome: Outcome) -> None:
    (table,) = [t for s in outcome.findings.sections for t in s.tables if t.title == "Planted faults"]
    assert [row[2] for row in table.rows] == ["differ"] * 4


def test_the_conclusion_follows_what_was_found(outcome: Outcome) -> None:
    sections = [
        replace(s, verdicts=tuple(replace(v, verdict="differ", explained=False) for v in s.verdicts))
        for s in outcome.findings.sections
    ]
    said = " ".join(conclusion(sections))
    assert "0 of 15 comparisons" in said
    assert "not confirmed" not in " ".join(outcome.findings.conclusion).lower()


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
    # 2 (1 + 2 + 4) evaluations; 2·4 paths; 2 (2·7 − 1) products; each once: 6 and 2·4 + 6; the same by the recursion
    assert work.counted == work.predicted == (14, 8, 26, 6, 14, 14)
    assert work.same
    alone = Work.of((3, 1, 1, 2))
    assert alone.anew == alone.kept == alone.recursion == 7


def test_remembering_too_little_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(backward_work._Counting):
        def error(self, layer: int, unit: int) -> object:  # type: ignore[override]
            self.known.clear()
            return super().error(layer, unit)

    monkeypatch.setattr(backward_work, "_Counting", Forgetful)
    found = RepeatedWork("r", "", (), ((2, 2, 2),), 2, By((1, 2), ())).run(Settings())
    assert found.discrepancies[0].verdict is Verdict.DIFFER


def test_a_recursion_that_does_more_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    true = backpropagation.backward

    def twice(weights: object, biases: object, x: object, cost_slope: object) -> object:
        true(weights, biases, x, cost_slope)  # type: ignore[arg-type]
        return true(weights, biases, x, cost_slope)  # type: ignore[arg-type]

    monkeypatch.setattr(backward_work, "backward", twice)
    work = Work.of((2, 3, 2))
    assert work.recursion == 2 * work.predicted[5]


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
    assert [d.verdict for d in found.discrepancies] == [Verdict.DIFFER] * 5


@pytest.mark.parametrize("net", NETS, ids=lambda net: " ".join(described_as(net)))
def test_a_wrong_slope_of_any_activation_is_told(net: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    name = described_as(net)[1]
    right = SLOPES[name]
    wrong = right._replace(slope=lambda z: right.slope(z) * (1 + 1e-12), node=lambda g, z, y: right.node(g, z, y) * 2)
    monkeypatch.setitem(SLOPES, name, wrong)
    same, total = as_graphs(net)
    assert same < total
    assert _at_random(net)[1].verdict is Verdict.DIFFER


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
    chains = {row[0]: row for row in section.tables[1].rows}
    assert all(float(row[3]) <= float(row[6]) for row in chains.values())
    assert {name for name, row in chains.items() if float(row[3]) > 4} == {"erf", "div", "pow"}
    assert chains["sin"][4:] == (1, 1, 3)  # the cosine; one argument
    assert chains["mul"][4:] == (0, 2, 4)
    assert chains["pow"][4:] == (5, 2, 9)  # y − 1, x^(y−1), y · that; log x, x^y · that

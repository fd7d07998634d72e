"""The study autodiff: what its experiments count and compare, and that each of them can come out otherwise."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from residua_bridge.experiments import backward_work, mode_costs, network_trace, symbolic_practice
from residua_bridge.experiments.backward_work import (
    ANEW,
    RECURSION,
    SINGLE,
    ConstantSlopes,
    MatrixFlops,
    RepeatedWork,
    Work,
)
from residua_bridge.experiments.claim_places import NOT_CONFIRMED
from residua_bridge.experiments.grids import exactly
from residua_bridge.experiments.mode_costs import CHAINS, Cost, ModeLadder, OperationCounts, gradient_operations
from residua_bridge.experiments.network_trace import (
    IDENTITIES,
    NETS,
    SLOPES,
    DeltasAsAdjoints,
    _at_random,
    as_graphs,
    described_as,
)
from residua_bridge.experiments.symbolic_practice import EXHIBITS, LOOP, SymbolicInPractice
from residua_bridge.experiments.traced_example import PrintedStep, _factors
from residua_bridge.findings import Cell, DerivationText, Section, Table
from residua_bridge.studies.autodiff import (
    AS_PRINTED,
    CLAIMS,
    CLAIMS_TITLE,
    DOCUMENT,
    DROPPED,
    LAYER,
    SAME,
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


def words(sections: Sequence[Section]) -> dict[str, list[object]]:
    """The words given to each claim."""
    (section,) = closing([s for s in sections if s.title != CLAIMS_TITLE])
    found: dict[str, list[object]] = {}
    for row in section.tables[0].rows:
        found.setdefault(str(row[0]), []).append(row[2])
    return found


def test_every_claim_points_to_sections_that_are_there(outcome: Outcome) -> None:
    titles = {section.title for section in outcome.findings.sections}
    assert {place for claim in CLAIMS for place in claim.where.split("; ")} <= titles
    assert [claim.name for claim in CLAIMS] == [f"004-{k:03d}" for k in (*range(87, 93), 99, 100, 102, 103, 104, 105)]


def test_every_claim_gets_its_word(outcome: Outcome) -> None:
    expected = {claim.name: ["true"] for claim in CLAIMS}
    assert words(outcome.findings.sections) == {
        **expected,
        "004-092": ["conditional"],
        "004-100": ["conditional", "conditional", "undecidable"],
    }


def with_column(sections: Sequence[Section], title: str, column: str, value: Cell) -> list[Section]:
    """The sections with one column of one table replaced by a value."""

    def altered(table: Table) -> Table:
        if not table.title.startswith(title):
            return table
        place = table.columns.index(column)
        return replace(table, rows=tuple((*row[:place], value, *row[place + 1 :]) for row in table.rows))

    return [replace(s, tables=tuple(map(altered, s.tables))) for s in sections]


@pytest.mark.parametrize(
    ("title", "column", "value", "claims"),
    [
        (AS_PRINTED, SAME, "no", {"004-102", "004-103"}),
        ("The elementary functions", "node", "$v$", {"004-102"}),
        ("Work in three ways", ANEW, 7, {"004-092"}),
        ("Work in three ways", RECURSION, 7, {"004-092"}),
        ("Work in three ways", SINGLE, "no", {"004-092"}),
        (IDENTITIES, "identical", 0, {"004-104"}),
        ("Jacobians by both modes", "reverse", 2, {"004-105"}),
        (CHAINS, "reverse / function", 9.5, {"004-105"}),
        (LOOP, "SymPy, ms", 1.0, {"004-100"}),
        (EXHIBITS, "what comes out", "6, no error", {"004-100"}),
    ],
)
def test_a_word_fails_with_its_evidence(
    outcome: Outcome, title: str, column: str, value: Cell, claims: set[str]
) -> None:
    found = words(with_column(outcome.findings.sections, title, column, value))
    assert {name for name, given in found.items() if NOT_CONFIRMED in given} == claims


@pytest.mark.parametrize("claim", [c.name for c in CLAIMS if c.name not in ("004-100", "004-102", "004-103")])
def test_no_word_without_its_proofs_and_comparisons(outcome: Outcome, claim: str) -> None:
    sections = [
        replace(s, derivations=(), verdicts=tuple(replace(v, explained=False) for v in s.verdicts))
        for s in outcome.findings.sections
    ]
    assert words(sections)[claim] == [NOT_CONFIRMED]


@pytest.mark.parametrize(
    ("derivation", "step", "claim"),
    [
        ("Chain rule", "rule", "004-087"),
        ("Partial derivatives are not enough", "along the diagonal", "004-087"),
        ("Linearity", "rule", "004-088"),
        (LAYER, "d z by W", "004-089"),
        (LAYER, "d C by z", "004-090"),
        (DROPPED, "dropped", "004-091"),
        ("Product rule", "rule", "004-099"),
        ("Cost of one reverse pass", "bound", "004-105"),
    ],
)
def test_each_step_that_a_word_rests_on_must_be_proved(
    outcome: Outcome, derivation: str, step: str, claim: str
) -> None:
    def unproved(d: DerivationText) -> DerivationText:
        steps = (replace(s, proofs=()) if (d.title, s.name) == (derivation, step) else s for s in d.steps)
        return replace(d, steps=tuple(steps))

    sections = [replace(s, derivations=tuple(map(unproved, s.derivations))) for s in outcome.findings.sections]
    assert [name for name, given in words(sections).items() if NOT_CONFIRMED in given] == [claim]


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
    assert NOT_CONFIRMED not in " ".join(outcome.findings.conclusion)


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

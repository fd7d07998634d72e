"""The study sin-fit: what it compares can come out otherwise, and its words follow the tables."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import factorial
from typing import Any

import numpy as np
import pytest

from residua_bridge.experiments import sin_errors, sin_lines, sin_trained
from residua_bridge.experiments.claim_places import NOT_CONFIRMED, Evidence
from residua_bridge.experiments.sin_errors import ERRORS, PolynomialErrors
from residua_bridge.experiments.sin_lines import FITS, FOUND, LEAST, ExplicitNetworks, PieceErrors, explicit
from residua_bridge.experiments.sin_nets import DEGREES, Nets, Setting, task
from residua_bridge.experiments.sin_plateau import PlateauRule, degree_of
from residua_bridge.experiments.sin_structure import Structure
from residua_bridge.experiments.sin_trained import (
    CLOSEST,
    DEEPER,
    ERROR,
    SEEDS,
    STOPS,
    SUMMARY,
    VARIANTS,
    WIDTHS,
    AsDescribed,
    OtherSettings,
    PiecesByWidth,
    WhereItStops,
    WithDropout,
    _flat,
    _from_floor,
    _pairs,
    _sums,
)
from residua_bridge.findings import Cell, Section, Table
from residua_bridge.studies.sin_fit import CLAIMS, CLAIMS_TITLE, STUDY, closing, conclusion
from residua_bridge.study import By, Experiment, Outcome, Settings, carry_out
from residua_bridge.verdict import Verdict
from residua_network import Linear
from residua_symbolic.series.approximation.piecewise_linear import PiecewiseLinear

BELOW_STOP = "D below 0.0005"  # a column
SMALL = Setting(hidden=2, width=16, batch=64, rate=1e-2, steps=400, stop=2e-3)


def taylor(degree: int, x: Any) -> Any:
    """T_n of sin."""
    return sum((-1) ** (k // 2) * x**k / factorial(k) for k in range(1, degree + 1, 2))


def smaller(experiment: Experiment) -> Experiment:
    """Few seeds, small networks, short ladders."""
    two = By(2, 2)
    if isinstance(experiment, AsDescribed):
        return replace(experiment, setting=SMALL, seeds=By(3, 3), pieces=(1, 2, 4, 8))
    if isinstance(experiment, WhereItStops):
        return replace(experiment, settings=(replace(SMALL, batch=8), SMALL), seeds=two)
    if isinstance(experiment, WithDropout):
        return replace(experiment, settings=(replace(SMALL, dropout=0.1, steps=20),), seeds=two)
    if isinstance(experiment, OtherSettings):
        short = [
            replace(v, setting=replace(v.setting, width=8, steps=100 if v.floor else 20)) for v in experiment.variants
        ]
        return replace(experiment, variants=tuple(short), seeds=two)
    if isinstance(experiment, PiecesByWidth):
        return replace(experiment, settings=(replace(SMALL, width=4, steps=10), replace(SMALL, steps=10)), seeds=two)
    if isinstance(experiment, PolynomialErrors):
        return replace(experiment, suprema=By((1, 3), ()))
    if isinstance(experiment, PieceErrors):
        return replace(experiment, counts=By((1, 2, 3, 6, 7), ()))
    return experiment


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """The study, small."""
    return carry_out(replace(STUDY, experiments=tuple(map(smaller, STUDY.experiments))), Settings())


@pytest.fixture(scope="module")
def nets() -> Nets:
    """Three small networks."""
    return SMALL.trained(3)


def words_of(section: Section) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in section.tables[0].rows:
        found.setdefault(str(row[0]), []).append(str(row[2]))
    return found


def sections_of(outcome: Outcome) -> tuple[Section, ...]:
    return tuple(s for s in outcome.findings.sections if s.title != CLAIMS_TITLE)


def with_table(
    sections: Sequence[Section], title: str, change: Callable[[tuple[Cell, ...]], Any]
) -> tuple[Section, ...]:
    """The sections with every row of one table changed."""

    def changed(table: Table) -> Table:
        return replace(table, rows=tuple(tuple(change(row)) for row in table.rows)) if table.title == title else table

    return tuple(replace(s, tables=tuple(map(changed, s.tables))) for s in sections)


def test_every_verdict_is_as_expected_and_explained(outcome: Outcome) -> None:
    assert outcome.as_expected
    assert len(outcome.findings.verdicts) == 12
    assert {v.verdict for v in outcome.findings.verdicts} == {"agree", "differ"}


def test_every_line_of_the_document_is_dealt_with(outcome: Outcome) -> None:
    words = words_of(outcome.findings.sections[-1])
    assert list(words) == [f"002-0{n}" for n in range(21, 35)]
    assert words["002-023"] == ["false"]
    assert words["002-025"] == ["false"]
    assert words["002-026"] == ["true"]
    assert words["002-027"] == ["conditional"]
    assert words["002-032"][1] == "false"  # an error of 6e-4 is that of T_7
    titles = {s.title for s in outcome.findings.sections}
    assert {place for claim in CLAIMS for place in claim.where.split("; ")} <= titles
    assert conclusion(sections_of(outcome))


def test_without_its_evidence_a_claim_is_not_confirmed(outcome: Outcome) -> None:
    bare = tuple(replace(s, derivations=(), verdicts=()) for s in sections_of(outcome))
    words = words_of(closing(bare)[0])
    for name in ("021", "023", "024", "025", "026", "027"):
        assert words[f"002-{name}"] == [NOT_CONFIRMED]
    assert words["002-033"][0] == NOT_CONFIRMED


def test_words_follow_the_tables(outcome: Outcome) -> None:
    sections = sections_of(outcome)
    total = len(Evidence(sections).rows(SEEDS))

    def all_at(n: int) -> tuple[Section, ...]:
        return with_table(sections, CLOSEST, lambda row: (row[0], total if row[0] == n else 0, *row[2:]))

    assert words_of(closing(all_at(11))[0])["002-032"][0] == "true"
    assert words_of(closing(all_at(11))[0])["002-034"] == ["true"]
    assert words_of(closing(all_at(9))[0])["002-034"] == ["undecidable"]
    never_above = with_table(sections, STOPS, lambda row: (*row[:9], 0, *row[10:]))
    assert words_of(closing(never_above)[0])["002-030"] == [NOT_CONFIRMED]
    fewer = with_table(sections, WIDTHS, lambda row: (*row[:6], -float(row[6]), *row[7:]))
    assert words_of(closing(fewer)[0])["002-028"] == [NOT_CONFIRMED]
    worse = with_table(sections, SUMMARY, lambda row: (row[0], 2.0, 2.0, 2.0, row[4]))
    assert words_of(closing(worse)[0])["002-029"] == [NOT_CONFIRMED]
    above = with_table(sections, SEEDS, lambda row: (*row[:3], 1.0, *row[4:]))
    assert words_of(closing(above)[0])["002-022"] == [NOT_CONFIRMED]


def test_counts_in_words_are_those_of_the_tables(outcome: Outcome) -> None:
    """Counts that occur nowhere else are put into columns by their names, and found again."""
    marks = {sin_trained.ABOVE_STOP: 5555, sin_trained.ABOVE_PRINTED: 6666, sin_trained.TO_TERM: 4444, BELOW_STOP: 7777}

    def marked(table: Table) -> Table:
        return replace(
            table,
            rows=tuple(
                tuple(marks.get(c, cell) for c, cell in zip(table.columns, row, strict=True)) for row in table.rows
            ),
        )

    sections = tuple(replace(s, tables=tuple(map(marked, s.tables))) for s in sections_of(outcome))
    said = {str(row[0]): str(row[3]) for row in reversed(closing(sections)[0].tables[0].rows)}
    assert "7777 of 2 at rate 0.1" in said["002-022"]
    assert "6666 of 2 with batches of 8" in said["002-030"]
    assert "4444 of 2 (8)" in said["002-032"]
    assert "5555 of 2 lie above 0.0005 and 6666 above" in " ".join(conclusion(sections))


def test_few_networks_do_not_refute_and_many_do(outcome: Outcome) -> None:
    """None of three is closest to T_11: chance 1/8, if it were every second network. None of twenty: 1e-6."""
    sections = sections_of(outcome)

    def of(total: int, own: int) -> str:
        def counted(row: tuple[Cell, ...]) -> tuple[Cell, ...]:
            return (row[0], {9: total - own, 11: own}.get(int(float(str(row[0]))), 0), *row[2:])

        seeds = tuple(
            replace(s, tables=tuple(replace(t, rows=(t.rows * 9)[:total]) if t.title == SEEDS else t for t in s.tables))
            for s in sections
        )
        return words_of(closing(with_table(seeds, CLOSEST, counted))[0])["002-032"][0]

    assert [of(3, 0), of(20, 0), of(20, 4), of(20, 7), of(20, 20)] == [
        "conditional", "false", "false", "conditional", "true"
    ]  # fmt: skip


def test_depth_is_judged_beyond_chance(outcome: Outcome) -> None:
    sections = sections_of(outcome)

    def of(*chances: tuple[float, float]) -> str:
        left = iter(chances)
        return words_of(closing(with_table(sections, DEEPER, lambda row: (*row[:3], *next(left))))[0])["002-031"][1]

    better, worse, neither = (0.001, 0.999), (0.999, 0.001), (0.4, 0.6)
    assert of(better, better) == "true"
    assert of(worse, worse) == "false"
    assert of(better, neither) == "conditional"
    assert of(neither, neither) == of(worse, neither) == "undecidable"
    assert of((0.02, 0.98), (0.02, 0.98)) == "undecidable"
    spread = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    ((_, _, quotient, less, more),) = _pairs((("a", "b"),), {"a": spread, "b": spread / 100}).rows
    assert quotient == pytest.approx(0.01)
    assert less == pytest.approx(1 / 924)
    assert more == pytest.approx(1.0)


def test_accuracy_is_read_off_the_tables(outcome: Outcome) -> None:
    sections = sections_of(outcome)
    as_eleven = with_table(sections, ERRORS, lambda row: (*row[:2], 5e-4 if row[0] == 11 else row[2], *row[3:]))
    accurate = with_table(as_eleven, SUMMARY, lambda row: (row[0], *[5e-4] * 3, row[4]) if row[0] == ERROR else row)
    assert words_of(closing(accurate)[0])["002-032"][1] == "true"


def test_lines_that_do_not_come_near_the_floor_are_noticed(outcome: Outcome) -> None:
    sections = sections_of(outcome)
    below = with_table(sections, VARIANTS, lambda row: (*row[:4], 0.1, *row[5:]))
    far_above = with_table(sections, VARIANTS, lambda row: (*row[:5], 0.3, *row[6:]))
    for off in (below, far_above):
        assert words_of(closing(off)[0])["002-024"] == [NOT_CONFIRMED]


def test_a_wrong_closed_form_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    true = sin_errors.closed_forms

    def off(kind: str, degrees: Sequence[int]) -> list[float]:
        return [value * (1 + 1e-6) for value in true(kind, degrees)]

    experiment = PolynomialErrors("errors", (), DEGREES, By((1,), ()))
    assert all(d.verdict is Verdict.AGREE for d in experiment.run(Settings()).discrepancies)
    monkeypatch.setattr(sin_errors, "closed_forms", off)
    assert all(d.verdict is Verdict.DIFFER for d in experiment.run(Settings()).discrepancies)


def test_a_wrong_constant_of_the_law_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = PieceErrors("pieces", (), By((1, 2, 3, 6, 7), ()), (21, 41, 81, 161), (5e-4,))
    found = experiment.run(Settings())
    assert found.discrepancies[0].verdict is Verdict.AGREE
    table = Evidence((found.section,))
    assert all(
        float(str(low)) <= float(str(high))
        for low, high in zip(table.column(FITS, LEAST), table.column(FITS, FOUND), strict=True)
    )
    assert table.rows("How many")[0][2:] == (7, 7)
    first, second = sin_lines.constants()
    monkeypatch.setattr(sin_lines, "constants", lambda: (first * 720 / 719, second))
    assert experiment.run(Settings()).discrepancies[0].verdict is Verdict.DIFFER


def test_explicit_networks_with_a_wrong_weight_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = ExplicitNetworks("explicit", (), (3, 6))
    assert all(d.verdict is Verdict.AGREE for d in experiment.run(Settings()).discrepancies)

    def off(function: PiecewiseLinear) -> Any:
        values = function.values.copy()
        values[1] += 1e-6
        return explicit(PiecewiseLinear(function.knots, values))

    monkeypatch.setattr(sin_lines, "explicit", off)
    assert experiment.run(Settings()).discrepancies[0].verdict is Verdict.DIFFER


def test_errors_of_networks_are_those_of_their_outputs(nets: Nets) -> None:
    x = np.linspace(-np.pi, np.pi, 20_001)
    outputs = nets.ensemble.outputs(x[:, None])[:, :, 0]
    inner = (x[:-1] + x[1:]) / 2  # midpoint rule
    for n in (1, 4, 9, 15):
        found = np.mean((nets.ensemble.outputs(inner[:, None])[:, :, 0] - taylor(n, inner)) ** 2, axis=1)
        np.testing.assert_allclose(nets.distances[:, DEGREES.index(n)], found, rtol=1e-3)
    direct = np.mean((outputs - np.sin(x)) ** 2, axis=1)
    np.testing.assert_allclose(nets.errors, direct, rtol=1e-2)
    np.testing.assert_allclose(nets.on(task()), nets.errors, rtol=0.2)


def test_a_distance_that_breaks_the_rule_is_noticed(nets: Nets) -> None:
    for made, word in ((_sums, Verdict.AGREE), (_flat, Verdict.DIFFER), (_from_floor, Verdict.DIFFER)):
        d = made(nets)
        assert (d.verdict, d.explained) == (word, True)
    broken = Nets(nets.setting, nets.ensemble)
    broken.__dict__["distances"] = nets.distances + 0.02 * nets.errors[:, None]
    assert _sums(broken).verdict is Verdict.DIFFER
    assert not _flat(broken).explained
    below = Nets(nets.setting, nets.ensemble)
    below.__dict__["errors"] = nets.errors * 1e-9
    assert not _from_floor(below).explained


def test_dropout_in_another_order_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from residua_bridge.experiments import sin_structure

    assert all(d.verdict is Verdict.AGREE for d in Structure("s", ()).run(Settings()).discrepancies)
    monkeypatch.setattr(sin_structure, "Dropout", lambda rate: Linear(16, 16))
    assert Structure("s", ()).run(Settings()).discrepancies[-2].verdict is Verdict.DIFFER


def test_readings_of_a_term() -> None:
    assert [degree_of(name, 11) for name in ("degree", "non-zero term", "coefficient, zeros counted")] == [11, 21, 10]
    table = PlateauRule("p", (), (9, 11), (5.92e-4,), 11).run(Settings()).section.tables[1]
    assert table.rows[0][0] == 5.92e-4
    assert table.rows[0][6] == 11


def test_titles_are_those_that_claims_look_for(outcome: Outcome) -> None:
    titles = {t.title for s in outcome.findings.sections for t in s.tables}
    assert {ERRORS, FITS, SUMMARY, CLOSEST, SEEDS, STOPS, WIDTHS, sin_trained.DROPOUTS, sin_trained.VARIANTS} <= titles

"""The study residual-taylor at its smallest, and that each of its judgements could have come out otherwise."""

from dataclasses import replace
from typing import Any

import flint
import numpy as np
import pytest

from residua_bridge.experiments.residual_taylor import targets
from residua_bridge.experiments.residual_taylor.blocks import EarlyAndLate, falls
from residua_bridge.experiments.residual_taylor.carried import CarriedState, Case
from residua_bridge.experiments.residual_taylor.depth import CARRIED, ErrorsOverDepth
from residua_bridge.experiments.residual_taylor.folds import Fold, Folds, at_the_floor, best_values
from residua_bridge.experiments.residual_taylor.literal import LiteralConstruction
from residua_bridge.experiments.residual_taylor.scalar import ScalarStream
from residua_bridge.experiments.residual_taylor.targets import (
    Target,
    against,
    down,
    mean_square,
    met,
    near_zero,
    sup,
    up,
)
from residua_bridge.experiments.residual_taylor.training import TrainedStreams
from residua_bridge.experiments.texts import proved
from residua_bridge.findings import Cell, Section, Table, VerdictText
from residua_bridge.studies.residual_taylor import (
    CLAIMS,
    CLAIMS_TITLE,
    EXP,
    EXP_FOLD,
    SIN,
    SIN_FOLD,
    STUDY,
    TANH,
    TANH_FOLD,
)
from residua_bridge.study import By, Finding, Settings
from residua_symbolic.series.constructions import construction
from residua_symbolic.series.constructions.obstruction import value_at
from residua_symbolic.series.constructions.stream_networks import ExactNetwork, stream_network, taylor_network
from residua_symbolic.series.constructions.streams import first_corrected, literal, matched, taylor

SETTINGS = Settings()
SMALL = By(1, 1)


def number(cell: Cell) -> float:
    assert isinstance(cell, float)
    return cell


def as_expected(finding: Finding) -> bool:
    verdicts = finding.section.verdicts
    return bool(verdicts) and all(v.verdict == v.expected and v.explained for v in verdicts)


@pytest.fixture(scope="module")
def literal_section() -> Finding:
    return LiteralConstruction("literal", "Read literally", (), ((SIN, 5), (EXP, 3)), 5, (SIN,)).run(SETTINGS)


@pytest.fixture(scope="module")
def carried_section() -> Finding:
    return CarriedState("Carried state", (), (Case(SIN, 4), Case(EXP, 4), Case(TANH, 2)), By(5, 5)).run(SETTINGS)


def test_targets_are_what_they_are_called() -> None:
    assert np.max(abs(SIN.values[0] - np.sin(SIN.x[:, 0]))) < 1e-15
    assert np.max(abs(EXP.values[0] - np.exp(EXP.x[:, 0]))) < 1e-13
    assert TANH.x[-1, 0] == pytest.approx(1.2)
    assert SIN.x[-1, 0] <= np.pi
    assert [str(c) for c in TANH.coefficients(5)] == ["0", "1", "0", "-1/3", "0", "2/15"]
    assert SIN.mean_square(0) == pytest.approx(0.5)
    assert SIN.truncation(15) >= sup(SIN.values - np.array([np.polyval(SIN.state(15).coefficients, SIN.x[:, 0])]))


def test_the_literal_construction(literal_section: Finding) -> None:
    assert as_expected(literal_section)
    series = {(row[0], row[1]): row for row in literal_section.section.tables[0].rows}
    assert series["sin", "read literally"][3] == "$2$"
    assert series["sin", "first block put right"][-1] == 7
    growth = {(row[0], row[1]): row for row in literal_section.section.tables[1].rows}
    assert growth[SIN.label, 5][2] == 15
    assert growth[SIN.label, 1][3] == pytest.approx(2 * np.pi)  # |2 π − sin π|


@pytest.mark.parametrize("make", [literal, matched, first_corrected])
def test_a_torch_model_with_a_fault_is_not_the_construction(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = make(SIN.coefficients(5))
    net, build = stream_network(stream), targets.model_of
    good = met(net, stream.value, SIN.x)
    assert (str(good.verdict), good.explained) == ("agree", True)

    def faulty(exact: ExactNetwork) -> Any:
        model = build(exact)
        *_, tensor = model.parameters()
        tensor.data *= 1 + 1e-6
        return model

    monkeypatch.setattr(targets, "model_of", faulty)
    bad = met(net, stream.value, SIN.x)
    assert (str(bad.verdict), bad.explained) == ("differ", False)
    other = against(SIN, net, stream.value, "construction", SIN.x)
    assert (str(other.verdict), other.explained) == ("differ", False)


def test_a_network_that_is_f_refutes_us() -> None:
    """Where the construction were f, the second verdict would be agree, which is not the expected one."""
    c = SIN.coefficients(31)
    polynomial = taylor(c, 31)
    d = against(SIN, taylor_network(c, flint.fmpq(4)), lambda x: value_at(polynomial, x), "truncation", SIN.x)
    assert str(d.verdict) == "agree"


def test_the_carried_state(carried_section: Finding) -> None:
    assert as_expected(carried_section)
    for _, _, measured, bound, *_ in carried_section.section.tables[0].rows:
        assert number(measured) <= number(bound) * (1 + 1e-9)


def test_the_floor_is_for_streams_of_one_number_only() -> None:
    """A carried state goes below it and tells the two points apart; the checks say so."""
    for depth in (5, 7):
        c = SIN.coefficients(depth)
        net = stream_network(matched(c))
        assert [str(d.verdict) for d in at_the_floor(SIN_FOLD, net.network, net.rounded())] == ["agree", "agree"]
    wide = taylor_network(SIN.coefficients(9), flint.fmpq(4))
    below, apart = at_the_floor(SIN_FOLD, wide.network, wide.rounded())
    assert (str(below.verdict), below.explained) == ("differ", False)
    assert (str(apart.verdict), apart.explained) == ("differ", False)


def test_best_values_lie_at_the_floors() -> None:
    x = np.linspace(*SIN_FOLD.state().ends, 801)
    middle, mean = best_values(SIN_FOLD, x)
    floor = SIN_FOLD.floor()
    assert np.max(abs(middle - np.sin(x))) <= floor.upper
    assert np.max(abs(middle - np.sin(x))) > floor.lower * (1 - 1e-4)
    state = np.polyval(SIN_FOLD.state().coefficients, x)
    alone = abs(state) > 2 * np.sqrt(2) / 3 + 1e-6  # beyond the folds a state is that of one point
    assert np.allclose(middle[alone], np.sin(x)[alone])
    assert np.mean((mean - np.sin(x)) ** 2) < np.mean((middle - np.sin(x)) ** 2)


def test_folds_and_depth_run() -> None:
    folds = Folds("f", "Obstruction", (), (), (SIN_FOLD, Fold(SIN, 1, 3)), (SIN_FOLD,), ((SIN_FOLD, (5,)),)).run(
        SETTINGS
    )
    assert as_expected(folds)
    (attained,) = folds.section.tables[1].rows
    assert number(attained[4]) <= number(attained[5]) <= number(attained[4]) * 1.01  # mean square: floor, and the best
    floors = folds.section.tables[0].rows
    assert floors[0][2:4] == (0.6598, 0.6605)
    assert floors[0][6] == 0.7868  # not 0.7869, which (7 + √13)√(9 + 3√13)/60 = 0.786859 does not reach
    assert number(floors[0][2]) > 0.65
    assert floors[1][2] == 0
    depth = ErrorsOverDepth("d", "Errors over depth", (), ((SIN_FOLD, 4, 7, 9),)).run(SETTINGS)
    crosses = {row[1]: row[-1] for row in depth.section.tables[0].rows}
    assert crosses[CARRIED] == 5
    assert {crosses[name] for name in crosses if name != CARRIED} == {"never"}
    assert depth.section.prose == ("Below its floor ends: carried state, for 1 of 1.",)


def test_scalar_streams() -> None:
    finding = ScalarStream("Scalar stream", (), ((SIN, 5), (TANH, 5))).run(SETTINGS)
    assert as_expected(finding)
    errors = [row for row in finding.section.tables[2].rows if row[0] == "sin"]
    inside = [number(row[3]) for row in errors[1:]]
    assert falls(inside)  # the reversion converges inside
    assert number(errors[-1][5]) > 1e3  # and explodes outside


def test_barely_trained_streams_do_not_pass_the_floor() -> None:
    finding = TrainedStreams("t", "Training", (), (SIN_FOLD,), SIN, 1, SMALL, By(30, 30)).run(SETTINGS)
    assert as_expected(finding)
    held, free = finding.section.tables[0].rows
    assert number(held[2]) >= number(held[3]) > 0.65
    best = best_values(SIN_FOLD, SIN.x[:, 0])[1]
    assert held[4] == pytest.approx(held[6] + np.mean((best - SIN.values[0]) ** 2), rel=0.1)
    assert free[3] == 0


def test_reading_after_every_block() -> None:
    finding = EarlyAndLate("e", "Early and late blocks", (), SIN, 4, 2, SMALL, By(50, 50)).run(SETTINGS)
    own, anew = finding.section.tables[0].rows
    assert len(own) == len(anew) == 2 + 3 + 2
    assert all(number(b) <= number(a) for a, b in zip(own[2:5], anew[2:5], strict=True))  # least squares is never worse
    assert anew[2] == pytest.approx(0.5 - 3 / np.pi**2, rel=1e-2)  # the best line


def test_the_conclusion_follows_the_tables() -> None:
    """Tables with made-up numbers: each sentence that judges says the opposite where they say so."""

    def said(best: float, held: float, free: float, verdict: str) -> str:
        floors = [(fold.label, "no", 0.6, 0.7, 0, 0, 0.8, 0.9) for fold in (SIN_FOLD, EXP_FOLD, TANH_FOLD)]
        trained: list[tuple[Cell, ...]] = [
            ("sin, behind $T_{3}$", 0, held, 0.6, 0.2, 0.1, 0.1),
            ("sin, free from x on", 0, free, 0, 0, 0, "–"),
        ]
        rows: dict[str, list[tuple[Cell, ...]]] = {
            "Growth with depth": [(SIN.label, 1, 1, 6.0), (SIN.label, 7, 105, 1e30)],
            "Error of the carried state": [(SIN.label, 15, 1e-7, 1e-7)],
            "Certified floors": [(*row,) for row in floors],
            "What the best block attains": [(SIN_FOLD.label, 0.6, best, 0.7)],
            "Trained scalar streams": trained,
            "Errors on a scalar stream": [("sin", "orders matched", 7, 0.1, 0.1, 4.0)],
            "Claims": [("000-001", "", "true", "", "")],
        }
        tables = {name: Table(name, (), tuple(found)) for name, found in rows.items()}
        statement = "Carried state, sin: the network is $T_{15}$"
        judged = VerdictText(statement, verdict, verdict == "agree", "agree", "", 0.0, {}, 0.0, 0.0, "")
        one = Section("All", (), tables=tuple(tables.values()), verdicts=(judged,))
        return " ".join(STUDY.conclusion((one, Section(CLAIMS_TITLE, (), tables=(tables["Claims"],)))))

    good = said(0.65, 1.0, 0.1, "agree")
    for words in ("1 are as expected", "model equals", "attained by the best", "does not pass", "not too narrow"):
        assert words in good
    bad = said(0.75, 0.5, 0.65, "differ")
    for words in ("0 are as expected", "does not equal", "not seen to be attained", "passes the", "no better than the"):
        assert words in bad
        assert words not in good


def test_the_claims_are_judged_by_what_the_sections_hold(literal_section: Finding, carried_section: Finding) -> None:
    laws = (construction.telescoped, construction.read_literally, construction.fed_the_input)
    derived = Section("Derived", derivations=tuple(proved(make()) for make in laws))
    carried = carried_section.section
    spoilt = replace(carried, verdicts=tuple(replace(v, verdict="inconclusive") for v in carried.verdicts))

    def words(section: Section) -> dict[str, str]:
        assert STUDY.closing is not None
        (closing,) = STUDY.closing((derived, literal_section.section, section))
        return {str(row[0]): str(row[2]) for row in closing.tables[0].rows}

    found = words(carried)
    assert tuple(found) == CLAIMS
    assert found["000-001"] == "see the ledger"
    assert (found["000-009"], found["000-013"]) == ("true", "false")
    assert words(spoilt)["000-009"] == "not confirmed"


def test_small_things() -> None:
    assert (down(0.78686), down(0.7868594), down(1.54427), down(0.0), down(2.0)) == (0.7868, 0.7868, 1.544, 0.0, 2.0)
    assert (up(0.6604801), up(7.728e-7, 2), up(float("inf"))) == (0.6605, 7.8e-7, float("inf"))
    assert falls([3.0, 2.0, 1.0])
    assert not falls([3.0, 3.0])
    x = np.linspace(-2, 2, 5)[:, None]
    assert near_zero(x, [9.0, 1.0, 0.0, 1.0, float("nan")], 3.0) == ((-1.0, 0.0, 1.0), (1.0, 0.0, 1.0))
    assert near_zero(x, [9.0] * 5, 3.0) == ((), ())
    assert near_zero(x, [1.0] * 5, 3.0)[0] == (-2.0, -1.0, 0.0, 1.0, 2.0)
    assert mean_square(np.array([[1.0, 1.0, 1.0]])) == 1
    assert mean_square(np.array([[2.0, 0.0, 0.0]])) == 1  # the ends count half
    assert Target("x", "x", "1", "").label == "x on "

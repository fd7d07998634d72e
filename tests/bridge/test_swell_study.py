"""The study of expression swell at its smallest, and that it would notice if a law or a derivative were wrong."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy as sp

from residua_bridge.experiments.exact_counts import exactly
from residua_bridge.experiments.swell import laws as swell_laws
from residua_bridge.experiments.swell import networks as swell_networks
from residua_bridge.experiments.swell import table as swell_table
from residua_bridge.experiments.swell import trained as swell_trained
from residua_bridge.experiments.swell.laws import Map, SwellLaws
from residua_bridge.experiments.swell.networks import NetworkSwell
from residua_bridge.experiments.swell.table import COLLECTED, PRINTED, SwellTable
from residua_bridge.experiments.swell.times import SwellTimes, graph_route, shared_route, sympy_route
from residua_bridge.experiments.swell.trained import TrainedSwell
from residua_bridge.studies.swell import STUDY, X, conclusion
from residua_bridge.study import By, Settings
from residua_symbolic.growth import Law, law_of
from residua_symbolic.swell import swell
from residua_symbolic.swell_networks import network_laws

SETTINGS = Settings()
LAWS = SwellLaws("laws", (), (Map("logistic map", "logistic", 4 * X * (1 - X)),), By(26, 26))


def test_whole_numbers_are_equal_or_not() -> None:
    assert exactly("q", [2**80], [2**80], {}).verdict == "agree"
    wrong = exactly("q", [2**80], [2**80 + 1], {})  # one in 10^24, which no float64 would see
    assert wrong.verdict == "differ"
    assert wrong.difference == 1.0
    assert not wrong.explained
    assert exactly("q", [1, 2], [1], {}).verdict == "differ"
    nothing = exactly("q", [], [], {})
    assert (nothing.verdict, nothing.explained) == ("inconclusive", False)


counted_once = cache(swell)


@pytest.fixture(autouse=True)
def _count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swell_laws, "swell", counted_once)


def test_laws_are_found_and_hold() -> None:
    finding = LAWS.run(SETTINGS)
    assert [v.verdict for v in finding.section.verdicts] == ["agree", "agree"]
    assert len(finding.discrepancies) == 12
    assert "2^{n}" in str(finding.section.tables[0].rows[0][2])
    assert len(finding.section.derivations[0].steps) == 6


def test_every_law_is_judged_by_levels_that_it_was_not_learnt_from() -> None:
    for d in LAWS.run(SETTINGS).discrepancies:
        first = int(d.scope["levels"].split()[0])
        assert first > int(d.scope["learnt from levels"].split()[-1])
        assert len(d.measured) >= 2


def alternating(n: int) -> int:
    return int(sp.prime(n)) ** 2 % 7


@pytest.mark.parametrize(
    "fault",
    [
        lambda n: int(n == 22),
        lambda n: int(n == 9),
        lambda n: int(n >= 20),
        lambda n: int(n == 25),
        lambda n: int(n == 26),
        alternating,
    ],
)
@pytest.mark.parametrize("name", ["tree_nodes", "cse_operations"])
def test_a_count_that_is_wrong_somewhere_is_noticed(name: str, fault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def off(*arguments: Any, **options: Any) -> Any:
        found = counted_once(*arguments, **options)
        rows = [
            row if getattr(row, name) is None else replace(row, **{name: getattr(row, name) + fault(row.n)})
            for row in found
        ]
        return replace(found, rows=tuple(rows))

    monkeypatch.setattr(swell_laws, "swell", off)
    assert [v.verdict for v in LAWS.run(SETTINGS).section.verdicts][1] != "agree"


def test_a_law_that_is_off_by_one_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    def off(values: Any) -> Law | None:
        law = law_of(values)
        return law and replace(law, values=(law.values[0] + 1, *law.values[1:]))

    monkeypatch.setattr(swell_laws, "law_of", off)
    assert "differ" in [v.verdict for v in LAWS.run(SETTINGS).section.verdicts]


def test_networks_at_sizes_beyond(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = NetworkSwell("networks", (), ((6, 2),))
    assert [v.verdict for v in experiment.run(SETTINGS).section.verdicts] == ["agree", "agree"]
    true = network_laws

    def off(form: str) -> dict[str, Any]:
        return {name: replace(law, formula=law.formula + 1) for name, law in true(form).items()}

    monkeypatch.setattr(swell_networks, "network_laws", off)
    assert [v.verdict for v in experiment.run(SETTINGS).section.verdicts] == ["differ", "differ"]


def test_networks_without_a_law_or_without_sizes_to_judge_are_inconclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = NetworkSwell("networks", (), ())
    assert [v.verdict for v in experiment.run(SETTINGS).section.verdicts] == ["inconclusive", "inconclusive"]
    true = network_laws
    monkeypatch.setattr(
        swell_networks, "network_laws", lambda form: {k: v for k, v in true(form).items() if k != "tree_nodes"}
    )
    verdicts = NetworkSwell("networks", (), ((6, 2),)).run(SETTINGS).section.verdicts
    assert [v.verdict for v in verdicts] == ["inconclusive", "inconclusive"]


def test_the_table_is_that_of_the_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = SwellTable("table", (), 3)
    section = experiment.run(SETTINGS).section
    assert [v.verdict for v in section.verdicts] == ["agree"] * 3
    assert len(section.tables[0].rows) == 12
    x = X
    for k, column in enumerate(PRINTED):
        for row in range(4):
            wrong = (*PRINTED[column][:row], PRINTED[column][row] + x, *PRINTED[column][row + 1 :])
            monkeypatch.setattr(swell_table, "PRINTED", {**PRINTED, column: wrong})
            assert [v.verdict == "differ" for v in experiment.run(SETTINGS).section.verdicts] == [
                i == k for i in range(3)
            ]
    monkeypatch.setattr(swell_table, "PRINTED", PRINTED)
    for wrong in ((32, COLLECTED[3][1]), (64, (*COLLECTED[3][1][:-1], 2048))):
        monkeypatch.setattr(swell_table, "COLLECTED", (*COLLECTED[:3], wrong))
        assert experiment.run(SETTINGS).section.verdicts[2].verdict == "differ"


def test_the_routes_that_are_timed_give_one_result() -> None:
    assert sympy_route(7)() == shared_route(7)()
    assert graph_route(7)() == 7 * 7 - 6
    finding = SwellTimes("times", (), By((3, 5), (3, 5)), sympy_to=4).run(SETTINGS)
    assert finding.section.tables[0].rows[1][1] == "–"


def test_a_trained_network_s_derivative_is_torch_s(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = TrainedSwell("trained", (), By(20, 20))
    assert experiment.run(SETTINGS).section.verdicts[0].verdict == "agree"
    true = swell_trained.slopes

    def off(*arguments: Any) -> tuple[Any, ...]:
        floats, exact, radius = true(*arguments)
        return floats, exact * (1 + 1e-10), radius

    monkeypatch.setattr(swell_trained, "slopes", off)
    assert experiment.run(SETTINGS).section.verdicts[0].verdict == "differ"


def test_slopes_are_enclosed() -> None:
    net = swell_trained.small_network()
    from residua_numeric import build, weights_of

    floats, exact, radius = swell_trained.slopes(net, weights_of(build(net, seed=1)), np.ones((2, 2)))
    assert floats.shape == (2, 1, 2)
    assert np.all(radius < 1e-15)
    assert np.all(abs(floats - exact) < 1e-13)


def test_the_study_is_found_and_concludes_from_its_tables() -> None:
    assert STUDY.name == "swell"
    small = (SwellTable("t", (), 3), LAWS, NetworkSwell("n", (), ((6, 2),)), TrainedSwell("m", (), By(5, 5)))
    chain = replace(LAWS, maps=(*LAWS.maps, Map("tanh chain", "tanh", sp.tanh(X))))
    sections = [e.run(SETTINGS).section for e in (small[0], chain, *small[2:])]
    words = " ".join(conclusion(sections))
    assert "level 26" in words
    assert "7 \\, n - 9" in words

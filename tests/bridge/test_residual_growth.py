"""The study of residual growth: its networks and sources, its claims, and laws of another block order."""

from dataclasses import replace

import numpy as np
import pytest

from residua_bridge.budgets.judge import judged
from residua_bridge.budgets.law import Ladder
from residua_bridge.experiments.claim_places import NOT_CONFIRMED
from residua_bridge.experiments.judged_laws import JudgedLaws
from residua_bridge.experiments.residual_growth_claims import claims
from residua_bridge.experiments.residual_growth_laws import CountedAlike, Derived, MeanLength, Mistaken, value_of
from residua_bridge.experiments.residual_growth_sources import PathLengths, Stream, columns, network, statistics
from residua_bridge.findings import Section, Table, VerdictText
from residua_bridge.study import study_named
from residua_network import Residual
from residua_symbolic.moments.residual.laws import ResidualLaw

PRE, POST = (ResidualLaw(order, "linear relu", "layernorm") for order in ("pre", "post"))
FIRST = ResidualLaw("pre", "relu linear", "layernorm")
LADDER = Ladder({"width": 32, "depth": 4}, {"width": (16, 32, 64)}, 400, resolution=0.1, seconds=4)


def test_networks_are_those_of_the_law() -> None:
    net = network(PRE, 8, 3)
    assert [layer.kind for layer in net.layers] == ["residual"] * 3
    assert isinstance(net.layers[0], Residual)
    assert [layer.kind for layer in net.layers[0].branch] == ["layernorm", "linear", "activation"]
    assert [layer.kind for layer in network(POST, 8, 2).layers] == ["residual", "layernorm"] * 2
    assert columns(POST, 2) == [0, 2, 4]
    assert columns(PRE, 2) == [0, 1, 2]
    found = statistics(POST, 8, 2, 5, seed=0)
    np.testing.assert_allclose(found.mean_squares[:, columns(POST, 2)], 1.0, rtol=1e-12)


def test_sources_are_repeatable_and_blocks_independent() -> None:
    for source in (Stream(PRE, "mean"), Stream(PRE, "gradient"), PathLengths(PRE), PathLengths(PRE, share=0)):
        first, again, other = (source.draw({"width": 8, "depth": 2}, 6, block) for block in (0, 0, 1))
        assert np.array_equal(first, again)
        assert not np.isclose(first, other).any()
    pair = PathLengths(PRE, share=0).draw({"width": 8, "depth": 2}, 6, 0)
    assert (pair[:, 0] > 0).all()


def test_a_law_of_another_order_differs_and_the_cause_explains_it() -> None:
    wrong = Mistaken(PRE, FIRST, "gradient", "1 + L", "mean removed by the norm")()
    found = judged(wrong, Stream(PRE, "gradient"), LADDER, "ratio of means")
    assert str(found.verdict) == "differ"
    assert found.explained
    bare = replace(wrong, causes={}, approximations=())
    found = judged(bare, Stream(PRE, "gradient"), LADDER, "ratio of means")
    assert str(found.verdict) == "differ"
    assert not found.explained


def test_laws_have_the_values_of_the_derivations() -> None:
    sizes = {"width": 10.0, "depth": 5.0}
    assert Derived(PRE, "variance", "")().value(sizes) == pytest.approx(0.9 * PRE.variances(5)[-1])
    assert not Derived(PRE, "mean", "")().limits
    assert Derived(PRE, "gradient", "")().limits
    carries = ResidualLaw("none", "linear relu")
    law = Derived(carries, "gradient", "")()
    (cause,) = law.causes.values()
    assert cause({"width": 1e9, "depth": 5.0}) == pytest.approx(0.0, abs=1e-5)
    assert float(cause(sizes)) > 0.3 * value_of(carries, "gradient")(sizes)
    assert MeanLength(FIRST, "").value(sizes) == pytest.approx(sum(1 / j for j in range(2, 7)))
    assert CountedAlike(FIRST)().predicted(sizes).value == 2.5


def test_claims_are_not_confirmed_where_a_verdict_is_not_the_expected_one() -> None:
    good = [_section(title, "agree") for title in ("Without a norm", "Pre-norm", "Post-norm")]
    rows = (
        ("x + (Linear)", 1e14, 1e14, 1e12, "exploding"),
        ("LayerNorm(x + (Linear → ReLU))", 4000.0, 4e3, 10.0, "between"),
        ("RMSNorm(x + (Linear → ReLU))", 1e-8, 1e-8, 1e-9, "vanishing"),
    )
    table = Table(
        "Gradients through 48 blocks", ("block", "law, n → ∞", "measured", "standard error", "typical norm"), rows
    )
    depth = Section("Where the gradients go", tables=(table,))
    words = _words([*good, depth])
    assert words == {"000-008": "undecidable", "000-016": "conditional", "003-082": "conditional", "003-084": "false"}
    bad = [_section("Without a norm", "differ"), *good[1:], depth]
    assert set(_words(bad).values()) == {NOT_CONFIRMED}
    lawless = replace(table, rows=tuple((row[0], 1.0, *row[2:]) for row in rows))
    assert _words([*good, replace(depth, tables=(lawless,))])["000-016"] == NOT_CONFIRMED  # a mean law of 1
    normed = replace(table, rows=(("x + (LayerNorm → ReLU → Linear)", 49.0, 49.0, 1.0, "exploding"), *rows[1:]))
    assert _words([*good, replace(depth, tables=(normed,))])["003-084"] == NOT_CONFIRMED  # no skip alone explodes
    calm = replace(table, rows=tuple((*row[:-1], "between") for row in rows))
    assert _words([*good, replace(depth, tables=(calm,))])["003-084"] == NOT_CONFIRMED


def _words(sections: list[Section]) -> dict[str, str]:
    (section,) = claims(sections)
    return {str(row[0]): str(row[2]) for row in section.tables[0].rows}


def _section(title: str, verdict: str) -> Section:
    text = VerdictText("s", verdict, True, "agree", "", 0.0, {}, 0.0, 1.0)
    return Section(title, verdicts=(text,))


def test_the_study_names_what_it_expects() -> None:
    study = study_named("residual-growth")
    expected = [met.expected for e in study.experiments if isinstance(e, JudgedLaws) for met in e.laws]
    assert {"agree", "differ"} == set(expected)
    assert expected.count("differ") >= 5

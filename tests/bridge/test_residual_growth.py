"""The study of residual growth: its networks and sources, its claims, and laws of another block order."""

from dataclasses import replace

import numpy as np
import pytest

from residua_bridge.budgets.judge import judged
from residua_bridge.budgets.law import Ladder
from residua_bridge.experiments.judged_laws import JudgedLaws
from residua_bridge.experiments.residual_growth.laws import CountedAlike, Derived, MeanLength, Mistaken, value_of
from residua_bridge.experiments.residual_growth.sources import PathLengths, Stream, columns, network, statistics
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


def test_the_study_names_what_it_expects() -> None:
    study = study_named("residual-growth")
    expected = [met.expected for e in study.experiments if isinstance(e, JudgedLaws) for met in e.laws]
    assert {"agree", "differ"} == set(expected)
    assert expected.count("differ") >= 5

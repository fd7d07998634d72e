"""The experiments of the study on layer normalisation, small, and with laws that are wrong."""

import math
from functools import cache

import numpy as np
import pytest

from residua_bridge.budgets.judge import judged
from residua_bridge.budgets.law import Ladder
from residua_bridge.experiments.layernorm import grid as layernorm_grid
from residua_bridge.experiments.layernorm import laws as layernorm_laws
from residua_bridge.experiments.layernorm import overstated as layernorm_overstated
from residua_bridge.experiments.layernorm.grid import WholeDistribution, WidthAndDepth
from residua_bridge.experiments.layernorm.overstated import Overstated
from residua_bridge.experiments.layernorm.sources import Nets, Ratios, carried_by_largest
from residua_bridge.study import By, Settings, study_named
from residua_symbolic.moments.layer.ratio import LayerRatio

GRID = WidthAndDepth("x", "x", (), "layernorm", (8, 16), (1, 6), By(4e6, 4e6), (8,))


def test_blocks_are_independent_and_repeatable() -> None:
    source, sizes = Ratios(Nets(), "ratio"), {"width": 6.0, "depth": 2.0}
    first = source.draw(sizes, 5, 0)
    assert np.array_equal(first, source.draw(sizes, 5, 0))
    assert not np.any(first == source.draw(sizes, 5, 1))
    assert source.draw(sizes, 5, 0) == pytest.approx(np.divide(*Ratios(Nets()).draw(sizes, 5, 0).T))


def test_interior_ratios_lie_between_linear_layers() -> None:
    net = Nets(relu=True).network(4, 3)
    low, high = Nets(relu=True).places(3, edges=False)
    assert [type(net.layers[place - 1]).__name__ for place in (low, high)] == ["Linear", "Linear"]
    assert Nets().places(3, edges=True) == (0, 6)
    assert len(Nets().network(4, 3).layers) == 6


def test_the_grid_agrees_and_notices_a_wrong_law(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WidthAndDepth, "_drawn", cache(WidthAndDepth._drawn))
    (found,) = GRID.run(Settings()).discrepancies
    assert str(found.verdict) == "agree"
    monkeypatch.setattr(layernorm_grid, "ratio", lambda kind, sizes: layernorm_laws.ratio("rmsnorm", {**sizes}))
    (found,) = GRID.run(Settings()).discrepancies
    assert str(found.verdict) == "differ"


def test_deciles_agree_and_notice_a_layer_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = WholeDistribution("x", "x", (), "layernorm", ((6, 3),), By(4000, 4000))
    (found,) = experiment.run(Settings()).discrepancies
    assert str(found.verdict) == "agree"
    wrong = LayerRatio("layernorm", (6, 6, 6))
    monkeypatch.setattr(layernorm_grid, "ratio", lambda kind, sizes: wrong)
    (found,) = experiment.run(Settings()).discrepancies
    assert str(found.verdict) == "differ"


def test_the_overstated_share_agrees_and_notices_a_direction_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layernorm_overstated, "_shares", cache(layernorm_overstated._shares))
    experiment = Overstated("x", "x", (), (4, 16), By(4000, 4000))
    (found,) = experiment.run(Settings()).discrepancies
    assert str(found.verdict) == "agree"
    true = layernorm_overstated.lost
    monkeypatch.setattr(layernorm_overstated, "lost", lambda kind, width: true("rmsnorm", width))
    (found,) = experiment.run(Settings()).discrepancies
    assert str(found.verdict) == "differ"


def test_geometric_for_arithmetic_mean_differs_by_its_own_cause() -> None:
    ladder = Ladder({"width": 12.0, "depth": 4.0}, {}, 4000, 0.06, 5.0)
    found = judged(layernorm_laws.geometric_for_mean("layernorm"), Ratios(Nets()), ladder, "ratio of means")
    assert str(found.verdict) == "differ"
    assert found.explained
    assert "geometric for arithmetic mean" in found.causes


def test_what_the_largest_carry() -> None:
    assert carried_by_largest(np.array([1.0] * 99 + [101.0])) == pytest.approx(101 / 200)


def test_the_popular_law_says_what_it_leaves_out() -> None:
    sizes = {"width": 16.0, "depth": 2.0}
    law = layernorm_laws.without_edges("layernorm")
    assert law.predicted(sizes).value + law.approximated(sizes).value == pytest.approx(
        layernorm_laws.mean_law("layernorm").predicted(sizes).value
    )
    dropped = layernorm_laws.with_constant_statistics("layernorm")
    assert dropped.value(sizes) + dropped.approximated(sizes).value == pytest.approx(15 / 16 * (14 / 13) ** 2)
    assert math.log(dropped.value(sizes)) > 0.1


def test_rows_feel_each_other_in_a_batch_normalisation_alone() -> None:
    changed = {row[0]: row[1:] for row in layernorm_overstated.others().rows}
    assert changed["layernorm"] == changed["rmsnorm"] == (0, 0)
    assert min(map(float, changed["batchnorm"])) > 0.1


def test_the_study_is_found() -> None:
    assert study_named("layernorm-width").title.startswith("Layer normalisation")

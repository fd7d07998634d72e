"""The study of training with normalisation: its experiments on small sizes, and the faults that its verdicts notice."""

import math
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from scipy import stats

from residua_bridge.experiments.normalised_training import axes, batches
from residua_bridge.experiments.normalised_training import gates as along
from residua_bridge.experiments.normalised_training.accuracy import BesideDropout, ByBatch, ByRate
from residua_bridge.experiments.normalised_training.axes import Axes
from residua_bridge.experiments.normalised_training.batches import Shuffled
from residua_bridge.experiments.normalised_training.factor import LearnedFactor
from residua_bridge.experiments.normalised_training.gates import ForgetGates
from residua_bridge.experiments.normalised_training.memory import MemoryHeld
from residua_bridge.experiments.normalised_training.nets import accuracies, classifier, digits, first, interval, sided
from residua_bridge.experiments.normalised_training.steps import CarriedOver
from residua_bridge.findings import Section
from residua_bridge.study import By, Settings, study_named
from residua_numeric import accuracy
from residua_numeric.carry_over import gradients_of_examples
from residua_numeric.ensemble import train_many
from residua_numeric.layers.batchnorm import BatchNorm
from residua_symbolic.training import held

STUDY = study_named("normalised-training")
E = TypeVar("E")
FEW: dict[str, Any] = {"steps": By(3, 3), "seeds": By(2, 2)}


def experiment(kind: type[E]) -> E:
    """That of the study."""
    (found,) = (e for e in STUDY.experiments if isinstance(e, kind))
    return found


def verdicts(section: Section) -> list[tuple[str, bool]]:
    return [(v.verdict, v.explained) for v in section.verdicts]


def test_the_interval_is_students() -> None:
    values = np.random.default_rng(0).normal(size=7)
    mean, half = interval(values)
    low, high = stats.t.interval(0.95, 6, loc=values.mean(), scale=stats.sem(values))
    assert (mean - half, mean + half) == pytest.approx((low, high), rel=1e-12)
    assert interval([1.0])[1] == math.inf
    assert [sided(1.0, 0.5), sided(-1.0, 0.5), sided(1.0, 1.5), sided(math.nan, 0.1)] == [
        "higher",
        "lower",
        "undecided",
        "undecided",
    ]


def test_accuracy_is_that_of_the_models_one_by_one() -> None:
    """Stored statistics: torch's own eval mode; those of the test part: what `accuracy` uses."""
    trained = train_many(classifier(2, 8, "batch"), digits(), range(2), 20, rate=1e-2, progress=False)
    assert accuracies(trained, digits(), "batch") == pytest.approx([accuracy(m, digits()) for m in trained.models])
    x = torch.tensor(digits().test_x, dtype=torch.float32)
    for k, model in enumerate(trained.models):
        for module in model.modules():
            if isinstance(module, BatchNorm):
                module.statistics = "running"
        with torch.no_grad():
            right = (model(x).argmax(-1).numpy() == digits().test_y).mean()
        assert accuracies(trained, digits())[k] == pytest.approx(right)
    assert len(first(150).x) == 150


def test_a_step_is_not_lost() -> None:
    one = replace(
        experiment(CarriedOver), hidden=2, moments=(0,), seeds=By(2, 2), pairs=By(4, 4), population=96, batch=16
    )
    section = one.run(Settings()).section
    assert verdicts(section) == [("agree", True)] * 2
    assert [row[0] for row in section.tables[0].rows] == ["none", "batch", "layer"]
    assert all(float(row[4]) > 0 for row in section.tables[0].rows)


def test_a_wrong_mean_product_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradients of single examples of twice the size: four times the mean products."""
    one = replace(experiment(CarriedOver), hidden=2, population=96, batch=16)
    double = "residua_bridge.experiments.normalised_training.steps.gradients_of_examples"
    monkeypatch.setattr(double, lambda *given: 2 * gradients_of_examples(*given))
    assert str(one._products("none", 24).verdict) == "differ"


def test_axes_agree_and_wrong_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    one = replace(experiment(Axes), steps=2, seeds=By(2, 2))
    section = one.run(Settings()).section
    assert verdicts(section) == [("agree", True)] * 3
    true = axes.by_hand
    monkeypatch.setattr(axes, "by_hand", lambda module, x, given: true(module, x, (0,) if 0 in given else given))
    wrong = one._explicit()
    assert str(wrong.verdict) == "differ"
    assert not wrong.explained


def test_shuffled_batches_follow_the_law_and_sorted_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    one = replace(experiment(Shuffled), sizes=(32, 128), draws=By(120, 120), **FEW)
    section = one.run(Settings()).section
    assert verdicts(section) == [("agree", True)]
    assert all(float(row[5]) > 1 for row in section.tables[0].rows)
    true = batches._squares
    monkeypatch.setattr(batches, "_squares", lambda size, count, order: true(size, count, "sorted"))
    assert verdicts(one.run(Settings()).section) == [("differ", False)]


def test_memory_is_counted_and_a_wrong_count_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    one = replace(experiment(MemoryHeld), sizes=((4, 8),), batches=(2, 4))
    assert verdicts(one.run(Settings()).section) == [("agree", True)]
    held.held()  # proved, and kept, with the right counts
    monkeypatch.setattr(held, "BLOCKS", {**held.BLOCKS, "batchnorm": held.BLOCKS["layernorm"]})
    assert verdicts(one.run(Settings()).section) == [("differ", False)]


def test_the_cells_derivative_and_a_wrong_one(monkeypatch: pytest.MonkeyPatch) -> None:
    one = replace(experiment(ForgetGates), length=5, tested=8, setups=experiment(ForgetGates).setups[:3], **FEW)
    section = one.run(Settings()).section
    assert verdicts(section) == [("agree", True), ("differ", True)]
    true = along.derivative
    monkeypatch.setattr(along, "derivative", lambda *given: (1.001 * true(*given)[0], true(*given)[1]))
    full, direct = one._cell()
    assert [str(full.verdict), full.explained] == ["differ", False]
    assert not direct.explained
    assert (1 + math.exp(-along.needed(0.2, 20))) ** -20 == pytest.approx(0.8)


def test_trainings_are_tabulated_by_seed() -> None:
    """Small runs of what only trains: every row is there, differences are those of the means."""
    rate = replace(experiment(ByRate), nets=experiment(ByRate).nets[:1], rates=(0.1, 0.3), width=4, **FEW)
    every, best = rate.run(Settings()).section.tables
    assert [row[1] for row in every.rows] == [0.1, 0.3]
    assert all(float(row[4]) == pytest.approx(float(row[3]) - float(row[2])) for row in every.rows)
    assert float(best.rows[0][2]) == max(float(row[2]) for row in every.rows)
    size = replace(experiment(ByBatch), sizes=(2, 8), hidden=1, width=4, **FEW)
    rows = size.run(Settings()).section.tables[0].rows
    assert all(float(row[5]) == pytest.approx(float(row[3]) - float(row[1])) for row in rows)
    drop = replace(experiment(BesideDropout), data=(60,), hidden=1, width=4, **FEW)
    cells, effects = drop.run(Settings()).section.tables
    right = {(row[1], row[2]): float(row[3]) for row in cells.rows}
    assert float(effects.rows[0][3]) == pytest.approx(right["none", 0.0] - right["none", 0.2])


def test_a_factor_from_zero_begins_as_the_identity() -> None:
    one = replace(experiment(LearnedFactor), blocks=2, width=4, inits=("he",), **FEW)
    rows = one.run(Settings()).section.tables[0].rows
    assert [row[1] for row in rows] == [variant.name for variant in one.variants]
    by_name = {row[1]: row for row in rows}
    for name, other in (("plain", "plain, factor from 1"), ("residual", "residual, factor from 1")):
        assert by_name[name][2] == pytest.approx(by_name[other][2], rel=1e-5)  # float32; the same function at first
    assert by_name["residual, factor from 0"][2] != pytest.approx(by_name["residual"][2], rel=1e-3)

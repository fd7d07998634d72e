"""The study standardising: each experiment at small sizes, and planted mistakes that it must notice."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from residua_bridge.experiments.standardising import moments, saturation, shape, sigmoid
from residua_bridge.experiments.standardising.depth import DISTANCES, DepthDistances
from residua_bridge.experiments.standardising.few import COST, PEOPLE_TABLE, FewFeatures
from residua_bridge.experiments.standardising.lost import LEARNT, RANDOM, WITHOUT, WithoutAffine
from residua_bridge.experiments.standardising.map import (
    BATCH,
    BEST,
    DEPARTURES,
    LAYER,
    OWN,
    RESTORED,
    STORED,
    Restoring,
)
from residua_bridge.experiments.standardising.saturation import HELD, NOISY, Saturation
from residua_bridge.experiments.standardising.sides import Mean, set_beside
from residua_bridge.experiments.standardising.sigmoid import FITS, Fits
from residua_bridge.findings import Section, Table
from residua_bridge.study import By, Experiment, Finding, Settings, study_named
from residua_bridge.verdict import Verdict
from residua_symbolic.standardising import sigmoid_range, whole_numbers
from residua_symbolic.standardising.as_printed import FORMULAS

STUDY = study_named("standardising")
TWO = By(2, 2)


def smaller(experiment: Experiment) -> Experiment:
    """Few seeds, few steps, few layers."""
    if isinstance(experiment, DepthDistances):
        return replace(experiment, depths=(1, 4), width=8, rows=300, seeds=By(3, 3))
    if isinstance(experiment, WithoutAffine):
        return replace(experiment, activations=("relu",), steps=40, seeds=TWO)
    if isinstance(experiment, Fits):
        return replace(experiment, steps=200, seeds=TWO)
    if isinstance(experiment, Saturation):
        return replace(experiment, steps=20, held_steps=10, seeds=TWO)
    if isinstance(experiment, FewFeatures):
        return replace(experiment, features=experiment.features[:1], steps=60, splits=TWO)
    return experiment


@pytest.fixture(scope="module")
def found() -> dict[str, Finding]:
    """Every experiment, run small, by its class."""
    return {type(e).__name__: smaller(e).run(Settings()) for e in STUDY.experiments}


def table(section: Section, title: str) -> Table:
    """The table of this title."""
    return next(t for t in section.tables if t.title == title)


def rows(finding: Finding, title: str) -> list[dict[str, Any]]:
    """Its rows by column."""
    t = table(finding.section, title)
    return [dict(zip(t.columns, row, strict=True)) for row in t.rows]


def test_every_verdict_is_as_expected(found: dict[str, Finding]) -> None:
    for name, finding in found.items():
        assert finding.section.verdicts, name
        for v in finding.section.verdicts:
            assert (v.verdict, v.explained) == (v.expected, True), v.statement


def test_every_derivation_stands_there_proved(found: dict[str, Finding]) -> None:
    count = sum(len(f.section.derivations) for f in found.values())
    assert count == 28
    for finding in found.values():
        for d in finding.section.derivations:
            assert any(step.proofs for step in d.steps)


def test_depth(found: dict[str, Finding]) -> None:
    seen = {(r["layers are"], r["depth"]): r["distance"] for r in rows(found["DepthDistances"], DISTANCES)}
    assert len(seen) == 8
    assert seen["ReLU", 4] > seen["ReLU", 1] == pytest.approx(seen["tanh", 1])
    assert seen["linear, exponential inputs", 1] > 3 * seen["linear", 1]


def test_maps(found: dict[str, Finding]) -> None:
    by = {r["normalised by"]: r for r in rows(found["AsAMap"], DEPARTURES)}
    assert by[STORED]["half-way, from affine"] < by[STORED]["rounding"]
    for name in (BATCH, LAYER):
        assert by[name]["$|f(2x) - 2f(x)|$"] == pytest.approx(1.0, abs=1e-9)
        assert by[name]["half-way, from affine"] > 0.1
    left = {r["γ and β are"]: r["left over"] for r in rows(found["Restoring"], RESTORED)}
    assert left[OWN] < 1e-12 < 0.1 < left[BEST]


def test_restoring_notices_another_gamma(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer with ε outside the root is not restored by √(v + ε)."""
    monkeypatch.setattr(
        "residua_bridge.experiments.standardising.map._image", lambda x: (x - x.mean(0)) / (x.std(0) + 1e-2)
    )
    finding = next(e for e in STUDY.experiments if isinstance(e, Restoring)).run(Settings())
    assert [v.verdict for v in finding.section.verdicts] == ["differ", "differ"]


def test_a_wrong_law_of_moments_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    right = moments._case

    def off(name: str, w: float, b: float) -> Any:
        case = right(name, w, b)
        return replace(case, law=(case.law[0], case.law[1] * (1 + 1e-9)))

    monkeypatch.setattr(moments, "_case", off)
    experiment = next(e for e in STUDY.experiments if isinstance(e, moments.AffineMoments))
    words = {v.statement: v.verdict for v in experiment.run(Settings()).section.verdicts}
    assert words[moments.LAW] == "differ"


def test_one_to_a_hundred(found: dict[str, Finding], monkeypatch: pytest.MonkeyPatch) -> None:
    by = {r["which"]: r for r in rows(found["OneToHundred"], shape.NUMBERS)}
    assert by["sample"]["at least"] <= np.std(np.arange(1, 101), ddof=1) <= by["sample"]["at most"] + 1e-13
    assert (by["sample"]["rounds to 29.01"], by["population"]["rounds to 29.01"]) == ("yes", "no")
    swapped = whole_numbers.deviations(100)._replace(population=whole_numbers.deviations(100).sample)
    monkeypatch.setattr(shape, "deviations", lambda count: swapped)
    experiment = next(e for e in STUDY.experiments if isinstance(e, shape.OneToHundred))
    assert {v.verdict for v in experiment.run(Settings()).section.verdicts} == {"differ"}


def test_another_shape_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standardising that also bends, as a map to ranks would."""
    monkeypatch.setattr(shape, "_standardised", lambda x: np.tanh((x - x.mean()) / x.std()))
    experiment = next(e for e in STUDY.experiments if isinstance(e, shape.ShapeKept))
    kept, shares = experiment.run(Settings()).section.verdicts
    assert (kept.verdict, shares.verdict) == ("differ", "agree")  # tanh keeps the order
    monkeypatch.setattr(shape, "_standardised", lambda x: -(x - x.mean()) / x.std())
    assert [v.verdict for v in experiment.run(Settings()).section.verdicts] == ["differ", "differ"]


def test_without_affine(found: dict[str, Finding]) -> None:
    by = {r["net"]: r for r in rows(found["WithoutAffine"], LEARNT)}
    assert by[WITHOUT]["accuracy"] > by[RANDOM]["accuracy"]
    assert by[RANDOM]["above the net without"] == pytest.approx(by[RANDOM]["accuracy"] - by[WITHOUT]["accuracy"])


def test_fits_meet_their_floors(found: dict[str, Finding]) -> None:
    by = {(r["target"], r["γ, β"]): r for r in rows(found["Fits"], FITS)}
    assert by[sigmoid.CORNERS, "without"]["least"] == pytest.approx(0.25, abs=1e-9)
    assert by[sigmoid.CORNERS, "with"]["least"] < 1e-3
    assert by[sigmoid.ODD, "without"]["largest"] < by[sigmoid.ODD, "without"]["best line"]
    assert (
        by[sigmoid.EVEN, "with"]["f(x) + f(−x) varies by"]
        > 1
        > 1e-10
        > by[sigmoid.EVEN, "without"]["f(x) + f(−x) varies by"]
    )


def test_a_net_below_its_floor_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sigmoid._Target, "floor", property(lambda self: 1.2 * float(self.y.var())))
    experiment = smaller(next(e for e in STUDY.experiments if isinstance(e, Fits)))
    monkeypatch.setattr(sigmoid, "_targets", lambda targets=sigmoid._targets: targets()[2:3])
    floors, _ = experiment.run(Settings()).section.verdicts
    assert floors.verdict == "differ"


def test_a_wrong_share_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saturation, "saturated_share", lambda g, b: sigmoid_range.saturated_share(1.02 * g, b))
    assert saturation._shares().verdict is Verdict.DIFFER


def test_saturation_tables(found: dict[str, Finding]) -> None:
    finding = found["Saturation"]
    held = rows(finding, HELD)
    share = {r["γ"]: r["saturated"] for r in held}
    assert share[4.0] > 0.2 > share[1.0]
    assert {r["disturbance"] for r in rows(finding, NOISY)} == {one.label for one in saturation.DISTURBANCES}
    (figure,) = finding.section.figures
    assert [len(c.y) for c in figure.curves] == [len(saturation.LEVELS)] * 4


@pytest.mark.parametrize("formula", FORMULAS[1:])
def test_formulas_tell_each_other_apart(found: dict[str, Finding], formula: str) -> None:
    words = {v.statement: v.verdict for v in found["PrintedStatistics"].section.verdicts}
    assert words[f"torch by {formula}"] == "differ"
    assert words["torch by ε inside, 1/N"] == "agree"


def test_few_features(found: dict[str, Finding]) -> None:
    (row,) = rows(found["FewFeatures"], COST)
    assert row["layer norm"] < 0.75 < row["batch norm"]
    assert all(abs(r["1 less that"]) < 1e-6 for r in rows(found["FewFeatures"], PEOPLE_TABLE))


def test_means_and_comparisons() -> None:
    mean = Mean.of([1.0, 2.0, 3.0])
    assert mean == pytest.approx((2.0, 1 / np.sqrt(3)))
    one = np.ones((1, 2))
    assert set_beside("q", one, one + 1e-3, one * 1e-2).verdict is Verdict.AGREE
    assert set_beside("q", one, one + 1e-1, one * 1e-2).verdict is Verdict.DIFFER
    accounted = set_beside("q", one, 2 * one, one * 1e-9, exact=2 * one)
    assert (accounted.verdict, accounted.explained) == (Verdict.DIFFER, True)
    assert not set_beside("q", one, 2 * one, one * 1e-9, exact=3 * one).explained


def test_the_line_of_the_figure_is_torchs_sigmoid(found: dict[str, Finding]) -> None:
    (figure,) = found["SigmoidRange"].section.figures
    curve = next(c for c in figure.curves if c.source == "measured")
    assert curve.y == pytest.approx(torch.sigmoid(torch.tensor(curve.x)).tolist(), abs=1e-6)


def test_the_conclusion_is_read_off(found: dict[str, Finding]) -> None:
    sections: Sequence[Section] = [f.section for f in found.values()]
    conclude: Callable[[Sequence[Section]], tuple[str, ...]] = STUDY.conclusion

    # the small runs lack rows that the sentences name: digits among few features
    def completed(section: Section) -> Section:
        tables = tuple(
            replace(t, rows=(*t.rows, ("digits", 64, "one", *t.rows[0][3:]))) if t.title == COST else t
            for t in section.tables
        )
        return replace(section, tables=tables)

    said = " ".join(conclude([completed(section) for section in sections]))
    by = {r["which"]: r["to two digits"] for r in rows(found["OneToHundred"], shape.NUMBERS)}
    assert by["sample"] in said
    assert by["population"] in said

"""The study of plain networks: its sources, its laws, and that a wrong law is noticed."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from residua_bridge.budgets.judge import judged
from residua_bridge.budgets.law import Ladder, Law
from residua_bridge.experiments.plain import laws
from residua_bridge.experiments.plain.phase import PhasePicture
from residua_bridge.experiments.plain.signals import Signals
from residua_bridge.experiments.plain.sources import (
    GradientPair,
    NewKinks,
    OtherVariance,
    ReluRatio,
    counted,
    line_network,
    plain,
)
from residua_bridge.experiments.plain.tails import HeavyTails
from residua_bridge.studies.plain_nets import ROUNDED
from residua_bridge.study import By, Settings, study_named
from residua_bridge.verdict import Verdict
from residua_numeric import build
from residua_symbolic.moments.plain import phase, relu_chain
from residua_symbolic.moments.predict import predict_moments

SMALL = {"width": 4.0, "depth": 2.0}


def test_blocks_are_repeatable_and_differ() -> None:
    for source, sizes in (
        (ReluRatio("logarithm"), SMALL),
        (ReluRatio("half squared difference"), SMALL),
        (GradientPair("tanh", 1.5), SMALL),
        (NewKinks(1.0, 0.5), {"width": 4.0, "layer": 2.0}),
        (NewKinks(1.0, None), {"width": 4.0, "layer": 2.0}),
    ):
        first, again, other = source.draw(sizes, 5, 0), source.draw(sizes, 5, 0), source.draw(sizes, 5, 1)
        assert first.shape[0] == 5
        assert np.array_equal(first, again)
        assert not np.array_equal(first, other)
        assert np.isfinite(first).all()


def test_the_living_are_the_first_of_all() -> None:
    """Logarithms are those of the ratios above 0 of the same networks, in order."""
    ratios = ReluRatio("ratio").draw({"width": 2.0, "depth": 3.0}, 60, 7)
    alive = ratios[ratios > 0]
    logs = ReluRatio("logarithm").draw({"width": 2.0, "depth": 3.0}, len(alive), 7)
    assert 0 < len(alive) < 60
    assert logs == pytest.approx(np.log(alive), rel=1e-12)
    assert ReluRatio("death").draw({"width": 2.0, "depth": 3.0}, 60, 7).sum() == 60 - len(alive)


def test_kinks_are_sign_changes() -> None:
    """Each layer's new kinks, against sign changes of its inputs on a fine grid of torch values."""
    import torch

    net = line_network(5, 3)
    model = build(net, seed=11, init="torch")
    x = torch.linspace(-1, 1, 40_001, dtype=torch.float64)[:, None]
    changes = []
    with torch.no_grad():
        for module in model:
            x = module(x)
            if isinstance(module, torch.nn.Linear):
                changes.append(int((torch.sign(x[1:]) != torch.sign(x[:-1])).sum()))
    assert counted(net, 11, None, 1.0) == changes
    assert sum(changes) > 0
    assert counted(net, 11, 0.5, 1.0) != counted(net, 12, 0.5, 1.0)


def test_laws_of_the_study_are_those_of_predict_moments() -> None:
    """Two derivations of one number: the recursion of this study, and the walk over any network."""
    for activation, variance in (("tanh", 1.5), ("gelu", 2.0)):
        law = laws.Propagated(activation, variance)()
        predicted = predict_moments(plain(activation, 32, 5), init=variance)
        ratio = math.prod(predicted.gradient_ratio)
        assert law.value({"width": 32, "depth": 5}) == pytest.approx(ratio, rel=1e-9)


def _off(factor: float, make: Callable[[], Law]) -> Law:
    law = make()
    return replace(law, value=lambda sizes: factor * law.value(sizes))


@pytest.mark.parametrize(
    ("make", "of"), [(laws.mean_logarithm, "logarithm"), (laws.variance_of_logarithm, "half squared difference")]
)
def test_an_exact_law_agrees_and_a_wrong_one_differs(make: Callable[[], Law], of: str) -> None:
    ladder = Ladder(SMALL, {}, repetitions=4000, resolution=0.2, seconds=6)
    source = ReluRatio(of)  # type: ignore[arg-type]
    assert judged(make(), source, ladder).verdict is Verdict.AGREE
    assert judged(_off(1.25, make), source, ladder).verdict is Verdict.DIFFER


def test_the_common_rule_differs_and_its_width_explains_it() -> None:
    ladder = Ladder(SMALL, {}, repetitions=6000, resolution=0.3, seconds=6)
    found = judged(laws.common_rule(), ReluRatio("half squared difference"), ladder)
    assert found.verdict is Verdict.DIFFER
    assert found.explained
    assert found.causes["finite width"] == pytest.approx(2 * relu_chain.log_variance(4) - 2.5)
    wrong = laws.common_rule()
    halved = replace(wrong, causes={"finite width": lambda sizes: wrong.term("finite width", sizes).value / 2})
    assert not judged(halved, ReluRatio("half squared difference"), ladder).explained


def test_the_fixed_point_and_the_layers() -> None:
    law = laws.AtTheFixedPoint("tanh", 1.5)()
    sizes = {"width": 32.0, "depth": 5.0}
    assert law.value(sizes) + law.term("finite depth", sizes).value == pytest.approx(
        phase.gradient_ratio("tanh", 1.5, 0, 5)
    )
    assert law.value(sizes) > 1 > phase.gradient_ratio("tanh", 1.5, 0, 5)


def test_tails_and_pictures() -> None:
    finding = HeavyTails("t", "tails", (), 8, (1, 4), By(200, 200)).run(Settings())
    rows = finding.section.tables[0].rows
    assert [row[0] for row in rows] == [1, 4]
    assert rows[1][4] == pytest.approx(math.sqrt(((1 + 5 / 8) ** 4 - 1) / 200))
    section = PhasePicture("p", "plane", (), ("tanh", "relu"), (0.8, 1.0)).run(Settings()).section
    names = ["p-tanh", "p-relu", "p-layernorm-1", "p-layernorm-2"]
    assert [figure.name for figure in section.figures] == names
    vertical = [curve.x for curve in section.figures[1].curves]  # χ = σ_w²/2 whatever the biases
    assert vertical == [(1.6, 1.6), (2.0, 2.0)]
    for figure, chi in zip(section.figures[2:], (0.8, 1.0), strict=True):
        for curve in figure.curves:
            weight, bias = curve.x[1], curve.y[1]
            assert phase.normalised_growth(curve.label, phase.LAYER, weight, bias) == pytest.approx(chi)
    edge = next(curve for curve in section.figures[0].curves if "1" in curve.label.split("=")[1].strip()[:1])
    assert min(edge.x) == pytest.approx(1.0, abs=0.01)
    assert all(b >= 0 for figure in section.figures for curve in figure.curves for b in curve.y)


def test_scaled_weights_change_nothing_behind_a_normalisation() -> None:
    """To the last bit for powers of 4, and without the normalisation by more than any rounding."""
    sizes = {"width": 8.0, "depth": 3.0}
    assert OtherVariance("tanh").draw({**sizes, "variance": 4.0}, 1, 0) == 0
    assert 0 < OtherVariance("tanh").draw({**sizes, "variance": 3.0}, 1, 0) < ROUNDED
    one, other = (GradientPair("tanh", v).draw(sizes, 20, 0) for v in (1.0, 3.0))
    assert np.abs(other[:, 0] / one[:, 0] * one[:, 1] / other[:, 1] - 1).min() > ROUNDED


def test_signals_depend_on_activation_and_variance() -> None:
    """Linear layers keep the difference of two inputs, sigmoids lose it; the law of the mean is the known one."""
    found = Signals("s", (), (("identity", 1.0), ("identity", 0.25), ("sigmoid", 1.0)), 16, 12, By(40, 40))
    (table,) = found.run(Settings()).section.tables
    linear, small, sigmoid = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    law, difference = "squared gradient: law, n → ∞", "relative difference of two outputs"
    assert linear[law] == 1
    assert small[law] == pytest.approx(0.25**12)
    assert [row["typical norm"] for row in (linear, small, sigmoid)] == ["between", "vanishing", "vanishing"]
    assert small["geometric mean"] == pytest.approx(float(linear["geometric mean"]) * 0.25**12)
    assert small[difference] == pytest.approx(linear[difference])
    assert float(linear[difference]) > 0.5 > 1e-6 > abs(float(sigmoid[difference]))


def test_the_study_is_data() -> None:
    study = study_named("plain-nets")
    titles = [experiment.title for experiment in study.experiments]  # type: ignore[attr-defined]
    assert len(set(titles)) == len(titles)
    assert {"The common rule", "The plane of variances", "Pieces by layer"} <= set(titles)

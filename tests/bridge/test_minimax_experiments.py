"""The experiments on ramps, sigmoids and pieces: faults are seen, floors are floors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from residua_bridge.compare import compare
from residua_bridge.experiments.minimax import ramps as minimax_ramps
from residua_bridge.experiments.minimax import sigmoids as minimax_sigmoids
from residua_bridge.experiments.minimax import squares as minimax_squares
from residua_bridge.experiments.minimax import trained as minimax_trained
from residua_bridge.experiments.minimax.pieces import bracket, continuous_error, counts_for, limit
from residua_bridge.experiments.minimax.ramps import NearestRamps, measured_error, ramp_model, stated_error
from residua_bridge.experiments.minimax.sigmoids import constants_of, hard, nearest_error, ramp_error, sigmoid_model
from residua_bridge.experiments.minimax.squares import integrated
from residua_bridge.experiments.minimax.trained import KINDS, kind_of, relu_errors
from residua_bridge.findings import Findings
from residua_bridge.studies.minimax import STUDY
from residua_bridge.study import Settings
from residua_numeric import Measurement
from residua_symbolic import Prediction
from residua_symbolic.domains import balls
from residua_symbolic.minimax.ramp import BestRamp, Ramp, best_ramp
from residua_symbolic.minimax.square_laws import best_square_ramp, integral_at

REPORT = Path(__file__).parents[2] / "reports/minimax/findings.json"


def test_the_first_section_is_as_committed() -> None:
    committed = Findings.from_json(REPORT.read_text(encoding="utf-8")).sections[0]
    found = STUDY.experiments[0].run(Settings()).section
    assert found.derivations == committed.derivations
    assert found.tables == committed.tables
    assert [v.verdict for v in found.verdicts] == [v.verdict for v in committed.verdicts]


def test_a_wrong_ramp_in_torch_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(ramp: Ramp) -> torch.nn.Sequential:
        with balls.precision():
            return ramp_model(replace(ramp, knot=ramp.knot * (1 + 1e-9)))

    monkeypatch.setattr(minimax_ramps, "ramp_model", wrong)
    found = NearestRamps("x", "y", ()).run(Settings()).section.verdicts
    assert [v.verdict for v in found] == ["differ", "agree"]


def test_a_wrong_sigmoid_in_torch_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        minimax_sigmoids, "sigmoid_model", lambda steep, height, low: sigmoid_model(steep * (1 + 1e-9), height, low)
    )
    found = minimax_sigmoids.NearestSigmoids("x", "y", ()).run(Settings()).section.verdicts
    assert [v.verdict for v in found][:2] == ["differ", "differ"]


def test_a_wrong_closed_form_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minimax_squares, "integral_at", lambda knot: integral_at(knot) + 1e-9)
    found = minimax_squares.Squares("x", "y", ()).run(Settings()).section.verdicts
    assert [v.verdict for v in found] == ["differ"]


def test_models_are_the_functions_that_are_stated() -> None:
    best: BestRamp = best_ramp("free")
    x = np.linspace(-9, 9, 41)
    assert measured_error(ramp_model(best.ramp), x) == pytest.approx(stated_error(best, x), abs=1e-14)
    error = nearest_error("free")[1]
    far = ramp_error(sigmoid_model(*constants_of(best)), 1.0, np.array([-30.0, 30.0]))
    assert abs(far) == pytest.approx([error, error], abs=1e-9)
    assert hard(np.array([-2.0, 0.0, 1.0, 3.0])).tolist() == [0, 0.5, 1, 1]


def test_the_quadrature_finds_integrals_over_the_line() -> None:
    assert integrated(lambda x: np.exp(-abs(x)), 1.0) == pytest.approx(1.0, rel=1e-9)
    knot = float(best_square_ramp().knot)
    with balls.precision():
        model = ramp_model(Ramp(best_square_ramp().knot, best_square_ramp().knot * 0))
    assert integrated(lambda x: measured_error(model, x), knot) == pytest.approx(integral_at(knot), rel=1e-9)


def test_largest_errors_of_relu_networks_are_taken_where_they_are() -> None:
    best = best_ramp("free", 8.0)
    model = ramp_model(best.ramp)
    assert relu_errors([model]) == pytest.approx([float(best.error.mid())], rel=1e-12)
    assert kind_of(model) == KINDS[0]
    with torch.no_grad():
        model.get_parameter("0.weight")[1] *= -1
    assert kind_of(model) == KINDS[1]


def test_an_error_below_a_floor_is_explained_by_nothing() -> None:
    above = minimax_trained._against(0.05, 0.04, "largest error", range(3), 10)
    below = minimax_trained._against(0.03, 0.04, "largest error", range(3), 10)
    assert above.explained
    assert above.causes["optimisation"] == pytest.approx(0.01)
    assert not below.explained
    assert below.unexplained.value == pytest.approx(-0.01)


def test_ladders_end_at_their_limit() -> None:
    counts = (8, 16, 32, 64, 128)
    last, bar = limit(counts, [2 + 3 / n - 1 / n**2 for n in counts])
    assert last == pytest.approx(2, abs=1e-9)
    assert bar < 1e-7
    assert counts_for("tanh(x)", (1, 2, 3, 4, 8)) == (1, 3, 7)
    assert counts_for("exp(x)", (1, 2)) == (1, 2)


def test_floors_stay_below_the_law_and_fits_do_not() -> None:
    square, sup = bracket("exp(x)", 100)
    assert 0.6 < square < 1
    assert 0.8 < sup < 1
    assert continuous_error("exp(x)", 4) > 0


def test_comparisons_of_curves_can_fail() -> None:
    best = best_ramp("held")
    x = np.linspace(-3, 3, 9)[None]
    predicted = Prediction("q", stated_error(best, x[0])[None], np.full_like(x, 1e-14), {})
    moved = Measurement("q", stated_error(best, x[0] + 1e-6)[None], "float64", None, {})
    assert str(compare(predicted, moved).verdict) == "differ"

"""Every derivation proves itself, and refuses what is wrong; rivals among sigmoids; minima in the mean square."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
import sympy as sp
from scipy.optimize import minimize_scalar

from residua_symbolic import Derivation
from residua_symbolic.domains import balls
from residua_symbolic.minimax.cell_floors import legendre_law
from residua_symbolic.minimax.meeting_laws import closed_fits, pieces_meet
from residua_symbolic.minimax.piece_floors import floors_law
from residua_symbolic.minimax.ramp import best_ramp
from residua_symbolic.minimax.ramp_laws import no_ramp_is_nearer, ramp_equations, two_units
from residua_symbolic.minimax.sigmoid_laws import no_sigmoid_is_nearer, scales
from residua_symbolic.minimax.square_laws import (
    best_square_ramp,
    best_square_sigmoid,
    integral_at,
    squares_law,
)

from ..planted import refuses

LAWS: tuple[Callable[[], Derivation], ...] = (
    two_units,
    ramp_equations,
    no_ramp_is_nearer,
    no_sigmoid_is_nearer,
    scales,
    squares_law,
    pieces_meet,
    closed_fits,
    floors_law,
    legendre_law,
)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_derivation_proves_itself_and_refuses_faults(law: Callable[[], Derivation]) -> None:
    derivation = law()
    derivation.check()
    assert derivation.latex()
    assert all(step.latex() for step in derivation.steps)
    proved = [step for step in derivation.steps if step.proofs]
    assert proved
    for step in proved:
        wrongs = [step.right + 1, -step.right + 1]
        if not step.right.is_zero:
            wrongs += [2 * step.right]
        for wrong in wrongs:
            if sp.simplify(wrong - step.right) != 0 if step.right.is_number else True:
                refuses(step, wrong)


def test_signs_and_powers_are_looked_at() -> None:
    equations = {step.name: step for step in ramp_equations().steps}
    refuses(equations["its change"], -equations["its change"].right)
    refuses(equations["ends held at 0 and 1"], 1 / (1 + sp.exp(-sp.Symbol("k", positive=True))))
    rivals = {step.name: step for step in no_sigmoid_is_nearer().steps}
    refuses(rivals["stretches"], sp.Integer(4))
    ramps = {step.name: step for step in no_ramp_is_nearer().steps}
    for name in ("stretches", "stretches, one end constant"):
        refuses(ramps[name], sp.Integer(2))
        refuses(ramps[name], sp.Integer(4))
    floors = {step.name: step for step in floors_law().steps}
    n = sp.Symbol("N", integer=True, positive=True)
    right = floors["floor of the mean square"].right
    refuses(floors["floor of the mean square"], right * n)
    refuses(floors["three points of a piece"], floors["three points of a piece"].right / 2)


def test_no_sigmoid_is_nearer_to_the_ramp() -> None:
    x = np.linspace(-12, 12, 24_001)
    hard = np.clip((x + 1) / 2, 0, 1)
    with balls.precision():
        best = best_ramp("free")
        floor = float((best.lower / (1 - 2 * best.ramp.level)).mid())
    random = np.random.default_rng(1)
    found = []
    for _ in range(400):
        steep, shift, height, low = random.normal((2.41, 0, 1.09, -0.045), (0.1, 0.03, 0.02, 0.01))
        found.append(abs(hard - low - height / (1 + np.exp(-steep * x - shift))).max())
    assert min(found) >= floor - 1e-9
    assert min(found) < 1.3 * floor


def test_minima_in_the_mean_square_are_minima() -> None:
    def ramp_integral(knot: float) -> float:
        inside = mpmath.quad(lambda x: (mpmath.tanh(x / 2) / 2 - x / (2 * knot)) ** 2, [0, knot])
        outside = mpmath.quad(lambda x: (0.5 - mpmath.tanh(x / 2) / 2) ** 2, [knot, knot + 60])
        return float(2 * (inside + outside))

    for knot in (0.7, 2.0, 5.0):
        assert integral_at(knot) == pytest.approx(ramp_integral(knot), rel=1e-12)
    for best, scale in ((best_square_ramp(), lambda k: 1.0), (best_square_sigmoid(), lambda k: 1 / k)):
        objective = lambda k, scale=scale: integral_at(k) * scale(k)  # noqa: E731 - a closure over the scale
        found = minimize_scalar(objective, bounds=(0.5, 9), method="bounded", options={"xatol": 1e-9})
        assert float(best.knot) == pytest.approx(found.x, abs=1e-6)
        assert float(best.integral) == pytest.approx(found.fun, rel=1e-12)


def test_a_ramp_that_is_not_centred_is_further_away() -> None:
    x = np.linspace(-40, 40, 80_001)
    knot = float(best_square_ramp().knot)

    def integral(moved: float) -> float:
        ramp = np.clip((x - moved) / (2 * knot) + 0.5, 0, 1)
        return float(np.sum((1 / (1 + np.exp(-x)) - ramp) ** 2) * 1e-3)

    assert integral(0.0) < integral(0.1) < integral(0.5)
    assert integral(0.0) == pytest.approx(float(best_square_ramp().integral), rel=1e-6)

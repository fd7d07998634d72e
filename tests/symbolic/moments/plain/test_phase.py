"""Growth in the plane of variances: known edges of chaos, an oracle by SciPy, and normalisations."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import sympy as sp
from scipy import integrate, optimize

from residua_network import ResiduaError
from residua_network.kinds.activation import ACTIVATIONS
from residua_symbolic.derivation import Derivation, ProofError
from residua_symbolic.moments.plain import phase

from ...planted import refuses, refuses_in_place


def normal_mean(f: Callable[..., float]) -> float:
    return float(
        integrate.quad(lambda z: f(z) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi), -12, 12, epsabs=1e-13)[0]
    )


def test_edge_of_chaos_of_relu_and_tanh() -> None:
    """(2, 0) for relu whatever q, and (1, 0) for tanh as q → 0."""
    relu = phase.line("relu", 1.0, (0.1, 1.0, 10.0))
    assert relu.weight == pytest.approx((2.0,) * 3, rel=1e-15)
    assert relu.bias == pytest.approx((0.0,) * 3, abs=1e-13)
    tanh = phase.line("tanh", 1.0, (1e-8, 1e-4, 1.0))
    assert tanh.weight[0] == pytest.approx(1.0, abs=3e-8)
    assert tanh.bias[0] < 1e-15
    assert tanh.weight[2] > 1.5


@pytest.mark.parametrize("bias", [0.01, 0.3])
def test_the_line_of_tanh_meets_a_solver(bias: float) -> None:
    """σ_w² with χ = 1 at this bias, by SciPy's quadrature and root finding from the definition."""

    def q_at(weight: float) -> float:
        q = 1.0
        for _ in range(400):
            q = weight * normal_mean(partial(squared, math.sqrt(q))) + bias
        return q

    def squared(s: float, z: float) -> float:
        return math.tanh(s * z) ** 2

    def chi(weight: float) -> float:
        q = q_at(weight)
        return weight * normal_mean(lambda z: (1 - math.tanh(math.sqrt(q) * z) ** 2) ** 2) - 1

    weight = optimize.brentq(chi, 1.0, 3.0, xtol=1e-7)
    q = q_at(weight)
    found = phase.line("tanh", 1.0, (q,))
    assert found.weight[0] == pytest.approx(weight, abs=1e-6)
    assert found.bias[0] == pytest.approx(bias, abs=1e-6)
    assert found.attracts == (True,)


def test_fixed_points_are_kept() -> None:
    for name, weight, bias in (("tanh", 1.5, 0.0), ("tanh", 2.0, 0.3), ("sin", 2.0, 0.1), ("gelu", 1.5, 0.2)):
        points = phase.fixed_points(name, weight, bias)
        assert points
        for q in points:
            assert phase.next_variance(name, q, weight, bias) == pytest.approx(q, rel=1e-11)
    assert phase.fixed_points("tanh", 0.9, 0.0) == ()
    assert phase.fixed_points("relu", 1.5, 0.1) == pytest.approx((0.4,))
    assert phase.fixed_points("relu", 2.0, 0.0) == ()


def test_a_point_of_a_line_has_its_growth_along_depth() -> None:
    line = phase.line("tanh", 1.25, (2.0,))
    q = phase.variances("tanh", line.weight[0], line.bias[0], 200)[-1]
    assert q == pytest.approx(2.0, rel=1e-9)
    assert phase.growth("tanh", q, line.weight[0]) == pytest.approx(1.25, rel=1e-9)


def test_a_repelling_fixed_point_is_told() -> None:
    """square: q' = 3 σ_w² q² has slope 2 at its fixed point."""
    assert phase.slope_of_map("square", 1 / 3.0, 1.0) == pytest.approx(2.0, rel=1e-6)
    assert phase.line("square", 4.0 / 3, (1 / 3.0,)).attracts == (False,)


def test_relu_chain_of_he_keeps_the_gradient() -> None:
    assert phase.gradient_ratio("relu", 2.0, 0.0, 30) == pytest.approx(1.0, rel=1e-14)
    assert phase.gradient_ratio("identity", 1.1, 0.0, 3) == pytest.approx(1.1**3)
    tanh = phase.gradient_ratio("tanh", 1.0, 0.0, 100)
    assert tanh == pytest.approx(phase.gradient_ratio("tanh", 1.0, 0.0, 50) / 2, rel=0.05)  # ∝ 1/L at the edge


def test_growth_with_normalisation() -> None:
    assert phase.normalised_growth("relu", phase.LAYER) == pytest.approx(1.0)
    assert phase.normalised_growth("relu", phase.BATCH) == pytest.approx(math.pi / (math.pi - 1))
    for name in ACTIVATIONS:
        batch = phase.normalised_growth(name, phase.BATCH)
        assert batch >= 1 - 1e-14
        assert (abs(batch - 1) < 1e-13) == (name == "identity")
        assert phase.normalised_growth(name, phase.LAYER, 0.3) == phase.normalised_growth(name, phase.RMS, 7.0)
        assert phase.normalised_growth(name, phase.BATCH, 0.3, 2.0) == batch
        slope = phase.ray(name, 1.0)
        if slope is not None:
            assert phase.normalised_growth(name, phase.LAYER, 2.0, 2 * max(slope, 0)) == pytest.approx(1.0)


DERIVATIONS = (phase.derive_least, *(lambda norm=norm: phase.derive_growth(norm) for norm in phase.NORMS[1:]))


@pytest.mark.parametrize("derive", DERIVATIONS)
def test_derivations_hold_and_refuse(derive: Callable[[], Derivation]) -> None:
    derivation = derive()
    derivation.check()
    for step in derivation.steps:
        assert r"\operatorname" not in step.latex()
        if step.proofs:
            function = (
                step.right.func(2 * step.right.function, *step.right.limits)
                if step.right.has(sp.Sum)
                else 2 * step.right
            )
            refuses(step, function)
            refuses_in_place(derivation, step, function)


def test_series_that_are_right_up_to_a_degree_are_refused() -> None:
    for step in phase.derive_least().steps[:2]:
        (k, *ends), term = step.right.limits[0], step.right.function
        late = sp.Mul(*(k - i for i in range(1, phase.DEGREE + 1)))
        for wrong in (sp.Sum(term * (1 + late), (k, *ends)), sp.Sum(term, (k, 2, sp.oo)), sp.Sum(term, (k, 1, 9))):
            with pytest.raises(ProofError):
                replace(step, right=wrong).check()


def test_what_does_not_depend_on_q() -> None:
    assert phase.constant_slope("relu") == 0.5
    assert phase.constant_slope("identity") == 1
    assert {name for name in ACTIVATIONS if phase.constant_slope(name) is not None} == {"relu", "identity"}


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ResiduaError, match="weight must be positive"):
        phase.normalised_growth("relu", phase.LAYER, 0.0)
    with pytest.raises(ResiduaError, match="unknown normalisation"):
        phase.normalised_growth("relu", "groupnorm")
    with pytest.raises(ResiduaError, match="q exceeds"):
        phase.variances("cube", 2.0, 0.0, 30)
    with pytest.raises(ResiduaError, match="depth"):
        phase.variances("tanh", 2.0, 0.0, 0)
    assert np.isfinite(phase.line("relu", 3.0, (1.0,)).chi)
    assert phase.line("relu", 3.0, (1.0,)).weight == ()

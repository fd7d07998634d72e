"""A ReLU between: the factor of a layer by quadrature, against simulation on the sphere and against nets by hand."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic import ProofError
from residua_symbolic.moments.layer.relu import (
    relu_correction,
    relu_factor,
    relu_rate,
    relu_through_depth,
    rms_relu_first,
    rms_relu_log,
)


def on_the_sphere(width: int, count: int, seed: int) -> Any:
    """What the expectation of the law is taken of, at directions drawn by hand."""
    z = np.random.default_rng(seed).normal(size=(count, width))
    x = z - z.mean(axis=1, keepdims=True)
    x *= np.sqrt(width) / np.linalg.norm(x, axis=1, keepdims=True)
    positive = np.maximum(x, 0)
    K, S, Q = (positive > 0).sum(axis=1), positive.sum(axis=1), (positive**2).sum(axis=1)
    return width / (width - 3) * (K - 1 - (K - S**2 / Q) / width) / Q


def nets(width: int, depth: int, count: int, kind: str, seed: int) -> Any:
    """‖g_0‖²/‖g_L‖² of Linear, normaliser, ReLU, …, Linear, by hand; and ‖u_1‖²/‖u_L‖² between the Linear layers."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        h = rng.normal(size=width)
        h *= np.sqrt(width) / np.linalg.norm(h)
        passed = []
        for _ in range(depth):
            W = rng.normal(size=(width, width)) * np.sqrt(2 / width)
            x = W @ h - (W @ h).mean() * (kind == "layernorm")
            s = np.sqrt((x * x).mean())
            passed.append((W, x / s, s))
            h = np.maximum(x / s, 0)
        g = rng.normal(size=width)
        top, g, u = g @ g, rng.normal(size=(width, width)).T @ g * np.sqrt(2 / width), []
        for W, xhat, s in reversed(passed):
            g = g * (xhat > 0)
            g = (g - g.mean() * (kind == "layernorm") - xhat * (xhat @ g) / width) / s
            u.append(g @ g)
            g = W.T @ g
        found.append((g @ g / top, u[-1] / u[0]))
    return np.array(found).T


@pytest.mark.parametrize("width", [6, 9, 30])
def test_quadrature_meets_simulation_on_the_sphere(width: int) -> None:
    values = on_the_sphere(width, 100_000, seed=width)
    error = values.std() / np.sqrt(len(values))
    assert error < 0.005
    assert abs(values.mean() - relu_factor(width).value) < 4 * error
    assert relu_factor(width).error < 1e-7


def test_the_law_through_depth_is_exact() -> None:
    ratios, _ = nets(16, 3, 4000, "layernorm", seed=1)
    error, law = ratios.std() / np.sqrt(len(ratios)), relu_through_depth(16, 3).value
    assert error < 0.05 * law
    assert abs(ratios.mean() - law) < 4 * error


def test_under_rms_the_mean_logarithm_is_that_of_chi_squares_at_a_random_width() -> None:
    _, ratios = nets(20, 4, 3000, "rmsnorm", seed=2)
    logs = np.log(ratios)
    law = 2 * rms_relu_log(20)[0] + rms_relu_first(20)
    assert abs(logs.mean() - law) < 4 * logs.std() / np.sqrt(len(logs))
    assert abs(logs.mean() - 3 * rms_relu_log(20)[0]) > 8 * logs.std() / np.sqrt(len(logs))  # the first is no other


def test_the_correction_is_the_limit_of_the_factor() -> None:
    limit = float(relu_correction().formula)
    assert limit == pytest.approx(2 - 2 / math.pi)
    gaps = [width * (relu_factor(width).value - 1) - limit for width in (100, 200, 400)]
    assert gaps[0] > gaps[1] > gaps[2] > 0
    assert gaps[1] / gaps[2] == pytest.approx(2, rel=0.05)  # of order 1/n


@pytest.mark.parametrize("law", [relu_rate, relu_correction])
def test_every_step_proves_itself_and_refuses_what_is_wrong(law: Any) -> None:
    law().check()
    for step in law().steps:
        for wrong in (step.right + 1, step.right + sp.Rational(1, 100), 2 * step.right, -step.right):
            with pytest.raises(ProofError):
                replace(step, right=wrong).check()


def test_moments_that_do_not_exist_are_named() -> None:
    with pytest.raises(ResiduaError, match="E F does not exist at width 3"):
        relu_factor(3)
    with pytest.raises(ResiduaError, match="no gradient passes"):
        rms_relu_log(1)

import math
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from scipy.integrate import solve_ivp
from scipy.special import digamma

from residua_network import ResiduaError
from residua_symbolic.derivation import Derivation, ProofError
from residua_symbolic.dynamics.modes import (
    derive_mode,
    derive_random_start,
    half_time,
    mean_half_time,
    s,
    strength,
    t,
)


@pytest.mark.parametrize("derivation", [derive_mode, derive_random_start])
def test_every_step_is_proved_and_a_wrong_one_refused(derivation: object) -> None:
    found: Derivation = derivation()  # type: ignore[operator]
    found.check()
    for step in found.steps:
        for proof in step.proofs:
            if isinstance(step.right, sp.Tuple):
                wrong: sp.Basic = sp.Tuple(*(2 * e for e in step.right))
            else:
                wrong = sp.Integer(1) if step.right == 0 else 2 * step.right
            with pytest.raises(ProofError):
                replace(step, right=wrong, proofs=(proof,)).check()


def test_the_solution_without_the_factor_two_is_refused() -> None:
    step = next(step for step in derive_mode().steps if step.name == "solution")
    with pytest.raises(ProofError):
        replace(step, right=step.right.subs(sp.exp(2 * s * t), sp.exp(s * t))).check()


@pytest.mark.parametrize(("mode", "begin"), [(1.0, 1e-3), (2.5, 0.4), (0.3, 0.9)])
def test_strength_is_that_of_the_matrices_under_the_flow(mode: float, begin: float) -> None:
    """Both layers integrated by SciPy, balanced and aligned at the start, with a second mode beside."""
    random = np.random.default_rng(1)
    u, r, v = (np.linalg.qr(random.normal(size=(size, 2)))[0] for size in (3, 5, 4))
    sigma = u @ np.diag([mode, 0.7]) @ v.T
    start = np.concatenate([(math.sqrt(begin) * r @ v.T).ravel(), (math.sqrt(begin) * u @ r.T).ravel()])

    def flow(_: float, w: np.ndarray) -> np.ndarray:
        first, second = w[:20].reshape(5, 4), w[20:].reshape(3, 5)
        error = sigma - second @ first
        return np.concatenate([(second.T @ error).ravel(), (error @ first.T).ravel()])

    for time in (0.5, 3.0):
        end = solve_ivp(flow, (0, time), start, rtol=1e-10, atol=1e-12).y[:, -1]
        found = (u.T @ end[20:].reshape(3, 5) @ end[:20].reshape(5, 4) @ v)[0, 0]
        assert found == pytest.approx(strength(mode, begin, time), rel=1e-7)
    assert strength(mode, begin, 0.0) == pytest.approx(begin, rel=1e-15)


def test_half_time() -> None:
    assert strength(1.7, 1e-4, half_time(1.7, 1e-4)) == pytest.approx(0.85, rel=1e-12)


def test_mean_half_time_is_that_of_drawn_starts() -> None:
    """The mean over starts drawn from chi-square, and the formula typed in again."""
    draws = 0.25 * 1e-6 * (1 / 4 + 1 / 8) * np.random.default_rng(0).chisquare(8, 200_000)
    times = np.log(1.5 / draws - 1) / 3
    error = times.std() / math.sqrt(len(times))
    assert abs(times.mean() - mean_half_time(1.5, 1e-6, 4, 8)) <= 4 * error
    typed = (math.log(4 * 1.5 / (1e-6 * 0.375)) - digamma(4) - math.log(2)) / 3
    assert mean_half_time(1.5, 1e-6, 4, 8) == pytest.approx(typed, rel=1e-13)


def test_refusals() -> None:
    with pytest.raises(ResiduaError, match="s must be positive"):
        strength(-1.0, 0.1, 1.0)
    with pytest.raises(ResiduaError, match="t must lie"):
        strength(1.0, 0.1, -1.0)
    with pytest.raises(ResiduaError, match="below s/2"):
        half_time(1.0, 0.6)
    with pytest.raises(ResiduaError, match="the variance must be positive"):
        mean_half_time(1.0, 0.0, 4, 8)
    with pytest.raises(ResiduaError, match="hidden"):
        mean_half_time(1.0, 0.1, 4, 0)

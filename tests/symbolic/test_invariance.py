"""The equality of gradients, scale invariance, and rotation, against plain numpy."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

from residua_symbolic import ProofError
from residua_symbolic.domains.tangents import B
from residua_symbolic.invariance import (
    LARGEST,
    angle,
    gradients_before_and_after,
    leak,
    plain_rates,
    rotation,
    scale_invariance,
    share_kept,
    squared_gradient,
)

LAWS = (gradients_before_and_after, scale_invariance, rotation, plain_rates)


def by_differences(eps: float, seed: int) -> tuple[Any, ...]:
    """A batch of features, the gradient of Σ sin(z) at x by central differences, and what the formulas read."""
    rng = np.random.default_rng(seed)
    x, gamma = rng.normal(size=(7, 3)) * 1.7, np.array([0.6, 1.0, -1.9])
    weights = rng.normal(size=(7, 3))

    def normalised(x: Any) -> Any:
        return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + eps)

    def loss(x: Any) -> float:
        return float((weights * np.sin(gamma * normalised(x))).sum())

    g = weights * np.cos(gamma * normalised(x))
    step, found = 1e-5, np.empty_like(x)
    for place in np.ndindex(*x.shape):
        shift = np.zeros_like(x)
        shift[place] = step
        found[place] = (loss(x + shift) - loss(x - shift)) / (2 * step)
    return x, gamma, g, normalised(x), np.sqrt(x.var(axis=0) + eps), found


@pytest.mark.parametrize("eps", [0.0, 0.3])
def test_the_equality_meets_central_differences(eps: float) -> None:
    x, gamma, g, xhat, s, found = by_differences(eps, seed=3)
    assert squared_gradient(g, xhat, s, gamma, eps) == pytest.approx((found**2).sum(axis=0), rel=1e-7)
    assert leak(g, xhat, s, gamma, eps) == pytest.approx((found * x).sum(axis=0), rel=1e-6, abs=1e-8)
    kept = share_kept(g, xhat, s, eps)
    assert gamma**2 * kept * (g**2).sum(axis=0) / s**2 == pytest.approx((found**2).sum(axis=0), rel=1e-7)
    assert np.all((kept >= 0) & (kept <= 1))


def test_without_the_part_of_eps_the_equality_is_off() -> None:
    _, gamma, g, xhat, s, found = by_differences(0.3, seed=3)
    wrong = squared_gradient(g, xhat, s, gamma, 0.0)
    assert np.max(abs(wrong / (found**2).sum(axis=0) - 1)) > 1e-3


def test_rotation_in_equilibrium() -> None:
    """Any walk with steps orthogonal to the weights whose length balances decay, by hand."""
    rng, w, decay = np.random.default_rng(0), np.array([1.0, 0.0, 0.0, 0.0]), 0.03
    cosines = []
    for _ in range(50):
        step = rng.normal(size=4)
        step -= w * (w @ step) / (w @ w)
        step *= math.sqrt(1 - (1 - decay) ** 2) * np.linalg.norm(w) / np.linalg.norm(step)
        after = (1 - decay) * w + step
        cosines.append(w @ after / np.linalg.norm(w) / np.linalg.norm(after))
        w = after
    assert np.arccos(cosines) == pytest.approx(np.full(50, angle(decay)), rel=1e-9)
    assert angle(decay) == pytest.approx(math.sqrt(2 * decay) * (1 + decay / 12), rel=1e-4)
    assert angle(decay) != pytest.approx(math.sqrt(2 * decay), rel=1e-3)


def test_the_plain_rate() -> None:
    assert float(plain_rates().formula.subs(LARGEST, 8)) == 0.25


@pytest.mark.parametrize("law", LAWS)
def test_every_step_proves_itself_and_refuses_what_is_wrong(law: Any) -> None:
    law().check()
    for step in law().steps:
        if not step.proofs or isinstance(step.right, sp.Tuple):
            continue
        shifted = (step.right.subs(B, B - 1), step.right.subs(B, B + 1)) if step.right.has(B) else ()
        doubled = () if step.right == 0 else (2 * step.right, -step.right)
        for wrong in (step.right + 1, step.right + sp.Rational(1, 10**9), *shifted, *doubled):
            with pytest.raises(ProofError):
                replace(step, right=wrong).check()


@pytest.mark.parametrize("law", LAWS)
def test_it_prints(law: Any) -> None:
    for step in law().steps:
        assert r"\operatorname" not in step.latex()

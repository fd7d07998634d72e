"""The law of He ReLU chains against enumeration, SciPy and simulated chi-square variables; proofs that refuse."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from scipy import special

from residua_symbolic.derivation import Derivation
from residua_symbolic.moments.plain import relu_chain
from residua_symbolic.moments.plain.relu_chain import L, n

from ...planted import refuses, refuses_in_place

DERIVATIONS = (relu_chain.derive_one_layer, relu_chain.derive_moments, relu_chain.derive_logarithm)


@pytest.mark.parametrize("width", [1, 2, 5, 40])
def test_log_moments_meet_a_sum_by_scipy(width: int) -> None:
    k = np.arange(1, width + 1)
    share = special.binom(width, k) / (2.0**width - 1)
    level = special.digamma(k / 2)
    mean, square = share @ level, share @ (special.polygamma(1, k / 2) + level**2)
    assert relu_chain.log_mean(width) == pytest.approx(mean + math.log(4 / width), rel=1e-12)
    assert relu_chain.log_variance(width) == pytest.approx(square - mean**2, rel=1e-11)


def test_log_moments_meet_direct_networks() -> None:
    """Weights, ReLUs and gradients in NumPy, no chi-square anywhere; within four standard errors."""
    width, depth, networks = 3, 2, 40_000
    rng = np.random.default_rng(3)
    h = rng.standard_normal((networks, width))
    weights, masks = [], []
    for _ in range(depth):
        w = rng.standard_normal((networks, width, width)) * math.sqrt(2 / width)
        h = np.einsum("kij,kj->ki", w, h)
        masks.append(h > 0)
        weights.append(w)
        h = np.maximum(h, 0)
    g = rng.standard_normal((networks, width))
    start = (g**2).sum(1)
    for w, mask in zip(reversed(weights), reversed(masks), strict=True):
        g = np.einsum("kij,ki->kj", w, g * mask)
    ratio = (g**2).sum(1) / start
    logs = np.log(ratio[ratio > 0])
    dead = relu_chain.death(width, depth)
    assert abs((ratio == 0).mean() - dead) < 4 * math.sqrt(dead * (1 - dead) / networks)
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / math.sqrt(networks)
    assert abs(logs.mean() - depth * relu_chain.log_mean(width)) < 4 * logs.std() / math.sqrt(len(logs))
    spread = (logs - logs.mean()) ** 2
    assert abs(spread.mean() - depth * relu_chain.log_variance(width)) < 4 * spread.std() / math.sqrt(len(logs))


def test_the_common_rule_is_the_first_order() -> None:
    mean, variance = relu_chain.expansion()
    assert sp.limit(variance * n, n, sp.oo) == 5
    assert sp.limit(mean * n, n, sp.oo) == sp.Rational(-5, 2)
    for width in (64, 256):
        gap = relu_chain.log_variance(width) - relu_chain.common_rule(width, 1)
        assert gap * width**2 == pytest.approx(18.5, rel=8 / width)
    assert relu_chain.log_variance(8) > 1.9 * relu_chain.common_rule(8, 1)


@pytest.mark.parametrize("derive", DERIVATIONS)
def test_derivations_hold_and_print(derive: Callable[[], Derivation]) -> None:
    derivation = derive()
    derivation.check()
    assert all(r"\operatorname" not in step.latex() for step in derivation.steps)


@pytest.mark.parametrize("derive", DERIVATIONS)
def test_wrong_statements_are_refused(derive: Callable[[], Derivation]) -> None:
    derivation = derive()
    for place, step in enumerate(derivation.steps):
        if step.proofs:
            for wrong in (2 * step.right, step.right * (1 + 1 / n**2), step.right + 1 / n):
                refuses(step, wrong)
            refuses_in_place(replace(derivation, steps=derivation.steps[place:]), step, -step.right)


def test_near_misses_are_refused() -> None:
    """Five halves for five, n − 1 for n, conditional for unconditional."""
    second = next(s for s in relu_chain.derive_moments().steps if s.name == "second moment")
    for wrong in ((1 + 4 / n) ** L, (1 + 5 / (n - 1)) ** L, 1 + 5 * L / n):
        refuses(second, wrong)
    death = next(s for s in relu_chain.derive_moments().steps if s.name == "death")
    refuses(death, L * 2 ** (-n))
    mean, variance = relu_chain.derive_logarithm().steps[-2:]
    for step in (mean, variance):
        refuses(step, step.right.removeO())  # an equality that is none
        refuses(step, step.right + 1 / n**3)
        refuses(step, step.right + sp.Order(1 / n**3, (n, sp.oo)))

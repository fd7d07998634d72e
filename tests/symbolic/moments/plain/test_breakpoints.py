"""Kinks by layer: simulated first layers and Gaussian processes, and proofs that refuse."""

import math
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp
from scipy import integrate, stats

from residua_network import ResiduaError
from residua_symbolic.derivation import Derivation, ProofError
from residua_symbolic.moments.plain import breakpoints

from ...planted import refuses, refuses_in_place

DERIVATIONS = (breakpoints.derive_density, breakpoints.derive_he, breakpoints.derive_torch)


def test_first_layers_meet_drawn_weights() -> None:
    rng = np.random.default_rng(0)
    draws = 200_000
    for reach in (0.4, 1.0, 3.0):
        he = abs(rng.normal(0, 0.5, draws)) <= reach * abs(rng.normal(0, math.sqrt(2), draws))
        torch = abs(rng.uniform(-1, 1, draws)) <= reach * abs(rng.uniform(-1, 1, draws))
        for hits, share in (
            (he, breakpoints.cauchy_share(breakpoints.he_scale(1, 0.5), reach)),
            (torch, breakpoints.torch_first(reach)),
        ):
            assert abs(hits.mean() - share) < 4 * math.sqrt(share * (1 - share) / draws)


def test_shares_are_those_of_a_cauchy_law() -> None:
    for layer in (1, 2, 7):
        law = stats.cauchy(scale=breakpoints.he_scale(layer, 0.5))
        assert breakpoints.cauchy_share(breakpoints.he_scale(layer, 0.5), 1.0) == pytest.approx(
            law.cdf(1) - law.cdf(-1)
        )
    assert breakpoints.he_scale(8, 1.0) == 2.0


def test_torch_scale() -> None:
    """q/6 + 1/(3n) iterated in floats; 1 as n grows."""
    n = 50
    q0, d = 1 / 3, 1 / 3
    for layer in range(2, 6):
        q0, d = q0 / 6 + 1 / (3 * n), d / 6
        assert breakpoints.torch_scale(layer, n) == pytest.approx(math.sqrt(q0 / d))
    assert breakpoints.torch_scale(4, 10**9) == pytest.approx(1.0, abs=1e-6)


def test_the_density_is_that_of_crossings_of_a_drawn_process() -> None:
    """z(x) = ξ cos x + η sin x + ζ/2: its sign changes on a grid over [0, 2], within four standard errors."""
    rng = np.random.default_rng(1)
    x = np.linspace(0, 2, 801)
    xi, eta, zeta = rng.standard_normal((3, 20_000, 1))
    z = xi * np.cos(x) + eta * np.sin(x) + zeta / 2
    crossings = (np.diff(np.sign(z), axis=1) != 0).sum(1)
    rice = breakpoints.derive_density().formula.subs(
        {breakpoints.q: sp.Rational(5, 4), breakpoints.d: 1, breakpoints.r: 0}
    )
    assert abs(crossings.mean() - 2 * float(rice)) < 4 * crossings.std() / math.sqrt(len(crossings))


@pytest.mark.parametrize("derive", DERIVATIONS)
def test_derivations_hold_and_print(derive: Callable[[], Derivation]) -> None:
    derivation = derive()
    derivation.check()
    assert all(r"\operatorname" not in step.latex() for step in derivation.steps)


@pytest.mark.parametrize("derive", DERIVATIONS)
def test_wrong_statements_are_refused(derive: Callable[[], Derivation]) -> None:
    derivation = derive()
    shared = {step.name for step in breakpoints.derive_density().steps} if derive != breakpoints.derive_density else ()
    l, n = breakpoints.l, breakpoints.n
    for place, step in enumerate(derivation.steps):
        if step.proofs and step.name not in shared:
            beyond = sp.Mul(*(l - k for k in range(1, 8))) / n if step.right.has(l) else 0  # right in seven layers
            for wrong in (2 * step.right, step.right + sp.Rational(1, 1000), step.right + beyond):
                if wrong != step.right:
                    with pytest.raises(ProofError, match=re.escape(step.name)):
                        replace(step, right=wrong).check()
            refuses(step, 2 * step.right)
            refuses_in_place(replace(derivation, steps=derivation.steps[place:]), step, -step.right)


def test_one_kink_a_neuron_over_the_line() -> None:
    density = breakpoints.derive_he().formula.subs({breakpoints.l: 3, breakpoints.s: 0.5})
    total = integrate.quad(sp.lambdify(breakpoints.x, density), -np.inf, np.inf)[0]
    assert total == pytest.approx(1.0)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ResiduaError, match="every kink lies at 0"):
        breakpoints.he_scale(2, 0.0)
    with pytest.raises(ResiduaError, match="first layer"):
        breakpoints.torch_scale(1, 10)
    with pytest.raises(ResiduaError, match="layer"):
        breakpoints.he_scale(0, 1.0)

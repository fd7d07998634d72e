"""A tanh layer with the Taylor terms of sin: solved exactly, checked by mpmath, wrong statements refused."""

from dataclasses import replace

import flint
import mpmath
import numpy as np
import pytest

from residua_network import Activation, Linear, Network, ResiduaError
from residua_symbolic.derivation import ProofError
from residua_symbolic.series.constructions.widths import (
    TanhLayer,
    even_slopes,
    exact_coefficients,
    matching_layer,
    sine_terms,
    tanh_coefficients,
    width_matches_terms,
)

Q = flint.fmpq


def layer(width: int) -> TanhLayer:
    return matching_layer(sine_terms(width), even_slopes(width))


def by_mpmath(one: TanhLayer, order: int) -> list[mpmath.mpf]:
    """Taylor coefficients by differentiation at 80 digits: a route of its own."""
    pairs = [
        (mpmath.mpf(int(v.p)) / int(v.q), mpmath.mpf(int(a.p)) / int(a.q))
        for v, a in zip(one.factors, one.slopes, strict=True)
    ]
    return list(mpmath.taylor(lambda x: sum(v * mpmath.tanh(a * x) for v, a in pairs), 0, order))


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_the_first_terms_are_those_of_sin_and_the_next_is_not(width: int) -> None:
    with mpmath.workdps(80):
        found = by_mpmath(layer(width), 2 * width + 1)
        sine = mpmath.taylor(mpmath.sin, 0, 2 * width + 1)
        assert all(abs(a - b) < mpmath.mpf(10) ** -40 for a, b in zip(found[:-1], sine[:-1], strict=True))
        assert abs(found[-1] - sine[-1]) > mpmath.mpf(10) ** -25


def test_exact_coefficients_are_those_of_mpmath() -> None:
    one = layer(4)
    exact = exact_coefficients(one.network, one.exact_weights, 12)
    with mpmath.workdps(80):
        for a, b in zip(exact, by_mpmath(one, 12), strict=True):
            assert abs(mpmath.mpf(int(a.p)) / int(a.q) - b) < mpmath.mpf(10) ** -40


def test_tanh() -> None:
    assert tanh_coefficients(5) == (0, 1, 0, Q(-1, 3), 0, Q(2, 15))


def test_weights_are_the_nearest_floats() -> None:
    one = layer(3)
    assert one.weights["0.weight"][:, 0].tolist() == [1 / 6, 1 / 3, 1 / 2]
    assert one.weights["2.weight"].shape == (1, 3)
    assert one.weights["2.weight"][0, 0] == int(one.factors[0].p) / int(one.factors[0].q)


def test_amplification_by_hand() -> None:
    one = TanhLayer((Q(1), Q(1, 2)), (Q(3), Q(-4)))
    assert one.amplification(1) == 5.0
    assert TanhLayer((Q(1), Q(1, 2)), (Q(1), Q(-2))).amplification(1) == float("inf")


def test_a_series_is_asked_for_twice_in_any_order() -> None:
    before = flint.ctx.cap
    assert len(tanh_coefficients(30)) == 31
    assert flint.ctx.cap == before


@pytest.mark.parametrize("slopes", [(Q(1), Q(1)), (Q(1), Q(-1)), (Q(0), Q(1)), (Q(1),)], ids=str)
def test_slopes_that_do_not_do_are_refused(slopes: tuple[flint.fmpq, ...]) -> None:
    with pytest.raises(ResiduaError, match="as many coefficients as slopes of different size, not 0"):
        matching_layer((Q(1), Q(1)), slopes)
    with pytest.raises(ResiduaError, match="as many coefficients as slopes"):
        matching_layer((), ())


def test_other_networks_are_refused() -> None:
    shifted = Network((Linear(1, 1), Activation("tanh")))
    with pytest.raises(ResiduaError, match="tanh at 1 is not rational"):
        exact_coefficients(shifted, {"0.weight": np.ones((1, 1)), "0.bias": np.ones(1)}, 3)
    other = Network((Linear(1, 1), Activation("gelu")))
    with pytest.raises(ResiduaError, match="gelu"):
        exact_coefficients(other, {"0.weight": np.ones((1, 1)), "0.bias": np.zeros(1)}, 3)


def test_the_derivation_holds_and_wrong_ones_are_refused() -> None:
    derivation = width_matches_terms()
    derivation.check()
    for step in derivation.steps:
        for proof in step.proofs:
            with pytest.raises(ProofError):
                replace(step, right=3 * step.right, proofs=(proof,)).check()

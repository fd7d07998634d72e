"""Ball arithmetic encloses what float64 computes, and says so where it cannot."""

import math
from typing import Any

import flint
import mpmath as mp
import numpy as np
import pytest

from oracles.formulas import DIGITS, answers
from oracles.samples import NETWORKS, Floats, rows, weights_of
from residua_network import Activation, LayerNorm, Linear, Network, ResiduaError
from residua_symbolic import jacobian, predict
from residua_symbolic.domains.balls import precision
from residua_symbolic.enclosure import Enclosure

BATCH = 3
every = pytest.mark.parametrize("net", NETWORKS.values(), ids=NETWORKS)


def exact_jacobian(net: Network, weights: dict[str, Floats], x: Floats) -> Any:
    """By hand, at 50 digits."""
    return np.asarray(answers(net.layers, weights, x)[1], dtype=object)


@every
def test_the_exact_values_lie_within_and_float64_near(net: Network) -> None:
    weights, x = weights_of(net, seed=1), rows(BATCH, net.inputs)
    J = jacobian(net)
    enclosure, floats = J.enclose(weights, x, bits=256), J.evaluate(weights, x)
    with mp.workdps(DIGITS):
        exact = [mp.mpf(value) for value in np.ravel(exact_jacobian(net, weights, x))]
        low, high, near = (
            [mp.mpf(float(v)) for v in side.ravel()] for side in (enclosure.lower, enclosure.upper, floats)
        )
        within = [a <= value <= b for a, value, b in zip(low, exact, high, strict=True)]
        errors = np.array([float(abs(a - value)) for a, value in zip(near, exact, strict=True)])
    assert all(within)
    bounds = enclosure.distance(floats).ravel()
    assert (errors <= bounds).all()
    assert bounds.max() <= 1e-12 * max(1.0, float(np.abs(floats).max()))


def test_an_error_is_measured_not_assumed() -> None:
    net = Network((Linear(3, 4), LayerNorm(4), Linear(4, 2)))
    weights, x = weights_of(net), rows(BATCH, 3)
    J = jacobian(net)
    values = J.evaluate(weights, x)
    moved = values + 1e-6
    distance = J.enclose(weights, x).distance(moved)
    assert (distance >= 0.999e-6).all()
    assert (distance <= 1.001e-6).all()
    assert not (J.enclose(weights, x).upper >= moved).any()


def test_more_bits_are_narrower() -> None:
    net = Network((Linear(3, 4), LayerNorm(4), Activation("gelu"), Linear(4, 2)))
    weights, x = weights_of(net), rows(BATCH, 3)
    radii = [jacobian(net).enclose(weights, x, bits).radius.max() for bits in (53, 128, 512)]
    assert radii[0] > 1e15 * radii[1]
    assert radii[1] > 1e30 * radii[2]
    assert "512 bits" in repr(jacobian(net).enclose(weights, x, 512))


def test_a_part_of_a_network_and_an_assumption_are_enclosed_as_well() -> None:
    net = Network((Linear(3, 4), LayerNorm(4), Activation("tanh"), Linear(4, 2)))
    weights, x = weights_of(net), rows(BATCH, 3)
    for J in (jacobian(net, start=1), jacobian(net, assume="constant statistics")):
        assert (J.enclose(weights, x).distance(J.evaluate(weights, x)) <= 1e-14).all()


def test_a_certified_prediction_leaves_all_rounding_to_the_measurement() -> None:
    net = Network((Linear(3, 4), LayerNorm(4), Activation("tanh"), Linear(4, 2)))
    weights, x = weights_of(net), rows(BATCH, 3)
    plain, certified = predict(jacobian(net), weights, x), predict(jacobian(net), weights, x, bits=128)
    assert (certified.error < plain.error).all()
    assert (np.abs(certified.values - plain.values) <= plain.error).all()


@pytest.mark.parametrize(
    ("point", "bits", "words"),
    [
        (np.array([[1.0, 1.0 + 1e-16]]), 10, "10 bits"),
        (np.zeros((1, 2)), 1, "bits must be a whole number of at least 2"),
        (np.zeros((1, 2)), 2.5, "bits must be a whole number"),
    ],
)
def test_what_balls_cannot_decide_is_said(point: np.ndarray, bits: int, words: str) -> None:
    net = Network((LayerNorm(2, eps=0.0), Activation("relu")), inputs=2)
    with pytest.raises(ResiduaError, match=words):
        jacobian(net).enclose(weights_of(net), point, bits)


def test_bits_go_with_the_jacobian_only() -> None:
    net = Network((Linear(3, 4),))
    with pytest.raises(ResiduaError, match='a precision goes with "jacobian" only'):
        predict(jacobian(net), weights_of(net), rows(BATCH, 3), "singular values", bits=128)


@pytest.mark.parametrize("text", ["0", "0.1", "1e-400", "1e400", "-1e400", "3", "5e-324"])
def test_bounds_lie_outside_and_as_near_as_floats_allow(text: str) -> None:
    with precision(128):
        ball = flint.arb(text)
        enclosure = Enclosure(np.array(ball, dtype=object), 128)
        lower, upper = float(enclosure.lower), float(enclosure.upper)
        assert flint.arb(lower) <= ball.lower()
        assert flint.arb(upper) >= ball.upper()
        assert upper in (lower, math.nextafter(lower, math.inf))
        if text in ("0", "3"):
            assert repr(enclosure) == f"<Enclosure [{lower}, {lower}] at 128 bits>"

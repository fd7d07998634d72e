"""Simulated features against quadrature, where both can be had: two routes that share the forward maps alone."""

import math

import pytest

from residua_network import Activation, BatchNorm, LayerNorm, Linear, Network, Residual, RMSNorm
from residua_symbolic.moments.predict import Predicted, _exact, _simulated, variances

SIGMAS = 4.5
BIAS = 8 / 4096  # of order 1/draws: Gaussians of a kernel that the draws before have
L, RELU = Linear(9, 9), Activation("relu")

CASES = {
    "batch": ((L, BatchNorm(9, eps=0.1), RELU, L, BatchNorm(9, eps=0.1), Activation("tanh"), L), 8),
    "layer": ((L, RELU, LayerNorm(9, eps=0.1), Activation("sin"), L, RMSNorm(9, eps=0.0)), None),
    "residual": ((L, Residual((RMSNorm(9), Activation("gelu")), scale=-0.5), Residual((L, RELU)), L), None),
}


def differences(exact: Predicted, drawn: Predicted) -> dict[str, float]:
    """The largest difference of each layer over what is allowed."""
    found = {}
    for name, seen in exact.seen.items():
        bound = SIGMAS * drawn.errors[name] + BIAS
        pairs = ((drawn.seen[name].square, seen.square), (drawn.seen[name].ratio, seen.ratio))
        found[name] = max(abs(a / b - 1) for a, b in pairs) / bound
    return found


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("init", ["he", "torch"])
def test_two_routes(case: str, init: str) -> None:
    layers, batch = CASES[case]
    net, variance_of = Network(layers), variances(init)
    exact, drawn = _exact(net, variance_of, batch), _simulated(net, variance_of, batch, "")
    assert max(differences(exact, drawn).values()) <= 1
    assert all(math.isfinite(error) for error in drawn.errors.values())


def test_another_net_is_noticed() -> None:
    layers, batch = CASES["batch"]
    changed = (*layers[:3], L, BatchNorm(9, eps=0.2), *layers[5:])
    drawn = _simulated(Network(changed), variances("he"), batch, "")
    assert max(differences(_exact(Network(layers), variances("he"), batch), drawn).values()) > 1

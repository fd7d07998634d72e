from collections.abc import Callable
from dataclasses import replace
from typing import Any

import flint
import numpy as np
import pytest

from residua_network import Activation, Linear, Residual
from residua_symbolic.domains import balls
from residua_symbolic.series.constructions.obstruction import value_at
from residua_symbolic.series.constructions.stream_networks import (
    ExactNetwork,
    assembled,
    carried,
    ladder,
    stream_network,
    taylor_network,
)
from residua_symbolic.series.constructions.streams import (
    Stream,
    first_corrected,
    literal,
    matched,
    monomial,
    reverted,
    taylor,
)
from residua_symbolic.series.networks.network import network_series

from .test_streams import EXP, ODD, SIN

CONSTRUCTIONS: dict[str, Callable[[list[Any]], Stream]] = {
    "literal": literal,
    "first corrected": first_corrected,
    "matched": matched,
    "reverted": lambda c: reverted(c, 5),
}


@pytest.mark.parametrize("scale", [1, 4])
@pytest.mark.parametrize("c", [EXP[:8], SIN[:8], ODD])
def test_the_carried_state_is_the_taylor_polynomial(c: list[Any], scale: int) -> None:
    net = taylor_network(c, flint.fmpq(scale))
    assert net.polynomial() == taylor(c, len(c) - 1)
    kinds = {type(layer) for _, layer in net.network.walk()}
    assert kinds == {Linear, Activation, Residual}
    assert sum(isinstance(layer, Residual) for layer in net.network.layers) == len(c) - 1
    assert net.network.sizes[1:-1] == (3,) * len(c)


def test_every_partial_sum_is_carried() -> None:
    """After block l the third number of the stream is T_l: cut off there, and read."""
    parts = carried(ODD)
    for order in range(1, len(ODD)):
        assert assembled([*parts[: order + 1], parts[-1]]).polynomial() == taylor(ODD, order)


@pytest.mark.parametrize("name", CONSTRUCTIONS)
@pytest.mark.parametrize("c", [EXP[:4], SIN[:6], ODD[:4]])
def test_a_stream_is_its_network(c: list[Any], name: str) -> None:
    stream = CONSTRUCTIONS[name](c)
    net = stream_network(stream, flint.fmpq(1, 2))
    assert set(net.network.sizes) == {1}
    assert net.polynomial() == stream.polynomial()


@pytest.mark.parametrize("power", range(1, 12))
def test_a_ladder_is_a_power(power: int) -> None:
    for centre in (0, flint.fmpq(2, 3)):
        net = assembled(ladder(flint.fmpq(-3, 5), power, centre))
        assert net.polynomial() == monomial(flint.fmpq(-3, 5), power, centre)


def test_the_series_of_networks_says_the_same() -> None:
    """The route through residua's exact network series, at the float64 weights, which are exact here."""
    c = [flint.fmpq(p, 8) for p in (3, 5, -2, 7, 1)]
    net = taylor_network(c, flint.fmpq(2))
    found = network_series(net.network, 6, net.rounded(), np.zeros(1), np.ones(1), exact=True)
    coefficients = [flint.fmpq(*value.as_integer_ratio()) for value in np.ravel(found.coefficients)]
    assert coefficients == [*c, 0, 0]


def test_a_wrong_weight_is_another_polynomial() -> None:
    net, last = taylor_network(ODD), f"{len(ODD) - 1}.branch.0."  # the power after the last block is not read
    for name in net.weights:
        if name.startswith(last):
            continue
        changed = {key: value.copy() for key, value in net.weights.items()}
        changed[name].flat[-1] += flint.fmpq(1, 7)
        assert replace(net, weights=changed).polynomial() != taylor(ODD, len(ODD) - 1), name


def test_weights_as_stored_and_their_values() -> None:
    net = taylor_network(SIN[:8])
    stored = net.as_stored()
    assert stored.polynomial() != net.polynomial()  # 1/6 is no float64
    x = np.array([[0.3], [-2.0]])
    with balls.precision(256):
        expected = [value_at(stored.polynomial(), flint.arb(value)) for value in x[:, 0].tolist()]
        for value, other in zip(net.values_as_stored(x), expected, strict=True):
            assert balls.agree(value, other, 1e-60)


def test_the_running_bound_covers_float64_arithmetic_and_is_not_idle() -> None:
    """Against a float64 evaluation that shares nothing but the weights: Horner's rule would be another; so numpy."""
    net: ExactNetwork = stream_network(matched(SIN[:6]))
    x = np.linspace(-2, 2, 41)[:, None]
    with balls.precision(256):
        exact = np.array([float(v.mid()) for v in net.values_as_stored(x)])
    weights = net.rounded()
    y = x
    for k, layer in enumerate(net.network.layers):
        inner = y
        for j, part in enumerate(layer.branch):
            if isinstance(part, Linear):
                inner = inner @ weights[f"{k}.branch.{j}.weight"].T + weights.get(f"{k}.branch.{j}.bias", 0.0)
            else:
                inner = inner**2
        y = y + inner
    bound = net.rounding(x)[:, 0]
    assert (abs(y[:, 0] - exact) <= bound).all()
    assert (bound < 1e-10).all()

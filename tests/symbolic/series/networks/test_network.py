"""Series of networks: against 50 digits, against each other, and what is refused."""

import math
import warnings
from fractions import Fraction
from typing import Any

import flint
import mpmath
import numpy as np
import pytest
import sympy as sp

from oracles import high_precision
from oracles.samples import NETWORKS, ROUNDINGS, alone, every_layer, name_of, rows, weights_of
from residua_network import (
    ACTIVATIONS,
    Activation,
    BatchNorm,
    Dropout,
    LayerNorm,
    Linear,
    Network,
    ResiduaError,
    Residual,
    RMSNorm,
)
from residua_symbolic.domains import balls
from residua_symbolic.series.expression import ConvergenceWarning
from residua_symbolic.series.networks.network import NetworkSeries, network_series

ORDER = 6
# of the 50 digits, what `mpmath.taylor` may lose to cancellation in its differences
DIGITS_KEPT = 30
SMOOTH = [name for name in ACTIVATIONS if name != "relu"]
POLYNOMIAL = Network(
    (Linear(2, 3), Activation("square"), Residual((Linear(3, 3), Dropout(0.5), Activation("cube")), 0.5), Linear(3, 2))
)


def direction(net: Network, x: Any, parameters: bool = False) -> Any:
    rng = np.random.default_rng(5)
    if parameters:
        return {name: rng.normal(size=shape) / 4 for name, shape in net.parameter_shapes().items()}
    return rng.normal(size=x.shape)


def series_of(net: Network, parameters: bool = False, batch: int = 2, **how: Any) -> tuple[NetworkSeries, Any]:
    w, x = weights_of(net), rows(batch, net.inputs)
    v = direction(net, x, parameters)
    return network_series(net, ORDER, w, x, v, **how), (net, w, x, v, ORDER)


def assert_as_at_fifty_digits(found: NetworkSeries, case: Any) -> None:
    """Floats up to rounding, balls with the exact value inside."""
    exact = high_precision.coefficients(*case)
    assert found.coefficients.shape == (ORDER + 1, len(exact[0]), len(exact[0][0]))
    with mpmath.workdps(high_precision.DIGITS), balls.precision(256):
        for k, of_order in enumerate(exact):
            scale = max(1, *(abs(v) for row in of_order for v in row))
            for at in np.ndindex(found.coefficients.shape[1:]):
                expected, got = of_order[at[0]][at[1]], found.coefficients[(k, *at)]
                if isinstance(got, float):
                    assert abs(got - expected) <= scale * ROUNDINGS
                    continue
                true = flint.arb(mpmath.nstr(expected, 45), mpmath.nstr(scale * mpmath.mpf(10) ** -DIGITS_KEPT, 5))
                assert got.overlaps(true)
                assert float(got.rad()) <= scale * ROUNDINGS**2


@pytest.mark.parametrize("layer", every_layer(), ids=name_of)
def test_every_layer_along_a_direction(layer: Any) -> None:
    assert_as_at_fifty_digits(*series_of(alone(layer), batch=3))


@pytest.mark.parametrize("parameters", [False, True], ids=["inputs", "parameters"])
@pytest.mark.parametrize("net", NETWORKS.values(), ids=NETWORKS)
def test_networks_in_inputs_and_parameters(net: Network, parameters: bool) -> None:
    assert_as_at_fifty_digits(*series_of(net, parameters))


@pytest.mark.parametrize("parameters", [False, True], ids=["inputs", "parameters"])
@pytest.mark.parametrize("name", ["nested", "batch statistics in branches", "running statistics"])
def test_balls_contain_the_exact_coefficients(name: str, parameters: bool) -> None:
    assert_as_at_fifty_digits(*series_of(NETWORKS[name], parameters, certified=True))


@pytest.mark.parametrize("name", SMOOTH)
def test_floats_at_high_order_beside_balls(name: str) -> None:
    net = Network((Linear(2, 5), Activation(name), Residual((Linear(5, 5), Activation(name))), Linear(5, 1)))
    w = {key: value / 2 for key, value in weights_of(net).items()}
    x, v = np.array([0.4, -0.3]), np.array([0.5, 0.8])
    floats = network_series(net, 40, w, x, v)
    certified = network_series(net, 40, w, x, v, certified=True)
    assert certified.enclosure.radius.max() <= 1e-20
    middle = certified.values
    scale = np.maximum.reduce([abs(middle), np.roll(abs(middle), 1, axis=0), np.roll(abs(middle), -1, axis=0)])
    assert (abs(floats.coefficients - middle) <= ROUNDINGS * scale).all()


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("size", [40.0, 800.0, 1e5])
@pytest.mark.parametrize("name", ["tanh", "sigmoid", "softplus", "silu", "gelu", "sin"])
def test_saturated_neurons(name: str, size: float, sign: float) -> None:
    net = Network((Linear(1, 2), Activation(name)))
    w = {"0.weight": np.array([[1.0], [0.5]]), "0.bias": np.array([sign * size, 0.25])}
    floats = network_series(net, 10, w, np.zeros(1), np.ones(1))
    exact = network_series(net, 10, w, np.zeros(1), np.ones(1), certified=True)
    scale = np.maximum(1.0, abs(exact.values))
    assert (abs(floats.coefficients - exact.values) <= ROUNDINGS * scale).all()


def test_exact_coefficients_are_fractions() -> None:
    found, (net, w, x, v, order) = series_of(POLYNOMIAL, exact=True)
    assert all(isinstance(c, Fraction) for c in found.coefficients.flat)
    assert_as_at_fifty_digits(series_of(POLYNOMIAL)[0], (net, w, x, v, order))
    floats = series_of(POLYNOMIAL)[0].coefficients
    assert (abs(found.values - floats) <= ROUNDINGS * np.maximum(1, abs(floats))).all()
    beyond = network_series(POLYNOMIAL, 8, w, x, v, exact=True).coefficients
    assert not beyond[7:].any(), "degree 2 · 3"
    assert beyond[6].all()


def test_exact_with_relu_and_rational_statistics() -> None:
    net = Network((Linear(1, 2), BatchNorm(2, eps=0.0, statistics="running"), Activation("relu"), Linear(2, 1)))
    w = weights_of(net) | {"1.running_var": np.array([0.25, 4.0])}
    found = network_series(net, 3, w, np.array([0.3]), np.ones(1), exact=True)
    floats = network_series(net, 3, w, np.array([0.3]), np.ones(1))
    assert (abs(found.values - floats.coefficients) <= ROUNDINGS).all()


@pytest.mark.parametrize(
    ("layer", "words"),
    [(Activation("tanh"), "tanh"), (LayerNorm(2), "LayerNorm"), (BatchNorm(2, statistics="running"), "BatchNorm")],
)
def test_exact_refuses_other_kinds_by_name(layer: Any, words: str) -> None:
    net = Network((Linear(2, 2), layer))
    with pytest.raises(ResiduaError, match=words):
        network_series(net, 2, weights_of(net), np.ones(2), np.ones(2), exact=True)


def test_several_inputs_are_mixed_derivatives() -> None:
    net = Network((Linear(3, 4), Activation("tanh"), LayerNorm(4), Linear(4, 2)))
    w, x = weights_of(net), rows(1, 3)[0]
    found = network_series(net, 4, w, x)
    assert len(found.coefficients) == 35
    for exponents in [(0, 0, 0), (1, 0, 0), (0, 2, 1), (1, 1, 2), (0, 0, 4), (2, 1, 1)]:
        for i in range(2):
            with mpmath.workdps(high_precision.DIGITS):
                true = mpmath.diff(
                    lambda *p, i=i: high_precision.output(net, w, [p])[0][i], tuple(map(mpmath.mpf, x)), exponents
                ) / np.prod([mpmath.factorial(k) for k in exponents])
                assert abs(found.coefficients[exponents][i] - true) <= 1e-12


@pytest.mark.parametrize("how", ["certified", "exact"])
def test_several_inputs_in_other_arithmetics(how: str) -> None:
    net = Network((Linear(3, 3), Activation("cube"), Linear(3, 2)))
    w, x = weights_of(net), rows(1, 3)[0]
    floats, other = network_series(net, 4, w, x), network_series(net, 4, w, x, **{how: True})
    assert set(floats.coefficients) == set(other.coefficients)
    for exponents, value in floats.coefficients.items():
        assert (abs(other.values[exponents] - value) <= ROUNDINGS * 10).all()
        if sum(exponents) > 3 and how == "exact":
            assert not other.coefficients[exponents].any()


@pytest.mark.parametrize(("inputs", "order"), [(2, 30), (2, 60), (3, 15), (4, 9)])
def test_high_degrees_in_several_inputs_keep_their_digits(inputs: int, order: int) -> None:
    """f = tanh(w · x + b): the coefficient of x^k is a_|k| · multinomial · w^k; by a series along one direction."""
    net = Network((Linear(inputs, 1), Activation("tanh")))
    w, x = weights_of(net), rows(1, inputs)[0]
    slopes, shift = w["0.weight"][0], np.array([w["0.weight"][0] @ x + w["0.bias"][0]])
    one = {"0.weight": np.ones((1, 1)), "0.bias": np.zeros(1)}
    a = network_series(
        Network((Linear(1, 1), Activation("tanh"))), order, one, shift, np.ones(1), certified=True
    ).values
    errors, sizes = np.zeros(order + 1), np.zeros(order + 1)
    for exponents, value in network_series(net, order, w, x).coefficients.items():
        k = sum(exponents)
        ways = math.factorial(k) / math.prod(map(math.factorial, exponents))
        true = a[k, 0] * ways * np.prod(slopes ** np.array(exponents))
        errors[k], sizes[k] = max(errors[k], abs(value[0] - true)), max(sizes[k], abs(true))
    assert (errors <= ROUNDINGS * order * sizes).all()


@pytest.mark.parametrize(("inputs", "order"), [(2, 2000), (8, 40), (3, 300)])
def test_absurd_degrees_in_several_inputs_are_refused_at_once(inputs: int, order: int) -> None:
    net = Network((Linear(inputs, 2), Activation("tanh"), Linear(2, 1)))
    with pytest.raises(ResiduaError, match=f"order {order} in {inputs} inputs has [0-9]+ terms"):
        network_series(net, order, weights_of(net), np.zeros(inputs))


def test_a_polynomial_in_several_inputs_is_found_exactly() -> None:
    net = Network((Linear(2, 1, bias=False), Activation("cube")))
    w = {"0.weight": np.array([[1.0, 2.0]])}
    found = network_series(net, 3, w, np.array([1.0, 0.0]), exact=True)
    x1, x2 = sp.symbols("x1 x2", real=True)
    assert sp.expand(found.polynomial - (x1 + 2 * x2) ** 3) == 0


def test_polynomial_and_values() -> None:
    net = Network((Linear(1, 3), Activation("sin"), Linear(3, 1)))
    w = weights_of(net)
    found = network_series(net, 5, w, np.array([0.2]), np.array([1.0]))
    t = sp.Symbol("t", real=True)
    values = np.array([[0.1, -0.3], [0.0, 0.5]])
    assert found(values).shape == (2, 2, 1)
    by_hand = [float(found.polynomial.subs(t, v)) for v in values.ravel()]
    assert np.allclose(found(values).ravel(), by_hand, rtol=ROUNDINGS, atol=ROUNDINGS)
    assert np.allclose(found.function(values), found(values), atol=1e-3)
    assert not np.allclose(found.function(values), found(values), atol=1e-9)
    assert found.function(0.0) == pytest.approx(found.coefficients[0], rel=ROUNDINGS)


def test_relu_away_from_its_kink_and_at_it() -> None:
    net = Network((Linear(1, 2), Activation("relu"), Linear(2, 1)))
    w = weights_of(net) | {"0.weight": np.array([[1.0], [2.0]]), "0.bias": np.array([1.0, -1.0])}
    for how in ({}, {"certified": True}, {"exact": True}):
        with pytest.raises(ResiduaError, match=r'"1", row 0, neuron 1.*kink'):
            network_series(net, 2, w, np.array([0.5]), np.ones(1), **how)
    flat = w | {"0.weight": np.array([[1.0], [0.0]]), "0.bias": np.array([1.0, 0.0])}
    found = network_series(net, 2, flat, np.array([0.5]), np.ones(1))
    assert found.coefficients[1] == flat["2.weight"][0, 0], "an argument that stays at 0 has no kink"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"order": -1}, "order must be a whole number"),
        ({"order": 1.5}, "order must be a whole number"),
        ({"order": 10**9}, "order must be at most"),
        ({"at": np.zeros(3)}, "at expects the shape"),
        ({"at": np.full(2, np.nan)}, "finite"),
        ({"at": "here"}, "at expects"),
        ({"along": np.zeros(2)}, "zeros only"),
        ({"along": np.ones((1, 2))}, "along expects the shape of at"),
        ({"along": {"9.weight": np.ones((2, 2))}}, 'no "9.weight"'),
        ({"along": {"0.weight": np.ones((2, 2))}}, r'along\["0.weight"\] expects'),
        ({"along": {"0.weight": np.zeros((3, 2))}}, "zeros only"),
        ({"along": {}}, "zeros only"),
        ({"certified": True, "exact": True}, "exclude each other"),
        ({"bits": 1}, "bits must lie"),
        ({"weights": {}}, "is missing"),
        ({"net": "a net"}, "expected a Network"),
    ],
)
def test_bad_input_has_one_line(change: dict[str, Any], words: str) -> None:
    net = Network((Linear(2, 3), Activation("tanh")))
    given: dict[str, Any] = {
        "net": net,
        "order": 3,
        "weights": weights_of(net),
        "at": np.zeros(2),
        "along": np.ones(2),
    } | change
    with pytest.raises(ResiduaError, match=words) as caught:
        network_series(**given)
    assert "\n" not in str(caught.value)


def test_batch_statistics_need_a_direction() -> None:
    net = Network((Linear(2, 3), BatchNorm(3)))
    with pytest.raises(ResiduaError, match="batch statistics"):
        network_series(net, 2, weights_of(net), np.zeros(2))
    with pytest.raises(ResiduaError, match="several rows"):
        network_series(alone(RMSNorm(4)), 2, weights_of(alone(RMSNorm(4))), rows(2, 4))


@pytest.mark.parametrize("how", [{}, {"certified": True}])
def test_a_variance_of_zero_is_refused_with_its_layer(how: dict[str, bool]) -> None:
    net = Network((Linear(2, 3), Residual((LayerNorm(3, eps=0.0),))))
    w = weights_of(net) | {"0.weight": np.ones((3, 2)), "0.bias": np.ones(3)}
    with pytest.raises(ResiduaError, match=r'LayerNorm\(3, eps=0.0\) at "1.branch.0"'):
        network_series(net, 2, w, np.ones(2), np.ones(2), **how)


def test_coefficients_beyond_float64_are_refused() -> None:
    net = Network((Linear(1, 1, bias=False), Activation("square"), *[Activation("cube")] * 3))
    w = {"0.weight": np.array([[1e7]])}
    with pytest.raises(ResiduaError, match="beyond float64"):
        network_series(net, 2, w, np.ones(1), np.ones(1))
    assert network_series(net, 2, w, np.ones(1), np.ones(1), certified=True).coefficients[2, 0] > 1e300


def test_more_bits_are_taken_where_balls_are_wide() -> None:
    net = Network((Linear(1, 1), *[Activation("square"), Linear(1, 1)] * 8))
    w = {name: value * 0 + (-1.5 if "bias" in name else 1.0) for name, value in weights_of(net).items()}
    found = network_series(net, 1, w, np.array([0.3]), np.ones(1), certified=True, bits=32)
    assert found.bits > 32
    exact = network_series(net, 1, w, np.array([0.3]), np.ones(1), exact=True)
    with balls.precision(4096):
        for c, ball in zip(exact.coefficients.ravel(), found.coefficients.ravel(), strict=True):
            assert ball.overlaps(flint.arb(c.numerator) / c.denominator)
            assert float(ball.rad()) <= 2.0**-50 * abs(float(exact.values[1, 0]))


def test_results_print_and_are_plain_data() -> None:
    found, _ = series_of(NETWORKS["plain"])
    assert repr(found).startswith("<Taylor polynomial of a network 3-2 with 4 layers of order 6 in t")
    assert "row 1, output 2" in found.text()
    assert found.markdown().count("\n|") == ORDER + 3, "head, rule and a row an order"
    assert found.to_dict()["coefficients"] == found.coefficients.tolist()
    certified, _ = series_of(NETWORKS["plain"], certified=True)
    plain = certified.to_dict()
    assert (np.array(plain["lower"]) <= certified.values).all()
    assert (certified.values <= np.array(plain["upper"])).all()
    assert r"\toprule" in certified.latex()
    exact, _ = series_of(POLYNOMIAL, exact=True)
    assert Fraction(exact.to_dict()["exact"][2][0][1]) == exact.coefficients[2, 0, 1]


def test_remainder_contains_the_error_and_refuses_other_intervals() -> None:
    net = Network((Linear(1, 4), Activation("tanh"), Linear(4, 1)))
    w = {name: value / 2 for name, value in weights_of(net).items()}
    found = network_series(net, 4, w, np.array([0.1]), np.ones(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bound = found.remainder(-0.3, 0.4)
    assert bound.lower.shape == (1,)
    errors = found.function(np.linspace(-0.3, 0.4, 50)) - found(np.linspace(-0.3, 0.4, 50))
    assert (errors >= bound.lower - ROUNDINGS).all()
    assert (errors <= bound.upper + ROUNDINGS).all()
    for ends in [(0.4, -0.3), (0.1, 0.4), (0.0, 0.0), (float("nan"), 1.0), ("a", 1.0)]:
        with pytest.raises(ResiduaError):
            found.remainder(*ends)


def test_remainder_in_several_inputs() -> None:
    net = Network((Linear(2, 3), Activation("sigmoid"), Linear(3, 2)))
    w, x = weights_of(net), np.array([0.2, -0.1])
    found = network_series(net, 3, w, x)
    bound = found.remainder(x - 0.2, x + 0.3)
    points = np.random.default_rng(0).uniform(x - 0.2, x + 0.3, size=(100, 2))
    errors = found.function(points) - found(points)
    assert ((bound.lower - ROUNDINGS <= errors) & (errors <= bound.upper + ROUNDINGS)).all()
    with pytest.raises(ResiduaError):
        found.remainder(x + 0.1, x + 0.3)


def test_beyond_the_radius_of_convergence_there_is_a_warning_and_an_honest_bound() -> None:
    net = Network((Linear(1, 1, bias=False), Activation("tanh")))
    found = network_series(net, 6, {"0.weight": np.ones((1, 1))}, np.zeros(1), np.ones(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found.remainder(-1.5, 1.5)
    with pytest.warns(ConvergenceWarning, match="beyond the radius of convergence"):
        bound = found.remainder(-2.0, 1.0)
    error = float(found.function(-2.0)[0] - found(-2.0)[0])
    assert bound.lower[0] - ROUNDINGS <= error <= bound.upper[0] + ROUNDINGS
    assert float(found.radius.upper if hasattr(found.radius, "upper") else found.radius) == pytest.approx(np.pi / 2)


def test_exact_where_the_root_is_rational() -> None:
    net = Network((RMSNorm(2, eps=0.0),))
    given = net, 5, weights_of(net), np.array([1.0, 7.0]), np.array([0.5, -2.0])
    exact, floats = network_series(*given, exact=True), network_series(*given)
    assert (abs(exact.values - floats.coefficients) <= ROUNDINGS).all()


def test_the_function_along_parameters_is_that_of_moved_weights() -> None:
    found, (net, w, x, v, _) = series_of(NETWORKS["plain"], parameters=True)
    moved = network_series(net, 0, {name: value + 0.25 * v[name] for name, value in w.items()}, x, x)
    assert (abs(found.function(0.25) - moved.coefficients[0]) <= ROUNDINGS * 10).all()

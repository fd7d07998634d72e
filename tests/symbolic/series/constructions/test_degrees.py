"""Polynomials of networks of powers: degrees, contributions and ranks, against numpy and against hand counts."""

import flint
import numpy as np
import pytest

from residua_network import Activation, LayerNorm, Linear, Network, ResiduaError, Residual
from residua_symbolic.series.constructions import degrees
from residua_symbolic.series.constructions.degrees import (
    coefficient_jacobian,
    coefficient_rank,
    contributed_polynomials,
    degree_law,
    network_polynomial,
    polynomials_after,
    power_network,
    scalar_network,
    whole_weights,
)

PRIME = 2**31 - 1
NETS = [
    power_network(name, depth, width, residual)
    for name in ("square", "cube")
    for depth in (1, 2)
    for width in (1, 3)
    for residual in (True, False)
]


def by_numpy(net: Network, weights: dict[str, np.ndarray], x: float) -> float:
    """The network at a point, written out by hand."""

    def chain(layers: tuple, place: str, y: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        for k, layer in enumerate(layers):
            here = f"{place}{k}."
            if isinstance(layer, Linear):
                y = weights[here + "weight"] @ y + weights[here + "bias"]
            elif isinstance(layer, Activation):
                y = y ** {"square": 2, "cube": 3}[layer.name]
            else:
                y = y + layer.scale * chain(layer.layers, here + "branch.", y)
        return y

    return float(chain(net.layers, "", np.array([x]))[0])


@pytest.mark.parametrize("net", NETS, ids=repr)
def test_the_polynomial_is_the_network(net: Network) -> None:
    weights = whole_weights(net, 3)
    p = network_polynomial(net, weights)
    for x in (-2.0, 0.0, 1.0, 3.0):  # whole numbers below 2^53 or so: numpy is exact up to its rounding
        assert float(p(flint.fmpq(int(x))).p) == pytest.approx(by_numpy(net, weights, x), rel=1e-12)
    assert p.degree() == degree_law(net)


@pytest.mark.parametrize("net", NETS, ids=repr)
def test_the_jacobian_is_that_of_the_coefficients(net: Network) -> None:
    """A difference quotient of polynomials in the step: exact up to a term that is linear in it, and halves with it."""
    weights = whole_weights(net, 5)
    J = coefficient_jacobian(net, weights)
    column = 0
    for name, (shape, _) in net.parameters.items():
        for at in np.ndindex(shape):
            quotients = [slope(net, weights, name, at, flint.fmpq(1, 2**e)) for e in (60, 61)]
            extrapolated = [2 * b - a for a, b in zip(*quotients, strict=True)]
            for k, value in enumerate(extrapolated):
                exact = J[k, column]
                assert abs(float((value - exact).p) / float((value - exact).q)) <= 1e-12 * max(1.0, abs(float(exact.p)))
            column += 1
    assert (J.nrows(), J.ncols()) == (degree_law(net) + 1, column)


def slope(net: Network, weights: dict[str, np.ndarray], name: str, at: tuple[int, ...], step: flint.fmpq) -> list:  # type: ignore[type-arg]
    moved = {key: np.frompyfunc(lambda v: flint.fmpq(int(v)), 1, 1)(value) for key, value in weights.items()}
    before = network_polynomial(net, weights)
    moved[name][at] += step
    difference = (network_polynomial(net, moved) - before) * (1 / step)
    return [difference[k] for k in range(degree_law(net) + 1)]


@pytest.mark.parametrize("net", NETS, ids=repr)
def test_contributions_add_up(net: Network) -> None:
    weights = whole_weights(net, 7)
    if not any(isinstance(layer, Residual) for layer in net.layers):
        assert contributed_polynomials(net, weights) == ()
        return
    after = polynomials_after(net, weights)
    readout = net.layers[-1]
    assert isinstance(readout, Linear)
    start = sum(
        flint.fmpq(int(w)) * p for w, p in zip(weights[f"{len(net.layers) - 1}.weight"][0], after[0], strict=True)
    )
    total = sum(contributed_polynomials(net, weights), start)
    assert total + int(weights[f"{len(net.layers) - 1}.bias"][0]) == network_polynomial(net, weights)


def test_ranks_by_hand() -> None:
    """Width 1: affine maps around L squares, less the scales; a cube keeps one number more a block."""
    assert [coefficient_rank(power_network("square", depth, 1)) for depth in (1, 2, 3, 4)] == [3, 4, 5, 6]
    assert [coefficient_rank(power_network("cube", depth, 1)) for depth in (1, 2, 3)] == [4, 6, 8]
    assert [coefficient_rank(power_network("square", depth, 2)) for depth in (1, 2, 3)] == [3, 5, 9]
    assert [coefficient_rank(scalar_network("square", depth, 3)) for depth in (1, 2, 3)] == [3, 4, 5]


def test_ranks_of_cubes_beside_counts_modulo_a_prime() -> None:
    """At other points, by another elimination: whole numbers from −99 to 99, modulo 2^31 − 1."""
    for depth, width, rank in ((1, 2, 4), (2, 2, 10), (3, 2, 19)):
        net = power_network("cube", depth, width)
        rng = np.random.default_rng(9)
        weights = {name: rng.integers(-99, 100, shape).astype(float) for name, (shape, _) in net.parameters.items()}
        slopes = coefficient_jacobian(net, weights)
        whole = [int(q.p) % PRIME for row in slopes.tolist() for q in row]
        assert flint.nmod_mat(slopes.nrows(), slopes.ncols(), whole, PRIME).rank() == rank
        assert coefficient_rank(net) == rank


def test_an_unlucky_point_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the first and the last draw are zero, where nothing but the last bias counts."""
    net, drawn = power_network("square", 2, 1), whole_weights
    nothing = {name: np.zeros(shape) for name, (shape, _) in net.parameters.items()}
    monkeypatch.setattr(degrees, "whole_weights", lambda net, seed: drawn(net, 1) if seed == 1 else nothing)
    assert coefficient_rank(net) == 4


def test_a_rank_never_exceeds_what_there_is() -> None:
    plain = power_network("cube", 1, 1, residual=False)  # u (a x + b)³ + v: three numbers
    assert coefficient_rank(plain) == 3


def test_degrees_of_other_networks() -> None:
    identity = Network((Linear(1, 2), Activation("identity"), Residual((Activation("cube"),)), Linear(2, 1)))
    assert degree_law(identity) == 3
    with pytest.raises(ResiduaError, match="expected polynomial activations, got 'tanh'"):
        degree_law(Network((Linear(1, 2), Activation("tanh"), Linear(2, 1))))
    with pytest.raises(ResiduaError, match="expected Linear, Activation and Residual layers, got layernorm"):
        degree_law(Network((Linear(1, 2), LayerNorm(2), Linear(2, 1))))


def test_what_is_no_polynomial_is_refused() -> None:
    net = Network((Linear(1, 2), Activation("tanh"), Linear(2, 1)))
    with pytest.raises(ResiduaError, match="tanh"):
        network_polynomial(net, whole_weights(net, 0))
    with pytest.raises(ResiduaError, match="expected a network 1 → 1, got 2 → 1"):
        network_polynomial(Network((Linear(2, 1),)), {})
    last = Network((Linear(1, 1), Activation("square")))
    with pytest.raises(ResiduaError, match="expected a Linear layer at the end, got activation"):
        contributed_polynomials(last, whole_weights(last, 0))
    mixed = Network((Linear(1, 1), Residual((Linear(1, 1),)), Linear(1, 1), Residual((Linear(1, 1),)), Linear(1, 1)))
    with pytest.raises(ResiduaError, match="residual blocks in a row"):
        contributed_polynomials(mixed, whole_weights(mixed, 0))


def test_numbers_and_depths_that_make_no_sense_are_refused() -> None:
    net = power_network("square", 1, 1)
    for value in (np.nan, np.inf):
        weights = whole_weights(net, 0) | {"0.bias": np.array([value])}
        with pytest.raises(ResiduaError, match="expected a finite number"):
            network_polynomial(net, weights)
    for depth in (-1, 1.5):
        with pytest.raises(ResiduaError, match="depth"):
            power_network("square", depth, 1)  # type: ignore[arg-type]
    with pytest.raises(ResiduaError, match="depth"):
        scalar_network("square", 0, 1)

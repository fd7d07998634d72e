"""Contributions of blocks: series against mpmath on the formula itself, and numbers of diagonality by hand."""

from itertools import permutations

import flint
import mpmath
import numpy as np
import pytest

from residua_network import Activation, Linear, Network, ResiduaError, Residual
from residua_symbolic.series.constructions.degrees import contributed_polynomials, power_network, whole_weights
from residua_symbolic.series.constructions.stream_networks import taylor_network
from residua_symbolic.series.networks.contributions import contribution_series, diagonality, prefix
from residua_symbolic.weights import Floats

BLOCK = Residual((Linear(3, 2), Activation("tanh"), Linear(2, 3)), scale=0.5)
NET = Network((Linear(1, 3), BLOCK, BLOCK, Linear(3, 1)))


def drawn(net: Network, seed: int) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape) for name, (shape, _) in net.parameters.items()}


def times(m: Floats, v: list[mpmath.mpf]) -> list[mpmath.mpf]:
    return [mpmath.fsum(mpmath.mpf(float(a)) * b for a, b in zip(row, v, strict=True)) for row in m]


def plus(v: list[mpmath.mpf], b: Floats) -> list[mpmath.mpf]:
    return [a + mpmath.mpf(float(c)) for a, c in zip(v, b, strict=True)]


def added(w: dict[str, Floats], block: int, x: mpmath.mpf) -> mpmath.mpf:
    """What block 1 or 2 adds to the output, written out; block 0 is what enters."""
    h = plus(times(w["0.weight"], [x]), w["0.bias"])
    if block == 0:
        return times(w["3.weight"], h)[0] + mpmath.mpf(float(w["3.bias"][0]))
    for k in range(1, block + 1):
        inside = [mpmath.tanh(z) for z in plus(times(w[f"{k}.branch.0.weight"], h), w[f"{k}.branch.0.bias"])]
        branch = [z / 2 for z in plus(times(w[f"{k}.branch.2.weight"], inside), w[f"{k}.branch.2.bias"])]
        h = [a + b for a, b in zip(h, branch, strict=True)]
    return times(w["3.weight"], branch)[0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("at", [0.0, 0.75])
def test_series_of_contributions(seed: int, at: float) -> None:
    weights = drawn(NET, seed)
    found = contribution_series(NET, weights, 6, at)
    assert found.balls.shape == (3, 7)
    with mpmath.workdps(50):
        for block in range(3):
            wanted = mpmath.taylor(lambda x, block=block: added(weights, block, x), mpmath.mpf(at), 6)
            for k, value in enumerate(wanted):
                lower, upper = float(found.lower[block, k]), float(found.upper[block, k])
                assert lower <= value <= upper
                assert upper - lower <= 1e-12 * max(1, abs(value))


def test_series_of_polynomial_networks_are_the_exact_polynomials() -> None:
    net = power_network("square", 2, 3)
    weights = whole_weights(net, 1)
    found = contribution_series(net, weights, 4)
    for row, p in zip(found.balls[1:], contributed_polynomials(net, weights), strict=True):
        assert all(ball.contains(p[k]) for k, ball in enumerate(row))


def test_a_prefix_reads_out_after_a_block() -> None:
    weights = drawn(NET, 0)
    net, own = prefix(NET, weights, 1)
    assert net == Network((*NET.layers[:2], NET.layers[-1]))
    assert set(own) == set(net.parameter_shapes())
    assert np.array_equal(own["2.weight"], weights["3.weight"])


@pytest.mark.parametrize(
    "net",
    [
        Network((Linear(1, 1), Activation("tanh"), Linear(1, 1))),
        Network((Linear(2, 2), Linear(2, 1))),
        Network((Linear(1, 2), Residual((Linear(2, 2),)))),
    ],
)
def test_other_networks_are_refused(net: Network) -> None:
    with pytest.raises(ResiduaError, match="expected a network 1 → 1 of linear, residual, …, linear"):
        contribution_series(net, drawn(net, 0), 2)


def test_diagonality_by_hand() -> None:
    ideal = diagonality(np.diag([1.0, -0.5, 1e-9]))
    assert (ideal.diagonal, ideal.assigned, ideal.entropy) == (1.0, 1.0, 0.0)
    assert ideal.tilt == pytest.approx(1.0, abs=1e-12)
    alike = diagonality(np.full((4, 4), -2.0))
    assert (alike.diagonal, alike.assigned, alike.tilt) == (0.25, 0.25, 0.0)
    assert alike.entropy == pytest.approx(1.0, abs=1e-12)
    turned = diagonality(np.fliplr(np.eye(3)))
    assert (turned.assigned, turned.entropy) == (1.0, 0.0)
    assert (turned.diagonal, turned.tilt) == pytest.approx((1 / 3, -1.0), abs=1e-12)
    mixed = diagonality(np.array([[3.0, 1.0], [1.0, 1.0]]))
    assert mixed.diagonal == pytest.approx((0.75 + 0.5) / 2, abs=1e-15)
    assert mixed.entropy == pytest.approx((-(0.75 * np.log(0.75) + 0.25 * np.log(0.25)) / np.log(2) + 1) / 2, abs=1e-12)


def test_orders_of_the_blocks_are_counted() -> None:
    """One of six is the diagonal; where all shares are alike, every order is as good; turned around, none is worse."""
    assert diagonality(np.diag([1.0, -0.5, 1e-9])).as_good == pytest.approx(1 / 6, abs=1e-15)
    assert diagonality(np.ones((3, 3))).as_good == 1.0
    assert diagonality(np.roll(np.eye(3), 1, axis=0)).as_good == 1.0
    assert diagonality(np.diag([1.0, 0.0, 2.0])).as_good == pytest.approx(1 / 6, abs=1e-15)
    assert np.isnan(diagonality(np.eye(8)).as_good)


def test_chance_is_one_over_the_number_of_blocks_for_every_matrix() -> None:
    """The mean over all orders of the blocks, which is what the diagonal share is held against."""
    matrix = np.random.default_rng(1).normal(size=(4, 4))
    found = [diagonality(matrix[list(order)]).diagonal for order in permutations(range(4))]
    assert np.mean(found) == pytest.approx(1 / 4, abs=1e-14)
    assert diagonality(matrix).as_good == np.mean(np.array(found) >= found[0])


def test_a_network_that_is_000s_has_all_of_the_diagonal() -> None:
    """Squares on a stream of three numbers, one Taylor term a block: exactly, and from its stored weights."""
    made = taylor_network([flint.fmpq(1) / flint.fmpz.fac_ui(k) for k in range(6)])
    weights = made.rounded()
    found = contribution_series(made.network, weights, 7).middle
    assert np.flatnonzero(found[1:].any(axis=0)).tolist() == [1, 2, 3, 4, 5]
    assert diagonality(found[1:, 1:6]).diagonal == 1.0
    exact = contributed_polynomials(made.network, weights)
    assert [[k for k in range(8) if p[k] != 0] for p in exact] == [[1], [2], [3], [4], [5]]


def test_the_unit_of_x_does_not_matter() -> None:
    matrix = np.random.default_rng(0).normal(size=(4, 4))
    one, other = diagonality(matrix), diagonality(matrix * 10.0 ** np.arange(4))
    assert (one.diagonal, one.entropy) == pytest.approx((other.diagonal, other.entropy), abs=1e-12)


def test_columns_of_zeros_do_not_count() -> None:
    found = diagonality(np.diag([1.0, 0.0, 2.0]))
    assert (found.diagonal, found.assigned, found.entropy, found.tilt) == (1.0, 1.0, 0.0, 1.0)


@pytest.mark.parametrize(
    "matrix", [np.ones((2, 3)), np.zeros((2, 2)), np.array([[np.nan, 1.0], [1.0, 1.0]]), np.ones(3)]
)
def test_what_has_no_diagonal_is_refused(matrix: Floats) -> None:
    with pytest.raises(ResiduaError, match="expected a finite square matrix that is not zero"):
        diagonality(matrix)

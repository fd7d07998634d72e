"""The plateau: bounds that hold whatever the network, and from which n on."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.derivation import ProofError
from residua_symbolic.series.approximation.plateau import distances, plateau_rule, plateau_start, room, taylor_error

X = np.linspace(-np.pi, np.pi, 20_001)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(400)


def taylor(n: int, x: np.ndarray) -> np.ndarray:
    total, term = np.zeros_like(x), x.copy()
    for k in range(1, n + 1, 2):
        total, term = total + term, -term * x * x / ((k + 1) * (k + 2))
    return total


def mean(values: np.ndarray) -> float:
    return float(values @ WEIGHTS / 2)


@pytest.mark.parametrize("seed", range(20))
def test_every_network_lies_within_the_bounds(seed: int) -> None:
    x = np.pi * NODES
    rng = np.random.default_rng(seed)
    error = sum(rng.normal() * np.cos(k * x + rng.uniform(0, 6)) for k in range(6)) * 10.0 ** rng.uniform(-4, -1)
    size = mean(error**2)
    for n in range(1, 16):
        low, high = distances(size, n)
        found = mean((np.sin(x) + error - taylor(n, x)) ** 2)
        assert low * (1 - 1e-9) - 1e-15 <= found <= high * (1 + 1e-9) + 1e-15
    for share in (0.3, 0.05, 0.001):
        for n in range(plateau_start(size, share), 20):
            assert abs(mean((np.sin(x) + error - taylor(n, x)) ** 2) / size - 1) <= share * (1 + 1e-9) + 1e-12


def test_the_bounds_are_reached() -> None:
    x, n = np.pi * NODES, 9
    left = np.sin(x) - taylor(n, x)
    for sign, end in ((1, 1), (-1, 0)):
        error = sign * left * 16
        found = mean((error + left) ** 2)
        assert found == pytest.approx(distances(mean(error**2), n)[end], rel=1e-6)


def test_one_n_earlier_some_network_leaves_the_plateau() -> None:
    for size, share in ((5.92e-4, 0.01), (5.92e-4, 0.1), (1e-6, 0.05)):
        first = plateau_start(size, share)
        low, high = distances(size, first - 1)
        assert max(high / size - 1, 1 - low / size) > share
        low, high = distances(size, first)
        assert max(high / size - 1, 1 - low / size) <= share


def test_taylor_errors_fall() -> None:
    errors = [taylor_error(n) for n in range(1, 31, 2)]
    assert all(b < a for a, b in itertools.pairwise(errors))


@pytest.mark.parametrize(("size", "share"), [(0.0, 0.1), (-1.0, 0.1), (float("nan"), 0.1), (1e-3, 0.0), (1e-300, 1e-9)])
def test_what_has_no_answer_is_refused(size: float, share: float) -> None:
    with pytest.raises(ResiduaError):
        plateau_start(size, share)


def test_every_step_is_proved_and_no_other_statement_is() -> None:
    derivation = plateau_rule()
    derivation.check()
    for step in derivation.steps:
        for proof in step.proofs:
            if "u = C/E" not in proof.by:  # proves the reason, not the statement
                with pytest.raises(ProofError):
                    replace(step, right=step.right + sp.Rational(1, 7), proofs=(proof,)).check()


def test_room_is_where_the_start_moves() -> None:
    for size, n in ((5.92e-4, 9), (5.92e-4, 11), (1e-6, 13)):
        assert room(size, n) == pytest.approx(distances(size, n)[1] / size - 1, rel=1e-9)
        assert plateau_start(size, room(size, n) * (1 + 1e-9)) == n
        assert plateau_start(size, room(size, n) * (1 - 1e-9)) == n + 2

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from residua_network import ResiduaError, ShapeError
from residua_symbolic.derivation import ProofError
from residua_symbolic.dynamics.regression import DECAY, best, derive_regression, eta, regression_path, t, w0

RANDOM = np.random.default_rng(2)
X = RANDOM.normal(size=(9, 3))
Y, START = RANDOM.normal(size=9), RANDOM.normal(size=3)
TIMES = (0, 1, 2, 7, 60)


def descended(rate: float, times: tuple[int, ...]) -> np.ndarray:
    """By the sums of a textbook, in longdouble."""
    x, y, w = (np.asarray(one, dtype=np.longdouble) for one in (X, Y, START))
    found = []
    for _ in range(max(times) + 1):
        found.append(w)
        slope = [sum(2 * (x[a] @ w - y[a]) * x[a, i] for a in range(len(x))) / len(x) for i in range(3)]
        w = w - np.longdouble(rate) * np.array(slope)
    return np.array([found[k] for k in times], dtype=np.float64)


def test_every_step_is_proved() -> None:
    derivation = derive_regression()
    derivation.check()
    assert derivation.formula == best + DECAY**t * (w0 - best)
    assert sum(bool(step.proofs) for step in derivation.steps) == 5


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("all steps", best + DECAY ** (t + 1) * (w0 - best)),
        ("all steps", best + DECAY**t * w0),
        ("all steps", best + (1 - 2 * eta * sp.Symbol("H", commutative=False)) ** t * (w0 - best)),
        ("one step", DECAY * sp.Symbol("w_t", commutative=False)),
    ],
)
def test_a_wrong_step_is_refused(name: str, wrong: sp.Expr) -> None:
    step = next(step for step in derive_regression().steps if step.name == name)
    for proof in step.proofs:
        with pytest.raises(ProofError):
            replace(step, right=wrong, proofs=(proof,)).check()


def test_a_wrong_gradient_and_a_wrong_factor_are_refused() -> None:
    for name, factor in (
        ("gradient", 2),
        ("gradient", -1),
        ("minimum", 2),
        ("minimum", -1),
        ("along an eigenvector", 2),
    ):
        step = next(step for step in derive_regression().steps if step.name == name)
        with pytest.raises(ProofError):
            replace(step, right=factor * step.right).check()


@pytest.mark.parametrize("rate", [0.01, 0.2, 2.0])
def test_the_path_is_that_of_descent(rate: float) -> None:
    """Extended precision, whose own rounding is below the bound for float64."""
    path = regression_path(X, Y, START, rate, TIMES)
    assert path.weights.shape == path.rounding.shape == (5, 3)
    assert np.all(np.abs(path.weights - descended(rate, TIMES)) <= path.rounding + 1e-15 * np.abs(path.weights))
    assert np.array_equal(path.weights[0], START)
    assert np.all(path.rounding[1:] > 0)
    assert np.all(np.diff(path.rounding[:, 0]) >= 0)


def test_the_bound_holds_of_float64_and_is_not_idle() -> None:
    """Descent in float64 differs, by less than the bound and by more than nothing; a wrong path is far outside."""
    x, w, errors = X, START.copy(), []
    path = regression_path(X, Y, START, 0.2, range(200))
    for k in range(200):
        errors.append(np.linalg.norm(w - path.weights[k]) / max(path.rounding[k, 0], 1e-300))
        w = w - 0.2 * 2 / len(x) * x.T @ (x @ w - Y)
    assert max(errors[1:]) <= 1
    assert max(errors[1:]) > 1e-3
    assert abs(path.weights[3] - path.weights[4]).max() > 1e6 * path.rounding[4, 0]


def test_refusals() -> None:
    with pytest.raises(ShapeError, match="expected"):
        regression_path(X, Y[:4], START, 0.1, (1,))
    with pytest.raises(ResiduaError, match="singular"):
        regression_path(np.ones((4, 2)), np.ones(4), np.ones(2), 0.1, (1,))
    with pytest.raises(ResiduaError, match="number of steps"):
        regression_path(X, Y, START, 0.1, (-1,))

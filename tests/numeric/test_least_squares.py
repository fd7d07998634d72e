from typing import Any

import numpy as np
import pytest
import scipy.optimize
import torch
from mpmath import mp

from residua_network import (
    Activation,
    BatchNorm,
    DescriptionError,
    Dropout,
    LayerNorm,
    Linear,
    Network,
    ResiduaError,
    Residual,
    ShapeError,
)
from residua_numeric import Task, TaskError, build, loss_of, train, weights_of
from residua_numeric.least_squares import STILL, _solve, fit_least_squares, polish

NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)
X = np.pi * NODES[:, None]
EPS = float(np.finfo(np.float64).eps)


def floor(degree: int) -> float:
    """Mean square error on [−π, π] of the best polynomial for sin: ½ − Σ (2k + 1) j_k(π)² over odd k, at 50 digits."""
    with mp.workdps(50):
        terms = [(2 * k + 1) * mp.besselj(k + mp.mpf(1) / 2, mp.pi) ** 2 / 2 for k in range(1, degree + 1, 2)]
        return float(mp.mpf(1) / 2 - sum(terms))


def polynomial(act: str, depth: int, width: int = 4) -> Network:
    block = Residual((Linear(width, width), Activation(act), Linear(width, width)))
    return Network((Linear(1, width), *(block,) * depth, Linear(width, 1)))


@pytest.mark.parametrize(
    ("act", "depth", "degree"), [("square", 1, 2), ("cube", 1, 3), ("square", 2, 4), ("cube", 2, 9)]
)
def test_floors_are_reached(act: str, depth: int, degree: int) -> None:
    """Polynomial networks cannot lie below the best polynomial of their degree, and these reach it."""
    fits = fit_least_squares(polynomial(act, depth), X, np.sin(X), range(4), weights=WEIGHTS, steps=300)
    bound = 4 * len(X) * EPS  # of the residuals, of size 1 before they cancel, relative to their own size
    least = floor(degree)
    assert (fits.losses >= least * (1 - bound / np.sqrt(least))).all()
    assert fits.losses[fits.best] <= least * (1 + bound / np.sqrt(least))
    assert fits.slopes[fits.best] < 1e-6


def test_a_linear_model_is_solved_as_numpy_solves_it() -> None:
    """With weights, two inputs and two outputs."""
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(9, 2)), rng.normal(size=(9, 2)), rng.uniform(0.5, 2, 9)
    fits = fit_least_squares(Network((Linear(2, 2),)), x, y, (0, 5), weights=w)
    root = np.sqrt(w)[:, None]
    design = np.hstack([x, np.ones((9, 1))])
    best, squares = np.linalg.lstsq(root * design, root * y, rcond=None)[:2]
    for s in (0, 1):
        found = weights_of(fits.models[s])
        assert abs(np.vstack([found["0.weight"].T, found["0.bias"]]) - best).max() <= np.sqrt(STILL)
        assert abs(fits.losses[s] - squares.sum() / (2 * w.sum())) <= 100 * EPS
        assert fits.settled[s]


SMALL = Network((Linear(1, 3), Activation("tanh"), Dropout(0.3), Linear(3, 1)))


def test_scipy_finds_the_same_minimum() -> None:
    """MINPACK's Levenberg–Marquardt, with quotients for derivatives; residuals that do not vanish."""
    y = np.abs(X)
    fits = fit_least_squares(SMALL, X, y, range(5), steps=300)
    least = fits.models[fits.best]
    place = np.concatenate([array.ravel() for array in weights_of(least).values()])
    place = place + 1e-3 * np.random.default_rng(0).normal(size=place.shape)
    sizes = [array.size for array in weights_of(least).values()]

    def residuals(flat: Any) -> Any:
        a, b, c, d = np.split(flat, np.cumsum(sizes)[:-1])
        return (np.tanh(X @ a[None] + b) @ c[:, None] + d - y)[:, 0]

    other = scipy.optimize.least_squares(residuals, place, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15)
    assert fits.losses[fits.best] > 1e-4
    # quotients err by some 1e-8: the squares of what that leaves of the slope
    assert abs(fits.losses[fits.best] - 2 * other.cost / len(X)) <= 1e-10 * fits.losses[fits.best]


def test_losses_are_those_of_the_models() -> None:
    y = np.cos(X)
    fits = fit_least_squares(SMALL, X, y, (0, 1), steps=4)
    assert fits.steps == (4, 4)
    assert fits.settled == (False, False)
    for s, model in enumerate(fits.models):
        task = Task.data("cos", X, y)
        assert abs(loss_of(model, task) - fits.losses[s]) <= 100 * EPS * fits.losses[s]
        assert fits.losses[s] < loss_of(build(SMALL, s), task)


def test_each_start_goes_its_own_way() -> None:
    together = fit_least_squares(SMALL, X, np.cos(X), (0, 1, 2), steps=8)
    alone = fit_least_squares(SMALL, X, np.cos(X), (1,), steps=8)
    start = fit_least_squares(SMALL, X, np.cos(X), (), starts=[build(SMALL, 1, "float32"), build(SMALL, 1)], steps=8)
    assert abs(together.losses[1] - alone.losses[0]) <= 1e-9 * alone.losses[0]
    assert abs(start.losses[1] - alone.losses[0]) <= 1e-9 * alone.losses[0]
    assert start.losses[0] != start.losses[1]
    assert len(set(together.losses)) == 3


def test_a_residual_that_vanishes_is_a_minimum() -> None:
    fits = fit_least_squares(SMALL, X, np.zeros_like(X), (0,), init=1.0)
    exact = fit_least_squares(Network((Linear(1, 1, bias=False),)), [[2.0]], [[3.0]], (0,))
    assert fits.losses[0] < 1e-20
    assert exact.losses[0] <= EPS**2 * 9
    assert exact.settled == (True,)


def test_polish_goes_on_from_a_training() -> None:
    """To the best cubic polynomial on these points, which numpy knows."""
    task = Task.data("sin", X, np.sin(X))
    model = build(polynomial("cube", 1), 0, "float32")
    train(model, task, 60, rate=0.01, batch=40)
    before = weights_of(model)
    fits = polish([model], task)
    best = ((np.polyval(np.polyfit(X[:, 0], task.y[:, 0], 3), X[:, 0]) - task.y[:, 0]) ** 2).mean()
    assert loss_of(model, task) > 1.01 * best
    assert abs(fits.losses[0] - best) <= 1e-12 * best
    assert all(np.array_equal(before[name], array) for name, array in weights_of(model).items())


@pytest.mark.parametrize(("residuals", "parameters"), [(7, 3), (5, 5), (3, 7), (1, 4)])
def test_the_decrease_promised_is_that_of_the_linear_model(residuals: int, parameters: int) -> None:
    """With fewer parameters than residuals and with more, where the step is found in the span of the rows."""
    generator = torch.Generator().manual_seed(0)
    J = torch.randn(2, residuals, parameters, generator=generator, dtype=torch.float64)
    r = torch.randn(2, residuals, generator=generator, dtype=torch.float64)
    damping, scale = torch.tensor([0.3, 2.0], dtype=torch.float64), J.norm(dim=1)
    move, promised = _solve(J, r, damping, scale)
    for s in (0, 1):
        squares = J[s].T @ J[s] + damping[s] * torch.diag(scale[s] ** 2)
        assert torch.allclose(squares @ move[s], -J[s].T @ r[s], rtol=0, atol=1e-13)
        left = (J[s] @ move[s] + r[s]).square().sum()
        assert abs(r[s].square().sum() - left - promised[s]) < 1e-13


def test_a_parameter_without_influence_stays_where_more_are_given_than_residuals() -> None:
    J = torch.tensor([[[1.0, 0.0, 2.0], [0.0, 0.0, 1.0]]], dtype=torch.float64)
    r, scale = torch.tensor([[1.0, -1.0]], dtype=torch.float64), torch.ones(1, 3, dtype=torch.float64)
    move, promised = _solve(J, r, torch.tensor([1e-14], dtype=torch.float64), scale)
    assert move[0, 1] == 0
    assert torch.allclose(J[0] @ move[0], -r[0], rtol=0, atol=1e-12)
    assert abs(promised[0] - 2) < 1e-12


NORMED = Network((Linear(1, 3), LayerNorm(3), Activation("tanh"), BatchNorm(3, statistics="running"), Linear(3, 1)))


def test_normalised_networks_are_fitted_too() -> None:
    fits = fit_least_squares(NORMED, X, np.sin(X), range(4), steps=50)
    assert fits.losses[fits.best] < 1e-4


@pytest.mark.parametrize(
    ("error", "message", "arguments"),
    [
        (DescriptionError, "at least one seed or start", {"seeds": ()}),
        (DescriptionError, "batch statistics", {"net": NORMED.with_statistics("batch")}),
        (DescriptionError, "no parameter", {"net": Network((Activation("tanh"),), inputs=1)}),
        (DescriptionError, "own description", {"starts": [build(NORMED)]}),
        (ShapeError, "fit_least_squares: y", {"y": X[:3]}),
        (ShapeError, "weights must be 40", {"weights": WEIGHTS[:5]}),
        (ShapeError, "weights must be 40", {"weights": -WEIGHTS}),
        (ShapeError, "weights must be 40", {"weights": np.full(40, np.nan)}),
    ],
)
def test_refusals(error: type[ResiduaError], message: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(error, match=message):
        fit_least_squares(**{"net": SMALL, "x": X, "y": np.sin(X), "seeds": (0,), **arguments})


def test_refusals_of_polish() -> None:
    digits = Task.digits()
    with pytest.raises(TaskError, match="mean square error"):
        polish([build(SMALL)], digits)
    task = Task.data("sin", X, np.sin(X))
    with pytest.raises(DescriptionError, match="at least one model"):
        polish([], task)
    with pytest.raises(DescriptionError, match="one description"):
        polish([build(SMALL), build(NORMED)], task)

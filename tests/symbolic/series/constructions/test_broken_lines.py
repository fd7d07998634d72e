"""Broken lines of ReLU networks, against numpy on a grid and against hand counts."""

import flint
import numpy as np
import pytest

from residua_network import Activation, Linear, Network, ResiduaError, Residual
from residua_symbolic.series.constructions.broken_lines import BrokenLine, broken_line

Q = flint.fmpq
NET = Network(
    (Linear(1, 4), Activation("relu"), Residual((Linear(4, 3), Activation("relu"), Linear(3, 4))), Linear(4, 1))
)


def drawn(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape) for name, (shape, _) in NET.parameters.items()}


def by_numpy(w: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    y = np.maximum(w["0.weight"] @ x[None] + w["0.bias"][:, None], 0)
    z = np.maximum(w["2.branch.0.weight"] @ y + w["2.branch.0.bias"][:, None], 0)
    y = y + w["2.branch.2.weight"] @ z + w["2.branch.2.bias"][:, None]
    return np.asarray((w["3.weight"] @ y)[0] + w["3.bias"][0])


@pytest.mark.parametrize("seed", range(5))
def test_the_broken_line_is_the_network(seed: int) -> None:
    weights = drawn(seed)
    line = broken_line(NET, weights, -3, 3)
    knots = np.array([float(int(q.p) / int(q.q)) for q in line.x])
    values = np.array([float(int(q.p) / int(q.q)) for q in line.y])
    x = np.linspace(-3, 3, 1001)
    assert np.interp(x, knots, values) == pytest.approx(by_numpy(weights, x), abs=1e-12)
    slopes = np.diff(values) / np.diff(knots)
    assert line.pieces == len(slopes) > 1
    assert np.all(slopes[1:] != slopes[:-1])


def test_arithmetic_by_hand() -> None:
    v = BrokenLine((Q(-1), Q(0), Q(1)), (Q(1), Q(0), Q(1)))  # |x|
    x = BrokenLine((Q(-1), Q(1)), (Q(-1), Q(1)))
    assert (v + x).y == (0, 0, 2)
    assert (x.positive_part() * 2 - x).shortest() == v
    assert (v - v).pieces == 1
    assert (v + 1).positive_part() == v + 1
    assert (v * Q(-1)).positive_part().y == (0, 0)


def test_distance_to_the_square() -> None:
    assert BrokenLine((Q(0), Q(1)), (Q(0), Q(1))).distance_to_square() == Q(1, 4)  # in the middle
    assert BrokenLine((Q(0), Q(1)), (Q(0), Q(0))).distance_to_square() == 1  # at an end
    assert BrokenLine((Q(0), Q(1, 2), Q(1)), (Q(0), Q(1, 4), Q(1))).distance_to_square() == Q(1, 16)
    assert BrokenLine((Q(0), Q(1)), (Q(1, 8), Q(9, 8))).distance_to_square() == Q(3, 8)


def test_what_is_no_broken_line_is_refused() -> None:
    smooth = Network((Linear(1, 1), Activation("tanh")))
    one = {"0.weight": np.ones((1, 1)), "0.bias": np.zeros(1)}
    with pytest.raises(ResiduaError, match="tanh of a broken line is none"):
        broken_line(smooth, one, 0, 1)
    with pytest.raises(ResiduaError, match=r"lower < upper, got 1 → 1 on \[1, 1\]"):
        broken_line(smooth, one, 1, 1)
    with pytest.raises(ResiduaError, match="got 2 → 1"):
        broken_line(Network((Linear(2, 1),)), {}, 0, 1)

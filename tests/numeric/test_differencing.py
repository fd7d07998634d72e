import math
from fractions import Fraction

import numpy as np
import pytest

from residua_network import Activation, DescriptionError, Linear, Network
from residua_network.program import Operation, Program
from residua_numeric import Task, build, train
from residua_numeric.differencing import measured_differences
from residua_numeric.lines import Line, loss_line, program_line
from residua_numeric.programs import PointError

EXP = Program(("x",), (Operation("f", "exp", ("x",)),), ("f",))
SQUARE = Program(("x",), (Operation("f", "mul", ("x", "x")),), ("f",))
RECIPROCAL = Program(("x",), (Operation("f", "div", (Fraction(1), "x")),), ("f",))
TABLE = (0.1, 0.01, 0.001)  # the steps of document 004


def test_the_table_of_document_004_bit_for_bit() -> None:
    """Against the standard library, whose exp gives these nine bit for bit what torch's does."""
    found = measured_differences(program_line(EXP, {"x": 0.0}, "x"), TABLE)
    assert found.forward.tolist() == [(math.exp(h) - 1) / h for h in TABLE]
    assert found.backward.tolist() == [(1 - math.exp(-h)) / h for h in TABLE]
    assert found.central.tolist() == [(math.exp(h) - math.exp(-h)) / (2 * h) for h in TABLE]
    assert (found.steps.tolist(), found.value, found.derivative, found.reference) == (list(TABLE), 1.0, 1.0, 1.0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_operation_is_rounded_in_the_dtype(dtype: str) -> None:
    real = np.dtype(dtype).type
    x, steps = 0.7, (0.3, 1e-3, 2.0**-20)
    found = measured_differences(program_line(SQUARE, {"x": x}, "x", dtype), steps)
    with np.errstate(all="raise"):
        for k, h in enumerate(real(step) for step in steps):
            here, above, below = real(x) ** 2, (real(x) + h) ** 2, (real(x) - h) ** 2
            assert found.steps[k] == float(h)
            assert found.forward[k] == float((above - here) / h)
            assert found.backward[k] == float((here - below) / h)
            assert found.central[k] == float((above - below) / (real(2) * h))
    assert (found.at, found.derivative) == (float(real(x)), float(real(2) * real(x)))
    assert found.reference == 2 * float(real(x))


@pytest.mark.parametrize("at", [0.7, 1.0, -1.0])  # at ±1 the numbers lie closer on one side
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_exact_steps_by_fractions(dtype: str, at: float) -> None:
    real = np.dtype(dtype).type
    x, steps = real(at), [*(2.0**-k for k in range(1, 60)), *TABLE]
    found = measured_differences(program_line(SQUARE, {"x": at}, "x", dtype), steps)
    for h, exact in zip(found.steps, found.exact, strict=True):
        sums = [(x + sign * real(h), Fraction(float(x)) + sign * Fraction(float(h))) for sign in (1, -1)]
        assert exact == all(Fraction(float(rounded)) == true for rounded, true in sums)
    assert 0 < found.exact.sum() < len(steps)


def test_a_step_that_vanishes_gives_nothing() -> None:
    found = measured_differences(program_line(EXP, {"x": 1.0}, "x"), 2.0**-60)
    assert (found.forward[0], found.central[0], bool(found.exact[0])) == (0.0, 0.0, False)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_trained_network_against_autograd(dtype: str) -> None:
    """Quotients at the best of many steps meet autograd, and one planted wrong derivative does not."""
    model = build(Network((Linear(1, 8), Activation("tanh"), Linear(8, 1))), dtype=dtype)
    task = Task.regression(np.sin, -3, 3, 64)
    train(model, task, steps=50, progress=False)
    line = loss_line(model, task, entry=("0.weight", (3, 0)), dtype=dtype)
    steps = 2.0 ** -np.arange(1.0, 24.0)
    found = measured_differences(line, steps)
    # three steps off the best one the V-shaped curve is dominated by one of its parts: h² or u/h
    limit = 64 * float(np.finfo(dtype).eps) ** (2 / 3)
    assert np.abs(found.central - found.reference).min() <= limit
    assert (found.derivative, found.reference) == (line.slope(), line.wide.slope())
    assert (found.derivative == found.reference) == (dtype == "float64")
    assert abs(found.derivative - found.reference) <= 64 * float(np.finfo(dtype).eps)
    assert np.abs(found.central - found.reference).max() > 10 * limit  # both branches of the V are there
    wrong = Line(line.dtype, line.at, line.values, lambda: 1.01 * line.slope() + 0.01, line.reference)
    planted = measured_differences(wrong, steps)
    assert np.abs(planted.central - planted.derivative).min() > limit


@pytest.mark.parametrize("steps", [0.0, -0.1, math.nan, math.inf, [0.1, -0.1], "a", [[0.1]]])
def test_steps_that_are_none(steps: object) -> None:
    with pytest.raises(DescriptionError, match="measured_differences: steps must be"):
        measured_differences(program_line(EXP, {"x": 0.0}, "x"), steps)  # type: ignore[arg-type]


def test_steps_that_are_none_in_float32() -> None:
    line = program_line(EXP, {"x": 0.0}, "x", "float32")
    with pytest.raises(DescriptionError, match="above 0 in float32, got 1e-60"):
        measured_differences(line, [0.1, 1e-60])


def test_a_step_onto_a_pole_is_named() -> None:
    with pytest.raises(PointError, match=r'"f" = div\(1, x\): .* at x=0.0'):
        measured_differences(program_line(RECIPROCAL, {"x": 0.5}, "x"), 0.5)

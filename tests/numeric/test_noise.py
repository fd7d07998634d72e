import math
from collections.abc import Callable

import numpy as np
import pytest

from residua_network import Activation, DescriptionError, Linear, Network
from residua_network.program import Operation, Program
from residua_numeric import Task, build, noise
from residua_numeric.lines import Line, loss_line, program_line
from residua_numeric.noise import measured_noise

COUNT = 1024
SAMPLING = 5 / math.sqrt(2 * COUNT)  # five standard errors of a root mean square


def line_of(function: Callable[[float], float], at: float, dtype: str, reference: bool = False) -> Line:
    """A line of an ordinary function, rounded to `dtype` after it was computed in float64."""

    def values(points: np.ndarray) -> np.ndarray:
        return np.array([function(float(t)) for t in points], dtype=points.dtype)

    wide = Line("float64", at, values, lambda: math.nan) if reference else None
    return Line(dtype, at, values, lambda: math.nan, wide)


def uniform(value: float, dtype: str) -> float:
    """Root mean square of one correct rounding beside `value`: ulp/√12."""
    return float(np.spacing(np.asarray(value, dtype=dtype))) / math.sqrt(12)


@pytest.mark.parametrize("reference", [False, True])
def test_one_correct_rounding_in_float32(reference: bool) -> None:
    """The reference in float64 and the fit find the same, which is known."""
    line = line_of(math.exp, 0.3, "float32", reference)
    wanted = uniform(math.exp(0.3), "float32")
    for radius in (0.05, 0.01, None):
        assert abs(measured_noise(line, radius) - wanted) <= SAMPLING * wanted


def test_one_rounding_in_float64() -> None:
    """math.exp errs by little over half a unit, so that its noise is that of one rounding."""
    wanted = uniform(math.exp(0.3), "float64")
    for radius in (0.05, 0.01, None):
        found = measured_noise(line_of(math.exp, 0.3, "float64"), radius)
        assert abs(found - wanted) <= (SAMPLING + 0.02) * wanted  # 0.02: what math.exp lacks of correct rounding


@pytest.mark.skipif(np.finfo(np.longdouble).eps == np.finfo(np.float64).eps, reason="no wider float here")
def test_the_arithmetic_of_the_fit_adds_nothing() -> None:
    wanted = uniform(math.exp(0.3), "float64")
    assert abs(measured_noise(line_of(math.exp, 0.3, "float64"), 0.125) - wanted) <= (SAMPLING + 0.02) * wanted


def test_without_a_wider_float_small_radii_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "WIDE", np.float64)
    wanted = uniform(math.exp(0.3), "float64")
    assert abs(measured_noise(line_of(math.exp, 0.3, "float64")) - wanted) <= (SAMPLING + 0.02) * wanted


def test_the_degrees_of_freedom_are_allowed_for() -> None:
    """The mean square over seeds: 11 of 128 degrees of freedom left out would lower it by 9 %."""
    wanted, seeds = uniform(math.exp(0.3), "float32"), 200
    line = line_of(math.exp, 0.3, "float32")
    found = [measured_noise(line, 0.01, points=128, seed=seed) for seed in range(seeds)]
    spread = math.sqrt(0.8 / (128 * seeds))  # of a mean of squares of uniform errors
    assert abs(np.square(found).mean() / wanted**2 - 1) <= 5 * spread


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_planted_noise_is_found_and_a_smooth_error_is_not(dtype: str) -> None:
    rng = np.random.default_rng(0)
    size = 100 * uniform(1.2, dtype)
    noisy = line_of(lambda t: math.exp(t) + size * rng.normal(), 0.3, dtype)
    assert abs(measured_noise(noisy, 0.01) - size) <= SAMPLING * size
    plain = measured_noise(line_of(math.exp, 0.3, dtype), 0.01)
    shifted = measured_noise(line_of(lambda t: math.exp(t) + 0.1 * t**2, 0.3, dtype), 0.01)
    wanted = plain * (math.sqrt(2) if dtype == "float64" else 1)  # the sum is one rounding more in float64
    assert abs(shifted - wanted) <= 2 * SAMPLING * wanted


def test_a_radius_on_which_f_is_not_smooth_is_refused() -> None:
    with pytest.raises(DescriptionError, match=r"expected a radius on which degree 10 is f up to noise, got 3\.0"):
        measured_noise(line_of(math.exp, 0.3, "float64"), 3.0)
    kinked = line_of(lambda t: abs(t - 0.3), 0.3, "float64")
    with pytest.raises(DescriptionError, match="expected a radius"):
        measured_noise(kinked)
    other = Line("float64", 0.3, lambda t: 0 * t, lambda: math.nan)
    with pytest.raises(DescriptionError, match="expected a radius"):  # a reference that is not of this function
        measured_noise(Line("float32", 0.3, line_of(math.exp, 0.3, "float32").values, lambda: math.nan, other), 6.0)
    with pytest.raises(DescriptionError, match="radius must lie in"):
        measured_noise(line_of(math.exp, 1.0, "float64"), 2.0**-44)
    with pytest.raises(DescriptionError, match="points must be a whole number of at least 128"):
        measured_noise(kinked, 0.1, points=10)


def test_what_no_polynomial_comes_near_is_no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Degrees 10 and 14 leave the same of twenty periods, but it varies continuously."""
    line = line_of(lambda t: 2 + math.sin(300 * t) / 8, 0.3, "float64")
    with pytest.raises(DescriptionError, match="expected a radius"):
        measured_noise(line, 0.2)
    monkeypatch.setattr(noise, "ROUGH", 0.0)
    assert measured_noise(line, 0.2) > 0.05  # what the check of the roughness is for


def test_a_kink_does_not_matter_beside_a_reference() -> None:
    found = measured_noise(line_of(lambda t: math.exp(abs(t - 0.3)), 0.3, "float32", True), 0.01)
    wanted = uniform(1.005, "float32")
    assert abs(found - wanted) <= SAMPLING * wanted


def test_a_wide_radius_is_narrowed() -> None:
    """sin 4096 t, whose argument is exact, is near degree 10 only far below the radius to begin with."""
    line = line_of(lambda t: 2.5 + math.sin(4096 * t) / 8, 0.3, "float64")
    with pytest.raises(DescriptionError, match="expected a radius"):
        measured_noise(line, 2.0**-10)
    wanted = uniform(2.5, "float64")
    assert abs(measured_noise(line) - wanted) <= (SAMPLING + 0.02) * wanted


def test_a_program_and_a_network() -> None:
    program = Program(("x",), (Operation("f", "exp", ("x",)),), ("f",))
    for dtype in ("float64", "float32"):
        found = measured_noise(program_line(program, {"x": 0.3}, "x", dtype))
        assert uniform(1.35, dtype) * (1 - SAMPLING) <= found <= 2 * uniform(1.35, dtype)  # torch's exp is within 1 ulp
    x = np.linspace(-2, 2, 16)[:, None]
    model = build(Network((Linear(1, 8), Activation("tanh"), Linear(8, 1))))
    found_in = {}
    for dtype in ("float64", "float32"):
        line = loss_line(model, Task.data("t", x, np.sin(x)), entry=("2.bias", (0,)), dtype=dtype)
        found_in[dtype] = measured_noise(line, points=256)
        assert uniform(float(line.wide.values(np.array([line.at]))[0]), dtype) / 2 <= found_in[dtype]
    assert 2.0**28 <= found_in["float32"] / found_in["float64"] <= 2.0**30  # the ratio of the precisions is 2^29

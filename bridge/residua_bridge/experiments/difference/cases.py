"""A function around a point: errors of its difference quotients as torch forms them, and as they are predicted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residua_network import Program
from residua_numeric.lines import program_line
from residua_numeric.noise import measured_noise
from residua_numeric.programs import evaluate_program, run_program
from residua_symbolic.difference_formulas import FORMULAS, Formula
from residua_symbolic.difference_line import FunctionLine
from residua_symbolic.difference_noise import Noise, moves, spacing
from residua_symbolic.domains.rounded import UNIT
from residua_symbolic.expressions.given import given

Floats = NDArray[np.float64]
GRID = {"float64": 2.0**-50, "float32": 2.0**-21}  # of the points: x ± h is exact for every h = 2^-k on it
SELDOM = 4.0
ORDER = 64  # of the Taylor series: for h = 1/2 and functions with a radius of convergence of 1, up to 2^-64


@dataclass(frozen=True)
class Case:
    """An expression in one variable around a point; its Taylor series converge for steps up to 1/2."""

    text: str
    around: float
    radius: float = 2.0**-4

    @property
    def label(self) -> str:
        """The expression and the point."""
        return f"{self.text} around {self.around:g}"

    @property
    def program(self) -> Program:
        """As it is written."""
        return given(self.text).program

    def points(self, count: int, dtype: str, seed: int = 0) -> Floats:
        """Random points of a grid on which sums with powers of two are exact."""
        grid = GRID[dtype]
        half = round(self.radius / grid)
        offsets = np.random.default_rng(seed).integers(-half, half + 1, count)
        return np.asarray(self.around + offsets * grid)


@dataclass(frozen=True, eq=False)
class Errors:
    """Errors of quotients: (points, steps) for each formula, predicted as truncation and noise, and measured.

    `bias`: predicted, exact (truncation, and the step that is taken where x ± h is rounded); `noise`: its rms by the
    model; `error`: what the float64 arithmetic of both sides may add. `telling`: for which steps a mean square over
    so few points says something: where f moves by less than a quarter of a spacing, it seldom moves at all, and steps
    below the grid of the points are rounded everywhere alike.
    `noise_at_exact_steps`: the noise without the rounding of x ± h.
    """

    case: Case
    dtype: str
    steps: Floats
    points: Floats
    bias: Mapping[str, Floats]
    noise: Mapping[str, Floats]
    measured: Mapping[str, Floats]
    error: Mapping[str, Floats]
    telling: Mapping[str, Any]
    noise_at_exact_steps: Mapping[str, Floats]

    def predicted(self, name: str, factor: float = 1.0) -> Floats:
        """Root mean square over the points, a step each; the noise times `factor`."""
        return np.asarray(np.sqrt(np.mean(self.bias[name] ** 2 + (factor * self.noise[name]) ** 2, axis=0)))

    def found(self, name: str) -> Floats:
        """The same of what was measured."""
        return np.asarray(np.sqrt(np.mean(self.measured[name] ** 2, axis=0)))

    def ratio(self, name: str, factor: float = 1.0) -> tuple[Floats, Floats, Floats]:
        """(measured / predicted, its standard error, what rounding of the comparison may add).

        The standard error is that of the mean square, from the sample or, if larger, of normal errors: a sample that is
        small by chance has a small spread, too.
        """
        expected = self.bias[name] ** 2 + (factor * self.noise[name]) ** 2
        square = np.mean(expected, axis=0)
        seen = np.std(self.measured[name] ** 2 - expected, axis=0, ddof=1)
        variance = (factor * self.noise[name]) ** 2
        gaussian = np.sqrt(np.mean(2 * variance**2 + 4 * self.bias[name] ** 2 * variance, axis=0))
        spread = np.maximum(seen, gaussian) / np.sqrt(len(self.points))
        ratio = self.found(name) / np.sqrt(square)
        return ratio, np.asarray(spread / (2 * square)), np.asarray(np.mean(self.error[name], axis=0) / np.sqrt(square))


def errors(case: Case, dtype: str, steps: Floats, count: int, seed: int = 0) -> Errors:
    """Both sides at the same points of a grid; steps: powers of two, the same for all points."""
    x = case.points(count, dtype, seed)
    h = np.broadcast_to(steps, (count, len(steps))).astype(dtype).astype(np.float64)
    return _errors(case, dtype, x, h, GRID[dtype], taken=True)


def errors_of_rounded_steps(case: Case, dtype: str, octaves: Floats, count: int, seed: int = 0) -> Errors:
    """The same at random floats x and random steps in [h, 2h), for which x ± h is rounded; by the model alone."""
    rng = np.random.default_rng(seed)
    x = (case.around + case.radius * rng.uniform(-1, 1, count)).astype(dtype).astype(np.float64)
    h = (octaves * 2.0 ** rng.uniform(0, 1, (count, len(octaves)))).astype(dtype).astype(np.float64)
    return _errors(case, dtype, x, h, 0.0, taken=False)


def _errors(case: Case, dtype: str, x: Floats, h: Floats, grain: float, taken: bool) -> Errors:
    program = case.program
    bias, sizes, noise, exact, plain = _predicted(program, x, h, dtype, grain, taken)
    rounding = {name: (len(program.operations) + 2) * UNIT["float64"] * size for name, size in sizes.items()}
    return Errors(case, dtype, h[0], x, bias, noise, _measured(program, x, h, dtype), rounding, exact, plain)


def _measured(program: Program, x: Floats, h: Floats, dtype: str) -> dict[str, Floats]:
    """Quotients formed in `dtype` minus autograd's derivative in float64."""
    (variable,) = program.inputs
    a, d = x.astype(dtype)[:, None], h.astype(dtype)

    def f(at: Any) -> Any:
        return evaluate_program(program, {variable: at}, dtype)

    middle = f(a)
    above, below = f(a + d), f(a - d)
    central, halved = (above - below) / (2 * d), (f(a + d / 2) - f(a - d / 2)) / (2 * (d / 2))
    found = {
        "forward": (above - middle) / d,
        "backward": (middle - below) / d,
        "central": central,
        "richardson": (4 * halved - central) / 3,
    }
    slopes = np.array([run_program(program, {variable: p}).gradients[variable] for p in x.tolist()])
    return {name: q.astype(np.float64) - slopes[:, None] for name, q in found.items()}


def _predicted(program: Program, x: Floats, h: Floats, dtype: str, grain: float, taken: bool) -> tuple[Any, ...]:
    """Bias, the sizes that its rounding is measured by, noise, and whether the steps are exact and roundings many."""
    (variable,) = program.inputs
    line = FunctionLine(program, variable, {variable: float(x[0])})
    noise = Noise(line.node, variable)
    series = np.array([taylor(program, variable, p) for p in x.tolist()])
    values = {variable: x[:, None]}
    bias, sizes, spread, plain, telling = {}, {}, {}, {}, {}
    for name, formula in FORMULAS.items():
        found = moves(formula, x[:, None], h, dtype)
        wanted = {s: float(s) * h for s in formula.weights}
        bias[name], sizes[name] = _bias(series, found if taken else wanted, formula, h)
        plain[name] = spread[name] = noise.of_quotient(formula, values, h, dtype, taken=True, grain=grain)
        if not taken:
            spread[name] = noise.of_quotient(formula, values, h, dtype)
        several = h * abs(series[:, 1:2]) >= spacing(series[:, :1], dtype) / SELDOM
        exact = np.all([found[s] == wanted[s] for s in wanted], axis=0) if taken else True
        telling[name] = np.all(several & exact & (h >= grain), axis=0)
    return bias, sizes, spread, telling, plain


def taylor(program: Program, variable: str, at: float) -> list[float]:
    """f⁽ᵏ⁾(at) for k = 0…64 over k!, from Arb's series."""
    line = FunctionLine(program, variable, {variable: at})
    return [float(c.mid()) for c in line.coefficients(ORDER)]


def _bias(series: Floats, taken: Mapping[Any, Floats], formula: Formula, h: Floats) -> tuple[Floats, Floats]:
    """Σ c f(x + step taken) / h − f'(x), and the same of absolute values."""
    weights = float(sum(formula.weights.values()))  # 0: f(x) drops out
    total = series[:, :1] * weights / h - series[:, 1:2]
    size = abs(series[:, 1:2]) + 0 * h
    for k in range(ORDER, 0, -1):
        parts = [float(c) * taken[s] ** k / h for s, c in formula.weights.items()]
        total = total + series[:, k : k + 1] * sum(parts)
        size = size + abs(series[:, k : k + 1]) * sum(map(abs, parts))
    return total, size


def torch_noise(case: Case, dtype: str) -> tuple[float, float]:
    """(measured rms error of one value of f, the model's), at the point."""
    program = case.program
    (variable,) = program.inputs
    measured = measured_noise(program_line(program, {variable: case.around}, variable, dtype))
    noise = Noise(FunctionLine(program, variable, {variable: case.around}).node, variable)
    return measured, float(noise.of_values({variable: np.array(case.around)}, dtype))

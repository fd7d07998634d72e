"""The step at which the error of a difference quotient is least: the whole model, minimised over the step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residua_symbolic.difference_formulas import Formula
from residua_symbolic.difference_line import FunctionLine, leading_coefficient
from residua_symbolic.difference_noise import Noise, spacing
from residua_symbolic.domains import balls
from residua_symbolic.expressions.evaluation import PointError

Floats = NDArray[np.float64]
FARTHEST = 2.0**10  # times |x| or 1: no larger step is looked at
LEAST = 2.0**-480  # step, so that its square is in range, which decides where f' = 0
FLAT = math.log(1.01)  # of log e: where errors are as good as equal, as where f(x) = 0, the larger step is the better
FINER = 3  # times the search goes on around the best octave, 32 times as fine each time: to 2^(1/4096) at the least


@dataclass(frozen=True)
class Best:
    """The step at which the error of a formula is least by the model, and the error there (rms).

    The model: the rounding of `Noise` at that step, and Taylor's terms of the truncation, by absolute value; so no step
    is best because terms cancel by chance, or roundings do. It is for steps with which x ± h is exact, and for none
    below the spacing of x. Where f(x) is not near 0 compared with its change, `least_error` is its asymptotic.
    error: rounding and the exact truncation together. order: p of the leading term |size · h^p| at this point, 0 where
    no term was found; noise: s, the rms error of one value of f at the point.
    """

    formula: str
    dtype: str
    step: float
    error: float
    order: int
    size: float
    noise: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dict(self.__dict__)


def best(line: FunctionLine, noise: Noise, series: Sequence[Any], formula: Formula, dtype: str) -> Best | None:
    """By the coefficients f⁽ᵏ⁾/k!; None where f or its slope leaves the range of the dtype, or has no series."""
    values = {name: np.array(v) for name, v in line.point.items()}
    terms = _terms(formula, series)
    if terms is None or not noise.fits(values, dtype):
        return None

    def logarithm(h: Floats) -> Floats:
        with np.errstate(all="ignore"):
            rounding = np.log(noise.of_quotient(formula, values, h, dtype, taken=True, chance=False))
            parts = [size + order * np.log(h) for order, size in terms]
            truncation = np.logaddexp.reduce([np.full(np.shape(h), -np.inf), *parts], axis=0)
            found = np.logaddexp(2 * rounding, 2 * truncation) / 2
        return np.where(np.isnan(found), np.inf, found)

    steps = _octaves(line.at, formula, dtype)
    found = logarithm(steps)
    if not np.min(found) < np.inf:
        return None
    step = float(steps[np.flatnonzero(found <= np.min(found) + FLAT)[-1]])
    for level in range(FINER):
        near = np.clip(step * 2.0 ** (np.linspace(-1, 1, 65) / 32**level), steps[0], steps[-1])
        step = float(near[np.argmin(logarithm(near))])
    order, size = leading_coefficient(formula, list(series))
    rounding = float(noise.of_quotient(formula, values, np.array(step), dtype, taken=True, chance=False))
    error = math.hypot(rounding, _truncation(line, formula, step, terms))
    return Best(formula.name, dtype, step, error, order, abs(float(size.mid())), float(noise.of_values(values, dtype)))


def _terms(formula: Formula, series: Sequence[Any]) -> list[tuple[int, float]] | None:
    """(k − 1, log |m_k f⁽ᵏ⁾/k!|) of the terms that are not 0; logarithms, since they may leave the range of floats."""
    if not all(c.is_finite() for c in series):
        return None
    found = []
    with balls.precision(balls.BITS):
        for k, c in enumerate(series):
            if k >= 2 and formula.moment(k) and not c.contains(0):
                moment = abs(formula.moment(k))
                found.append((k - 1, float(abs(c).log().mid()) + math.log(moment.numerator / moment.denominator)))
    return found


def _octaves(x: float, formula: Formula, dtype: str) -> Floats:
    """Powers of two from where each s h is a spacing of x, or well a normal number, up to `FARTHEST`."""
    smallest = min(abs(float(s)) for s in formula.weights if s)
    low = max(float(spacing(x, dtype)), 2.0**10 * float(np.finfo(dtype).tiny), LEAST) / smallest
    high = FARTHEST * max(abs(x), 1.0)
    count = math.ceil(math.log2(high) - math.log2(low))
    return np.asarray(low * 2.0 ** np.arange(count + 1.0))


def _truncation(line: FunctionLine, formula: Formula, step: float, terms: Sequence[tuple[int, float]]) -> float:
    """Exact; where x ± h leaves the domain of f, Taylor's terms."""
    try:
        return line.truncation(formula, step)
    except PointError:
        with np.errstate(over="ignore"):
            return float(sum(np.exp(size + order * math.log(step)) for order, size in terms))

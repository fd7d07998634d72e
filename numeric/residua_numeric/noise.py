"""The noise of an evaluation: by how much what comes out jumps about a smooth function."""

from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from residua_network import DescriptionError
from residua_network.checks import number, whole
from residua_numeric.lines import Line, Points

Array = NDArray[np.float64]
Wide = NDArray[Any]
WIDE = np.longdouble  # the fit's own rounding must stay below the noise; where this is float64 it does at small radii
DEGREE = 10  # of the polynomial that stands for what is smooth
HIGHER = 14  # of the one that shows whether the first was enough
RISE = 1.1  # of the residual from HIGHER to DEGREE, beyond which it was not: an error of 10 % in the noise
ROUGH = 0.5  # roughness, below which what is left is not noise
LEAST = 128  # points; with 64 chance alone passed RISE, once in 200 seeds
SPACINGS = 2**10  # of the numbers around the point in a radius; in fewer the same roundings come again and again
REFINED = 2  # fits, the second to what the float64 arithmetic of the first left
WIDEST = 2.0**-7  # radius to begin with, relative to |at| or 1: of the order of steps, for noise is local


def measured_noise(line: Line, radius: float | None = None, *, points: int = 1024, seed: int = 0) -> float:
    """Root mean square of the errors of f that jump from point to point, at random points of at ± radius.

    The part of f that does not jump is taken off: the line's reference in float64 where it has one, then a polynomial
    of degree 10 fitted to what is left, by least squares, its degrees of freedom allowed for. An error that varies as
    slowly is none here, as it does not grow in differences; that of rounding w + t·direction is included. Relative
    standard error 1/sqrt(2·points) where errors are independent.
    radius: one on which f is smooth, or None for the largest of 2^-7, 2^-8, ... times max(|at|, 1) that is not too
    large. Raises DescriptionError for a radius so large that degree 14 leaves less than degree 10 does, or that what is
    left varies continuously (in float64 that is so at any radius where f has a kink), and for one below 2^10 spacings
    of the numbers around the point.
    """
    whole(points, "points", "measured_noise", least=LEAST)
    least = SPACINGS * float(np.spacing(np.asarray(abs(line.at), dtype=line.dtype)))
    draws = np.random.default_rng(whole(seed, "seed", "measured_noise", least=0)).uniform(-1, 1, points)
    if radius is not None:
        number(radius, "radius", "measured_noise", least=least)
        return _checked(line, radius, draws)
    radius = WIDEST * max(abs(line.at), 1.0)
    while True:
        try:
            return _checked(line, radius, draws)
        except DescriptionError:
            if radius / 2 < least:
                raise
            radius /= 2


def _checked(line: Line, radius: float, draws: Array) -> float:
    t = (line.at + radius * draws).astype(line.dtype)
    u = (t.astype(WIDE) - line.at) / radius
    jumps = _less_reference(line, t)
    left, least = (_left(u, jumps, degree) for degree in (DEGREE, HIGHER))
    low, high = _root_mean_square(left, DEGREE), _root_mean_square(least, HIGHER)
    if low > RISE * high or (line.reference is None and _roughness(t, left) < ROUGH):
        raise DescriptionError(
            f"measured_noise: expected a radius on which degree {DEGREE} is f up to noise, got {radius}: "
            f"it leaves {low:.3g}, and degree {HIGHER} leaves {high:.3g}"
        )
    return low


def _less_reference(line: Line, t: Points) -> Wide:
    """f(t) less its reference, or less f(at)."""
    if line.reference is not None:
        return line.values(t).astype(WIDE) - line.reference.values(t.astype(np.float64))
    f = line.values(np.append(t, t.dtype.type(line.at))).astype(WIDE)
    return np.asarray(f[:-1] - f[-1])


def _left(u: Wide, values: Wide, degree: int) -> Wide:
    """What the best polynomial in u leaves."""
    basis = legendre.legvander(u, degree)
    narrow = basis.astype(np.float64)
    for _ in range(REFINED):
        values = values - basis @ np.linalg.lstsq(narrow, values.astype(np.float64))[0]
    return values


def _root_mean_square(left: Wide, degree: int) -> float:
    """Per degree of freedom."""
    return float(np.sqrt(left @ left / (len(left) - degree - 1)))


def _roughness(t: Points, left: Wide) -> float:
    """Mean squared difference of neighbours over twice the mean square: 1 for noise, near 0 for what is continuous.

    J. von Neumann, Annals of Mathematical Statistics 12 (1941), 367.
    """
    jumps = np.diff(left[np.argsort(t)])
    return float((jumps @ jumps) / (2 * (left @ left))) if left.any() else 1.0

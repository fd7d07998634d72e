"""The disc of convergence of a function: candidates from floats, then what of them can be certified."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from residua_symbolic.domains.balls import BITS, precision
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.series.circles import Run, exclusion, is_singular
from residua_symbolic.series.singularities import CandidateDomain, candidates, more_candidates

CLOSE = (1e-9, 1e-6, 1e-3, 0.02)  # how close to a candidate circles are drawn, beside its distance: first that works
TRIED = 8  # candidates, nearest first
SAMPLES = 512
SHARE = 0.6  # of the estimate: the circle on which the coefficients of an estimate are taken
FLOOR = 1e-12  # beside the largest sample: coefficients below are rounding


@dataclass(frozen=True)
class Disc:
    """0 < lower < radius of convergence <= upper, both proved (upper may be infinite), and the candidates."""

    lower: float
    upper: float
    candidates: tuple[complex, ...]
    nearest: complex  # the one that limits it, or would
    what: str  # the singularity that was met, or what stands in the way of a proof

    @property
    def enclosure(self) -> Enclosure:
        """The radius as a ball."""
        with precision():
            return Enclosure(flint.arb(self.lower).union(flint.arb(self.upper)), BITS)


def disc(run: Run, a: Any, shape: tuple[int, ...] = (), known: Sequence[complex] | None = None) -> Disc:
    """Bounds of the radius of convergence at the real point a, a ball.

    `shape` as `candidates` takes it; `known`: candidates found otherwise, in place of a search.
    """
    middle = float(flint.arb(a).mid())
    found = tuple(candidates(run, middle, shape) if known is None else known)
    lower, what, searched = 0.0, "no candidate was found", known is not None
    place = 0
    if not found:
        return Disc(0.0, np.inf, (), complex(np.nan), what)
    while place < min(len(found), TRIED):
        z = found[place]
        reach, reason = _reach(run, a, abs(z - middle))
        if reach > lower:
            lower = reach
            upper = _upper(run, a, z, middle)
            if upper < np.inf:
                return Disc(lower, upper, found, z, "singular")
            what = f"whether it is singular at {shown(z)}"
            place += 1
            continue
        if not searched:
            searched = True
            more = more_candidates(run, middle, abs(z - middle), shape)
            merged = _merged(found, more, middle)
            if abs(merged[place] - middle) < abs(z - middle):
                found = merged
                continue
        what = what if lower else reason
        break
    return Disc(lower, np.inf, found, found[0], what)


def _merged(found: Sequence[complex], more: Sequence[complex], a: float) -> tuple[complex, ...]:
    new = [z for z in more if all(abs(z - other) > CLOSE[1] * abs(z - a) for other in found)]
    return tuple(sorted([*found, *new], key=lambda z: abs(z - a)))


def shown(z: complex) -> str:
    return f"{z.real:.6g}" if z.imag == 0 else f"{z.real:.6g} ± {abs(z.imag):.6g}i"


def _reach(run: Run, a: Any, distance: float) -> tuple[float, str]:
    """The radius of a disc, a little smaller than `distance`, without singularities; or 0, and why not."""
    reason = ""
    for close in CLOSE:
        radius = distance * (1 - close)
        answer = exclusion(run, a, radius)
        if answer.holds:
            return radius, ""
        reason = answer.what
        if answer.zero:
            break
    return 0.0, reason


def _upper(run: Run, a: Any, z: complex, middle: float) -> float:
    """A bound above of the radius, from a singularity near z; infinite where none is certain."""
    distance = abs(z - middle)
    for close in CLOSE:
        if is_singular(run, a, z, distance * close):
            with precision():
                bound = abs(flint.acb(z.real, z.imag) - flint.acb(a)) + flint.arb(distance * close)
            return float(np.nextafter(float(bound.upper()), np.inf))
    return float(np.inf)


def estimate(run: Run, a: float, guess: float, shape: tuple[int, ...] = ()) -> float:
    """The radius from the decay of Taylor coefficients, by samples on a circle in floats; NaN where it cannot be told.

    c_k ρ^k from the Fourier transform of f(a + ρ e^{iθ}); the slope of log |c_k ρ^k|, as far as it is above rounding,
    is log(ρ/R) (Cauchy and Hadamard). An estimate, which nothing proves.
    """
    radius = SHARE * guess
    z = a + radius * np.exp(2j * np.pi * np.arange(SAMPLES) / SAMPLES)
    found = CandidateDomain()
    found.run(run, np.array([complex(a)]).reshape(-1, *shape))
    outcome = found.run(run, z.reshape(-1, *shape))
    values: NDArray[np.complex128] = np.broadcast_to(outcome.value, (SAMPLES, *outcome.value.shape[1:]))
    sizes = np.abs(np.fft.fft(values.reshape(SAMPLES, -1), axis=0))[: SAMPLES // 2].max(axis=1)
    if not np.isfinite(sizes).all() or not sizes.any():
        return float("nan")
    powers = np.flatnonzero(sizes > FLOOR * sizes.max())
    powers = powers[(powers > 0) & (powers >= powers[-1] // 4)]
    if len(powers) < 4:  # too few for a slope
        return float("nan")
    slope = np.polyfit(powers, np.log(sizes[powers]), 1)[0]
    return float(radius * np.exp(-slope)) if slope < 0 else float("nan")

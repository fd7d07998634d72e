"""The disc of convergence of a function: candidates from floats, then what of them can be certified."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np
from numpy.typing import NDArray

from residua_symbolic.domains.balls import BITS, precision
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.series.convergence.circles import Exclusion, Run, Work, exclusion, is_singular, nothing_near
from residua_symbolic.series.convergence.singularities import CandidateDomain, candidates, more_candidates

CLOSE = (1e-9, 1e-6, 1e-3, 0.02)  # how close to a candidate circles are drawn, beside its distance: first that works
AROUND = (1e-9, 1e-6, 1e-4, 1e-3, 4e-3, 0.02)  # radii of loops around it, likewise
BESIDE, FARTHEST_BESIDE = 3, 1.05  # candidates near by that may bound it instead, and how far they may be
MOST_WORK = 3e6  # for one disc, in entries of arrays: three seconds or four
HALVINGS, STEPS_BACK = 40, 3  # of a radius, until nothing is in the way, and of the factor 2 after that
TRIED = 8  # candidates, nearest first
SEARCHES = 2  # finer ones, where a disc turns out to hold a singularity that is no candidate
BISECTIONS = 6
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


def disc(run: Run, a: Any, shape: tuple[int, ...] = (), most_work: float = MOST_WORK) -> Disc:
    """Bounds of the radius of convergence at the real point a, a ball; `shape` as `candidates` takes it."""
    middle = float(flint.arb(a).mid())
    found = candidates(run, middle, shape)
    if not found:
        return Disc(0.0, np.inf, (), complex(np.nan), "no candidate was found")
    work = Work(most_work)
    lower, what, searches = 0.0, "", 0
    place = 0
    while place < min(len(found), TRIED):
        z = found[place]
        reach, answer = _reach(run, a, abs(z - middle), work)
        if reach > lower:
            upper = _upper(run, a, found[place:], middle, work)
            if upper < np.inf:
                return Disc(reach, upper, found, z, "singular")
            lower, what = reach, f"whether it is singular at {shown(z)}"
            place += 1
            continue
        what = what or answer.what
        if lower or searches == SEARCHES:
            break
        searches += 1
        inner, outer = _between(run, a, abs(z - middle), work) if answer.zero else (0.0, abs(z - middle))
        found = _merged(found, more_candidates(run, middle, inner, outer, shape), middle)
        if abs(found[0] - middle) >= abs(z - middle):
            lower = inner
            break
    lower = lower or _smaller(run, a, abs(found[0] - middle))
    return Disc(lower, np.inf, found, found[0], what)


def _smaller(run: Run, a: Any, distance: float) -> float:
    """The radius of some smaller disc without singularities, or 0."""
    reach = next((r for r in distance * 2.0 ** -np.arange(HALVINGS) if nothing_near(run, a, float(r))), 0.0)
    for step in 2.0 ** -np.arange(1, STEPS_BACK + 1):
        if reach and nothing_near(run, a, float(reach * 2**step)):
            reach *= 2**step
    return float(reach)


def _between(run: Run, a: Any, distance: float, work: Work) -> tuple[float, float]:
    """A disc without singularities, and a little larger one, of at most this radius, that is not certain to be so."""
    inner, outer = 0.0, distance
    for _ in range(BISECTIONS):
        middle = (inner + outer) / 2
        if exclusion(run, a, middle, work).holds:
            inner = middle
        else:
            outer = middle
    return inner, outer


def _merged(found: Sequence[complex], more: Sequence[complex], a: float) -> tuple[complex, ...]:
    new = [z for z in more if all(abs(z - other) > CLOSE[1] * abs(z - a) for other in found)]
    return tuple(sorted([*found, *new], key=lambda z: abs(z - a)))


def shown(z: complex) -> str:
    """A point, or a conjugate pair of them."""
    return f"{z.real:.6g}" if z.imag == 0 else f"{z.real:.6g} ± {abs(z.imag):.6g}i"


def _reach(run: Run, a: Any, distance: float, work: Work) -> tuple[float, Exclusion]:
    """The radius of a disc, a little smaller than `distance`, without singularities; or 0. With the latest answer."""
    for close in CLOSE:
        radius = distance * (1 - close)
        answer = exclusion(run, a, radius, work)
        if answer.holds:
            return radius, answer
        if answer.zero:
            break
    return 0.0, answer


def _upper(run: Run, a: Any, found: Sequence[complex], middle: float, work: Work) -> float:
    """A bound above of the radius, from a singularity near the first candidate; infinite where none is certain.

    Where poles of later layers pile up at the candidate, loops close to it decide nothing: one of those poles does.
    """
    first = abs(found[0] - middle)
    beside = [(z, AROUND[0]) for z in found[1 : 1 + BESIDE] if abs(z - middle) < FARTHEST_BESIDE * first]
    near, far = ([(found[0], close) for close in part] for part in (AROUND[:1], AROUND[1:]))
    for z, close in (*near, *beside, *far):
        distance = abs(z - middle)
        if is_singular(run, a, z, distance * close, work=work):
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

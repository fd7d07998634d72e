"""The weights: a broken line, or a function near it, as one hidden layer of each activation.

What each leaves between the broken line and the layer is derived in `ramp_laws`, `steep_laws`, `smooth_laws` and
`sine_laws`; here the same bounds are evaluated, with the numbers that the derivations prove.
"""

from dataclasses import dataclass
from math import ceil, pi, sqrt

import numpy as np

from residua_network import ResiduaError
from residua_symbolic.series.approximation.piecewise_linear import PiecewiseLinear
from residua_symbolic.universal.placing import MOST, Placed, equal_pieces, longest_pieces
from residua_symbolic.universal.smooth_laws import BOUNDS
from residua_symbolic.universal.steep_laws import KAPPA, TOTAL
from residua_symbolic.universal.target import Target
from residua_symbolic.universal.units import Units

SLACK = 1 - 2.0**-20  # of the error: the rest is for the rounding of weights
STEEPNESS = KAPPA  # κ of a sigmoid in place of a ramp of length 1: near the best, which the report shows
STEEP = float(TOTAL)  # of the largest rise: what sigmoids for ramps may leave
SMOOTH = {name: float(bound) for name, bound in BOUNDS.items()}  # sup |φ − relu|, from above
CHORD_SHARE = 0.9  # of the error, for the broken line: smooth hinges take the rest by being steep
SINE_SHARE, LINE_SHARE = 0.5, 0.05  # of the error: the broken line's, and that of a straight line made of a sine
GROWTH = 1.02  # of a width that does not do


@dataclass(frozen=True, eq=False)
class Made:
    """The layer, and the parts of the derived bound of its distance from f, by name."""

    units: Units
    parts: dict[str, float]
    pieces: int

    @property
    def derived(self) -> float:
        """Their sum."""
        return float(np.nextafter(sum(self.parts.values()), np.inf))


def hinges(line: PiecewiseLinear) -> Units:
    """y_0 + s_1 relu(x − t_0) + Σ (s_(k+1) − s_k) relu(x − t_k): a ReLU a piece; those without a bend are left out."""
    bends = np.diff(line.slopes, prepend=0.0)
    kept = np.flatnonzero(bends) if bends.any() else np.array([0])
    return Units("relu", np.ones(len(kept)), -line.knots[:-1][kept], bends[kept], float(line.values[0]))


def ramps(line: PiecewiseLinear) -> Units:
    """y_0 + Σ s_i (relu(x − t_(i−1)) − relu(x − t_i)): a hard sigmoid a piece, each a pair of ReLUs."""
    slopes = line.slopes
    kept = np.flatnonzero(slopes) if slopes.any() else np.array([0])
    biases = np.stack([-line.knots[:-1][kept], -line.knots[1:][kept]], axis=1).reshape(-1)
    factors = np.stack([slopes[kept], -slopes[kept]], axis=1).reshape(-1)
    return Units("relu", np.ones(2 * len(kept)), biases, factors, float(line.values[0]))


def sigmoids(line: PiecewiseLinear) -> Units:
    """y_0 + Σ c_i σ(κ (x − m_i)/h): a sigmoid a piece of length h, in its middle, as high as the piece rises."""
    slope = STEEPNESS * line.pieces / float(line.knots[-1] - line.knots[0])
    middles = (line.knots[1:] + line.knots[:-1]) / 2
    rises = np.diff(line.values)
    kept = np.flatnonzero(rises) if rises.any() else np.array([0])
    return Units("sigmoid", np.full(len(kept), slope), -slope * middles[kept], rises[kept], float(line.values[0]))


def as_tanh(units: Units) -> Units:
    """The same with σ(z) = (1 + tanh(z/2))/2."""
    constant = units.constant + float(units.factors.sum()) / 2
    return Units("tanh", units.slopes / 2, units.biases / 2, units.factors / 2, constant)


def smooth_hinges(line: PiecewiseLinear, activation: str, steepness: float) -> Units:
    """The hinges with φ(k z)/k in place of relu(z)."""
    sharp = hinges(line)
    return Units(
        activation, steepness * sharp.slopes, steepness * sharp.biases, sharp.factors / steepness, sharp.constant
    )


def sines(line: PiecewiseLinear, waves: int, flatness: float) -> Units:
    """A + B x + ½ Σ b_k |x − t_k|, each |·| a cosine series of period 2P, P the length of the interval, up to the
    odd wave 2·waves − 1; waves of one length are one unit. B x is the sine of a small argument."""
    bends, inner = np.diff(line.slopes), line.knots[1:-1]
    first, last = float(line.knots[0]), float(line.knots[-1])
    length, middle = last - first, (first + last) / 2
    rise = float(line.slopes[0] + line.slopes[-1]) / 2
    moved = float(line.values[0]) - rise * (first - middle) - float(bends @ abs(first - inner)) / 2
    slopes, biases, factors = [], [], []
    if rise:
        slopes, biases, factors = [flatness], [-flatness * middle], [rise / flatness]
    for order in range(1, 2 * waves, 2):
        omega = order * pi / length
        a, b = float(bends @ np.cos(omega * inner)), float(bends @ np.sin(omega * inner))
        size = -2 * length / (pi * order) ** 2 * float(np.hypot(a, b))
        slopes.append(omega)
        biases.append(float(np.arctan2(a, b)))  # a cos ωx + b sin ωx = √(a² + b²) sin(ωx + θ)
        factors.append(size)
    constant = moved + length / 4 * float(bends.sum())
    return Units("sin", np.array(slopes), np.array(biases), np.array(factors), constant)


def _by_hinges(target: Target, error: float) -> Made:
    placed = longest_pieces(target, error)
    return Made(hinges(placed.line), {"chord": placed.chord}, placed.line.pieces)


def _by_ramps(target: Target, error: float) -> Made:
    placed = longest_pieces(target, error)
    return Made(ramps(placed.line), {"chord": placed.chord}, placed.line.pieces)


def _by_sigmoids(target: Target, error: float) -> Made:
    count = _enough(target, error)
    while True:
        placed = equal_pieces(target, count)
        parts = {"chord": placed.chord, "sigmoids for ramps": steep_bound(placed)}
        if sum(parts.values()) <= error:
            return Made(sigmoids(placed.line), parts, count)
        count = _checked(target, ceil(GROWTH * count), error)


def steep_bound(placed: Placed) -> float:
    """max |c_i| (δ(κ) + 1/sinh(κ/2))."""
    return float(np.abs(np.diff(placed.line.values)).max()) * STEEP


def _enough(target: Target, error: float) -> int:
    """Where to begin: the least power of two that would do as far as values at knots and middles tell, and its half's
    bisection. What is found is tried with certified bounds from there on."""
    low, high = 0, 1
    while not _estimate(target, high) <= error:
        low, high = high, _checked(target, 2 * high, error)
    while high - low > max(1, high // 50):
        middle = (low + high) // 2
        low, high = (low, middle) if _estimate(target, middle) <= error else (middle, high)
    return high


def _estimate(target: Target, count: int) -> float:
    x = np.linspace(*target.float_ends, 2 * count + 1)
    x[-1] = target.float_ends[1]
    y = target.values(x)
    chord = np.abs(y[1::2] - (y[:-1:2] + y[2::2]) / 2).max()
    return float(chord + np.abs(np.diff(y[::2])).max() * STEEP)


def _checked(target: Target, count: int, error: float) -> int:
    if count > MOST:
        raise ResiduaError(
            f"construct: {target.function.sympy!s:.60} needs more than {MOST} pieces for an error of {error:.3g}"
        )
    return count


def _by_tanh(target: Target, error: float) -> Made:
    made = _by_sigmoids(target, error)
    return Made(as_tanh(made.units), made.parts, made.pieces)


def _by_smooth(target: Target, error: float, activation: str) -> Made:
    placed = longest_pieces(target, CHORD_SHARE * error)
    bends = float(np.abs(np.diff(placed.line.slopes, prepend=0.0)).sum())
    steepness = max(1.0, SMOOTH[activation] * bends / ((1 - CHORD_SHARE) * error))
    parts = {"chord": placed.chord, f"{activation} for relu": SMOOTH[activation] * bends / steepness}
    return Made(smooth_hinges(placed.line, activation, steepness), parts, placed.line.pieces)


def _by_sines(target: Target, error: float) -> Made:
    placed = longest_pieces(target, SINE_SHARE * error)
    line = placed.line
    length, bends = float(line.knots[-1] - line.knots[0]), float(np.abs(np.diff(line.slopes)).sum())
    rise = abs(float(line.slopes[0] + line.slopes[-1])) / 2
    flatness = sqrt(6 * LINE_SHARE * error / (rise * (length / 2) ** 3)) if rise else 1.0
    left = (1 - SINE_SHARE - LINE_SHARE) * error
    waves = _checked(target, max(1, ceil(bends * length / (2 * pi**2 * left))), error)
    parts = {
        "chord": placed.chord,
        "waves left out": bends * length / (2 * pi**2 * waves),
        "a sine for a line": rise * flatness**2 * (length / 2) ** 3 / 6,
    }
    return Made(sines(line, waves, flatness), parts, line.pieces)


METHODS = {
    "relu": _by_hinges,
    "hard sigmoid": _by_ramps,
    "sigmoid": _by_sigmoids,
    "tanh": _by_tanh,
    "softplus": lambda target, error: _by_smooth(target, error, "softplus"),
    "silu": lambda target, error: _by_smooth(target, error, "silu"),
    "gelu": lambda target, error: _by_smooth(target, error, "gelu"),
    "sin": _by_sines,
}

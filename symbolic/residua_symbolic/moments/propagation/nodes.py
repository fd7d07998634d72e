"""Points and weights to integrate with: Gaussian in one, two or many dimensions, and two rows of a normalised batch."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import special, stats

from residua_symbolic.domains.floats import Floats

REACH = 9.5  # standard deviations: what lies beyond weighs 2e-21, times what a sixth power makes of it 2e-15
ORDER = 12  # Gauss points in a panel
TAIL, PANEL = -8.0, 1.3  # panels of log χ²: eight points give 1e-9; below, where exp(−χ²/2) is 1, of twice the width
NEGLIGIBLE = 1e-14  # the probability of what is left out of a chi-square variable
COARSE = 8  # the same on the sphere, whose integrands are smooth between the cuts
FINEST = 2.0**-40  # a panel this narrow holds a jump: halving it gains nothing
WANTED = 1e-12  # of the integral of the absolute value
MOST = 500  # panels at once: so many are refused by what is nowhere smooth to that precision, such as a spline
THIRDS = (-math.pi / 3, math.pi / 3)  # where X_b = 0 at B = 3, when X_b takes two values
SOBOL, SCRAMBLES = 12, 16  # 2^12 points, scrambled 16 times: the spread of the sixteen is the error


@cache
def _legendre(order: int) -> tuple[Floats, Floats]:
    points, weights = np.polynomial.legendre.leggauss(order)
    return points, weights


def panels(edges: Floats, order: int = ORDER) -> tuple[Floats, Floats]:
    """Gauss points and weights between neighbouring edges, which lie along the last axis."""
    points, weights = _legendre(order)
    middle, half = (edges[..., 1:] + edges[..., :-1]) / 2, (edges[..., 1:] - edges[..., :-1]) / 2
    at = middle[..., None] + half[..., None] * points
    return at.reshape(*edges.shape[:-1], -1), (half[..., None] * weights).reshape(*edges.shape[:-1], -1)


def density(t: Floats) -> Floats:
    """Of the standard normal."""
    return np.exp(-t * t / 2) / math.sqrt(2 * math.pi)


def adaptive(f: Callable[[Floats], Floats], breaks: Sequence[float]) -> tuple[float, float, float]:
    """E f(t) over a standard normal t, an estimate of the error, and E |f(t)|; kinks are found by halving."""
    inside = [b for b in breaks if abs(b) < REACH]
    left = np.unique(np.concatenate([np.linspace(-REACH, REACH, 20), inside]))
    edges = np.stack([left[:-1], left[1:]], axis=-1)
    total, error, size = 0.0, 0.0, float(np.sum(_summed(f, edges)[1]))
    while len(edges):
        middle = edges.mean(axis=-1, keepdims=True)
        coarse, _ = _summed(f, edges)
        fine, _ = _summed(f, np.concatenate([edges[:, :1], middle, edges[:, 1:]], axis=-1))
        done = (np.abs(fine - coarse) <= WANTED * size / 64) | (edges[:, 1] - edges[:, 0] < FINEST)
        done |= len(edges) > MOST
        total += float(np.sum(fine[done]))
        error += float(np.sum(np.abs(fine - coarse)[done]))
        rest, cut = edges[~done], middle[~done]
        edges = np.concatenate(
            [np.concatenate([rest[:, :1], cut], axis=-1), np.concatenate([cut, rest[:, 1:]], axis=-1)]
        )
    return total, error + WANTED * size, size


def _summed(f: Callable[[Floats], Floats], edges: Floats) -> tuple[Floats, Floats]:
    at, weights = panels(edges)
    terms = weights * density(at) * f(at.reshape(-1)).reshape(at.shape)
    return terms.sum(axis=-1), np.abs(terms).sum(axis=-1)


@dataclass(frozen=True)
class Cut:
    """A line first · t₁ + second · t₂ = level along which an integrand may have a kink or a jump."""

    first: float
    second: float
    level: float


def plane(cuts: Sequence[Cut], order: int = ORDER) -> tuple[Floats, Floats, Floats]:
    """Points t₁ (n, 1), t₂ (n, m) and weights (n, m) of two independent standard normals, with panels cut there."""
    upright = [c.level / c.first for c in cuts if c.second == 0 and c.first != 0]
    edges = np.unique(np.concatenate([np.linspace(-REACH, REACH, 20), [b for b in upright if abs(b) < REACH]]))
    first, weights = panels(edges, order)
    second, inner_weights = across(first, cuts, order)
    return first[:, None], second, (weights * density(first))[:, None] * inner_weights


def across(first: Floats, cuts: Sequence[Cut], order: int = ORDER) -> tuple[Floats, Floats]:
    """Points t₂ (n, m) and weights of a standard normal for each of the n values of t₁, with panels cut there."""
    slanted = [(c.level - c.first * first) / c.second for c in cuts if c.second != 0]
    grid = np.broadcast_to(np.linspace(-REACH, REACH, 14), (len(first), 14))
    inner = np.sort(np.concatenate([grid, *[np.clip(s, -REACH, REACH)[:, None] for s in slanted]], axis=-1), axis=-1)
    second, weights = panels(inner, order)
    return second, weights * density(second)


def integrate(
    factor: Floats, levels: Sequence[tuple[int, float]], integrand: Callable[[Floats], Floats]
) -> tuple[float, float, float]:
    """E of an integrand of the Gaussians factor · t, t standard normal; an estimate of the error; E |integrand|.

    `levels`: (k, value): the integrand may have a kink or a jump where the k-th Gaussian has that value.
    """

    def at(t: Floats) -> Floats:
        return integrand(np.tensordot(factor, t, axes=1))

    dimension = factor.shape[1]
    if dimension == 0:
        value = float(at(np.zeros((0, 1)))[0])
        return value, 0.0, abs(value)
    if dimension == 1:
        return adaptive(lambda t: at(t[None]), [level / factor[k, 0] for k, level in levels if factor[k, 0] != 0])
    if dimension == 2:
        cuts = [Cut(factor[k, 0], factor[k, 1], level) for k, level in levels]
        found = []
        for order in (ORDER - 4, ORDER):
            first, second, weights = plane(cuts, order)
            points = np.stack(np.broadcast_arrays(first, second)).reshape(2, -1)
            terms = weights.reshape(-1) * at(points)
            found.append(float(np.sum(terms)))
        return found[1], abs(found[0] - found[1]), float(np.sum(np.abs(terms)))
    values = [at(t) for t in scrambled(dimension)]
    means = np.array([np.mean(f) for f in values])
    return float(means.mean()), float(means.std(ddof=1)) / len(means) ** 0.5, float(np.mean(np.abs(values)))


def scrambled(dimension: int) -> list[Floats]:
    """Sixteen sets of standard normal points (dimension, points): Sobol's, each scrambled anew; Owen 1995."""
    found = []
    for seed in range(SCRAMBLES):
        uniform = stats.qmc.Sobol(dimension, rng=np.random.default_rng(seed)).random_base2(SOBOL)
        found.append(special.ndtri(np.clip(uniform, 2.0**-53, 1 - 2.0**-53)).T)
    return found


@cache
def sphere(batch: int) -> tuple[Floats, Floats, Floats]:
    """Two coordinates of a point on the sphere of radius √B orthogonal to (1, …, 1), with weights of sum 1.

    X_a = √(B−1) sin θ of density ∝ cos^{B−3} θ; given it, X_b = −X_a/(B−1) + √(1 − 1/(B−1)²) √(B−1) cos θ sin ψ, ψ
    of density ∝ cos^{B−4} ψ. Panels end where a coordinate is 0.
    """
    radius, rho = math.sqrt(batch - 1), -1 / (batch - 1)
    if batch == 2:
        return np.array([1.0, -1.0]), np.array([-1.0, 1.0]), np.array([0.5, 0.5])
    theta, weight = panels(_angles(batch - 3, np.zeros(1), THIRDS if batch == 3 else ())[0], COARSE)
    weight = weight * np.cos(theta) ** (batch - 3)
    across = math.sqrt(1 - rho * rho) * radius * np.cos(theta)
    if batch == 3:
        sine, inner = np.broadcast_to([-1.0, 1.0], (len(theta), 2)), np.full((len(theta), 2), 0.5)
    else:
        zero = np.arcsin(np.clip(-rho * radius * np.sin(theta) / across, -1, 1))
        psi, inner = panels(_angles(batch - 4, zero), COARSE)
        sine, inner = np.sin(psi), inner * np.cos(psi) ** (batch - 4)
        inner = inner / inner.sum(axis=-1, keepdims=True)
    x = np.broadcast_to((radius * np.sin(theta))[:, None], sine.shape)
    y = rho * x + across[:, None] * sine
    weights = weight[:, None] / weight.sum() * inner
    return x.reshape(-1), y.reshape(-1), weights.reshape(-1)


def _angles(power: int, cuts: Floats, more: Sequence[float] = ()) -> Floats:
    """Edges (cuts, panels + 1) on [−π/2, π/2], where cosᵖ weighs anything, cut at one given angle each, and at more."""
    reach = min(math.pi / 2, REACH / math.sqrt(max(power, 1)))
    grid = np.tile(np.concatenate([np.linspace(-reach, reach, 10), more]), (len(cuts), 1))
    return np.sort(np.concatenate([grid, np.clip(cuts, -reach, reach)[:, None]], axis=-1), axis=-1)


def _evenly(start: float, stop: float, width: float) -> Floats:
    return np.linspace(start, stop, 1 + math.ceil((stop - start) / width))


@cache
def spread(batch: int) -> tuple[Floats, Floats]:
    """Points and weights of s² = χ²_{B−1}/B, over its logarithm: 1/(s² + ε) is smooth there however small ε is."""
    freedom = batch - 1
    law = stats.chi2(freedom)
    if freedom < 10:
        least = -60.0 if freedom < 3 else max(-60.0, -27.6 / (freedom / 2 - 1))  # χ^(k−2) below 1e-12
        middle, most = max(least, TAIL), math.log(law.isf(NEGLIGIBLE))
        edges = np.unique(np.concatenate([_evenly(least, middle, 2 * PANEL), _evenly(middle, most, PANEL)]))
    else:
        edges = np.linspace(math.log(law.ppf(NEGLIGIBLE)), math.log(law.isf(NEGLIGIBLE)), 8)
    x, weights = panels(edges, COARSE)
    weights = weights * law.pdf(np.exp(x)) * np.exp(x)
    points: Floats = np.exp(x) / batch
    return points, weights / weights.sum()

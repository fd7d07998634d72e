"""Differences along ladders extrapolated to the limit: weighted least squares with the next orders as uncertainty."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np
from scipy.stats import f as fisher

from residua_bridge.budgets.estimate import Floats
from residua_bridge.budgets.law import Sizes
from residua_bridge.verdict import Uncertain

NEXT = 0.5  # at the smallest size, a term of the next order is expected to be about this part of the correction
WIDER = (1.0, 2.0, 4.0, 8.0)  # times as much where the ladder does not fit otherwise
ACCEPTED = 0.05  # probability of a fit as bad, from which on it is taken
ITERATIONS = 2  # the size of the correction is known well enough
ORDERS = 3  # powers of x = size^−p that are kept; only the first is free
EXPONENTS = tuple(np.arange(0.25, 3.01, 0.125))  # among which an order that the law leaves open is fitted
MISFIT = 0.002  # of true models are said not to fit


@dataclass(frozen=True)
class Model:
    """e(sizes) = limit + Σ_j Σ_k a_jk x_j^k, with x_j = (size_j / smallest)^−p_j, and products of two x_j.

    `first` holds the size at which x is 1, `orders` the exponents p, negative for a size that goes to 0.
    """

    first: Mapping[str, float]
    orders: Mapping[str, float]

    def columns(self, sizes: Sizes) -> tuple[list[float], list[tuple[str, ...]]]:
        """The terms at these sizes, the limit first, and the sizes that each is about."""
        x = {name: (sizes[name] / self.first[name]) ** -p for name, p in self.orders.items()}
        values, owners = [1.0, *x.values()], [(), *((name,) for name in x)]
        for name, value in x.items():
            values += [value**k for k in range(2, ORDERS + 1)]
            owners += [(name,) * k for k in range(2, ORDERS + 1)]
        for a, b in combinations(x, 2):
            values.append(x[a] * x[b])
            owners.append((a, b))
        return values, owners


@dataclass(frozen=True)
class Fit:
    """What a ladder of differences says, all relative to the law's unit.

    `limit` with its bar, of which `sampling` comes from the repetitions and the rest from orders that are not fitted
    freely; `weights` make the limit from the single differences. `corrections` are the finite-size terms at the point;
    `residual` what the measured difference at the point is off the fit. `misfit` is the probability of a fit that
    bad, `spread` the factor on the bars that makes it a common one. `orders` are the exponents of the correction.
    """

    limit: float
    bar: float
    sampling: float
    weights: Floats
    corrections: Mapping[str, Uncertain]
    residual: float
    misfit: float
    spread: float
    orders: Mapping[str, Uncertain]
    solutions: tuple["Solution", ...]

    def at(self, sizes: Sizes) -> float:
        """The fitted difference at these sizes."""
        return sum(s.share * s.at(sizes) for s in self.solutions)


@dataclass(frozen=True)
class Solution:
    """The fit for given exponents; `share` is its part among all exponents tried."""

    model: Model
    theta: Floats
    covariance: Floats
    weights: Floats
    chi_square: float
    share: float = 1.0

    def at(self, sizes: Sizes) -> float:
        """The fitted difference at these sizes."""
        return float(np.dot(self.model.columns(sizes)[0], self.theta))

    def correction(self, name: str, sizes: Sizes) -> Uncertain:
        """What the terms of one size (half of those it shares) add at these sizes."""
        values, owners = self.model.columns(sizes)
        parts = np.array([v * owner.count(name) / max(1, len(owner)) for v, owner in zip(values, owners, strict=True)])
        return Uncertain(float(parts @ self.theta), math.sqrt(max(0.0, float(parts @ self.covariance @ parts))))


def fitted(
    sizes: Sequence[Sizes],
    differences: Floats,
    bars: Floats,
    freedom: float,
    orders: Mapping[str, float | None],
    vanishing: Sequence[str],
    point: int,
) -> Fit:
    """The fit of differences, shape (rungs,), with independent standard errors `bars` of `freedom` degrees of freedom.

    The limit and one correction a size are free; terms of the next orders are Gaussian around 0, of `NEXT` times the
    correction at the smallest size, the next half of that: generalised least squares with that covariance, so that the
    bar of the limit holds what they may do to the extrapolation. Where the ladder does not fit so, they may be `WIDER`.
    An open exponent is averaged over `EXPONENTS`, by likelihood.
    """
    for wider in WIDER:
        fit = _fitted(sizes, differences, bars, freedom, orders, vanishing, point, NEXT * wider)
        if fit.misfit >= ACCEPTED or not orders:
            break
    return fit


def _fitted(
    sizes: Sequence[Sizes],
    differences: Floats,
    bars: Floats,
    freedom: float,
    orders: Mapping[str, float | None],
    vanishing: Sequence[str],
    point: int,
    following: float,
) -> Fit:
    first = {n: (max if n in vanishing else min)(s[n] for s in sizes) for n in orders}
    signs = {n: -1.0 if n in vanishing else 1.0 for n in orders}
    models = [
        Model(first, {n: signs[n] * p for n, p in zip(orders, exponents, strict=True)})
        for exponents in product(*(EXPONENTS if p is None else (float(p),) for p in orders.values()))
    ]
    solutions = [_solved(model, sizes, differences, bars, following) for model in models]
    best = min(s.chi_square for s in solutions)
    likelihood = np.array([math.exp(-(s.chi_square - best) / 2) for s in solutions])
    return _averaged(
        solutions, likelihood / likelihood.sum(), sizes, differences, bars, freedom, point, len(orders) + 1
    )


def _solved(model: Model, sizes: Sequence[Sizes], differences: Floats, bars: Floats, following: float) -> Solution:
    """Generalised least squares; the size of the terms of higher order follows from that of the whole correction."""
    rows = [model.columns(one)[0] for one in sizes]
    owners = model.columns(sizes[0])[1]
    design, target = np.array(rows) / bars[:, None], differences / bars
    expected = dict.fromkeys(model.orders, 0.0)
    solution = _least_squares(model, design, target, bars, owners, expected, following)
    for _ in range(ITERATIONS):
        for name in model.orders:
            own = np.array([bool(owner) and set(owner) == {name} for owner in owners], dtype=float)
            variance = max(0.0, float(own @ solution.covariance @ own))
            expected[name] = math.sqrt(float(own @ solution.theta) ** 2 + variance)
        solution = _least_squares(model, design, target, bars, owners, expected, following)
    return solution


def _least_squares(
    model: Model,
    design: Floats,
    target: Floats,
    bars: Floats,
    owners: Sequence[tuple[str, ...]],
    expected: Mapping[str, float],
    following: float,
) -> Solution:
    """With the rows of the terms of higher order, whose expected value is 0, below those of the measurement."""
    free = 1 + len(model.orders)
    scales = [math.prod(expected[name] for name in owner) ** (1 / len(owner)) for owner in owners[free:]]
    scales = [scale * following * NEXT ** (len(owner) - 2) for scale, owner in zip(scales, owners[free:], strict=True)]
    kept = [*range(free), *(free + k for k, scale in enumerate(scales) if scale > 0)]
    prior = np.zeros((len(kept) - free, len(kept)))
    for row, k in enumerate(kept[free:]):
        prior[row, free + row] = 1 / scales[k - free]
    stacked = np.vstack([design[:, kept], prior])
    norms = np.linalg.norm(stacked, axis=0)
    inverse = np.linalg.pinv(stacked / norms) / norms[:, None]
    theta, covariance = np.zeros(len(owners)), np.zeros((len(owners), len(owners)))
    theta[kept] = inverse[:, : len(target)] @ target
    covariance[np.ix_(kept, kept)] = inverse @ inverse.T
    residuals = np.concatenate([target - design @ theta, prior @ theta[kept]])
    return Solution(model, theta, covariance, inverse[0, : len(target)] / bars, float(residuals @ residuals))


def _averaged(
    solutions: Sequence[Solution],
    shares: Floats,
    sizes: Sequence[Sizes],
    differences: Floats,
    bars: Floats,
    freedom: float,
    point: int,
    parameters: int,
) -> Fit:
    kept = tuple(replace(s, share=float(share)) for s, share in zip(solutions, shares, strict=True) if share > 1e-12)
    names = list(kept[0].model.orders)
    limit = _mixture([(s.share, Uncertain(float(s.theta[0]), math.sqrt(float(s.covariance[0, 0])))) for s in kept])
    weights = np.sum([s.share * s.weights for s in kept], axis=0)
    left = len(sizes) - parameters - sum(len({s.model.orders[n] for s in kept}) > 1 for n in names)
    chi_square = min(s.chi_square for s in kept)
    misfit = float(fisher.sf(chi_square / left, left, freedom)) if left > 0 else 1.0
    return Fit(
        limit=limit.value,
        bar=limit.bar,
        sampling=float(np.linalg.norm(weights * bars)),
        weights=weights,
        corrections={n: _mixture([(s.share, s.correction(n, sizes[point])) for s in kept]) for n in names},
        residual=float(differences[point]) - sum(s.share * s.at(sizes[point]) for s in kept),
        misfit=misfit,
        spread=math.sqrt(chi_square / left) if misfit < MISFIT else 1.0,
        orders={n: _mixture([(s.share, Uncertain(abs(s.model.orders[n]), 0.0)) for s in kept]) for n in names},
        solutions=kept,
    )


def _mixture(parts: Sequence[tuple[float, Uncertain]]) -> Uncertain:
    """Mean and standard deviation of a mixture."""
    mean = sum(share * one.value for share, one in parts)
    variance = sum(share * (one.bar**2 + (one.value - mean) ** 2) for share, one in parts)
    return Uncertain(mean, math.sqrt(variance))

"""Coefficients in several variables from series along directions: homogeneous parts interpolated, degree by degree.

Along v the coefficient of t^k is the homogeneous part p_k(v); with the last component of v at 1 it is a polynomial
of degree k in the other d − 1, known from its values at the C(d + n − 1, n) points whose indices add up to at most n;
Griewank, Utke, Walther 2000 (Math. Comp. 69, 1117–1130) use as many. Newton's divided differences along one axis after
the other interpolate on such a set of points, whatever the nodes of the axes.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = Any  # float64, or objects: fractions, balls
Indices = NDArray[np.intp]
Exponents = tuple[int, ...]

CANDIDATES = 2001  # of [−1, 1], among which the next node is chosen


@dataclass(frozen=True, eq=False)
class Simplex:
    """The points of `axes` whole coordinates of at least 0 that add up to at most `degree`; `points`: (count, axes)."""

    points: Indices
    degree: int

    @cached_property
    def total(self) -> Indices:
        """The sum of the coordinates of every point."""
        return np.asarray(self.points.sum(axis=1))

    @cached_property
    def before(self) -> Indices:
        """[p, a]: the position of the point one below point p along axis a; 0 where there is none."""
        base = (self.degree + 1) ** np.arange(self.points.shape[1], dtype=object)  # may exceed 64 bits
        keys = (self.points * base).sum(axis=1) if len(base) else np.zeros(1, dtype=object)
        position = {key: p for p, key in enumerate(keys)}
        found = [
            [position.get(key - step, 0) if c else 0 for c, step in zip(point, base, strict=True)]
            for key, point in zip(keys, self.points.tolist(), strict=True)
        ]
        return np.array(found, dtype=np.intp).reshape(self.points.shape)


@cache
def simplex(axes: int, degree: int) -> Simplex:
    """The points in lexicographic order."""
    points = np.zeros((1, 0), dtype=np.intp)
    for _ in range(axes):
        room = degree - points.sum(axis=1) + 1
        last = np.concatenate([np.arange(r) for r in room])
        points = np.column_stack([np.repeat(points, room, axis=0), last])
    return Simplex(points, degree)


def count(variables: int, order: int) -> int:
    """Directions that are needed: C(d + n − 1, n)."""
    return comb(variables + order - 1, order)


@cache
def leja(length: int) -> tuple[float, ...]:
    """Nodes 0, 1, −1, ... in [−1, 1], each as far from those before as can be, in the product of distances."""
    candidates = np.linspace(-1.0, 1.0, CANDIDATES)
    found = [0.0]
    logarithm = np.zeros(CANDIDATES)
    with np.errstate(divide="ignore"):
        while len(found) < length:
            logarithm += np.log(abs(candidates - found[-1]))
            found.append(float(candidates[::-1][np.argmax(logarithm[::-1].round(12))]))  # 1 before −1
    return tuple(found[:length])


def whole(length: int) -> tuple[int, ...]:
    """Nodes 0, 1, −1, 2, −2, ..., for exact arithmetic."""
    return tuple((k + 1) // 2 * (1 if k % 2 else -1) for k in range(length))


def directions(variables: int, order: int, nodes: tuple[Any, ...]) -> Array:
    """(count, variables): nodes in all components but the last, which is 1."""
    points = simplex(variables - 1, order).points
    values = np.array(nodes)[points]
    return np.column_stack([values, np.ones(len(points), dtype=values.dtype)])


def homogeneous(parts: Array, variables: int, order: int, nodes: tuple[Any, ...]) -> dict[Exponents, Array]:
    """{exponents: coefficient} from parts[p, k] = p_k along direction p; (count, order + 1, ...) to arrays (...)."""
    grid = simplex(variables - 1, order)
    values = np.array(parts)
    at = np.array(nodes, dtype=values.dtype)
    for axis in range(variables - 1):
        _divided_differences(values, grid, axis, at)
    for k in range(order):  # a polynomial of degree k has no differences above; what rounding left of them goes
        values[grid.total > k, k] *= 0
    for axis in range(variables - 1):
        _monomials(values, grid, axis, at)
    exponents, points, degrees = _terms(variables, order)
    return dict(zip(exponents, values[points, degrees], strict=True))


@cache
def _terms(variables: int, order: int) -> tuple[list[Exponents], Indices, Indices]:
    """Every exponents of total degree up to `order`, the point that holds its coefficient, and the degree."""
    grid = simplex(variables - 1, order)
    points = [np.flatnonzero(grid.total <= k) for k in range(order + 1)]
    degrees = np.repeat(np.arange(order + 1), [len(p) for p in points])
    held = np.concatenate(points)
    last = degrees - grid.total[held]
    return list(map(tuple, np.column_stack([grid.points[held], last]).tolist())), held, degrees


def _divided_differences(values: Array, grid: Simplex, axis: int, nodes: Array) -> None:
    """Values at the nodes of an axis become the coefficients of Newton's polynomials along it, in place."""
    place = grid.points[:, axis]
    for level in range(1, grid.degree + 1):
        moving = np.flatnonzero(place >= level)
        gap = nodes[place[moving]] - nodes[place[moving] - level]
        values[moving] = (values[moving] - values[grid.before[moving, axis]]) / _beside(gap, values)


def _monomials(values: Array, grid: Simplex, axis: int, nodes: Array) -> None:
    """Newton's coefficients along an axis become those of powers, by Horner's rule, in place."""
    place = grid.points[:, axis]
    for level in reversed(range(grid.degree)):
        above = np.flatnonzero(place > level)
        below = grid.before[above, axis]  # distinct: each point has one above it
        values[below] = values[below] - nodes[level] * values[above]


def _beside(factors: Array, values: Array) -> Array:
    return factors.reshape(-1, *(1,) * (values.ndim - 1))

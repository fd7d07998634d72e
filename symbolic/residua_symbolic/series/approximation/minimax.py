"""The best polynomial in the supremum by Remez's exchange, its optimality certified.

Where f − p alternates at n + 2 points, no polynomial of degree n comes closer than the least of these errors (de la
Vallée Poussin): a certified lower bound, in ball arithmetic, for the least possible error. The supremum of |f − p| is
bounded from above through Taylor polynomials on pieces: critical points of polynomials are isolated, remainders are
enclosed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import cos, pi, sqrt
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_network import ResiduaError
from residua_network.checks import whole
from residua_symbolic.domains import balls
from residua_symbolic.expressions.conversion import from_program
from residua_symbolic.expressions.evaluation import PointError, evaluate
from residua_symbolic.expressions.given import Given
from residua_symbolic.expressions.graph import Graph, Node
from residua_symbolic.series.approximation.mean_square import interval
from residua_symbolic.series.approximation.quadrature import constant

LARGEST = 40  # degree
BITS = 256
EXCHANGES = 60
SKEW = 1.1  # Chebyshev's points lie so that for an odd function the level may be 0, and nothing alternates
CLOSE = 1e-9  # how much larger the supremum may be than the least alternating error
SAMPLES = 12  # points between two of the reference
GOLDEN = (3 - sqrt(5)) / 2
TURNS = 50  # of golden section: a place is then known to 1e-10 of the distance between two samples
ORDER = 24  # of the Taylor polynomials of f that bound the error, beyond the degree
DEPTH = 12  # halvings of the interval, at most, until a remainder is small beside the error
SHARE = 1e-6  # of the error, that a remainder may have
Function = Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class BestInSupremum:
    """p = Σ c_k (x − middle)^k, exact fractions; the points at which f − p alternates, and f − p there, as balls.

    `lower`: below the error of every polynomial of this degree; `upper`: above sup |f − p|. Both are balls.
    """

    middle: sp.Expr
    coefficients: tuple[Any, ...]
    points: tuple[Any, ...]
    errors: tuple[Any, ...]
    lower: Any
    upper: Any

    def __call__(self, x: Any) -> Any:
        """At a float, or an array of them."""
        total = x * 0.0
        for c in reversed(self.coefficients):
            total = total * (x - float(self.middle)) + float(c.mid())
        return total


def best_in_supremum(function: Given, variable: str, degree: int, lower: sp.Expr, upper: sp.Expr) -> BestInSupremum:
    """The best polynomial in the supremum on an interval, with certified bounds; the upper one is infinite where f is
    not smooth. Raises ResiduaError where f does not exist, is a polynomial of that degree itself, or the exchange does
    not come to rest."""
    if whole(degree, "degree", "best_in_supremum", least=0) > LARGEST:
        raise ResiduaError(f"best_in_supremum: the degree may be at most {LARGEST}, got {degree}")
    low, high = interval(function, variable, lower, upper)
    (output,) = from_program(Graph(), function.program)
    domain = balls.BallDomain()

    def f(x: Any) -> Any:
        (value,) = evaluate([output], {variable: x}, domain)
        return value

    with balls.precision(BITS):
        ends = constant(low), constant(high)
        try:
            points, coefficients = _exchanged(f, ends, degree)
            errors = tuple(f(x) - _horner(coefficients, x - sum(ends) / 2) for x in points)
            supremum = _supremum(output, variable, coefficients, ends, min(map(abs, errors), key=_middle))
        except PointError as error:
            raise ResiduaError(f"best_in_supremum: {error}") from error
        signs = [1 if e > 0 else -1 if e < 0 else 0 for e in errors]
        if any(a * b != -1 for a, b in pairwise(signs)):
            raise ResiduaError("best_in_supremum: the errors at the points found do not alternate")
        least = min(map(abs, errors), key=_middle)
        return BestInSupremum((low + high) / 2, coefficients, points, errors, least, supremum)


def _middle(ball: Any) -> float:
    return float(ball.mid())


def _horner(coefficients: Sequence[Any], s: Any) -> Any:
    total = flint.arb(0)
    for c in reversed(coefficients):
        total = total * s + c
    return total


def _exchanged(f: Function, ends: tuple[Any, Any], degree: int) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The reference at rest, and the coefficients; both without radius."""
    middle, half = sum(ends).mid() / 2, ((ends[1] - ends[0]) / 2).mid()
    shares = [cos(pi * (k / (degree + 1)) ** SKEW) for k in range(degree + 2)]
    places = [(middle - half * flint.arb(share)).mid() for share in shares]
    for _ in range(EXCHANGES):
        coefficients, level = _levelled(f, places, middle, half)
        error = _error_of(f, coefficients, middle)
        extremes = _extremes(error, places, *ends)
        chosen = _alternating(extremes, degree + 2)
        if len(chosen) < degree + 2:
            raise ResiduaError(
                f"best_in_supremum: expected {degree + 2} alternating errors for degree {degree}, got {len(chosen)}: "
                "a polynomial of that degree, one that is too close to it, or a function without bounds"
            )
        places = [x for x, _ in chosen]
        if max(abs(float(e)) for _, e in extremes) <= (1 + CLOSE) * abs(float(level)):
            return tuple(places), coefficients
    raise ResiduaError(f"best_in_supremum: no rest after {EXCHANGES} exchanges")


def _error_of(f: Function, coefficients: Sequence[Any], middle: Any) -> Function:
    """f − p, without radius."""
    return lambda x: (f(x) - _horner(coefficients, x - middle)).mid()


def _levelled(f: Function, places: Sequence[Any], middle: Any, half: Any) -> tuple[tuple[Any, ...], Any]:
    """p with f − p = ±level at the places, in turn; in powers of the scaled variable, which keeps the matrix tame."""
    size = len(places)
    matrix, values = flint.arb_mat(size, size), flint.arb_mat(size, 1)
    for row, x in enumerate(places):
        s = ((x - middle) / half).mid()
        for k in range(size - 1):
            matrix[row, k] = s**k
        matrix[row, size - 1] = (-1) ** row
        values[row, 0] = f(x)
    solved = matrix.solve(values)
    coefficients = tuple((solved[k, 0] / half**k).mid() for k in range(size - 1))
    return coefficients, solved[size - 1, 0].mid()


def _extremes(error: Function, places: Sequence[Any], low: Any, high: Any) -> list[tuple[Any, Any]]:
    """Places and values of the extremes of the error: sampled between the points, then refined."""
    bounds = [low, *places, high]
    fine = {float(a + (b - a) * k / SAMPLES) for a, b in pairwise(bounds) for k in range(SAMPLES + 1)}
    first, last = _float_within(low, 1), _float_within(high, -1)
    grid = sorted({min(max(x, first), last) for x in fine})
    values = [float(error(flint.arb(x))) for x in grid]
    found = []
    for k, value in enumerate(values):
        left, right = (values[p] if 0 <= p < len(values) else 0.0 for p in (k - 1, k + 1))
        if value != 0 and abs(value) >= max(np.sign(value) * left, np.sign(value) * right):
            place = grid[k]
            if 0 < k < len(grid) - 1:
                place = _refined(error, grid[k - 1], grid[k], grid[k + 1])
            found.append((flint.arb(place), error(flint.arb(place))))
    return found


def _float_within(end: Any, side: int) -> float:
    """The float nearest to an end of the interval, on its inner side."""
    near = float(end)
    return near if (flint.arb(near) - end) * side >= 0 else float(np.nextafter(near, side * np.inf))


def _refined(error: Function, left: float, middle: float, right: float) -> float:
    """The place between `left` and `right` where |error| is largest, by golden section: a kink may lie there."""
    largest = abs(float(error(flint.arb(middle))))
    for _ in range(TURNS):
        is_left = middle - left > right - middle
        probe = middle + GOLDEN * ((left if is_left else right) - middle)
        size = abs(float(error(flint.arb(probe))))
        if size > largest:
            left, right = (left, middle) if is_left else (middle, right)
            middle, largest = probe, size
        else:
            left, right = (probe, right) if is_left else (left, probe)
    return middle


def _alternating(extremes: Sequence[tuple[Any, Any]], count: int) -> list[tuple[Any, Any]]:
    """Of neighbours with one sign the largest; then the smaller one of the two ends dropped until `count` are left."""
    kept: list[tuple[Any, Any]] = []
    for x, e in extremes:
        if kept and (kept[-1][1] > 0) == (e > 0):
            if abs(e) > abs(kept[-1][1]):
                kept[-1] = (x, e)
        else:
            kept.append((x, e))
    while len(kept) > count:
        kept.pop(0 if abs(kept[0][1]) < abs(kept[-1][1]) else -1)
    return kept


def _supremum(output: Node, variable: str, coefficients: Sequence[Any], ends: tuple[Any, Any], level: Any) -> Any:
    """A ball whose upper end is above |f − p| on the whole interval."""
    middle = sum(ends).mid() / 2
    p = flint.arb_poly(list(coefficients))
    allowed = abs(level) * SHARE
    pending, found = [(ends[0].lower(), ends[1].upper(), 0)], flint.arb(0)
    while pending:
        low, high, depth = pending.pop()
        centre, half = ((low + high) / 2).mid(), ((high - low) / 2).upper()
        taylor, remainder = _taylor(output, variable, centre, half, len(coefficients) + ORDER)
        if not remainder <= allowed and depth < DEPTH:
            pending += [(low, centre, depth + 1), (centre, high, depth + 1)]
            continue
        difference = flint.arb_poly(taylor) - p(flint.arb_poly([centre - middle, 1]))
        found = _larger(found, _largest(difference, half) + remainder)
    return found


def _larger(a: Any, b: Any) -> Any:
    return a.max(b)


def _taylor(output: Node, variable: str, centre: Any, half: Any, order: int) -> tuple[list[Any], Any]:
    """Coefficients of f about the centre below the order, and a bound of the rest within `half`; infinite if none."""
    before = flint.ctx.cap
    flint.ctx.cap = order + 1
    try:
        domain = balls.BallDomain()
        exact, wide = (
            evaluate([output], {variable: flint.arb_series([at, 1])}, domain)[0]
            for at in (centre, centre + flint.arb(0, half))
        )
    except PointError:
        return [flint.arb(0)], flint.arb("inf")
    finally:
        flint.ctx.cap = before
    if not isinstance(exact, flint.arb_series):
        return [exact], flint.arb(0)
    last = abs(wide[order]) * half**order
    rest = last.upper() if last.is_finite() else flint.arb("inf")
    return [exact[k] for k in range(order)], rest


def _largest(polynomial: Any, half: Any) -> Any:
    """max |q| on [−half, half] as a ball: at the ends and where q' vanishes, for q with the middles as coefficients."""
    coefficients = [polynomial[k] for k in range(len(polynomial))]
    slack = sum((flint.arb(c.rad()) * half**k for k, c in enumerate(coefficients)), flint.arb(0))
    rational = flint.fmpq_poly([_rational(c.mid()) for c in coefficients])
    slope = rational.derivative()
    places = [flint.arb(0) - half, half + flint.arb(0)]
    if slope.degree() > 0:
        squarefree = slope // slope.gcd(slope.derivative())
        roots = flint.fmpz_poly([int(c) for c in (squarefree * squarefree.denom()).coeffs()]).complex_roots()
        places += [root.real for root, _ in roots if root.imag.contains(0)]
    exact = flint.arb_poly(rational)
    values = [abs(exact(x)) for x in places if not (x > half or x < -half)]
    largest = values[0]
    for value in values[1:]:
        largest = largest.max(value)
    return largest + slack


def _rational(ball: Any) -> Any:
    mantissa, exponent = ball.man_exp()
    return flint.fmpq(mantissa) * flint.fmpq(2) ** int(exponent)

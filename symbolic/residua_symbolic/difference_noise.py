"""What rounding is expected to do to difference quotients: a model of it, operation by operation.

Every operation rounds its exact result to nearest, by an error that is uniform in ± half a spacing (`rounding_variance`
in difference_formulas); errors of one operation at two places go together as far as its values there are few spacings
apart; errors of different operations are independent. What is exact (signs, maxima, powers of two) has no error.

That is so for operations that are rounded once: the four arithmetic ones, roots, and functions of a good C library. One
that is made of several (x³ by two products, sigmoid, softplus, gelu) errs by more than this model says, by a factor of
1.2 to 1.6 where it was measured: the model takes it for one rounding.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from residua_symbolic.difference_formulas import Formula
from residua_symbolic.domains.floats import FloatDomain
from residua_symbolic.expressions.calculus import adjoints, tangents
from residua_symbolic.expressions.evaluation import evaluate
from residua_symbolic.expressions.graph import NUMBER, VARIABLE, Node, below

Floats = NDArray[np.float64]
NEAR = 128.0  # spacings: further apart the phase between two roundings hangs on h² and counts as random
ONE = 12.0**-0.5  # rms of one rounding to nearest, in spacings
LEAST = 2.0**-1073  # in place of that where it, or a half of it, would underflow
EXACT = ("neg", "abs", "sign", "relu", "step", "pi", "e")


def spacing(values: Any, dtype: str) -> Floats:
    """The distance of floats of `dtype` around the values, which need not be of that dtype."""
    with np.errstate(all="ignore"):  # nan beyond the dtype
        return np.asarray(np.spacing(np.abs(np.asarray(values)).astype(dtype)), dtype=np.float64)


class Noise:
    """The model of y along one variable, for arrays of points."""

    def __init__(self, y: Node, variable: str) -> None:
        x = y.graph.variable(variable)
        self._variable, self._domain = variable, FloatDomain()
        self._order = below([y])
        self.operations = [node for node in self._order if node.function not in (NUMBER, VARIABLE, *EXACT)]
        self._slope = tangents([y], {x: y.graph.one})[0]
        self._weights = adjoints([y], [y.graph.one], self.operations)
        self._rates = tangents(self.operations, {x: y.graph.one})

    def of_values(self, values: Mapping[str, Any], dtype: str) -> Floats:
        """s: root mean square error of one value of y."""
        with np.errstate(all="ignore"):
            place = self._place(values, dtype, 0.0)
            errors = [_Errors([w], [sigma], _independent) for w, sigma in zip(place.weights, place.sigmas, strict=True)]
            return np.asarray(_root_of_sum(errors, 1.0) + 0 * values[self._variable])

    def fits(self, values: Mapping[str, Any], dtype: str) -> bool:
        """Whether every intermediate value is finite in the dtype, and neither y nor its slope vanishes in it alone."""
        *found, slope = self._evaluated([*self._order, self._slope], values)
        with np.errstate(all="ignore"):
            finite = all(np.isfinite(np.asarray(v).astype(dtype)).all() for v in [*found, slope])
            kept = all(np.all((v == 0) | (np.asarray(v).astype(dtype) != 0)) for v in (found[-1], slope))
        return finite and bool(kept)

    def of_quotient(
        self,
        formula: Formula,
        values: Mapping[str, Any],
        h: Any,
        dtype: str,
        taken: bool = False,
        grain: float = 0.0,
        chance: bool = True,
    ) -> Floats:
        """Root mean square rounding error of the quotient at steps h, which broadcast against the points.

        Three parts: rounding of y, of x + s h where it is not exact, of the quotient's own operations. `taken`: at the
        places that x + s h is rounded to, without the second part (see `moves`). `grain`: a power of two of which all
        points are multiples, where they are on a coarser grid than floats, so that more operations are exact. `chance`:
        False where it is not to count that values a whole number of spacings apart are rounded alike.
        """
        x, h = np.broadcast_arrays(np.asarray(values[self._variable], float), np.asarray(h, float))
        with np.errstate(all="ignore"):  # beyond the domain of y, or of the dtype: nan or inf
            found = moves(formula, x, h, dtype)
            wanted = {s: float(s) * h for s in formula.weights}
            steps = {s: found[s] if taken else np.where(found[s] == 0, 0.0, wanted[s]) for s in wanted}
            finest = np.minimum(grain, min(abs(float(s)) for s in formula.weights if s) * h)
            places = {s: self._place({**values, self._variable: x + step}, dtype, finest) for s, step in steps.items()}
            errors = [_of_operation(formula, places, steps, number, chance) for number in range(len(self.operations))]
            errors += _of_subtractions(formula, places, dtype)
            lost: Any = 0.0
            if not taken:
                errors.append(_of_moves(formula, places, x, h, dtype, found))
                gone = {s: float(s) * (found[s] == 0) for s in formula.weights}
                lost = sum(float(c) * gone[s] * places[s].slope for s, c in formula.weights.items())
            rounded = _root_of_sum(errors, h)
            return np.asarray(np.hypot(np.hypot(rounded, lost), _of_divisions(formula, places, h, dtype)))

    def _place(self, values: Mapping[str, Any], dtype: str, grain: Any) -> "_Place":
        found = self._evaluated([*self._order, *self._weights, *self._rates, self._slope], values)
        at = dict(zip((node.index for node in self._order), found, strict=False))
        grains: dict[int, Any] = {}
        for node in self._order:
            coarser = grain if node.function == VARIABLE and node.value == self._variable else 0.0
            grains[node.index] = np.maximum(_grain(node, at[node.index], grains, dtype), coarser)
        spacings = [spacing(at[node.index], dtype) for node in self.operations]
        sigmas = [_sigma(node, grains, u) for node, u in zip(self.operations, spacings, strict=True)]
        first, count = len(self._order), len(self.operations)
        y = self._order[-1].index
        weights, rates = found[first : first + count], found[first + count : -1]
        return _Place(weights, rates, spacings, sigmas, at[y], grains[y], found[-1])

    def _evaluated(self, nodes: Sequence[Node], values: Mapping[str, Any]) -> list[Any]:
        with np.errstate(all="ignore"):  # beyond the domain of y, where no quotient is formed
            return evaluate(nodes, values, self._domain)


@dataclass(frozen=True)
class _Place:
    """One place. For every operation its weight in y, its rate along the line, the spacing of floats at its value, the
    rms of its rounding; of y its value, a number of which it is a multiple, its slope."""

    weights: Sequence[Any]
    rates: Sequence[Any]
    spacings: Sequence[Floats]
    sigmas: Sequence[Any]
    value: Any
    grain: Any
    slope: Any


@dataclass(frozen=True)
class _Errors:
    """Σ factor · ε: the factors, the rms of each ε, and 1 − correlation of two by their numbers."""

    factors: Sequence[Any]
    sigmas: Sequence[Any]
    dissimilarity: Callable[[int, int], Any]


def _independent(a: int, b: int) -> float:
    return 1.0


def _root_of_sum(errors: Sequence[_Errors], h: Any) -> Any:
    """Root of the variance of all of these, over h; in units of the largest, so that no square leaves the range.

    Of two correlated roundings of unlike size the finer one counts: it is what they may have in common. Where all are
    alike they make (Σ k σ)²; what they are unlike by is taken from that, so that nothing cancels for tiny steps.
    """
    sizes = [abs(k * sigma) for e in errors for k, sigma in zip(e.factors, e.sigmas, strict=True)]
    unit: Any = np.zeros(())
    for size in sizes:
        unit = np.maximum(unit, size)
    unit = np.where(unit == 0, h, unit)
    total: Any = np.zeros(())
    for e in errors:
        total = total + _in_units(e, unit)
    return np.sqrt(np.maximum(total, 0.0)) * (unit / h)  # below 0: places in different binades


def _in_units(e: _Errors, unit: Any) -> Any:
    """The variance of one sum."""
    parts = [k * sigma / unit for k, sigma in zip(e.factors, e.sigmas, strict=True)]
    total = sum(parts, np.zeros(())) ** 2
    for a, b in combinations(range(len(parts)), 2):
        common = np.minimum(e.sigmas[a], e.sigmas[b])
        shared = (e.factors[a] * common / unit) * (e.factors[b] * common / unit)
        total = total + 2 * (shared - parts[a] * parts[b]) - 2 * shared * e.dissimilarity(a, b)
    return total


def _sigma(node: Node, grains: Mapping[int, Any], unit: Floats) -> Any:
    """rms of one rounding: variance u²/12 (1 + 2 (g/u)²) where the exact result is a multiple of g < u, 0 where g ≥ u.

    Sums and products of floats are such multiples; errors are then whole multiples of g within ± u/2.
    """
    if node.function not in ("add", "sub", "mul"):
        return np.maximum(unit * ONE, LEAST)
    return _of_multiples(_product_or_least(node, grains), unit)


def _of_multiples(grain: Any, unit: Any) -> Any:
    part = np.minimum(grain / unit, 1.0)
    return np.where(part < 1, np.maximum(unit * np.sqrt(1 / 12 + part**2 / 6), LEAST), 0.0)


def _product_or_least(node: Node, grains: Mapping[int, Any]) -> Any:
    """Of what the exact result of a product, or of a sum, of multiples is a multiple."""
    own = np.broadcast_arrays(*(grains[a.index] for a in node.arguments))
    return np.prod(own, axis=0) if node.function == "mul" else np.min(own, axis=0)


def _grain(node: Node, value: Any, grains: Mapping[int, Any], dtype: str) -> Any:
    """A power of two of which the float is a multiple: of a number its last bit, of what is exact that of its
    argument, of sums and products the exact result's where it is coarser than the spacing of floats there."""
    if node.function in ("neg", "abs", "relu"):
        return grains[node.arguments[0].index]
    if node.function in ("add", "sub", "mul"):
        return np.maximum(_product_or_least(node, grains), spacing(value, dtype))
    if node.function != NUMBER:
        return spacing(value, dtype)
    mantissa, denominator = float(np.asarray(float(value)).astype(dtype)).as_integer_ratio()
    return math.inf if mantissa == 0 else (mantissa & -mantissa) / denominator


def _of_operation(
    formula: Formula, places: Mapping[Fraction, _Place], steps: Mapping[Fraction, Any], number: int, chance: bool
) -> _Errors:
    """Σ c w ε, ε the error of this operation at each place.

    How far its values at two places are apart: the mean of its rates there times the way, right up to the third order.
    """
    names = list(formula.weights)
    mine = [places[s] for s in names]

    def dissimilarity(a: int, b: int) -> Any:
        finest = np.minimum(mine[a].spacings[number], mine[b].spacings[number])
        rate = (mine[a].rates[number] + mine[b].rates[number]) / 2
        return _dissimilarity(rate / finest * (steps[names[b]] - steps[names[a]]), chance)

    factors = [float(formula.weights[s]) * places[s].weights[number] for s in names]
    return _Errors(factors, [place.sigmas[number] for place in mine], dissimilarity)


def _dissimilarity(apart: Any, chance: bool) -> Any:
    """1 − correlation of the roundings of two values that lie this many spacings apart, the finer of two spacings."""
    steps = np.abs(apart)
    near = np.where(steps < NEAR, steps, 0.0)
    theta = near - np.floor(near)
    alike = 6 * theta * (1 - theta)
    if chance:
        return np.where(steps < NEAR, alike, 1.0)
    return np.where(steps < 0.5, np.minimum(alike, 1.0), 1.0)


def _of_moves(
    formula: Formula, places: Mapping[Fraction, _Place], x: Floats, h: Floats, dtype: str, found: Mapping[Fraction, Any]
) -> _Errors:
    """Σ c f'(x + s h) δ, δ the error of x + s h, as if its rounding were random; none where the sum is exact, and none
    where it is x itself: then δ = −s h is known.

    Where x is on the grid of both sums, x + s h and x − s h are rounded by opposite errors: where the central quotient
    loses the even terms of the truncation, these stay. Where it is h that is on it, h > |x|, the errors are the same.
    On a grid twice as fine or finer the error goes with −1/2 of that.
    """
    names = list(formula.weights)
    units = [spacing(x + float(s) * h, dtype) for s in names]
    sigmas = []
    for s, unit in zip(names, units, strict=True):
        rounded = (_missing(x, float(s) * h, dtype) != 0) & (found[s] != 0)
        exact = np.minimum(np.minimum(spacing(x, dtype), spacing(float(s) * h, dtype)) / unit, 0.5)  # their share
        sigmas.append(_of_multiples(exact * unit, unit) / np.sqrt(1 - exact) * rounded)

    def dissimilarity(a: int, b: int) -> Any:
        if names[a] != -names[b]:
            return 1.0
        sign = np.where(h * abs(float(names[a])) > abs(x), 1.0, -1.0)
        return 1 - sign * np.where(units[a] == units[b], 1.0, -0.5)

    return _Errors([float(formula.weights[s]) * places[s].slope for s in names], sigmas, dissimilarity)


def moves(formula: Formula, x: Any, h: Any, dtype: str) -> dict[Fraction, Floats]:
    """{s: the step from x to what x + s h is rounded to}: s h itself where the sum is exact."""
    x, h = np.broadcast_arrays(np.asarray(x, float), np.asarray(h, float))
    with np.errstate(all="ignore"):
        return {s: _taken(x, float(s) * h, dtype) for s in formula.weights}


def _taken(x: Floats, move: Floats, dtype: str) -> Floats:
    """The step (x + move) − x that is taken where x + move is rounded to the dtype: exact, but for float64's rounding
    where x lies on a finer grid than the step."""
    return np.asarray(move.astype(dtype).astype(np.float64) - _missing(x, move, dtype))


def _missing(x: Floats, move: Floats, dtype: str) -> Floats:
    """x + move less what it is rounded to, exactly (TwoSum: Knuth)."""
    a, b = x.astype(dtype), move.astype(dtype)
    total = a + b
    part = total - a
    missing = (a - (total - part)) + (b - part)
    return np.asarray(missing.astype(np.float64))


def _of_subtractions(formula: Formula, places: Mapping[Fraction, _Place], dtype: str) -> list[_Errors]:
    """Of the differences f(x + a h) − f(x + b h): exact where the values are near each other, else rounded."""
    found = []
    for a, b, over, factor in DIFFERENCES[formula.name]:
        up, down = places[a], places[b]
        sigma = _of_multiples(np.minimum(up.grain, down.grain), spacing(up.value - down.value, dtype))
        found.append(_Errors([over * factor], [sigma], _independent))
    return found


def _of_divisions(formula: Formula, places: Mapping[Fraction, _Place], h: Floats, dtype: str) -> Any:
    """rms of the roundings after the differences: divisions by h, exact for a power of two, and, for Richardson, those
    of 4 C(h/2) − C(h), where C is a central quotient, and of its third."""
    total: Any = np.zeros(())
    combined: Any = 0.0
    inexact = np.frexp(h)[0] != 0.5
    for a, b, over, factor in DIFFERENCES[formula.name]:
        quotient = (places[a].value - places[b].value) * over / h
        combined = combined + factor * quotient
        total = np.hypot(total, factor * spacing(quotient, dtype) * ONE * (inexact & (quotient != 0)))
    if formula.name == "richardson":
        total = np.hypot(
            total, np.hypot(spacing(3 * combined, dtype) / 3, spacing(combined, dtype)) * ONE * (combined != 0)
        )
    return total


HALF, WHOLE = Fraction(1, 2), Fraction(1)
DIFFERENCES = {  # {formula: (a, b, w, q), ...}: the quotient is Σ q w (f(x + a h) − f(x + b h)) / h
    "forward": ((WHOLE, Fraction(0), 1.0, 1.0),),
    "backward": ((Fraction(0), -WHOLE, 1.0, 1.0),),
    "central": ((WHOLE, -WHOLE, 0.5, 1.0),),
    "richardson": ((HALF, -HALF, 1.0, 4 / 3), (WHOLE, -WHOLE, 0.5, -1 / 3)),
}

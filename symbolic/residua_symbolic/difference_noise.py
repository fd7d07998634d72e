"""What rounding is expected to do to difference quotients: a model of it, operation by operation.

Every operation rounds its exact result to nearest, by an error that is uniform in ± half a spacing (`rounding_variance`
in difference_formulas); errors of one operation at two places go together as far as its values there are few spacings
apart; errors of different operations are independent. What is exact (signs, maxima, powers of two) has no error.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
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
EXACT = ("neg", "abs", "sign", "relu", "step", "pi", "e")


def spacing(values: Any, dtype: str) -> Floats:
    """The distance of floats of `dtype` around the values, which need not be of that dtype."""
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
        place = self._place(values, dtype, 0.0)
        total = sum((w**2 * v for w, v in zip(place.weights, place.variances, strict=True)), np.zeros(()))
        return np.asarray(np.sqrt(total + 0 * values[self._variable]))

    def of_quotient(
        self, formula: Formula, values: Mapping[str, Any], h: Any, dtype: str, taken: bool = False, grain: float = 0.0
    ) -> Floats:
        """Root mean square rounding error of the quotient at steps h, which broadcast against the points.

        Three parts: rounding of y, of x + s h where it is not exact, of the quotient's own operations. `taken`: at the
        places that x + s h is rounded to, without the second part (see `moves`). `grain`: a power of two of which all
        points are multiples, where they are on a coarser grid than floats, so that more operations are exact.
        """
        x, h = np.broadcast_arrays(np.asarray(values[self._variable], float), np.asarray(h, float))
        slope, *rates = self._evaluated([self._slope, *self._rates], {**values, self._variable: x})
        steps = moves(formula, x, h, dtype) if taken else {s: float(s) * h for s in formula.weights}
        finest = np.minimum(grain, min(abs(float(s)) for s in formula.weights if s) * h)
        places = [self._place({**values, self._variable: x + step}, dtype, finest) for step in steps.values()]
        variance: Any = np.zeros(np.shape(h))
        for number, rate in enumerate(rates):
            variance = variance + _of_operation(formula, places, number, [rate * step for step in steps.values()])
        if not taken:
            variance = variance + slope**2 * _of_moves(formula, x, h, dtype)
        own = _own(formula) * spacing(slope, dtype) ** 2 / 12
        return np.asarray(np.sqrt(np.maximum(variance, 0.0) / h**2 + own))  # below 0: places in different binades

    def _place(self, values: Mapping[str, Any], dtype: str, grain: Any) -> "_Place":
        found = self._evaluated([*self._order, *self._weights], values)
        grains = {}
        for node, value in zip(self._order, found, strict=False):
            coarser = grain if node.function == VARIABLE and node.value == self._variable else 0.0
            grains[node.index] = np.maximum(_grain(node, value, dtype), coarser)
        at = dict(zip((node.index for node in self._order), found, strict=False))
        spacings = [spacing(at[node.index], dtype) for node in self.operations]
        variances = [_variance(node, grains, u) for node, u in zip(self.operations, spacings, strict=True)]
        return _Place(found[len(self._order) :], spacings, variances)

    def _evaluated(self, nodes: Sequence[Node], values: Mapping[str, Any]) -> list[Any]:
        with np.errstate(all="ignore"):  # beyond the domain of y, where no quotient is formed
            return evaluate(nodes, values, self._domain)


@dataclass(frozen=True)
class _Place:
    """For every operation at one place: its weight in y, the spacing of floats at its value, its error's variance."""

    weights: Sequence[Any]
    spacings: Sequence[Floats]
    variances: Sequence[Any]


def _variance(node: Node, grains: Mapping[int, Any], unit: Floats) -> Any:
    """u²/12 (1 + 2 (g/u)²) where the exact result is a multiple of g < u, 0 where g ≥ u: then it is a float.

    Sums and products of floats are such multiples; errors are then whole multiples of g within ± u/2.
    """
    if node.function not in ("add", "sub", "mul"):
        return unit**2 / 12
    own = np.broadcast_arrays(*(grains[a.index] for a in node.arguments))
    grain = np.prod(own, axis=0) if node.function == "mul" else np.min(own, axis=0)
    return np.where(grain < unit, unit**2 / 12 + grain**2 / 6, 0.0)


def _grain(node: Node, value: Any, dtype: str) -> Any:
    """A power of two of which the value is a multiple: of a number its last bit, else the spacing of floats there."""
    if node.function != NUMBER:
        return spacing(value, dtype)
    mantissa, denominator = float(np.asarray(float(value)).astype(dtype)).as_integer_ratio()
    return math.inf if mantissa == 0 else (mantissa & -mantissa) / denominator


def _of_operation(formula: Formula, places: Sequence[_Place], number: int, moves: Sequence[Any]) -> Any:
    """Σ_ab c_a c_b w_a w_b cov(ε_a, ε_b), ε the error of this operation; moves: how far its value is from that at x."""
    terms = [
        (move, float(c) * place.weights[number], place.spacings[number], place.variances[number])
        for c, place, move in zip(formula.weights.values(), places, moves, strict=True)
    ]
    total: Any = 0.0
    for k, (move, weight, unit, variance) in enumerate(terms):
        total = total + weight**2 * variance
        for move2, weight2, unit2, variance2 in terms[k + 1 :]:
            finest = np.minimum(unit, unit2)
            size = np.minimum(variance, variance2)
            total = total + 2 * weight * weight2 * size * _correlation(move2 - move, finest)
    return total


def _correlation(apart: Any, finest: Floats) -> Any:
    """Of the roundings of two values that lie this far apart; the finer of two spacings decides."""
    steps = np.abs(apart) / finest
    theta = steps - np.floor(steps)
    return np.where(steps < NEAR, 1 - 6 * theta * (1 - theta), 0.0)


def _of_moves(formula: Formula, x: Floats, h: Floats, dtype: str) -> Any:
    """Variance of Σ c δ, δ the error of x + s h, as if its rounding were random; none where the sums are exact.

    x is a float, so that x + s h and x − s h are rounded by opposite errors: where the central quotient loses the even
    terms of the truncation, these stay.
    """
    found = moves(formula, x, h, dtype)
    units = {s: spacing(x + float(s) * h, dtype) * (found[s] != float(s) * h) for s in formula.weights}
    total: Any = 0.0
    for s, c in formula.weights.items():
        total = total + (float(c) * units[s]) ** 2 / 12
        if s > 0 and -s in units:
            total = total - 2 * float(c * formula.weights[-s]) * np.minimum(units[s], units[-s]) ** 2 / 12
    return total


def moves(formula: Formula, x: Any, h: Any, dtype: str) -> dict[Fraction, Floats]:
    """{s: the step from x to what x + s h is rounded to}: s h itself where the sum is exact."""
    x, h = np.broadcast_arrays(np.asarray(x, float), np.asarray(h, float))
    return {s: _taken(x, float(s) * h, dtype) for s in formula.weights}


def _taken(x: Floats, move: Floats, dtype: str) -> Floats:
    """The step (x + move) − x that is taken where x + move is rounded to the dtype, itself exact (Sterbenz, TwoSum)."""
    a, b = x.astype(dtype), move.astype(dtype)
    total = a + b
    part = total - a
    missing = (a - (total - part)) + (b - part)
    return np.asarray(b.astype(np.float64) - missing.astype(np.float64))


def _own(formula: Formula) -> float:
    """Roundings of the quotient's own operations, each about one spacing of the derivative: its last division, and for
    Richardson those of 4 C(h/2) − C(h), where C is a central quotient."""
    if formula.name != "richardson":
        return 1.0
    return float(Fraction(16, 9) + Fraction(1, 9) + 2)  # both quotients, the difference, the division by 3

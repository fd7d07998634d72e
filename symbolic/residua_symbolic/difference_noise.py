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
        place = self._place(values, dtype)
        total = sum((w**2 * v for w, v in zip(place.weights, place.variances, strict=True)), np.zeros(()))
        return np.asarray(np.sqrt(total + 0 * values[self._variable]))

    def of_quotient(self, formula: Formula, values: Mapping[str, Any], h: Any, dtype: str) -> Floats:
        """Root mean square rounding error of the quotient at steps h, which broadcast against the points.

        Three parts: rounding of y, of x + s h where it is not exact, of the quotient's own operations.
        """
        x, h = np.broadcast_arrays(np.asarray(values[self._variable], float), np.asarray(h, float))
        slope, *rates = self._evaluated([self._slope, *self._rates], {**values, self._variable: x})
        variance: Any = np.zeros(np.shape(h))
        moved = {s: x + float(s) * h for s in formula.weights}
        places = [self._place({**values, self._variable: at}, dtype) for at in moved.values()]
        for number, rate in enumerate(rates):
            variance = variance + _of_operation(formula, places, number, rate * h)
        for s, c in formula.weights.items():
            rounded = ~_exact(x, float(s) * h, dtype)
            variance = variance + (float(c) * slope * spacing(moved[s], dtype)) ** 2 / 12 * rounded
        own = _own(formula) * spacing(slope, dtype) ** 2 / 12
        return np.asarray(np.sqrt(variance / h**2 + own))

    def _place(self, values: Mapping[str, Any], dtype: str) -> "_Place":
        found = self._evaluated([*self._order, *self._weights], values)
        at = dict(zip((node.index for node in self._order), found, strict=False))
        spacings = [spacing(at[node.index], dtype) for node in self.operations]
        variances = [_variance(node, at, u, dtype) for node, u in zip(self.operations, spacings, strict=True)]
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


def _variance(node: Node, values: Mapping[int, Any], unit: Floats, dtype: str) -> Any:
    """u²/12 (1 + 2 (g/u)²) where the exact result is a multiple of g < u, 0 where g ≥ u: then it is a float.

    Sums and products of floats are such multiples; errors are then the 2 u/g whole multiples of g within ± u/2.
    """
    grains = [_grain(a, values, dtype) for a in node.arguments] if node.function in ("add", "sub", "mul") else []
    if not grains:
        return unit**2 / 12
    grain = np.minimum.reduce(np.broadcast_arrays(*grains)) if node.function != "mul" else math.prod(grains)
    return np.where(grain < unit, unit**2 / 12 + grain**2 / 6, 0.0)


def _grain(node: Node, values: Mapping[int, Any], dtype: str) -> Any:
    """A power of two of which the value is a multiple: of a number its last bit, else the spacing of floats there."""
    if node.function != NUMBER:
        return spacing(values[node.index], dtype)
    mantissa, denominator = float(np.asarray(float(values[node.index])).astype(dtype)).as_integer_ratio()
    return math.inf if mantissa == 0 else (mantissa & -mantissa) / denominator


def _of_operation(formula: Formula, places: Sequence[_Place], number: int, rate: Any) -> Any:
    """Σ_ab c_a c_b w_a w_b cov(ε_a, ε_b), ε the error of this operation at two places."""
    terms = [
        (s, float(c) * place.weights[number], place.spacings[number], place.variances[number])
        for (s, c), place in zip(formula.weights.items(), places, strict=True)
    ]
    total: Any = 0.0
    for k, (s, weight, unit, variance) in enumerate(terms):
        total = total + weight**2 * variance
        for s2, weight2, unit2, variance2 in terms[k + 1 :]:
            finest = np.minimum(unit, unit2)
            size = np.minimum(variance, variance2)
            total = total + 2 * weight * weight2 * size * _correlation(rate * float(s2 - s), finest)
    return total


def _correlation(apart: Any, finest: Floats) -> Any:
    """Of the roundings of two values that lie this far apart; the finer of two spacings decides."""
    steps = np.abs(apart) / finest
    theta = steps - np.floor(steps)
    return np.where(steps < NEAR, 1 - 6 * theta * (1 - theta), 0.0)


def _exact(x: Floats, move: Floats, dtype: str) -> NDArray[np.bool_]:
    """Whether x + move is exact in the dtype (both of that dtype): TwoSum leaves nothing."""
    a, b = x.astype(dtype), move.astype(dtype)
    total = a + b
    part = total - a
    return np.asarray((a - (total - part)) + (b - part) == 0)


def _own(formula: Formula) -> float:
    """Roundings of the quotient's own operations, each about one spacing of the derivative: its last division, and for
    Richardson those of 4 C(h/2) − C(h), where C is a central quotient."""
    if formula.name != "richardson":
        return 1.0
    return float(Fraction(16, 9) + Fraction(1, 9) + 2)  # both quotients, the difference, the division by 3

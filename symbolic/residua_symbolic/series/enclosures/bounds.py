"""Bounds of the derivatives of elementary functions on an interval: balls that contain φ⁽ᵏ⁾(ξ)/k! for every ξ in X.

Each comes from a formula that is proved, none from samples; what is proved by machine and what by argument is said by
`bound_derivations` (`bound_proofs.py`). X is a ball, wide as a rule; a function that has no bounded derivative on all
of X gives a ball that is not finite.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint

Ball = Any
UNBOUNDED = flint.arb(0, flint.arb.pos_inf())
BETWEEN = flint.arb(0, 1)  # contains [−1, 1]
EDGE = 2.0**-24  # radii have 30 bits: so far, relatively, a ball that should end at 0 may reach below it
POLES = 4  # pairs of poles of tanh that are summed one by one; the others in one integral
CRAMER = Fraction(10865, 10000)  # |H_n(x)| <= K 2^(n/2) √(n!) exp(x²/2); Abramowitz, Stegun 1964, 22.14.17


def derivative(name: str, over: Ball, order: int) -> Ball:
    """A ball with φ⁽ᵏ⁾(ξ)/k! for all ξ in `over`, k = order >= 1; infinite where it has no bound."""
    return _finite(BOUNDS[name](over, order)) if over.is_finite() else UNBOUNDED


def power_derivative(exponent: Any, over: Ball, order: int) -> Ball:
    """The same of x^a, by binomial(a, k) x^(a−k), which is monotone for x > 0."""
    binomial = flint.arb(1)
    for j in range(order):
        binomial = binomial * (exponent - j) / (j + 1)
    return _finite(binomial * _powers(over, exponent - order))


def values(name: str, over: Ball) -> Ball:
    """A ball with φ(ξ) for all ξ in `over`."""
    if not over.is_finite():
        return UNBOUNDED  # also of a bounded function: its argument may not exist
    if name in MONOTONE:
        return _finite(_ends(VALUES[name], over))
    return _finite(VALUES[name](over))


def power_values(exponent: Any, over: Ball) -> Ball:
    """A ball with ξ^a for all ξ in `over`."""
    return _finite(_powers(over, exponent))


def whole_power(x: Any, exponent: int) -> Any:
    """x^k, k >= 0, by squaring: flint's own power of a ball around 0 goes through the logarithm."""
    result = None
    while exponent:
        if exponent & 1:
            result = x if result is None else result * x
        exponent >>= 1
        if exponent:
            x = x * x
    return flint.arb(1) if result is None else result


def _finite(ball: Ball) -> Ball:
    return ball if ball.is_finite() else UNBOUNDED


def _ends(function: Callable[[Ball], Ball], over: Ball) -> Ball:
    """The range of a monotone function."""
    return function(over.lower()).union(function(over.upper()))


def _powers(over: Ball, exponent: Any) -> Ball:
    """x^b for those x in `over` for which it exists; what is certain to begin at 0 or above may round to below."""
    b = flint.arb(exponent)
    if over > 0:
        return _ends(lambda x: x**b, over)
    if not over.is_finite() or not exponent > 0 or over.lower() < -over.upper() * EDGE:
        return UNBOUNDED
    return flint.arb(0).union(over.upper() ** b)


def _square(over: Ball) -> Ball:
    """The least x² in `over`."""
    least = over.abs_lower()
    return least * least


def exponential(over: Ball, k: int) -> Ball:
    """exp(ξ)/k!."""
    return _ends(lambda x: x.exp(), over) / flint.arb.fac_ui(k)


def sine(over: Ball, k: int) -> Ball:
    """±sin or ±cos, over k!."""
    return (over.sin() if k % 2 == 0 else over.cos()) * (1 if k % 4 < 2 else -1) / flint.arb.fac_ui(k)


def hyperbolic_sine(over: Ball, k: int) -> Ball:
    """sinh or cosh, over k!."""
    return (over.sinh() if k % 2 == 0 else over.cosh()) / flint.arb.fac_ui(k)


def logarithm(over: Ball, k: int) -> Ball:
    """(−1)^(k−1)/(k ξ^k)."""
    return _powers(over, -k) * (1 if k % 2 else -1) / k


def arc_tangent(over: Ball, k: int) -> Ball:
    """|atan⁽ᵏ⁾(x)|/k! = |Im (x + i)^(−k)|/k <= (1 + x²)^(−k/2)/k."""
    return BETWEEN * (1 + _square(over)) ** (flint.arb(-k) / 2) / k


def error_function(over: Ball, k: int) -> Ball:
    """erf⁽ᵏ⁾(x) = ±(2/√π) H_{k−1}(x) exp(−x²), and Cramér's inequality for the Hermite polynomial."""
    hermite = (
        flint.arb(CRAMER.numerator) / CRAMER.denominator * (flint.arb(2) ** (k - 1) * flint.arb.fac_ui(k - 1)).sqrt()
    )
    decay = (-_square(over) / 2).exp()
    return BETWEEN * 2 / flint.arb.pi().sqrt() * hermite * decay / flint.arb.fac_ui(k)


def hyperbolic_tangent(over: Ball, k: int) -> Ball:
    """tanh z = Σ 1/(z − p) over the poles p = iπ(j + ½): |tanh⁽ᵏ⁾(x)|/k! <= 2 Σ_{j>=0} (x² + π²(j + ½)²)^(−(k+1)/2).

    The terms fall with j, so those from J on are at most ∫ (x² + π²s²)^(−(k+1)/2) ds from s = J − ½, which is at most
    (x² + π²s²)^(−(k−1)/2) / (π² s) there.
    """
    square, pi = _square(over), flint.arb.pi()
    power = flint.arb(-(k + 1)) / 2
    terms = [(square + (pi * (2 * j + 1) / 2) ** 2) ** power for j in range(POLES)]
    first = pi * (2 * POLES - 1) / 2
    tail = (square + first * first) ** (flint.arb(1 - k) / 2) / (pi * first)
    return BETWEEN * 2 * (sum(terms, flint.arb(0)) + tail)


def logistic(over: Ball, k: int) -> Ball:
    """sigmoid(x) = (1 + tanh(x/2))/2."""
    return hyperbolic_tangent(over / 2, k) / flint.arb(2) ** (k + 1)


def soft_plus(over: Ball, k: int) -> Ball:
    """softplus' = sigmoid."""
    return (values("sigmoid", over) if k == 1 else logistic(over, k - 1)) / k


def tangent(over: Ball, k: int) -> Ball:
    """tan z = −Σ 1/(z − p) over the poles p = π(j + ½): on either side Σ_{j>=0} (d + πj)^(−(k+1)), d the distance of
    the nearest, at most d^(−(k+1)) + d^(−k)/(π k)."""
    pi = flint.arb.pi()
    which = (over.mid() / pi - flint.arb(0.5)).floor().unique_fmpz()
    if which is None:  # the middle cannot be told from a pole
        return UNBOUNDED
    below = pi * (2 * which + 1) / 2
    left, right = (over - below).lower(), (below + pi - over).lower()
    if not (left > 0 and right > 0):
        return UNBOUNDED
    return BETWEEN * sum((d ** -(k + 1) + d**-k / (pi * k) for d in (left, right)), flint.arb(0))


def _sigmoid(x: Ball) -> Ball:
    return 1 / (1 + (-x).exp())


BOUNDS: dict[str, Callable[[Ball, int], Ball]] = {
    "exp": exponential,
    "log": logarithm,
    "sin": sine,
    "cos": lambda over, k: sine(over, k + 1) * (k + 1),
    "tan": tangent,
    "sinh": hyperbolic_sine,
    "cosh": lambda over, k: hyperbolic_sine(over, k + 1) * (k + 1),
    "tanh": hyperbolic_tangent,
    "atan": arc_tangent,
    "erf": error_function,
    "sigmoid": logistic,
    "softplus": soft_plus,
}
VALUES: dict[str, Callable[[Ball], Ball]] = {
    "exp": lambda x: x.exp(),
    "log": lambda x: x.log(),
    "sin": lambda x: x.sin(),
    "cos": lambda x: x.cos(),
    "tan": lambda x: x.tan(),
    "sinh": lambda x: x.sinh(),
    "cosh": lambda x: x.cosh(),
    "tanh": lambda x: x.tanh(),
    "atan": lambda x: x.atan(),
    "erf": lambda x: x.erf(),
    "sigmoid": _sigmoid,
    "softplus": lambda x: (1 + x.exp()).log(),
}
MONOTONE = frozenset(("exp", "log", "sinh", "tanh", "atan", "erf", "sigmoid", "softplus"))

"""Which activations can approximate everything: not the polynomials, and each of the others that are built here."""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.expressions.given import given
from residua_symbolic.functions import ACTIVATIONS
from residua_symbolic.identities import same
from residua_symbolic.series.approximation.minimax import best_in_supremum
from residua_symbolic.series.enclosures.bound_proofs import Bound, BoundDerivation
from residua_symbolic.universal.units import Units

x, w, b, v = sp.symbols("x w b v", real=True)
epsilon = sp.Symbol("epsilon", positive=True)
k, m, j = sp.symbols("k m j", integer=True, nonnegative=True)
M = sp.Symbol("M", positive=True)
g, phi, d = sp.Function("g"), sp.Function("phi"), sp.Function("d")
POLYNOMIAL = "Polynomial activations stay polynomial"
MONOMIALS = "Every power of x from one smooth activation"
DEGREES = {"identity": 1, "square": 2, "cube": 3}
SMOOTH = ("tanh", "sigmoid", "gelu", "silu", "softplus", "sin")
CHECKED = 12
AT = flint.fmpq(1, 2)  # a bias at which none of the derivatives below vanishes


def polynomial_law() -> Derivation:
    """One hidden layer of any width with φ a polynomial of degree d is a polynomial of degree d at most."""
    steps = tuple(
        Step(
            f"{name}: derivative {degree + 1} of a unit",
            sp.Derivative(v * _unit(name), (x, degree + 1)),
            sp.Integer(0),
            "whatever its weights; so of any sum of them, however many",
            (Proof("differentiated, v, w and b free", _vanishes(name, degree)),),
        )
        for name, degree in DEGREES.items()
    )
    top = sp.Derivative(g(x), (x, sp.Symbol("d", integer=True) + 1))
    last = Step("any width", top, sp.Integer(0), "g = b_0 + Σ v φ(w x + b): its degree is at most that of φ")
    assumptions = (
        "one hidden layer; d is the degree of φ",
        "so sup |f − g| is at least the error of the best polynomial of degree d",
    )
    return Derivation(POLYNOMIAL, top, sp.Integer(0), assumptions, (*steps, last))


def _unit(name: str) -> sp.Expr:
    return ACTIVATIONS[name](w * x + b)


def _vanishes(name: str, degree: int) -> Callable[[sp.Expr], bool]:
    return lambda right: sp.expand(sp.diff(v * _unit(name), x, degree + 1) - right) == 0


def floor(expression: str, lower: sp.Expr, upper: sp.Expr, degree: int) -> float:
    """No polynomial of this degree comes nearer in the supremum: certified, rounded down."""
    best = best_in_supremum(given(expression), "x", degree, lower, upper)
    found = float(best.lower.lower())
    return found if flint.arb(found) <= best.lower.lower() else float(sp.Float(found) * (1 - 2.0**-50))


def monomial_law() -> Derivation:
    """Σ_j (−1)^(k−j) C(k, j) φ(jεx + b)/(ε^k φ^(k)(b)) → x^k as ε → 0: k + 1 units for a power, where φ^(k)(b) ≠ 0."""
    weight = (-1) ** (k - j) * sp.binomial(k, j)
    size = M * epsilon * sp.Abs(x) ** (k + 1) / sp.factorial(k + 1)
    steps = (
        Step(
            "differences of lower powers",
            sp.Sum(weight * j**m, (j, 0, k)),
            sp.Integer(0),
            "m < k",
            (Proof(f"summed exactly, k ≤ {CHECKED}, every m < k", _lower),),
        ),
        Step(
            "of the power itself",
            sp.Sum(weight * j**k, (j, 0, k)),
            sp.factorial(k),
            "m = k",
            (Proof(f"summed exactly, k ≤ {CHECKED}", _itself),),
        ),
        Step(
            "so the sum begins",
            d(k, x),
            x**k,
            "Taylor's terms of φ(jεx + b) with m < k cancel, that with m = k is left, divided by ε^k φ^(k)(b)",
            (Proof(f"formal series with free coefficients, k ≤ {CHECKED // 2}", _begins),),
        ),
        Bound(
            "and ends",
            sp.Abs(d(k, x) - x**k),
            size * sp.Sum(sp.binomial(k, j) * j ** (k + 1), (j, 0, k)),
            "Taylor's remainder of each unit; M = sup |φ^(k+1)| over |φ^(k)(b)|",
        ),
    )
    assumptions = (
        "φ^(k)(b) ≠ 0, φ^(k+1) bounded where it is taken",
        "for a φ that is no polynomial there is such a b for every k (Leshno et al. 1993; Pinkus 1999, "
        "proposition 3.4)",
        "polynomials are near every continuous function on a closed interval (Weierstrass)",
    )
    return BoundDerivation(MONOMIALS, sp.Abs(d(k, x) - x**k), size, assumptions, steps)


def _difference(order: int, power: int) -> sp.Integer:
    return sum(
        (sp.Integer((-1) ** (order - n)) * sp.binomial(order, n) * sp.Integer(n) ** power for n in range(order + 1)),
        sp.Integer(0),
    )


def _lower(right: sp.Expr) -> bool:
    return all(_difference(order, power) == right for order in range(1, CHECKED + 1) for power in range(order))


def _itself(right: sp.Expr) -> bool:
    return all(_difference(order, order) == right.subs(k, order) for order in range(CHECKED + 1))


def _begins(right: sp.Expr) -> bool:
    a = sp.IndexedBase("a")  # φ^(m)(b)/m!
    for order in range(CHECKED // 2 + 1):
        total = sum(
            (
                sp.Integer((-1) ** (order - n))
                * sp.binomial(order, n)
                * sum((a[p] * (n * epsilon * x) ** p for p in range(order + 2)), sp.Integer(0))
                for n in range(order + 1)
            ),
            sp.Integer(0),
        )
        scaled = sp.expand(total / (epsilon**order * sp.factorial(order) * a[order]))
        if not same(scaled.subs(epsilon, 0) if scaled.has(epsilon) else scaled, right.subs(k, order)):
            return False
    return True


def derivatives(name: str, order: int) -> list[Any]:
    """φ^(k)(b)/k! at b = 1/2 for k = 0, …, order, as balls."""
    with balls.precision(256, order + 1):
        series = balls.FUNCTIONS[name](flint.arb_series([flint.arb(AT), 1], order + 1))
        return [series[n] for n in range(order + 1)]


def free_orders(name: str, order: int) -> tuple[int, ...]:
    """The k up to `order` for which the derivative at b = 1/2 is certainly not 0."""
    return tuple(n for n, value in enumerate(derivatives(name, order)) if value > 0 or value < 0)


@dataclass(frozen=True, eq=False)
class Power:
    """k + 1 units that are near x^k on [−1, 1], and the bound of how near, from Taylor's remainder."""

    units: Units
    bound: float


def power_units(name: str, order: int, step: float) -> Power:
    """Σ_j (−1)^(k−j) C(k, j) φ(jεx + b)/(ε^k φ^(k)(b)) with b = 1/2, ε = `step`, a power of two.

    The bound is evaluated in balls: the derivative k + 1 over all arguments that occur, and the rounding of weights.
    """
    with balls.precision(256, order + 2):
        apply, at, epsilon = balls.FUNCTIONS[name], flint.arb(AT), flint.arb(step)
        scale = epsilon**order * apply(flint.arb_series([at, 1], order + 1))[order] * flint.arb.fac_ui(order)
        exact = [(-1) ** (order - n) * flint.arb(comb(order, n)) / scale for n in range(order + 1)]
        factors = [float(v.mid()) for v in exact]
        bound = flint.arb(0)
        for n, v in enumerate(exact):
            over = flint.arb(at, (n * epsilon).upper())
            last = abs(apply(flint.arb_series([over, 1], order + 2))[order + 1])
            size = abs(apply(flint.arb_series([over, 1], 1))[0])
            bound += abs(v) * (n * epsilon) ** (order + 1) * last + abs(v - flint.arb(factors[n])) * size
    slopes = np.array([n * step for n in range(order + 1)])
    units = Units(name, slopes, np.full(order + 1, float(AT.p) / float(AT.q)), np.array(factors), 0.0)
    return Power(units, float(np.nextafter(float(bound.upper()), np.inf)))

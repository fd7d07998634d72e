"""Difference quotients as weights, what they leave out in every order, and the step at which their error is least.

A quotient is Σ c f(x + s h) / h. Everything here follows from its moments m_k = Σ c s^k and from Σ c².
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import exp, factorial, log
from typing import Any

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.quotients import QUOTIENTS

f = sp.Function("f")
x = sp.Symbol("x", real=True)
h, s, u, t = sp.symbols("h s u t", positive=True)  # step, noise of f, spacing of floats, size of the truncation
k, j = sp.symbols("k j", integer=True, nonnegative=True)
theta, phi, xi = sp.symbols("theta phi xi", real=True)
e_rms, h_best, e_least = sp.Symbol("e"), sp.Symbol("h_*"), sp.Symbol("e_*")
m = sp.IndexedBase("m", real=True)
DEGREE = 9  # of the polynomials with free coefficients that the series are multiplied out for
FIRST_MOMENTS = "m_0 = 0 and m_1 = 1: f(x) drops out, f'(x) is what was wanted"
SEVERAL = 12  # orders in which a closed moment is compared with the sum that it stands for


@dataclass(frozen=True)
class Formula:
    """The quotient Σ c f(x + s h) / h; `weights` is {s: c}."""

    name: str
    weights: Mapping[Fraction, Fraction]

    def moment(self, order: int) -> Fraction:
        """m_k = Σ c s^k: the quotient is Σ m_k h^(k−1) f⁽ᵏ⁾(x) / k!."""
        return sum((c * s**order for s, c in self.weights.items()), Fraction(0))

    def next_order(self, after: int) -> int:
        """The first k > `after` whose moment does not vanish."""
        order = after + 1
        while self.moment(order) == 0:
            order += 1
        return order

    @property
    def accuracy(self) -> int:
        """p: the error is of order h^p."""
        return self.next_order(1) - 1

    @property
    def spread(self) -> Fraction:
        """Σ c²: errors of f with variance s², independent of each other, become s² Σ c² / h² in the quotient."""
        return sum((c**2 for c in self.weights.values()), Fraction(0))


FORMULAS = {
    name: Formula(name, {Fraction(s): c for s, c in QUOTIENTS[name].items()})
    for name in ("forward", "backward", "central")
}
# (4 C(h/2) − C(h)) / 3: central quotients at h and h/2; `quotients` writes the same with 2h and h
FORMULAS["richardson"] = Formula("richardson", {Fraction(s, 2): 2 * c for s, c in QUOTIENTS["richardson"].items()})


def _rational(q: Fraction) -> sp.Rational:
    return sp.Rational(q.numerator, q.denominator)


def quotient(formula: Formula, function: Any = f, at: sp.Expr = x) -> sp.Expr:
    """Σ c function(at + s h) / h."""
    return sp.Add(*(_rational(c) * function(at + _rational(s) * h) for s, c in formula.weights.items())) / h


def closed_moment(formula: Formula) -> sp.Expr:
    """m_k for a symbol k ≥ 1, opposite places put together."""
    if not _is_odd(formula):
        return sp.Add(*(_rational(c) * _power(s) for s, c in formula.weights.items()))
    return (1 - (-1) ** k) * sp.Add(*(_rational(c) * _power(s) for s, c in formula.weights.items() if s > 0))


def _is_odd(formula: Formula) -> bool:
    """Whether weights at opposite places are opposite, so that the even moments vanish."""
    return all(formula.weights.get(-s) == -c for s, c in formula.weights.items())


def truncation_series(name: str) -> Derivation:
    """quotient − f' as a series in h, every order: forward Σ h^(k−1) f⁽ᵏ⁾/k!, central the even powers alone, ..."""
    formula = FORMULAS[name]
    moments, p = closed_moment(formula), formula.accuracy
    error = sp.Function(f"e_{name[0].upper()}")(h)
    series, first = _series(formula, moments), _term(p + 1, formula.moment(p + 1))
    left = sp.Limit(error / h**p, h, 0)
    steps = (
        Step(
            "Taylor series",
            f(x + xi * h),
            sp.Sum(sp.Derivative(f(x), (x, k)) * (xi * h) ** k / sp.factorial(k), (k, 0, sp.oo)),
            "f is analytic around x, and x + ξ h within its radius of convergence; ξ is each place of the quotient",
        ),
        *_moments_stated(formula, moments),
        Step("moments, closed", m[k], moments, "opposite places put together", _moment_proofs(formula)),
        Step("error", error, series, FIRST_MOMENTS, (_multiplied_out(formula),)),
        Step("leading term", left, first / h**p, "the first term that does not vanish", (_is_first(formula),)),
    )  # fmt: skip
    title = f"Truncation of the {name} quotient, in every order"
    return Derivation(title, error, series, ("f is analytic around x", "h is within its radius of convergence"), steps)


def _moments_stated(formula: Formula, closed: sp.Expr) -> tuple[Step, ...]:
    """The definition, where the closed form is another."""
    stated = sp.Add(*(_rational(c) * _power(s) for s, c in formula.weights.items()))
    reason = "definition: the weights times ξ^k, summed; k ≥ 1"
    return () if stated == closed else (Step("moments", m[k], stated, reason),)


def _power(s: Fraction) -> sp.Expr:
    return sp.Integer(0) if s == 0 else _rational(s) ** k if s > 0 else (-1) ** k * _rational(-s) ** k


def _term(order: Any, moment: Any) -> sp.Expr:
    value = _rational(moment) if isinstance(moment, Fraction) else moment
    return value * h ** (order - 1) * sp.Derivative(f(x), (x, order)) / sp.factorial(order)


def _series(formula: Formula, moments: sp.Expr) -> sp.Sum:
    """The sum over k, or over odd k = 2j + 1 alone where the even moments vanish."""
    if _is_odd(formula):
        odd = sp.powsimp(sp.expand(moments.xreplace({(-1) ** k: sp.Integer(-1)})).subs(k, 2 * j + 1))
        return sp.Sum(_term(2 * j + 1, odd), (j, formula.accuracy // 2, sp.oo))
    return sp.Sum(_term(k, moments), (k, 2, sp.oo))


def _moment_proofs(formula: Formula) -> tuple[Proof, ...]:
    def each_parity(right: sp.Expr) -> bool:
        for sign in (1, -1):
            sums = (
                _rational(c) * (sign if s < 0 else 1) * _rational(abs(s)) ** k for s, c in formula.weights.items() if s
            )
            if not same(sp.Add(*sums), right.subs((-1) ** k, sign)):
                return False
        return True

    def numbers(right: sp.Expr) -> bool:
        return all(right.subs(k, order) == _rational(formula.moment(order)) for order in range(1, SEVERAL + 1))

    return (
        Proof("every even and every odd k, as an identity in free generators", each_parity),
        Proof(f"k = 1…{SEVERAL} in exact fractions", numbers),
    )


def _multiplied_out(formula: Formula) -> Proof:
    """For a polynomial of degree 9 with free coefficients the sum ends, and is quotient − f'."""
    a = sp.symbols(f"a_0:{DEGREE + 1}")

    def polynomial(at: sp.Expr) -> sp.Expr:
        return sp.Add(*(c * at**power for power, c in enumerate(a)))

    true = quotient(formula, polynomial) - sp.diff(polynomial(x), x)

    def holds(right: sp.Expr) -> bool:
        ((index, first, _),) = right.limits
        terms = []
        for value in range(int(first), DEGREE + 1):
            term = right.function.subs(index, value)
            (derivative,) = term.atoms(sp.Derivative)
            order = sum(count for _, count in derivative.variable_count)
            terms.append(term.xreplace({derivative: sp.diff(polynomial(x), (x, order))}))
        return same(true, sp.Add(*terms))

    return Proof(f"a polynomial of degree {DEGREE} with free coefficients, multiplied out", holds)


def _is_first(formula: Formula) -> Proof:
    p = formula.accuracy

    def holds(right: sp.Expr) -> bool:
        vanish = all(formula.moment(order) == 0 for order in range(2, p + 1))
        return bool(vanish and formula.moment(0) == 0 and formula.moment(1) == 1) and same(
            right, _term(p + 1, formula.moment(p + 1)) / h**p
        )

    return Proof("the moments before it in exact fractions", holds)


def rounding_variance() -> Derivation:
    """s² = u²/12 of one rounding, and the covariance of two whose exact values are θ spacings apart, modulo 1."""
    covariance = u**2 * (sp.Rational(1, 12) - theta * (1 - theta) / 2)
    halves = ((phi * (phi + theta), (phi, -sp.Rational(1, 2), sp.Rational(1, 2) - theta)),
              (phi * (phi + theta - 1), (phi, sp.Rational(1, 2) - theta, sp.Rational(1, 2))))  # fmt: skip
    integral = u**2 * sp.Add(*(sp.Integral(part, limits) for part, limits in halves))
    pair = sp.Function("c")(theta)
    by = "both integrals carried out"
    steps = (
        Step("one rounding", s**2, u**2 * sp.Integral(phi**2, (phi, -sp.Rational(1, 2), sp.Rational(1, 2))),
             "model: the error of a rounding to nearest is φ u, φ uniform in ±1/2"),
        Step("its variance", s**2, u**2 / 12, "carried out",
             (Proof("the integral carried out",
                    lambda right: same(sp.integrate(u**2 * phi**2, (phi, -sp.S.Half, sp.S.Half)), right)),)),
        Step("two roundings", pair, integral,
             "the second error is that of φ + θ brought back into ±1/2, 0 ≤ θ < 1"),
        Step("their covariance", pair, covariance, "carried out",
             (Proof(by, lambda right: same(integral.doit(), right)),)),
        Step("its mean over θ", sp.Integral(covariance, (theta, 0, 1)), sp.Integer(0),
             "values many spacings apart, by a θ that may be anything, are rounded as if independently",
             (Proof("the integral carried out", lambda right: same(sp.integrate(covariance, (theta, 0, 1)), right)),)),
    )  # fmt: skip
    assumptions = ("rounding is to nearest", "where a value lies between two floats is uniform: φ")
    return Derivation("Rounding of one value and of two", pair, covariance, assumptions, steps)


def least_error(name: str) -> Derivation:
    """e² = t² h^(2p) + s² Σc² / h²: the h at which it is least, and the least; t: |m_(p+1) f⁽ᵖ⁺¹⁾| / (p+1)!."""
    formula = FORMULAS[name]
    p, spread = formula.accuracy, _rational(formula.spread)
    square = t**2 * h ** (2 * p) + spread * s**2 / h**2
    slope = 2 * p * t**2 * h ** (2 * p - 1) - 2 * spread * s**2 / h**3
    best = next(found for found in sp.solve(sp.expand(slope * h**3), h) if found.is_positive)
    least = (1 + sp.Rational(1, p)) * spread * s**2 / h_best**2
    symbol = sp.Symbol(f"e_{name[0].upper()}")
    size = sp.Abs(_term(p + 1, formula.moment(p + 1)).xreplace({h: sp.Integer(1)}))
    bends = sp.expand(sp.diff(square, h, 2))
    steps = (
        Step("size of the truncation", t, size, "leading term at h = 1, as derived above"),
        Step("variance of the rounding", sp.Symbol("r") ** 2, spread * s**2 / h**2, INDEPENDENT, (_squares(formula),)),
        Step("mean square error", symbol**2, square, "truncation is the same for all roundings, rounding has mean 0"),
        Step("slope", sp.Derivative(symbol**2, h), slope, "derivative in h", (_derived(square, 1),)),
        Step("best step", h_best, best, "the slope vanishes", (_zero_of(slope),)),
        Step(
            "it is a minimum",
            sp.Derivative(symbol**2, (h, 2)),
            bends,
            "positive: convex",
            (_convex(square),),
        ),
        Step("least mean square error", e_least**2, least, REMAINS, (_put_in(square, best),)),
    )
    assumptions = (
        "the leading term is the truncation: h is small enough",
        "t and s do not depend on h and are not 0",
        "x + s h is exact for each place s, or the error that its rounding makes is counted in s",
    )
    return Derivation(f"Best step of the {name} quotient", h_best, best, assumptions, steps)


INDEPENDENT = "errors of f at the places of the quotient: independent, of variance s² each"
REMAINS = "the slope's zero put in: t² h^(2p) is the rounding over p"


def _squares(formula: Formula) -> Proof:
    total = sp.Add(*(_rational(c) ** 2 for c in formula.weights.values())) * (s / h) ** 2
    return Proof("the squares of the weights, summed", lambda right: same(total, right))


def _derived(square: sp.Expr, order: int) -> Proof:
    true = sp.diff(square, h, order)
    return Proof("SymPy's derivative, as an identity", lambda right: same(true, right))


def _convex(square: sp.Expr) -> Proof:
    derived = _derived(square, 2)
    return Proof(
        f"{derived.by}; every term has a positive coefficient",
        lambda right: derived.holds(right) and all(part.is_positive for part in sp.Add.make_args(right)),
    )


def _zero_of(slope: sp.Expr) -> Proof:
    return Proof("put into the slope", lambda right: sp.expand(slope * h**3).subs(h, right).expand() == 0)


def _put_in(square: sp.Expr, best: sp.Expr) -> Proof:
    def holds(right: sp.Expr) -> bool:
        left = sp.expand(square.subs(h, best) - right.subs(h_best, best))
        return bool(sp.powdenest(left, force=True).simplify() == 0)

    return Proof("the best step put into both", holds)


def best_step(formula: Formula, size: float, noise: float, order: int | None = None) -> tuple[float, float]:
    """(h, e) by `least_error`, for |truncation| = size · h^p (p: `order`, else the formula's) and noise s of f.

    Neither may depend on h; `difference_best` has the rest. (inf, 0) where the size is zero, (0, 0) where the noise is:
    then a step may be as large, or as small, as one likes. In logarithms, since squares may leave the range of floats.
    """
    p = formula.accuracy if order is None else order
    if not (size > 0 and noise > 0):
        return (float("inf"), 0.0) if not size > 0 else (0.0, 0.0)
    best = exp((log(float(formula.spread) / p) / 2 + log(noise) - log(size)) / (p + 1))
    return best, (1 + 1 / p) ** 0.5 * float(formula.spread) ** 0.5 * (noise / best)


def coefficient(formula: Formula, order: int) -> float:
    """m_k / k!, what multiplies h^(k−1) f⁽ᵏ⁾(x)."""
    return float(formula.moment(order) / factorial(order))

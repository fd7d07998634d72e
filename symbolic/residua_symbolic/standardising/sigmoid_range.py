"""Sigmoid on the range of a standard normal: how far it is from a line, and what is saturated; certified numbers."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import flint
import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.expressions.given import given
from residua_symbolic.functions import sigmoid
from residua_symbolic.identities import same
from residua_symbolic.moments.integrals.gaussian import Moment, certified_expectation
from residua_symbolic.series.approximation.minimax import best_in_supremum
from residua_symbolic.series.approximation.quadrature import constant

WITHIN = "Share of a standard normal within [−t, t]"
TANGENT = "Sigmoid and its tangent at 0"
BENT = "Sigmoid is no line on [0, 3]"
LINEAR_SHARE = "The best line through an activation of a standard normal"
SATURATED = "Share of γ z + β beyond ±t"
t, u, z, beta = sp.symbols("t u z beta", real=True)
x = sp.Symbol("x", real=True)
gamma, E_ = sp.symbols("gamma E", positive=True)
a, c, m0, m1, m2 = sp.symbols("a c m_0 m_1 m_2", real=True)
E, L, phi = sp.Function("E"), sp.Function("L"), sp.Function(r"\varphi")
SHARE = sp.Symbol("R") ** 2
DENSITY = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
BITS = 128
HALVINGS = 60
EDGE = 3  # 003, L72


def within() -> Derivation:
    """P(|z| ≤ t) = erf(t/√2): its derivative is twice the density, and it is 0 at 0."""

    def holds(right: sp.Expr) -> bool:
        slope = sp.simplify(sp.diff(right, t) - 2 * DENSITY.subs(z, t))
        return bool(right.subs(t, 0) == 0 and slope == 0)

    right = sp.erf(t / sp.sqrt(2))
    left = sp.Integral(DENSITY, (z, -t, t))
    step = Step("share", left, right, "t ≥ 0", (Proof("0 at t = 0, and the derivative is both ends' density", holds),))
    return Derivation(WITHIN, left, right, ("z standard normal",), (step,))


def tangent() -> Derivation:
    """(σ(x) − 1/2) / (x/4) = tanh(x/2)/(x/2), which falls from 1 on: the share of the tangent that is left."""
    share = (sigmoid(x) - sp.Rational(1, 2)) / (x / 4)
    steps = (
        Step(
            "slope",
            sp.Derivative(sigmoid(x), x),
            sigmoid(x) * (1 - sigmoid(x)),
            "largest at 0: 1/4",
            (_exponential(sigmoid.definition(x).diff(x)),),
        ),
        Step(
            "over the tangent",
            share,
            sp.tanh(x / 2) / (x / 2),
            "x ≠ 0",
            (_exponential(share.replace(sigmoid, sigmoid.definition)),),
        ),
        Step(
            "it falls",
            sp.Derivative(sp.tanh(u) / u, u),
            (2 * u - sp.sinh(2 * u)) / (2 * u**2 * sp.cosh(u) ** 2),
            "negative for u > 0, as sinh w > w: its derivative cosh w exceeds 1",
            (_exponential(sp.diff(sp.tanh(u) / u, u), u),),
        ),
    )
    return Derivation(TANGENT, share, sp.tanh(x / 2) / (x / 2), ("x ≠ 0",), steps)


def _exponential(left: sp.Expr, variable: sp.Symbol = x) -> Proof:
    """Both sides in exp(variable/2), which has a name then."""

    def named(e: sp.Expr) -> sp.Expr:
        written = e.replace(sigmoid, sigmoid.definition).rewrite(sp.exp).subs(variable, 2 * sp.log(E_))
        return sp.simplify(sp.expand_log(written))

    return Proof("written in exponentials, as an identity", lambda right: sp.simplify(named(left - right)) == 0)


def bent() -> Derivation:
    """σ(0) − 2 σ(3/2) + σ(3): 0 for every line, and certainly not 0 here."""
    second: sp.Expr = sigmoid(sp.Integer(0)) - 2 * sigmoid(sp.Rational(3, 2)) + sigmoid(sp.Integer(3))
    of_line = L(0) - 2 * L(sp.Rational(3, 2)) + L(3)
    value = 1 / (1 + sp.exp(-3)) + sp.Rational(1, 2) - 2 / (1 + sp.exp(-sp.Rational(3, 2)))
    steps = (
        Step(
            "of a line a + c x",
            of_line,
            sp.Integer(0),
            "second difference",
            (Proof("L(x) = a + c x put in", lambda right: same(of_line.replace(L, lambda e: a + c * e), right)),),
        ),
        Step(
            "of sigmoid",
            second,
            value,
            "by definition; below −0.18, so not 0",
            (
                Proof(
                    "definition", lambda right: sp.simplify(second.replace(sigmoid, sigmoid.definition) - right) == 0
                ),
                Proof("the same ball, certified to be below −0.18", _is_second_difference),
            ),
        ),
    )
    return Derivation(BENT, second, value, (), steps)


def _is_second_difference(right: sp.Expr) -> bool:
    with balls.precision(BITS):
        values = [balls.FUNCTIONS["sigmoid"](flint.arb(k) * 3 / 2) for k in range(3)]
        found = values[0] - 2 * values[1] + values[2]
        return bool(balls.agree(found, constant(right)) and found < flint.arb("-0.18"))


def linear_share() -> Derivation:
    """The least E(φ − a − c z)² is Var φ − (E z φ)²: of the variance a line explains (E z φ)²/Var φ."""
    square = m2 + a**2 + c**2 - 2 * a * m0 - 2 * c * m1  # E z = 0, E z² = 1
    least = m2 - m0**2 - m1**2
    steps = (
        Step(
            "error of a line",
            E((phi(z) - a - c * z) ** 2),
            least + (a - m0) ** 2 + (c - m1) ** 2,
            "m_0 = E φ, m_1 = E z φ, m_2 = E φ²; least at a = m_0, c = m_1",
            (Proof("multiplied out with E z = 0, E z² = 1", lambda right: same(square, right)),),
        ),
        Step(
            "share explained", SHARE, m1**2 / (m2 - m0**2), "1 less the least error over the variance", (_share(least),)
        ),
        Step(
            "by Stein",
            m1,
            gamma * E(sp.Function(r"\varphi'")(gamma * z)),
            "for φ(γ z): parts of the integral",
            (_stein(),),
        ),
    )
    return Derivation(LINEAR_SHARE, SHARE, m1**2 / (m2 - m0**2), ("z standard normal",), steps)


def _share(least: sp.Expr) -> Proof:
    return Proof("an identity of fractions", lambda right: same(1 - least / (m2 - m0**2), right))


def _stein() -> Proof:
    """z times the density is minus its derivative; what is left at ±∞ vanishes for bounded φ."""

    def holds(right: sp.Expr) -> bool:
        inner = sp.Function(r"\varphi")(gamma * z)
        product = sp.diff(-inner * DENSITY, z)
        left = sp.expand(inner * z * DENSITY - product)  # z φ density = (−φ density)' + φ' γ density
        stated = right.replace(lambda e: e.func == E, lambda e: sp.diff(inner, z) / gamma * DENSITY)
        return bool(sp.simplify(left - stated.doit()) == 0)

    return Proof("the integrands differ by the derivative of −φ times the density", holds)


def saturated() -> Derivation:
    """P(|γ z + β| > t) = 1 − (erf((t − β)/(γ√2)) + erf((t + β)/(γ√2)))/2."""
    right = 1 - (sp.erf((t - beta) / (gamma * sp.sqrt(2))) + sp.erf((t + beta) / (gamma * sp.sqrt(2)))) / 2
    inside = sp.Integral(DENSITY, (z, (-t - beta) / gamma, (t - beta) / gamma))

    def holds(stated: sp.Expr) -> bool:
        low, high = (-t - beta) / gamma, (t - beta) / gamma
        slope = (DENSITY.subs(z, high) + DENSITY.subs(z, low)) / gamma  # Leibniz: the ends move by 1/γ and −1/γ
        at_zero = sp.simplify(stated.subs(t, 0))
        return bool(at_zero == 1 and sp.simplify(sp.diff(stated, t) + slope) == 0)

    step = Step(
        "outside",
        1 - inside,
        right,
        "|γ z + β| ≤ t for z between (−t − β)/γ and (t − β)/γ",
        (Proof("1 at t = 0, and the derivative is that of the integral", holds),),
    )
    return Derivation(SATURATED, 1 - inside, right, ("z standard normal, γ > 0, t ≥ 0",), (step,))


def saturated_share(scale: float, shift: float, edge: float = EDGE) -> Enclosure:
    """The closed form of `saturated`, certified."""
    with balls.precision(BITS):
        g, b, e = flint.arb(scale), flint.arb(shift), flint.arb(edge)
        root = g * flint.arb(2).sqrt()
        return Enclosure(1 - (((e - b) / root).erf() + ((e + b) / root).erf()) / 2, BITS)


def share_within(edge: float) -> Enclosure:
    """erf(t/√2), certified."""
    with balls.precision(BITS):
        return Enclosure((flint.arb(edge) / flint.arb(2).sqrt()).erf(), BITS)


def slope_left(edge: float) -> Enclosure:
    """σ'(t)/σ'(0), certified."""
    with balls.precision(BITS):
        s = balls.FUNCTIONS["sigmoid"](flint.arb(edge))
        return Enclosure(4 * s * (1 - s), BITS)


def tangent_left(edge: float) -> Enclosure:
    """(σ(t) − 1/2)/(t/4), certified."""
    with balls.precision(BITS):
        return Enclosure(_over_tangent(flint.arb(edge)), BITS)


def _over_tangent(e: flint.arb) -> flint.arb:
    return (balls.FUNCTIONS["sigmoid"](e) - flint.arb(1) / 2) / (e / 4)


def linear_up_to(off: float) -> Enclosure:
    """The x up to which sigmoid is off its tangent by no more than this share: the quotient falls, so by halving."""
    with balls.precision(BITS):
        return Enclosure(_crossing(lambda e: _over_tangent(e) - (1 - flint.arb(off))), BITS)


def slope_up_to(share: float) -> Enclosure:
    """The x at which the slope has fallen to this share of its largest."""
    with balls.precision(BITS):
        return Enclosure(
            _crossing(
                lambda e: 4 * balls.FUNCTIONS["sigmoid"](e) * (1 - balls.FUNCTIONS["sigmoid"](e)) - flint.arb(share)
            ),
            BITS,
        )


def _crossing(falling: Callable[[flint.arb], flint.arb]) -> flint.arb:
    """Where a falling function of x > 0 changes sign, between two floats: signs there are certain."""
    low, high = 2.0**-10, 64.0
    assert falling(flint.arb(low)) > 0 > falling(flint.arb(high))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        value = falling(flint.arb(middle))
        if value > 0:
            low = middle
        elif value < 0:
            high = middle
        else:
            break
    return flint.arb(low).union(flint.arb(high))


class BestLine(NamedTuple):
    """The line of least largest distance to sigmoid on [−t, t]: value at 0, slope, certified bounds of the distance."""

    middle: float
    slope: float
    lower: float
    upper: float


@cache
def best_line(edge: int = EDGE) -> BestLine:
    """By Remez's exchange; no line comes closer than `lower`."""
    found = best_in_supremum(given("1/(1+exp(-x))"), "x", 1, sp.Integer(-edge), sp.Integer(edge))
    constant, slope = (float(e.mid()) for e in found.coefficients)
    lower, upper = Enclosure(found.lower, BITS), Enclosure(found.upper, BITS)
    return BestLine(constant, slope, float(lower.lower), float(upper.upper))


class LinearPart(NamedTuple):
    """Of σ(γ z), z standard normal: the variance, and the share of it that the best line in z explains."""

    variance: Moment
    slope: Moment
    share: float
    error: float


@cache
def linear_part(scale: float) -> LinearPart:
    """Certified integrals: E σ = 1/2, E σ² and E σ', σ' = σ (1 − σ)."""

    def value(e: Any) -> Any:
        return 1 / (1 + (-e).exp())

    # (σ − 1/2)² and σ' are bounded by 1/4; both have poles at odd multiples of iπ, where a ball is not finite
    spread = certified_expectation(lambda e: (value(e) - flint.acb(1) / 2) ** 2, scale**2, growth=0)
    slope = certified_expectation(lambda e: value(e) * (1 - value(e)), scale**2, growth=0)
    share = (scale * slope.value) ** 2 / spread.value
    error = share * (2 * slope.error / slope.value + spread.error / spread.value) * 2
    return LinearPart(spread, slope, share, error)

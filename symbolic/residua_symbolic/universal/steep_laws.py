"""A sigmoid for every hard sigmoid, as document 004 has it, and any bounded monotone activation: derived bounds."""

from typing import Any

import flint
import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.functions import sigmoid
from residua_symbolic.identities import same
from residua_symbolic.series.enclosures.bound_proofs import Bound, BoundDerivation

kappa = sp.Symbol("kappa", positive=True)
u, z, x = sp.symbols("u z x", real=True)
c, h, delta, omega, eta = sp.symbols("c h delta omega eta", positive=True)
j, N, p = sp.symbols("j N p", integer=True, positive=True)
net, line, D, f, S = (sp.Function(name) for name in ("g", "p", "D", "f", "S"))
Y = sp.IndexedBase("y")
STEEP = "A sigmoid for every hard sigmoid"
MONOTONE = "Any bounded, monotone, non-constant activation"
WIDTHS = range(1, 7)
KAPPA = 7
TOTAL = sp.Rational(1641, 10_000)


def steep_law() -> Derivation:
    """|Σ c_i σ(κ(x − m_i)/h) − Σ c_i H_i| ≤ max|c_i| (δ(κ) + 1/sinh(κ/2)), for pieces of one length h."""
    own = sigmoid(kappa * u) - sp.Rational(1, 2) - u
    top = (1 + sp.sqrt(1 - 4 / kappa)) / 2
    place = sp.log(top / (1 - top)) / kappa
    largest = top - sp.Rational(1, 2) - place
    others = 2 * sp.Sum(sp.exp(-kappa * (j - sp.Rational(1, 2))), (j, 1, sp.oo))
    bound = c * (delta + 1 / sp.sinh(kappa / 2))
    steps = (
        Step(
            "on its own ramp",
            D(u),
            own,
            "u = (x − m)/h between −1/2 and 1/2; the ramp is u + 1/2. D is odd",
            (Proof("σ(−z) = 1 − σ(z)", _is_odd),),
        ),
        Step(
            "steepest as the ramp",
            sp.Derivative(own, u).subs(u, place),
            sp.Integer(0),
            "the only stationary point for u > 0, where D is concave: σ(1 − σ) = 1/κ",
            (_stationary(top),),
        ),
        Step("there", D(place), largest, "σ = (1 + √(1 − 4/κ))/2 put in", (_there(top),)),
        Step(
            "at the end",
            D(sp.Rational(1, 2)),
            -sigmoid(-kappa / 2),
            "the other candidate",
            (Proof("σ(z) − 1 = −σ(−z)", lambda right: same(_rational(own.subs(u, sp.Rational(1, 2)) - right), 0)),),
        ),
        Step("largest", delta, sp.Max(largest, sigmoid(-kappa / 2)), "definition of δ(κ)"),
        Bound(
            "beyond its ramp",
            sigmoid(-kappa * sp.Abs(u)),
            sp.exp(-kappa * sp.Abs(u)),
            "1 + e^z ≥ e^z",
            (Proof("the quotient is 1/(1 + e^(−z)) < 1", _below_exp),),
        ),
        Step(
            "all other ramps",
            others,
            1 / sp.sinh(kappa / 2),
            "the j-th neighbour on either side is j − 1/2 or more away",
            (Proof("geometric series, in e^(−κ/2)", _geometric),),
        ),
        Bound("together", sp.Abs(net(x) - line(x)), bound, "|c_i| ≤ c for all i: triangle inequality"),
        Bound(f"for κ = {KAPPA}", delta + 1 / sp.sinh(sp.Rational(KAPPA, 2)), TOTAL, "evaluated", (_evaluated(),)),
        Step(
            "tanh",
            2 * sigmoid(2 * z) - 1,
            sp.tanh(z),
            "so the same layer by tanh, with half the slopes and factors",
            (Proof("as rational functions of e^z", _is_tanh),),
        ),
    )
    assumptions = ("κ > 4", "pieces of one length; c_i the rise over piece i, m_i its middle")
    return BoundDerivation(STEEP, sp.Abs(net(x) - line(x)), bound, assumptions, steps)


def _rational(e: sp.Expr) -> sp.Expr:
    """Sigmoids by definition, with exponentials of one argument as powers of one letter."""
    return sp.simplify(sp.sympify(e).replace(sigmoid, sigmoid.definition).rewrite(sp.exp))


def _is_odd(right: sp.Expr) -> bool:
    ramp = u + sp.Rational(1, 2)
    return same(right, sigmoid(kappa * u) - ramp) and bool(_rational(right + right.subs(u, -u)) == 0)


def _stationary(top: sp.Expr) -> Proof:
    """D' = κ σ(1 − σ) − 1 is 0 at that σ; D'' = κ² σ(1 − σ)(1 − 2σ) < 0 for σ > 1/2."""
    s = sp.Symbol("s", positive=True)

    def holds(right: sp.Expr) -> bool:
        slope = sp.diff(sigmoid(kappa * u), u) - 1
        known = slope.subs(sigmoid(kappa * u), s)
        curve = sp.diff(sigmoid(kappa * u), u, 2).subs(sigmoid(kappa * u), s)
        concave = same(curve, kappa**2 * s * (1 - s) * (1 - 2 * s))
        return concave and sp.simplify(known.subs(s, top) - right) == 0

    return Proof("D' and D'' in terms of σ", holds)


def _there(top: sp.Expr) -> Proof:
    """σ(log(q/(1 − q))) = q."""
    s = sp.Symbol("s", positive=True)

    def holds(right: sp.Expr) -> bool:
        inverse = 1 / (1 + (1 - s) / s)
        place = sp.log(top / (1 - top)) / kappa
        return same(inverse, s) and sp.simplify(top - sp.Rational(1, 2) - place - right) == 0

    return Proof("σ is the inverse of log(q/(1 − q))", holds)


def _below_exp(right: sp.Expr) -> bool:
    t = sp.Symbol("t", positive=True)  # e^(−κ|u|)
    left = 1 / (1 + 1 / t)
    return bool(right == sp.exp(-kappa * sp.Abs(u))) and bool(sp.factor(t - left).is_positive)


def _geometric(right: sp.Expr) -> bool:
    """2 Σ_(j≥1) r^(2j−1) = 2r/(1 − r²), r = e^(−κ/2): S − r² S = 2r."""
    r = sp.Symbol("r", positive=True)
    value = right.rewrite(sp.exp).subs(kappa, -2 * sp.log(r))
    return bool(sp.simplify(value * (1 - r**2) - 2 * r) == 0)


def _is_tanh(right: sp.Expr) -> bool:
    grown = sp.Symbol("q", positive=True)
    left = 2 / (1 + grown**-2) - 1
    defined = same(sigmoid.definition(2 * z).subs(sp.exp(-2 * z), grown**-2), 1 / (1 + grown**-2))
    return defined and same(left, right.rewrite(sp.exp).subs({sp.exp(z): grown, sp.exp(-z): 1 / grown}))


def steep_constants(steepness: Any) -> tuple[Any, Any]:
    """δ(κ) and 1/sinh(κ/2) as balls."""
    k = flint.arb(steepness)
    top = (1 + (1 - 4 / k).sqrt()) / 2
    own = top - flint.arb("0.5") - (top / (1 - top)).log() / k
    return own.max(1 / (1 + (k / 2).exp())), 1 / (k / 2).sinh()


def _evaluated() -> Proof:
    def holds(right: sp.Expr) -> bool:
        with balls.precision():
            own, others = steep_constants(KAPPA)
            return bool(own + others <= flint.arb(int(right.p)) / int(right.q))

    return Proof("Arb", holds)


def monotone_law() -> Derivation:
    """|f − g| ≤ 2 ω for g = y_0 + Σ (y_i − y_(i−1)) S(K (x − m_i)/h): ω the oscillation of f over a piece."""
    total = omega + eta * N * omega
    steps = (
        Step(
            "limits", S(-sp.oo), sp.Integer(0), "argued: bounded and monotone, so both limits exist; scaled to 0 and 1"
        ),
        Bound(
            "steep enough",
            sp.Abs(S(kappa * u) - sp.Heaviside(u)),
            eta,
            "argued: for |u| ≥ 1/2 and any η > 0 some steepness does",
        ),
        Step(
            "on piece p",
            net(x) - f(x),
            _apart(sp.Symbol("m")),
            "m steps, S_i the value of step i at x; for m = 1, …, 6 and every p",
            (Proof("telescoping, as identities in y, S and f", _telescoped),),
        ),
        Bound(
            "its own step",
            sp.Abs(Y[p - 1] + (Y[p] - Y[p - 1]) * S(p) - f(x)),
            omega,
            "0 ≤ S ≤ 1: between two values of f on the piece",
            (Proof("a mean of both ends", _is_mean),),
        ),
        Bound(
            "together",
            sp.Abs(net(x) - f(x)),
            total,
            "|y_i − y_(i−1)| ≤ ω for each of the others, which is η from its limit",
        ),
        Bound(
            "with η = 1/N",
            sp.Abs(net(x) - f(x)),
            2 * omega,
            "put in; ω falls to 0 as pieces get short, f being continuous",
            (Proof("put in", lambda right: same(total.subs(eta, 1 / N), right)),),
        ),
    )
    assumptions = ("f continuous on a closed interval, N pieces", "S rises from 0 to 1; continuity of S is not used")
    return BoundDerivation(MONOTONE, sp.Abs(net(x) - f(x)), 2 * omega, assumptions, steps)


def _apart(m: sp.Expr) -> sp.Expr:
    i = sp.Symbol("i", integer=True, positive=True)
    passed = sp.Sum((Y[i] - Y[i - 1]) * (S(i) - 1), (i, 1, p - 1))
    ahead = sp.Sum((Y[i] - Y[i - 1]) * S(i), (i, p + 1, m))
    return passed + ahead + Y[p - 1] + (Y[p] - Y[p - 1]) * S(p) - f(x)


def _telescoped(right: sp.Expr) -> bool:
    m = sp.Symbol("m")
    for count in WIDTHS:
        for piece in range(1, count + 1):
            whole = Y[0] + sum(((Y[k] - Y[k - 1]) * S(k) for k in range(1, count + 1)), sp.Integer(0)) - f(x)
            said = right.subs({m: count, p: piece}).doit()
            if sp.expand(whole - said) != 0:
                return False
    return True


def _is_mean(right: sp.Expr) -> bool:
    """(1 − S) y_(p−1) + S y_p − f = (1 − S)(y_(p−1) − f) + S (y_p − f), each at most ω in size."""
    a, b, s, v = sp.symbols("a b s v", real=True)
    return right == omega and same(a + (b - a) * s - v, (1 - s) * (a - v) + s * (b - v))

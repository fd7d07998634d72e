"""Cross entropy of a model at initialisation, logits independent N(0, s²): log V + s²/2 for many classes."""

from functools import cache

import numpy as np
import sympy as sp

from residua_network.checks import number, whole
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.losses.entropy import D
from residua_symbolic.losses.sums import V, k, over, same_sums

TITLE, BETWEEN, EVERY = "Cross entropy at initialisation", "Bounds at every size", "The law at every size"
s, z = sp.Symbol("s", positive=True), sp.Symbol("z", real=True)
e = sp.Symbol("epsilon", real=True)
S, M, E = sp.Symbol("S", positive=True), sp.Symbol("M", positive=True), sp.Function("E")
variance = sp.exp(s**2) - 1  # of exp(z)/E exp(z)
first = -variance / (2 * V)
second = ((sp.exp(3 * s**2) - 3 * sp.exp(s**2) + 2) / 3 - sp.Rational(3, 4) * variance**2) / V**2


@cache
def derive_initial() -> Derivation:
    """E CE = log V + s²/2 − (e^{s²} − 1)/(2V) + O(1/V²): the mean of the logarithm of a sum of log-normal numbers."""
    loss = sp.Symbol("L")
    law = sp.log(V) + s**2 / 2 + first
    expanded = e - e**2 / 2 + e**3 / 3 - e**4 / 4
    steps = (
        Step(
            "loss", loss, sp.log(S) - sp.Symbol("z_y"), "definition; S = Σ exp z, and the true class's logit has mean 0"
        ),
        Step(
            "one term",
            E(sp.exp(z)),
            sp.exp(s**2 / 2),
            "its mean; so E S is V times that",
            (Proof("squares completed", lambda right: _power_mean(1) == right),),
        ),
        Step(
            "its spread",
            sp.Symbol(r"\mathrm{Var}(e^z)/(E\, e^z)^2"),
            variance,
            "so S = E S (1 + ε) with $\\mathrm{Var}\\, \\varepsilon = (e^{s^2} - 1)/V$",
            (Proof("squares completed", lambda right: same(_ratio(2) - 1, right.subs(sp.exp(s**2), _ratio(2)))),),
        ),
        Step(
            "logarithm",
            sp.log(1 + e),
            expanded,
            "up to the fourth power of ε; no mean of a power of 1/S is infinite, as S ≥ V exp(mean z)",
            (Proof("Taylor series", lambda right: sp.series(sp.log(1 + e), e, 0, 5).removeO() == sp.expand(right)),),
        ),
        Step(
            "order 1/V and 1/V²",
            sp.Symbol(r"E \log(1 + \varepsilon)"),
            first + second,
            "up to 1/V³",
            (
                Proof(
                    "means of powers of a sum of V independent terms, by their cumulants",
                    lambda r: _orders(r, expanded),
                ),
            ),
        ),
        Step(
            "together",
            E(loss),
            law,
            "up to 1/V²",
            (Proof("log E S = log V + s²/2", lambda right: _together(right)),),
        ),
    )
    assumptions = (
        "logits of V classes independent, normal, mean 0, variance s²: weights of the last layer normal, its input "
        "normalised",
        "the target does not depend on the weights",
        "s fixed as V grows; beyond s² = 2 log V one class decides and the law is void",
    )
    return Derivation(TITLE, E(loss), law, assumptions, steps)


def _power_mean(n: int) -> sp.Expr:
    """E e^{nz}: the density times e^{nz} is that of a mean moved by n s², times what is left of the exponent."""
    left = sp.expand(n * z - z**2 / (2 * s**2) + (z - n * s**2) ** 2 / (2 * s**2))
    assert not left.has(z)
    return sp.exp(left)


@cache
def _ratio(n: int) -> sp.Expr:
    """E e^{nz} / (E e^z)^n."""
    return sp.powsimp(_power_mean(n) / _power_mean(1) ** n)


def _orders(right: sp.Expr, expanded: sp.Expr) -> bool:
    """ε is the mean of V terms x − 1, x = e^z/E e^z: κ_2/V, κ_3/V², 3κ_2²/V² + κ_4/V³ are the means of its powers."""
    a = sp.Symbol("a", positive=True)  # e^{s²}; moments of x are a^{n(n−1)/2}
    if not all(same(_ratio(n).subs(s, sp.sqrt(sp.log(a))), a ** (n * (n - 1) // 2)) for n in (2, 3, 4)):
        return False
    central = {
        n: sum(sp.binomial(n, r) * (-1) ** (n - r) * a ** (r * (r - 1) // 2) for r in range(n + 1)) for n in (2, 3, 4)
    }
    means = {1: 0, 2: central[2] / V, 3: central[3] / V**2, 4: 3 * central[2] ** 2 / V**2}
    found = sum(coefficient * means[n] for (n,), coefficient in sp.Poly(expanded, e).terms())
    return same(sp.expand(found), sp.expand(right).subs(s, sp.sqrt(sp.log(a))))


def _together(right: sp.Expr) -> bool:
    return bool(sp.expand(sp.expand_log(sp.log(V * _power_mean(1))) + first - right) == 0)


@cache
def derive_bounds() -> Derivation:
    """log V ≤ E CE ≤ log V + s²/2 for every V and s: above log V lies a divergence, below a Jensen gap."""
    q, u = sp.IndexedBase("q", positive=True), sp.IndexedBase("z", real=True)
    excess = sp.log(S) - sp.log(V) - sp.Symbol(r"\bar{z}")
    x = sp.Symbol("x", positive=True)
    gap = x - 1 - sp.log(x)
    uniform = over(sp.log((1 / V) / q[k]) / V)
    steps = (
        Step("uniform against softmax", D, uniform, "definition, $P = (1/V, \\ldots)$"),
        Step(
            "above log V",
            excess,
            D,
            "≥ 0, and $\\bar z$ has mean 0: at initialisation the loss is log V plus the divergence of the model from "
            "the uniform distribution",
            (Proof("term by term: log q = z − log S; the 1/V sum to 1", lambda right: _excess(right, uniform, q, u)),),
        ),
        Step(
            "below the mean",
            sp.log(S),
            sp.log(M) + (S - M) / M - gap.subs(x, S / M),
            "with M = E S the middle term has mean 0, the last is never positive: E log S ≤ log M",
            (Proof("logarithm of a quotient", lambda right: same(sp.expand_log(right).expand(), sp.log(S))),),
        ),
    )
    return Derivation(BETWEEN, excess, D, ("logits as above; any V, any s",), steps)


def _excess(right: sp.Expr, uniform: sp.Expr, q: sp.IndexedBase, u: sp.IndexedBase) -> bool:
    if right != D:
        return False
    mean_logit, log_total = over(u[k] / V), over(sp.log(S) / V)
    stated = log_total - over(sp.log(V) / V) - mean_logit
    spelled = sp.expand_log(uniform.function).subs(sp.log(q[k]), u[k] - sp.log(S))
    return same_sums(stated, over(sp.expand(spelled)))


@cache
def derive_every() -> Derivation:
    """E log S = ∫ (exp(−e^u) − φ(e^u)^V) du, φ(t) = E exp(−t e^z): one integral for every V and s."""
    u, phi = sp.Symbol("u", real=True), sp.Function("varphi")
    t = sp.Symbol("t", positive=True)
    integrand = sp.exp(-sp.exp(u)) - sp.exp(-S * sp.exp(u))
    mean = sp.exp(-sp.exp(u)) - phi(sp.exp(u)) ** V
    whole_line = (u, -sp.oo, sp.oo)
    x = sp.IndexedBase("x", positive=True)
    steps = (
        Step(
            "a logarithm as an integral",
            sp.log(S),
            sp.Integral(integrand, whole_line),
            "Frullani's, with $t = e^u$",
            (Proof("0 at S = 1; differentiated in S, the integral of e^(−St) over t > 0 is 1/S", _frullani),),
        ),
        Step("one logit", phi(t), E(sp.exp(-t * sp.exp(z))), "definition"),
        Step(
            "all of them",
            E(sp.exp(-t * S)),
            phi(t) ** V,
            "independent logits: the exponential of a sum is a product, its mean the product of means",
            (
                Proof(
                    "one more logit is one more factor",
                    lambda right: (
                        same(sp.exp(-t * (S + x[1])).expand(), sp.exp(-t * S) * sp.exp(-t * x[1]))
                        and right.subs(V, 1) == phi(t)
                        and sp.powsimp(right.subs(V, V + 1) / right) == phi(t)
                    ),
                ),
            ),
        ),
        Step(
            "in the mean",
            E(sp.Symbol("L")),
            sp.Integral(mean, whole_line),
            "the mean of the first line; $E z_y = 0$",
            (
                Proof(
                    "put in",
                    lambda right: (
                        right.limits == (whole_line,)
                        and same(integrand.subs(sp.exp(-S * sp.exp(u)), phi(sp.exp(u)) ** V), right.function)
                    ),
                ),
            ),
        ),
    )
    return Derivation(
        EVERY, E(sp.Symbol("L")), sp.Integral(mean, whole_line), ("logits as above; any V, any s",), steps
    )


def _frullani(right: sp.Expr) -> bool:
    u, t = right.variables[0], sp.Symbol("t", positive=True)
    slope = sp.diff(right.function, S) / sp.exp(u)  # du = dt/t
    over_t = sp.integrate(slope.subs(sp.exp(u), t), (t, 0, sp.oo))
    return bool(right.function.subs(S, 1) == 0 and sp.simplify(over_t - 1 / S) == 0)


UNIT = 2.0**-53
REACH = 9.0  # standard deviations of a logit beyond which its density is below float64's last digit
STEP = 1 / 6  # of u: the integrand is analytic within π/2 of the line, and a trapezoid rule off by e^(−π²/STEP)
NODES = 36 / np.pi**2  # a unit of s, of z: within π/(2s) of the line, so off by e^(−36), with fewer for small s
FEWEST = 5  # nodes a standard deviation, for the density itself


def expected_initial_loss(classes: int, deviation: float) -> float:
    """E log Σ exp z for V independent logits N(0, s²), at any V and s: the integral of `derive_every`."""
    whole(classes, "classes", "expected_initial_loss")
    number(deviation, "deviation", "expected_initial_loss", least=0.0)
    u = np.arange(-np.log(classes) - REACH * deviation - 40.0, REACH * deviation + 5.0, STEP)
    x = np.linspace(-REACH, REACH, int(2 * REACH * max(FEWEST, NODES * deviation)) + 1)
    bell = np.exp(-(x**2) / 2)
    bell /= bell.sum()
    with np.errstate(under="ignore", over="ignore"):
        rest = -np.expm1(-np.exp(u[:, None] + deviation * x)) @ bell  # 1 − φ, which keeps its digits where φ is near 1
        power = np.exp(classes * np.log1p(-np.minimum(rest, 1 - UNIT)))
        return float(STEP * (np.exp(-np.exp(u)) - power).sum())

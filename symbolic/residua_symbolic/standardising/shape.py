"""Standardising changes mean and standard deviation, and nothing else: what σ has to be, and what stays."""

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.standardising.averages import SD, E, averaged, fractions, is_average, mean, rational, variance

DEVIATION = "What σ has to be in (1.1)"
SHAPE = "Standardising keeps the shape"
TWO_POINTS = "The numbers −1 and 1, standardised"
x, p, t, z, b = sp.symbols("x mu t z b", real=True)
v, s, w, r, q = sp.symbols("v s w r sigma", positive=True)
k = sp.Symbol("k", integer=True, positive=True)
kappa = sp.Function("kappa")
K, F = sp.Function("K"), sp.Function("F")


def needed_deviation() -> Derivation:
    """(x − μ)/s has the standard deviation 1 for s = √v alone; with the variance in its place it has 1/√v."""
    xhat, moments = (x - p) / s, (p, p**2 + v)
    steps = (
        Step("mean", E(xhat), sp.Integer(0), "for every s", (is_average(xhat, x, moments),)),
        Step("variance", SD(xhat) ** 2, v / s**2, "v the variance of x", (is_average(xhat**2, x, moments),)),
        Step(
            "s the standard deviation",
            SD((x - p) / sp.sqrt(v)),
            sp.Integer(1),
            "s² = v",
            (_deviation(sp.sqrt(v), moments),),
        ),
        Step("s the variance", SD((x - p) / v), 1 / sp.sqrt(v), "1 for v = 1 only", (_deviation(v, moments),)),
    )
    return Derivation(DEVIATION, SD(xhat) ** 2, v / s**2, ("any distribution of mean μ and variance v > 0",), steps)


def _deviation(divisor: sp.Expr, moments: tuple[sp.Expr, ...]) -> Proof:
    square = averaged(((x - p) / s) ** 2, x, moments).subs(s, divisor)
    return Proof("squared, and v/s² with this s", lambda right: bool(right.is_positive) and same(right**2, square))


def variance_counterexample() -> Derivation:
    """{0, 4}: variance 4. Divided by it the numbers have standard deviation 1/2; divided by its root, 1."""
    values = fractions(0, 4)
    spread = variance(values)

    def after(divisor: sp.Expr) -> Proof:
        found = sp.sqrt(sum((rational(a - mean(values)) / divisor) ** 2 for a in values) / len(values))
        return Proof("counted in fractions", lambda right: same(found, right))

    counted = Proof("counted in fractions", lambda right: same(rational(spread), right))
    steps = (
        Step("variance of 0, 4", v, sp.Integer(4), "deviations −2 and 2", (counted,)),
        Step("divided by the variance", SD((x - p) / v), sp.Rational(1, 2), "not 1", (after(sp.Integer(4)),)),
        Step(
            "divided by the deviation",
            SD((x - p) / sp.sqrt(v)),
            sp.Integer(1),
            "as (1.1) is meant",
            (after(sp.Integer(2)),),
        ),
    )
    return Derivation(
        "The numbers 0 and 4 divided by their variance",
        SD((x - p) / v),
        sp.Rational(1, 2),
        ("each equally often",),
        steps,
    )


def same_shape() -> Derivation:
    """y = w x + b, w > 0: y standardised *is* x standardised, so every standardised quantity is unchanged, at every
    order; the distribution function is read on another scale. (1.1) is the case w = 1/σ, b = −μ/σ."""
    of_y = (w * x + b - (w * p + b)) / (w * q)
    cumulant = kappa(k) * w**k
    steps = (
        Step("(1.1) is affine", (x - p) / q, x / q - p / q, "w = 1/σ > 0, b = −μ/σ", (_identity((x - p) / q),)),
        Step("the standardised variable", of_y, (x - p) / q, "value by value, no mean is taken", (_identity(of_y),)),
        Step(
            "distribution function",
            q * (t - (x - p) / q),
            p + q * t - x,
            "so x̂ ≤ t where x ≤ μ + σ t, σ > 0: the share of values up to t is F(μ + σ t)",
            (_identity(q * (t - (x - p) / q)),),
        ),
        Step(
            "generating function",
            K(t),
            sp.Sum(kappa(k) * t**k / sp.factorial(k), (k, 1, sp.oo)),
            "definition: log E exp(t x)",
        ),
        Step(
            "cumulants, k ≥ 2",
            sp.Function("kappa^y")(k),
            cumulant,
            "log E exp(t y) = b t + K(w t): coefficient of t^k/k!",
            (_coefficient(),),
        ),
        Step(
            "standardised cumulants",
            cumulant / (kappa(2) * w**2) ** (k / 2),
            kappa(k) / kappa(2) ** (k / 2),
            "skewness k = 3, excess kurtosis k = 4, and all others",
            (Proof("powers of w > 0 cancel, k a symbol", _cancels),),
        ),
    )
    return Derivation(SHAPE, of_y, (x - p) / q, ("any distribution; w > 0 (for w < 0 it is mirrored)",), steps)


def _identity(left: sp.Expr) -> Proof:
    return Proof("an identity of fractions", lambda right: same(left, right))


def _coefficient() -> Proof:
    def holds(right: sp.Expr) -> bool:
        term = kappa(k) * (w * t) ** k / sp.factorial(k)  # b t has degree 1
        return bool(sp.simplify(sp.expand_power_base(term) / t**k * sp.factorial(k) - right) == 0)

    return Proof("coefficient of t^k, k a symbol", holds)


def _cancels(right: sp.Expr) -> bool:
    second = sp.Symbol("kappa_2", positive=True)
    left = (kappa(k) * w**k / (kappa(2) * w**2) ** (k / 2)).subs(kappa(2), second)
    quotient = sp.powsimp(sp.expand_power_base(left / right.subs(kappa(2), second)), force=False)
    return bool(sp.simplify(quotient) == 1)


def two_points() -> Derivation:
    """{−1, 1} is standardised already, and has the excess kurtosis −2; the normal distribution has 0."""
    values = fractions(-1, 1)
    fourth = mean([a**4 for a in values]) / variance(values) ** 2 - 3

    def counted(e: sp.Expr) -> Proof:
        return Proof("counted in fractions", lambda right: same(e, right))

    steps = (
        Step("mean", E(x), sp.Integer(0), "−1 and 1", (counted(rational(mean(values))),)),
        Step("variance", SD(x) ** 2, sp.Integer(1), "standardised already", (counted(rational(variance(values))),)),
        Step("excess kurtosis", kappa(4), sp.Integer(-2), "E(x⁴) − 3", (counted(rational(fourth)),)),
        Step(
            "of the standard normal",
            E(z**4) - 3,
            sp.Integer(0),
            "the integral of z⁴ over its density",
            (Proof("integrated", _normal_fourth),),
        ),
    )
    return Derivation(TWO_POINTS, kappa(4), sp.Integer(-2), ("each equally often",), steps)


def _normal_fourth(right: sp.Expr) -> bool:
    density = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
    return bool(sp.integrate(z**4 * density, (z, -sp.oo, sp.oo)) - 3 == right)

"""Moments of chi-square variables, of their inverses and of their logarithms.

Each function takes k, the degrees of freedom, as a number or as an expression and gives an exact SymPy value; each
raises ResiduaError, naming the moment, for a number k at which it does not exist. A `derive_…` beside it is its proof.
"""

import math
from collections.abc import Callable
from typing import Any

import flint
import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.moments.integrals.psi import with_psi, without_psi

k, x, chi = sp.symbols("k x chi^2", positive=True)
t = sp.Symbol("t", real=True)
E, Var = sp.Function("E"), sp.Function(r"\mathrm{Var}")
# degrees of freedom and powers, k + 2t > 0, at which an integral over the density meets a formula
POINTS = (
    (sp.Rational(9, 2), sp.Rational(-5, 3)),
    (sp.Rational(17, 3), sp.Rational(3, 4)),
    (sp.Integer(7), sp.Integer(-2)),
)
REACH = 400  # of y = log x below 0
HIGHEST = 8  # of y above 0: exp(−exp(8)/2) lies below 2^−2000
BITS, DIGITS = 192, 50
NEAR = 1e-30
BY_INTEGRAL = f"integral over the density in balls, at {len(POINTS)} rational k"


def power(freedom: Any, exponent: Any) -> sp.Expr:
    """E (χ²_k)^t = 2^t Γ(k/2 + t) / Γ(k/2), for k + 2t > 0."""
    n, e = _freedom(freedom), _exact(exponent, "power")
    if (n + 2 * e).is_positive is False:
        raise ResiduaError(f"chi_square: E (χ²_k)^t at t = {e} exists for k > {-2 * e} only, got k = {n}")
    return sp.gammasimp(2**e * sp.gamma(n / 2 + e) / sp.gamma(n / 2))


def inverse(freedom: Any) -> sp.Expr:
    """E 1/χ²_k = 1/(k − 2), for k > 2."""
    n = _freedom(freedom, 2, "E 1/χ²_k")
    return 1 / (n - 2)


def inverse_square(freedom: Any) -> sp.Expr:
    """E 1/(χ²_k)² = 1/((k − 2)(k − 4)), for k > 4."""
    n = _freedom(freedom, 4, "E 1/(χ²_k)²")
    return 1 / ((n - 2) * (n - 4))


def log_mean(freedom: Any) -> sp.Expr:
    """E log χ²_k = log 2 + ψ(k/2), for k > 0."""
    return sp.log(2) + sp.digamma(_freedom(freedom) / 2)


def log_variance(freedom: Any) -> sp.Expr:
    """Var log χ²_k = ψ'(k/2), for k > 0."""
    return sp.trigamma(_freedom(freedom) / 2)


def _freedom(freedom: Any, least: int = 0, moment: str = "χ²_k") -> sp.Expr:
    n = _exact(freedom, "k")
    if (n - least).is_positive is False:
        raise ResiduaError(f"chi_square: {moment} exists for k > {least} only, got k = {n}")
    return n


def _exact(value: Any, name: str) -> sp.Expr:
    """A float as the rational that it is; text is not read."""
    if isinstance(value, str | bool) or value is None:
        raise ResiduaError(f"chi_square: expected a number or an expression for {name}, got {value!r}")
    # SymPy makes 0 of Rational(inf)
    exact = sp.Rational(value) if isinstance(value, float) and math.isfinite(value) else sp.sympify(value)
    if not isinstance(exact, sp.Expr) or exact.is_finite is False or exact.is_real is False:
        raise ResiduaError(f"chi_square: expected a finite number for {name}, got {value!r}")
    return exact


def density(freedom: sp.Expr) -> sp.Expr:
    """Of χ²_k at x > 0."""
    return x ** (freedom / 2 - 1) * sp.exp(-x / 2) / (2 ** (freedom / 2) * sp.gamma(freedom / 2))


def derive_power() -> Derivation:
    """E (χ²_k)^t: x^t times the density is a multiple of the density with k + 2t degrees of freedom."""
    formula = 2**t * sp.gamma(k / 2 + t) / sp.gamma(k / 2)
    steps = (
        Step("density", sp.Function("f")(k, x), density(k), "definition: of a sum of k squares of standard normals"),
        Step(
            "tilted",
            x**t * density(k),
            formula * density(k + 2 * t),
            "the density of k + 2t degrees of freedom, up to a factor",
            (Proof("logarithms expanded", lambda right: _same_logarithm(right, x**t * density(k))),),
        ),
        Step(
            "moment",
            E(chi**t),
            formula,
            "every density has integral 1",
            (
                Proof(BY_INTEGRAL, lambda right: _met(right, lambda y, s: 1)),
                Proof("1 at t = 0, and by parts a factor k + 2t from t to t + 1", _recurs),
            ),
        ),
    )
    return Derivation("Powers of a chi-square variable", E(chi**t), formula, ("k + 2t > 0",), steps)


def derive_inverse() -> Derivation:
    """E 1/χ²_k = 1/(k − 2)."""
    return _whole_power(-1, inverse(k), "Inverse chi-square", "k > 2")


def derive_inverse_square() -> Derivation:
    """E 1/(χ²_k)² = 1/((k − 2)(k − 4))."""
    return _whole_power(-2, inverse_square(k), "Inverse chi-square, second moment", "k > 4")


def _whole_power(exponent: int, formula: sp.Expr, title: str, assumption: str) -> Derivation:
    general = derive_power()
    step = Step(
        "put in",
        E(chi**exponent),
        formula,
        f"t = {exponent}, and Γ(z + 1) = z Γ(z)",
        (
            Proof(
                "gamma functions reduced",
                lambda right: bool(sp.simplify(sp.gammasimp(general.formula.subs(t, exponent)) - right) == 0),
            ),
            Proof(BY_INTEGRAL, lambda right: _met(right, lambda y, s: 1, exponent)),
        ),
    )
    return Derivation(title, E(chi**exponent), formula, (assumption,), (*general.steps, step))


def derive_log_mean() -> Derivation:
    """E log χ²_k, the first derivative of log E (χ²_k)^t at t = 0."""
    return _cumulant(1, E(sp.log(chi)), with_psi(log_mean(k)), "Mean logarithm of a chi-square variable")


def derive_log_variance() -> Derivation:
    """Var log χ²_k, the second derivative."""
    return _cumulant(
        2, Var(sp.log(chi)), with_psi(log_variance(k)), "Variance of the logarithm of a chi-square variable"
    )


def _cumulant(order: int, symbol: sp.Expr, formula: sp.Expr, title: str) -> Derivation:
    general = derive_power()
    generating = t * sp.log(2) + sp.log(sp.gamma(k / 2 + t)) - sp.log(sp.gamma(k / 2))
    steps = (
        Step(
            "cumulants of the logarithm",
            sp.Function("K")(t),
            generating,
            "K(t) = log E exp(t log χ²); its derivatives at t = 0 are the cumulants of log χ²",
            (Proof("exponentiated", lambda right: _same_logarithm(sp.exp(right), general.formula)),),
        ),
        Step(
            "derivative",
            symbol,
            formula,
            f"K{chr(39) * order}(0)",
            (
                Proof(
                    "SymPy's derivative",
                    lambda right: bool(sp.simplify(sp.diff(generating, t, order).subs(t, 0) - without_psi(right)) == 0),
                ),
                Proof(BY_INTEGRAL, lambda right: _met_logarithm(right, order)),
            ),
        ),
    )
    return Derivation(title, symbol, formula, ("k > 0",), (*general.steps, *steps))


def _same_logarithm(one: sp.Expr, other: sp.Expr) -> bool:
    def logarithm(e: sp.Expr) -> sp.Expr:
        expanded = sp.expand_log(sp.log(e), force=True).replace(
            lambda a: a.func == sp.log and a.args[0].func == sp.gamma, lambda a: sp.loggamma(a.args[0].args[0])
        )
        return sp.expand(expanded)

    return bool(sp.expand(logarithm(one) - logarithm(other)) == 0)


def _recurs(right: sp.Expr) -> bool:
    """∫ x^(t+1) f = (k + 2t) ∫ x^t f, since 2 d/dx (x^(k/2+t) exp(−x/2)) = (k + 2t − x) x^(k/2+t−1) exp(−x/2)."""
    bulk = x ** (k / 2 + t) * sp.exp(-x / 2)
    if sp.simplify(2 * sp.diff(bulk, x) / bulk * x - (k + 2 * t - x)) != 0:
        return False
    ratio = sp.gammasimp(sp.combsimp(right.subs(t, t + 1) / right))
    return bool(right.subs(t, 0) == 1 and sp.simplify(ratio - (k + 2 * t)) == 0)


def _met(right: sp.Expr, factor: Callable[[Any, Any], Any], exponent: int | None = None) -> bool:
    """Whether E χ^(2t) is `right` at the points; with `exponent`, t is that everywhere."""
    for freedom, e in POINTS:
        put = sp.Integer(exponent) if exponent is not None else e
        if not _near(integral(freedom, put, factor), right.subs({k: freedom, t: put})):
            return False
    return True


def _met_logarithm(right: sp.Expr, order: int) -> bool:
    for freedom, _ in POINTS:
        with balls.precision(BITS):
            first = integral(freedom, sp.Integer(0), lambda y, s: y)
            second = integral(freedom, sp.Integer(0), lambda y, s: y * y)
            found = first if order == 1 else second - first * first
        if not _near(found, without_psi(right).subs(k, freedom)):
            return False
    return True


def _near(ball: Any, value: sp.Expr) -> bool:
    with balls.precision(BITS):
        stated = flint.arb(str(sp.N(value, DIGITS)))
        return balls.is_narrow(ball, NEAR) and bool(abs(ball - stated) < flint.arb(NEAR) * (1 + abs(stated)))


def integral(freedom: sp.Rational, exponent: sp.Rational, factor: Callable[[Any, Any], Any]) -> Any:
    """A ball with E[(χ²_k)^t g(y, t)], y = log χ² and |g| ≤ (1 + |y|)²; k + 2t > 0.

    In y the density is entire; left of −REACH/s, s = k/2 + t, and right of HIGHEST there is next to nothing:
    ∫ (1 + |y|)² exp(s y) below −Y is at most 2 (1 + Y)² exp(−s Y) (1 + 1/s)³, and above, the integrand falls at least
    as fast as exp(−y) from where exp(y)/2 ≥ s + 3.
    """
    with balls.precision(BITS):
        half = flint.arb(int(freedom.p)) / int(freedom.q) / 2
        s = half + flint.arb(int(exponent.p)) / int(exponent.q)
        scale = 1 / (flint.arb(2) ** half * half.gamma())
        low, high = -flint.arb(REACH) / s, flint.arb(HIGHEST)

        def integrand(y: Any, _: bool) -> Any:
            return (y * s - y.exp() / 2).exp() * factor(y, exponent)

        inside = flint.acb.integral(integrand, low, high, eval_limit=100_000).real
        left = 2 * (1 - low) ** 2 * (s * low).exp() * (1 + 1 / s) ** 3
        right = (1 + high) ** 2 * (s * high - high.exp() / 2).exp()
        return (inside + flint.arb(0, (left + right).upper())) * scale

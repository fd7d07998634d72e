"""Linear nets with layer or RMS normalisation at initialisation: exact laws of the squared gradient, at every width.

A layer is Linear(n, n), then the normaliser; u is the gradient between the two, and F = ‖u_{l−1}‖²/‖u_l‖² the factor
of one layer. With `kept` = n − 2 for layer and n − 1 for RMS normalisation F is a quotient of two independent
chi-square variables, of kept and of kept + 1 degrees of freedom: RMS normalisation at width n obeys the law of layer
normalisation at width n + 1.
"""

from dataclasses import dataclass
from functools import cache

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains.tangents import n
from residua_symbolic.moments.integrals import chi_square
from residua_symbolic.moments.integrals.psi import Psi, with_psi, without_psi
from residua_symbolic.moments.layer.premises import backward, forward, quotient
from residua_symbolic.moments.layer.projectors import T
from residua_symbolic.moments.layer.terms import (
    COUNT,
    FACTOR,
    RATIO,
    SETTING,
    SIGMA,
    VAR,
    E,
    L,
    S,
    U,
    beside_input,
    freedoms,
    normaliser,
    positive,
    same,
    summand,
)


@dataclass(frozen=True, repr=False)
class LayerLaw(Derivation):
    """A law of one layer, or of L of them; `kept` and `freedom` are the degrees of freedom of numerator and
    denominator of F."""

    kind: str
    kept: sp.Expr
    freedom: sp.Expr


@cache
def rate(kind: str) -> LayerLaw:
    """E F = (n − 2)/(n − 3) for "layernorm", (n − 1)/(n − 2) for "rmsnorm"; and F as a quotient of chi-squares."""
    kept, freedom = freedoms(kind)
    formula = sp.simplify(kept * chi_square.inverse(freedom))
    by = Proof(
        "the derived mean of an inverse chi-square variable", lambda r: same(r, kept * chi_square.inverse(freedom))
    )
    result = Step("mean", E(FACTOR), formula, "numerator and denominator are independent", (by,))
    steps = (*forward(kind), *backward(kind), *quotient(kind), result)
    title = f"One layer of a linear net with {kind}: the mean"
    return LayerLaw(title, E(FACTOR), formula, (*SETTING, _exists(freedom, 2, "E F")), steps, kind, kept, freedom)


@cache
def log_rate(kind: str) -> LayerLaw:
    """E log F = ψ(kept/2) − ψ((kept + 1)/2), and as a series of negative terms."""
    kept, freedom = freedoms(kind)
    formula = chi_square.log_mean(kept) - chi_square.log_mean(freedom)
    symbol, term = E(sp.log(FACTOR)), -2 / ((2 * COUNT + kept) * (2 * COUNT + freedom))
    values = Proof("the derived mean of the logarithm of a chi-square variable", lambda r: without_psi(r) == formula)
    terms = Proof(
        "every n, term by term",
        lambda right: (
            same(summand(right), 1 / (COUNT + freedom / 2) - 1 / (COUNT + kept / 2)) and isinstance(right, sp.Sum)
        ),
    )
    sign = Proof(
        "every n and k, the terms are negative: signs of coefficients", lambda r: positive(-summand(r), kept, COUNT)
    )
    steps = (
        Step("logarithm", symbol, with_psi(formula), "log F = log χ² − log χ²; log 2 cancels", (values,)),
        Step(
            "series",
            symbol,
            sp.Sum(term, (COUNT, 0, sp.oo)),
            "ψ(x) − ψ(y) = Σ (1/(k + y) − 1/(k + x))",
            (terms, sign),
        ),
    )
    title = f"One layer of a linear net with {kind}: the mean logarithm"
    return LayerLaw(title, symbol, with_psi(formula), SETTING, steps, kind, kept, freedom)


@cache
def log_spread(kind: str) -> LayerLaw:
    """Var log F = 4 ψ'(kept)."""
    kept, freedom = freedoms(kind)
    symbol, formula = VAR(sp.log(FACTOR)), 4 * Psi(1, kept)
    two = chi_square.log_variance(kept) + chi_square.log_variance(freedom)
    each = Proof(
        "the derived variances of the logarithms of chi-square variables", lambda right: without_psi(right) == two
    )
    merged = Proof(
        "every n, term by term: those of the two series are the even and the odd terms of the one",
        lambda right: _even_and_odd(right, kept / 2, freedom / 2),
    )
    steps = (
        Step("two variances", symbol, with_psi(two), "numerator and denominator are independent", (each,)),
        Step("together", symbol, formula, "ψ'(x) = Σ 1/(k + x)², so ψ'(x) + ψ'(x + 1/2) = 4 ψ'(2x)", (merged,)),
    )
    title = f"One layer of a linear net with {kind}: the variance of the logarithm"
    return LayerLaw(title, symbol, formula, SETTING, steps, kind, kept, freedom)


@cache
def through_depth(kind: str) -> LayerLaw:
    """E R = (n − 1)/n (E F)ᴸ for R = ‖g_0‖²/‖g_L‖², from the input to the output of L layers; and the law of R."""
    kept, freedom = freedoms(kind)
    formula = (n - 1) / n * rate(kind).formula ** L
    moment = sp.gamma(kept / 2 + T) * sp.gamma(freedom / 2 - T) / (sp.gamma(kept / 2) * sp.gamma(freedom / 2))
    edge = sp.gamma((n - 1) / 2 + T) * sp.gamma(n / 2) / (sp.gamma((n - 1) / 2) * sp.gamma(n / 2 + T))
    squares = {name: sp.Symbol(rf"\|{name}\|^{{2}}", positive=True) for name in ("g_0", "u_L", "g_L")}
    steps = (
        Step(
            "first layer",
            E(squares["g_0"] / U),
            SIGMA**2 * (n - 1),
            "g_0 = Wᵀu, U = ‖u_1‖²: normal, orthogonal to the input; there is no normaliser below",
            (Proof("every n: trace of I − hhᵀ/‖h‖²", lambda right: same(right, SIGMA**2 * beside_input().trace)),),
        ),
        Step(
            "last layer",
            E(S**2 * squares["u_L"] / squares["g_L"]),
            kept / n,
            "the gradient at the output knows nothing of h: of its n directions the normaliser keeps its own; the "
            "share is Beta, independent of s and of ‖g_L‖",
            (Proof("every n: trace of the projector s J", lambda right: same(right, normaliser(kind).trace / n)),),
        ),
        Step(
            "factor",
            E(FACTOR**T),
            moment,
            "powers of two independent chi-square variables",
            (Proof("their derived powers", lambda right: _collected(right / _powers(kept, freedom)) == 1),),
        ),
        Step(
            "joint law",
            E(RATIO**T),
            edge * E(FACTOR**T) ** L,
            "L − 1 factors F, the first layer and the last, all independent. So R has the law of β F_1 … F_L with β "
            "from Beta((n − 1)/2, 1/2): the two edges together are one more factor F, and the share of a random "
            "direction that is orthogonal to a given one",
            (Proof("every n: gamma functions collected, L by induction", lambda r: _joint(r, kept, freedom)),),
        ),
        Step(
            "mean",
            E(RATIO),
            formula,
            "the joint law at t = 1",
            (Proof("every n: gamma functions at t = 1", lambda right: _at_one(right, edge, moment)),),
        ),
    )
    exists = (_exists(freedom, 2, "E R"), _exists(freedom, 4, "its standard error"))
    title = f"From output to input of a linear net with {kind}"
    return LayerLaw(title, E(RATIO), formula, (*SETTING, *exists), steps, kind, kept, freedom)


def _exists(freedom: sp.Expr, least: int, what: str) -> str:
    return f"{what} exists for n > {int(sp.solve(freedom - least, n)[0])}"


def _even_and_odd(right: sp.Expr, low: sp.Expr, high: sp.Expr) -> bool:
    """Whether `right` is 4 ψ'(y) with 4/(2k + y)² = 1/(k + low)² and 4/(2k + 1 + y)² = 1/(k + high)²."""
    (found,) = right.atoms(Psi)
    order, y = found.args
    even = same(1 / (COUNT + low) ** 2, 4 / (2 * COUNT + y) ** 2)
    odd = same(1 / (COUNT + high) ** 2, 4 / (2 * COUNT + 1 + y) ** 2)
    return bool(right == 4 * found and order == 1) and even and odd


def _powers(kept: sp.Expr, freedom: sp.Expr) -> sp.Expr:
    return chi_square.power(kept, T) * chi_square.power(freedom, -T)


def _joint(right: sp.Expr, kept: sp.Expr, freedom: sp.Expr) -> bool:
    """At L = 1 first layer times last, in which σ² and n cancel; each further layer is one factor."""
    share = sp.gamma(kept / 2 + T) * sp.gamma(n / 2) / (sp.gamma(kept / 2) * sp.gamma(n / 2 + T))
    edges = chi_square.power(n - 1, T) * share * chi_square.power(freedom, -T)
    one = right.subs(L, 1).subs(E(FACTOR**T), _powers(kept, freedom))
    return bool(_collected(one / edges) == 1 and sp.simplify(right.subs(L, L + 1) / right - E(FACTOR**T)) == 0)


def _at_one(right: sp.Expr, edge: sp.Expr, moment: sp.Expr) -> bool:
    beta, factor = (_collected(e.subs(T, 1)) for e in (edge, moment))
    front, power = right.as_independent(L)
    return same(front, beta) and power.is_Pow and power.exp == L and same(power.base, factor)


def _collected(e: sp.Expr) -> sp.Expr:
    """Gamma functions whose arguments differ by whole numbers made one: SymPy sees it in y = n/2 alone."""
    half = sp.Dummy("y", positive=True)
    return sp.simplify(sp.expand_func(e.subs(n, 2 * half))).subs(half, n / 2)

"""Residual networks without normalisation whose branches are linear: exact at every width."""

import math
from functools import cache

import numpy as np
import sympy as sp
from scipy import special, stats

from residua_network import ResiduaError
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains.tangents import n
from residua_symbolic.identities import same
from residua_symbolic.moments.residual.terms import (
    SETTING,
    VARIANCE,
    L,
    by_induction,
    iterated,
    l,
    p,
    q,
    square_of_sum,
)

REACH = 40  # standard deviations, and terms, beyond which Poisson probabilities are below every float


@cache
def linear_growth() -> Derivation:
    """x + W x: E‖x_L‖² = (1 + v)^L ‖x_0‖² and E‖g_0‖² = (1 + v)^L ‖g_L‖², at every width; v is the gain s²."""
    factor = 1 + VARIANCE
    grown = factor**L
    rows = sp.Symbol("i", integer=True)
    every_width = Proof(
        "every n: n rows, each with variance (v/n) ‖x‖²; what is linear in W has mean 0",
        lambda right: same(right - q(l), sp.summation(VARIANCE / n * q(l), (rows, 1, n))),
    )
    steps = (
        Step(
            "one block, forward",
            q(l + 1),
            factor * q(l),
            "q = E‖x‖²; E x·W x = 0, E‖W x‖² = v ‖x‖²",
            (every_width, square_of_sum(lambda right, norm, size: right.subs(q(l), norm))),
        ),
        Step(
            "one block, backward",
            p(l),
            factor * p(l + 1),
            "p = E‖g‖²; g becomes g + Wᵀ g: the same sum, and W and Wᵀ are alike",
            (square_of_sum(lambda right, norm, size: right.subs(p(l + 1), norm)),),
        ),
        Step(
            "L blocks",
            q(L) / q(0),
            grown,
            "the same for p(0)/p(L)",
            (by_induction(sp.S.One, lambda f: factor * f, L), iterated(sp.S.One, lambda f, k: factor * f, L)),
        ),
    )
    title = "Unnormalised, linear branches"
    return Derivation(title, q(L) / q(0), grown, (*SETTING, "square branches of any number of linear layers"), steps)


@cache
def scaled_growth() -> Derivation:
    """Branches of gain 1/L: (1 + 1/L)^L tends to e from below, by the relative amount 1/(2L)."""
    u = sp.Symbol("u", positive=True)
    exact, limit = (1 + 1 / L) ** L, sp.E
    series = limit * (1 - 1 / (2 * L) + sp.Rational(11, 24) / L**2)
    in_u = sp.series(sp.exp(sp.log(1 + u) / u), u, 0, 3).removeO()

    def below(right: sp.Expr) -> bool:
        """log(1 + u) < u, since the difference has the derivative −u/(1 + u)."""
        slope = sp.simplify(sp.diff(sp.log(1 + u) - u, u) + u / (1 + u))
        return bool(right == limit and slope == 0)

    steps = (
        *linear_growth().steps,
        Step(
            "gain 1/L",
            q(L) / q(0),
            exact,
            "the law of L blocks at v = 1/L",
            (Proof("put in", lambda right: same(right, linear_growth().formula.subs(VARIANCE, 1 / L))),),
        ),
        Step(
            "limit of depth",
            sp.Limit(exact, L, sp.oo),
            limit,
            "SymPy's limit; every finite depth stays below it",
            (
                Proof("the limit taken", lambda right: sp.limit((1 + u) ** (1 / u), u, 0) == right),
                Proof("log(1 + u) < u for u > 0", below),
            ),
        ),
        Step(
            "finite depth",
            sp.Function("r")(L),
            series,
            "r(L): the law up to O(1/L³), a series in u = 1/L",
            (Proof("Taylor's series of exp(log(1 + u)/u)", lambda right: same(right.subs(L, 1 / u), in_u)),),
        ),
    )
    return Derivation("Unnormalised, linear branches, factor 1/√L", q(L) / q(0), exact, SETTING, steps)


@cache
def linear_spread() -> Derivation:
    """The relative variance of ‖x_L‖²/‖x_0‖², at every width: (1 + (4v + 2v²)/(n (1 + v)²))^L − 1."""
    v = VARIANCE
    block = (4 * v + 2 * v**2) / (n * (1 + v) ** 2)
    whole = (1 + block) ** L - 1
    fourth = Step(
        "fourth moment of one block",
        sp.Symbol("E") * sp.Symbol("f") ** 2,
        (1 + v) ** 2 * (1 + block),
        "f = ‖x + W x‖²/‖x‖²: W x is Gaussian with covariance (v/n) ‖x‖² I, whatever x",
        (
            square_of_sum(lambda right, norm, size: right.subs(n, size) * norm**2, power=2),
            Proof("every n: moments of v/n times a non-central χ²", _noncentral),
        ),
    )
    product = Step(
        "L blocks",
        sp.Symbol("V"),
        whole,
        "V: relative variance. The factors of different blocks are independent, so their second moments multiply",
        (
            Proof(
                "the product of L second moments over the square of that of the means",
                lambda right: all(
                    same((right + 1).subs(L, k), (fourth.right / (1 + v) ** 2) ** k) for k in range(1, 5)
                ),
            ),
            by_induction(sp.S.Zero, lambda f: (f + 1) * (1 + block) - 1, L),
        ),
    )
    return Derivation("Spread of one network about the law", product.left, whole, SETTING, (fourth, product))


def _noncentral(right: sp.Expr) -> bool:
    """f is (v/n) χ²_n(n/v): mean (v/n)(k + λ), variance (v/n)² · 2 (k + 2λ), with k = n and λ = n/v."""
    v = VARIANCE
    k, noncentrality = n, n / v
    mean, variance = (v / n) * (k + noncentrality), (v / n) ** 2 * 2 * (k + 2 * noncentrality)
    return same(right, variance + mean**2)


def relative_variance(depth: int, width: int, gain: float = 1.0) -> float:
    """Of ‖x_L‖²/‖x_0‖² over networks; of the gradient alike."""
    block = (4 * gain + 2 * gain**2) / (width * (1 + gain) ** 2)
    return math.expm1(depth * math.log1p(block))


def log_growth(width: int, gain: float = 1.0) -> float:
    """E log of ‖x + W x‖²/‖x‖², nats a block: the geometric mean grows by the exponential of it, not by 1 + gain.

    (v/n) χ²_n(n/v): a Poisson mixture of central χ², each with E log χ²_k = log 2 + ψ(k/2). Raises ResiduaError for a
    gain that is not above 0.
    """
    if not gain > 0:
        raise ResiduaError(f"log_growth: gain must be above 0, got {gain}")
    mean = width / (2 * gain)
    k = np.arange(int(mean + REACH * (math.sqrt(mean) + 1)))
    mixed = stats.poisson(mean).pmf(k) @ special.digamma(width / 2 + k)
    return float(math.log(2 * gain / width) + mixed)

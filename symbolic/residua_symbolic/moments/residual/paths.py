"""Which of the 2^L paths of a residual network carry the squared gradient at initialisation, by their length.

A path takes the branch or the skip of every block; its length is the number of branches. With the odds o_l of branch
against skip in block l, the shares by length are the coefficients of Π (1 + o_l t)/(1 + o_l): independent steps.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from sympy.functions.combinatorial.numbers import stirling

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import last_apart, same
from residua_symbolic.moments.residual.linear import linear_growth
from residua_symbolic.moments.residual.prenorm import KEPT, linear_relu, relu_linear
from residua_symbolic.moments.residual.terms import (
    SETTING,
    SIZES,
    VARIANCE,
    G,
    L,
    equal,
    expected,
    l,
    p,
    t,
)

Floats = NDArray[np.float64]
K = sp.Symbol("k", integer=True, nonnegative=True)
J = sp.Symbol("j", integer=True, nonnegative=True)
KAPPA = sp.Symbol("kappa", positive=True)  # 1 − 1/π, the variance that a block adds
P = sp.Function("P")  # generating function of the shares by length
DEPTHS = range(1, 8)


def shares(odds: Sequence[float]) -> Floats:
    """The coefficients of Π (1 + o t)/(1 + o): the share of each length, (blocks + 1,)."""
    found = np.ones(1)
    for one in odds:
        found = np.convolve(found, [1 / (1 + one), one / (1 + one)])
    return found


@cache
def alike() -> Derivation:
    """Linear branches without a norm: Binomial(L, v/(1 + v)), at every width; ½ at gain 1."""
    generating = ((1 + VARIANCE * t) / (1 + VARIANCE)) ** L
    steps = (
        _crossed(),
        _odds(VARIANCE, linear_growth(), VARIANCE),
        _product(generating, VARIANCE),
        Step(
            "share of length k",
            sp.Function("w")(K),
            sp.binomial(L, K) * VARIANCE**K / (1 + VARIANCE) ** L,
            "the coefficient of t^k: binomial with probability v/(1 + v)",
            (_coefficients(generating), Proof("Pascal's recursion, for every L", _pascal)),
        ),
        *_moments(generating, L * VARIANCE / (1 + VARIANCE), L * VARIANCE / (1 + VARIANCE) ** 2),
    )
    assumptions = (
        *SETTING,
        "linear branches: every width; ReLU → Linear, v = 2 G and gain G in place of v: infinite width",
        "ratio of expectations over networks",
    )
    return Derivation("Path lengths, no norm", P(t), generating, assumptions, steps)


@cache
def pre_norm() -> Derivation:
    """norm → ReLU → Linear at gain 1: lengths are the cycles of a random permutation of L + 1 things, less one."""
    odds = 1 / (l + 1)
    generating = sp.rf(t + 1, L) / sp.factorial(L + 1)
    harmonic = sp.Sum(1 / J, (J, 2, L + 1))
    steps = (
        _crossed(),
        _odds(odds, relu_linear("layernorm"), sp.S.One),
        _product(generating, odds),
        Step(
            "share of length k",
            sp.Function("w")(K),
            stirling_symbol(L + 1, K + 1) / sp.factorial(L + 1),
            "c(L + 1, k + 1), unsigned Stirling numbers of the first kind: permutations of L + 1 things with k + 1 "
            "cycles, by c(a + 1, b) = a c(a, b) + c(a, b − 1)",
            (_coefficients(generating), Proof("the recursion of the cycles, for every L", _cycles)),
        ),
        *_moments(generating, harmonic, sp.Sum(1 / J - 1 / J**2, (J, 2, L + 1))),
        Step(
            "depth",
            sp.Limit(harmonic - sp.log(L), L, sp.oo),
            sp.EulerGamma - 1,
            "the mean length, a harmonic number less 1, grows as log L − 0.42, not as L/2",
            (Proof("the limit taken", lambda right: sp.limit(harmonic.doit() - sp.log(L), L, sp.oo) == right),),
        ),
    )
    assumptions = (*relu_linear("layernorm").assumptions, "gain 1", "ratio of expectations over networks")
    return Derivation("Path lengths, norm → ReLU → Linear", P(t), generating, assumptions, steps)


@cache
def pre_norm_relu_last() -> Derivation:
    """layernorm → Linear → ReLU at gain 1: odds 1/(1 + κ l), κ = 1 − 1/π; mean length about (π/(π − 1)) log L."""
    odds = 1 / (1 + KAPPA * l)
    generating = sp.rf((1 + t) / KAPPA, L) / sp.rf(2 / KAPPA, L)
    mean = sp.Sum(1 / (2 + KAPPA * J), (J, 0, L - 1))
    steps = (
        _crossed(),
        _odds(odds, linear_relu("layernorm"), sp.S.One),
        _product(generating, odds),
        Step(
            "mean length",
            sp.Symbol("mu"),
            mean,
            "κ = 1 − 1/π; the probabilities of the branches added up",
            (
                Proof("induction on L: one block adds its probability", lambda right: _sums(right, odds)),
                Proof(f"P'(1), L = {DEPTHS[0]}…{DEPTHS[-1]}", lambda right: _expectation(right, generating)),
            ),
        ),
        Step(
            "depth",
            sp.Limit(mean / sp.log(L), L, sp.oo),
            1 / KAPPA,
            "the mean length grows as (π/(π − 1)) log L: the sum lies between integrals",
            (Proof("between integrals of the falling 1/(2 + κ x)", _between),),
        ),
    )
    assumptions = (*linear_relu("layernorm").assumptions, "gain 1", "ratio of expectations over networks")
    return Derivation("Path lengths, layernorm → Linear → ReLU", P(t), generating, assumptions, steps)


def _between(right: sp.Expr) -> bool:
    """∫ from 0 to L ≤ Σ ≤ 1/2 + ∫ from 0 to L, both over log L."""
    x, depth = sp.Symbol("x", positive=True), sp.Symbol("L", positive=True)
    below = sp.integrate(1 / (2 + KAPPA * x), (x, 0, depth))
    limits = [sp.limit((below + more) / sp.log(depth), depth, sp.oo) for more in (0, sp.Rational(1, 2))]
    falling = sp.simplify(-sp.diff(1 / (2 + KAPPA * x), x)).is_positive
    return bool(falling and all(sp.simplify(limit - right) == 0 for limit in limits))


def _expectation(right: sp.Expr, generating: sp.Expr) -> bool:
    return all(equal(right.xreplace({L: sp.Integer(k)}).doit(), _moment(generating, k, 1)) for k in DEPTHS)


def stirling_symbol(n: sp.Expr, k: sp.Expr) -> sp.Expr:
    """c(n, k), not evaluated."""
    return sp.Function("c")(n, k)


def _crossed() -> Step:
    """Paths that differ in a block have no inner product on average."""

    def holds(right: sp.Expr) -> bool:
        """Two blocks: all pairs of the four paths; every path is linear in the weights of the branches it takes."""
        for size in SIZES:
            first, second = (sp.Matrix(size, size, sp.symbols(f"{a}:{size * size}")) for a in "ab")
            g = sp.Matrix(sp.symbols(f"g:{size}"))
            paths = [g, first * g, second * g, first * second * g]
            for i, one in enumerate(paths):
                for other in paths[:i]:
                    mean = expected(sp.expand(one.dot(other)), [*first, *second], VARIANCE / size)
                    if not same(mean, right):
                        return False
        return True

    return Step(
        "different paths",
        sp.Symbol("E") * sp.Symbol("N_AB"),
        sp.S.Zero,
        "the inner product of the gradients through two paths A ≠ B holds the weights of some branch once: its mean is "
        "0, and squared gradients of paths add. Exact for linear branches; with a ReLU, where the gates are "
        "independent of those weights",
        (Proof("two blocks, all pairs of paths, n = 2 and 3", holds),),
    )


def _odds(odds: sp.Expr, law: Derivation, gain: sp.Expr) -> Step:
    """What a block adds to 1 in the law of the gradient."""

    def holds(right: sp.Expr) -> bool:
        block = next(step for step in law.steps if step.name == "one block, backward")
        if not equal(right.subs(KAPPA, KEPT.subs(G, 1)), (block.right / p(l + 1) - 1).subs(G, gain)):
            return False
        law.check()
        return True

    reason = f"squared gradient through the branch over that through the skip: {law.title}"
    return Step(
        "odds", sp.Function("o")(l), odds, reason, (Proof("the derivation of the gradient, every step", holds),)
    )


def _product(generating: sp.Expr, odds: sp.Expr) -> Step:
    """P(t) = Π (1 + o_l t)/(1 + o_l), in closed form."""

    def grows(right: sp.Expr) -> bool:
        if not equal(right.xreplace({L: sp.S.Zero}), sp.S.One):
            return False
        here = odds.xreplace({l: L})
        later, factor = right.xreplace({L: L + 1}), (1 + here * t) / (1 + here)
        return same(later, right * factor) or equal(sp.gammasimp(_as_gammas(later) / _as_gammas(right)), factor)

    def written(right: sp.Expr) -> bool:
        for depth in DEPTHS:
            product = sp.Mul(
                *(((1 + o * t) / (1 + o)) for o in (odds.xreplace({l: sp.Integer(k)}) for k in range(depth)))
            )
            if not equal(sp.expand_func(right.xreplace({L: sp.Integer(depth)})), product):
                return False
        return True

    return Step(
        "generating function",
        P(t),
        generating,
        "the skip and, marked by t, the branch of every block, over their sum",
        (Proof("induction on L", grows), Proof(f"multiplied out for L = {DEPTHS[0]}…{DEPTHS[-1]}", written)),
    )


def _as_gammas(e: sp.Expr) -> sp.Expr:
    return e.rewrite(sp.gamma)


def _coefficients(generating: sp.Expr) -> Proof:
    """The printed coefficient against the expanded polynomial."""

    def holds(right: sp.Expr) -> bool:
        for depth in DEPTHS:
            at = sp.expand(sp.expand_func(generating.xreplace({L: sp.Integer(depth)})))
            for k in range(depth + 1):
                stated = right.xreplace({L: sp.Integer(depth), K: sp.Integer(k)})
                stated = stated.replace(sp.Function("c"), lambda a, b: stirling(a, b, kind=1))
                if not equal(stated, at.coeff(t, k)):
                    return False
        return True

    return Proof(f"every coefficient, L = {DEPTHS[0]}…{DEPTHS[-1]}", holds)


def _pascal(right: sp.Expr) -> bool:
    """w_{L+1}(k) = (w_L(k) + v w_L(k − 1))/(1 + v): one block with odds v."""
    longer, shorter = right.xreplace({L: L + 1}), right.xreplace({K: K - 1})
    return bool(sp.combsimp((right + VARIANCE * shorter) / longer / (1 + VARIANCE)) == 1)


def _cycles(right: sp.Expr) -> bool:
    """w_L(k) = (L w_{L−1}(k) + w_{L−1}(k − 1))/(L + 1), by the recursion: one block with probability 1/(L + 1)."""
    c = sp.Function("c")
    ahead, longer = c(L, K + 1), c(L, K)
    here = right.subs(c(L + 1, K + 1), L * ahead + longer)
    before, shorter = right.xreplace({L: L - 1}), right.xreplace({L: L - 1, K: K - 1})
    return equal(sp.expand(here), sp.expand((L * before + shorter) / (L + 1)))


def _moments(generating: sp.Expr, mean: sp.Expr, variance: sp.Expr) -> tuple[Step, Step]:
    """Mean and variance of the length."""

    def spread(right: sp.Expr) -> bool:
        return all(
            equal(
                right.xreplace({L: sp.Integer(k)}).doit(),
                _moment(generating, k, 2) + _moment(generating, k, 1) - _moment(generating, k, 1) ** 2,
            )
            for k in DEPTHS
        )

    odds = VARIANCE if generating.has(VARIANCE) else 1 / (l + 1)
    return (
        Step(
            "mean length",
            sp.Symbol("mu"),
            mean,
            "P'(1): the probabilities of the branches added up",
            (
                Proof(f"P'(1), L = {DEPTHS[0]}…{DEPTHS[-1]}", lambda right: _expectation(right, generating)),
                Proof("induction on L: one block adds its probability", lambda right: _sums(right, odds)),
            ),
        ),
        Step(
            "variance of the length",
            sp.Symbol("sigma2"),
            variance,
            "P''(1) + P'(1) − P'(1)²: independent steps",
            (
                Proof(f"the derivatives, L = {DEPTHS[0]}…{DEPTHS[-1]}", spread),
                Proof(
                    "induction on L: one block adds its probability times that of the skip",
                    lambda right: _sums(right, odds, 1),
                ),
            ),
        ),
    )


def _moment(generating: sp.Expr, depth: int, order: int) -> sp.Expr:
    at = sp.expand(sp.expand_func(generating.xreplace({L: sp.Integer(depth)})))
    return sp.diff(at, t, order).subs(t, 1)


def _sums(right: sp.Expr, odds: sp.Expr, other: int = 0) -> bool:
    """f(0) = 0 and f(L + 1) − f(L) = a (1 − a)^other, with a = o/(1 + o)."""
    here = sp.sympify(odds).xreplace({l: L})
    probability = here / (1 + here)
    later = _last_apart(right.xreplace({L: L + 1}))
    added = sp.expand_func(later - right)
    at_none = right.xreplace({L: sp.S.Zero}).doit()
    return equal(at_none, sp.S.Zero) and equal(added, probability * (1 - probability) ** other)


def _last_apart(e: sp.Expr) -> sp.Expr:
    """Every Σ with its last term taken out."""
    return e.replace(lambda a: isinstance(a, sp.Sum), lambda a: sp.Add(*last_apart(a)))

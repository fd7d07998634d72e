"""Does batch normalisation help at initialisation? Which weight variances it brings nearer to a gradient ratio of 1."""

import math
from dataclasses import dataclass
from functools import cache

import sympy as sp

from residua_network.checks import number
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains.tangents import B
from residua_symbolic.identities import same
from residua_symbolic.moments.batch.laws import SETTING, VALUES, BatchLaw, G, L, N, kappa, layer_law, proved, theta, v

z = sp.Symbol("z", real=True)
plain, benefit, low, high = sp.Symbol("N_0"), sp.Function("H")(v), sp.Symbol("v_0"), sp.Symbol("v_1")
n, g = sp.symbols("n g", positive=True)  # a value of N and of G, for the proofs


@dataclass(frozen=True, repr=False)
class Benefit(Derivation):
    """Between two variances v₀ < 2 < v₁ batch normalisation hurts, outside of them it helps.

    v/fan-in is the variance of a weight: He's rule is v = 2.
    """

    law: BatchLaw

    def hurts_between(self, batch: int, depth: int) -> tuple[float, float]:
        """v₀ and v₁ at a batch and a depth."""
        growth = math.exp(abs(math.log(self.law.at(batch, depth))) / depth)
        return 2 / growth, 2 * growth

    def helps(self, variance: float, batch: int, depth: int) -> bool:
        """Whether |log ratio| is smaller with batch normalisation."""
        below, above = self.hurts_between(batch, depth)
        return not below <= number(variance, "variance", "benefit of batch normalisation", least=0.0) <= above


def plain_ratio(variance: float, depth: int) -> float:
    """(v/2)^L: the gradient ratio of Linear → ReLU, L times, exact at every width."""
    return float((variance / 2) ** depth)


@cache
def benefit_law() -> Benefit:
    """ReLU nets with batch normalisation against the same nets without."""
    law = layer_law("relu")
    half, hurt = v / 2, sp.Abs(sp.log(N)) - L * sp.Abs(sp.log(v / 2))
    rate, limit = law.rate, sp.pi / (sp.pi - 1)
    excess = (sp.Rational(1, 2) + theta + (B - 2) * kappa) / ((sp.Rational(1, 2) - kappa) * (B - 3))
    steps = (
        Step(
            "a plain layer",
            sp.Symbol("G_0"),
            half,
            "Linear → ReLU: v E relu'(z)², z symmetric; gradients and values are independent in mean squares",
            (Proof("v times the integral of the normal density over z > 0", _half),),
        ),
        Step(
            "plain, all layers",
            plain,
            half**L,
            "no edges: every layer has the same factor",
            (Proof("none without layers, and one layer more is one factor more", _powers),),
        ),
        Step(
            "normalised, all layers",
            N,
            law.formula,
            "the law of Linear → BatchNorm → ReLU; v is nowhere in it",
            (
                Proof("its derivation, every step", lambda right: proved("relu") and right == law.formula),
                Proof("free of v", lambda right: v not in right.free_symbols),
            ),
        ),
        Step(
            "who is nearer to 1", benefit, hurt, "definition: batch normalisation helps where H < 0, hurts where H > 0"
        ),
        Step(
            "an inner layer always grows",
            G - 1,
            excess,
            "positive at every B ≥ 4, as θ ≥ 0 and 0 ≤ κ < 1/2: N > 1 in deep nets; with few layers N may be below 1",
            (Proof("the factor of an inner layer less 1", lambda right: same(rate - 1, right)),),
        ),
        Step(
            "lower bound",
            low,
            2 * N ** (-1 / L),
            "where N > 1: H = 0 below He's v = 2; where N < 1 the two bounds change places",
            (_zero(hurt, -1),),
        ),
        Step("upper bound", high, 2 * N ** (1 / L), "where N > 1: H = 0 above it", (_zero(hurt, 1),)),
        Step(
            "between and beyond",
            sp.Derivative(L * sp.log(v / 2), v),
            L / v,
            "positive: |log(v/2)| falls up to v = 2 and grows from there: H > 0 between the bounds, < 0 beyond",
            (Proof("differentiated", lambda right: same(sp.diff(L * sp.log(v / 2), v), right)),),
        ),
        Step(
            "deep nets",
            sp.Limit(N ** (1 / L), L, sp.oo),
            G,
            "the edges are shared out among all layers: the bounds tend to 2/G and 2 G, G the factor of an inner layer",
            (Proof("log N = L log G + what is free of L", lambda right: _per_layer(law, rate, right)),),
        ),
        Step(
            "deep nets, large batches",
            sp.Limit(G, B, sp.oo),
            limit,
            "so batch normalisation hurts from v = 2(π−1)/π to 2π/(π−1)",
            (Proof("the limit", lambda right: sp.simplify(sp.limit(rate.subs(VALUES), B, sp.oo) - right) == 0),),
        ),
    )
    return Benefit("Where batch normalisation helps", benefit, hurt, SETTING, steps, law)


def _half(right: sp.Expr) -> bool:
    density = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
    return same(v * sp.integrate(density, (z, 0, sp.oo)), right)


def _powers(right: sp.Expr) -> bool:
    return bool(right.subs(L, 0) == 1 and sp.simplify(right.subs(L, L + 1) / right - v / 2) == 0)


def _zero(hurt: sp.Expr, side: int) -> Proof:
    """Put in with N = exp(L t), t > 0; `side`: −1 below v = 2, 1 above."""
    t = sp.Symbol("t", positive=True)

    def holds(right: sp.Expr) -> bool:
        at = hurt.subs(v, right).subs(N, sp.exp(L * t))
        zero = bool(sp.simplify(sp.expand_log(sp.simplify(at), force=True)) == 0)
        on_side = sp.expand_log(sp.log(sp.simplify(right.subs(N, sp.exp(L * t)) / 2)), force=True) * side
        return zero and bool(sp.simplify(on_side).is_positive)

    return Proof(f"put in, N = exp(L t) with t > 0; {'below' if side < 0 else 'above'} 2", holds)


def _per_layer(law: BatchLaw, rate: sp.Expr, right: sp.Expr) -> bool:
    named = law.formula.xreplace({rate: g})
    edges = sp.powsimp(named / g**L)
    return right == G and L not in edges.free_symbols

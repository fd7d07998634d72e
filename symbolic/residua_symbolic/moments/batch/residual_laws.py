"""Residual nets with batch statistics at initialisation: pre-norm in two orders, post-norm. Width tends to infinity.

A gradient kernel (p, r) has the eigenvalue λ₁ = p + (B−1) r on 1 and λ = p − r orthogonal to it. What passes a batch
norm is orthogonal to 1: λ₁ keeps the value 1 that it has at the output, and λ grows from block to block.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

import mpmath
import sympy as sp

from residua_network import ResiduaError
from residua_network.checks import number, one_of, whole
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains.tangents import B
from residua_symbolic.identities import same
from residua_symbolic.moments.batch import laws as batch_laws
from residua_symbolic.moments.batch.laws import (
    PAIR,
    SETTING,
    G,
    L,
    T,
    delta,
    kappa,
    layer_law,
    p,
    proved,
    q,
    r,
    theta,
    v,
)

l, j = sp.symbols("l j", integer=True, nonnegative=True)  # l is the block index throughout
a, b, d, mu = sp.symbols("a b d mu", positive=True)
lam, one, power = sp.Function("lambda"), sp.Symbol("lambda_1"), sp.Symbol("e")
ORDERS = ("BatchNorm → ReLU → Linear", "BatchNorm → Linear → ReLU", "BatchNorm → Linear")
DOUBLINGS = range(8, 15)


@dataclass(frozen=True, repr=False)
class PreNormLaw(Derivation):
    """x + branch(x), L times: E‖gradient at the input of block l‖² over that at the output, at every B.

    `exact`: whether the entries are normal before every batch norm, so that nothing is left out at finite B.
    """

    order: str
    exact: bool
    parts: Mapping[str, sp.Expr]  # a, b: what block l adds to λ is (a λ + b λ₁)/δ_l; d: δ_l = 1 + d l

    def at(self, batch: int, depth: int, variance: float = 2.0, block: int = 0) -> float:
        """The ratio at the input of a block, 0 the first of L = depth."""
        grow, add, spread = self.numbers(batch, variance)
        share = 1.0
        for place in range(whole(depth, "depth", "pre-norm law") - 1, block - 1, -1):
            share += (grow * share + add) / (1 + spread * place)
        return (1 + (batch - 1) * share) / batch

    def exponent(self, batch: int) -> float:
        """The power of L with which the ratio grows; it does not depend on the variance of the weights."""
        grow, _, spread = self.numbers(batch, 1.0)
        return grow / spread

    def kernel(self, batch: int, blocks: int, variance: float = 2.0) -> tuple[float, float, float]:
        """Mean square q, product of two rows c and mean of the stream after so many blocks."""
        _, _, spread = self.numbers(batch, variance)
        blocks = whole(blocks, "blocks", "pre-norm law", least=0)
        if self.order == "BatchNorm → Linear":
            return 1 + blocks * variance, -blocks * variance / (batch - 1), 0.0
        mean = mpmath.sqrt(variance / (2 * mpmath.pi)) if self.order.endswith("ReLU") else 0.0
        mean_square = 1 + blocks * variance / 2 + blocks * (blocks - 1) * mean**2
        return float(mean_square), float(mean_square - 1 - spread * blocks), float(blocks * mean)

    def numbers(self, batch: int, variance: float) -> tuple[float, float, float]:
        """a, b and d."""
        if not number(variance, "variance", "pre-norm law") > 0:
            raise ResiduaError(f"pre-norm law: variance must be positive, got {variance!r}")
        return tuple(variance * _unit(self.order, name, batch_laws.sufficient(batch)) for name in "abd")  # type: ignore[return-value]


@lru_cache(maxsize=1024)
def _unit(order: str, name: str, batch: int) -> float:
    return batch_laws.number_at(pre_norm_law(order).parts[name] / v, batch)


@cache
def pre_norm_law(order: str) -> PreNormLaw:
    """The law of one of `ORDERS`."""
    one_of(order, ORDERS, "order", "pre-norm law")
    inner = layer_law("linear" if order == "BatchNorm → Linear" else "relu")
    after = order == "BatchNorm → Linear → ReLU"
    half = sp.Rational(1, 2)
    if order == "BatchNorm → Linear":
        gain, gate = v * B / (B - 1), (B - 2) * (p - r)
    elif after:
        gain, gate = v * (half - kappa), (B - 2) * (p / 2 - theta * r)
    else:
        gain, gate = v * (half - kappa), p * (B / 2 - 1) - r * (B - 1) * (theta + kappa)
    kernel = {p: (one + (B - 1) * lam(l)) / B, r: (one - lam(l)) / B}
    added = v * gate.subs(kernel) * B / (delta * (B - 3)) / (B - 1)
    grow, add = (sp.factor(sp.diff(sp.expand(added * delta), e)) for e in (lam(l), one))
    assert same(added * delta, grow * lam(l) + add * one), "what a block adds is linear in both eigenvalues"
    solved = (1 + b / a) * sp.Product(1 + a / (1 + d * j), (j, l, L - 1)) - b / a
    growth = sp.gamma(L + (1 + a) / d) * sp.gamma(1 / d) / (sp.gamma((1 + a) / d) * sp.gamma(L + 1 / d))
    steps = (
        *_products(order),
        *_means(order),
        Step(
            "spread of the stream",
            delta,
            1 + d * l,
            "before block l; every branch adds the same q − c, called d, and the input has 1",
            (Proof("the input, and one block more", _adds_up),),
        ),
        Step("d", d, gain, *_gain(order, gain)),
        Step("pulled back through the branch", T, gate, *_gate(order, gate, inner)),
        Step(
            "one block down",
            lam(l),
            lam(l + 1) + (a * lam(l + 1) + b * one) / delta,
            "the branch adds v T E[1/s²]/(B−1), the two paths are uncorrelated; a, b by p, r in terms of λ, λ₁",
        ),
        Step("a", a, grow, "the part of λ", (_coefficient(gate, lam(l), kernel),)),
        Step("b", b, add, "the part of λ₁", (_coefficient(gate, one, kernel),)),
        Step("all blocks", lam(l), solved, "λ(L) = λ₁ = 1: the gradient at the output is isotropic", (_recursion(),)),
        Step(
            "its growth",
            sp.Product(1 + a / (1 + d * j), (j, 0, L - 1)),
            growth,
            "by gamma functions",
            (Proof("L = 1, and one block more", lambda right: _gammas(right)),),
        ),
        Step(
            "power of the depth",
            power,
            a / d,
            "Γ(L + x)/Γ(L + y) ~ L^(x−y) (Stirling)",
            (Proof("slopes of its logarithm from L to 2 L, extrapolated", lambda right: _slope(growth, right)),),
        ),
        Step("put in", power, sp.factor(grow / gain), "v cancels", (_divided(grow, gain),)),
        *_same_rate(order, grow / gain, inner),
        Step(
            "large batch",
            sp.Limit(power, B, sp.oo),
            sp.limit(batch_laws.put_in(grow / gain), B, sp.oo),
            "the limit",
            (Proof("at B = 10⁶, to 10 / B", lambda right: _near(grow / gain, right)),),
        ),
    )
    ratio = (one + (B - 1) * lam(l)) / B
    parts = {"a": grow, "b": add, "d": gain}
    exact = order != "BatchNorm → Linear → ReLU"
    setting = SETTING if exact else (*SETTING, APPROXIMATED)
    return PreNormLaw(f"Pre-norm with batch statistics: {order}", G, ratio, setting, steps, order, exact, parts)


APPROXIMATED = (
    "E[1/s²] is taken as that of normal entries. They are sums of rectified normals: right for the first block, for "
    "B → ∞ (s² is then the variance of the stream), and as l → ∞ (central limit)"
)


def _products(order: str) -> tuple[Step, ...]:
    """θ and κ, where a branch has ReLU."""
    if order == "BatchNorm → Linear":
        return ()

    def known(symbol: sp.Symbol) -> Proof:
        return Proof("the derivation of that law, every step", lambda right: proved("relu") and right == PAIR[symbol])

    words = "as in the law of Linear → BatchNorm → ReLU, sin α = 1/(B−1)"
    return tuple(Step(f"{e}", e, PAIR[e], words, (known(e),)) for e in (theta, kappa))


def _divided(grow: sp.Expr, gain: sp.Expr) -> Proof:
    return Proof("divided", lambda right: same(grow / gain, right))


def _means(order: str) -> tuple[Step, ...]:
    """What the stream is, where branches end in ReLU: they carry a mean."""
    if order != "BatchNorm → Linear → ReLU":
        return ()
    mean, h = sp.sqrt(v / (2 * sp.pi)), sp.Symbol("h", real=True)

    def integrated(right: sp.Expr) -> bool:
        density = sp.exp(-(h**2) / (2 * v)) / sp.sqrt(2 * sp.pi * v)
        return bool(sp.simplify(sp.integrate(h * density, (h, 0, sp.oo)) - right) == 0)

    stated = 1 + l * v / 2 + l * (l - 1) * v / (2 * sp.pi)

    def squared(right: sp.Expr) -> bool:
        steps = sp.expand(right.subs(l, l + 1) - right - (v / 2 + 2 * l * mean**2))
        return bool(steps == 0 and right.subs(l, 0) == 1)

    return (
        Step(
            "mean of a branch",
            mu,
            mean,
            "E relu(z), z ~ N(0, v); the stream has the mean l μ",
            (Proof("integrated", integrated),),
        ),
        Step(
            "mean square of the stream",
            q,
            stated,
            "branches are independent: q grows by v/2 + 2 μ (l μ)",
            (Proof("first value and step", squared),),
        ),
    )


def _gain(order: str, gain: sp.Expr) -> tuple[str, tuple[Proof, ...]]:
    if order == "BatchNorm → Linear":
        return "v (1 + 1/(B−1)), rows of x̂", (Proof("put in", lambda right: same(v * (1 + 1 / (B - 1)), right)),)
    words = "v (1/2 − κ); in either order of Linear and ReLU the same, as κ depends on the correlation alone"
    return words, (Proof("q − c of the branch", lambda right: same(v / 2 - v * kappa, right)),)


def _gate(order: str, gate: sp.Expr, inner: batch_laws.BatchLaw) -> tuple[str, tuple[Proof, ...]]:
    if order != "BatchNorm → Linear → ReLU":
        step = next(s for s in inner.steps if s.name == "pulled back")
        return step.reason, step.proofs
    from residua_symbolic.moments.batch.proofs import trace_linear

    words = "the gates meet the gradient before the Linear layer: kernel (p/2, θ r); below it (B − 2) times p' − r'"
    return words, (Proof("matrices of B = 2…6", trace_linear(p / 2, theta * r)),)


def _coefficient(gate: sp.Expr, of: sp.Expr, kernel: Mapping[sp.Expr, sp.Expr]) -> Proof:
    """The branch's share with the other eigenvalue 0 and this one 1."""
    other = one if of != one else lam(l)
    stated = {p: kernel[p].subs({of: 1, other: 0}), r: kernel[r].subs({of: 1, other: 0})}
    return Proof(
        "p, r with this eigenvalue alone", lambda right: same(v * gate.subs(stated) * B / (B - 3) / (B - 1), right)
    )


def _recursion() -> Proof:
    """Both sides as polynomials in λ₁ = 1, for L − l = 0 and one block more; iterated to L = 5."""

    def holds(right: sp.Expr) -> bool:
        value: sp.Expr = sp.Integer(1)
        for place in range(4, -1, -1):
            value = value + (a * value + b) / (1 + d * place)
            if not same(right.subs(L, 5).subs(l, place).doit(), value):
                return False
        rest = sp.Symbol("Pi")
        whole_product = sp.Product(1 + a / (1 + d * j), (j, l, L - 1))
        above = right.xreplace({whole_product: rest})
        below = right.xreplace({whole_product: rest * (1 + a / (1 + d * l))})
        return same(below, above + (a * above + b) / (1 + d * l))

    return Proof("iterated from L = 5 down, and one block more for every L", holds)


def _adds_up(right: sp.Expr) -> bool:
    return bool(right.subs(l, 0) == 1 and sp.expand(right.subs(l, l + 1) - right - d) == 0)


def _gammas(right: sp.Expr) -> bool:
    more = sp.gammasimp(right.subs(L, L + 1) / right)
    return bool(
        sp.simplify(more - (1 + a / (1 + d * L))) == 0 and sp.simplify(sp.gammasimp(right.subs(L, 1)) - (1 + a)) == 0
    )


def _slope(growth: sp.Expr, right: sp.Expr) -> bool:
    with mpmath.workdps(40):
        for value in (sp.Rational(3, 2), sp.Integer(2)):
            numbers = {a: value, d: sp.Integer(1)}
            logs = [
                mpmath.log(growth.subs({**numbers, L: 2**n}).evalf(40)._to_mpmath(mpmath.mp.prec)) for n in DOUBLINGS
            ]
            slopes = [(y - x) / mpmath.log(2) for x, y in pairwise(logs)]
            for order in range(1, len(slopes)):
                slopes = [(2**order * y - x) / (2**order - 1) for x, y in pairwise(slopes)]
            if not abs(slopes[0] - mpmath.mpf(str(right.subs(numbers).evalf(30)))) < mpmath.mpf(2) ** -40:
                return False
    return True


def _same_rate(order: str, exponent: sp.Expr, inner: batch_laws.BatchLaw) -> tuple[Step, ...]:
    """Where the power is the factor of an inner layer without skip."""
    if order == "BatchNorm → Linear → ReLU":
        return ()
    words = "the factor that an inner layer has in the net without skips is here the power of the depth"
    return (Step("the same as", power, inner.rate, words, (Proof("both", lambda right: same(exponent, right)),)),)


def _near(exponent: sp.Expr, right: sp.Expr) -> bool:
    large = 10**6
    return bool(abs(batch_laws.number_at(exponent, large) - float(right)) < 10 / large)


@cache
def post_norm_law() -> Derivation:
    """BatchNorm(x + branch(x)), branch ReLU → Linear or Linear → ReLU, B → ∞: the factor of a block."""
    mean = sp.sqrt(v / (2 * sp.pi))
    h = sp.Symbol("h", real=True)
    passed, spread = 1 + v / 2, 1 + v / 2 - v / (2 * sp.pi)

    density = sp.exp(-(h**2) / 2) / sp.sqrt(2 * sp.pi)

    def positive(power: int) -> sp.Expr:
        return sp.integrate(h**power * density, (h, 0, sp.oo))

    def integrated(right: sp.Expr) -> bool:
        return bool(sp.simplify(1 + v * (positive(2) - positive(1) ** 2) - right) == 0)

    steps = (
        Step("x", q, sp.Integer(1), "a batch norm is before: mean square 1, rows uncorrelated for B → ∞"),
        Step(
            "mean of relu",
            mu,
            mean,
            "of N(0, v); with ReLU → Linear the rows share it through the matrix",
            (Proof("integrated", lambda right: sp.simplify(sp.sqrt(v) * positive(1) - right) == 0),),
        ),
        Step("spread", delta, spread, "1 of x, v (1/2 − 1/(2π)) of the branch", (Proof("integrated", integrated),)),
        Step(
            "both paths",
            T,
            passed,
            "the gradient below the batch norm, and v/2 times it through the branch; the two are uncorrelated",
            (Proof("v E relu'(z)² by the density over z > 0", lambda right: same(1 + v * positive(0), right)),),
        ),
        Step(
            "a block",
            G,
            passed / spread,
            "for B → ∞ the projector takes nothing off",
            (Proof("multiplied out", lambda right: same(right * spread, passed)),),
        ),
        Step(
            "He's variance",
            G.subs(v, 2),
            2 * sp.pi / (2 * sp.pi - 1),
            "v = 2",
            (Proof("put in", lambda right: sp.simplify((passed / spread).subs(v, 2) - right) == 0),),
        ),
    )
    assumed = (
        *SETTING,
        "B → ∞; at finite B the stream behind a batch norm, x̂, is not normal, the direction that a batch norm removes "
        "resembles that of the block below, through the skip, and the factor is off by O(1/B)",
    )
    return Derivation("Post-norm with batch statistics", G, passed / spread, assumed, steps)

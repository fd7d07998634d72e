"""How squared gradients grow through Linear → BatchNorm (→ ReLU) at initialisation, at every batch size B, and when
batch normalisation helps. Width tends to infinity throughout; the ratio is of means over weights and inputs.

Rows of a batch are exchangeable, so a layer is known by its row kernel: q on the diagonal and c off it for values, p
and r for gradients. For the limit of large B see Yang et al. 2019 (arXiv:1902.08129).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache

import sympy as sp

from residua_network import ResiduaError
from residua_network.checks import one_of, whole
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains.tangents import B
from residua_symbolic.identities import same
from residua_symbolic.moments.batch import proofs
from residua_symbolic.moments.integrals.batch_sphere import RHO

v, p, r, q, c, delta = sp.symbols("v p r q c delta", positive=True)
theta, kappa, alpha = sp.symbols("theta kappa alpha", positive=True)
L = sp.Symbol("L", integer=True, positive=True)
k = sp.Symbol("k", integer=True, positive=True)
G, T, N, s = (sp.Symbol(name, positive=True) for name in ("G", "T", "N", "s"))
E = sp.Function("E")
xa, xb = sp.symbols("xhat_a xhat_b", real=True)
KINDS = ("linear", "relu")
SETTING = (
    "width → ∞ at a fixed B: before every batch norm the entries of a feature are jointly normal over the rows, as "
    "sums over many features with weights of their own, and the gradient at its output is independent of it",
    "independent normal weights of variance v/fan-in, no biases, γ = 1, β = 0, ε = 0",
    "inputs: independent isotropic rows of mean square 1; gradient at the output: isotropic, independent of the net",
    "ratio of expected squared norms; it is finite for B > 3, its standard error for B > 5",
)
ANGLE = sp.asin(1 / (B - 1))  # alpha: two rows of a normalised feature have the correlation −sin α
PAIR = {
    theta: sp.Rational(1, 4) - alpha / (2 * sp.pi),
    kappa: (sp.cos(alpha) - (sp.pi / 2 - alpha) * sp.sin(alpha)) / (2 * sp.pi),
}
VALUES = {name: e.subs(alpha, ANGLE) for name, e in PAIR.items()}


@dataclass(frozen=True, repr=False)
class BatchLaw(Derivation):
    """The expected squared gradient at the input over that at the output of L layers, and its parts, as functions of B.

    `rate` is the factor of an inner layer, `bottom` that of the first, whose input is not normalised, `top` that of the
    last, whose gradient comes from outside, `only` that of a net of one layer. `constant` holds the same for (1.11).
    """

    rate: sp.Expr
    bottom: sp.Expr
    top: sp.Expr
    only: sp.Expr
    constant: Mapping[str, sp.Expr] = field(default_factory=dict)

    def at(self, batch: int, depth: int) -> float:
        """The ratio of L = depth layers."""
        return self.below(batch, depth, depth)

    def below(self, batch: int, depth: int, layers: int) -> float:
        """The ratio of the lowest `layers` of `depth` layers: squared gradient at the input over that at their end."""
        batch, depth = sufficient(batch), whole(depth, "depth", "batch laws")
        if not 1 <= layers <= depth:
            raise ResiduaError(f"batch laws: layers must lie between 1 and the depth {depth}, got {layers}")
        if depth == 1:
            return number_at(self.only, batch)
        inner = min(layers, depth - 1) - 1
        value = number_at(self.bottom, batch) * number_at(self.rate, batch) ** inner
        return value * number_at(self.top, batch) if layers == depth else value

    def growth(self, batch: int) -> float:
        """The factor of an inner layer."""
        return number_at(self.rate, sufficient(batch))

    def claimed(self, batch: int, depth: int) -> float:
        """What (1.11), statistics taken for constants, says of L = depth layers."""
        batch, depth = sufficient(batch), whole(depth, "depth", "batch laws")
        return number_at(self.constant["bottom"], batch) * number_at(self.constant["rate"], batch) ** (depth - 1)


@cache
def layer_law(kind: str) -> BatchLaw:
    """Linear → BatchNorm ("linear") or Linear → BatchNorm → ReLU ("relu"), L times."""
    one_of(kind, KINDS, "kind of net", "batch laws")
    return _linear() if kind == "linear" else _relu()


@cache
def proved(kind: str) -> bool:
    """Whether every step of the law is proved; raises ProofError where one is not. Proved once a run."""
    layer_law(kind).check()
    return True


def _common() -> tuple[Step, ...]:
    return (
        Step(
            "spread",
            delta,
            q - c,
            "orthogonal to 1 the kernel of the rows is (q − c) times the identity: there a feature is isotropic, its "
            "direction x̂ is uniform and independent of its length, and B s²/δ is chi-square with B − 1 degrees of "
            "freedom",
            (Proof("a vector of sum 0, B = 2…6", proofs.spread(q, c)),),
        ),
        Step(
            "inverse variance",
            E(1 / s**2),
            B / (delta * (B - 3)),
            "B/δ times E[1/χ²] = 1/(B − 3); infinite for B ≤ 3, and E[1/s⁴] for B ≤ 5",
            (
                Proof("integrated over the chi-square density", proofs.inverse_variance(delta)),
                Proof("the density of Σ x² in polar coordinates, B = 4…12", proofs.inverse_in_polar(delta)),
            ),
        ),
        Step(
            "normalised rows",
            E(xa * xb),
            RHO,
            "a ≠ b; the rows of x̂ sum to 0 and have mean square 1",
            (Proof("E (Σ x̂)² = 0", lambda right: same(B + B * (B - 1) * right, sp.Integer(0))),),
        ),
    )


def _constant_statistics(square: sp.Expr, spread: sp.Expr) -> tuple[Step, Step]:
    """What (1.11) says: h = φ'(x̂) g/s, without the projector."""
    inner, first = square * B / ((B - 3) * spread / v), square * B / (B - 3)
    reason = "without the projector E‖h‖² is B p E[φ'(x̂)²] E[1/s²]"

    def put_in(size: sp.Expr) -> Proof:
        stated = v * square * p * B / (size * (B - 3)) / p
        return Proof("put in", lambda right: same(stated, right))

    return (
        Step("(1.11) instead", sp.Symbol("G_c"), inner, f"statistics taken for constants: {reason}", (put_in(spread),)),
        Step("(1.11), first layer", sp.Symbol("G_c1"), first, "the same with δ = v", (put_in(v),)),
    )


def _linear() -> BatchLaw:
    pulled = (B - 2) * (p - r)
    spread = v * B / (B - 1)
    general = v * pulled / (B * p) * B / (delta * (B - 3))
    rate = (B - 2) / (B - 3)
    bottom, top = rate * (B / (B - 1)), rate * (B - 1) / B
    inner = {r: -p / (B - 1), delta: spread}
    claims = _constant_statistics(sp.Integer(1), spread)
    steps = (
        *_common(),
        Step(
            "inner spread",
            delta,
            spread,
            "a Linear layer multiplies q and c by v; the input of the first layer has q = 1, c = 0: there δ = v",
            (Proof("put in", lambda right: same(v * (1 - RHO), right)),),
        ),
        Step(
            "pulled back",
            T,
            pulled,
            "T = s² E‖h‖², h the gradient below the batch norm: E tr(K (I − 11ᵀ/B − x̂x̂ᵀ/B)), and E x̂x̂ᵀ is known",
            (
                Proof("matrices of B = 2…6", proofs.trace_linear(p, r)),
                Proof("integrated over the circle of B = 3", proofs.circle_linear(p, r)),
            ),
        ),
        Step(
            "its rows",
            r,
            -p / (B - 1),
            "below a batch norm the gradient sums to 0 over the rows; a Linear layer keeps the shape of its kernel",
            (Proof("E (Σ h)² = 0", lambda right: same(B * p + B * (B - 1) * right, sp.Integer(0))),),
        ),
        *_factors(general, inner, rate, bottom, top, {r: sp.Integer(0), delta: v}),
        Step(
            "all layers",
            N,
            rate**L,
            "the two edges cancel: the first layer has less to divide by, the last one more to lose",
            (_all_layers(rate, bottom, top, rate),),
        ),
        *claims,
    )
    constant = {"rate": claims[0].right, "bottom": claims[1].right}
    title = "Squared gradients through Linear → BatchNorm, L times"
    return BatchLaw(title, N, rate**L, SETTING, steps, rate, bottom, top, rate, constant)


def _relu() -> BatchLaw:
    pulled = p * (B / 2 - 1) - r * (B - 1) * (theta + kappa)
    spread = v * (sp.Rational(1, 2) - kappa)
    general = v * pulled / (B * p) * B / (delta * (B - 3))
    kept = B / 2 - 1 + theta + kappa
    rate = kept / ((sp.Rational(1, 2) - kappa) * (B - 3))
    bottom, top = kept / (B - 3), (B / 2 - 1) / ((sp.Rational(1, 2) - kappa) * (B - 3))
    only = (B / 2 - 1) / (B - 3)
    inner = {r: -p / (B - 1), delta: spread}
    total = rate**L * (sp.Rational(1, 2) - kappa) * (B / 2 - 1) / kept
    claims = _constant_statistics(sp.Rational(1, 2), spread)
    exact = rate.subs(VALUES)
    steps = (
        *_common(),
        Step(
            "angle",
            sp.sin(alpha),
            -RHO,
            "definition: two rows of a normalised feature have the correlation −sin α",
        ),
        Step(
            "both rows pass",
            theta,
            PAIR[theta],
            "the chance that two rows are positive (Sheppard 1899)",
            (
                Proof("the normal density over the quadrant, numerically, B = 3, 4, 8, 32", proofs.quadrant(0, put_in)),
                Proof("the arc of the circle of B = 3", proofs.circle_pair(0, put_in)),
            ),
        ),
        Step(
            "their product",
            kappa,
            PAIR[kappa],
            "E relu(x̂_a) relu(x̂_b), a ≠ b; of degree 2, so that it is that of normals of the same variance "
            "(Cho, Saul 2009)",
            (
                Proof("its derivative in the correlation is θ (Price 1958), and it is 0 at −1", _price),
                Proof("the normal density over the quadrant, numerically, B = 3, 4, 8, 32", proofs.quadrant(1, put_in)),
                Proof("integrated over the circle of B = 3", proofs.circle_pair(1, put_in)),
            ),
        ),
        Step(
            "inner spread",
            delta,
            spread,
            "v times E relu(x̂_a)² = 1/2 less κ; the input of the first layer is not rectified: there δ = v",
            (Proof("by symmetry of x̂ half its mean square", lambda right: same(v / 2 - v * kappa, right)),),
        ),
        Step(
            "pulled back",
            T,
            pulled,
            "T = s² E‖h‖² = E tr(D K D (I − 11ᵀ/B − x̂x̂ᵀ/B)), D = diag relu'(x̂): E D_a = E D_a x̂_a² = 1/2, "
            "E D_a D_b = θ, E D_a D_b x̂_a x̂_b = κ",
            (
                Proof("expanded for B = 2…5, monomial by monomial", proofs.trace_relu(p, r, theta, kappa)),
                Proof("integrated over the circle of B = 3", proofs.circle_relu(p, r, VALUES)),
            ),
        ),
        Step(
            "its rows",
            r,
            -p / (B - 1),
            "below a batch norm the gradient sums to 0 over the rows; a Linear layer keeps the shape of its kernel",
            (Proof("E (Σ h)² = 0", lambda right: same(B * p + B * (B - 1) * right, sp.Integer(0))),),
        ),
        *_factors(general, inner, rate, bottom, top, {r: sp.Integer(0), delta: v}),
        Step(
            "all layers",
            N,
            total,
            "both edges included; it does not depend on v",
            (_all_layers(rate, bottom, top, only, total),),
        ),
        Step(
            "large batch",
            sp.Limit(G, B, sp.oo),
            sp.pi / (sp.pi - 1),
            "Yang et al. 2019",
            (Proof("the limit of the law", lambda right: sp.simplify(sp.limit(exact, B, sp.oo) - right) == 0),),
        ),
        Step(
            "first correction",
            sp.Limit(B * (G - sp.pi / (sp.pi - 1)), B, sp.oo),
            _first_correction(),
            "the next order in 1/B",
            (Proof("Richardson's extrapolation of the law at B = 2^10…2^16, 60 digits", proofs.correction(exact)),),
        ),
        *claims,
    )
    constant = {"rate": claims[0].right, "bottom": claims[1].right}
    title = "Squared gradients through Linear → BatchNorm → ReLU, L times"
    return BatchLaw(title, N, total, SETTING, steps, rate, bottom, top, only, constant)


def _factors(
    general: sp.Expr,
    inner: Mapping[sp.Expr, sp.Expr],
    rate: sp.Expr,
    bottom: sp.Expr,
    top: sp.Expr,
    edges: Mapping[sp.Expr, sp.Expr],
) -> tuple[Step, ...]:
    """The factor of a layer: in general, inside, and at both edges, where r = 0 above or δ = v below."""

    def put_in(values: Mapping[sp.Expr, sp.Expr]) -> Proof:
        return Proof("put in", lambda right: same(general.subs(values), right))

    first, last = dict(inner) | {delta: edges[delta]}, dict(inner) | {r: edges[r]}
    return (
        Step("one layer", G, general, "definition: v T E[1/s²] over B p; the Linear layer multiplies p and r by v"),
        Step("inner layer", G, rate, "δ and r of an inner layer put in; v cancels", (put_in(inner),)),
        Step("first layer", sp.Symbol("G_1"), bottom, "its input has c = 0: δ = v", (put_in(first),)),
        Step("last layer", sp.Symbol("G_L"), top, "the gradient from outside has r = 0", (put_in(last),)),
    )


def _price(right: sp.Expr) -> bool:
    """dκ/dα = −cos α θ, the correlation being −sin α; and two rows of correlation −1 are never both positive."""
    slope = -sp.cos(alpha) * PAIR[theta]
    return bool(sp.simplify(sp.diff(right, alpha) - slope) == 0 and right.subs(alpha, sp.pi / 2) == 0)


def put_in(formula: sp.Expr) -> sp.Expr:
    return formula.subs(VALUES).subs(alpha, ANGLE)


@cache
def _first_correction() -> sp.Expr:
    small = sp.Symbol("epsilon", positive=True)
    values = {name: e.subs(B, 1 / small) for name, e in VALUES.items()}
    both, pair = (sp.series(values[name], small, 0, 3).removeO() for name in (theta, kappa))
    growth = (1 / small / 2 - 1 + both + pair) / ((sp.Rational(1, 2) - pair) * (1 / small - 3))
    return sp.factor(sp.limit(sp.diff(sp.together(growth), small), small, 0))


def _all_layers(rate: sp.Expr, bottom: sp.Expr, top: sp.Expr, only: sp.Expr, total: sp.Expr | None = None) -> Proof:
    def holds(right: sp.Expr) -> bool:
        several = all(same(right.subs(L, n), bottom * rate ** (n - 2) * top) for n in range(2, 7))
        factor = sp.Symbol("t", positive=True)
        named = right.xreplace({rate: factor})
        grows = same(sp.powsimp(named.subs(L, L + 1) / named), factor)
        return several and grows and same(right.subs(L, 1), only)

    return Proof("first · inner · last for L = 1…6, and one layer more is one inner factor more", holds)


def sufficient(batch: int) -> int:
    """A batch at which E[1/s²] is finite."""
    batch = whole(batch, "batch", "batch laws")
    if batch <= 3:
        raise ResiduaError(
            f"batch laws: E[1/s²], the mean inverse variance of a feature, is infinite at a batch of {batch}; "
            "expected at least 4"
        )
    return batch


@lru_cache(maxsize=4096)
def number_at(formula: sp.Expr, batch: int) -> float:
    return float(put_in(formula).subs(B, batch).evalf(20))

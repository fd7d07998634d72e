"""t-SNE's distributions: the perplexity fixes the entropy of every P_i, and no P depends on the embedding."""

from functools import cache

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from residua_network import ResiduaError, ShapeError
from residua_network.checks import number
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.losses.entropy import D, H, divergence_sum, entropy_sum, p
from residua_symbolic.losses.sums import factorised, i, j, k, over, same_sums

CONDITIONAL, JOINT, EMBEDDING = (
    "The entropy of one point's neighbours",
    "The joint distribution",
    "The gradient in the embedding",
)
Floats = NDArray[np.float64]
beta = sp.Symbol("beta", positive=True)
d = sp.IndexedBase("d", real=True)  # squared distances to the neighbours
N, m = sp.symbols("N m", integer=True, positive=True)  # neighbours; of them nearest ones
Z = sp.Function("Z", positive=True)(beta)
delta, y, w = sp.symbols("delta y w", positive=True)


@cache
def derive_conditional() -> Derivation:
    """dH/dβ = −β Var(d) ≤ 0: H falls from log N to log of the number of nearest neighbours, once through each value."""
    partition, first, second = (over((-d[k]) ** n * sp.exp(-beta * d[k]), N) for n in range(3))
    mean, slope = sp.Symbol(r"\langle d \rangle"), sp.diff(Z, beta)
    variance = sp.Symbol(r"\mathrm{Var}(d)")
    spelled = {mean: -slope / Z, variance: sp.diff(Z, beta, 2) / Z - (slope / Z) ** 2}
    form, falls = sp.log(Z) + beta * mean, -beta * variance
    pairs = sp.Sum(p[i] * p[j] * (d[i] - d[j]) ** 2, (i, 1, N), (j, 1, N)) / 2
    steps = (
        Step("partition sum", Z, partition, "definition: $p_j = e^{-\\beta d_j}/Z$, $\\beta = 1/(2\\sigma_i^2)$"),
        Step(
            "its derivatives",
            sp.Derivative(Z, (beta, 2)),
            second,
            "so $-Z'/Z$ is the mean of d and $Z''/Z$ that of d²",
            (Proof("differentiated term by term, any N", lambda right: _differs(partition, first, right)),),
        ),
        Step(
            "entropy",
            H,
            form,
            "−Σ p log p with log p = −βd − log Z",
            (Proof("term by term, any N; Σ p = 1", lambda right: _entropy(right, mean)),),
        ),
        Step(
            "it falls with β",
            sp.Derivative(H, beta),
            falls,
            "whatever the distances",
            (
                Proof(
                    "differentiated, Z any function of β",
                    lambda right: same(sp.diff(form.subs(spelled), beta), right.subs(spelled)),
                ),
            ),
        ),
        Step(
            "strictly, unless all are equally far",
            variance,
            pairs,
            "a sum of squares, 0 only where all distances are equal",
            (Proof("the double sum multiplied out, any N; Σ p = 1", _is_variance),),
        ),
        Step(
            "at β = 0",
            H,
            sp.log(N),
            "all N neighbours alike",
            (Proof("every term of Z is 1, and β⟨d⟩ is 0", lambda right: _at_zero(right, partition)),),
        ),
        Step(
            "as β grows",
            H,
            sp.log(m),
            "m neighbours at the least distance share everything",
            (Proof("limits with one farther neighbour at distance δ more, of any number", _at_infinity),),
        ),
        Step(
            "with a perplexity",
            H,
            sp.log(sp.Symbol(r"\mathrm{Perp}")),
            "definition of β: exactly one, for m < Perp < N. So the entropy of every point's distribution is fixed by "
            "the perplexity",
        ),
    )
    assumptions = ("N neighbours, any number", "their distances are not all equal")
    return Derivation(CONDITIONAL, sp.Derivative(H, beta), falls, assumptions, steps)


def _differs(partition: sp.Sum, first: sp.Sum, right: sp.Expr) -> bool:
    once = sp.diff(partition.function, beta)
    return same(once, first.function) and same(sp.diff(once, beta), right.function)


def _entropy(right: sp.Expr, mean: sp.Symbol) -> bool:
    log_total = sp.log(Z)
    spelled = over(p[k] * (beta * d[k] + log_total), N)
    stated = right.subs({mean: over(p[k] * d[k], N), log_total: over(p[k] * log_total, N)})
    return same_sums(spelled, stated)


def _is_variance(right: sp.Expr) -> bool:
    factor, double = right.as_independent(sp.Sum)
    squares = over(p[k] * d[k] ** 2, N) - over(p[k] * d[k], N) ** 2
    return same((factor * factorised(double.function, N)).subs(over(p[k], N), 1), squares)


def _at_zero(right: sp.Expr, partition: sp.Sum) -> bool:
    return bool(sp.log(partition.function.subs(beta, 0) * N) == right)


def _at_infinity(right: sp.Expr) -> bool:
    """Distances from the least one: Z = m + e^(−βδ), β⟨d⟩ = βδ e^(−βδ)/Z; more such terms tend to 0 each by itself."""
    far = sp.exp(-beta * delta)
    total = sp.limit(far, beta, sp.oo) == 0 and sp.limit(beta * delta * far, beta, sp.oo) == 0
    return bool(total and sp.limit(sp.log(m + far) + beta * delta * far / (m + far), beta, sp.oo) == right)


@cache
def derive_joint() -> Derivation:
    """log n + log Perp ≤ H(joint P) ≤ that + log 2, for n points: fixed before the embedding begins."""
    n, perp = sp.Symbol("n", positive=True), sp.Symbol(r"\mathrm{Perp}", positive=True)
    chain, mixed = (
        sp.Symbol("H_{ij}"),
        sp.Symbol(r"H\left(\tfrac{A + B}{2}\right) - \tfrac{1}{2} H(A) - \tfrac{1}{2} H(B)"),
    )
    A, B = (sp.IndexedBase(name, positive=True) for name in ("a", "b"))
    shares = [2 * one / (A[k] + B[k]) for one in (A[k], B[k])]
    distances = over(A[k] * sp.log(shares[0])) / 2 + over(B[k] * sp.log(shares[1])) / 2
    bound = sp.log(n) + sp.log(perp)
    steps = (
        Step(
            "before it is made symmetric",
            chain,
            bound,
            "of $p_{j|i}/n$: that of a uniform i and, given i, log Perp (chain rule)",
            (Proof("term by term, row i: log(p/n) = log p − log n", lambda right: _chained(right, n, perp)),),
        ),
        Step(
            "mixing adds",
            mixed,
            distances,
            "half of two divergences, each ≥ 0; A is that matrix, B its transpose, of the same entropy",
            (Proof("term by term, any number of pairs", lambda right: _mixing(right, A, B)),),
        ),
        Step(
            "but at most log 2",
            sp.log(shares[0]),
            sp.log(2) - sp.log(1 + B[k] / A[k]),
            "so each divergence is at most log 2, and H(P) lies between log(n Perp) and log(2 n Perp)",
            (Proof("powers of e", lambda right: same(sp.exp(right).simplify(), shares[0])),),
        ),
        Step(
            "the embedding",
            sp.Derivative(H, y),
            sp.Integer(0),
            "P is made of the data and the perplexity; the embedding's points do not occur in it",
            (Proof("no y in it", lambda right: sp.diff(entropy_sum(), y) == right),),
        ),
    )
    return Derivation(JOINT, chain, bound, ("n points, perplexity Perp for each",), steps)


def _chained(right: sp.Expr, n: sp.Symbol, perp: sp.Symbol) -> bool:
    """n rows, each −Σ (p/n) log(p/n) = (H_i + log n)/n with H_i = log Perp."""
    row = -over(p[k] / n * sp.log(p[k] / n))
    apart = same_sums(row, entropy_sum() / n + over(p[k]) * sp.log(n) / n)
    return apart and same(n * (sp.log(perp) / n + sp.log(n) / n), right)


def _mixing(right: sp.Expr, A: sp.IndexedBase, B: sp.IndexedBase) -> bool:
    middle = (A[k] + B[k]) / 2 * (sp.log(A[k] + B[k]) - sp.log(2))  # m log m, m = (a + b)/2
    joint = -over(middle) + over(A[k] * sp.log(A[k])) / 2 + over(B[k] * sp.log(B[k])) / 2
    return same_sums(joint, right)


@cache
def derive_embedding() -> Derivation:
    """Both gradients are 4 Σ (p − q)(y_i − y_j) w, w = 1/(1 + |y_i − y_j|²): the term H(P) has none."""
    a, b = sp.symbols("y_i y_j", real=True)
    weight = 1 / (1 + (a - b) ** 2)
    pij, qij, R, T = sp.symbols("p_ij q_ij R T", real=True)
    # q_ij occurs twice, as q_ji; R is what all other pairs add to Σ w, T to Σ p log w
    loss = sp.log(R + 2 * w) - 2 * pij * sp.log(w) - T
    C = sp.Symbol("C")
    steps = (
        Step("similarity", w, weight, "definition, Student's t with one degree of freedom; $q_{ij} = w/\\sum w$"),
        Step(
            "loss",
            C,
            loss,
            "the cross entropy of P and Q with pair ij and ji written out; the divergence is this less H(P)",
            (Proof("−2 p log q − Σ of the others, whose p sum to 1 − 2p", lambda right: _pair_loss(right, pij, R, T)),),
        ),
        Step(
            "along log w",
            w * sp.Derivative(C, w),
            2 * (qij - pij),
            "a softmax in log w: q − p, twice",
            (Proof("differentiated", lambda right: same(w * sp.diff(loss, w), right.subs(qij, w / (R + 2 * w)))),),
        ),
        Step(
            "log w along the embedding",
            sp.Derivative(sp.log(w), a),
            -2 * (a - b) * w,
            "so the pair adds $4 (p_{ij} - q_{ij})(y_i - y_j) w_{ij}$, coordinate by coordinate",
            (
                Proof(
                    "differentiated",
                    lambda right: same(sp.together(sp.diff(sp.log(weight), a)), sp.together(right.subs(w, weight))),
                ),
            ),
        ),
        Step(
            "the difference",
            sp.Derivative(C - D, y),
            sp.Integer(0),
            "C − D = H(P), in which no y occurs: both are minimised by the same embeddings",
            (Proof("H(P, Q) − D is H(P) term by term, which holds no y", _difference),),
        ),
    )
    gradient = sp.Symbol(r"\partial_{y_i} C")
    formula = sp.Symbol(r"4 \sum_j (p_{ij} - q_{ij}) (y_i - y_j) w_{ij}")
    return Derivation(EMBEDDING, gradient, formula, ("P is fixed, Q = Q(y)",), steps)


def _pair_loss(right: sp.Expr, pij: sp.Symbol, R: sp.Symbol, T: sp.Symbol) -> bool:
    log_total = sp.log(R + 2 * w)
    spelled = -2 * pij * (sp.log(w) - log_total) - (T - (1 - 2 * pij) * log_total)
    return same(spelled, right)


def _difference(right: sp.Expr) -> bool:
    q = sp.IndexedBase("q", positive=True)
    crossed = -over(p[k] * sp.log(q[k]))
    return same_sums(crossed - divergence_sum(), entropy_sum()) and sp.diff(entropy_sum(), y) == right


def neighbours(distances: Floats, precision: float) -> Floats:
    """p_j = e^(−βd_j)/Z of one point; squared distances (N,)."""
    distances = np.asarray(distances, dtype=np.float64)
    if distances.ndim != 1 or not len(distances):
        raise ShapeError(f"neighbours: expected squared distances of shape (N,), got {distances.shape}")
    if not number(precision, "precision", "neighbours", least=0.0) >= 0:
        raise ResiduaError(f"neighbours: expected a precision of at least 0, got {precision!r}")
    weights = np.exp(-precision * (distances - distances.min()))
    found: Floats = weights / weights.sum()
    return found


def entropy_slope(distances: Floats, precision: float) -> float:
    """dH/dβ = −β Var(d), in nats per unit of β."""
    p_j = neighbours(distances, precision)
    middle = float(p_j @ distances)
    return -precision * float(p_j @ (distances - middle) ** 2)

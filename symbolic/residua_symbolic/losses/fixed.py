"""When minimising the divergence is minimising the cross entropy: as long as H(P) does not move with the parameters."""

from functools import cache

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.losses.entropy import HPQ, D
from residua_symbolic.losses.sums import V, k, over, same_sums

TITLE, FREE = "Both gradients, and when they differ", "Where P moves as well"
theta = sp.Symbol("theta", real=True)
P, Q = (sp.Function(name, positive=True)(theta) for name in ("p_k", "q_k"))
epsilon = sp.Symbol("epsilon", positive=True)
p, q, pi = sp.symbols("p q p_i", positive=True)
x = sp.Symbol("x", positive=True)
SLOPE = sp.diff(P, theta)


@cache
def derive_gradients() -> Derivation:
    """∂H(P, Q) − ∂D = −Σ ∂p log p: 0 for labels that are given, whatever their entropy."""
    difference = sp.Symbol(r"{\partial_\theta H(P, Q) - \partial_\theta D(P \parallel Q)}")
    slope, prob = sp.IndexedBase(r"{\partial_\theta p}", real=True), sp.IndexedBase("p", positive=True)
    summed = -over(slope[k] * sp.log(prob[k]))
    every = -over(slope[k] * sp.log(prob[k]) + slope[k])
    share, rest = 1 - epsilon + epsilon / V, epsilon / V
    smoothed = -share * sp.log(share) - (V - 1) * rest * sp.log(rest)
    steps = (
        Step(
            "of one class",
            sp.diff(-P * sp.log(Q), theta, evaluate=False) - sp.diff(P * sp.log(P / Q), theta, evaluate=False),
            -SLOPE * sp.log(P) - SLOPE,
            "what class k adds to the difference of the two gradients",
            (Proof("differentiated, p and q any functions of θ", _of_one_class),),
        ),
        Step(
            "summed",
            difference,
            summed,
            "$\\sum p = 1$ has no slope: what is left is the slope of H(P)",
            (
                Proof(
                    "term by term, any V: the terms differ by ∂p, whose sum is 0",
                    lambda right: same_sums(right, every, slope[k]),
                ),
            ),
        ),
        Step(
            "labels that are a softmax",
            sp.Symbol(r"{\partial_{t_i} H(P)}"),
            -pi * (sp.log(pi) + sp.Symbol("H(P)")),
            "the difference in the logits t of P, where they are trained: not 0 unless P is even or certain",
            (Proof("differentiated, the other classes' sums free: any V", _of_softmax),),
        ),
        Step(
            "labels are given",
            sp.Symbol(r"\left.(-\partial p \log p - \partial p)\right|_{\partial p = 0}"),
            sp.Integer(0),
            "P does not depend on θ: the gradients are equal, at every θ and for every Q",
            (Proof("put in", lambda right: (-SLOPE * sp.log(P) - SLOPE).subs(SLOPE, 0) == right),),
        ),
        Step(
            "one class is certain",
            sp.Limit(-x * sp.log(x), x, 0),
            sp.Integer(0),
            "so H(P) = 0 for one-hot labels, and the two losses themselves are equal",
            (Proof("the limit; 1 log 1 = 0", lambda right: sp.limit(-x * sp.log(x), x, 0) == right),),
        ),
        Step(
            "smoothed labels",
            sp.Symbol("{H(P)}"),
            smoothed,
            "1 − ε on the class and ε shared by all: the same number for every row, and none of θ",
            (
                Proof(
                    "a class and V − 1 others; 2 to 5 classes summed one by one",
                    lambda right: _smoothed(right, share, rest),
                ),
            ),
        ),
    )
    return Derivation(TITLE, difference, summed, ("V classes, any number", "p and q differentiable in θ"), steps)


def _of_one_class(right: sp.Expr) -> bool:
    left = sp.diff(-P * sp.log(Q), theta) - sp.diff(sp.expand_log(P * sp.log(P / Q)), theta)
    return same(sp.expand(left), sp.expand(right))


def _of_softmax(right: sp.Expr) -> bool:
    """H = log S − Σ t e^t/S with S = e^(t_i) + R; U: Σ t e^t of the other classes. p_i = e^(t_i)/S = A/(A + R)."""
    t, R, U, log_total, A = sp.symbols("t R U l A")
    total = sp.exp(t) + R
    entropy = sp.log(total) - (t * sp.exp(t) + U) / total
    stated = right.subs({sp.log(pi): t - log_total, sp.Symbol("H(P)"): entropy, pi: sp.exp(t) / total})
    left = sp.diff(entropy, t)
    return same(*(e.subs(sp.log(total), log_total).subs(sp.exp(t), A) for e in (left, stated)))


def _smoothed(right: sp.Expr, share: sp.Expr, rest: sp.Expr) -> bool:
    """For 2 to 5 classes summed one by one."""
    if not same(share + (V - 1) * rest, sp.Integer(1)):
        return False
    for size in range(2, 6):
        row = [(1 - epsilon) * int(c == 0) + epsilon / size for c in range(size)]
        if sp.simplify(sum(-one * sp.log(one) for one in row) - right.subs(V, size)) != 0:
            return False
    return True


@cache
def derive_free() -> Derivation:
    """Two classes: along P the divergence is least at P = Q, the cross entropy at an end."""
    crossed = -p * sp.log(q) - (1 - p) * sp.log(1 - q)
    apart = p * sp.log(p / q) + (1 - p) * sp.log((1 - p) / (1 - q))
    steps = (
        Step("cross entropy", HPQ, crossed, "definition, two classes"),
        Step("divergence", D, apart, "definition, two classes"),
        Step(
            "cross entropy along P",
            sp.Derivative(HPQ, p),
            sp.log(1 - q) - sp.log(q),
            "the same at every p, and not 0 unless q = 1/2: the least is at an end, all on the likeliest class of Q",
            (Proof("differentiated", lambda right: same(sp.expand(sp.diff(crossed, p)), right)),),
        ),
        Step(
            "divergence along P",
            sp.Symbol(r"\left.\partial_p D\right|_{p = q}"),
            sp.Integer(0),
            "the divergence is least at P = Q",
            (Proof("differentiated, p = q put in", lambda right: sp.simplify(sp.diff(apart, p).subs(p, q)) == right),),
        ),
        Step(
            "curved upwards",
            sp.Derivative(D, (p, 2)),
            1 / (p * (1 - p)),
            "positive: the minimum is the only one",
            (Proof("differentiated twice", lambda right: sp.simplify(sp.diff(apart, p, 2) - right) == 0),),
        ),
    )
    return Derivation(FREE, sp.Derivative(HPQ, p), sp.log(1 - q) - sp.log(q), ("0 < q < 1, 0 < p < 1",), steps)

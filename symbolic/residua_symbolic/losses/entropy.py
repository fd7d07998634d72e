"""Entropy, Kullback–Leibler divergence and cross entropy of distributions over V classes, in nats."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import flint
import numpy as np
import sympy as sp
from numpy.typing import NDArray

from residua_network import ResiduaError, ShapeError
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.identities import same
from residua_symbolic.losses.sums import k, over, same_sums

SPLIT, GIBBS, BITS = "Cross entropy is entropy plus divergence", "The divergence is never negative", "Nats and bits"
Distribution = Sequence[float] | NDArray[np.float64]
NONNEGATIVE = 1e-12  # how far the sum of a distribution in float64 may be off 1
SIZES = range(2, 7)
p, q = (sp.IndexedBase(name, positive=True) for name in ("p", "q"))
H, HPQ, D = sp.Symbol("H(P)"), sp.Symbol("H(P, Q)"), sp.Symbol(r"D(P \parallel Q)")
x, t = sp.symbols("x t", positive=True)
g = sp.Function("g")


def entropy_sum() -> sp.Expr:
    """−Σ p log p."""
    return -over(p[k] * sp.log(p[k]))


def cross_entropy_sum() -> sp.Expr:
    """−Σ p log q."""
    return -over(p[k] * sp.log(q[k]))


def divergence_sum() -> sp.Expr:
    """Σ p log(p/q)."""
    return over(p[k] * sp.log(p[k] / q[k]))


DEFINITIONS = (
    Step("entropy", H, entropy_sum(), "definition"),
    Step("cross entropy", HPQ, cross_entropy_sum(), "definition"),
    Step("divergence", D, divergence_sum(), "definition (Kullback and Leibler)"),
)
ASSUMPTIONS = (
    "V classes, any number",
    "$0 \\log 0 = 0$: classes with $p_k = 0$ drop out",
    "$q_k > 0$ wherever $p_k > 0$; otherwise $D$ and $H(P, Q)$ are both infinite",
)


@cache
def derive_decomposition() -> Derivation:
    """H(P, Q) = H(P) + D(P ‖ Q), term by term, for any V."""
    proofs = (
        Proof(
            "term by term, for any V: logarithms of quotients are differences",
            lambda right: same_sums(cross_entropy_sum(), _put_in(right)),
        ),
        Proof(
            f"ball arithmetic at random distributions of {SIZES[0]} to {SIZES[-1]} classes",
            lambda right: all(_met_at(right, *_pair(size)) for size in SIZES),
        ),
    )
    steps = (*DEFINITIONS, Step("their sum", HPQ, H + D, "log(p/q) = log p − log q", proofs))
    return Derivation(SPLIT, HPQ, H + D, ASSUMPTIONS, steps)


def _put_in(right: sp.Expr) -> sp.Expr:
    return right.subs({H: entropy_sum(), D: divergence_sum()})


def _pair(size: int) -> tuple[list[Any], list[Any]]:
    """Two distributions of rational numbers."""
    rng = np.random.default_rng(size)
    drawn = rng.integers(1, 100, size=(2, size)).tolist()
    first, second = ([flint.fmpq(a, sum(row)) for a in row] for row in drawn)
    return first, second


def _met_at(right: sp.Expr, P: list[Any], Q: list[Any]) -> bool:
    with balls.precision():
        own, crossed, apart = (sum(f(flint.arb(a), flint.arb(b)) for a, b in zip(P, Q, strict=True)) for f in TERMS)
        stated = sp.lambdify((H, D), right, modules=[{}])(own, apart)
        return bool(crossed.overlaps(stated)) and float((crossed - stated).rad()) < balls.WIDEST


TERMS: tuple[Callable[[Any, Any], Any], ...] = (
    lambda a, b: -a * a.log(),
    lambda a, b: -a * b.log(),
    lambda a, b: a * (a / b).log(),
)


@cache
def derive_gibbs() -> Derivation:
    """D = Σ p g(q/p) with g(x) = x − 1 − log x, which is 0 at 1 and positive elsewhere: D = 0 only where Q = P."""
    form, of_terms = x - 1 - sp.log(x), over(p[k] * (q[k] / p[k] - 1 - sp.log(q[k] / p[k])))
    steps = (
        *DEFINITIONS[2:],
        Step("a function", g(x), form, "definition"),
        Step(
            "the divergence by it",
            D,
            of_terms,
            "$\\sum p_k g(q_k/p_k)$: beside the definition there is $\\sum (q_k - p_k) = 0$; a class with $p_k = 0$ "
            "counts $q_k$",
            (
                Proof(
                    "term by term, for any V: the terms differ by q − p, whose sum is 0",
                    lambda right: same_sums(right, divergence_sum(), q[k] - p[k]),
                ),
            ),
        ),
        Step("slope", sp.Derivative(g(x), x), (x - 1) / x, "below 0 for x < 1, above for x > 1", (_slope(form),)),
        Step(
            "the only zero", g(1), sp.Integer(0), "so g > 0 elsewhere, and D = 0 only if every q is its p", (_at(form),)
        ),
    )
    return Derivation(GIBBS, D, of_terms, ASSUMPTIONS, steps)


def _slope(form: sp.Expr) -> Proof:
    def holds(right: sp.Expr) -> bool:
        below, above = (sp.cancel(right.subs(x, at)) for at in (1 / (1 + t), 1 + t))
        return same(sp.diff(form, x), right) and bool(below.is_negative) and bool(above.is_positive)

    return Proof("differentiated; its sign at x = 1/(1 + t) and 1 + t for every t > 0", holds)


def _at(form: sp.Expr) -> Proof:
    return Proof("put in", lambda right: form.subs(x, 1) == right)


@cache
def derive_bits() -> Derivation:
    """Logarithms to base 2 only change the unit: every entropy in bits is that in nats over log 2."""
    bits = sp.Symbol("{H_2}(P, Q)")
    in_bits = -over(p[k] * sp.log(q[k]) / sp.log(2))
    step = Step(
        "in bits",
        bits,
        HPQ / sp.log(2),
        "log₂ a = log a / log 2; the same for H(P) and D",
        (Proof("term by term, for any V", lambda right: same_sums(in_bits, right.subs(HPQ, cross_entropy_sum()))),),
    )
    return Derivation(BITS, bits, HPQ / sp.log(2), ("logarithms to base 2",), (step,))


def information(P: Distribution, Q: Distribution) -> tuple[float, float, float]:
    """H(P), H(P, Q), D(P ‖ Q) in nats, by ball arithmetic, correct to an ulp; infinite where they are.

    Raises ShapeError for lists of different lengths, ResiduaError for what is no distribution.
    """
    first, second = (np.asarray(one, dtype=np.float64) for one in (P, Q))
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise ShapeError(f"information: expected two lists of one length, got shapes {first.shape} and {second.shape}")
    for name, one in (("P", first), ("Q", second)):
        if not (one >= 0).all() or abs(one.sum() - 1) > NONNEGATIVE * len(one):
            raise ResiduaError(
                f"information: expected probabilities that sum to 1 in {name}, got a sum of {one.sum()!r}"
            )
    present = first > 0
    if (second[present] == 0).any():
        own = information(first, first)[0]
        return own, float("inf"), float("inf")
    with balls.precision():
        pairs = [(flint.arb(a), flint.arb(b)) for a, b in zip(first[present], second[present], strict=True)]
        own, crossed, apart = (float(sum((f(a, b) for a, b in pairs), flint.arb(0)).mid()) for f in TERMS)
    return own, crossed, apart

"""Post-norm residual networks, norm(x + branch(x)): one factor of the squared gradient for every block."""

from functools import cache

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.moments.residual.prenorm import KEPT, jacobian_of
from residua_symbolic.moments.residual.relu import PULLED, RHO, linear_relu_growth
from residua_symbolic.moments.residual.terms import (
    APART,
    SETTING,
    WIDE,
    G,
    L,
    branch_moments,
    by_induction,
    equal,
    iterated,
    l,
    p,
    q,
    s,
)


@cache
def relu_linear(norm: str) -> Derivation:
    """norm(x + W relu(x)): the norm divides by 1 + G, and the block has gained 1 + G: the factor is 1."""
    square, _ = branch_moments()
    steps = (
        square,
        jacobian_of(norm),
        Step(
            "what the norm divides by",
            s(l) ** 2,
            1 + G,
            "the stream has mean square 1 and mean 0, the branch adds G with mean 0",
            (Proof("1 and 2 G times the square of a ReLU", lambda right: same(right, 1 + 2 * G * _of_one(square))),),
        ),
        _factor(sp.S.One, 1 + G),
        _power(sp.S.One),
    )
    title = f"Post-norm, (ReLU → Linear) + skip → {norm}"
    return Derivation(title, p(0) / p(L), sp.S.One, (*SETTING, WIDE, APART), steps)


@cache
def linear_relu_layer() -> Derivation:
    """layernorm(x + relu(W x)): the norm removes the mean that the ReLU adds, and divides by the variance alone."""
    square, mean = branch_moments()
    divided = 1 + KEPT
    factor = sp.factor((1 + G) / divided)

    def variance(right: sp.Expr) -> bool:
        one = _of_one(square)
        return equal(right, 1 + 2 * G * (one - (mean.right.subs(_Q, 1)) ** 2))

    steps = (
        square,
        mean,
        jacobian_of("layernorm"),
        Step(
            "what the norm divides by",
            s(l) ** 2,
            divided,
            "variance 1 of the stream and that of the ReLU, whose mean is removed",
            (Proof("mean square of a ReLU less its squared mean, at 2 G", variance),),
        ),
        _factor(factor, divided),
        _power(factor),
    )
    title = "Post-norm, (Linear → ReLU) + skip → layernorm"
    return Derivation(title, p(0) / p(L), factor**L, (*SETTING, WIDE, APART), steps)


@cache
def linear_relu_rms() -> Derivation:
    """rmsnorm(x + relu(W x)): the stream is that without a norm, divided by its root mean square."""
    whole = (1 + G) ** L / (q(L) / q(0))
    growth = 1 + G + 2 * PULLED * RHO
    steps = (
        jacobian_of("rmsnorm"),
        Step(
            "what the norm divides by",
            s(l) ** 2,
            growth,
            "ReLU and Linear are homogeneous: the block sees the stream without a norm, scaled to mean square 1, "
            "with its ratio ρ of mean to root mean square",
            (Proof("the derivation without a norm, every step", _grows),),
        ),
        _factor((1 + G) / growth, growth),
        Step(
            "L blocks",
            p(0) / p(L),
            whole,
            "the product of the growths is q(L)/q(0) of the network without a norm",
            (
                Proof(
                    "one block more divides by one growth more",
                    lambda right: same(right.xreplace({L: L + 1}), right * (1 + G) * q(L) / q(L + 1)),
                ),
                Proof("1 without a block", lambda right: same(right.xreplace({L: sp.S.Zero}), sp.S.One)),
            ),
        ),
    )
    title = "Post-norm, (Linear → ReLU) + skip → rmsnorm"
    return Derivation(title, p(0) / p(L), whole, (*SETTING, WIDE, APART), steps)


def _factor(factor: sp.Expr, divided: sp.Expr) -> Step:
    """The norm's 1/s², then 1 for the skip and G for the branch."""
    reason = "1/s² from the norm, then 1 for the skip and G for the branch: the two have nothing in common"
    proof = Proof("(1 + G)/s²", lambda right: equal(right / p(l + 1), (1 + 2 * G / 2) / divided))
    return Step("one block, backward", p(l), p(l + 1) * factor, reason, (proof,))


def _power(factor: sp.Expr) -> Step:
    return Step(
        "L blocks",
        p(0) / p(L),
        factor**L,
        "every block alike",
        (by_induction(sp.S.One, lambda f: factor * f, L), iterated(sp.S.One, lambda f, k: factor * f, L)),
    )


def _grows(right: sp.Expr) -> bool:
    law = linear_relu_growth()
    if not same(right, law.formula):
        return False
    law.check()
    return True


def _of_one(square: Step) -> sp.Expr:
    """At an input of mean square 1."""
    return square.right.subs(_Q, 1)


_Q = sp.Symbol("q", positive=True)

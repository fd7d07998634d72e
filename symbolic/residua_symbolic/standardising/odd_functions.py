"""Sigmoid behind batch normalisation without β, on data that is symmetric about its mean: odd functions only."""

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.functions import sigmoid
from residua_symbolic.identities import same

TITLE = "Sigmoid nets with batch normalisation and no β, on symmetric data"
t, b, w, k = sp.symbols("t b w k", real=True)
s, g, E_ = sp.symbols("s gamma E", positive=True)
e, o, c, r = sp.symbols("e o c r", real=True)
f, h = sp.Function("f"), sp.Function("h")


def odd_only() -> Derivation:
    """On rows that come in pairs m + d, m − d every layer is a constant and an odd function of d, at any depth and
    width, with any γ; so the output is, and an even target costs its variance at least."""
    mirrored, unit = 1 - sigmoid(t), w * sigmoid(t) + b
    steps = (
        Step("sigmoid mirrored", sigmoid(-t), mirrored, "σ is 1/2 and an odd function", (_exponential(),)),
        Step(
            "what the next layer is fed",
            unit + unit.subs(t, -t),
            w + 2 * b,
            "the same for every pair: a constant k and an odd function, for a sum of such units as well",
            (Proof("σ(−t) = 1 − σ(t) put in", lambda right: same(unit + w * mirrored + b, right)),),
        ),
        Step(
            "batch mean",
            (h(t) + h(-t)) / 2,
            k,
            "of every pair, so of the batch: h(±t) = k ± o",
            (Proof("h(t) = k + o, h(−t) = k − o put in", lambda right: same(_of_pair((h(t) + h(-t)) / 2), right)),),
        ),
        Step(
            "normalised",
            f(-t),
            -f(t),
            "f = γ (h − k)/s: opposite for the two rows of a pair, whatever γ is: odd again",
            (Proof("h put in on both sides", lambda right: same(_normalised(f(-t)), _normalised(right))),),
        ),
        Step(
            "with β",
            (sigmoid(o + b) + sigmoid(-o + b)).subs({o: 1, b: 1})
            - (sigmoid(o + b) + sigmoid(-o + b)).subs({o: 0, b: 1}),
            sigmoid(sp.Integer(2)) + sp.Rational(1, 2) - 2 * sigmoid(sp.Integer(1)),
            "the pair's sum depends on the pair: no longer odd",
            (Proof("definition, and certainly not 0", _not_odd),),
        ),
        Step(
            "error on a pair",
            ((e + r - c - o) ** 2 + (e - r - c + o) ** 2) / 2,
            (e - c) ** 2 + (r - o) ** 2,
            "target e ± r, net c ± o: the even part e is met by one constant c for all pairs, so by its mean at best",
            (Proof("multiplied out", lambda right: same(((e + r - c - o) ** 2 + (e - r - c + o) ** 2) / 2, right)),),
        ),
    )
    assumptions = (
        "statistics of a batch that is symmetric about its mean",
        "β = 0; layers: linear, normalised, sigmoid",
    )
    return Derivation(TITLE, unit + unit.subs(t, -t), w + 2 * b, assumptions, steps)


def _of_pair(e: sp.Expr) -> sp.Expr:
    return e.xreplace({h(t): k + o, h(-t): k - o})


def _normalised(e: sp.Expr) -> sp.Expr:
    """f in terms of h, and h in those of a pair."""
    return _of_pair(e.xreplace({f(place): g * (h(place) - k) / s for place in (t, -t)}))


def _exponential() -> Proof:
    def holds(right: sp.Expr) -> bool:
        difference = (sigmoid(-t) - right).replace(sigmoid, sigmoid.definition)
        return bool(sp.simplify(difference.subs(sp.exp(-t), 1 / E_).subs(sp.exp(t), E_)) == 0)

    return Proof("written in exponentials, as an identity", holds)


def _not_odd(right: sp.Expr) -> bool:
    left = sigmoid(sp.Integer(2)) + sigmoid(sp.Integer(0)) - 2 * sigmoid(sp.Integer(1))
    difference = sp.N(right.replace(sigmoid, sigmoid.definition), 30)
    return bool(
        sp.simplify((left - right).replace(sigmoid, sigmoid.definition)) == 0 and abs(difference) > sp.Rational(1, 100)
    )

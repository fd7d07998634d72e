"""A learned factor and a learned addend beside a linear layer: no new functions, another way through training."""

from functools import cache

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step

ABSORBED = "A factor and an addend are absorbed"
W, v, bias = sp.symbols("W x b", commutative=False)
a, d, eta, w, g = sp.symbols("a d eta w g", real=True)  # one entry of W and of the gradient at a W
INNER = sp.Symbol("p", real=True)  # ⟨W, G⟩
CHANGE = sp.Symbol(r"\Delta (a w)")
y, r = sp.Function("y"), sp.Function("r")


@cache
def absorbed() -> Derivation:
    """a (W x + b) + d = (a W) x + (a b + d); but a step of gradient descent on a and W is another one for a W."""
    layer, one = a * (W * v + bias) + d, a * W * v + a * bias + d
    change = -eta * (a**2 * g + INNER * w) + eta**2 * a * INNER * g
    steps = (
        Step("with factor and addend", y(v), layer, "definition"),
        Step(
            "one linear layer",
            y(v),
            one,
            "of weights a W and bias a b + d: every function of this kind is one without them, and the other way "
            "round with a = 1, d = 0",
            (Proof("noncommutative expansion", lambda right: sp.expand(layer - right) == 0),),
        ),
        Step(
            "in a residual branch",
            r(v),
            v + one,
            "the same where the branch ends in a linear layer",
            (Proof("noncommutative expansion", lambda right: sp.expand(v + layer - right) == 0),),
        ),
        Step(
            "one step of gradient descent",
            CHANGE,
            change,
            "of an entry of a W, with G the gradient at it and p = ⟨W, G⟩: where plain descent moves by −η g, the "
            "factor scales the rate by a² and pulls along W itself",
            (
                Proof(
                    "∂L/∂w = a g, ∂L/∂a = p; both moved, multiplied out",
                    lambda right: sp.expand((a - eta * INNER) * (w - eta * a * g) - a * w - right) == 0,
                ),
            ),
        ),
    )
    assumptions = ("factor and addend stand directly before or after a linear layer with bias",)
    return Derivation(ABSORBED, y(v), one, assumptions, steps)

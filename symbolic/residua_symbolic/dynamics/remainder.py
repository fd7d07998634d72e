"""What a network linearised in its parameters leaves out, after one step of gradient descent, in a case with a closed
form."""

from functools import cache
from typing import Any

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step

eta, eta0, n = sp.symbols("eta eta_0 n", positive=True)
f, g = sp.symbols("f g", real=True)
square = sp.Symbol("xi", positive=True)
REMAINDER = eta**2 * g**2 * square * f


@cache
def derive_remainder() -> Derivation:
    """f(θ − ηg∇f) − f − ⟨∇f, −ηg∇f⟩ = η²g² ξ f for f = v W x, ξ = xᵀx: linear, one hidden layer, point and output."""
    v, W, x = _matrices()
    new_v, new_W = v - eta * g * (W * x).T, W - eta * g * v.T * x.T
    steps = (
        Step(
            "second layer",
            sp.Symbol("v'"),
            new_v,
            "one step of descent, g the derivative of the loss by f",
            (Proof("entry by entry, two inputs and three hidden units", lambda right: _steps(right, v)),),
        ),
        Step(
            "first layer",
            sp.Symbol("W'"),
            new_W,
            "the same step",
            (Proof("entry by entry, two inputs and three hidden units", lambda right: _steps(right, W)),),
        ),
        Step(
            "remainder",
            sp.Symbol("R"),
            REMAINDER,
            "R is what v'W'x has beyond f and its slope times the step: η²g² (Wx)ᵀvᵀ xᵀx; ξ = xᵀx, and (Wx)ᵀvᵀ is f",
            (
                Proof("matrices of symbolic size, expanded", lambda right: _is_remainder(right, new_v, new_W)),
                Proof("entry by entry, two inputs and three hidden units", _entrywise),
            ),
        ),
        Step(
            "at rate η₀/n",
            sp.Symbol(r"R"),
            eta0**2 * g**2 * square * f / n**2,
            "at which a net of width n with weights of variance ∝ 1/fan-in learns at the same pace for every n",
            (Proof("put in", lambda right: sp.expand(REMAINDER.subs(eta, eta0 / n) - right) == 0),),
        ),
    )
    assumptions = ("one hidden layer, no activation, no biases", "one point, one output, one step")
    return Derivation("What linearisation leaves out", sp.Symbol("R"), REMAINDER, assumptions, steps)


def _matrices() -> tuple[Any, Any, Any]:
    width, inputs = sp.symbols("n k", integer=True, positive=True)
    return sp.MatrixSymbol("v", 1, width), sp.MatrixSymbol("W", width, inputs), sp.MatrixSymbol("x", inputs, 1)


def _is_remainder(right: Any, new_v: Any, new_W: Any) -> bool:
    """The second order of v'W'x; it is η²g² (Wx)ᵀvᵀ xᵀx, and (Wx)ᵀvᵀ, a number, is f."""
    v, W, x = _matrices()
    moved = sp.expand((new_v * new_W * x).doit())
    terms = [sp.expand(term) for term in moved.args]
    second = [term for term in terms if term.as_coeff_mmul()[0].has(eta**2)]
    stated = (right / f / square) * x.T * W.T * v.T * x.T * x
    return len(second) == 1 and sp.expand((second[0] - stated).doit()) == sp.ZeroMatrix(1, 1)


def _steps(right: Any, by: Any) -> bool:
    """−η ∂L/∂(entry), L any function of f = v W x with derivative g."""
    v, W, x = _matrices()
    sizes = {W.shape[0]: 3, W.shape[1]: 2}
    value, entries = (v * W * x).subs(sizes).as_explicit()[0], by.subs(sizes).as_explicit()
    moved = entries.applyfunc(lambda entry: entry - eta * g * sp.diff(value, entry))
    return bool((right.subs(sizes).as_explicit() - moved).expand() == sp.zeros(*entries.shape))


def _entrywise(right: Any) -> bool:
    v = sp.Matrix([sp.symbols("v1:4")])
    W = sp.Matrix(3, 2, sp.symbols("w1:7"))
    x = sp.Matrix(sp.symbols("x1:3"))
    value = (v * W * x)[0]
    parameters = [*v, *W]
    slope = [sp.diff(value, p) for p in parameters]
    moved = value.subs({p: p - eta * g * d for p, d in zip(parameters, slope, strict=True)}, simultaneous=True)
    linear = value - eta * g * sum(d**2 for d in slope)
    return bool(sp.expand(moved - linear - right.subs({f: value, square: sum(e**2 for e in x)})) == 0)

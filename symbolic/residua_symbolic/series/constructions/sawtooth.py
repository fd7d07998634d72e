"""x² by a residual ReLU network, one term of a series a layer (Yarotsky 2017, arXiv:1610.01145), and the sawtooth that
its terms are (Telgarsky 2015, arXiv:1509.08101)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp

from residua_network import Activation, Linear, Network, Residual
from residua_network.checks import one_of, whole
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.series.constructions.broken_lines import broken_line
from residua_symbolic.weights import Floats

x = sp.Symbol("x", real=True)
L, l = sp.symbols("L l", integer=True, positive=True)
T, e, S, N = (sp.Function(name) for name in "TeSN")
COUNTED = 8  # depths at which networks are evaluated exactly
READ = {"square": (1.0, 0.0), "sawtooth": (0.0, 1.0)}  # factors of s and t in the output
HALVES = (2 * x, 2 - 2 * x)  # of the tooth T on [0, 1/2] and on [1/2, 1]


def sawtooth_network(depth: int, output: str = "square") -> tuple[Network, dict[str, Floats]]:
    """`depth` residual blocks on the stream (s, t), s = t = x before them, and their weights: all exact in float64.

    Block l makes t the tooth of t, T(t) = 2 relu(t) − 4 relu(t − 1/2), and takes T(t)/4^l from s. `output` is "square"
    (s: the broken line through the squares of k/2^depth) or "sawtooth" (t), on [0, 1].
    """
    whole(depth, "depth", "sawtooth_network", least=0)
    one_of(output, tuple(READ), "output", "sawtooth_network")
    block = Residual((Linear(2, 2), Activation("relu"), Linear(2, 2)))
    net = Network((Linear(1, 2), *(block,) * depth, Linear(2, 1)))
    weights = {"0.weight": np.ones((2, 1)), "0.bias": np.zeros(2)}
    for k in range(1, depth + 1):
        place = f"{k}.branch."
        weights[f"{place}0.weight"] = np.array([[0.0, 1.0], [0.0, 1.0]])
        weights[f"{place}0.bias"] = np.array([0.0, -0.5])
        weights[f"{place}2.weight"] = np.array([[-2.0 * 0.25**k, 4.0 * 0.25**k], [1.0, -4.0]])
        weights[f"{place}2.bias"] = np.zeros(2)
    return net, weights | {f"{depth + 1}.weight": np.array([READ[output]]), f"{depth + 1}.bias": np.zeros(1)}


def square_by_teeth() -> Derivation:
    """sup |f_L − x²| over [0, 1] is 2^(−2L−2) for f_L = x − Σ T^(∘l)/4^l, l = 1 … L: a term a block, exactly."""
    first = x - x**2
    bound = sp.Integer(2) ** (-2 * L - 2)
    halves = tuple(
        Step(
            f"one term, {where} half",
            e(1, x),
            e(0, part) / 4,
            f"x − x² − T/4 = (T − T²)/4 for T = {said}",
            (Proof("polynomial identity", _is_quarter(part)),),
        )
        for part, where, said in zip(HALVES, ("left", "right"), ("2x", "2 − 2x"), strict=True)
    )
    steps = (
        Step("no term", e(0, x), first, "f_0 = x"),
        *halves,
        Step(
            "L terms",
            e(L, x),
            e(L - 1, T(x)) / 4,
            "both halves; the terms l ≥ 2 of f_L are a quarter of the terms of f_(L−1) at T(x)",
        ),
        Step("largest, no term", S(0), sp.Rational(1, 4), "x − x² = 1/4 − (x − 1/2)²", (Proof("square", _is_top),)),
        Step("largest, one term more", S(l), S(l - 1) / 4, "T maps [0, 1] onto [0, 1]"),
        Step(
            "largest",
            S(L),
            bound,
            "solved",
            (
                Proof("induction over L", _is_solved),
                Proof(f"the networks' broken lines, exact, L ≤ {COUNTED}", _is_met),
            ),
        ),
    )
    assumptions = ("x in [0, 1]", "T(x) = 2x up to 1/2, 2 − 2x from there; e_L = f_L − x², S(L) = sup |e_L|")
    return Derivation("Squares by teeth: the error", S(L), bound, assumptions, steps)


def pieces_of_teeth() -> Derivation:
    """The L-th iterate of the tooth has 2^L pieces: depth multiplies pieces, where width only adds them."""
    count = sp.Integer(2) ** L
    steps = (
        Step("no tooth", N(0), sp.Integer(1), "x itself"),
        Step("one block more", N(l), 2 * N(l - 1), "T maps each half of [0, 1] onto [0, 1], with slopes 2 and −2"),
        Step(
            "L blocks",
            N(L),
            count,
            "solved",
            (
                Proof(
                    "induction over L",
                    lambda right: right.subs(L, 0) == 1 and same(right.subs(L, l), 2 * right.subs(L, l - 1)),
                ),
                Proof(f"counted on the networks' broken lines, exact, L ≤ {COUNTED}", _is_counted),
            ),
        ),
    )
    return Derivation("Teeth: the number of pieces", N(L), count, ("x in [0, 1]",), steps)


def exact_square_error(depth: int) -> Any:
    """sup |net − x²| over [0, 1] of the network, exactly (fmpq)."""
    return broken_line(*sawtooth_network(depth), 0, 1).distance_to_square()


def exact_pieces(depth: int, output: str = "sawtooth") -> int:
    """Number of linear pieces of the network on [0, 1], exactly."""
    return broken_line(*sawtooth_network(depth, output), 0, 1).pieces


def _is_quarter(part: sp.Expr) -> Callable[[sp.Expr], bool]:
    return lambda right: same(x - x**2 - part / 4, right.xreplace({e(0, part): part - part**2}))


def _is_top(right: sp.Expr) -> bool:
    return same(x - x**2, right - (x - sp.Rational(1, 2)) ** 2)


def _is_solved(right: sp.Expr) -> bool:
    return right.subs(L, 0) == sp.Rational(1, 4) and same(right.subs(L, l), right.subs(L, l - 1) / 4)


def _is_met(right: sp.Expr) -> bool:
    return all(right.subs(L, k) == _sympy(exact_square_error(k)) for k in range(1, COUNTED + 1))


def _is_counted(right: sp.Expr) -> bool:
    return all(right.subs(L, k) == exact_pieces(k) for k in range(1, COUNTED + 1))


def _sympy(q: Any) -> sp.Rational:
    return sp.Rational(int(q.p), int(q.q))

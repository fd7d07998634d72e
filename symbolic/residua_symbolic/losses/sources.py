"""Texts as sequences of tokens: cross entropy adds up over tokens, its floor is the conditional entropy."""

from functools import cache

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from residua_network import ResiduaError, ShapeError
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.losses.entropy import information, p, q
from residua_symbolic.losses.sums import i, k, over, same_sums

TITLE = "A decoder's loss and its floor"
Floats = NDArray[np.float64]
T = sp.Symbol("T", integer=True, positive=True)
step = sp.IndexedBase("q", positive=True)
c = sp.IndexedBase("c", positive=True)
SUMMED = 1e-12


@cache
def derive_floor() -> Derivation:
    """−log of a text's probability is the sum of its tokens' cross entropies; each at least conditional entropy."""
    text, log_text = sp.Product(step[i], (i, 1, T)), sp.Sum(sp.log(step[i]), (i, 1, T))
    loss, floor, apart = sp.Symbol("L"), sp.Symbol(r"{H(x_t | \ldots)}"), sp.Symbol(r"{E\, D}")
    at = sp.Symbol(r"{L_c}")
    context = -over(p[k] * sp.log(q[k]))
    steps = (
        Step(
            "a text",
            sp.Symbol("{Q(x)}"),
            text,
            "the chain rule: $q_t$ is what the decoder gives token t after those before it",
        ),
        Step(
            "its loss",
            sp.Symbol(r"{-\log Q(x)}"),
            -log_text,
            "one cross entropy a token, each a classification among the same V tokens",
            (Proof("one more factor is one more term: by induction over T", lambda right: _one_more(text, right)),),
        ),
        Step(
            "after one context",
            at,
            -over(p[k] * sp.log(p[k])) + over(p[k] * sp.log(p[k] / q[k])),
            "the source gives the next token by P: its entropy there, and the divergence of the decoder",
            (Proof("term by term, any V", lambda right: same_sums(context, right)),),
        ),
        Step(
            "over contexts",
            loss,
            floor + apart,
            "weighted by how often each comes: the first is the source's, the second is 0 for a decoder that knows it",
            (
                Proof(
                    "a weighted sum of the line before, any number of contexts",
                    lambda right: _weighted(right, floor, apart),
                ),
            ),
        ),
    )
    assumptions = ("V tokens, the same at every place", "$q > 0$ for every token that the source can give")
    return Derivation(TITLE, loss, floor + apart, assumptions, steps)


def _one_more(text: sp.Product, right: sp.Expr) -> bool:
    """The first term, and the term that another token adds, are those of −log of the product."""
    factor, sums = right.as_independent(sp.Sum)
    if sums.limits != text.limits:
        return False
    return all(same(factor * sums.function.subs(i, at), -sp.log(text.function.subs(i, at))) for at in (1, T + 1))


def _weighted(right: sp.Expr, floor: sp.Symbol, apart: sp.Symbol) -> bool:
    own, other = (sp.IndexedBase(name) for name in ("H", "D"))
    summed = {floor: over(c[k] * own[k]), apart: over(c[k] * other[k])}
    return same_sums(over(c[k] * (own[k] + other[k])), right.subs(summed))


def stationary(transition: Floats) -> Floats:
    """Shares of the states of a chain, (V,), from transition (V, V) with rows that sum to 1. Raises ShapeError."""
    transition = np.asarray(transition, dtype=np.float64)
    if transition.ndim != 2 or transition.shape[0] != transition.shape[1]:
        raise ShapeError(f"stationary: expected a square matrix, got shape {transition.shape}")
    if (transition < 0).any() or (abs(transition.sum(axis=1) - 1) > SUMMED).any():
        raise ResiduaError(
            f"stationary: expected rows of probabilities, got sums {transition.sum(axis=1).tolist()!r:.80}"
        )
    size = len(transition)
    equations = np.vstack([transition.T - np.eye(size), np.ones(size)])
    shares: Floats = np.linalg.lstsq(equations, np.append(np.zeros(size), 1.0))[0]
    return shares


def conditional_entropy(transition: Floats) -> float:
    """Σ π_i H(row i), nats a token."""
    rows = [information(row, row)[0] for row in np.asarray(transition, dtype=np.float64)]
    return float(stationary(transition) @ np.array(rows))


def square_floor(transition: Floats, numbers: Floats) -> float:
    """The least mean square error of a guess of the next token's number: Σ π_i Var(number | i)."""
    transition, numbers = np.asarray(transition), np.asarray(numbers, dtype=np.float64)
    middle = transition @ numbers
    return float(stationary(transition) @ (transition @ numbers**2 - middle**2))

"""Residual networks without normalisation: branches ReLU → Linear, and Linear → ReLU, which carry a mean along."""

import math
from functools import cache
from itertools import pairwise

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains.tangents import n
from residua_symbolic.identities import same
from residua_symbolic.moments.residual.terms import (
    APART,
    SETTING,
    WIDE,
    G,
    L,
    branch_moments,
    by_induction,
    gated,
    iterated,
    l,
    m,
    p,
    q,
)

Floats = NDArray[np.float64]
RHO = sp.Symbol("rho", nonnegative=True)  # mean over root mean square of the stream
LAMBDA = sp.Symbol("lambda", positive=True)  # growth of the mean square in one block
PULLED = sp.sqrt(G / sp.pi)  # mean of a ReLU of gain G, input of mean square 1: v = 2 G


@cache
def relu_linear_growth() -> Derivation:
    """x + W relu(x): mean square and gradient both (1 + G)^L, G = v/2, as n → ∞; the first block exactly."""
    factor = 1 + G
    grown = factor**L
    square, _ = branch_moments()
    steps = (
        square,
        Step(
            "one block, forward",
            q(l + 1),
            factor * q(l),
            "W relu(x) has mean 0 given x and mean square v E relu(x)², and the sum with x is symmetric again. At "
            "finite width the variance of what is added leans on the entry itself: a term of order 1/n, from the "
            "second block on",
            (Proof("v = 2 G times the square of a ReLU", lambda right: _adds(right, square.right, q(l))),),
        ),
        Step(
            "one block, backward",
            p(l),
            factor * p(l + 1),
            "half of the units let Wᵀ g through",
            (Proof("v times the mean of a squared slope, 1/2", lambda right: same(right, p(l + 1) * (1 + 2 * G / 2))),),
        ),
        Step(
            "L blocks",
            q(L) / q(0),
            grown,
            "the same for p(0)/p(L)",
            (by_induction(sp.S.One, lambda f: factor * f, L), iterated(sp.S.One, lambda f, k: factor * f, L)),
        ),
    )
    return Derivation("Unnormalised, ReLU → Linear", q(L) / q(0), grown, (*SETTING, WIDE, APART), steps)


@cache
def linear_relu_growth() -> Derivation:
    """x + relu(W x): the mean is carried along, and the mean square tends to grow by λ > 1 + G a block."""
    square, mean = branch_moments()
    pulled, growth = PULLED, 1 + G + 2 * PULLED * RHO
    steps = (
        square,
        mean,
        Step(
            "mean",
            m(l + 1),
            m(l) + pulled * sp.sqrt(q(l)),
            "given x, W x is Gaussian with mean square v q, v = 2 G: its ReLU has this mean, in every entry",
            (Proof("the mean of a ReLU at 2 G q", lambda right: _mean_added(right, mean.right)),),
        ),
        Step(
            "mean square",
            q(l + 1),
            (1 + G) * q(l) + 2 * pulled * m(l) * sp.sqrt(q(l)),
            "x and relu(W x) meet through their means",
            (
                Proof(
                    "x² + 2 x r + r², means put in",
                    lambda right: same(
                        right, q(l) + 2 * m(l) * (_at(mean.right)) * sp.sqrt(q(l)) + 2 * G * square.right / _q * q(l)
                    ),
                ),
            ),
        ),
        Step(
            "variance",
            sp.Function("c")(l + 1),
            sp.Function("c")(l) + G * (1 - 1 / sp.pi) * q(l),
            "c = q − m²: it grows with the mean square, not with itself",
            (Proof("the two recursions put in", lambda right: _variance(right, pulled)),),
        ),
        Step(
            "ratio",
            RHO,
            (RHO + pulled) / sp.sqrt(growth),
            "ρ = m/√q, one block later; a contraction for ρ ≥ 0: its slope is at most 1/√(1 + G)",
            (
                Proof("the two recursions divided", lambda right: _ratio(right, pulled)),
                Proof("the slope, with its numerator below λ", lambda right: _contracts(right, growth)),
            ),
        ),
        Step(
            "fixed point",
            sp.Integer(0),
            2 * pulled * RHO**3 + G * RHO**2 - 2 * pulled * RHO - G / sp.pi,
            "ρ √λ = ρ + √(G/π), squared: a cubic with one root above 0, to which ρ tends from every start",
            (
                Proof("squared", lambda right: same(right, sp.expand(RHO**2 * growth - (RHO + pulled) ** 2))),
                Proof("one change of sign among the coefficients (Descartes)", _one_positive_root),
            ),
        ),
        Step(
            "growth",
            LAMBDA,
            growth,
            "mean square over that of the block before, in the limit of depth; above 1 + G, since ρ > 0",
            (Proof("mean square divided by q", lambda right: _growth(right, pulled)),),
        ),
        Step(
            "gradient",
            p(0) / p(L),
            (1 + G) ** L,
            "half of the units let the gradient through, whatever the mean: as n → ∞ at a fixed depth",
            (by_induction(sp.S.One, lambda f: f * (1 + 2 * G / 2), L),),
        ),
    )
    assumptions = (*SETTING, WIDE.replace("symmetric and independent", "independent"), APART)
    return Derivation("Unnormalised, Linear → ReLU", LAMBDA, growth, assumptions, steps)


@cache
def linear_relu_gradient() -> Derivation:
    """Why a finite width cannot keep the gradient of Linear → ReLU at (1 + G)^L: its part along x grows as the stream.

    E (g_0·x_0)²/‖x_0‖² = (1/n) E‖g_L‖² E‖x_L‖²/‖x_0‖², exactly, so that the ratio is at least λ^L/n in order.
    """
    x0, xL, gL, bound = (sp.Symbol(name) for name in ("N_x0", "N_xL", "N_gL", "b"))

    carried_on = _column("x", "l+1").T * _column("g", "l+1")
    split = sp.MatrixSymbol("T", n, n) * _column("g", "l+1") + _column("H", "l")
    every = "every gate, as polynomials in the entries, n = 2 and 3"

    def euler(x: sp.Matrix, W: sp.Matrix, g: sp.Matrix, D: sp.Matrix) -> list[sp.Expr]:
        above, below = x + D * W * x, g + W.T * D * g
        return list(sp.Matrix([x.dot(below) - above.dot(g)]))

    def apart(x: sp.Matrix, W: sp.Matrix, g: sp.Matrix, D: sp.Matrix) -> list[sp.Expr]:
        """Wᵀ D g = x (D W x)·g / ‖x‖² + W⊥ᵀ D g with W⊥ = W − (W x) xᵀ/‖x‖², and W⊥ x = 0."""
        h, norm = W * x, x.dot(x)
        beside = W - h * x.T / norm
        whole = W.T * D * g - x * (D * h).dot(g) / norm - beside.T * D * g
        return [*whole, *(beside * x)]

    steps = (
        Step(
            "along the stream",
            _column("x", "l").T * _column("g", "l"),
            carried_on,
            "the network is homogeneous of degree 1 (Euler): the inner product is carried through every block",
            (Proof(every, lambda right: right == carried_on and gated(euler)),),
        ),
        Step(
            "one block, backward",
            _column("g", "l"),
            split,
            "T = I + x_l relu(W x_l)ᵀ/‖x_l‖²; H = W⊥ᵀ D g, where W⊥ = W − W x xᵀ/‖x‖² is independent of all that comes "
            "later, given x_l and W x_l",
            (Proof(every, lambda right: right == split and gated(apart)),),
        ),
        Step(
            "a bound at every width",
            bound,
            gL * xL / (n * x0),
            "E‖g_0‖² ≥ E (g_0·x_0)²/‖x_0‖² = E (g_L·x_L)²/‖x_0‖², and g_L is isotropic and independent of x_L",
            (
                Proof(
                    "E (g·x)² = ‖g‖² ‖x‖²/n for isotropic g, n = 2 and 3", lambda right: _isotropic(right, gL, xL, x0)
                ),
            ),
        ),
    )
    return Derivation(
        "Linear → ReLU, the gradient at finite width", bound, steps[-1].right, (*SETTING, "every width"), steps
    )


def carried(depth: int, gain: float = 1.0, mean: float = 0.0) -> Floats:
    """Mean and mean square of the stream of x + relu(W x) after 0…depth blocks, n → ∞; (depth + 1, 2)."""
    found, pulled = [(mean, 1.0)], math.sqrt(gain / math.pi)
    for _ in range(depth):
        m_l, q_l = found[-1]
        root = math.sqrt(q_l)
        found.append((m_l + pulled * root, (1 + gain) * q_l + 2 * pulled * m_l * root))
    return np.array(found)


def carried_growth(gain: float = 1.0) -> float:
    """λ: the positive root of the cubic put in."""
    pulled = math.sqrt(gain / math.pi)
    (ratio,) = [float(r.real) for r in np.roots([2 * pulled, gain, -2 * pulled, -gain / math.pi]) if r.real > 0]
    return 1 + gain + 2 * pulled * ratio


def gradient_at_width(depth: int, width: int, gain: float = 1.0) -> float:
    """E‖g_0‖²/E‖g_L‖² of x + relu(W x) at finite width: the first of `gradients_at_width`."""
    return float(gradients_at_width(depth, width, gain)[0])


def gradients_at_width(depth: int, width: int, gain: float = 1.0) -> Floats:
    """E‖g_l‖²/E‖g_L‖² for l = 0…L, as n → ∞ with λ^L/((1 + G)^L n) fixed; relative corrections of order L/n.

    The covariance of g_l over the weights beside the stream is p I + V C Vᵀ/n: V holds the input and the ReLUs of all
    blocks, whose inner products and gated inner products are Gaussian integrals; C is carried from block to block by T.
    """
    mean_squares = carried(depth, gain)[:, 1]
    gram = _gram(mean_squares, gain)
    p_l, C = 1.0, np.zeros_like(gram)
    found = [p_l]
    for k in reversed(range(depth)):
        x, r = np.r_[np.ones(k + 1), np.zeros(depth - k)], np.zeros(depth + 1)
        r[k + 1] = 1.0
        through = 2 * gain * (p_l / 2 + float((C * _gated_gram(gram, k)).sum()) / width)
        T = np.eye(depth + 1) + np.outer(x, r @ gram) / mean_squares[k]
        crossed = np.outer(x, r)
        squared = np.outer(x, x) * (p_l * float(r @ gram @ r) / mean_squares[k] - through)
        C = T @ C @ T.T + (p_l * (crossed + crossed.T) + squared) / mean_squares[k]
        p_l += through
        found.append(p_l + float((C * gram).sum()) / width)
    return np.array(found[::-1])


def _gram(mean_squares: Floats, gain: float) -> Floats:
    """Inner products over n of the input and of the ReLUs of every block."""
    depth = len(mean_squares) - 1
    roots = np.sqrt(mean_squares[:-1])
    found = np.zeros((depth + 1, depth + 1))
    found[0, 0] = 1.0
    found[1:, 1:] = gain / math.pi * np.outer(roots, roots)
    found[np.arange(1, depth + 1), np.arange(1, depth + 1)] = gain * mean_squares[:-1]
    return found


def _gated_gram(gram: Floats, k: int) -> Floats:
    """The same over the units that block k lets through: half of everything, but all of its own ReLU."""
    found = gram / 2
    found[k + 1, :], found[:, k + 1] = gram[k + 1, :], gram[:, k + 1]
    return np.asarray(found)


_q = sp.Symbol("q", positive=True)


def _column(name: str, layer: str) -> sp.MatrixSymbol:
    return sp.MatrixSymbol(f"{name}__{layer}", n, 1)


def _at(of_relu: sp.Expr) -> sp.Expr:
    """A moment of a ReLU at mean square 2 G, input of mean square 1."""
    return sp.simplify(of_relu.subs(_q, 2 * G))


def _adds(right: sp.Expr, square: sp.Expr, mean_square: sp.Expr) -> bool:
    return same(right, mean_square + 2 * G * square.subs(_q, mean_square))


def _mean_added(right: sp.Expr, mean: sp.Expr) -> bool:
    return bool(sp.simplify(right - m(l) - _at(mean) * sp.sqrt(q(l))) == 0)


def _growth(right: sp.Expr, pulled: sp.Expr) -> bool:
    """At m = ρ √q."""
    root = sp.Symbol("root", positive=True)
    after = (1 + G) * root**2 + 2 * pulled * (RHO * root) * root
    return bool(sp.simplify(after / root**2 - right) == 0)


def _variance(right: sp.Expr, pulled: sp.Expr) -> bool:
    """c = q − m² before and after."""
    root = sp.Symbol("root", positive=True)
    mean, after = m(l) + pulled * root, (1 + G) * root**2 + 2 * pulled * m(l) * root
    stated = right.subs({sp.Function("c")(l): root**2 - m(l) ** 2, q(l): root**2})
    return bool(sp.simplify(after - mean**2 - stated) == 0)


def _ratio(right: sp.Expr, pulled: sp.Expr) -> bool:
    """ρ² of the next block, and its sign."""
    mean, square = RHO + pulled, (1 + G) + 2 * pulled * RHO
    return bool(sp.simplify(right**2 - mean**2 / square) == 0 and right.subs({RHO: 1, G: 1}) > 0)


def _contracts(right: sp.Expr, growth: sp.Expr) -> bool:
    """The slope of N/√λ is (λ − N λ'/2)/λ^(3/2): 0 < λ − N λ'/2 ≤ λ, so it is at most λ^(−1/2) ≤ (1 + G)^(−1/2)."""
    top = sp.simplify(right * sp.sqrt(growth))
    lost = sp.expand(top * sp.diff(growth, RHO) / 2)
    kept = sp.expand(growth - lost)
    left = [kept.coeff(RHO, 0) / (1 + G * (1 - 1 / sp.pi)) - 1, kept.coeff(RHO, 1) - PULLED]
    nonnegative = all(term.is_nonnegative for term in sp.Add.make_args(lost))
    return nonnegative and all(sp.simplify(e) == 0 for e in left)


def _one_positive_root(right: sp.Expr) -> bool:
    """Signs of the coefficients of the cubic, zeros left out: they change once."""
    signs = [c.is_positive for c in sp.Poly(right, RHO).all_coeffs() if c != 0]
    return bool(sum(a != b for a, b in pairwise(signs)) == 1)


def _isotropic(right: sp.Expr, gL: sp.Symbol, xL: sp.Symbol, x0: sp.Symbol) -> bool:
    """g = ‖g‖ u, E u uᵀ = I/n."""
    for size in (2, 3):
        x = sp.symbols(f"x:{size}")
        mean = sum((a * a * gL / size for a in x), sp.S.Zero)
        stated = (right * x0).subs({n: size, xL: sum(a * a for a in x)})
        if not same(stated, mean):
            return False
    return True

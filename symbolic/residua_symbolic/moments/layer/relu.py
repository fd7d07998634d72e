"""Linear → LayerNorm → ReLU at initialisation: the factor of one layer at every width, and its first correction.

He weights (variance 2/n). x̂, what the normaliser gives, is uniform on the sphere of radius √n orthogonal to 1, K of its
entries are positive, S and Q are their sum and the sum of their squares. With RMS normalisation instead E F exists at
no width; there log F has the law of layer normalisation on K + 1 features, K binomial.
"""

import itertools
import math
from functools import cache, lru_cache
from typing import Any

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy.special import digamma, polygamma, wofz
from scipy.stats import binom

from residua_network import ResiduaError
from residua_network.checks import whole
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains.tangents import n
from residua_symbolic.moments.integrals import chi_square
from residua_symbolic.moments.integrals.gaussian import Moment
from residua_symbolic.moments.layer.terms import COV, FACTOR, TRACE, VAR, E, S, same

Floats = NDArray[np.float64]
COARSE, FINE = 120, 180  # nodes along either axis
K, SUM, SQUARES = sp.symbols("K S_+ Q", positive=True)
Z = sp.Symbol("z", real=True)
SETTING = (
    "He weights: independent, normal, variance 2/n, square matrices; no bias; γ = 1, β = 0, ε = 0",
    "one input of mean square 1; the gradient from above isotropic, independent of the weights",
)
SIZES = (3, 4, 5)


@cache
def relu_rate() -> Derivation:
    """E F = n/(n − 3) · E[(K − 1 − (K − S²/Q)/n)/Q], exact at every width n > 3."""
    kept = K - 1 - (K - SUM**2 / SQUARES) / n
    formula = n * chi_square.inverse(n - 1) * E(kept / SQUARES)
    masked, below = sp.symbols("D C", commutative=False)
    steps = (
        Step(
            "masked",
            masked * below * masked,
            masked - sp.Symbol(r"h \, h^{T}") / SQUARES,
            "covariance of the gradient below the ReLU, in units of 2 ‖u‖²/n: D its mask, C = I − hhᵀ/Q what Wᵀ "
            "leaves, since u = J g is orthogonal to W h; D h = h as h = ReLU(x̂)",
            (Proof("3, 4 and 5 features, every pattern of signs, exact fractions", _is_masked),),
        ),
        Step(
            "kept",
            TRACE(S * sp.Symbol("J") * masked * below * masked),
            kept,
            "what the normaliser keeps of it: x̂ᵀ(D − hhᵀ/Q) x̂ = Q − Q²/Q = 0, and the mean loses (K − S²/Q)/n",
            (Proof("3, 4 and 5 features, every pattern of signs, exact fractions", _is_kept),),
        ),
        Step(
            "scale of the next layer",
            E(1 / S**2),
            n**2 / (2 * SQUARES) * chi_square.inverse(n - 1),
            "given h, W h is normal with variance 2 Q/n: n² s²/(2 Q) is chi-square with n − 1 degrees of freedom, "
            "whatever h; Q belongs to the layer below, so factors of different layers stay independent",
            (
                Proof(
                    "the derived mean of an inverse chi-square variable",
                    lambda r: same(r, n**2 / (2 * SQUARES) * chi_square.inverse(n - 1)),
                ),
            ),
        ),
        Step(
            "mean",
            E(FACTOR),
            formula,
            "F belongs to x̂: 2/n from the weights, times what is kept of the gradient at x̂, times 1/s² of the layer "
            "that x̂ goes into, so that Q and K are of one and the same x̂; it is not the ratio of two neighbouring "
            "gradients, whose 1/s² has another Q, but the product over all layers is the same, up to its edges",
            (
                Proof(
                    "the two steps put together",
                    lambda r: same(r, n / (n - 3) * E(kept / SQUARES)),
                ),
            ),
        ),
    )
    title = "One layer of Linear, LayerNorm, ReLU: the mean"
    return Derivation(title, E(FACTOR), formula, (*SETTING, "E F exists for n > 3, where Q ≥ 1"), steps)


@cache
def relu_correction() -> Derivation:
    """n (E F − 1) → 2 − 2/π: what is left of the law above at large width."""
    formula = 2 - 2 / sp.pi
    first = sp.Rational(1, 2)
    steps = (
        _moment("E K", E(K) / n, first, Z**0, "half the entries are positive"),
        _moment("E Q", E(SQUARES) / n, first, Z**2, "half of E z² = 1"),
        _moment("E S", E(SUM) / n, 1 / sp.sqrt(2 * sp.pi), Z, "of a standard normal"),
        _spread("Var Q", VAR(SQUARES) / n, Z**2, Z**2),
        _spread("Cov K Q", COV(K, SQUARES) / n, Z**0, Z**2),
        Step(
            "limit",
            sp.Limit(n * (E(FACTOR) - 1), n, sp.oo),
            formula,
            "3 from n/(n − 3); −2 from the 1 in the numerator; −(1 − 2/π) from the mean, S²/(K Q) → 2/π; and 4 (Var Q "
            "− Cov(K, Q))/n from the fluctuations of Q and K about n/2 (the delta method: argued, not proved)",
            (
                Proof("the four terms put together from the steps above", lambda r: same(r, _put_together())),
                Proof("quadrature at n = 400 and 800, extrapolated", _met_by_quadrature),
            ),
        ),
    )
    title = "One layer of Linear, LayerNorm, ReLU: the first correction"
    return Derivation(title, steps[-1].left, formula, (*SETTING, "a limit: n → ∞"), steps)


@lru_cache(maxsize=1024)
def relu_factor(width: int) -> Moment:
    """E F at this width, by quadrature; the error is what halving the number of nodes changes.

    With y = x̂ s, normal on the hyperplane orthogonal to 1, E F = (1 − 1/n) E K/Q − E 1/Q + E S²/(n Q²) over y: all of
    degree −2. 1/Q = ∫ exp(−t Q) dt, and the hyperplane is ∫ exp(i ω Σ z) dω, which makes the entries independent.
    Raises ResiduaError for n ≤ 3, where the moment does not exist.
    """
    if whole(width, "width", "relu_factor") <= 3:
        raise ResiduaError(
            f"relu_factor: E F does not exist at width {width}, since E 1/χ² of n − 1 degrees of freedom does not; "
            "expected n > 3"
        )
    value, coarse = _double_integral(width, FINE), _double_integral(width, COARSE)
    return Moment(value, abs(value - coarse) + 1e-13 * value, None)


def relu_through_depth(width: int, layers: int) -> Moment:
    """E‖g_0‖²/E‖g_L‖² of `layers` times Linear, LayerNorm, ReLU, and a Linear on top; all n × n, He.

    (n − 1)(n − 2)/(n (n − 3)) · (E F)^(layers − 1): the first normaliser has no ReLU before it, and the gradient that
    reaches the last knows nothing of its input.
    """
    factor, layers = relu_factor(width), whole(layers, "layers", "relu_through_depth")
    edges = (width - 1) * (width - 2) / (width * (width - 3))
    value = edges * factor.value ** (layers - 1)
    return Moment(value, value * (layers - 1) * factor.error / factor.value, None)


def rms_relu_log(width: int) -> tuple[float, float]:
    """Mean and variance of log F for Linear, RMSNorm, ReLU: F = χ²(K − 1)/χ²(K), K ~ Binomial(n, ½) given K ≥ 2.

    E F itself is infinite at every width: K = 2 has a positive probability, and E 1/χ² of two degrees of freedom is
    infinite. At K = 1 no gradient passes, at K = 0 nothing does.
    """
    alive, weights = _alive(width)
    means = digamma((alive - 1) / 2) - digamma(alive / 2)
    spreads = polygamma(1, (alive - 1) / 2) + polygamma(1, alive / 2)
    mean = float(weights @ means)
    return mean, float(weights @ (spreads + (means - mean) ** 2))


def rms_relu_first(width: int) -> float:
    """E log of the first factor there, χ²(K − 1)/χ²(n): the input is not rectified, so that s has n degrees of freedom.

    Raises ResiduaError at widths at which no gradient passes.
    """
    return _alive_mean(width) - float(digamma(width / 2))


def _alive_mean(width: int) -> float:
    """E ψ((K − 1)/2) given K ≥ 2."""
    alive, weights = _alive(width)
    return float(weights @ digamma((alive - 1) / 2))


def _alive(width: int) -> tuple[NDArray[np.int64], Floats]:
    """2 … n, and the probabilities of so many positive entries."""
    alive = np.arange(2, whole(width, "width", "rms_relu_log") + 1)
    if not len(alive):
        raise ResiduaError(f"rms_relu_log: at width {width} no gradient passes; expected n > 1")
    weights = binom.pmf(alive, width, 0.5)
    return alive, weights / weights.sum()


def _double_integral(width: int, nodes: int) -> float:
    """The sum of the three moments over t and ω, Gauss and Legendre after t, ω have been mapped to (0, 1)."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    x, w = (points + 1) / 2, weights / 2
    r = x / (1 - x)
    t, dt = 2 / width * r**2, w * 4 / width * r / (1 - x) ** 2
    omega, d_omega = 2 / math.sqrt(width) * x / (1 - x) ** 2, w * 2 / math.sqrt(width) * (1 + x) / (1 - x) ** 3
    t, omega = t[:, None], omega[None, :]
    half = 1 / np.sqrt(4 * t + 2)  # E exp(−t z² + i ω z) over z > 0 is half · w(half ω), w the Faddeeva function
    f = wofz(half * omega)
    slope = -2 * half * omega * f + 2j / math.sqrt(math.pi)
    curvature = -2 * f - 2 * half * omega * slope
    p0, p1, p2 = half * f / math.sqrt(2), -1j * half**2 * slope / math.sqrt(2), -(half**3) * curvature / math.sqrt(2)
    negative = wofz(-omega / math.sqrt(2)) / 2
    each = negative + p0
    count = width * p0 * each ** (width - 1)
    one = each**width - negative**width  # Q = 0 does not occur where the entries sum to zero
    square = t * (width * p2 * each ** (width - 1) + width * (width - 1) * p1**2 * each ** (width - 2))
    inside: Any = ((1 - 1 / width) * count - one + square / width).real
    return float(math.sqrt(2 * math.pi * width) / math.pi * (dt @ inside @ d_omega))


def _half(e: sp.Expr) -> sp.Expr:
    """E e over the positive half of a standard normal."""
    return sp.integrate(e * sp.exp(-(Z**2) / 2) / sp.sqrt(2 * sp.pi), (Z, 0, sp.oo))


def _moment(name: str, left: sp.Expr, value: sp.Expr, e: sp.Expr, reason: str) -> Step:
    return Step(name, left, value, f"to leading order: {reason}", (Proof("integrated", lambda r: same(r, _half(e))),))


def _spread(name: str, left: sp.Expr, a: sp.Expr, b: sp.Expr) -> Step:
    """Covariance of Σ a and Σ b over positive entries, what x̂ and x̂² explain taken away: Σ x̂ = 0, Σ x̂² = n."""
    value = _residual(a, b)
    reason = "to leading order: of one entry, less what its part along x̂ and x̂² explains, since Σ x̂ = 0 and Σ x̂² = n"
    return Step(name, left, value, reason, (Proof("integrated", lambda right: same(right, _residual(a, b))),))


@cache
def _residual(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    along = [_half(e * Z) for e in (a, b)]  # E e z, Var z = 1
    second = [_half(e * (Z**2 - 1)) for e in (a, b)]  # E e (z² − 1), Var z² = 2
    return sp.simplify(_half(a * b) - _half(a) * _half(b) - along[0] * along[1] - second[0] * second[1] / 2)


def _put_together() -> sp.Expr:
    mean_lost = 1 - (_half(Z) ** 2) / (_half(Z**0) * _half(Z**2))
    return 3 - 2 - mean_lost + 4 * (_residual(Z**2, Z**2) - _residual(Z**0, Z**2))


def _met_by_quadrature(right: sp.Expr) -> bool:
    """Richardson: an error of order 1/n in n (E F − 1) is taken away; what is left is of order 1/n²."""
    once, twice = (size * (relu_factor(size).value - 1) for size in (400, 800))
    return bool(abs(2 * twice - once - float(right)) < 100 / 400**2)


def _patterns() -> Any:
    """Exact vectors that sum to zero, with every pattern of signs that such vectors have."""
    for size in SIZES:
        for signs in itertools.product((1, -1), repeat=size):
            if len(set(signs)) == 2:
                positive = [sp.Integer(p + 1) if s > 0 else sp.S.Zero for p, s in enumerate(signs)]
                negative = [sp.Integer(p + 2) if s < 0 else sp.S.Zero for p, s in enumerate(signs)]
                balance = sp.Rational(sum(positive), sum(negative))
                yield sp.Matrix([a - balance * b for a, b in zip(positive, negative, strict=True)])


def _parts(x: sp.Matrix) -> tuple[sp.Matrix, sp.Matrix, sp.Matrix]:
    """The mask D, h = ReLU(x), and C = I − hhᵀ/‖h‖²; the scale of x does not matter for D and C."""
    mask = sp.diag(*(int(bool(e > 0)) for e in x))
    h = mask * x
    return mask, h, sp.eye(len(x)) - h * h.T / (h.T * h)[0]


def _is_masked(right: sp.Expr) -> bool:
    D, outer = sp.Symbol("D", commutative=False), sp.Symbol(r"h \, h^{T}")
    for x in _patterns():
        mask, h, beside = _parts(x)
        squares = (h.T * h)[0]
        printed = mask * right.coeff(D) + h * h.T * right.coeff(outer).subs(SQUARES, squares)
        rest = sp.expand(right - right.coeff(D) * D - right.coeff(outer) * outer)
        if rest != 0 or mask * beside * mask != printed:
            return False
    return True


def _is_kept(right: sp.Expr) -> bool:
    for x in _patterns():
        mask, h, beside = _parts(x)
        size = len(x)
        normaliser = sp.eye(size) - sp.ones(size, size) / size - x * x.T / (x.T * x)[0]
        put = {K: mask.trace(), SUM: sum(h), SQUARES: (h.T * h)[0], n: size}  # S²/Q does not depend on the scale
        if (normaliser * mask * beside * mask).trace() != right.subs(put):
            return False
    return True

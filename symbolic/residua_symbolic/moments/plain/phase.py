"""How the squared gradient grows per layer at infinite width: its place in the plane of (σ_w², σ_b²), by activation.

A layer is Linear (weights of variance σ_w²/n, biases of variance σ_b²), a normalisation or none, then the activation.
q: mean square of what enters the activation. Poole et al. 2016 (arXiv:1606.05340), Schoenholz et al. 2017
(arXiv:1611.01232); with batch normalisation Yang et al. 2019 (arXiv:1902.08129).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import sympy as sp
from scipy import optimize

from residua_network import ResiduaError
from residua_network.checks import number, one_of, whole
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.moments.integrals import gaussian
from residua_symbolic.moments.integrals.gaussian_forms import SLOPE_SQUARE, closed_form
from residua_symbolic.moments.integrals.gaussian_forms import m as mean_symbol

NONE, LAYER, RMS, BATCH = "none", "layernorm", "rmsnorm", "batchnorm"
NORMS = (NONE, LAYER, RMS, BATCH)
SMALLEST, LARGEST = 1e-6, 1e6  # of q where a fixed point is looked for
OVERFLOW = 1e100  # of q along a chain
STEPS = 120  # of the search, evenly in log q: ten a decade
DIFFERENCE = 1e-4  # relative step: beside 16 digits, an error of 1e−8
ROUNDING = 1e-13  # relative: what the fixed point itself may be off
ASSUMED = (
    "infinite width: entries before the activation are normal, and a gradient is independent of them",
    "the limit of large depth: q is a fixed point of the layer",
)


def next_variance(name: str, q: float, weight: float, bias: float) -> float:
    """σ_w² E φ(√q z)² + σ_b²: q of the next layer, without normalisation."""
    return weight * gaussian.square(name, q).value + bias


def growth(name: str, q: float, weight: float) -> float:
    """χ = σ_w² E φ'(√q z)²: the factor of the mean squared gradient over one layer, without normalisation."""
    return weight * gaussian.slope_square(name, q).value


def variances(name: str, weight: float, bias: float, depth: int, start: float = 1.0) -> tuple[float, ...]:
    """q of the layers 1, …, depth, inputs being of mean square `start`. Raises ResiduaError where it overflows."""
    where = "variances"
    q = number(weight, "weight", where, least=0.0) * start + number(bias, "bias", where, least=0.0)
    found = [q]
    for layer in range(1, whole(depth, "depth", where)):
        q = next_variance(name, q, weight, bias)
        if not q < OVERFLOW:
            raise ResiduaError(f"{where}: with {name} q exceeds {OVERFLOW:g} at layer {layer + 1}")
        found.append(q)
    return tuple(found)


def constant_slope(name: str) -> float | None:
    """E φ'(√q z)² where it is the same for every q (relu, identity), so that χ is known whatever q does; else None."""
    form = closed_form(name, SLOPE_SQUARE)
    at_zero = None if form is None else form.subs(mean_symbol, 0)
    return None if at_zero is None or at_zero.free_symbols else float(at_zero)


def gradient_ratio(name: str, weight: float, bias: float, depth: int) -> float:
    """Π χ(q_l): E‖gradient at the input‖² over that at the output, at infinite width."""
    result: float = 1.0
    for q in variances(name, weight, bias, depth):
        result *= growth(name, q, weight)
    return result


def fixed_points(name: str, weight: float, bias: float) -> tuple[float, ...]:
    """The q > 0 that the layer keeps, ascending; q = 0, which it keeps when σ_b = 0 and φ(0) = 0, is not listed.

    Found by sign changes between SMALLEST and LARGEST, and bisection: two of which one is less than 1.26 times the
    other are missed, as is one that is touched and not crossed. Empty where every q is one, or none.
    """

    def change(log_q: float) -> float:
        q = float(10.0**log_q)
        return next_variance(name, q, weight, bias) / q - 1

    low, high = math.log10(SMALLEST), math.log10(LARGEST)
    places = [low + (high - low) * k / STEPS for k in range(STEPS + 1)]
    values = [change(p) for p in places]
    found = []
    for (a, left), (b, right) in pairwise(zip(places, values, strict=True)):
        if left * right < 0 and min(abs(left), abs(right)) > ROUNDING:
            found.append(10.0 ** float(optimize.brentq(change, a, b, xtol=ROUNDING, rtol=ROUNDING)))
    return tuple(found)


@dataclass(frozen=True)
class Line:
    """Points (σ_w², σ_b²) of one growth χ, each with the fixed point q that it holds at and whether that attracts."""

    chi: float
    weight: tuple[float, ...]
    bias: tuple[float, ...]
    q: tuple[float, ...]
    attracts: tuple[bool, ...]


def line(name: str, chi: float, places: Sequence[float]) -> Line:
    """The line of growth χ without normalisation, by q: σ_w² = χ/E φ'², σ_b² = q − σ_w² E φ², where that is not < 0.

    Every point is exact at its q. Where q does not attract, |dq'/dq| ≥ 1 there, no network stays at it.
    """
    number(chi, "chi", "line", least=0.0)
    points = []
    for q in places:
        slope = gaussian.slope_square(name, number(q, "q", "line", least=0.0)).value
        if slope == 0:
            continue
        weight = chi / slope
        bias = q - weight * gaussian.square(name, q).value
        if bias >= -ROUNDING * q:
            points.append((weight, max(bias, 0.0), q, abs(slope_of_map(name, q, weight)) < 1))
    weights, biases, qs, attracts = zip(*points, strict=True) if points else ((), (), (), ())
    return Line(chi, weights, biases, qs, attracts)


def slope_of_map(name: str, q: float, weight: float) -> float:
    """dq'/dq = σ_w² d/dq E φ(√q z)², by a central difference: its error is of order DIFFERENCE²."""
    above, below = (gaussian.square(name, q * (1 + h)).value for h in (DIFFERENCE, -DIFFERENCE))
    return weight * (above - below) / (2 * DIFFERENCE * q)


def normalised_growth(name: str, norm: str, weight: float = 1.0, bias: float = 0.0) -> float:
    """χ with a normalisation between Linear and activation: see `derive_growth`; batch statistics of a large batch."""
    one_of(norm, NORMS[1:], "normalisation", "normalised_growth")
    number(weight, "weight", "normalised_growth", least=0.0)
    if not weight > 0:
        raise ResiduaError(f"normalised_growth: weight must be positive, got {weight!r}")
    slope, square = gaussian.slope_square(name, 1.0).value, gaussian.square(name, 1.0).value
    if norm == BATCH:
        return slope / (square - gaussian.mean(name, 1.0).value ** 2)
    return slope / (square + number(bias, "bias", "normalised_growth", least=0.0) / weight)


def ray(name: str, chi: float) -> float | None:
    """With layer or RMS normalisation χ depends on σ_b²/σ_w² alone: that ratio on the line χ; None where there is none.

    The limit of no bias has the largest growth, E φ'²/E φ².
    """
    found = gaussian.slope_square(name, 1.0).value / chi - gaussian.square(name, 1.0).value
    return found if found >= -ROUNDING else None


E = sp.Function("E")
u, q = sp.Symbol("u", real=True), sp.Symbol("q", positive=True)
sw, sb = sp.Symbol("sigma_w", positive=True), sp.Symbol("sigma_b", nonnegative=True)
s2 = sp.Symbol("s^2", positive=True)
F1, F2, G2 = sp.symbols("M_1 M_2 S_2", positive=True)  # E φ, E φ², E φ'²
CHI = sp.Symbol("chi", positive=True)


def derive_growth(norm: str) -> Derivation:
    """χ of Linear, normalisation, activation, in M_1 = E φ(u), M_2 = E φ(u)² and S_2 = E φ'(u)², u standard normal."""
    one_of(norm, NORMS[1:], "normalisation", "derive_growth")
    batch = norm == BATCH
    variance = sw**2 * (F2 - F1**2) if batch else sw**2 * F2 + sb**2
    formula = G2 / (F2 - F1**2) if batch else G2 / (F2 + sb**2 / sw**2)
    steps = (
        Step(
            "what is divided by",
            s2,
            variance,
            "over a large batch a feature varies by σ_w² (E φ² − (E φ)²) about its mean, which the bias and the mean "
            "of φ are part of: normalised rows are independent"
            if batch
            else "over the features of a row the mean square is σ_w² E φ² + σ_b², and the mean is 0 as n → ∞",
            (
                Proof(
                    "a Gaussian feature of kernel q = σ_w² M_2 + σ_b², c = σ_w² M_1² + σ_b²",
                    lambda right: _divisor(right, batch),
                ),
            ),
        ),
        Step(
            "growth",
            CHI,
            sw**2 * G2 / s2,
            "assumed, at infinite width: the factors of φ' at a standard normal entry, of 1/s and of the weights are "
            "independent of the gradient, of which the projector of the normalisation takes a share of order 1/n (1/B "
            "over a batch)",
        ),
        Step(
            "put in",
            CHI,
            formula,
            "the weight variance drops out" + (", and with it every bias" if batch else " where there is no bias"),
            (Proof("divided out", lambda right: bool(sp.simplify(sw**2 * G2 / variance - right) == 0)),),
        ),
    )
    return Derivation(f"Growth with {norm}", CHI, formula, (*ASSUMED[:1], "no affine map, ε = 0"), steps)


def _divisor(right: sp.Expr, batch: bool) -> bool:
    kernel, across = sw**2 * F2 + sb**2, sw**2 * F1**2 + sb**2
    wanted = kernel - across if batch else kernel
    return bool(sp.expand(right - wanted) == 0)


def derive_least() -> Derivation:
    """E φ'² ≥ Var φ: with batch statistics no activation lets the gradient fall, and linear ones alone keep it."""
    k = sp.Symbol("k", integer=True, positive=True)
    a = sp.IndexedBase("a")
    total = sp.Sum(a[k] ** 2, (k, 1, sp.oo))
    slopes = sp.Sum(k * a[k] ** 2, (k, 1, sp.oo))
    gap = sp.Sum((k - 1) * a[k] ** 2, (k, 1, sp.oo))
    steps = (
        Step(
            "variance",
            sp.Symbol("M_2") - sp.Symbol("M_1") ** 2,
            total,
            "a_k: coefficient of φ at He_k/√k!",
            (_orthogonal(), _generated(slope=False)),
        ),
        Step("slopes", sp.Symbol("S_2"), slopes, "He_k' = k He_(k−1)", (_slopes(), _generated(slope=True))),
        Step(
            "difference",
            sp.Symbol("S_2") - sp.Symbol("M_2") + sp.Symbol("M_1") ** 2,
            gap,
            "no term is negative; all vanish only if φ is linear (Chernoff, Poincaré)",
            (
                Proof(
                    "term by term",
                    lambda right: bool(sp.expand(slopes.function - total.function - right.function) == 0),
                ),
            ),
        ),
    )
    return Derivation(
        "The least growth with batch statistics", steps[-1].left, gap, ("φ and φ' are square integrable",), steps
    )


def _hermite(order: int) -> sp.Expr:
    """He_k / √k!."""
    rows = [sp.Integer(1), u]
    while len(rows) <= order:
        rows.append(sp.expand(u * rows[-1] - (len(rows) - 1) * rows[-2]))
    return rows[order] / sp.sqrt(sp.factorial(order))


def _mean(f: sp.Expr) -> sp.Expr:
    terms = sp.Poly(f, u).terms()
    return sp.Add(*(v * sp.factorial2(p - 1) for (p,), v in terms if p % 2 == 0))


DEGREE = 5


def _orthogonal() -> Proof:
    return Proof(f"a polynomial φ of degree {DEGREE}, integrated", lambda right: _met(right, slope=False))


def _slopes() -> Proof:
    return Proof(f"a polynomial φ of degree {DEGREE}, integrated", lambda right: _met(right, slope=True))


def _generated(slope: bool) -> Proof:
    """Σ_jk E[He_j He_k] s^j t^k / (j! k!) is the mean of exp(us − s²/2) exp(ut − t²/2); of the slopes, of the
    derivatives in u: a function of st alone, so that E He_j He_k = 0 for j ≠ k, and at j = k a power of it."""

    def holds(right: sp.Expr) -> bool:
        a, b = sp.symbols("s t", positive=True)
        exponents = [u * v - v**2 / 2 for v in (a, b)]
        if sp.expand(sum(exponents) - u**2 / 2 - (a * b - (u - a - b) ** 2 / 2)) != 0:  # the mean is exp(st)
            return False
        if [sp.diff(e, u) for e in exponents] != [a, b]:  # that of the derivatives st exp(st)
            return False
        shift = 1 if slope else 0  # p^shift exp p has the coefficient 1/(k − shift)! at p^k
        (label, first, last), term = right.limits[0], right.function
        (coefficient,) = term.atoms(sp.Indexed)
        share = sp.cancel(term / coefficient**2)
        stated = share / sp.factorial(label) - 1 / sp.factorial(label - shift)
        return bool((first, last) == (1, sp.oo) and coefficient.indices == (label,) and sp.combsimp(stated) == 0)

    return Proof("generating function of the Hermite polynomials, every k", holds)


def _met(right: sp.Expr, slope: bool) -> bool:
    values = sp.symbols(f"b0:{DEGREE + 1}")
    f = sp.Add(*(v * _hermite(k) for k, v in enumerate(values)))
    wanted = _mean(sp.expand(sp.diff(f, u) ** 2)) if slope else _mean(sp.expand(f**2)) - _mean(sp.expand(f)) ** 2
    (label, first, _), term = right.limits[0], right.function
    coefficient = next(iter(term.atoms(sp.Indexed)))
    stated = sp.Add(
        *(
            term.xreplace({coefficient: values[i]}).xreplace({label: sp.Integer(i)})
            for i in range(int(first), DEGREE + 1)
        )
    )
    return bool(sp.expand(wanted - stated) == 0)

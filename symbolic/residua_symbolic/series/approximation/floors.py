"""Floors of the mean square error of polynomial networks for sin on [−π, π], and how far above them a network is.

A floor is the least error of any polynomial that a network can be: proved, not the best that training found.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.identities import same
from residua_symbolic.series.approximation.sine_legendre import sine_best_coefficients, sine_best_error
from residua_symbolic.weights import Floats

BITS = 1000  # coefficients of networks cancel from size 1e20 and more to an error of 1e-50
ROOTS = 1e-80  # radius of the balls around the places where the derivative vanishes
t, u, c, z = sp.symbols("t u c z", real=True)
F = sp.Function("F")
M1, M3 = 1 / sp.pi, 1 / sp.pi - 6 / sp.pi**3  # means of sin(πu) u and sin(πu) u³ over −1 <= u <= 1


def sine_floor(degree: int) -> Enclosure:
    """The least mean square error of a polynomial of this degree, certified."""
    with balls.precision(BITS):
        return _one(_ball(sine_best_error(degree)))


def mean_square_of(polynomial: Any, degree: int) -> tuple[Enclosure, Enclosure]:
    """The mean square error of a polynomial (fmpq_poly) for sin on [−π, π], and its excess over the floor of `degree`.

    The excess is the mean square of its distance to the best polynomial of that degree, so it is at least 0: Legendre
    polynomials are orthogonal. The polynomial has at most that degree.
    """
    with balls.precision(BITS):
        best = [_ball(value) for value in sine_best_coefficients(degree)]
        apart = [flint.arb(polynomial[k]) - best[k] for k in range(degree + 1)]
        pi = flint.arb.pi()
        excess = sum(
            (
                apart[j] * apart[k] * pi ** (j + k) / (j + k + 1)
                for j in range(degree + 1)
                for k in range(degree + 1)
                if (j + k) % 2 == 0
            ),
            flint.arb(0),
        )
        return _one(excess + _ball(sine_best_error(degree))), _one(excess)


def sum_of_squares(polynomial: Any, points: Floats, targets: Floats, weights: Floats) -> Enclosure:
    """Σ w (p(x) − y)² / Σ w of float64 numbers, certified: what a float64 program that was given them should find."""
    with balls.precision(BITS):
        p = flint.arb_poly(polynomial)
        total = flint.arb(0)
        for x, y, w in zip(points.tolist(), targets.tolist(), weights.tolist(), strict=True):
            total += flint.arb(w) * (p(flint.arb(x)) - flint.arb(y)) ** 2
        return _one(total / sum((flint.arb(w) for w in weights.tolist()), flint.arb(0)))


def _ball(e: sp.Expr) -> Any:
    """A polynomial in 1/π or π with rational coefficients, as a ball."""
    numerator, denominator = sp.together(e).as_numer_denom()
    return _polynomial_at_pi(numerator) / _polynomial_at_pi(denominator)


def _polynomial_at_pi(e: sp.Expr) -> Any:
    p = sp.Poly(e.subs(sp.pi, z), z)
    return flint.arb_poly([flint.fmpq(int(a.p), int(a.q)) for a in reversed(p.all_coeffs())])(flint.arb.pi())


def _one(ball: Any) -> Enclosure:
    found = np.empty((), dtype=object)
    found[()] = ball
    return Enclosure(found, BITS)


@dataclass(frozen=True, eq=False)
class WidthOne:
    """The floor of two square blocks of width 1, and the vertex c (in units of π) at which it is attained."""

    floor: Enclosure
    vertex: float


def _gram() -> tuple[sp.Matrix, sp.Matrix]:
    """Means of products of 1, s², s⁴, and of these with sin(πu), s = u − c, over −1 <= u <= 1."""
    s = u - c
    basis = (sp.Integer(1), s**2, s**4)
    means = [[_mean_of(sp.Poly(a * b, u)) for b in basis] for a in basis]
    moments = [_against_sine(sp.Poly(sp.expand(b), u)) for b in basis]
    return sp.Matrix(means), sp.Matrix(moments)


def _mean_of(p: sp.Poly) -> sp.Expr:
    return sp.expand(sp.Add(*(a / (power + 1) for (power,), a in p.terms() if power % 2 == 0)))


def _against_sine(p: sp.Poly) -> sp.Expr:
    """The mean of p(u) sin(πu) for a p of degree at most 4: even powers do not count."""
    return sp.expand(p.coeff_monomial(u) * M1 + p.coeff_monomial(u**3) * M3)


def width_one_error() -> tuple[sp.Expr, sp.Expr]:
    """Numerator and denominator, polynomials in t = c², of the least error of α + β (u − c)² + γ (u − c)⁴."""
    gram, moments = _gram()
    top = sp.expand(sp.Rational(1, 2) * gram.det() - (moments.T * gram.adjugate() * moments)[0, 0])
    return tuple(sp.expand(sp.expand(e).subs(c**2, t)).subs(c, sp.sqrt(t)) for e in (top, gram.det()))


def width_one_floor() -> WidthOne:
    """Certified: the error at c = 0, at infinity, and at every real root of its derivative by t."""
    top, bottom = width_one_error()
    slope = sp.expand(sp.diff(top, t) * bottom - top * sp.diff(bottom, t))
    with balls.precision(BITS):
        numerator, denominator, derivative = (_in_t(e) for e in (top, bottom, slope))
        degree = denominator.degree()
        found = [(numerator[degree] / denominator[degree], flint.arb("inf")), _at(numerator, denominator, flint.arb(0))]
        for root in flint.acb_poly(derivative).roots(tol=ROOTS):
            if root.imag.contains(0) and not root.real < 0:
                found.append(_at(numerator, denominator, root.real))
        floor = found[0][0]
        for value, _ in found[1:]:
            floor = floor.min(value)
        place = next(where for value, where in found if value.overlaps(floor))
        return WidthOne(_one(floor), float(place.sqrt().mid()))


def _at(numerator: Any, denominator: Any, place: Any) -> tuple[Any, Any]:
    return numerator(place) / denominator(place), place


def _in_t(e: sp.Expr) -> Any:
    """A polynomial in t whose coefficients are polynomials in π and 1/π."""
    return flint.arb_poly([_ball(a) for a in reversed(sp.Poly(e, t).all_coeffs())])


def width_one_law() -> Derivation:
    """Two square blocks of width 1 are the quartics that are even about some c; so their floor is one over c alone."""
    a, b, d, e = sp.symbols("a b d e")
    s = sp.Symbol("s")
    top, bottom = width_one_error()
    quartic = a * b**2 * s**4 + 2 * a * b * d * s**2 + a * d**2 + e
    steps = (
        Step(
            "two squares",
            a * (b * s**2 + d) ** 2 + e,
            quartic,
            "s = u − c: any α, β, and any γ ≠ 0, of α + β s² + γ s⁴",
            (Proof("polynomial identity", lambda right: same(a * (b * s**2 + d) ** 2 + e, right)),),
        ),
        Step(
            "their least error at c",
            F(t),
            sp.Rational(1, 2) - _ordered(sp.Rational(1, 2) - top / bottom),
            "linear least squares in α, β, γ, u = x/π: 1/2 − bᵀG⁻¹b; t = c²",
            (
                Proof(
                    "the same by eliminating one function after the other, at more t than two different quotients of "
                    "these degrees have in common",
                    _is_error,
                ),
            ),
        ),
    )
    assumptions = ("Squares, depth 2, width 1, affine maps before and after; limits of such networks included",)
    return Derivation("Two squares of width 1 against sin", F(t), steps[-1].right, assumptions, steps)


def _ordered(e: sp.Expr) -> sp.Expr:
    """A quotient, factored, each factor by powers of t."""
    numerator, denominator = sp.fraction(sp.factor(e))
    return sp.Mul(*(sp.collect(part, t) for part in sp.Mul.make_args(numerator))) / denominator


def _is_error(right: sp.Expr) -> bool:
    """Gram and Schmidt at numbers, in balls. The Gram determinant has degree 3 in t, and so has the error times it."""
    numerator, denominator = sp.fraction(sp.together(right))
    most = 3 + max(sp.Poly(e, t).degree() for e in (numerator, denominator))
    with balls.precision(balls.BITS):
        for place in map(sp.Integer, range(1, most + 2)):
            stated, known = _number(right.subs(t, place)), _by_elimination(place)
            if not balls.agree(stated, known):
                return False
    return True


def _by_elimination(place: sp.Rational) -> Any:
    root = flint.arb(flint.fmpq(int(place.p), int(place.q))).sqrt()
    nodes = _basis(root)
    left = [flint.arb(0), 1 / flint.arb.pi(), flint.arb(0), 1 / flint.arb.pi() - 6 / flint.arb.pi() ** 3, flint.arb(0)]
    error, done = flint.arb(1) / 2, []  # type: ignore[var-annotated]
    for p in nodes:
        for q in done:
            share = _mean(p, q) / _mean(q, q)
            p = [x - share * y for x, y in zip(p, q, strict=True)]
        error -= sum((x * m for x, m in zip(p, left, strict=True)), flint.arb(0)) ** 2 / _mean(p, p)
        done.append(p)
    return error


def _basis(root: Any) -> Sequence[list[Any]]:
    """Coefficients by powers of u of 1, (u − c)², (u − c)⁴."""
    s = flint.arb_poly([-root, 1])
    return [[(s**k)[power] for power in range(5)] for k in (0, 2, 4)]


def _mean(p: Sequence[Any], q: Sequence[Any]) -> Any:
    pairs = [(j, k) for j in range(5) for k in range(5) if (j + k) % 2 == 0]
    return sum((p[j] * q[k] / (j + k + 1) for j, k in pairs), flint.arb(0))


def _number(e: sp.Expr) -> Any:
    return _ball(sp.together(e))

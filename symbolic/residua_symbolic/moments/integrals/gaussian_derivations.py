"""Gaussian moments of activations derived: each closed form is the solution of a differential equation in q and m, or
in c, that the Gaussian density obeys."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from residua_network import Activation, ResiduaError
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.functions import ACTIVATIONS
from residua_symbolic.moments.integrals import gaussian_quadrature as quadrature
from residua_symbolic.moments.integrals.gaussian_forms import (
    MEAN,
    POLYNOMIALS,
    PRODUCT,
    SLOPE_PRODUCT,
    SLOPE_SQUARE,
    SQUARE,
    WHAT,
    at_any_mean,
    c,
    closed_form,
    m,
    q,
    value_of,
    z,
)

w, a, b = sp.symbols("w a b", real=True)
E, phi, phi_prime = map(sp.Function, ("E", r"\varphi", r"\varphi'"))
PAIRS = (PRODUCT, SLOPE_PRODUCT)
POINTS = 3
DIGITS = 40
NEAR = 2.0**-50  # a ball around an integral of one variable, beside 1 or its middle
NEAR_PAIR = 1e-9  # the same of two variables, in floats
SEED = 5


@cache
def derive_moment(name: str, what: str) -> Derivation:
    """The closed form in q, c and m (for relu's products and gelu's second moments at m = 0), with its proofs.

    `what`: "mean", "square", "product", "slope square" or "slope product". Raises ResiduaError where there is none.
    """
    Activation(name)
    if what not in WHAT:
        raise ResiduaError(f"derive_moment: expected one of {', '.join(WHAT)}, got {what!r:.60}")
    form = closed_form(name, what)
    if form is None:
        raise ResiduaError(
            f"derive_moment: no closed form of the {what} of {name} is known; it has certified quadrature"
        )
    steps = _steps(name, what, form)
    pair = what in PAIRS
    given = (
        ("z and w normal with mean m, variance q, covariance c", "|c| < q")
        if pair
        else ("z normal: mean m, variance q",)
    )
    at_zero = () if at_any_mean(name, what) or not form.free_symbols else ("m = 0",)
    return Derivation(f"{name}: {what}", _symbol(what), form, given + at_zero, steps)


def _steps(name: str, what: str, form: sp.Expr) -> tuple[Step, ...]:
    if name in (*POLYNOMIALS, "sin"):
        by = (Proof(*_by_exponentials(name, what)), _met(name, what))
        why = "derivatives of the generating function at 0" if name != "sin" else "sin z = (exp(iz) − exp(−iz))/(2i)"
        return (*_generating(), _moment(what, form, why, by))
    if what in PAIRS:
        return _by_price(name, what, form)
    if at_any_mean(name, what):
        return (*_heat(), _moment(what, form, HEAT_REASON, (_solves_heat(name, what), _met(name, what))))
    pair = PRODUCT if what == SQUARE else SLOPE_PRODUCT
    product = derive_moment(name, pair)
    at_end = Proof("the product at c = q", lambda right: _equal(product.formula.subs(c, q), right))
    return (*product.steps, _moment(what, form, "the two variables are one at c = q", (at_end, _met(name, what))))


def _symbol(what: str) -> sp.Expr:
    f = phi_prime
    return {
        MEAN: E(phi(z)),
        SQUARE: E(phi(z) ** 2),
        PRODUCT: E(phi(z) * phi(w)),
        SLOPE_SQUARE: E(f(z) ** 2),
        SLOPE_PRODUCT: E(f(z) * f(w)),
    }[what]


def _moment(what: str, form: sp.Expr, why: str, proofs: tuple[Proof, ...]) -> Step:
    return Step(what, _symbol(what), form, why, proofs)


def _equal(left: sp.Expr, right: sp.Expr) -> bool:
    """By SymPy's simplification; what differs at a point is refused before, which takes a thousandth of the time."""
    difference = left - right
    order = sorted(difference.free_symbols, key=str)
    point = {s: (-1 if s.is_negative else 1) * sp.Rational(7 + 4 * p, 5 + 2 * p) for p, s in enumerate(order)}
    point |= {q: sp.Rational(5, 2)} if q in point else {}  # beyond |c|
    return abs(sp.N(difference.subs(point), DIGITS)) < NEAR and bool(sp.simplify(difference) == 0)


def integrand(name: str, what: str) -> sp.Expr:
    """What the mean is taken of: of z, and of w where there are two."""
    f = ACTIVATIONS[name](z)
    f = sp.diff(f, z) if what in (SLOPE_SQUARE, SLOPE_PRODUCT) else f
    return f if what == MEAN else f * f.subs(z, w) if what in PAIRS else f**2


# densities


def _single_density() -> sp.Expr:
    return sp.exp(-((z - m) ** 2) / (2 * q)) / sp.sqrt(2 * sp.pi * q)


def _pair_exponent() -> sp.Expr:
    u, v = z - m, w - m
    return -(q * u**2 - 2 * c * u * v + q * v**2) / (2 * (q**2 - c**2))


def _pair_density() -> sp.Expr:
    return sp.exp(_pair_exponent()) / (2 * sp.pi * sp.sqrt(q**2 - c**2))


def _generating() -> tuple[Step, ...]:
    """E exp(az + bw): the density times the exponential is a density with other means."""
    exponent = m * (a + b) + q * (a**2 + b**2) / 2 + a * b * c
    moved = _pair_exponent().subs({z: z - q * a - c * b, w: w - c * a - q * b}, simultaneous=True)
    shifts = Proof(
        "squares completed, as an identity in z, w, a, b",
        lambda right: (
            sp.cancel(sp.together(_pair_exponent() + a * z + b * w - moved - sp.expand_log(sp.log(right)))) == 0
        ),
    )
    return (
        Step("density", sp.Function("p")(z, w), _pair_density(), "definition: mean m, variance q, covariance c"),
        Step(
            "generating function",
            E(sp.exp(a * z + b * w)),
            sp.exp(exponent),
            "means moved to m + qa + cb, m + ca + qb",
            (shifts,),
        ),
    )


def _by_exponentials(name: str, what: str) -> tuple[str, Callable[[sp.Expr], bool]]:
    f = integrand(name, what)
    rows = sp.exp(m * (a + b) + q * (a**2 + b**2) / 2 + a * b * c)

    def of_polynomial(right: sp.Expr) -> bool:
        terms = sp.Poly(f, z, w).terms()
        total = sum(coefficient * sp.diff(rows, (a, i), (b, j)).subs({a: 0, b: 0}) for (i, j), coefficient in terms)
        return bool(sp.expand(total - right) == 0)

    def of_sine(right: sp.Expr) -> bool:
        total = sp.Integer(0)
        for term in sp.Add.make_args(sp.expand(f.rewrite(sp.exp))):
            coefficient, rest = term.as_independent(z, w)
            power = sp.expand_log(sp.log(rest), force=True) if rest != 1 else sp.Integer(0)
            at = {a: sp.diff(power, z), b: sp.diff(power, w)}
            total += coefficient * rows.subs(at)
        return bool(sp.simplify(sp.expand(total) - sp.expand(right.rewrite(sp.exp))) == 0)

    if name == "sin":
        return "every exponential's mean put in", of_sine
    return "every power of z and w by derivatives of the generating function", of_polynomial


# one variable: the heat equation

HEAT_REASON = "the solution of the heat equation, of moderate growth, that starts there at q = 0"


def _heat() -> tuple[Step, ...]:
    p = _single_density()
    spreads = Proof("SymPy's derivatives", lambda right: _equal(sp.diff(p, q), right.doit()))
    return (
        Step("density", sp.Function("p")(z), p, "definition: mean m, variance q"),
        Step(
            "heat equation",
            sp.Derivative(p, q),
            sp.Derivative(p, (m, 2)) / 2,
            "every mean obeys it, too; at q = 0 it is the function at m",
            (spreads,),
        ),
    )


def _solves_heat(name: str, what: str) -> Proof:
    f = integrand(name, what)
    right_of, left_of = sp.Symbol("m", positive=True), sp.Symbol("m", negative=True)

    def holds(right: sp.Expr) -> bool:
        if not _equal(sp.diff(right, q), sp.diff(right, m, 2) / 2):
            return False
        for side in (right_of, left_of):
            start = f.subs(z, side).replace(lambda e: hasattr(e, "definition"), lambda e: e.definition(e.args[0]))
            if not _equal(sp.limit(right.subs(m, side), q, 0, "+"), start):
                return False
        return True

    return Proof("differentiated, and the limit q → 0 for m > 0 and m < 0", holds)


# two variables: Price's theorem


def _by_price(name: str, what: str, form: sp.Expr) -> tuple[Step, ...]:
    slope = closed_form(name, SLOPE_PRODUCT) if what == PRODUCT else curvature_product(name)
    lone = closed_form(name, MEAN)
    assert lone is not None
    start = lone.subs(m, 0) if what == PRODUCT else sp.diff(lone, m).subs(m, 0)
    earlier = derive_moment(name, SLOPE_PRODUCT).steps if what == PRODUCT else (*_price(), _curvature(name))
    integrated = Proof(
        "in c it moves as the product of the derivatives; at c = 0 it is a squared mean, whose form is derived",
        lambda right: _equal(sp.diff(right, c), slope) and _starts(name, right, start),
    )
    why = "integrated in c from c = 0, where z and w are independent"
    return (*earlier, _moment(what, form, why, (integrated, _met(name, what))))


def _starts(name: str, right: sp.Expr, start: sp.Expr) -> bool:
    derive_moment(name, MEAN).check()
    return _equal(right.subs(c, 0), start**2)


def _price() -> tuple[Step, ...]:
    p = _pair_density()
    by = Proof("SymPy's derivatives", lambda right: _equal((sp.diff(p, c) / p), sp.expand(right.doit() / p)))
    return (
        Step("density", sp.Function("p")(z, w), p, "definition: mean m, variance q, covariance c"),
        Step(
            "Price's theorem",
            sp.Derivative(p, c),
            sp.Derivative(p, z, w),
            "by parts: the c-derivative of E f(z) f(w) is E f'(z) f'(w); Price 1958",
            (by,),
        ),
    )


def curvature_product(name: str) -> sp.Expr:
    """E φ''(z) φ''(w) at m = 0: relu'' is a point mass at 0, gelu'' = (2 − z²) φ(z) with the normal density φ."""
    if name == "relu":
        return _pair_density().subs({z: 0, w: 0, m: 0})
    wide = (1 + q) ** 2 - c**2
    variance, covariance = (q * (1 + q) - c**2) / wide, c / wide
    return (4 - 4 * variance + variance**2 + 2 * covariance**2) / (2 * sp.pi * sp.sqrt(wide))


def _curvature(name: str) -> Step:
    f = sp.Function(r"\varphi''")
    by = _at_the_kink() if name == "relu" else _tilted()
    why = "the density at z = w = 0" if name == "relu" else "(2 − z²)(2 − w²) under a density of precision Σ⁻¹ + 1"
    return Step("second derivatives", E(f(z) * f(w)), curvature_product(name), why, (by,))


def _at_the_kink() -> Proof:
    """relu' = step, whose mean against any density moves with m as the density at 0: ∂_m ∂_m' of P(z > 0, w > 0)."""
    inner = sp.exp(-(z**2) / (2 * q)) / sp.sqrt(2 * sp.pi * q)
    other = sp.exp(-((w - c * z / q) ** 2) / (2 * (q - c**2 / q))) / sp.sqrt(2 * sp.pi * (q - c**2 / q))
    return Proof(
        "marginal density times the conditional one",
        lambda right: _equal((inner * other).subs({z: 0, w: 0}) ** 2, right**2) and bool(right.subs({q: 2, c: 1}) > 0),
    )


def _tilted() -> Proof:
    second = sp.diff(ACTIVATIONS["gelu"](z), z, 2)

    def holds(right: sp.Expr) -> bool:
        bell = sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi)
        if not _equal(second / bell, 2 - z**2):
            return False
        sigma = sp.Matrix([[q, c], [c, q]])
        tilted = (sigma.inv() + sp.eye(2)).inv().applyfunc(sp.cancel)
        height = sp.sqrt(sp.cancel(tilted.det() / sigma.det())) / (2 * sp.pi)  # of exp(−(z² + w²)/2)/2π in the mean
        rows = sp.exp((tilted[0, 0] * (a**2 + b**2) + 2 * tilted[0, 1] * a * b) / 2)

        def power(i: int, j: int) -> sp.Expr:
            return (
                sp.diff(rows, *([(a, i)] if i else []), *([(b, j)] if j else [])).subs({a: 0, b: 0})
                if i + j
                else sp.Integer(1)
            )

        total = 4 - 2 * power(2, 0) - 2 * power(0, 2) + power(2, 2)
        at = {q: sp.Rational(3, 2), c: sp.Rational(2, 3)}  # the sign that squaring loses
        return _equal((total * height) ** 2, right**2) and bool((total * height).subs(at) * right.subs(at) > 0)

    return Proof("Gaussian integral: determinants, and powers by derivatives of the generating function", holds)


# numbers


def _met(name: str, what: str) -> Proof:
    """Certified integrals of the activation itself at random points."""
    by = f"certified quadrature at {POINTS} random points"
    return Proof(by, lambda right: all(_meets(name, what, right, *point) for point in _points(name, what)))


def _points(name: str, what: str) -> list[tuple[float, float, float]]:
    """(q, c, m), in sixteenths and so exact."""
    rng = np.random.default_rng(SEED)
    found = []
    for _ in range(POINTS):
        variance = int(rng.integers(8, 48)) / 16
        covariance = int(rng.integers(-int(14 * variance), int(14 * variance))) / 16 + 1 / 32
        found.append((variance, covariance, int(rng.integers(-24, 24)) / 16 if at_any_mean(name, what) else 0.0))
    return found


def _meets(name: str, what: str, right: sp.Expr, variance: float, covariance: float, middle: float) -> bool:
    slope = what in (SLOPE_SQUARE, SLOPE_PRODUCT)
    stated = value_of(right, variance, covariance, middle)
    if what not in PAIRS:
        found = quadrature.activation_expectation(name, slope, 1 if what == MEAN else 2, variance, middle)
        return balls.agree(found, stated, NEAR)
    if (name, slope) not in quadrature.STRIPS:
        return _regressed(name, slope, variance, covariance, middle, stated)
    value, error = quadrature.product_by_rule(name, slope, variance, covariance, middle)
    return error < NEAR_PAIR and bool(abs(stated - value) <= error)


def _regressed(name: str, slope: bool, variance: float, covariance: float, middle: float, stated: Any) -> bool:
    """A polynomial f: E f(z) f(w) with w's mean given z again a polynomial of z, integrated in balls."""
    f = ACTIVATIONS[name](z)
    f = sp.diff(f, z) if slope else f
    u, rho = sp.Symbol("u", real=True), sp.Rational(covariance) / sp.Rational(variance)
    rest = sp.Rational(variance) * (1 - rho**2)
    terms = sp.Poly(f.subs(z, sp.Rational(middle) + rho * (z - sp.Rational(middle)) + u), u).terms()
    given = sp.Add(*(v * rest ** (p // 2) * sp.factorial2(p - 1) for (p,), v in terms if p % 2 == 0))
    product = [float(v) for v in sp.Poly(sp.expand(f * given), z).all_coeffs()]

    def horner(x: Any, _: bool) -> Any:
        total = x * 0
        for v in product:
            total = total * x + v
        return total

    found = quadrature.expectation(horner, variance, middle, len(product) - 1, sum(map(abs, product)))
    return bool(abs(found - stated) < NEAR_PAIR * (1 + abs(stated)))

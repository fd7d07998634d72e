"""Ramp and sigmoid in the mean square on the whole line: closed forms, and their only minima."""

from functools import cache
from typing import Any, NamedTuple

import flint
import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.identities import same
from residua_symbolic.minimax.ramp import centred
from residua_symbolic.minimax.roots import BITS, root_near

x, m = sp.symbols("x m", real=True)
k, s = sp.symbols("k s", positive=True)
J, M, phi, Q, P = (sp.Function(name) for name in ("J", "M", "phi", "Q", "P"))
SQUARES = "Ramp and sigmoid in the mean square"
TESTED = ("1/2", "2", "29/10", "7")  # knots at which closed forms meet Arb's quadrature
FAR = 90  # e^(-2·90) is below the width that counts as narrow
NEAR_RAMP, NEAR_SIGMOID = 2.7, 3.2  # starts of Newton's steps


class Dilogarithm(sp.Function):
    """Li₂(−e^(−k)) = Σ (−1)^n e^(−nk)/n² as a function of k; SymPy's `polylog` is what it stands for."""

    @classmethod
    def eval(cls, at: sp.Expr) -> sp.Expr | None:
        """At 0: −π²/12."""
        return -(sp.pi**2) / 12 if at.is_zero else None

    @staticmethod
    def definition(at: sp.Expr) -> sp.Expr:
        """In SymPy's own terms."""
        return sp.polylog(2, -sp.exp(-at))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """log(1 + e^(−k))."""
        return sp.log(1 + sp.exp(-self.args[0]))

    def _latex(self, printer: Any) -> str:
        return rf"\mathrm{{Li}}_2\left(-e^{{-{printer._print(self.args[0])}}}\right)"


LI = Dilogarithm(k)
LOG = sp.log(1 + sp.exp(-k))
INTEGRAL = k / 6 - 1 + (sp.pi**2 / 6 + 2 * LI) / k
RAMP_EQUATION = k**2 / 6 - sp.pi**2 / 6 - 2 * LI + 2 * k * LOG
SIGMOID_EQUATION = k * (1 + 2 * LOG) - sp.pi**2 / 3 - 4 * LI


class BestSquare(NamedTuple):
    """The only minimum: the knot k of the ramp (or k, the steepness of the sigmoid for the ramp with knots ±1), and
    the integral of the squared error there; balls."""

    knot: Any
    integral: Any


def squares_law() -> Derivation:
    """∫ (σ − ramp)² = k/6 − 1 + (π²/6 + 2 Li₂(−e^(−k)))/k; each of the two problems has one minimum."""
    steps = (
        Step(
            "middle: squares",
            sp.Derivative(x / 4 - phi(x), x),
            phi(x) ** 2,
            "a primitive of φ², φ = σ − 1/2",
            (_squares(),),
        ),
        Step(
            "middle: products",
            sp.Derivative(x**2 / 4 - Dilogarithm(x) + x * sp.log(1 + sp.exp(-x)), x),
            x * phi(x),
            "a primitive of x φ",
            (_products(),),
        ),
        Step(
            "outside",
            sp.Integral((sp.Rational(1, 2) - phi(x)) ** 2, (x, k, sp.oo)),
            LOG - 1 / (1 + sp.exp(k)),
            "its derivative by k is minus the integrand, and it tends to 0",
            (_outside(),),
        ),
        Step(
            "all together",
            J(k),
            INTEGRAL,
            "twice the half-line, the ramp from 0 to 1 with knots −k and k: x/(2k) inside",
            (_total(), _quadrature()),
        ),
        Step(
            "moved by m",
            sp.Integral(phi(x) - s * (x - m), (x, m - k, m + k)),
            sp.log(sp.cosh((k + m) / 2)) - sp.log(sp.cosh((k - m) / 2)),
            "the derivative by m of the integral is 2s times this, positive for m > 0: the best ramp is centred",
            (_moved(),),
        ),
        Step("nearest ramp", Q(k), RAMP_EQUATION, "Q = k² J' = 0", (_is_slope(INTEGRAL, k**2, 1),)),
        Step(
            "one minimum of J",
            Q(k).diff(k),
            k * (sp.Rational(1, 3) - 2 / (1 + sp.exp(k))),
            "negative up to log 5, then positive, and Q(0) = 0: one zero, beyond log 5",
            (_once(),),
        ),
        Step("nearest sigmoid", M(k), INTEGRAL / k, "σ(k x) against the ramp with knots ±1: x measured in units of k"),
        Step("its equation", P(k), SIGMOID_EQUATION, "P = k² M' times k = 0", (_is_slope(INTEGRAL / k, k**3, 1),)),
        Step(
            "one minimum of M",
            P(k).diff(k, 2),
            2 * k * sp.exp(k) / (1 + sp.exp(k)) ** 2,
            "P is convex, P(0) = 0 and P'(0) = 1 − 2 log 2 < 0: one zero beyond 0",
            (_convex(),),
        ),
    )
    assumptions = (
        "values far out 0 and 1: else the integral is infinite",
        "Li₂ is the dilogarithm, d Li₂(−e^(−k))/dk = log(1 + e^(−k))",
    )
    return Derivation(SQUARES, J(k), INTEGRAL, assumptions, steps)


def _plain(e: sp.Expr) -> sp.Expr:
    """Powers of z instead of exponentials."""
    z = sp.Symbol("z", positive=True)
    return e.doit().replace(sp.exp, lambda at: z ** at.as_coeff_Mul()[0])


def _equal(left: sp.Expr, right: sp.Expr) -> bool:
    return same(_plain(left), _plain(right))


PHI = 1 / (1 + sp.exp(-x)) - sp.Rational(1, 2)


def _with_phi(e: sp.Expr) -> sp.Expr:
    return e.subs(phi(x), PHI)


def _squares() -> Proof:
    return Proof("rational in exp x", lambda right: _equal(sp.diff(x / 4 - PHI, x), _with_phi(right)))


def _products() -> Proof:
    primitive = x**2 / 4 - Dilogarithm.definition(x) + x * sp.log(1 + sp.exp(-x))
    return Proof("differentiated", lambda right: _equal(sp.expand_func(sp.diff(primitive, x)), _with_phi(right)))


def _outside() -> Proof:
    def holds(right: sp.Expr) -> bool:
        integrand = ((sp.Rational(1, 2) - PHI) ** 2).subs(x, k)
        return _equal(sp.diff(right, k), -integrand) and sp.limit(right, k, sp.oo) == 0

    return Proof("differentiated; the limit", holds)


def _total() -> Proof:
    """2 (∫ φ² − (1/k) ∫ x φ + ∫ x²/(4k²) + outside), the primitives between 0 and k; Li₂(−1) = −π²/12."""

    def holds(right: sp.Expr) -> bool:
        at_k = PHI.subs(x, k)
        square = k / 4 - at_k
        product = k**2 / 4 - LI + k * LOG + sp.polylog(2, sp.Integer(-1))
        dilogarithm = sp.expand_func(sp.polylog(2, sp.Integer(-1)))
        total = 2 * (square - product / k + k / 12 + LOG - 1 / (1 + sp.exp(k)))
        return dilogarithm == -(sp.pi**2) / 12 and _equal(total.subs(sp.polylog(2, sp.Integer(-1)), dilogarithm), right)

    return Proof("the primitives put in", holds)


def _quadrature() -> Proof:
    def holds(right: sp.Expr) -> bool:
        with balls.precision():
            return all(balls.agree(_integrated(sp.Rational(at)), _stated(right, sp.Rational(at))) for at in TESTED)

    return Proof(f"Arb's quadrature, certified, at k = {', '.join(TESTED)}", holds)


def _integrated(knot: sp.Rational) -> Any:
    """∫ (σ − ramp)² over the line; beyond FAR it is less than e^(−2·FAR)."""
    end = flint.arb(int(knot.p)) / int(knot.q)
    inside = flint.acb.integral(lambda z, _: (centred(z) - z / (2 * end)) ** 2, 0, end).real
    outside = flint.acb.integral(lambda z, _: (flint.acb(1) / 2 - centred(z)) ** 2, end, FAR).real
    return 2 * (inside + outside) + flint.arb(0, 1) * flint.arb(-2 * FAR).exp()


def _stated(right: sp.Expr, knot: sp.Rational) -> Any:
    """The closed form in balls: rational in k, π², log(1 + e^(−k)) and the dilogarithm."""
    number = flint.arb(int(knot.p)) / int(knot.q)
    return value_at(right, number)


def value_at(e: sp.Expr, at: Any) -> Any:
    """An expression in k, π, e^k, log(1 + e^(−k)) and Li₂(−e^(−k)), at a ball."""
    if e == k:
        return at
    if e == sp.pi:
        return flint.arb.pi()
    if e == LI:
        return flint.acb(-(-at).exp()).polylog(flint.acb(2)).real
    if e.is_Rational:
        return flint.arb(int(e.p)) / int(e.q)
    parts = [value_at(part, at) for part in e.args]
    if isinstance(e, sp.exp):
        return parts[0].exp()
    if isinstance(e, sp.log):
        return parts[0].log()
    if e.is_Pow:
        return parts[0] ** parts[1]
    total, *others = parts
    for other in others:
        total = total * other if e.is_Mul else total + other
    return total


def _moved() -> Proof:
    """Primitive log cosh(x/2) − s (x − m)²/2; the sigmoid is 1/2 + tanh(x/2)/2."""

    def holds(right: sp.Expr) -> bool:
        primitive = sp.log(sp.cosh(x / 2)) - s * (x - m) ** 2 / 2
        slope = sp.diff(primitive, x).rewrite(sp.exp)
        is_primitive = same(_halves(slope), _halves(PHI - s * (x - m)))
        return is_primitive and sp.expand(primitive.subs(x, m + k) - primitive.subs(x, m - k) - right) == 0

    return Proof("a primitive, which is even but for the line, at both ends", holds)


def _halves(e: sp.Expr) -> sp.Expr:
    z = sp.Symbol("z", positive=True)  # e^(x/2)
    return e.subs({sp.exp(-x / 2): 1 / z, sp.exp(x / 2): z, sp.exp(-x): z**-2, sp.exp(x): z**2})


def _is_slope(function: sp.Expr, factor: sp.Expr, sign: int) -> Proof:
    return Proof("differentiated", lambda right: _equal(sign * factor * sp.diff(function, k), right))


def _once() -> Proof:
    def holds(right: sp.Expr) -> bool:
        zeros = sp.solve(sp.Rational(1, 3) - 2 / (1 + sp.exp(k)), k)
        at_zero = RAMP_EQUATION.subs(k, sp.Integer(0))
        return _equal(sp.diff(RAMP_EQUATION, k), right) and zeros == [sp.log(5)] and at_zero == 0

    return Proof("differentiated; the value at 0", holds)


def _convex() -> Proof:
    def holds(right: sp.Expr) -> bool:
        first = sp.diff(SIGMOID_EQUATION, k)
        at_zero = SIGMOID_EQUATION.subs(k, sp.Integer(0))
        falls = sp.simplify(first.subs(k, sp.Integer(0)) - 1 + 2 * sp.log(2)) == 0
        return _equal(sp.diff(SIGMOID_EQUATION, k, 2), right) and at_zero == 0 and falls and bool(right.is_positive)

    return Proof("differentiated twice; value and slope at 0", holds)


@cache
def best_square_ramp() -> BestSquare:
    """The ramp from 0 to 1 nearest to the sigmoid in the mean square."""
    return _minimum(RAMP_EQUATION, NEAR_RAMP, INTEGRAL)


@cache
def best_square_sigmoid() -> BestSquare:
    """The sigmoid σ(k x) nearest to the ramp from 0 to 1 with knots ±1; the knot is k."""
    return _minimum(SIGMOID_EQUATION, NEAR_SIGMOID, INTEGRAL / k)


def _minimum(equation: sp.Expr, near: float, integral: sp.Expr) -> BestSquare:
    slope = sp.diff(equation, k)
    with balls.precision(BITS):
        knot = root_near(lambda at: value_at(equation, at), lambda at: value_at(slope, at), near)
        return BestSquare(knot, value_at(integral, knot))


def integral_at(knot: float) -> float:
    """J at a float, to float64."""
    with balls.precision():
        return float(value_at(INTEGRAL, flint.arb(knot)).mid())

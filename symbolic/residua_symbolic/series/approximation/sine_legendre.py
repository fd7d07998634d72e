"""The best polynomials of sin in the mean square on [−π, π], in closed form."""

from functools import cache

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.expressions.given import given
from residua_symbolic.identities import same
from residua_symbolic.series.approximation.legendre import best_polynomial, legendre, t
from residua_symbolic.series.approximation.mean_square import mean_square_error

k = sp.Symbol("k", integer=True, positive=True)
n = sp.Symbol("n", integer=True, positive=True)
j = sp.Symbol("j", integer=True, nonnegative=True)
z = sp.Symbol("z", positive=True)
x, sigma = sp.symbols("x sigma", real=True)
b, s, a = sp.Function("b"), sp.Function("s"), sp.Function("a")
E = sp.Function("E")
CHECKED = 7  # degrees for which general steps are met by integrals carried out


@cache
def bessel_at_pi(order: int) -> sp.Expr:
    """j_k(π), a polynomial in 1/π: j_0 = 0, j_1 = 1/π, j_(k+1) = (2k + 1)/π · j_k − j_(k−1)."""
    if order < 2:
        return order / sp.pi
    return sp.expand((2 * order - 1) / sp.pi * bessel_at_pi(order - 1) - bessel_at_pi(order - 2))


def sine_best_error(degree: int) -> sp.Expr:
    """The least mean square error of a polynomial of this degree for sin on [−π, π]: see the derivation."""
    odd = range(1, degree + 1, 2)
    return sp.expand(sp.Rational(1, 2) - sp.Add(*((2 * p + 1) * bessel_at_pi(p) ** 2 for p in odd)))


def sine_best_coefficients(degree: int) -> tuple[sp.Expr, ...]:
    """Its coefficients, lowest first."""
    total = [sp.Integer(0)] * (degree + 1)
    for p in range(1, degree + 1, 2):
        for power, c in enumerate(legendre(p)):
            total[power] += (2 * p + 1) * (-1) ** (p // 2) * bessel_at_pi(p) * c / sp.pi**power
    return tuple(map(sp.expand, total))


def best_mean_square_of_sine() -> Derivation:
    """½ − Σ (2k + 1) j_k(π)² over odd k ≤ n."""
    w = t**2 - 1
    curve = 2 * (k + 1) * ((2 * k + 1) * w**k + 2 * k * w ** (k - 1))
    P = sp.legendre
    slopes = sp.Derivative(P(k + 1, t), t) - sp.Derivative(P(k - 1, t), t)
    wave = sp.exp(sp.I * z * t)
    odd = 2 * j + 1
    total = sp.Sum((4 * j + 3) * sp.jn(odd, sp.pi) ** 2, (j, 0, sp.floor((n - 1) / 2)))
    rodrigues = sp.Derivative(w**k, (t, k)) / (2**k * sp.factorial(k))
    moved = b(k - 1, z) + sp.I * (2 * k + 1) / z * b(k, z)
    steps = (
        Step("Legendre polynomials", P(k, t), rodrigues, "Rodrigues' formula"),
        Step("differentiated twice", sp.Derivative(w ** (k + 1), (t, 2)), curve, "every k", (_twice(w),)),
        Step(
            "differences of slopes",
            slopes,
            (2 * k + 1) * P(k, t),
            "k further derivatives of the line before, over 2^(k+1) (k + 1)!",
            (_factorials(), _slopes()),
        ),
        Step("at the ends", P(k + 1, sigma) - P(k - 1, sigma), sp.Integer(0), "σ = ±1: P_k(σ) = σ^k", (_ends(),)),
        Step("moments", b(k, z), sp.Integral(P(k, t) * wave, (t, -1, 1)) / 2, "definition"),
        Step(
            "by parts",
            (2 * k + 1) * b(k, z),
            -sp.I * z * (b(k + 1, z) - b(k - 1, z)),
            "the differences of slopes integrated against the wave; the ends drop out",
            (_by_parts(),),
        ),
        Step("recurrence", b(k + 1, z), moved, "solved for the last", (_solved(),)),
        Step(
            "spherical Bessel functions",
            b(k, z),
            sp.I**k * sp.jn(k, z),
            "by induction: j_0 = sin z / z, j_1 = sin z / z² − cos z / z, j_(k+1) = (2k + 1)/z · j_k − j_(k−1)",
            (_bessel(moved),),
        ),
        Step(
            "moments of sin",
            s(odd),
            (-1) ** j * sp.jn(odd, sp.pi),
            "s_k: mean of sin(x) P_k(x/π), the imaginary part at z = π; 0 for even k, since sin is odd",
            (_moments(),),
        ),
        Step(
            "mean square distance",
            sp.Integral((sp.sin(x) - sp.Sum(a(k) * P(k, x / sp.pi), (k, 0, n))) ** 2, (x, -sp.pi, sp.pi)) / (2 * sp.pi),
            sp.Rational(1, 2)
            - sp.Sum((2 * k + 1) * s(k) ** 2 - (a(k) - (2 * k + 1) * s(k)) ** 2 / (2 * k + 1), (k, 0, n)),
            "the mean of P_k P_l is 0, of P_k² it is 1/(2k + 1); squares completed: least at a_k = (2k + 1) s_k",
            (_completed(),),
        ),
        Step("least mean square error", E(n), sp.Rational(1, 2) - total, "at that place", (_carried_out(),)),
    )
    assumptions = ("the mean is over [−π, π]", "the degree is at most n")
    return Derivation("The best polynomials of sin", E(n), sp.Rational(1, 2) - total, assumptions, steps)


def _twice(w: sp.Expr) -> Proof:
    true = sp.diff(w ** (k + 1), t, 2)
    return Proof("SymPy's derivative, as an identity in t and (t² − 1)^k", lambda right: same(true, right))


def _factorials() -> Proof:
    """The two terms of `curve` over 2^(k+1) (k+1)!, as the factors of P_k and of P'_(k−1) in Rodrigues' formula."""
    below, power = sp.factorial(k - 1), sp.Symbol("p")  # 2^k

    def holds(right: sp.Expr) -> bool:
        over = 2 * power * (k + 1) * k * below
        first = same(2 * (k + 1) * (2 * k + 1) / over * (power * k * below) * sp.legendre(k, t), right)
        return first and same(2 * (k + 1) * 2 * k / over, 1 / (power / 2 * below))

    return Proof("the factors of both terms, as identities in (k−1)! and 2^k", holds)


def _polynomial(order: int) -> sp.Expr:
    return sp.Add(*(c * t**power for power, c in enumerate(legendre(order))))


def _slopes() -> Proof:
    def holds(right: sp.Expr) -> bool:
        for order in range(1, CHECKED + 1):
            stated = right.subs(k, order).xreplace({sp.legendre(order, t): _polynomial(order)})
            if not same(sp.diff(_polynomial(order + 1) - _polynomial(order - 1), t), stated):
                return False
        return True

    return Proof(f"k = 1…{CHECKED}, polynomials by the three-term recurrence", holds)


def _ends() -> Proof:
    def holds(right: sp.Expr) -> bool:
        """The recurrence (k+1) P_(k+1) = (2k+1) t P_k − k P_(k−1) keeps P_k(±1) = (±1)^k."""
        for sign in (1, -1):
            power = sp.Symbol("p")  # (±1)^(k−1)
            if not same(((2 * k + 1) * sign * (sign * power) - k * power) / (k + 1), power):
                return False
        return bool(right == 0)

    return Proof("induction by the three-term recurrence, for every k", holds)


def _wave_moment(order: int, at: sp.Expr) -> sp.Expr:
    """½∫ P_k e^(izt) dt, by SymPy's antiderivative of a polynomial times an exponential."""
    primitive, p = sp.Integer(0), _polynomial(order)
    for power in range(order + 1):
        primitive += (-1) ** power * sp.diff(p, t, power) / (sp.I * at) ** (power + 1)
    value = primitive * sp.exp(sp.I * at * t)
    return (value.subs(t, 1) - value.subs(t, -1)) / 2


def _by_parts() -> Proof:
    def holds(right: sp.Expr) -> bool:
        for order in range(1, CHECKED + 1):
            known = {b(order + shift, z): _wave_moment(order + shift, z) for shift in (-1, 1)}
            left = (2 * order + 1) * _wave_moment(order, z)
            if not _same_complex(left, right.subs(k, order).xreplace(known)):
                return False
        return True

    return Proof(f"k = 1…{CHECKED}, integrals carried out, as identities in z and e^(iz)", holds)


def _same_complex(left: sp.Expr, right: sp.Expr) -> bool:
    """With i a generator of which i² = −1 is used."""
    return bool(sp.expand(sp.expand(left - right) * z**40) == 0)


def _solved() -> Proof:
    def holds(right: sp.Expr) -> bool:
        put_in = -sp.I * z * (right - b(k - 1, z))
        return bool(sp.expand(put_in - (2 * k + 1) * b(k, z)) == 0)

    return Proof("put into the line before", holds)


def _bessel(moved: sp.Expr) -> Proof:
    first = {0: sp.sin(z) / z, 1: sp.sin(z) / z**2 - sp.cos(z) / z}

    def holds(right: sp.Expr) -> bool:
        start = all(
            sp.expand(
                (right.subs(k, order).subs(sp.jn(order, z), first[order]) - _wave_moment(order, z)).rewrite(sp.exp)
            )
            == 0
            for order in (0, 1)
        )
        above = (2 * k + 1) / z * sp.jn(k, z) - sp.jn(k - 1, z)
        known = {b(k - 1, z): right.subs(k, k - 1), b(k, z): right}
        step = sp.I ** (k + 1) * above - moved.xreplace(known)
        return bool(start and sp.expand(step / sp.I**k) == 0)

    return Proof("base and step of the induction", holds)


def _moments() -> Proof:
    def holds(right: sp.Expr) -> bool:
        found = best_polynomial(given("sin(x)"), "x", CHECKED, -sp.pi, sp.pi).moments
        if isinstance(found, Enclosure):
            return False
        for order, moment in enumerate(found):
            stated = sp.Integer(0)
            if order % 2:
                index = (order - 1) // 2
                stated = right.subs(j, index).subs(sp.jn(order, sp.pi), bessel_at_pi(order))
            if not same(moment, stated):
                return False
        return True

    return Proof(f"k = 0…{CHECKED}, integrals carried out", holds)


def _completed() -> Proof:
    """One k at a time: the mean of the square is the sum over k of a_k²/(2k+1) − 2 a_k s_k, and ½."""

    def holds(right: sp.Expr) -> bool:
        (total,) = right.atoms(sp.Sum)
        terms = same(a(k) ** 2 / (2 * k + 1) - 2 * a(k) * s(k), -total.function)
        whole = total.limits == (sp.Tuple(k, 0, n),)  # the range of the polynomial on the left
        return whole and terms and same(right, sp.Rational(1, 2) - total) and _orthogonal()

    return Proof(f"each term as an identity; orthogonality for k, l ≤ {CHECKED}, integrals carried out", holds)


def _orthogonal() -> bool:
    for order in range(CHECKED + 1):
        for other in range(order + 1):
            mean = sp.integrate(sp.expand(_polynomial(order) * _polynomial(other)), (t, -1, 1)) / 2
            if mean != (sp.Rational(1, 2 * order + 1) if order == other else 0):
                return False
    return True


def _carried_out() -> Proof:
    """The polynomial with these coefficients, whose error is integrated by rules that know no Legendre polynomial."""

    def holds(right: sp.Expr) -> bool:
        for degree in range(1, CHECKED + 1):
            carried = mean_square_error(
                given("sin(x)"), "x", sp.Integer(0), sine_best_coefficients(degree), -sp.pi, sp.pi
            )
            stated = right.subs(n, degree).doit().replace(sp.jn, lambda order, _: bessel_at_pi(int(order)))
            if not same(carried, sp.expand(stated)):
                return False
        return True

    return Proof(f"n = 1…{CHECKED}: the integral of (sin − best polynomial)² carried out", holds)

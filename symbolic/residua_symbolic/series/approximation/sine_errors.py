"""Mean square error of every Taylor polynomial of sin on [−π, π], in closed form."""

from functools import cache

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.series.approximation import exponential_sums as sums

x = sp.Symbol("x", real=True)
k, i, j = sp.symbols("k i j", integer=True, nonnegative=True)
m = sp.Symbol("m", integer=True, positive=True)
S = sp.Function("S")
T = sp.Function("T")
E = sp.Function("E")
CHECKED = 8  # numbers of terms for which the closed form is met by the integral carried out
CARRIED_OUT = "the integral carried out"


def sine_coefficients(degree: int) -> tuple[sp.Expr, ...]:
    """c_0..c_n of sin at 0: (−1)^((k−1)/2)/k! for odd k."""
    return tuple(
        sp.Rational((-1) ** (power // 2), sp.factorial(power)) if power % 2 else sp.Integer(0)
        for power in range(degree + 1)
    )


def odd_terms(degree: int) -> int:
    """m: how many terms of sin have degree at most `degree`."""
    return (degree + 1) // 2


@cache
def sine_error(degree: int) -> sp.Expr:
    """Mean square error of the Taylor polynomial of sin at 0 of this degree over [−π, π], exactly: see the derivation.

    Degree 2m has the coefficients of degree 2m − 1.
    """
    return _closed(odd_terms(degree))


def _closed(terms: int) -> sp.Expr:
    """`_error_formula` at a number m of terms."""
    total = sp.Rational(1, 2)
    for p in range(terms):
        total -= 2 * (terms - p) * (-1) ** p * sp.pi ** (2 * p) / sp.factorial(2 * p + 1)
        for q in range(terms):
            bottom = sp.factorial(2 * p + 1) * sp.factorial(2 * q + 1) * (2 * p + 2 * q + 3)
            total += (-1) ** (p + q) * sp.pi ** (2 * (p + q + 1)) / bottom
    return sp.expand(total)


def _c(index: sp.Expr) -> sp.Expr:
    """c_(2·index+1) of sin."""
    return (-1) ** index / sp.factorial(2 * index + 1)


def _linear_part() -> sp.Sum:
    return sp.Sum((m - j) * (-1) ** j * sp.pi ** (2 * j) / sp.factorial(2 * j + 1), (j, 0, m - 1))


def _quadratic_part() -> sp.Sum:
    term = (-1) ** (i + j) * sp.pi ** (2 * (i + j + 1))
    bottom = sp.factorial(2 * i + 1) * sp.factorial(2 * j + 1) * (2 * i + 2 * j + 3)
    return sp.Sum(term / bottom, (i, 0, m - 1), (j, 0, m - 1))


def mean_square_of_sine() -> Derivation:
    """MSE(sin, T_n) on [−π, π] for every n = 2m − 1 or 2m, in closed form."""
    odd = 2 * j + 1
    primitive = k * x ** (k - 1) * sp.sin(x) - x**k * sp.cos(x)
    integrand = x**k * sp.sin(x) + k * (k - 1) * x ** (k - 2) * sp.sin(x)
    recurrence = 2 * sp.pi**odd - odd * (2 * j) * S(odd - 2)
    scaled = 2 * _c(j) * sp.pi**odd + _c(j - 1) * S(odd - 2)
    moment = sp.Integral(x ** (2 * i + 1) * x**odd, (x, -sp.pi, sp.pi)) / (2 * sp.pi)
    product = sp.pi ** (2 * (i + j + 1)) / (2 * i + 2 * j + 3)
    whole = sp.Rational(1, 2) - 2 * _linear_part() + _quadratic_part()
    steps = (
        Step("moments", S(k), sp.Integral(x**k * sp.sin(x), (x, -sp.pi, sp.pi)), "definition"),
        Step(
            "by parts, twice",
            sp.Derivative(primitive, x),
            integrand,
            "product rule; every k",
            (_differentiated(primitive),),
        ),
        Step(
            "recurrence",
            S(odd),
            recurrence,
            "integrated over [−π, π] for odd k = 2j + 1; j ≥ 1",
            (_boundary(primitive), _moments(odd)),
        ),
        Step(
            "first moment", S(1), 2 * sp.pi, "carried out", (Proof(CARRIED_OUT, lambda right: same(_moment(1), right)),)
        ),
        Step(
            "times the coefficient",
            _c(j) * S(odd),
            scaled,
            "c_k k (k − 1) = −c_(k−2) for c_k = (−1)^((k−1)/2)/k!",
            (_scaled(recurrence),),
        ),
        Step(
            "summed",
            _c(j) * S(odd),
            2 * T(odd, sp.pi),
            "by induction: both sides begin with 2π and grow by 2 c_k π^k; T_k(π) = Σ c_j π^j",
            (_summed(scaled),),
        ),
        Step(
            "over all terms",
            sp.Sum(T(odd, sp.pi), (j, 0, m - 1)) / sp.pi,
            _linear_part(),
            "c_(2j+1) occurs in m − j of the sums",
            (_counted(),),
        ),
        Step("products", moment, product, "of two odd powers", (_powers(),)),
        Step(
            "mean square of sin",
            sp.Integral(sp.sin(x) ** 2, (x, -sp.pi, sp.pi)) / (2 * sp.pi),
            sp.Rational(1, 2),
            "carried out",
            (Proof(CARRIED_OUT, lambda right: same(_mean(sp.sin(x) ** 2), right)),),
        ),
        Step(
            "mean square error",
            E(m),
            whole,
            "(sin − T)² multiplied out; T = Σ c_(2j+1) x^(2j+1) has m terms",
            (_carried_out(),),
        ),
    )
    assumptions = (
        "the mean is over [−π, π]",
        "n = 2m − 1 or n = 2m: both have the m terms c_1 x, …, c_(2m−1) x^(2m−1)",
    )
    return Derivation("Mean square error of the Taylor polynomials of sin", E(m), whole, assumptions, steps)


def _differentiated(primitive: sp.Expr) -> Proof:
    return Proof(
        "SymPy's derivative, as an identity in x^k, sin x and cos x",
        lambda right: same(sp.expand(sp.diff(primitive, x), power_exp=False), right),
    )


def _boundary(primitive: sp.Expr) -> Proof:
    """Values at the ends, with odd powers odd and even powers even."""
    power = sp.Symbol("p")  # π^k

    def at(sign: int) -> sp.Expr:
        odd, even = sign * power, power / sp.pi
        value = primitive.subs({x ** (k - 1): even, x**k: odd})
        return value.subs({sp.sin(x): 0, sp.cos(x): -1})

    def holds(right: sp.Expr) -> bool:
        stated = right.subs(sp.pi ** (2 * j + 1), power).subs(j, (k - 1) / 2)
        return same(at(1) - at(-1) - k * (k - 1) * S(k - 2), stated.subs(S(2 * ((k - 1) / 2) - 1), S(k - 2)))

    return Proof("the values at ±π, odd and even powers apart", holds)


def _moments(odd: sp.Expr) -> Proof:
    def holds(right: sp.Expr) -> bool:
        for index in range(1, CHECKED + 1):
            stated = right.subs(j, index).subs(S(2 * index - 1), _moment(2 * index - 1))
            if not same(_moment(2 * index + 1), sp.expand(stated)):
                return False
        return True

    return Proof(f"k = 3…{2 * CHECKED + 1}, the integrals carried out", holds)


@cache
def _moment(power: int) -> sp.Expr:
    """∫ x^k sin x over [−π, π], by the rule for sums that knows nothing of the recurrence."""
    return sums.integrated(sums.read(x**power * sp.sin(x), x), -sp.pi, sp.pi)


def _mean(e: sp.Expr) -> sp.Expr:
    return sums.integrated(sums.read(e, x), -sp.pi, sp.pi) / (2 * sp.pi)


def _scaled(recurrence: sp.Expr) -> Proof:
    def holds(right: sp.Expr) -> bool:
        named = {sp.factorial(2 * j + 1): (2 * j + 1) * 2 * j * sp.factorial(2 * j - 1), (-1) ** (j - 1): -((-1) ** j)}
        return same((_c(j) * recurrence).xreplace(named), right.xreplace(named))

    return Proof("the recurrence put in, as an identity in (2j−1)!, (−1)^j, π^k and S", holds)


def _summed(scaled: sp.Expr) -> Proof:
    """Base and step of the induction, for the statement c_k S_k = right with right a multiple of T_k(π)."""

    def holds(right: sp.Expr) -> bool:
        before = right.subs(j, j - 1)
        (taylor,) = right.atoms(T)
        (earlier,) = before.atoms(T)
        grown = right.xreplace({taylor: earlier + _c(j) * sp.pi ** (2 * j + 1)})
        put_in = scaled.xreplace({_c(j - 1) * S(2 * j - 1): before})
        base = right.subs(j, 0).xreplace({T(1, sp.pi): sp.pi})
        return same(put_in, grown) and same(base, _moment(1))

    return Proof("base and step of the induction, as identities", holds)


def _counted() -> Proof:
    def holds(right: sp.Expr) -> bool:
        for terms in range(1, CHECKED + 1):
            taylor = [sp.Add(*(_c(j).subs(j, q) * sp.pi ** (2 * q + 1) for q in range(p + 1))) for p in range(terms)]
            if not same(sp.Add(*taylor) / sp.pi, right.subs(m, terms).doit()):
                return False
        return True

    return Proof(f"m = 1…{CHECKED}, term by term", holds)


def _powers() -> Proof:
    def holds(right: sp.Expr) -> bool:
        primitive = x ** (2 * i + 2 * j + 3) / (2 * i + 2 * j + 3)
        derived = same(sp.powsimp(sp.diff(primitive, x)), x ** (2 * i + 2 * j + 2))
        ends = 2 * primitive.subs(x, sp.pi) / (2 * sp.pi)  # an odd power: the ends add
        return derived and bool(sp.expand(sp.powsimp(ends / right) - 1) == 0)

    return Proof("the antiderivative x^(2i+2j+3)/(2i+2j+3), differentiated and put in at both ends", holds)


def _carried_out() -> Proof:
    def holds(right: sp.Expr) -> bool:
        return all(
            same(_integral_of_square(terms), sp.expand(right.subs(m, terms).doit())) for terms in range(1, CHECKED + 1)
        )

    return Proof(f"m = 1…{CHECKED}: the integral of (sin − T)² carried out, which uses none of the steps", holds)


@cache
def _integral_of_square(terms: int) -> sp.Expr:
    taylor = sp.Add(*(_c(j).subs(j, p) * x ** (2 * p + 1) for p in range(terms)))
    difference = sums.read(sp.sin(x) - taylor, x)
    return sp.expand(sums.integrated(sums.multiplied(difference, difference), -sp.pi, sp.pi) / (2 * sp.pi))

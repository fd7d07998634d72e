"""The numbers 1, …, n: both standard deviations in closed form, the fourth moment, and how far from normal they are."""

from fractions import Fraction
from typing import NamedTuple

import flint
import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.identities import same
from residua_symbolic.standardising.averages import SD, averaged

TITLE = "The numbers 1, …, n"
n, k = sp.symbols("n k", integer=True, positive=True)
x = sp.Symbol("x", real=True)
BITS = 128
POWERS = {
    1: n * (n + 1) / 2,
    2: n * (n + 1) * (2 * n + 1) / 6,
    3: n**2 * (n + 1) ** 2 / 4,
    4: n * (n + 1) * (2 * n + 1) * (3 * n**2 + 3 * n - 1) / 30,
}
MOMENTS = tuple(total / n for total in POWERS.values())
MEAN = (n + 1) / 2
POPULATION, SAMPLE = (n**2 - 1) / 12, n * (n + 1) / 12
KURTOSIS = -sp.Rational(6, 5) * (n**2 + 1) / (n**2 - 1)


def whole_numbers() -> Derivation:
    """Mean (n + 1)/2; variance (n² − 1)/12 with 1/n and n (n + 1)/12 with 1/(n − 1); excess kurtosis towards −6/5."""
    sums = tuple(
        Step(f"sum of powers {power}", sp.Sum(k**power, (k, 1, n)), total, "by induction over n", (_induction(power),))
        for power, total in POWERS.items()
    )
    deviation = averaged((x - MEAN) ** 2, x, MOMENTS)
    fourth = averaged((x - MEAN) ** 4, x, MOMENTS)
    sigma2, s2 = SD(x) ** 2, sp.Symbol("s") ** 2
    steps = (
        *sums,
        Step("mean", sp.Symbol("mu"), MEAN, "the sum over n", (_is(MOMENTS[0]),)),
        Step("population variance", sigma2, POPULATION, "mean square deviation, with 1/n", (_is(deviation),)),
        Step("sample variance", s2, SAMPLE, "with 1/(n − 1): n/(n − 1) times as much", (_is(deviation * n / (n - 1)),)),
        Step(
            "excess kurtosis",
            sp.Function("kappa")(4),
            KURTOSIS,
            "mean fourth power over the squared variance, less 3",
            (_is(fourth / deviation**2 - 3),),
        ),
    )
    return Derivation(TITLE, sigma2, POPULATION, ("each number once, n ≥ 2",), steps)


def _induction(power: int) -> Proof:
    def holds(right: sp.Expr) -> bool:
        return same(right.subs(n, 1), sp.Integer(1)) and same(right.subs(n, n + 1) - right, (n + 1) ** power)

    return Proof("true for n = 1, and the step from n to n + 1", holds)


def _is(e: sp.Expr) -> Proof:
    return Proof("the sums put in, as an identity in n", lambda right: same(e, right))


class Deviations(NamedTuple):
    """Of the numbers 1, …, n."""

    mean: Fraction
    population: Enclosure
    sample: Enclosure


def deviations(count: int) -> Deviations:
    """Exact mean and certified standard deviations, from the closed forms."""
    mean, population, sample = (sp.Rational(e.subs(n, count)) for e in (MEAN, POPULATION, SAMPLE))
    with balls.precision(BITS):
        roots = [(flint.arb(int(e.p)) / int(e.q)).sqrt() for e in (population, sample)]
    return Deviations(Fraction(int(mean.p), int(mean.q)), *(Enclosure(root, BITS) for root in roots))


def distance_from_normal(values: tuple[Fraction, ...]) -> Enclosure:
    """sup |F − Φ| of sorted numbers, standardised with 1/n: F steps at them, and Φ lies farthest off at a step."""
    size = len(values)
    middle = sum(values, Fraction(0)) / size
    spread = sum(((a - middle) ** 2 for a in values), Fraction(0)) / size
    with balls.precision(BITS):
        root = _ball(spread).sqrt()
        largest = flint.arb(0)
        for place, value in enumerate(values):
            normal = (1 + (_ball(value - middle) / root / flint.arb(2).sqrt()).erf()) / 2
            for share in (place, place + 1):
                largest = largest.max(abs(flint.arb(share) / size - normal))
    return Enclosure(largest, BITS)


def _ball(value: Fraction) -> flint.arb:
    return flint.arb(value.numerator) / value.denominator

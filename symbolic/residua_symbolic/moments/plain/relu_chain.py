"""The squared gradient through Linear and ReLU layers with He weights: its law at every width, and what is left of it.

One layer multiplies it by (2/n) χ²_K, n features before and after it and K of them let through: K ~ Bin(n, ½). The
factors of different layers are independent (Hanin, Nica 2018, arXiv:1812.05994, proposition 2.1, derive it otherwise).
"""

from functools import cache
from itertools import pairwise
from math import comb
from typing import Any

import flint
import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.moments.integrals import chi_square
from residua_symbolic.moments.integrals.psi import Psi, without_psi

n, L, K, j = sp.symbols("n L K j", integer=True, positive=True)
t = sp.Symbol("t", real=True)
R, E, Var, P = (sp.Function(name) for name in ("R", "E", r"\mathrm{Var}", "P"))
chi, beta, log = chi_square.chi, sp.Symbol("B", positive=True), sp.log
SIZES = range(1, 9)
BITS = 160
LADDER = (256, 512, 1024, 2048)  # widths at which orders are met
ORDERS = 3  # of the expansion in 1/n


def log_moments(width: int) -> tuple[Any, Any]:
    """Balls with the mean and the variance of log (2/n) χ²_K given K > 0."""
    with balls.precision(BITS):
        total = flint.arb(2**width - 1)
        first = second = inner = flint.arb(0)
        for k in range(1, width + 1):
            share = flint.arb(comb(width, k)) / total
            half = flint.arb(k) / 2
            level = half.digamma()
            first, second = first + share * level, second + share * level * level
            inner += share * _trigamma(half)
        return first + (flint.arb(4) / width).log(), inner + second - first * first


def _trigamma(x: Any) -> Any:
    """ψ'(x) = ζ(2, x)."""
    return flint.arb(2).zeta(x)


@cache
def log_mean(width: int) -> float:
    """E log of one layer's factor, given that something is let through."""
    return float(log_moments(width)[0].mid())


@cache
def log_variance(width: int) -> float:
    """Its variance."""
    return float(log_moments(width)[1].mid())


def common_rule(width: int, depth: int) -> float:
    """5 Σ 1/n: what the variance of the logarithm is said to be."""
    return 5 * depth / width


def second_moment(width: int, depth: int) -> float:
    """E of the squared ratio: (1 + 5/n)^L."""
    return float((1 + 5 / width) ** depth)


def death(width: int, depth: int) -> float:
    """The probability that some layer lets nothing through: 1 − (1 − 2^−n)^L."""
    return float(1 - (1 - flint.fmpq(1, 2**width)) ** depth)


def expansion(orders: int = ORDERS) -> tuple[sp.Expr, sp.Expr]:
    """The mean and the variance of the logarithm in powers of e = 1/n, from ψ's and ψ''s own expansions at n (1 + δ)/4
    and the moments of δ = 2K/n − 1, of which E δ^p is of order e^(p/2) at least. What K = 0 adds falls faster."""
    d, e = sp.symbols("d e", positive=True)

    def power(m: int) -> sp.Expr:
        """(4e / (1 + d))^m."""
        return (4 * e) ** m * sum((-1) ** i * sp.binomial(m + i - 1, i) * d**i for i in range(2 * orders + 1))

    logarithm = sum(sp.Rational((-1) ** (i + 1), i) * d**i for i in range(1, 2 * orders + 1))
    level = logarithm - power(1) / 2 - power(2) / 12 + power(4) / 120  # ψ less log (n/4)
    slope = power(1) + power(2) / 2 + power(3) / 6  # ψ'

    def mean(f: sp.Expr) -> sp.Expr:
        terms = sp.Poly(f, d, e).terms()
        kept = [v * e**b * _moment(a, e) for (a, b), v in terms if a + 2 * b <= 2 * orders]
        return _cut(sp.Add(*kept), e, orders)

    first = mean(level)
    variance = _cut(mean(slope) + mean(level**2) - first**2, e, orders)
    return first.subs(e, 1 / n), variance.subs(e, 1 / n)


def _cut(f: sp.Expr, e: sp.Symbol, orders: int) -> sp.Expr:
    return sp.Add(*(v * e**b for (b,), v in sp.Poly(f, e).terms() if b <= orders))


@cache
def _moment(power: int, e: sp.Symbol) -> sp.Expr:
    """E δ^p of a mean of n independent signs, by its cumulants: those of one sign, over n^(p − 1)."""
    cumulants = {2: e, 4: -2 * e**3, 6: 16 * e**5}
    if power == 0:
        return sp.Integer(1)
    terms = [sp.binomial(power - 1, i - 1) * v * _moment(power - i, e) for i, v in cumulants.items() if i <= power]
    return sp.expand(sp.Add(*terms))


def derive_one_layer() -> Derivation:
    """The law of one layer's factor, and that the factors are independent."""
    moment = 2**t * sp.gamma(K / 2 + t) / sp.gamma(K / 2)
    share = sp.gamma(K / 2 + t) * sp.gamma(n / 2) / (sp.gamma(K / 2) * sp.gamma(n / 2 + t))
    w, g, through = sp.Symbol("w_i"), sp.Symbol("g_i"), sp.Symbol("D_i")
    steps = (
        Step(
            "a row's sign",
            P(through, w * g, sp.Symbol("h")),
            sp.Rational(1, 2),
            "the probability that row i is let through, $w_i h > 0$, given $g_i w_i$ and h: W and g are symmetric, and "
            "to turn the signs of $w_i$ and $g_i$ together turns that of $w_i h$ and leaves $g_i w_i$; so which rows "
            "are let through is independent of all $g_i w_i$ and of h",
            (Proof("the mean over both signs, for $w_i h > 0$ and for $w_i h < 0$", _by_signs),),
        ),
        Step(
            "what the ReLU keeps",
            E(beta**t),
            share,
            "B, the share of ‖g‖² on the K entries let through, of an isotropic g: a Beta(K/2, (n − K)/2) variable",
            (Proof("Beta function for K and n − K degrees, at t = 0, 1, 2, 3", _beta_moments),),
        ),
        Step(
            "what the weights make of it",
            E((chi**t) * beta**t),
            moment,
            "Wᵀ of a given vector has n independent entries of variance (2/n) times its square: χ²_n, times B",
            (
                Proof(
                    "E (χ²_n)^t E B^t, for every t",
                    lambda right: bool(sp.gammasimp(chi_square.power(n, t) * share - right) == 0),
                ),
            ),
        ),
        Step(
            "one layer",
            R(1),
            2 * chi / n,
            "those are the moments of χ²_K, for all t: the factor is (2/n) χ²_K; and Wᵀ D g is again isotropic and "
            "independent of h and of all layers below, so the factors of the layers are independent",
            (Proof("E (χ²_K)^t of both", lambda right: _is_multiple(right, moment)),),
        ),
    )
    title = "The squared gradient through one Linear and ReLU"
    return Derivation(title, R(1), 2 * chi / n, ASSUMED, steps)


ASSUMED = (
    "weights independent, normal, variance 2/n; no bias",
    "gradient at the output isotropic, independent of the net",
    "n features in every layer; the net ends in a ReLU",
)


def _by_signs(right: sp.Expr) -> bool:
    """Of w h and g of either sign, turned together with even probability: their product stays, the step is open in
    `right` of the cases."""
    for h in (sp.Symbol("h", positive=True), sp.Symbol("h", negative=True)):
        for w, g in ((s * sp.Symbol("w", positive=True), sp.Symbol("g")) for s in (1, -1)):
            turned = [(e * w, e * g) for e in (1, -1)]
            if len({a * b for a, b in turned}) != 1:
                return False
            if sum(sp.Heaviside(a * h) for a, _ in turned) / 2 != right:
                return False
    return True


def _beta_moments(right: sp.Expr) -> bool:
    """E B^t = Π (K/2 + i)/(n/2 + i) over i < t: B is Gamma(K/2) over that plus Gamma((n − K)/2)."""
    y = sp.Symbol("y", positive=True)
    for power in range(4):
        a, b = K / 2, (n - K) / 2
        stated = sp.gammasimp(right.subs(t, power))
        wanted = sp.Mul(*((a + i) / (a + b + i) for i in range(power)))
        if sp.simplify(stated - wanted) != 0:
            return False
        at = {K: 2, n: 6}  # a polynomial density: 2 (1 − y)
        if sp.integrate(y**power * 2 * (1 - y), (y, 0, 1)) != wanted.subs(at):
            return False
    return True


def _is_multiple(right: sp.Expr, moment: sp.Expr) -> bool:
    """E right^t = (2/n)^t E (χ²_K)^t."""
    factor = right / chi
    return bool(factor == 2 / n and sp.gammasimp(moment - chi_square.power(K, t)) == 0)


def derive_moments() -> Derivation:
    """Arithmetic mean 1, second moment (1 + 5/n)^L, and the probability of death."""
    binomial = sp.binomial(n, K) / 2**n

    def over_layers(of_chi: sp.Expr) -> Proof:
        def holds(right: sp.Expr) -> bool:
            for size in SIZES:
                total = sum(of_chi.subs({K: k, n: size}) * comb(size, k) for k in range(size + 1))
                if sp.simplify(total / 2**size - right.subs({n: size, L: 1})) != 0:
                    return False
            return bool(sp.simplify(right - right.subs(L, 1) ** L) == 0)

        return Proof(f"summed over K for n = {SIZES[0]}…{SIZES[-1]}; independent layers multiply", holds)

    def by_factorial_moments(first: sp.Expr, second: sp.Expr) -> Proof:
        """E K = n/2 and E K(K − 1) = n(n − 1)/4, for every n."""
        one = first * n / 2 + second * n * (n - 1) / 4
        return Proof(
            "factorial moments of the binomial law, every n; independent layers multiply",
            lambda right: bool(sp.simplify(right.subs(L, 1) - one) == 0 and sp.simplify(right - one**L) == 0),
        )

    mean, square = 2 * K / n, 4 * K * (K + 2) / n**2
    steps = (
        Step("let through", P(K), binomial, "each of n features with probability ½, independently"),
        Step(
            "arithmetic mean",
            E(R(L)),
            sp.Integer(1),
            "E χ²_K = K; layers that let nothing through count as 0",
            (over_layers(mean), by_factorial_moments(2 / n, sp.Integer(0))),
        ),
        Step(
            "second moment",
            E(R(L) ** 2),
            (1 + 5 / n) ** L,
            "E (χ²_K)² = K (K + 2): the tails grow with every layer",
            (over_layers(square), by_factorial_moments(4 * 3 / n**2, 4 / n**2)),
        ),
        Step(
            "death",
            P(sp.Eq(R(L), 0)),
            1 - (1 - 2 ** (-n)) ** L,
            "some layer has K = 0",
            (Proof("the binomial law at K = 0, L times", lambda right: _dies(right, binomial)),),
        ),
    )
    title = "Mean, second moment and death of the squared-gradient ratio"
    return Derivation(title, E(R(L)), sp.Integer(1), ASSUMED, steps)


def _dies(right: sp.Expr, binomial: sp.Expr) -> bool:
    alive = 1 - binomial.subs(K, 0)
    return bool(sp.simplify(1 - right - alive**L) == 0)


def derive_logarithm() -> Derivation:
    """Mean and variance of the logarithm given that no layer dies, and their orders in 1/n."""
    weight = sp.binomial(n, K) / (2**n - 1)
    level = Psi(0, K / 2)
    mean_sum = sp.Sum(weight * level, (K, 1, n))
    mean = L * (sp.log(4 / n) + mean_sum)
    variance = L * (sp.Sum(weight * (Psi(1, K / 2) + level**2), (K, 1, n)) - mean_sum**2)
    mean_order, variance_order = expansion()
    chi_log = chi_square.derive_log_mean().steps + chi_square.derive_log_variance().steps[-1:]
    steps = (
        *chi_log,
        Step(
            "mean logarithm",
            E(log(R(L))),
            mean,
            "E log χ²_K over K > 0, and log (2/n)",
            (Proof(f"numbers of either side at n = {SIZES[0]}…{SIZES[-1]}", lambda right: _summed(right, 0)),),
        ),
        Step(
            "variance of the logarithm",
            Var(log(R(L))),
            variance,
            "the mean of the variances over K, and the variance of the means",
            (Proof(f"numbers of either side at n = {SIZES[0]}…{SIZES[-1]}", lambda right: _summed(right, 1)),),
        ),
        Step(
            "mean, in powers of 1/n",
            E(log(R(L))) / L,
            mean_order + sp.Order(1 / n ** (ORDERS + 1), (n, sp.oo)),
            "ψ expanded about n/4; the order of what is left is met by numbers, not proved",
            (Proof(f"law − expansion falls as its next order, n = {LADDER}", lambda right: _falls(right, 0)),),
        ),
        Step(
            "variance, in powers of 1/n",
            Var(log(R(L))) / L,
            variance_order + sp.Order(1 / n ** (ORDERS + 1), (n, sp.oo)),
            "the common rule 5/n is its first order",
            (Proof(f"law − expansion falls as its next order, n = {LADDER}", lambda right: _falls(right, 1)),),
        ),
    )
    assumptions = (*ASSUMED, "given that every layer lets something through")
    return Derivation("The logarithm of the squared-gradient ratio", Var(log(R(L))), variance, assumptions, steps)


def _summed(right: sp.Expr, place: int) -> bool:
    """The printed sums at 50 digits, against the law in balls, with two layers for one."""
    for size in SIZES:
        law = log_moments(size)[place]
        for depth in (1, 2):
            printed = sp.N(without_psi(right).subs({n: size, L: depth}).doit(), 50)
            with balls.precision(BITS):
                if not abs(flint.arb(str(printed)) - depth * law) < flint.arb(2) ** -100:
                    return False
    return True


def _falls(right: sp.Expr, place: int) -> bool:
    """What is left falls by 2^(ORDERS + 1) when n doubles, up to a share of 16/n."""
    if right.getO() != sp.Order(1 / n ** (ORDERS + 1), (n, sp.oo)):
        return False
    right, left = right.removeO(), []
    for size in LADDER:
        p, q = sp.Rational(right.subs(n, size)).as_numer_denom()
        with balls.precision(BITS):
            left.append(float(log_moments(size)[place] - flint.arb(int(p)) / int(q)))
    ratios = [a / b / 2 ** (ORDERS + 1) for a, b in pairwise(left)]
    return all(abs(r - 1) < 16 / size for r, size in zip(ratios, LADDER, strict=False))

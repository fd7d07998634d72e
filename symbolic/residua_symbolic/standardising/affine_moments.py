"""Mean and standard deviation of y = w x + b, for every distribution; of y = W x + b; what a Gaussian becomes."""

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.standardising.averages import SD, E, averaged, fractions, is_average, mean, rational, variance

MOMENTS = "Mean and standard deviation of an affine map"
MATRIX = "Mean and covariance of an affine map of a vector"
GAUSSIAN = "An affine map of a Gaussian is a Gaussian"
SMALLEST = "The numbers 1 and 3, doubled"
x, p, w, b, t = sp.symbols("x p w b t", real=True)
q = sp.Symbol("q", nonnegative=True)  # the standard deviation, as 003 has it
i, j, k, l, n = sp.symbols("i j k l n", integer=True, positive=True)  # indices as they are printed
W, C, d, m, c = (sp.IndexedBase(name, real=True) for name in ("W", "C", "d", "p", "b"))
K = sp.Function("K")
VALUES, WEIGHT = fractions(1, 3), 2  # p = 2, q = 1; w = 2, b = 0


def affine_moments() -> Derivation:
    """E(w x + b) = w p + b and sd(w x + b) = |w| q; 003 has p + b and p w."""
    y, moments = w * x + b, (p, p**2 + q**2)
    deviation = (y - (w * p + b)) ** 2
    steps = (
        Step("mean", E(y), w * p + b, "E is linear", (is_average(y, x, moments),)),
        Step(
            "mean square deviation",
            SD(y) ** 2,
            w**2 * q**2,
            "of y from its mean; E(x²) = p² + q²",
            (is_average(deviation, x, moments),),
        ),
        Step("standard deviation", SD(y), sp.Abs(w) * q, "the root that is not negative", (_root(deviation, moments),)),
        Step(
            "003's mean is off by",
            E(y) - (p + b),
            (w - 1) * p,
            "0 only for w = 1 or p = 0",
            (_apart(y, p + b, moments),),
        ),
        Step(
            "003's square is off by",
            SD(y) ** 2 - (p * w) ** 2,
            w**2 * (q**2 - p**2),
            "0 only for w = 0 or |p| = q",
            (
                Proof(
                    "mean square deviation put in",
                    lambda right: same(averaged(deviation, x, moments) - (p * w) ** 2, right),
                ),
            ),
        ),
    )
    return Derivation(MOMENTS, SD(y), sp.Abs(w) * q, ("any distribution with E(x) = p, sd(x) = q",), steps)


def _root(deviation: sp.Expr, moments: tuple[sp.Expr, ...]) -> Proof:
    def holds(right: sp.Expr) -> bool:
        return bool(right.is_nonnegative) and same(sp.expand(right**2), averaged(deviation, x, moments))

    return Proof("not negative, and its square is the mean square deviation", holds)


def _apart(y: sp.Expr, printed: sp.Expr, moments: tuple[sp.Expr, ...]) -> Proof:
    return Proof("mean put in", lambda right: same(averaged(y, x, moments) - printed, right))


def matrix_moments() -> Derivation:
    """E(Wx + b)_i = Σ_j W_ij p_j + b_i; the covariance is W C Wᵀ. Widths are symbols: E goes under the Σ."""
    centre = sp.Sum(W[i, j] * m[j], (j, 1, n)) + c[i]
    covariance = sp.Sum(W[i, j] * C[j, l] * W[k, l], (j, 1, n), (l, 1, n))
    steps = (
        Step(
            "mean",
            E(sp.Sum(W[i, j] * (m[j] + d[j]), (j, 1, n)) + c[i]),
            centre,
            "x = p + d with E(d) = 0",
            (Proof("term by term, E being linear", _mean_of_terms),),
        ),
        Step(
            "covariance",
            sp.Symbol("C_ik^y"),
            covariance,
            "a product of two sums is a double sum; E(d_j d_l) = C_jl",
            (
                Proof("term by term, E being linear", _covariance_of_terms),
                Proof("n = 1, 2, 3 multiplied out", _covariance_at_sizes),
            ),
        ),
    )
    return Derivation(MATRIX, sp.Symbol("C_ik^y"), covariance, ("any distribution of mean p and covariance C",), steps)


def _mean_of_terms(right: sp.Expr) -> bool:
    rest, total = right.as_independent(sp.Sum)
    one = sp.expand(W[i, j] * (m[j] + d[j])).subs(d[j], 0)
    return bool(rest == c[i] and total.limits == ((j, 1, n),) and same(total.function, one))


def _covariance_of_terms(right: sp.Expr) -> bool:
    one = (W[i, j] * d[j] * W[k, l] * d[l]).subs(d[j] * d[l], C[j, l])
    return bool(right.limits == ((j, 1, n), (l, 1, n)) and same(right.function, one))


def _covariance_at_sizes(right: sp.Expr) -> bool:
    for size in (1, 2, 3):
        rows = [sum(W[row, column] * d[column] for column in range(1, size + 1)) for row in (i, k)]
        product = sp.expand(rows[0] * rows[1])
        for first in range(1, size + 1):
            for second in range(1, size + 1):
                product = sp.expand(product).subs(d[first] * d[second], C[min(first, second), max(first, second)])
        stated = (
            right.subs(n, size)
            .doit()
            .replace(lambda e: isinstance(e, sp.Indexed) and e.base == C, lambda e: C[min(e.indices), max(e.indices)])
        )
        if sp.expand(product - stated) != 0:
            return False
    return True


def gaussian_stays() -> Derivation:
    """log E exp(t x) = p t + q² t²/2 is that of the Gaussian alone; w x + b has the same with w p + b and |w| q. So
    affine layers, however many, keep a Gaussian a Gaussian."""
    of_x = p * t + q**2 * t**2 / 2
    of_y = (w * p + b) * t + (w * q) ** 2 * t**2 / 2
    collected = (c[1] + sp.Sum(W[1, j] * m[j], (j, 1, n))) * t + sp.Sum(W[1, j] ** 2 * d[j] ** 2, (j, 1, n)) * t**2 / 2
    steps = (
        Step("Gaussian", K(t), of_x, "definition: its log E exp(t x)"),
        Step(
            "affine image",
            sp.log(E(sp.exp(t * (w * x + b)))),
            b * t + K(w * t),
            "exp(b t) is a constant",
            (_shifted(),),
        ),
        Step(
            "one input",
            b * t + K(w * t),
            of_y,
            "a Gaussian's again, with mean w p + b and standard deviation |w| q",
            (Proof("w t put in for t", lambda right: same(sp.expand(b * t + of_x.subs(t, w * t)), right)),),
        ),
        Step(
            "n inputs, independent",
            c[1] * t + sp.Sum(m[j] * W[1, j] * t + d[j] ** 2 * W[1, j] ** 2 * t**2 / 2, (j, 1, n)),
            collected,
            "E exp of a sum is the product; d_j is the standard deviation of x_j",
            (Proof("term by term", _collected),),
        ),
    )
    return Derivation(GAUSSIAN, sp.log(E(sp.exp(t * (w * x + b)))), of_y, ("x Gaussian; w and b constants",), steps)


def _shifted() -> Proof:
    """log of exp(b t) M is b t + log M, M = E exp(w t x) = exp(K(w t)) > 0."""
    inner = sp.Symbol("M", positive=True)

    def holds(right: sp.Expr) -> bool:
        left = sp.expand_log(sp.log(sp.exp(b * t) * inner), force=False)
        return same(left.subs(sp.log(inner), K(w * t)), right)

    return Proof("logarithm of a product of positive numbers", holds)


def _collected(right: sp.Expr) -> bool:
    """Both sides have the same coefficients of t and t² under Σ, the same term b t, and nothing else."""
    found = sp.expand(right)
    first, second = found.coeff(t, 1) - c[1], found.coeff(t, 2)
    if sp.expand(found - (first + c[1]) * t - second * t**2) != 0 or not isinstance(first, sp.Sum):
        return False
    factor, total = second.as_independent(sp.Sum)
    return bool(same(first.function, W[1, j] * m[j]) and same(factor * total.function, d[j] ** 2 * W[1, j] ** 2 / 2))


def smallest_counterexample() -> Derivation:
    """{1, 3}: p = 2, q = 1. w = 2, b = 0 gives {2, 6}: mean 4 and deviation 2, where 003 has 2 and 4."""
    images = tuple(WEIGHT * value for value in VALUES)
    centre, spread = mean(VALUES), sp.sqrt(rational(variance(VALUES)))

    def counted(e: sp.Expr) -> Proof:
        return Proof("counted in fractions", lambda right: same(e, right))

    steps = (
        Step("mean of 1, 3", p, rational(centre), "p", (counted(sp.Rational(1 + 3, 2)),)),
        Step("deviation of 1, 3", q, spread, "q", (counted(sp.sqrt(rational(variance(VALUES)))),)),
        Step("mean of 2, 6", E(2 * x), sp.Integer(4), "003 has p + b = 2", (counted(rational(mean(images))),)),
        Step(
            "deviation of 2, 6",
            SD(2 * x),
            sp.Integer(2),
            "003 has p w = 4",
            (counted(sp.sqrt(rational(variance(images)))),),
        ),
    )
    return Derivation(SMALLEST, SD(2 * x), sp.Integer(2), ("both values equally often",), steps)

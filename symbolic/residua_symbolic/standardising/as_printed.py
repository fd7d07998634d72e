"""The statistics of 003 as they are printed: (1.2) and (1.3) with 1/N, (1.4) and (1.5) without."""

from collections.abc import Sequence
from fractions import Fraction

import flint
import numpy as np
import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.identities import same
from residua_symbolic.standardising.averages import averaged, fractions, is_average, rational
from residua_symbolic.weights import Floats

TITLE = "(1.4) and (1.5) as printed"
SMALLEST = "The numbers 1 and 3 by (1.4), −1 and 1 by (1.5)"
x, m, b = sp.symbols("x mu b", real=True)
v, n = sp.symbols("v n", positive=True)
eps = sp.Symbol("epsilon", nonnegative=True)
M, S = sp.symbols("mu_p sigma_p")
E = sp.Function("E")
f, LN = sp.Function("f"), sp.Function(r"\mathrm{LN}")
BITS = 200
FORMULAS = (
    "ε inside, 1/N",
    "ε outside, 1/N",
    "ε inside, 1/(N − 1)",
    "μ without 1/n",
    "σ without 1/n",
    "both without 1/n",
)


def as_printed() -> Derivation:
    """μ_p = n μ and σ_p² = n v + ε: the centred values keep the mean (1 − n) μ, and the variance becomes 1/n."""
    moments = (m, m**2 + v)
    total = n * (v + (n - 1) ** 2 * m**2) + eps
    steps = (
        Step("(1.4)", M, n * m, "n numbers of mean μ"),
        Step(
            "mean of what is centred",
            E(x - M),
            (1 - n) * m,
            "0 only for n = 1 or μ = 0",
            (is_average(x - n * m, x, moments),),
        ),
        Step(
            "(1.5) with the true mean",
            S**2,
            n * v + eps,
            "n numbers of variance v",
            (
                Proof(
                    "n times E((x − μ)²), and ε",
                    lambda right: same(n * averaged((x - m) ** 2, x, moments) + eps, right),
                ),
            ),
        ),
        Step(
            "variance of x̂ then, ε = 0",
            E((x - m) ** 2 / S**2),
            1 / n,
            "1 only for n = 1",
            (Proof("E is linear", lambda right: same(averaged((x - m) ** 2, x, moments) / (n * v), right)),),
        ),
        Step(
            "LN over √n",
            sp.sqrt(n * v + eps),
            sp.sqrt(n) * sp.sqrt(v + eps / n),
            "so (1.5) makes of LN with ε/n its √n-th part, and of its Jacobian too",
            (Proof("both positive, and their squares equal", lambda right: same(sp.expand(right**2), n * v + eps)),),
        ),
        Step(
            "(1.5) with (1.4)'s mean",
            S**2,
            total,
            "squares from n μ",
            (
                Proof(
                    "n times E((x − n μ)²), and ε",
                    lambda right: same(n * averaged((x - n * m) ** 2, x, moments) + eps, right),
                ),
            ),
        ),
        Step(
            "shifted by b",
            (x + b) - n * (m + b) - (x - n * m),
            (1 - n) * b,
            "LN does not see a shift of all entries; (1.4) does",
            (Proof("an identity", lambda right: same((x + b) - n * (m + b) - (x - n * m), right)),),
        ),
    )
    return Derivation(TITLE, S**2, n * v + eps, ("n numbers of mean μ and variance v > 0",), steps)


def smallest() -> Derivation:
    """Two numbers do: of one, (1.4) is the mean and both deviations are √ε."""
    first, second = fractions(1, 3), fractions(-1, 1)

    def counted(value: Fraction) -> Proof:
        return Proof("counted in fractions", lambda right: same(rational(value), right))

    squares = sum((a**2 for a in second), Fraction(0))
    steps = (
        Step("(1.4) of 1, 3", M, sp.Integer(4), "the sum", (counted(sum(first, Fraction(0))),)),
        Step("their mean", m, sp.Integer(2), "half of it", (counted(sum(first, Fraction(0)) / 2),)),
        Step("(1.5)² of −1, 1", S**2, sp.Integer(2), "ε = 0, mean 0", (counted(squares),)),
        Step("their variance", v, sp.Integer(1), "half of it: −1, 1 are standardised already", (counted(squares / 2),)),
    )
    return Derivation(SMALLEST, M - m, sp.Integer(2), ("ε = 0",), steps)


def standardised(values: Sequence[float], eps_: float, formula: str) -> list[flint.arb]:
    """x̂ by one of FORMULAS, in balls: the numbers are taken as the floats that they are. `eps_` > 0."""
    with balls.precision(BITS):
        exact = [flint.arb(float(value)) for value in values]
        size, small = len(exact), flint.arb(eps_)
        total = sum(exact, flint.arb(0))
        middle = total if formula in ("μ without 1/n", "both without 1/n") else total / size
        centred = [value - middle for value in exact]
        squares = sum((c * c for c in centred), flint.arb(0))
        divisor = {"ε inside, 1/(N − 1)": size - 1, "σ without 1/n": 1, "both without 1/n": 1}.get(formula, size)
        spread = squares / divisor
        s = spread.sqrt() + small if formula == "ε outside, 1/N" else (spread + small).sqrt()
        return [c / s for c in centred]


def rounding(values: Sequence[float], eps_: float, unit: float) -> Floats:
    """What rounding may do to each x̂ in an arithmetic of this unit roundoff, whatever the order of its sums.

    The computed mean errs by (n + 1) u max|x|, so each centred value by δ = (n + 2) u max|x|; the variance by
    (n + 4) u v + 2 δ √v + δ², s by half of that over s; quotient and root add 4 u. First order, doubled.
    """
    array = np.asarray(values, dtype=np.float64)
    size, largest = len(array), float(abs(array).max())
    v_ = float(array.var())
    s_ = np.sqrt(v_ + eps_)
    delta = (size + 2) * unit * largest
    of_variance = (size + 4) * unit * v_ + 2 * delta * np.sqrt(v_) + delta**2
    xhat = abs(array - array.mean()) / s_
    result: Floats = 2 * (delta / s_ + xhat * (of_variance / (2 * s_**2) + 4 * unit))
    return result

"""The most probable class, and what independence of indicators does for Bayes' formula: derived, and in fractions."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from itertools import product

import sympy as sp

from residua_network import ResiduaError
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same

CHOICE, USELESS, NAIVE = (
    "The most probable class",
    "Indicators that are independent of the class",
    "Indicators that are independent within each class",
)
Joint = Mapping[tuple[tuple[int, ...], int], Fraction]  # P(indicators, class)
px, prior, rest = sp.symbols("P_x pi r", positive=True)
best, chosen = sp.Symbol(r"{\max_c p_c}", nonnegative=True), sp.Symbol("p_c", nonnegative=True)
A = sp.Function("A")


@cache
def derive_choice() -> Derivation:
    """Choosing class c is right with probability p_c; with one certain class the largest is the label itself."""
    label, size = sp.symbols("y V", integer=True, positive=True)
    k = sp.Symbol("k", integer=True, positive=True)
    steps = (
        Step(
            "how often a choice is right",
            A(sp.Symbol("c")),
            chosen,
            "at an input where class c has probability $p_c$: whoever chooses c is right when c comes; so no map from "
            "inputs to labels is right more often than the most probable class",
        ),
        Step(
            "one class is certain",
            sp.Symbol(r"{\mathrm{argmax}_k\, \delta_{ky}}"),
            label,
            "probabilities of a map F: image → class are 1 on its class: choosing the largest gives F back, everywhere "
            "and without a tie",
            (Proof("1 at y, 0 elsewhere, 2 to 6 classes", _one_certain),),
        ),
        Step(
            "the mean label then",
            sp.Sum(k * sp.KroneckerDelta(k, label), (k, 1, size)),
            label,
            "what squares on the label are minimised by: the same map",
            (Proof("summed, 2 to 6 classes", _mean_of_certain),),
        ),
        Step(
            "the mean label else",
            sp.Symbol(r"{\mathrm{argmax} = 0,\ \mathrm{mean}}"),
            sp.Rational(9, 10),
            "classes 0, 1, 2 with probabilities 1/2, 1/10, 2/5: the mean label rounds to 1, the least probable class",
            (Proof("fractions", lambda right: _noisy() == right),),
        ),
    )
    return Derivation(CHOICE, sp.Symbol(r"{\max_c A(c)}"), best, ("the probabilities are exact",), steps)


NOISY = (Fraction(1, 2), Fraction(1, 10), Fraction(2, 5))


def _one_certain(right: sp.Expr) -> bool:
    """For every V from 2 to 6 and every y: the place of the largest."""
    cases = ((size, y) for size in range(2, 7) for y in range(1, size + 1))
    return all(
        max(range(1, size + 1), key=lambda c: int(sp.KroneckerDelta(c, y)))
        == right.subs(sp.Symbol("y", integer=True, positive=True), y)
        for size, y in cases
    )


def _mean_of_certain(right: sp.Expr) -> bool:
    cases = ((size, y) for size in range(2, 7) for y in range(1, size + 1))
    symbol = sp.Symbol("y", integer=True, positive=True)
    return all(sum(c * int(c == y) for c in range(1, size + 1)) == right.subs(symbol, y) for size, y in cases)


def _noisy() -> sp.Rational:
    mean = sum(c * p for c, p in enumerate(NOISY))
    return sp.Rational(mean.numerator, mean.denominator)


@cache
def derive_useless() -> Derivation:
    """P(x | s) = P(x) makes P(s | x) the prior: the indicators say nothing."""
    posterior, likelihood, other = sp.symbols("P_{s|x} P_{x|s} P_{x|s'}")
    bayes = likelihood * prior / (likelihood * prior + other * (1 - prior))
    steps = (
        Step("Bayes' formula", posterior, bayes, "two classes, π = P(s)"),
        Step(
            "independent of the class",
            posterior,
            prior,
            "$P_{x|s} = P_{x|s'} = P_x$ for every x: the posterior is the prior, and the best choice never looks at x",
            (Proof("put in", lambda right: same(bayes.subs({likelihood: px, other: px}), right)),),
        ),
    )
    return Derivation(USELESS, posterior, prior, ("P(x) > 0", "x is one indicator or all of them together"), steps)


@cache
def derive_naive() -> Derivation:
    """P(s | x) from products of single indicators: exact where they are independent given the class, any number."""
    n = sp.Symbol("n", integer=True, positive=True)
    i = sp.Symbol("i", integer=True, positive=True)
    a, b = (sp.IndexedBase(name, positive=True) for name in ("a", "b"))
    of_s, of_other = (sp.Product(one[i], (i, 1, n)) for one in (a, b))
    joint, other = sp.symbols("P_{x|s} P_{x|s'}", positive=True)
    odds = sp.Symbol(r"{P_{s|x}/P_{s'|x}}")
    ratio = prior / (1 - prior) * of_s / of_other
    steps = (
        Step("odds", odds, prior * joint / ((1 - prior) * other), "Bayes' formula for s over that for s'"),
        Step(
            "independent given the class",
            odds,
            ratio,
            "$P_{x|s} = \\prod a_i$, $P_{x|s'} = \\prod b_i$ with $a_i = P(x_i|s)$, $b_i = P(x_i|s')$: single "
            "indicators are "
            "enough",
            (
                Proof(
                    "put in, the products closed: any n",
                    lambda right: same(
                        (prior * joint / ((1 - prior) * other)).subs({joint: of_s, other: of_other}), right
                    ),
                ),
            ),
        ),
        Step(
            "one more indicator",
            sp.Symbol(r"{\mathrm{odds}_{n+1}/\mathrm{odds}_n}"),
            a[n + 1] / b[n + 1],
            "each multiplies the odds by its own ratio; 1 where it is independent of the class",
            (
                Proof(
                    "the last factors apart",
                    lambda right: same(a[n + 1] * of_s / (b[n + 1] * of_other) / (of_s / of_other), right),
                ),
            ),
        ),
    )
    return Derivation(NAIVE, odds, ratio, ("two classes s and s', others alike", "n indicators, any number"), steps)


# fractions


def check_joint(joint: Joint) -> None:
    """Raises ResiduaError where the probabilities do not sum to 1."""
    if sum(joint.values()) != 1:
        raise ResiduaError(f"joint distribution: expected probabilities that sum to 1, got {sum(joint.values())}")


def independent_given_class(prior: Fraction, ones: Sequence[tuple[Fraction, Fraction]]) -> Joint:
    """Binary indicators, each 1 with probability ones[i][s] in class s, independent given s; P(class 1) = prior."""
    found = {}
    for x in product((0, 1), repeat=len(ones)):
        for s in (0, 1):
            value = prior if s else 1 - prior
            for bit, one in zip(x, ones, strict=True):
                value *= one[s] if bit else 1 - one[s]
            found[x, s] = value
    return found


def marginal(
    joint: Joint, *, bits: Sequence[int] = (), with_class: bool = True
) -> dict[tuple[tuple[int, ...], int], Fraction]:
    """P(the indicators named, class); the class summed over (and called 0) unless `with_class`."""
    found: dict[tuple[tuple[int, ...], int], Fraction] = {}
    for (x, s), value in joint.items():
        key = (tuple(x[b] for b in bits), s if with_class else 0)
        found[key] = found.get(key, Fraction(0)) + value
    return found


def posterior(joint: Joint, x: tuple[int, ...]) -> Fraction:
    """P(class 1 | x)."""
    return joint[x, 1] / (joint[x, 0] + joint[x, 1])


def naive_posterior(joint: Joint, x: tuple[int, ...]) -> Fraction:
    """What single indicators multiplied give, whether or not they are independent given the class."""
    weights = []
    for s in (0, 1):
        prior = marginal(joint)[(), s]
        value = prior
        for place, bit in enumerate(x):
            value *= marginal(joint, bits=(place,))[(bit,), s] / prior
        weights.append(value)
    return weights[1] / sum(weights)


def accuracies(joint: Joint) -> tuple[Fraction, Fraction, Fraction]:
    """How often the right class is chosen: without looking, by the posterior, by single indicators multiplied.

    A tie counts as half.
    """
    check_joint(joint)
    inputs = sorted({x for x, _ in joint})
    prior = marginal(joint)
    blind = max(prior[(), 0], prior[(), 1])
    full = sum((max(joint[x, 0], joint[x, 1]) for x in inputs), Fraction(0))
    naive = Fraction(0)
    for x in inputs:
        if joint[x, 0] + joint[x, 1] == 0:
            continue
        guess = naive_posterior(joint, x)
        half = Fraction(1, 2)
        naive += joint[x, 1] if guess > half else joint[x, 0] if guess < half else (joint[x, 0] + joint[x, 1]) / 2
    return blind, full, naive


def dependence_on_class(joint: Joint) -> Fraction:
    """The largest |P(x_i | class 1) − P(x_i | class 0)| over single indicators; 0: each is independent of the class."""
    prior, places = marginal(joint), range(len(next(iter(joint))[0]))
    return max(
        abs(one[(1,), 1] / prior[(), 1] - one[(1,), 0] / prior[(), 0])
        for one in (marginal(joint, bits=(place,)) for place in places)
    )


def dependence_together(joint: Joint) -> Fraction:
    """The largest |P(x | class 1) − P(x | class 0)| over all indicators at once; 0: independent of the class."""
    prior = marginal(joint)
    return max(abs(joint[x, 1] / prior[(), 1] - joint[x, 0] / prior[(), 0]) for x, _ in joint)


def dependence_within(joint: Joint) -> Fraction:
    """The largest |P(x | s) − Π P(x_i | s)|; 0: the indicators are independent given the class."""
    prior, worst = marginal(joint), Fraction(0)
    for (x, s), value in joint.items():
        separate = Fraction(1)
        for place, bit in enumerate(x):
            separate *= marginal(joint, bits=(place,))[(bit,), s] / prior[(), s]
        worst = max(worst, abs(value / prior[(), s] - separate))
    return worst

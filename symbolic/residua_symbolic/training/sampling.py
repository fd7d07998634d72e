"""A minibatch drawn without replacement: its mean, its variance, and what a step on it does for the next one."""

from collections.abc import Callable
from functools import cache
from itertools import combinations

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same

N, B = sp.symbols("N B", integer=True, positive=True)
MU = sp.Symbol("mu", real=True)
VAR = sp.Symbol("sigma^2", nonnegative=True)  # of the population, with 1/N
FULL, SPREAD = sp.symbols("g^2 v", positive=True)  # ‖ḡ‖², and Σ over the parameters of the variances of gradients
ETA = sp.Symbol("eta", positive=True)
P1, P2 = sp.Symbol("P(i)"), sp.Symbol("P(i, j)")
E, V = sp.Function("E"), sp.Function("V")
M, OTHER = sp.symbols("m m'", real=True)
OWN, CROSS = E(sp.Symbol(r"\|g_{A}\|^{2}")), E(sp.Symbol(r"\langle g_{A}, g_{B}\rangle"))
SHARE = sp.Symbol("kappa")
Sides = Callable[[sp.Expr, tuple[sp.Symbol, ...], int], tuple[sp.Expr, sp.Expr]]
DRAWN = "A minibatch drawn without replacement"
CARRIED = "What a step on one batch does for the next"
SIZES = ((2, 1), (3, 1), (3, 2), (4, 2), (5, 2), (5, 4))


@cache
def drawn() -> Derivation:
    """E[m] = μ and Var[m] = σ²/B (N − B)/(N − 1) for the mean m of B of N values; for two disjoint batches
    E[m m'] = μ² − σ²/(N − 1)."""
    variance = VAR / B * (N - B) / (N - 1)
    cross = MU**2 - VAR / (N - 1)
    steps = (
        Step(
            "one value",
            P1,
            B / N,
            "C(N−1, B−1) of the C(N, B) equally likely batches hold value i",
            (_binomials(1),),
        ),
        Step(
            "two values",
            P2,
            B * (B - 1) / (N * (N - 1)),
            "C(N−2, B−2) of them hold i and j",
            (_binomials(2),),
        ),
        Step(
            "mean",
            E(M),
            MU,
            "m = (1/B) Σ over the batch: each value counts with its probability",
            (
                Proof("B/N · N μ / B", lambda right: same(B / N * N * MU / B, right)),
                _enumerated(lambda right, x, b: (_mean(x, b, 1), right.subs(MU, _population(x)[0]))),
            ),
        ),
        Step(
            "variance",
            V(M),
            variance,
            "E[m²] from the probabilities of one and of two values, with Σ x_i² = N (σ² + μ²)",
            (
                Proof("every N and B, as an identity", lambda right: same(_second(B / N, B * (B - 1)), right)),
                _enumerated(lambda right, x, b: (_mean(x, b, 2) - _mean(x, b, 1) ** 2, _at(right, x, b))),
            ),
        ),
        Step(
            "two batches",
            E(M * OTHER),
            cross,
            "disjoint: i in one and j ≠ i in the other, whatever their sizes",
            (
                Proof("every N, as an identity", lambda right: same(_pairs() / (N * (N - 1)), right)),
                _enumerated(lambda right, x, b: (_disjoint(x, b), _at(right, x, b))),
            ),
        ),
        Step(
            "many data",
            sp.Limit(V(M), N, sp.oo),
            VAR / B,
            "that of independent draws",
            (Proof("limit of the variance", lambda right: same(sp.limit(variance, N, sp.oo), right)),),
        ),
    )
    assumptions = (
        "every batch of B of the N data is equally likely: shuffled, each epoch without replacement",
        "for the values, or one coordinate of the gradients, of any data whatever",
    )
    return Derivation(DRAWN, V(M), variance, assumptions, steps)


@cache
def carried() -> Derivation:
    """To first order in the rate a step on batch A changes the loss of A by −η ‖g_A‖² and that of a disjoint batch B by
    −η ⟨g_A, g_B⟩; the ratio of their means is the share that carries over."""
    own = FULL + SPREAD / B * (N - B) / (N - 1)
    cross = FULL - SPREAD / (N - 1)
    share = FULL / (FULL + SPREAD / B)
    w, a, b = sp.symbols("w x_A x_B", real=True)
    gain = 2 * ETA - ETA**2 / 2
    steps = (
        Step(
            "own batch",
            OWN,
            own,
            "mean plus variance of every coordinate of the gradient of a batch, summed; v: the sum of the variances "
            "of the gradients of single examples",
            (Proof("the variance of a batch mean", lambda right: same(_summed(drawn().steps[3].right), right - FULL)),),
        ),
        Step(
            "the next batch",
            CROSS,
            cross,
            "the same for two disjoint batches",
            (
                Proof(
                    "the mean product of two batch means",
                    lambda right: same(drawn().steps[4].right.subs(MU**2, FULL).subs(VAR, SPREAD), right),
                ),
            ),
        ),
        Step(
            "share that carries over",
            sp.Limit(SHARE, N, sp.oo),
            share,
            "many data; it is 0 only where the gradient of the whole loss is",
            (
                Proof("limit of the ratio", lambda right: same(sp.limit(cross / own, N, sp.oo), right)),
                Proof("positive for a gradient that is not 0", lambda right: bool(right.is_positive)),
            ),
        ),
        Step(
            "smallest case",
            sp.Symbol(r"\Delta L_B"),
            -gain,
            "L = (w − x)²/2, w = 0, one step on x_A = 1, then x_B = 2: the loss of B falls for every rate below 4",
            (
                Proof("the step taken and the loss subtracted", lambda right: same(_next(w, a, b), right)),
                Proof("its sign", lambda right: sp.solveset(right < 0, ETA, sp.Interval.open(0, 4)).measure == 4),
            ),
        ),
    )
    assumptions = ("losses that are means over single examples, so without batch statistics", "to first order in η")
    return Derivation(CARRIED, sp.Limit(SHARE, N, sp.oo), share, assumptions, steps)


def _binomials(held: int) -> Proof:
    def holds(right: sp.Expr) -> bool:
        counted = sp.binomial(N - held, B - held) / sp.binomial(N, B)
        numbers = all(
            sp.Rational(sum(set(range(held)) <= set(c) for c in combinations(range(n), b)), sp.binomial(n, b))
            == right.subs({N: n, B: b})
            for n, b in SIZES
        )
        return numbers and sp.combsimp(counted - right) == 0

    return Proof("the quotient of the binomials; counted for N up to 5", holds)


def _second(single: sp.Expr, ordered: sp.Expr) -> sp.Expr:
    """Var[m] from the probabilities."""
    squares = N * (VAR + MU**2)
    return (single * squares + ordered / (N * (N - 1)) * _pairs()) / B**2 - MU**2


def _pairs() -> sp.Expr:
    """Σ over i ≠ j of x_i x_j."""
    return N**2 * MU**2 - N * (VAR + MU**2)


def _summed(variance: sp.Expr) -> sp.Expr:
    return variance.subs(VAR, SPREAD)


def _next(w: sp.Symbol, a: sp.Symbol, b: sp.Symbol) -> sp.Expr:
    loss = (w - b) ** 2 / 2
    after = w - ETA * sp.diff((w - a) ** 2 / 2, w)
    change = loss.subs(w, after) - loss
    return change.subs({w: 0, a: 1, b: 2})


def _enumerated(sides: Sides) -> Proof:
    def holds(right: sp.Expr) -> bool:
        cases = ((sp.symbols(f"x_1:{n + 1}", real=True), b) for n, b in SIZES)
        return all(sp.expand(left - stated) == 0 for left, stated in (sides(right, x, b) for x, b in cases))

    return Proof("all batches listed, N = 2, …, 5, any values", holds)


def _population(x: tuple[sp.Symbol, ...]) -> tuple[sp.Expr, sp.Expr]:
    mean = sp.Add(*x) / len(x)
    return mean, sp.Add(*((one - mean) ** 2 for one in x)) / len(x)


def _at(right: sp.Expr, x: tuple[sp.Symbol, ...], size: int) -> sp.Expr:
    mean, variance = _population(x)
    return right.subs({N: len(x), B: size}).subs({MU: mean, VAR: variance})


def _mean(x: tuple[sp.Symbol, ...], size: int, power: int) -> sp.Expr:
    batches = list(combinations(x, size))
    return sp.Add(*((sp.Add(*batch) / size) ** power for batch in batches)) / len(batches)


def _disjoint(x: tuple[sp.Symbol, ...], size: int) -> sp.Expr:
    """Mean product of the means of a batch and of one value, or more where there are, outside it."""
    products = []
    for batch in combinations(x, size):
        rest = [one for one in x if one not in batch]
        for other in combinations(rest, min(size, len(rest))):
            products.append(sp.Add(*batch) / size * sp.Add(*other) / len(other))
    return sp.Add(*products) / len(products)

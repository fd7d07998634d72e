"""Pre-norm residual networks: x + branch(norm(x)), with the ReLU before or after the linear layer of the branch."""

from collections.abc import Callable
from functools import cache

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains.tangents import n
from residua_symbolic.identities import same
from residua_symbolic.moments.residual.terms import (
    APART,
    SETTING,
    WIDE,
    G,
    L,
    branch_moments,
    by_induction,
    equal,
    iterated,
    l,
    m,
    p,
    q,
)
from residua_symbolic.spectrum import Spectrum, derive_spectrum

JACOBIAN, WEIGHT, BESIDE = (sp.MatrixSymbol(name, n, n) for name in "JWV")
PULLED = sp.MatrixSymbol("u", n, 1)
ROOTS = sp.symbols("a_1 a_2 b_1 b_2")
KEPT = G * (1 - 1 / sp.pi)  # κ: variance that a block adds where the ReLU comes last


@cache
def relu_linear(norm: str) -> Derivation:
    """norm → ReLU → Linear: mean square 1 + G l, gradient ratio (1 + G L)/(1 + G l); layer and RMS norm alike."""
    square, _ = branch_moments()
    stream = 1 + G * l
    odds = G / stream
    ratio = (1 + G * L) / stream
    steps = (
        square,
        jacobian_of(norm),
        Step(
            "mean square",
            q(l),
            stream,
            "a branch of gain G on an input of mean square 1 adds G, with mean 0 given the stream; exact for l ≤ 1 "
            "at every width",
            (
                by_induction(sp.S.One, lambda f: f + 2 * G * square.right.subs(_Q, 1), l),
                iterated(sp.S.One, lambda f, k: f + G, l),
            ),
        ),
        _factor(norm, odds, "the stream has mean 0: what the norm divides by is its root mean square"),
        Step(
            "ratio",
            p(l) / p(L),
            ratio,
            "the product of 1 + G/(1 + G k) over the blocks k = l … L − 1: it telescopes",
            (_multiplied(odds), _telescopes(odds)),
        ),
    )
    title = f"Pre-norm, {norm} → ReLU → Linear"
    return Derivation(title, p(l) / p(L), ratio, (*SETTING, WIDE, APART), steps)


@cache
def linear_relu(norm: str) -> Derivation:
    """norm → Linear → ReLU: the mean grows by √(G/π) a block; layer norm removes it, RMS norm does not."""
    centred = norm == "layernorm"
    _, mean = branch_moments()
    pulled = sp.sqrt(G / sp.pi)
    variance = 1 + KEPT * l
    mean_square = sp.expand(variance) + G / sp.pi * l**2
    divided = variance if centred else mean_square
    odds = G / divided
    ratio = _gammas(L, centred) / _gammas(l, centred)
    what = "variance" if centred else "mean square"
    independent = (
        "W applied to a normalised input is Gaussian with mean square v whatever the input: what a block adds is "
        "independent of the stream, entry by entry, at every width"
    )
    steps = (
        *branch_moments(),
        jacobian_of(norm),
        Step(
            "mean",
            m(l),
            pulled * l,
            independent,
            (
                by_induction(sp.S.Zero, lambda f: f + sp.simplify(mean.right.subs(_Q, 2 * G)), l, equal),
                iterated(sp.S.Zero, lambda f, k: f + pulled, l),
            ),
        ),
        Step(
            "variance",
            sp.Function("c")(l),
            variance,
            "of one entry: variances of independent terms add; over the features of one row (1 − 1/n) times that",
            (
                by_induction(sp.S.One, lambda f: f + G - sp.simplify(mean.right.subs(_Q, 2 * G)) ** 2, l, equal),
                Proof(
                    "mean square of a ReLU less its squared mean",
                    lambda right: equal(sp.diff(right, l), _variance_of_relu()),
                ),
            ),
        ),
        Step(
            "mean square",
            q(l),
            mean_square,
            "variance and squared mean: quadratic in l, exact at every width",
            (Proof("c + m²", lambda right: same(right, variance + (pulled * l) ** 2)),),
        ),
        Step(
            "what the gradient meets",
            JACOBIAN * WEIGHT.T * PULLED,
            JACOBIAN * BESIDE.T * PULLED,
            "u is the gradient behind the ReLU. The part of W along x̂, the only one that the stream has seen, is "
            "annihilated by J; the rest, V = W − W x̂ x̂ᵀ/n, is independent of all that is above, given the stream",
            (Proof(f"J x̂ = 0: Euler, n = 2 and 3, {norm}", lambda right: _annihilates(norm, right)),),
        ),
        _factor(norm, odds, f"{norm} divides by the root of the {what}"),
        *(() if centred else _roots()),
        Step(
            "ratio",
            p(l) / p(L),
            ratio,
            f"the product of 1 + G/{'c' if centred else 'q'}(k) over the blocks k = l … L − 1, in Gammas",
            (_multiplied(odds), _telescopes(odds)),
        ),
        _asymptotics(centred),
    )
    title = f"Pre-norm, {norm} → Linear → ReLU"
    assumptions = (*SETTING, "forward: every width; backward: infinite width, corrections of order 1/n")
    return Derivation(title, p(l) / p(L), ratio, assumptions, steps)


def _gammas(depth: sp.Expr, centred: bool) -> sp.Expr:
    """Π over k < depth of 1 + G/c(k), up to a factor that does not depend on the depth."""
    if centred:
        return sp.gamma(depth + (1 + G) / KEPT) / sp.gamma(depth + 1 / KEPT)
    a, b, c, d = ROOTS
    return sp.gamma(depth + a) * sp.gamma(depth + b) / (sp.gamma(depth + c) * sp.gamma(depth + d))


def _pair(constant: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """a, b with constant + κ k + (G/π) k² = (G/π)(k + a)(k + b)."""
    half = (sp.pi - 1) / 2
    root = sp.sqrt(half**2 - sp.pi * constant / G)
    return half + root, half - root


def _spelled(e: sp.Expr) -> sp.Expr:
    """The names of the roots replaced."""
    return e.xreplace(dict(zip(ROOTS, (*_pair(1 + G), *_pair(sp.S.One)), strict=True)))


def _roots() -> tuple[Step, Step]:
    """The mean square, and with G added, as products."""
    k = sp.Symbol("k", integer=True, nonnegative=True)
    a, b, c, d = ROOTS

    def factors(constant: sp.Expr) -> Callable[[sp.Tuple], bool]:
        mean_square = constant + KEPT * k + G / sp.pi * k**2
        return lambda right: equal(G / sp.pi * (k + right[0]) * (k + right[1]), mean_square)

    reason = "(G/π)(k + {0}₁)(k + {0}₂) is {1}; the two are conjugate where the root is of something negative"
    return (
        Step(
            "zeros of q + G",
            sp.Tuple(a, b),
            sp.Tuple(*_pair(1 + G)),
            reason.format("a", "q(k) + G"),
            (Proof("multiplied out", factors(1 + G)),),
        ),
        Step(
            "zeros of q",
            sp.Tuple(c, d),
            sp.Tuple(*_pair(sp.S.One)),
            reason.format("b", "q(k)"),
            (Proof("multiplied out", factors(sp.S.One)),),
        ),
    )


def _asymptotics(centred: bool) -> Step:
    """How the whole ratio grows with the depth."""
    depth, a, b = (sp.Symbol(name, positive=True) for name in ("L", "a", "b"))
    if centred:
        exponent = sp.pi / (sp.pi - 1)
        formula = sp.gamma(1 / KEPT) / sp.gamma((1 + G) / KEPT) * L**exponent

        def grows(right: sp.Expr) -> bool:
            """Γ(L + b + a)/(Γ(L + b) L^a) → 1, here with a = G/κ."""
            limit = sp.limit(sp.loggamma(depth + b + a) - sp.loggamma(depth + b) - a * sp.log(depth), depth, sp.oo)
            constant = sp.simplify(right / L**exponent - 1 / _gammas(sp.S.Zero, True))
            return limit == 0 and constant == 0 and equal(G / KEPT, exponent)

        reason = "the limit of large L: a power of the depth whose exponent does not depend on the gain"
        return Step("depth", p(0) / p(L), formula, reason, (Proof("Stirling's series of log Γ", grows),))
    formula = 1 / _gammas(sp.S.Zero, False)

    def stays(right: sp.Expr) -> bool:
        """The exponents of L cancel, and what is left is the factor at depth 0."""
        first, second, third, fourth = ROOTS
        exponent = sp.simplify(_spelled(first + second - third - fourth))
        return bool(exponent == 0 and sp.simplify(right * _gammas(sp.S.Zero, False) - 1) == 0)

    reason = "the limit L → ∞: the odds fall as π/(G l²) · G, their product converges, and the gradient stays bounded"
    return Step("depth", p(0) / p(sp.oo), formula, reason, (Proof("powers of L in Stirling's series", stays),))


def jacobian_of(norm: str) -> Step:
    """The squared Frobenius norm of the normaliser's Jacobian, from its spectrum."""
    spectrum = derive_spectrum(norm, eps_is_zero=True)
    value = spectrum.squared_norm
    words = "the mean and x̂ itself" if norm == "layernorm" else "x̂ itself"
    proof = Proof("the derivation of the spectrum, every step", lambda right: _checked(spectrum, right))
    reason = f"squared Frobenius norm of J: 1/s times a projector, which loses {words}"
    return Step(f"Jacobian of {norm}", sp.Symbol("N_J"), value, reason, (proof,))


def _factor(norm: str, odds: sp.Expr, why: str) -> Step:
    """One block, backward: 1 for the skip and the odds of the branch."""
    squared = derive_spectrum(norm, eps_is_zero=True).squared_norm
    deviation = next(iter(squared.free_symbols - {n}))

    def put_in(right: sp.Expr) -> bool:
        """(v/n) · ‖D Wᵀ …‖²: half of the units of a ReLU, v = 2 G; n → ∞."""
        share = sp.limit(2 * G / n * squared * sp.Rational(1, 2), n, sp.oo)
        return same(right / p(l + 1) - 1, share.subs(deviation, sp.sqrt(G / odds)))

    reason = f"1 for the skip, v N_J/(2n) for the branch: {why}"
    return Step("one block, backward", p(l), p(l + 1) * (1 + odds), reason, (Proof("N_J put in, n → ∞", put_in),))


def _telescopes(odds: sp.Expr) -> Proof:
    """f(L + 1) = f(L)(1 + odds at L) and f = 1 at L = l."""

    def holds(right: sp.Expr) -> bool:
        if not equal(right.xreplace({L: l}), sp.S.One):
            return False
        grown = _spelled(sp.gammasimp(right.xreplace({L: L + 1}) / right))
        return equal(grown, 1 + odds.xreplace({l: L}))

    return Proof("induction on L, from L = l", holds)


def _multiplied(odds: sp.Expr) -> Proof:
    """The product written out, as numbers of 30 digits at some gains."""
    gains = (sp.Rational(1, 3), sp.S.One, sp.Integer(2))

    def holds(right: sp.Expr) -> bool:
        for first, last in ((0, 0), (0, 1), (0, 5), (2, 6)):
            for gain in gains:
                at = {L: sp.Integer(last), l: sp.Integer(first), G: gain}
                written = sp.Mul(*(1 + odds.xreplace({l: sp.Integer(k), G: gain}) for k in range(first, last)))
                if not abs(sp.N(_spelled(right).subs(at) - written, 30)) < DIGITS:
                    return False
        return True

    return Proof("multiplied out, 30 digits, gains 1/3, 1 and 2", holds)


DIGITS = sp.Float("1e-25", 30)  # five digits of thirty are left to cancellation


def _checked(spectrum: Spectrum, right: sp.Expr) -> bool:
    if sp.simplify(right - spectrum.squared_norm) != 0:
        return False
    spectrum.check()
    return True


def _annihilates(norm: str, right: sp.Expr) -> bool:
    """J x = 0 for s J = P − x̂ x̂ᵀ/n, of a centred x where P removes the mean; so J Wᵀ u = J Vᵀ u, and V x̂ = 0."""
    if right != JACOBIAN * BESIDE.T * PULLED:
        return False
    for size in (2, 3):
        x = sp.Matrix(sp.symbols(f"x:{size}"))
        if norm == "layernorm":
            x = x - sp.ones(size, 1) * sum(x) / size
        square = x.dot(x)
        P = sp.eye(size) - (sp.ones(size, size) / size if norm == "layernorm" else sp.zeros(size, size))
        W, u = sp.Matrix(size, size, sp.symbols(f"w:{size * size}")), sp.Matrix(sp.symbols(f"u:{size}"))
        J, beside = P - x * x.T / square, W - W * x * x.T / square
        if not all(same(e, sp.S.Zero) for e in (*(J * x), *(beside * x), *(J * W.T * u - J * beside.T * u))):
            return False
    return True


def _variance_of_relu() -> sp.Expr:
    """At mean square 2 G."""
    square, mean = branch_moments()
    return sp.simplify((square.right - mean.right**2).subs(_Q, 2 * G))


_Q = sp.Symbol("q", positive=True)

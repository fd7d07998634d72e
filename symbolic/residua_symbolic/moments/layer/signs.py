"""Why the mean of the squared gradient grows and its logarithm falls, and that both do so equally fast."""

from functools import cache

import sympy as sp

from residua_symbolic.derivation import Proof, Step
from residua_symbolic.domains.tangents import n
from residua_symbolic.moments.layer.laws import LayerLaw
from residua_symbolic.moments.layer.terms import COUNT, FACTOR, SETTING, E, freedoms, positive, proved, same, summand

X, Y = sp.symbols("x y", positive=True)
HALF = sp.Rational(1, 2)


@cache
def signs(kind: str) -> LayerLaw:
    """log E F > 0 > E log F at every width, and both lie between 1/kept and 1/(kept − 1) in size."""
    kept, freedom = freedoms(kind)
    steps = (*_mean(kept), _recurrence(), *_logarithm(kept))
    symbol = sp.Tuple(sp.sign(sp.log(E(FACTOR))), sp.sign(E(sp.log(FACTOR))))
    result = sp.Tuple(sp.Integer(1), sp.Integer(-1))
    a, b = sp.latex(kept), sp.latex(kept - 1)
    reason = (
        f"both lie between 1/({a}) and 1/({b}) in size. E F = E χ² · E 1/χ² and E 1/χ² > 1/E χ² (Jensen): rare layers "
        "with a small s carry the mean above 1. A logarithm feels no such excess: there the one degree of freedom that "
        "the numerator lacks decides, since ψ rises"
    )
    all_steps = Proof("the steps above", lambda right: right == result and all(proved(step) for step in steps))
    final = Step("signs", symbol, result, reason, (all_steps,))
    title = f"Opposite signs, and of one size: {kind}"
    return LayerLaw(
        title, symbol, result, (*SETTING, f"n > {freedom_least(freedom)}"), (*steps, final), kind, kept, freedom
    )


def freedom_least(freedom: sp.Expr) -> int:
    """The width above which E F exists."""
    return int(sp.solve(freedom - 2, n)[0])


def _mean(kept: sp.Expr) -> tuple[Step, ...]:
    """log E F = log kept − log(kept − 1), the integral of 1/(kept − x) over 0 ≤ x ≤ 1."""
    left = sp.log(E(FACTOR))
    return (
        Step(
            "mean, from below",
            left,
            1 / kept + sp.Integral(X / (kept * (kept - X)), (X, 0, 1)),
            "log E F is the integral of 1/(kept − x) over 0 ≤ x ≤ 1, kept being the numerator of E F",
            (_integral(1 / kept, 1, kept), _positive_integrand(kept)),
        ),
        Step(
            "mean, from above",
            left,
            1 / (kept - 1) - sp.Integral((1 - X) / ((kept - 1) * (kept - X)), (X, 0, 1)),
            "the same integral, held against its largest integrand",
            (_integral(1 / (kept - 1), -1, kept), _positive_integrand(kept)),
        ),
    )


def _integral(bound: sp.Expr, sign: int, kept: sp.Expr) -> Proof:
    """What is printed is bound + sign · ∫, together the integral of 1/(kept − x)."""

    def holds(right: sp.Expr) -> bool:
        (total,) = right.atoms(sp.Integral)
        return (
            total.limits == (sp.Tuple(X, 0, 1),)
            and _leaves(right - sign * total, bound)
            and same(bound + sign * total.function, 1 / (kept - X))
        )

    return Proof("every n: the integrands, and the bound", holds)


def _leaves(rest: sp.Expr, bound: sp.Expr) -> bool:
    """Whether the bound is all that is left, no part of the integral or series with it."""
    return not rest.has(sp.Integral, sp.Sum) and same(rest, bound)


def _positive_integrand(kept: sp.Expr) -> Proof:
    def holds(right: sp.Expr) -> bool:
        (total,) = right.atoms(sp.Integral)
        return positive(total.function.subs(X, Y / (1 + Y)), kept, Y)

    return Proof("every n and 0 < x < 1 it is positive: signs of coefficients in y, x = y/(1 + y)", holds)


def _recurrence() -> Step:
    D = sp.Function("D")
    reason = (
        "D(x) = ψ(x + 1/2) − ψ(x) = Σ (1/(k + x) − 1/(k + x + 1/2)), so that −E log F = D(kept/2); the sum telescopes "
        "to ψ(x + 1) − ψ(x)"
    )
    by = Proof(
        "the recurrence of the digamma function", lambda r: same(sp.expand_func(sp.digamma(X + 1) - sp.digamma(X)), r)
    )
    return Step("recurrence", D(X) + D(X + HALF), 1 / X, reason, (by,))


def _logarithm(kept: sp.Expr) -> tuple[Step, ...]:
    left = -E(sp.log(FACTOR))
    return (
        Step(
            "logarithm, from below",
            left,
            1 / kept + sp.Sum(_half_fall(kept), (COUNT, 0, sp.oo)),
            "D(x) = 1/(2x) + (D(x) − D(x + 1/2))/2 at x = kept/2",
            (_series(kept, 1, kept), _positive_terms(kept)),
        ),
        Step(
            "logarithm, from above",
            left,
            1 / (kept - 1) - sp.Sum(_half_fall(kept - 1), (COUNT, 0, sp.oo)),
            "D(x) = 1/(2x − 1) − (D(x − 1/2) − D(x))/2 at x = kept/2",
            (_series(kept - 1, -1, kept), _positive_terms(kept)),
        ),
    )


def _half_fall(y: sp.Expr) -> sp.Expr:
    """The terms of (D(y/2) − D(y/2 + 1/2))/2, put together."""
    return 2 / ((2 * COUNT + y) * (2 * COUNT + y + 1) * (2 * COUNT + y + 2))


def _series(y: sp.Expr, sign: int, kept: sp.Expr) -> Proof:
    """What is printed is 1/y + sign · Σ with the terms of (D(y/2) − D(y/2 + 1/2))/2."""
    at = COUNT + y / 2
    terms = (1 / at - 2 / (at + HALF) + 1 / (at + 1)) / 2

    def holds(right: sp.Expr) -> bool:
        (total,) = right.atoms(sp.Sum)
        return same(summand(right), terms) and _leaves(right - sign * total, 1 / y)

    return Proof("every n: term by term, and the bound", holds)


def _positive_terms(kept: sp.Expr) -> Proof:
    return Proof("every n and k they are positive: signs of coefficients", lambda r: positive(summand(r), kept, COUNT))

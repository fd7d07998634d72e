"""Where statements about derivatives fail that are true under a condition: the conditions are needed. Exact facts."""

from collections.abc import Callable

import flint
import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.first_order import BY_IDENTITY, h, x
from residua_symbolic.identities import same
from residua_symbolic.quotients import quotient

t, y = sp.symbols("t y", real=True)
s = sp.Symbol("s", positive=True)
f = sp.Function("f")
E_FORWARD, E_BACKWARD, E_CENTRAL = (sp.Function(f"e_{letter}")(h) for letter in "FBC")
BITS_OF_ROOT = 64


def central_limit() -> Derivation:
    """|x| at 0: the central quotient is 0 for every h, yet the forward one is 1 for h > 0 and −1 for h < 0.

    So the limit of the central quotient (004, L111) may exist where the derivative does not.
    """
    even = quotient("central", f, sp.S.Zero)
    steps = (
        Step(
            "central quotient of an even function",
            even,
            sp.Integer(0),
            "f(−h) = f(h), whatever f is else",
            (Proof(BY_IDENTITY, lambda right: same(even.xreplace({f(-h): f(h)}), right)),),
        ),
        Step("central quotient", _of_abs("central"), sp.Integer(0), "h ≠ 0", (_is("central", s, -s),)),
        Step("forward quotient, h > 0", _of_abs("forward"), sp.Integer(1), "h > 0", (_is("forward", s),)),
        Step("forward quotient, h < 0", _of_abs("forward"), sp.Integer(-1), "h < 0: no limit", (_is("forward", -s),)),
    )
    left = sp.Limit(_of_abs("central"), h, 0, "+-")
    return Derivation("A central limit without a derivative", left, sp.Integer(0), ("f(x) = |x| at x = 0",), steps)


def _of_abs(name: str) -> sp.Expr:
    return quotient(name, lambda e: sp.Abs(e, evaluate=False), sp.S.Zero)


def _is(name: str, *steps: sp.Expr) -> Proof:
    """What the quotient of |x| at 0 is for these steps, s and −s with s > 0."""
    found = [quotient(name, lambda e: e if e == s else -e if e == -s else sp.Integer(0), sp.S.Zero, q) for q in steps]
    return Proof("|s| = |−s| = s put in for s > 0", lambda right: all(same(e, right) for e in found))


def partial_derivatives() -> Derivation:
    """x y² / (x² + y²), 0 at the origin: it has both partial derivatives there, both 0, and along x = y = t the
    derivative 1/2, where the chain rule of two variables (004, L39) would give 0: it is not differentiable there."""

    def value(first: sp.Expr, second: sp.Expr) -> sp.Expr:
        return first * second**2 / (first**2 + second**2)

    def along(first: sp.Expr, second: sp.Expr) -> Proof:
        """The forward quotient at the origin in that direction, which is the same for every h ≠ 0."""
        return Proof(BY_IDENTITY, lambda right: same(value(first, second) / h, right))

    symbol = sp.Symbol("z")
    partial = [
        Step(
            f"by {name}",
            sp.Derivative(symbol, variable, evaluate=False),
            sp.Integer(0),
            f"along the {name} axis the function is 0",
            (along(first, second),),
        )
        for name, variable, first, second in (("x", x, h, sp.Integer(0)), ("y", y, sp.Integer(0), h))
    ]
    left = sp.Derivative(symbol, t, evaluate=False)
    diagonal = Step(
        "along the diagonal",
        left,
        sp.Rational(1, 2),
        "x = y = t: the function is t/2; the chain rule would say 0 · 1 + 0 · 1",
        (along(h, h),),
    )
    assumptions = ("z = x y²/(x² + y²), 0 at the origin; all derivatives are at the origin",)
    return Derivation("Partial derivatives are not enough", left, sp.Rational(1, 2), assumptions, (*partial, diagonal))


def central_at_a_large_step() -> Derivation:
    """x³ − x² at 0: the forward quotient is better at every h > 1/2, and exact at h = 1, where the central is off by 1.

    No polynomial of lower degree does this: the central error of a quadratic is 0.
    """
    c = sp.symbols("c_0:3")

    def quadratic(at: sp.Expr) -> sp.Expr:
        return c[0] + c[1] * at + c[2] * at**2

    lower = Step(
        "central error of a quadratic",
        E_CENTRAL,
        sp.Integer(0),
        "so that a counterexample has at least degree 3",
        (Proof("a quadratic with free coefficients", lambda right: same(_error("central", quadratic, x), right)),),
    )
    title, condition = "A step at which the forward quotient is better", "f(x) = x³ − x² at x = 0; better for h > 1/2"
    return _compared(title, condition, lambda at: at**3 - at**2, h**2 * (2 * h - 1), lower)


def central_at_every_small_step() -> Derivation:
    """x³ − x⁴ at 0, where f'' = 0: the forward quotient is better at every h with 0 < h < 2."""
    title, condition = (
        "The forward quotient better at every small step",
        "f(x) = x³ − x⁴ at x = 0; better for 0 < h < 2",
    )
    return _compared(title, condition, lambda at: at**3 - at**4, h**5 * (2 - h))


def _compared(
    title: str, condition: str, p: Callable[[sp.Expr], sp.Expr], difference: sp.Expr, *before: Step
) -> Derivation:
    """The two errors at 0, and the difference of their squares, whose sign says which quotient is better."""
    forward, central = (_error(name, p, sp.S.Zero) for name in ("forward", "central"))
    left = E_CENTRAL**2 - E_FORWARD**2
    steps = (
        *before,
        Step("forward error", E_FORWARD, sp.expand(forward), "quotient minus f'(0)", (_equals(forward),)),
        Step("central error", E_CENTRAL, sp.expand(central), "quotient minus f'(0)", (_equals(central),)),
        Step(
            "difference of squares",
            left,
            difference,
            "positive where forward is better",
            (_equals(central**2 - forward**2),),
        ),
    )
    return Derivation(title, left, difference, (condition,), steps)


def _error(name: str, p: Callable[[sp.Expr], sp.Expr], at: sp.Expr) -> sp.Expr:
    """The quotient of a polynomial minus its derivative."""
    return quotient(name, p, at) - sp.diff(p(x), x).xreplace({x: at})


def _equals(e: sp.Expr) -> Proof:
    return Proof(BY_IDENTITY, lambda right: same(e, right))


def central_against_backward_of_exp() -> Derivation:
    """eˣ: the central error is below the forward one at every h > 0, below the backward one only up to h = 1.63….

    With errors over eˣ: e_F = (eʰ − 1)/h − 1, e_B = (1 − e⁻ʰ)/h − 1 < 0, e_C = sinh(h)/h − 1 > 0. e_F − e_C is
    (cosh(h) − 1)/h > 0. e_C + e_B has the sign of G(h) = sinh h + 1 − e⁻ʰ − 2h with G(0) = G'(0) = 0, G''(0) = −1 and
    G''' = cosh h + e⁻ʰ > 0: so G falls from 0, turns once and has one root.
    """
    E = sp.Symbol("E", positive=True)  # e^h
    named = {sp.exp(h): E}
    forward, backward, central = (E - 1) / h - 1, (1 - 1 / E) / h - 1, (E - 1 / E) / (2 * h) - 1
    root = crossing_of_exp()
    above = Step(
        "forward minus central",
        E_FORWARD - E_CENTRAL,
        (sp.exp(h) + sp.exp(-h) - 2) / (2 * h),
        "positive for h > 0: it is (e^(h/2) − e^(−h/2))² / (2 h)",
        (Proof(BY_IDENTITY, lambda right: same(forward - central, _in(right, named, E))),),
    )
    below = Step(
        "central plus backward",
        E_CENTRAL + E_BACKWARD,
        (sp.exp(h) / 2 - 3 * sp.exp(-h) / 2 + 1 - 2 * h) / h,
        "negative where central is better",
        (Proof(BY_IDENTITY, lambda right: same(central + backward, _in(right, named, E))),),
    )
    crossing = Step(
        "where they are equal",
        sp.Symbol("h^*"),
        root,
        f"the root, to {BITS_OF_ROOT} bits",
        (Proof("opposite signs on both sides, in ball arithmetic", _is_crossing),),
    )
    assumptions = ("f(x) = e^x, errors over e^x", "h > 0")
    return Derivation(
        "Central against backward, for the exponential", sp.Symbol("h^*"), root, assumptions, (above, below, crossing)
    )


def _in(e: sp.Expr, named: dict[sp.Expr, sp.Expr], E: sp.Symbol) -> sp.Expr:
    return e.xreplace({sp.exp(-h): 1 / E, **named})


def crossing_of_exp() -> sp.Rational:
    """The step at which the central and the backward error of eˣ are equally large, to `BITS_OF_ROOT` bits."""
    low, high = sp.Integer(1), sp.Integer(4)
    while high - low > sp.Rational(1, 2**BITS_OF_ROOT):
        middle = (low + high) / 2
        low, high = (middle, high) if _excess(middle) < 0 else (low, middle)
    return low


def _is_crossing(right: sp.Expr) -> bool:
    return right.is_Rational and bool(_excess(right) < 0 < _excess(right + sp.Rational(1, 2**BITS_OF_ROOT)))


def _excess(step: sp.Rational) -> flint.arb:
    """G(h) as a ball, with twice the bits asked for."""
    with balls.precision(4 * BITS_OF_ROOT):
        q = flint.arb(flint.fmpq(int(step.p), int(step.q)))
        return q.sinh() + 1 - (-q).exp() - 2 * q


COUNTEREXAMPLES: dict[str, Callable[[], Derivation]] = {
    "central limit": central_limit,
    "partial derivatives": partial_derivatives,
    "central at a large step": central_at_a_large_step,
    "central at every small step": central_at_every_small_step,
    "central against backward": central_against_backward_of_exp,
}

"""Difference quotients Σ c f(x + s h) / h: their limits, and what they leave out."""

from collections.abc import Callable, Mapping
from fractions import Fraction

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.first_order import BY_IDENTITY, Local, h, limit, x
from residua_symbolic.identities import same

ORDER = 5  # of the Taylor expansions
f, r = sp.Function("f"), sp.Function("r")
a = sp.symbols(f"a_0:{ORDER + 2}")  # coefficients of a polynomial of degree 6: one more than the expansions have
Weights = Mapping[int, Fraction]
QUOTIENTS: dict[str, Weights] = {  # name: {s: c}
    "forward": {1: Fraction(1), 0: Fraction(-1)},
    "backward": {0: Fraction(1), -1: Fraction(-1)},
    "central": {1: Fraction(1, 2), -1: Fraction(-1, 2)},
    "richardson": {1: Fraction(2, 3), -1: Fraction(-2, 3), 2: Fraction(-1, 12), -2: Fraction(1, 12)},
}
PEANO = "Taylor's theorem with Peano's remainder: r tends to 0 with its step, and is 0 at step 0"


def quotient(name: str, value: Callable[[sp.Expr], sp.Expr] = f, at: sp.Expr = x, step: sp.Expr = h) -> sp.Expr:
    """The quotient of that name, of the function `value` at `at` with that step."""
    return sp.Add(*(sp.Rational(c) * value(at + s * step) for s, c in QUOTIENTS[name].items())) / step


def limit_of(name: str) -> Derivation:
    """The quotient of a function that is differentiable at x tends to f'(x): the central one is 004, L111.

    The converse fails for the central quotient: see `counterexamples.central_limit`.
    """
    parts = {s: Local("f", x, s * h) for s in QUOTIENTS[name]}
    stated, slope = quotient(name), parts[max(parts)].slope
    expanded = _with_forms(stated, {s: part.moved() for s, part in parts.items() if s})
    small = (h, *(part.remainder for s, part in parts.items() if s))
    left = sp.Limit(stated, h, 0, "+-")
    steps = (
        *(part.assumed() for s, part in parts.items() if s),
        Step("quotient", stated, expanded, "the forms put in", (_polynomials_agree(name, _first_order_remainder),)),
        Step("limit", left, slope, "what is left beside it tends to 0 with h", (limit(expanded, small),)),
    )
    return Derivation(f"Limit of the {name} quotient", left, slope, ("f is differentiable at x",), steps)


def truncation(name: str) -> Derivation:
    """The error of a quotient, and its leading term: forward h f''/2, central h² f'''/6. 004, L97–111."""
    places = [s for s in QUOTIENTS[name] if s]
    exact = sp.expand(_with_forms(quotient(name), {s: _taylor(s) for s in places}) - _derivative(1))
    order = next(p for p in range(1, ORDER) if exact.coeff(h, p).has(_derivative(p + 1)))
    leading = sp.Add(*(term for term in sp.Add.make_args(exact.coeff(h, order)) if term.has(_derivative(order + 1))))
    small = (h, *(r(s * h) for s in places))
    error = sp.Function(f"e_{name[0].upper()}")(h)
    identity = Proof(
        BY_IDENTITY,
        lambda right: same(right + _derivative(1), _with_forms(quotient(name), {s: _taylor(s) for s in places})),
    )
    steps = (
        *(Step(f"f at {x + s * h}", f(x + s * h), _taylor(s), PEANO) for s in places),
        Step("error", error, sp.collect(exact, h), "quotient minus f'(x)", (identity, _is_error(name))),
        Step(
            "leading term",
            sp.Limit(error / h**order, h, 0, "+-"),
            leading,
            f"what is left of the error over h^{order} tends to 0",
            (limit(exact / h**order, small),),
        ),
    )
    assumptions = (f"f is {ORDER} times differentiable at x",)
    title = f"Truncation error of the {name} quotient"
    return Derivation(title, sp.Limit(error / h**order, h, 0, "+-"), leading, assumptions, steps)


def central_against_forward() -> Derivation:
    """Where f''(x) ≠ 0, the central error is smaller for all steps that are small enough: their ratio tends to 0.

    Without that condition it need not be, nor for every step: see `counterexamples`.
    """
    forward, central = (truncation(name).steps[-2].right for name in ("forward", "central"))
    small, second = (h, r(h), r(-h)), _derivative(2)
    ratio = sp.Function("e_C")(h) / sp.Function("e_F")(h)
    left = sp.Limit(ratio / h, h, 0, "+-")
    formula = _derivative(3) / (3 * second)
    proof = limit(central / forward / h, small, (second,))
    steps = (
        *(
            Step(f"{name} error", s.left, s.right, s.reason, s.proofs)
            for name in ("forward", "central")
            for s in truncation(name).steps[-2:-1]
        ),
        Step("ratio", left, formula, "both errors put in; so the ratio itself tends to 0", (proof,)),
    )
    assumptions = (f"f is {ORDER} times differentiable at x", "the second derivative of f at x is not 0")
    return Derivation("Central against forward error", left, formula, assumptions, steps)


def _derivative(order: int) -> sp.Expr:
    return sp.Derivative(f(x), (x, order))


def _taylor(s: int) -> sp.Expr:
    """f(x + s h) to order 5, with its remainder."""
    terms = (_derivative(k) * (s * h) ** k / sp.factorial(k) for k in range(1, ORDER + 1))
    return sp.Add(f(x), *terms, r(s * h) * (s * h) ** ORDER)


def _with_forms(e: sp.Expr, forms: Mapping[int, sp.Expr]) -> sp.Expr:
    return e.xreplace({f(x + s * h): form for s, form in forms.items()})


def _polynomial(at: sp.Expr) -> sp.Expr:
    """The polynomial of degree 6 with free coefficients."""
    return sp.Add(*(coefficient * at**power for power, coefficient in enumerate(a)))


def _first_order_remainder(s: int) -> tuple[sp.Expr, sp.Expr]:
    """r_f(s h), and what it is for the polynomial."""
    slope = sp.diff(_polynomial(x), x)
    return Local("f", x, s * h).remainder, (_polynomial(x + s * h) - _polynomial(x)) / (s * h) - slope


def _peano_remainder(s: int) -> tuple[sp.Expr, sp.Expr]:
    """r(s h), and what it is for the polynomial: its sixth coefficient times the step."""
    return r(s * h), a[-1] * s * h


def _polynomials_agree(
    name: str, remainder: Callable[[int], tuple[sp.Expr, sp.Expr]], minus: sp.Expr = sp.S.Zero
) -> Proof:
    """What is printed is the quotient, minus something, of a polynomial of degree 6."""
    true = quotient(name, _polynomial) - minus
    derivatives = {_derivative(k): sp.diff(_polynomial(x), x, k) for k in range(1, ORDER + 1)}
    derivatives |= {Local("f").slope: sp.diff(_polynomial(x), x)}
    put_in = derivatives | {f(x): _polynomial(x)} | dict(remainder(s) for s in QUOTIENTS[name] if s)
    by = f"a polynomial of degree {ORDER + 1} with free coefficients, multiplied out at x and x ± h"
    return Proof(by, lambda right: same(true, right.xreplace(put_in)))


def _is_error(name: str) -> Proof:
    return _polynomials_agree(name, _peano_remainder, sp.diff(_polynomial(x), x))

"""The rules of differentiation, derived from the definition of the derivative and proved as polynomial identities."""

from collections.abc import Callable, Sequence

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.first_order import (
    BY_IDENTITY,
    DIFFERENTIABLE,
    Concrete,
    F,
    Local,
    Slope,
    h,
    limit,
    polynomials,
    remainder_step,
    x,
)
from residua_symbolic.identities import last_apart, same, tends_to_zero

c, t, w, y = sp.symbols("c t w y", real=True)
k, m, n, N = sp.symbols("k m n N", integer=True, positive=True)
TERMS = 5  # sums of 1…5 terms are multiplied out, beside the proof for any number of them
f, g = Local("f"), Local("g")


def sum_rule() -> Derivation:
    """(f + g)' = f' + g': 004, L127."""
    return _arithmetic("Sum rule", f.value + g.value, f.slope + g.slope, (f, g))


def product_rule() -> Derivation:
    """(f g)' = f' g + f g': 004, L131."""
    return _arithmetic("Product rule", f.value * g.value, f.slope * g.value + f.value * g.slope, (f, g))


def constant_factor_rule() -> Derivation:
    """(c f)' = c f'."""
    return _arithmetic("Constant factor", c * f.value, c * f.slope, (f,))


def reciprocal_rule() -> Derivation:
    """(1 / g)' = −g' / g²."""
    return _arithmetic("Reciprocal rule", 1 / g.value, -g.slope / g.value**2, (g,), (g.value,))


def quotient_rule() -> Derivation:
    """(f / g)' = (f' g − f g') / g²."""
    rule = (f.slope * g.value - f.value * g.slope) / g.value**2
    return _arithmetic("Quotient rule", f.value / g.value, rule, (f, g), (g.value,))


def _arithmetic(
    title: str, whole: sp.Expr, rule: sp.Expr, parts: Sequence[Local], nonzero: Sequence[sp.Expr] = ()
) -> Derivation:
    """The derivative of F(x) = whole, a rational expression in the values of `parts` at x."""
    moved = whole.xreplace({part.value: part.moved() for part in parts})
    small = (h, *(part.remainder for part in parts))
    quotient, concrete = (moved - whole) / h, polynomials(*parts)
    rest = sp.cancel(sp.together(quotient - rule))
    left = Slope(F(x), x)
    steps = (
        Step("composite", F(x), whole, "definition"),
        *(part.assumed() for part in parts),
        Step("at x + h", F(x + h), moved, "the forms of the parts put in", (concrete.moves_to(whole),)),
        remainder_step(quotient, rule, rest, small, nonzero),
        Step(
            "rule",
            left,
            rule,
            "the remainder tends to 0 with h",
            (limit(quotient, small, nonzero), concrete.has_derivative(whole)),
        ),
    )
    assumptions = (*_differentiable(parts), *(f"{e} is not 0" for e in nonzero))
    return Derivation(title, left, rule, assumptions, steps)


def _differentiable(parts: Sequence[Local]) -> tuple[str, ...]:
    return tuple(f"{part.name} is differentiable at {part.at}" for part in parts)


def power_rule() -> Derivation:
    """(xⁿ)' = n xⁿ⁻¹ for n = 1, 2, …, by induction with the product rule."""
    rule = n * x ** (n - 1)
    base = Proof("the forward quotient of x is 1", lambda right: same(((x + h) - x) / h, right))
    every = Proof(
        "induction on n: 1 at n = 1, and at n + 1 the product rule of x and xⁿ",
        lambda right: right.subs(n, 1) == 1 and same(right.subs(n, n + 1), x**n + x * right),
    )
    single = Proof(
        f"n = 1…{TERMS}: SymPy's derivative",
        lambda right: all(same(right.subs(n, size), sp.diff(x**size, x)) for size in range(1, TERMS + 1)),
    )
    left = sp.Derivative(x**n, x, evaluate=False)
    steps = (
        Step("base", sp.Derivative(x, x), sp.Integer(1), "x + h = x + (1 + 0) h", (base,)),
        Step(
            "one factor more",
            sp.Derivative(x ** (n + 1), x, evaluate=False),
            (n + 1) * x**n,
            "product rule of x and xⁿ, the derivative of xⁿ taken for known",
            (Proof(BY_IDENTITY, lambda right: same(right, x**n + x * rule)),),
        ),
        Step("rule", left, rule, "induction on n", (every, single)),
    )
    return Derivation("Power rule", left, rule, ("n is a positive integer",), steps)


def linearity() -> Derivation:
    """L(w) = Σ C(n, w) over n = 1…N gives L'(w) = Σ C'(n, w), for every finite N: 004, L45."""
    C, r, L = sp.Function("C"), sp.Function("r"), sp.Function("L")
    term, slope = C(n, w), Slope(C(n, w), w)
    moved = term + (slope + r(n, h)) * h
    whole, rule = sp.Sum(term, (n, 1, N)), sp.Sum(slope, (n, 1, N))
    last = slope.xreplace({n: N + 1})

    def by_induction(right: sp.Expr) -> bool:
        """The derivative of one term at N = 1; one term more adds its derivative, by the sum rule."""
        return same(_written_out(right, N, 1), slope.xreplace({n: sp.Integer(1)})) and same(
            _to_one_more(right), right + last
        )

    def multiplied_out(right: sp.Expr) -> bool:
        for size in range(1, TERMS + 1):
            quotient = _written_out(sp.Sum((moved - term) / h, (n, 1, N)), N, size)
            small = (h, *(r(p, h) for p in range(1, size + 1)))
            if not limit(quotient, small).holds(_written_out(right, N, size)):
                return False
        return True

    rest = sp.Sum(r(n, h), (n, 1, N))
    left = Slope(L(w), w)
    steps = (
        Step("composite", L(w), whole, "definition"),
        Step("one term to first order", C(n, w + h), moved, DIFFERENTIABLE),
        Step(
            "remainder",
            sp.Function("r_L")(h),
            rest,
            "difference quotient minus the rule: finitely many terms, each of which tends to 0",
            (_term_by_term((moved - term) / h - slope, n, N),),
        ),
        Step(
            "one term more",
            sp.Derivative(whole + C(N + 1, w), w, evaluate=False),
            sp.Sum(slope, (n, 1, N + 1)),
            "sum rule, the derivative of the first N terms taken for known",
            (Proof("the last term taken out", lambda right: same(_last_split(right), rule + last)),),
        ),
        Step(
            "rule",
            left,
            rule,
            "induction on N",
            (Proof("every N, by induction", by_induction), Proof(f"N = 1…{TERMS}, multiplied out", multiplied_out)),
        ),
    )
    return Derivation("Linearity", left, rule, ("N is finite", "every C(n, ·) is differentiable at w"), steps)


def _to_one_more(right: sp.Expr) -> sp.Expr:
    """`right` at N + 1, with the last term of every Σ to N + 1 taken out."""
    return _last_split(right.xreplace({N: N + 1}))


def _last_split(e: sp.Expr) -> sp.Expr:
    return e.replace(
        lambda part: isinstance(part, sp.Sum) and part.limits[0][2] == N + 1, lambda part: sp.Add(*last_apart(part))
    )


def _term_by_term(term: sp.Expr, label: sp.Symbol, size: sp.Expr) -> Proof:
    """What is printed is the Σ of `term` over label = 1…size."""
    return Proof(
        "term by term, as an identity of polynomials",
        lambda right: (
            isinstance(right, sp.Sum) and right.limits == (sp.Tuple(label, 1, size),) and same(right.function, term)
        ),
    )


def chain_rule() -> Derivation:
    """z = f(y), y = g(x): dz/dx = dz/dy · dy/dx. 004, L37 (B.16)."""
    by = sp.Symbol("k", real=True)
    outer = Local("f", y, by)
    inner_step = (g.slope + g.remainder) * h
    moved, rule = outer.moved(inner_step), outer.slope * g.slope
    small = (h, g.remainder, outer.remainder, by)
    quotient = (moved - outer.value) / h
    true_step = g.polynomial()[g.value].xreplace({x: x + h}) - g.polynomial()[g.value]
    concrete = Concrete(
        ({**outer.polynomial(), **g.polynomial()}, {y: g.polynomial()[g.value], by: true_step}),
    )
    left = Slope(F(x), x)
    steps = (
        Step("composite", F(x), sp.Function("f")(g.value), "definition; y = g(x)"),
        g.assumed(),
        outer.assumed(),
        _step_of("y", by, g, "k = g(x + h) − g(x): it tends to 0 with h, so r_f(k) does; where it is 0, r_f(k) is"),
        Step("at x + h", F(x + h), moved, "f(y + k) with this k", (concrete.moves_to(outer.value),)),
        remainder_step(quotient, rule, sp.expand(quotient - rule), small),
        Step(
            "rule",
            left,
            rule,
            "the remainder tends to 0 with h",
            (limit(quotient, small), concrete.has_derivative(outer.value)),
        ),
    )
    return Derivation("Chain rule", left, rule, _differentiable((g, outer)), steps)


def _step_of(name: str, by: sp.Symbol, inner: Local, reason: str = "tends to 0 with h") -> Step:
    """By how much an intermediate variable moves."""
    proofs = (
        Proof(BY_IDENTITY, lambda right: same(right, inner.moved() - inner.value)),
        Proof("every term has h in it", lambda right: tends_to_zero(right, (h,))),
    )
    return Step(f"step of {name}", by, (inner.slope + inner.remainder) * h, reason, proofs)


def chain_rule_of_two() -> Derivation:
    """z = f(x, y), x = g(t), y = q(t): dz/dt = ∂z/∂x · dx/dt + ∂z/∂y · dy/dt. 004, L39.

    f is differentiable at (x, y), not merely partially: see `counterexamples.partial_derivatives`.
    """
    first, second = Local("g", t), Local("q", t)
    f2, (a, b) = sp.Function("f"), sp.symbols("a b", real=True)
    r1, r2 = sp.Function("r_1")(a, b), sp.Function("r_2")(a, b)
    value = f2(x, y)
    by_x, by_y = Slope(value, x), Slope(value, y)
    steps_in = {part: (part.slope + part.remainder) * h for part in (first, second)}

    def moved(first_step: sp.Expr, second_step: sp.Expr) -> sp.Expr:
        return value + (by_x + r1) * first_step + (by_y + r2) * second_step

    whole_moved = moved(steps_in[first], steps_in[second])
    rule = by_x * first.slope + by_y * second.slope
    small = (h, first.remainder, second.remainder, r1, r2, a, b)
    quotient = (whole_moved - value) / h
    concrete = _two_variables(value, (by_x, by_y), (r1, r2), (a, b), (first, second))
    left = Slope(F(t), t)
    steps = (
        Step("composite", F(t), f2(first.value, second.value), "definition; x = g(t), y = q(t)"),
        first.assumed(),
        second.assumed(),
        Step(
            "f to first order",
            f2(x + a, y + b),
            moved(a, b),
            "definition of differentiability in two variables: both remainders tend to 0 with (a, b), and are 0 there",
        ),
        _step_of("x", a, first),
        _step_of("y", b, second),
        Step("at t + h", F(t + h), whole_moved, "f(x + a, y + b) with these", (concrete.moves_to(value, t),)),
        remainder_step(quotient, rule, sp.expand(quotient - rule), small),
        Step(
            "rule",
            left,
            rule,
            "the remainder tends to 0 with h",
            (limit(quotient, small), concrete.has_derivative(value, t)),
        ),
    )
    assumptions = (*_differentiable((first, second)), "f is differentiable at (x, y), as a function of both")
    return Derivation("Chain rule, two intermediate variables", left, rule, assumptions, steps)


def _two_variables(
    value: sp.Expr,
    slopes: tuple[sp.Expr, sp.Expr],
    remainders: tuple[sp.Expr, sp.Expr],
    by: tuple[sp.Expr, sp.Expr],
    inner: tuple[Local, Local],
) -> Concrete:
    """f a polynomial of degree 2 in x and y, the inner functions of t polynomials."""
    monomials = [x**p * y**q for p in range(3) for q in range(3 - p)]
    p = sp.Add(*(sp.Symbol(f"f_{place}") * monomial for place, monomial in enumerate(monomials)))
    (a, b), moved_y = by, p.xreplace({y: y + by[1]})
    outer = {
        value: p,
        slopes[0]: sp.diff(p, x),
        slopes[1]: sp.diff(p, y),
        remainders[0]: (moved_y.xreplace({x: x + a}) - moved_y) / a - sp.diff(p, x),
        remainders[1]: (moved_y - p) / b - sp.diff(p, y),
    }
    inside = [part.polynomial() for part in inner]
    values = [known[part.value] for known, part in zip(inside, inner, strict=True)]
    moves = [e.xreplace({t: t + h}) - e for e in values]
    return Concrete(({**outer, **inside[0], **inside[1]}, dict(zip((x, y, a, b), (*values, *moves), strict=True))))


def chain_rule_of_many() -> Derivation:
    """z = f(y₁ … y_m), y_k = g(k, x): dz/dx = Σ ∂z/∂y_k · dy_k/dx, for every finite m."""
    z, ys = sp.Symbol("z", real=True), sp.IndexedBase("y", real=True)
    inner, r, rho = sp.Function("g")(k, x), sp.Function("r")(k), sp.Function("r_g")(k, h)
    outer_slope = Slope(z, ys[k])
    inner_slope = Slope(inner, x)
    step = (inner_slope + rho) * h
    change = (outer_slope + r) * step
    rule = sp.Sum(outer_slope * inner_slope, (k, 1, m))
    rest_term = outer_slope * rho + r * inner_slope + r * rho
    left = Slope(F(x), x)

    def multiplied_out(right: sp.Expr) -> bool:
        for size in range(1, TERMS + 1):
            parts = [{k: sp.Integer(p)} for p in range(1, size + 1)]
            small = (h, *(e.xreplace(part) for part in parts for e in (r, rho)))
            quotient = sp.Add(*(change.xreplace(part) / h for part in parts))
            if not limit(quotient, small).holds(_written_out(right, m, size)):
                return False
        return True

    steps = (
        Step(
            "f to first order",
            sp.Symbol("Delta") * z,
            sp.Sum((outer_slope + r) * sp.IndexedBase("a", real=True)[k], (k, 1, m)),
            "definition of differentiability in m variables: every remainder tends to 0 with all steps a, and is 0 "
            "where they are",
        ),
        Step("step of one variable", sp.IndexedBase("a", real=True)[k], step, DIFFERENTIABLE),
        Step(
            "remainder",
            sp.Function("r_F")(h),
            sp.Sum(rest_term, (k, 1, m)),
            "difference quotient minus the rule: finitely many terms, each of which tends to 0",
            (
                _term_by_term(change / h - outer_slope * inner_slope, k, m),
                Proof(
                    "every term has a remainder in it",
                    lambda right: tends_to_zero(right.function, (h, r, rho)),
                ),
            ),
        ),
        Step(
            "rule",
            left,
            rule,
            "the remainder tends to 0 with h",
            (
                Proof(
                    "every m, term by term: the quotient minus this has a remainder in every term",
                    lambda right: (
                        isinstance(right, sp.Sum)
                        and right.limits == rule.limits
                        and limit(change / h, (h, r, rho)).holds(right.function)
                    ),
                ),
                Proof(f"m = 1…{TERMS}, multiplied out", multiplied_out),
            ),
        ),
    )
    assumptions = ("m is finite", "every g(k, ·) is differentiable at x", "f is differentiable at (y₁ … y_m)")
    return Derivation("Chain rule, m intermediate variables", left, rule, assumptions, steps)


def _written_out(e: sp.Expr, symbol: sp.Symbol, size: int) -> sp.Expr:
    """`e` with every Σ to `symbol` written out for that size. (`doit` would carry derivatives out, too.)"""

    def terms(part: sp.Sum) -> sp.Expr:
        ((label, first, _),) = part.limits
        return sp.Add(*(part.function.xreplace({label: sp.Integer(p)}) for p in range(int(first), size + 1)))

    found = e.replace(lambda part: isinstance(part, sp.Sum) and part.limits[0][2] == symbol, terms)
    return found.xreplace({symbol: sp.Integer(size)})


RULES: dict[str, Callable[[], Derivation]] = {
    "sum": sum_rule,
    "constant factor": constant_factor_rule,
    "product": product_rule,
    "reciprocal": reciprocal_rule,
    "quotient": quotient_rule,
    "power": power_rule,
    "linearity": linearity,
    "chain": chain_rule,
    "chain, two variables": chain_rule_of_two,
    "chain, many variables": chain_rule_of_many,
}

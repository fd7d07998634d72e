"""How the error of the best piecewise-linear function falls with the number N of pieces: N⁻⁴ in the mean square, N⁻² in
the supremum, with their constants; after Cox 1971 (Num. Math. 17), de Boor 1973 (in: Spline functions)."""

from collections.abc import Callable

import flint
import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.identities import same
from residua_symbolic.series.approximation.quadrature import constant

x, s = sp.symbols("x s", real=True)
h, q, L = sp.symbols("h q L", positive=True)  # length of a piece, |f''| on it, length of the interval
N = sp.Symbol("N", integer=True, positive=True)
nu, bend = sp.Function("nu")(x), sp.Function("g")(x)  # density of knots: N ν(x) pieces a unit of length; |f''|
POSITIVE = {nu: sp.Symbol("nu_p", positive=True), bend: sp.Symbol("g_p", positive=True)}
off = sp.Function("r")  # of what the best line leaves
Q, S = sp.Symbol("Q"), sp.Symbol("S")
ASSUMED = ("f is twice continuously differentiable, and f'' vanishes at isolated points only",
           "N tends to infinity: on every piece f'' varies little",
           "integrals without bounds are over the whole interval")  # fmt: skip


def mean_square_law() -> Derivation:
    """Mean square error ~ C₂ N⁻⁴, C₂ = (∫ |f''|^(2/5))⁵/(720 L); for sin on [−π, π] in closed form."""
    residual = q / 2 * (s**2 - h**2 / 12)
    whole = sp.Integral(bend ** sp.Rational(2, 5), x)
    product = bend**2 / nu**4
    steps = (
        Step(
            "on one piece",
            off(s),
            residual,
            "f is q s²/2 and a line, |s| ≤ h/2; what is orthogonal to 1 and s is left",
            (_orthogonal(),),
        ),
        Step("its square", sp.Symbol("e"), q**2 * h**5 / 720, "integrated over the piece", (_squared(residual),)),
        Step(
            "over all pieces",
            Q,
            sp.Integral(product, x) / (720 * L * N**4),
            "h = 1/(N ν): N ν pieces a unit of length, of which each leaves q² h⁵/720",
        ),
        Step(
            "Hölder",
            product ** sp.Rational(1, 5) * nu ** sp.Rational(4, 5),
            bend ** sp.Rational(2, 5),
            "so that (∫ g^(2/5))⁵ ≤ ∫ g² ν⁻⁴ (∫ ν)⁴, with g = |f''|; and ∫ ν = 1",
            (_holder(product),),
        ),
        Step(
            "best density",
            nu,
            bend ** sp.Rational(2, 5) / whole,
            "equality: g² ν⁻⁴ is a multiple of ν",
            (_equality(whole, product),),
        ),
        Step(
            "law",
            sp.Limit(N**4 * Q, N, sp.oo),
            whole**5 / (720 * L),
            "the density put in; N⁴ times the error",
            (_put_in(whole, product),),
        ),
        Step(
            "at the knots",
            off(h / 2),
            q * h**2 / 12,
            "r(−h/2) is the same, and q h² varies slowly: neighbours can be joined, at a cost of lower order",
            (_equal_ends(residual),),
        ),
        Step(
            "for sin",
            sp.Integral(sp.Abs(sp.sin(x)) ** sp.Rational(2, 5), (x, -sp.pi, sp.pi)),
            sine_integral(sp.Rational(2, 5)),
            "Euler's beta function: 2 B(7/10, 1/2)",
            (_beta(sp.Rational(2, 5)),),
        ),
        Step("its constant", sp.Symbol("C_2"), sine_constant(), "L = 2π", (_numbers(),)),
    )
    symbol = sp.Limit(N**4 * Q, N, sp.oo)
    return Derivation("Piecewise-linear functions in the mean square", symbol, whole**5 / (720 * L), ASSUMED, steps)


def supremum_law() -> Derivation:
    """Supremum ~ C N⁻², C = (∫ |f''|^(1/2))²/16; for sin on [−π, π] in closed form."""
    residual = q / 2 * (s**2 - h**2 / 8)
    whole = sp.Integral(sp.sqrt(bend), x)
    steps = (
        Step(
            "on one piece",
            off(s),
            residual,
            "f is q s²/2 and a line, |s| ≤ h/2: off alike at both ends and, to the other side, in the middle",
            (_alternates(),),
        ),
        Step(
            "its size",
            off(h / 2),
            q * h**2 / 16,
            "there",
            (Proof("put in", lambda right: same(residual.subs(s, h / 2), right)),),
        ),
        Step(
            "number of pieces",
            N,
            whole / (4 * sp.sqrt(S)),
            "pieces of equal error S have length 4 √(S/q); N is the integral of 1/h",
            (_lengths(whole),),
        ),
        Step("law", sp.Limit(N**2 * S, N, sp.oo), whole**2 / 16, "solved for S", (_solved(whole),)),
        Step(
            "for sin",
            sp.Integral(sp.sqrt(sp.Abs(sp.sin(x))), (x, -sp.pi, sp.pi)),
            sine_integral(sp.Rational(1, 2)),
            "Euler's beta function: 2 B(3/4, 1/2)",
            (_beta(sp.Rational(1, 2)),),
        ),
    )
    symbol = sp.Limit(N**2 * S, N, sp.oo)
    return Derivation("Piecewise-linear functions in the supremum", symbol, whole**2 / 16, ASSUMED, steps)


def sine_integral(power: sp.Rational) -> sp.Expr:
    """∫ |sin|^p over [−π, π] = 2 B((p + 1)/2, 1/2)."""
    return 2 * sp.sqrt(sp.pi) * sp.gamma((power + 1) / 2) / sp.gamma(power / 2 + 1)


def sine_constant() -> sp.Expr:
    """C₂ for sin on [−π, π]."""
    return sine_integral(sp.Rational(2, 5)) ** 5 / (720 * 2 * sp.pi)


def sine_supremum_constant() -> sp.Expr:
    """C for sin on [−π, π] in the supremum."""
    return sine_integral(sp.Rational(1, 2)) ** 2 / 16


def _over_piece(e: sp.Expr) -> sp.Expr:
    return sp.integrate(sp.expand(e), (s, -h / 2, h / 2))


def _orthogonal() -> Proof:
    def holds(right: sp.Expr) -> bool:
        line = sp.expand(q * s**2 / 2 - right)
        return bool(_over_piece(right) == 0 and _over_piece(right * s) == 0 and sp.degree(line, s) <= 1)

    return Proof("its integrals against 1 and s; q s²/2 minus it is a line", holds)


def _squared(residual: sp.Expr) -> Proof:
    return Proof("the integral carried out", lambda right: same(_over_piece(residual**2), right))


def _holder(product: sp.Expr) -> Proof:
    fifth = sp.Rational(1, 5)
    left = (product**fifth * nu ** (4 * fifth)).xreplace(POSITIVE)
    return Proof(
        "the powers of g and ν, both positive; 1/5 and 4/5 add up to 1", lambda right: left == right.xreplace(POSITIVE)
    )


def _equality(whole: sp.Expr, product: sp.Expr) -> Proof:
    def holds(right: sp.Expr) -> bool:
        size = sp.Symbol("I", positive=True)
        density = right.subs(whole, size).xreplace(POSITIVE)
        ratio = product.xreplace({nu: density}).xreplace(POSITIVE) / density
        return POSITIVE[bend] not in ratio.free_symbols and same(density * size, POSITIVE[bend] ** sp.Rational(2, 5))

    return Proof("g² ν⁻⁴/ν with it is free of g, and its integral is 1", holds)


def _put_in(whole: sp.Expr, product: sp.Expr) -> Proof:
    """∫ g² ν⁻⁴ with ν = g^(2/5)/I is I⁴ ∫ g^(2/5) = I⁵."""

    def holds(right: sp.Expr) -> bool:
        size = sp.Symbol("I", positive=True)
        root = POSITIVE[bend] ** sp.Rational(2, 5)
        integrand = product.xreplace({nu: root / size}).xreplace(POSITIVE)
        return integrand == size**4 * root and same(size**5 / (720 * L), right.subs(whole, size))

    return Proof("the integrand with the best density is I⁴ g^(2/5), I = ∫ g^(2/5)", holds)


def _equal_ends(residual: sp.Expr) -> Proof:
    return Proof("both ends put in", lambda right: all(same(residual.subs(s, end), right) for end in (h / 2, -h / 2)))


def _alternates() -> Proof:
    def holds(right: sp.Expr) -> bool:
        ends, middle = right.subs(s, h / 2), right.subs(s, 0)
        is_line = sp.degree(sp.expand(q * s**2 / 2 - right), s) <= 1
        return same(ends, -middle) and same(ends, right.subs(s, -h / 2)) and bool(is_line)

    return Proof("ends and middle put in: three alternating points (Chebyshev)", holds)


def _lengths(whole: sp.Expr) -> Proof:
    def holds(right: sp.Expr) -> bool:
        length = 4 * sp.sqrt(S / q)
        size = sp.powdenest(q * length**2 / 16, force=True)
        return same(size, S) and same(right.subs(whole, 1) ** 2, sp.Rational(1, 16) / S)

    return Proof("q h²/16 = S for this length", holds)


def _solved(whole: sp.Expr) -> Proof:
    def holds(right: sp.Expr) -> bool:
        size = sp.Symbol("I", positive=True)
        return same((size / (4 * sp.sqrt(S))) ** 2 * S, right.subs(whole, size))

    return Proof("N² S with the number of pieces put in", holds)


def _beta(power: sp.Rational) -> Proof:
    """By Arb's quadrature after x = u^b, power a/b: sin^(a/b) x dx = b u^(a+b−1) (sin(u^b)/u^b)^(a/b) du."""
    a, b = int(power.p), int(power.q)

    def integrand(u: flint.acb, analytic: bool) -> flint.acb:
        return b * u ** (a + b - 1) * (u**b).sinc().pow(flint.acb(flint.arb(a) / b), analytic=analytic)

    def holds(right: sp.Expr) -> bool:
        with balls.precision():
            end = (flint.arb.pi() / 2) ** (flint.arb(1) / b)
            quarter = flint.acb.integral(integrand, 0, end).real
            return balls.agree(4 * quarter, ball_of(right))

    return Proof("Arb's quadrature, certified, after a change of variable", holds)


def ball_of(e: sp.Expr) -> flint.arb:
    """A constant with gamma functions of rational arguments, as a ball."""
    named: dict[sp.Symbol, flint.arb] = {}

    def symbol(argument: sp.Expr) -> sp.Symbol:
        name = sp.Symbol(f"g{len(named)}")
        named[name] = constant(argument).gamma()
        return name

    rational = e.replace(sp.gamma, symbol)
    return _value(rational, named)


def _value(e: sp.Expr, named: dict[sp.Symbol, flint.arb]) -> flint.arb:
    if e in named:
        return named[e]
    if not e.free_symbols:
        return constant(e)
    parts = [_value(argument, named) for argument in e.args]
    if e.is_Mul or e.is_Add:
        total, *others = parts
        for other in others:
            total = total * other if e.is_Mul else total + other
        return total
    return parts[0] ** parts[1]


def _numbers() -> Proof:
    def holds(right: sp.Expr) -> bool:
        with balls.precision():
            integral = ball_of(sine_integral(sp.Rational(2, 5)))
            return balls.agree(integral**5 / (1440 * flint.arb.pi()), ball_of(right))

    return Proof("(∫ |sin|^(2/5))⁵/(720 · 2π) in balls", holds)


LAWS: dict[str, Callable[[], Derivation]] = {"mean square": mean_square_law, "supremum": supremum_law}

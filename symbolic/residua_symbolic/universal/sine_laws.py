"""sin as the only activation: a broken line by a cosine series, its tail summed, and a straight line by a flat sine."""

import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.series.enclosures.bound_proofs import Bound, BoundDerivation

u, x = sp.symbols("u x", real=True)
P, beta, epsilon, rise = sp.symbols("P beta epsilon B", positive=True)
k, j, K = sp.symbols("k j K", integer=True, positive=True)
a, net, line = sp.Function("a"), sp.Function("g"), sp.Function("p")
SINES = "Broken lines by sines"
CHECKED = 40


def sine_law() -> Derivation:
    """A + B x + ½ Σ b_i |x − t_i| by K waves and one flat sine: within β P/(2π² K) + B ε² (P/2)³/6."""
    odd = 2 * k - 1
    wave = -4 * P / (sp.pi**2 * odd**2)
    left_out = 4 * P / sp.pi**2 * sp.Sum(1 / (2 * j - 1) ** 2, (j, K + 1, sp.oo))
    total = beta * P / (2 * sp.pi**2 * K) + rise * epsilon**2 * (P / 2) ** 3 / 6
    steps = (
        Step("mean of |u|", a(0), P / 2, "over −P ≤ u ≤ P", (Proof("integrated", _is_mean),)),
        Step(
            "odd waves",
            a(2 * k - 1),
            wave,
            "the coefficient of cos((2k − 1)πu/P)",
            (Proof("integrated, for every k", _is_wave),),
        ),
        Step(
            "even waves",
            a(2 * k),
            sp.Integer(0),
            "the coefficient of cos(2kπu/P)",
            (Proof("integrated, for every k", _is_nothing),),
        ),
        Bound(
            "one left out",
            1 / (2 * j - 1) ** 2,
            1 / (4 * j * (j - 1)),
            "j ≥ 2: (2j − 1)² is 4j(j − 1) + 1",
            (Proof("identity", lambda right: same(1 / right + 1, (2 * j - 1) ** 2)),),
        ),
        Bound(
            "all left out",
            left_out,
            P / (sp.pi**2 * K),
            "1/(4j(j − 1)) = (1/(j − 1) − 1/j)/4 telescopes to 1/(4K)",
            (Proof("partial fractions, and the sum from K + 1 on", _tail),),
        ),
        Bound(
            "a line",
            sp.Abs(x - sp.sin(epsilon * x) / epsilon),
            epsilon**2 * sp.Abs(x) ** 3 / 6,
            "Taylor's remainder: |sin z − z| ≤ |z|³/6",
            (Proof("z = εx put in", _flat),),
        ),
        Bound("together", sp.Abs(net(x) - line(x)), total, "β = Σ |b_i|, halved; |x| ≤ P/2 from the middle"),
    )
    assumptions = (
        "P the length of the interval, so that |x − t_i| ≤ P",
        "waves of one length are one unit: a cos + b sin = √(a² + b²) sin(· + θ)",
        "the series of |u| converges to it everywhere: its coefficients are summable",
    )
    return BoundDerivation(SINES, sp.Abs(net(x) - line(x)), total, assumptions, steps)


def _is_mean(right: sp.Expr) -> bool:
    return same(sp.integrate(u, (u, 0, P)) / P, right)


def _coefficient(order: sp.Expr) -> sp.Expr:
    """(2/P) ∫_0^P u cos(order π u/P) du, by an antiderivative that is proved here."""
    omega = order * sp.pi / P
    primitive = u * sp.sin(omega * u) / omega + sp.cos(omega * u) / omega**2
    if sp.simplify(sp.diff(primitive, u) - u * sp.cos(omega * u)) != 0:
        raise ArithmeticError("the antiderivative is wrong")
    return 2 / P * (primitive.subs(u, P) - primitive.subs(u, 0))


def _is_wave(right: sp.Expr) -> bool:
    return bool(sp.simplify(_coefficient(2 * k - 1) - right) == 0)


def _is_nothing(right: sp.Expr) -> bool:
    return bool(sp.simplify(_coefficient(2 * k) - right) == 0)


def _tail(right: sp.Expr) -> bool:
    split = same(1 / (4 * j * (j - 1)), (1 / (j - 1) - 1 / j) / 4)
    return split and same(4 * P / sp.pi**2 / (4 * K), right)


def _flat(right: sp.Expr) -> bool:
    size = sp.Symbol("s", positive=True)
    return same(((epsilon * size) ** 3 / 6) / epsilon, right.subs(x, size))

"""How the steps of the batch laws are proved: by small matrices, circles and integrals that share no rule with them."""

from collections.abc import Callable, Mapping
from itertools import combinations_with_replacement, pairwise

import mpmath
import sympy as sp

from residua_symbolic.domains.tangents import B

Holds = Callable[[sp.Expr], bool]
SIZES = range(2, 7)
QUADRATURE_SIZES = (3, 4, 8, 32)
DIGITS = 40
NEAR = mpmath.mpf(10) ** -25  # mpmath's quadrature of an analytic integrand at 40 digits keeps 30 and more
angle = sp.Symbol("phi", real=True)


def spread(q: sp.Expr, c: sp.Expr) -> Holds:
    """The kernel q on the diagonal, c off it, times a vector of sum 0."""

    def holds(right: sp.Expr) -> bool:
        for size in SIZES:
            entries = sp.symbols(f"w1:{size}")
            w = sp.Matrix([*entries, -sum(entries)])
            if sp.expand(_kernel(q, c, size) * w - right * w) != sp.zeros(size, 1):
                return False
        return True

    return holds


def inverse_variance(delta: sp.Expr) -> Holds:
    """B/δ ∫ f(x)/x dx with f the density of χ² with B − 1 degrees of freedom, B = 3 + 2 t, t > 0."""

    def holds(right: sp.Expr) -> bool:
        t, x = sp.symbols("t x", positive=True)
        density = x**t * sp.exp(-x / 2) / (2 ** (t + 1) * sp.gamma(t + 1))
        integral = sp.integrate(sp.powsimp(density / x), (x, 0, sp.oo), conds="none")
        mean = sp.gammasimp(sp.simplify(integral)) * (2 * t + 3) / delta
        return bool(sp.simplify(mean - right.subs(B, 2 * t + 3)) == 0)

    return holds


def inverse_in_polar(delta: sp.Expr) -> Holds:
    """B ∫ r^{B−4} exp(−r²/2δ) dr / ∫ r^{B−2} exp(−r²/2δ) dr."""

    def holds(right: sp.Expr) -> bool:
        radius, size = sp.symbols("r_o d", positive=True)
        bell = sp.exp(-(radius**2) / (2 * size))
        for batch in range(4, 13):
            top, bottom = (sp.integrate(radius**n * bell, (radius, 0, sp.oo)) for n in (batch - 4, batch - 2))
            if sp.simplify(batch * top / bottom - right.subs({B: batch, delta: size})) != 0:
                return False
        return True

    return holds


def trace_linear(p: sp.Expr, r: sp.Expr) -> Holds:
    """tr K (P − E x̂x̂ᵀ/B) with E x̂x̂ᵀ = B/(B−1) P, P = I − 11ᵀ/B."""

    def holds(right: sp.Expr) -> bool:
        for size in SIZES:
            rows = sp.eye(size) - sp.ones(size) / size
            trace = (_kernel(p, r, size) * rows * sp.Rational(size - 2, size - 1)).trace()
            if sp.expand(trace - right.subs(B, size)) != 0:
                return False
        return True

    return holds


def trace_relu(p: sp.Expr, r: sp.Expr, theta: sp.Expr, kappa: sp.Expr) -> Holds:
    """tr D K D (I − 11ᵀ/B − x̂x̂ᵀ/B) written out, each monomial replaced by its mean."""

    def holds(right: sp.Expr) -> bool:
        return all(sp.expand(_expanded(size, p, r, theta, kappa) - right.subs(B, size)) == 0 for size in range(2, 6))

    return holds


def _expanded(size: int, p: sp.Expr, r: sp.Expr, theta: sp.Expr, kappa: sp.Expr) -> sp.Expr:
    gates, x = sp.symbols(f"D1:{size + 1}"), sp.symbols(f"x1:{size + 1}")
    gate, column = sp.diag(*gates), sp.Matrix(x)
    projector = sp.eye(size) - sp.ones(size) / size - column * column.T / size
    polynomial = sp.Poly((gate * _kernel(p, r, size) * gate * projector).trace(), *gates, *x)
    half = sp.Rational(1, 2)
    means = {}
    for a, b in combinations_with_replacement(range(size), 2):
        both = gates[a] * gates[b]
        means[both] = half if a == b else theta
        means[both * x[a] * x[b]] = half if a == b else kappa
    return sum(
        (
            e * means[sp.prod(g**n for g, n in zip((*gates, *x), powers, strict=True))]
            for powers, e in polynomial.terms()
        ),
        sp.Integer(0),
    )


def circle_linear(p: sp.Expr, r: sp.Expr) -> Holds:
    """B = 3: x̂_a = √2 cos(φ + 2πa/3)."""
    return _circle(p, r, {}, lambda e: sp.Integer(1))


def circle_relu(p: sp.Expr, r: sp.Expr, values: Mapping[sp.Expr, sp.Expr]) -> Holds:
    """B = 3, on each of the six arcs on which no row changes its sign."""
    return _circle(p, r, values, lambda middle: sp.Integer(1 if middle > 0 else 0))


def _circle(p: sp.Expr, r: sp.Expr, values: Mapping[sp.Expr, sp.Expr], gate: Callable[[sp.Expr], sp.Expr]) -> Holds:
    def holds(right: sp.Expr) -> bool:
        column = sp.Matrix([sp.sqrt(2) * sp.cos(angle + 2 * sp.pi * a / 3) for a in range(3)])
        projector = sp.eye(3) - sp.ones(3) / 3 - column * column.T / 3
        total = sp.Integer(0)
        for arc in range(6):
            ends = (sp.pi / 6 + arc * sp.pi / 3, sp.pi / 2 + arc * sp.pi / 3)
            D = sp.diag(*(gate(e) for e in column.subs(angle, sum(ends) / 2)))
            trace = (D * _kernel(p, r, 3) * D * projector).trace()
            total += sp.integrate(sp.expand(sp.expand_trig(trace)), (angle, *ends))
        mean = total / (2 * sp.pi)
        return bool(sp.simplify(sp.expand(mean - right.subs(values).subs(B, 3))) == 0)

    return holds


def circle_pair(power: int, put_in: Callable[[sp.Expr], sp.Expr]) -> Holds:
    """E over the arc of B = 3 on which two rows are positive, of the product of their `power`-th powers."""

    def holds(right: sp.Expr) -> bool:
        pair = (sp.sqrt(2) * sp.cos(angle)) ** power * (sp.sqrt(2) * sp.cos(angle + 2 * sp.pi / 3)) ** power
        mean = sp.integrate(pair, (angle, -sp.pi / 2, -sp.pi / 6)) / (2 * sp.pi)
        return bool(sp.simplify(mean - put_in(right).subs(B, 3)) == 0)

    return holds


def quadrant(power: int, put_in: Callable[[sp.Expr], sp.Expr]) -> Holds:
    """∫∫ (x y)^power of the normal density of correlation −1/(B−1) over x, y > 0: in polar coordinates the radius is
    integrated by its gamma function, the angle numerically."""

    def holds(right: sp.Expr) -> bool:
        with mpmath.workdps(DIGITS):
            return all(abs(_in_quadrant(power, batch) - _at(put_in(right), batch)) < NEAR for batch in QUADRATURE_SIZES)

    return holds


def _in_quadrant(power: int, batch: int) -> mpmath.mpf:
    rho = mpmath.mpf(-1) / (batch - 1)
    rest = 1 - rho**2

    def integrand(phi: mpmath.mpf) -> mpmath.mpf:
        both = mpmath.sin(2 * phi) / 2
        form = (1 - 2 * rho * both) / rest  # exp(−r² form/2); ∫ r^{2k+1} exp(−r² f/2) dr = k! 2^k/f^{k+1}
        return both**power * mpmath.factorial(power) * 2**power / form ** (power + 1)

    return mpmath.quad(integrand, [0, mpmath.pi / 2]) / (2 * mpmath.pi * mpmath.sqrt(rest))


def correction(rate: sp.Expr) -> Holds:
    """B (rate(B) − limit), extrapolated in powers of 1/B from B = 2^10…2^16."""

    def holds(right: sp.Expr) -> bool:
        with mpmath.workdps(60):
            limit = mpmath.pi / (mpmath.pi - 1)
            values = [2**n * (_at(rate, 2**n) - limit) for n in range(10, 17)]
            for order in range(1, len(values)):
                values = [(2**order * new - old) / (2**order - 1) for old, new in pairwise(values)]
            # what is left is of order 2^-(10 + … + 16) times a coefficient of the series
            return bool(abs(values[0] - _at(right, 2)) < mpmath.mpf(2) ** -60)

    return holds


def _at(formula: sp.Expr, batch: int) -> mpmath.mpf:
    return sp.sympify(formula).subs(B, batch).evalf(mpmath.mp.dps)._to_mpmath(mpmath.mp.prec)


def _kernel(q: sp.Expr, c: sp.Expr, size: int) -> sp.Matrix:
    return (q - c) * sp.eye(size) + c * sp.ones(size)

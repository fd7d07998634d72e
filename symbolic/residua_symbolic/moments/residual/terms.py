"""What the derivations of residual networks have in common: letters, moments of a branch, and proofs by induction."""

from collections.abc import Callable, Sequence
from itertools import product

import sympy as sp

from residua_symbolic.derivation import Proof, Step
from residua_symbolic.domains.tangents import n
from residua_symbolic.identities import same

L, l = sp.symbols("L l", integer=True, nonnegative=True)
G = sp.Symbol("G", positive=True)  # gain of a branch: its mean square over that of its input
t = sp.Symbol("t")  # marks every branch that a path takes
q, m, p, s = (sp.Function(name) for name in ("q", "m", "p", "s"))  # of layer l: mean square, mean, gradient, deviation
VARIANCE = sp.Symbol("v", positive=True)  # fan_in times the variance of a weight
E = sp.Symbol("E")  # the expectation over the weights
SIZES = (2, 3)
DEPTHS = range(7)
CLEARLY = 1e-12  # of 30 digits

SETTING = (
    "weights independent, Gaussian, mean 0, variance v/fan_in; no biases; ε = 0; γ = 1, β = 0",
    "inputs isotropic with mean square 1; the gradient at the output isotropic and independent of the network",
)
WIDE = "infinite width: the entries of the stream are symmetric and independent; corrections of order 1/n"
APART = "the gradient that comes down is independent of the branch that it meets; corrections of order 1/n"


def branch_moments() -> tuple[Step, ...]:
    """A ReLU of a symmetric entry, and of a Gaussian one: what a branch adds to the stream."""
    z, variance = sp.Symbol("z", real=True), sp.Symbol("q", positive=True)
    density = sp.exp(-(z**2) / (2 * variance)) / sp.sqrt(2 * sp.pi * variance)
    phi = sp.Function("phi")  # the ReLU
    square, mean = (sp.integrate(z**k * density, (z, 0, sp.oo)) for k in (2, 1))
    halves = sp.Piecewise((z, z > 0), (0, True)) ** 2 + sp.Piecewise((-z, z < 0), (0, True)) ** 2
    return (
        Step(
            "square of a ReLU",
            E * phi(sp.Symbol("z")) ** 2,
            variance / 2,
            "z and −z share z² between them, so half of it is expected of any symmetric z",
            (
                Proof("integrated over the Gaussian density", lambda right: same(right, square)),
                Proof(
                    "relu(z)² + relu(−z)² = z², on both sides of 0",
                    lambda right: all(
                        sp.simplify(
                            (halves - 2 * right.subs(variance, z**2)).subs(z, sign * sp.Symbol("a", positive=True))
                        )
                        == 0
                        for sign in (1, -1)
                    ),
                ),
            ),
        ),
        Step(
            "mean of a ReLU",
            E * phi(sp.Symbol("z")),
            sp.sqrt(variance / (2 * sp.pi)),
            "of a Gaussian z with mean square q: unlike the square, it needs the distribution",
            (Proof("integrated over the Gaussian density", lambda right: sp.simplify(right - mean) == 0),),
        ),
    )


def by_induction(
    start: sp.Expr, recursion: Callable[[sp.Expr], sp.Expr], label: sp.Symbol, identical: Callable[..., bool] = same
) -> Proof:
    """f(0) = start and f(k + 1) = recursion(f(k)), for the printed f of `label`; the recursion may mention `label`."""

    def holds(right: sp.Expr) -> bool:
        later, first = right.xreplace({label: label + 1}), right.xreplace({label: sp.S.Zero})
        return identical(first, start) and identical(later, recursion(right))

    return Proof("induction: depth 0, and from one depth to the next", holds)


def iterated(
    start: sp.Expr, recursion: Callable[[sp.Expr, int], sp.Expr], label: sp.Symbol, depths: Sequence[int] = DEPTHS
) -> Proof:
    """The recursion carried out from `start`, depth by depth; recursion(value, k) makes depth k + 1 of depth k."""

    def holds(right: sp.Expr) -> bool:
        value = start
        for k in depths:
            if not equal(right.xreplace({label: sp.Integer(k)}), value):
                return False
            value = recursion(value, k)
        return True

    return Proof(f"carried out for depths {depths[0]}…{depths[-1]}", holds)


def equal(left: sp.Expr, right: sp.Expr) -> bool:
    """Whether two expressions with Gammas or roots in them are the same; what is far apart in numbers is not."""
    if _apart(left - right):
        return False
    if same(left, right):  # rational functions: a thousand times faster
        return True
    return bool(sp.simplify(sp.gammasimp(sp.expand_func(left - right))) == 0)


def _apart(difference: sp.Expr) -> bool:
    """Whether numbers put in for the symbols tell it from 0; False also where they give no number."""
    at = {e: sp.Rational(7 + 4 * k, 5) for k, e in enumerate(sorted(difference.free_symbols, key=str))}
    value = sp.N(difference.subs(at), 30)
    return bool(value.is_number and abs(value) > CLEARLY)


def expected(polynomial: sp.Expr, weights: Sequence[sp.Symbol], variance: sp.Expr) -> sp.Expr:
    """The expectation over independent Gaussian weights: E w^k = (k − 1)!! variance^(k/2), 0 for odd k."""
    total = sp.S.Zero
    for powers, factor in sp.Poly(polynomial, *weights).terms():
        if all(k % 2 == 0 for k in powers):
            total += factor * sp.Mul(*(sp.factorial2(k - 1) * variance ** (k // 2) for k in powers if k))
    return sp.expand(total)


def square_of_sum(law: Callable[[sp.Expr, sp.Expr, int], sp.Expr], power: int = 1) -> Proof:
    """‖x + W y‖² to that power over random W, as a polynomial in the entries of x and y.

    `law(printed, ‖x‖², size)` gives what is claimed of y = x.
    """

    def holds(right: sp.Expr) -> bool:
        for size in SIZES:
            x = sp.symbols(f"x:{size}")
            W = sp.Matrix(size, size, sp.symbols(f"w:{size * size}"))
            norm = sp.Add(*(one**2 for one in x))
            total = sum((e**2 for e in sp.Matrix(x) + W * sp.Matrix(x)), sp.S.Zero) ** power
            mean = expected(sp.expand(total), list(W), VARIANCE / size)
            if not same(mean, law(right, norm, size)):
                return False
        return True

    return Proof(f"{SIZES[0]} × {SIZES[0]} and {SIZES[-1]} × {SIZES[-1]}, every moment put in", holds)


def gated(identity: Callable[[sp.Matrix, sp.Matrix, sp.Matrix, sp.Matrix], Sequence[sp.Expr]]) -> bool:
    """Whether expressions in x, W, g and gates d of 0 or 1 vanish, as polynomials in the entries of x, W and g."""
    for size in SIZES:
        x, g = (sp.Matrix(sp.symbols(f"{letter}:{size}")) for letter in "xg")
        W = sp.Matrix(size, size, sp.symbols(f"w:{size * size}"))
        for gates in product((0, 1), repeat=size):
            if any(sp.expand(sp.numer(sp.together(e))) != 0 for e in identity(x, W, g, sp.diag(*gates))):
                return False
    return True


def width_symbol() -> sp.Symbol:
    """n, as in the spectra of the normalisers."""
    return n

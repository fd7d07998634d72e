"""Where the pieces of a random ReLU network of one input begin: expected kinks by layer.

An entry of layer l before its ReLU, as a function of the input x, crosses zero at a density that Kac and Rice give by
q = E z², r = E z z' and d = E z'². Hanin, Rolnick 2019 (arXiv:1901.09021) bound the number of pieces by such densities.
"""

import math
from dataclasses import dataclass

import numpy as np
import sympy as sp
from scipy import integrate

from residua_network import ResiduaError
from residua_network.checks import number, whole
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.moments.integrals.gaussian_forms import SQUARE, closed_form
from residua_symbolic.moments.integrals.gaussian_forms import m as mean_symbol
from residua_symbolic.moments.integrals.gaussian_forms import q as variance_symbol

x, z, y = sp.symbols("x z y", real=True)
q, d, v, a = sp.symbols("q d v a", positive=True)
r = sp.Symbol("r", real=True)
n, l = sp.symbols("n l", integer=True, positive=True)
s = sp.Symbol("sigma_b", positive=True)
NEAR = 1e-9


def he_scale(layer: int, bias: float) -> float:
    """a_l = σ_b √(l/2): kinks of a neuron of layer l are Cauchy with that scale (He weights, biases N(0, σ_b²))."""
    if not number(bias, "bias", "he_scale") > 0:
        raise ResiduaError(f"he_scale: without biases every kink lies at 0; expected a positive σ_b, got {bias!r}")
    return bias * math.sqrt(whole(layer, "layer", "he_scale") / 2)


def torch_scale(layer: int, width: int) -> float:
    """a_l of torch's default initialisation for l ≥ 2: a_l² = 1 + (6 + … + 6^(l − 1))/n, which is 1 as n → ∞.

    Weights and biases are uniform within ±1/√n_in: of variance 1/(3n), the biases of layers l ≥ 2 vanish as n → ∞, but
    a ReLU layer divides what they are added to by 6.
    """
    if whole(layer, "layer", "torch_scale") < 2:
        raise ResiduaError("torch_scale: the first layer has weights and biases of one size; see torch_first")
    return math.sqrt(1 + sum(6**k for k in range(1, layer)) / whole(width, "width", "torch_scale"))


def cauchy_share(scale: float, reach: float) -> float:
    """The expected kinks of one neuron within [−reach, reach]."""
    return 2 / math.pi * math.atan(reach / scale)


def torch_first(reach: float) -> float:
    """The same of the first layer under torch's default: −b/w of two uniforms, exact at every width."""
    return reach / 2 if reach <= 1 else 1 - 1 / (2 * reach)


@dataclass(frozen=True)
class _Kernel:
    """q, r, d of one layer, as expressions in x."""

    q: sp.Expr
    r: sp.Expr
    d: sp.Expr

    def after(self, gain: sp.Expr, bias: sp.Expr) -> "_Kernel":
        """Behind a ReLU and a Linear layer: halves, times σ_w², and the bias's variance on q."""
        return _Kernel(*(sp.expand(gain * e / 2) + b for e, b in ((self.q, bias), (self.r, 0), (self.d, 0))))

    @property
    def density(self) -> sp.Expr:
        """√(d/q − (r/q)²)/π."""
        return sp.sqrt(sp.factor(sp.cancel(self.d / self.q - self.r**2 / self.q**2))) / sp.pi


def kernel(layer: int, gain: sp.Expr, bias: sp.Expr, first: _Kernel) -> _Kernel:
    """Of a layer, from that of the first."""
    found = first
    for _ in range(layer - 1):
        found = found.after(gain, bias)
    return found


HE_FIRST = _Kernel(2 * x**2 + s**2, 2 * x, sp.Integer(2))
TORCH_FIRST = _Kernel((x**2 + 1) / 3, x / 3, sp.Rational(1, 3))
CHECKED = 6


def derive_density() -> Derivation:
    """The density of zeros of a Gaussian process with independent entries, and how a ReLU changes q, r and d."""
    rice = sp.sqrt(d / q - r**2 / q**2) / sp.pi
    zero = sp.Symbol("rho_0", positive=True)
    f = [sp.Function(name) for name in ("q", "r", "d")]
    halves = closed_form("relu", SQUARE)
    assert halves is not None
    square = halves.subs(mean_symbol, 0).subs(variance_symbol, q)
    steps = (
        Step(
            "slope given the value",
            sp.Symbol("v"),
            d - r**2 / q,
            "z' given z is normal with mean (r/q) z and this variance: z' − (r/q) z is uncorrelated with z",
            (Proof("E (z' − t z)² is least there", lambda right: _regressed(right)),),
        ),
        Step(
            "mean size of a slope",
            sp.Function("E")(sp.Abs(y)),
            sp.sqrt(2 * v / sp.pi),
            "y normal with mean 0, variance v",
            (Proof("integrated", lambda right: _mean_size(right)),),
        ),
        Step(
            "density of zeros",
            zero,
            rice,
            "Kac and Rice: E|z'| given z = 0, times the density 1/√(2πq) of z there",
            (
                Proof("the factors multiplied", lambda right: _product(right)),
                Proof("counted zeros of z = ξ cos x + η sin 2x: their mean by an integral over the angle", _counted),
            ),
        ),
        Step(
            "through a ReLU: squares",
            f[0](l + 1),
            square,
            "E relu(z)²",
            (Proof("the closed form, derived", lambda right: _halves(right, square)),),
        ),
        Step(
            "through a ReLU: products",
            f[1](l + 1),
            r / 2,
            "E relu(z) relu'(z) z' = (r/q) E relu(z)²: what z' has beside (r/q) z is independent of z",
            (Proof("put in", lambda right: bool(sp.simplify(r / q * square - right) == 0)),),
        ),
        Step(
            "through a ReLU: slopes",
            f[2](l + 1),
            d / 2,
            "E relu'(z)² z'² = (r/q)² E relu(z)² + v/2",
            (Proof("put in", lambda right: bool(sp.simplify(r**2 / q**2 * square + (d - r**2 / q) / 2 - right) == 0)),),
        ),
    )
    return Derivation("Zeros of a random neuron", zero, rice, ("z and z' are jointly normal, mean 0",), steps)


def derive_he() -> Derivation:
    """He weights, biases N(0, σ_b²): Cauchy kinks of scale σ_b √(l/2); one kink a neuron over the whole line."""
    scale = s * sp.sqrt(l / 2)
    density = scale / (sp.pi * (x**2 + scale**2))
    steps = (
        *derive_density().steps,
        Step(
            "layer l",
            sp.Function("q")(l),
            2 * x**2 + l * s**2,
            "2 · q/2 + σ_b²; r = 2x and d = 2 stay as they are",
            (Proof(f"the recursion, l = 1…{CHECKED}, and one step for every l", lambda right: _he_layers(right)),),
        ),
        Step(
            "density of kinks of a neuron",
            sp.Function("rho")(l),
            density,
            "put in: a Cauchy density of scale a = σ_b √(l/2); for l = 1 exact at every width",
            (
                Proof(
                    "the kernel of layer l put in, every l",
                    lambda right: _equal_density(_Kernel(2 * x**2 + l * s**2, 2 * x, sp.Integer(2)), right),
                ),
                Proof("−b/w of two normal variables, l = 1", lambda right: _ratio_of_normals(right.subs(l, 1))),
            ),
        ),
        Step(
            "kinks within [−y, y]",
            sp.Function("N")(y),
            2 / sp.pi * sp.atan(y / scale),
            "integrated; 1 over the whole line, at every depth: as many kinks as neurons, spreading as √l",
            (
                Proof(
                    "differentiated, and 0 at y = 0",
                    lambda right: bool(
                        sp.simplify(sp.diff(right, y) - 2 * density.subs(x, y)) == 0 and right.subs(y, 0) == 0
                    ),
                ),
            ),
        ),
    )
    assumptions = ("weights N(0, 2/n_in), biases N(0, σ_b²), independent", "n → ∞ (for l = 1 every n)")
    return Derivation("Kinks by layer, He weights", sp.Function("rho")(l), density, assumptions, steps)


def derive_torch() -> Derivation:
    """torch's default initialisation: the first layer exact, the others Cauchy of scale a_l."""
    scale2 = 1 + sp.Rational(6, 5) * (6 ** (l - 1) - 1) / n
    reach = sp.Symbol("y", positive=True)
    first = sp.Piecewise((reach / 2, reach <= 1), (1 - 1 / (2 * reach), True))
    density = sp.sqrt(scale2) / (sp.pi * (x**2 + scale2))
    steps = (
        Step(
            "first layer, within [−y, y]",
            sp.Function("N")(1),
            first,
            "|b/w| ≤ y for uniform b and w",
            (Proof("area of the square's part, every y", lambda right: _areas(right, reach)),),
        ),
        *derive_density().steps,
        Step(
            "scale of layer l ≥ 2",
            sp.Symbol("a") ** 2,
            scale2,
            "q/6 + 1/(3n) from q = (x² + 1)/3; r and d over 6",
            (
                Proof(
                    f"the recursion, l = 2…{CHECKED}",
                    lambda right: all(_torch_layer(right, k) for k in range(2, CHECKED + 1)),
                ),
                Proof("1 at l = 1, and one step for every l", _torch_step),
            ),
        ),
        Step(
            "density of kinks of a neuron",
            sp.Function("rho")(l),
            density,
            "Cauchy of scale a; a = 1 as n → ∞ at fixed l",
            (
                Proof(
                    "q = d (x² + a²) and r = d x put in, every l",
                    lambda right: _equal_density(_Kernel(d * (x**2 + scale2), d * x, d), right),
                ),
            ),
        ),
    )
    assumptions = (
        "weights and biases uniform within ±1/√n_in",
        "n → ∞ for l ≥ 2 (entries normal); the first layer at every n",
    )
    return Derivation("Kinks by layer, torch's default", sp.Function("rho")(l), density, assumptions, steps)


def _torch(layer: int) -> _Kernel:
    return kernel(layer, sp.Rational(1, 3), 1 / (3 * n), TORCH_FIRST)


def _torch_layer(right: sp.Expr, layer: int) -> bool:
    found = _torch(layer)
    return bool(
        sp.simplify(found.q / found.d - x**2 - right.subs(l, layer)) == 0 and sp.simplify(found.r - found.d * x) == 0
    )


def _torch_step(right: sp.Expr) -> bool:
    """From q = d (x² + a²), r = d x and d = 6^(1 − l)/3, which the first layer has with a = 1, to the next layer."""
    slope = 6 ** (1 - l) / sp.Integer(3)
    own = _Kernel(slope * (x**2 + right), slope * x, slope)
    found = own.after(sp.Rational(1, 3), 1 / (3 * n))
    wanted = (slope.subs(l, l + 1) * factor for factor in (x**2 + right.subs(l, l + 1), x, 1))
    parts = zip((found.q, found.r, found.d), wanted, strict=True)
    return bool(right.subs(l, 1) == 1 and all(sp.powsimp(sp.expand(a - b)) == 0 for a, b in parts))


def _equal_density(found: _Kernel, printed: sp.Expr) -> bool:
    difference = found.density**2 - printed**2
    at = {x: sp.Rational(1, 3), s: sp.Rational(5, 7), n: 7, l: 9, d: sp.Rational(3, 5)}
    if abs(sp.N(difference.subs(at))) > NEAR:  # a thousandth of the time of a proof, for what is wrong
        return False
    return bool(sp.simplify(difference) == 0 and printed.subs(at) > 0)


def _regressed(right: sp.Expr) -> bool:
    t = sp.Symbol("t", real=True)
    square = d - 2 * t * r + t**2 * q
    (best,) = sp.solve(sp.diff(square, t), t)
    return bool(best == r / q and sp.simplify(square.subs(t, best) - right) == 0)


def _mean_size(right: sp.Expr) -> bool:
    size = sp.Symbol("y", positive=True)
    found = 2 * sp.integrate(size * sp.exp(-(size**2) / (2 * v)) / sp.sqrt(2 * sp.pi * v), (size, 0, sp.oo))
    return bool(sp.simplify(found - right) == 0)


def _product(right: sp.Expr) -> bool:
    factors = sp.sqrt(2 * (d - r**2 / q) / sp.pi) / sp.sqrt(2 * sp.pi * q)
    return bool(sp.simplify(factors**2 - right**2) == 0 and right.subs({q: 2, d: 3, r: 1}) > 0)


def _counted(right: sp.Expr) -> bool:
    """z = 0 where (ξ, η) ⟂ e(x) = (cos x, sin 2x): the direction of (ξ, η) is uniform, so the mean number of zeros is
    the length of the path of e's direction over π, which is ∫ |e₁ e₂' − e₂ e₁'| / |e|² dx / π."""
    one, other = sp.cos(x), sp.sin(2 * x)
    kernel_of = {
        q: one**2 + other**2,
        r: one * sp.diff(one, x) + other * sp.diff(other, x),
        d: sp.diff(one, x) ** 2 + sp.diff(other, x) ** 2,
    }
    turning = sp.Abs(one * sp.diff(other, x) - other * sp.diff(one, x)) / (one**2 + other**2) / sp.pi
    density, length = (sp.lambdify(x, e) for e in (right.subs(kernel_of), turning))
    ends = (0.1, 1.2)
    points = np.linspace(*ends, 41)
    pointwise = max(abs(float(density(p)) - float(length(p))) for p in points)
    return pointwise < NEAR and abs(integrate.quad(density, *ends)[0] - integrate.quad(length, *ends)[0]) < NEAR


def _halves(right: sp.Expr, square: sp.Expr) -> bool:
    from residua_symbolic.moments.integrals.gaussian_derivations import derive_moment

    derive_moment("relu", SQUARE).check()
    return bool(sp.simplify(right - square) == 0)


def _he_layers(right: sp.Expr) -> bool:
    step = _Kernel(right, 2 * x, sp.Integer(2)).after(sp.Integer(2), s**2)
    every = sp.expand(step.q - right.subs(l, l + 1)) == 0 and (step.r, step.d) == (2 * x, 2)
    return bool(
        every
        and all(
            sp.expand(kernel(k, sp.Integer(2), s**2, HE_FIRST).q - right.subs(l, k)) == 0 for k in range(1, CHECKED + 1)
        )
    )


def _ratio_of_normals(right: sp.Expr) -> bool:
    """∫ |w| p_b(x w) p_w(w) dw, w of variance 2, b of variance σ_b²."""
    w = sp.Symbol("w", positive=True)
    joint = w * sp.exp(-(w**2) * (x**2 / (2 * s**2) + sp.Rational(1, 4))) / (2 * sp.pi * s * sp.sqrt(2))
    found = 2 * sp.integrate(joint, (w, 0, sp.oo), conds="none")
    return bool(sp.simplify(found - right) == 0)


def _areas(right: sp.Expr, reach: sp.Symbol) -> bool:
    """P(|b| ≤ y |w|) = ∫ min(1, y w) dw over [0, 1], where y ≤ 1 and beyond."""
    w = sp.Symbol("w", positive=True)
    below = sp.integrate(reach * w, (w, 0, 1))
    beyond = sp.integrate(reach * w, (w, 0, 1 / reach)) + 1 - 1 / reach
    (low, where), (high, otherwise) = right.args
    return bool(
        where == (reach <= 1)
        and otherwise == sp.true
        and sp.simplify(low - below) == 0
        and sp.simplify(high - beyond) == 0
    )

"""What normalisation does to the objective: gradients before and after it, scale invariance, rates and rotation."""

from collections.abc import Iterable
from functools import cache, reduce
from operator import add
from typing import Any

import numpy as np
import sympy as sp

from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains.tangents import B, b
from residua_symbolic.layer import derive_layer
from residua_symbolic.moments.layer.projectors import Plain
from residua_symbolic.referee import SIZES, exact_values
from residua_symbolic.spectrum import EPS, derive_spectrum, matrix_at, scalar_at

GAMMA, S, G, GX, COS = sp.symbols("gamma s G G_x kappa", positive=True)  # G = ‖g‖², G_x = ‖∂L/∂x‖², of one feature
FIRST, SECOND = sp.symbols("m q", real=True)  # ⟨1, g⟩ and ⟨x̂, g⟩
ETA, DECAY, LARGEST = sp.symbols("eta lambda lambda_max", positive=True)
W, D = sp.symbols("W G_w", positive=True)  # ‖w‖² and ‖∇_w L‖²
T, STEP = sp.symbols("T t", integer=True, positive=True)
INNER = sp.Symbol("p", real=True)  # ⟨w, ∇_w L⟩
RHO = EPS / S**2
FEATURE = "one feature of a batch: x its B values before, g the gradient at γ x̂ + β; any loss, anything above"


class Arccos(sp.acos):
    """SymPy's acos, printed as arccos, which needs no \\operatorname; it stays as it is."""

    @classmethod
    def eval(cls, z: Any) -> None:
        """Nothing is rewritten."""

    def _latex(self, printer: Any, exp: Any = None) -> str:
        power = f"^{{{exp}}}" if exp is not None else ""
        return rf"\arccos{power}\left({printer._print(self.args[0])}\right)"


@cache
def gradients_before_and_after() -> Derivation:
    """‖∂L/∂x‖² = γ²/s² (‖g‖² − ⟨1,g⟩²/B − (1 + ε/s²)⟨x̂,g⟩²/B): Santurkar et al. 2018 (arXiv:1805.11604), theorem 4.1,
    as an equality, with ε."""
    spectrum = derive_spectrum("batchnorm")
    formula = GAMMA**2 / S**2 * (G - FIRST**2 / B - (1 + RHO) * SECOND**2 / B)
    kept = 1 - (FIRST**2 + (1 + RHO) * SECOND**2) / (B * G)
    steps = (
        Step(
            "spectrum",
            spectrum.symbol,
            spectrum.formula,
            "of ∂x̂/∂x: symmetric; 0 belongs to 1, ε/s³ to x̂, 1/s to all that is orthogonal to both",
            (
                Proof(
                    "the derivation of the spectrum, every step",
                    lambda right: right == spectrum.formula and _ok(spectrum),
                ),
            ),
        ),
        Step(
            "length of x̂",
            sp.Sum(sp.IndexedBase("xhat", real=True)[b] ** 2, (b, 1, B)),
            B * (1 - RHO),
            "s² is the variance plus ε",
            (Proof("B = 2, 3, 4, 5 in exact fractions", _length),),
        ),
        Step(
            "squared",
            GX,
            formula,
            "∂L/∂x = (γ/s)(I − 11ᵀ/B − x̂x̂ᵀ/B) g; squared, the part along x̂ counts (1 − ε/s²)(1 + ε/s²)",
            (
                Proof("every B: the square of the matrix in the orthonormal vectors 1/√B, x̂/‖x̂‖", _square),
                Proof("B = 3, 4 and 5, entry by entry in exact fractions", _entries),
            ),
        ),
        Step(
            "share kept",
            COS,
            kept,
            "so that G_x = γ² κ G/s²: the objective is less smooth in x than without the normaliser if and only if "
            "s < |γ| √κ, smoother if and only if s > |γ| √κ; 0 ≤ κ ≤ 1",
            (Proof("solved", lambda right: sp.simplify(formula - GAMMA**2 * right * G / S**2) == 0),),
        ),
    )
    return Derivation("Gradients before and after batch normalisation", GX, formula, (FEATURE, "s > 0"), steps)


@cache
def scale_invariance() -> Derivation:
    """⟨w, ∇L⟩ = (ε/s²) γ ⟨x̂, g⟩, and what follows at ε = 0: H w + ∇L = 0, and the growth of ‖w‖²."""
    leak = GAMMA * RHO * SECOND
    hessian, vector, gradient = (sp.Symbol(name, commutative=False) for name in ("H", "w", r"\nabla L"))
    steps = (
        Step(
            "Euler",
            INNER,
            leak,
            "⟨w, ∇_w L⟩ = ⟨X w, ∂L/∂x⟩ for x = X w + const: a feature's weights meet the loss through x alone, and "
            "what is constant over the batch meets ∂L/∂x nowhere",
            (Proof("B = 3, 4 and 5 in exact fractions", _euler),),
        ),
        Step(
            "at ε = 0",
            INNER.subs(INNER, sp.Symbol(r"p|_{\varepsilon = 0}")),
            leak.subs(EPS, 0),
            "the loss does not change when w is scaled",
            (Proof("ε = 0 put in", lambda right: right == leak.subs(EPS, 0)),),
        ),
        Step(
            "Hessian",
            hessian * vector + gradient,
            sp.Integer(0),
            "the derivative of ⟨w, ∇L⟩ = 0 by w: w is no direction of descent, and no flat one: "
            "H has the slope −∇L along it",
            (Proof("H w + ∇L is the gradient of ⟨w, ∇L⟩: any function of 2, 3 and 4 variables", _degree_zero),),
        ),
        Step(
            "growth",
            sp.Symbol(r"\|w_{t+1}\|^{2}"),
            W + ETA**2 * D,
            "w_{t+1} = w_t − η ∇L, and the two are orthogonal; the weights never shrink",
            (Proof("2, 3 and 4 weights, multiplied out", lambda right: _grown(right, sp.Integer(0))),),
        ),
        Step(
            "with decay",
            sp.Symbol(r"\|w_{t+1}\|^{2} "),
            (1 - ETA * DECAY) ** 2 * W + ETA**2 * D,
            "w_{t+1} = (1 − ηλ) w_t − η ∇L",
            (Proof("2, 3 and 4 weights, multiplied out", lambda right: _grown(right, DECAY)),),
        ),
    )
    assumptions = (FEATURE, "weights w of this feature alone: x = X w + const")
    return Derivation("Scale invariance under batch normalisation", INNER, leak, assumptions, steps)


@cache
def rotation() -> Derivation:
    """Per step, cos θ_t = (1 − ηλ) ‖w_t‖/‖w_{t+1}‖; in equilibrium θ = arccos(1 − ηλ), √(2ηλ) to leading order."""
    theta, before, after = sp.Function("theta"), sp.Symbol(r"\|w_{t}\|"), sp.Symbol(r"\|w_{t+1}\|")
    first, last = sp.symbols("W_0 W_T", positive=True)
    x = sp.Symbol("x", positive=True)
    angle = Arccos(1 - ETA * DECAY)
    series = sp.sqrt(2 * x) * (1 + x / 12)
    mean = sp.Sum(sp.log(sp.cos(theta(STEP))), (STEP, 1, T)) / T
    steps = (
        Step(
            "one step",
            sp.cos(theta(STEP)),
            (1 - ETA * DECAY) * before / after,
            "⟨w_t, w_{t+1}⟩ = (1 − ηλ) ‖w_t‖², since ⟨w_t, ∇L⟩ = 0",
            (
                Proof(
                    "2, 3 and 4 weights, multiplied out",
                    lambda r: r == (1 - ETA * DECAY) * before / after and _cosine(),
                ),
            ),
        ),
        Step(
            "through T steps",
            mean,
            sp.log(1 - ETA * DECAY) + sp.log(first / last) / (2 * T),
            "the logarithms telescope: exact, for every loss, noise and schedule of batches; W_t = ‖w_t‖²",
            (Proof("T = 1…5, multiplied out; each step further adds one", _telescoped),),
        ),
        Step(
            "equilibrium",
            theta(STEP),
            angle,
            "where ‖w‖ no longer changes; where it fluctuates, the geometric mean of cos θ is 1 − ηλ up to the two "
            "ends, whose part falls as 1/T",
            (Proof("its cosine; from 0 to π", lambda right: _is_angle(right.replace(Arccos, sp.acos))),),
        ),
        Step(
            "small ηλ",
            Arccos(1 - x),
            series + sp.Order(x ** sp.Rational(5, 2)),
            "x = ηλ: √(2ηλ) is off by one part in 12/(ηλ) (van Laarhoven 2017, arXiv:1706.05350, gives the "
            "leading term)",
            (Proof("cos of it, expanded", lambda right: _expands(right, x)),),
        ),
    )
    assumptions = ("⟨w, ∇L⟩ = 0 at every step: ε = 0", "gradient descent with weight decay λ, rate η, ηλ < 1")
    return Derivation("Rotation with weight decay", theta(STEP), angle, assumptions, steps)


@cache
def plain_rates() -> Derivation:
    """Without normalisation: on a quadratic the distance along an eigenvector is multiplied by 1 − ηλ each step."""
    e, curvature, a = sp.Function("e"), sp.Symbol("lambda_i", positive=True), sp.Symbol("a", positive=True)
    steps = (
        Step(
            "one step",
            e(STEP + 1),
            (1 - ETA * curvature) * e(STEP),
            "e: the part of w − w* along an eigenvector of H",
            (
                Proof(
                    "the gradient of λ e²/2", lambda r: sp.simplify(r - e(STEP) + ETA * _slope(curvature, e(STEP))) == 0
                ),
            ),
        ),
        Step(
            "bound",
            sp.Symbol(r"\eta_{\max}"),
            2 / LARGEST,
            "|1 − ηλ| > 1 for λ > 0 if and only if η > 2/λ; the largest eigenvalue decides",
            (
                Proof(
                    "beyond it by a factor 1 + a the step multiplies by −(1 + 2a)",
                    lambda right: sp.expand(1 - right * (1 + a) * LARGEST + 1 + 2 * a) == 0,
                ),
            ),
        ),
    )
    return Derivation(
        "Rates without normalisation",
        sp.Symbol(r"\eta_{\max}"),
        2 / LARGEST,
        ("quadratic loss, Hessian H with a positive eigenvalue",),
        steps,
    )


def angle(rate_times_decay: float) -> float:
    """θ in equilibrium, arccos(1 − ηλ)."""
    return float(rotation().formula.replace(Arccos, sp.acos).subs({ETA: 1, DECAY: rate_times_decay}))


def squared_gradient(gradient: Any, xhat: Any, s: Any, gamma: Any, eps: float) -> Any:
    """‖∂L/∂x‖² of every feature from g and x̂ of shape (B, features), by the formula."""
    return _put(gradients_before_and_after().formula, gradient, xhat, s, gamma, eps)


def share_kept(gradient: Any, xhat: Any, s: Any, eps: float) -> Any:
    """κ of every feature: less smooth than without the normaliser if and only if s < |γ| √κ."""
    step = next(step for step in gradients_before_and_after().steps if step.name == "share kept")
    return _put(step.right, gradient, xhat, s, np.ones_like(s), eps)


def leak(gradient: Any, xhat: Any, s: Any, gamma: Any, eps: float) -> Any:
    """⟨w, ∇_w L⟩ of every feature: what ε leaves of it."""
    return _put(scale_invariance().formula, gradient, xhat, s, gamma, eps)


def _put(formula: sp.Expr, gradient: Any, xhat: Any, s: Any, gamma: Any, eps: float) -> Any:
    given = {
        B: len(gradient),
        G: (gradient**2).sum(axis=0),
        FIRST: gradient.sum(axis=0),
        SECOND: (gradient * xhat).sum(axis=0),
        S: s,
        GAMMA: gamma,
        EPS: eps,
    }
    symbols = tuple(given)
    return sp.lambdify(symbols, formula, "numpy")(*given.values())


def _ok(derivation: Derivation) -> bool:
    derivation.check()
    return True


def _exact(size: int) -> tuple[Any, Any, Any, Any]:
    """One feature in exact fractions: values, domain, ∂y/∂x (batch by batch), and some gradient g."""
    values, domain = exact_values("batchnorm", "batch", size, False)
    matrix = matrix_at(derive_layer("batchnorm").operator, values, domain)
    gradient = [domain.number(k * k - 2 * k + 3) for k in range(1, size + 1)]
    return values, domain, matrix, gradient


def _first_feature(values: Any, name: str) -> Any:
    return np.asarray(values[name], dtype=object).reshape(-1, np.shape(values[name])[-1])[:, 0]


def _scalars(values: Any, gradient: Any, size: int) -> dict[str, Any]:
    """What the printed formulas speak of, for the first feature."""
    xhat = _first_feature(values, "xhat")
    return {
        B.name: size,
        G.name: _sum(g * g for g in gradient),
        FIRST.name: _sum(gradient),
        SECOND.name: _sum(g * x for g, x in zip(gradient, xhat, strict=True)),
        S.name: _first_feature(values, "s")[0],
        GAMMA.name: np.ravel(values["gamma"])[0],
        EPS.name: values[EPS.name],
    }


def _at(right: sp.Expr, found: dict[str, Any], domain: Any) -> Any:
    return scalar_at(right, found, domain)


def _sum(terms: Iterable[Any]) -> Any:
    return reduce(add, terms)


def _length(right: sp.Expr) -> bool:
    for size in SIZES:
        values, domain, _, gradient = _exact(size)
        found = _scalars(values, gradient, size)
        if not domain.is_zero(_sum(x * x for x in _first_feature(values, "xhat")) - _at(right, found, domain)):
            return False
    return True


def _entries(right: sp.Expr) -> bool:
    for size in (3, 4, 5):
        values, domain, matrix, gradient = _exact(size)
        pulled = [_sum(matrix[p, q] * gradient[p] for p in range(size)) for q in range(size)]
        if not domain.is_zero(_sum(e * e for e in pulled) - _at(right, _scalars(values, gradient, size), domain)):
            return False
    return True


def _euler(right: sp.Expr) -> bool:
    for size in (3, 4, 5):
        values, domain, matrix, gradient = _exact(size)
        x = _first_feature(values, "x")
        inner = _sum(matrix[p, q] * gradient[p] * x[q] for p in range(size) for q in range(size))
        if not domain.is_zero(inner - _at(right, _scalars(values, gradient, size), domain)):
            return False
    return True


def _square(right: sp.Expr) -> bool:
    """With a = ⟨1, g⟩/√B and b = ⟨x̂, g⟩/‖x̂‖: gᵀ J² g, J = (γ/s)(I − aaᵀ − (1 − ε/s²) bbᵀ)."""
    J = Plain(sp.Integer(1), sp.diag(-1, -(1 - RHO)))
    squared = J @ J
    along = sp.Matrix([FIRST**2 / B, SECOND**2 / (B * (1 - RHO))])
    value = GAMMA**2 / S**2 * (squared.identity * G + sum(squared.inner[p, p] * along[p] for p in (0, 1)))
    return squared.inner.is_diagonal() and bool(sp.simplify(value - right) == 0)


def _degree_zero(right: sp.Expr) -> bool:
    """H w + ∇L equals the gradient of ⟨w, ∇L⟩, entry by entry; that is the gradient of what is printed."""
    for size in (2, 3, 4):
        w = sp.symbols(f"w1:{size + 1}", real=True)
        f = sp.Function("f")(*w)
        euler = sum(e * sp.diff(f, e) for e in w)
        for p in w:
            row = sum(sp.diff(f, p, e) * e for e in w) + sp.diff(f, p)
            if sp.expand(row - sp.diff(euler, p)) != right:
                return False
    return True


def _orthogonal(size: int) -> tuple[sp.Matrix, sp.Matrix]:
    """Weights w and a gradient that is orthogonal to them."""
    w = sp.Matrix(sp.symbols(f"w1:{size + 1}", positive=True))
    g = sp.Matrix(sp.symbols(f"g1:{size + 1}", real=True))
    g[-1] = -sum(w[p] * g[p] for p in range(size - 1)) / w[-1]
    return w, g


def _grown(right: sp.Expr, decay: sp.Expr) -> bool:
    for size in (2, 3, 4):
        w, g = _orthogonal(size)
        after = (1 - ETA * decay) * w - ETA * g
        if sp.simplify((after.T * after)[0] - right.subs({W: (w.T * w)[0], D: (g.T * g)[0]})) != 0:
            return False
    return True


def _cosine() -> bool:
    for size in (2, 3, 4):
        w, g = _orthogonal(size)
        after = (1 - ETA * DECAY) * w - ETA * g
        if sp.simplify((w.T * after)[0] - (1 - ETA * DECAY) * (w.T * w)[0]) != 0:
            return False
    return True


def _telescoped(right: sp.Expr) -> bool:
    first, last = sp.symbols("W_0 W_T", positive=True)
    for steps in range(1, 6):
        squares = sp.symbols(f"V0:{steps + 1}", positive=True)
        total = sum(sp.log(1 - ETA * DECAY) + (sp.log(squares[k]) - sp.log(squares[k + 1])) / 2 for k in range(steps))
        printed = right.subs({T: steps, first: squares[0], last: squares[-1]})
        if sp.simplify(sp.expand_log(total / steps - printed, force=True)) != 0:
            return False
    return True


def _is_angle(right: sp.Expr) -> bool:
    """Its cosine is 1 − ηλ, and it lies between 0 and π (at ηλ = 1/3; it is continuous)."""
    at = right.subs({ETA: 1, DECAY: sp.Rational(1, 3)})
    return bool(sp.simplify(sp.cos(right) - 1 + ETA * DECAY) == 0 and 0 < at < sp.pi)


def _expands(right: sp.Expr, x: sp.Symbol) -> bool:
    """cos of the series is 1 − x up to x³, and the angle is positive."""
    root = sp.Symbol("r", positive=True)
    angle = right.removeO().subs(x, root**2)
    rest = sp.series(sp.cos(angle) - 1 + root**2, root, 0, 6).removeO()
    return bool(sp.simplify(rest) == 0 and angle.coeff(root) > 0) and right.getO() == sp.Order(x ** sp.Rational(5, 2))


def _slope(curvature: sp.Expr, at: sp.Expr) -> sp.Expr:
    e = sp.Dummy("e")
    return sp.diff(curvature * e**2 / 2, e).subs(e, at)

"""Cross entropy after a softmax: its gradient q − p and its Hessian diag(q) − qqᵀ in the logits, for any V."""

from functools import cache

import flint
import numpy as np
import sympy as sp
from numpy.typing import NDArray

from residua_network import ShapeError
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.identities import same
from residua_symbolic.losses.sums import V, factorised, i, j, k, over

GRADIENT, HESSIAN = "The gradient of softmax cross entropy", "The Hessian of softmax cross entropy"
Floats = NDArray[np.float64]
zi, zj = sp.symbols("z_i z_j", real=True)
pi, pj, R, T = sp.symbols("p_i p_j R T", real=True)  # R: Σ exp(z) of all other classes, T: Σ p z of them
L, qi, qj = sp.Symbol("L"), sp.Symbol("q_i"), sp.Symbol("q_j")
q, v = sp.IndexedBase("q", positive=True), sp.IndexedBase("v", real=True)
mean, low, high = sp.symbols("m a b", real=True)
TOTAL = R + sp.exp(zi) + sp.exp(zj)
LOSS = sp.log(TOTAL) - pi * zi - pj * zj - T
SPELLED = {qi: sp.exp(zi) / TOTAL, qj: sp.exp(zj) / TOTAL}
POWERS = {sp.exp(zi): sp.Symbol("A"), sp.exp(zj): sp.Symbol("B")}  # SymPy keeps exp(2z) and exp(z) apart


@cache
def derive_gradient() -> Derivation:
    """∂L/∂z_i = q_i − p_i: two classes are written out, R and T are what the others add, however many they are."""
    one_hot = sp.Symbol(r"\left.L\right|_{P = e_i}")
    steps = (
        Step("softmax", qi, SPELLED[qi], "definition; R is the sum of $e^z$ over all classes but i and j"),
        Step(
            "loss",
            L,
            LOSS,
            "$-\\sum p \\log q$ with $\\sum p = 1$; T is the sum of $p z$ over the other classes",
            (Proof("log q = z − log Σ, put in: the p sum to 1", _is_cross_entropy),),
        ),
        Step(
            "gradient",
            sp.Derivative(L, zi),
            qi - pi,
            "for any V, any P; of a mean over B rows it is this over B",
            (Proof("differentiated, R and T free", lambda right: _equal(sp.diff(LOSS, zi), right)),),
        ),
        Step(
            "one class is true",
            one_hot,
            -sp.log(qi),
            "P puts everything on class i: the loss is its negative log-probability",
            (Proof("p_i = 1, all others 0", _one_hot),),
        ),
    )
    return Derivation(GRADIENT, sp.Derivative(L, zi), qi - pi, ("P does not depend on the logits",), steps)


def _is_cross_entropy(right: sp.Expr) -> bool:
    """−p_i log q_i − p_j log q_j − Σ p (z − log Σ) over the others, who hold 1 − p_i − p_j of the probability."""
    log_total = sp.log(TOTAL)
    spelled = -pi * (zi - log_total) - pj * (zj - log_total) - (T - (1 - pi - pj) * log_total)
    return same(spelled, right)


def _one_hot(right: sp.Expr) -> bool:
    loss = LOSS.subs({pi: 1, pj: 0, T: 0})
    return same(sp.exp(-loss).simplify(), sp.exp(-right).subs(SPELLED))


@cache
def derive_hessian() -> Derivation:
    """∂²L/∂z∂z = diag(q) − qqᵀ: a variance as a quadratic form, so between 0 and 1/2, and 0 along 1."""
    form, squares = sp.Symbol("{v^T H v}"), over(q[k] * v[k] ** 2) - over(q[k] * v[k]) ** 2
    pairs = sp.Sum(q[i] * q[j] * (v[i] - v[j]) ** 2, (i, 1, V), (j, 1, V)) / 2
    steps = (
        Step("diagonal", sp.Derivative(L, (zi, 2)), qi - qi**2, "for any V", (_second(zi),)),
        Step("beside it", sp.Derivative(L, zi, zj), -qi * qj, "for any V; P has dropped out", (_second(zj),)),
        Step(
            "along 1",
            sp.Symbol(r"(H \mathbf{1})_i"),
            sp.Integer(0),
            "adding a number to all logits changes nothing",
            (Proof("q_i − q_i Σ q, and Σ q = 1", _vanishes),),
        ),
        Step("as a form", form, squares, "the variance of v under q", (Proof("summed by rows, any V", _form),)),
        Step(
            "never negative",
            form,
            pairs,
            "a sum of squares: 0 only where v is the same for all classes, so H has rank V − 1",
            (Proof("the double sum multiplied out, any V; Σ q = 1", lambda right: _pairs(right, squares)),),
        ),
        Step(
            "at most a quarter of the range squared",
            (high - low) ** 2 / 4 - (high - mean) * (mean - low),
            (mean - (low + high) / 2) ** 2,
            "v in [a, b] with mean m: its variance is $(b-m)(m-a)$ less the mean of $(b-v)(v-a) \\ge 0$ (Popoviciu)",
            (Proof("expanded, with the variance's own identity", _popoviciu),),
        ),
        Step(
            "at most one half",
            2 * (low**2 + high**2) - (high - low) ** 2,
            (low + high) ** 2,
            "so the range squared is at most $2\\|v\\|^2$ and $v^T H v \\le \\|v\\|^2/2$; $v^T H v \\le \\max q "
            "\\|v\\|^2$, too",
            (Proof("expanded", lambda right: same(2 * (low**2 + high**2) - (high - low) ** 2, right)),),
        ),
        Step(
            "reached by two equal classes",
            sp.Symbol(r"\lambda_{\max}\left(\tfrac{1}{2}, \tfrac{1}{2}\right)"),
            sp.Rational(1, 2),
            "V = 2",
            (Proof("eigenvalues of the matrix", _two_classes),),
        ),
    )
    title = ("P does not depend on the logits", "q > 0, as a softmax is")
    return Derivation(HESSIAN, sp.Symbol("H"), sp.Symbol(r"\mathrm{diag}(q) - q q^T"), title, steps)


def _second(by: sp.Symbol) -> Proof:
    return Proof("differentiated twice, R and T free", lambda right: _equal(sp.diff(LOSS, zi, by), right))


def _equal(left: sp.Expr, right: sp.Expr) -> bool:
    """As rational functions of exp(z_i), exp(z_j) and R."""
    return same(left.subs(POWERS), right.subs(SPELLED).subs(POWERS))


def _vanishes(right: sp.Expr) -> bool:
    others = sp.Symbol("r")  # Σ q of the other classes
    row = qi - qi**2 - qi * others
    return same(row.subs(others, 1 - qi), right)


def _form(right: sp.Expr) -> bool:
    """Σ_i q_i v_i² − Σ_i Σ_j q_i q_j v_i v_j."""
    return same(over(q[k] * v[k] ** 2) - factorised(q[i] * q[j] * v[i] * v[j]), right)


def _pairs(right: sp.Expr, squares: sp.Expr) -> bool:
    factor, double = right.as_independent(sp.Sum)
    found = factor * factorised(double.function)
    return same(found.subs(over(q[k]), 1), squares)


def _popoviciu(right: sp.Expr) -> bool:
    """With M = mean of v²: variance M − m², and mean of (b − v)(v − a) = (a + b) m − a b − M."""
    second = sp.Symbol("M")
    left_over = (low + high) * mean - low * high - second
    splits = same(second - mean**2, (high - mean) * (mean - low) - left_over)
    return splits and same((high - low) ** 2 / 4 - (high - mean) * (mean - low), right)


def _two_classes(right: sp.Expr) -> bool:
    half = sp.Matrix([sp.Rational(1, 2)] * 2)
    return bool(max((sp.diag(*half) - half * half.T).eigenvals()) == right)


def probabilities(z: Floats) -> Floats:
    """softmax of every row, by ball arithmetic, correct to float64."""
    z = np.asarray(z, dtype=np.float64)
    if z.ndim != 2:
        raise ShapeError(f"probabilities: expected logits of shape (batch, V), got {z.shape}")
    with balls.precision():
        return np.array([_normalised([flint.arb(float(a)).exp() for a in row]) for row in z])


def _normalised(weights: list[flint.arb]) -> list[float]:
    total = sum(weights, flint.arb(0))
    return [float((w / total).mid()) for w in weights]


def gradient(z: Floats, P: Floats) -> Floats:
    """q − p of every row, over the number of rows: that of a mean over the batch."""
    found: Floats = (probabilities(z) - np.asarray(P)) / len(z)
    return found


def hessian(z: Floats) -> Floats:
    """diag(q) − qqᵀ of one row of logits, (V, V)."""
    (one,) = probabilities(np.asarray(z)[None])
    found: Floats = np.diag(one) - np.outer(one, one)
    return found

"""Why a layer with a normaliser multiplies squared gradients by a quotient of two independent chi-squares."""

import sympy as sp

from residua_symbolic.derivation import Proof, Step
from residua_symbolic.domains.tangents import FEATURE, i, j, n
from residua_symbolic.evaluate import evaluate
from residua_symbolic.layer import derive_layer, variants
from residua_symbolic.moments.layer.projectors import T
from residua_symbolic.moments.layer.terms import (
    COV,
    FACTOR,
    SIGMA,
    TRACE,
    E,
    H,
    S,
    U,
    beside_input,
    centring,
    freedoms,
    normaliser,
    proved,
    same,
)
from residua_symbolic.referee import SIZES, at_sizes, exact_values
from residua_symbolic.spectrum import derive_spectrum

_H, _X = sp.IndexedBase("h", real=True), sp.IndexedBase("x", real=True)
_SMALL = (2, 3)
_BY_MOMENTS = "2 × 2 and 3 × 3, every second moment put in"


def forward(kind: str) -> tuple[Step, ...]:
    """The Jacobian's eigenvalues, and the law of s²."""
    spectrum, (_, freedom) = derive_spectrum(kind, eps_is_zero=True), freedoms(kind)
    return (
        Step(
            "projector",
            spectrum.symbol,
            spectrum.formula,
            "J is symmetric with these eigenvalues: 1/s times an orthogonal projector",
            (
                Proof(
                    "the derivation of the spectrum, every step",
                    lambda right: right == spectrum.formula and proved(spectrum),
                ),
            ),
        ),
        Step(
            "scale",
            E(sp.exp(T * n * S**2 / (SIGMA**2 * H))),
            (1 - 2 * T) ** (-freedom / 2),
            "x = W h is normal with variance σ² H, H = ‖h‖²: n s²/(σ² H) is chi-square, and independent of the "
            "direction x̂ and of the mean of x; from the second layer on H = n",
            (Proof("every n: determinant of I − 2 t P", lambda right: same(right, centring(kind).generating)),),
        ),
    )


def backward(kind: str) -> tuple[Step, ...]:
    """The gradient below a weight matrix is orthogonal to its input h, and isotropic beside it."""
    entry = sp.IndexedBase("W", real=True)[i, j] - _X[i] * _H[j] / H
    return (
        Step(
            "homogeneity",
            sp.Sum(sp.Function("J")(i, j) * _X[j], (j, 1, n)),
            sp.Integer(0),
            "scaling x changes no output (Euler); J is symmetric, so u = J g is orthogonal to x = W h",
            (Proof(at_sizes(FEATURE), lambda right: _annihilates(kind, right)),),
        ),
        Step(
            "what x leaves open",
            COV(entry, _X[sp.Symbol("m", integer=True)]),
            sp.Integer(0),
            "so W − x hᵀ/‖h‖² is independent of x, and of everything that the forward pass makes of it",
            (Proof(_BY_MOMENTS, lambda right: right == 0 and _uncorrelated()),),
        ),
        Step(
            "pulled back",
            COV(sp.Function("g")(i), sp.Function("g")(j)),
            SIGMA**2 * U * (sp.KroneckerDelta(i, j) - _H[i] * _H[j] / H),
            "g = Wᵀu = (W − x hᵀ/‖h‖²)ᵀ u, since x is orthogonal to u; U = ‖u‖². So g is orthogonal to h, isotropic "
            "beside it, and, given U, independent of the forward pass",
            (Proof(_BY_MOMENTS, _is_covariance),),
        ),
    )


def quotient(kind: str) -> tuple[Step, ...]:
    """What the normaliser below keeps of that gradient, and the factor of one layer."""
    kept, freedom = freedoms(kind)
    lost = "the mean: it has no part along h any more" if kind == "layernorm" else "nothing: it has no part along h"
    below = normaliser(kind) @ beside_input()
    chi = [sp.Symbol(rf"\chi^{{2}}_{{{sp.latex(k)}}}", positive=True) for k in (kept, freedom)]
    return (
        Step(
            "directions",
            TRACE(S * sp.Symbol("J") * sp.Symbol("C")),
            kept,
            f"C = I − hhᵀ/‖h‖². Of the n − 1 directions of g the normaliser below, whose output is h, takes "
            f"away {lost}",
            (
                Proof(
                    "every n: the product is a projector, its trace",
                    lambda right: below.projects and same(right, below.trace),
                ),
            ),
        ),
        Step(
            "numerator",
            E(sp.exp(T * sp.Symbol(r"\|s \, J \, g\|^{2}", positive=True) / (SIGMA**2 * U))),
            (1 - 2 * T) ** (-kept / 2),
            "given the forward pass: chi-square, with degrees of freedom that do not depend on it",
            (Proof("every n: determinant of I − 2 t s J C", lambda right: same(right, below.generating)),),
        ),
        Step(
            "factor",
            FACTOR,
            chi[0] / chi[1],
            "numerator σ² U χ², denominator s² U = σ² U χ²: independent of each other and of those of all other "
            "layers, since direction and length of a normal vector are independent, and the length of h is √n whatever "
            "its direction (argued, met by the ensembles; no machine proof)",
        ),
    )


def _annihilates(kind: str, right: sp.Expr) -> bool:
    """J x = 0 at ε = 0."""
    for size in SIZES:
        values, domain = exact_values(kind, variants(kind)[0], size, False, True)
        matrix = evaluate(derive_layer(kind).components, values, (i, j), domain)
        printed = evaluate(right, values, (), domain)
        if not all(domain.is_zero(e - printed) for e in matrix @ values["x"]):
            return False
    return True


def _drawn(size: int) -> tuple[sp.Matrix, sp.Matrix, sp.Matrix]:
    """W, h, and W − x hᵀ/‖h‖² with x = W h."""
    W, h = sp.Matrix(size, size, sp.symbols(f"w:{size * size}")), sp.Matrix(size, 1, sp.symbols(f"h:{size}"))
    return W, h, W - W * h * h.T / (h.T * h)[0]


def _second_moment(a: sp.Expr, b: sp.Expr, W: sp.Matrix) -> sp.Expr:
    """E a b for a, b linear in the entries of W, which are independent with variance σ²."""
    return SIGMA**2 * sp.Add(*(sp.diff(a, w) * sp.diff(b, w) for w in W))


def _uncorrelated() -> bool:
    for size in _SMALL:
        W, h, rest = _drawn(size)
        if any(sp.simplify(_second_moment(r, e, W)) != 0 for r in rest for e in W * h):
            return False
    return True


def _is_covariance(right: sp.Expr) -> bool:
    for size in _SMALL:
        W, h, rest = _drawn(size)
        u = sp.Matrix(size, 1, sp.symbols(f"u:{size}"))
        g = rest.T * u
        for p in range(size):
            for q in range(size):
                put = {_H[i]: h[p], _H[j]: h[q], sp.KroneckerDelta(i, j): sp.Integer(int(p == q))}
                printed = right.subs(put).subs({H: (h.T * h)[0], U: (u.T * u)[0]})
                if sp.simplify(_second_moment(g[p], g[q], W) - printed) != 0:
                    return False
    return True

"""What the laws of layer and RMS normalisation share: symbols, degrees of freedom, projectors, ways of proof."""

import sympy as sp

from residua_network.checks import one_of
from residua_symbolic.derivation import Derivation, Step
from residua_symbolic.domains.tangents import n
from residua_symbolic.moments.layer.projectors import Plain, orthogonal_to
from residua_symbolic.spectrum import derive_spectrum

KINDS = ("layernorm", "rmsnorm")
L = sp.Symbol("L", integer=True, positive=True)
COUNT = sp.Symbol("k", integer=True, nonnegative=True)  # counts the terms of a series
E, VAR, COV, TRACE = (sp.Function(name) for name in ("E", r"\mathrm{Var}", r"\mathrm{Cov}", r"\mathrm{tr}"))
FACTOR, RATIO, SIGMA, S = sp.symbols("F R sigma s", positive=True)
U, H = sp.symbols("U H", positive=True)  # ‖u‖² and ‖h‖²
SETTING = (
    "every W square, entries independent, normal, mean 0, equal variance; no bias; γ = 1, β = 0, ε = 0",
    "one input of mean square 1 (one of mean square q divides every R by q); the gradient at the output isotropic, "
    "independent of the weights",
)


def freedoms(kind: str) -> tuple[sp.Expr, sp.Expr]:
    """Degrees of freedom of numerator and denominator of F: the directions that the normaliser keeps, read off its
    spectrum, and one more, those that s² is made of. Raises ResiduaError for a kind that is not in `KINDS`."""
    one_of(kind, KINDS, "kind", "layer_laws")
    spectrum = derive_spectrum(kind, eps_is_zero=True)
    kept = sp.Add(*(e.multiplicity for e in spectrum.eigenvalues if e.value != 0))
    return kept, kept + 1


def normaliser(kind: str) -> Plain:
    """s J: the projector onto what is orthogonal to x̂, and to 1 for layer normalisation, in the vectors 1/√n, x̂/√n."""
    return orthogonal_to(0, 1, among=2) if kind == "layernorm" else orthogonal_to(1, among=2)


def centring(kind: str) -> Plain:
    """The matrix P with n s² = ‖P x‖²."""
    return orthogonal_to(0, among=2) if kind == "layernorm" else orthogonal_to(among=2)


def beside_input() -> Plain:
    """I − h hᵀ/‖h‖²."""
    return orthogonal_to(1, among=2)


def same(a: sp.Expr, b: sp.Expr) -> bool:
    """Whether two expressions are equal: their difference put over one denominator, or simplified by SymPy."""
    rest = a - b
    return bool((sp.cancel if rest.is_rational_function() else sp.simplify)(rest) == 0)


def positive(e: sp.Expr, kept: sp.Expr, *others: sp.Symbol) -> bool:
    """Whether a rational function is positive for kept ≥ 2 and `others` ≥ 0: a quotient of polynomials in kept − 2 and
    the others whose coefficients are all positive. The denominator has a constant term, so that it cannot vanish; the
    numerator may where one of them is 0."""
    top, bottom = sp.fraction(sp.cancel(sp.together(e.subs(n, n + sp.solve(kept - 2, n)[0]))))
    polynomials = [sp.Poly(sp.expand(part), n, *others) for part in (top, bottom)]
    if polynomials[1].LC() < 0:
        polynomials = [-p for p in polynomials]
    constant = polynomials[1].eval(dict.fromkeys(polynomials[1].gens, 0))
    return all(c > 0 for p in polynomials for c in p.coeffs()) and bool(constant > 0)


def proved(derivation: Derivation | Step) -> bool:
    """True once every proof of it has passed. Raises ProofError."""
    derivation.check()
    return True


def summand(e: sp.Expr) -> sp.Expr:
    """The term of the one series in `e`, from k = 0 on. Raises ValueError where it begins or ends elsewhere."""
    (total,) = e.atoms(sp.Sum)
    if total.limits != (sp.Tuple(COUNT, 0, sp.oo),):
        raise ValueError(f"the series does not run over k = 0, 1, …: {total.limits}")
    return total.function

"""One feature after batch normalisation: x̂ is uniform on the sphere of radius √B in the hyperplane orthogonal to 1.

So it is, at ε = 0, whenever the entries before are jointly normal and exchangeable over the rows: the part of them that
is orthogonal to 1 is isotropic there, and x̂ is its direction, independent of its length. An entry is √(B−1) t with
t = ⟨e_a, x̂⟩ the cosine of an angle in B − 1 dimensions; two entries belong to directions whose cosine is −1/(B−1).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import sympy as sp
from numpy.typing import NDArray
from scipy.linalg import eigh_tridiagonal

from residua_network import ResiduaError
from residua_network.checks import one_of, whole
from residua_network.kinds.activation import ACTIVATIONS as NAMES
from residua_symbolic.domains.floats import FUNCTIONS, Floats
from residua_symbolic.domains.tangents import B
from residua_symbolic.functions import ACTIVATIONS
from residua_symbolic.moments.integrals.gaussian import Moment

RHO = -1 / (B - 1)  # the cosine between the directions of two rows, once 1 is projected out
DEGREES = {"identity": 1, "relu": 1, "square": 2, "cube": 3}  # of the activations that are homogeneous
FIRST_NODES, MOST_NODES = 32, 2048
ULP = float(np.finfo(float).eps)


@dataclass(frozen=True)
class Closed:
    """Moments of a homogeneous activation φ, as functions of B; x = x̂_a and y = x̂_b are two entries."""

    square: sp.Expr  # E φ(x)²
    product: sp.Expr  # E φ(x) φ(y)
    slope_square: sp.Expr  # E φ'(x)²
    slope_product: sp.Expr  # E φ'(x) φ'(y)
    pulled_square: sp.Expr  # E (x φ'(x))²
    pulled_product: sp.Expr  # E x φ'(x) y φ'(y)


def square(name: str, batch: int) -> Moment:
    """E φ(x̂_a)²."""
    return _moment(name, batch, "square")


def product(name: str, batch: int) -> Moment:
    """E φ(x̂_a) φ(x̂_b), a ≠ b."""
    return _moment(name, batch, "product")


def slope_square(name: str, batch: int) -> Moment:
    """E φ'(x̂_a)²."""
    return _moment(name, batch, "slope_square")


def slope_product(name: str, batch: int) -> Moment:
    """E φ'(x̂_a) φ'(x̂_b), a ≠ b."""
    return _moment(name, batch, "slope_product")


def pulled_back(name: str | None, batch: int, p: float, r: float) -> tuple[float, float]:
    """The row kernel (E h_a², E h_a h_b) of h = P_{⊥1,x̂}(φ'(x̂) ⊙ g), for g of row kernel (p, r) independent of x̂.

    `name` None: no activation. What batch normalisation passes back is h/s, and h sums to zero over the rows, so that
    E h_a h_b = −E h_a²/(B−1). E‖h‖² = E tr(D K D (I − 11ᵀ/B − x̂x̂ᵀ/B)), D = diag φ'(x̂), K = (p−r) I + r 11ᵀ.
    """
    name = "identity" if name is None else name
    slope, slopes, pulled, both = (
        _moment(name, batch, which).value
        for which in ("slope_square", "slope_product", "pulled_square", "pulled_product")
    )
    total = p * ((batch - 1) * slope - pulled) - r * (batch - 1) * (slopes + both)
    return total / batch, -total / (batch * (batch - 1))


@cache
def closed(name: str) -> Closed | None:
    """The moments of an activation in closed form, where it is homogeneous.

    With z, z' standard normal of correlation ρ = −1/(B−1) and R² ~ χ²_{B−1} independent of directions, an integrand of
    degree 2d has the mean (B−1)^d E f(z, z')/E R^{2d} on the sphere: lengths and directions are independent.
    """
    if name not in DEGREES:
        return None
    k, half = DEGREES[name], name == "relu"
    return Closed(
        square=_on_sphere(_one(2 * k, half), k),
        product=_on_sphere(_two(k, half), k),
        slope_square=k**2 * _on_sphere(_one(2 * k - 2, half), k - 1),
        slope_product=k**2 * _on_sphere(_two(k - 1, half), k - 1),
        pulled_square=k**2 * _on_sphere(_one(2 * k, half), k),
        pulled_product=k**2 * _on_sphere(_two(k, half), k),
    )


def _one(degree: int, half: bool) -> sp.Expr:
    """E z^degree, over z > 0 alone where `half`."""
    moment = sp.factorial2(degree - 1) if degree else sp.Integer(1)
    return moment / 2 if half else moment


def _two(power: int, half: bool) -> sp.Expr:
    """E (z z')^power at correlation ρ, over the quadrant z, z' > 0 alone where `half`."""
    if not half:  # Isserlis' theorem
        return (sp.Integer(1), RHO, 1 + 2 * RHO**2, 9 * RHO + 6 * RHO**3)[power]
    if power == 0:  # Sheppard 1899
        return sp.Rational(1, 4) + sp.asin(RHO) / (2 * sp.pi)
    # Cho, Saul 2009 (NIPS 22), eq. 6: degree 1
    return (sp.sqrt(1 - RHO**2) + RHO * (sp.pi / 2 + sp.asin(RHO))) / (2 * sp.pi)


def _on_sphere(gaussian: sp.Expr, half_degree: int) -> sp.Expr:
    """From standard normals to the sphere: E R^{2d} = (B−1)(B+1)…(B+2d−3)."""
    radius = sp.prod([B - 1 + 2 * p for p in range(half_degree)])
    return gaussian * (B - 1) ** half_degree / radius


def _moment(name: str, batch: int, which: str) -> Moment:
    one_of(name, NAMES, "activation", "moments on the sphere of a batch")
    batch = whole(batch, "batch", "moments on the sphere of a batch")
    if batch < 2:
        raise ResiduaError(f"batch statistics of {batch} row: its variance is 0; expected a batch of at least 2")
    return _computed(name, batch, which)


@lru_cache(maxsize=4096)
def _computed(name: str, batch: int, which: str) -> Moment:
    exact = closed(name)
    if exact is not None:
        formula = getattr(exact, which).subs(B, batch)
        return Moment(float(formula.evalf(20)), ULP * abs(float(formula.evalf(20))), formula)
    return _by_quadrature(*_integrand(name, which), batch)


def _integrand(name: str, which: str) -> tuple[Callable[[Floats], Floats], bool]:
    """(f, whether it is E f(x) f(y) that is asked, else E f(x)²)."""
    f = FUNCTIONS[name] if which in ("square", "product") else _slope(name)
    if which.startswith("pulled"):
        return (lambda x: x * f(x)), which.endswith("product")
    return f, which.endswith("product")


@cache
def _slope(name: str) -> Callable[[Floats], Floats]:
    z = sp.Symbol("z", real=True)
    own = {kind: FUNCTIONS[kind] for kind in ("sigmoid", "softplus", "erf")}
    derivative: Callable[[Floats], Floats] = sp.lambdify(z, sp.diff(ACTIVATIONS[name](z), z), [own, "numpy"])
    return derivative


def _by_quadrature(f: Callable[[Floats], Floats], two: bool, batch: int) -> Moment:
    """Gauss's rule for the density (1−t²)^((B−4)/2) of t, nodes doubled until two rules agree to rounding.

    Error stated: the difference of the last two rules, which of an analytic f shrinks geometrically, and rounding.
    """
    nodes, before = FIRST_NODES, np.nan
    while True:
        value, size = _gauss(f, two, batch, nodes)
        rounding = 8 * ULP * np.sqrt(nodes) * size  # random signs of the errors of `nodes` terms
        off = abs(value - before)
        if off <= rounding or nodes >= MOST_NODES or batch == 2:
            return Moment(value, float(rounding if batch == 2 else max(off, rounding)), None)
        nodes, before = 2 * nodes, value


def _gauss(f: Callable[[Floats], Floats], two: bool, batch: int, nodes: int) -> tuple[float, float]:
    """The value by a rule of so many nodes, and E f²; E f(x) f(y) = Σ a_k² p_k(ρ)/p_k(1) with f = Σ a_k p_k.

    The p_k are orthonormal for the density of t: zonal functions of directions with cosine ρ (Funk, Hecke; Müller 1966,
    Spherical Harmonics, theorem 4).
    """
    if batch == 2:  # x̂ is (1, −1) or (−1, 1)
        up, down = f(np.ones(1))[0], f(-np.ones(1))[0]
        return float(up * down if two else (up**2 + down**2) / 2), float((up**2 + down**2) / 2)
    places, roots, vectors = _rule(batch, nodes)
    weighted = roots * f(np.sqrt(batch - 1.0) * places)
    size = float(weighted @ weighted)
    if not two:
        return size, size
    coefficients = vectors @ weighted
    return float(coefficients**2 @ _zonal(batch, nodes)), size


@lru_cache(maxsize=16)
def _rule(batch: int, nodes: int) -> tuple[Floats, Floats, NDArray[np.float64]]:
    """Golub, Welsch 1969 for (1−t²)^((m−3)/2), m = B−1: nodes, roots of the weights, and p_k(t_i) times those roots."""
    k, m = np.arange(1.0, nodes), batch - 1.0
    with np.errstate(invalid="ignore"):
        beside = np.sqrt(k * (k + m - 3) / ((2 * k + m - 2) * (2 * k + m - 4)))
    beside[0] = 1 / np.sqrt(m)  # the limit, needed at m = 2
    places, vectors = eigh_tridiagonal(np.zeros(nodes), beside)
    vectors = vectors * np.sign(vectors[0])
    return places, vectors[0], vectors


@lru_cache(maxsize=64)
def _zonal(batch: int, nodes: int) -> Floats:
    """p_k(ρ)/p_k(1) of the Gegenbauer polynomials of B − 1 dimensions, by their recurrence."""
    m, rho = batch - 1.0, -1.0 / (batch - 1)
    found = [1.0, rho]
    for k in range(1, nodes - 1):
        found.append(((2 * k + m - 2) * rho * found[k] - k * found[k - 1]) / (k + m - 2))
    return np.array(found)

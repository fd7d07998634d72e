"""What depth and width do to networks of powers: the degree, width 1, the width at which nothing is out of reach."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_network import Network
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.identities import same
from residua_symbolic.series.constructions.degrees import (
    POWERS,
    coefficient_rank,
    degree_law,
    network_polynomial,
    polynomials_after,
    power_network,
    rational,
)

d, w, L, l = sp.symbols("d w L l", integer=True, positive=True)  # l is the layer index throughout
h, z, a, v, c, beta, s, t = sp.symbols("h z a v c beta s t")
b = sp.Symbol("b")
D, C, N, P, q = (sp.Function(name) for name in "DCNPq")
DEPTHS, WIDTHS = (1, 2, 3), (1, 2, 3)
DEEPEST = {"square": 4, "cube": 3}  # of the networks of width 1 whose ranks are counted
FREE = 4  # shifts b for which the determinant is multiplied out with free symbols
BY_INDUCTION = "induction: the value at 0 and the recurrence, multiplied out"
BY_FORWARD_MAP = "exact polynomials from the forward map, d = 2, 3, depth 1 to 3, width 1 to 3"
BUILT = "networks built for random polynomials, run through their forward maps, exactly"
BY_IDENTITY = "polynomial identity"


def degree_of_depth() -> Derivation:
    """A residual network of powers d has degree d^L at any width: everywhere at most, in general position exactly.

    The leading coefficient is a polynomial in the weights; with all weights 1 and all biases 0 it is a power of w.
    So it is not the zero polynomial, and vanishes on a set of measure zero only.
    """
    exponent = (d + 1) * (d**L - 1) / (d - 1)
    power, lead = d**L, w ** (1 + exponent)
    steps = (
        Step("degree before the blocks", D(0), sp.Integer(1), "the embedding is linear in x"),
        Step(
            "one block",
            D(l),
            d * D(l - 1),
            "Linear layers keep the degree, the power multiplies it by d ≥ 2; the input that is added has less",
            (Proof(BY_FORWARD_MAP, _degrees_multiply),),
        ),
        Step("degree after L blocks", D(L), power, "solved", (Proof(BY_INDUCTION, _is_power),)),
        Step("leading coefficient before the blocks", C(0), sp.Integer(1), "all weights 1, all biases 0"),
        Step(
            "leading coefficient after one block",
            C(l),
            w * (w * C(l - 1)) ** d,
            "each Linear sums w equal entries",
            (Proof(BY_FORWARD_MAP, _leads_follow),),
        ),
        Step(
            "leading coefficient of the output",
            w * C(L),
            lead,
            "solved; the readout sums w entries. It is not 0",
            (Proof(f"exponents of w: {BY_INDUCTION}", _is_lead), Proof(BY_FORWARD_MAP, _leads_are)),
        ),
    )
    assumptions = (
        "L residual blocks, each Linear, entrywise power d, Linear; input and output are numbers",
        "Weights in general position: outside the zeros of one polynomial in them that is not the zero polynomial",
        "Without residual connections the same: what is added has lower degree",
    )
    return Derivation("Degree by depth and width", D(L), power, assumptions, steps)


def width_one(activation: str) -> Derivation:
    """At width 1 the polynomials of degree d^L that L blocks reach have dimension L + 2 (squares), 2L + 2 (cubes)."""
    degree = POWERS[activation]
    block = h + v * (a * h + b) ** degree + c
    if degree == 2:
        shift = (1 + 2 * a * b * v) / (2 * a**2 * v)
        normal = v * a**2 * (h + shift) ** 2 + b**2 * v + c - v * a**2 * shift**2
        kept, moved, count = q(s * h), s**2 * q(h), L + 2
        form = {q(s * h): (s * h) ** 2, q(h): h**2}
        words, shown = "2 (L + 1) numbers in the affine maps, one less a block for the scale", "q(z) = z²"
    else:
        normal = v * a**3 * ((h + b / a) ** 3 + (h + b / a) / (v * a**3)) + c - b / a
        kept, moved, count = q(s * h, beta), s**3 * q(h, beta / s**2), 2 * L + 2
        form = {kept: (s * h) ** 3 + beta * s * h, q(h, beta / s**2): h**3 + beta / s**2 * h}
        words = "2 (L + 1) numbers in the affine maps, one β a block, one less a block for the scale"
        shown = "q(z, β) = z³ + β z"
    dimension = N(L)
    steps = (
        Step(
            "a block",
            block,
            normal,
            "an affine map after a normal form after an affine map (a, v ≠ 0)",
            (Proof(BY_IDENTITY, lambda right: same(block, right)),),
        ),
        Step(
            "a scale can be moved",
            kept,
            moved,
            f"through the normal form {shown}, from one affine map to the other",
            (Proof(BY_IDENTITY, lambda right: same(kept.xreplace(form), right.xreplace(form))),),
        ),
        Step(
            "dimension",
            dimension,
            count,
            f"at most, for every L: {words}. Not less, by the rank of d(coefficients)/d(parameters) at a point: L = 1 "
            f"to {DEEPEST[activation]}",
            (Proof("exact rational rank at random whole weights", _ranks(activation)),),
        ),
    )
    assumptions = (f"Width 1, activation {activation}, affine maps before and after", "a, v ≠ 0 in every block")
    return Derivation(f"Width 1, {activation}: what depth alone reaches", dimension, count, assumptions, steps)


def _ranks(activation: str) -> Callable[[sp.Expr], bool]:
    def holds(right: sp.Expr) -> bool:
        depths = range(1, DEEPEST[activation] + 1)
        return all(coefficient_rank(power_network(activation, k, 1)) == right.subs(L, k) for k in depths)

    return holds


def every_polynomial(activation: str) -> Derivation:
    """Every polynomial of degree n = d^L is a residual network of L blocks, width n + 1 (squares), 3 n + 3 (cubes)."""
    degree = POWERS[activation]
    n = sp.Symbol("n", integer=True, positive=True)
    if degree == 2:
        width, block = n + 1, z + (z - sp.Rational(1, 2)) ** 2 - sp.Rational(1, 4)
        words = "one neuron of the branch a shift"
    else:
        width, block = 3 * n + 3, z + sp.Rational(4, 3) * z**3 - (z + 1) ** 3 / 6 - (z - 1) ** 3 / 6
        words = "three neurons of the branch a shift, so that everything is carried three times"
    B, i, j = sp.IndexedBase("b"), sp.Symbol("i", integer=True), sp.Symbol("j", integer=True)
    k = sp.Symbol("k", integer=True, nonnegative=True)
    product = sp.Product(B[i] - B[j], (i, 0, j - 1), (j, 1, n))
    determinant = sp.Product(sp.binomial(n, k), (k, 0, n)) * product
    steps = (
        Step(
            "a block that takes the power",
            block,
            z**degree,
            "the first z is the residual connection",
            (Proof(BY_IDENTITY, lambda right: same(block, right)),),
        ),
        Step("nothing yet", P(0), z, "the embedding carries z = x + b_i, for n + 1 different b_i"),
        Step("one block more", P(l), P(l - 1) ** degree, "the block before"),
        Step("L blocks", P(L), z ** (degree**L), "solved", (Proof(BY_INDUCTION, _is_iterated(degree)),)),
        Step(
            "shifted powers",
            sp.Symbol("Delta"),
            determinant,
            "Δ is the determinant of the coefficients of (x + b_i)^n, i = 0 … n (Vandermonde): not 0, so they are a "
            "basis, and the readout can be solved for",
            (Proof(f"multiplied out with free shifts, n = 1 to {FREE}", _vandermonde(n)),),
        ),
        Step("width", w, width, words, (Proof(BUILT, _built(activation, n)),)),
    )
    assumptions = (
        f"{activation}, L blocks, n = {degree}^L",
        "Exact arithmetic; rational polynomials get rational weights",
    )
    title = f"Every polynomial of degree {degree}^L as a residual network, {activation}"
    return Derivation(title, w, width, assumptions, steps)


def polynomial_network(activation: str, depth: int, coefficients: list[Any]) -> tuple[Network, Mapping[str, Any]]:
    """A residual network of `depth` blocks that is the polynomial Σ c_k x^k of degree at most d^depth, and its weights.

    The weights are fmpq: see `every_polynomial`.
    """
    degree = POWERS[activation]
    n, copies = degree**depth, 1 if degree == 2 else 3
    shifts = [flint.fmpq(i) - flint.fmpq(n, 2) for i in range(n + 1)]  # about 0, so that numbers stay small
    powers = [flint.fmpq_poly([shift, 1]) ** n for shift in shifts]
    matrix = flint.fmpq_mat([[p[k] for p in powers] for k in range(n + 1)])
    target = flint.fmpq_mat([[rational(coefficients[k]) if k < len(coefficients) else 0] for k in range(n + 1)])
    solved = matrix.solve(target)
    net = power_network(activation, depth, copies * (n + 1))
    weights = {name: _full(shape) for name, (shape, _) in net.parameters.items()}
    for i, shift in enumerate(shifts):
        for k in range(copies * i, copies * (i + 1)):
            weights["0.weight"][k, 0], weights["0.bias"][k] = flint.fmpq(1), shift
        weights[f"{depth + 1}.weight"][0, copies * i] = solved[i, 0]
    for block in range(1, depth + 1):
        _take_power(weights, f"{block}.branch.", n + 1, degree)
    return net, weights


def _take_power(weights: Mapping[str, Any], place: str, rows: int, degree: int) -> None:
    """The weights of a branch that makes z^d of every z: one neuron a row for squares, three for cubes."""
    first, second = weights[f"{place}0.weight"], weights[f"{place}2.weight"]
    shifts, factors = weights[f"{place}0.bias"], weights[f"{place}2.bias"]
    for k in range(rows):
        if degree == 2:
            first[k, k] = second[k, k] = flint.fmpq(1)
            shifts[k], factors[k] = flint.fmpq(-1, 2), flint.fmpq(-1, 4)
            continue
        for p, (shift, factor) in enumerate(((0, (4, 3)), (1, (-1, 6)), (-1, (-1, 6)))):
            first[3 * k + p, 3 * k + p], shifts[3 * k + p] = flint.fmpq(1), flint.fmpq(shift)
            for q in range(3):
                second[3 * k + q, 3 * k + p] = flint.fmpq(*factor)


def _full(shape: tuple[int, ...]) -> Any:
    return np.full(shape, flint.fmpq(0), dtype=object)


def _ones(net: Network) -> dict[str, Any]:
    """All weights 1, all biases 0."""
    return {name: np.full(shape, float("weight" in name)) for name, (shape, _) in net.parameters.items()}


def _streams() -> list[tuple[int, int, list[Any]]]:
    """Power, width and one entry of the stream before and after every block, at weights one."""
    found = []
    for activation, power in POWERS.items():
        for width in WIDTHS:
            net = power_network(activation, DEPTHS[-1], width)
            found.append((power, width, [after[0] for after in polynomials_after(net, _ones(net))[:-1]]))
    return found


def _degrees_multiply(right: sp.Expr) -> bool:
    """The recurrence as printed, on the stream."""
    return all(
        right.subs({d: power, D(l - 1): before.degree()}) == after.degree()
        for power, _, stream in _streams()
        for before, after in pairwise(stream)
    )


def _leads_follow(right: sp.Expr) -> bool:
    return all(
        right.subs({d: power, w: width, C(l - 1): _lead(before)}) == _lead(after)
        for power, width, stream in _streams()
        for before, after in pairwise(stream)
    )


def _leads_are(right: sp.Expr) -> bool:
    for activation, power in POWERS.items():
        for depth in DEPTHS:
            for width in WIDTHS:
                net = power_network(activation, depth, width)
                p = network_polynomial(net, _ones(net))
                if p.degree() != degree_law(net) or right.subs({d: power, L: depth, w: width}) != _lead(p):
                    return False
    return True


def _lead(p: Any) -> sp.Rational:
    lead = p[p.degree()]
    return sp.Rational(int(lead.p), int(lead.q))


def _is_power(right: sp.Expr) -> bool:
    return right.subs(L, 0) == 1 and same(right.subs(L, l), d * right.subs(L, l - 1))


def _is_lead(right: sp.Expr) -> bool:
    """w C(L) = w^(1 + e(L)), with e(0) = 0 and e(l) = 1 + d (1 + e(l − 1))."""
    base, exponent = right.as_base_exp()
    e = exponent - 1
    return base == w and e.subs(L, 0) == 0 and same(e.subs(L, l), 1 + d * (1 + e.subs(L, l - 1)))


def _is_iterated(degree: int) -> Callable[[sp.Expr], bool]:
    def holds(right: sp.Expr) -> bool:
        base, exponent = right.as_base_exp()
        return base == z and exponent.subs(L, 0) == 1 and same(exponent.subs(L, l), degree * exponent.subs(L, l - 1))

    return holds


def _vandermonde(n: sp.Symbol) -> Callable[[sp.Expr], bool]:
    def holds(right: sp.Expr) -> bool:
        return all(_determinant_is(unfolded(right.subs(n, size)), size) for size in range(1, FREE + 1))

    return holds


def unfolded(e: sp.Expr) -> sp.Expr:
    """The factors of every Π written out, outer ranges first: SymPy leaves an inner range that depends on them."""
    if not isinstance(e, sp.Product):
        return e.func(*map(unfolded, e.args)) if e.is_Mul else e
    *inner, (label, first, last) = e.limits
    rest = sp.Product(e.function, *inner) if inner else e.function
    return sp.Mul(*(unfolded(rest.subs(label, value)) for value in range(int(first), int(last) + 1)))


def _determinant_is(right: sp.Expr, size: int) -> bool:
    shifts = [sp.IndexedBase("b")[k] for k in range(size + 1)]
    rows = [[sp.binomial(size, k) * shift ** (size - k) for shift in shifts] for k in range(size + 1)]
    determinant = sp.Matrix(rows).det(method="berkowitz")
    return same(determinant, right)


def _built(activation: str, n: sp.Symbol) -> Callable[[sp.Expr], bool]:
    """A network of the printed width, at depth 1 and 2."""

    def holds(right: sp.Expr) -> bool:
        return all(_is_built(activation, depth, lambda size: right.subs(n, size)) for depth in (1, 2))

    return holds


def _is_built(activation: str, depth: int, width: Callable[[int], sp.Expr]) -> bool:
    size = POWERS[activation] ** depth
    wanted = [flint.fmpq(int(p), int(q)) for p, q in np.random.default_rng(depth).integers(1, 99, (size + 1, 2))]
    net, weights = polynomial_network(activation, depth, wanted)
    return bool(width(size) == net.sizes[1] and network_polynomial(net, weights) == flint.fmpq_poly(wanted))

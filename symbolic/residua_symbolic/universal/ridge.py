"""Two variables: a polynomial as a sum of functions of x + a y, and each of these by one hidden layer.

Σ c_i σ(b_i + Σ_j w_ij x_j) has one direction a unit. Powers of n + 1 directions are a basis of the polynomials of
degree n that are homogeneous (Vandermonde), so every polynomial is a sum of functions of one variable each, and
polynomials are near every continuous function on a box (Weierstrass).
"""

from dataclasses import dataclass
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_network import Network, ResiduaError
from residua_network.checks import number, one_of
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains import balls
from residua_symbolic.domains.floats import Floats
from residua_symbolic.enclosure import Enclosure
from residua_symbolic.expressions.given import Given, exactly, given
from residua_symbolic.series.approximation.quadrature import constant
from residua_symbolic.series.constructions.degree_laws import unfolded
from residua_symbolic.universal.certificate import supremum
from residua_symbolic.universal.methods import METHODS, SLACK
from residua_symbolic.universal.target import Target
from residua_symbolic.universal.units import Units

WHERE = "construct_plane"
DEGREE = 8
RIDGES = "Polynomials in two variables by powers of directions"
a = sp.IndexedBase("a")
CHECKED = 3  # with free directions; at 5 the determinant takes seconds


@dataclass(frozen=True, eq=False, repr=False)
class RidgeConstruction:
    """One hidden layer that is near a polynomial in two variables on a box.

    `bound`: an Enclosure of which the upper end is above sup |f − network|; the lower one is 0. `ridges`: for each
    direction (1, a) the polynomial of x + a y, and its own layer.
    """

    expression: sp.Expr
    by: str
    units: Units
    bound: Enclosure
    ridges: tuple[tuple[int, sp.Expr], ...]
    corner: float

    @property
    def network(self) -> Network:
        """2 → m → 1."""
        return self.units.network

    @property
    def weights(self) -> dict[str, Floats]:
        """{name: float64 array}."""
        return self.units.weights

    @property
    def width(self) -> int:
        """m."""
        return self.units.width

    @property
    def rounding(self) -> float:
        """What float64 may add to an output on the box."""
        return self.units.rounding(self.corner)

    def __repr__(self) -> str:
        return f"<{self.expression!s:.60} by {self.by}: width {self.width}, sup error below {self.bound.upper:.4g}>"


def construct_plane(
    expression: object, lower: tuple[object, object], upper: tuple[object, object], error: float, by: str = "relu"
) -> RidgeConstruction:
    """One hidden layer within `error` of a polynomial in x and y on a box. Raises ResiduaError for anything else."""
    one_of(by, METHODS, "activation", WHERE)
    asked = number(error, "error", WHERE)
    function = given(expression)
    names = sorted(function.variables)
    if len(names) != 2:
        raise ResiduaError(f"{WHERE}: expected two variables, got {', '.join(names) or 'none'}")
    box = [
        (exactly(low, f"{WHERE}: lower"), exactly(high, f"{WHERE}: upper"))
        for low, high in zip(lower, upper, strict=True)
    ]
    ridges, rest = ridge_parts(function, names)
    parts: list[tuple[int, Target, Units]] = []
    total = flint.arb(0)
    for slope, polynomial in ridges:
        low, high = _range(box, slope)
        aim = Target(given(polynomial), "s", low, high)
        with balls.precision():
            made = METHODS[by](aim, asked * SLACK / len(ridges))
        parts.append((slope, aim, made.units))
        with balls.precision():
            total += supremum(aim, made.units, asked).balls[()].upper()
    with balls.precision():
        units, apart = _joined(parts, float(rest))
        total += apart + abs(constant(rest) - flint.arb(float(rest)))
        if not total <= asked:
            raise ResiduaError(f"{WHERE}: the certified bound {total} is above the error {asked:g}")
        found = np.empty((), dtype=object)
        found[()] = flint.arb(0).union(total.upper())
    corner = max(abs(float(constant(end))) for pair in box for end in pair)
    return RidgeConstruction(function.sympy, by, units, Enclosure(found, balls.BITS), ridges, corner)


def _range(box: list[tuple[sp.Expr, sp.Expr]], slope: int) -> tuple[sp.Expr, sp.Expr]:
    """What x + slope y takes on the box."""
    (x_low, x_high), (y_low, y_high) = box
    ends = (slope * y_low, slope * y_high) if slope >= 0 else (slope * y_high, slope * y_low)
    return x_low + ends[0], x_high + ends[1]


def _joined(parts: list[tuple[int, Target, Units]], rest: float) -> tuple[Units, Any]:
    """All layers side by side, and what rounding the sum of their constants and the products w · slope does."""
    slopes = np.concatenate([np.stack([u.slopes, u.slopes * slope], axis=1) for slope, _, u in parts])
    biases, factors = (np.concatenate([getattr(u, name) for _, _, u in parts]) for name in ("biases", "factors"))
    constants = [u.constant for _, _, u in parts] + [rest]
    total = float(np.sum(constants))
    apart = abs(sum((flint.arb(value) for value in constants), flint.arb(0)) - flint.arb(total))
    for slope, aim, u in parts:
        reach = max(abs(aim.ends[0]).upper(), abs(aim.ends[1]).upper(), key=float)
        for w, v in zip(u.slopes.tolist(), u.factors.tolist(), strict=True):
            moved = abs(flint.arb(w) * slope - flint.arb(w * slope)) * reach
            apart += abs(flint.arb(v)) * moved * flint.arb("1.13")  # no activation here is steeper: `units.STEEPEST`
    return Units(parts[0][2].activation, slopes, biases, factors, total), apart


def directions(count: int) -> tuple[int, ...]:
    """0, 1, −1, 2, −2, …: the a of x + a y."""
    return tuple((n + 1) // 2 * (1 if n % 2 else -1) for n in range(count))


def ridge_parts(function: Given, names: list[str]) -> tuple[tuple[tuple[int, sp.Expr], ...], sp.Expr]:
    """Σ p_a(x + a y) + constant that the polynomial is, exactly; p_a in the letter s. Raises ResiduaError."""
    x, y = (next(s for s in function.sympy.free_symbols if s.name == name) for name in names)
    s = sp.Symbol("s", real=True)
    if not function.sympy.is_polynomial(x, y):
        raise ResiduaError(f"{WHERE}: expected a polynomial, got {function.sympy!s:.60}")
    p = sp.Poly(function.sympy, x, y)
    degree = p.total_degree()
    if degree > DEGREE or not all(c.is_Rational for c in p.coeffs()):
        raise ResiduaError(f"{WHERE}: expected a polynomial of degree at most {DEGREE} with rational coefficients")
    found: dict[int, sp.Expr] = {}
    for order in range(1, degree + 1):
        wanted = sp.Matrix([p.coeff_monomial(x ** (order - k) * y**k) for k in range(order + 1)])
        if wanted.is_zero_matrix:
            continue
        slopes = _few(order, wanted)
        matrix = _matrix(order, slopes)
        for slope, factor in zip(slopes, matrix.gauss_jordan_solve(wanted)[0], strict=True):
            if factor:
                found[slope] = found.get(slope, sp.Integer(0)) + factor * s**order
    return tuple(sorted(found.items())), p.coeff_monomial(1)


def _matrix(order: int, slopes: tuple[int, ...]) -> sp.Matrix:
    """Row k: the coefficients of x^(n−k) y^k in (x + a y)^n, a column a direction."""
    return sp.Matrix([[sp.binomial(order, k) * sp.Integer(slope) ** k for slope in slopes] for k in range(order + 1)])


def _few(order: int, wanted: sp.Matrix) -> tuple[int, ...]:
    """n + 1 directions; two, x ± y, where these are enough."""
    two = (1, -1)
    matrix = _matrix(order, two)
    if matrix.rank() == matrix.row_join(wanted).rank():
        return two if matrix.rank() == 2 else (1,)
    return directions(order + 1)


def ridge_law() -> Derivation:
    """The powers (x + a_j y)^n of n + 1 different directions are a basis of the homogeneous polynomials of degree n."""
    n, k, i, j = (sp.Symbol(name, integer=True, positive=True) for name in ("n", "k", "i", "j"))
    x, y = sp.symbols("x y", real=True)
    total = sp.Product(sp.binomial(n, k), (k, 0, n)) * sp.Product(a[j] - a[i], (i, 0, j - 1), (j, 1, n))
    product = ((x + y) ** 2 - (x - y) ** 2) / 4

    def is_determinant(right: sp.Expr) -> bool:
        for order in range(1, CHECKED + 1):
            rows = [
                [sp.binomial(order, row) * a[column] ** row for column in range(order + 1)] for row in range(order + 1)
            ]
            said = unfolded(right.subs(n, order))
            if sp.expand(sp.Matrix(rows).det(method="berkowitz") - said) != 0:
                return False
        return True

    steps = (
        Step(
            "coefficients",
            (x + a[j] * y) ** n,
            sp.Sum(sp.binomial(n, k) * a[j] ** k * x ** (n - k) * y**k, (k, 0, n)),
            "binomial theorem",
            (
                Proof(
                    f"multiplied out, n ≤ {CHECKED}",
                    lambda right: all(
                        sp.expand((x + a[j] * y) ** order - right.subs(n, order).doit()) == 0
                        for order in range(1, CHECKED + 1)
                    ),
                ),
            ),
        ),
        Step(
            "their determinant",
            sp.Symbol("Delta"),
            total,
            "Vandermonde: not 0 for different a_j",
            (Proof(f"multiplied out with free directions, n ≤ {CHECKED}", is_determinant),),
        ),
        Step(
            "the smallest",
            x * y,
            product,
            "two directions, a = 1 and a = −1",
            (Proof("multiplied out", lambda right: sp.expand(right - x * y) == 0),),
        ),
    )
    assumptions = (
        "directions a_0, …, a_n are different",
        "with Weierstrass' theorem: sums of functions of one direction are near every continuous function on a box",
    )
    return Derivation(RIDGES, x * y, product, assumptions, steps)

"""One hidden tanh layer of width m has the first m odd Taylor terms of any function: width brings orders, too.

Σ v_j tanh(a_j x) has the coefficients τ_(2k−1) Σ v_j a_j^(2k−1), τ those of tanh: a Vandermonde system for the v_j,
solved here over the rationals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_network import Activation, Linear, Network, ResiduaError
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains.named import Array, Named
from residua_symbolic.identities import same
from residua_symbolic.series.constructions.degree_laws import unfolded
from residua_symbolic.series.constructions.degrees import rational
from residua_symbolic.series.networks.walk import output
from residua_symbolic.weights import Floats

k, m, i, j = sp.symbols("k m i j", integer=True, positive=True)
x = sp.Symbol("x", real=True)
tau, s, c = (sp.Function(name) for name in ("tau", "s", "c"))
V, A = sp.IndexedBase("v"), sp.IndexedBase("a")
CHECKED = 20  # coefficients of tanh met by flint's own series
FREE = 4  # slopes for which the determinant is multiplied out with free symbols
WIDTHS = range(1, 9)  # for which networks are built and expanded in the proofs


@dataclass(frozen=True, eq=False)
class TanhLayer:
    """Σ v_j tanh(a_j x) that has the first Taylor terms of an odd function: `slopes` a_j and `factors` v_j, fmpq."""

    slopes: tuple[Any, ...]
    factors: tuple[Any, ...]

    @property
    def width(self) -> int:
        """m."""
        return len(self.slopes)

    @property
    def network(self) -> Network:
        """1 → m → 1."""
        return Network((Linear(1, self.width), Activation("tanh"), Linear(self.width, 1)))

    @property
    def exact_weights(self) -> dict[str, Array]:
        """fmpq, by the description's names."""
        zero = flint.fmpq(0)
        return {
            "0.weight": _column(self.slopes),
            "0.bias": _column([zero] * self.width)[:, 0],
            "2.weight": _column(self.factors).T,
            "2.bias": _column([zero])[:, 0],
        }

    @property
    def weights(self) -> dict[str, Floats]:
        """The float64 numbers nearest to them."""
        return {name: np.frompyfunc(_nearest, 1, 1)(w).astype(np.float64) for name, w in self.exact_weights.items()}

    def amplification(self, order: int) -> float:
        """How much larger the terms of the coefficient of x^order are than the coefficient that is left of them."""
        terms = [v * a**order for v, a in zip(self.factors, self.slopes, strict=True)]
        left = abs(sum(terms, flint.fmpq(0)))
        return _nearest(sum(map(abs, terms), flint.fmpq(0)) / left) if left else float("inf")


def tanh_coefficients(order: int) -> tuple[Any, ...]:
    """τ_0 … τ_order, fmpq, by flint's series."""
    before, flint.ctx.cap = flint.ctx.cap, order + 1
    try:
        found = flint.fmpq_series([0, 1]).tanh()
        return tuple(found[power] for power in range(order + 1))
    finally:
        flint.ctx.cap = before


def even_slopes(width: int) -> tuple[Any, ...]:
    """j/(2m), j = 1 … m: with the largest 1/2 the poles nearest to 0 are ±iπ."""
    return tuple(flint.fmpq(p, 2 * width) for p in range(1, width + 1))


def matching_layer(coefficients: Sequence[Any], slopes: Sequence[Any]) -> TanhLayer:
    """The layer whose coefficients of x, x³, …, x^(2m−1) are the given ones, for m different positive slopes.

    Raises ResiduaError where the numbers do not fit or two slopes are of one size.
    """
    width = len(slopes)
    squares = {rational(a) ** 2 for a in slopes}
    if not width or len(coefficients) != width or len(squares) != width or 0 in squares:
        got = f"{len(coefficients)} and {', '.join(map(str, slopes))}"
        raise ResiduaError(
            f"matching_layer: expected as many coefficients as slopes of different size, not 0, got {got}"
        )
    tanh = tanh_coefficients(2 * width)
    matrix = flint.fmpq_mat([[tanh[p] * rational(a) ** p for a in slopes] for p in range(1, 2 * width, 2)])
    solved = matrix.solve(flint.fmpq_mat([[rational(value)] for value in coefficients]))
    return TanhLayer(tuple(map(rational, slopes)), tuple(solved[p, 0] for p in range(width)))


def sine_terms(width: int) -> tuple[Any, ...]:
    """1, −1/3!, 1/5!, …: the first odd coefficients of sin."""
    return tuple(flint.fmpq((-1) ** p) / flint.fmpz.fac_ui(2 * p + 1) for p in range(width))


def exact_coefficients(net: Network, weights: Mapping[str, Any], order: int) -> tuple[Any, ...]:
    """Coefficients of x^0 … x^order of a network 1 → 1 with tanh or powers, fmpq, from its forward maps.

    Exact at fmpq or float64 weights; raises ArithmeticError where tanh is not taken of something that is 0 at x = 0.
    """
    exact = {name: np.frompyfunc(rational, 1, 1)(np.asarray(value)) for name, value in weights.items()}
    before, flint.ctx.cap = flint.ctx.cap, order + 1
    try:
        line = np.empty((1, 1), dtype=object)
        line[0, 0] = flint.fmpq_series([0, 1])
        found = output(net, _SeriesDomain, line, exact)[0, 0]
        return tuple(found[power] for power in range(order + 1))
    finally:
        flint.ctx.cap = before


class _SeriesDomain(Named):
    """Forward maps over fmpq_series."""

    def function(self, name: str, x: Array) -> Array:
        """tanh of what is 0 at 0, and powers."""
        if name != "tanh":
            raise ArithmeticError(f"{name} is not expected in one hidden tanh layer")
        return np.frompyfunc(_tanh, 1, 1)(x)


def _tanh(z: Any) -> Any:
    if z[0] != 0:
        raise ArithmeticError(f"tanh at {z[0]} is not rational")
    return z.tanh()


def width_matches_terms() -> Derivation:
    """The factors exist for any m different positive slopes, and are unique."""
    tanh = 4**k * (4**k - 1) * sp.bernoulli(2 * k) / sp.factorial(2 * k)
    total = tau(2 * k - 1) * sp.Sum(V[j] * A[j] ** (2 * k - 1), (j, 1, m))
    differences = sp.Product(A[j] ** 2 - A[i] ** 2, (i, 1, j - 1), (j, 2, m))
    determinant = sp.Product(A[j], (j, 1, m)) * differences
    steps = (
        Step(
            "coefficients of tanh",
            tau(2 * k - 1),
            tanh,
            "not 0, as no Bernoulli number of even index is",
            (Proof(f"flint's series of tanh, k ≤ {CHECKED}", _is_tanh),),
        ),
        Step(
            "coefficients of the network",
            c(2 * k - 1),
            total,
            "tanh(a x) has those of tanh times powers of a",
            (Proof("series from the forward map at random rational weights, exactly, m ≤ 8, k ≤ m + 2", _is_sum),),
        ),
        Step(
            "determinant of (a_j^(2k−1))",
            sp.Symbol("Delta"),
            determinant,
            "Vandermonde in the squares: not 0 for different positive slopes",
            (Proof(f"multiplied out with free slopes, m ≤ {FREE}", _is_determinant),),
        ),
        Step(
            "so the first m odd coefficients",
            c(2 * k - 1),
            s(2 * k - 1),
            "k = 1 … m, for any wanted s: the system has one solution",
            (Proof("solved for sin and expanded again from the forward map, exactly, m ≤ 8", _is_matched),),
        ),
    )
    assumptions = ("Slopes a_j different and positive, no biases", "All even coefficients are 0: tanh is odd")
    return Derivation("A tanh layer of width m has m odd terms", c(2 * k - 1), s(2 * k - 1), assumptions, steps)


def _is_tanh(right: sp.Expr) -> bool:
    known = tanh_coefficients(2 * CHECKED)
    return all(right.subs(k, p) == _sympy(known[2 * p - 1]) for p in range(1, CHECKED + 1))


def _is_sum(right: sp.Expr) -> bool:
    return all(_sum_holds(right, width) for width in WIDTHS)


def _sum_holds(right: sp.Expr, width: int) -> bool:
    drawn = np.random.default_rng(width).integers(1, 99, (width, 4)).tolist()
    layer = TanhLayer(*zip(*((flint.fmpq(p, q), flint.fmpq(n, d)) for p, q, n, d in drawn), strict=True))
    found, tanh = _expanded(layer, width), tanh_coefficients(2 * width + 4)
    values = {A[p + 1]: _sympy(a) for p, a in enumerate(layer.slopes)}
    values |= {V[p + 1]: _sympy(v) for p, v in enumerate(layer.factors)}
    for p in range(1, width + 3):
        said = right.subs({k: p, m: width}).doit().xreplace(values | {tau(2 * p - 1): _sympy(tanh[2 * p - 1])})
        if said != _sympy(found[2 * p - 1]) or found[2 * p] != 0:
            return False
    return True


def _expanded(layer: TanhLayer, width: int) -> tuple[Any, ...]:
    return exact_coefficients(layer.network, layer.exact_weights, 2 * width + 4)


def _is_determinant(right: sp.Expr) -> bool:
    return all(_determinant_is(right.subs(m, width), width) for width in range(1, FREE + 1))


def _determinant_is(right: sp.Expr, width: int) -> bool:
    rows = [[A[q] ** (2 * p - 1) for q in range(1, width + 1)] for p in range(1, width + 1)]
    return same(sp.Matrix(rows).det(method="berkowitz"), unfolded(right))


def _is_matched(right: sp.Expr) -> bool:
    for width in WIDTHS:
        found = _expanded(matching_layer(sine_terms(width), even_slopes(width)), width)
        wanted = {s(2 * p + 1): _sympy(value) for p, value in enumerate(sine_terms(width))}
        if any(right.subs(k, p).xreplace(wanted) != _sympy(found[2 * p - 1]) for p in range(1, width + 1)):
            return False
    return True


def _column(values: Sequence[Any]) -> Array:
    found = np.empty((len(values), 1), dtype=object)
    found[:, 0] = values
    return found


def _nearest(q: Any) -> float:
    return float(int(q.p) / int(q.q))  # Python divides whole numbers correctly rounded


def _sympy(q: Any) -> sp.Rational:
    return sp.Rational(int(q.p), int(q.q))

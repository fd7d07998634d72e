"""Described networks with explicit rational weights that compute polynomials exactly: Linear, square, Residual.

Products are differences of squares: u v = ((u + v)² − (u − v)²) / 4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from residua_network import Activation, Layer, Linear, Network, Residual
from residua_symbolic.domains import balls
from residua_symbolic.domains.exact import POLYNOMIALS
from residua_symbolic.domains.named import Named
from residua_symbolic.domains.rounded import UNIT, RoundedDomain
from residua_symbolic.series.constructions.streams import Rationals, Stream
from residua_symbolic.series.networks.walk import output
from residua_symbolic.weights import Floats

Matrix = Any  # object array of fmpq
Part = tuple[Layer, dict[str, Matrix]]  # a layer, and its weights by their names within it
ONE, QUARTER = flint.fmpq(1), flint.fmpq(1, 4)


@dataclass(frozen=True, eq=False)
class ExactNetwork:
    """A network of one input and one output, with rational weights."""

    network: Network
    weights: Mapping[str, Matrix]

    def polynomial(self) -> Any:
        """What it computes, exactly, from the forward maps of its layers."""
        return output(self.network, PolynomialDomain, _entries([[flint.fmpq_poly([0, 1])]]), self.weights)[0, 0]

    def rounded(self) -> dict[str, Floats]:
        """The weights, each as the float64 nearest to it."""
        return {
            name: np.array([float(Fraction(int(q.p), int(q.q))) for q in matrix.flat]).reshape(matrix.shape)
            for name, matrix in self.weights.items()
        }

    def as_stored(self) -> "ExactNetwork":
        """The same with the float64 weights at their exact values: what a model of it computes without rounding."""
        rounded = self.rounded().items()
        return ExactNetwork(
            self.network,
            {
                name: _entries([flint.fmpq(*v.as_integer_ratio()) for v in w.flat]).reshape(w.shape)
                for name, w in rounded
            },
        )

    def values_as_stored(self, x: Floats) -> list[Any]:
        """What a model with the float64 weights computes at x (rows, 1) without rounding: balls of this precision."""
        weights = {name: balls.exact(value) for name, value in self.rounded().items()}
        y = output(self.network, balls.BallDomain, balls.exact(x), weights)
        return [entry if isinstance(entry, flint.arb) else flint.arb(entry) for entry in y[:, 0]]

    def rounding(self, x: Floats) -> Floats:
        """Bounds of what float64 arithmetic may add to the outputs at x of shape (rows, 1): running error bounds."""
        domain = RoundedDomain(UNIT["float64"])
        with np.errstate(all="ignore"):  # what overflows ends as inf or NaN, and no comparison passes those
            y = output(self.network, lambda: RoundedDomain(UNIT["float64"]), domain.array(x), self.rounded())
            return np.broadcast_to(y.error, y.shape).copy()


class PolynomialDomain(Named):
    """Forward maps over object arrays of fmpq_poly."""

    def number(self, value: Any) -> Any:
        """A rational number; a float at its exact value."""
        return flint.fmpq(*value.as_integer_ratio())

    def function(self, name: str, x: Any) -> Any:
        """A polynomial activation."""
        return POLYNOMIALS[name](x)


def assembled(parts: Sequence[Part]) -> ExactNetwork:
    """The parts as one network."""
    weights = {f"{k}.{name}": w for k, (_, own) in enumerate(parts) for name, w in own.items()}
    return ExactNetwork(Network(tuple(layer for layer, _ in parts), inputs=1), weights)


def linear(weight: Sequence[Sequence[Any]], bias: Sequence[Any] | None = None) -> Part:
    """y = W x + b."""
    own = {"weight": _entries(weight)} | ({} if bias is None else {"bias": _entries(bias)})
    return Linear(len(weight[0]), len(weight), bias=bias is not None), own


def residual(parts: Sequence[Part]) -> Part:
    """x + the parts, one after another."""
    own = {f"branch.{k}.{name}": w for k, (_, inner) in enumerate(parts) for name, w in inner.items()}
    return Residual(tuple(layer for layer, _ in parts)), own


SQUARE: Part = (Activation("square"), {})


def carried(c: Rationals, centre: Any = 0, scale: Any = ONE) -> list[Part]:
    """Σ_l c_l (x − centre)^l by a stream of width 3: (w, p, s) with w = (x − centre)/scale carried along and p = w^l.

    Block l adds w^l − w^(l−1) to p, and the l-th term, c_l scale^l w^l, to s. Parts: Linear(1, 3), one Residual a
    term, Linear(3, 1).
    """
    parts = [linear([[ONE / scale], [0], [0]], [-flint.fmpq(centre) / scale, 1, flint.fmpq(c[0])])]
    inside = linear([[1, 1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], [0, 0, -1, 1])
    for power in range(1, len(c)):
        term = c[power] * scale**power * QUARTER
        outside = linear([[0, 0, 0, 0], [0, 0, QUARTER, -QUARTER], [term, -term, 0, 0]], [0, 0, 0])
        parts.append(residual([inside, SQUARE, outside]))
    return [*parts, linear([[0, 0, 1]], [0])]


def taylor_network(c: Rationals, scale: Any = ONE) -> ExactNetwork:
    """T_n with a carried state, n = len(c) − 1: the l-th residual block adds the l-th Taylor term.

    A `scale` as large as |x| keeps the carried power below 1, which rounding is grateful for.
    """
    return assembled(carried(c, 0, scale))


def ladder(coefficient: Any, power: int, centre: Any = 0) -> list[Part]:
    """coefficient · (y − centre)^power by Montgomery's ladder: (w^k, w^(k+1)) → k doubled, or doubled plus one.

    Factors of every product differ by one power of w, so that the squares do not swamp their difference.
    """
    parts = [linear([[0], [1]], [1, -flint.fmpq(centre)])]
    for bit in bin(power)[2:]:
        kept = [0, 1] if bit == "1" else [1, 0]
        parts += [linear([[1, 1], [1, -1], kept]), SQUARE]
        product, square = [QUARTER, -QUARTER, 0], [0, 0, 1]
        parts.append(linear([product, square] if bit == "1" else [square, product]))
    return [*parts, linear([[coefficient, 0]])]


def stream_network(stream: Stream, scale: Any = ONE) -> ExactNetwork:
    """The stream as a described network: one Residual a block, the stream one number wide between them.

    A block of degree 1 is Linear, a monomial around a centre a ladder, another polynomial a carried state inside the
    branch, of y/scale.
    """
    return assembled([residual(_branch(block, stream.centre, scale)) for _, block in stream.blocks])


def _branch(block: Any, centre: Any, scale: Any) -> list[Part]:
    degree = block.degree()
    if degree <= 1:
        return [linear([[block[1]]], [block[0]])]
    about = block(flint.fmpq_poly([centre, 1]))
    if sum(coefficient != 0 for coefficient in about.coeffs()) == 1:
        return ladder(about[degree], degree, centre)
    return carried([about[k] for k in range(degree + 1)], centre, scale)


def _entries(values: Any) -> Matrix:
    """An object array of fmpq (or polynomials) from nested lists; numpy would take polynomials apart."""
    rows = [list(row) for row in values] if isinstance(values[0], list) else None
    shape = (len(values),) if rows is None else (len(rows), len(rows[0]))
    found = np.empty(shape, dtype=object)
    for at in np.ndindex(shape):
        value = values[at[0]] if rows is None else rows[at[0]][at[1]]
        found[at] = flint.fmpq(value) if isinstance(value, int) else value
    return found

"""Taylor enclosures: a polynomial and a ball that together contain a function on a whole interval.

A `Model` of g over T, a ball around 0, holds balls that contain the Taylor coefficients c_0, ..., c_m of g at 0, and a
ball that contains ρ(t) = (g(t) − Σ_{k<=m} c_k t^k) / t^(m+1) for every t in T. Sums, products, quotients, roots and
compositions of models are models (Makino, Berz 2003, Taylor models and other validated functional inclusion methods;
Joldeş 2011, Rigorous polynomial approximations and applications, ch. 2, with the remainder relative to t^(m+1) as
here). As the coefficients are those of g itself, f − T_n has none below t^(n+1): nothing cancels in floating point.

The order m is the model's own: at a kink it falls to 0, with a slope between those of either side; at a jump to −1,
when `rest` contains g itself. Where nothing can be said `rest` is infinite.
"""

from collections.abc import Callable, Sequence
from typing import Any

import flint
import numpy as np

from residua_symbolic.domains.balls import FUNCTIONS
from residua_symbolic.domains.named import AXES, Array, Named
from residua_symbolic.series.enclosures import bounds
from residua_symbolic.series.enclosures.bounds import whole_power

Ball = Any
Poly = Any
SCALARS = (flint.arb, flint.fmpq, int)
POSITIVE = frozenset(("exp", "cosh", "sigmoid", "softplus"))  # of these it is worth knowing what they are not below
NOTHING = flint.arb_poly([])


class Model:
    """Taylor enclosure of a function: `low` (arb_poly, degree <= order), `rest` (arb), `over` (the ball T).

    `least`: what the function is not below, if that is known: squares, and sums of them, are not negative.
    """

    __slots__ = ("_inverse", "_span", "least", "low", "order", "over", "rest")

    def __init__(self, low: Poly, rest: Ball, order: int, over: Ball, least: Ball = None) -> None:
        self.low, self.rest, self.order, self.over, self.least = low, rest, order, over, least
        self._span: Ball = None
        self._inverse: Model | None = None

    def __repr__(self) -> str:
        return f"<Model of order {self.order} over {self.over.str(4)}: {self.low}, rest {self.rest.str(4)}>"

    @property
    def span(self) -> Ball:
        """A ball with g(t) for all t in T."""
        if self._span is None:
            span = _over(self.low, self.over) + self.rest * whole_power(self.over, self.order + 1)
            if self.least is not None and self.least.is_finite() and span.is_finite() and not span >= self.least:
                span = self.least + (span - self.least).nonnegative_part()
            self._span = span
        return self._span

    @property
    def is_zero(self) -> bool:
        """Whether g is 0 identically."""
        return bool(self.low.length() == 0 and self.rest.is_zero())

    @property
    def is_constant(self) -> bool:
        """Whether g does not depend on t."""
        return bool(self.order >= 0 and self.low.length() <= 1 and self.rest.is_zero())

    def cut(self, order: int) -> "Model":
        """The model of a lower order: what lies between goes into `rest`."""
        if order >= self.order:
            return self
        result = _folded(self.low, self.rest * whole_power(self.over, self.order - order), order, self.over)
        result.least = self.least
        return result

    def beyond(self, power: int) -> "Model":
        """(g − Σ_{k<power} c_k t^k) / t^power, of order lower by `power`."""
        return Model(self.low.right_shift(power), self.rest, self.order - power, self.over)

    def bounded_by(self, ball: Ball) -> "Model":
        """The model of order −1 of anything whose values lie in a ball."""
        return Model(NOTHING, ball, -1, self.over)

    def __neg__(self) -> "Model":
        return Model(-self.low, -self.rest, self.order, self.over)

    def __add__(self, other: Any) -> Any:
        if isinstance(other, SCALARS):
            least = None if self.least is None else (self.least + other).lower()
            if self.order < 0:
                return Model(NOTHING, self.rest + other, self.order, self.over, least)
            return Model(self.low + other, self.rest, self.order, self.over, least)
        if not isinstance(other, Model):
            return NotImplemented
        order = min(self.order, other.order)
        a, b = self.cut(order), other.cut(order)
        least = None if self.least is None or other.least is None else (self.least + other.least).lower()
        return Model(a.low + b.low, a.rest + b.rest, order, self.over, least)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return NotImplemented if isinstance(other, np.ndarray) else self + (-other)

    def __rsub__(self, other: Any) -> Any:
        return (-self) + other

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, SCALARS):
            least = None if self.least is None or not other >= 0 else (self.least * other).lower()
            return Model(self.low * other, self.rest * other, self.order, self.over, least)
        if not isinstance(other, Model):
            return NotImplemented
        if other is self:
            return self.squared()
        order = min(self.order, other.order)
        a, b = self.cut(order), other.cut(order)
        return _folded(a.low * b.low, a.rest * b.span + _over(a.low, a.over) * b.rest, order, self.over)

    __rmul__ = __mul__

    def squared(self) -> "Model":
        """g², which is not negative."""
        rest = self.rest * (self.span + _over(self.low, self.over))
        result = _folded(self.low * self.low, rest, self.order, self.over)
        result.least = flint.arb(0)
        return result

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, SCALARS):
            return self * (1 / flint.arb(other))
        if not isinstance(other, Model):
            return NotImplemented
        common = _common_zeros(self, other)
        return self.beyond(common) * other.beyond(common).inverse()

    def __rtruediv__(self, other: Any) -> Any:
        return self.inverse() * other

    def inverse(self) -> "Model":
        """1/g: with q the inverse power series up to t^m, 1/g − q = (1 − q g)/g has no term below t^(m+1)."""
        if self._inverse is None:
            self._inverse = self._inverted()
        return self._inverse

    def _inverted(self) -> "Model":
        span = self.span
        if not (span > 0 or span < 0):
            return self.bounded_by(bounds.UNBOUNDED)
        if self.order < 0:
            return self.bounded_by(1 / span)
        q = _poly((1 / _series(self.low, self.order)), self.order)
        defect = _over((self.low * q).right_shift(self.order + 1), self.over) + _over(q, self.over) * self.rest
        return Model(q, -defect / span, self.order, self.over)

    def __pow__(self, exponent: Any) -> Any:
        if not isinstance(exponent, int):
            return power(self, exponent)
        if exponent < 0:
            return (self**-exponent).inverse()
        result, base = None, self
        while exponent:
            if exponent & 1:
                result = base if result is None else result * base
            exponent >>= 1
            base = base.squared() if exponent else base
        return self * 0 + 1 if result is None else result


def line(at: Ball, slope: Ball, order: int, over: Ball) -> Model:
    """The model of at + slope t."""
    return _folded(flint.arb_poly([at, slope]), flint.arb(0), order, over)


def constant(value: Ball, order: int, over: Ball) -> Model:
    """The model of a number."""
    if order < 0:
        return Model(NOTHING, flint.arb(value), order, over)
    return Model(flint.arb_poly([value]), flint.arb(0), order, over)


def _folded(low: Poly, rest: Ball, order: int, over: Ball) -> Model:
    """A polynomial of any degree, plus rest t^(order+1), as a model of that order."""
    if low.length() <= order + 1:
        return Model(low, rest, order, over)
    return Model(low.truncate(order + 1), rest + _over(low.right_shift(order + 1), over), order, over)


def _over(polynomial: Poly, over: Ball) -> Ball:
    """A ball with the polynomial's values on T."""
    return polynomial(over)


def _series(low: Poly, order: int) -> Any:
    return flint.arb_series(low.coeffs(), order + 1)


def _poly(series: Any, order: int) -> Poly:
    return flint.arb_poly([series[k] for k in range(order + 1)])


def _common_zeros(f: Model, g: Model) -> int:
    """How often t can be taken out of both, for certain; at most what leaves both a coefficient."""
    most, k = min(f.order, g.order), 0
    while k < most and g.low[k].is_zero() and f.low[k].is_zero():
        k += 1
    return k


def composed(
    g: Model, coefficients: Callable[[Ball, int], Sequence[Ball]], derivative: Callable[[Ball, int], Ball]
) -> Model:
    """φ(g), by Taylor's formula with Lagrange's remainder at g_0 = c_0.

    With h = (g − g_0)/t, a_j = φ⁽ʲ⁾(g_0)/j! (`coefficients`) and R a ball with φ⁽ᵐ⁺¹⁾(ξ)/(m+1)! for all ξ between g_0
    and any g(t) (`derivative` of the span): φ(g) = a_0 + t h (a_1 + t h (a_2 + ... + t h R)), the bracket around a_j
    needed to order m − j only.
    """
    order = g.order
    h = g.beyond(1)
    a = coefficients(g.low[0], order)
    lower = _cuts(h)
    whole = lower[-1]
    result = g.bounded_by(derivative(g.span.union(g.low[0]), order + 1))
    for j in range(order, -1, -1):
        reach = order - 1 - j
        low = h.low.truncate(reach + 1) * result.low
        rest = result.rest * whole + _over(result.low, g.over) * lower[reach] if reach >= 0 else result.rest * whole
        product = _folded(low, rest, reach, g.over)
        result = Model(product.low.left_shift(1) + a[j], product.rest, reach + 1, g.over)
    return result


def _cuts(h: Model) -> dict[int, Ball]:
    """`rest` of the model cut to every order from −1 on."""
    found = {h.order: h.rest}
    for k in range(h.order, -1, -1):
        found[k - 1] = h.low[k] + h.over * found[k]
    return found


def elementary(name: str, g: Model) -> Model:
    """A smooth function of a model."""
    if g.order < 0:
        return g.bounded_by(bounds.values(name, g.rest))
    if g.is_constant:
        value = FUNCTIONS[name](g.low[0])
        return constant(value, g.order, g.over) if value.is_finite() else g.bounded_by(bounds.UNBOUNDED)

    def coefficients(at: Ball, order: int) -> list[Ball]:
        series = FUNCTIONS[name](flint.arb_series([at, 1], order + 1))
        return [series[k] for k in range(order + 1)]

    result = composed(g, coefficients, lambda over, k: bounds.derivative(name, over, k))
    if name in POSITIVE:
        result.least = bounds.values(name, g.span).lower()
    return result


def power(g: Model, exponent: Any) -> Model:
    """g^a for g > 0, or g >= 0 where a > 0; `exponent`: a rational that is not whole, a ball, or a model."""
    if isinstance(exponent, Model) or not isinstance(exponent, flint.fmpq):
        return elementary("exp", elementary("log", g) * exponent)
    if exponent == flint.fmpq(1, 2):
        return square_root(g)
    if g.order < 0:
        return g.bounded_by(bounds.power_values(exponent, g.rest))
    smooth = g.cut(int(exponent.floor()) - 1) if exponent > 0 and not g.span > 0 else g
    if smooth.order < 0:
        return g.bounded_by(bounds.power_values(exponent, g.span))
    return composed(
        smooth,
        lambda at, order: _binomial(at, exponent, order),
        lambda over, k: bounds.power_derivative(exponent, over, k),
    )


def _binomial(at: Ball, exponent: Any, order: int) -> list[Ball]:
    """Coefficients of (at + z)^a."""
    found = [at**exponent]
    for j in range(order):
        found.append(found[-1] * (exponent - j) / ((j + 1) * at))
    return found


def square_root(g: Model) -> Model:
    """√g: with q its power series up to t^m, √g − q = (g − q²)/(√g + q) has no term below t^(m+1)."""
    values = bounds.power_values(flint.fmpq(1, 2), g.span)
    if not values.is_finite() or g.order < 0 or not g.low[0] > 0:
        return g.bounded_by(values)
    q = _poly(_series(g.low, g.order).sqrt(), g.order)
    both = values + _over(q, g.over)
    if not both > 0:
        return g.bounded_by(values)
    defect = g.rest - _over((q * q).right_shift(g.order + 1), g.over)
    return Model(q, defect / both, g.order, g.over, values.lower().max(flint.arb(0)))


def relu(g: Model) -> Model:
    """max(0, g): g or 0 where the sign is certain."""
    return _kinked(g, 0)


def absolute(g: Model) -> Model:
    """|g|: ±g where the sign is certain."""
    return _kinked(g, -1)


def _kinked(g: Model, left: int) -> Model:
    """g where it is positive, left · g where it is negative; between them of order 0, since (φ(g) − φ(g_0))/(g − g_0)
    lies between the two slopes. At a kink that only touches g the sign of c_0 decides, and it is not certain."""
    span = g.span
    if g.is_constant:
        return Model(flint.arb_poly([_bent(g.low[0], left)]), g.rest, g.order, g.over)
    if not span.is_finite():
        return g.bounded_by(bounds.UNBOUNDED)
    if g.order < 0 or g.low[0] > 0 or g.low[0] < 0:
        if span >= 0:
            return g
        if span <= 0:
            return Model(g.low * left, g.rest * left, g.order, g.over)
    slopes = flint.arb(left).union(flint.arb(1))
    if g.order < 0:
        return g.bounded_by(_bent(span, left))
    h = g.beyond(1).span
    return Model(flint.arb_poly([_bent(g.low[0], left)]), slopes * h, 0, g.over)


def _bent(x: Ball, left: int) -> Ball:
    """A ball with max(x, left x), which is max(x, 0) or |x|."""
    return x.max(left * x)


def jump(g: Model, left: int) -> Model:
    """1 where g > 0, `left` where g < 0, and 0 at 0 itself; across a jump no more than that it lies between."""
    span = g.span
    sides = flint.arb(left).union(flint.arb(1))
    if g.is_zero or not span.is_finite():
        return g if g.is_zero else g.bounded_by(bounds.UNBOUNDED)
    if not (span > 0 or span < 0):
        return g.bounded_by(sides)
    return constant(flint.arb(1 if span > 0 else left), g.order, g.over)


MODEL_FUNCTIONS: dict[str, Callable[[Model], Model]] = {
    "identity": lambda g: g,
    "square": lambda g: g * g,
    "cube": lambda g: g * g * g,
    "sqrt": square_root,
    "relu": relu,
    "abs": absolute,
    "sign": lambda g: jump(g, -1),
    "step": lambda g: jump(g, 0),
    "gelu": lambda g: g * (elementary("erf", g * (1 / flint.arb(2).sqrt())) + 1) * flint.fmpq(1, 2),
    "silu": lambda g: g * elementary("sigmoid", g),
}


class ModelDomain(Named):
    """Forward maps and expression graphs over models; constants are flint's rationals and balls.

    Arrays are object arrays, mixed as they come. A contraction with balls, or with lines at + slope t, is done by
    flint's matrices.
    """

    def number(self, value: Any) -> Any:
        """A rational number, or a float at its exact value."""
        return flint.fmpq(*value.as_integer_ratio())

    def power(self, x: Any, exponent: Any) -> Any:
        """x^a, by exp(a log x) unless a is rational."""
        if isinstance(x, Model):
            return power(x, exponent)
        if isinstance(exponent, Model):
            return elementary("exp", exponent * flint.arb(x).log())
        return flint.arb(x) ** flint.arb(exponent)

    def sqrt(self, x: Array) -> Array:
        """Square root, entry by entry."""
        return self.function("sqrt", x)

    def function(self, name: str, x: Array) -> Array:
        """A function by name, entry by entry."""
        return np.frompyfunc(lambda g: _applied(name, g), 1, 1)(x) if isinstance(x, np.ndarray) else _applied(name, x)

    def mean(self, x: Array, axis: str = "feature") -> Array:
        """Σ over an axis divided by its length."""
        length = x.shape[AXES[axis]]
        return self._reduced(x.sum(axis=AXES[axis], keepdims=True) * flint.fmpq(1, length))

    def contract(self, weight: Array, x: Array) -> Array:
        """Σ_k weight[i, k] x[..., k]."""
        models = [entry for entry in x.flat if isinstance(entry, Model)]
        parts = _lines(weight)
        if not models or parts is None:
            return super().contract(weight, x)
        order, over = min(g.order for g in models), models[0].over
        at, slope = parts
        result = _contracted(at, x, order, over)
        if slope is not None:
            result = result + np.frompyfunc(_delayed, 1, 1)(_contracted(slope, x, order, over))
        return self._reduced(result)


def _lines(weight: Array) -> tuple[Array, Array | None] | None:
    """Entries at + slope t as two arrays of balls, the second None where nothing moves; None if they are not lines."""
    models = [entry for entry in weight.flat if isinstance(entry, Model)]
    if not models:
        return weight, None
    if not all(entry.order > 0 and entry.low.length() <= 2 and entry.rest.is_zero() for entry in models):
        return None
    part = np.frompyfunc(lambda entry, k: entry.low[k] if isinstance(entry, Model) else entry * (1 - k), 2, 1)
    return part(weight, 0), part(weight, 1)


def _delayed(g: Model) -> Model:
    """t g."""
    return _folded(g.low.left_shift(1), g.rest * g.over, g.order, g.over)


def _applied(name: str, g: Any) -> Any:
    """A function of a model or of a constant."""
    if not isinstance(g, Model):
        if name in ("pi", "e"):
            return FUNCTIONS[name](flint.arb(g))
        value = _applied(name, constant(g, 0, flint.arb(0)))
        return value.low[0] if value.order >= 0 else value.rest
    return MODEL_FUNCTIONS[name](g) if name in MODEL_FUNCTIONS else elementary(name, g)


def _contracted(weight: Array, x: Array, order: int, over: Ball) -> Array:
    """The contraction with balls: coefficients and rests of one row side by side in a matrix."""
    matrix = flint.arb_mat(weight.tolist())
    rows = x.reshape(-1, x.shape[-1])
    result = np.empty((len(rows), weight.shape[0]), dtype=object)
    for at, row in enumerate(rows):
        cuts = [g.cut(order) if isinstance(g, Model) else constant(g, order, over) for g in row]
        entries = [[*(g.low[k] for k in range(order + 1)), g.rest] for g in cuts]
        product = matrix * flint.arb_mat(entries)
        for i, line_of in enumerate(product.tolist()):
            result[at, i] = Model(flint.arb_poly(line_of[:-1]), line_of[-1], order, over)
    return result.reshape(*x.shape[:-1], weight.shape[0])

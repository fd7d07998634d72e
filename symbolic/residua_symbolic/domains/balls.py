"""Arb balls and power series of order one: certified values, and derivatives by flint's own series arithmetic."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import flint
import numpy as np
import sympy as sp

from residua_symbolic.domains.named import Array, Named
from residua_symbolic.domains.tangents import i, j
from residua_symbolic.evaluate import evaluate

BITS = 128  # at 53 Arb loses every digit after ten layers
POINTS = 8
WIDEST = 1e-25  # a ball wider than this at 128 bits would make "they overlap" an empty statement


@contextmanager
def precision(bits: int = BITS, terms: int = 2) -> Iterator[None]:
    """Arb's working precision, and the number of terms that series keep."""
    before = flint.ctx.prec, flint.ctx.cap
    flint.ctx.prec, flint.ctx.cap = bits, terms
    try:
        yield
    finally:
        flint.ctx.prec, flint.ctx.cap = before


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + (-z).exp())


def _tanh(z: Any) -> Any:
    e = (z + z).exp()
    return (e - 1) / (e + 1)


def _positive(z: Any) -> bool:
    """Whether z > 0; a ball around 0 is refused, while at 0 itself relu'(0) = 0 by convention."""
    constant = z[0] if isinstance(z, flint.arb_series) else z
    if constant > 0:
        return True
    if constant <= 0:
        return False
    if not constant.is_finite():
        raise ArithmeticError("a value has no finite bounds: a variance may be zero, or more bits may be needed")
    raise ArithmeticError(f"the sign of {constant} is not certain: the point lies on the kink")


def _sign(z: Any) -> int:
    """1, −1, or 0 at 0 itself; a ball around 0 is refused."""
    return 1 if _positive(z) else -1 if _positive(-z) else 0


# By definition from exp, log, erf and sin, so that nothing here is taken from functions.py.
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "identity": lambda z: z,
    "relu": lambda z: z if _positive(z) else z * 0,
    "step": lambda z: z * 0 + 1 if _positive(z) else z * 0,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "gelu": lambda z: z * (1 + (z / flint.arb(2).sqrt()).erf()) / 2,
    "silu": lambda z: z * _sigmoid(z),
    "softplus": lambda z: (1 + z.exp()).log(),
    "sin": lambda z: z.sin(),
    "cos": lambda z: z.cos(),
    "square": lambda z: z * z,
    "cube": lambda z: z * z * z,
    "exp": lambda z: z.exp(),
    "erf": lambda z: z.erf(),
    "sqrt": lambda z: z.sqrt(),
    "log": lambda z: z.log(),
    "tan": lambda z: z.tan(),
    "sinh": lambda z: (z.exp() - (-z).exp()) / 2,
    "cosh": lambda z: (z.exp() + (-z).exp()) / 2,
    "atan": lambda z: z.atan(),
    "abs": lambda z: z if _positive(z) else -z,
    "sign": lambda z: z * 0 + _sign(z),
    "pi": lambda _: flint.arb.pi(),
    "e": lambda _: flint.arb.const_e(),
}


class BallDomain(Named):
    """Forward maps over object arrays of `arb` or `arb_series`; with `constant_statistics` a mean does not move."""

    def __init__(self, constant_statistics: bool = False) -> None:
        super().__init__()
        self._constant_statistics = constant_statistics

    def mean(self, x: Array, axis: str = "feature") -> Array:
        """As `Named.mean`; with constant statistics the constant coefficient alone."""
        value = super().mean(x, axis)
        if self._constant_statistics:
            value = self.names[f"m{self.reductions}"] = coefficient(value, 0)
        return value

    def number(self, value: Any) -> Any:
        """A float or an int at its exact value; a fraction as a ball around it."""
        p, q = value.as_integer_ratio()
        return flint.arb(p) / q if q != 1 else flint.arb(p)

    def power(self, x: Any, exponent: Any) -> Any:
        """x ** exponent, of a ball or a series."""
        return x**exponent

    def sqrt(self, x: Array) -> Array:
        """Square root, entry by entry."""
        return self.function("sqrt", x)

    def function(self, name: str, x: Array) -> Array:
        """An elementary function by name; of a single number, or entry by entry."""
        return np.frompyfunc(FUNCTIONS[name], 1, 1)(x) if isinstance(x, np.ndarray) else FUNCTIONS[name](x)


def exact(values: Any) -> Array:
    """float64 numbers as balls of radius zero."""
    return np.asarray(np.frompyfunc(lambda v: flint.arb(float(v)), 1, 1)(values), dtype=object)


def series(values: Any, directions: Any) -> Array:
    """The array values + t · directions, of series in t."""
    result = np.empty(np.shape(values), dtype=object)
    for at in np.ndindex(result.shape):
        result[at] = flint.arb_series([flint.arb(values[at]), flint.arb(directions[at])])
    return result


def coefficient(x: Array, power: int) -> Array:
    """The coefficient of t^power, entry by entry; of a plain ball, the ball itself or zero."""

    def one(value: Any) -> Any:
        if isinstance(value, flint.arb_series):
            return value[power]
        return value if power == 0 else flint.arb(0)

    return np.frompyfunc(one, 1, 1)(x)


def agree(a: Any, b: Any, widest: float = WIDEST) -> bool:
    """Whether two balls overlap and are both narrow enough for this to mean something."""
    return is_narrow(a, widest) and is_narrow(b, widest) and bool(a.overlaps(b))


def is_narrow(x: Any, widest: float = WIDEST) -> bool:
    """Whether a ball is finite, and no wider than `widest` beside 1 or beside its middle."""
    bound = flint.arb(widest)
    return bool(x.is_finite()) and bool(x.rad() <= bound or x.rad() <= bound * abs(x.mid()))


def derivative_agrees(function: str, printed: sp.Expr, seed: int = 0) -> bool:
    """Whether the index form δ_ij φ'(x_i) has the derivatives of the function at random points, and zeros beside."""
    points = np.random.default_rng(seed).uniform(-3.0, 3.0, POINTS)
    domain = BallDomain()
    with precision():
        slopes = coefficient(domain.function(function, series(points, np.ones(POINTS))), 1)
        values = {"x": np.array([flint.arb(p) for p in points.tolist()], dtype=object), "n": POINTS}
        matrix = np.broadcast_to(evaluate(printed, values, (i, j), domain), (POINTS, POINTS))
        expected = [[slopes[p] if p == q else flint.arb(0) for q in range(POINTS)] for p in range(POINTS)]
        return all(agree(matrix[at], expected[at[0]][at[1]]) for at in np.ndindex(POINTS, POINTS))

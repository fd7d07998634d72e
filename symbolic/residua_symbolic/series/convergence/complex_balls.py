"""Functions along curves in the complex plane: certified values, branches continued, zeros counted by their arguments.

A number is F(s) of a real parameter |s| <= half: F(0) as a complex ball, and a ball that contains F′ throughout:
F(s) ∈ F(0) + F′ · [−half, half] (the mean value form; balls of Arb are rectangles, hence convex; Johansson 2017).
The same holds for a complex s in a square around 0.

Every function that is not entire states where it would be singular: h(u) = 0. A piece of the curve is accepted only if
Re h(s)/h(0) > 0 on it, for every h. Between the middles of two neighbouring pieces the argument of h then changes by
less than π, and so by exactly the principal argument of the quotient: this continues logarithms and roots across their
cuts, and counts zeros. If the curve is the boundary of a disc in which everything before h is analytic, then the change
of the argument of h around it is 2π times the number of its zeros inside (the argument principle).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import flint
import numpy as np

from residua_symbolic.domains.named import Array, Named
from residua_symbolic.expressions.evaluation import PointError

COST_OF_ONE, COST_OF_FUNCTIONS = 8, 6  # of an operation beside that of an entry; of a function of an entry
WEIGHTS_OF_ONE = 4  # of a matrix, that take as long as an entry
WIDEST_ARGUMENT = 0.25  # of a change between two pieces; wider means that the quotient meets the negative axis


class TooWideError(Exception):
    """A piece of a curve on which a condition cannot be excluded; not an ArithmeticError, which graphs would wrap."""


def _each(function: Callable[..., Any], *arrays: Array) -> Array:
    return np.asarray(np.frompyfunc(function, len(arrays), 1)(*arrays), dtype=object)


def _complex(array: Array) -> Array:
    return _each(flint.acb, array)


class Curved:
    """An array of functions of s: `middle`, their values at s = 0, and `slope`, which contains their derivatives."""

    __array_ufunc__ = None  # numpy leaves the arithmetic to this class

    def __init__(self, domain: "CurveDomain", middle: Array, slope: Array) -> None:
        self.domain, self.middle, self.slope = domain, middle, slope
        domain.cost += COST_OF_ONE + middle.size

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.middle.shape)

    @cached_property
    def shift(self) -> Array:
        """F(s) − F(0)."""
        return self.slope * self.domain.span

    @cached_property
    def whole(self) -> Array:
        """F(s)."""
        return self.middle + self.shift

    def __neg__(self) -> "Curved":
        return Curved(self.domain, -self.middle, -self.slope)

    def __add__(self, other: Any) -> "Curved":
        if isinstance(other, Curved):
            return Curved(self.domain, self.middle + other.middle, self.slope + other.slope)
        middle = self.middle + other
        return Curved(self.domain, middle, _wide(self.slope, middle))

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Curved":
        return self.__add__(-other)

    def __rsub__(self, other: Any) -> "Curved":
        return self.__neg__().__add__(other)

    def __mul__(self, other: Any) -> "Curved":
        if isinstance(other, Curved):
            slope = self.slope * other.whole + self.whole * other.slope
            return Curved(self.domain, self.middle * other.middle, slope)
        return Curved(self.domain, self.middle * other, self.slope * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Curved":
        if not isinstance(other, Curved):
            return Curved(self.domain, self.middle / other, self.slope / other)
        self.domain.nonzero("a division by 0", other.middle, 1 + other.shift / other.middle)
        bottom = other.whole
        slope = (self.slope - self.whole / bottom * other.slope) / bottom
        return Curved(self.domain, self.middle / other.middle, slope)

    def __rtruediv__(self, other: Any) -> "Curved":
        return self.domain.constant(other, self.shape) / self

    def __pow__(self, exponent: int) -> "Curved":
        if exponent < 0:
            return 1 / self ** (-exponent)
        if exponent == 0:
            return self * 0 + 1
        return Curved(self.domain, self.middle**exponent, self.whole ** (exponent - 1) * exponent * self.slope)

    def sum(self, axis: int, keepdims: bool = False) -> "Curved":
        """Σ over an axis."""
        return Curved(
            self.domain, self.middle.sum(axis=axis, keepdims=keepdims), self.slope.sum(axis=axis, keepdims=keepdims)
        )

    def mapped(self, value: Callable[[Any], Any], derivative: Callable[[Any], Any]) -> "Curved":
        """An entire function of each entry, or one whose condition has been met."""
        self.domain.cost += COST_OF_FUNCTIONS * self.middle.size
        return Curved(self.domain, _each(value, self.middle), _each(derivative, self.whole) * self.slope)


def _wide(array: Array, like: Array) -> Array:
    return array if array.shape == like.shape else np.broadcast_to(array, like.shape)


@dataclass
class Mark:
    """A condition h ≠ 0 at the middle of the piece before: h, what its argument has changed by, its logarithm."""

    what: str
    at: Array
    turned: Array
    logarithm: Array | None = None


class CurveDomain(Named):
    """Forward maps and expression graphs over `Curved`; the same map must be run over piece after piece of a curve.

    The first run is at a real point, where `signs` are taken: beyond it relu, abs, sign and step are the analytic
    functions that they are near this point. `kinks`: their arguments in the latest run. `cost`: of all runs, in entries
    of arrays computed. `moving`: how many conditions were not seen to be constant on the pieces of all runs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.span: Any = flint.arb(0)
        self.cost = 0
        self.moving = 0
        self.marks: list[Mark] = []
        self.signs: list[Array] = []
        self.kinks: list[Curved] = []
        self.many_valued = False
        self.symmetric = True  # whether every h is real on the real axis
        self._new: list[Mark] = []
        self._matrices: dict[int, tuple[Array, Any]] = {}
        self._begun = self._follows = False

    def begin(self, span: Any) -> None:
        """Before a run over the s in a ball around 0."""
        self.span = span
        self._new, self.kinks = [], []

    def accept(self) -> None:
        """After a run that raised nothing: go on from this piece."""
        self.marks, self._begun, self._follows = self._new, True, True

    def restart(self) -> None:
        """Count the arguments from here."""
        for mark in self.marks:
            mark.turned = mark.turned * 0

    def leave(self) -> None:
        """Follow nothing from the point before to the next one."""
        self._follows = False

    def nonzero(self, what: str, middle: Array, quotient: Array, logarithm: bool = False) -> Array | None:
        """A condition h ≠ 0, by h(0) and h(s)/h(0); gives the logarithm of h(0), continued along the curve."""
        self.cost += COST_OF_FUNCTIONS * quotient.size
        for q in np.ravel(quotient).tolist():
            self.moving += 0 if q == 1 else 1  # q != 1 says something else of balls
            if not q.real > 0:
                raise TooWideError(what)
        if not self._follows:
            log = _each(_real_logarithm, middle) if logarithm else None
            self._new.append(Mark(what, middle, _each(lambda _: flint.arb(0), middle), log))
            return log
        before = self.marks[len(self._new)]
        change = _each(lambda h, p: (h / p).log(), middle, before.at)
        for step in np.ravel(change).tolist():
            if not step.imag.rad() < WIDEST_ARGUMENT:
                raise TooWideError(what)
        log = before.logarithm + change if logarithm else None
        self._new.append(Mark(what, middle, before.turned + _each(lambda c: c.imag, change), log))
        return log

    def constant(self, value: Any, shape: tuple[int, ...]) -> Curved:
        """A number, or an array of them, as functions that do not change."""
        middle = np.broadcast_to(_complex(np.asarray(value, dtype=object)), shape)
        return Curved(self, middle, np.broadcast_to(np.asarray(flint.acb(0), dtype=object), shape))

    def let(self, name: str, value: Array) -> Array:
        """Names are of no use here."""
        return value

    def number(self, value: Any) -> Any:
        """A float or an int at its exact value; a fraction as a ball around it."""
        p, q = value.as_integer_ratio()
        return flint.arb(p) / q

    def numbers(self, values: Any) -> Array:
        """float64 numbers as balls of radius zero."""
        return _each(lambda v: flint.arb(float(v)), values)

    def contract(self, weight: Array, x: Array) -> Array:
        """Σ_k weight[i, k] x[..., k]; weights of a fixed value by flint's matrix product."""
        if isinstance(weight, Curved) or not isinstance(x, Curved):
            return _contracted(weight, x)
        if id(weight) not in self._matrices:
            self._matrices[id(weight)] = weight, flint.acb_mat(_complex(weight).tolist())
        self.cost += weight.size // WEIGHTS_OF_ONE
        rows = [*x.middle.reshape(-1, x.shape[-1]).tolist(), *x.slope.reshape(-1, x.shape[-1]).tolist()]
        product = self._matrices[id(weight)][1] * flint.acb_mat(rows).transpose()
        columns = _filled(product.entries(), (weight.shape[0], 2, *x.shape[:-1]))
        return Curved(self, np.moveaxis(columns[:, 0], 0, -1), np.moveaxis(columns[:, 1], 0, -1))

    def power(self, x: Any, exponent: Any) -> Any:
        """x ** exponent = exp(exponent · log x) for an exponent that is not a whole number."""
        return self.function("exp", exponent * self.function("log", x))

    def sqrt(self, x: Array) -> Array:
        """Square root, of constants too."""
        return self.function("sqrt", x)

    def function(self, name: str, x: Array) -> Array:
        """An elementary function by name."""
        if name in ("pi", "e"):
            return flint.arb.pi() if name == "pi" else flint.arb.const_e()
        if not isinstance(x, Curved):
            array = np.atleast_1d(np.asarray(x, dtype=object))
            return FUNCTIONS[name](self, self.constant(array, array.shape)) if name != "sqrt" else _each(_root, array)
        return FUNCTIONS[name](self, x)

    def logarithm(self, u: Curved, what: str) -> Curved:
        """log u, continued from the branch that is real at the first point."""
        self.many_valued = True
        value = self.nonzero(what, u.middle, 1 + u.shift / u.middle, logarithm=True)
        return Curved(self, np.asarray(value, dtype=object), u.slope / u.whole)

    def piece(self, u: Curved) -> Array:
        """1 or 0: whether u > 0 at the first point, and taken so ever after."""
        self.kinks.append(u)
        if not self._begun:
            self.signs.append(_each(_is_positive, u.middle))
        return self.signs[len(self.kinks) - 1]


def _filled(entries: list[Any], shape: tuple[int, ...]) -> Array:
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array.reshape(shape)


def _contracted(weight: Array, x: Array) -> Array:
    """Σ_k weight[i, k] x[..., k] where the weights move, too."""

    def at(value: Array, index: Any) -> Array:
        if isinstance(value, Curved):
            return Curved(value.domain, value.middle[index], value.slope[index])
        return value[index]

    return (at(weight, (np.newaxis,)) * at(x, (slice(None), np.newaxis))).sum(axis=-1)


def _root(z: Any) -> Any:
    return z.sqrt()


def _real_logarithm(z: Any) -> Any:
    """log z at the first point, which is real, and where 1 ± iu belong to arctan."""
    if z.imag == 0 and not z.real > 0:
        raise PointError(f"the logarithm, root or power of {z.real.str(6)} is not real at the expansion point")
    return z.log()


def _is_positive(z: Any) -> int:
    if not (z.real > 0 or z.real < 0):
        raise PointError(f"{z.real.str(6)} lies on a kink: no Taylor series there")
    return int(z.real > 0)


def _tanh(o: CurveDomain, u: Curved) -> Curved:
    shift = u.shift
    quotient = _each(lambda c, e: e.cosh() + c.tanh() * e.sinh(), u.middle, shift)
    o.nonzero("a pole of tanh", _each(lambda c: c.cosh(), u.middle), quotient)
    return u.mapped(lambda z: z.tanh(), lambda z: z.sech() ** 2)


def _tan(o: CurveDomain, u: Curved) -> Curved:
    quotient = _each(lambda c, e: e.cos() - c.tan() * e.sin(), u.middle, u.shift)
    o.nonzero("a pole of tan", _each(lambda c: c.cos(), u.middle), quotient)
    return u.mapped(lambda z: z.tan(), lambda z: z.sec() ** 2)


def _logistic(z: Any) -> Any:
    return 1 / (1 + (-z).exp())


def _sigmoid(o: CurveDomain, u: Curved) -> Curved:
    quotient = _each(lambda c, e: 1 + _logistic(-c) * ((-e).exp() - 1), u.middle, u.shift)
    o.nonzero("a pole of sigmoid", _each(lambda c: 1 + (-c).exp(), u.middle), quotient)
    return u.mapped(_logistic, lambda z: (z / 2).sech() ** 2 / 4)


def _softplus(o: CurveDomain, u: Curved) -> Curved:
    o.many_valued = True
    quotient = _each(lambda c, e: 1 + _logistic(c) * (e.exp() - 1), u.middle, u.shift)
    value = o.nonzero("a branch point of softplus", _each(lambda c: 1 + c.exp(), u.middle), quotient, logarithm=True)
    return Curved(o, np.asarray(value, dtype=object), _each(_logistic, u.whole) * u.slope)


def _sqrt(o: CurveDomain, u: Curved) -> Curved:
    log = o.logarithm(u, "a branch point of sqrt")
    middle = _each(lambda l: (l / 2).exp(), log.middle)
    root = middle * _each(lambda q: q.sqrt(), 1 + u.shift / u.middle)  # Re > 0 has been checked
    return Curved(o, middle, u.slope / root / 2)


def _atan(o: CurveDomain, u: Curved) -> Curved:
    o.symmetric = False
    i = flint.acb(0, 1)
    plus, minus = (o.logarithm(1 + k * u, "a branch point of atan") for k in (i, -i))
    middle = (plus.middle - minus.middle) / (2 * i)
    return Curved(o, middle, u.slope / (1 + u.whole**2))


def _erf(o: CurveDomain, u: Curved) -> Curved:
    scale = 2 / flint.arb.pi().sqrt()
    return u.mapped(lambda z: z.erf(), lambda z: scale * (-z * z).exp())


FUNCTIONS: dict[str, Callable[[CurveDomain, Curved], Any]] = {
    "identity": lambda o, u: u,
    "relu": lambda o, u: u * o.piece(u),
    "step": lambda o, u: o.constant(o.piece(u), u.shape),
    "abs": lambda o, u: u * (2 * o.piece(u) - 1),
    "sign": lambda o, u: o.constant(2 * o.piece(u) - 1, u.shape),
    "tanh": _tanh,
    "tan": _tan,
    "sigmoid": _sigmoid,
    "silu": lambda o, u: u * _sigmoid(o, u),
    "softplus": _softplus,
    "gelu": lambda o, u: u * (1 + _erf(o, u / flint.arb(2).sqrt())) / 2,
    "erf": _erf,
    "sqrt": _sqrt,
    "log": lambda o, u: o.logarithm(u, "a branch point of log"),
    "atan": _atan,
    "sin": lambda o, u: u.mapped(lambda z: z.sin(), lambda z: z.cos()),
    "cos": lambda o, u: u.mapped(lambda z: z.cos(), lambda z: -z.sin()),
    "exp": lambda o, u: u.mapped(lambda z: z.exp(), lambda z: z.exp()),
    "sinh": lambda o, u: u.mapped(lambda z: z.sinh(), lambda z: z.cosh()),
    "cosh": lambda o, u: u.mapped(lambda z: z.cosh(), lambda z: z.sinh()),
    "square": lambda o, u: u**2,
    "cube": lambda o, u: u**3,
}

"""Index-form SymPy formulas evaluated over arrays of any number type: float64, exact fractions, Arb balls."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import add, mul
from typing import Any, Protocol

import numpy as np
import sympy as sp

from residua_symbolic.domains.tangents import BATCH, FEATURE, labels


class Arithmetic(Protocol):
    """What evaluation needs of a domain of numbers."""

    def number(self, value: Any) -> Any:
        """A constant."""

    def function(self, name: str, x: Any) -> Any:
        """An elementary function by name; "sqrt" and "pi" (of anything) for constants."""


Values = Mapping[str, Any]
Evaluated = Callable[[Values, Arithmetic], Any]


def evaluate(formula: sp.Expr, values: Values, marks: Sequence[sp.Symbol], domain: Arithmetic) -> Any:
    """The array formula[marks], of shape (rows..., len(marks[0]), len(marks[1]), ...), axes of length 1 broadcast.

    `values` holds under each name an array whose last axes are the indices of that atom, any axes before them rows;
    a scalar's array has one last axis of length 1, as sums with `keepdims` leave it. A size is a plain int.
    """
    return compiled(sp.sympify(formula), tuple(marks))(values, domain)


@lru_cache(maxsize=4096)
def compiled(e: sp.Expr, marks: tuple[sp.Symbol, ...]) -> Evaluated:
    """`evaluate` as a function of values and domain: a formula is read once, and evaluated at every layer."""
    if e.is_Rational:
        return _rational(int(e.p), int(e.q))
    if e.is_Add:
        return _folded(add, [compiled(a, marks) for a in e.args])
    if e.is_Mul:
        small_first = sorted(e.args, key=lambda a: len(labels(a)))
        return _folded(mul, [compiled(a, marks) for a in small_first])
    if e.is_Pow:
        return _power(e, marks)
    if isinstance(e, sp.Indexed):
        return _placed(e.base.label.name, e.indices, marks)
    if isinstance(e, sp.Symbol):
        return _scalar(e.name, len(marks))
    if isinstance(e, sp.KroneckerDelta):
        return _delta(e, marks)
    if isinstance(e, sp.Sum):
        return _sum(e, marks)
    if isinstance(e, sp.Function) and not e.is_number:
        name, argument = type(e).__name__, compiled(e.args[0], marks)
        return lambda values, domain: domain.function(name, argument(values, domain))
    if e.is_number:  # sqrt(2), pi: constants that a derivative brings along
        return _constant(e)
    raise TypeError(f"no value for {e!r} of type {type(e).__name__}")


def _folded(operation: Callable[[Any, Any], Any], parts: list[Evaluated]) -> Evaluated:
    def run(values: Values, domain: Arithmetic) -> Any:
        result = parts[0](values, domain)
        for part in parts[1:]:
            result = operation(result, part(values, domain))
        return result

    return run


def _rational(p: int, q: int) -> Evaluated:
    if q == 1:
        return lambda values, domain: domain.number(p)
    return lambda values, domain: domain.number(p) / domain.number(q)


def _power(e: sp.Expr, marks: tuple[sp.Symbol, ...]) -> Evaluated:
    if e.exp.is_Integer:
        power = _folded(mul, [compiled(e.base, marks)] * abs(int(e.exp)))
        return power if e.exp > 0 else lambda values, domain: domain.number(1) / power(values, domain)
    if e.is_number:
        return _constant(e)
    raise TypeError(f"no value for the power {e!r}: only whole exponents of variables are evaluated")


def _constant(e: sp.Expr) -> Evaluated:
    if e == sp.pi:
        return lambda values, domain: domain.function("pi", domain.number(1))
    if e.is_Pow and abs(e.exp) == sp.Rational(1, 2):
        base = compiled(e.base, ())
        if e.exp > 0:
            return lambda values, domain: domain.function("sqrt", base(values, domain))
        return lambda values, domain: domain.number(1) / domain.function("sqrt", base(values, domain))
    raise TypeError(f"no value for the constant {e!r}")


def _scalar(name: str, extra: int) -> Evaluated:
    def run(values: Values, domain: Arithmetic) -> Any:
        value = values[name]
        if not hasattr(value, "reshape"):
            return domain.number(value) if isinstance(value, int) else value
        rows = value.shape[:-1]
        return value.reshape(rows + (1,) * extra) if rows or extra else value.reshape(1)[0]

    return run


def _placed(name: str, indices: Sequence[sp.Symbol], marks: tuple[sp.Symbol, ...]) -> Evaluated:
    order, place = _places(indices, marks)
    return lambda values, domain: _place(values[name], order, place)


def _places(indices: Sequence[sp.Symbol], marks: tuple[sp.Symbol, ...]) -> tuple[list[int], list[int | None]]:
    """The indices in the order of the marks; for every mark, the index that stands there."""
    order = sorted(range(len(indices)), key=lambda p: marks.index(indices[p]))
    return order, [indices.index(mark) if mark in indices else None for mark in marks]


def _place(value: Any, order: list[int], place: list[int | None]) -> Any:
    """The array with an axis for every mark, of length 1 where its indices have none."""
    rows = value.ndim - len(order)
    if len(order) == len(place) == 1:  # one index, which is the mark
        return value
    moved = value.transpose(*range(rows), *(rows + p for p in order))
    return moved.reshape(value.shape[:rows] + tuple(1 if p is None else value.shape[rows + p] for p in place))


def _delta(e: sp.KroneckerDelta, marks: tuple[sp.Symbol, ...]) -> Evaluated:
    axis = BATCH if BATCH.label in e.args or BATCH.primed in e.args else FEATURE
    order, place = _places(tuple(e.args), marks)

    def run(values: Values, domain: Arithmetic) -> Any:
        size = values[axis.size.name]
        eye = np.array([[domain.number(int(p == q)) for q in range(size)] for p in range(size)])
        return _place(eye, order, place)

    return run


def _sum(e: sp.Sum, marks: tuple[sp.Symbol, ...]) -> Evaluated:
    """Σ over a whole axis, from 1 to the axis' own length: what is printed as limits is what is summed over."""
    if len(e.limits) != 1 or len(e.limits[0]) != 3 or e.limits[0][1] != 1 or e.limits[0][0] in marks:
        raise ValueError(f"evaluate: a sum must have one label of its own and begin at 1, got {e}")
    ((label, _, upper),) = e.limits
    length = _length(upper)
    if label not in e.function.free_symbols:
        constant = compiled(e.function, marks)
        return lambda values, domain: constant(values, domain) * domain.number(length(values))
    term = compiled(e.function, (*marks, label))

    def run(values: Values, domain: Arithmetic) -> Any:
        inner = term(values, domain)
        if inner.shape[-1] != length(values):
            raise ValueError(f"evaluate: the axis {label} of {inner.shape[-1]} is summed to {upper} = {length(values)}")
        return inner.sum(axis=-1)

    return run


def _length(upper: sp.Expr) -> Callable[[Values], int]:
    """The last index of a sum: a size, or a number."""
    if upper.is_Integer:
        return lambda values: int(upper)
    if upper.is_Symbol:
        return lambda values: int(values[upper.name])
    raise ValueError(f"evaluate: a sum must end at a size or a number, got {upper}")

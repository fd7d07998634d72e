"""Index-form SymPy formulas evaluated over arrays of any number type: float64, exact fractions, Arb balls."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import add, mul
from typing import Any

import numpy as np
import sympy as sp

Number = Callable[[Any], Any]
Function = Callable[[str, Any], Any]


def evaluate(
    formula: sp.Expr,
    values: Mapping[str, Any],
    marks: Sequence[sp.Symbol],
    number: Number = float,
    function: Function | None = None,
) -> Any:
    """The array formula[marks], of shape (rows..., len(marks[0]), len(marks[1]), ...), axes of length 1 broadcast.

    `values` holds under each name an array whose last axes are the indices of that atom, any axes before them rows;
    a scalar's array has one last axis of length 1, as sums with `keepdims` leave it. A size is a plain int.
    """
    return _Evaluator(values, number, function).at(sp.sympify(formula), tuple(marks))


class _Evaluator:
    def __init__(self, values: Mapping[str, Any], number: Number, function: Function | None) -> None:
        self.values, self.number, self.function = values, number, function

    def at(self, e: sp.Expr, marks: tuple[sp.Symbol, ...]) -> Any:
        if e.is_Rational:
            return self.number(int(e.p)) / self.number(int(e.q)) if e.q != 1 else self.number(int(e.p))
        if e.is_Add:
            return reduce(add, (self.at(a, marks) for a in e.args))
        if e.is_Mul:
            return reduce(mul, (self.at(a, marks) for a in e.args))
        if e.is_Pow:
            return self._power(e, marks)
        if isinstance(e, sp.Indexed):
            return self._place(self.values[e.base.label.name], e.indices, marks)
        if isinstance(e, sp.Symbol):
            return self._scalar(self.values[e.name], marks)
        if isinstance(e, sp.KroneckerDelta):
            return self._delta(e, marks)
        if isinstance(e, sp.Sum):
            (label, _, length), *_ = e.limits
            inner = self.at(e.function, (*marks, label))
            total = inner.sum(axis=-1)
            return total if inner.shape[-1] > 1 else total * self.at(length, marks)  # constant along the label
        if isinstance(e, sp.Function) and self.function is not None:
            return self.function(type(e).__name__, self.at(e.args[0], marks))
        if e.is_number:  # sqrt(2), pi: constants that a derivative brings along
            return self.number(float(e)) if self.number is float else self._constant(e)
        raise TypeError(f"no value for {e!r} of type {type(e).__name__}")

    def _power(self, e: sp.Expr, marks: tuple[sp.Symbol, ...]) -> Any:
        if e.exp.is_Integer:
            power = reduce(mul, [self.at(e.base, marks)] * abs(int(e.exp)))
            return power if e.exp > 0 else self.number(1) / power
        if e.is_number:
            return self._constant(e)
        raise TypeError(f"no value for the power {e!r}: only whole exponents of variables are evaluated")

    def _constant(self, e: sp.Expr) -> Any:
        if self.number is float:
            return float(e)
        if self.function is None:
            raise TypeError(f"no exact value for the constant {e!r}")
        if e == sp.pi:
            return self.function("pi", self.number(1))
        if e.is_Pow and abs(e.exp) == sp.Rational(1, 2):
            root = self.function("sqrt", self.at(e.base, ()))
            return root if e.exp > 0 else self.number(1) / root
        raise TypeError(f"no exact value for the constant {e!r}")

    def _scalar(self, value: Any, marks: tuple[sp.Symbol, ...]) -> Any:
        if not hasattr(value, "reshape"):
            return self.number(value) if isinstance(value, int) else value
        rows = value.shape[:-1]
        return value.reshape(rows + (1,) * len(marks)) if rows or marks else value.reshape(1)[0]

    def _place(self, value: Any, indices: Sequence[sp.Symbol], marks: tuple[sp.Symbol, ...]) -> Any:
        order = sorted(range(len(indices)), key=lambda p: marks.index(indices[p]))
        rows = value.ndim - len(indices)
        moved = value.transpose(*range(rows), *(rows + p for p in order))
        lengths = {indices[p]: value.shape[rows + p] for p in order}
        return moved.reshape(value.shape[:rows] + tuple(lengths.get(mark, 1) for mark in marks))

    def _delta(self, e: sp.KroneckerDelta, marks: tuple[sp.Symbol, ...]) -> Any:
        size = self.values["n"]
        eye = np.array([[self.number(int(p == q)) for q in range(size)] for p in range(size)])
        return self._place(eye, tuple(e.args), marks)

"""A layer's Jacobian as a structured operator, read off the normal form: never a dense matrix for what is diagonal
or of low rank."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from residua_symbolic.domains.tangents import Tangent, i, j, labels, n
from residua_symbolic.evaluate import evaluate


@dataclass(frozen=True)
class Term:
    """left[i] · v[i] where tied; else left[i] · Σ_j matrix[i, j] right[j] v[j], with matrix absent for rank one."""

    tied: bool
    left: sp.Expr
    matrix: sp.Indexed | None = None
    right: sp.Expr = sp.S.One

    @property
    def kernel(self) -> sp.Expr:
        """The entry [i, j] without the Kronecker delta of a tied term."""
        return self.left * self.right * (1 if self.matrix is None else self.matrix)


@dataclass(frozen=True)
class Operator:
    """A sum of terms; linear in the vector that it is applied to."""

    terms: tuple[Term, ...]

    @property
    def components(self) -> sp.Expr:
        """J[i, j] in index form."""
        return sp.Add(*((sp.KroneckerDelta(i, j) if t.tied else 1) * sp.factor(t.kernel) for t in self.terms))

    def apply(self, v: str = "v") -> sp.Expr:
        """(J v)_i as a formula, for a vector of that name."""
        vector = sp.IndexedBase(v, real=True)
        summed = (sp.Sum(t.kernel * vector[j], (j, 1, n)) for t in self.terms if not t.tied)
        return sp.Add(*(t.kernel * vector[i] for t in self.terms if t.tied), *summed)

    def transpose(self, u: str = "u") -> sp.Expr:
        """(Jᵀ u)_j as a formula, for a vector of that name."""
        vector = sp.IndexedBase(u, real=True)
        summed = (sp.Sum(t.kernel * vector[i], (i, 1, n)) for t in self.terms if not t.tied)
        return sp.Add(*((t.kernel * vector[i]).xreplace({i: j}) for t in self.terms if t.tied), *summed)

    def at(self, values: Mapping[str, Any], function: Callable[[str, Any], Any] | None = None) -> "AtPoint":
        """The operator over arrays of numbers, at the values of one forward pass."""
        rows = []
        for t in self.terms:
            weight = None if t.matrix is None else values[t.matrix.base.label.name]
            left, right = (_array(e, mark, values, function) for e, mark in ((t.left, i), (t.right, j)))
            rows.append(_Row(t.tied, left, weight, right))
        return AtPoint(tuple(rows))


def _array(e: sp.Expr, mark: sp.Symbol, values: Mapping[str, Any], function: Any) -> Any:
    """`e` over one axis, with an axis for the vectors between rows and features; None for 1."""
    if e == 1:
        return None
    value = evaluate(e, values, (mark,), float, function)
    return value[..., None, :] if getattr(value, "ndim", 0) > 1 else value


@dataclass(frozen=True)
class _Row:
    tied: bool
    left: Any
    matrix: Any
    right: Any


@dataclass(frozen=True)
class AtPoint:
    """J at one point of every row. Vectors have the shape (rows, vectors, features)."""

    rows: tuple[_Row, ...]

    def apply(self, v: Any) -> Any:
        """J v; (rows, vectors, inputs) -> (rows, vectors, outputs)."""
        return _total(_scaled(row.left, _inner(row, _scaled(row.right, v))) for row in self.rows)

    def transpose(self, u: Any) -> Any:
        """Jᵀ u; (rows, vectors, outputs) -> (rows, vectors, inputs)."""
        return _total(_scaled(row.right, _inner(row, _scaled(row.left, u), transposed=True)) for row in self.rows)


def _total(parts: Any) -> Any:
    first, *rest = parts
    for part in rest:
        first = first + part
    return first


def _scaled(factor: Any, v: Any) -> Any:
    return v if factor is None else factor * v


def _inner(row: _Row, v: Any, transposed: bool = False) -> Any:
    if row.tied:
        return v
    if row.matrix is None:
        return v.sum(axis=-1, keepdims=True)
    return v @ (row.matrix if transposed else row.matrix.swapaxes(-1, -2))


def read_off(tangent: Tangent) -> Operator:
    """The operator of a differential in the feature axis."""
    grouped: dict[tuple[bool, sp.Indexed | None, sp.Expr], sp.Expr] = {}
    for pattern, kernel in tangent.items():
        tied = pattern[-1] is not None
        for monomial in sp.Add.make_args(sp.expand(kernel)):
            left, matrix, right = _split(monomial)
            key = (tied, matrix, right)
            grouped[key] = grouped.get(key, sp.Integer(0)) + left
    order = sorted(grouped.items(), key=lambda item: (not item[0][0], str(item[0])))
    return Operator(tuple(Term(tied, left, matrix, right) for (tied, matrix, right), left in order if left != 0))


def _split(monomial: sp.Expr) -> tuple[sp.Expr, sp.Indexed | None, sp.Expr]:
    """left(i) · matrix(i, j) · right(j); scalars go to the left."""
    left, matrix, right = sp.Integer(1), None, sp.Integer(1)
    for factor in sp.Mul.make_args(monomial):
        marks = labels(factor)
        if j not in marks:
            left *= factor
        elif marks == {j}:
            right *= factor
        elif isinstance(factor, sp.Indexed) and matrix is None:
            matrix = factor
        else:
            raise ValueError(f"the kernel {monomial} does not split into a product over the output and the input")
    return left, matrix, right

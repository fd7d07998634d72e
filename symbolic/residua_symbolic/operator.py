"""A layer's Jacobian as a structured operator, read off the normal form: never a dense matrix for what is diagonal
or of low rank."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy as sp

from residua_symbolic.domains.tangents import BATCH, FEATURE, Axis, Tangent, i, j, labels
from residua_symbolic.evaluate import Evaluated, compiled


@dataclass(frozen=True)
class Term:
    """left · v where tied; else left · Σ matrix right v over the coupled axis, with matrix absent for rank one.

    `left` carries the labels of the output, `right` those of the input.
    """

    tied: bool
    left: sp.Expr
    matrix: sp.Indexed | None = None
    right: sp.Expr = sp.S.One

    @property
    def kernel(self) -> sp.Expr:
        """The entry without the Kronecker delta of a tied term."""
        return self.left * self.right * (1 if self.matrix is None else self.matrix)


@dataclass(frozen=True)
class Operator:
    """A sum of terms that couples the entries along one axis: the features of a row, or the rows of one feature."""

    terms: tuple[Term, ...]
    axis: Axis = FEATURE

    @property
    def output(self) -> tuple[sp.Symbol, ...]:
        """The labels of an output entry: [i], or [b, i] where rows are coupled."""
        return (self.axis.label,) if self.axis is FEATURE else (self.axis.label, i)

    @property
    def input(self) -> tuple[sp.Symbol, ...]:
        """The labels of an input entry along the coupled axis: [j], or [c, i]."""
        return (self.axis.primed,) if self.axis is FEATURE else (self.axis.primed, i)

    @property
    def components(self) -> sp.Expr:
        """J[i, j] in index form; J[b, i, c, j] where rows are coupled, zero unless i = j."""
        delta = sp.KroneckerDelta(self.axis.label, self.axis.primed)
        total = sp.Add(*((delta if t.tied else 1) * sp.factor(t.kernel) for t in self.terms))
        return total if self.axis is FEATURE else sp.KroneckerDelta(i, j) * total

    @property
    def of_one_feature(self) -> sp.Expr:
        """The entry along the coupled axis: J[i, j], or J[b, i, c, i] where rows are coupled."""
        return self.components.xreplace({} if self.axis is FEATURE else {sp.KroneckerDelta(i, j): sp.Integer(1)})

    def apply(self, v: str = "v") -> sp.Expr:
        """(J v)_i, or (J v)_bi, as a formula, for a vector of that name."""
        vector = sp.IndexedBase(v, real=True)
        limits = (self.axis.primed, 1, self.axis.size)
        summed = (sp.Sum(t.kernel * vector[self.input], limits) for t in self.terms if not t.tied)
        return sp.Add(*(t.kernel * vector[self.output] for t in self.terms if t.tied), *summed)

    def transpose(self, u: str = "u") -> sp.Expr:
        """(Jᵀ u)_j, or (Jᵀ u)_ci, as a formula, for a vector of that name."""
        vector = sp.IndexedBase(u, real=True)
        limits = (self.axis.label, 1, self.axis.size)
        summed = (sp.Sum(t.kernel * vector[self.output], limits) for t in self.terms if not t.tied)
        tied = (t.kernel * vector[self.output] for t in self.terms if t.tied)
        return sp.Add(*(e.xreplace({self.axis.label: self.axis.primed}) for e in tied), *summed)

    def at(self, values: Mapping[str, Any], domain: Any) -> "AtPoint":
        """The operator over arrays of a domain's numbers, at the values of one forward pass."""
        rows = []
        for tied, left, matrix, right in self._compiled:
            weight = None if matrix is None else values[matrix]
            rows.append(_Row(tied, _over_vectors(left, values, domain), weight, _over_vectors(right, values, domain)))
        return AtPoint(tuple(rows), -1 if self.axis is FEATURE else 0)

    @cached_property
    def _compiled(self) -> "tuple[tuple[bool, Evaluated | None, str | None, Evaluated | None], ...]":
        """The terms to be evaluated over the features; None for 1.

        xhat[b, i] is read as xhat[i]: rows are the first axis of every array, whether a layer couples them or not.
        """
        right_mark = j if self.axis is FEATURE else i

        def over(e: sp.Expr, mark: sp.Symbol) -> Evaluated | None:
            return None if e == 1 else compiled(_plain(e), (mark,))

        return tuple(
            (t.tied, over(t.left, i), None if t.matrix is None else t.matrix.base.label.name, over(t.right, right_mark))
            for t in self.terms
        )


def _over_vectors(e: Evaluated | None, values: Mapping[str, Any], domain: Any) -> Any:
    """The array over the features, with an axis for the vectors between rows and features; None for 1."""
    if e is None:
        return None
    value = e(values, domain)
    return value[..., None, :] if getattr(value, "ndim", 0) > 1 else value


def _plain(e: sp.Expr) -> sp.Expr:
    """`e` with the labels of rows left out."""
    found = {a: a.base[a.indices[1]] for a in e.atoms(sp.Indexed) if a.indices[0] in (BATCH.label, BATCH.primed)}
    return e.xreplace(found)


@dataclass(frozen=True)
class _Row:
    tied: bool
    left: Any
    matrix: Any
    right: Any


@dataclass(frozen=True)
class AtPoint:
    """J at the points of a batch. Vectors have the shape (rows, vectors, features); `axis` is the one coupled."""

    rows: tuple[_Row, ...]
    axis: int = -1

    @property
    def couples_rows(self) -> bool:
        """Whether a vector's rows meet."""
        return self.axis == 0 and not all(row.tied for row in self.rows)

    def apply(self, v: Any) -> Any:
        """J v; (rows, vectors, inputs) -> (rows, vectors, outputs)."""
        return _total(_scaled(row.left, self._inner(row, row.right, v)) for row in self.rows)

    def transpose(self, u: Any) -> Any:
        """Jᵀ u; (rows, vectors, outputs) -> (rows, vectors, inputs)."""
        return _total(_scaled(row.right, self._inner(row, row.left, u, transposed=True)) for row in self.rows)

    def _inner(self, row: _Row, factor: Any, v: Any, transposed: bool = False) -> Any:
        """What a term does to factor · v between its two factors."""
        if not row.tied and row.matrix is None:
            return _dot(factor, v, self.axis)
        v = _scaled(factor, v)
        if row.tied:
            return v
        matrix = row.matrix if transposed else row.matrix.swapaxes(-1, -2)
        if matrix.ndim > 2:  # one for every row
            return v @ matrix
        rows, vectors, features = v.shape
        return (v.reshape(rows * vectors, features) @ matrix).reshape(rows, vectors, -1)  # one product, not one a row


def _dot(factor: Any, v: Any, axis: int) -> Any:
    """Σ factor · v along an axis, which stays with length 1; float64 without an array for the product."""
    plain = isinstance(factor, np.ndarray) and isinstance(v, np.ndarray) and v.dtype == np.float64
    if plain and axis == -1 and factor.shape[-1] == v.shape[-1]:
        return np.vecdot(factor, v)[..., None]
    return _scaled(factor, v).sum(axis=axis, keepdims=True)


def _total(parts: Any) -> Any:
    first, *rest = parts
    for part in rest:
        first = first + part
    return first


def _scaled(factor: Any, v: Any) -> Any:
    return v if factor is None else factor * v


def read_off(tangent: Tangent) -> Operator:
    """The operator of a differential: in the feature axis, or, where it has a row axis too, in that one."""
    axis = BATCH if any(len(pattern) > 1 for pattern in tangent) else FEATURE
    grouped: dict[tuple[bool, sp.Indexed | None, sp.Expr], sp.Expr] = {}
    for pattern, kernel in tangent.items():
        if axis is BATCH and pattern[1] is None:
            raise ValueError("rows and features are both coupled: there is no operator along one axis")
        tied = pattern[0] is not None
        for monomial in sp.Add.make_args(sp.expand(kernel)):
            left, matrix, right = _split(monomial, axis)
            key = (tied, matrix, right)
            grouped[key] = grouped.get(key, sp.Integer(0)) + left
    order = sorted(grouped.items(), key=lambda item: (not item[0][0], str(item[0])))
    return Operator(tuple(Term(tied, left, matrix, right) for (tied, matrix, right), left in order if left != 0), axis)


def _split(monomial: sp.Expr, axis: Axis) -> tuple[sp.Expr, sp.Indexed | None, sp.Expr]:
    """left(output) · matrix(output, input) · right(input); what carries neither label goes to the left."""
    left, matrix, right = sp.Integer(1), None, sp.Integer(1)
    for factor in sp.Mul.make_args(monomial):
        marks = labels(factor)
        if axis.primed not in marks:
            left *= factor
        elif marks <= {axis.primed, i} if axis is BATCH else marks == {axis.primed}:
            right *= factor
        elif isinstance(factor, sp.Indexed) and matrix is None and axis is FEATURE:
            matrix = factor
        else:
            raise ValueError(f"the kernel {monomial} does not split into a product over the output and the input")
    return left, matrix, right

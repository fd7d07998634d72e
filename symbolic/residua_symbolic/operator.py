"""A layer's Jacobian as a structured operator, read off the normal form: never a dense matrix for what is diagonal
or of low rank."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

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
        front, parts = self._compiled
        rows = tuple(part.at(values, domain) for part in parts)
        return AtPoint(_array(front, values, domain), rows, -1 if self.axis is FEATURE else 0)

    @cached_property
    def _compiled(self) -> tuple[Evaluated | None, tuple["_Part", ...]]:
        """What the left sides of all terms have in common, and the terms without it, as functions of the values.

        They say xhat[i] for xhat[b, i]: rows are the first axis of every array, whether they are coupled or not.
        """
        mark = j if self.axis is FEATURE else i
        terms = [Term(t.tied, _plain(t.left), t.matrix, _plain(t.right)) for t in self.terms]
        front = _common([t.left for t in terms])
        return _function(front, i), tuple(_part(t, t.left / front, mark) for t in terms)


def _common(products: Sequence[sp.Expr]) -> sp.Expr:
    """The powers that all of them have."""
    first, *others = (e.as_powers_dict() for e in products)
    return sp.Mul(*(base**e for base, e in first.items() if all(o.get(base) == e for o in others)))


class _Part(NamedTuple):
    """A term as functions of the values; `scale` carries no label, None stands for 1."""

    tied: bool
    scale: Evaluated | None
    left: Evaluated | None
    matrix: str | None
    right: Evaluated | None

    def at(self, values: Mapping[str, Any], domain: Any) -> "_Row":
        scale, left, right = (_array(f, values, domain) for f in (self.scale, self.left, self.right))
        return _Row(self.tied, scale, left, None if self.matrix is None else values[self.matrix], right)


def _part(term: Term, left: sp.Expr, mark: sp.Symbol) -> _Part:
    scale, vector = left.as_independent(sp.Indexed, as_Add=False)
    matrix = None if term.matrix is None else term.matrix.base.label.name
    return _Part(term.tied, _function(scale, i), _function(vector, i), matrix, _function(term.right, mark))


def _function(e: sp.Expr, mark: sp.Symbol) -> Evaluated | None:
    return None if e == 1 else compiled(e, (mark,))


def _array(f: Evaluated | None, values: Mapping[str, Any], domain: Any) -> Any:
    """The array over the features, with an axis for the vectors between rows and features; None for 1."""
    if f is None:
        return None
    value = f(values, domain)
    return value[..., None, :] if getattr(value, "ndim", 0) > 1 else value


def _plain(e: sp.Expr) -> sp.Expr:
    """`e` with the labels of rows left out."""
    found = {a: a.base[a.indices[1]] for a in e.atoms(sp.Indexed) if a.indices[0] in (BATCH.label, BATCH.primed)}
    return e.xreplace(found)


class _Row(NamedTuple):
    tied: bool
    scale: Any
    left: Any
    matrix: Any
    right: Any


@dataclass(frozen=True)
class AtPoint:
    """J at the points of a batch, `front` times the sum of the rows. Vectors have the shape (rows, vectors, features);
    `axis` is the one coupled."""

    front: Any
    rows: tuple[_Row, ...]
    axis: int = -1

    @property
    def couples_rows(self) -> bool:
        """Whether a vector's rows meet."""
        return self.axis == 0 and not all(row.tied for row in self.rows)

    def apply(self, v: Any) -> Any:
        """J v; (rows, vectors, inputs) -> (rows, vectors, outputs)."""
        return _scaled(self.front, _total([self._term(row, row.left, row.right, v) for row in self.rows]))

    def transpose(self, u: Any) -> Any:
        """Jᵀ u; (rows, vectors, outputs) -> (rows, vectors, inputs)."""
        u = _scaled(self.front, u)
        return _total([self._term(row, row.right, row.left, u, transposed=True) for row in self.rows])

    def _term(self, row: _Row, outer: Any, inner: Any, v: Any, transposed: bool = False) -> Any:
        """scale · outer · (inner v, summed over the coupled axis; by the matrix if there is one)."""
        if row.tied:
            return _scaled(row.scale, _scaled(outer, _scaled(inner, v)))
        if row.matrix is None:
            return _scaled(outer, _scaled(row.scale, _summed(inner, v, self.axis)))
        matrix = row.matrix if transposed else row.matrix.swapaxes(-1, -2)
        return _scaled(row.scale, _scaled(outer, _product(_scaled(inner, v), matrix)))


def _total(parts: Sequence[Any]) -> Any:
    first, *rest = parts
    for part in rest:
        first = first + part
    return first


def _scaled(factor: Any, v: Any) -> Any:
    return v if factor is None else factor * v


def _summed(factor: Any, v: Any, axis: int) -> Any:
    """Σ factor · v over an axis, which stays with length 1."""
    if factor is None or axis == 0:
        return _scaled(factor, v).sum(axis=axis, keepdims=True)
    return v @ factor.swapaxes(-1, -2)


def _product(v: Any, matrix: Any) -> Any:
    """v @ matrix: one product for all rows, unless each has a matrix of its own."""
    if matrix.ndim > 2:
        return v @ matrix
    rows, vectors, features = v.shape
    return (v.reshape(rows * vectors, features) @ matrix).reshape(rows, vectors, -1)


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

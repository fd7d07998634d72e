"""The values of entries at given values of the sums of Gaussians in them."""

from collections.abc import Callable
from functools import cache

import numpy as np
import sympy as sp

from residua_symbolic.domains.floats import FUNCTIONS, FloatDomain, Floats
from residua_symbolic.evaluate import compiled
from residua_symbolic.functions import ACTIVATIONS
from residua_symbolic.moments.propagation.entries import (
    Atom,
    Base,
    BatchMean,
    Entry,
    Function,
    Key,
    Normalised,
    Product,
    gaussians,
)

NEGLIGIBLE = 1e-12  # a share of a variance this small is rounding
Row = int  # 0 or 1: expectations need no third
Values = Callable[[Entry, Row], Floats]


class NotExactError(Exception):
    """There is no formula here, and no integral of few enough dimensions."""


def slope(name: str) -> str:
    """The name of the derivative of φ."""
    return f"{name}'"


@cache
def function(name: str) -> Callable[[Floats], Floats]:
    """φ, or φ' by the name "φ'", which SymPy derives from the definition of φ, as an array function."""
    if name == "reciprocal":
        return lambda z: 1 / z
    if not name.endswith("'"):
        return FUNCTIONS[name]
    z = sp.Symbol("z", real=True)
    run, domain = compiled(sp.sympify(ACTIVATIONS[name[:-1]](z).diff(z)), ()), FloatDomain()
    return lambda at: np.broadcast_to(np.asarray(run({"z": at[..., None]}, domain), dtype=np.float64), at.shape)


def evaluator(
    of_gaussians: Callable[[Key, Row], Floats],
    shape: tuple[int, ...],
    of_batch_mean: Callable[[BatchMean], Floats] | None = None,
    of_normalised: Callable[[Normalised, Row], Floats] | None = None,
) -> Values:
    """(entry, row) → its values, of the given shape."""
    known: dict[tuple[Atom, Row], Floats] = {}

    def value(e: Entry, row: Row) -> Floats:
        form = frozenset(gaussians(e).items())
        total = np.full(shape, e.constant) + (of_gaussians(form, row) if form else 0.0)
        for a, c in e.parts.items():
            if not isinstance(a, Base):
                total = total + c * of_atom(a, row)
        return total

    def of_atom(a: Atom, row: Row) -> Floats:
        if (a, row) not in known:
            known[a, row] = computed(a, row)
        return known[a, row]

    def computed(a: Atom, row: Row) -> Floats:
        if isinstance(a, Function):
            return function(a.name)(value(a.of, row))
        if isinstance(a, Product):
            return value(a.left, row) * value(a.right, row)
        if isinstance(a, BatchMean) and of_batch_mean is not None:
            return of_batch_mean(a)
        if isinstance(a, Normalised) and of_normalised is not None:
            return of_normalised(a, row)
        raise NotExactError(f"{type(a).__name__} where it has no values")

    return value


def pivoted_factor(matrix: Floats) -> Floats:
    """A of as few columns as the rank with A Aᵀ = matrix, and one more zero in each column (Cholesky, pivoted)."""
    rest = matrix.copy()
    columns: list[Floats] = []
    scale = max(float(np.max(np.diag(matrix), initial=0.0)), 0.0)
    while len(rest) and float(np.max(np.diag(rest))) > NEGLIGIBLE * scale and len(columns) < len(rest):
        k = int(np.argmax(np.diag(rest)))
        column = rest[:, k] / np.sqrt(rest[k, k])
        columns.append(column)
        rest = rest - np.outer(column, column)
        rest[k, :] = rest[:, k] = 0.0
    return np.stack(columns, axis=1) if columns else np.zeros((len(matrix), 0))

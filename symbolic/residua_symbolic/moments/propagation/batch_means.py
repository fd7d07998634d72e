"""Means over infinitely many rows: what is left of an entry when what the rows do not share is averaged out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy import interpolate

from residua_symbolic.domains.floats import Floats
from residua_symbolic.moments.propagation import nodes
from residua_symbolic.moments.propagation.entries import (
    Atom,
    Atoms,
    Base,
    BatchMean,
    Entry,
    Key,
    Product,
    atoms_in,
    bases,
    bases_of,
    leaves_of,
)
from residua_symbolic.moments.propagation.values import NotExactError, evaluator, pivoted_factor

KNOTS = 1201  # of a curve over ±9.5 standard deviations: cubic splines of so many agree with the integral to 1e-9


def is_shared(e: Entry) -> bool:
    """Whether all rows have the same value."""
    return all(base.shared for base in bases_of(e))


def batch_mean(e: Entry, atoms: Atoms, expected: Callable[[Entry], float]) -> Entry:
    """E[e | what the rows share]: linear; products of independent parts apart; a number where nothing is shared."""
    result = Entry(e.constant)
    for atom, coefficient in e.parts.items():
        result = result.plus(_of_atom(atom, atoms, expected), coefficient)
    return result


def _of_atom(a: Atom, atoms: Atoms, expected: Callable[[Entry], float]) -> Entry:
    alone = Entry(0.0, {a: 1.0})
    if is_shared(alone):
        return alone
    if isinstance(a, Base):
        return Entry(0.0)
    if not any(base.shared for base in bases(a)):
        return Entry(expected(alone))
    if isinstance(a, Product):
        return _of_product(a, atoms, expected)
    return atoms.mean_over_rows(alone)


def _of_product(a: Product, atoms: Atoms, expected: Callable[[Entry], float]) -> Entry:
    """Factors that rows share come out; two that are left are multiplied out, and independent parts taken apart."""
    shared, rest = Entry(1.0), []
    for factor in _factors(a):
        if is_shared(factor):
            shared = atoms.product(shared, factor)
        else:
            rest.append(factor)
    if len(rest) == 2:
        return atoms.product(shared, _of_two(rest[0], rest[1], atoms, expected))
    inside = reduce(atoms.product, rest)
    mean = batch_mean(inside, atoms, expected) if len(rest) == 1 else atoms.mean_over_rows(inside)
    return atoms.product(shared, mean)


def _factors(a: Product) -> list[Entry]:
    found = []
    for e in (a.left, a.right):
        only = next(iter(e.parts)) if len(e.parts) == 1 and e.constant == 0 else None
        if isinstance(only, Product):
            inner = _factors(only)
            found += [inner[0].times(e.parts[only]), *inner[1:]]
        else:
            found.append(e)
    return found


def _of_two(left: Entry, right: Entry, atoms: Atoms, expected: Callable[[Entry], float]) -> Entry:
    result = batch_mean(right.times(left.constant).plus(left, right.constant), atoms, expected)
    result = result.plus(Entry(-left.constant * right.constant))
    for f, a in left.parts.items():
        for g, b in right.parts.items():
            result = result.plus(_of_atoms(f, g, atoms, expected), a * b)
    return result


def _of_atoms(f: Atom, g: Atom, atoms: Atoms, expected: Callable[[Entry], float]) -> Entry:
    one, other = Entry(0.0, {f: 1.0}), Entry(0.0, {g: 1.0})
    common = bases(f) & bases(g)
    if not any(not base.shared for base in common):  # independent, given what is shared
        return atoms.product(batch_mean(one, atoms, expected), batch_mean(other, atoms, expected))
    together = atoms.product(one, other)
    if not any(base.shared for a in (f, g) for base in bases(a)):
        return Entry(expected(together))
    if isinstance(f, Product) or isinstance(g, Product):
        (atom,) = together.parts
        if isinstance(atom, Product) and len(_factors(atom)) > 2 and any(map(is_shared, _factors(atom))):
            return _of_product(atom, atoms, expected)
    return atoms.mean_over_rows(together)


@dataclass(frozen=True, eq=False)
class Curve:
    """A batch mean as a function of the one sum of Gaussians, `shared`, that it depends on."""

    shared: Key
    values: Callable[[Floats], Floats]

    def __call__(self, at: Floats) -> Floats:
        """Its values."""
        return self.values(at)


class MeanCurves:
    """The curves of batch means, each integrated once. Raises NotExactError where a mean is no such curve."""

    def __init__(self) -> None:
        self._known: dict[BatchMean, Curve] = {}

    def curve(self, a: BatchMean) -> Curve:
        """The curve of a batch mean."""
        if a not in self._known:
            self._known[a] = self._integrated(a)
        return self._known[a]

    def _integrated(self, a: BatchMean) -> Curve:
        involved = list(atoms_in(a.of.parts, into_means=False))
        inside = {m: self.curve(m) for m in involved if isinstance(m, BatchMean)}
        leaves = leaves_of([a.of], involved)
        forms = list(dict.fromkeys([form for _, form in leaves] + [curve.shared for curve in inside.values()]))
        shared, first = _direction(forms, True)
        _, second = _direction(forms, False)
        index = {form: k for k, form in enumerate(forms)}
        deviation = sum(c * c * base.variance for base, c in shared) ** 0.5
        t = np.linspace(-nodes.REACH, nodes.REACH, KNOTS)
        cuts = [nodes.Cut(first[index[form]], second[index[form]], -e.constant) for e, form in leaves]
        r, weights = nodes.across(t, cuts)

        def of_gaussians(form: Key, row: int) -> Floats:
            at: Floats = first[index[form]] * t[:, None] + second[index[form]] * r
            return at

        value = evaluator(of_gaussians, r.shape, lambda m: inside[m](of_gaussians(inside[m].shared, 0)))
        means = np.sum(weights * value(a.of, 0), axis=1)
        spline = interpolate.CubicSpline(t * deviation, means)

        def values(at: Floats) -> Floats:
            found: Floats = spline(at)
            return found

        return Curve(shared, values)


def _direction(forms: list[Key], shared: bool) -> tuple[Key, Floats]:
    """The sum of Gaussians that all are multiples of, and each of them in units of its standard deviation."""
    parts = [{base: c for base, c in form if base.shared == shared} for form in forms]
    matrix = np.array(
        [[sum(c * b[base] * base.variance for base, c in a.items() if base in b) for b in parts] for a in parts]
    )
    factor = pivoted_factor(matrix.reshape(len(forms), len(forms)))
    if factor.shape[1] > 1:
        raise NotExactError("batch statistics of a sum of several parts that is not linear in them")
    if not factor.shape[1]:
        return frozenset(), np.zeros(len(forms))
    k = int(np.argmax(np.abs(factor[:, 0])))
    return frozenset(parts[k].items()), factor[:, 0] * np.sign(factor[k, 0])

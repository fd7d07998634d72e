"""Expectations of products of entries, in one row or in two: closed forms where the part is φ of one Gaussian."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product as pairs
from typing import Any

import numpy as np
import sympy as sp

from residua_network import ACTIVATIONS, ResiduaError
from residua_symbolic.domains.floats import FUNCTIONS, FloatDomain, Floats
from residua_symbolic.evaluate import compiled
from residua_symbolic.functions import ACTIVATIONS as FORMULAS
from residua_symbolic.moments import gaussian, nodes
from residua_symbolic.moments.entries import (
    Atom,
    Base,
    BatchMean,
    Entry,
    Function,
    Normalised,
    Product,
    atoms_in,
    bases,
    inner,
)

NEGLIGIBLE = 1e-12  # a share of a variance this small is rounding
Form = Mapping[Base, float]
Row = int  # 0 or 1: expectations need no third
Values = Callable[[Entry, Row], Floats]


class NotExactError(Exception):
    """The integral has more dimensions than quadrature takes, or rows meet in a way that has no formula here."""


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
    run, domain = compiled(sp.sympify(FORMULAS[name[:-1]](z).diff(z)), ()), FloatDomain()
    return lambda at: np.broadcast_to(np.asarray(run({"z": at[..., None]}, domain), dtype=np.float64), at.shape)


class Expectations:
    """Moments of entries; `batch`: rows of a batch, infinitely many if None. Raises NotExactError.

    `error` is the largest relative error that a numerical integral has reported so far, `integrals` their number.
    """

    def __init__(self, batch: int | None = None) -> None:
        self.batch = batch
        self.error, self.integrals = 0.0, 0
        self.forms: set[str] = set()  # the closed forms and quadratures that were used, in words
        self._known: dict[Any, float] = {}

    # what is asked

    def mean(self, e: Entry) -> float:
        """E e."""
        return e.constant + sum(c * self._mean(a) for a, c in e.parts.items())

    def same(self, u: Entry, v: Entry) -> float:
        """E u v in one row."""
        return self._bilinear(u, v, rows=1)

    def pair(self, u: Entry, v: Entry) -> float:
        """E u v', v' in another row."""
        return self._bilinear(u, v, rows=2)

    def value(self, name: str, at: float) -> float:
        """φ at a number."""
        return float(function(name)(np.array([at]))[0])

    def variance(self, form: Form, rows: int = 1) -> float:
        """Of a sum of Gaussians in one row; rows = 2: its covariance between two rows."""
        return sum(c * c * self._covariance(base, rows) for base, c in form.items())

    def _covariance(self, base: Base, rows: int) -> float:
        if base.shared:
            return base.variance
        inverse = 0.0 if self.batch is None else 1 / self.batch
        return base.variance * (1 - inverse if rows == 1 else -inverse)

    # bilinear in the atoms

    def _bilinear(self, u: Entry, v: Entry, rows: int) -> float:
        if u.constant == v.constant == 0.0 and len(u.parts) == len(v.parts) == 1:
            ((f, a),), ((g, b),) = u.parts.items(), v.parts.items()
            if f is g:
                return a * b * self._product(f, g, rows)
        total = self.mean(u) * v.constant + u.constant * (self.mean(v) - v.constant)
        means = {a: self._mean(a) for e in (u, v) for a in e.parts}
        total += sum(c * means[a] for a, c in u.parts.items()) * sum(c * means[a] for a, c in v.parts.items())
        depends = {a: bases(a) for e in (u, v) for a in e.parts}
        for (f, a), (g, b) in pairs(u.parts.items(), v.parts.items()):
            if f is g or not depends[f].isdisjoint(depends[g]):  # else independent
                total += a * b * (self._product(f, g, rows) - means[f] * means[g])
        return total

    def _mean(self, f: Atom) -> float:
        if isinstance(f, Base):
            return 0.0
        if isinstance(f, Product):
            return self.same(f.left, f.right)
        if isinstance(f, BatchMean):
            return self.mean(f.of)
        if isinstance(f, Normalised):
            return 0.0  # its rows sum to zero
        return self._kept(("mean", f), lambda: self._function_mean(f))

    def _function_mean(self, f: Function) -> float:
        if f.of.is_gaussian and f.name in ACTIVATIONS:
            self.forms.add(f"E φ: {f.name}")
            return gaussian.mean(f.name, self.variance(_gaussian(f.of)), f.of.constant).value
        one = Entry(1.0)
        return self._integral(Entry(0.0, {f: 1.0}), one, rows=1)

    def _product(self, f: Atom, g: Atom, rows: int) -> float:
        if isinstance(f, Base) and isinstance(g, Base):
            return self._covariance(f, rows) if f is g else 0.0
        return self._kept((frozenset({f, g}), rows), lambda: self._computed(f, g, rows))

    def _computed(self, f: Atom, g: Atom, rows: int) -> float:
        if f is g and isinstance(f, Function) and f.of.is_gaussian:
            known = self._closed(f, rows)
            if known is not None:
                return known
        return self._integral(Entry(0.0, {f: 1.0}), Entry(0.0, {g: 1.0}), rows)

    def _closed(self, f: Function, rows: int) -> float | None:
        """E φ², E φ φ', E φ'², ... of one Gaussian, where φ is an activation or its derivative."""
        form, name = _gaussian(f.of), f.name.removesuffix("'")
        if name not in ACTIVATIONS:
            return None
        q, c, m = self.variance(form), self.variance(form, 2), f.of.constant
        if f.name.endswith("'"):
            found = gaussian.slope_square(name, q, m) if rows == 1 else gaussian.slope_product(name, q, c, m)
        else:
            found = gaussian.square(name, q, m) if rows == 1 else gaussian.product(name, q, c, m)
        return found.value

    def _kept(self, key: Any, compute: Callable[[], float]) -> float:
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]

    # integrals

    def _integral(self, u: Entry, v: Entry, rows: int) -> float:
        involved = list(atoms_in([*u.parts, *v.parts]))
        if any(isinstance(a, Normalised) for a in involved):
            if any(isinstance(a, BatchMean) for a in involved):
                raise NotExactError("two kinds of batch statistics")
            return self.on_sphere(u, v, lambda s, x, y, value: value(u, 0) * value(v, rows - 1))
        if any(isinstance(a, BatchMean) for a in involved):
            return self._split(u, v, involved, rows)
        return self._gaussian(u, v, involved, rows)

    def _reported(self, value: float, error: float, scale: float) -> float:
        self.integrals += 1
        if scale > 0:
            self.error = max(self.error, error / scale)
        return value

    def _gaussian(self, u: Entry, v: Entry, involved: list[Atom], rows: int) -> float:
        forms = _forms(u, v, involved)
        covariances = self._matrix(forms, rows)
        factor = pivoted_factor(covariances)
        index = {form: k for k, form in enumerate(forms)}

        def integrand(t: Floats) -> Floats:
            """Of standard normal points (dimensions, points)."""
            at = np.tensordot(factor, t, axes=1)
            value = evaluator(lambda form, row: at[index[form] + row * len(forms)], t.shape[1:])
            return value(u, 0) * value(v, rows - 1)

        levels = [
            (index[form] + row * len(forms), -e.constant) for e, form in _leaves(u, v, involved) for row in range(rows)
        ]
        dimension = factor.shape[1]
        if dimension == 0:
            return float(integrand(np.zeros((0, 1)))[0])
        if dimension == 1:
            breaks = [level / factor[k, 0] for k, level in levels if factor[k, 0] != 0]
            return self._reported(*nodes.adaptive(lambda t: integrand(t[None]), breaks))
        if dimension == 2:
            cuts = [nodes.Cut(factor[k, 0], factor[k, 1], level) for k, level in levels]
            found = []
            for order in (nodes.ORDER - 4, nodes.ORDER):
                first, second, weights = nodes.plane(cuts, order)
                terms = weights * integrand(np.stack(np.broadcast_arrays(first, second)))
                found.append(float(np.sum(terms)))
            return self._reported(found[1], abs(found[0] - found[1]), float(np.sum(np.abs(terms))))
        values = [integrand(t) for t in nodes.scrambled(dimension)]
        means = np.array([np.mean(f) for f in values])
        size = float(np.mean(np.abs(values)))
        return self._reported(float(means.mean()), float(means.std(ddof=1)) / len(means) ** 0.5, size)

    def _matrix(self, forms: list["_Key"], rows: int) -> Floats:
        """Covariances of the forms, in the first row and then in the second."""

        def block(which: int) -> Floats:
            return np.array(
                [
                    [sum(c * dict(b).get(base, 0.0) * self._covariance(base, which) for base, c in a) for b in forms]
                    for a in forms
                ]
            ).reshape(len(forms), len(forms))

        if rows == 1:
            return block(1)
        return np.block([[block(1), block(2)], [block(2), block(1)]])

    def _split(self, u: Entry, v: Entry, involved: list[Atom], rows: int) -> float:
        """In infinitely many rows: what the rows share along one axis, what they do not along the other."""
        forms = _forms(u, v, involved)
        shared, private = ([tuple((b, c) for b, c in form if b.shared == s) for form in forms] for s in (True, False))
        factors = [pivoted_factor(self._matrix([frozenset(f) for f in part], 1)) for part in (shared, private)]
        if any(factor.shape[1] > 1 for factor in factors):
            raise NotExactError("batch statistics of a sum of several parts")
        first, second = (factor[:, 0] if factor.shape[1] else np.zeros(len(forms)) for factor in factors)
        index = {form: k for k, form in enumerate(forms)}
        cuts = [nodes.Cut(first[index[form]], second[index[form]], -e.constant) for e, form in _leaves(u, v, involved)]
        found = []
        for order in (nodes.ORDER - 4, nodes.ORDER):
            t, r, weights = nodes.plane(cuts, order)
            inside = weights / weights.sum(axis=1, keepdims=True)
            value = evaluator(
                lambda form, row, t=t, r=r: first[index[form]] * t + second[index[form]] * r,
                weights.shape,
                lambda f, inside=inside: (inside * f).sum(axis=1, keepdims=True),
            )
            f, g = value(u, 0), value(v, 0)
            if rows == 2:
                f, g = ((inside * h).sum(axis=1, keepdims=True) for h in (f, g))
            found.append(float(np.sum(weights * f * g)))
        return self._reported(found[1], abs(found[0] - found[1]), float(np.sum(weights * np.abs(f * g))))

    def on_sphere(
        self, u: Entry, v: Entry, integrand: Callable[[Floats, Floats, Floats, Values], Floats], radial: bool = False
    ) -> float:
        """E of an integrand of (s², X_a, X_b, values): deviations from the batch mean are s X, s² their mean square.

        Every Gaussian in u and v must be a multiple of the same deviations. `radial`: the integrand depends on s².
        """
        assert self.batch is not None
        involved = list(atoms_in([*u.parts, *v.parts]))
        direction = single_direction(involved)
        radial |= any(isinstance(a, Normalised) and a.eps > 0 for a in involved) or bool(
            _leaves(u, v, involved, inside_normalised=False)
        )
        s2, weights = self.radii(radial, direction)
        x, y, w = nodes.sphere(self.batch)
        s = np.sqrt(s2)[:, None]

        def gaussian_value(form: "_Key", row: Row) -> Floats:
            return ratio_to(form, direction) * s * (x if row == 0 else y)

        def normalised(atom: Normalised, row: Row) -> Floats:
            k = ratio_to(frozenset(atom.of.parts.items()), direction)
            return (x if row == 0 else y) * k * s / np.sqrt(k * k * s * s + atom.eps)

        value = evaluator(gaussian_value, (len(s2), len(x)), None, normalised)
        grid = integrand(s * s, x, y, value)
        return float(np.sum(weights[:, None] * w * grid))

    def radii(self, needed: bool, direction: Form) -> tuple[Floats, Floats]:
        """Points and weights of s², the variance over the batch; a single point where nothing depends on it."""
        assert self.batch is not None
        scale = sum(c * c * base.variance for base, c in direction.items())
        if not needed:
            return np.array([scale]), np.ones(1)
        points, weights = nodes.spread(self.batch)
        return scale * points, weights


_Key = frozenset[tuple[Base, float]]


def _gaussian(e: Entry) -> dict[Base, float]:
    return {**e.gaussian_part(True), **e.gaussian_part(False)}


def _leaves(u: Entry, v: Entry, involved: list[Atom], inside_normalised: bool = True) -> list[tuple[Entry, _Key]]:
    """Every entry in which Gaussians stand, with the sum of those Gaussians."""
    outer = [e for e in (u, v)]
    within = [e for a in involved if inside_normalised or not isinstance(a, Normalised) for e in inner(a)]
    found = [(e, frozenset(_gaussian(e).items())) for e in [*outer, *within]]
    return [(e, form) for e, form in found if form]


def _forms(u: Entry, v: Entry, involved: list[Atom]) -> list[_Key]:
    return list(dict.fromkeys(form for _, form in _leaves(u, v, involved)))


def single_direction(involved: list[Atom]) -> dict[Base, float]:
    """The sum of deviations that all normalised atoms are multiples of."""
    found = next(dict(a.of.parts) for a in involved if isinstance(a, Normalised))
    return {base: c for base, c in found.items() if isinstance(base, Base)}


def ratio_to(form: _Key, direction: Form) -> float:
    """k where form = k · direction. Raises NotExactError."""
    own = dict(form)
    if own.keys() != direction.keys():
        raise NotExactError("batch statistics meet other Gaussians than those they were taken of")
    base = max(direction, key=lambda b: abs(direction[b]))
    k = own[base] / direction[base]
    if any(abs(own[b] - k * direction[b]) > NEGLIGIBLE * abs(k * direction[base]) for b in own):
        raise NotExactError("batch statistics of several sums of Gaussians")
    return k


def pivoted_factor(matrix: Floats) -> Floats:
    """A of as few columns as the rank with A Aᵀ = matrix, and one more zero in each column (Cholesky, pivoted)."""
    rest, columns = matrix.copy(), []
    scale = max(float(np.max(np.diag(matrix), initial=0.0)), 0.0)
    while len(rest) and float(np.max(np.diag(rest))) > NEGLIGIBLE * scale and len(columns) < len(rest):
        k = int(np.argmax(np.diag(rest)))
        column = rest[:, k] / np.sqrt(rest[k, k])
        columns.append(column)
        rest = rest - np.outer(column, column)
        rest[k, :] = rest[:, k] = 0.0
    return np.stack(columns, axis=1) if columns else np.zeros((len(matrix), 0))


def evaluator(
    gaussian_value: Callable[[_Key, Row], Floats],
    shape: tuple[int, ...],
    batch_mean: Callable[[Floats], Floats] | None = None,
    normalised: Callable[[Normalised, Row], Floats] | None = None,
) -> Values:
    """The values of entries at points, from those of the sums of Gaussians in them."""
    known: dict[tuple[Atom, Row], Floats] = {}

    def value(e: Entry, row: Row) -> Floats:
        form = frozenset(_gaussian(e).items())
        total = np.full(shape, e.constant) + (gaussian_value(form, row) if form else 0.0)
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
        if isinstance(a, BatchMean) and batch_mean is not None:
            return batch_mean(value(a.of, row))
        if isinstance(a, Normalised) and normalised is not None:
            return normalised(a, row)
        raise ResiduaError(f"predict_moments: no value for {type(a).__name__}")

    return value

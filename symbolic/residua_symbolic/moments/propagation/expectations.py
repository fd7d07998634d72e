"""Expectations of products of entries, in one row or in two: closed forms where the part is φ of one Gaussian."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from residua_network import ACTIVATIONS
from residua_symbolic.domains.floats import Floats
from residua_symbolic.moments.integrals import gaussian
from residua_symbolic.moments.propagation import nodes
from residua_symbolic.moments.propagation.batch_means import MeanCurves, batch_mean
from residua_symbolic.moments.propagation.entries import (
    Atom,
    Atoms,
    Base,
    BatchMean,
    Entry,
    Function,
    Key,
    Normalised,
    Product,
    atoms_in,
    bases,
    gaussians,
    leaves_of,
)
from residua_symbolic.moments.propagation.values import NotExactError, Row, Values, evaluator, function, pivoted_factor

NEGLIGIBLE = 1e-12  # a share of a coefficient this small is rounding
Form = Mapping[Base, float]


class Expectations:
    """Moments of entries; `batch`: rows of a batch, infinitely many if None. Raises NotExactError.

    `error` is the largest relative error that a numerical integral has reported so far, `integrals` their number.
    """

    def __init__(self, batch: int | None = None) -> None:
        self.batch = batch
        self.error, self.integrals = 0.0, 0
        self._known: dict[Any, float] = {}
        self._depends: dict[Atom, frozenset[Base]] = {}
        self._by_base: dict[Entry, dict[Base, list[Atom]]] = {}
        self.atoms = Atoms()
        self.means = MeanCurves()

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
        for f, a in u.parts.items():
            for g in self._dependent(f, v):  # the others are independent of it
                total += a * v.parts[g] * (self._product(f, g, rows) - means[f] * means[g])
        return total

    def _dependent(self, f: Atom, v: Entry) -> list[Atom]:
        """The atoms of v that share a Gaussian with f, or are f."""
        if v not in self._by_base:
            found: dict[Base, list[Atom]] = {}
            for g in v.parts:
                for base in self._bases(g):
                    found.setdefault(base, []).append(g)
            self._by_base[v] = found
        own = [f] if f in v.parts else []
        return list(dict.fromkeys([*own, *(g for base in self._bases(f) for g in self._by_base[v].get(base, ()))]))

    def _bases(self, f: Atom) -> frozenset[Base]:
        if f not in self._depends:
            self._depends[f] = bases(f)
        return self._depends[f]

    def _mean(self, f: Atom) -> float:
        if isinstance(f, Base):
            return 0.0
        if isinstance(f, Product):
            return self._kept(("mean", f), lambda: self.same(f.left, f.right))
        if isinstance(f, BatchMean):
            return self.mean(f.of)
        if isinstance(f, Normalised):
            return 0.0  # its rows sum to zero
        return self._kept(("mean", f), lambda: self._function_mean(f))

    def _function_mean(self, f: Function) -> float:
        if f.of.is_gaussian and f.name in ACTIVATIONS:
            return gaussian.mean(f.name, self.variance(gaussians(f.of)), f.of.constant).value
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
        form, name = gaussians(f.of), f.name.removesuffix("'")
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
        means = any(isinstance(a, BatchMean) for a in involved)
        if any(isinstance(a, Normalised) for a in involved):
            if means:
                raise NotExactError("two kinds of batch statistics")
            return self.on_sphere(u, v, lambda s, x, y, value: value(u, 0) * value(v, rows - 1))
        if means:
            u, v = self._given_shared(u, v, rows)
        return self._gaussian(u, v, rows)

    def _given_shared(self, u: Entry, v: Entry, rows: int) -> tuple[Entry, Entry]:
        """Two entries of the same E u v, functions of what the rows share where that can be."""
        if rows == 1:
            given = self.batch_mean(self.atoms.product(u, v))
            return (given, Entry(1.0)) if self._is_known(given) else (u, v)
        each = self.batch_mean(u), self.batch_mean(v)
        return each if all(map(self._is_known, each)) else (u, v)

    def _is_known(self, e: Entry) -> bool:
        try:
            for a in atoms_in(e.parts):
                if isinstance(a, BatchMean):
                    self.means.curve(a)
        except NotExactError:
            return False
        return True

    def batch_mean(self, e: Entry) -> Entry:
        """The mean over infinitely many rows, a function of what they share."""
        return batch_mean(e, self.atoms, self.mean)

    def _gaussian(self, u: Entry, v: Entry, rows: int) -> float:
        """By quadrature over the sums of Gaussians that occur in either row, and over what batch means depend on."""
        involved = list(atoms_in([*u.parts, *v.parts], into_means=False))
        leaves = leaves_of([u, v], involved)
        sums = [(form, row) for form in dict.fromkeys(form for _, form in leaves) for row in range(rows)]
        curves = {a: self.means.curve(a) for a in involved if isinstance(a, BatchMean)}
        sums += [(curve.shared, 0) for curve in curves.values() if (curve.shared, 0) not in sums]
        index = {place: k for k, place in enumerate(sums)}
        covariances = [[self._between(a, b, 1 if i == j else 2) for b, j in sums] for a, i in sums]
        factor = pivoted_factor(np.array(covariances).reshape(len(sums), len(sums)))

        def integrand(at: Floats) -> Floats:
            value = evaluator(
                lambda form, row: at[index[form, row]],
                at.shape[1:],
                lambda a: curves[a](at[index[curves[a].shared, 0]]),
            )
            return value(u, 0) * value(v, rows - 1)

        levels = [(index[form, row], -e.constant) for e, form in leaves for row in range(rows)]
        value, error, size = nodes.integrate(factor, levels, integrand)
        self.integrals += 1
        self.error = max(self.error, error / size if size > 0 else 0.0)
        return value

    def _between(self, a: "Key", b: "Key", rows: int) -> float:
        """Covariance of two sums of Gaussians, in one row or in two."""
        other = dict(b)
        return sum(c * other[base] * self._covariance(base, rows) for base, c in a if base in other)

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
            leaves_of([u, v], [a for a in involved if not isinstance(a, Normalised)])
        )
        s2, weights = self.radii(radial, direction)
        x, y, w = nodes.sphere(self.batch)
        s = np.sqrt(s2)[:, None]

        def gaussian_value(form: Key, row: Row) -> Floats:
            return ratio_to(form, direction) * s * (x if row == 0 else y)

        def normalised(atom: Normalised, row: Row) -> Floats:
            k = ratio_to(frozenset(gaussians(atom.of).items()), direction)
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


def single_direction(involved: list[Atom]) -> dict[Base, float]:
    """The sum of deviations that all normalised atoms are multiples of."""
    found = next(dict(a.of.parts) for a in involved if isinstance(a, Normalised))
    return {base: c for base, c in found.items() if isinstance(base, Base)}


def ratio_to(form: Key, direction: Form) -> float:
    """k where form = k · direction. Raises NotExactError."""
    own = dict(form)
    if own.keys() != direction.keys():
        raise NotExactError("batch statistics meet other Gaussians than those they were taken of")
    base = max(direction, key=lambda b: abs(direction[b]))
    k = own[base] / direction[base]
    if any(abs(own[b] - k * direction[b]) > NEGLIGIBLE * abs(k * direction[base]) for b in own):
        raise NotExactError("batch statistics of several sums of Gaussians")
    return k

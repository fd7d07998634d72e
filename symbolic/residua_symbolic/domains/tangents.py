"""Arrays with named axes in index form, each value carrying its differential: the domain that derives Jacobians.

A value is a plain SymPy scalar over atoms: symbols, and arrays indexed by axis labels (x[i], W[i, k]). SymPy
differentiates the elementwise part. Only two rules are our own: what a sum over an axis does, and what a name does.

A differential is linear in an abstract dx and kept in the normal form `{pattern: kernel}`. The pattern has one entry
for each axis of dx: the label that this axis is tied to (a Kronecker delta that is never written out), or None where
the axis is summed and the kernel carries its primed label. So {(i,): 1/s, (None,): -1/(n*s)} stands for
dx_i/s − Σ_j dx_j/(n s).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sympy as sp

from residua_symbolic.functions import ACTIVATIONS

i, j, k = sp.symbols("i j k", integer=True)  # output feature, input feature, feature that is contracted
b, c = sp.symbols("b c", integer=True)  # row of the output, row of the input
n, B = sp.symbols("n B", integer=True, positive=True)  # features, rows
ROOTS = ("s",)  # names of square roots: positive, so that sqrt(s**2) is s

Pattern = tuple[sp.Symbol | None, ...]
Tangent = dict[Pattern, sp.Expr]


@dataclass(frozen=True)
class Axis:
    """An axis of the input: its name, its label, the label of dx along it, and its length."""

    name: str
    label: sp.Symbol
    primed: sp.Symbol
    size: sp.Expr


FEATURE, BATCH = Axis("feature", i, j, n), Axis("batch", b, c, B)


class RowsCoupledError(Exception):
    """The forward map asks for the batch axis where rows were to be kept apart."""


@dataclass(frozen=True)
class Named:
    """A value that the forward map named (or a sum that it took), with its differential."""

    atom: sp.Expr
    value: sp.Expr
    tangent: Tangent


@dataclass(frozen=True)
class Fact:
    """A sum over an axis that the derivation used."""

    total: sp.Sum
    value: sp.Expr


def labels(e: sp.Expr) -> set[sp.Symbol]:
    """The axis labels in `e`: its free integer symbols without a sign (sizes are positive)."""
    return {s for s in sp.sympify(e).free_symbols if isinstance(s, sp.Symbol) and s.is_integer and not s.is_positive}


def _by_name(found: set[sp.Symbol]) -> tuple[sp.Symbol, ...]:
    return tuple(sorted(found, key=str))


def _key(atom: sp.Expr) -> sp.Expr:
    return atom.base if isinstance(atom, sp.Indexed) else atom


def _atoms(e: sp.Expr) -> set[sp.Expr]:
    return {a for a in e.atoms(sp.Indexed, sp.Symbol) if isinstance(a, sp.Indexed | sp.Symbol)}


def atom(name: str, indices: Sequence[sp.Symbol]) -> sp.Expr:
    """A named scalar or array; positive where it is a root."""
    kind = {"positive": True} if name.partition("__")[0] in ROOTS else {"real": True}
    return sp.IndexedBase(name, **kind)[tuple(indices)] if indices else sp.Symbol(name, **kind)


class Tangents:
    """Runs a forward map on x[label] (with rows coupled: x[b, label]) and carries the differential along.

    With `constant_statistics` every mean has the differential zero, which is what document 003 (1.10) assumes.
    """

    def __init__(self, label: sp.Symbol = i, rows_coupled: bool = False, constant_statistics: bool = False) -> None:
        rows = {"batch": BATCH} if rows_coupled else {}
        self.axes: dict[str, Axis] = {**rows, "feature": Axis("feature", label, j, n)}
        self.constant_statistics = constant_statistics
        self.primed = tuple(axis.primed for axis in self.axes.values())
        self.steps: list[Named | Fact] = []
        self._size = {mark: axis.size for axis in self.axes.values() for mark in (axis.label, axis.primed)}
        self._tangent: dict[sp.Expr, tuple[tuple[sp.Symbol, ...], Tangent]] = {}
        self._definition: dict[sp.Expr, tuple[tuple[sp.Symbol, ...], sp.Expr]] = {}
        self._rewrites: list[Callable[[sp.Expr], sp.Expr]] = []
        self._facts: dict[tuple[sp.Expr, sp.Symbol], sp.Expr] = {}
        self._reductions = 0

    # ---- what a forward map says ----

    def input(self) -> sp.Expr:
        """The input x, whose differential is dx."""
        indices = tuple(axis.label for axis in self.axes.values())
        x = atom("x", indices)
        self._tangent[_key(x)] = (indices, {indices: sp.Integer(1)})
        return x

    def number(self, value: float) -> sp.Expr:
        """A constant, exactly."""
        return sp.Rational(value)

    def sqrt(self, e: sp.Expr) -> sp.Expr:
        """Square root."""
        return sp.sqrt(e)

    def function(self, name: str, e: sp.Expr) -> sp.Expr:
        """An activation, applied entry by entry."""
        return ACTIVATIONS[name](e)

    def sum(self, e: sp.Expr, axis: str = "feature") -> sp.Expr:
        """Σ over an axis."""
        return self._sum(sp.sympify(e), self._axis(axis).label)

    def mean(self, e: sp.Expr, axis: str = "feature") -> sp.Expr:
        """Mean over an axis: the statistic that `constant_statistics` takes for a constant."""
        total = self._sum(sp.sympify(e) / self._axis(axis).size, self._axis(axis).label)
        if self.constant_statistics and _key(total) in self._tangent:
            self._tangent[_key(total)] = (self._tangent[_key(total)][0], {})
            self.steps[-1] = Named(total, self.steps[-1].value, {})
        return total

    def _axis(self, name: str) -> Axis:
        if name not in self.axes:
            raise RowsCoupledError(name)
        return self.axes[name]

    def contract(self, weight: sp.Expr, x: sp.Expr) -> sp.Expr:
        """Σ_k weight[i, k] x[k]."""
        return self._sum(weight * x, self.axes["feature"].label)

    def let(self, name: str, e: sp.Expr) -> sp.Expr:
        """Name a value. From here on formulas are written in the newest names."""
        e = sp.sympify(e)
        free = _by_name(labels(e))
        if (e.is_Pow and e.exp == sp.Rational(1, 2)) != (name in ROOTS):
            raise ValueError(f"a square root, and nothing else, is called one of {ROOTS}; got {name!r}")
        named = atom(name, free)
        if _key(named) in self._definition:
            raise ValueError(f"the forward map uses the name {name!r} twice")
        tangent = self.differential(e)
        self._definition[_key(named)] = (free, e)
        self._remember_rewrite(named, e, free)
        self._tangent[_key(named)] = (free, self._tidy(tangent))
        self.steps.append(Named(named, e, self._tangent[_key(named)][1]))
        return named

    def abstract_map(self, name: str, jacobian: str) -> Callable[[sp.Expr], sp.Expr]:
        """A map of the features of which nothing is known but that its Jacobian is the matrix `jacobian`."""

        def apply(x: sp.Expr) -> sp.Expr:
            free = _by_name(labels(x))
            value, matrix = atom(name, free), atom(jacobian, (*free, j))
            self._tangent[_key(value)] = (free, {(None,): matrix})
            return value

        return apply

    # ---- differentials ----

    def differential(self, e: sp.Expr) -> Tangent:
        """d(e) in normal form."""
        e = sp.sympify(e)
        stand_in = {a: sp.Dummy() for a in _atoms(e) if _key(a) in self._tangent}
        atoms = {dummy: a for a, dummy in stand_in.items()}
        plain = e.xreplace(stand_in)  # else SymPy writes Kronecker deltas wherever x[i] and x[j] meet
        result: Tangent = {}
        for a, dummy in stand_in.items():
            partial = sp.diff(plain, dummy).xreplace(atoms)
            for pattern, kernel in self._relabelled(a).items():
                result[pattern] = result.get(pattern, sp.Integer(0)) + partial * kernel
        return self._tidy(result)

    def _relabelled(self, a: sp.Expr) -> Tangent:
        """The differential of an atom, in the labels that it carries here."""
        indices, tangent = self._tangent[_key(a)]
        if not isinstance(a, sp.Indexed) or tuple(a.indices) == indices:
            return tangent
        renamed = dict(zip(indices, a.indices, strict=True))
        return {
            tuple(renamed.get(mark, mark) for mark in pattern): kernel.xreplace(renamed)
            for pattern, kernel in tangent.items()
        }

    def _tidy(self, tangent: Tangent) -> Tangent:
        kernels = {pattern: self.in_newest_names(kernel) for pattern, kernel in tangent.items()}
        return {pattern: kernel for pattern, kernel in kernels.items() if kernel != 0}

    # ---- names ----

    def in_newest_names(self, e: sp.Expr) -> sp.Expr:
        """`e` expanded and written in the names given last: c becomes s·xhat, a mean square becomes s² − ε."""
        for rewrite in reversed(self._rewrites):
            e = rewrite(sp.expand(e))
        return sp.expand(e)

    def _remember_rewrite(self, named: sp.Expr, e: sp.Expr, free: tuple[sp.Symbol, ...]) -> None:
        """Solve `named = e` for the newest atom of `e` that moves with x and has the same labels; from then on it is
        written so."""
        older = [a for a in _atoms(e) if self._moves(a) and labels(a) == set(free)]
        if not older:
            return
        order = list(self._tangent)
        newest = max(older, key=lambda a: order.index(_key(a)))
        unknown = sp.Dummy()
        equation = e.xreplace({newest: unknown})
        is_root = e.is_Pow and e.exp == sp.Rational(1, 2)
        solutions = sp.solve(equation**2 - named**2 if is_root else equation - named, unknown)
        if len(solutions) == 1:
            self._rewrites.append(self._rewrite(newest, solutions[0]))

    def _moves(self, a: sp.Expr) -> bool:
        """Whether the differential of an atom is not zero."""
        return bool(self._tangent.get(_key(a), ((), {}))[1])

    @staticmethod
    def _rewrite(old: sp.Expr, new: sp.Expr) -> Callable[[sp.Expr], sp.Expr]:
        def rewrite(e: sp.Expr) -> sp.Expr:
            if not isinstance(old, sp.Indexed):
                return e.xreplace({old: new})
            found = [a for a in e.atoms(sp.Indexed) if a.base == old.base]
            return e.xreplace({a: new.xreplace(dict(zip(old.indices, a.indices, strict=True))) for a in found})

        return rewrite

    # ---- sums ----

    def _sum(self, e: sp.Expr, label: sp.Symbol) -> sp.Expr:
        """Σ over `label`: a known value, or a new atom with its differential."""
        self._reductions += 1
        value = self.reduce(e, label)
        if not value.has(sp.Sum):
            return value
        free = _by_name(labels(e) - {label})
        total = atom(f"m{self._reductions}", free)
        tangent: Tangent = {}
        for pattern, kernel in self.differential(e).items():
            if label in pattern:  # the tied axis of dx becomes a summed one
                place = pattern.index(label)
                kernel = kernel.xreplace({label: self.primed[place]})
                pattern = (*pattern[:place], None, *pattern[place + 1 :])
            else:
                kernel = self.reduce(kernel, label)
            tangent[pattern] = tangent.get(pattern, sp.Integer(0)) + kernel
        self._tangent[_key(total)] = (free, self._tidy(tangent))
        self._learn(value, total, label)
        self.steps.append(Named(total, value, self._tangent[_key(total)][1]))
        return total

    def _learn(self, value: sp.Expr, total: sp.Expr, label: sp.Symbol) -> None:
        """From total = coefficient · Σ f: henceforth Σ f = total / coefficient."""
        sums = list(value.atoms(sp.Sum))
        if len(sums) == 1 and sp.expand(value - value.coeff(sums[0]) * sums[0]) == 0:
            self._facts[sums[0].function.xreplace({sums[0].limits[0][0]: label}), label] = total / value.coeff(sums[0])

    def reduce(self, e: sp.Expr, label: sp.Symbol) -> sp.Expr:
        """Σ of `e` over `label`: term by term, what does not depend on the label outside, known sums put in."""
        total = sp.Integer(0)
        for term in sp.Add.make_args(sp.expand(e)):
            outside, inside = term.as_independent(label, as_Add=False)
            total += outside * (self._size[label] if inside == 1 else self._known_sum(inside, label))
        return total

    def _known_sum(self, inside: sp.Expr, label: sp.Symbol) -> sp.Expr:
        """Σ of one monomial: a fact, or what it becomes when a name in it is unfolded, or an opaque Sum."""
        home = next(axis.label for axis in self.axes.values() if label in (axis.label, axis.primed))
        key = inside.xreplace({label: home}), home
        if key in self._facts:
            return self._facts[key]
        order = list(self._definition)
        candidates = [a for a in inside.atoms(sp.Indexed) if a.base in self._definition and label in labels(a)]
        for a in sorted(candidates, key=lambda a: -order.index(a.base)):
            indices, definition = self._definition[a.base]
            unfolded = definition.xreplace(dict(zip(indices, a.indices, strict=True)))
            value = self.reduce(inside.xreplace({a: unfolded}), label)
            if not value.has(sp.Sum):
                value = self.in_newest_names(value)
                self._facts[key] = value
                self.steps.append(Fact(sp.Sum(key[0], (home, 1, self._size[home])), value))
                return value
        return sp.Sum(inside, (label, 1, self._size[label]))

"""Whole SymPy expressions with explicit sums: the second route to a Jacobian, for every size at once.

Here an array is a function of its label along the axis that is coupled (any other label stays as it is), and a mean is
a SymPy `Sum`. SymPy differentiates the whole expression by x[j], or by x[c, i]; three rules of our own then reduce it:
sums are linear, a Kronecker delta collapses its sum, what does not depend on the label comes out. The route shares the
forward map with `tangents`, and no rule of differentiation.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import sympy as sp

from residua_symbolic.domains.tangents import BATCH, FEATURE, Axis, i
from residua_symbolic.functions import ACTIVATIONS


class Indexed:
    """An array as a function of its labels."""

    def __init__(self, at: Callable[[sp.Symbol], sp.Expr]) -> None:
        self.at = at

    @staticmethod
    def lift(value: Any) -> "Indexed":
        """A scalar as the array with that value everywhere."""
        return value if isinstance(value, Indexed) else Indexed(lambda _: value)

    def _with(self, other: Any, operation: Callable[[Any, Any], Any]) -> "Indexed":
        right = self.lift(other)
        return Indexed(lambda label: operation(self.at(label), right.at(label)))

    def __add__(self, other: Any) -> "Indexed":
        return self._with(other, lambda a, b: a + b)

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Indexed":
        return self._with(other, lambda a, b: a - b)

    def __mul__(self, other: Any) -> "Indexed":
        return self._with(other, lambda a, b: a * b)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> "Indexed":
        return self._with(other, lambda a, b: a / b)


class SumsDomain:
    """Forward maps over `Indexed`; with `constant_statistics` every mean is a free symbol."""

    def __init__(self, axis: Axis = FEATURE, constant_statistics: bool = False) -> None:
        self.axis = axis
        self.names: dict[str, Any] = {}
        self._constant_statistics = constant_statistics
        self._means = 0

    def let(self, name: str, value: Any) -> Any:
        """Remember the value under its name; here names abbreviate nothing."""
        self.names[name] = value
        return value

    def sum(self, x: Indexed, axis: str = "feature") -> sp.Expr:
        """Σ_t x[t]."""
        if axis != self.axis.name:
            raise ValueError(f"this route sums over the axis {self.axis.name!r} only, got {axis!r}")
        self._means += 1
        label = sp.Symbol(f"t{self._means}", integer=True)
        return self.let(f"m{self._means}", sp.Sum(x.at(label), (label, 1, self.axis.size)))

    def mean(self, x: Indexed, axis: str = "feature") -> sp.Expr:
        """Σ_t x[t] / size."""
        value = self.sum(x, axis) / self.axis.size
        if self._constant_statistics:
            value = sp.Symbol(f"M{self._means}", real=True)
        return self.let(f"m{self._means}", value)

    def contract(self, weight: sp.IndexedBase, x: Indexed) -> Indexed:
        """Σ_t weight[i, t] x[t]."""
        self._means += 1
        label = sp.Symbol(f"t{self._means}", integer=True)
        value = Indexed(lambda at: sp.Sum(weight[at, label] * x.at(label), (label, 1, self.axis.size)))
        result: Indexed = self.let(f"m{self._means}", value)
        return result

    def sqrt(self, e: Any) -> Any:
        """Square root; of an array, entry by entry."""
        return Indexed(lambda label: sp.sqrt(e.at(label))) if isinstance(e, Indexed) else sp.sqrt(e)

    def function(self, name: str, x: Indexed) -> Indexed:
        """An activation, entry by entry."""
        return Indexed(lambda label: ACTIVATIONS[name](x.at(label)))


def derivative(y: sp.Expr, axis: Axis = FEATURE) -> sp.Expr:
    """∂y/∂x[j], or ∂y/∂x[c, i] where rows are coupled, with its sums reduced."""
    return reduced(sp.diff(y, sp.IndexedBase("x", real=True)[(axis.primed, i) if axis is BATCH else (axis.primed,)]))


Sizes = Mapping[sp.Symbol, sp.Expr]
SIZES: Sizes = {mark: axis.size for axis in (FEATURE, BATCH) for mark in (axis.label, axis.primed)}


def reduced(e: sp.Expr, sizes: Sizes = SIZES) -> sp.Expr:
    """`e` with every sum split into monomials, deltas collapsed, constants taken out, and its bound label renamed.

    `sizes`: how far each free label runs, from 1. A delta collapses a sum only where both its labels run as far.
    Raises ValueError for a sum that does not begin at 1, and for a delta of labels that run differently far.
    """
    if isinstance(e, sp.Sum):
        if len(e.limits) != 1 or len(e.limits[0]) != 3 or e.limits[0][1] != 1:
            raise ValueError(f"reduced: a sum must have one label and begin at 1, got {e}")
        ((given, _, size),) = e.limits
        label = sp.Dummy(given.name, integer=True)  # so that no label is bound twice in nested sums
        sizes = {**sizes, label: size}
        terms = sp.Add.make_args(sp.expand(reduced(e.function.xreplace({given: label}), sizes)))
        return sp.Add(*(_sum_of_monomial(term, label, sizes) for term in terms))
    return e.func(*(reduced(a, sizes) for a in e.args)) if e.args else e


def _sum_of_monomial(term: sp.Expr, label: sp.Symbol, sizes: Sizes) -> sp.Expr:
    outside, inside = term.as_independent(label, as_Add=False)
    if inside == 1:
        return outside * sizes[label]
    factors = sp.Mul.make_args(inside)
    delta = next((f for f in factors if isinstance(f, sp.KroneckerDelta)), None)
    if delta is not None:
        other = _tied(delta, label, sizes)
        return outside * reduced(sp.Mul(*(f for f in factors if f is not delta)).xreplace({label: other}), sizes)
    bound = _bound(_height(inside))
    return outside * sp.Sum(inside.xreplace({label: bound}), (bound, 1, sizes[label]))


def _tied(delta: sp.KroneckerDelta, label: sp.Symbol, sizes: Sizes) -> sp.Symbol:
    """The label that the summed one must be equal to: one that takes the same values."""
    other = next(a for a in delta.args if a != label)
    if label not in delta.args or sizes.get(other) != sizes[label]:
        reach = sizes.get(other, "an unknown size")
        raise ValueError(f"reduced: {delta} in a sum over {label} to {sizes[label]}, where {other} runs to {reach}")
    return other


def _height(e: sp.Expr) -> int:
    """How deep sums are nested in `e`."""
    return max((1 + _height(s.function) for s in e.atoms(sp.Sum)), default=0)


@cache
def _bound(height: int) -> sp.Dummy:
    """The label of every sum that has so many nested in it: none that a formula has, nor one that is bound inside."""
    return sp.Dummy(f"t{height}", integer=True)


def vanishes(e: sp.Expr, axis: Axis = FEATURE) -> bool:
    """Whether `e` is zero for every size: as a rational function of its free generators (entries, sums, sizes, roots).

    Sums stay opaque, so that nothing is assumed of n. With e = e0 + δ_ij e1, both e0 and e1 at j = i must be zero;
    where rows are coupled, the same with b and c.
    """
    delta = sp.Dummy("delta")
    e = reduced(e)
    foreign = [a for a in e.atoms(sp.KroneckerDelta) if set(a.args) != {axis.label, axis.primed}]
    if foreign:
        raise ValueError(f"only the delta of {axis.label} and {axis.primed} is understood, got {foreign[0]}")
    e = sp.expand(e.replace(lambda a: isinstance(a, sp.KroneckerDelta), lambda a: delta))
    off = e.subs(delta, 0)
    on = sp.expand(e.subs(delta, 1) - off).xreplace({axis.primed: axis.label})
    return _is_zero(off) and _is_zero(on)


def _is_zero(e: sp.Expr) -> bool:
    """Zero as a rational function, once every root has a name and the relation name² = radicand."""
    relations: dict[sp.Symbol, sp.Expr] = {}
    for power in sorted(e.atoms(sp.Pow), key=sp.default_sort_key):
        if power.exp.is_Rational and power.exp.q == 2 and not power.base.is_number:
            radicand = sp.expand(power.base)
            root = next((s for s, known in relations.items() if sp.expand(known - radicand) == 0), None)
            if root is None:
                root = sp.Dummy("s", positive=True)
                relations[root] = radicand
            e = e.xreplace({power: root ** int(2 * power.exp)})
    numerator = sp.expand(sp.together(e).as_numer_denom()[0])
    for root, radicand in relations.items():
        numerator = sp.together(_lowered(numerator, root, radicand)).as_numer_denom()[0]
    return bool(sp.expand(numerator) == 0)


def _lowered(p: sp.Expr, root: sp.Symbol, radicand: sp.Expr) -> sp.Expr:
    """`p` modulo root² = radicand."""
    return sp.Add(
        *(
            coefficient * radicand ** (degree // 2) * root ** (degree % 2)
            for (degree,), coefficient in sp.Poly(p, root).terms()
        )
    )

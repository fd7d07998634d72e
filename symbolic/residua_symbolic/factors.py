"""The factors of a network's Jacobian as formulas: one a layer or block, in letters that carry the layer's index.

A letter `gamma__3` is γ of layer 3, `W__3,1` the weight at position 1 of the branch of layer 3, `W__l` that of the
layer over which a product runs, `W__2*l+1` every second one; `xhat__3:i` is column i of x̂ of layer 3.

Where batch statistics couple the rows, formulas act on the stacked batch, with the entry x[b, i] at place b · n + i:
what acts on every row by itself is an `EachRow`, what acts on the rows of every feature an `EachFeature`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import sympy as sp

from residua_network import Layer
from residua_symbolic.domains.tangents import BATCH, B, atom, i, n
from residua_symbolic.layer import LayerDerivation, derive_layer, m
from residua_symbolic.matrices import COLUMN, matrix_form
from residua_symbolic.operator import Operator, Term
from residua_symbolic.symbols import CONSTANTS, symbol_of

ALPHA = CONSTANTS["scale"]
INDEX = sp.Symbol("l", integer=True, nonnegative=True)
T = sp.Symbol("t", real=True)  # marks a branch: a path that takes k of them has the factor t^k


def derivation_of(layer: Layer, assume: str | None) -> LayerDerivation:
    """The derivation of the kind of this layer, in its variant: the function of an activation, say."""
    return derive_layer(layer.kind, assume, getattr(layer, layer.variant) if layer.variant else None)


@lru_cache(maxsize=4096)
def operators_of(layer: Layer, assume: str | None) -> tuple[Operator, Operator | None]:
    """The operator of this layer, and of what an assumption drops from it; None where that is nothing."""
    derivation = derivation_of(layer, assume)
    lost = derivation.dropped
    kept = operator_of(layer, derivation.operator)
    return kept, operator_of(layer, lost) if lost is not None and lost.terms else None


def operator_of(layer: Layer, operator: Operator) -> Operator:
    """The operator with parameters that the layer does not have replaced by their neutral values."""
    absent = {
        sp.IndexedBase(symbol_of(layer.kind, name), real=True)[i]: sp.Rational(parameter.absent)
        for name, parameter in layer.parameters.items()
        if name not in layer.shapes and len(parameter.axes) == 1
    }
    terms = tuple(Term(t.tied, t.left.xreplace(absent), t.matrix, t.right) for t in operator.terms)
    return Operator(terms, operator.axis)


@dataclass(frozen=True)
class Factor:
    """The Jacobian of one layer, or of one residual block with the factors of its branch, output-most first."""

    name: str
    layer: Layer
    inputs: int
    outputs: int
    assume: str | None
    branch: tuple["Factor", ...] = ()
    coupled: bool = False  # whether the network couples rows, so that formulas act on the stacked batch
    marked: bool = False  # whether a branch is marked with a factor t

    @cached_property
    def formula(self) -> sp.MatrixExpr:
        """The matrix expression, in letters that carry this layer's index."""
        return self.tagged(self.name.replace(".branch.", ","))

    def tagged(self, tag: str) -> sp.MatrixExpr:
        """The matrix expression with another index in place of this layer's."""
        if not self.branch:
            return self._leaf(derivation_of(self.layer, self.assume).operator, tag)
        size = B * self.inputs if self.coupled else self.inputs
        return sp.MatAdd(sp.Identity(size), self.through(tag))

    @property
    def branch_formula(self) -> sp.MatrixExpr:
        """What a block adds to its skip."""
        return self.through(self.name.replace(".branch.", ","))

    def through(self, tag: str) -> sp.MatrixExpr:
        """α F, or t α F where it is marked, with another index in place of this block's."""
        inner = [f.tagged(f"{tag},{f.name.rpartition('.')[2]}") for f in self.branch]
        return self.scale(tag) * (T if self.marked else sp.S.One) * product(inner)

    def scale(self, tag: str) -> sp.Expr:
        """The factor of the branch: α with the layer's index, or 1."""
        return sp.S.One if self.layer.scale == 1.0 else sp.Symbol(f"{ALPHA.name}__{tag}", real=True)  # type: ignore[attr-defined]

    def dropped(self, tag: str) -> sp.MatrixExpr | None:
        """What the assumption leaves out of this factor; None where it leaves out nothing."""
        if self.branch:
            tags = [f"{tag},{f.name.rpartition('.')[2]}" for f in self.branch]
            inner = telescoped(self.branch, tags)
            return None if inner is None else self.scale(tag) * inner
        dropped = derivation_of(self.layer, self.assume).dropped
        return self._leaf(dropped, tag) if dropped is not None and dropped.terms else None

    def exact(self) -> "Factor":
        """The same factor without the assumption."""
        branch = tuple(f.exact() for f in self.branch)
        return Factor(self.name, self.layer, self.inputs, self.outputs, None, branch, self.coupled)

    def _leaf(self, operator: Operator, tag: str) -> sp.MatrixExpr:
        here = operator_of(self.layer, operator)
        if here.axis is BATCH:
            return EachFeature(with_tags(matrix_form(here), lambda _: tag), self.inputs)
        formula = matrix_form(here, m, n)
        if self.layer.takes is None or self.layer.gives == self.layer.takes:
            formula = formula.xreplace({m: n})
        sized = formula.xreplace({n: sp.Integer(self.inputs), m: sp.Integer(self.outputs)})
        tagged = with_tags(sized, lambda _: tag)
        return EachRow(tagged) if self.coupled else tagged


def telescoped(factors: Sequence[Factor], tags: Sequence[str]) -> sp.MatrixExpr | None:
    """Π A − Π A' = Σ_l A_L … A_{l+1} D_l A'_{l−1} … A'_1, with the exact A = A' + D; output-most first."""
    terms = []
    for p, (factor, tag) in enumerate(zip(factors, tags, strict=True)):
        middle = factor.dropped(tag)
        if middle is not None:
            above = [f.exact().tagged(t) for f, t in zip(factors[:p], tags[:p], strict=True)]
            below = [f.tagged(t) for f, t in zip(factors[p + 1 :], tags[p + 1 :], strict=True)]
            terms.append(product([*above, middle, *below]))
    return None if not terms else terms[0] if len(terms) == 1 else sp.MatAdd(*terms)


def product(factors: Sequence[sp.MatrixExpr]) -> sp.MatrixExpr:
    """The product; neighbours that act on every row by themselves share one ⊕ over b."""
    shared: list[sp.MatrixExpr] = []
    for factor in factors:
        if shared and isinstance(factor, EachRow) and isinstance(shared[-1], EachRow):
            shared[-1] = EachRow(sp.MatMul(shared[-1].args[0], factor.args[0]))
        else:
            shared.append(factor)
    return shared[0] if len(shared) == 1 else sp.MatMul(*shared)


def with_tags(e: sp.Basic, retag: Callable[[str], str]) -> Any:
    """`e` with the index of every letter replaced; a letter without one gets one. Numbers and bound z stay."""

    def renamed(name: str) -> str:
        base, _, tag = name.partition("__")
        tag, column, label = tag.partition(COLUMN)
        return f"{base}__{retag(tag)}{column}{label}"

    found: dict[Any, Any] = {}
    for a in e.atoms(sp.MatrixSymbol, sp.Indexed, sp.Symbol):
        if isinstance(a, sp.MatrixSymbol):
            found[a] = sp.MatrixSymbol(renamed(a.name), *a.shape)
        elif isinstance(a, sp.Indexed):
            found[a] = atom(renamed(a.base.label.name), a.indices)
        elif a.name.partition("__")[0] in ("s", ALPHA.name):
            found[a] = sp.Symbol(renamed(a.name), **a.assumptions0)
    return e.xreplace(found)


class EachRow(sp.MatrixExpr):
    """The same matrix for every row b of the batch, with the letters of that row: ⊕_b body."""

    def __new__(cls, body: sp.MatrixExpr) -> "EachRow":
        return sp.Basic.__new__(cls, body)  # type: ignore[no-any-return]

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        rows, columns = self.args[0].shape
        return B * rows, B * columns

    def doit(self, **hints: Any) -> "EachRow":
        """Itself."""
        return self

    def _latex(self, printer: Any) -> str:
        return rf"\bigoplus_{{b}}\left({printer._print(self.args[0])}\right)"


class EachFeature(sp.MatrixExpr):
    """A B × B matrix for every feature i, which acts on the rows of that feature: entries δ_ij body_i[b, c]."""

    def __new__(cls, body: sp.MatrixExpr, features: int) -> "EachFeature":
        return sp.Basic.__new__(cls, body, sp.Integer(features))  # type: ignore[no-any-return]

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        return B * self.args[1], B * self.args[1]

    def doit(self, **hints: Any) -> "EachFeature":
        """Itself."""
        return self

    def _latex(self, printer: Any) -> str:
        return rf"\bigoplus_{{i}}\left({printer._print(self.args[0])}\right)"


class ProductOver(sp.MatrixExpr):
    """Π body(l) for l = last … first, output-most first: `count` runs of `period` layers each."""

    def __new__(cls, body: sp.MatrixExpr, first: int, last: int) -> "ProductOver":
        return sp.Basic.__new__(cls, body, sp.Integer(first), sp.Integer(last))  # type: ignore[no-any-return]

    @property
    def shape(self) -> tuple[sp.Expr, sp.Expr]:
        return self.args[0].shape  # type: ignore[no-any-return]

    def factor(self, l: int) -> sp.MatrixExpr:
        """The factor at one value of the index."""

        def at(tag: str) -> str:
            head, comma, rest = tag.partition(",")
            return f"{sp.Poly(_index(head), INDEX).eval(l)}{comma}{rest}" if INDEX.name in head else tag

        return with_tags(self.args[0], at)

    def unfold(self) -> list[sp.MatrixExpr]:
        """Every factor, output-most first."""
        return [self.factor(l) for l in range(int(self.args[2]), int(self.args[1]) - 1, -1)]

    def doit(self, **hints: Any) -> "ProductOver":
        """Itself: SymPy's LaTeX printer calls `doit` on products, and would write out every factor."""
        return self

    def _latex(self, printer: Any) -> str:
        return rf"\prod_{{l={self.args[2]}}}^{{{self.args[1]}}}\left({printer._print(self.args[0])}\right)"


def _index(text: str) -> sp.Expr:
    """a*l+c, l or a number, as written by `_fold`."""
    slope, star, rest = text.partition("*l+")
    return int(slope) * INDEX + int(rest) if star else INDEX


def folded(factors: Sequence[Factor]) -> list[sp.MatrixExpr]:
    """The formulas output-most first, runs of equal layers (or of equal groups of layers) as one product over l."""
    ascending = list(reversed(factors))
    layers = [f.layer for f in ascending]
    result: list[sp.MatrixExpr] = []
    at = 0
    while at < len(ascending):
        period, count = _longest_run(layers, at)
        if count == 1:
            result.append(ascending[at].formula)
            at += 1
            continue
        start = int(ascending[at].name)
        group = [_group_tag(f, start, period, q) for q, f in enumerate(ascending[at : at + period])]
        first, last = (start, start + count - 1) if period == 1 else (0, count - 1)
        result.append(ProductOver(product(group[::-1]), first, last))
        at += period * count
    return result[::-1]


def _group_tag(factor: Factor, start: int, period: int, q: int) -> sp.MatrixExpr:
    return factor.tagged("l" if period == 1 else f"{period}*l+{start + q}")


LONGEST_PERIOD = 8


def _longest_run(layers: Sequence[Layer], at: int) -> tuple[int, int]:
    """(period, count) of the run of equal groups that starts here and covers most; count 1: there is none."""
    best = (1, 1)
    for period in range(1, min(LONGEST_PERIOD, (len(layers) - at) // 2) + 1):
        count = 1
        while layers[at : at + period] == layers[at + count * period : at + (count + 1) * period]:
            count += 1
        if count > 1 and period * count > best[0] * best[1]:
            best = (period, count)
    return best

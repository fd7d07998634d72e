"""The law of one layer, printed in the moments of its input: the layer's own forward map run over SymPy symbols.

x stands for an entry of the input and S for what the rows of an infinite batch share of it; a mean over features puts
E x = m, E x² = q, E x S = E S² = c; a contraction is remembered, as is an activation, whose moments have laws.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sympy as sp

from residua_network import ACTIVATIONS, Layer
from residua_symbolic.domains.tangents import B
from residua_symbolic.layers import apply
from residua_symbolic.moments.integrals import batch_sphere, gaussian_forms
from residua_symbolic.moments.propagation.entries import Entry, Function, Normalised
from residua_symbolic.moments.propagation.forward_maps import constant_eps, is_batch_normaliser

q, m, c = sp.Symbol("q", positive=True), sp.Symbol("m", real=True), sp.Symbol("c", real=True)
V, BIAS, EPSILON = sp.Symbol("v", positive=True), sp.Symbol("b", nonnegative=True), sp.Symbol("epsilon", positive=True)
RHO = sp.Symbol("rho", real=True)  # E g_a g_b / E g_a² of the gradient that comes back to an activation
ALPHA, XF = sp.Symbol("alpha", real=True), sp.Symbol("E[xF]", real=True)
F2, G2 = sp.Symbol("E[F**2]", positive=True), sp.Symbol("G_F", positive=True)  # gradient at the branch's input
GG = sp.Symbol("G_xF", real=True)  # what that and the gradient beside it have in common
NEXT_Q, RATIO = sp.Symbol("q'", positive=True), sp.Symbol("R", positive=True)
_X, _S, _Z = sp.Symbol("x", real=True), sp.Symbol("S", real=True), sp.Symbol("z", real=True)
Known = Mapping[sp.Symbol, float]


@dataclass(frozen=True)
class Law:
    """E y² and the gradient ratio of a layer as formulas, None where there is none; and the numbers they hold at."""

    forward: sp.Expr | None
    ratio: sp.Expr | None
    at: Known
    slope_varies: bool = False  # the ratio holds for gradients that do not depend on the layer's input

    @property
    def equations(self) -> tuple[sp.Eq, ...]:
        """q' = …, R = …, those that are known."""
        pairs = ((NEXT_Q, self.forward), (RATIO, self.ratio))
        return tuple(sp.Eq(left, right, evaluate=False) for left, right in pairs if right is not None)


@dataclass
class _Symbols:
    """The domain: SymPy expressions in x and S, linear in what is drawn."""

    gaussian: bool  # whether the entries are, so that the rows of an infinite batch have one variance
    used: list[Any] = field(default_factory=list)

    def number(self, value: float) -> sp.Expr:
        """A constant."""
        return sp.nsimplify(value, rational=True)

    def let(self, name: str, value: Any) -> Any:
        """Names say nothing here."""
        return value

    def sqrt(self, e: Any) -> sp.Expr:
        """Square root."""
        return sp.sqrt(e)

    def function(self, name: str, e: sp.Expr) -> sp.Expr:
        """φ(x), of which no more is known here."""
        if name == "identity":
            return e
        if e != _X:
            raise NotImplementedError
        self.used.append(name)
        return sp.Symbol("phi")

    def mean(self, e: Any, axis: str = "feature") -> sp.Expr:
        """A number, or what the rows share."""
        e = sp.expand(e)
        if axis == "feature":
            return expected(e)
        if not self.gaussian:
            raise NotImplementedError
        return _polynomial(e, {(0, 0): 1, (1, 0): _S, (2, 0): _S**2 + q - c, (0, 1): _S, (1, 1): _S**2, (0, 2): _S**2})

    def contract(self, weight: Any, x: sp.Expr) -> sp.Expr:
        """A fresh Gaussian."""
        if x != _X:
            raise NotImplementedError
        self.used.append("contract")
        return _Z


def expected(e: sp.Expr) -> sp.Expr:
    """E of a polynomial of degree 2 in x and S."""
    return _polynomial(sp.expand(e), {(0, 0): 1, (1, 0): m, (2, 0): q, (0, 1): m, (1, 1): c, (0, 2): c})


def _polynomial(e: sp.Expr, moments: Mapping[tuple[int, int], Any]) -> sp.Expr:
    return sp.Add(*(factor * moments[powers] for powers, factor in sp.Poly(e, _X, _S).terms()))


def law_of(layer: Layer, x: Entry, known: Known, batch: int | None, sources: Mapping[Entry, float]) -> Law:
    """The law of a layer without a branch. `known`: the numbers behind m, q, c, v, b; `sources`: E g_a g_b / E g_a² of
    each part of the gradient at its output, by the coefficient of that part."""
    if batch is not None and is_batch_normaliser(layer) and layer.couples_rows:
        return _of_batch(layer, known, batch, sources)
    domain = _Symbols(x.is_gaussian)
    parameters = {name: sp.Symbol("W") for name, shape in layer.shapes.items() if len(shape) == 2}
    if known.get(BIAS):
        parameters |= {name: BIAS for name, shape in layer.shapes.items() if len(shape) == 1 and parameters}
    eps = constant_eps(layer)
    try:
        y = apply(_WithEps(domain, eps), layer, _X, parameters)
    except (NotImplementedError, KeyError, sp.PolynomialError):
        return Law(None, None, known)
    at = {**known, EPSILON: eps}
    if domain.used == ["contract"]:
        return Law(V * q + (BIAS if y.has(BIAS) else 0), V, at)
    if domain.used:
        return _of_function(domain.used[0], x, at, batch)
    y = _simple(y, known)
    return Law(_simple(expected(y**2), known), _simple(sp.expand(y).coeff(_X, 1) ** 2, known), at)


class _WithEps:
    """The domain in which ε is a symbol, where the layer has one above 0."""

    def __init__(self, domain: _Symbols, eps: float) -> None:
        self._domain, self._eps = domain, eps

    def __getattr__(self, name: str) -> Any:
        return getattr(self._domain, name)

    def number(self, value: float) -> sp.Expr:
        """A constant, ε by its name."""
        return EPSILON if value == self._eps and value > 0 else self._domain.number(value)


def _simple(e: sp.Expr, known: Known) -> sp.Expr:
    """Without the mean where it is 0."""
    return _simplified(e.subs(m, 0) if known[m] == 0 else e)


@cache
def _simplified(e: sp.Expr) -> sp.Expr:
    return sp.factor(sp.simplify(e))


def _of_function(name: str, x: Entry, at: dict[sp.Symbol, float], batch: int | None) -> Law:
    """An activation of Gaussian entries, or of what batch norm with ε = 0 gives."""
    only = next(iter(x.parts)) if len(x.parts) == 1 else None
    if isinstance(only, Normalised) and only.eps == 0 and x.constant == 0 and x.parts[only] == 1 and batch:
        closed = batch_sphere.closed(name)
        return (
            Law(_simplified(closed.square), _simplified(closed.slope_square), {**at, B: batch}, True)
            if closed
            else Law(None, None, at)
        )
    if not x.is_gaussian or name not in ACTIVATIONS:
        return Law(None, None, at)
    square, slope_square = (
        _gaussian(name, what, at[m] == 0) for what in (gaussian_forms.SQUARE, gaussian_forms.SLOPE_SQUARE)
    )
    return Law(square, slope_square, at, True)


def _gaussian(name: str, what: str, centred: bool) -> sp.Expr | None:
    """A closed form in the variance q − m² and the mean m."""
    form = gaussian_forms.closed_form(name, what)
    if form is None or not (centred or gaussian_forms.at_any_mean(name, what)):
        return None
    if centred:
        return form.subs(gaussian_forms.m, 0).subs(gaussian_forms.q, q)
    return form.subs({gaussian_forms.q: q - m**2, gaussian_forms.m: m}, simultaneous=True)


def _of_batch(layer: Layer, known: Known, batch: int, sources: Mapping[Entry, float]) -> Law:
    """Batch normalisation of Gaussian entries over B rows, at ε = 0."""
    if constant_eps(layer):
        return Law(None, None, known)
    if len(sources) != 1:
        return Law(sp.Integer(1), None, known)
    ((coefficient, correlation),) = sources.items()
    name = _slope_of(coefficient)
    closed = batch_sphere.closed(name) if name else None
    if closed is None:
        return Law(sp.Integer(1), None, known)
    return Law(sp.Integer(1), _pulled_back(name), {**known, B: batch, RHO: correlation})


@cache
def _pulled_back(name: str) -> sp.Expr:
    """The gradient ratio of batch norm at ε = 0 below φ, by the closed forms of `batch_sphere`."""
    f = batch_sphere.closed(name)
    assert f is not None
    alone, both = (B - 1) * f.slope_square - f.pulled_square, (B - 1) * (f.slope_product + f.pulled_product)
    parts = (sp.simplify(_by_arctan(e / f.slope_square)) for e in (alone, both))
    return (next(parts) - RHO * next(parts)) / ((q - c) * (B - 3))


def _by_arctan(e: sp.Expr) -> sp.Expr:
    """arcsin ±1/(B − 1) = ±arctan 1/√(B (B − 2)), and the square root that goes with it."""
    e = e.subs(sp.sqrt(1 - batch_sphere.RHO**2), sp.sqrt(B * (B - 2)) / (B - 1))
    return e.replace(sp.asin, lambda u: sp.simplify(u * (B - 1)) * sp.atan(1 / sp.sqrt(B * (B - 2))))


def _slope_of(coefficient: Entry) -> str:
    """φ where the coefficient is φ'(x̂), the identity where it is a number."""
    if coefficient.is_constant:
        return "identity"
    only = next(iter(coefficient.parts))
    if len(coefficient.parts) == 1 and coefficient.constant == 0 and isinstance(only, Function):
        inside = next(iter(only.of.parts), None)
        if isinstance(inside, Normalised) and only.of.parts[inside] == 1 and only.of.constant == 0:
            return only.name.removesuffix("'") if only.name.endswith("'") else ""
    return ""

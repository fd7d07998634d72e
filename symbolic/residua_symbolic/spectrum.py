"""Spectra and norms of normalisers for every n: a multiple of the identity plus terms of rank one."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sympy as sp

from residua_network import ResiduaError
from residua_network.checks import one_of
from residua_symbolic.derivation import Derivation, Proof, Step
from residua_symbolic.domains.tangents import FEATURE, Axis, i, j, labels
from residua_symbolic.evaluate import evaluate
from residua_symbolic.kind import run
from residua_symbolic.layer import CONSTANT_STATISTICS, derive_layer, variants
from residua_symbolic.operator import Operator, Term
from residua_symbolic.referee import SIZES, Referee, at_sizes, exact_values
from residua_symbolic.symbols import CONSTANTS

EPS = CONSTANTS["eps"]
PARTS = ("jacobian", "dropped")
GAMMA = sp.IndexedBase("gamma", real=True)


@dataclass(frozen=True)
class Eigenvalue:
    """An eigenvalue and how often it occurs."""

    value: sp.Expr
    multiplicity: sp.Expr


@dataclass(frozen=True, repr=False)
class Spectrum(Derivation):
    """All eigenvalues of a symmetric operator of rank-one terms beside a multiple of the identity."""

    eigenvalues: tuple[Eigenvalue, ...]
    size: sp.Symbol  # n; B where rows are coupled: the spectrum is then that of one feature

    @property
    def squared_norm(self) -> sp.Expr:
        """Squared Frobenius norm: Σ multiplicity · eigenvalue², since the operator is symmetric."""
        return sp.simplify(sp.Add(*(e.multiplicity * e.value**2 for e in self.eigenvalues)))

    def vanishes_at(self) -> sp.Set:
        """All sizes, from the smallest for which the spectrum is stated, at which no eigenvalue but zero occurs."""
        nonzero = [e for e in self.eigenvalues if e.value != 0]
        stated = sp.Range(self._rank, sp.oo)
        sets = [sp.Intersection(stated, sp.FiniteSet(*sp.solve(e.multiplicity, self.size))) for e in nonzero]
        return sp.Intersection(stated, *sets)

    @property
    def _rank(self) -> sp.Expr:
        """Smallest size at which no multiplicity is negative."""
        counted = (self.size - e.multiplicity for e in self.eigenvalues if e.multiplicity.has(self.size))
        return max(sp.Integer(1), *counted)


@cache
def derive_spectrum(kind: str, eps_is_zero: bool = False, part: str = "jacobian") -> Spectrum:
    """Spectrum of a normaliser for γ = 1; `part` "dropped": of what constant statistics leave out. That of batch norm
    (batch statistics) is over the rows of one feature.

    With J = a I + U Vᵀ and r columns in U and V, the eigenvalues are a, n − r times, and a + eig(Vᵀ U) (Sylvester).
    Raises ResiduaError for a kind whose Jacobian is not of this form.
    """
    one_of(part, PARTS, "part", "derive_spectrum")
    operator = derive_layer(kind).operator if part == "jacobian" else _dropped(kind)
    plain = without_gamma(operator)
    a = sp.Add(*(t.left for t in plain.terms if t.tied))
    rank_one = [t for t in plain.terms if not t.tied]
    size = operator.axis.size
    if operator.axis.label in labels(a) or any(t.matrix is not None for t in rank_one):
        raise ResiduaError(f"derive_spectrum: {kind} is not a multiple of the identity plus terms of rank one")
    gram, steps = _gram(kind, rank_one, operator.axis)
    found = {a: size - len(rank_one)}
    for value, multiplicity in gram.eigenvals().items():
        key = sp.factor(sp.expand(a + value))
        found[key] = found.get(key, sp.Integer(0)) + multiplicity
    eigenvalues = tuple(Eigenvalue(value, sp.sympify(times)) for value, times in _at(found, eps_is_zero).items())
    formula = sp.Tuple(*(sp.Tuple(e.value, e.multiplicity) for e in eigenvalues))
    by = f"{at_sizes(operator.axis)}: annihilating polynomial and traces"
    proof = Proof(by, _annihilated(kind, plain, eps_is_zero))
    reason = f"eigenvalues of a I + U Vᵀ: a, and a + eig(Vᵀ U), {len(rank_one)} of them (Sylvester)"
    reduced = sp.eye(len(rank_one)) * a + gram
    every_n = Proof(
        f"every {size}: characteristic polynomial of a I + Vᵀ U, and a for the rest",
        lambda right: _characteristic(right, a, reduced, eps_is_zero, size),
    )
    steps.append(Step("eigenvalues", sp.Symbol("Lambda"), formula, reason, (proof, every_n)))
    symbol = sp.Symbol("Lambda")
    assumptions = (f"γ = 1, {size} ≥ {len(rank_one)}", "ε = 0, variance > 0" if eps_is_zero else "s > 0")
    title = f"Spectrum of {kind}" + (", what constant statistics drop" if part != "jacobian" else "")
    title += ", ε = 0" if eps_is_zero else ""
    return Spectrum(title, symbol, formula, assumptions, tuple(steps), eigenvalues, size)


def _characteristic(formula: sp.Tuple, a: sp.Expr, reduced: sp.Matrix, eps_is_zero: bool, size: sp.Symbol) -> bool:
    """Whether the eigenvalues are a, n − r times, and those of the r × r matrix a I + Vᵀ U, with multiplicities."""
    unknown = sp.Dummy("lambda")
    expected = (sp.eye(reduced.rows) * unknown - reduced).det()
    if eps_is_zero:
        expected = expected.subs(EPS, 0)
    claimed = sp.Integer(1)
    for value, times in formula:
        left = sp.simplify(times - (size - reduced.rows)) if sp.simplify(value - a) == 0 else times
        if not (left.is_Integer and left >= 0):
            return False
        claimed *= (unknown - value) ** left
    total = sp.Add(*(times for _, times in formula))
    return bool(sp.simplify(total - size) == 0 and sp.simplify(sp.expand(claimed - expected)) == 0)


def _dropped(kind: str) -> Operator:
    dropped = derive_layer(kind, CONSTANT_STATISTICS).dropped
    if dropped is None or not dropped.terms:
        raise ResiduaError(f"derive_spectrum: {kind} has no statistics, and drops nothing")
    return dropped


def without_gamma(operator: Operator) -> Operator:
    """The operator for γ = 1."""
    one = {GAMMA[i]: sp.Integer(1)}
    terms = (Term(t.tied, t.left.xreplace(one), t.matrix, t.right) for t in operator.terms)
    return Operator(tuple(terms), operator.axis)


def _at(found: dict[sp.Expr, Any], eps_is_zero: bool) -> dict[sp.Expr, Any]:
    merged: dict[sp.Expr, Any] = {}
    for value, multiplicity in found.items():
        key = value.subs(EPS, 0) if eps_is_zero else value
        merged[key] = merged.get(key, sp.Integer(0)) + multiplicity
    return merged


def _gram(kind: str, rank_one: list[Term], axis: Axis) -> tuple[sp.Matrix, list[Step]]:
    """Vᵀ U, each entry a sum over the coupled axis reduced for every size."""
    variant = variants(kind)[0]
    domain, _ = run(kind, variant, False)
    referee = Referee(kind, variant, False, axis)
    steps: dict[sp.Expr, Step] = {}

    def entry(p: int, q: int) -> sp.Expr:
        inside = sp.expand(rank_one[p].right.xreplace({axis.primed: axis.label}) * rank_one[q].left)
        value = domain.in_newest_names(domain.reduce(inside, axis.label))
        total = sp.Sum(inside, (axis.label, 1, axis.size))
        proofs = referee.proofs_of_sum(total)
        steps[inside] = Step("sum", total, value, f"entry ({p + 1}, {q + 1}) of Vᵀ U, names unfolded", proofs)
        return value

    return sp.Matrix(len(rank_one), len(rank_one), entry), list(steps.values())


def _annihilated(kind: str, operator: Operator, eps_is_zero: bool) -> Any:
    """Π (J − λ) = 0 over the distinct eigenvalues, and tr Jᵖ = Σ multiplicity · λᵖ for as many powers: this decides
    every multiplicity."""

    def holds(formula: sp.Tuple) -> bool:
        for size in SIZES:
            values, domain = exact_values(kind, variants(kind)[0], size, False, eps_is_zero)
            matrix = _reduced(matrix_at(operator, values, domain))
            one = np.array([[domain.number(int(p == q)) for q in range(size)] for p in range(size)])
            product, power = one, one
            for p, (eigenvalue, _) in enumerate(formula):
                claimed = sp.Add(*(times.subs(operator.axis.size, size) * value**p for value, times in formula))
                if not domain.is_zero(power.trace() - scalar_at(claimed, values, domain)):
                    return False
                shifted = matrix - one * scalar_at(eigenvalue, values, domain)
                product, power = _reduced(product @ shifted), _reduced(power @ matrix)
            if not all(domain.is_zero(e) for e in product.ravel()):
                return False
        return True

    return holds


def matrix_at(operator: Operator, values: Any, domain: Any) -> Any:
    """The square matrix over the coupled axis; where that is the rows, of the first feature."""
    axis = operator.axis
    marks = (i, j) if axis is FEATURE else (i, axis.label, axis.primed)
    entries = evaluate(operator.of_one_feature, values, marks, domain)
    size = values[axis.size.name]
    return np.broadcast_to(entries, np.broadcast_shapes(entries.shape, (size, size))).reshape(-1, size, size)[0]


def scalar_at(e: sp.Expr, values: Any, domain: Any) -> Any:
    """A number; where it depends on the feature, that of the first."""
    return np.ravel(evaluate(e, values, tuple(labels(e)), domain))[0]


def _reduced(matrix: Any) -> Any:
    return np.frompyfunc(lambda q: q.reduced(), 1, 1)(matrix)

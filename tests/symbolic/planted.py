"""Wrong right-hand sides made from right ones, and the check that a step refuses them."""

import itertools
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

from oracles.dense import dense
from residua_symbolic import Derivation, ProofError, Step
from residua_symbolic.domains.tangents import B, b, c, i, j, n


def refuses(step: Step, wrong: Any) -> None:
    """Every proof alone, and the step, must refuse what is wrong, by the step's name."""
    for proof in step.proofs if len(step.proofs) > 1 else ():
        with pytest.raises(ProofError, match=re.escape(f"step {step.name!r}")):
            replace(step, right=wrong, proofs=(proof,)).check()
    with pytest.raises(ProofError, match=re.escape(f"step {step.name!r}")):
        replace(step, right=wrong).check()


def refuses_in_place(derivation: Derivation, step: Step, wrong: Any) -> None:
    """So must the derivation that the step belongs to."""
    steps = tuple(replace(s, right=wrong) if s is step else s for s in derivation.steps)
    with pytest.raises(ProofError, match=re.escape(f"step {step.name!r}")):
        replace(derivation, steps=steps).check()


def wrong_entries(right: sp.Expr) -> list[sp.Expr]:
    """Index forms that are not `right`."""
    candidates = [-right, 2 * right, right + 1, right + sp.Symbol("epsilon")]
    candidates += [right.xreplace({p: q, q: p}) for p, q in ((i, j), (b, c))]
    candidates += [right.subs(size, value) for size in (n, B) for value in (size - 1, 2, 5)]  # 2: right there alone
    candidates += [right.xreplace({delta: sp.Integer(1)}) for delta in right.atoms(sp.KroneckerDelta)]
    terms = sp.Add.make_args(sp.expand(right))
    if len(terms) > 1:
        candidates += [right - term for term in terms]
        candidates += [right - 2 * term for term in terms]
    candidates.append(right + 1 - sp.KroneckerDelta(i, j))  # wrong off the diagonal alone
    return [wrong for wrong in candidates if not _same(wrong, right)]


def wrong_limits(right: sp.Expr, sizes: Collection[sp.Symbol]) -> list[sp.Expr]:
    """`right` with one of its Σ from 2, to 1, to another of the sizes, or one short of its end or beyond it."""
    found = []
    for total in sorted(right.atoms(sp.Sum), key=sp.default_sort_key):
        ((label, first, last),) = total.limits
        ends = [sp.Integer(1), last - 1, last + 1, *(size for size in sizes if size != last)]
        for limits in [(label, first + 1, last), *((label, first, end) for end in ends)]:
            found.append(right.xreplace({total: sp.Sum(total.function, limits)}))
    assert right not in found
    return found


def _same(left: sp.Expr, right: sp.Expr) -> bool:
    """Equal on and off the diagonals, at random numbers for every atom."""
    rng = np.random.default_rng(0)
    for features, rows in itertools.product(({}, {j: i}), ({}, {c: b})):
        e = (left - right).xreplace({**features, **rows})
        e = e.replace(lambda x: isinstance(x, sp.KroneckerDelta), lambda x: sp.Integer(0))
        e = e.replace(lambda x: isinstance(x, sp.Function), lambda x: sp.Symbol(str(x)))
        for atom in sorted(e.atoms(sp.Indexed), key=str):
            e = e.xreplace({atom: sp.Float(rng.uniform(0.5, 1.5))})
        for atom in sorted(e.free_symbols, key=str):
            e = e.xreplace({atom: sp.Float(rng.uniform(2.5, 3.5))})
        if abs(float(e)) > 1e-9:
            return False
    return True


def wrong_matrices(right: Any, letters: dict[str, Any] | None = None) -> list[Any]:
    """Matrix expressions of the same shape that are not `right`, each with one fault somewhere inside."""
    letters = _random_letters(right) if letters is None else letters
    truth = _at(right, letters)
    found = []
    for candidate in [_product([-1, right]), _product([2, right]), *faults(right)]:
        if np.abs(_at(candidate, letters) - truth).max() > 1e-9:
            found.append(candidate)
    return found


def _random_letters(e: Any) -> dict[str, Any]:
    """Numbers for the letters of a kind's formula, every size 3."""
    rng = np.random.default_rng(1)
    letters: dict[str, Any] = {}
    for a in sorted(e.atoms(sp.MatrixSymbol, sp.Symbol), key=str):
        size = 1 if isinstance(a, sp.Symbol) else 3 if a.shape[1] == 1 else 9
        letters[a.name] = rng.uniform(0.5, 1.5, size=size) if size > 1 else rng.uniform(1.2, 1.5)
    return {**letters, "n": 3, "m": 3, "B": 3}


def _at(e: Any, letters: dict[str, Any]) -> Any:
    return dense(e.replace(*PHI_PRIME), letters)


PHI_PRIME = (lambda e: type(e).__name__ == "phi_prime", lambda e: sp.cos(e.args[0]))


def faults(e: Any) -> Iterator[Any]:
    """`e` with a term dropped or of the other sign, a factor dropped, two swapped, or n − 1 for n (or B)."""
    if isinstance(e, sp.MatAdd):
        for p, term in enumerate(e.args):
            others = [*e.args[:p], *e.args[p + 1 :]]
            yield _sum(others)
            yield _sum([*others, _product([-1, term])])
            for fault in faults(term):
                yield _sum([*others, fault])
    if isinstance(e, sp.MatMul):
        coefficient, matrices = e.as_coeff_matrices()
        for size in coefficient.free_symbols & {n, B}:
            yield _product([coefficient.subs(size, size - 1), *matrices])
        if coefficient != 1:
            yield _product(matrices)
        for p, matrix in enumerate(matrices):
            if matrix.shape[0] == matrix.shape[1] and len(matrices) > 1:
                yield _product([coefficient, *matrices[:p], *matrices[p + 1 :]])
            for fault in faults(matrix):
                yield _product([coefficient, *matrices[:p], fault, *matrices[p + 1 :]])
        for p in range(len(matrices) - 1):
            a, b = matrices[p : p + 2]
            if a.shape == b.shape and a.shape[0] == a.shape[1]:
                yield _product([coefficient, *matrices[:p], b, a, *matrices[p + 2 :]])
    if type(e).__name__ in ("EachRow", "EachFeature"):
        for fault in faults(e.args[0]):
            yield type(e)(fault, *e.args[1:])
    if type(e).__name__ == "ProductOver":
        body, first, last = e.args
        for fault in faults(body):
            yield type(e)(fault, int(first), int(last))
        if first < last:
            yield type(e)(body, int(first) + 1, int(last))
            yield type(e)(body, int(first), int(last) - 1)


def _sum(terms: list[Any]) -> Any:
    return terms[0] if len(terms) == 1 else sp.MatAdd(*terms)


def _product(factors: Any) -> Any:
    """The product as it stands: `*` would let SymPy rearrange it, slowly."""
    factors = [factor for factor in factors if factor != 1]
    return factors[0] if len(factors) == 1 else sp.MatMul(*factors)

"""Sums over classes, rows or symbols, of any number of them: an identity of the terms is one of the sums."""

import sympy as sp

from residua_symbolic.identities import same

i, j, k = sp.symbols("i j k", integer=True, positive=True)
V = sp.Symbol("V", integer=True, positive=True)


def over(e: sp.Expr, size: sp.Expr = V) -> sp.Sum:
    """Σ_k e."""
    return sp.Sum(e, (k, 1, size))


def term(e: sp.Expr) -> sp.Expr:
    """f of a combination of sums over one range that is Σ_k f, its factors free of k. Raises ValueError otherwise."""
    found = sp.Integer(0)
    limits: set[tuple[sp.Tuple, ...]] = set()
    for part in sp.Add.make_args(sp.expand(e, deep=False)):
        factor, sums = part.as_independent(sp.Sum)
        if not isinstance(sums, sp.Sum) or factor.has(k):
            raise ValueError(f"{e} is no combination of sums over k")
        found, limits = found + factor * sums.function, limits | {sums.limits}
    if len(limits) != 1:
        raise ValueError(f"{e} has sums over several ranges")
    return sp.expand_log(found)


def same_sums(left: sp.Expr, right: sp.Expr, rest: sp.Expr | int = 0) -> bool:
    """Whether left − right is Σ_k rest because its terms are."""
    return same(sp.expand(term(left - right)), sp.sympify(rest))


def factorised(f: sp.Expr, size: sp.Expr = V) -> sp.Expr:
    """Σ_i Σ_j f of a polynomial f in what is indexed by i and what by j: each monomial is a product of two sums."""
    total = sp.Integer(0)
    for part in sp.Add.make_args(sp.expand(f)):
        of_i, rest = part.as_independent(j)
        factor, of_i = of_i.as_independent(i)
        if rest.has(i) or factor.has(k):
            raise ValueError(f"{part} does not fall into a part of i and a part of j")
        total += factor * _sum(of_i.xreplace({i: k}), size) * _sum(rest.xreplace({j: k}), size)
    return total


def _sum(e: sp.Expr, size: sp.Expr) -> sp.Expr:
    return over(e, size) if e.has(k) else e * size

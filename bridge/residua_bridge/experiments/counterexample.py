"""The smallest counterexample to (1.10), found by search in exact rationals."""

from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import isqrt
from typing import Any

import numpy as np
import sympy as sp

from residua_bridge.findings import Section, Table
from residua_bridge.study import Finding, Settings
from residua_network import ResiduaError
from residua_symbolic import derive_layer
from residua_symbolic.domains.named import Named
from residua_symbolic.domains.tangents import i, j
from residua_symbolic.evaluate import evaluate
from residua_symbolic.layer import CONSTANT_STATISTICS
from residua_symbolic.layers import forward_map
from residua_symbolic.printing import latex

Rationals = Any  # numpy object arrays of Fraction


class _IrrationalError(Exception):
    """The root of this number is not rational."""


class _RationalDomain(Named):
    """Forward maps over exact rationals; only perfect squares have a root."""

    def number(self, value: Any) -> Fraction:
        return Fraction(value)

    def sqrt(self, x: Rationals) -> Rationals:
        def root(q: Fraction) -> Fraction:
            top, bottom = isqrt(q.numerator), isqrt(q.denominator)
            if q <= 0 or top * top != q.numerator or bottom * bottom != q.denominator:
                raise _IrrationalError
            return Fraction(top, bottom)

        return np.frompyfunc(root, 1, 1)(x)


@dataclass(frozen=True)
class SmallestCounterexample:
    """For each kind: the smallest n, and then the smallest whole entries, for which (1.10) is not the Jacobian."""

    title: str
    prose: tuple[str, ...]
    kinds: tuple[str, ...]
    largest_n: int = 4
    largest_entry: int = 6

    def run(self, settings: Settings) -> Finding:
        """Search, in the order of n and of the largest entry."""
        cases = [(kind, size) for kind in self.kinds for size in range(1, self.largest_n + 1)]
        rows = tuple(self._row(kind, size) for kind, size in settings.track(cases, self.title))
        columns = ("normaliser", "n", "x", "s", "(1.10): g W / σ with g = 1, W = I", "true Jacobian")
        caption = (
            f"ε = 0, γ = 1. Searched among whole entries up to {self.largest_entry} in absolute value for which s is "
            "rational; the first row of each kind with an x is its smallest counterexample."
        )
        return Finding(Section(self.title, self.prose, tables=(Table("Counterexamples", columns, rows, caption),)))

    def _row(self, kind: str, size: int) -> tuple[Any, ...]:
        found = smallest(kind, size, self.largest_entry)
        if found is None:
            return kind, size, "none in this range", "–", "–", "–"
        x, s, claimed, true = found
        shown = [f"${latex(sp.Matrix(m.tolist()))}$" for m in (claimed, true)]
        return kind, size, f"$({', '.join(str(entry) for entry in x)})$", str(s), *shown


def smallest(kind: str, size: int, largest: int) -> tuple[tuple[int, ...], Fraction, Rationals, Rationals] | None:
    """x, s, what (1.10) gives and the true Jacobian, at the first x where they differ; None if there is none."""
    for bound in range(1, largest + 1):
        for x in product(range(-bound, bound + 1), repeat=size):
            if max(map(abs, x)) < bound:
                continue
            try:
                s, claimed, true = both(kind, x)
            except _IrrationalError:
                continue
            if (claimed != true).any():
                return x, s, claimed, true
    return None


def both(kind: str, x: tuple[int, ...]) -> tuple[Fraction, Rationals, Rationals]:
    """s, (1.10) and the true Jacobian at x, exactly: the derived index forms, evaluated in rationals."""
    domain = _RationalDomain()
    array = np.array([Fraction(entry) for entry in x], dtype=object)
    one, zero = Fraction(1), Fraction(0)
    arguments = {"weight": one, "bias": zero, "eps": zero} if kind == "layernorm" else {"weight": one, "eps": zero}
    forward_map(kind)(domain, array, **arguments)
    values = {"x": array, "gamma": np.array([one] * len(x), dtype=object), **domain.names, "n": len(x)}
    shape = (len(x), len(x))
    found = [
        np.broadcast_to(evaluate(derive_layer(kind, assume).components, values, (i, j), domain), shape)
        for assume in (CONSTANT_STATISTICS, None)
    ]
    if "s" not in domain.names:
        raise ResiduaError(f"{kind} has no statistic s")
    return domain.names["s"].reshape(1)[0], found[0], found[1]

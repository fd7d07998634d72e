"""Swell of plain networks, by depth and width: L times (Linear(w, w), tanh), then Linear(w, 1)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import sympy as sp

from residua_network import Activation, Layer, Linear, Network
from residua_symbolic.growth import CHECKS, combination
from residua_symbolic.swell import size_of_network
from residua_symbolic.swell_sizes import LAWFUL, Size

DEPTH, WIDTH = sp.symbols("L w", integer=True, positive=True)
DEPTHS, WIDTHS = range(1, 6), range(2, 7)
POWER = 3  # of the width, in the terms that the laws are made of


def plain_network(depth: int, width: int, activation: str = "tanh") -> Network:
    """`depth` hidden layers of `width`, as many inputs, one output."""
    hidden: tuple[Layer, ...] = (Linear(width, width), Activation(activation))
    return Network((*hidden * depth, Linear(width, 1)))


@dataclass(frozen=True)
class NetworkLaw:
    """A count as a function of depth L and width w ≥ 2, verified exactly at every size of `values`."""

    formula: sp.Expr
    terms: int
    values: Mapping[tuple[int, int], int]

    def at(self, depth: int, width: int) -> int:
        """The count. Raises TypeError where the formula gave no whole number."""
        return int(sp.Integer(self.formula.subs({DEPTH: depth, WIDTH: width})))


@cache
def network_sizes(form: str) -> dict[tuple[int, int], Size]:
    """The counts of the derivative of the output by the first input, for every depth and width looked at."""
    return {(L, w): size_of_network(plain_network(L, w), "x1", form) for L in DEPTHS for w in WIDTHS}


@cache
def network_laws(form: str) -> dict[str, NetworkLaw]:
    """The laws that hold exactly for every depth and width looked at, by count; no entry where none was found.

    Trees: p(w) + (q(w) + L r(w)) w^L over (w − 1)²; graphs and programs: polynomials in L and w.
    """
    found = {}
    for name in LAWFUL:
        values = {at: count for at, size in network_sizes(form).items() if (count := getattr(size, name)) is not None}
        for terms, factor in ansatz():
            if len(values) < len(terms) + CHECKS:
                continue
            times = {(L, w): count * int(factor.subs(WIDTH, w)) for (L, w), count in values.items()}
            formula = combination(terms, times, (DEPTH, WIDTH))
            if formula is not None:
                found[name] = NetworkLaw(sp.factor(formula / factor) if factor != 1 else formula, len(terms), values)
                break
    return found


def ansatz() -> Iterator[tuple[list[sp.Expr], sp.Expr]]:
    """Terms, and by what they are divided: first those of graphs, then those of trees."""
    yield [DEPTH**a * WIDTH**b for a in range(3) for b in range(POWER + 1)], sp.Integer(1)
    powers = [WIDTH**b for b in range(POWER + 1)]
    yield [p * q for p in powers for q in (1, WIDTH**DEPTH, DEPTH * WIDTH**DEPTH)], (WIDTH - 1) ** 2

"""What SymPy is not asked to do: numbers of millions of digits, levels that take longer than anyone waits."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sympy as sp

from residua_symbolic.counting import different

MOST_BITS = 2**16  # of a coefficient: 20,000 digits; every level of x^2/3 doubles them
SECONDS = 40.0  # of this process, for what SymPy does in one call; the 64 levels of the logistic map take 4 to 12
GROWTH = 3.0  # a piece of work takes at most so many times as long as the one of its kind before: trees double
LARGEST_GRAPH = 300_000  # nodes of a graph that is differentiated once more


class Stopped(Exception):  # noqa: N818 -- not an error
    """A count that is not computed; the message says why."""


class Stopwatch:
    """Stops before a piece of work that may not end in time, judged by the one of its kind before."""

    def __init__(self) -> None:
        self._spent = 0.0
        self._last: dict[str, float] = {}

    @contextmanager
    def piece(self, kind: str) -> Iterator[None]:
        """One piece of work. Raises Stopped instead of beginning it where too little time is left."""
        if self._spent + GROWTH * self._last.get(kind, 0.0) > SECONDS:
            raise Stopped(f"it would take SymPy more than {SECONDS:g} seconds")
        begin = time.process_time()  # what else the machine does decides nothing
        try:
            yield
        finally:
            self._last[kind] = time.process_time() - begin
            self._spent += self._last[kind]


def bits(e: sp.Expr) -> int:
    """Of the rational number in front of e; 0 for 1 and -1."""
    number = e if e.is_Number else e.as_coeff_Mul()[0]
    if not number.is_Rational or number in (sp.S.One, sp.S.NegativeOne):
        return 0
    return int(number.p).bit_length() + int(number.q).bit_length()


def composed(f: sp.Expr, x: sp.Symbol, inner: sp.Expr) -> sp.Expr:
    """f with x replaced, each different subexpression once: `xreplace` would walk the tree of `inner`.

    Raises Stopped before a product or a power whose coefficient may have more than `MOST_BITS` bits.
    """
    made: dict[sp.Expr, sp.Expr] = {x: inner}
    for node in different(f, made):
        made[node] = _again(node, [made[a] for a in node.args])
    return made[f]


def _again(node: sp.Expr, arguments: list[Any]) -> sp.Expr:
    if all(a is b for a, b in zip(arguments, node.args, strict=True)):
        return node
    if node.is_Mul:
        need = sum(map(bits, arguments))
    elif node.is_Pow and arguments[1].is_Rational:
        need = (abs(int(arguments[1].p)) // int(arguments[1].q) + 1) * bits(arguments[0])
    else:
        need = 0
    if need > MOST_BITS:
        raise Stopped(f"coefficients of more than {MOST_BITS} bits")
    return node.func(*arguments)

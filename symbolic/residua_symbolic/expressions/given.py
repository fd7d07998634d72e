"""What a user may give where a function is expected: text, or a SymPy expression."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import sympy as sp

from residua_network import Program, ResiduaError
from residua_symbolic.expressions.conversion import from_sympy, to_program
from residua_symbolic.expressions.graph import Graph

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}(_[A-Za-z0-9]{1,8})?\Z")  # others would reach LaTeX as they are


@dataclass(frozen=True)
class Given:
    """The function as SymPy has it, and as a program: from text exactly what was written."""

    sympy: sp.Expr
    program: Program

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of its variables, in order of appearance."""
        return self.program.inputs


def given(value: object, variables: Iterable[str] | None = None) -> Given:
    """A function from text (read by whitelist, in a process of its own) or from a SymPy expression.

    Raises ResiduaError for text that is no expression, for symbols with names that are not plain, for functions that
    residua does not know.
    """
    if isinstance(value, str):
        from residua_symbolic.reading import read

        expression = read(value, variables)
        return Given(expression.sympy, expression.program)
    if not isinstance(value, sp.Expr):
        raise ResiduaError(f"expected text or a SymPy expression, got {type(value).__name__}")
    odd = sorted(s.name for s in value.free_symbols if not NAME.match(s.name))
    if odd:
        raise ResiduaError(f"expected symbols with plain names such as x, w1 or x_1, got {odd[0]!r:.40}")
    return Given(value, to_program([from_sympy(Graph(), value)]))

"""What a user may give where a function is expected: text, a SymPy expression, or a program."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp

from residua_network import Program, ResiduaError
from residua_symbolic.expressions.conversion import from_program, from_sympy, to_program, to_sympy
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
    """A function from text (read by whitelist, in a process of its own), from a SymPy expression, or a Program.

    Raises ResiduaError for text that is no expression, for symbols with names that are not plain, for functions that
    residua does not know, for programs of several outputs.
    """
    if isinstance(value, str):
        from residua_symbolic.reading import read

        expression = read(value, variables)
        return Given(expression.sympy, expression.program)
    if isinstance(value, Program) and len(value.outputs) == 1 and all(map(NAME.match, value.inputs)):
        return Given(to_sympy(*from_program(Graph(), value)), value)
    if not isinstance(value, sp.Expr):
        raise ResiduaError(f"expected text or a SymPy expression, got {type(value).__name__}")
    odd = sorted(s.name for s in value.free_symbols if not NAME.match(s.name))
    if odd:
        raise ResiduaError(f"expected symbols with plain names such as x, w1 or x_1, got {odd[0]!r:.40}")
    return Given(value, to_program([from_sympy(Graph(), value)]))


def constant(text: str, where: str) -> Fraction | float:
    """The number that a text such as 0.1, 1/3 or pi/2 stands for: a Fraction where it is rational, else a float.

    Raises ResiduaError, beginning with `where`, for anything else.
    """
    if text.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
        raise ResiduaError(f"{where}: expected a finite number, got {text!r:.40}")
    try:
        found = given(text, variables=())
    except ResiduaError as error:
        raise ResiduaError(f"{where}: expected a number; {error}") from error
    if found.sympy.is_Rational:
        return Fraction(int(found.sympy.p), int(found.sympy.q))
    return float(found.sympy)

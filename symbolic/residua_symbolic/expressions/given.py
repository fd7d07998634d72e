"""What a user may give where a function is expected: text, a SymPy expression, or a program."""

import numbers
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import sympy as sp

from residua_network import Program, ResiduaError
from residua_symbolic.domains import balls
from residua_symbolic.domains.rationals import RationalDomain
from residua_symbolic.expressions.conversion import from_program, from_sympy, to_program, to_sympy
from residua_symbolic.expressions.evaluation import PointError, evaluate
from residua_symbolic.expressions.graph import Graph, Node
from residua_symbolic.expressions.graph import variables as variables_of

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}(_[A-Za-z0-9]{1,8})?\Z")  # others would reach LaTeX as they are
ENOUGH_BITS = 64  # of a ball that is rounded to a float: eleven more than it has


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
        (output,) = from_program(Graph(), value)
        return Given(to_sympy(output), value)
    if not isinstance(value, sp.Expr):
        raise ResiduaError(f"expected text or a SymPy expression, got {type(value).__name__}")
    node = from_sympy(Graph(), value)
    odd = [name for name in variables_of([node]) if not NAME.match(name)]
    if odd:
        raise ResiduaError(f"expected symbols with plain names such as x, w1 or x_1, got {odd[0]!r:.40}")
    return Given(value, to_program([node]))


def constant(text: str, where: str) -> Fraction | float:
    """The number that a text such as 0.1, 1/3 or pi/2 stands for: a Fraction where it is rational, else a float.

    Raises ResiduaError, beginning with `where`, for anything else, and for what cannot be told from 0 or from a kink.
    """
    if text.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
        raise ResiduaError(f"{where}: expected a finite number, got {text!r:.40}")
    try:
        (node,) = from_program(Graph(), given(text, variables=()).program)
    except ResiduaError as error:
        raise ResiduaError(f"{where}: expected a number; {error}") from error
    try:
        (exact,) = evaluate([node], {}, RationalDomain())
        return Fraction(int(exact.p), int(exact.q))
    except PointError:
        return _float(node, text, where)


def exactly(value: object, where: str) -> sp.Expr:
    """A real constant as SymPy has it: from text such as 0.1 or pi/2, from SymPy, or a number at its exact value.

    Raises ResiduaError, beginning with `where`, for anything else, and for what is not finite or cannot be told from 0.
    """
    if isinstance(value, str):
        number = constant(value, where)
        return sp.Rational(number) if isinstance(number, Fraction) else given(value, variables=()).sympy
    if isinstance(value, sp.Expr) and not value.is_Float:
        return _exact_sympy(value, where)
    if isinstance(value, bool) or not isinstance(value, numbers.Real | sp.Float):
        raise ResiduaError(f"{where}: expected a number, got {value!r:.40}")
    try:
        exact = value if isinstance(value, numbers.Rational) else Fraction(float(value))
        return sp.Rational(int(exact.numerator), int(exact.denominator))
    except (OverflowError, ValueError):
        raise ResiduaError(f"{where}: expected a finite number, got {value!r:.40}") from None


def _exact_sympy(value: sp.Expr, where: str) -> sp.Expr:
    if value.free_symbols:
        raise ResiduaError(f"{where}: expected a number, got an expression in {min(map(str, value.free_symbols)):.40}")
    try:
        node = from_sympy(Graph(), value)
    except ResiduaError as error:
        raise ResiduaError(f"{where}: expected a finite real number; {error}") from error
    if not value.is_Rational:
        _float(node, str(value), where)
    return value


def _float(node: Node, text: str, where: str) -> float:
    """The float nearest to a node without variables, but for a last bit: from balls, at rising precision."""
    for bits in (128, 512, 2048):
        with balls.precision(bits):
            try:
                (ball,) = evaluate([node], {}, balls.BallDomain())
            except PointError:  # a sign that this precision does not tell
                continue
            if ball.is_finite() and ball.rel_accuracy_bits() >= ENOUGH_BITS:
                return float(ball.mid())
    raise ResiduaError(f"{where}: expected a number, got {text!r:.40}, which cannot be told from 0, or is not finite")

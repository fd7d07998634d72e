"""Text to Program, exactly as it is written: Python's grammar of arithmetic, by whitelist; nothing is executed.

    expression: number | name | constant | function(expression) | -expression | +expression
              | expression + - * / ** ^ expression          (** and ^ alike: powers, from right to left)

Parts that are written alike become one operation. Nothing is simplified, with two exceptions that make no operation:
a sign before a number belongs to the number, and an exponent without variables that is rational is one number.
"""

import ast
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from residua_network.checks import unknown
from residua_network.program import Argument, Operation, Program
from residua_symbolic.reading.constants import NoValueError, Value, small, value
from residua_symbolic.reading.errors import ExpressionError, refusal, shown
from residua_symbolic.reading.limits import MAX_DEPTH, MAX_EXPONENT, MAX_NODES
from residua_symbolic.reading.tokens import Token, tokens
from residua_symbolic.reading.vocabulary import (
    CONSTANTS,
    FUNCTIONS,
    SYNONYMS,
    WRITTEN_OUT,
    Earlier,
    Term,
    why_not_a_variable,
)

OPERATORS: Mapping[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
}


@dataclass(frozen=True)
class Place:
    """Which part of the text an operation stands for: the column of its first character (from 0) and the part."""

    column: int
    part: str


@dataclass(frozen=True)
class Parsed:
    """The program that a text stands for, and where in the text each operation is written (once, if in many places)."""

    text: str
    program: Program
    places: Mapping[str, Place]


def parse(text: str, variables: Iterable[str] | None = None) -> Parsed:
    """The program of `text`, its inputs the variables in order of first appearance.

    Where `variables` are given, no others may occur. Raises ExpressionError.
    """
    if not isinstance(text, str):
        raise ExpressionError(f"expression: expected text, got {type(text).__name__}")
    return _Reading(text, allowed(variables)).parsed()


def allowed(variables: Iterable[str] | None) -> tuple[str, ...] | None:
    """`variables` as a tuple, each a name that a variable may have."""
    if variables is None:
        return None
    if isinstance(variables, str):
        raise ExpressionError(f"variables: expected a list of names, got the text {variables[:40]!a}")
    names = tuple(variables)
    for name in names:
        why = why_not_a_variable(name) if isinstance(name, str) else f"expected a name, got {type(name).__name__}"
        if why:
            raise ExpressionError(f"variables: {why}")
    return names


@dataclass(frozen=True)
class _Part:
    """An operation with its value where it has no variable, its nodes as a tree, and where it was first written."""

    function: str
    arguments: tuple[Term, ...]
    value: Value
    nodes: int
    place: Place


class _Reading:
    """One text on its way to a program; operations are numbered until it is known which names are free."""

    def __init__(self, text: str, variables: tuple[str, ...] | None) -> None:
        self.text, self.variables = text, variables
        self.inputs: dict[str, None] = {}
        self.parts: list[_Part] = []
        self.known: dict[tuple[str, tuple[Term, ...]], Earlier] = {}
        found = tokens(text)
        source = " ".join(_for_python(token) for token in found)
        starts = itertools.accumulate((len(_for_python(token)) + 1 for token in found), initial=0)
        self.token_at = dict(zip(starts, found, strict=False))
        self.token_before = {start + len(_for_python(token)): token for start, token in self.token_at.items()}
        self.tree = ast.parse(source, mode="eval").body

    def parsed(self) -> Parsed:
        output = self.read(self.tree, 0)
        used = sorted(self.used(output))
        prefix = _free_prefix(self.inputs)
        names = {position: f"{prefix}{k}" for k, position in enumerate(used, start=1)}

        def named(term: Term) -> Argument:
            return names[term.position] if isinstance(term, Earlier) else term

        operations = (
            Operation(names[k], self.parts[k].function, tuple(map(named, self.parts[k].arguments))) for k in used
        )
        program = Program(tuple(self.inputs), tuple(operations), (named(output),))
        return Parsed(self.text, program, {names[k]: self.parts[k].place for k in used})

    def used(self, output: Term) -> set[int]:
        """The operations that the output is made of: those that only made up an exponent are not."""
        found: set[int] = set()
        waiting = [output]
        while waiting:
            term = waiting.pop()
            if isinstance(term, Earlier) and term.position not in found:
                found.add(term.position)
                waiting += self.parts[term.position].arguments
        return found

    def read(self, node: ast.expr, depth: int) -> Term:
        if depth > MAX_DEPTH:
            raise refusal(self.text, f"expected at most {MAX_DEPTH} levels of nesting", self.place(node).column)
        match node:
            case ast.Constant():
                return self.number(node)
            case ast.Name():
                return self.name(node)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand, depth + 1)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                term = self.read(operand, depth + 1)
                return -term if isinstance(term, Fraction) else self.apply(node, "neg", term)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                # a + b + ... nests to the left: as long as the nodes allow
                first = self.read(left, depth)
                return self.binary(node, OPERATORS[type(op)], first, self.read(right, depth + 1))
            case ast.Call(func=ast.Name(), args=[argument], keywords=[]):
                return self.call(node, self.read(argument, depth + 1))
        raise refusal(self.text, f"{type(node).__name__} is not arithmetic", self.place(node).column)

    def number(self, node: ast.Constant) -> Fraction:
        """The number exactly as it is written in decimals: 0.1 is 1/10."""
        token = self.token_at[node.col_offset]
        exponent = token.text.lower().partition("e")[2]
        try:
            if exponent and abs(int(exponent)) > MAX_EXPONENT:
                raise NoValueError(f"a number with an exponent beyond {MAX_EXPONENT}")
            return small(Fraction(token.text))
        except NoValueError as error:
            raise refusal(self.text, f"{token.text} is {error}", token.column) from None

    def name(self, node: ast.Name) -> Term:
        name = self.token_at[node.col_offset].text
        if name in CONSTANTS:
            return self.apply(node, CONSTANTS[name])
        why = why_not_a_variable(name, self.variables)
        if why:
            raise refusal(self.text, why, self.place(node).column)
        self.inputs[name] = None
        return name

    def binary(self, node: ast.BinOp, function: str, left: Term, right: Term) -> Term:
        exponent = self.value(right)
        if function == "pow" and isinstance(exponent, Fraction):
            right = exponent
        return self.apply(node, function, left, right)

    def call(self, node: ast.Call, argument: Term) -> Term:
        written = self.token_at[node.col_offset]
        name = SYNONYMS.get(written.text, written.text)
        if name in WRITTEN_OUT:
            return WRITTEN_OUT[name](lambda *operation: self.apply(node, *operation), argument)
        if name in FUNCTIONS:
            return self.apply(node, name, argument)
        if name in CONSTANTS or name in self.inputs or name in (self.variables or ()):
            why = f"{name!r} is not a function: expected an operator after it"
            raise refusal(self.text, why, written.column)
        raise refusal(self.text, unknown("function", name, FUNCTIONS), written.column)

    def apply(self, node: ast.expr, function: str, *arguments: Term) -> Earlier:
        """The operation, which is made if there is none alike."""
        key = (function, arguments)
        if key not in self.known:
            place = self.place(node)
            try:
                constant = value(function, [self.value(term) for term in arguments])
            except NoValueError as error:
                raise refusal(self.text, f"{shown(place.part)} is {error}", place.column) from None
            nodes = 1 + sum(map(self.nodes, arguments))
            if nodes > MAX_NODES:
                raise refusal(self.text, f"expected at most {MAX_NODES} operations, numbers and names", place.column)
            self.known[key] = Earlier(len(self.parts))
            self.parts.append(_Part(function, arguments, constant, nodes, place))
        return self.known[key]

    def value(self, term: Term) -> Value:
        if isinstance(term, Earlier):
            return self.parts[term.position].value
        return term if isinstance(term, Fraction) else None

    def nodes(self, term: Term) -> int:
        return self.parts[term.position].nodes if isinstance(term, Earlier) else 1

    def place(self, node: ast.expr) -> Place:
        """The part of the text from the first token of the node to its last."""
        first, last = self.token_at[node.col_offset], self.token_before[node.end_col_offset or 0]
        return Place(first.column, self.text[first.column : last.column + len(last.text)])


def _for_python(token: Token) -> str:
    """What stands for the token in the text that Python reads, which shows where operands are, but not which."""
    return {"number": "0", "name": "x"}.get(token.kind, "**" if token.text == "^" else token.text)


def _free_prefix(names: Iterable[str]) -> str:
    """The first of v, h, u, vv, vvv, ... that no name continues with digits alone."""
    taken = {name.rstrip("0123456789") for name in names if name[-1].isdigit()}
    longer = ("v" * k for k in itertools.count(2))
    return next(prefix for prefix in itertools.chain("vhu", longer) if prefix not in taken)

"""Graphs from SymPy expressions and programs, and back.

From SymPy the graph has SymPy's own shape (sums and products of many terms, quotients as negative powers), so that the
way back gives the same expression. From a program it has the program's: what was written, nothing simplified.
"""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import sympy as sp

from residua_network import Operation, Program
from residua_symbolic import functions
from residua_symbolic.expressions.graph import NUMBER, VARIABLE, Graph, GraphError, Node, below, binary
from residua_symbolic.printing import latex

FUNCTIONS: dict[str, Any] = {
    **{name: getattr(sp, name) for name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", "erf")},
    "abs": sp.Abs,
    "sign": sp.sign,
    **{name: getattr(functions, name) for name in ("relu", "step", "sigmoid", "softplus")},
}
CONSTANTS = {"pi": sp.pi, "e": sp.E}
_NAMES = {function: name for name, function in FUNCTIONS.items()}
_CONSTANT_NAMES = {constant: name for name, constant in CONSTANTS.items()}


def from_sympy(graph: Graph, expression: sp.Expr) -> Node:
    """The expression as a node, in SymPy's own shape; linear in the number of its different subexpressions.

    Symbols become variables of their names, floats the exact numbers that they are. Raises GraphError for a function
    that graphs do not hold.
    """
    return _Reader(graph).node(expression)


class _Reader:
    """Reads expressions without recursion; each subexpression once."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._symbols: dict[str, sp.Symbol] = {}
        self._done: dict[sp.Expr, Node] = {}

    def node(self, expression: sp.Expr) -> Node:
        stack = [expression]
        while stack:
            e = stack[-1]
            waiting = [a for a in e.args if a not in self._done] if e not in self._done else []
            stack.extend(waiting)
            if not waiting:
                stack.pop()
                if e not in self._done:
                    self._done[e] = self._made(e)
        return self._done[expression]

    def _made(self, e: sp.Expr) -> Node:
        graph = self._graph
        if isinstance(e, sp.Symbol):
            if self._symbols.setdefault(e.name, e) != e:
                raise GraphError(f"expected one symbol of each name, got two different ones called {e.name!r}")
            return graph.variable(e.name)
        if isinstance(e, sp.Rational) and e.is_finite:
            return graph.number(Fraction(int(e.p), int(e.q)))
        if isinstance(e, sp.Float):
            return graph.number(Fraction(*map(int, sp.Rational(e).as_numer_denom())))
        if e in _CONSTANT_NAMES:
            return graph.apply(_CONSTANT_NAMES[e])
        name = {sp.Add: "add", sp.Mul: "mul", sp.Pow: "pow"}.get(e.func) or _NAMES.get(e.func)
        if name is None:
            raise GraphError(f"expected elementary functions of real symbols, got {e.func.__name__}")
        return graph.apply(name, *(self._done[a] for a in e.args))


def to_sympy(node: Node, as_it_stands: bool = False, symbols: Mapping[str, sp.Symbol] | None = None) -> sp.Expr:
    """The SymPy expression of a node, over real symbols or those given by name.

    `as_it_stands`: without SymPy's automatic simplification, so that what came from SymPy comes back equal.
    """
    known = symbols or {}
    made: dict[int, sp.Expr] = {}
    for one in below([node]):
        if one.function == VARIABLE:
            made[one.index] = known.get(one.value, sp.Symbol(one.value, real=True))
        else:
            made[one.index] = _expression(one, [made[a.index] for a in one.arguments], not as_it_stands)
    return made[node.index]


def _expression(node: Node, a: Sequence[sp.Expr], evaluate: bool) -> sp.Expr:
    f = node.function
    if f == NUMBER:
        return sp.Rational(int(node.value.numerator), int(node.value.denominator))
    if f in CONSTANTS:
        return CONSTANTS[f]
    if f in FUNCTIONS:
        return FUNCTIONS[f](*a, evaluate=evaluate)
    if f == "sqrt":
        return sp.Pow(a[0], sp.Rational(1, 2), evaluate=evaluate)
    if f == "neg":
        return sp.Mul(-1, a[0], evaluate=evaluate)
    if f == "sub":
        return sp.Add(a[0], sp.Mul(-1, a[1], evaluate=evaluate), evaluate=evaluate)
    if f == "div":
        return sp.Mul(a[0], sp.Pow(a[1], -1, evaluate=evaluate), evaluate=evaluate)
    return {"add": sp.Add, "mul": sp.Mul, "pow": sp.Pow}[f](*a, evaluate=evaluate)


def from_program(graph: Graph, program: Program, values: Mapping[str, Node] | None = None) -> tuple[Node, ...]:
    """The outputs of a program, operation by operation as written; inputs are variables, or what `values` gives."""
    made = {name: graph.variable(name) for name in program.inputs} | dict(values or {})

    def argument(a: str | Fraction) -> Node:
        return made[a] if isinstance(a, str) else graph.number(a)

    for operation in program.operations:
        made[operation.name] = graph.apply(operation.function, *map(argument, operation.arguments))
    return tuple(map(argument, program.outputs))


def free_prefix(names: Iterable[str], first: str = "v") -> str:
    """The first of `first`, v, h, u, vv, vvv, ... that, with a number behind it, is printed like none of the names.

    v1 and v_1 are printed alike.
    """
    printed = [latex(sp.Symbol(name)) for name in names if name[-1:].isdigit()]
    longer = ("v" * k for k in itertools.count(2))

    def is_free(prefix: str) -> bool:
        numbered = re.escape(latex(sp.Symbol(f"{prefix}1"))).replace("1", r"\d+")
        return not any(re.fullmatch(numbered, name) for name in printed)

    return next(filter(is_free, itertools.chain((first,), "vhu", longer)))


def to_program(outputs: Sequence[Node], inputs: Sequence[str] | None = None, prefix: str = "v") -> Program:
    """The operations that compute the outputs, of at most two arguments each, called v1, v2, ... in order.

    `prefix`: another letter than v; where a variable would be printed like such a name, one that is free is taken.
    `inputs`: names of variables that come first, whether or not they occur; the others follow as they were made.
    """
    lowered = binary(outputs)
    order = below(lowered)
    occurring = [node.value for node in order if node.function == VARIABLE]
    names = list(dict.fromkeys([*(inputs or ()), *occurring]))
    prefix = free_prefix(names, prefix)
    known: dict[int, str | Fraction] = {}
    operations: list[Operation] = []
    for node in order:
        if node.function == NUMBER:
            known[node.index] = Fraction(int(node.value.numerator), int(node.value.denominator))
        elif node.function == VARIABLE:
            known[node.index] = node.value
        else:
            name = f"{prefix}{len(operations) + 1}"
            known[node.index] = name
            operations.append(Operation(name, node.function, tuple(known[a.index] for a in node.arguments)))
    return Program(tuple(names), tuple(operations), tuple(known[output.index] for output in lowered))
